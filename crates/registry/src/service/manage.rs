//! Registering, changing and removing a service.

use std::time::Duration;

use rialto_kernel::{Amount, Asset, Caller, Event, OwnerId, Timestamp};
use serde_json::json;

use crate::{
    RegistryError, check,
    service::{FREE_TIER_CALLS_MAX, PRICE_MICRO_MAX, PaymentMethod, Service, ServiceId, ServiceStatus, TIMEOUT_SECONDS_MAX},
    store::{AgentStore, ServiceStore},
};

/// A service to be registered, as its owner wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewService {
    /// See [`Service::name`].
    pub name: String,
    /// See [`Service::description`].
    pub description: String,
    /// See [`Service::endpoint`]. Already found harmless by `outbound`.
    pub endpoint: String,
    /// See [`Service::price`]: a decimal number of USDC.
    pub price_per_call: String,
    /// See [`Service::category`].
    pub category: String,
    /// At most 50 of 1 to 64 characters.
    pub tags: Vec<String>,
    /// See [`Service::payment_method`].
    pub payment_method: String,
    /// See [`Service::free_tier_calls`].
    pub free_tier_calls: i64,
    /// See [`Service::timeout`].
    pub timeout_seconds: Option<i64>,
}

/// What is to change of a service; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceChanges {
    /// Another name.
    pub name: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Another endpoint, already found harmless by `outbound`.
    pub endpoint: Option<String>,
    /// Another price.
    pub price_per_call: Option<String>,
    /// Another category.
    pub category: Option<String>,
    /// Other tags, in place of all there were.
    pub tags: Option<Vec<String>>,
    /// Another way to pay.
    pub payment_method: Option<String>,
    /// More or fewer calls for nothing.
    pub free_tier_calls: Option<i64>,
    /// Another time that it may take.
    pub timeout_seconds: Option<i64>,
    /// Whether it may be called; a removed service stays removed.
    pub status: Option<String>,
}

impl NewService {
    /// Checks every field, as [`register_service`] does. For callers that want to know before they judge the endpoint.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`].
    pub fn check(&self) -> Result<(), RegistryError> {
        // Neither the owner nor the time plays a part.
        self.build(OwnerId::new(), "", Timestamp::default()).map(drop)
    }

    fn build(&self, owner: OwnerId, provider: &str, now: Timestamp) -> Result<Service, RegistryError> {
        Ok(Service {
            id: ServiceId::new(),
            owner,
            provider: provider.to_owned(),
            name: name(&self.name)?,
            description: description(&self.description)?,
            endpoint: endpoint(&self.endpoint)?,
            price: price(&self.price_per_call)?,
            payment_method: payment_method(&self.payment_method)?,
            free_tier_calls: free_tier_calls(self.free_tier_calls)?,
            timeout: self.timeout_seconds.map(timeout).transpose()?,
            status: ServiceStatus::Active,
            category: category(&self.category)?,
            tags: check::tags(&self.tags)?,
            created_at: now,
            updated_at: now,
        })
    }
}

impl ServiceChanges {
    /// Checks every field, as [`update_service`] does.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`].
    pub fn check(&self) -> Result<(), RegistryError> {
        let mut any = NewService {
            name: "any".to_owned(),
            description: String::new(),
            endpoint: "https://any".to_owned(),
            price_per_call: "0".to_owned(),
            category: String::new(),
            tags: Vec::new(),
            payment_method: PaymentMethod::X402.as_str().to_owned(),
            free_tier_calls: 0,
            timeout_seconds: None,
        }
        .build(OwnerId::new(), "", Timestamp::default())?;
        self.apply(&mut any)
    }

    fn apply(&self, service: &mut Service) -> Result<(), RegistryError> {
        fn set<T, U: ?Sized>(
            field: &mut T,
            given: Option<&U>,
            read: impl FnOnce(&U) -> Result<T, RegistryError>,
        ) -> Result<(), RegistryError> {
            if let Some(given) = given {
                *field = read(given)?;
            }
            Ok(())
        }
        set(&mut service.name, self.name.as_deref(), name)?;
        set(&mut service.description, self.description.as_deref(), description)?;
        set(&mut service.endpoint, self.endpoint.as_deref(), endpoint)?;
        set(&mut service.price, self.price_per_call.as_deref(), price)?;
        set(&mut service.category, self.category.as_deref(), category)?;
        set(&mut service.tags, self.tags.as_deref(), check::tags)?;
        set(&mut service.payment_method, self.payment_method.as_deref(), payment_method)?;
        set(&mut service.free_tier_calls, self.free_tier_calls.as_ref(), |calls| free_tier_calls(*calls))?;
        set(&mut service.timeout, self.timeout_seconds.as_ref(), |seconds| timeout(*seconds).map(Some))?;
        set(&mut service.status, self.status.as_deref(), status)
    }
}

fn name(given: &str) -> Result<String, RegistryError> {
    check::text("name", given, check::NAME_CHARS_MAX)?;
    Ok(given.trim().to_owned())
}

/// Text that may be empty.
fn words(field: &str, given: &str, chars_max: usize) -> Result<String, RegistryError> {
    if given.chars().nth(chars_max).is_some() {
        return Err(RegistryError::invalid(field, format!("must have at most {chars_max} characters")));
    }
    Ok(given.trim().to_owned())
}

fn description(given: &str) -> Result<String, RegistryError> {
    words("description", given, check::DESCRIPTION_CHARS_MAX)
}

fn category(given: &str) -> Result<String, RegistryError> {
    words("category", given, check::WORD_CHARS_MAX)
}

fn endpoint(given: &str) -> Result<String, RegistryError> {
    check::endpoint(given)?;
    Ok(given.trim().to_owned())
}

/// A price as text: digits, and up to six places. Exponents, signs and anything clever are refused rather than guessed at.
pub(super) fn decimal(field: &str, given: &str) -> Result<Amount, RegistryError> {
    Amount::from_decimal(given, Asset::USDC)
        .map_err(|error| RegistryError::invalid(field, format!("{error}, as a string of USDC")))
}

fn price(given: &str) -> Result<Amount, RegistryError> {
    let price = decimal("price_per_call", given)?;
    if price.get() > PRICE_MICRO_MAX {
        return Err(RegistryError::invalid("price_per_call", "must not exceed \"100.00\" USDC"));
    }
    Ok(price)
}

pub(super) fn payment_method(given: &str) -> Result<PaymentMethod, RegistryError> {
    PaymentMethod::from_word(given)
        .ok_or_else(|| RegistryError::invalid("payment_method", "must be x402, paypal, nowpayments or balance"))
}

fn free_tier_calls(given: i64) -> Result<i64, RegistryError> {
    if (0..=FREE_TIER_CALLS_MAX).contains(&given) {
        return Ok(given);
    }
    Err(RegistryError::invalid("free_tier_calls", format!("must be between 0 and {FREE_TIER_CALLS_MAX}")))
}

fn timeout(given: i64) -> Result<Duration, RegistryError> {
    let seconds = Some(given).filter(|seconds| (1..=TIMEOUT_SECONDS_MAX).contains(seconds)).and_then(|s| u64::try_from(s).ok());
    let message = || format!("must be between 1 and {TIMEOUT_SECONDS_MAX}");
    seconds.map(Duration::from_secs).ok_or_else(|| RegistryError::invalid("timeout_seconds", message()))
}

fn status(given: &str) -> Result<ServiceStatus, RegistryError> {
    ServiceStatus::from_word(given).ok_or_else(|| RegistryError::invalid("status", "must be active, paused or removed"))
}

/// Registers a service for the caller, whose owner is called `provider`. It is found and can be called from the commit on.
///
/// # Errors
/// [`RegistryError::NotSeller`], or [`RegistryError::Invalid`].
pub async fn register_service(
    tx: &mut (impl AgentStore + ServiceStore),
    caller: &Caller,
    provider: &str,
    new: &NewService,
    now: Timestamp,
) -> Result<Service, RegistryError> {
    if !caller.may_sell() {
        return Err(RegistryError::NotSeller);
    }
    let service = new.build(caller.owner, provider, now)?;
    tx.insert_service(&service).await?;
    tx.append_event(event("service.registered", &service, now)).await?;
    Ok(service)
}

/// Reads a service, whatever its status.
///
/// # Errors
/// [`RegistryError::ServiceNotFound`].
pub async fn find_service(tx: &mut impl ServiceStore, id: ServiceId) -> Result<Service, RegistryError> {
    tx.find_service(id).await?.ok_or(RegistryError::ServiceNotFound)
}

/// Changes a service.
///
/// # Errors
/// [`RegistryError::NotSeller`], [`RegistryError::ServiceNotFound`], [`RegistryError::NotYourService`],
/// [`RegistryError::ServiceRemoved`], or [`RegistryError::Invalid`].
pub async fn update_service(
    tx: &mut (impl AgentStore + ServiceStore),
    caller: &Caller,
    id: ServiceId,
    changes: &ServiceChanges,
    now: Timestamp,
) -> Result<Service, RegistryError> {
    let mut service = lock(tx, caller, id, "update").await?;
    if service.status == ServiceStatus::Removed {
        return Err(RegistryError::ServiceRemoved);
    }
    changes.apply(&mut service)?;
    let kind = if service.status == ServiceStatus::Removed { "service.removed" } else { "service.updated" };
    save(tx, service, kind, now).await
}

/// Removes a service: it is not found or called any more, and stays readable. To remove it again changes nothing.
///
/// # Errors
/// [`RegistryError::NotSeller`], [`RegistryError::ServiceNotFound`], or [`RegistryError::NotYourService`].
pub async fn remove_service(
    tx: &mut (impl AgentStore + ServiceStore),
    caller: &Caller,
    id: ServiceId,
    now: Timestamp,
) -> Result<Service, RegistryError> {
    let service = lock(tx, caller, id, "remove").await?;
    if service.status == ServiceStatus::Removed {
        return Ok(service);
    }
    save(tx, Service { status: ServiceStatus::Removed, ..service }, "service.removed", now).await
}

async fn lock(
    tx: &mut impl ServiceStore,
    caller: &Caller,
    id: ServiceId,
    action: &'static str,
) -> Result<Service, RegistryError> {
    if !caller.may_sell() {
        return Err(RegistryError::NotSeller);
    }
    let service = tx.lock_service(id).await?.ok_or(RegistryError::ServiceNotFound)?;
    if caller.may_write(service.owner) { Ok(service) } else { Err(RegistryError::NotYourService { action }) }
}

async fn save(
    tx: &mut (impl AgentStore + ServiceStore),
    service: Service,
    kind: &'static str,
    now: Timestamp,
) -> Result<Service, RegistryError> {
    let service = Service { updated_at: now, ..service };
    tx.save_service(&service).await?;
    tx.append_event(event(kind, &service, now)).await?;
    Ok(service)
}

fn event(kind: &'static str, service: &Service, now: Timestamp) -> Event {
    let data = json!({
        "name": service.name,
        "status": service.status.as_str(),
        "price_per_call": service.price.to_decimal(Asset::USDC),
    });
    Event { kind, subject: service.id.uuid(), owner: Some(service.owner), data, at: now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_or_refused() {
        for (given, micro) in
            [("0.000001", 1), ("0.05", 50_000), ("0.10", 100_000), ("100.00", 100_000_000), ("0", 0), ("1", 1_000_000)]
        {
            assert_eq!(price(given).unwrap().get(), micro, "{given}");
        }
        for hostile in [
            "NaN",
            "Infinity",
            "1e400",
            "1e-7",
            "-0",
            "-1",
            "+1",
            " 0.05",
            "0.05 ",
            "0x10",
            "1_0",
            "0,05",
            "",
            "0.0000001",
            "100.000001",
            "101",
            "٣",
        ] {
            assert!(matches!(price(hostile), Err(RegistryError::Invalid { .. })), "{hostile}");
        }
    }
}
