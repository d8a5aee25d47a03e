//! Wallets: balances, movements, history.

mod dto;
mod movements;
mod own;
mod problem;
mod read;

use utoipa_actix_web::service_config::ServiceConfig;

pub use dto::UserWalletOverview;
pub use own::overview;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        // Before the wallet of that id.
        .service(own::read_my_wallet)
        .service(own::list_my_agent_wallets)
        .service(own::read_my_overview)
        .service(own::consolidate_wallets)
        .service(read::list_wallets)
        .service(read::read_agent_wallet)
        .service(read::read_wallet)
        .service(read::read_wallet_summary)
        .service(read::list_wallet_transactions)
        .service(movements::transfer_credits)
        .service(movements::credit_wallet)
        .service(movements::debit_wallet)
        .service(movements::grant_credits);
}
