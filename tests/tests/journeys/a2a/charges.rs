//! What a client pays for: a piece of an answer that it was given, and never more than it said.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
};

use super::peer::{address, call, code, message};
use crate::harness::{Agent, Answer, Person, World, eventually, journeys, text};

/// An agent that says these events at once, and comes to its end when it is told to.
async fn teller(person: &Person, events: &'static str, price: u32) -> (Value, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/invoke", listener.local_addr().unwrap());
    let (release, released) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut released = released.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 16_384]).await;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(format!("{head}{events}").as_bytes()).await;
                let _ = released.wait_for(|released| *released).await;
            });
        }
    });
    let agent = json!({"name": "Teller", "description": "tells stories", "endpoint": endpoint, "base_price": price, "pricing_enabled": true});
    (person.api.post("/registry/agents", &agent).await.expect(201), release)
}

async fn begin(person: &Person, at: &str) -> Value {
    let mut quick = message("m1", "hello");
    quick["configuration"] = json!({"returnImmediately": true});
    call(&person.api, at, "SendMessage", quick).await["result"]["task"]["id"].clone()
}

async fn whoever_was_given_a_piece_pays_whether_it_cancels_or_not(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (agent, release) = teller(&bob, "data: {\"text\":\"Once\"}\n\n", 100).await;
    let at = address(&agent);
    let id = begin(&ada, &at).await;
    eventually("a piece is there", async || {
        let task = call(&ada.api, &at, "GetTask", json!({"id": id})).await;
        task["result"]["artifacts"][0].is_object().then_some(())
    })
    .await;
    let canceled = call(&ada.api, &at, "CancelTask", json!({"id": id})).await;
    let task = &canceled["result"];
    assert_eq!(
        (&task["status"]["state"], &task["metadata"]["invocation_id"]),
        (&json!("TASK_STATE_CANCELED"), &id),
        "{canceled}"
    );
    release.send(true).unwrap();
    eventually("it is paid", async || (ada.balance().await == 400).then_some(())).await;
    let logs = ada.api.get("/broker/logs").await.expect(200);
    assert_eq!(
        (&logs[0]["status"], &logs[0]["credits_charged"], &logs[0]["id"]),
        (&json!("success"), &json!(100), &id),
        "{logs}"
    );
}

async fn whoever_was_given_nothing_cancels_for_nothing(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (agent, release) = teller(&bob, ": nothing yet\n\n", 100).await;
    let at = address(&agent);
    let id = begin(&ada, &at).await;
    let canceled = call(&ada.api, &at, "CancelTask", json!({"id": id})).await;
    assert_eq!(canceled["result"]["status"]["state"], "TASK_STATE_CANCELED", "{canceled}");
    release.send(true).unwrap();
    let log = eventually("the call has ended", async || ada.api.get("/broker/logs").await.expect(200).get(0).cloned()).await;
    assert_eq!((&log["status"], &log["credits_charged"]), (&json!("error"), &Value::Null), "{log}");
    assert_eq!(ada.balance().await, 500);
}

async fn nobody_pays_more_than_it_said(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = bob.register_agent("Dear", &endpoint, Some(450)).await;
    for path in ["/broker/invoke", "/broker/invoke/stream"] {
        let body = json!({"agent_id": agent["agent_id"], "input": {}, "max_credits": 449});
        let problem = ada.api.post(path, &body).await.expect_problem(402);
        assert_eq!((&problem["type"], &problem["status_code"]), (&json!("price-above-cap"), &json!(402)), "{problem}");
        ada.api.post(path, &json!({"agent_id": agent["agent_id"], "max_credits": -1})).await.expect_problem(422);
    }
    let at = address(&agent);
    for (place, n) in [("message", 1), ("params", 2)] {
        let mut asked = message(&format!("m{n}"), "hello");
        let metadata = json!({"max_credits": 449});
        if place == "message" {
            asked["message"]["metadata"] = metadata
        } else {
            asked["metadata"] = metadata
        }
        let told = call(&ada.api, &at, "SendMessage", asked).await;
        let task = &told["result"]["task"];
        assert_eq!(
            (&task["status"]["state"], &task["metadata"]["status_code"]),
            (&json!("TASK_STATE_REJECTED"), &json!(402)),
            "{told}"
        );
    }
    let mut odd = message("m3", "hello");
    odd["metadata"] = json!({"max_credits": "many"});
    assert_eq!(code(&call(&ada.api, &at, "SendMessage", odd).await), -32602);
    // A task that says nothing is not for somebody who costs so much; one that does is.
    let task = ada.api.post("/tasks", &json!({"goal": "dear"})).await.expect(201);
    assert_eq!((text(&task["status"]).as_str(), &task["max_credits"]), ("failed", &json!(100)), "{task}");
    assert_eq!((endpoint.calls(), ada.balance().await), (0, 500));
    let body = json!({"agent_id": agent["agent_id"], "input": {}, "max_credits": 450});
    assert_eq!(ada.api.post("/broker/invoke", &body).await.expect(200)["credits_charged"], 450);
}

journeys! {
    whoever_was_given_a_piece_pays_whether_it_cancels_or_not,
    whoever_was_given_nothing_cancels_for_nothing,
    nobody_pays_more_than_it_said,
}
