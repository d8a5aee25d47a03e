//! Long polls and streams of an inbox.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    super::events::client::{EventSource, Socket},
    join, message, network,
};
use crate::harness::{Kind, World, journeys, signed_in, text};

async fn a_long_poll_is_woken(world: &mut World) {
    let ada = world.person("ada").await;
    let path = network(&ada, "mesh").await;
    let (a, b) = (join(&ada, &path, "a", None).await, join(&ada, &path, "b", None).await);
    let poll = format!("{path}/inbox/{}?wait=30", text(&b["id"]));
    let waiting = |api: crate::harness::Api| {
        let poll = poll.clone();
        tokio::spawn(async move { api.get(&poll).await.expect(200) })
    };
    let here = waiting(ada.api.clone());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    let sent = ada.api.post(&format!("{path}/messages/send"), &message(&a, &b, "wake up")).await.expect(201);
    assert_eq!(here.await.unwrap()[0]["id"], sent["id"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    if world.kind == Kind::Postgres {
        ada.api.post(&format!("{path}/messages/ack"), &json!({"message_ids": [sent["id"]]})).await.expect(200);
        let mut replica = world.replica().await;
        let there = waiting(signed_in(&replica.api(), &ada.email).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let sent = ada.api.post(&format!("{path}/mailbox"), &message(&a, &b, "over there")).await.expect(201);
        assert_eq!(there.await.unwrap()[0]["id"], sent["id"]);
        replica.stop().await;
    }
}

async fn an_inbox_is_streamed(world: &mut World) {
    let ada = world.person("ada").await;
    let path = network(&ada, "mesh").await;
    let (a, b) = (join(&ada, &path, "a", None).await, join(&ada, &path, "b", None).await);
    let key = text(&ada.api.post("/auth/api-keys", &json!({"name": "stream"})).await.expect(201)["key"]);
    let inbox = format!("{path}/inbox/{}", text(&b["id"]));
    world.stranger().get(&format!("{inbox}/stream")).await.expect_problem(401);
    world.stranger().get(&format!("{inbox}/ws")).await.expect_problem(401);
    ada.api.get(&format!("{inbox}/ws")).await.expect_problem(426);
    let send = async |content: &str| ada.api.post(&format!("{path}/messages/send"), &message(&a, &b, content)).await.expect(201);
    let before = send("before").await;
    let mut events = EventSource::with(&world.server, &format!("{inbox}/stream"), Some(("x-api-key", &key))).await;
    let first = events.event().await;
    assert_eq!((first.event.as_str(), &first.data["content"], first.id), ("message", &json!("before"), before["seq"].as_i64()));
    let mut socket = Socket::with(&world.server, &format!("{inbox}/ws"), ("x-api-key", &key)).await;
    assert_eq!(socket.event().await["content"], "before");
    for content in ["one", "two"] {
        send(content).await;
        assert_eq!(events.event().await.data["content"], content);
        assert_eq!(socket.event().await["content"], content);
    }
    ada.api.post(&format!("{path}/messages/ack"), &json!({"message_ids": [before["id"]]})).await.expect(200);
    let mut again = EventSource::with(&world.server, &format!("{inbox}/stream"), Some(("x-api-key", &key))).await;
    assert_eq!(again.event().await.data["content"], "one", "what was acknowledged does not come again");
    ada.api.delete(&path).await.expect(204);
    send_nothing_more(&mut events, &mut socket).await;
}

async fn send_nothing_more(events: &mut EventSource, socket: &mut Socket) {
    assert_eq!(events.event().await.event, "gone");
    assert_eq!(socket.closed().await.0, 4_410);
}

journeys! {
    a_long_poll_is_woken,
    an_inbox_is_streamed,
}
