//! Before the call: what is about to happen is written down, and its price is set aside, in one transaction.

use std::time::Duration;

use rialto_kernel::{Amount, Asset, Caller, OwnerId, Ppm, Timestamp};
use rialto_outbound::{CheckedUrl, HeaderMap, Method};
use rialto_registry::service::{PaymentMethod, Service, ServiceId, ServiceStatus, find_service};
use rialto_store::{
    Tx,
    idempotency::{self, Claim, Key},
};

use super::{Inner, Kept, ProxyBody, ProxyConfig, ProxyError, ProxyRequest};
use crate::{
    commission,
    model::ClaimName,
    payments::{Charge, PaymentRail},
    store::UsageStore,
    usage::{NewUsage, UsageId},
};

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
}

impl Asked {
    pub(super) fn split(request: ProxyRequest) -> (Self, ProxyBody) {
        let ProxyRequest { service, method, path, query, headers, body, request_id, key, amount_max } = request;
        (Self { service, method, path, query, headers, request_id, key, amount_max }, body)
    }
}

/// What [`Inner::open`] finds.
pub(super) enum Opened {
    /// The call may be made.
    Fresh(Box<Ticket>),
    /// It was made before.
    Replayed(Kept),
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
        if let Some(opened) = self.open_unpaid(caller, asked).await? {
            return Ok(opened);
        }
        let (ours, config, rail, now) = (asked.clone(), self.config, self.rail, self.clock.now());
        let usage = UsageId::new();
        let work = async move |tx: &mut Tx| set_aside(tx, &caller, &ours, &config, &rail, usage, now).await;
        // That a repeat is known has to last. What is set aside may be lost with the machine: nothing is owed then.
        let opened = if asked.key.is_some() { self.db.write(work).await } else { self.db.write_soon(work).await }?;
        if let Opened::Fresh(ticket) = &opened
            && ticket.charge.is_none()
            && !ticket.is_free
        {
            self.unpaid.forget(asked.service);
        }
        Ok(opened)
    }
}

async fn set_aside(
    tx: &mut Tx,
    caller: &Caller,
    asked: &Asked,
    config: &ProxyConfig,
    rail: &impl PaymentRail,
    usage: UsageId,
    now: Timestamp,
) -> Result<Opened, ProxyError> {
    if let Some(key) = &asked.key {
        match idempotency::claim(tx, key, now).await? {
            Claim::Fresh => {}
            Claim::Done(stored) => return Ok(Opened::Replayed(Kept::read(&stored)?)),
            Claim::Running => return Err(ProxyError::KeyRunning),
            Claim::Mismatch => return Err(ProxyError::KeyReused),
        }
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
    let new = record(usage, &service, caller.owner, is_free, rate, asked, now, expires_at);
    if let Some(most) = asked.amount_max.filter(|most| new.price > *most) {
        return Err(ProxyError::AboveMax { price: new.price, most });
    }
    tx.insert_usage(&new).await?;
    let charge = (!new.price.is_zero()).then(|| charge(&new, &service, rate));
    if let Some(charge) = &charge {
        rail.reserve(tx, charge, now).await?;
    }
    let timeout = service.timeout.unwrap_or(config.timeout);
    Ok(Opened::Fresh(Box::new(Ticket { key: asked.key.clone(), ..Ticket::new(&new, url, timeout, charge) })))
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
        claim: asked.key.as_ref().map(|key| ClaimName { scope: key.scope.clone(), key: key.key.clone() }),
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
