//! Printing what came of it.

use std::{error::Error, io::Write};

use rialto_kernel::{Asset, Timestamp};
use rialto_ledger::{
    Account,
    reconcile::{By, Line, Movement, Report, Total},
};
use serde_json::{Value, json};

use super::{
    super::output::{decimal, printable},
    Period,
};
use crate::sheet::safe;

/// All there is to print.
pub struct Outcome<'a> {
    pub account: &'a Account,
    pub period: Period,
    pub report: &'a Report,
    pub unreadable: &'a [(u64, String)],
    /// Lines that nothing was found for, and that are not of the period.
    pub outside: usize,
}

/// One movement, and where it ended.
struct Row<'a> {
    place: &'static str,
    by: Option<By>,
    /// Which of the ambiguous groups, from 1.
    group: Option<usize>,
    line: Option<&'a Line>,
    ours: Option<&'a Movement>,
}

const PLACES: [&str; 6] = ["matched", "different", "missing here", "missing there", "duplicate", "ambiguous"];

fn rows<'a>(report: &'a Report) -> Vec<Row<'a>> {
    let row = |place, by, line, ours| Row { place, by, group: None, line, ours };
    let mut rows: Vec<Row<'a>> = Vec::new();
    rows.extend(report.matched.iter().map(|found| row("matched", Some(found.by), Some(&found.line), Some(&found.ours))));
    rows.extend(report.different.iter().map(|found| row("different", Some(found.by), Some(&found.line), Some(&found.ours))));
    rows.extend(report.missing_here.iter().map(|line| row("missing here", None, Some(line), None)));
    rows.extend(report.missing_there.iter().map(|own| row("missing there", None, None, Some(own))));
    rows.extend(report.duplicates.iter().map(|line| row("duplicate", None, Some(line), None)));
    for (group, found) in (1..).zip(&report.ambiguous) {
        let each = |line, ours| Row { group: Some(group), ..row("ambiguous", Some(found.by), line, ours) };
        rows.extend(found.lines.iter().map(|line| each(Some(line), None)));
        rows.extend(found.ours.iter().map(|own| each(None, Some(own))));
    }
    rows
}

fn bound(micros: i64) -> Option<String> {
    (micros != i64::MIN && micros != i64::MAX).then(|| Timestamp::from_micros(micros).to_string())
}

fn totals(rows: &[Row<'_>], place: &str) -> (Total, Total) {
    let of = || rows.iter().filter(|row| row.place == place);
    let lines = Total::of(of().filter_map(|row| row.line).map(|line| line.amount));
    (lines, Total::of(of().filter_map(|row| row.ours).map(|own| own.amount)))
}

/// A table of totals, and then all that does not match.
///
/// # Errors
/// When it cannot be printed.
pub fn text(outcome: &Outcome<'_>, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (account, report, asset) = (outcome.account, outcome.report, outcome.account.asset);
    let rows = rows(report);
    let edge = |micros| bound(micros).unwrap_or_else(|| "…".into());
    writeln!(out, "account {} in {}", account.id, account.asset.code())?;
    writeln!(out, "period  {} to {}\n", edge(outcome.period.from), edge(outcome.period.to))?;
    writeln!(out, "{:<14} {:>9} {:>22} {:>9} {:>22}", "", "lines", "amount", "ours", "amount")?;
    let mut sums = (Total::default(), Total::default());
    for place in PLACES {
        let (lines, ours) = totals(&rows, place);
        sums.0 = Total { count: sums.0.count + lines.count, amount: sums.0.amount + lines.amount };
        sums.1 = Total { count: sums.1.count + ours.count, amount: sums.1.amount + ours.amount };
        table_line(out, place, lines, ours, asset)?;
    }
    table_line(out, "total", sums.0, sums.1, asset)?;
    if outcome.outside > 0 {
        writeln!(out, "\n{} lines are not of the period", outcome.outside)?;
    }
    for (number, reason) in outcome.unreadable {
        writeln!(out, "\nline {number} cannot be read: {reason}")?;
    }
    for row in rows.iter().filter(|row| row.place != "matched") {
        let group = row.group.map(|group| format!(" {group}")).unwrap_or_default();
        let by = row.by.map(|by| format!(", by {}", by.as_str())).unwrap_or_default();
        writeln!(out, "\n{}{group}{by}", row.place)?;
        if let Some(line) = row.line {
            let at = line.at.map(|at| at.to_string()).unwrap_or_default();
            let reference = line.reference.as_deref().unwrap_or_default();
            writeln!(
                out,
                "  line {:<8} {:>18}  {at}  {}",
                line.number,
                decimal(line.amount.into(), asset),
                printable(reference)
            )?;
        }
        if let Some(own) = row.ours {
            writeln!(out, "  ours entry {:<2} {:>18}  {}  {}", own.seq, decimal(own.amount.into(), asset), own.at, own.transfer)?;
        }
    }
    Ok(())
}

fn table_line(out: &mut impl Write, name: &str, lines: Total, ours: Total, asset: Asset) -> std::io::Result<()> {
    let (theirs, own) = (decimal(lines.amount, asset), decimal(ours.amount, asset));
    writeln!(out, "{name:<14} {:>9} {theirs:>22} {:>9} {own:>22}", lines.count, ours.count)
}

/// One document.
///
/// # Errors
/// When it cannot be printed.
pub fn json(outcome: &Outcome<'_>, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (report, asset) = (outcome.report, outcome.account.asset);
    let line = |line: &Line| json!({ "line": line.number, "reference": line.reference, "amount": decimal(line.amount.into(), asset), "date": line.at });
    let own = |own: &Movement| {
        json!({ "transfer_id": own.transfer, "entry": own.seq, "amount": decimal(own.amount.into(), asset), "date": own.at,
                "reference_id": own.reference, "external_id": own.external_id, "memo": own.memo })
    };
    let pair = |theirs: &Line, ours: &Movement, by: By| json!({ "theirs": line(theirs), "ours": own(ours), "by": by.as_str() });
    let different = report.different.iter().map(|found| {
        json!({ "theirs": line(&found.line), "ours": own(&found.ours), "by": found.by.as_str(),
                "differs": { "amount": found.amount, "date": found.date } })
    });
    let ambiguous = report.ambiguous.iter().map(|found| {
        json!({ "by": found.by.as_str(), "theirs": found.lines.iter().map(line).collect::<Value>(),
                "ours": found.ours.iter().map(own).collect::<Value>() })
    });
    let rows = rows(report);
    let total = |total: Total| json!({ "count": total.count, "amount": decimal(total.amount, asset) });
    let totals = PLACES.iter().map(|place| {
        let (theirs, ours) = totals(&rows, place);
        (place.replace(' ', "_"), json!({ "theirs": total(theirs), "ours": total(ours) }))
    });
    let document = json!({
        "account_id": outcome.account.id,
        "asset": outcome.account.asset.code(),
        "from": bound(outcome.period.from),
        "to": bound(outcome.period.to),
        "matches": report.is_clean() && outcome.unreadable.is_empty(),
        "totals": Value::Object(totals.collect()),
        "matched": report.matched.iter().map(|found| pair(&found.line, &found.ours, found.by)).collect::<Value>(),
        "different": different.collect::<Value>(),
        "missing_here": report.missing_here.iter().map(line).collect::<Value>(),
        "missing_there": report.missing_there.iter().map(own).collect::<Value>(),
        "duplicates": report.duplicates.iter().map(line).collect::<Value>(),
        "ambiguous": ambiguous.collect::<Value>(),
        "unreadable": outcome.unreadable.iter().map(|(number, reason)| json!({ "line": number, "reason": reason })).collect::<Value>(),
        "outside_of_period": outcome.outside,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)?;
    Ok(())
}

/// One line for each movement. What a spreadsheet would take for a formula gets an apostrophe before it.
///
/// # Errors
/// When it cannot be printed.
pub fn csv(outcome: &Outcome<'_>, out: impl Write) -> Result<(), Box<dyn Error>> {
    table(outcome.report, outcome.unreadable, outcome.account.asset, out)
}

fn table(report: &Report, unreadable: &[(u64, String)], asset: Asset, out: impl Write) -> Result<(), Box<dyn Error>> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "place",
        "group",
        "by",
        "line",
        "reference",
        "their_amount",
        "their_date",
        "entry",
        "transfer_id",
        "our_amount",
        "our_date",
        "reason",
    ])?;
    for row in rows(report) {
        let theirs = row.line.map_or_else(Default::default, |line| {
            let at = line.at.map(|at| at.to_string()).unwrap_or_default();
            [
                line.number.to_string(),
                safe(line.reference.as_deref().unwrap_or_default()).into_owned(),
                decimal(line.amount.into(), asset),
                at,
            ]
        });
        let ours = row.ours.map_or_else(Default::default, |own| {
            [own.seq.to_string(), own.transfer.to_string(), decimal(own.amount.into(), asset), own.at.to_string()]
        });
        let group = row.group.map(|group| group.to_string()).unwrap_or_default();
        let head = [row.place.to_owned(), group, row.by.map(By::as_str).unwrap_or_default().to_owned()];
        writer.write_record(head.iter().chain(&theirs).chain(&ours).chain([&String::new()]))?;
    }
    for (number, reason) in unreadable {
        writer.write_record(["unreadable", "", "", &number.to_string(), "", "", "", "", "", "", "", &safe(reason)])?;
    }
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_line_is_unreadable_has_a_column_of_its_own() {
        let line = Line { reference: Some("=1+1".into()), amount: -1_250, at: None, number: 2 };
        let report = Report { missing_here: vec![line], ..Report::default() };
        let mut out = Vec::new();
        table(&report, &[(3, "=bad".to_owned())], Asset::CREDIT, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = "place,group,by,line,reference,their_amount,their_date,entry,transfer_id,our_amount,our_date,reason\n\
                        missing here,,,2,'=1+1,-1250,,,,,,\nunreadable,,,3,,,,,,,,'=bad\n";
        assert_eq!(text, expected);
    }
}
