//! Drivers that die, and drivers that meet.

use std::time::Duration;

use rialto_coordinator::Status;
use rialto_store::testing::TestDb;
use serde_json::json;

use crate::support::{Act, World, eventually, is, start};

async fn whoever_takes_over_hears_how_the_call_ended_and_makes_no_second_one(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 9, &[Act::Slow(Duration::from_secs(1))]);
    world.agents.agent("quick", 1, &[Act::Echo]);
    let definition =
        json!({"steps": [{"id": "a", "agent": "quick"}, {"id": "b", "agent": "slow"}, {"id": "c", "agent": "quick"}]});
    let workflow = world.workflow("crash", definition).await;
    let run = world.run(&workflow, json!({})).await;
    eventually("the slow one is called", async || (world.agents.calls("slow") == 1).then_some(())).await;
    // The worker goes, the call of it goes on, as the broker's do.
    let attempt = world.processes(run.id).await[1].attempt.clone().unwrap();
    world.stop();
    let again = world.replica();
    let _second = start(&world.db, &again);
    is(&world.ended(run.id).await, Status::Completed);
    assert_eq!(world.table(run.id).await, ["a 1 completed", "b 1 completed", "c 1 completed"]);
    assert_eq!(world.processes(run.id).await[1].attempt.as_ref().unwrap().id, attempt.id);
    assert_eq!(world.agents.calls("quick"), 2, "what was done is not done again");
}

async fn two_replicas_do_each_step_once(test: &TestDb) {
    let world = World::idle(test).await;
    world.agents.agent("act", 1, &[Act::Slow(Duration::from_millis(30))]);
    let steps: Vec<_> = (0..8)
        .map(|n: usize| json!({"id": format!("s{n}"), "agent": "act", "depends_on": if n < 4 { vec![] } else { vec![format!("s{}", n - 4)] }}))
        .collect();
    let workflow = world.workflow("race", json!({"steps": steps})).await;
    let mut runs = Vec::new();
    for _ in 0..6 {
        runs.push(world.run(&workflow, json!({})).await.id);
    }
    let other = world.replica();
    let _first = start(&world.db, &world.coordinator);
    let _second = start(&world.db, &other);
    for id in &runs {
        is(&world.ended(*id).await, Status::Completed);
        let table = world.table(*id).await;
        assert!(table.len() == 8 && table.iter().all(|line| line.ends_with(" 1 completed")), "{table:?}");
    }
    assert_eq!(world.agents.calls("act"), 48);
}

async fn a_driver_that_was_overtaken_changes_nothing(test: &TestDb) {
    let world = World::idle(test).await;
    world.agents.agent("slow", 1, &[Act::Slow(Duration::from_millis(800))]);
    world.agents.agent("act", 1, &[Act::Echo]);
    let definition = json!({"steps": [{"id": "a", "agent": "slow"}, {"id": "b", "agent": "act"}]});
    let workflow = world.workflow("overtake", definition).await;
    let run = world.run(&workflow, json!({})).await;
    // Two workers that both have a job for the run, as after a lease that ran out: the second job is made by hand.
    let (first, second) = (world.coordinator.clone(), world.replica());
    let id = run.id;
    let slow = tokio::spawn(async move { first.advance(id).await });
    eventually("the first calls", async || (world.agents.calls("slow") == 1).then_some(())).await;
    second.advance(id).await.unwrap();
    slow.await.unwrap().unwrap();
    world.work();
    is(&world.ended(run.id).await, Status::Completed);
    assert_eq!(world.table(run.id).await, ["a 1 completed", "b 1 completed"]);
    assert_eq!((world.agents.calls("slow"), world.agents.calls("act")), (1, 1));
}

rialto_store::suite! {
    whoever_takes_over_hears_how_the_call_ended_and_makes_no_second_one,
    two_replicas_do_each_step_once,
    a_driver_that_was_overtaken_changes_nothing,
}
