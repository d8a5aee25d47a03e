//! The growth programme, as a table.

use rialto_kernel::{Amount, Ppm, Timestamp};
use rialto_proxy_billing::commission::{MILESTONE_MICRO, Quality, Terms, Tier, charge, commission, month_number, standing};

fn at(text: &str) -> Timestamp {
    serde_json::from_value(text.into()).unwrap()
}

fn amount(micro: i64) -> Amount {
    Amount::new(micro).unwrap()
}

fn terms(start: &str) -> Terms {
    Terms { registered_at: Some(at(start)), ..Terms::NONE }
}

#[test]
fn months_begin_on_the_day_that_is_announced() {
    let rows = [
        ("2026-03-15T10:00:00Z", "2026-03-01T00:00:00Z", 1),
        ("2026-03-15T10:00:00Z", "2026-03-15T10:00:00Z", 1),
        ("2026-03-15T10:00:00Z", "2026-04-14T23:59:59.999999Z", 1),
        // The time of day does not count.
        ("2026-03-15T10:00:00Z", "2026-04-15T00:00:00Z", 2),
        ("2026-03-15T10:00:00Z", "2027-03-15T00:00:00Z", 13),
        // A month without the day begins on its last one.
        ("2026-01-31T10:00:00Z", "2026-02-27T23:59:59Z", 1),
        ("2026-01-31T10:00:00Z", "2026-02-28T00:00:00Z", 2),
        ("2026-01-31T10:00:00Z", "2026-03-30T23:59:59Z", 2),
        ("2026-01-31T10:00:00Z", "2026-03-31T00:00:00Z", 3),
        ("2028-01-31T10:00:00Z", "2028-02-28T12:00:00Z", 1),
        ("2028-01-31T10:00:00Z", "2028-02-29T00:00:00Z", 2),
    ];
    for (start, now, month) in rows {
        assert_eq!(month_number(at(start), at(now)), month, "{start} {now}");
    }
}

#[test]
fn the_rate_rises_with_time_up_to_its_cap() {
    let plain = terms("2026-03-01T09:00:00Z");
    let founding = Terms { is_founding: true, ..plain };
    let seller = Terms { settled: amount(MILESTONE_MICRO), ..plain };
    let nearly = Terms { settled: amount(MILESTONE_MICRO - 1), ..plain };
    let rows = [
        (plain, "2026-03-31T23:59:59Z", Tier::FreeTrial, 0, Some(("2026-04-01T00:00:00Z", 50_000))),
        (plain, "2026-04-01T00:00:00Z", Tier::Growth, 50_000, Some(("2026-06-01T00:00:00Z", 100_000))),
        (plain, "2026-05-31T23:59:59Z", Tier::Growth, 50_000, Some(("2026-06-01T00:00:00Z", 100_000))),
        (plain, "2026-06-01T00:00:00Z", Tier::Standard, 100_000, None),
        (founding, "2026-03-01T09:00:00Z", Tier::FreeTrial, 0, Some(("2026-04-01T00:00:00Z", 50_000))),
        (founding, "2026-05-01T00:00:00Z", Tier::Growth, 50_000, Some(("2026-06-01T00:00:00Z", 80_000))),
        (founding, "2026-06-01T00:00:00Z", Tier::FoundingSeller, 80_000, None),
        (seller, "2026-06-01T00:00:00Z", Tier::Standard, 80_000, None),
        (nearly, "2026-06-01T00:00:00Z", Tier::Standard, 100_000, None),
        (Terms::NONE, "2026-06-01T00:00:00Z", Tier::Standard, 100_000, None),
    ];
    for (terms, now, tier, rate, next) in rows {
        let found = standing(&terms, at(now));
        let next = next.map(|(when, rate)| (at(when), Ppm::new(rate).unwrap()));
        assert_eq!((found.tier, found.rate.get(), found.next), (tier, rate, next), "{terms:?} {now}");
        assert_eq!(found.month.is_some(), terms.registered_at.is_some());
    }
}

#[test]
fn a_call_costs_the_least_of_time_quality_and_price() {
    let now = at("2026-12-01T00:00:00Z");
    let (old, young) = (terms("2026-03-01T09:00:00Z"), terms("2026-11-20T09:00:00Z"));
    let of = |quality| Terms { quality, ..old };
    let rows = [
        (old, 1_000_000, 100_000),
        (old, 999_999, 50_000),
        (young, 1_000_000, 0),
        (young, 1, 0),
        (of(Quality::Good), 5_000_000, 80_000),
        (of(Quality::Excellent), 5_000_000, 60_000),
        (of(Quality::Excellent), 50_000, 50_000),
        (Terms { is_founding: true, ..old }, 5_000_000, 80_000),
        (Terms { is_founding: true, ..of(Quality::Excellent) }, 5_000_000, 60_000),
        (Terms::NONE, 5_000_000, 100_000),
    ];
    for (terms, price, rate) in rows {
        assert_eq!(commission(&terms, amount(price), now).get(), rate, "{terms:?} {price}");
    }
}

#[test]
fn quality_goes_by_the_score() {
    let rows = [(0, "standard"), (799, "standard"), (800, "good"), (949, "good"), (950, "excellent"), (1_000, "excellent")];
    for (score, word) in rows {
        assert_eq!(Quality::of_score(score).as_str(), word, "{score}");
    }
}

#[test]
fn a_charge_is_rounded_half_to_even() {
    let rows = [
        (10_500_000, 100_000, 1_050_000),
        // 0.5, 1.5, 2.5 micro-USDC.
        (5, 100_000, 0),
        (15, 100_000, 2),
        (25, 100_000, 2),
        (26, 100_000, 3),
        (1, 80_000, 0),
        (50_000, 50_000, 2_500),
        (50_000, 0, 0),
        (100_000_000, 1_000_000, 100_000_000),
    ];
    for (price, rate, charged) in rows {
        assert_eq!(charge(amount(price), Ppm::new(rate).unwrap()).get(), charged, "{price} {rate}");
    }
}
