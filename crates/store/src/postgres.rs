//! PostgreSQL: a pool that is fair to waiters, and transactions that cannot leak.

use std::{sync::Arc, time::Duration};

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Object, Pool},
    },
};
use futures_util::FutureExt;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{DbOptions, StoreError, Tx};

/// What every session sets: no statement, lock or forgotten transaction may hold others up for ever.
const SESSION: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '60s'; SET TimeZone = 'UTC'; SET client_min_messages = 'warning'";

/// For writing: row locks, taken in the order of ids, do the rest.
pub(crate) const READ_COMMITTED: Option<&str> = None;
/// For reading one frozen moment.
pub(crate) const SNAPSHOT: Option<&str> = Some("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");

fn unavailable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

pub(crate) async fn open(url: &str, options: &DbOptions) -> Result<Pool<AsyncPgConnection>, StoreError> {
    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(|url| connect(url.to_owned()).boxed());
    // A broken connection shows at its first statement; asking before each use would cost a round trip every time.
    config.recycling_method = RecyclingMethod::Fast;
    let pool = Pool::builder(AsyncDieselConnectionManager::new_with_config(url, config))
        .max_size(options.connections_max)
        .runtime(deadpool_runtime())
        .wait_timeout(Some(options.pool_wait))
        .create_timeout(Some(Duration::from_secs(5)))
        .build()
        .map_err(unavailable)?;
    drop(connection(&pool).await?);
    Ok(pool)
}

const fn deadpool_runtime() -> deadpool::Runtime {
    deadpool::Runtime::Tokio1
}

pub(crate) async fn connection(pool: &Pool<AsyncPgConnection>) -> Result<Object<AsyncPgConnection>, StoreError> {
    pool.get().await.map_err(unavailable)
}

/// Connects. `sslmode=require` in the URL asks for TLS with a verified certificate; anything less is plain, because
/// TLS that falls back or does not verify protects from nobody.
async fn connect(url: String) -> ConnectionResult<AsyncPgConnection> {
    let bad = |error: String| ConnectionError::BadConnection(error);
    let mut config: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| bad(error.to_string()))?;
    config.application_name("rialto");
    let encrypted = config.get_ssl_mode() == SslMode::Require;
    let mut conn = if encrypted {
        let (client, connection) = config.connect(tls()).await.map_err(|error| bad(describe(&error)))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    } else {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.map_err(|error| bad(describe(&error)))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    };
    conn.batch_execute(SESSION).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// tokio-postgres says "error connecting to server" and hides why in the source.
fn describe(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn tls() -> MakeRustlsConnect {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth());
    #[expect(clippy::expect_used, reason = "the provider is a constant that supports the default versions")]
    MakeRustlsConnect::new(config.expect("ring supports TLS 1.2 and 1.3"))
}

/// Runs `work` once, in a transaction. When it is dropped half way, or panics, the pool sees a connection inside a
/// transaction and throws it away, which rolls back.
pub(crate) async fn transaction<R, E, F>(
    pool: &Pool<AsyncPgConnection>,
    characteristics: Option<&'static str>,
    work: &F,
) -> Result<R, E>
where
    F: AsyncFn(&mut Tx) -> Result<R, E>,
    E: From<StoreError>,
{
    let mut conn = connection(pool).await?;
    AnsiTransactionManager::begin_transaction(&mut *conn).await.map_err(StoreError::from)?;
    if let Some(sql) = characteristics {
        conn.batch_execute(sql).await.map_err(StoreError::from)?;
    }
    let mut tx = Tx::Postgres(conn);
    let result = work(&mut tx).await;
    let Tx::Postgres(mut conn) = tx else {
        return Err(StoreError::Database("the work replaced its transaction".into()).into());
    };
    match result {
        Ok(value) => {
            AnsiTransactionManager::commit_transaction(&mut *conn).await.map_err(StoreError::from)?;
            Ok(value)
        }
        Err(error) => {
            // When even this fails the connection is broken, and so is the transaction.
            let _ = AnsiTransactionManager::rollback_transaction(&mut *conn).await;
            Err(error)
        }
    }
}
