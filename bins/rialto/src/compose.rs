//! Wires the domains to the database, the clock and the outside world. Everything that lives as long as the server.

use rialto_kernel::Clock;
use rialto_store::{Db, DbOptions};

use crate::{
    config::{Secrets, Settings},
    http::{metrics::Metrics, rate_limit::RateLimits},
};

/// What every handler may reach. One per server.
pub struct App {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// The settings.
    pub settings: Settings,
    /// Who has asked how often.
    pub rate_limits: RateLimits,
    /// What `/metrics` shows.
    pub metrics: Metrics,
}

impl App {
    /// Opens the database, brings it up to date, and wires the rest.
    ///
    /// # Errors
    /// Whatever keeps the server from starting, readable.
    pub async fn start(settings: Settings, _secrets: Secrets) -> Result<Self, Box<dyn std::error::Error>> {
        let options = DbOptions { connections_max: settings.database_connections, ..DbOptions::default() };
        let db = Db::open(&settings.database_url, &options).await?;
        db.migrate().await?;
        Ok(Self { db, clock: Clock::system(), rate_limits: RateLimits::default(), metrics: Metrics::new()?, settings })
    }
}
