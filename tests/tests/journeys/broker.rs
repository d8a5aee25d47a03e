//! Agents that behave as agents do, and what their callers are told and charged.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Agent, Answer, Person, World, journeys, text};

/// Invokes a fresh agent that answers so, priced at 10, and gives the answer and what it cost.
async fn outcome(provider: &Person, buyer: &Person, answer: Answer) -> (Value, i64) {
    let endpoint = Agent::start(answer).await;
    let agent = provider.register_agent("Agent", &endpoint, Some(10)).await;
    let before = buyer.balance().await;
    let told = buyer.invoke(&agent, json!({"text": "hello"})).await.expect(200);
    (told, before - buyer.balance().await)
}

async fn any_success_with_json_counts_and_data_stays_an_object(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    for (answer, data) in [
        (Answer::Json(200, json!({"a": 1})), json!({"a": 1})),
        (Answer::Json(201, json!({"a": 1})), json!({"a": 1})),
        (Answer::Json(200, json!([1, 2])), json!({"result": [1, 2]})),
        (Answer::Json(200, json!("text")), json!({"result": "text"})),
        (Answer::Json(200, json!(7)), json!({"result": 7})),
        (Answer::Json(202, json!(null)), json!({"result": null})),
        (Answer::Raw(200, br#"{"n": 12345678901234567890123.50}"#.to_vec()), Value::Null),
    ] {
        let (told, charged) = outcome(&bob, &ada, answer.clone()).await;
        assert_eq!((&told["success"], charged, &told["credits_charged"]), (&json!(true), 10, &json!(10)), "{answer:?}: {told}");
        assert!(data.is_null() || told["data"] == data, "{answer:?}: {told}");
        assert!(told["data"].is_object(), "{answer:?}: {told}");
    }
}

async fn a_failure_is_told_inside_and_charges_nothing(world: &mut World) {
    world.restart_with(&["--broker-timeout-seconds=1"]).await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    for (answer, status) in [
        (Answer::Json(500, json!({"oops": true})), 500),
        (Answer::Json(404, json!({"detail": "no"})), 404),
        (Answer::Json(302, json!({})), 302),
        (Answer::Raw(200, b"<html>".to_vec()), 200),
        (Answer::Raw(200, b"{\"a\": ".to_vec()), 200),
        (Answer::Slow(Duration::from_secs(5)), 408),
        (Answer::HangUp, 502),
    ] {
        let (told, charged) = outcome(&bob, &ada, answer.clone()).await;
        assert_eq!((&told["success"], &told["status_code"], charged), (&json!(false), &json!(status), 0), "{answer:?}: {told}");
        assert!(told["credits_charged"].is_null() && told["data"].is_null() && told["error"].is_string(), "{told}");
        assert!(told["conversation_id"].is_string(), "the call was made, so it is part of a conversation: {told}");
    }
    let logs = ada.api.get("/broker/logs?status=timeout").await.expect(200);
    assert_eq!(logs.as_array().unwrap().len(), 1);
    assert_eq!(ada.api.get("/broker/logs?status=error").await.expect(200).as_array().unwrap().len(), 6);
}

async fn an_agent_that_is_gone_is_told_inside_and_charges_nothing(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = bob.register_agent("Gone", &endpoint, Some(10)).await;
    drop(endpoint);
    let told = ada.invoke(&agent, json!({})).await.expect(200);
    assert_eq!((&told["success"], &told["status_code"]), (&json!(false), &json!(502)), "{told}");
    let unknown = ada.invoke(&json!({"agent_id": "nobody-00000000"}), json!({})).await.expect(200);
    assert_eq!((&unknown["success"], &unknown["status_code"]), (&json!(false), &json!(404)));
    assert_eq!(unknown["error"], "Agent not found or inactive");
    bob.api.put(&format!("/registry/agents/{}", text(&agent["id"])), &json!({"is_active": false})).await.expect(200);
    let inactive = ada.invoke(&agent, json!({})).await.expect(200);
    assert_eq!(inactive["status_code"], 404);
    let strange = json!({"agent_id": agent["agent_id"], "input": {}, "conversation_id": "0198c0de-0000-7000-8000-000000000001"});
    let strange = ada.api.post("/broker/invoke", &strange).await.expect(200);
    assert_eq!(strange["status_code"], 404);
    assert_eq!(ada.balance().await, 500);
}

async fn a_free_agent_charges_nothing_and_an_owner_pays_its_own(world: &mut World) {
    let ada = world.person("ada").await;
    let endpoint = Agent::start(Answer::Echo).await;
    let free = ada.register_agent("Free", &endpoint, None).await;
    let told = ada.invoke(&free, json!({"a": 1})).await.expect(200);
    assert!(told["success"] == true && told["credits_charged"].is_null());
    let priced = ada.register_agent("Priced", &endpoint, Some(40)).await;
    assert_eq!(ada.invoke(&priced, json!({"a": 1})).await.expect(200)["credits_charged"], 40);
    assert_eq!(ada.balance().await, 460);
    let overview = ada.api.get("/wallets/me/overview").await.expect(200);
    assert_eq!(overview["total_agent_balance"], 40);
}

async fn who_cannot_pay_gets_402_and_the_agent_is_not_called(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = bob.register_agent("Dear", &endpoint, Some(501)).await;
    for path in ["/broker/invoke", "/broker/invoke/stream"] {
        let reply = ada.api.post(path, &json!({"agent_id": agent["agent_id"], "input": {}})).await;
        let body = reply.expect(402);
        assert_eq!(body["detail"], "Insufficient credits");
        assert_eq!((&body["success"], &body["status_code"]), (&json!(false), &json!(402)));
        assert!(body["error"].is_string() && body.get("data").is_some() && body.get("credits_charged").is_some());
    }
    assert_eq!((endpoint.calls(), ada.balance().await), (0, 500));
}

async fn an_agent_with_a_credential_gets_it_and_nobody_else_sees_it(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let body = json!({"name": "Locked", "description": "Needs a key", "endpoint": endpoint.url, "auth_type": "api_key"});
    let agent = bob.api.post("/registry/agents", &body).await.expect(201);
    let told = ada.invoke(&agent, json!({})).await.expect(200);
    assert_eq!((&told["status_code"], endpoint.calls()), (&json!(503), 0));
    let path = format!("/registry/agents/{}/credentials", text(&agent["id"]));
    let credential = json!({"credential_type": "api_key", "value": "open sesame"});
    ada.api.post(&path, &credential).await.expect_problem(403);
    assert_eq!(bob.api.post(&path, &credential).await.status, 204);
    assert_eq!(ada.invoke(&agent, json!({})).await.expect(200)["success"], true);
    assert!(endpoint.last_request().to_ascii_lowercase().contains("x-api-key: open sesame"));
    // Sealed with a key that a restart derives again.
    world.restart_with(&[]).await;
    let ada = crate::harness::signed_in(&world.stranger(), &ada.email).await;
    let again = ada.post("/broker/invoke", &json!({"agent_id": agent["agent_id"], "input": {}})).await.expect(200);
    assert_eq!(again["success"], true);
    for api in [&ada, &world.stranger()] {
        let shown = api.get(&format!("/registry/agents/{}", text(&agent["id"]))).await;
        assert!(!shown.text().contains("open sesame"));
    }
}

async fn a_stream_ends_with_a_result_and_charges_once(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Json(200, json!({"text": "Hello"}))).await;
    let agent = bob.register_agent("Streamer", &endpoint, Some(10)).await;
    let body = json!({"agent_id": agent["agent_id"], "input": {"text": "hi"}});
    let reply = ada
        .api
        .with("content-type", "application/json")
        .send(Method::POST, "/broker/invoke/stream", body.to_string().into())
        .await;
    reply.expect(200);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let events: Vec<(String, Value)> = reply
        .text()
        .split("\n\n")
        .filter_map(|event| {
            let (name, data) = event.strip_prefix("event: ")?.split_once("\ndata: ")?;
            Some((name.to_owned(), serde_json::from_str(data).unwrap()))
        })
        .collect();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["result", "done"], "{events:?}");
    assert_eq!((&events[0].1["data"], &events[0].1["credits_charged"]), (&json!({"text": "Hello"}), &json!(10)));
    assert_eq!(ada.balance().await, 490);
}

/// Text of an agent that a database could not keep, or a reader not read.
async fn what_an_agent_says_cannot_break_the_server(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let large = format!(r#"{{"text": "{}"}}"#, "x".repeat(40 << 20));
    for answer in [
        Answer::Json(200, json!({"text": "a\u{0}b", "message": "\u{202e}"})),
        Answer::Raw(200, br#"{"text": "\u0000", "\u0000": 1}"#.to_vec()),
        Answer::Raw(200, br#"{"text": "\ud800"}"#.to_vec()),
        Answer::Raw(200, b"{\"text\": \"\xff\"}".to_vec()),
        Answer::Raw(200, [b"[".repeat(50_000), b"]".repeat(50_000)].concat()),
        Answer::Raw(200, large.into_bytes()),
        Answer::Json(500, json!({"detail": "\u{0}"})),
    ] {
        let (told, charged) = outcome(&bob, &ada, answer).await;
        let paid = if told["success"] == true { 10 } else { 0 };
        assert_eq!(charged, paid, "{}", told["error"]);
    }
    ada.api.get("/broker/logs").await.expect(200);
    let conversations = ada.api.get("/conversations").await.expect(200);
    for conversation in conversations.as_array().unwrap() {
        ada.api.get(&format!("/conversations/{}/messages", text(&conversation["id"]))).await.expect(200);
    }
}

async fn conversations_and_logs_are_their_owners(world: &mut World) {
    let (ada, bob, eve) = (world.person("ada").await, world.person("bob").await, world.person("eve").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = bob.register_agent("Agent", &endpoint, None).await;
    let told = ada.invoke(&agent, json!({"text": "secret"})).await.expect(200);
    let conversation = text(&told["conversation_id"]);
    for stranger in [&bob, &eve] {
        stranger.api.get(&format!("/conversations/{conversation}")).await.expect_problem(404);
        stranger.api.get(&format!("/conversations/{conversation}/messages")).await.expect_problem(404);
        let body = json!({"agent_id": agent["agent_id"], "input": {}, "conversation_id": conversation});
        assert_eq!(stranger.api.post("/broker/invoke", &body).await.expect(200)["status_code"], 404);
    }
    assert_eq!(eve.api.get("/broker/logs").await.expect(200), json!([]));
    let of_agent = eve.api.get(&format!("/broker/logs/agent/{}", text(&agent["id"]))).await.expect(200);
    assert_eq!(of_agent, json!([]));
}

journeys! {
    any_success_with_json_counts_and_data_stays_an_object,
    a_failure_is_told_inside_and_charges_nothing,
    an_agent_that_is_gone_is_told_inside_and_charges_nothing,
    a_free_agent_charges_nothing_and_an_owner_pays_its_own,
    who_cannot_pay_gets_402_and_the_agent_is_not_called,
    an_agent_with_a_credential_gets_it_and_nobody_else_sees_it,
    a_stream_ends_with_a_result_and_charges_once,
    what_an_agent_says_cannot_break_the_server,
    conversations_and_logs_are_their_owners,
}
