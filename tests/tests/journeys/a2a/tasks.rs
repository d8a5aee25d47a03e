//! Tasks and their money: what is canceled or lost is not paid, what is done is.

use std::time::Duration;

use serde_json::{Value, json};

use super::peer::{address, call, code, events, message};
use crate::harness::{Agent, Answer, Kind, Person, World, eventually, journeys, text, together};

async fn begin(person: &Person, at: &str, id: &str) -> Value {
    let mut quick = message(id, "hello");
    quick["configuration"] = json!({"returnImmediately": true});
    let begun = call(&person.api, at, "SendMessage", quick).await;
    assert_eq!(begun["result"]["task"]["status"]["state"], "TASK_STATE_WORKING", "{begun}");
    begun["result"]["task"]["id"].clone()
}

async fn state(person: &Person, at: &str, id: &Value) -> String {
    text(&call(&person.api, at, "GetTask", json!({"id": id})).await["result"]["status"]["state"])
}

async fn a_task_that_is_canceled_is_not_paid(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(3))).await;
    let at = address(&bob.register_agent("Slow", &endpoint, Some(10)).await);
    let id = begin(&ada, &at, "m1").await;
    eventually("the agent is called", async || (endpoint.calls() > 0).then_some(())).await;
    let canceled = call(&ada.api, &at, "CancelTask", json!({"id": id})).await;
    assert_eq!(canceled["result"]["status"]["state"], "TASK_STATE_CANCELED", "{canceled}");
    let again = call(&ada.api, &at, "CancelTask", json!({"id": id})).await;
    assert_eq!(again["result"]["status"]["state"], "TASK_STATE_CANCELED", "a repeat does no harm");
    // The agent answers well, later: nobody wants it any more.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!((state(&ada, &at, &id).await.as_str(), ada.balance().await), ("TASK_STATE_CANCELED", 500));
    let logs = ada.api.get("/broker/logs").await.expect(200);
    assert_eq!((&logs[0]["status"], &logs[0]["credits_charged"], &logs[0]["id"]), (&json!("error"), &Value::Null, &id), "{logs}");
}

async fn of_a_cancellation_and_an_answer_one_comes_true_with_its_money(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_millis(40))).await;
    let at = address(&bob.register_agent("Quick", &endpoint, Some(10)).await);
    let mut paid = 0;
    for round in 0..8 {
        let id = begin(&ada, &at, &format!("m{round}")).await;
        tokio::time::sleep(Duration::from_millis(10 * round)).await;
        let (person, place, task) = (ada.clone(), at.clone(), id.clone());
        let told = together(4, |_| {
            let (person, place, task) = (person.clone(), place.clone(), task.clone());
            async move { call(&person.api, &place, "CancelTask", json!({"id": task})).await }
        })
        .await;
        let ended = eventually("the task ends", async || {
            let state = state(&ada, &at, &id).await;
            (state != "TASK_STATE_WORKING").then_some(state)
        })
        .await;
        match ended.as_str() {
            "TASK_STATE_CANCELED" => {
                assert!(told.iter().all(|told| told["result"]["status"]["state"] == "TASK_STATE_CANCELED"), "{told:?}")
            }
            "TASK_STATE_COMPLETED" => {
                paid += 10;
                assert!(told.iter().all(|told| code(told) == -32002), "{told:?}");
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(ada.balance().await, 500 - paid);
}

async fn who_cannot_pay_is_rejected_and_the_agent_not_called(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let at = address(&bob.register_agent("Dear", &endpoint, Some(501)).await);
    let refused = call(&ada.api, &at, "SendMessage", message("m1", "hello")).await;
    let task = &refused["result"]["task"];
    assert_eq!((&task["status"]["state"], &task["metadata"]["status_code"]), (&json!("TASK_STATE_REJECTED"), &json!(402)));
    assert_eq!(task["status"]["message"]["parts"][0]["text"], "Insufficient credits");
    assert_eq!((endpoint.calls(), ada.balance().await), (0, 500));
    let broken = Agent::start(Answer::Json(500, json!({}))).await;
    let at = address(&bob.register_agent("Broken", &broken, Some(10)).await);
    let failed = call(&ada.api, &at, "SendMessage", message("m1", "hello")).await;
    assert_eq!(failed["result"]["task"]["status"]["state"], "TASK_STATE_FAILED");
    assert_eq!(ada.balance().await, 500);
}

async fn a_task_whose_process_dies_fails_and_is_not_paid(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(120))).await;
    let at = address(&bob.register_agent("Slow", &endpoint, Some(10)).await);
    let id = begin(&ada, &at, "m1").await;
    eventually("the agent is called", async || (endpoint.calls() > 0).then_some(())).await;
    world.crash_and_restart_with(&[]).await;
    let api = crate::harness::signed_in(&world.stranger(), &ada.email).await;
    let ada = Person { api, ..ada };
    assert_eq!(state(&ada, &at, &id).await, "TASK_STATE_WORKING", "it may be somebody else's");
    // Its lease has to run out, and so has that of the sweep that died with it.
    tokio::time::sleep(Duration::from_secs(15)).await;
    eventually("the task is swept", async || (state(&ada, &at, &id).await == "TASK_STATE_FAILED").then_some(())).await;
    assert_eq!(ada.balance().await, 500);
    let holds = ada.api.get("/wallets/me").await.expect(200);
    assert_eq!(holds["balance"], 500, "{holds}");
}

async fn a_task_is_followed_from_another_replica(world: &mut World) {
    if world.kind == Kind::Sqlite {
        return;
    }
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(5))).await;
    let at = address(&bob.register_agent("Slow", &endpoint, Some(10)).await);
    // A process takes its time to start, and a task to follow must still run then.
    let replica = world.replica().await;
    let there = crate::harness::signed_in(&replica.api(), &ada.email).await.with("a2a-version", "1.0");
    let id = begin(&ada, &at, "m1").await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "SubscribeToTask", "params": {"id": id}});
    let told = events(&there.post(&at, &body).await);
    assert!(told[0]["result"]["task"].is_object(), "{told:?}");
    let last = told.last().unwrap();
    assert_eq!(last["result"]["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED", "{told:?}");
    let begun = begin(&ada, &at, "m2").await;
    let canceled = call(&there, &at, "CancelTask", json!({"id": begun})).await;
    assert_eq!(canceled["result"]["status"]["state"], "TASK_STATE_CANCELED", "{canceled}");
}

async fn the_tasks_of_an_agent_that_was_switched_off_are_still_there(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(20))).await;
    let agent = bob.register_agent("Slow", &endpoint, Some(10)).await;
    let at = address(&agent);
    let id = begin(&ada, &at, "m1").await;
    eventually("the agent is called", async || (endpoint.calls() > 0).then_some(())).await;
    bob.api.put(&format!("/registry/agents/{}", text(&agent["id"])), &json!({"is_active": false})).await.expect(200);
    assert_eq!(state(&ada, &at, &id).await, "TASK_STATE_WORKING");
    let canceled = call(&ada.api, &at, "CancelTask", json!({"id": id})).await;
    assert_eq!(canceled["result"]["status"]["state"], "TASK_STATE_CANCELED", "{canceled}");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": message("m2", "hello")});
    ada.api.with("a2a-version", "1.0").post(&at, &body).await.expect_problem(404);
}

journeys! {
    the_tasks_of_an_agent_that_was_switched_off_are_still_there,
    a_task_that_is_canceled_is_not_paid,
    of_a_cancellation_and_an_answer_one_comes_true_with_its_money,
    who_cannot_pay_is_rejected_and_the_agent_not_called,
    a_task_whose_process_dies_fails_and_is_not_paid,
    a_task_is_followed_from_another_replica,
}
