//! Jobs that do as they are told, and a log of what was run.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use rialto_jobs::{Enqueued, Failure, Job, RetryPolicy, Running, Worker, WorkerOptions};
use rialto_kernel::{Clock, Timestamp};
use rialto_store::{Tx, on, testing::TestDb};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// What a job does in one attempt.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Step {
    Succeed,
    Fail,
    GiveUp,
    Panic,
    TakeTooLong,
    /// Never ends, and is never cut off.
    Hang,
    WaitForGate,
}

/// Does one step an attempt, and succeeds when there are no more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Act {
    label: String,
    steps: Vec<Step>,
    pause_ms: u64,
}

impl Act {
    pub fn new(label: &str) -> Self {
        Self { label: label.into(), steps: Vec::new(), pause_ms: 0 }
    }

    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub fn pausing_ms(mut self, pause_ms: u64) -> Self {
        self.pause_ms = pause_ms;
        self
    }
}

impl Job for Act {
    const NAME: &'static str = "act";
    const RETRY: RetryPolicy =
        RetryPolicy { attempts_max: 4, wait_first: Duration::from_secs(10), wait_max: Duration::from_secs(60) };
    const TIME_MAX: Duration = Duration::from_secs(4);
    type Context = Log;

    async fn run(&self, log: &Log) -> Result<(), Failure> {
        let run = log.note(&self.label);
        let _inside = log.enter();
        tokio::time::sleep(Duration::from_millis(self.pause_ms)).await;
        match self.steps.get(run - 1).copied().unwrap_or(Step::Succeed) {
            Step::Succeed => Ok(()),
            Step::Fail => Err(Failure::retry("it went wrong")),
            Step::GiveUp => Err(Failure::give_up("no such agent")),
            Step::Panic => panic!("at the wrong moment"),
            Step::TakeTooLong => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(())
            }
            Step::Hang => std::future::pending().await,
            Step::WaitForGate => {
                let _ = log.gate.subscribe().wait_for(|open| *open).await;
                Ok(())
            }
        }
    }
}

/// A job of a name that the workers here do not know.
#[derive(Clone, Serialize, Deserialize)]
pub struct Other;

impl Job for Other {
    const NAME: &'static str = "other";
    type Context = ();

    async fn run(&self, (): &()) -> Result<(), Failure> {
        Ok(())
    }
}

pub struct Log {
    runs: Mutex<BTreeMap<String, usize>>,
    inside: Mutex<(usize, usize)>,
    gate: watch::Sender<bool>,
}

pub struct Inside<'l>(&'l Log);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.lock().unwrap().0 -= 1;
    }
}

impl Log {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { runs: Mutex::default(), inside: Mutex::default(), gate: watch::Sender::new(false) })
    }

    /// Counts a run of `label`; the first is 1.
    pub fn note(&self, label: &str) -> usize {
        let mut runs = self.runs.lock().unwrap();
        let count = runs.entry(label.to_owned()).or_default();
        *count += 1;
        *count
    }

    fn enter(&self) -> Inside<'_> {
        let mut inside = self.inside.lock().unwrap();
        inside.0 += 1;
        inside.1 = inside.1.max(inside.0);
        Inside(self)
    }

    pub fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    pub fn runs(&self, label: &str) -> usize {
        self.runs.lock().unwrap().get(label).copied().unwrap_or(0)
    }

    pub fn most_at_once(&self) -> usize {
        self.inside.lock().unwrap().1
    }

    pub async fn wait_for(&self, label: &str, runs: usize) {
        self.until(async || (self.runs(label) >= runs).then_some(())).await;
    }

    /// Asks again and again until there is an answer.
    pub async fn until<T>(&self, ask: impl AsyncFn() -> Option<T>) -> T {
        let patient = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let seen = || format!("it did not happen; runs so far: {:?}", self.runs.lock().unwrap());
        tokio::time::timeout(Duration::from_secs(20), patient).await.unwrap_or_else(|_| panic!("{}", seen()))
    }
}

/// A clock that stands still, from the same moment in every test.
pub fn clock() -> Clock {
    Clock::fixed(Timestamp::from_micros(1_764_000_000_000_000))
}

pub fn worker(test: &TestDb, log: &Arc<Log>) -> Worker {
    let options = WorkerOptions { poll: Duration::from_millis(50), ..WorkerOptions::default() };
    Worker::new(test.db.clone(), Clock::system(), options).job::<Act>(log.clone())
}

pub async fn enqueue_now<J: Job + Clone>(test: &TestDb, job: &J, unique_key: Option<&'static str>) -> Enqueued {
    let job = job.clone();
    let now = clock().now();
    test.db.write(async move |tx: &mut Tx| rialto_jobs::enqueue(tx, &job, now, unique_key, now).await).await.unwrap()
}

pub async fn enqueue_at(test: &TestDb, job: &Act, run_at: Timestamp) {
    let job = job.clone();
    let now = clock().now();
    test.db.write(async move |tx: &mut Tx| rialto_jobs::enqueue(tx, &job, run_at, None, now).await).await.unwrap();
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    jobs (id) {
        id -> Uid,
        name -> Text,
        state -> Text,
        attempts -> Integer,
        run_at -> UtcTime,
        last_error -> Nullable<Text>,
    }
}

#[derive(Debug, Clone, PartialEq, diesel::Queryable)]
pub struct Row {
    pub state: String,
    pub attempts: i32,
    pub run_at: Timestamp,
    pub last_error: Option<String>,
}

/// The one job of this name.
pub async fn row(test: &TestDb, name: &'static str) -> Option<Row> {
    let read = async move |tx: &mut Tx| {
        on!(tx, conn => jobs::table.filter(jobs::name.eq(name))
            .select((jobs::state, jobs::attempts, jobs::run_at, jobs::last_error)).first(conn).await.optional())
    };
    test.db.read(read).await.unwrap()
}

/// How many jobs there are.
pub async fn rows(test: &TestDb) -> i64 {
    test.db.read(async |tx: &mut Tx| on!(tx, conn => jobs::table.count().get_result(conn).await)).await.unwrap()
}

/// A dead job is an error in the books of any other test.
pub async fn drop_dead(test: &TestDb) {
    test.db.write(async |tx: &mut Tx| tx.batch("DELETE FROM jobs WHERE state = 'dead'").await).await.unwrap();
}

/// Ends a worker as a crash would, and gives its tasks the time to notice.
pub async fn kill(running: Running) {
    drop(running);
    tokio::time::sleep(Duration::from_millis(100)).await;
}
