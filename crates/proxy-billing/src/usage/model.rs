//! The nouns of usage.

use rialto_kernel::{Amount, Id, OwnerId, Ppm, Timestamp, nouns};
use rialto_registry::service::{PaymentMethod, Service, ServiceId};

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
    /// The scope of the key that a repeat is known by; the key is the request's id.
    pub claim_scope: Option<String>,
    /// When it is made.
    pub created_at: Timestamp,
    /// When its hold ends.
    pub expires_at: Timestamp,
}

/// How many calls, and how long they took together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallSum {
    /// How many.
    pub calls: i64,
    /// The sum of their times, in milliseconds.
    pub latency_ms: i64,
}

impl CallSum {
    /// How long one took on average, in milliseconds to one decimal place; zero for none.
    #[must_use]
    pub fn latency_ms_avg(&self) -> f64 {
        let tenths = self.latency_ms.saturating_mul(10).saturating_add(self.calls / 2).checked_div(self.calls).unwrap_or(0);
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
        let average = |calls, latency_ms| CallSum { calls, latency_ms }.latency_ms_avg();
        assert_eq!([average(0, 0), average(3, 10), average(2, 375), average(1, i64::MAX)], [0.0, 3.3, 187.5, 214_748_364.7]);
    }
}
