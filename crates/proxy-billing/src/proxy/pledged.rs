//! Calls that bring their payment with them, by x402.
//!
//! 1. Before the call the payment is checked, by us and then by the facilitator, with no transaction open ([`Inner::admit`]). The
//!    transaction that writes the call down also takes the authorization, which can be taken once. A call for nothing needs none.
//! 2. When the answer is whole (of one that is large or live: when it begins), a transaction says that its money is being fetched;
//!    then the facilitator is asked for it, and the transaction that ends the call writes the money down
//!    ([`Inner::settle_pledge`]). Only then is the answer handed over.
//! 3. When nobody knows what became of the money, the answer is withheld, the call goes on, and the facilitator is asked again
//!    until there is an end ([`super::fetch`]), or until an administrator says what became of it ([`super::resolve`]). The buyer has
//!    the answer then if it asks again, with the same key or payment.
//! 4. When the call is not delivered, nothing was asked for: the authorization may be used again.

use std::{borrow::Cow, sync::Arc, time::Duration};

use rialto_kernel::{Caller, Clock, OwnerId, Timestamp};
use rialto_registry::service::{Service, ServiceId, find_service};
use rialto_store::{
    Tx,
    idempotency::{self, Claim, Key, Stored},
};

use super::{
    Inner, Kept, KeptBody, ProxyError,
    ended::{is_unclear, receipt_headers},
    fetch::Concluded,
    open::{Asked, Ticket, target},
    settle::{Keep, Settled, may_pass},
};
use crate::{
    payments::x402::{
        AuthorizationId, Offer, Outcome, Payment, PaymentState, PaymentStore, Pledge, Receipt, Requirements, SETTLE_TIME,
        Unreadable, UsedAuthorization, VALID_MAX, Verdict, Version, X402,
    },
    store::UsageStore,
    usage::{UsageEnd, UsageId},
};

/// What is said to whoever has brought no payment.
const NOT_PAID: &str = "PAYMENT-SIGNATURE header is required";
/// How long after a payment has ended it is still asked what became of it: chains are slow.
const AFTER_ITS_END: Duration = Duration::from_secs(10 * 60);
/// How long that is asked at most, its end aside: no longer than keys are remembered.
const LONGEST: Duration = VALID_MAX;
/// How much longer a call is left to whoever asks that.
const BACKSTOP: Duration = Duration::from_secs(60 * 60);
/// How long whoever has begun to ask is left alone.
pub(super) const TURN: Duration = SETTLE_TIME.saturating_add(Duration::from_secs(30));
/// How long a store that fails is asked again to write down what became of a payment.
const INSISTENCE: Duration = Duration::from_secs(10 * 60);
/// How long to wait before that, at first and at most.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How the keys begin that are made of payments.
const PAYMENT_KEY: &str = "payment ";

/// A payment that came with a request.
#[derive(Debug, Clone)]
pub struct Brought {
    /// The payment, if it can be read.
    pub payment: Result<Payment, Unreadable>,
    /// The key that a repeat is known by that has no other: see [`Brought::key`].
    pub key: Option<Key>,
    /// Whether the request says by `Idempotency-Key` which one it is. What else it is called, each time otherwise perhaps, does not
    /// make it another one than the first with this payment.
    pub is_named: bool,
}

impl Brought {
    /// What a key is called that is made of this payment.
    #[must_use]
    pub fn key(payment: &Payment) -> Option<String> {
        Some(format!("{PAYMENT_KEY}{}", payment.identity()?))
    }
}

/// Whether this key was made of a payment.
pub(super) fn is_of_payment(key: &Key) -> bool {
    key.key.starts_with(PAYMENT_KEY)
}

/// What became of a payment that came with a request.
#[derive(Debug, Clone, Default)]
pub(super) enum Pledged {
    /// There was none, or it does not matter.
    #[default]
    Nothing,
    /// The request was made before.
    Repeated,
    /// The request was made before, under another name, and this is what is told of it.
    Answered(Box<Kept>),
    /// It was not looked at: the call is for nothing. If it turns out not to be, it is not made like this.
    Free,
    /// It is good.
    Good(Arc<Pledge>),
}

/// What is said to a buyer of a payment that was used. Never 402: whoever hears that signs another one.
pub(super) fn used(by: &UsedAuthorization, buyer: OwnerId) -> ProxyError {
    match by.state {
        PaymentState::Reserved | PaymentState::Settling => ProxyError::PaymentRunning,
        PaymentState::Settled | PaymentState::Failed => ProxyError::PaymentUsed,
        PaymentState::Unclear => ProxyError::PaymentUnclear(Some(by.usage).filter(|_| by.buyer == buyer)),
    }
}

/// What to say to a buyer.
pub(super) fn offer(requirements: Requirements, error: impl Into<Cow<'static, str>>) -> Box<Offer> {
    Box::new(Offer { error: error.into(), requirements, receipt: None })
}

/// What to say to one that has not paid.
pub(super) fn unpaid(requirements: Requirements) -> Box<Offer> {
    offer(requirements, NOT_PAID)
}

/// What is known of a request that brings a payment, before the payment is looked at.
struct Known {
    /// Whether the request was made before.
    is_repeat: bool,
    service: Service,
    /// Whether it is a call for nothing.
    is_free: bool,
    /// Who has used the payment, if somebody has.
    used: Option<UsedAuthorization>,
    /// What the first request with this payment has come to, if this is the same one under another name.
    first: Option<First>,
}

/// What the first of several equal requests has come to.
enum First {
    Running,
    Answered(Box<Kept>),
}

/// What the call has come to that has used a payment, if `asked` is the key that the same request as that would have by its payment.
async fn first(tx: &mut Tx, by: &UsedAuthorization, asked: &Key) -> Result<Option<First>, ProxyError> {
    let Some(claim) = by.claim.as_ref().filter(|claim| claim.scope == asked.scope) else { return Ok(None) };
    let own = Key { scope: claim.scope.clone(), key: claim.key.clone(), fingerprint: asked.fingerprint.clone() };
    match idempotency::find(tx, &own).await? {
        Some(Claim::Running) if by.state.is_open() => return Ok(Some(First::Running)),
        Some(Claim::Done(stored)) => {
            let kept = Kept::read(&stored)?;
            if kept.bill.usage == by.usage {
                return Ok(Some(First::Answered(Box::new(kept))));
            }
        }
        _ => {}
    }
    // The key is another call's by now, and the answer stayed beside the payment.
    let outcome = by.outcome.as_ref().filter(|outcome| {
        by.state == PaymentState::Settled && !outcome.fingerprint.is_empty() && outcome.fingerprint == asked.fingerprint
    });
    let Some((status, body)) = outcome.and_then(|outcome| outcome.answer.clone()) else { return Ok(None) };
    Ok(Some(First::Answered(Box::new(Kept::read(&Stored { status, body })?))))
}

impl Inner {
    /// Checks the payment that a request brings, if there is one and the service takes it. One that does not matter is ignored: the
    /// call is paid from the balance then, or is for nothing, unless `must_pay` says that it turned out not to be.
    pub(super) async fn admit(&self, caller: &Caller, asked: &mut Asked, must_pay: bool) -> Result<(), ProxyError> {
        let Some(brought) = &asked.brought else { return Ok(()) };
        if !caller.may_write(caller.owner) {
            return Err(ProxyError::ReadOnly);
        }
        let key = asked.key.clone().or_else(|| brought.key.clone());
        let (payment, x402) = (brought.payment.clone(), self.x402.clone());
        asked.pledged = Pledged::Nothing;
        let id = x402.as_ref().zip(payment.as_ref().ok()).and_then(|(x402, payment)| x402.authorization(payment));
        let by_payment = brought.key.clone().filter(|_| !brought.is_named);
        let known = self.look(caller, asked.service, key.clone(), (id, by_payment)).await?;
        // However the service is paid by now: a repeat is told what the first request was told, and is not charged.
        if known.is_repeat {
            (asked.key, asked.pledged) = (key, Pledged::Repeated);
            return Ok(());
        }
        match known.first {
            Some(First::Running) => return Err(ProxyError::PaymentRunning),
            Some(First::Answered(kept)) if is_unclear(&kept) => return Err(ProxyError::PaymentUnclear(Some(kept.bill.usage))),
            // It was handed over as it came.
            Some(First::Answered(kept)) if kept.body == KeptBody::Lost => return Err(ProxyError::PaymentUsed),
            Some(First::Answered(kept)) => {
                asked.pledged = Pledged::Answered(kept);
                return Ok(());
            }
            None => {}
        }
        let service = known.service;
        let Some(x402) = x402 else { return Ok(()) };
        let requirements = x402.requirements(&service, &asked.path);
        if requirements.is_some() && known.is_free && !must_pay {
            asked.pledged = Pledged::Free;
            return Ok(());
        }
        let Some(requirements) = requirements else {
            // Whoever brings one that has no end yet is not paying from the balance meanwhile.
            return known.used.filter(|by| by.state.is_open()).map_or(Ok(()), |by| Err(used(&by, caller.owner)));
        };
        asked.key = key;
        // What is refused in any case is not worth a payment.
        target(&service, asked)?;
        if let Some(most) = asked.amount_max.filter(|most| service.price > *most) {
            return Err(ProxyError::AboveMax { price: service.price, most });
        }
        if let Some(by) = known.used {
            return Err(used(&by, caller.owner));
        }
        let payment = payment.map_err(ProxyError::PaymentUnreadable)?;
        let pledge = match requirements.check(&payment, self.clock.now()) {
            Ok(pledge) => pledge,
            Err(flaw) => return Err(ProxyError::PaymentRefused(offer(requirements, flaw.as_str()))),
        };
        match x402.verify(&pledge).await {
            Verdict::Good => asked.pledged = Pledged::Good(Arc::new(pledge)),
            // By another request of ours, perhaps, since we looked; or by whoever has the same wallet.
            Verdict::Used => {
                let by = self.find_used(&pledge).await?;
                return Err(by.map_or(ProxyError::PaymentUsed, |by| used(&by, caller.owner)));
            }
            Verdict::Bad(reason) => return Err(ProxyError::PaymentRefused(offer(requirements, reason))),
            Verdict::Unknown => return Err(ProxyError::FacilitatorSilent),
        }
        Ok(())
    }

    async fn look(
        &self,
        caller: &Caller,
        service: ServiceId,
        key: Option<Key>,
        (id, by_payment): (Option<AuthorizationId>, Option<Key>),
    ) -> Result<Known, ProxyError> {
        let buyer = caller.owner;
        let look = async move |tx: &mut Tx| {
            let is_repeat = match &key {
                Some(key) => idempotency::find(tx, key).await?.is_some(),
                None => false,
            };
            let service = find_service(tx, service).await?;
            let is_free = service.free_tier_calls > 0 && tx.has_free_call(service.id, buyer, service.free_tier_calls).await?;
            let used = match &id {
                Some(id) => tx.find_authorization(id).await?,
                None => None,
            };
            let first = match (&used, &by_payment) {
                (Some(by), Some(asked)) if !is_repeat => first(tx, by, asked).await?,
                _ => None,
            };
            Ok::<_, ProxyError>(Known { is_repeat, service, is_free, used, first })
        };
        self.db.read(look).await
    }

    async fn find_used(&self, pledge: &Pledge) -> Result<Option<UsedAuthorization>, ProxyError> {
        let id = pledge.authorization();
        self.db.read(async move |tx: &mut Tx| Ok(tx.find_authorization(&id).await?)).await
    }

    /// Fetches the money for a call that was delivered, and ends it.
    ///
    /// Once it may be that the money is being fetched there are no errors: whatever fails then, it is not known yet what came of it.
    pub(super) async fn settle_pledge(&self, ticket: &Ticket, pledge: &Pledge, end: UsageEnd, keep: &Keep) -> Settled {
        let (usage, clock) = (ticket.usage, self.clock.clone());
        let begin = Begin { usage, outcome: outcome(ticket, &end, keep), valid_before: pledge.valid_before, clock };
        let begun = self.insist(ticket.expires_at, || {
            let begin = begin.clone();
            async move |tx: &mut Tx| begin.run(tx).await
        });
        let concluded = match begun.await {
            Ok(true) => {
                let is_local = self.x402.as_ref().is_some_and(X402::is_local);
                let settlement = self.ask_for(&pledge.request, &pledge.payer, is_local, usage).await;
                self.conclude(usage, settlement).await
            }
            // Somebody else has ended it, because this process stood still for so long: as interrupted, unless that it was begun had
            // been written down although the store said that it was not.
            Ok(false) => match self.written(usage).await {
                Ok(Concluded::Unpaid(_)) => return Settled::Withheld,
                written => written,
            },
            Err(error) => {
                tracing::error!(%error, usage.id = %usage, "the money of a call was not asked for: that could not be written down");
                return Settled::Unasked;
            }
        };
        match concluded {
            Ok(Concluded::Paid(transaction)) => Settled::Done(receipt_headers(&receipt(pledge, Ok(transaction)))),
            Ok(Concluded::Unpaid(reason)) => {
                let error: Cow<'static, str> = reason.into();
                let receipt = Some(receipt(pledge, Err(error.clone())));
                Settled::Unpaid(Box::new(Offer { error, requirements: pledge.requirements.clone(), receipt }))
            }
            Ok(Concluded::Unclear) => Settled::Unclear,
            Ok(Concluded::Open) => Settled::Pending,
            Err(error) => {
                tracing::error!(%error, usage.id = %usage, "it is not known whether a call is paid: it is asked again");
                Settled::Pending
            }
        }
    }

    /// Runs a transaction again for as long as the store fails in a way that may pass, until this moment.
    pub(super) async fn insist<R, F>(&self, until: Timestamp, work: impl Fn() -> F) -> Result<R, ProxyError>
    where
        F: AsyncFn(&mut Tx) -> Result<R, ProxyError> + Send + 'static,
        R: Send + 'static,
    {
        let mut pause = PAUSE;
        loop {
            match self.db.write(work()).await {
                Err(ProxyError::Store(error)) if may_pass(&error) && self.clock.now() < until => {
                    tracing::warn!(%error, "what became of a payment could not be written down yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                done => return done,
            }
        }
    }

    /// Until when it is insisted that what became of a payment is written down.
    pub(super) fn patience(&self) -> Timestamp {
        self.clock.now().after(INSISTENCE)
    }
}

/// That the money of a call is being fetched from now on.
#[derive(Clone)]
struct Begin {
    usage: UsageId,
    outcome: Outcome,
    valid_before: Timestamp,
    clock: Clock,
}

impl Begin {
    /// Whether the call still runs. It does no harm to repeat.
    async fn run(&self, tx: &mut Tx) -> Result<bool, ProxyError> {
        // Each time anew: the store may have failed for a long time.
        let (usage, now) = (self.usage, self.clock.now());
        let (next, give_up_at) = (now.after(TURN), self.valid_before.min(now.after(LONGEST)).after(AFTER_ITS_END));
        if !tx.keep_running(usage, give_up_at.after(BACKSTOP)).await? {
            return Ok(false);
        }
        Ok(tx.begin_settling(usage, &self.outcome, next, give_up_at, now).await? || tx.find_settling(usage).await?.is_some())
    }
}

fn outcome(ticket: &Ticket, end: &UsageEnd, keep: &Keep) -> Outcome {
    let answer = match keep {
        Keep::Answer(kept) if ticket.key.is_some() => {
            let stored = kept.write();
            Some((stored.status, stored.body))
        }
        _ => None,
    };
    Outcome {
        status_code: end.status_code,
        latency_ms: end.latency_ms,
        reason: end.reason,
        commission: end.commission,
        memo: ticket.charge.as_ref().map(|charge| charge.memo.clone()).unwrap_or_default(),
        answer,
        fingerprint: ticket.key.as_ref().map(|key| key.fingerprint.clone()).unwrap_or_default(),
    }
}

fn receipt(pledge: &Pledge, outcome: Result<String, Cow<'static, str>>) -> Receipt {
    let network = pledge.requirements.network;
    let network = match pledge.version {
        Version::One => network.old_name(),
        Version::Two => network.name(),
    };
    Receipt { version: pledge.version, outcome, network, payer: pledge.payer.to_string() }
}
