//! Calling runs off.

use std::time::Duration;

use rialto_coordinator::{AttemptStatus, CoordinatorError, Execution, ExecutionId, Status, execution};
use rialto_kernel::{Caller, Clock, Role};
use rialto_store::{Tx, testing::TestDb};
use serde_json::json;

use crate::support::{Act, World, caller, eventually, is};

async fn cancel(world: &World, caller: Caller, id: ExecutionId) -> Result<Execution, CoordinatorError> {
    let now = Clock::system().now();
    world.db.write(async move |tx: &mut Tx| execution::cancel(tx, &caller, id, now).await).await
}

async fn what_is_called_off_starts_nothing_more_and_says_what_it_cost(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 5, &[Act::Slow(Duration::from_millis(600))]);
    let steps: Vec<_> = (0..3).map(|n| json!({"id": format!("s{n}"), "agent": "slow"})).collect();
    let workflow = world.workflow("stop", json!({"steps": steps})).await;
    let run = world.run(&workflow, json!({})).await;
    eventually("it has begun", async || (world.agents.calls("slow") == 1).then_some(())).await;
    is(&cancel(&world, world.ada, run.id).await.unwrap(), Status::Cancelled);
    // Again is the same.
    is(&cancel(&world, world.ada, run.id).await.unwrap(), Status::Cancelled);
    let settled = eventually("the call has ended", async || {
        world.processes(run.id).await[0].attempt.clone().filter(|attempt| attempt.status != AttemptStatus::Running)
    });
    let attempt = settled.await;
    assert_eq!((attempt.status, attempt.credits_charged.unwrap().get()), (AttemptStatus::Completed, 5));
    assert_eq!(world.table(run.id).await, ["s0 1 completed", "s1 - cancelled", "s2 - cancelled"]);
    is(&world.find(run.id).await, Status::Cancelled);
    assert_eq!(world.agents.calls("slow"), 1);
}

async fn a_completed_run_stays_completed(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("act", 0, &[Act::Echo]);
    let run = world.ran("done", json!({"steps": [{"id": "a", "agent": "act"}]}), json!({})).await;
    assert_eq!(cancel(&world, world.ada, run.id).await.unwrap_err(), CoordinatorError::Ended("completed"));
    is(&world.find(run.id).await, Status::Completed);
}

async fn only_its_owner_calls_it_off(test: &TestDb) {
    let world = World::idle(test).await;
    world.agents.agent("act", 0, &[Act::Echo]);
    let workflow = world.workflow("mine", json!({"steps": [{"id": "a", "agent": "act"}]})).await;
    let run = world.run(&workflow, json!({})).await;
    assert_eq!(cancel(&world, world.bob, run.id).await.unwrap_err(), CoordinatorError::ExecutionUnknown);
    let viewer = caller(world.ada.owner, Role::Viewer);
    assert_eq!(cancel(&world, viewer, run.id).await.unwrap_err(), CoordinatorError::ReadOnly);
    is(&cancel(&world, caller(world.bob.owner, Role::Admin), run.id).await.unwrap(), Status::Cancelled);
    world.work();
    // It had not begun, and never does.
    assert_eq!(world.table(run.id).await, Vec::<String>::new());
}

async fn runs_inside_are_called_off_too(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 5, &[Act::Slow(Duration::from_millis(500))]);
    world.workflow("inner", json!({"steps": [{"id": "x", "agent": "slow"}, {"id": "y", "agent": "slow"}]})).await;
    let workflow = world.workflow("outer", json!({"steps": [{"id": "s", "workflow": "inner"}]})).await;
    let run = world.run(&workflow, json!({})).await;
    eventually("the inner one has begun", async || (world.agents.calls("slow") == 1).then_some(())).await;
    let child = world.processes(run.id).await[0].attempt.as_ref().unwrap().child.unwrap();
    cancel(&world, world.ada, run.id).await.unwrap();
    is(&world.find(child).await, Status::Cancelled);
    eventually("the call has ended", async || {
        let lines = world.table(child).await;
        (lines == ["x 1 completed", "y - cancelled"]).then_some(())
    })
    .await;
    assert_eq!(world.agents.calls("slow"), 1);
}

/// Many runs end while somebody calls them off: each ends once, in one way, and both sides agree on it.
async fn ending_and_calling_off_are_decided_once(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("act", 0, &[Act::Slow(Duration::from_millis(5))]);
    let workflow = world.workflow("race", json!({"steps": [{"id": "a", "agent": "act"}]})).await;
    let (mut completed, mut cancelled) = (0, 0);
    for n in 0..24_u64 {
        let run = world.run(&workflow, json!({})).await;
        tokio::time::sleep(Duration::from_millis(n * 3)).await;
        let told = cancel(&world, world.ada, run.id).await;
        let ended = world.ended(run.id).await;
        match told {
            Ok(_) => {
                is(&ended, Status::Cancelled);
                cancelled += 1;
            }
            Err(error) => {
                assert_eq!(error, CoordinatorError::Ended("completed"));
                is(&ended, Status::Completed);
                completed += 1;
            }
        }
    }
    assert_eq!(completed + cancelled, 24);
}

rialto_store::suite! {
    what_is_called_off_starts_nothing_more_and_says_what_it_cost,
    a_completed_run_stays_completed,
    only_its_owner_calls_it_off,
    runs_inside_are_called_off_too,
    ending_and_calling_off_are_decided_once,
}
