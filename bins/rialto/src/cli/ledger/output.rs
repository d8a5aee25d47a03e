//! What reads the books writes somewhere: standard output, or a file.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, NaiveDate};
use rialto_kernel::{Asset, Timestamp};
use rialto_ledger::history::HistoryError;

/// A moment on the command line: RFC 3339, or a date, which is its first moment in UTC.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let date = || text.parse::<NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0)).map(|start| start.and_utc());
    let moment = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc()).ok().or_else(date);
    moment.map(Timestamp::from).ok_or_else(|| "expected a date or an RFC 3339 time: 2026-11-01, 2026-11-01T04:54:03Z".into())
}

/// Where it goes, and what went wrong there.
pub struct Output {
    out: Box<dyn Write + Send>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

/// What went wrong with an [`Output`], and what becomes of its file.
pub struct Failure {
    failure: Arc<Mutex<Option<io::Error>>>,
    part: Option<Part>,
}

/// A file that is written beside the one that it will replace: what is there stays until there is something better.
struct Part {
    written: PathBuf,
    file: PathBuf,
}

impl Part {
    /// A device or a pipe is written as it is, and has none.
    fn beside(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(there) if !there.is_file() => return Ok(None),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // A link keeps leading where it leads.
        let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        Ok(Some(Self { written: file.with_file_name(name), file }))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Nothing is there any more when it has become the file.
        let _ = fs::remove_file(&self.written);
    }
}

impl Output {
    /// To this file, or to standard output. The file is there when all has gone well, by [`Failure::settle`].
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open(file: Option<&Path>) -> Result<(Self, Failure), Box<dyn Error>> {
        let mut part = None;
        let out: Box<dyn Write + Send> = match file {
            Some(path) => {
                let told = |error: io::Error| format!("{}: {error}", path.display());
                part = Part::beside(path).map_err(told)?;
                let written = part.as_ref().map_or(path, |part| part.written.as_path());
                Box::new(File::create(written).map_err(told)?)
            }
            None => Box::new(io::stdout()),
        };
        let failure = Arc::default();
        Ok((Self { out: Box::new(BufWriter::new(out)), failure: Arc::clone(&failure) }, Failure { failure, part }))
    }

    /// Writes what `write` makes. Whether more can be written.
    pub fn put(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Box<dyn Error>>) -> bool {
        let mut text = Vec::new();
        let made = write(&mut text).map_err(|error| io::Error::other(error.to_string()));
        let written = made.and_then(|()| self.out.write_all(&text));
        self.keep(written)
    }

    /// Makes sure that everything has arrived. Whether it has.
    pub fn finish(&mut self) -> bool {
        let flushed = self.out.flush();
        self.keep(flushed)
    }

    fn keep(&self, result: io::Result<()>) -> bool {
        let failed = result.err();
        let well = failed.is_none();
        if let Some(error) = failed {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        well
    }
}

impl Failure {
    /// What came of reading, and of writing what was read, once the [`Output`] is gone. Who has stopped reading, as `head` does, has had
    /// enough.
    ///
    /// # Errors
    /// Whatever went wrong, readable.
    pub fn settle(self, read: Result<(), HistoryError>) -> Result<(), Box<dyn Error>> {
        let told = |error: &io::Error| format!("it could not be written: {error}");
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (failure, read) {
            (Some(error), _) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            (Some(error), _) => return Err(told(&error).into()),
            (None, read) => read?,
        }
        if let Some(part) = &self.part {
            fs::rename(&part.written, &part.file).map_err(|error| told(&error))?;
        }
        Ok(())
    }
}

/// CSV without a header of its own.
pub fn sheet(to: &mut Vec<u8>) -> csv::Writer<&mut Vec<u8>> {
    csv::Writer::from_writer(to)
}

/// Minor units as a decimal of `asset`, with all its places.
pub fn decimal(minor_units: i128, asset: Asset) -> String {
    let places = usize::try_from(asset.scale()).unwrap_or(0);
    let digits = format!("{:0>width$}", minor_units.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - places).unwrap_or((&digits, ""));
    let sign = if minor_units < 0 { "-" } else { "" };
    if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Text of others as a terminal may show it: it cannot move the cursor, or begin a new line.
pub fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_places_of_their_asset() {
        let shown = [0, 5, -5, 1_000_000, -12_345_678].map(|units| decimal(units, Asset::USDC));
        assert_eq!(shown, ["0.000000", "0.000005", "-0.000005", "1.000000", "-12.345678"]);
        assert_eq!([0, -7, 1_000].map(|units| decimal(units, Asset::CREDIT)), ["0", "-7", "1000"]);
        assert_eq!(decimal(i64::MIN.into(), Asset::CREDIT), "-9223372036854775808");
    }

    #[test]
    fn a_file_stays_until_all_of_the_new_one_is_written() {
        let folder = std::env::temp_dir().join(format!("rialto-output-{}", rialto_kernel::Id::<()>::new()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("november.csv");
        let write = |read: Result<(), HistoryError>| {
            let (mut output, failure) = Output::open(Some(&path)).unwrap();
            assert!(output.put(|text| {
                text.extend_from_slice(b"new");
                Ok(())
            }));
            drop(output);
            failure.settle(read).is_ok()
        };
        assert!(!write(Err(HistoryError::AccountUnknown)) && !path.exists());
        fs::write(&path, "old").unwrap();
        assert!(!write(Err(HistoryError::AccountUnknown)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert!(write(Ok(())));
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        assert!(Output::open(Some(&folder.join("missing").join("file"))).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_moment_is_a_time_or_a_date() {
        assert_eq!(moment("2026-11-01"), moment("2026-11-01T00:00:00Z"));
        assert_eq!(moment("2026-11-01T01:00:00+01:00"), moment("2026-11-01"));
        for text in ["", "tomorrow", "2026-11", "2026-13-01", "2026-11-01T25:00:00Z"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
