//! Fetching the money of calls that were delivered, and ending them: at once, and again when it was not known what became of it.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use rialto_store::Tx;
use serde_json::Value;

use super::{
    Inner, Proxy, ProxyError,
    ended::{Ender, end_paid, end_unpaid, is_lost, leave_unclear},
    pledged::TURN,
    step::{Step, step, wait},
};
use crate::{
    payments::x402::{Address, PaymentState, PaymentStore, Settlement, Settling, X402, is_worthless},
    store::UsageStore,
    usage::UsageId,
};

/// How many payments are fetched at once.
pub(super) const FETCHES_MAX: usize = 8;

/// What a payment came to.
pub(super) enum Concluded {
    /// The money is here, and in the books.
    Paid(String),
    /// It will not come: and why.
    Unpaid(String),
    /// Nobody can say any more whether it has come, until an administrator does; or it has come although the call had ended as not
    /// paid, and an operator has to give it back.
    Unclear,
    /// It is not known yet.
    Open,
}

impl Proxy {
    /// Fetches the money of calls that were delivered and for which it is not known whether it has come, of at most `limit` of
    /// them; returns how many were taken. What was begun is brought to its end even when whoever waits for this goes away.
    ///
    /// # Errors
    /// The store's.
    pub async fn fetch_payments(&self, limit: u32) -> Result<usize, ProxyError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let due = inner.db.read(async move |tx: &mut Tx| Ok::<_, ProxyError>(tx.list_settling(now, limit).await?)).await?;
        let taken = stream::iter(due).map(async |usage| {
            // None is left when the process is about to end: the next one goes on.
            let Ok(permit) = Arc::clone(&inner.fetches).acquire_owned().await else { return 0 };
            let ours = Arc::clone(inner);
            let fetched = inner.runtime.spawn(async move {
                let _permit = permit;
                ours.fetch(usage).await
            });
            match fetched.await {
                Ok(Ok(is_taken)) => usize::from(is_taken),
                Ok(Err(error)) => {
                    tracing::error!(%error, usage.id = %usage, "the payment of a call could not be fetched");
                    0
                }
                Err(error) => {
                    tracing::error!(%error, usage.id = %usage, "the payment of a call could not be fetched");
                    0
                }
            }
        });
        Ok(taken.buffer_unordered(FETCHES_MAX).fold(0, async |sum, taken| sum + taken).await)
    }
}

impl Inner {
    /// Whether it was there to be fetched.
    async fn fetch(&self, usage: UsageId) -> Result<bool, ProxyError> {
        let now = self.clock.now();
        let take = async move |tx: &mut Tx| {
            let is_due = |seen: &Settling| seen.next_attempt_at.is_some_and(|at| at <= now);
            match tx.find_settling(usage).await?.filter(is_due) {
                Some(seen) if tx.take_settling(&seen, now.after(TURN), now).await? => {
                    Ok::<_, ProxyError>(Some(Settling { attempts: seen.attempts.saturating_add(1), ..seen }))
                }
                _ => Ok(None),
            }
        };
        let Some(seen) = self.db.write(take).await? else { return Ok(false) };
        let takes_test_money = self.x402.as_ref().is_some_and(X402::takes_test_money);
        let settlement = match seen.transaction.clone().filter(|_| seen.is_paid && !is_worthless(&seen.request, takes_test_money))
        {
            Some(transaction) => Settlement::Settled(transaction),
            None => self.ask_for(&seen.request, &seen.payer, seen.is_local, usage).await,
        };
        self.conclude_seen(seen, settlement, Ender::Withheld).await?;
        Ok(true)
    }

    /// Asks for the money of a call. What is said to that is in the log at once: should the process die before it is written down, or
    /// should the database be away, this is all that is left of it.
    pub(super) async fn ask_for(&self, request: &Value, payer: &Address, is_local: bool, usage: UsageId) -> Settlement {
        let settlement = match &self.x402 {
            Some(x402) => x402.settle(request, payer, is_local.then(|| usage.to_string())).await,
            None => Settlement::Unknown { why: "x402 is not configured".to_owned(), may_be_done: false, transaction: None },
        };
        match &settlement {
            Settlement::Settled(transaction) => {
                tracing::info!(usage.id = %usage, %payer, transaction, "the money of a call has come");
            }
            Settlement::Refused(reason) => {
                tracing::warn!(usage.id = %usage, %payer, reason, "the facilitator refuses the payment of a call");
            }
            Settlement::Used(transaction) => {
                let transaction = transaction.as_deref();
                tracing::warn!(usage.id = %usage, %payer, transaction, "the facilitator says that the payment of a call was used");
            }
            Settlement::Unknown { why, may_be_done, transaction } => {
                let transaction = transaction.as_deref();
                tracing::warn!(usage.id = %usage, %payer, why, may_be_done, transaction,
                    "the facilitator does not say whether the money of a call has come");
            }
        }
        settlement
    }

    /// Ends a call after the facilitator was asked for the first time.
    pub(super) async fn conclude(&self, usage: UsageId, settlement: Settlement) -> Result<Concluded, ProxyError> {
        let find = || async move |tx: &mut Tx| Ok(tx.find_settling(usage).await?);
        let is_paid = matches!(settlement, Settlement::Settled(_));
        match self.insist(self.patience(), find).await? {
            // Somebody else asks meanwhile, and was told what this was told, or the contrary. Only that it is paid is sure.
            Some(seen) if seen.state == PaymentState::Unclear && !is_paid => Ok(Concluded::Unclear),
            Some(seen) if seen.attempts > 1 && !is_paid => Ok(Concluded::Open),
            Some(seen) => {
                let seen = Settling { is_asked: seen.attempts > 1, ..seen };
                self.conclude_seen(seen, settlement, Ender::Delivers).await
            }
            None => match settlement {
                Settlement::Settled(transaction) => {
                    let concluded = self.paid_elsewhere(usage, transaction).await?;
                    if matches!(concluded, Concluded::Paid(_)) {
                        tracing::warn!(usage.id = %usage, "the answer of a call that somebody else has ended as paid is handed over after all");
                    }
                    Ok(concluded)
                }
                _ => self.written(usage).await,
            },
        }
    }

    async fn conclude_seen(&self, seen: Settling, settlement: Settlement, who: Ender) -> Result<Concluded, ProxyError> {
        match step(&seen, settlement, self.clock.now()) {
            Step::Pay(transaction) => self.pay(seen, transaction, who).await,
            Step::Fail(state, reason) => self.give_up(seen, state, reason).await,
            Step::Wait { is_asked, transaction } => {
                let put_off = || {
                    let (seen, transaction, clock) = (seen.clone(), transaction.clone(), self.clock.clone());
                    async move |tx: &mut Tx| {
                        let now = clock.now();
                        let next = now.after(wait(seen.attempts));
                        tx.put_off(&seen, is_asked, transaction.as_deref(), next, now).await.map_err(ProxyError::from)
                    }
                };
                // Should this fail, it is asked again a little later. A name that it is known by later is not to be lost, though.
                let until = if transaction.is_some() { self.patience() } else { self.clock.now() };
                self.insist(until, put_off).await?;
                Ok(Concluded::Open)
            }
        }
    }

    /// Writes down that the money of a call has come. If that cannot be done, the name of the transaction is kept, for whoever tries
    /// it again.
    async fn pay(&self, seen: Settling, transaction: String, who: Ender) -> Result<Concluded, ProxyError> {
        let usage = seen.usage;
        let work = || {
            let (seen, transaction, clock) = (seen.clone(), transaction.clone(), self.clock.clone());
            async move |tx: &mut Tx| end_paid(tx, &seen, &transaction, who, clock.now()).await
        };
        match self.insist(self.patience(), work).await {
            Ok(true) => {
                if who == Ender::Withheld && is_lost(&seen.outcome) {
                    tracing::error!(usage.id = %usage, payer = %seen.payer, transaction,
                        "a call was paid after its answer was lost, which was not kept: give the money back");
                }
                Ok(Concluded::Paid(transaction))
            }
            Ok(false) => self.paid_elsewhere(usage, transaction).await,
            Err(error) => {
                tracing::error!(%error, usage.id = %usage, transaction, "the money of a call has come, and is not in the books yet");
                let note = || {
                    let (transaction, clock) = (transaction.clone(), self.clock.clone());
                    async move |tx: &mut Tx| {
                        let now = clock.now();
                        Ok(tx.note_paid(usage, &transaction, now.after(wait(seen.attempts)), now).await?)
                    }
                };
                // Should that fail as well, the facilitator is asked again, and the log has the name.
                self.insist(self.patience(), note).await?;
                Ok(Concluded::Open)
            }
        }
    }

    /// Writes down that the money of a call will not come, or that nobody can say.
    async fn give_up(&self, seen: Settling, state: PaymentState, reason: String) -> Result<Concluded, ProxyError> {
        let (usage, is_unclear) = (seen.usage, state == PaymentState::Unclear);
        let work = || {
            let (seen, reason, clock) = (seen.clone(), reason.clone(), self.clock.clone());
            async move |tx: &mut Tx| {
                if is_unclear {
                    leave_unclear(tx, &seen, &reason, clock.now()).await.map(|()| true)
                } else {
                    end_unpaid(tx, &seen, &reason, clock.now()).await
                }
            }
        };
        match self.insist(self.patience(), work).await {
            Ok(true) if is_unclear => {
                tracing::error!(usage.id = %usage, payer = %seen.payer, reason,
                    "nobody can say whether a call was paid: look at the chain, and decide (POST /api/v1/admin/payments/{usage}/resolve)");
                Ok(Concluded::Unclear)
            }
            Ok(true) => {
                tracing::warn!(usage.id = %usage, reason, "the payment of a call was not settled: its answer is withheld");
                Ok(Concluded::Unpaid(reason))
            }
            // Somebody else has it now, or has ended it.
            Ok(false) | Err(ProxyError::PaymentRunning) => self.written(usage).await,
            Err(error) => Err(error),
        }
    }

    /// That a call is paid which somebody else has ended. If that was for want of a payment, an operator has to know.
    async fn paid_elsewhere(&self, usage: UsageId, transaction: String) -> Result<Concluded, ProxyError> {
        let written = self.written(usage).await?;
        let Concluded::Unpaid(_) = written else { return Ok(written) };
        let note = || {
            let (transaction, clock) = (transaction.clone(), self.clock.clone());
            async move |tx: &mut Tx| Ok(tx.note_transaction(usage, &transaction, clock.now()).await?)
        };
        let payer: Option<String> = self.insist(self.patience(), note).await?;
        tracing::error!(usage.id = %usage, payer, transaction, "a call was ended as not paid, and its money has come: give it back");
        // Not "unpaid": whoever hears that signs another one. Nor is it worth asking again, the answer is gone.
        Ok(Concluded::Unclear)
    }

    /// What was written about a call that somebody else has ended, or that was ended although the store said otherwise.
    pub(super) async fn written(&self, usage: UsageId) -> Result<Concluded, ProxyError> {
        let find = async move |tx: &mut Tx| Ok::<_, ProxyError>((tx.find_usage(usage).await?, tx.find_settling(usage).await?));
        Ok(match self.db.read(find).await? {
            (Some(usage), _) if usage.end.delivered => Concluded::Paid(usage.payment_tx.unwrap_or_default()),
            (Some(_), _) => Concluded::Unpaid("unexpected_settle_error".to_owned()),
            (None, Some(Settling { state: PaymentState::Unclear, .. })) => Concluded::Unclear,
            (None, _) => Concluded::Open,
        })
    }
}
