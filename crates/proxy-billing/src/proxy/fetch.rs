//! Fetching the money of calls that were delivered, and ending them: at once, and again when it was not known what became of it.

use futures_util::{StreamExt, stream};
use rialto_kernel::{Amount, Timestamp};
use rialto_outbound::{HeaderMap, HeaderName, HeaderValue};
use rialto_store::{
    Tx,
    idempotency::{self, Key, Stored},
    outbox,
};
use serde_json::Value;

use super::{
    Bill, Inner, Kept, KeptBody, Proxy, ProxyError,
    kept::Larder,
    open::Ticket,
    pledged::{TURN, is_of_payment},
    settle::{Parties, told},
    step::{Step, step, wait},
};
use crate::{
    payments::{
        Charge, OutsideRail, PaymentRail, release,
        x402::{Address, PaymentState, PaymentStore, Receipt, Settlement, Settling},
    },
    store::{UsageStore, UsageSumStore},
    usage::{UsageEnd, UsageId, UsageReason},
};

/// The status of a call whose payment was not settled.
pub(super) const UNPAID_STATUS: u16 = 402;
/// The status that is kept for repeats when nobody can say whether it was.
const UNCLEAR_STATUS: u16 = 409;
/// How many payments are fetched at once.
const AT_ONCE: usize = 8;

/// What a payment came to.
pub(super) enum Concluded {
    /// The money is here, and in the books.
    Paid(String),
    /// It will not come, or nobody can say any more whether it has: and why.
    Unpaid(String),
    /// It is not known yet.
    Open,
}

impl Proxy {
    /// Fetches the money of calls that were delivered and for which it is not known whether it has come, at most of `limit` of
    /// them; returns how many were taken.
    ///
    /// # Errors
    /// The store's.
    pub async fn fetch_payments(&self, limit: u32) -> Result<usize, ProxyError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let due = inner.db.read(async move |tx: &mut Tx| Ok::<_, ProxyError>(tx.list_settling(now, limit).await?)).await?;
        let taken = stream::iter(due).map(async |usage| match inner.fetch(usage).await {
            Ok(is_taken) => usize::from(is_taken),
            Err(error) => {
                tracing::error!(%error, usage.id = %usage, "the payment of a call could not be fetched");
                0
            }
        });
        Ok(taken.buffer_unordered(AT_ONCE).fold(0, async |sum, taken| sum + taken).await)
    }
}

impl Inner {
    /// Whether it was there to be fetched.
    async fn fetch(&self, usage: UsageId) -> Result<bool, ProxyError> {
        let now = self.clock.now();
        let take = async move |tx: &mut Tx| {
            let due = tx.find_settling(usage).await?.filter(|seen| seen.next_attempt_at <= now);
            match due {
                Some(seen) if tx.take_settling(&seen, now.after(TURN), now).await? => {
                    Ok::<_, ProxyError>(Some(Settling { attempts: seen.attempts.saturating_add(1), ..seen }))
                }
                _ => Ok(None),
            }
        };
        let Some(seen) = self.db.write(take).await? else { return Ok(false) };
        let settlement = self.ask_for(&seen.request, &seen.payer, seen.is_local, usage).await;
        self.conclude_seen(seen, settlement, true).await?;
        Ok(true)
    }

    pub(super) async fn ask_for(&self, request: &Value, payer: &Address, is_local: bool, usage: UsageId) -> Settlement {
        match &self.x402 {
            Some(x402) => x402.settle(request, payer, is_local.then(|| usage.to_string())).await,
            None => Settlement::Unknown { why: "x402 is not configured".to_owned(), may_be_done: false, transaction: None },
        }
    }

    /// Ends a call after the facilitator was asked for the first time.
    pub(super) async fn conclude(&self, usage: UsageId, settlement: Settlement, is_late: bool) -> Result<Concluded, ProxyError> {
        let find = || async move |tx: &mut Tx| Ok(tx.find_settling(usage).await?);
        match self.insist(self.patience(), find).await? {
            // Somebody else asks meanwhile, and was told what this was told, or the contrary. Only that it is paid is sure.
            Some(seen) if seen.attempts > 1 && !matches!(settlement, Settlement::Settled(_)) => Ok(Concluded::Open),
            Some(seen) => self.conclude_seen(Settling { is_asked: seen.attempts > 1, ..seen }, settlement, is_late).await,
            None if matches!(settlement, Settlement::Settled(_)) => self.paid_elsewhere(usage, settlement).await,
            None => self.written(usage).await,
        }
    }

    async fn conclude_seen(&self, seen: Settling, settlement: Settlement, is_late: bool) -> Result<Concluded, ProxyError> {
        let (usage, clock) = (seen.usage, self.clock.clone());
        match step(&seen, settlement, clock.now()) {
            Step::Pay(transaction) => {
                let (until, paid) = (self.patience(), transaction.clone());
                let work = || {
                    let (seen, transaction, larder, clock) = (seen.clone(), paid.clone(), self.larder.clone(), clock.clone());
                    async move |tx: &mut Tx| end_paid(tx, &seen, &transaction, is_late, &larder, clock.now()).await
                };
                let ended = self.insist(until, work).await?;
                if ended && is_late {
                    tracing::info!(usage.id = %usage, "a call was paid when nobody waited for its answer any more: it can be asked for");
                }
                if ended {
                    Ok(Concluded::Paid(transaction))
                } else {
                    self.paid_elsewhere(usage, Settlement::Settled(transaction)).await
                }
            }
            Step::Fail(state, reason) => {
                if state == PaymentState::Unclear {
                    tracing::error!(usage.id = %usage, payer = %seen.payer, reason, "nobody can say whether a call was paid: look at the chain");
                } else {
                    tracing::warn!(usage.id = %usage, reason, "the payment of a call was not settled: its answer is withheld");
                }
                let failure = reason.clone();
                let work = || {
                    let (seen, failure, clock) = (seen.clone(), failure.clone(), clock.clone());
                    async move |tx: &mut Tx| end_unpaid(tx, &seen, state, &failure, clock.now()).await
                };
                match self.insist(self.patience(), work).await {
                    Ok(true) => Ok(Concluded::Unpaid(reason)),
                    Ok(false) => self.written(usage).await,
                    // Somebody else has it now.
                    Err(ProxyError::PaymentRunning) => Ok(Concluded::Open),
                    Err(error) => Err(error),
                }
            }
            Step::Wait { is_asked, transaction } => {
                let put_off = async move |tx: &mut Tx| {
                    let now = clock.now();
                    let next = now.after(wait(seen.attempts));
                    tx.put_off(&seen, is_asked, transaction.as_deref(), next, now).await.map_err(ProxyError::from)
                };
                // Should this fail, it is asked again a little later.
                self.db.write(put_off).await?;
                Ok(Concluded::Open)
            }
        }
    }

    /// That a call is paid which somebody else has ended. If that was for want of a payment, an operator has to know.
    async fn paid_elsewhere(&self, usage: UsageId, settlement: Settlement) -> Result<Concluded, ProxyError> {
        let (Concluded::Unpaid(_), Settlement::Settled(transaction)) = (self.written(usage).await?, settlement) else {
            return self.written(usage).await;
        };
        let (named, clock) = (transaction.clone(), self.clock.clone());
        let note = || {
            let (named, clock) = (named.clone(), clock.clone());
            async move |tx: &mut Tx| Ok(tx.note_transaction(usage, &named, clock.now()).await?)
        };
        let payer: Option<String> = self.insist(self.patience(), note).await?;
        tracing::error!(usage.id = %usage, payer, transaction, "a call was ended as not paid, and its money has come: give it back");
        // Not "unpaid": whoever hears that signs another one.
        Ok(Concluded::Open)
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

/// Writes down that a call is paid, and ends it. Whether it was this that ended it.
async fn end_paid(
    tx: &mut Tx,
    seen: &Settling,
    transaction: &str,
    is_late: bool,
    larder: &Larder,
    now: Timestamp,
) -> Result<bool, ProxyError> {
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
        if is_late {
            // It was paid, and nobody has it yet: for that there is room in any case.
            idempotency::finish(tx, &key, &kept.write()).await?;
        } else {
            kept.keep(tx, &key, seen.buyer, larder, now).await?;
        }
    }
    tx.set_payment_tx(usage, transaction).await?;
    outbox::append_all(tx, told(&parties(seen, Some(transaction)), &end, now)).await?;
    // Whoever else asks meanwhile: that the money is here is true.
    tx.end_payment(seen, false, PaymentState::Settled, Ok(transaction), now).await?;
    OutsideRail.collect(tx, &charge(seen), now).await?;
    tx.sum_up(&[usage]).await?;
    Ok(true)
}

/// Writes down that a call will not be paid, and ends it. Whether it was this that ended it. Its key is free: another payment may be
/// tried. Not so when nobody can say whether it was paid.
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
    match key(seen) {
        Some(key) if state == PaymentState::Unclear => {
            let bill = Bill { usage: seen.usage, amount: Amount::ZERO, is_free: false, latency_ms: seen.outcome.latency_ms };
            let kept = Kept::failure(bill, UNCLEAR_STATUS, UsageReason::PaymentFailed);
            idempotency::finish(tx, &key, &kept.write()).await?;
        }
        Some(key) => idempotency::release(tx, &key).await?,
        None => {}
    }
    outbox::append_all(tx, told(&parties(seen, None), &end, now)).await?;
    if !tx.end_payment(seen, true, state, Err(failure), now).await? {
        // Undone: somebody else has taken it.
        return Err(ProxyError::PaymentRunning);
    }
    release(tx, seen.usage, now).await?;
    tx.sum_up(&[seen.usage]).await?;
    Ok(true)
}

/// Whether this is kept of a call of which nobody can say whether it was paid.
pub(super) fn is_unclear(kept: &Kept) -> bool {
    kept.status.as_u16() == UNCLEAR_STATUS && kept.body == KeptBody::Failed(UsageReason::PaymentFailed)
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
