//! What whoever enqueues a job relies on, on both databases.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

mod support;

use std::{sync::Arc, time::Duration};

use rialto_jobs::{Enqueued, Failure, Worker, WorkerOptions, backlog};
use rialto_kernel::Clock;
use rialto_store::{StoreError, Tx, suite, testing::TestDb};
use support::{Act, Log, Other, Step, clock, drop_dead, enqueue_at, enqueue_now, kill, row, rows, worker};

const SHORT: Duration = Duration::from_millis(300);
const GRACE: Duration = Duration::from_secs(10);

async fn a_job_exists_when_its_transaction_commits_and_only_then(test: &TestDb) {
    let log = Log::new();
    let failed = test
        .db
        .write(async |tx: &mut Tx| {
            rialto_jobs::enqueue(tx, &Act::new("undone"), clock().now(), None, clock().now()).await?;
            Err::<(), _>(StoreError::Timeout)
        })
        .await;
    assert_eq!(failed, Err(StoreError::Timeout));
    enqueue_now(test, &Act::new("done"), None).await;
    let running = worker(test, &log).start();
    log.wait_for("done", 1).await;
    running.stop(GRACE).await;
    assert_eq!(log.runs("undone"), 0);
    assert_eq!(rows(test).await, 0);
}

async fn a_worker_is_woken_by_a_new_job_and_does_not_wait_for_its_next_look(test: &TestDb) {
    let log = Log::new();
    let options = WorkerOptions { poll: Duration::from_secs(3_600), ..WorkerOptions::default() };
    let running = Worker::new(test.db.clone(), Clock::system(), options).job::<Act>(log.clone()).start();
    // Done means that the worker has gone back to waiting.
    enqueue_now(test, &Act::new("first"), None).await;
    log.wait_for("first", 1).await;
    tokio::time::sleep(SHORT).await;
    enqueue_now(test, &Act::new("second"), None).await;
    log.wait_for("second", 1).await;
    running.stop(GRACE).await;
}

async fn several_workers_run_each_job_once_and_no_more_at_once_than_they_may(test: &TestDb) {
    let log = Log::new();
    for n in 0..120 {
        enqueue_now(test, &Act::new(&format!("job {n}")).pausing_ms(2), None).await;
    }
    let options = WorkerOptions { concurrency: 4, poll: Duration::from_millis(50), ..WorkerOptions::default() };
    let workers = [(); 3].map(|()| Worker::new(test.db.clone(), Clock::system(), options).job::<Act>(log.clone()).start());
    while rows(test).await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for running in workers {
        running.stop(GRACE).await;
    }
    for n in 0..120 {
        assert_eq!(log.runs(&format!("job {n}")), 1, "job {n}");
    }
    assert!(log.most_at_once() <= 12, "{} at once", log.most_at_once());
}

async fn a_long_job_keeps_its_lease(test: &TestDb) {
    let log = Log::new();
    enqueue_now(test, &Act::new("long").pausing_ms(1_500), None).await;
    let options = WorkerOptions { lease: SHORT, poll: Duration::from_millis(50), ..WorkerOptions::default() };
    let workers = [(); 2].map(|()| Worker::new(test.db.clone(), Clock::system(), options).job::<Act>(log.clone()).start());
    while rows(test).await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for running in workers {
        running.stop(GRACE).await;
    }
    assert_eq!(log.runs("long"), 1);
}

async fn the_job_of_a_worker_that_died_runs_again(test: &TestDb) {
    let log = Log::new();
    enqueue_now(test, &Act::new("survivor").then(Step::Hang).then(Step::Succeed), None).await;
    let options = WorkerOptions { lease: SHORT, poll: Duration::from_millis(50), ..WorkerOptions::default() };
    let make = || Worker::new(test.db.clone(), Clock::system(), options).job::<Act>(log.clone()).start();
    let first = make();
    log.wait_for("survivor", 1).await;
    kill(first).await;
    let second = make();
    log.wait_for("survivor", 2).await;
    second.stop(GRACE).await;
    assert_eq!(rows(test).await, 0);
}

async fn a_worker_that_comes_late_cannot_settle_what_another_has_taken(test: &TestDb) {
    let (log, time) = (Log::new(), clock());
    enqueue_now(test, &Act::new("contested").then(Step::WaitForGate).then(Step::Fail).then(Step::Fail), None).await;
    // One at a time: the first worker is full, and cannot take the job again itself.
    let options = WorkerOptions { concurrency: 1, ..WorkerOptions::default() };
    let make = || Worker::new(test.db.clone(), time.clone(), options).job::<Act>(log.clone()).start();
    let late = make();
    log.wait_for("contested", 1).await;
    // The first worker's process stands still for longer than its lease.
    time.advance(Duration::from_secs(61));
    let other = make();
    log.wait_for("contested", 2).await;
    other.stop(GRACE).await;
    let taken = row(test, "act").await.unwrap();
    log.open_gate();
    late.stop(GRACE).await;
    assert_eq!(row(test, "act").await.unwrap(), taken, "its success is not believed any more");
    assert_eq!((taken.state.as_str(), taken.attempts), ("queued", 2));
}

async fn a_failed_job_waits_within_its_bound_and_runs_again(test: &TestDb) {
    let (log, time) = (Log::new(), clock());
    enqueue_now(test, &Act::new("flaky").then(Step::Fail).then(Step::Panic).then(Step::TakeTooLong).then(Step::Succeed), None)
        .await;
    let options = WorkerOptions { poll: Duration::from_millis(20), ..WorkerOptions::default() };
    let running = Worker::new(test.db.clone(), time.clone(), options).job::<Act>(log.clone()).start();
    for (attempt, error, bound_s) in
        [(1, "it went wrong", 10), (2, "panicked: at the wrong moment", 20), (3, "took longer than", 40)]
    {
        let failed =
            log.until(async || row(test, "act").await.filter(|row| row.state == "queued" && row.attempts == attempt)).await;
        assert!(failed.last_error.as_deref().is_some_and(|text| text.contains(error)), "{failed:?}");
        assert!(failed.run_at.since(time.now()) <= Duration::from_secs(bound_s), "{failed:?}");
        time.advance(Duration::from_secs(bound_s));
    }
    log.wait_for("flaky", 4).await;
    running.stop(GRACE).await;
    assert_eq!(rows(test).await, 0);
}

async fn a_job_is_dead_after_its_last_attempt_or_when_it_is_hopeless(test: &TestDb) {
    let (log, time) = (Log::new(), clock());
    enqueue_now(
        test,
        &Act::new("doomed").then(Step::Fail).then(Step::Fail).then(Step::Fail).then(Step::Fail).then(Step::Fail),
        None,
    )
    .await;
    let options = WorkerOptions { poll: Duration::from_millis(20), ..WorkerOptions::default() };
    let running = Worker::new(test.db.clone(), time.clone(), options).job::<Act>(log.clone()).start();
    log.until(async || {
        time.advance(Duration::from_secs(60));
        row(test, "act").await.filter(|row| row.state == "dead")
    })
    .await;
    assert_eq!(log.runs("doomed"), 4);
    drop_dead(test).await;
    enqueue_now(test, &Act::new("hopeless").then(Step::GiveUp), None).await;
    let dead = log.until(async || row(test, "act").await.filter(|row| row.state == "dead")).await;
    running.stop(GRACE).await;
    assert_eq!((dead.attempts, dead.last_error.as_deref()), (1, Some("no such agent")));
    let now = time.now();
    let counted = test.db.read(async move |tx: &mut Tx| backlog(tx, now).await).await.unwrap();
    assert_eq!((counted.due, counted.dead), (0, 1));
    drop_dead(test).await;
}

async fn a_job_that_takes_the_process_down_every_time_ends_dead(test: &TestDb) {
    let (log, time) = (Log::new(), clock());
    enqueue_now(test, &Act::new("poison").then(Step::Hang).then(Step::Hang).then(Step::Hang).then(Step::Hang), None).await;
    for attempt in 1..=4 {
        let doomed = Worker::new(test.db.clone(), time.clone(), WorkerOptions::default()).job::<Act>(log.clone()).start();
        log.wait_for("poison", attempt).await;
        kill(doomed).await;
        time.advance(Duration::from_secs(61));
    }
    let running = Worker::new(test.db.clone(), time.clone(), WorkerOptions::default()).job::<Act>(log.clone()).start();
    let dead = log.until(async || row(test, "act").await.filter(|row| row.state == "dead")).await;
    running.stop(GRACE).await;
    assert_eq!((log.runs("poison"), dead.attempts), (4, 4));
    assert!(dead.last_error.unwrap().contains("vanished"));
    drop_dead(test).await;
}

async fn at_most_one_unfinished_job_has_a_unique_key(test: &TestDb) {
    let log = Log::new();
    let first = enqueue_now(test, &Act::new("one"), Some("agent 7")).await;
    assert!(matches!(first, Enqueued::New(_)));
    let rivals: Vec<_> = (0..8)
        .map(|_| {
            let db = test.db.clone();
            tokio::spawn(async move {
                db.write(async |tx: &mut Tx| {
                    let now = clock().now();
                    rialto_jobs::enqueue(tx, &Act::new("one"), now, Some("agent 8"), now).await
                })
                .await
                .unwrap()
            })
        })
        .collect();
    let mut new = 0;
    for rival in rivals {
        new += i32::from(matches!(rival.await.unwrap(), Enqueued::New(_)));
    }
    assert_eq!(new, 1);
    assert_eq!(enqueue_now(test, &Act::new("one"), Some("agent 7")).await, Enqueued::Already);
    let running = worker(test, &log).start();
    log.wait_for("one", 2).await;
    running.stop(GRACE).await;
    assert!(matches!(enqueue_now(test, &Act::new("again"), Some("agent 7")).await, Enqueued::New(_)), "the first is finished");
}

async fn a_job_does_not_run_before_its_time(test: &TestDb) {
    let (log, time) = (Log::new(), clock());
    enqueue_at(test, &Act::new("later"), time.now().after(Duration::from_secs(30))).await;
    let options = WorkerOptions { poll: Duration::from_millis(20), ..WorkerOptions::default() };
    let running = Worker::new(test.db.clone(), time.clone(), options).job::<Act>(log.clone()).start();
    tokio::time::sleep(SHORT).await;
    assert_eq!(log.runs("later"), 0);
    time.advance(Duration::from_secs(31));
    log.wait_for("later", 1).await;
    running.stop(GRACE).await;
}

async fn a_worker_leaves_jobs_that_it_does_not_know_to_others(test: &TestDb) {
    let log = Log::new();
    enqueue_now(test, &Other, None).await;
    enqueue_now(test, &Act::new("known"), None).await;
    let running = worker(test, &log).start();
    log.wait_for("known", 1).await;
    running.stop(GRACE).await;
    assert_eq!(row(test, "other").await.unwrap().attempts, 0);
}

async fn a_schedule_runs_once_a_period_for_all_replicas(test: &TestDb) {
    let (log, time) = (Log::new(), clock());
    let options = WorkerOptions { poll: Duration::from_millis(20), ..WorkerOptions::default() };
    let make = || {
        let log = log.clone();
        let sweep = move || {
            let log = Arc::clone(&log);
            async move { if log.note("sweep") == 2 { Err(Failure::give_up("never for a schedule")) } else { Ok(()) } }
        };
        Worker::new(test.db.clone(), time.clone(), options).every("sweep", Duration::from_secs(3_600), sweep).start()
    };
    let workers = [make(), make(), make()];
    log.wait_for("sweep", 1).await;
    tokio::time::sleep(SHORT).await;
    assert_eq!(log.runs("sweep"), 1);
    time.advance(Duration::from_secs(3_600));
    log.wait_for("sweep", 2).await;
    time.advance(Duration::from_secs(3_600));
    log.wait_for("sweep", 3).await;
    for running in workers {
        running.stop(GRACE).await;
    }
    let kept = row(test, "sweep").await.unwrap();
    assert_eq!((kept.state.as_str(), kept.attempts, kept.last_error), ("queued", 0, None));
}

async fn a_stop_waits_for_what_runs_and_gives_back_what_takes_too_long(test: &TestDb) {
    let log = Log::new();
    enqueue_now(test, &Act::new("short").pausing_ms(300), None).await;
    let running = worker(test, &log).start();
    log.wait_for("short", 1).await;
    enqueue_now(test, &Act::new("endless").then(Step::Hang), None).await;
    log.wait_for("endless", 1).await;
    running.stop(Duration::from_millis(800)).await;
    let given_back = row(test, "act").await.unwrap();
    assert_eq!((given_back.state.as_str(), given_back.attempts), ("queued", 0));
    assert_eq!(rows(test).await, 1, "the short one is done");
}

suite! {
    a_job_exists_when_its_transaction_commits_and_only_then,
    a_worker_is_woken_by_a_new_job_and_does_not_wait_for_its_next_look,
    several_workers_run_each_job_once_and_no_more_at_once_than_they_may,
    a_long_job_keeps_its_lease,
    the_job_of_a_worker_that_died_runs_again,
    a_worker_that_comes_late_cannot_settle_what_another_has_taken,
    a_failed_job_waits_within_its_bound_and_runs_again,
    a_job_is_dead_after_its_last_attempt_or_when_it_is_hopeless,
    a_job_that_takes_the_process_down_every_time_ends_dead,
    at_most_one_unfinished_job_has_a_unique_key,
    a_job_does_not_run_before_its_time,
    a_worker_leaves_jobs_that_it_does_not_know_to_others,
    a_schedule_runs_once_a_period_for_all_replicas,
    a_stop_waits_for_what_runs_and_gives_back_what_takes_too_long,
}
