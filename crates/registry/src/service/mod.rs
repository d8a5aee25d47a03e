//! Services: what owners offer for money, by the call.
//!
//! - A [`Service`] has an endpoint that nobody but its owner is shown, and a price in micro-USDC.
//! - Only the active are listed, found and called. A removed one stays readable, and stays removed.
//! - A service is changed by its owner or an administrator alone.

mod discover;
mod manage;
mod model;

pub use discover::{ServiceFilter, ServiceSort, categories, list_services, services_by_id, similar_services};
pub use manage::{NewService, ServiceChanges, find_service, register_service, remove_service, update_service};
pub use model::{FREE_TIER_CALLS_MAX, PRICE_MICRO_MAX, PaymentMethod, Service, ServiceId, ServiceStatus, TIMEOUT_SECONDS_MAX};
