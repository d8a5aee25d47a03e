//! The ledger itself: accounts, transfers, holds, and their history.

mod dto;
mod problem;
mod read;
mod write;

use utoipa_actix_web::service_config::ServiceConfig;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(read::read_ledger_account).service(read::read_ledger_transfer).service(read::read_ledger_hold);
    config.configure(write::configure);
}
