//! The routes, one module per area. Each declares its handlers in `configure`; the OpenAPI document is made of the same list.

use utoipa_actix_web::service_config::ServiceConfig;

pub mod a2a;
pub mod agents;
pub mod auth;
pub mod balance;
pub mod broker;
pub mod conversations;
pub mod credits;
pub mod events;
pub mod executions;
pub mod health;
pub mod home;
pub mod keys;
pub mod ledger;
pub mod market;
pub mod mcp;
pub mod networks;
pub mod page;
pub mod proxy;
pub mod registry;
pub mod reputation;
pub mod scenarios;
pub mod services;
pub mod settlements;
pub mod tasks;
pub mod usage;
pub mod wallets;
pub mod webhooks;
pub mod workflows;

/// Every area.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .configure(proxy::configure)
        .configure(a2a::configure)
        .configure(agents::configure)
        .configure(auth::configure)
        .configure(broker::configure)
        .configure(conversations::configure)
        .configure(events::configure)
        .configure(health::configure)
        .configure(home::configure)
        .configure(keys::configure)
        .configure(ledger::configure)
        .configure(market::configure)
        .configure(mcp::configure)
        .configure(networks::configure)
        .configure(page::configure)
        .configure(registry::configure)
        .configure(reputation::configure)
        .configure(scenarios::configure)
        .configure(services::configure)
        .configure(balance::configure)
        .configure(usage::configure)
        .configure(settlements::configure)
        .configure(tasks::configure)
        .configure(workflows::configure)
        .configure(executions::configure)
        .configure(wallets::configure)
        .configure(webhooks::configure)
        .configure(credits::configure);
}
