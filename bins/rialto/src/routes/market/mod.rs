//! The market: orders, the books they rest in, the trades they make, and their delivery.

mod book;
mod capabilities;
mod deliver;
pub mod dto;
mod orders;
pub mod problem;
mod query;
mod trades;

use utoipa_actix_web::service_config::ServiceConfig;

pub use book::book;
pub use deliver::render_delivery;
pub use orders::{cancel, list, place};
pub use query::OrdersQuery;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(capabilities::list_priced_agents)
        .service(capabilities::read_market_capability)
        .service(capabilities::set_market_capability)
        .service(orders::place_order)
        .service(orders::list_orders)
        .service(orders::read_order)
        .service(orders::amend_order)
        .service(orders::cancel_order)
        .service(book::read_book)
        .service(book::read_depth)
        .service(book::read_ticker)
        .service(book::list_candles)
        .service(trades::match_orders)
        .service(trades::list_trades)
        .service(trades::read_trade)
        .service(deliver::invoke_trade);
}
