//! The market over HTTP. After each journey what always holds is checked in the server's database: what is held in wallets is
//! what the open bids are for, and every trade was paid.

mod agents;
mod deliver;
mod hostile;
mod live;
mod money;
mod orders;
mod races;
mod replicas;
pub mod support;

/// Journeys after which the market's books are checked.
macro_rules! market_journeys {
    ($($journey:ident),* $(,)?) => {
        mod checked {
            use $crate::harness::{World, journeys};

            $(async fn $journey(world: &mut World) {
                super::$journey(world).await;
                $crate::journeys::market::support::check(world).await;
            })*

            journeys! { $($journey),* }
        }
    };
}
use market_journeys;
