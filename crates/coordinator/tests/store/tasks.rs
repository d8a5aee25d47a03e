//! Tasks: a goal, agents in order, a cap.

use std::time::Duration;

use rialto_coordinator::{
    CoordinatorError, Execution, Process, Status, Task,
    task::{self, NewTask},
};
use rialto_kernel::{Amount, Caller, Clock, PageRequest, Role};
use rialto_store::{Tx, testing::TestDb};
use serde_json::{Map, json};

use crate::support::{Act, World, caller, is};

fn goal(goal: &str) -> NewTask {
    NewTask {
        goal: goal.to_owned(),
        input: json!({"text": "hi"}).as_object().unwrap().clone(),
        conversation: None,
        message: None,
        external_user_id: None,
        max_credits: None,
        timeout_seconds: 60,
    }
}

async fn create(world: &World, caller: Caller, new: NewTask) -> Result<Task, CoordinatorError> {
    let now = Clock::system().now();
    world.db.write(async move |tx: &mut Tx| task::create(tx, &caller, &new, now).await).await
}

async fn done(world: &World, new: NewTask) -> (Execution, Task, Vec<Process>) {
    let task = create(world, world.ada, new).await.unwrap();
    let run = world.ended(task.run.id).await;
    let (caller, id) = (world.ada, run.id);
    let (task, steps) = world.db.read(async move |tx: &mut Tx| task::find(tx, &caller, id).await).await.unwrap();
    (run, task, steps)
}

async fn candidates_are_called_in_order_until_one_succeeds(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("echo-1", 5, &[Act::Refuse]);
    world.agents.agent("echo-2", 5, &[Act::Fail]);
    world.agents.agent("echo-3", 5, &[Act::Echo]);
    world.agents.agent("echo-4", 5, &[Act::Echo]);
    let (run, task, steps) = done(&world, goal("echo this")).await;
    is(&run, Status::Completed);
    let called: Vec<String> = world.agents.log().into_iter().map(|(name, _)| name).collect();
    assert_eq!(called, ["echo-1", "echo-2", "echo-3"]);
    assert_eq!(world.agents.log()[0].1, json!({"goal": "echo this", "text": "hi"}));
    assert_eq!(steps.len(), 3);
    assert!(task.conversation.is_some(), "the calls of a task are part of a conversation");
}

async fn nobody_above_the_cap_is_called(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("echo-1", 50, &[Act::Echo]);
    world.agents.agent("echo-2", 10, &[Act::Echo]);
    let capped = |cap: i64| NewTask { max_credits: Some(Amount::new(cap).unwrap()), ..goal("echo") };
    let (run, _, steps) = done(&world, capped(10)).await;
    is(&run, Status::Completed);
    assert_eq!(steps[0].attempt.as_ref().unwrap().target_name, "echo-2");
    let (run, ..) = done(&world, capped(9)).await;
    is(&run, Status::Failed);
    assert_eq!(run.error.as_deref(), Some("No agent was found for it within the spending cap"));
    assert_eq!(world.agents.calls("echo-1"), 0);
}

async fn a_task_that_nobody_can_do_fails_with_the_last_reason(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("echo-1", 0, &[Act::Fail]);
    let (run, _, steps) = done(&world, goal("echo")).await;
    is(&run, Status::Failed);
    assert_eq!((run.error.as_deref(), steps.len()), (Some("Agent returned status 500"), 1));
    let (run, ..) = done(&world, goal("unheard-of")).await;
    assert_eq!(run.error.as_deref(), Some("No agent was found for it at a price that may be paid without max_credits"));
}

async fn a_task_that_takes_too_long_is_timed_out(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("echo-1", 0, &[Act::Slow(Duration::from_secs(30))]);
    let (run, ..) = done(&world, NewTask { timeout_seconds: 1, ..goal("echo") }).await;
    is(&run, Status::TimedOut);
}

async fn tasks_are_their_owners_alone(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("echo-1", 0, &[Act::Echo]);
    let task = create(&world, world.ada, goal("echo")).await.unwrap();
    let (bob, id) = (world.bob, task.run.id);
    let found = world.db.read(async move |tx: &mut Tx| task::find(tx, &bob, id).await).await;
    assert_eq!(found.unwrap_err(), CoordinatorError::TaskUnknown);
    let now = Clock::system().now();
    let cancelled = world.db.write(async move |tx: &mut Tx| task::cancel(tx, &bob, id, now).await).await;
    assert_eq!(cancelled.unwrap_err(), CoordinatorError::TaskUnknown);
    let list = async |caller: Caller, status: Option<Status>| {
        let page = PageRequest::first(10);
        world.db.read(async move |tx: &mut Tx| task::list(tx, &caller, status, page).await).await.unwrap().total
    };
    world.ended(id).await;
    assert_eq!((list(world.bob, None).await, list(world.ada, None).await), (0, 1));
    assert_eq!((list(world.ada, Some(Status::Completed)).await, list(world.ada, Some(Status::Failed)).await), (1, 0));
    let viewer = caller(world.ada.owner, Role::Viewer);
    assert_eq!(create(&world, viewer, goal("echo")).await.unwrap_err(), CoordinatorError::ReadOnly);
}

async fn what_is_no_task_is_refused(test: &TestDb) {
    let world = World::idle(test).await;
    let deep = (0..120).fold(json!(1), |inner, _| json!([inner]));
    for wrong in [
        goal(""),
        goal(" "),
        goal(&"x".repeat(4_001)),
        NewTask { timeout_seconds: 0, ..goal("x") },
        NewTask { timeout_seconds: i32::MAX, ..goal("x") },
        NewTask { input: Map::from_iter([("a".to_owned(), json!("x".repeat(200_000)))]), ..goal("x") },
        NewTask { input: Map::from_iter([("a".to_owned(), deep)]), ..goal("x") },
    ] {
        assert!(matches!(create(&world, world.ada, wrong).await, Err(CoordinatorError::Invalid(_))));
    }
}

rialto_store::suite! {
    candidates_are_called_in_order_until_one_succeeds,
    nobody_above_the_cap_is_called,
    a_task_that_nobody_can_do_fails_with_the_last_reason,
    a_task_that_takes_too_long_is_timed_out,
    tasks_are_their_owners_alone,
    what_is_no_task_is_refused,
}
