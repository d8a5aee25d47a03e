//! The ledger itself: accounts, transfers, holds, and their history.

pub mod dto;
mod lists;
mod past;
mod problem;
mod query;
mod read;
mod write;

use utoipa_actix_web::service_config::ServiceConfig;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(lists::list_ledger_accounts)
        .service(read::read_ledger_account)
        .service(lists::list_ledger_account_entries)
        .service(past::read_ledger_balance)
        .service(past::read_ledger_statement)
        .service(lists::list_ledger_account_holds)
        .service(lists::list_ledger_entries)
        .service(lists::list_ledger_transfers)
        .service(read::read_ledger_transfer)
        .service(read::read_ledger_hold);
    config.configure(write::configure);
}
