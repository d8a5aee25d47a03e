//! `rialto ledger statement`: an account over a period.

use std::{error::Error, io::Write, path::PathBuf};

use rialto_kernel::{AccountId, Timestamp};
use rialto_ledger::{
    Side,
    history::{self, Period, Statement, StatementLine},
};
use serde_json::json;

use super::output::{Output, decimal, moment, printable, sheet};
use crate::{
    config::Settings,
    routes::ledger::dto::{LedgerEntry, LedgerStatementLine},
    sheet as sheets,
};

/// Of which account, and over which time.
///
/// Lines stand in the order in which they count: backdated transfers in their places, with the balance that follows. The
/// table has amounts in the asset's decimals; CSV and JSON have integers of its minor unit.
///
/// In CSV, a memo that begins with =, +, -, @, a tab or a carriage return gets an apostrophe before it, because spreadsheets
/// would run it as a formula.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account's id; a wallet's id is its account's
    account: AccountId,
    /// From this time on: a date, or RFC 3339; from the beginning if it is left out
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Up to this time, and without it
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// A table for people, comma-separated values, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to this file, which is overwritten, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  rialto ledger statement 0198c0de-0000-7000-8000-000000000010
  rialto ledger statement 0198c0de-0000-7000-8000-000000000010 --from 2026-11-01 --to 2026-12-01
  rialto ledger statement 0198c0de-0000-7000-8000-000000000010 --format csv --output november.csv";

/// How a statement looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// An aligned table
    Text,
    /// Comma-separated values
    Csv,
    /// One JSON object
    Json,
}

/// Writes the statement.
///
/// # Errors
/// When there is no such account, the books cannot be read, or the statement cannot be written.
pub async fn run(args: &Args, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let period = Period::new(args.from, args.to)?;
    let db = super::open(settings).await?;
    let (mut output, failure) = Output::open(args.output.as_deref())?;
    let (format, mut begun) = (args.format, false);
    let read = history::statement(&db, args.account, period, move |statement, line| {
        let first = !std::mem::replace(&mut begun, true);
        let is_last = line.is_none();
        let written = output.put(|text| {
            if first {
                head(text, format, statement)?;
            }
            match line {
                Some(line) => body(text, format, statement, line),
                None => foot(text, format, statement),
            }
        });
        written && (!is_last || output.finish())
    });
    failure.settle(read.await)
}

/// One row of the table. The memo stands last, so that the others can stand in columns before anything is known of them.
fn row(text: &mut Vec<u8>, cells: [&str; 5], memo: &str) -> Result<(), Box<dyn Error>> {
    let [when, entry, debit, credit, balance] = cells;
    let line = format!("{when:<27}  {entry:>8}  {debit:>20}  {credit:>20}  {balance:>20}  {memo}");
    Ok(writeln!(text, "{}", line.trim_end())?)
}

fn head(text: &mut Vec<u8>, format: Format, statement: &Statement) -> Result<(), Box<dyn Error>> {
    let (account, period) = (&statement.account, statement.period);
    match format {
        Format::Text => {
            let bound = |at: Option<Timestamp>, open: &str| at.map_or_else(|| open.to_owned(), |at| at.to_string());
            let code = printable(account.code.as_str());
            writeln!(text, "Account {}  {code}, in {}", account.id, account.asset)?;
            writeln!(text, "From {} to {}\n", bound(period.begins(), "the beginning"), bound(period.ends(), "now"))?;
            row(text, ["Effective", "Entry", "Debit", "Credit", "Balance"], "Memo")?;
            row(text, ["", "", "", "", &decimal(statement.opening.into(), account.asset)], "Opening balance")
        }
        Format::Csv => {
            let mut sheet = sheet(text);
            sheet.write_record(sheets::STATEMENT)?;
            sheets::opening(&mut sheet, account.asset.code(), statement.opening)?;
            Ok(sheet.flush()?)
        }
        Format::Json => {
            let (from, to) = (json!(period.begins()), json!(period.ends()));
            let (id, asset, opening) = (account.id, account.asset, statement.opening);
            write!(text, "{{\"account_id\":\"{id}\",\"asset\":\"{asset}\",\"from\":{from},\"to\":{to}")?;
            Ok(write!(text, ",\"opening_balance\":{opening},\"lines\":[")?)
        }
    }
}

fn body(text: &mut Vec<u8>, format: Format, statement: &Statement, line: StatementLine) -> Result<(), Box<dyn Error>> {
    let asset = statement.account.asset;
    match format {
        Format::Text => {
            let amount =
                |side| if line.entry.side == side { decimal(line.entry.amount.get().into(), asset) } else { String::new() };
            let (debit, credit) = (amount(Side::Debit), amount(Side::Credit));
            let mut memo = printable(line.entry.memo.as_deref().unwrap_or_default());
            if line.entry.effective_at.is_some() {
                memo = format!("{memo} (posted {})", line.entry.created_at).trim_start().to_owned();
            }
            let (when, entry) = (line.effective_at.to_string(), line.entry.seq.to_string());
            row(text, [&when, &entry, &debit, &credit, &decimal(line.balance.into(), asset)], &memo)
        }
        Format::Csv => {
            let mut sheet = sheet(text);
            sheets::line(&mut sheet, asset.code(), &line)?;
            Ok(sheet.flush()?)
        }
        Format::Json => {
            let comma = if statement.totals.lines > 1 { ",\n" } else { "\n" };
            text.extend_from_slice(comma.as_bytes());
            let entry = LedgerEntry::of(statement.account.id, asset, line.entry);
            Ok(serde_json::to_writer(text, &LedgerStatementLine { balance: line.balance, entry })?)
        }
    }
}

fn foot(text: &mut Vec<u8>, format: Format, statement: &Statement) -> Result<(), Box<dyn Error>> {
    let (totals, asset) = (&statement.totals, statement.account.asset);
    match format {
        Format::Text => {
            let (debits, credits) = (decimal(totals.debits, asset), decimal(totals.credits, asset));
            let (lines, closing) = (totals.lines.to_string(), decimal(totals.closing.into(), asset));
            row(text, ["", &lines, &debits, &credits, &closing], "Totals, and closing balance")
        }
        Format::Csv => {
            let mut sheet = sheet(text);
            sheets::closing(&mut sheet, asset.code(), totals)?;
            Ok(sheet.flush()?)
        }
        Format::Json => {
            let (debits, credits, closing) = (totals.debits, totals.credits, totals.closing);
            write!(text, "\n],\"total_debits\":{debits},\"total_credits\":{credits}")?;
            Ok(writeln!(text, ",\"closing_balance\":{closing}}}")?)
        }
    }
}
