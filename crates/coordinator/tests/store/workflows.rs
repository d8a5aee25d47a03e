//! Workflows: names, versions, owners.

use rialto_coordinator::{
    CoordinatorError, Workflow, execution,
    workflow::{self, NewWorkflow, Source},
};
use rialto_kernel::{Caller, Clock, PageRequest, Role};
use rialto_store::{Tx, testing::TestDb};
use serde_json::{Map, Value, json};

use crate::support::{World, caller};

fn one(agent: &str) -> Value {
    json!({"steps": [{"id": "a", "agent": agent}]})
}

async fn update(
    world: &World,
    caller: Caller,
    workflow: &Workflow,
    name: &str,
    definition: Value,
) -> Result<Workflow, CoordinatorError> {
    let fields = definition.as_object().unwrap().clone();
    let new = NewWorkflow { name: Some(name.to_owned()), source: Source::Json(fields), triggers: None, recovery: None };
    let (checked, id, now) = (new.check().unwrap(), workflow.id, Clock::system().now());
    world.db.write(async move |tx: &mut Tx| workflow::update(tx, &caller, id, &checked, now).await).await
}

async fn archive(world: &World, caller: Caller, workflow: &Workflow) -> Result<(), CoordinatorError> {
    let (id, now) = (workflow.id, Clock::system().now());
    world.db.write(async move |tx: &mut Tx| workflow::archive(tx, &caller, id, now).await).await
}

async fn run(world: &World, caller: Caller, workflow: &Workflow) -> Result<(), CoordinatorError> {
    let (id, now) = (workflow.id, Clock::system().now());
    let work = async move |tx: &mut Tx| execution::run(tx, &caller, id, &Map::new(), now).await.map(drop);
    world.db.write(work).await
}

async fn a_name_is_one_workflow_and_a_change_is_a_version(test: &TestDb) {
    let world = World::idle(test).await;
    let first = world.workflow("w", one("x")).await;
    let same = world.workflow("w", one("x")).await;
    let second = world.workflow("w", one("y")).await;
    assert_eq!((first.version, same.version, second.version), (1, 1, 2));
    assert!(first.id == same.id && same.id == second.id);
    let renamed = update(&world, world.ada, &first, "v", one("y")).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.version), ("v", 2));
    let other = world.workflow("w", one("x")).await;
    assert_ne!(other.id, first.id);
    let taken = update(&world, world.ada, &other, "v", one("z")).await;
    assert_eq!(taken.unwrap_err(), CoordinatorError::NameTaken);
    let caller = world.ada;
    let list = async |name: Option<&'static str>| {
        let name = name.map(str::to_owned);
        let read = async move |tx: &mut Tx| workflow::list(tx, &caller, name.as_deref(), PageRequest::first(10)).await;
        world.db.read(read).await.unwrap().items.into_iter().map(|found| found.name).collect::<Vec<_>>()
    };
    assert_eq!(
        (list(None).await, list(Some("v")).await, list(Some("x")).await.len()),
        (vec!["w".into(), "v".into()], vec!["v".into()], 0)
    );
}

async fn an_archived_workflow_is_not_run_and_its_name_is_free(test: &TestDb) {
    let world = World::idle(test).await;
    let old = world.workflow("w", one("x")).await;
    archive(&world, world.ada, &old).await.unwrap();
    archive(&world, world.ada, &old).await.unwrap();
    assert_eq!(run(&world, world.ada, &old).await.unwrap_err(), CoordinatorError::Archived);
    assert_eq!(update(&world, world.ada, &old, "w", one("y")).await.unwrap_err(), CoordinatorError::Archived);
    let new = world.workflow("w", one("x")).await;
    assert_ne!(new.id, old.id);
    run(&world, world.ada, &new).await.unwrap();
}

async fn workflows_are_their_owners_alone(test: &TestDb) {
    let world = World::idle(test).await;
    let mine = world.workflow("w", one("x")).await;
    for stranger in [world.bob, caller(world.bob.owner, Role::Viewer)] {
        let id = mine.id;
        let found = world.db.read(async move |tx: &mut Tx| workflow::find(tx, &stranger, id).await).await;
        assert_eq!(found.unwrap_err(), CoordinatorError::WorkflowUnknown);
        assert_eq!(update(&world, stranger, &mine, "w", one("y")).await.unwrap_err(), CoordinatorError::WorkflowUnknown);
        assert_eq!(archive(&world, stranger, &mine).await.unwrap_err(), CoordinatorError::WorkflowUnknown);
        assert_eq!(run(&world, stranger, &mine).await.unwrap_err(), CoordinatorError::WorkflowUnknown);
    }
    let viewer = caller(world.ada.owner, Role::Viewer);
    assert_eq!(run(&world, viewer, &mine).await.unwrap_err(), CoordinatorError::ReadOnly);
    assert_eq!(archive(&world, viewer, &mine).await.unwrap_err(), CoordinatorError::ReadOnly);
}

async fn many_who_create_one_name_at_once_make_one_workflow(test: &TestDb) {
    let world = World::idle(test).await;
    let made = futures_util::future::join_all((0..8).map(|n| {
        let world = &world;
        async move { world.workflow("same", one(&format!("agent-{n}"))).await }
    }))
    .await;
    assert!(made.iter().all(|one| one.id == made[0].id));
    let mut versions: Vec<i32> = made.iter().map(|one| one.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=8).collect::<Vec<i32>>());
}

rialto_store::suite! {
    a_name_is_one_workflow_and_a_change_is_a_version,
    an_archived_workflow_is_not_run_and_its_name_is_free,
    workflows_are_their_owners_alone,
    many_who_create_one_name_at_once_make_one_workflow,
}
