//! `rialto ledger reconcile`: an account's movements beside a file that somebody else keeps of them.

mod file;
mod show;

use std::{error::Error, fs::File, io, path::PathBuf};

use clap::ValueEnum;
use file::{Columns, List};
use rialto_kernel::{AccountId, Timestamp};
use rialto_ledger::{
    Account, LedgerStore,
    reconcile::{DateFormat, Line, Movement, Precision, Report, Rules, parse_date, reconcile},
};
use rialto_store::{Db, StoreError, Tx};

use crate::config::Settings;

/// How many entries are read at a time.
const PAGE: i64 = 1_000;
const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Which file, which account, and how the file is to be read.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A CSV file with a header line
    file: PathBuf,
    /// The account that the file is about
    #[arg(long, value_name = "ID")]
    account: AccountId,
    /// The first day (or moment, RFC 3339) of what must be on both sides; without it, the file's first date
    #[arg(long, value_name = "DATE")]
    from: Option<Bound>,
    /// The last day (or moment); without it, the file's last date
    #[arg(long, value_name = "DATE")]
    to: Option<Bound>,
    /// The column with our reference: a transfer id, a reference id, metadata external_id, or a memo
    #[arg(long, value_name = "COLUMN")]
    column_reference: Option<String>,
    /// The column with the amount, a decimal number with a point
    #[arg(long, value_name = "COLUMN", default_value = "amount")]
    column_amount: String,
    /// The column with the date; without it dates say nothing
    #[arg(long, value_name = "COLUMN")]
    column_date: Option<String>,
    /// How dates are written in the file
    #[arg(long, value_name = "FORMAT", default_value = "yyyy-mm-dd")]
    date_format: Dates,
    /// How many decimals one unit of the file has; without it, the asset's own (a file in cents: 0)
    #[arg(long, value_name = "DIGITS", value_parser = clap::value_parser!(u32).range(0..=18))]
    scale: Option<u32>,
    /// What a positive amount of the file is for the account
    #[arg(long, value_name = "DIRECTION", default_value = "in")]
    positive: Direction,
    /// What stands between two fields
    #[arg(long, value_name = "CHARACTER", default_value = ",")]
    delimiter: char,
    /// How many days two dates of one movement may be apart
    #[arg(long, value_name = "DAYS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=3_660))]
    window_days: u32,
    /// How to print what came of it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dates {
    /// 2026-11-22T08:15:00Z
    Rfc3339,
    /// 2026-11-22
    YyyyMmDd,
    /// 22.11.2026
    #[value(name = "dd.mm.yyyy")]
    DdMmYyyy,
}

impl Dates {
    const fn format(self) -> DateFormat {
        match self {
            Self::Rfc3339 => DateFormat::Rfc3339,
            Self::YyyyMmDd => DateFormat::Iso,
            Self::DdMmYyyy => DateFormat::German,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// Money that comes into the account
    In,
    /// Money that goes out of it
    Out,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A table for people
    Text,
    /// One JSON document
    Json,
    /// One line for each movement, with where it ended
    Csv,
}

/// A day or a moment.
#[derive(Debug, Clone, Copy)]
struct Bound {
    at: Timestamp,
    day: bool,
}

impl std::str::FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = parse_date(text, DateFormat::Iso).map(|at| Self { at, day: true });
        let moment = || parse_date(text, DateFormat::Rfc3339).map(|at| Self { at, day: false });
        day.or_else(|_| moment()).map_err(|_| "expected 2026-11-22 or 2026-11-22T08:15:00Z".to_owned())
    }
}

/// From and to, both inclusive, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Period {
    from: i64,
    to: i64,
}

impl Period {
    const ALL: Self = Self { from: i64::MIN, to: i64::MAX };

    const fn has(self, at: Timestamp) -> bool {
        self.from <= at.micros() && at.micros() <= self.to
    }

    /// With so many days more on either side.
    fn wider(self, days: u32) -> Self {
        let micros = i64::from(days).saturating_mul(DAY_MICROS);
        Self { from: self.from.saturating_sub(micros), to: self.to.saturating_add(micros) }
    }
}

/// Compares, and prints what came of it.
///
/// # Errors
/// When the file or the books cannot be read, and when not everything matches.
pub async fn run(args: &Args, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let db = super::open(settings).await?;
    let id = args.account;
    let found = db.read(async move |tx: &mut Tx| tx.find_account(id).await).await?;
    let account = found.ok_or_else(|| format!("there is no account {id}"))?;
    let List { lines, unreadable } = read_file(args, &account)?;
    let period = period(args, &lines);
    // Whoever stands near the edge may have its partner behind it: partners are looked for there, but need not be.
    let candidates = period.wider(args.window_days);
    let ours = movements(&db, &account, candidates).await?;
    let precision = args.column_date.as_ref().map_or(Precision::Day, |_| args.date_format.format().precision());
    let rules = Rules { window_days: args.window_days, precision };
    let (lines, skipped): (Vec<Line>, Vec<Line>) =
        lines.into_iter().partition(|line| line.at.is_none_or(|at| candidates.has(at)));
    let mut report = reconcile(&ours, &lines, rules);
    let before = report.missing_here.len();
    report.missing_here.retain(|line| line.at.is_none_or(|at| period.has(at)));
    let outside = skipped.len() + before - report.missing_here.len();
    report.missing_there.retain(|own| period.has(own.at));
    let result = show::Outcome { account: &account, period, report: &report, unreadable: &unreadable, outside };
    match args.format {
        Format::Text => show::text(&result, &mut io::stdout().lock())?,
        Format::Json => show::json(&result, &mut io::stdout().lock())?,
        Format::Csv => show::csv(&result, io::stdout().lock())?,
    }
    summary(&report, unreadable.len())
}

fn read_file(args: &Args, account: &Account) -> Result<List, Box<dyn Error>> {
    let path = args.file.display();
    let file = File::open(&args.file).map_err(|error| format!("{path}: {error}"))?;
    let columns = Columns {
        reference: args.column_reference.as_deref(),
        amount: &args.column_amount,
        date: args.column_date.as_deref(),
        format: args.date_format.format(),
        scale: args.scale.unwrap_or_else(|| account.asset.scale()),
        outwards: args.positive == Direction::Out,
        delimiter: u8::try_from(args.delimiter).map_err(|_| "--delimiter: one ASCII character")?,
    };
    file::read(file, &columns).map_err(|error| format!("{path}: {error}").into())
}

fn period(args: &Args, lines: &[Line]) -> Period {
    let whole_days = args.date_format.format().precision() == Precision::Day;
    let end = |at: Timestamp, day: bool| at.micros().saturating_add(if day { DAY_MICROS - 1 } else { 0 });
    let first = lines.iter().filter_map(|line| line.at).min().map(Timestamp::micros);
    let last = lines.iter().filter_map(|line| line.at).max().map(|at| end(at, whole_days));
    Period {
        from: args.from.map(|from| from.at.micros()).or(first).unwrap_or(Period::ALL.from),
        to: args.to.map(|to| end(to.at, to.day)).or(last).unwrap_or(Period::ALL.to),
    }
}

/// The account's movements of a period, the newest first. An entry never counts from later than it was posted, so nothing
/// posted before the period counts from within it.
async fn movements(db: &Db, account: &Account, period: Period) -> Result<Vec<Movement>, StoreError> {
    let (no, mut last) = (account.no, account.entry_count);
    let mut movements = Vec::new();
    while last > 0 {
        let first = last.saturating_sub(PAGE - 1).max(1);
        let entries = db.read(async move |tx: &mut Tx| tx.list_entries(no, first..=last).await).await?;
        movements.extend(entries.iter().map(Movement::from).filter(|movement| period.has(movement.at)));
        if entries.iter().any(|entry| entry.created_at.micros() < period.from) {
            break;
        }
        last = first - 1;
    }
    Ok(movements)
}

fn summary(report: &Report, unreadable: usize) -> Result<(), Box<dyn Error>> {
    if report.is_clean() && unreadable == 0 {
        return Ok(());
    }
    Err(format!(
        "not everything matches: {} different, {} missing here, {} missing there, {} duplicates, {} ambiguous, {unreadable} unreadable",
        report.different.len(),
        report.missing_here.len(),
        report.missing_there.len(),
        report.duplicates.len(),
        report.ambiguous.len(),
    )
    .into())
}
