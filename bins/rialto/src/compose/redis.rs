//! The cache of contexts in Redis: a convenience. Whatever is wrong with it, requests are answered from the database.

use std::{
    sync::Arc,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use redis::{
    AsyncCommands, Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use rialto_kernel::Clock;
use rialto_networks::{ContextCache, NetworkId, context::CONTEXT_KEPT};

/// How long an answer may take. The database is not much slower.
const PATIENCE: Duration = Duration::from_millis(250);
/// For how long it is not asked again after it has failed.
const REST: Duration = Duration::from_secs(5);

/// A Redis that may be there.
#[derive(Clone)]
pub struct RedisCache {
    connection: ConnectionManager,
    clock: Clock,
    /// It is not asked before this moment, in microseconds.
    rests_until: Arc<AtomicI64>,
}

impl RedisCache {
    /// The Redis at `url`. It is connected to when it is first asked.
    ///
    /// # Errors
    /// When that is no URL of a Redis.
    pub fn new(url: &str, clock: Clock) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        Ok(Self { connection, clock, rests_until: Arc::default() })
    }

    /// Asks it, unless it has failed just now. `None` when it has no answer.
    async fn ask<R>(&self, question: impl Future<Output = Result<R, RedisError>>) -> Option<R> {
        if self.clock.now().micros() < self.rests_until.load(Ordering::Relaxed) {
            return None;
        }
        let why = match tokio::time::timeout(PATIENCE * 2, question).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "it did not answer in time".to_owned(),
        };
        self.rests_until.store(self.clock.now().after(REST).micros(), Ordering::Relaxed);
        tracing::warn!(error = why, "Redis does not answer; the database does");
        None
    }
}

fn key(network: NetworkId) -> String {
    format!("rialto:context:{network}")
}

impl ContextCache for RedisCache {
    async fn get(&self, network: NetworkId) -> Option<String> {
        let mut connection = self.connection.clone();
        self.ask(connection.get::<_, Option<String>>(key(network))).await.flatten()
    }

    async fn put(&self, network: NetworkId, kept: String) {
        let mut connection = self.connection.clone();
        self.ask(connection.set_ex::<_, _, ()>(key(network), kept, CONTEXT_KEPT.as_secs())).await;
    }
}
