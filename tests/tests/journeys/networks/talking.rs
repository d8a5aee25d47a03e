//! Every endpoint of the reference, as its clients use them.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{join, message, network};
use crate::harness::{Agent, Answer, World, eventually, journeys, text};

async fn a_network_is_made_read_changed_and_deleted(world: &mut World) {
    let ada = world.person("ada").await;
    let body = json!({"name": "Team", "metadata": {"project": "atlas"}});
    let made = ada.api.post("/networks", &body).await.expect(201);
    assert_eq!((&made["topology_type"], &made["status"], &made["owner_id"]), (&json!("mesh"), &json!("active"), &json!(ada.id)));
    assert_eq!((&made["metadata"], &made["metadata_"]), (&body["metadata"], &body["metadata"]));
    let path = format!("/networks/{}", text(&made["id"]));
    assert_eq!(ada.api.get(&path).await.expect(200), made);
    assert_eq!(ada.api.get("/networks?limit=200").await.expect(200), json!([made]));
    let changed = ada.api.send_json(Method::PATCH, &path, &json!({"name": "Other", "status": "closed"})).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["status"], &changed["metadata"]),
        (&json!("Other"), &json!("closed"), &made["metadata"])
    );
    let key = ada.api.with("idempotency-key", "one");
    let once = key.post("/networks", &json!({"name": "Once"})).await.expect(201);
    assert_eq!(key.post("/networks", &json!({"name": "Once"})).await.expect(201), once);
    ada.api.delete(&path).await.expect(204);
    ada.api.get(&path).await.expect_problem(404);
    ada.api.delete(&path).await.expect_problem(404);
}

async fn participants_call_send_and_answer(world: &mut World) {
    let ada = world.person("ada").await;
    let path = network(&ada, "mesh").await;
    let echo = Agent::start(Answer::Echo).await;
    let (asker, peer) = (join(&ada, &path, "asker", None).await, join(&ada, &path, "peer", Some(&echo.url)).await);
    assert!(text(&peer["signing_secret"]).starts_with("whsec_"));
    let listed = ada.api.get(&format!("{path}/participants")).await.expect(200);
    assert_eq!((&listed[0]["name"], &listed[1]["name"]), (&json!("asker"), &json!("peer")));
    assert!(listed[1].get("signing_secret").is_none() && listed[1].get("reply_url").is_none(), "{listed}");

    let called = ada.api.post(&format!("{path}/call"), &message(&asker, &peer, "well?")).await.expect(200);
    assert_eq!((&called["success"], &called["response"]["echo"]["content"]), (&json!(true), &json!("well?")));

    let sent = ada.api.post(&format!("{path}/messages/send"), &message(&asker, &peer, "news")).await.expect(201);
    assert_eq!((&sent["channel_type"], &sent["status"]), (&json!("message"), &json!("pending")));
    let one = format!("{path}/messages/{}", text(&sent["id"]));
    let delivered = eventually("it is delivered", async || {
        Some(ada.api.get(&one).await.expect(200)).filter(|message| message["status"] == "delivered")
    })
    .await;
    assert_eq!((&delivered["attempts"], &delivered["last_error"]), (&json!(1), &Value::Null));
    assert!(echo.last_request().to_ascii_lowercase().contains(&format!("webhook-id: {}", text(&sent["id"]))));

    // The peer answers by the URL that came with the message.
    let (_, body) = {
        let request = echo.last_request();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    };
    let payload: Value = serde_json::from_str(&body).unwrap();
    let reply = text(&payload["reply_url"]);
    let reply = reply.split_once("/networks/").map(|(_, rest)| format!("/networks/{rest}")).unwrap();
    let answer = world.stranger().post(&reply, &json!({"content": "thanks"})).await.expect(200);
    assert_eq!((&answer["in_reply_to_id"], &answer["recipient_participant_id"]), (&sent["id"], &asker["id"]));
    let again = world.stranger().post(&reply, &json!({"content": "thanks"})).await;
    assert_eq!((again.header("idempotent-replayed"), &again.expect(200)["id"]), (Some("true"), &answer["id"]));

    let mail = ada.api.post(&format!("{path}/mailbox"), &message(&asker, &peer, "a letter")).await.expect(201);
    assert_eq!(mail["channel_type"], "mailbox");
    let box_path = format!("{path}/inbox/{}", text(&peer["id"]));
    let mails = ada.api.get(&format!("{box_path}?channel_type=mailbox&limit=1")).await.expect(200);
    assert_eq!((mails.as_array().unwrap().len(), &mails[0]["id"]), (1, &mail["id"]));
    let ack = json!({"message_ids": [mail["id"], sent["id"], sent["id"], "0198c0de-0000-7000-8000-000000000001"]});
    assert_eq!(ada.api.post(&format!("{path}/messages/ack"), &ack).await.expect(200), json!({"acknowledged": 2}));
    assert_eq!(ada.api.post(&format!("{path}/messages/ack"), &ack).await.expect(200), json!({"acknowledged": 0}));
    assert_eq!(ada.api.get(&format!("{box_path}?channel_type=mailbox")).await.expect(200), json!([]));

    let all = ada.api.get(&format!("{path}/messages")).await.expect(200);
    let channels: Vec<_> = all.as_array().unwrap().iter().map(|message| message["channel_type"].as_str().unwrap()).collect();
    assert_eq!(channels, ["call", "call", "message", "message", "mailbox"]);
    assert_eq!(all[1]["in_reply_to_id"], all[0]["id"]);
    assert_eq!(ada.api.get(&format!("{path}/messages?channel_type=smoke")).await.expect(200), json!([]));
    let context = ada.api.get(&format!("{path}/context?limit=2")).await.expect(200);
    assert_eq!(context["entries"][1]["content"], "a letter");
    assert!(context["entries"][1]["timestamp"].is_f64());

    let place = format!("{path}/participants/{}", text(&peer["id"]));
    ada.api.delete(&place).await.expect(204);
    ada.api.delete(&place).await.expect(204);
    ada.api.post(&format!("{path}/call"), &message(&asker, &peer, "still there?")).await.expect_problem(400);
}

async fn keys_are_replaced(world: &mut World) {
    let ada = world.person("ada").await;
    let path = network(&ada, "mesh").await;
    let leaf = join(&ada, &path, "leaf", None).await;
    let url = |participant: &Value| {
        let url = text(&participant["reply_url"]);
        assert!(url.starts_with(world.server.base()), "{url}");
        url[world.server.base().len()..].to_owned()
    };
    world.stranger().post(&url(&leaf), &json!({"content": "hello"})).await.expect(200);
    let fresh = ada.api.post(&format!("{path}/participants/{}/keys", text(&leaf["id"])), &json!({})).await.expect(200);
    assert_ne!(fresh["signing_secret"], leaf["signing_secret"]);
    world.stranger().post(&url(&leaf), &json!({"content": "hello"})).await.expect_problem(403);
    let heard = world.stranger().post(&url(&fresh), &json!({"content": "hello again"})).await.expect(200);
    // A name that can be no key says nothing.
    let named = world.stranger().with("webhook-id", &"w".repeat(300));
    assert_eq!(named.post(&url(&fresh), &json!({"content": "hello again"})).await.expect(200)["id"], heard["id"]);
    let bare = url(&fresh).split('?').next().unwrap().to_owned();
    world.stranger().post(&bare, &json!({"content": "hello"})).await.expect_problem(422);
    world.stranger().post(&format!("{bare}?sig=00&exp=9999999999"), &json!({"content": "hello"})).await.expect_problem(403);
}

async fn an_agent_joins_as_the_official_client_lets_it(world: &mut World) {
    let ada = world.person("ada").await;
    let echo = Agent::start(Answer::Echo).await;
    let agent = ada.register_agent("Echo", &echo, None).await;
    let path = network(&ada, "mesh").await;
    let body = json!({"participant_type": "agent", "name": "echo", "polling_enabled": false, "agent_id": agent["id"]});
    let joined = ada.api.post(&format!("{path}/participants"), &body).await.expect(201);
    assert_eq!((&joined["callback_url"], &joined["agent_id"]), (&json!(echo.url), &agent["id"]));
    assert_eq!(
        ada.api.post(&format!("{path}/participants"), &body).await.expect_problem(400)["type"],
        "agent-already-in-network"
    );
    let persona = json!({"participant_type": "persona", "name": "me", "polling_enabled": true});
    let persona = ada.api.post(&format!("{path}/participants"), &persona).await.expect(201);
    ada.api.post(&format!("{path}/call"), &message(&persona, &joined, "hi")).await.expect(200);
    assert_eq!(echo.calls(), 1);
}

async fn a_call_that_is_not_answered_says_why(world: &mut World) {
    world.restart_with(&["--network-timeout-seconds=3"]).await;
    let ada = world.person("ada").await;
    let path = network(&ada, "mesh").await;
    let (slow, gone, bad) = (
        Agent::start(Answer::Slow(Duration::from_secs(20))).await,
        Agent::start(Answer::HangUp).await,
        Agent::start(Answer::Json(500, json!({}))).await,
    );
    let asker = join(&ada, &path, "asker", None).await;
    for (name, url, status, kind) in [
        ("slow", slow.url.as_str(), 504, "call-timeout"),
        ("gone", gone.url.as_str(), 502, "call-failed"),
        ("bad", bad.url.as_str(), 502, "call-failed"),
        ("dead", "http://127.0.0.1:9/", 502, "call-failed"),
    ] {
        let peer = join(&ada, &path, name, Some(url)).await;
        let refused = ada.api.post(&format!("{path}/call"), &message(&asker, &peer, "well?")).await.expect_problem(status);
        assert_eq!(refused["type"], kind, "{refused}");
        let failed = ada.api.get(&format!("{path}/messages/{}", text(&refused["message_id"]))).await.expect(200);
        assert_eq!((&failed["status"], failed["last_error"].is_string()), (&json!("failed"), true));
    }
}

journeys! {
    a_network_is_made_read_changed_and_deleted,
    participants_call_send_and_answer,
    keys_are_replaced,
    an_agent_joins_as_the_official_client_lets_it,
    a_call_that_is_not_answered_says_why,
}
