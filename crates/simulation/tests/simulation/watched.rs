//! The simulator of a process: it takes up what is started, ticks, and gives up what is stopped.

use std::time::Duration;

use rialto_kernel::{Caller, Clock, CredentialKind, OwnerId, Role};
use rialto_simulation::{Config, Run, RunStatus, Scenario, SimulationError, Simulator, latest, start, stop};
use rialto_store::{Db, Tx, testing::TestDb};

const ADA: Role = Role::Operator;

fn caller() -> Caller {
    Caller { owner: OwnerId::new(), role: ADA, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

async fn begin(db: &Db, clock: &Clock, simulator: &Simulator, ticks: u32) -> Result<Run, SimulationError> {
    let (now, process, who) = (clock.now(), simulator.process(), caller());
    let config = Config { ticks, interval_ms: 50, ..Scenario::Arbitrage.defaults() };
    let run = db.write(async move |tx: &mut Tx| start(tx, &who, config, process, now).await).await;
    simulator.wake();
    run
}

/// Waits until the latest run is as wanted.
async fn until(db: &Db, clock: &Clock, wanted: impl Fn(&Run) -> bool) -> Run {
    let wait = async {
        loop {
            let now = clock.now();
            let run = db.read(async move |tx: &mut Tx| latest(tx, now).await).await.unwrap();
            if let Some(run) = run.filter(|run| wanted(run)) {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap()
}

async fn a_run_goes_to_its_end_by_itself(test: &TestDb) {
    let clock = Clock::system();
    let simulator = Simulator::start(test.db.clone(), clock.clone());
    let first = begin(&test.db, &clock, &simulator, 4).await.unwrap();
    let done = until(&test.db, &clock, |run| run.status != RunStatus::Running).await;
    assert_eq!((done.id, done.status, done.tick), (first.id, RunStatus::Completed, 4));
    // Then the next one may begin.
    begin(&test.db, &clock, &simulator, 2).await.unwrap();
    until(&test.db, &clock, |run| run.id != first.id && run.status == RunStatus::Completed).await;
    simulator.close().await;
}

async fn what_another_server_stops_ends_here_and_the_next_one_is_taken_up(test: &TestDb) {
    let clock = Clock::system();
    let simulators = [(); 2].map(|()| Simulator::start(test.db.clone(), clock.clone()));
    let run = begin(&test.db, &clock, &simulators[0], 10_000).await.unwrap();
    until(&test.db, &clock, |run| run.tick >= 2).await;
    assert_eq!(begin(&test.db, &clock, &simulators[1], 5).await, Err(SimulationError::AlreadyRunning));
    let now = clock.now();
    let stopped = test.db.write(async move |tx: &mut Tx| stop(tx, &caller(), true, now).await).await.unwrap();
    assert_eq!((stopped.id, stopped.status), (run.id, RunStatus::Stopped));
    // Started at once by the same process, which may still be at the tick of the one before.
    let next = begin(&test.db, &clock, &simulators[0], 3).await.unwrap();
    let done = until(&test.db, &clock, |run| run.id == next.id && run.status != RunStatus::Running).await;
    assert_eq!((done.status, done.tick), (RunStatus::Completed, 3));
    for simulator in simulators {
        simulator.close().await;
    }
}

async fn a_server_that_shuts_down_says_so(test: &TestDb) {
    let clock = Clock::system();
    let simulator = Simulator::start(test.db.clone(), clock.clone());
    begin(&test.db, &clock, &simulator, 10_000).await.unwrap();
    until(&test.db, &clock, |run| run.tick >= 1).await;
    simulator.close().await;
    let run = until(&test.db, &clock, |run| run.status != RunStatus::Running).await;
    assert_eq!((run.status, run.error.as_deref()), (RunStatus::Error, Some("The server that ran it was shut down.")));
}

rialto_store::suite! {
    a_run_goes_to_its_end_by_itself,
    what_another_server_stops_ends_here_and_the_next_one_is_taken_up,
    a_server_that_shuts_down_says_so,
}
