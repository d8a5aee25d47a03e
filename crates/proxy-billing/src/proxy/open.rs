//! Before the call: what is about to happen is written down, and its price is set aside, in one transaction.

use std::{sync::Arc, time::Duration};

use rialto_kernel::{Amount, Asset, Caller, OwnerId, Ppm, Timestamp};
use rialto_outbound::{CheckedUrl, HeaderMap, Method};
use rialto_registry::service::{PaymentMethod, Service, ServiceId, ServiceStatus, find_service};
use rialto_store::{
    Tx,
    idempotency::{self, Claim, Key},
};

use super::{
    Brought, Inner, Kept, KeptBody, ProxyBody, ProxyConfig, ProxyError, ProxyRequest,
    ended::is_unclear,
    pledged::{Pledged, is_of_payment, offer, unpaid, used},
};
use crate::{
    commission,
    model::ClaimName,
    payments::{
        Charge, Rail, RailError,
        x402::{Flaw, NewPayment, PaymentStore, Pledge, Requirements, X402},
    },
    store::UsageStore,
    usage::{NewUsage, UsageId},
};

/// How many payments of one payer may be used at once. Nobody works for more than so many that one wallet cannot pay.
const PAYMENTS_PER_PAYER_MAX: usize = 16;

/// A request without its body: what can be asked for again, if the database wants it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) service: ServiceId,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) request_id: String,
    pub(super) key: Option<Key>,
    pub(super) amount_max: Option<Amount>,
    /// The payment that it brings.
    pub(super) brought: Option<Brought>,
    /// What that came to.
    pub(super) pledged: Pledged,
}

impl Asked {
    pub(super) fn split(request: ProxyRequest) -> (Self, ProxyBody) {
        let ProxyRequest { service, method, path, query, headers, body, request_id, key, amount_max, brought } = request;
        let pledged = Pledged::Nothing;
        (Self { service, method, path, query, headers, request_id, key, amount_max, brought, pledged }, body)
    }

    fn pledge(&self) -> Option<Arc<Pledge>> {
        if let Pledged::Good(pledge) = &self.pledged { Some(Arc::clone(pledge)) } else { None }
    }
}

/// What [`Inner::open`] finds.
pub(super) enum Opened {
    /// The call may be made.
    Fresh(Box<Ticket>),
    /// It was made before.
    Replayed(Kept),
    /// It was taken for one for nothing, and is not: its payment has to be looked at. Nothing was written.
    Priced,
}

/// A call that may be made, and what is needed to settle it.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) usage: UsageId,
    pub(super) service: ServiceId,
    pub(super) buyer: OwnerId,
    pub(super) provider: OwnerId,
    pub(super) payment_method: PaymentMethod,
    /// What is sent where.
    pub(super) url: CheckedUrl,
    pub(super) timeout: Duration,
    /// What it costs if it is delivered, and what of that the house takes; `None` when it costs nothing.
    pub(super) charge: Option<Charge>,
    /// The payment that it is paid with; `None` when it is paid from the balance.
    pub(super) pledge: Option<Arc<Pledge>>,
    pub(super) is_free: bool,
    /// A call that is not settled by then never will be.
    pub(super) expires_at: Timestamp,
    pub(super) key: Option<Key>,
    /// What is still to be written down of it, when nothing was before it was made.
    pub(super) unwritten: Option<Box<NewUsage>>,
}

impl Ticket {
    /// Of a call as it is written down.
    pub(super) fn new(new: &NewUsage, url: CheckedUrl, timeout: Duration, charge: Option<Charge>) -> Self {
        Self {
            usage: new.id,
            service: new.service,
            buyer: new.buyer,
            provider: new.provider,
            payment_method: new.payment_method,
            url,
            timeout,
            charge,
            is_free: new.is_free,
            expires_at: new.expires_at,
            pledge: None,
            key: None,
            unwritten: None,
        }
    }

    /// What is charged for it if it is delivered.
    pub(super) fn price(&self) -> Amount {
        self.charge.as_ref().map_or(Amount::ZERO, |charge| charge.price)
    }

    /// What of that the house takes.
    pub(super) fn commission(&self) -> Amount {
        self.charge.as_ref().map_or(Amount::ZERO, |charge| charge.commission)
    }
}

impl Inner {
    /// Writes the call down and sets its price aside.
    pub(super) async fn open(&self, caller: Caller, asked: &Asked) -> Result<Opened, ProxyError> {
        if !caller.may_write(caller.owner) {
            return Err(ProxyError::ReadOnly);
        }
        if let Some(opened) = self.open_gratis(caller, asked).await? {
            return Ok(opened);
        }
        let opening = Opening {
            caller,
            asked: asked.clone(),
            config: self.config,
            x402: self.x402.clone(),
            usage: UsageId::new(),
            now: self.clock.now(),
        };
        let work = async move |tx: &mut Tx| opening.set_aside(tx).await;
        // That a repeat is known has to last, and so has that an authorization was taken. What is set aside of a balance may be lost
        // with the machine: nothing is owed then.
        let lasts = asked.key.is_some() || !matches!(asked.pledged, Pledged::Nothing | Pledged::Free);
        let opened = if lasts { self.db.write(work).await } else { self.db.write_soon(work).await }?;
        if let Opened::Fresh(ticket) = &opened
            && ticket.charge.is_none()
            && !ticket.is_free
        {
            self.gratis.forget(asked.service);
        }
        Ok(opened)
    }
}

/// A call that is about to be opened.
#[derive(Clone)]
struct Opening {
    caller: Caller,
    asked: Asked,
    config: ProxyConfig,
    x402: Option<X402>,
    usage: UsageId,
    now: Timestamp,
}

impl Opening {
    /// Writes the call down, and sets its price aside.
    async fn set_aside(&self, tx: &mut Tx) -> Result<Opened, ProxyError> {
        let Self { caller, asked, config, x402, usage, now } = self;
        let now = *now;
        if let Some(kept) = claim(tx, asked, now).await? {
            return Ok(Opened::Replayed(kept));
        }
        let service = find_service(tx, asked.service).await?;
        let url = target(&service, asked)?;
        // Nobody is served for nothing twice over: what is free already is not taken from the calls for nothing.
        let is_free = !service.price.is_zero()
            && service.free_tier_calls > 0
            && tx.take_free_call(service.id, caller.owner, service.free_tier_calls).await?;
        let expires_at = now.after(config.call_max).after(config.hold_grace);
        // What the house takes is decided now, whatever becomes of the provider's terms.
        let terms = commission::terms_of(tx, service.owner).await?;
        let rate = commission::commission(&terms, service.price, now);
        let mut new = record(*usage, &service, caller.owner, is_free, rate, asked, now, expires_at);
        if let Some(most) = asked.amount_max.filter(|most| new.price > *most) {
            return Err(ProxyError::AboveMax { price: new.price, most });
        }
        let charge = (!new.price.is_zero()).then(|| charge(&new, &service, rate));
        if charge.is_some() && matches!(asked.pledged, Pledged::Free) {
            if let Some(key) = &asked.key {
                idempotency::release(tx, key).await?;
            }
            return Ok(Opened::Priced);
        }
        let mut ours = Paid { pledge: asked.pledge(), key: asked.key.clone() };
        if charge.is_none() {
            ours.keep_payment(tx).await?;
        }
        new.claim = ours.key.as_ref().map(|key| ClaimName { scope: key.scope.clone(), key: key.key.clone() });
        tx.insert_usage(&new).await?;
        if let Some(charge) = &charge {
            let requirements = x402.as_ref().and_then(|x402| x402.requirements(&service, &asked.path));
            let is_local = x402.as_ref().is_some_and(X402::is_local);
            reserve(tx, charge, ours.pledge.as_deref(), requirements, is_local, now).await?;
        }
        let timeout = service.timeout.unwrap_or(config.timeout);
        let Paid { pledge, key } = ours;
        Ok(Opened::Fresh(Box::new(Ticket { pledge, key, ..Ticket::new(&new, url, timeout, charge) })))
    }
}

/// By what a call is paid, and known.
struct Paid {
    pledge: Option<Arc<Pledge>>,
    key: Option<Key>,
}

impl Paid {
    /// Leaves the payment to its buyer: the call costs nothing. It is not known by it either.
    async fn keep_payment(&mut self, tx: &mut Tx) -> Result<(), ProxyError> {
        self.pledge = None;
        if let Some(key) = self.key.take_if(|key| is_of_payment(key)) {
            idempotency::release(tx, &key).await?;
        }
        Ok(())
    }
}

/// Claims the key of a request; gives what a repeat is told.
async fn claim(tx: &mut Tx, asked: &Asked, now: Timestamp) -> Result<Option<Kept>, ProxyError> {
    let Some(key) = &asked.key else { return Ok(None) };
    match (idempotency::claim(tx, key, now).await?, is_of_payment(key)) {
        // The request was there a moment ago, and is not any more: its payment was not looked at.
        (Claim::Fresh, _) if matches!(asked.pledged, Pledged::Repeated) => Err(ProxyError::KeyRunning),
        (Claim::Fresh, _) => Ok(None),
        (Claim::Done(stored), is_of_payment) => {
            let kept = Kept::read(&stored)?;
            if is_unclear(&kept) {
                return Err(ProxyError::PaymentUnclear(Some(kept.bill.usage)));
            }
            // A streamed answer, which was handed over as it came.
            if is_of_payment && kept.body == KeptBody::Lost { Err(ProxyError::PaymentUsed) } else { Ok(Some(kept)) }
        }
        (Claim::Running, false) => Err(ProxyError::KeyRunning),
        (Claim::Mismatch, false) => Err(ProxyError::KeyReused),
        (Claim::Running, true) => Err(ProxyError::PaymentRunning),
        (Claim::Mismatch, true) => Err(ProxyError::PaymentUsed),
    }
}

/// Sets the price aside: by the payment that came with the request, or else from the balance.
async fn reserve(
    tx: &mut Tx,
    charge: &Charge,
    pledge: Option<&Pledge>,
    requirements: Option<Requirements>,
    is_local: bool,
    now: Timestamp,
) -> Result<(), ProxyError> {
    let Some(pledge) = pledge else {
        return match Rail::Balance.reserve(tx, charge, now).await {
            Err(RailError::Insufficient { available, asked }) => {
                Err(ProxyError::Insufficient { available, price: asked, offer: requirements.map(unpaid) })
            }
            done => Ok(done?),
        };
    };
    // The service may have changed since the payment was looked at: its price, or that it is paid like this at all.
    if requirements.as_ref() != Some(&pledge.requirements) || pledge.requirements.amount != charge.price {
        let requirements = requirements.unwrap_or_else(|| pledge.requirements.clone());
        return Err(ProxyError::PaymentRefused(offer(requirements, Flaw::Requirements.as_str())));
    }
    if tx.count_open_payments(&pledge.payer, PAYMENTS_PER_PAYER_MAX).await? >= PAYMENTS_PER_PAYER_MAX {
        return Err(ProxyError::PayerBusy);
    }
    if !tx.insert_payment(&NewPayment { usage: charge.usage, pledge, is_local }, now).await? {
        // By another request, since it was looked at.
        let by = tx.find_authorization(&pledge.authorization()).await?;
        return Err(by.map_or(ProxyError::PaymentUsed, |by| used(&by, charge.buyer)));
    }
    Ok(Rail::Outside.reserve(tx, charge, now).await?)
}

/// Where the request goes, if the service may be called.
pub(super) fn target(service: &Service, asked: &Asked) -> Result<CheckedUrl, ProxyError> {
    match service.status {
        ServiceStatus::Active => {}
        ServiceStatus::Paused => return Err(ProxyError::ServicePaused),
        ServiceStatus::Removed => return Err(ProxyError::ServiceRemoved),
    }
    let base = CheckedUrl::parse(&service.endpoint).map_err(ProxyError::Path)?;
    base.below(&asked.path, asked.query.as_deref()).map_err(ProxyError::Path)
}

#[expect(clippy::too_many_arguments, reason = "they are the columns of one row")]
pub(super) fn record(
    id: UsageId,
    service: &Service,
    buyer: OwnerId,
    is_free: bool,
    commission: Ppm,
    asked: &Asked,
    now: Timestamp,
    expires_at: Timestamp,
) -> NewUsage {
    NewUsage {
        id,
        service: service.id,
        buyer,
        provider: service.owner,
        price: if is_free { Amount::ZERO } else { service.price },
        is_free,
        payment_method: service.payment_method,
        commission,
        request_id: Some(asked.request_id.clone()),
        claim: None,
        created_at: now,
        expires_at,
    }
}

fn charge(new: &NewUsage, service: &Service, rate: Ppm) -> Charge {
    Charge {
        usage: new.id,
        buyer: new.buyer,
        provider: new.provider,
        memo: service.name.clone(),
        price: new.price,
        commission: commission::charge(new.price, rate),
        expires_at: new.expires_at,
    }
}

/// An amount as clients see it.
pub(super) fn decimal(amount: Amount) -> String {
    amount.to_decimal(Asset::USDC)
}
