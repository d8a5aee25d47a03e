//! `rialto ledger export`: the journal, for other programs.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use rialto_kernel::{AccountId, Amount, Timestamp};
use rialto_ledger::{
    ReferenceId, TransferId,
    history::{self, ExportFilter, Exported, JournalLine, Period},
};
use serde::Serialize;

use super::output::{Output, moment, sheet};
use crate::{config::Settings, sheet as sheets};

/// What to export, and where to.
///
/// Transfers come in the order of the journal, one a line, over one frozen moment: what is posted meanwhile is not in it.
/// Amounts are integers of the asset's minor unit (whole credits, millionths of a USDC).
///
/// In CSV, a memo that begins with =, +, -, @, a tab or a carriage return gets an apostrophe before it, because spreadsheets
/// would run it as a formula; JSON Lines have it as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// One JSON object a line, or comma-separated values with a header
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Only transfers from or to this account
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// Only transfers created at this time or later: a date, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Only transfers created before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// Write to this file, which is overwritten, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  rialto ledger export --output journal.jsonl
  rialto ledger export --format csv --from 2026-11-01 --to 2026-12-01 > november.csv
  rialto ledger export --account 0198c0de-0000-7000-8000-000000000010 | jq .amount

Without --account the whole journal is read, also for a short time: no index holds the times.";

/// How an export looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// JSON Lines
    Jsonl,
    /// Comma-separated values
    Csv,
}

/// A transfer as an object.
#[derive(Serialize)]
struct Row<'a> {
    no: i64,
    id: TransferId,
    created_at: Timestamp,
    effective_at: Timestamp,
    asset: &'a str,
    amount: Amount,
    debit_account_id: AccountId,
    debit_seq: i64,
    debit_balance_after: i64,
    credit_account_id: AccountId,
    credit_seq: i64,
    credit_balance_after: i64,
    kind: i32,
    reference_id: Option<ReferenceId>,
    reverses: Option<TransferId>,
    memo: Option<&'a str>,
    metadata: &'a BTreeMap<String, String>,
    balancing: Option<&'static str>,
    at_most: Option<Amount>,
}

impl<'a> From<&'a JournalLine> for Row<'a> {
    fn from(line: &'a JournalLine) -> Self {
        let moved = &line.transfer;
        Self {
            no: line.no,
            id: moved.id,
            created_at: moved.created_at,
            effective_at: moved.effective_at.unwrap_or(moved.created_at),
            asset: line.asset.code(),
            amount: moved.amount,
            debit_account_id: moved.debit.account,
            debit_seq: moved.debit.seq,
            debit_balance_after: moved.debit.balance,
            credit_account_id: moved.credit.account,
            credit_seq: moved.credit.seq,
            credit_balance_after: moved.credit.balance,
            kind: moved.kind.0,
            reference_id: moved.reference,
            reverses: moved.reverses,
            memo: moved.memo.as_deref(),
            metadata: moved.metadata.words(),
            balancing: moved.balanced.map(|balanced| sheets::balancing(balanced.by)),
            at_most: moved.balanced.map(|balanced| balanced.at_most),
        }
    }
}

/// Writes the export.
///
/// # Errors
/// When the books cannot be read, or the export cannot be written.
pub async fn run(args: &Args, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let filter = ExportFilter { account: args.account, period: Period::new(args.from, args.to)? };
    let db = super::open(settings).await?;
    let (mut output, failure) = Output::open(args.output.as_deref())?;
    let format = args.format;
    // Where the export itself goes to a terminal, a percentage between its lines would only disturb.
    let shown = io::stderr().is_terminal() && (args.output.is_some() || !io::stdout().is_terminal());
    if format == Format::Csv {
        output.put(|text| Ok(sheet(text).write_record(sheets::EXPORT)?));
    }
    let mut count = 0_usize;
    let read = history::export(&db, filter, move |batch| {
        count = count.saturating_add(batch.lines.len());
        if shown {
            let percent = batch.done.saturating_mul(100) / batch.all.max(1);
            let _ = write!(io::stderr(), "\r{percent:3} %  {count} transfers");
        }
        let written = output.put(|text| rows(text, format, &batch));
        if shown && batch.done == batch.all {
            let _ = writeln!(io::stderr());
        }
        written && (batch.done < batch.all || output.finish())
    });
    failure.settle(read.await)
}

fn rows(text: &mut Vec<u8>, format: Format, batch: &Exported) -> Result<(), Box<dyn Error>> {
    match format {
        Format::Jsonl => {
            for line in &batch.lines {
                serde_json::to_writer(&mut *text, &Row::from(line))?;
                text.push(b'\n');
            }
        }
        Format::Csv => {
            let mut sheet = sheet(text);
            for line in &batch.lines {
                sheets::transfer(&mut sheet, line)?;
            }
            sheet.flush()?;
        }
    }
    Ok(())
}
