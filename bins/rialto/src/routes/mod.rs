//! The routes, one module per area. Each declares its handlers in `configure`; the OpenAPI document is made of the same list.

use utoipa_actix_web::service_config::ServiceConfig;

pub mod health;

/// Every area.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.configure(health::configure);
}
