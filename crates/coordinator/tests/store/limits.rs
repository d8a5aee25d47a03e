//! How many runs there may be.

use std::{sync::Arc, time::Duration};

use rialto_coordinator::{Advance, Coordinator, RUNS_MAX, Status, execution, store::ExecutionStore};
use rialto_jobs::{Worker, WorkerOptions};
use rialto_kernel::Clock;
use rialto_store::{StoreError, Tx, testing::TestDb};
use serde_json::json;

use crate::support::{Act, World, eventually, is};

async fn no_more_runs_than_the_definition_allows(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 0, &[Act::Slow(Duration::from_millis(150))]);
    let workflow =
        world.workflow("narrow", json!({"steps": [{"id": "a", "agent": "slow"}], "max_concurrent_executions": 2})).await;
    let mut runs = Vec::new();
    for n in 0..7 {
        runs.push(world.run(&workflow, json!({ "n": n })).await.id);
    }
    for id in runs {
        is(&world.ended(id).await, Status::Completed);
    }
    assert!(world.agents.together_max() <= 2, "{} at once", world.agents.together_max());
}

/// With one place only: when two runs end in one instant, the times of those that they let in say nothing about their order.
async fn those_who_wait_get_their_turn_in_the_order_they_came(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 0, &[Act::Slow(Duration::from_millis(50))]);
    let workflow =
        world.workflow("single", json!({"steps": [{"id": "a", "agent": "slow"}], "max_concurrent_executions": 1})).await;
    let mut runs = Vec::new();
    for n in 0..5 {
        runs.push(world.run(&workflow, json!({ "n": n })).await.id);
    }
    let mut admitted = Vec::new();
    for id in runs {
        let ended = world.ended(id).await;
        is(&ended, Status::Completed);
        admitted.push(ended.admitted_at.unwrap());
    }
    assert!(admitted.is_sorted(), "first come, first served: {admitted:?}");
}

async fn a_newer_version_lets_in_those_who_wait(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 0, &[Act::Slow(Duration::from_secs(20)), Act::Echo]);
    let definition = |most: u32| json!({"steps": [{"id": "a", "agent": "slow"}], "max_concurrent_executions": most});
    let workflow = world.workflow("wider", definition(1)).await;
    let first = world.run(&workflow, json!({})).await;
    eventually("the first runs", async || (world.agents.calls("slow") == 1).then_some(())).await;
    let second = world.run(&workflow, json!({})).await;
    assert_eq!((second.status, second.admitted_at), (Status::Pending, None));
    world.workflow("wider", definition(2)).await;
    is(&world.ended(second.id).await, Status::Completed);
    is(&world.find(first.id).await, Status::Running);
}

/// A process drives so many runs at once. One owner whose agents hang must not have all of these places.
async fn whoever_has_many_runs_leaves_places_to_others(test: &TestDb) {
    let mut world = World::idle(test).await;
    world.agents.agent("hangs", 0, &[Act::Slow(Duration::from_secs(60))]);
    world.agents.agent("quick", 0, &[Act::Echo]);
    let slow = world.workflow("slow", json!({"steps": [{"id": "a", "agent": "hangs"}]})).await;
    for _ in 0..RUNS_MAX + 10 {
        world.run(&slow, json!({})).await;
    }
    let options = WorkerOptions { concurrency: 64, lease: Duration::from_secs(10), poll: Duration::from_millis(100) };
    let worker = Worker::new(test.db.clone(), Clock::system(), options).job::<Advance>(Arc::new(world.coordinator.clone()));
    let _worker = worker.start();
    let half = usize::try_from(RUNS_MAX).unwrap() / 2;
    eventually("half of the places are taken", async || (world.agents.calls("hangs") >= half).then_some(())).await;
    world.ada = world.bob;
    let quick = world.workflow("quick", json!({"steps": [{"id": "a", "agent": "quick"}]})).await;
    let run = world.run(&quick, json!({})).await;
    is(&world.ended(run.id).await, Status::Completed);
    assert_eq!(world.agents.calls("hangs"), half);
}

/// A run that was let in and whose job is gone gets another, and is ended when that does not help either.
async fn a_run_whose_job_is_gone_is_begun_after_all_or_ended(test: &TestDb) {
    let world = World::idle(test).await;
    world.agents.agent("quick", 0, &[Act::Echo]);
    let workflow = world.workflow("w", json!({"steps": [{"id": "a", "agent": "quick"}], "max_concurrent_executions": 1})).await;
    let (lost, behind) = (world.run(&workflow, json!({})).await, world.run(&workflow, json!({})).await);
    forget_jobs(&world).await;
    let at =
        |seconds| Coordinator::new(test.db.clone(), Clock::fixed(lost.created_at.after(seconds)), Arc::new(world.agents.clone()));
    assert_eq!(at(Duration::from_secs(60)).close_late(10).await, Ok(0));
    let jobs = async || {
        world
            .db
            .read(async |tx: &mut Tx| rialto_jobs::backlog(tx, Clock::system().now().after(Duration::from_secs(9_999))).await)
            .await
            .unwrap()
            .due
    };
    assert_eq!(jobs().await, 0);
    for _ in 0..2 {
        assert_eq!(at(Duration::from_secs(700)).close_late(10).await, Ok(0));
        assert_eq!(jobs().await, 1);
    }
    forget_jobs(&world).await;
    assert_eq!(at(Duration::from_secs(100_000)).close_late(10).await, Ok(1));
    let run = world.find(lost.id).await;
    assert_eq!((run.status, run.error.as_deref()), (Status::Failed, Some("it could not be begun")));
    assert!(world.find(behind.id).await.admitted_at.is_some(), "the next one has its place");
}

async fn forget_jobs(world: &World) {
    world.db.write::<_, StoreError, _>(async |tx: &mut Tx| tx.batch("DELETE FROM jobs").await).await.unwrap();
}

/// One that waits may be called off, and one that runs; in either case the others get their turn.
async fn a_run_that_is_called_off_makes_room(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 0, &[Act::Slow(Duration::from_secs(20)), Act::Echo]);
    let workflow = world.workflow("room", json!({"steps": [{"id": "a", "agent": "slow"}], "max_concurrent_executions": 1})).await;
    let first = world.run(&workflow, json!({})).await;
    eventually("the first runs", async || (world.agents.calls("slow") == 1).then_some(())).await;
    let (second, third) = (world.run(&workflow, json!({})).await, world.run(&workflow, json!({})).await);
    for id in [second.id, first.id] {
        let (caller, now) = (world.ada, Clock::system().now());
        world.db.write(async move |tx: &mut Tx| execution::cancel(tx, &caller, id, now).await).await.unwrap();
    }
    is(&world.ended(third.id).await, Status::Completed);
    assert_eq!(world.agents.calls("slow"), 2);
}

/// With all that was inside of them, and nothing else.
async fn runs_that_ended_long_ago_are_forgotten(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("echo", 0, &[Act::Echo]);
    world.agents.agent("slow", 0, &[Act::Slow(Duration::from_secs(20))]);
    world.workflow("inner", json!({"steps": [{"id": "a", "agent": "echo"}]})).await;
    let old = world.ran("outer", json!({"steps": [{"id": "s", "workflow": "inner"}]}), json!({})).await;
    is(&old, Status::Completed);
    let slow = world.workflow("slow", json!({"steps": [{"id": "a", "agent": "slow"}]})).await;
    let open = world.run(&slow, json!({})).await;
    let horizon = Clock::system().now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let new = world.ran("new", json!({"steps": [{"id": "a", "agent": "echo"}]}), json!({})).await;
    let forget = async move |tx: &mut Tx| tx.forget_ended(horizon, 1).await;
    let mut forgotten = 0;
    loop {
        let count = world.db.write::<_, StoreError, _>(forget).await.unwrap();
        assert!(count <= 1);
        forgotten += count;
        if count == 0 {
            break;
        }
    }
    assert_eq!(forgotten, 2, "the outer run and the inner one");
    let id = old.id;
    let found = world.db.read::<_, StoreError, _>(async move |tx: &mut Tx| tx.find_execution(id).await).await.unwrap();
    assert_eq!(found, None);
    assert_eq!(world.table(new.id).await, ["a 1 completed"]);
    assert!(!world.find(open.id).await.status.is_final());
}

rialto_store::suite! {
    no_more_runs_than_the_definition_allows,
    those_who_wait_get_their_turn_in_the_order_they_came,
    whoever_has_many_runs_leaves_places_to_others,
    a_run_whose_job_is_gone_is_begun_after_all_or_ended,
    a_newer_version_lets_in_those_who_wait,
    a_run_that_is_called_off_makes_room,
    runs_that_ended_long_ago_are_forgotten,
}
