//! Reconciliation, by examples and by properties.

use std::collections::HashMap;

use proptest::prelude::*;
use rialto_kernel::{Id, Timestamp};
use rialto_ledger::reconcile::{By, Line, Movement, Precision, Report, Rules, reconcile};
use uuid::Uuid;

const DAY: i64 = 86_400_000_000;

fn day(number: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + number * DAY)
}

fn line(number: u64, reference: &str, amount: i64, on: i64) -> Line {
    let reference = (!reference.is_empty()).then(|| reference.to_owned());
    Line { reference, amount, at: Some(day(on)), number }
}

fn ours(seq: i64, amount: i64, on: i64) -> Movement {
    let transfer = Id::from_uuid(Uuid::from_u128(seq.unsigned_abs().into()));
    Movement { at: day(on), seq, transfer, amount, reference: None, external_id: None, memo: None }
}

fn numbers(lines: &[Line]) -> Vec<u64> {
    lines.iter().map(|line| line.number).collect()
}

fn seqs(ours: &[Movement]) -> Vec<i64> {
    ours.iter().map(|own| own.seq).collect()
}

#[test]
fn a_reference_decides_before_an_amount() {
    let id = ours(1, 500, 0).transfer.to_string();
    let list = [
        line(1, &format!("  {id} "), 500, 1),
        line(2, "po_2", 700, 1),
        line(3, "order 3", 800, 1),
        line(4, "ch_4", 900, 1),
        line(5, "", 1_000, 1),
        line(6, "unknown", 1_100, 1),
    ];
    let book = [
        ours(1, 500, 0),
        Movement { external_id: Some("po_2".into()), ..ours(2, 700, 0) },
        Movement { memo: Some("order 3 ".into()), ..ours(3, 800, 0) },
        Movement { reference: Some("ch_4".into()), ..ours(4, 900, 0) },
        ours(5, 1_000, 0),
        ours(6, 1_100, 0),
    ];
    let report = reconcile(&book, &list, Rules::default());
    assert!(report.is_clean(), "{report:?}");
    let by: Vec<By> = report.matched.iter().map(|matched| matched.by).collect();
    let expected = [By::TransferId, By::ExternalId, By::Memo, By::Reference, By::AmountAndDate, By::AmountAndDate];
    assert_eq!(by, expected);
    assert!(report.matched.iter().all(|matched| matched.line.number == matched.ours.seq.unsigned_abs()));
}

#[test]
fn what_differs_is_shown_with_both_values() {
    let named = |seq, amount, on, memo: &str| Movement { memo: Some(memo.into()), ..ours(seq, amount, on) };
    let list = [line(1, "a", 500, 0), line(2, "b", 600, 9), line(3, "c", 700, 0), line(4, "", 800, 0), line(5, "d", 900, 0)];
    let book = [named(1, 501, 0, "a"), named(2, 600, 0, "b"), named(3, 800, 9, "c"), named(4, 800, 4, ""), ours(5, -900, 0)];
    let report = reconcile(&book, &list, Rules::default());
    let different: Vec<_> = report.different.iter().map(|found| (found.line.number, found.amount, found.date)).collect();
    assert_eq!(different, [(1, true, false), (3, true, true), (2, false, true)]);
    assert_eq!(numbers(&report.missing_here), [4, 5], "four days are more than three, and out is not in");
    assert_eq!(seqs(&report.missing_there), [5, 4]);
    let wider = reconcile(&book, &list, Rules { window_days: 4, ..Rules::default() });
    assert_eq!((numbers(&wider.missing_here), wider.matched.len()), (vec![5], 1));
}

#[test]
fn a_line_that_is_there_twice_is_a_duplicate() {
    let book = [Movement { memo: Some("a".into()), ..ours(1, 500, 0) }];
    let list = [
        line(1, "a", 500, 0),
        line(2, "a", 500, 0),
        line(3, "z", 5, 0),
        line(4, "z", 5, 0),
        line(5, "", 6, 0),
        line(6, "", 6, 0),
    ];
    let report = reconcile(&book, &list, Rules::default());
    assert_eq!((report.matched.len(), numbers(&report.duplicates)), (1, vec![2, 4]));
    assert_eq!(numbers(&report.missing_here), [3, 5, 6], "lines without a reference may well be alike");
    // Two of ours share the reference: then there may be two lines.
    let twice = [book[0].clone(), Movement { memo: Some("a".into()), ..ours(2, 500, 0) }];
    let report = reconcile(&twice, &list[..2], Rules::default());
    assert!(report.is_clean() && report.matched.len() == 2, "{report:?}");
    // A known reference is never compared by amount.
    let more = [book[0].clone(), ours(2, 70, 0)];
    let report = reconcile(&more, &[line(1, "a", 500, 0), line(2, "a", 70, 0)], Rules::default());
    assert_eq!((numbers(&report.missing_here), seqs(&report.missing_there)), (vec![2], vec![2]));
}

#[test]
fn nobody_guesses() {
    let book = [ours(1, 999, 0), ours(2, 999, 2), ours(3, 50, 0), ours(4, 50, 0)];
    let list = [line(1, "", 999, 1), line(2, "", 50, 0)];
    let report = reconcile(&book, &list, Rules::default());
    let groups: Vec<_> = report.ambiguous.iter().map(|group| (numbers(&group.lines), seqs(&group.ours))).collect();
    assert_eq!(groups, [(vec![2], vec![3, 4]), (vec![1], vec![1, 2])]);
    assert!(report.matched.is_empty() && report.missing_there.is_empty());
    // One reference, two of ours, neither with that amount.
    let shared = [1, 2].map(|seq| Movement { reference: Some("r".into()), ..ours(seq, 10 * seq, 0) });
    let report = reconcile(&shared, &[line(1, "r", 15, 0)], Rules::default());
    assert_eq!((report.ambiguous.len(), seqs(&report.ambiguous[0].ours)), (1, vec![1, 2]));
}

#[test]
fn without_dates_amounts_decide_and_moments_are_exact() {
    let undated = |number, amount| Line { at: None, ..line(number, "", amount, 0) };
    let report = reconcile(&[ours(1, 5, 0), ours(2, 6, 900)], &[undated(1, 6), undated(2, 5)], Rules::default());
    assert!(report.is_clean() && report.matched.len() == 2, "{report:?}");
    let moment = Rules { precision: Precision::Moment, window_days: 1 };
    let list = [Line { at: Some(Timestamp::from_micros(day(1).micros() + 1)), ..line(1, "", 5, 0) }];
    assert_eq!(reconcile(&[ours(1, 5, 0)], &list, moment).missing_here.len(), 1);
    assert_eq!(reconcile(&[ours(1, 5, 1)], &list, moment).matched.len(), 1);
    let nothing = reconcile(&[], &[], Rules::default());
    assert!(nothing.is_clean());
}

#[test]
fn masses_of_one_price_take_no_square_of_time() {
    const COUNT: i64 = 200_000;
    let book: Vec<Movement> = (0..COUNT).map(|n| ours(n + 1, if n % 2 == 0 { 999 } else { n }, n % 365 * 2)).collect();
    let list: Vec<Line> = (0..COUNT)
        .map(|n| line(n.unsigned_abs(), &format!("r{n}"), if n % 2 == 0 { 999 } else { n }, n % 365 * 2 + n % 2))
        .collect();
    let report = reconcile(&book, &list, Rules::default());
    assert!(report.is_clean());
    assert_eq!(report.matched.len(), book.len());
}

/// Few values, so that everything meets everything.
fn lists() -> impl Strategy<Value = (Vec<Movement>, Vec<Line>)> {
    let text = || prop::option::of(prop::sample::select(vec!["a", "b", "c", " a ", ""]));
    let own = (-3..4_i64, 0..9_i64, text(), text(), text());
    let said = (-3..4_i64, 0..9_i64, text());
    (prop::collection::vec(own, 0..14), prop::collection::vec(said, 0..14)).prop_map(|(book, list)| {
        type Own = (i64, i64, Option<&'static str>, Option<&'static str>, Option<&'static str>);
        let own = |(seq, (amount, on, reference, external_id, memo)): (i64, Own)| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            Movement { reference: text(reference), external_id: text(external_id), memo: text(memo), ..ours(seq, amount, on) }
        };
        let said = |(number, (amount, on, reference)): (u64, (i64, i64, Option<&str>))| Line {
            reference: reference.map(str::to_owned),
            ..line(number, "", amount, on)
        };
        ((1..).zip(book).map(own).collect(), (1..).zip(list).map(said).collect())
    })
}

fn places(report: &Report) -> (Vec<u64>, Vec<i64>) {
    let mut lines = numbers(&report.missing_here);
    lines.extend(numbers(&report.duplicates));
    lines.extend(report.matched.iter().map(|found| found.line.number));
    lines.extend(report.different.iter().map(|found| found.line.number));
    let mut own = seqs(&report.missing_there);
    own.extend(report.matched.iter().map(|found| found.ours.seq));
    own.extend(report.different.iter().map(|found| found.ours.seq));
    for group in &report.ambiguous {
        lines.extend(numbers(&group.lines));
        own.extend(seqs(&group.ours));
    }
    lines.sort_unstable();
    own.sort_unstable();
    (lines, own)
}

/// What it says, but for the numbers of the lines.
fn said(mut report: Report) -> HashMap<String, usize> {
    let mut said: HashMap<String, usize> = HashMap::new();
    let mut say = |text: String| *said.entry(text).or_default() += 1;
    report.missing_here.iter_mut().for_each(|line| line.number = 0);
    report.duplicates.iter_mut().for_each(|line| line.number = 0);
    report.missing_here.iter().for_each(|line| say(format!("here {line:?}")));
    report.missing_there.iter().for_each(|own| say(format!("there {own:?}")));
    report.duplicates.iter().for_each(|line| say(format!("twice {line:?}")));
    for mut found in report.matched {
        found.line.number = 0;
        say(format!("{found:?}"));
    }
    for mut found in report.different {
        found.line.number = 0;
        say(format!("{found:?}"));
    }
    for mut group in report.ambiguous {
        group.lines.iter_mut().for_each(|line| line.number = 0);
        group.lines.sort();
        say(format!("{group:?}"));
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn everything_ends_in_one_place((book, list) in lists()) {
        let report = reconcile(&book, &list, Rules::default());
        let lines: Vec<u64> = list.iter().map(|line| line.number).collect();
        prop_assert_eq!(places(&report), (lines, seqs(&book)));
        for found in &report.matched {
            prop_assert_eq!(found.line.amount, found.ours.amount);
            let apart = (found.line.at.unwrap().micros() - found.ours.at.micros()).abs();
            prop_assert!(apart <= 3 * DAY);
        }
        prop_assert!(report.different.iter().all(|found| found.amount || found.date));
    }

    #[test]
    fn the_order_does_not_matter((book, list) in lists(), seed in any::<u64>()) {
        let report = said(reconcile(&book, &list, Rules::default()));
        // Every line gets a new place and a new number.
        let mut shuffled = list.clone();
        let count = shuffled.len();
        for at in 0..count {
            let other = usize::try_from(seed.rotate_left(u32::try_from(at).unwrap() * 7) % u64::try_from(count).unwrap()).unwrap();
            shuffled.swap(at, other);
        }
        for (number, line) in (1..).zip(&mut shuffled) {
            line.number = number;
        }
        let mut reversed = book.clone();
        reversed.reverse();
        prop_assert_eq!(report, said(reconcile(&reversed, &shuffled, Rules::default())));
    }
}
