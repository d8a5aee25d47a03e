//! The rule, without anything around it.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, Utc};
use rialto_kernel::{Amount, Ppm, Timestamp, words};

/// How many providers are founding ones: the first that registered a service.
pub const FOUNDING_MAX: u32 = 50;
/// From which sum of settlements on, in micro-USDC, a provider has the cap of those who have sold a lot.
pub const MILESTONE_MICRO: i64 = 200_000_000;
/// Below this price, in micro-USDC, a call is a cheap one.
const CHEAP_MICRO: i64 = 1_000_000;
/// The first month that costs the growth rate.
const GROWTH_MONTH: u32 = 2;
/// The first that costs the standard rate.
const STANDARD_MONTH: u32 = 4;

const FREE: Ppm = ppm(0);
const GROWTH: Ppm = ppm(50_000);
const STANDARD: Ppm = ppm(100_000);
const CAPPED: Ppm = ppm(80_000);
const CHEAP: Ppm = ppm(50_000);

const fn ppm(parts: u32) -> Ppm {
    match Ppm::new(parts) {
        Some(ppm) => ppm,
        None => panic!("a rate is at most one"),
    }
}

words! {
    /// How well a provider's services do.
    Quality {
        /// As one may expect, or it is not known yet.
        Standard = "standard",
        /// 8 of 10 or better.
        Good = "good",
        /// 9.5 of 10 or better.
        Excellent = "excellent",
    }
}

impl Quality {
    /// The quality of somebody with this score, in hundredths of a point of ten.
    #[must_use]
    pub const fn of_score(hundredths: u32) -> Self {
        match hundredths {
            950.. => Self::Excellent,
            800..950 => Self::Good,
            _ => Self::Standard,
        }
    }

    const fn rate(self) -> Ppm {
        match self {
            Self::Standard => STANDARD,
            Self::Good => ppm(80_000),
            Self::Excellent => ppm(60_000),
        }
    }
}

/// What decides a provider's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// When its first service was registered; `None` when there is none.
    pub registered_at: Option<Timestamp>,
    /// Whether it is one of the first [`FOUNDING_MAX`] providers.
    pub is_founding: bool,
    /// The gross of its settlements that were paid, in micro-USDC.
    pub settled: Amount,
    /// How well its services do.
    pub quality: Quality,
}

impl Terms {
    /// Of somebody who offers nothing.
    pub const NONE: Self = Self { registered_at: None, is_founding: false, settled: Amount::ZERO, quality: Quality::Standard };

    const fn is_capped(&self) -> bool {
        self.is_founding || self.settled.get() >= MILESTONE_MICRO
    }
}

words! {
    /// How far a provider has come in the programme.
    Tier {
        /// The first month.
        FreeTrial = "free_trial",
        /// The second and the third.
        Growth = "growth",
        /// All later ones, and for whoever offers nothing.
        Standard = "standard",
        /// All later ones, for the first providers.
        FoundingSeller = "founding_seller",
    }
}

/// Where a provider stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// In which month it is, from 1; `None` when it offers nothing.
    pub month: Option<u32>,
    /// What that month is called.
    pub tier: Tier,
    /// The most that the house takes of a call now.
    pub rate: Ppm,
    /// When that changes, and to what.
    pub next: Option<(Timestamp, Ppm)>,
}

/// Where a provider stands at `now`, as far as its time and its caps decide.
#[must_use]
pub fn standing(terms: &Terms, now: Timestamp) -> Standing {
    let standard = if terms.is_capped() { CAPPED.min(STANDARD) } else { STANDARD };
    let last = if terms.is_founding { Tier::FoundingSeller } else { Tier::Standard };
    let Some(start) = terms.registered_at else {
        return Standing { month: None, tier: Tier::Standard, rate: standard, next: None };
    };
    let month = month_number(start, now);
    let (tier, rate, next) = match month {
        ..GROWTH_MONTH => (Tier::FreeTrial, FREE, Some((GROWTH_MONTH, GROWTH))),
        GROWTH_MONTH..STANDARD_MONTH => (Tier::Growth, GROWTH, Some((STANDARD_MONTH, standard))),
        _ => (last, standard, None),
    };
    let next = next.and_then(|(month, rate)| Some((month_start(start, month)?, rate)));
    Standing { month: Some(month), tier, rate, next }
}

/// What the house takes of a call with this price that is made at `now`: the least of what the provider's time, its quality and
/// the price say.
#[must_use]
pub fn commission(terms: &Terms, price: Amount, now: Timestamp) -> Ppm {
    let by_price = if price.get() < CHEAP_MICRO { CHEAP } else { STANDARD };
    standing(terms, now).rate.min(terms.quality.rate()).min(by_price)
}

/// What that comes to: the share of what is charged, rounded half to even to a micro-USDC.
#[must_use]
pub fn charge(amount: Amount, rate: Ppm) -> Amount {
    amount.share(rate)
}

/// In which month since `start` the moment `now` is, from 1. Months begin at midnight UTC on the day of the month on which
/// `start` was, or on the last day of a month that has no such day.
#[must_use]
pub fn month_number(start: Timestamp, now: Timestamp) -> u32 {
    let (start, today) = (day(start), day(now));
    let years = i64::from(today.year()) - i64::from(start.year());
    let months = years * 12 + i64::from(today.month()) - i64::from(start.month());
    let Ok(months) = u32::try_from(months) else { return 1 };
    let has_begun = start.checked_add_months(Months::new(months)).is_some_and(|begin| begin <= today);
    if has_begun { months.saturating_add(1) } else { months.max(1) }
}

/// When the month with this number begins.
fn month_start(start: Timestamp, month: u32) -> Option<Timestamp> {
    let begin = day(start).checked_add_months(Months::new(month.saturating_sub(1)))?;
    Some(begin.and_time(NaiveTime::MIN).and_utc().into())
}

fn day(at: Timestamp) -> NaiveDate {
    DateTime::<Utc>::from(at).date_naive()
}
