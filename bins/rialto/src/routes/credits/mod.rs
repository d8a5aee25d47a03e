//! Buying credits.

mod dto;
mod problem;
mod purchases;
mod webhook;

use utoipa_actix_web::service_config::ServiceConfig;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(purchases::list_credit_packages)
        .service(purchases::purchase_credits)
        .service(purchases::read_purchase)
        .service(purchases::confirm_purchase)
        .service(purchases::cancel_purchase)
        .service(webhook::receive_stripe_event);
}
