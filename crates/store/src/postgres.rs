//! PostgreSQL: a pool that is fair to waiters, and transactions that cannot leak.

use std::{sync::Arc, thread, time::Duration};

use async_channel::Receiver;
use diesel::{ConnectionError, ConnectionResult, QueryResult};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Object, Pool, PoolError},
    },
};
use futures_util::FutureExt;
use tokio::{
    sync::{Semaphore, oneshot},
    task::LocalSet,
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::{
    Client, Connection, Socket,
    config::SslMode,
    tls::{MakeTlsConnect, NoTlsStream},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    DbOptions, StoreError, Tx,
    work::{Mode, Request, Task, Verdict},
};

/// What every session sets: no statement, lock or forgotten transaction may hold others up for ever. A statement ends
/// before the bound of the transaction it is in. Transactions wait for nothing but the database, so one in which nothing is asked
/// for some seconds is that of a process that stands still, with rows locked that other replicas need. English is asked for where it may be: errors are told apart by it. Our
/// statements find rows by their keys, whatever the values are: planning them anew each time took a seventh of the server's
/// work. A plan that lasts must not be one for the few rows that were there when it was made, so it reads no table from end to
/// end where there is an index; the price that the planner puts on doing so all the same must not make it compile.
const SESSION: &str = "SET statement_timeout = '9s'; SET lock_timeout = '8s'; \
     SET idle_in_transaction_session_timeout = '5s'; SET TimeZone = 'UTC'; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off; \
     SET client_min_messages = 'warning'; \
     DO $$ BEGIN SET lc_messages = 'C'; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$";

/// What makes a transaction see one frozen moment.
const SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// What lets a transaction take as long as it needs.
const UNBOUNDED: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '60s'";
/// How long the server may take for what is no work: a connection, a `BEGIN`, a `ROLLBACK`.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How many threads drive transactions. Each has its own share of the connections, so that all that a transaction waits
/// for happens on its own thread.
const THREADS: usize = 2;
/// How long to wait before a connection is asked for again that could not be made, at first and at most.
const CONNECT_PAUSE: Duration = Duration::from_millis(10);
const CONNECT_PAUSE_MAX: Duration = Duration::from_millis(500);
/// How often a transaction that PostgreSQL asked to repeat is run in all.
const ATTEMPTS_MAX: u32 = 6;

/// What whoever asked is told when nothing came of it in the time that it may wait.
const TOO_LATE: &str = "no free connection in time";

fn unavailable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Why the pool gave none, without the pool's own words around what the server said.
fn no_connection(error: &PoolError) -> StoreError {
    match error {
        PoolError::Backend(why) => unavailable(why),
        other => unavailable(other),
    }
}

/// Starts the threads, and waits until each has a connection. They end when the queue is closed and empty.
pub(crate) async fn start(url: &str, options: &DbOptions, queue: Receiver<Request>) -> Result<(), StoreError> {
    for number in 0..THREADS {
        let (url, queue) = (url.to_owned(), queue.clone());
        let connections = (options.connections_max / THREADS).max(1);
        let waits = Waits { pool: options.pool_wait, commit: options.commit_wait };
        let (started, first) = oneshot::channel();
        let serve = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => LocalSet::new().block_on(&runtime, serve(url, connections, waits, queue, started)),
            Err(error) => drop(started.send(Err(unavailable(error)))),
        };
        thread::Builder::new().name(format!("postgres-{number}")).spawn(serve).map_err(unavailable)?;
        first.await.map_err(unavailable)??;
    }
    Ok(())
}

/// How long to wait for what.
#[derive(Clone, Copy)]
struct Waits {
    pool: Duration,
    commit: Duration,
}

fn pool(url: &str, connections: usize, wait: Duration) -> Result<Pool<AsyncPgConnection>, StoreError> {
    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(|url| connect(url.to_owned()).boxed());
    // A broken connection shows at its first statement; asking before each use would cost a round trip every time.
    config.recycling_method = RecyclingMethod::Fast;
    Pool::builder(AsyncDieselConnectionManager::new_with_config(url, config))
        .max_size(connections)
        // The one that was used last: its server process has everything at hand.
        .queue_mode(deadpool::managed::QueueMode::Lifo)
        .runtime(deadpool::Runtime::Tokio1)
        .wait_timeout(Some(wait))
        .create_timeout(Some(ANSWER_MAX))
        .build()
        .map_err(unavailable)
}

async fn serve(
    url: String,
    connections: usize,
    waits: Waits,
    queue: Receiver<Request>,
    started: oneshot::Sender<Result<(), StoreError>>,
) {
    let pool = match pool(&url, connections, waits.pool) {
        Ok(pool) => pool,
        Err(error) => return drop(started.send(Err(error))),
    };
    let first = pool.get().await.map(drop).map_err(|error| no_connection(&error));
    let failed = first.is_err();
    if started.send(first).is_err() || failed {
        return;
    }
    // Work is taken only when there is a connection for it, so that what waits is shared by all threads.
    let free = Arc::new(Semaphore::new(connections));
    while let Ok(permit) = free.clone().acquire_owned().await {
        let Ok(Request { mode, since, mut task }) = queue.recv().await else { break };
        let deadline = Instant::from_std(since) + waits.pool;
        if Instant::now() > deadline {
            task.settle(Err(unavailable(TOO_LATE)));
            continue;
        }
        let pool = pool.clone();
        tokio::task::spawn_local(async move {
            let outcome = attempts(&pool, waits, deadline, mode, task.as_mut()).await;
            drop(permit);
            task.settle(outcome);
        });
    }
    // What was accepted is finished.
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    drop(free.acquire_many(all).await);
}

/// Runs `task` until PostgreSQL stops asking for it again, or there is no time to begin again.
async fn attempts(
    pool: &Pool<AsyncPgConnection>,
    waits: Waits,
    deadline: Instant,
    mode: Mode,
    task: &mut dyn Task,
) -> Result<(), StoreError> {
    for attempt in 1.. {
        let done = once(pool, waits, deadline, mode, task).await;
        let last = attempt == ATTEMPTS_MAX || Instant::now() >= deadline;
        match done {
            Ok(Verdict::Again) if !last => {}
            Err(StoreError::Again(_)) if !last => {}
            done => return done.map(|_| ()),
        }
        // A little patience, different for each rival, so that they do not meet again.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=8 << attempt))).await;
    }
    Ok(())
}

/// Runs `task` once. If this is dropped half way, the pool sees a connection inside a transaction and throws it away,
/// which rolls back. Whatever the server does or does not say, it returns, and no broken connection goes back to the pool.
async fn once(
    pool: &Pool<AsyncPgConnection>,
    waits: Waits,
    deadline: Instant,
    mode: Mode,
    task: &mut dyn Task,
) -> Result<Verdict, StoreError> {
    let mut tx = Tx::Postgres(begin(pool, deadline, mode).await?);
    let verdict = task.run(&mut tx).await;
    let Tx::Postgres(conn) = tx else {
        return Err(StoreError::Database("the work replaced its transaction".into()));
    };
    match verdict {
        Verdict::Abandon => abandon(conn),
        _ if mode == Mode::Live => {}
        Verdict::Keep if mode.writes() => commit(conn, waits.commit).await?,
        Verdict::Keep | Verdict::Undo | Verdict::Again => rollback(conn).await,
    }
    Ok(verdict)
}

/// A connection of the pool. One that cannot be made, because the server has as many as it wants or is slow to make another, is
/// no reason to fail while this pool has others, which come back: it is waited for them, and tried again.
async fn connection(pool: &Pool<AsyncPgConnection>, deadline: Instant) -> Result<Object<AsyncPgConnection>, StoreError> {
    let mut pause = CONNECT_PAUSE;
    loop {
        match timeout_at(deadline, pool.get()).await {
            Ok(Ok(conn)) => return Ok(conn),
            Ok(Err(error)) if pool.status().size == 0 || Instant::now() >= deadline => return Err(no_connection(&error)),
            Ok(Err(error)) => tracing::debug!(%error, "no connection yet; trying again"),
            Err(_elapsed) => return Err(unavailable(TOO_LATE)),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(CONNECT_PAUSE_MAX);
    }
}

/// A connection in the state that `mode` asks for.
async fn begin(pool: &Pool<AsyncPgConnection>, deadline: Instant, mode: Mode) -> Result<Object<AsyncPgConnection>, StoreError> {
    let mut broken = unavailable("no connection works");
    // A connection that broke while nobody used it shows here, where it costs nothing to take another.
    for _ in 0..=pool.status().max_size {
        let mut conn = connection(pool, deadline).await?;
        if mode == Mode::Live {
            return Ok(conn);
        }
        let opened = timeout(ANSWER_MAX, open(&mut conn, mode)).await;
        if matches!(opened, Ok(Ok(()))) {
            return Ok(conn);
        }
        drop(Object::take(conn));
        match opened.map(|done| done.map_err(StoreError::from)) {
            Ok(Err(error @ StoreError::Unavailable(_))) => broken = error,
            Ok(other) => return Err(other.err().unwrap_or(broken)),
            Err(_elapsed) => return Err(unavailable("no answer to BEGIN in time")),
        }
    }
    Err(broken)
}

async fn open(conn: &mut AsyncPgConnection, mode: Mode) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction(conn).await?;
    match mode {
        Mode::Live | Mode::Write | Mode::WriteSoon => Ok(()),
        Mode::Migrate => conn.batch_execute(UNBOUNDED).await,
        Mode::Frozen => conn.batch_execute(&format!("{SNAPSHOT}; {UNBOUNDED}")).await,
    }
}

/// Commits. An error other than [`StoreError::Unknown`] says that the transaction was undone.
async fn commit(mut conn: Object<AsyncPgConnection>, wait: Duration) -> Result<(), StoreError> {
    let Ok(done) = timeout(wait, AnsiTransactionManager::commit_transaction(&mut *conn)).await else {
        drop(Object::take(conn));
        return Err(StoreError::Unknown("no answer to COMMIT in time".into()));
    };
    let Err(error) = done else { return Ok(()) };
    let error = StoreError::from(error);
    // A server that lives on has refused, and so undone the transaction. If it has gone, nobody knows when it went.
    let alive = timeout(ANSWER_MAX, conn.batch_execute("ROLLBACK")).await;
    drop(Object::take(conn));
    match alive {
        Ok(Ok(())) => Err(error),
        Ok(Err(_)) | Err(_) => Err(StoreError::Unknown(error.to_string())),
    }
}

/// Rolls back; where that fails the connection is broken, and closing it does.
async fn rollback(mut conn: Object<AsyncPgConnection>) {
    let done = timeout(ANSWER_MAX, AnsiTransactionManager::rollback_transaction(&mut *conn)).await;
    if !matches!(done, Ok(Ok(()))) {
        drop(Object::take(conn));
    }
}

/// Closes a connection, and asks the server to end the statement that it may still be at: it would only see that nobody
/// listens when it has done it.
fn abandon(conn: Object<AsyncPgConnection>) {
    let conn = Object::take(conn);
    let cancel = conn.cancel_token();
    drop(conn);
    tokio::task::spawn_local(async move {
        // The server ends the statement by itself a little later.
        let _ = timeout(ANSWER_MAX, cancel.cancel_query(tls())).await;
    });
}

/// A connection as the driver gives it, before anything is built on it.
pub(crate) enum Raw {
    Plain(Client, Box<Connection<Socket, NoTlsStream>>),
    Encrypted(Client, Box<Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>>),
}

/// Connects. `sslmode=require` in the URL asks for TLS with a verified certificate; anything less is plain, because
/// TLS that falls back or does not verify protects from nobody.
pub(crate) async fn connect_raw(url: &str) -> Result<Raw, StoreError> {
    let failed = |error: tokio_postgres::Error| StoreError::Unavailable(describe(&error));
    let mut config: tokio_postgres::Config = url.parse().map_err(failed)?;
    config.application_name("rialto");
    // A peer that vanished without a word shows within half a minute, even where nobody waits with a clock.
    config.keepalives_idle(Duration::from_secs(15)).keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(30));
    }
    let connecting = async {
        if config.get_ssl_mode() == SslMode::Require {
            let (client, connection) = config.connect(tls()).await.map_err(failed)?;
            Ok(Raw::Encrypted(client, Box::new(connection)))
        } else {
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect(tokio_postgres::NoTls).await.map_err(failed)?;
            Ok(Raw::Plain(client, Box::new(connection)))
        }
    };
    bounded(connecting).await
}

/// Waits for what a healthy server does at once.
pub(crate) async fn bounded<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(ANSWER_MAX, answer).await.unwrap_or_else(|_elapsed| Err(unavailable("the server did not answer in time")))
}

/// Connects and sets up a session for the pool.
async fn connect(url: String) -> ConnectionResult<AsyncPgConnection> {
    let said = |error| match error {
        StoreError::Unavailable(why) => why,
        other => other.to_string(),
    };
    let raw = connect_raw(&url).await.map_err(|error| ConnectionError::BadConnection(said(error)))?;
    let mut conn = match raw {
        Raw::Plain(client, connection) => AsyncPgConnection::try_from_client_and_connection(client, *connection).await?,
        Raw::Encrypted(client, connection) => AsyncPgConnection::try_from_client_and_connection(client, *connection).await?,
    };
    conn.batch_execute(SESSION).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// tokio-postgres says "error connecting to server" and hides why in the source.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
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
