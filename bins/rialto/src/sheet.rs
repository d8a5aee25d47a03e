//! The books as CSV, for spreadsheets. The same from the API and from the command line.
//!
//! A cell of free text that begins with `=`, `+`, `-`, `@`, their full-width forms, a tab or a new line gets an apostrophe
//! before it: spreadsheets would run it as a formula, and others may have written it. Amounts are integers of the minor unit.

use std::{borrow::Cow, error::Error, io::Write};

use csv::Writer;
use rialto_ledger::{
    Balancing, Side, Transfer,
    history::{JournalLine, StatementLine, StatementTotals},
};

/// The columns of a statement.
pub const STATEMENT: [&str; 12] = [
    "line",
    "effective_at",
    "created_at",
    "seq",
    "transfer_id",
    "kind",
    "reference_id",
    "memo",
    "asset",
    "debit",
    "credit",
    "balance",
];

/// The columns of an export.
pub const EXPORT: [&str; 19] = [
    "no",
    "id",
    "created_at",
    "effective_at",
    "asset",
    "amount",
    "debit_account_id",
    "debit_seq",
    "debit_balance_after",
    "credit_account_id",
    "credit_seq",
    "credit_balance_after",
    "kind",
    "reference_id",
    "reverses",
    "memo",
    "metadata",
    "balancing",
    "at_most",
];

/// What a formula begins with, also where the full-width forms are taken for the narrow ones.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Free text that no spreadsheet takes for a formula.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULA) { format!("'{text}").into() } else { text.into() }
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Writes the balance that a statement begins with.
pub fn opening(sheet: &mut Writer<impl Write>, asset: &str, balance: i64) -> Result<(), csv::Error> {
    sheet.write_record(["opening", "", "", "", "", "", "", "", asset, "", "", &balance.to_string()])
}

/// Writes one line of a statement.
pub fn line(sheet: &mut Writer<impl Write>, asset: &str, line: &StatementLine) -> Result<(), csv::Error> {
    let entry = &line.entry;
    let amount = |side| if entry.side == side { entry.amount.to_string() } else { String::new() };
    sheet.write_record([
        "entry",
        &line.effective_at.to_string(),
        &entry.created_at.to_string(),
        &entry.seq.to_string(),
        &entry.transfer.to_string(),
        &entry.kind.0.to_string(),
        &or_empty(entry.reference),
        &safe(entry.memo.as_deref().unwrap_or_default()),
        asset,
        &amount(Side::Debit),
        &amount(Side::Credit),
        &line.balance.to_string(),
    ])
}

/// Writes what a statement comes to.
pub fn closing(sheet: &mut Writer<impl Write>, asset: &str, totals: &StatementTotals) -> Result<(), csv::Error> {
    let (debits, credits, balance) = (totals.debits.to_string(), totals.credits.to_string(), totals.closing.to_string());
    sheet.write_record(["closing", "", "", "", "", "", "", "", asset, &debits, &credits, &balance])
}

/// Writes one transfer of an export.
pub fn transfer(sheet: &mut Writer<impl Write>, line: &JournalLine) -> Result<(), Box<dyn Error>> {
    let Transfer { debit, credit, .. } = &line.transfer;
    let moved = &line.transfer;
    let metadata = if moved.metadata.is_empty() { String::new() } else { serde_json::to_string(moved.metadata.words())? };
    sheet.write_record([
        line.no.to_string().as_str(),
        &moved.id.to_string(),
        &moved.created_at.to_string(),
        &moved.effective_at.unwrap_or(moved.created_at).to_string(),
        line.asset.code(),
        &moved.amount.to_string(),
        &debit.account.to_string(),
        &debit.seq.to_string(),
        &debit.balance.to_string(),
        &credit.account.to_string(),
        &credit.seq.to_string(),
        &credit.balance.to_string(),
        &moved.kind.0.to_string(),
        &or_empty(moved.reference),
        &or_empty(moved.reverses),
        &safe(moved.memo.as_deref().unwrap_or_default()),
        &metadata,
        moved.balanced.map_or("", |balanced| balancing(balanced.by)),
        &or_empty(moved.balanced.map(|balanced| balanced.at_most)),
    ])?;
    Ok(())
}

/// Which account bounded a balancing transfer.
pub const fn balancing(by: Balancing) -> &'static str {
    match by {
        Balancing::Debit => "debit",
        Balancing::Credit => "credit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠A1"] {
            assert_eq!(safe(text), format!("'{text}"));
        }
        for text in ["", "a=b", "for the map", " =1", "'=1"] {
            assert_eq!(safe(text), text);
        }
    }
}
