//! A PostgreSQL that goes, or goes silent, at the worst moment.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use diesel::{
    sql_query,
    sql_types::{BigInt, Integer, Text},
};
use rialto_store::{
    DatabaseUrl, Db, DbOptions, StoreError, Tx, on,
    testing::{Kind, TestPlace, postgres_url},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What befalls the connection on which the armed word is seen.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Nothing goes through any more, and nobody is told.
    Silence,
    /// It is cut before the word gets through.
    CutBefore,
    /// The word gets through, and the answer does not.
    CutAfter,
}

type Armed = Arc<Mutex<Option<(&'static [u8], Fate)>>>;

/// A way to the database that breaks on demand.
struct Broken {
    db: Db,
    armed: Armed,
    #[expect(dead_code, reason = "it is held so that the place lives as long as the database")]
    place: TestPlace,
}

impl Broken {
    /// One connection for each thread, with a table `t` that is empty. `None` without a PostgreSQL.
    async fn open() -> Option<Self> {
        let place = TestPlace::new(Kind::Postgres).await?;
        let DatabaseUrl::Postgres(url) = &place.url else { return None };
        let (before, rest) = url.split_once('@').unwrap();
        let (server, after) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let through = DatabaseUrl::Postgres(format!("{before}@{}/{after}", listener.local_addr().unwrap()));
        let armed = Armed::default();
        tokio::spawn(accept(listener, server.to_owned(), armed.clone()));
        let options = DbOptions { connections_max: 2, commit_wait: Duration::from_millis(500), ..DbOptions::default() };
        let db = Db::open(&through, &options).await.unwrap();
        db.write(async |tx: &mut Tx| tx.batch("CREATE TABLE t (n bigint)").await).await.unwrap();
        Some(Self { db, armed, place })
    }

    /// Inserts a row over a connection with this fate; says what came of it and how long it took.
    async fn insert(&self, word: &'static [u8], fate: Fate) -> (Result<(), StoreError>, Duration) {
        *self.armed.lock().unwrap() = Some((word, fate));
        let since = Instant::now();
        let done = tokio::time::timeout(Duration::from_secs(20), self.write()).await.unwrap();
        (done, since.elapsed())
    }

    async fn write(&self) -> Result<(), StoreError> {
        self.db.write(async |tx: &mut Tx| tx.batch("INSERT INTO t VALUES (1)").await).await
    }

    async fn rows(&self) -> i64 {
        self.db
            .read(async |tx: &mut Tx| {
                let row: Number = on!(tx, conn => sql_query("SELECT count(*) AS n FROM t").get_result(conn).await)?;
                Ok::<_, StoreError>(row.n)
            })
            .await
            .unwrap()
    }
}

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(diesel::QueryableByName)]
struct Pid {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

#[derive(diesel::QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

async fn accept(listener: TcpListener, server: String, armed: Armed) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(&server).await.unwrap();
        tokio::spawn(forward(client, server, armed.clone()));
    }
}

/// A server that wants no more than so many connections: it closes all others as soon as they are made.
async fn accept_at_most(listener: TcpListener, server: String, most: usize) {
    let mut accepted = Vec::new();
    while let Ok((client, _)) = listener.accept().await {
        if accepted.len() < most {
            let server = TcpStream::connect(&server).await.unwrap();
            accepted.push(tokio::spawn(forward(client, server, Armed::default())));
        }
    }
}

/// A server that answers no more than so many connections, and lets all others wait.
async fn answer_at_most(listener: TcpListener, server: String, most: usize) {
    let (mut answered, mut silent) = (0, Vec::new());
    while let Ok((client, _)) = listener.accept().await {
        if answered < most {
            answered += 1;
            let server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(forward(client, server, Armed::default()));
        } else {
            silent.push(client);
        }
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, armed: Armed) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Some(bytes) = read.ok().and_then(|n| up.get(..n)).filter(|bytes| !bytes.is_empty()) else { return };
                let fate = strike(&armed, bytes);
                if !matches!(fate, Some(Fate::Silence | Fate::CutBefore)) && server.write_all(bytes).await.is_err() {
                    return;
                }
                match fate {
                    None => {}
                    // Until the client has had enough.
                    Some(Fate::Silence) => while client.read(&mut up).await.is_ok_and(|n| n > 0) {},
                    Some(Fate::CutBefore) => return,
                    // Its answer says that it is done; nobody passes it on.
                    Some(Fate::CutAfter) => drop(server.read(&mut down).await),
                }
                if fate.is_some() {
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Some(bytes) = read.ok().and_then(|n| down.get(..n)).filter(|bytes| !bytes.is_empty()) else { return };
                if client.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The fate of a connection that carries these bytes. It strikes once.
fn strike(armed: &Armed, bytes: &[u8]) -> Option<Fate> {
    let mut armed = armed.lock().unwrap();
    let (word, fate) = (*armed)?;
    if !bytes.windows(word.len()).any(|window| window == word) {
        return None;
    }
    *armed = None;
    Some(fate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_without_an_answer_is_unknown_and_the_pool_recovers() {
    let Some(broken) = Broken::open().await else { return };
    for (fate, rows) in [(Fate::Silence, 0), (Fate::CutBefore, 0), (Fate::CutAfter, 1)] {
        let before = broken.rows().await;
        let (done, took) = broken.insert(b"COMMIT", fate).await;
        assert!(matches!(done, Err(StoreError::Unknown(_))), "{fate:?}: {done:?}");
        assert!(took < Duration::from_secs(5), "{fate:?}: {took:?}");
        assert_eq!(broken.rows().await - before, rows, "{fate:?}");
        for _ in 0..4 {
            broken.write().await.unwrap();
        }
        assert_eq!(broken.rows().await - before, rows + 4, "{fate:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_before_the_commit_means_that_nothing_was_done() {
    let Some(broken) = Broken::open().await else { return };
    let (done, took) = broken.insert(b"BEGIN\0", Fate::Silence).await;
    assert!(matches!(done, Err(StoreError::Unavailable(_))), "{done:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    let (done, took) = broken.insert(b"INSERT", Fate::Silence).await;
    assert_eq!(done, Err(StoreError::Timeout));
    assert!(took < Duration::from_secs(14), "{took:?}");
    let (done, _) = broken.insert(b"INSERT", Fate::CutBefore).await;
    assert!(matches!(done, Err(StoreError::Unavailable(_))), "{done:?}");
    assert_eq!(broken.rows().await, 0);
    broken.write().await.unwrap();
    assert_eq!(broken.rows().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_broke_while_nobody_used_them_cost_nobody_a_write() {
    let Some(broken) = Broken::open().await else { return };
    let pid = broken
        .db
        .write(async |tx: &mut Tx| {
            let row: Pid = on!(tx, conn => sql_query("SELECT pg_backend_pid() AS pid").get_result(conn).await)?;
            Ok::<_, StoreError>(row.pid)
        })
        .await
        .unwrap();
    let (admin, connection) = tokio_postgres::connect(&postgres_url().unwrap(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    admin.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..8 {
        broken.write().await.unwrap();
    }
    assert_eq!(broken.rows().await, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_frozen_view_may_take_as_long_as_it_needs() {
    let Some(broken) = Broken::open().await else { return };
    let setting = async |tx: &mut Tx| {
        const ASK: &str = "SELECT current_setting('statement_timeout') AS value";
        let row: Setting = on!(tx, conn => sql_query(ASK).get_result(conn).await)?;
        Ok::<_, StoreError>(row.value)
    };
    for _ in 0..2 {
        assert_eq!(broken.db.snapshot(setting).await.as_deref(), Ok("0"));
        assert_eq!(broken.db.write(setting).await.as_deref(), Ok("9s"));
        assert_eq!(broken.db.read(setting).await.as_deref(), Ok("9s"));
    }
}

/// Those for whom the server makes no connection wait for those that there are.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_makes_no_more_connections_is_served_by_those_that_it_made() {
    let Some(place) = TestPlace::new(Kind::Postgres).await else { return };
    let DatabaseUrl::Postgres(url) = &place.url else { return };
    let (before, rest) = url.split_once('@').unwrap();
    let (server, after) = rest.split_once('/').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through = DatabaseUrl::Postgres(format!("{before}@{}/{after}", listener.local_addr().unwrap()));
    tokio::spawn(accept_at_most(listener, server.to_owned(), 3));
    let db = Db::open(&through, &DbOptions { connections_max: 16, ..DbOptions::default() }).await.unwrap();
    let all: Vec<_> =
        (0..40).map(|_| tokio::spawn(db.write(async |tx: &mut Tx| tx.batch("SELECT pg_sleep(0.01)").await))).collect();
    for one in all {
        assert_eq!(one.await.unwrap(), Ok::<_, StoreError>(()));
    }
}

/// Whoever asks waits no longer than it was told that it would, whatever the wait is for.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent_to_new_connections_keeps_nobody_longer_than_it_may() {
    let Some(place) = TestPlace::new(Kind::Postgres).await else { return };
    let DatabaseUrl::Postgres(url) = &place.url else { return };
    let (before, rest) = url.split_once('@').unwrap();
    let (server, after) = rest.split_once('/').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through = DatabaseUrl::Postgres(format!("{before}@{}/{after}", listener.local_addr().unwrap()));
    tokio::spawn(answer_at_most(listener, server.to_owned(), 2));
    let options = DbOptions { connections_max: 8, pool_wait: Duration::from_millis(500), ..DbOptions::default() };
    let db = Db::open(&through, &options).await.unwrap();
    let since = Instant::now();
    let all: Vec<_> = (0..8)
        .map(|_| {
            let done = db.write(async |tx: &mut Tx| tx.batch("SELECT pg_sleep(4)").await);
            tokio::spawn(async move { (done.await, Instant::now()) })
        })
        .collect();
    let mut refused = 0;
    for one in all {
        match one.await.unwrap() {
            (Ok(()), _) => {}
            (Err(StoreError::Unavailable(why)), at) => {
                assert!(at - since < Duration::from_secs(3), "{why} {:?}", at - since);
                refused += 1;
            }
            (other, _) => panic!("{other:?}"),
        }
    }
    assert!(refused >= 6, "two connections serve two: {refused}");
}
