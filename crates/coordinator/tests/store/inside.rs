//! Runs inside of runs: bounded, whatever a definition asks for.

use std::time::Duration;

use rialto_coordinator::{Execution, ExecutionId, INSIDE_MAX, PARALLEL_MAX, Status, execution, store::TreeStore};
use rialto_kernel::Clock;
use rialto_store::{StoreError, Tx, testing::TestDb};
use serde_json::{Value, json};

use crate::support::{Act, World, eventually, is};

/// So many steps side by side, each of them this workflow.
fn beside(count: usize, workflow: &str) -> Value {
    let steps: Vec<_> = (0..count).map(|n| json!({"id": format!("s{n}"), "workflow": workflow, "depends_on": []})).collect();
    json!({"steps": steps})
}

/// Writes runs inside of `root` that nobody drives.
async fn fill(world: &World, root: &Execution, count: u32) {
    let (root, now) = (root.clone(), Clock::system().now());
    let write = async move |tx: &mut Tx| {
        for n in 0..count {
            let (id, parent) = (ExecutionId::new(), Some((root.id, format!("f{n}"))));
            let inside = Execution { id, parent, root: Some(root.id), depth: 1, created_at: now, ..root.clone() };
            rialto_coordinator::store::ExecutionStore::insert_execution(tx, &inside).await?;
        }
        Ok::<_, StoreError>(())
    };
    world.db.write(write).await.unwrap();
}

async fn inside(world: &World, root: ExecutionId) -> u32 {
    world.db.read(async move |tx: &mut Tx| tx.count_inside(root, u32::MAX).await).await.unwrap()
}

async fn one_run_brings_about_no_more_than_a_thousand(test: &TestDb) {
    let world = World::idle(test).await;
    world.agents.agent("act", 0, &[Act::Echo]);
    world.workflow("leaf", json!({"steps": [{"id": "a", "agent": "act"}]})).await;
    let workflow = world.workflow("wide", beside(8, "leaf")).await;
    let run = world.run(&workflow, json!({})).await;
    fill(&world, &run, INSIDE_MAX - 3).await;
    world.work();
    let run = world.ended(run.id).await;
    is(&run, Status::Failed);
    let error = run.error.clone().unwrap();
    assert!(error.ends_with("more than 1000 runs would be inside of one run"), "{error}");
    assert_eq!((inside(&world, run.id).await, world.agents.calls("act")), (INSIDE_MAX, 3));
}

/// Those of the innermost are not driven all at once, and all of them are in the end.
async fn of_each_depth_only_so_many_are_driven_at_once(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("act", 0, &[Act::Slow(Duration::from_millis(10))]);
    world.workflow("leaf", json!({"steps": [{"id": "a", "agent": "act"}]})).await;
    world.workflow("branch", beside(6, "leaf")).await;
    let run = world.ran("trunk", beside(6, "branch"), json!({})).await;
    is(&run, Status::Completed);
    assert_eq!((world.agents.calls("act"), inside(&world, run.id).await), (36, 42));
    assert!(world.agents.together_max() <= PARALLEL_MAX, "{} at once", world.agents.together_max());
}

async fn as_many_as_there_are_they_are_called_off_with_it(test: &TestDb) {
    let world = World::idle(test).await;
    world.agents.agent("act", 0, &[Act::Echo]);
    let workflow = world.workflow("leaf", json!({"steps": [{"id": "a", "agent": "act"}]})).await;
    let run = world.run(&workflow, json!({})).await;
    fill(&world, &run, 250).await;
    let (caller, id, now) = (world.ada, run.id, Clock::system().now());
    world.db.write(async move |tx: &mut Tx| execution::cancel(tx, &caller, id, now).await).await.unwrap();
    let left = async || world.db.read(async move |tx: &mut Tx| tx.list_called_off(id, 1_000).await).await.unwrap().len();
    assert_eq!(left().await, 150, "one transaction ends no more than so many");
    world.work();
    eventually("all are called off", async || (left().await == 0).then_some(())).await;
    assert_eq!(world.agents.calls("act"), 0);
}

rialto_store::suite! {
    one_run_brings_about_no_more_than_a_thousand,
    of_each_depth_only_so_many_are_driven_at_once,
    as_many_as_there_are_they_are_called_off_with_it,
}
