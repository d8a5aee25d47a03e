//! Calls: a message whose sender waits for the answer.

use std::time::Duration;

use rialto_networks::{
    Answered, CallEnd, CallKey, Called, Channel, DeliveryStatus, MessageFilter, NetworkError, Topology, close_interrupted_calls,
};
use rialto_store::{
    Tx,
    idempotency::{Key, Stored},
    suite,
    testing::TestDb,
};
use serde_json::{Value, json};

use super::world::*;

fn render(end: &CallEnd) -> Stored {
    match end {
        Ok(answered) => Stored { status: 200, body: answered.response.to_string() },
        Err(error) => Stored { status: 502, body: error.to_string() },
    }
}

fn answered(called: Called) -> Answered {
    match called {
        Called::Answered(answered) => answered,
        Called::Replayed(stored) => panic!("replayed: {stored:?}"),
    }
}

async fn an_answer_is_told_and_kept(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let asker = world.poller(&network, "asker").await;
    let json_peer = world.pushed(&network, "json", Manner::Answer(200, r#"{"n":[1,"two"]}"#.into())).await;
    let text_peer = world.pushed(&network, "text", Manner::Answer(201, "just text".into())).await;
    for (peer, expected) in [(&json_peer, json!({"n": [1, "two"]})), (&text_peer, json!({"raw_response": "just text"}))] {
        let call = world.networks.call(world.ada, message(&asker, peer, "well?"), None).await.unwrap();
        let Answered { message, response } = answered(call);
        assert_eq!(response, expected);
        let asked = world.message(network.id, message).await;
        assert_eq!((asked.status(), asked.message.channel), (DeliveryStatus::Delivered, Channel::Call));
        let answers = world.inbox(&asker, ALL).await;
        let answer = answers.iter().find(|letter| letter.message.in_reply_to == Some(message)).unwrap();
        assert_eq!((answer.message.sender, answer.message.channel), (peer.id, Channel::Call));
        assert_eq!(serde_json::from_str::<Value>(&answer.message.content).unwrap(), expected);
        assert_eq!(answer.message.metadata, Some(json!({"in_reply_to": message})));
    }
    let request = world.peer.seen("/json").remove(0);
    let body = request.json();
    assert_eq!((&body["channel"], &body["content"], &body["sender"]["name"]), (&json!("call"), &json!("well?"), &json!("asker")));
    assert_eq!(body["network_participants"].as_array().unwrap().len(), 3);
    assert!(body["reply_url"].as_str().unwrap().starts_with("http://rialto.test/networks/"));
    assert_eq!(request.header("webhook-id"), body["message_id"].as_str());
    assert!(request.header("webhook-signature").unwrap().starts_with("v1,"));
    assert_eq!(world.count("SELECT count(*) AS n FROM network_calls").await, 0);
}

async fn a_call_without_an_answer_has_failed(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let asker = world.poller(&network, "asker").await;
    let no_callback = world.networks.call(world.ada, message(&asker, &asker, "me?"), None).await;
    assert_eq!(no_callback.unwrap_err(), NetworkError::NoCallback);
    let hangs = world.pushed(&network, "hangs", Manner::Hang).await;
    let drops = world.pushed(&network, "drops", Manner::Drop).await;
    let fails = world.pushed(&network, "fails", Manner::Answer(500, "{}".into())).await;
    let large = world.pushed(&network, "large", Manner::Answer(200, format!("\"{}\"", "x".repeat(65_536)))).await;
    for peer in [&hangs, &drops, &fails, &large] {
        let error = world.networks.call(world.ada, message(&asker, peer, "well?"), None).await.unwrap_err();
        let id = match &error {
            NetworkError::CallTimeout { message, .. } if peer.id == hangs.id => *message,
            NetworkError::CallFailed { message, .. } if peer.id != hangs.id => *message,
            other => panic!("{}: {other:?}", peer.name),
        };
        let asked = world.message(network.id, id).await;
        assert_eq!(asked.status(), DeliveryStatus::Failed);
        assert_eq!(asked.delivery.unwrap().last_error, Some(error.to_string()));
    }
    assert!(world.inbox(&asker, ALL).await.is_empty());
}

async fn one_key_makes_one_call(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let asker = world.poller(&network, "asker").await;
    let peer = world.pushed(&network, "peer", Manner::Answer(200, "7".into())).await;
    let key = CallKey { key: Key { scope: "a".into(), key: "k".into(), fingerprint: vec![1] }, render };
    let first = world.networks.call(world.ada, message(&asker, &peer, "well?"), Some(key.clone())).await.unwrap();
    assert_eq!(answered(first).response, json!(7));
    let again = world.networks.call(world.ada, message(&asker, &peer, "well?"), Some(key.clone())).await.unwrap();
    assert!(matches!(again, Called::Replayed(Stored { status: 200, body }) if body == "7"));
    assert_eq!(world.peer.seen("/peer").len(), 1);
    let other = CallKey { key: Key { fingerprint: vec![2], ..key.key }, render };
    let refused = world.networks.call(world.ada, message(&asker, &peer, "what?"), Some(other)).await;
    assert_eq!(refused.unwrap_err(), NetworkError::KeyReused);
}

async fn a_call_that_nobody_finishes_has_failed(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let asker = world.poller(&network, "asker").await;
    let hangs = world.pushed(&network, "hangs", Manner::Hang).await;
    let key = CallKey { key: Key { scope: "a".into(), key: "k".into(), fingerprint: vec![1] }, render };
    // Its task is torn out of its runtime, as when a process dies.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let elsewhere = {
        let _inside = runtime.enter();
        World::networks(&world.db, &world.clock)
    };
    let (ada, new, used) = (world.ada, message(&asker, &hangs, "well?"), key.clone());
    let call = tokio::spawn(async move { elsewhere.call(ada, new, Some(used)).await });
    eventually("the participant is called", async || world.peer.seen("/hangs").len() == 1).await;
    runtime.shutdown_background();
    assert_eq!(call.await.unwrap().unwrap_err(), NetworkError::Interrupted);
    let sweep = async || {
        let now = world.clock.now();
        world.write(async move |tx: &mut Tx| close_interrupted_calls(tx, render, now, 10).await).await.unwrap()
    };
    assert_eq!(sweep().await, 0);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!((sweep().await, sweep().await), (1, 0));
    let asked = world.messages(network.id, MessageFilter::default()).await.remove(0);
    assert_eq!(asked.status(), DeliveryStatus::Failed);
    let again = world.networks.call(ada, message(&asker, &hangs, "well?"), Some(key)).await.unwrap();
    assert!(matches!(again, Called::Replayed(Stored { status: 502, .. })));
}

suite! {
    an_answer_is_told_and_kept,
    a_call_without_an_answer_has_failed,
    one_key_makes_one_call,
    a_call_that_nobody_finishes_has_failed,
}
