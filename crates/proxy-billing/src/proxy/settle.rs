//! After the call: the record, the answer for repeats, the money and the event, in one transaction.

use std::time::Duration;

use rialto_kernel::{Amount, Event, OwnerId, Timestamp};
use rialto_outbound::HeaderMap;
use rialto_registry::service::{PaymentMethod, ServiceId};
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Key},
    outbox,
};
use serde_json::json;

use super::{
    Bill, Inner, Kept, ProxyError,
    kept::Larder,
    open::{Ticket, decimal},
    pledged::is_of_payment,
};
use crate::{
    model::ClaimName,
    payments::{
        RailError, collect, release,
        x402::{Offer, PaymentStore},
    },
    store::{UsageStore, UsageSumStore},
    usage::{UsageEnd, UsageId, UsageReason},
};

/// The status of a call that nobody finished.
const INTERRUPTED_STATUS: u16 = 503;
/// How long to wait before a call is settled again, at first and at most. Each wait is twice the one before.
const SETTLE_PAUSE: Duration = Duration::from_millis(50);
const SETTLE_PAUSE_MAX: Duration = Duration::from_secs(5);

/// What becomes of the key of a call.
#[derive(Debug, Clone)]
pub(super) enum Keep {
    /// A repeat is told this.
    Answer(Box<Kept>),
    /// Nothing was sent: a repeat is a call of its own.
    Nothing,
}

/// What came of settling a call that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settled {
    /// As it was asked for. These headers say so, if the payment came with the call.
    Done(HeaderMap),
    /// It was too late, or somebody else ended the call: it is not charged, and its answer is withheld.
    Withheld,
    /// The payment that came with it was not settled: its answer is withheld.
    Unpaid(Box<Offer>),
    /// Nobody knows yet whether the payment that came with it was settled: its answer is withheld until then.
    Pending,
    /// Nobody can say any more whether it was: its answer is withheld until an administrator does.
    Unclear,
    /// The payment that came with it was not asked for, as far as this is known: that could not be written down.
    Unasked,
}

impl Ticket {
    /// The end of a call that was delivered.
    pub(super) fn delivered(&self, status_code: u16, latency_ms: u64, reason: Option<UsageReason>) -> UsageEnd {
        let (amount, commission) = (self.price(), self.commission());
        UsageEnd { delivered: true, status_code, latency_ms, amount, commission, reason }
    }

    /// The end of one that was not.
    pub(super) fn failed(status_code: u16, latency_ms: u64, reason: UsageReason) -> UsageEnd {
        let (amount, commission) = (Amount::ZERO, Amount::ZERO);
        UsageEnd { delivered: false, status_code, latency_ms, amount, commission, reason: Some(reason) }
    }

    /// What is told of an end.
    pub(super) fn bill(&self, end: &UsageEnd) -> Bill {
        Bill { usage: self.usage, amount: end.amount, is_free: self.is_free, latency_ms: end.latency_ms }
    }

    fn parties(&self) -> Parties {
        Parties {
            usage: self.usage,
            service: self.service,
            buyer: self.buyer,
            provider: self.provider,
            is_free: self.is_free,
            payment_method: self.payment_method,
            payment_tx: None,
        }
    }
}

impl Inner {
    /// Settles a call. A store that fails is asked again for as long as the price is set aside: the work is done, and it is not
    /// to be lost.
    pub(super) async fn settle(&self, ticket: &Ticket, end: UsageEnd, keep: Keep) -> Result<Settled, ProxyError> {
        if let Some(pledge) = ticket.pledge.as_ref().filter(|_| end.delivered) {
            return Ok(self.settle_pledge(ticket, pledge, end, &keep).await);
        }
        // Its payment may be used again, so it says nothing about who asks.
        let keep = if ticket.key.as_ref().is_some_and(is_of_payment) { Keep::Nothing } else { keep };
        let mut pause = SETTLE_PAUSE;
        loop {
            match self.try_settle(ticket, end, &keep).await {
                Err(ProxyError::Store(error)) if may_pass(&error) && self.clock.now() < ticket.expires_at => {
                    tracing::warn!(%error, usage.id = %ticket.usage, "a call could not be settled yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(SETTLE_PAUSE_MAX);
                }
                done => return done,
            }
        }
    }

    async fn try_settle(&self, ticket: &Ticket, end: UsageEnd, keep: &Keep) -> Result<Settled, ProxyError> {
        let now = self.clock.now();
        if let Some(new) = &ticket.unwritten {
            self.gratis.end(new, end, told(&ticket.parties(), &end, now), now).await?;
            return Ok(Settled::Done(HeaderMap::new()));
        }
        let (ours, kept, larder) = (ticket.clone(), keep.clone(), self.larder.clone());
        match self.db.write(async move |tx: &mut Tx| settle(tx, &ours, end, &kept, &larder, now).await).await {
            Ok(true) => return Ok(Settled::Done(HeaderMap::new())),
            // Somebody else has ended it: see below.
            Ok(false) => {}
            Err(ProxyError::Interrupted) if end.delivered => {
                tracing::warn!(usage.id = %ticket.usage, "the hold of a call is over: its answer is withheld, and it is not charged");
                let late = Ticket::failed(INTERRUPTED_STATUS, end.latency_ms, UsageReason::Interrupted);
                let kept =
                    Keep::Answer(Box::new(Kept::failure(ticket.bill(&late), INTERRUPTED_STATUS, UsageReason::Interrupted)));
                let (ours, larder) = (ticket.clone(), self.larder.clone());
                self.db.write(async move |tx: &mut Tx| settle(tx, &ours, late, &kept, &larder, now).await).await?;
                return Ok(Settled::Withheld);
            }
            Err(error) => return Err(error),
        }
        // Either this process stood still for so long that the janitor was faster, or a COMMIT of ours came through although the
        // store said that it had failed.
        let id = ticket.usage;
        let written = self.db.read(async move |tx: &mut Tx| tx.find_usage(id).await).await?;
        Ok(match written {
            Some(usage) if usage.end.delivered == end.delivered => Settled::Done(HeaderMap::new()),
            _ => Settled::Withheld,
        })
    }
}

/// Whether the same work may go well when it is done again.
pub(super) const fn may_pass(error: &StoreError) -> bool {
    !matches!(
        error,
        StoreError::Unique(_) | StoreError::ForeignKey(_) | StoreError::Check(_) | StoreError::Corrupt(_) | StoreError::Schema(_)
    )
}

/// Whether it was this that ended the call. Rows are locked in the order call, room for its answer, claim, calls for nothing, payment,
/// hold, accounts, sums: those of a provider that is called much are wanted by many, and so are held shortest.
async fn settle(
    tx: &mut Tx,
    ticket: &Ticket,
    end: UsageEnd,
    keep: &Keep,
    larder: &Larder,
    now: Timestamp,
) -> Result<bool, ProxyError> {
    if !tx.finish_usage(ticket.usage, &end, now).await? {
        return Ok(false);
    }
    match (&ticket.key, keep) {
        (None, _) => {}
        (Some(key), Keep::Answer(kept)) => kept.keep(tx, key, ticket.buyer, larder, now).await?,
        (Some(key), Keep::Nothing) => idempotency::release(tx, key).await?,
    }
    if ticket.is_free && !end.delivered {
        tx.return_free_call(ticket.service, ticket.buyer).await?;
    }
    outbox::append_all(tx, told(&ticket.parties(), &end, now)).await?;
    if let Some(charge) = &ticket.charge {
        if end.delivered {
            collect(tx, charge, now).await?;
        } else {
            if ticket.pledge.is_some() {
                tx.release_payment(ticket.usage).await?;
            }
            match release(tx, charge.usage, now).await {
                // It is not charged either way.
                Err(RailError::Over) => {}
                done => done?,
            }
        }
    }
    tx.sum_up(&[ticket.usage]).await?;
    Ok(true)
}

/// Who has to do with a call.
pub(super) struct Parties {
    pub(super) usage: UsageId,
    pub(super) service: ServiceId,
    pub(super) buyer: OwnerId,
    pub(super) provider: OwnerId,
    pub(super) is_free: bool,
    pub(super) payment_method: PaymentMethod,
    pub(super) payment_tx: Option<String>,
}

/// What is told of a call: `service.called` or `service.failed`, which is the provider's, and `payment.completed`, which is the buyer's.
pub(super) fn told(call: &Parties, end: &UsageEnd, now: Timestamp) -> Vec<Event> {
    let data = json!({
        "usage_id": call.usage,
        "service_id": call.service,
        "buyer_owner_id": call.buyer,
        "provider_owner_id": call.provider,
        "amount_usd": decimal(end.amount),
        "commission_usd": decimal(end.commission),
        "payment_method": call.payment_method.as_str(),
        "payment_tx": call.payment_tx,
        "free_tier": call.is_free,
        "status_code": end.status_code,
        "latency_ms": end.latency_ms,
        "reason": end.reason,
    });
    let subject = call.service.uuid();
    let payment = (!end.amount.is_zero()).then(|| {
        let (owner, data) = (Some(call.buyer), data.clone());
        Event { kind: "payment.completed", subject, owner, data, at: now }
    });
    let kind = if end.delivered { "service.called" } else { "service.failed" };
    payment.into_iter().chain([Event { kind, subject, owner: Some(call.provider), data, at: now }]).collect()
}

/// Ends calls that nobody will finish any more, because their process died: failed, and not charged. At most `limit` of them;
/// returns how many, so call it again while it returns as many as it may.
///
/// What was set aside of balances for them goes back by [`rialto_ledger::expire_holds`]. What stands for payments that came with them is
/// given back here, and those may be used again; calls whose money is being fetched are left to [`super::Proxy::fetch_payments`]. Their keys are answered, not freed: whether the
/// provider did the work is unknown, and a repeat must not do it again.
///
/// # Errors
/// The store's.
pub async fn close_interrupted(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
    let (stale, mut ended, mut pledged) = (tx.list_stale_usage(now, limit).await?, Vec::new(), Vec::new());
    for call in &stale {
        let latency_ms = u64::try_from(now.since(call.created_at).as_millis()).unwrap_or(u64::MAX);
        let end = Ticket::failed(INTERRUPTED_STATUS, latency_ms, UsageReason::Interrupted);
        // Its money may be being fetched since it was listed.
        if !tx.close_usage(call.id, &end, now).await? {
            continue;
        }
        ended.push(call.id);
        let key = |claim: &ClaimName| Key { scope: claim.scope.clone(), key: claim.key.clone(), fingerprint: Vec::new() };
        if let Some(key) = call.claim.as_ref().map(key).filter(is_of_payment) {
            idempotency::release(tx, &key).await?;
        } else if let Some(key) = call.claim.as_ref().map(key) {
            let bill = Bill { usage: call.id, amount: Amount::ZERO, is_free: call.is_free, latency_ms };
            let kept = Kept::failure(bill, INTERRUPTED_STATUS, UsageReason::Interrupted);
            idempotency::finish(tx, &key, &kept.write()).await?;
        }
        if call.is_free {
            tx.return_free_call(call.service, call.buyer).await?;
        }
        let parties = Parties {
            usage: call.id,
            service: call.service,
            buyer: call.buyer,
            provider: call.provider,
            is_free: call.is_free,
            payment_method: call.payment_method,
            payment_tx: None,
        };
        outbox::append_all(tx, told(&parties, &end, now)).await?;
        // Whatever the service is paid by now.
        if tx.release_payment(call.id).await? {
            pledged.push(call.id);
        }
    }
    // Holds are locked after all other rows, sums aside.
    for usage in pledged {
        release(tx, usage, now).await.map_err(|error| StoreError::Corrupt(error.to_string()))?;
    }
    tx.sum_up(&ended).await?;
    Ok(stale.len())
}
