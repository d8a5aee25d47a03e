//! How many runs there may be.

use std::time::Duration;

use rialto_coordinator::{Status, execution, store::ExecutionStore};
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
    a_newer_version_lets_in_those_who_wait,
    a_run_that_is_called_off_makes_room,
    runs_that_ended_long_ago_are_forgotten,
}
