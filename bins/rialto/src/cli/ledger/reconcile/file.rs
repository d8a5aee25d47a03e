//! Reading the file.

use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder};
use rialto_ledger::reconcile::{DateFormat, Line, ParseError, parse_amount, parse_date};

/// Which columns say what, and how.
pub struct Columns<'a> {
    pub reference: Option<&'a str>,
    pub amount: &'a str,
    pub date: Option<&'a str>,
    pub format: DateFormat,
    pub scale: u32,
    /// A positive amount is money out of the account.
    pub outwards: bool,
    pub delimiter: u8,
}

/// What is in the file.
#[derive(Debug, Default)]
pub struct List {
    pub lines: Vec<Line>,
    /// Lines that cannot be read, by number, and why.
    pub unreadable: Vec<(u64, String)>,
}

/// Reads all lines. A mark of byte order, either line ending, quoted fields and empty lines are no hindrance.
///
/// # Errors
/// When the file cannot be read, or lacks a column.
pub fn read(file: impl Read, columns: &Columns) -> Result<List, String> {
    // The last line ends as all others do, so that lines can be counted from behind.
    let text = Newlines { file, after_return: false }.chain(&b"\n"[..]);
    let mut reader = ReaderBuilder::new().delimiter(columns.delimiter).flexible(true).from_reader(text);
    let header = reader.byte_headers().map_err(|error| error.to_string())?.clone();
    let place = |name: &str| {
        let wanted = |field: &[u8]| std::str::from_utf8(field).is_ok_and(|field| field.trim() == name);
        let mut found = header.iter().enumerate().filter(|(_, field)| wanted(field)).map(|(place, _)| place);
        match (found.next(), found.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(format!("there are several columns {name}")),
            (None, _) => Err(format!("there is no column {name}; there are: {}", names(&header))),
        }
    };
    let places = (columns.reference.map(place).transpose()?, place(columns.amount)?, columns.date.map(place).transpose()?);
    let mut list = List::default();
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(list),
            Ok(true) => {}
            Err(error) => return Err(error.to_string()),
        }
        // The position of a record is where the one before it ended, which may be some empty lines earlier.
        let within = record.iter().flatten().filter(|byte| **byte == b'\n').count();
        let number = reader.position().line().saturating_sub(1).saturating_sub(u64::try_from(within).unwrap_or(0));
        match line(&record, places, columns, number) {
            Ok(line) => list.lines.push(line),
            Err(reason) => list.unreadable.push((number, reason)),
        }
    }
}

/// A file whose lines all end with a line feed, however they ended before.
struct Newlines<R> {
    file: R,
    after_return: bool,
}

impl<R: Read> Read for Newlines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let got = self.file.read(out)?;
            let mut kept = 0;
            for at in 0..got {
                let Some(byte) = out.get(at).copied() else { break };
                let dropped = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r';
                if let Some(place) = out.get_mut(kept).filter(|_| !dropped) {
                    *place = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
            }
            // Nothing kept of something is no end of the file.
            if kept > 0 || got == 0 {
                return Ok(kept);
            }
        }
    }
}

fn names(header: &ByteRecord) -> String {
    header.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(", ")
}

type Places = (Option<usize>, usize, Option<usize>);

fn line(record: &ByteRecord, places: Places, columns: &Columns, number: u64) -> Result<Line, String> {
    let (reference, amount, date) = places;
    let field = |place: usize| {
        let bytes = record.get(place).ok_or("it has too few fields")?;
        std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")
    };
    let units = parse_amount(field(amount)?, columns.scale).map_err(|error| error.to_string())?;
    let amount = if columns.outwards { units.checked_neg().ok_or(ParseError::TooLarge.to_string())? } else { units };
    let at = match date {
        Some(place) => Some(parse_date(field(place)?, columns.format).map_err(|error| error.to_string())?),
        None => None,
    };
    let reference = reference.map(field).transpose()?.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Line { reference, amount, at, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns<'static> {
        Columns {
            reference: Some("id"),
            amount: "net",
            date: Some("created"),
            format: DateFormat::Iso,
            scale: 2,
            outwards: false,
            delimiter: b',',
        }
    }

    fn parsed(text: &str, columns: &Columns) -> List {
        read(text.as_bytes(), columns).unwrap()
    }

    #[test]
    fn files_of_all_sorts_are_read() {
        let text = "\u{feff}id,\"net\",created ,note\r\npo_1,12.50,2026-11-22,\"a, \"\"b\"\"\r\nmore\"\r\n\r\n\" po_2 \",-3,2026-11-23,\r\n,4,2026-11-24\r\n";
        let list = parsed(text, &columns());
        assert_eq!(list.unreadable, []);
        let said: Vec<_> = list.lines.iter().map(|line| (line.reference.as_deref(), line.amount)).collect();
        assert_eq!(said, [(Some("po_1"), 1_250), (Some("po_2"), -300), (None, 400)]);
        let numbered: Vec<u64> = list.lines.iter().map(|line| line.number).collect();
        assert_eq!(numbered, [2, 5, 6], "the first has a line within a field, and there is an empty one behind it");
        for text in ["id,net,created\rx,1,2026-11-22\ry,2,2026-11-22", "id,net,created\n\n\nx,1,2026-11-22\n\ny,2,2026-11-22\n\n"]
        {
            let last = parsed(text, &columns()).lines.pop().unwrap();
            assert_eq!((last.amount, last.number), (200, if text.contains('\r') { 3 } else { 6 }));
        }
        let semicolons = Columns { delimiter: b';', outwards: true, ..columns() };
        assert_eq!(parsed("created;net;id\n2026-11-22;5.1;x", &semicolons).lines[0].amount, -510);
        assert!(parsed("id,net,created\n", &columns()).lines.is_empty());
    }

    #[test]
    fn bad_lines_are_named_and_the_others_read() {
        let text = b"id,net,created\nok,1,2026-11-22\nx,1.001,2026-11-22\nx,1\nx,1,22.11.2026\n\xff,1,2026-11-22\nx,,2026-11-22\nlast,2,2026-11-22".as_slice();
        let list = read(text, &columns()).unwrap();
        assert_eq!(list.lines.len(), 2);
        let bad: Vec<u64> = list.unreadable.iter().map(|(line, _)| *line).collect();
        assert_eq!(bad, [3, 4, 5, 6, 7], "{:?}", list.unreadable);
        assert!(read("id,net\n".as_bytes(), &columns()).unwrap_err().contains("no column created"));
        assert!(read("id,net,net,created\n".as_bytes(), &columns()).unwrap_err().contains("several"));
        assert!(read("".as_bytes(), &columns()).is_err());
        let least = Columns { outwards: true, scale: 0, ..columns() };
        let list = parsed("id,net,created\nx,-9223372036854775808,2026-11-22\n", &least);
        assert_eq!((list.lines.len(), list.unreadable.len()), (0, 1));
    }
}
