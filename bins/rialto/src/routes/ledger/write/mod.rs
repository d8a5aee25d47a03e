//! Moving money and setting it aside, one movement or thousands at a time.

mod answer;
mod batch;
mod holds;
mod problem;
mod request;
mod transfers;

use utoipa_actix_web::service_config::ServiceConfig;

/// These handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(transfers::create_ledger_transfers)
        .service(transfers::reverse_ledger_transfer)
        .service(holds::create_ledger_hold)
        .service(holds::post_ledger_hold)
        .service(holds::void_ledger_hold);
}
