//! Fetching the money of calls that were delivered, and ending them: at once, and again when it was not known what became of it.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use rialto_kernel::Timestamp;
use rialto_outbound::{HeaderMap, HeaderName, HeaderValue};
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Key, Stored},
    outbox,
};
use serde_json::Value;

use super::{
    Inner, Kept, KeptBody, Proxy, ProxyError,
    open::Ticket,
    pledged::{TURN, is_of_payment},
    settle::{Parties, told},
};
use crate::{
    payments::{
        Charge, OutsideRail, PaymentRail, release,
        x402::{Address, PaymentState, PaymentStore, Receipt, Settlement, Settling},
    },
    store::UsageStore,
    usage::{UsageEnd, UsageId, UsageReason},
};

/// The status of a call whose payment was not settled.
pub(super) const UNPAID_STATUS: u16 = 402;
/// How many payments are fetched at once.
const AT_ONCE: usize = 8;
/// How long to wait before a payment is fetched again, at first and at most. Each wait is twice the one before.
const WAIT: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// What a payment came to.
pub(super) enum Concluded {
    /// The money is here, and in the books.
    Paid(String),
    /// It will not come, or nobody can say any more whether it has: and why.
    Unpaid(String),
    /// It is not known yet.
    Open,
}

/// What to do with a payment.
enum Step {
    Pay(String),
    Fail(PaymentState, String),
    Wait { is_asked: bool, transaction: Option<String> },
}

impl Proxy {
    /// Fetches the money of calls that were delivered and for which it is not known whether it has come, at most of `limit` of
    /// them; returns how many there were.
    ///
    /// # Errors
    /// The store's.
    pub async fn fetch_payments(&self, limit: u32) -> Result<usize, ProxyError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let due = inner.db.read(async move |tx: &mut Tx| Ok::<_, ProxyError>(tx.list_settling(now, limit).await?)).await?;
        let count = due.len();
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, async |usage| {
                if let Err(error) = inner.fetch(usage).await {
                    tracing::error!(%error, usage.id = %usage, "the payment of a call could not be fetched");
                }
            })
            .await;
        Ok(count)
    }
}

impl Inner {
    async fn fetch(&self, usage: UsageId) -> Result<(), ProxyError> {
        let now = self.clock.now();
        let take = async move |tx: &mut Tx| {
            let due = tx.find_settling(usage).await?.filter(|seen| seen.next_attempt_at <= now);
            match due {
                Some(seen) if tx.take_settling(&seen, now.after(TURN), now).await? => Ok::<_, ProxyError>(Some(seen)),
                _ => Ok(None),
            }
        };
        let Some(seen) = self.db.write(take).await? else { return Ok(()) };
        let settlement = self.ask_for(&seen.request, &seen.payer, usage).await;
        self.conclude_seen(seen, settlement, true).await?;
        Ok(())
    }

    pub(super) async fn ask_for(&self, request: &Value, payer: &Address, usage: UsageId) -> Settlement {
        match &self.x402 {
            Some(x402) => x402.settle(request, payer, &usage.to_string()).await,
            None => Settlement::Unknown { why: "x402 is not configured".to_owned(), may_be_done: false, transaction: None },
        }
    }

    /// Ends a call after the facilitator was asked for the first time.
    pub(super) async fn conclude(&self, usage: UsageId, settlement: Settlement, is_late: bool) -> Result<Concluded, ProxyError> {
        let find = || async move |tx: &mut Tx| Ok(tx.find_settling(usage).await?);
        match self.insist(self.patience(), find).await? {
            Some(seen) => self.conclude_seen(Settling { is_asked: false, ..seen }, settlement, is_late).await,
            None => self.written(usage).await,
        }
    }

    async fn conclude_seen(&self, seen: Settling, settlement: Settlement, is_late: bool) -> Result<Concluded, ProxyError> {
        let (usage, now) = (seen.usage, self.clock.now());
        match step(&seen, settlement, now) {
            Step::Pay(transaction) => {
                let (until, paid) = (self.patience(), transaction.clone());
                let work = || {
                    let (seen, transaction) = (seen.clone(), paid.clone());
                    async move |tx: &mut Tx| end_paid(tx, &seen, &transaction, is_late, now).await
                };
                let ended = self.insist(until, work).await?;
                if ended && is_late {
                    tracing::info!(usage.id = %usage, "a call was paid when nobody waited for its answer any more: it can be asked for");
                }
                if ended { Ok(Concluded::Paid(transaction)) } else { self.written(usage).await }
            }
            Step::Fail(state, reason) => {
                if state == PaymentState::Unclear {
                    tracing::error!(usage.id = %usage, payer = %seen.payer, reason, "nobody can say whether a call was paid: look at the chain");
                } else {
                    tracing::warn!(usage.id = %usage, reason, "the payment of a call was not settled: its answer is withheld");
                }
                let failure = reason.clone();
                let work = || {
                    let (seen, failure) = (seen.clone(), failure.clone());
                    async move |tx: &mut Tx| end_unpaid(tx, &seen, state, &failure, now).await
                };
                let ended = self.insist(self.patience(), work).await?;
                if ended { Ok(Concluded::Unpaid(reason)) } else { self.written(usage).await }
            }
            Step::Wait { is_asked, transaction } => {
                let next = now.after(wait(seen.attempts));
                let put_off = async move |tx: &mut Tx| {
                    tx.put_off(usage, is_asked, transaction.as_deref(), next, now).await.map_err(ProxyError::from)
                };
                // Should this fail, it is asked again a little later.
                self.db.write(put_off).await?;
                Ok(Concluded::Open)
            }
        }
    }

    /// What was written about a call that somebody else has ended, or that was ended although the store said otherwise.
    async fn written(&self, usage: UsageId) -> Result<Concluded, ProxyError> {
        let find = async move |tx: &mut Tx| Ok::<_, ProxyError>(tx.find_usage(usage).await?);
        Ok(match self.db.read(find).await? {
            Some(usage) if usage.end.delivered => Concluded::Paid(usage.payment_tx.unwrap_or_default()),
            Some(_) => Concluded::Unpaid("unexpected_settle_error".to_owned()),
            None => Concluded::Open,
        })
    }
}

/// How long to wait after so many attempts.
fn wait(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(10);
    (WAIT * 2_u32.pow(doublings)).min(WAIT_MAX)
}

/// What follows from an answer. Once a facilitator may have been asked, that a payment is bad says nothing any more: it is just what
/// is said of one that was settled.
fn step(seen: &Settling, settlement: Settlement, now: Timestamp) -> Step {
    let (why, is_asked, transaction) = match settlement {
        Settlement::Settled(transaction) => return Step::Pay(transaction),
        Settlement::Refused { reason, .. } if !seen.is_asked => return Step::Fail(PaymentState::Failed, reason),
        Settlement::Refused { reason, transaction } => {
            // It names the very transaction of which it had said that the money is on its way in it.
            let is_ours = transaction.is_some() && transaction == seen.transaction && is_used(&reason);
            match transaction {
                Some(transaction) if is_ours => return Step::Pay(transaction),
                _ => (reason, true, None),
            }
        }
        Settlement::Unknown { why, may_be_done, transaction } => (why, seen.is_asked || may_be_done, transaction),
    };
    if now >= seen.give_up_at {
        let state = if is_asked { PaymentState::Unclear } else { PaymentState::Failed };
        return Step::Fail(state, why);
    }
    Step::Wait { is_asked, transaction: transaction.or_else(|| seen.transaction.clone()) }
}

/// Whether this says that an authorization was used.
fn is_used(reason: &str) -> bool {
    reason.contains("used") && (reason.contains("nonce") || reason.contains("authorization"))
}

/// Writes down that a call is paid, and ends it. Whether it was this that ended it.
async fn end_paid(tx: &mut Tx, seen: &Settling, transaction: &str, is_late: bool, now: Timestamp) -> Result<bool, ProxyError> {
    let (usage, outcome) = (seen.usage, &seen.outcome);
    let end = UsageEnd {
        delivered: true,
        status_code: outcome.status_code,
        latency_ms: outcome.latency_ms,
        amount: seen.amount,
        commission: outcome.commission,
        reason: outcome.reason,
    };
    if !tx.finish_usage(usage, &end, now).await? {
        return Ok(false);
    }
    if let (Some(key), Some((status, body))) = (key(seen), &outcome.answer) {
        let mut kept = Kept::read(&Stored { status: *status, body: body.clone() })?;
        kept.headers.extend(receipt_headers(&receipt(seen, transaction)));
        if is_of_payment(&key) && !is_late {
            // It is handed over now, and once.
            kept.body = KeptBody::Lost;
        }
        idempotency::finish(tx, &key, &kept.write()).await?;
    }
    tx.set_payment_tx(usage, transaction).await?;
    outbox::append_all(tx, told(&parties(seen, Some(transaction)), &end, now)).await?;
    tx.end_payment(usage, PaymentState::Settled, Ok(transaction), now).await?;
    OutsideRail.collect(tx, &charge(seen), now).await?;
    Ok(true)
}

/// Writes down that a call will not be paid, and ends it. Whether it was this that ended it. Its key is free: another payment may be
/// tried.
async fn end_unpaid(
    tx: &mut Tx,
    seen: &Settling,
    state: PaymentState,
    failure: &str,
    now: Timestamp,
) -> Result<bool, ProxyError> {
    let end = Ticket::failed(UNPAID_STATUS, seen.outcome.latency_ms, UsageReason::PaymentFailed);
    if !tx.finish_usage(seen.usage, &end, now).await? {
        return Ok(false);
    }
    if let Some(key) = key(seen) {
        idempotency::release(tx, &key).await?;
    }
    outbox::append_all(tx, told(&parties(seen, None), &end, now)).await?;
    tx.end_payment(seen.usage, state, Err(failure), now).await?;
    release(tx, seen.usage, now).await?;
    Ok(true)
}

/// Lets go of the payment of a call that was ended because nobody would end it any more.
pub(super) async fn abandon(tx: &mut Tx, usage: UsageId, now: Timestamp) -> Result<(), StoreError> {
    let was_settling = tx.end_payment(usage, PaymentState::Unclear, Err("interrupted"), now).await?;
    if was_settling || tx.release_payment(usage).await? {
        release(tx, usage, now).await.map_err(|error| StoreError::Corrupt(error.to_string()))?;
    }
    Ok(())
}

fn key(seen: &Settling) -> Option<Key> {
    let claim = seen.claim.as_ref()?;
    Some(Key { scope: claim.scope.clone(), key: claim.key.clone(), fingerprint: Vec::new() })
}

fn charge(seen: &Settling) -> Charge {
    Charge {
        usage: seen.usage,
        buyer: seen.buyer,
        provider: seen.provider,
        memo: seen.outcome.memo.clone(),
        price: seen.amount,
        commission: seen.outcome.commission,
        expires_at: seen.give_up_at,
    }
}

fn parties(seen: &Settling, transaction: Option<&str>) -> Parties {
    Parties {
        usage: seen.usage,
        service: seen.service,
        buyer: seen.buyer,
        provider: seen.provider,
        is_free: false,
        payment_method: seen.payment_method,
        payment_tx: transaction.map(str::to_owned),
    }
}

fn receipt(seen: &Settling, transaction: &str) -> Receipt {
    let network = seen.request.pointer("/paymentRequirements/network").and_then(Value::as_str).unwrap_or_default();
    Receipt {
        version: seen.version,
        outcome: Ok(transaction.to_owned()),
        network: network.to_owned(),
        payer: seen.payer.to_string(),
    }
}

/// The headers that tell a buyer what became of its payment.
pub(super) fn receipt_headers(receipt: &Receipt) -> HeaderMap {
    let header =
        |(name, value): (&'static str, String)| Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?));
    receipt.headers().into_iter().filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    use rialto_kernel::Amount;
    use serde_json::json;

    use super::*;
    use crate::payments::x402::{Outcome, Version};

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
        };
        Settling {
            usage: UsageId::new(),
            service: rialto_registry::service::ServiceId::new(),
            buyer: rialto_kernel::OwnerId::new(),
            provider: rialto_kernel::OwnerId::new(),
            payment_method: rialto_registry::service::PaymentMethod::X402,
            claim: None,
            amount: Amount::ZERO,
            version: Version::Two,
            payer: Address::parse(&format!("0x{}", "11".repeat(20))).unwrap(),
            request: json!({}),
            outcome,
            is_asked,
            transaction: transaction.map(str::to_owned),
            attempts: 1,
            next_attempt_at: at(0),
            give_up_at: at(100),
        }
    }

    fn refused(reason: &str, transaction: Option<&str>) -> Settlement {
        Settlement::Refused { reason: reason.to_owned(), transaction: transaction.map(str::to_owned) }
    }

    fn silent(may_be_done: bool, transaction: Option<&str>) -> Settlement {
        Settlement::Unknown { why: "silence".to_owned(), may_be_done, transaction: transaction.map(str::to_owned) }
    }

    const USED: &str = "invalid_exact_evm_nonce_already_used";

    #[test]
    fn what_is_refused_at_first_has_failed() {
        for reason in ["insufficient_funds", USED] {
            let step = step(&seen(false, None), refused(reason, None), at(1));
            assert!(matches!(step, Step::Fail(PaymentState::Failed, why) if why == reason));
        }
    }

    #[test]
    fn what_is_refused_later_says_nothing_until_it_is_over() {
        for reason in ["insufficient_funds", USED] {
            let early = step(&seen(true, None), refused(reason, Some("0x1")), at(1));
            assert!(matches!(early, Step::Wait { is_asked: true, transaction: None }));
            assert!(matches!(step(&seen(true, None), refused(reason, None), at(100)), Step::Fail(PaymentState::Unclear, _)));
        }
    }

    #[test]
    fn a_nonce_that_was_used_is_ours_only_in_the_transaction_that_was_named_before() {
        let ours = seen(true, Some("0x1"));
        assert!(matches!(step(&ours, refused(USED, Some("0x1")), at(1)), Step::Pay(there) if there == "0x1"));
        assert!(matches!(step(&ours, refused(USED, Some("0x2")), at(1)), Step::Wait { .. }));
        assert!(matches!(step(&ours, refused(USED, None), at(1)), Step::Wait { .. }));
        assert!(matches!(step(&ours, refused("insufficient_funds", Some("0x1")), at(1)), Step::Wait { .. }));
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
