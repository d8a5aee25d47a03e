//! The nouns of usage.

use rialto_kernel::{Amount, Id, OwnerId, Ppm, Timestamp, nouns, words};
use rialto_registry::service::{PaymentMethod, Service, ServiceId};

use crate::model::ClaimName;

/// The id of one call of a service. Its hold in the ledger has the same.
pub type UsageId = Id<nouns::Usage>;

/// A call that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUsage {
    /// Its id.
    pub id: UsageId,
    /// What is called.
    pub service: ServiceId,
    /// Who calls, and pays.
    pub buyer: OwnerId,
    /// Who is paid.
    pub provider: OwnerId,
    /// What it costs, in micro-USDC, if it is delivered. Nothing for a free call.
    pub price: Amount,
    /// Whether it is one of the calls that each buyer has for nothing.
    pub is_free: bool,
    /// How it is paid.
    pub payment_method: PaymentMethod,
    /// What the house takes of it.
    pub commission: Ppm,
    /// How the buyer calls the request, if it does.
    pub request_id: Option<String>,
    /// The claim by which a repeat is known.
    pub claim: Option<ClaimName>,
    /// When it is made.
    pub created_at: Timestamp,
    /// When its hold ends.
    pub expires_at: Timestamp,
}

words! {
    /// Why a call was not delivered, or not as others are.
    UsageReason {
        /// The provider answered with 500 or more.
        ProviderError = "provider_error",
        /// Nobody answered in time.
        Timeout = "timeout",
        /// No connection came about.
        Unreachable = "unreachable",
        /// The provider's address may not be called.
        Refused = "refused",
        /// The provider failed too often lately; nothing was sent.
        CircuitOpen = "circuit_open",
        /// The provider broke off, or spoke something else than HTTP.
        BrokenAnswer = "broken_answer",
        /// The answer is larger than answers may be.
        AnswerTooLarge = "answer_too_large",
        /// The body that the buyer sent broke off, stood still, or was too large.
        BrokenRequest = "broken_request",
        /// The buyer went away while it was being served. The call is delivered, as far as the provider is concerned.
        BuyerLeft = "buyer_left",
        /// The process died, or was too late to take the price.
        Interrupted = "interrupted",
        /// It was delivered to us, but the payment that came with it could not be settled: its answer was withheld.
        PaymentFailed = "payment_failed",
        /// It was paid, by a payment that came with it, after its answer had been withheld, which was too large or too live to be
        /// kept: its buyer has paid for nothing, and has to be helped.
        AnswerLost = "answer_lost",
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageEnd {
    /// Whether the provider did what it was asked.
    pub delivered: bool,
    /// The provider's status, or ours when there was none.
    pub status_code: u16,
    /// Until the answer began, in milliseconds; until it was whole, for one that is not streamed.
    pub latency_ms: u64,
    /// What was charged.
    pub amount: Amount,
    /// What of it the house took.
    pub commission: Amount,
    /// Why it was not delivered, or not as others are.
    pub reason: Option<UsageReason>,
}

/// A call that has ended and of which nothing was kept before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedUsage {
    /// The call.
    pub call: NewUsage,
    /// How it ended.
    pub end: UsageEnd,
    /// When that was.
    pub at: Timestamp,
}

/// A call that is being made, as far as whoever ends it for somebody else has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningUsage {
    /// Its id.
    pub id: UsageId,
    /// What is called.
    pub service: ServiceId,
    /// Who calls.
    pub buyer: OwnerId,
    /// Who is called.
    pub provider: OwnerId,
    /// Whether it is one of the calls for nothing.
    pub is_free: bool,
    /// How it would have been paid.
    pub payment_method: PaymentMethod,
    /// The claim to finish with it.
    pub claim: Option<ClaimName>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A call that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Its id.
    pub id: UsageId,
    /// What was called.
    pub service: ServiceId,
    /// Who called.
    pub buyer: OwnerId,
    /// Who was called.
    pub provider: OwnerId,
    /// Whether it was one of the calls for nothing.
    pub is_free: bool,
    /// How it was paid.
    pub payment_method: PaymentMethod,
    /// What the payment is called where it was made, if it was not paid from a balance.
    pub payment_tx: Option<String>,
    /// How the buyer calls the request.
    pub request_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How it ended.
    pub end: UsageEnd,
}

/// Whose calls are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageParty {
    /// Those that it made.
    Buyer(OwnerId),
    /// Those of its services.
    Provider(OwnerId),
}

/// Which calls are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Only calls of this service.
    pub service: Option<ServiceId>,
    /// Only calls made then or later.
    pub from: Option<Timestamp>,
    /// Only calls made before then.
    pub to: Option<Timestamp>,
    /// Only those that were delivered, or were not.
    pub delivered: Option<bool>,
}

/// What calls come to together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageSum {
    /// How many they are, and how long they took.
    pub calls: CallSum,
    /// How many were delivered.
    pub delivered: i64,
    /// How many were for nothing.
    pub free: i64,
    /// What was charged, in micro-USDC.
    pub amount: i64,
    /// What of it the house took.
    pub commission: i64,
}

impl UsageSum {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            calls: CallSum {
                calls: self.calls.calls.saturating_add(other.calls.calls),
                timed: self.calls.timed.saturating_add(other.calls.timed),
                latency_ms: self.calls.latency_ms.saturating_add(other.calls.latency_ms),
            },
            delivered: self.delivered.saturating_add(other.delivered),
            free: self.free.saturating_add(other.free),
            amount: self.amount.saturating_add(other.amount),
            commission: self.commission.saturating_add(other.commission),
        }
    }
}

/// How many calls, and how long they took together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallSum {
    /// How many.
    pub calls: i64,
    /// How many of them say how long their provider takes. One that was interrupted, or never sent, does not.
    pub timed: i64,
    /// The sum of the times of those, in milliseconds.
    pub latency_ms: i64,
}

impl CallSum {
    /// How long one took on average of those that say so, in milliseconds to one decimal place; zero for none.
    #[must_use]
    pub fn latency_ms_avg(&self) -> f64 {
        let tenths = self.latency_ms.saturating_mul(10).saturating_add(self.timed / 2).checked_div(self.timed).unwrap_or(0);
        f64::from(i32::try_from(tenths).unwrap_or(i32::MAX)) / 10.0
    }
}

/// A service that is called a lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// The service.
    pub service: Service,
    /// Its calls.
    pub calls: CallSum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_has_one_decimal_place() {
        // However many there are that do not say how long they took.
        let average = |timed, latency_ms| CallSum { calls: timed + 7, timed, latency_ms }.latency_ms_avg();
        assert_eq!([average(0, 0), average(3, 10), average(2, 375), average(1, i64::MAX)], [0.0, 3.3, 187.5, 214_748_364.7]);
    }
}
