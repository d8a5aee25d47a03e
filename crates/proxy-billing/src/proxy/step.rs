//! What follows from what a facilitator says of a payment.

use std::time::Duration;

use rialto_kernel::Timestamp;

use crate::payments::x402::{PaymentState, Settlement, Settling};

/// How long to wait before a payment is fetched again, at first and at most. Each wait is twice the one before.
const WAIT: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// What to do with a payment.
pub(super) enum Step {
    Pay(String),
    Fail(PaymentState, String),
    Wait { is_asked: bool, transaction: Option<String> },
}

/// How long to wait after so many attempts.
pub(super) fn wait(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(10);
    (WAIT * 2_u32.pow(doublings)).min(WAIT_MAX)
}

/// What follows from an answer. Once a facilitator may have been asked, that a payment is bad says nothing any more: it is just what
/// is said of one that was settled.
pub(super) fn step(seen: &Settling, settlement: Settlement, now: Timestamp) -> Step {
    let (why, is_asked, transaction) = match settlement {
        Settlement::Settled(transaction) => return Step::Pay(transaction),
        Settlement::Refused(reason) if !seen.is_asked => return Step::Fail(PaymentState::Failed, reason),
        Settlement::Refused(reason) => (reason, true, None),
        // It names the very transaction of which it had said that the money is on its way in it.
        Settlement::Used(Some(transaction))
            if seen.transaction.as_ref().is_some_and(|there| there.eq_ignore_ascii_case(&transaction)) =>
        {
            return Step::Pay(transaction);
        }
        Settlement::Used(Some(transaction)) => (format!("the authorization was used in {transaction}"), true, None),
        Settlement::Used(None) => ("the authorization was used".to_owned(), true, None),
        Settlement::Unknown { why, may_be_done, transaction } => (why, seen.is_asked || may_be_done, transaction),
    };
    if now >= seen.give_up_at {
        let state = if is_asked { PaymentState::Unclear } else { PaymentState::Failed };
        return Step::Fail(state, why);
    }
    Step::Wait { is_asked, transaction: transaction.or_else(|| seen.transaction.clone()) }
}

#[cfg(test)]
mod tests {
    use rialto_kernel::Amount;
    use serde_json::json;

    use super::*;
    use crate::{
        payments::x402::{Address, Outcome, Version},
        usage::UsageId,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn seen(is_asked: bool, transaction: Option<&str>) -> Settling {
        let outcome = Outcome {
            status_code: 200,
            latency_ms: 1,
            reason: None,
            commission: Amount::ZERO,
            memo: String::new(),
            answer: None,
            fingerprint: Vec::new(),
        };
        Settling {
            usage: UsageId::new(),
            state: PaymentState::Settling,
            service: rialto_registry::service::ServiceId::new(),
            buyer: rialto_kernel::OwnerId::new(),
            provider: rialto_kernel::OwnerId::new(),
            payment_method: rialto_registry::service::PaymentMethod::X402,
            claim: None,
            amount: Amount::ZERO,
            version: Version::Two,
            payer: Address::parse(&format!("0x{}", "11".repeat(20))).unwrap(),
            is_local: false,
            request: json!({}),
            outcome,
            is_asked,
            transaction: transaction.map(str::to_owned),
            is_paid: false,
            attempts: 1,
            next_attempt_at: Some(at(0)),
            give_up_at: at(100),
            created_at: at(0),
        }
    }

    fn refused(reason: &str) -> Settlement {
        Settlement::Refused(reason.to_owned())
    }

    fn used(transaction: Option<&str>) -> Settlement {
        Settlement::Used(transaction.map(str::to_owned))
    }

    fn silent(may_be_done: bool, transaction: Option<&str>) -> Settlement {
        Settlement::Unknown { why: "silence".to_owned(), may_be_done, transaction: transaction.map(str::to_owned) }
    }

    #[test]
    fn what_is_refused_at_first_has_failed() {
        let refused_first = step(&seen(false, None), refused("insufficient_funds"), at(1));
        assert!(matches!(refused_first, Step::Fail(PaymentState::Failed, why) if why == "insufficient_funds"));
        // That a nonce was used is also said of the payment that came.
        assert!(matches!(step(&seen(false, None), used(None), at(1)), Step::Wait { is_asked: true, transaction: None }));
    }

    #[test]
    fn what_is_refused_later_says_nothing_until_it_is_over() {
        let early = step(&seen(true, None), refused("insufficient_funds"), at(1));
        assert!(matches!(early, Step::Wait { is_asked: true, transaction: None }));
        for late in [refused("insufficient_funds"), used(None)] {
            assert!(matches!(step(&seen(true, None), late, at(100)), Step::Fail(PaymentState::Unclear, _)));
        }
    }

    #[test]
    fn a_nonce_that_was_used_is_ours_only_in_the_transaction_that_was_named_before() {
        let ours = seen(true, Some("0x1"));
        assert!(matches!(step(&ours, used(Some("0x1")), at(1)), Step::Pay(there) if there == "0x1"));
        // Nor is one remembered that is named like that.
        for other in [used(Some("0x2")), used(None)] {
            assert!(matches!(step(&ours, other, at(1)), Step::Wait { transaction: Some(there), .. } if there == "0x1"));
        }
        assert!(matches!(step(&ours, refused("insufficient_funds"), at(1)), Step::Wait { .. }));
    }

    #[test]
    fn silence_is_asked_again_until_it_is_over() {
        assert!(matches!(step(&seen(false, None), silent(false, None), at(1)), Step::Wait { is_asked: false, .. }));
        assert!(matches!(step(&seen(false, None), silent(true, Some("0x1")), at(1)),
            Step::Wait { is_asked: true, transaction: Some(there) } if there == "0x1"));
        assert!(matches!(step(&seen(true, None), silent(false, None), at(99)), Step::Wait { is_asked: true, .. }));
        assert!(matches!(step(&seen(false, None), silent(false, None), at(100)), Step::Fail(PaymentState::Failed, _)));
        assert!(matches!(step(&seen(true, None), silent(false, None), at(100)), Step::Fail(PaymentState::Unclear, _)));
        assert!(matches!(step(&seen(true, None), Settlement::Settled("0x9".into()), at(500)), Step::Pay(_)));
    }

    #[test]
    fn waits_grow_up_to_a_bound() {
        let seconds = [1, 2, 3, 7, 100, i32::MAX].map(|attempts| wait(attempts).as_secs());
        assert_eq!(seconds, [5, 10, 20, 300, 300, 300]);
    }
}
