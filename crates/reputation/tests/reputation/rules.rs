//! The formula and the periods, as tables.

use rialto_kernel::Timestamp;
use rialto_reputation::{Counts, Period, ReputationError, Score};

fn at(text: &str) -> Timestamp {
    serde_json::from_value(text.into()).unwrap()
}

#[test]
fn a_score_is_what_the_formula_says() {
    // Calls, answered below 400, answered with 500 or more, milliseconds together; overall, latency, reliability, quality.
    let rows = [
        ((0, 0, 0, 0), (0, 0, 0, 0)),
        ((1, 1, 0, 0), (1_000, 1_000, 1_000, 1_000)),
        ((1, 0, 1, 0), (300, 1_000, 0, 0)),
        // 4xx hurts reliability alone.
        ((1, 0, 0, 0), (600, 1_000, 0, 1_000)),
        // 850 ms on average: 9.15.
        ((150, 128, 18, 127_500), (880, 915, 853, 880)),
        ((1, 1, 0, 10_000), (700, 0, 1_000, 1_000)),
        ((1, 1, 0, 3_600_000), (700, 0, 1_000, 1_000)),
        ((3, 2, 1, 1_000), (757, 967, 667, 667)),
        // 5 ms is half of a hundredth: 9.995, to the even 10.00. 15 ms: 9.985, to the even 9.98.
        ((1, 1, 0, 5), (1_000, 1_000, 1_000, 1_000)),
        ((1, 1, 0, 15), (1_000, 998, 1_000, 1_000)),
        ((2, 2, 0, 29), (1_000, 999, 1_000, 1_000)),
        // 1 of 8 is 12.5 %: 1.25.
        ((8, 1, 7, 0), (388, 1_000, 125, 125)),
        // One of 2,000 is 0.005: 9.995, to the even 10.00.
        ((2_000, 1_999, 1, 0), (1_000, 1_000, 1_000, 1_000)),
        ((2_000, 1_997, 3, 0), (999, 1_000, 998, 998)),
        ((i64::MAX, i64::MAX, 0, i64::MAX), (1_000, 1_000, 1_000, 1_000)),
    ];
    for ((calls, successes, errors, latency_ms), (overall, latency, reliability, quality)) in rows {
        let counts = Counts { calls, successes, errors, latency_ms };
        assert_eq!(Score::of(&counts), Score { overall, latency, reliability, quality }, "{counts:?}");
    }
}

#[test]
fn a_period_is_all_time_or_a_month() {
    for text in ["all-time", "1970-01", "2026-11", "2026-12", "9999-12"] {
        assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
    }
    for text in
        ["", "all", "2026", "2026-1", "2026-13", "2026-00", "1969-12", "202611", "2026-11-01", "+026-11", "2026--1", "٢٠٢٦-11"]
    {
        assert_eq!(text.parse::<Period>(), Err(ReputationError::NoPeriod), "{text}");
    }
}

#[test]
fn a_month_begins_and_ends_at_midnight_utc() {
    let month = |text: &str| text.parse::<Period>().unwrap();
    let rows = [
        ("2026-11-01T00:00:00Z", "2026-11"),
        ("2026-11-30T23:59:59.999999Z", "2026-11"),
        ("2026-12-01T00:00:00Z", "2026-12"),
        ("2026-12-01T00:30:00+01:00", "2026-11"),
    ];
    for (moment, of) in rows {
        assert_eq!(Period::of(at(moment)), month(of), "{moment}");
        assert!(month(of).range().contains(&at(moment)), "{moment}");
    }
    assert_eq!(month("2026-12").range(), at("2026-12-01T00:00:00Z")..at("2027-01-01T00:00:00Z"));
    assert_eq!((month("2026-11").number(), Period::AllTime.number()), (202_611, 0));
    assert!(Period::AllTime.range().contains(&at("9999-12-31T23:59:59Z")));
}
