//! Two processes on one PostgreSQL, one of which is killed.

use std::{
    env,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rialto_kernel::Clock;
use rialto_market::{Exchange, ExchangeOptions, Trader};
use rialto_store::{
    DatabaseUrl, Db, DbOptions,
    testing::{Kind, TestDb},
};

use crate::{
    replicas::{calm, trouble},
    support::{Floor, trader},
};

const URL: &str = "RIALTO_MARKET_TEST_URL";
const CROWD: &str = "RIALTO_MARKET_TEST_CROWD";
const SEED: &str = "RIALTO_MARKET_TEST_SEED";

/// What a process does that the test below has started. Without its variables it is nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker() {
    let (Ok(url), Ok(crowd), Ok(seed)) = (env::var(URL), env::var(CROWD), env::var(SEED)) else { return };
    let db = Db::open(&DatabaseUrl::Postgres(url), &DbOptions { connections_max: 4, ..DbOptions::default() }).await.unwrap();
    let clock = Clock::system();
    let floor = Floor { exchange: Exchange::new(db.clone(), clock.clone(), ExchangeOptions::default()), db, clock };
    let seed: u64 = seed.parse().unwrap();
    let crowd: Vec<Trader> = crowd.split_whitespace().map(parse).collect();
    let (first, second) = tokio::join!(trouble(&floor, &crowd, seed, 150), trouble(&floor, &crowd, seed + 1, 150));
    assert!(first + second > 0);
}

fn parse(text: &str) -> Trader {
    let parts: Vec<&str> = text.split('/').collect();
    Trader { agent: parts[0].parse().unwrap(), owner: parts[1].parse().unwrap(), account: parts[2].parse().unwrap() }
}

fn start(url: &str, crowd: &str, seed: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "processes::worker"])
        .envs([(URL, url), (CROWD, crowd), (SEED, &seed.to_string())])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_processes_is_killed_and_the_books_are_right() {
    let Some(test) = TestDb::open(Kind::Postgres).await else { return };
    let DatabaseUrl::Postgres(url) = test.db.url().clone() else { panic!("not PostgreSQL") };
    let mut crowd = Vec::new();
    for _ in 0..4 {
        let Trader { agent, owner, account } = trader(&test.db, 100_000).await;
        crowd.push(format!("{agent}/{owner}/{account}"));
    }
    let crowd = crowd.join(" ");
    for round in 0..3 {
        let mut survivor = start(&url, &crowd, 100 + round * 10);
        let mut killed = start(&url, &crowd, 200 + round * 10);
        tokio::time::sleep(Duration::from_millis(300 + 150 * round)).await;
        assert!(killed.try_wait().unwrap().is_none(), "it is in the middle of it");
        killed.kill().unwrap();
        killed.wait().unwrap();
        let ended = tokio::task::spawn_blocking(move || survivor.wait()).await.unwrap().unwrap();
        assert!(ended.success(), "the one that was not killed went on to its end");
        calm(&Floor::new(&test.db)).await;
    }
    test.check().await;
}
