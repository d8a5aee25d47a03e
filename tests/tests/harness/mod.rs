//! Starts the real server on a database of its own, and talks to it as a client would.

mod agent;
mod api;
mod binary;
mod browser;
pub mod people;
mod server;

use std::{collections::BTreeMap, process::Command, sync::Arc, time::Duration};

use rialto_store::testing::TestPlace;
pub use rialto_store::testing::{Kind, postgres_url};

pub use self::{
    agent::{Agent, Answer, Make},
    api::{Api, Reply},
    binary::{binary, repository},
    browser::Browser,
    people::{PASSWORD, Person, person, signed_in, text},
    server::Server,
};

/// One server on one fresh database, with the flags that suit most tests: sandbox on, no rate limit, agents on loopback.
pub struct World {
    pub kind: Kind,
    pub server: Server,
    pub place: TestPlace,
}

/// What most tests want. A flag given again later wins.
const FLAGS: [&str; 11] = [
    "--listen=127.0.0.1:0",
    "--sandbox=true",
    "--rate-limit-per-minute=0",
    "--auth-failures-per-minute=0",
    "--outbound-allow=127.0.0.0/8",
    "--jwt-secret=a secret of the test suite, long enough",
    "--workers=2",
    "--database-connections=12",
    "--log=json",
    "--log-level=info",
    "serve",
];

impl World {
    async fn open(kind: Kind) -> Option<Self> {
        let place = TestPlace::new(kind).await?;
        let server = Server::start(&place.url, &FLAGS).await;
        Some(Self { kind, server, place })
    }

    /// A client without a credential.
    pub fn stranger(&self) -> Api {
        self.server.api()
    }

    /// Starts the server anew, on the same data, with these flags on top.
    pub async fn restart_with(&mut self, flags: &[&str]) {
        self.server.stop().await;
        let flags: Vec<_> = FLAGS.iter().chain(flags).copied().collect();
        self.server = Server::start(&self.place.url, &flags).await;
    }

    /// Kills the server as a power cut would, and starts it anew on the same data.
    pub async fn crash_and_restart_with(&mut self, flags: &[&str]) {
        self.server.kill();
        self.restart_with(flags).await;
    }

    /// Starts a second server on the same database.
    pub async fn replica(&self) -> Server {
        self.replica_with(&[]).await
    }

    /// The same, with these flags on top.
    pub async fn replica_with(&self, flags: &[&str]) -> Server {
        let flags: Vec<_> = FLAGS.iter().chain(flags).copied().collect();
        Server::start(&self.place.url, &flags).await
    }

    /// Recomputes every balance with the tool that an operator has.
    pub fn verify_books(&self) {
        let output = Command::new(binary())
            .args(["ledger", "verify", "--database-url", &self.place.url.reveal()])
            .env_clear()
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "the books are wrong:\n{out}{err}");
    }

    /// Stops the server, which has to end well, and checks the books.
    async fn close(mut self) {
        self.server.stop().await;
        self.verify_books();
    }
}

/// Runs one journey on one kind of database.
pub async fn run(kind: Kind, journey: impl AsyncFnOnce(&mut World)) {
    if let Some(mut world) = World::open(kind).await {
        journey(&mut world).await;
        world.close().await;
    }
}

/// Asks again and again, for at most two minutes, until there is an answer. A busy machine is slow.
pub async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let patient = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), patient).await.unwrap_or_else(|_| panic!("it never happened: {what}"))
}

/// Runs `ask` for 0 to `n`, all at once, and gives the answers in order.
pub async fn together<R: Send + 'static, F>(n: usize, ask: impl Fn(usize) -> F) -> Vec<R>
where
    F: Future<Output = R> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(n));
    let tasks: Vec<_> = (0..n)
        .map(|number| {
            let (start, ask) = (Arc::clone(&start), ask(number));
            tokio::spawn(async move {
                start.wait().await;
                ask.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// How many of the answers have each status.
pub fn statuses(replies: &[Reply]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        *counts.entry(reply.status).or_default() += 1;
    }
    counts
}

/// Runs each named `async fn(&mut World)` against a server on SQLite, and against one on PostgreSQL.
macro_rules! journeys {
    ($($journey:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $journey() {
                $crate::harness::run($crate::harness::Kind::Sqlite, async |world| super::$journey(world).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $journey() {
                $crate::harness::run($crate::harness::Kind::Postgres, async |world| super::$journey(world).await).await;
            })*
        }
    };
}
pub(crate) use journeys;
