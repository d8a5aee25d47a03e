//! What must not get through.

use http::Method;
use serde_json::json;

use super::{join, message, network};
use crate::harness::{Agent, Answer, World, journeys, statuses, text, together};

async fn inner_addresses_are_refused_when_one_joins_and_when_one_changes(world: &mut World) {
    let ada = world.person("ada").await;
    let path = network(&ada, "mesh").await;
    let poller = join(&ada, &path, "poller", None).await;
    let place = format!("{path}/participants/{}", text(&poller["id"]));
    for url in [
        "http://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest",
        "ftp://example.com",
        "",
        "http://no-such-host.invalid/",
    ] {
        let body = json!({"name": "x", "callback_url": url});
        let refused = ada.api.post(&format!("{path}/participants"), &body).await.expect_problem(400);
        assert_eq!(refused["type"], "callback-refused", "{url}");
        let refused = ada.api.send_json(Method::PATCH, &place, &json!({"callback_url": url})).await.expect_problem(400);
        assert_eq!(refused["type"], "callback-refused", "{url}");
    }
    let mute = ada.api.post(&format!("{path}/participants"), &json!({"name": "mute"})).await.expect_problem(400);
    assert_eq!(mute["detail"], "Participant must have a callback_url or polling_enabled");
}

async fn what_is_too_large_foreign_or_closed_is_refused(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let path = network(&ada, "ring").await;
    let (a, b, c) = (join(&ada, &path, "a", None).await, join(&ada, &path, "b", None).await, join(&ada, &path, "c", None).await);
    for channel in ["call", "messages/send", "mailbox"] {
        let send = format!("{path}/{channel}");
        ada.api.post(&send, &message(&a, &b, &"ü".repeat(65_537))).await.expect_problem(422);
        ada.api.post(&send, &message(&a, &b, "nul \u{0}")).await.expect_problem(422);
        ada.api.post(&send, &json!({"content": "x"})).await.expect_problem(422);
        let detour = ada.api.post(&send, &message(&a, &c, "x")).await.expect_problem(400);
        assert_eq!(detour["detail"], "Ring topology: 'a' can only send to the next participant 'b', not 'c'");
        bob.api.post(&send, &message(&a, &b, "x")).await.expect_problem(404);
        let nobody = json!({"id": "0198c0de-0000-7000-8000-000000000001"});
        ada.api.post(&send, &message(&nobody, &b, "x")).await.expect_problem(404);
        ada.api.post(&send, &message(&a, &nobody, "x")).await.expect_problem(404);
    }
    ada.api.post(&format!("{path}/mailbox"), &message(&a, &b, &"ü".repeat(65_536))).await.expect(201);
    for (method, suffix, body) in [
        (Method::GET, "", json!(null)),
        (Method::PATCH, "", json!({"name": "mine"})),
        (Method::DELETE, "", json!(null)),
        (Method::GET, "/participants", json!(null)),
        (Method::POST, "/participants", json!({"name": "spy", "polling_enabled": true})),
        (Method::GET, "/messages", json!(null)),
        (Method::GET, "/context", json!(null)),
        (Method::POST, "/messages/ack", json!({"message_ids": []})),
    ] {
        bob.api.send_json(method, &format!("{path}{suffix}"), &body).await.expect_problem(404);
    }
    let inbox = format!("{path}/inbox/{}", text(&b["id"]));
    bob.api.get(&inbox).await.expect_problem(404);
    bob.api.get(&format!("{inbox}/stream")).await.expect_problem(404);
    ada.api.get(&format!("{inbox}?wait=31")).await.expect_problem(422);
    ada.api.get(&format!("{inbox}?limit=201")).await.expect_problem(422);
    ada.api.send_json(Method::PATCH, &path, &json!({"status": "closed"})).await.expect(200);
    let late = json!({"name": "late", "polling_enabled": true});
    assert_eq!(ada.api.post(&format!("{path}/participants"), &late).await.expect_problem(400)["detail"], "Network is not active");
    assert_eq!(
        ada.api.post(&format!("{path}/mailbox"), &message(&a, &b, "x")).await.expect_problem(400)["type"],
        "network-not-active"
    );
    let edges = json!({"name": "x", "topology_type": "custom", "metadata": {"allowed_edges": [["a"]]}});
    ada.api.post("/networks", &edges).await.expect_problem(422);
    ada.api.post("/networks", &json!({"name": "x", "topology_type": "tree"})).await.expect_problem(422);
    ada.api.post("/networks", &json!({"name": "x".repeat(256)})).await.expect_problem(422);
}

/// Messages pay nobody: whoever charges is called through the broker, whether it charged before it joined or began to later.
async fn an_agent_that_has_to_be_paid_is_not_called_for_nothing(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let path = network(&ada, "mesh").await;
    let asker = join(&ada, &path, "asker", None).await;
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = bob.register_agent("Dear", &endpoint, Some(10)).await;
    let body = json!({"name": "dear", "agent_id": agent["id"]});
    let refused = ada.api.post(&format!("{path}/participants"), &body).await.expect_problem(400);
    assert_eq!(refused["type"], "agent-priced", "{refused}");
    let place = format!("/registry/agents/{}", text(&agent["id"]));
    bob.api.put(&place, &json!({"pricing_enabled": false})).await.expect(200);
    let joined = ada.api.post(&format!("{path}/participants"), &body).await.expect(201);
    ada.api.post(&format!("{path}/call"), &message(&asker, &joined, "hi")).await.expect(200);
    bob.api.put(&place, &json!({"pricing_enabled": true})).await.expect(200);
    let refused = ada.api.post(&format!("{path}/call"), &message(&asker, &joined, "hi")).await.expect_problem(400);
    assert_eq!((&refused["type"], endpoint.calls(), ada.balance().await), (&json!("agent-priced"), 1, 500), "{refused}");
    // Its own owner calls it as before.
    let theirs = network(&bob, "mesh").await;
    let (asker, own) = (join(&bob, &theirs, "asker", None).await, bob.api.post(&format!("{theirs}/participants"), &body).await);
    bob.api.post(&format!("{theirs}/call"), &message(&asker, &own.expect(201), "hi")).await.expect(200);
    assert_eq!(endpoint.calls(), 2);
}

async fn many_at_once_join_leave_and_acknowledge(world: &mut World) {
    world.restart_with(&["--network-participants=10"]).await;
    let ada = world.person("ada").await;
    let path = network(&ada, "mesh").await;
    let replies = together(16, |n| {
        let (api, path) = (ada.api.clone(), format!("{path}/participants"));
        async move { api.post(&path, &json!({"name": format!("p{n}"), "polling_enabled": true})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(201, 10), (409, 6)].into());
    let members = ada.api.get(&format!("{path}/participants")).await.expect(200);
    let mut ids = Vec::new();
    for n in 0..20 {
        let sent = ada.api.post(&format!("{path}/mailbox"), &message(&members[0], &members[1], &n.to_string())).await.expect(201);
        ids.push(sent["id"].clone());
    }
    let replies = together(8, |_| {
        let (api, path, ids) = (ada.api.clone(), format!("{path}/messages/ack"), ids.clone());
        async move { api.post(&path, &json!({"message_ids": ids})).await.expect(200)["acknowledged"].as_u64().unwrap() }
    })
    .await;
    assert_eq!(replies.iter().sum::<u64>(), 20);
    let replies = together(8, |_| {
        let (api, path) = (ada.api.clone(), format!("{path}/participants/{}", text(&members[2]["id"])));
        async move { api.delete(&path).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(204, 8)].into());
    assert_eq!(ada.api.get(&format!("{path}/participants")).await.expect(200).as_array().unwrap().len(), 9);
}

journeys! {
    inner_addresses_are_refused_when_one_joins_and_when_one_changes,
    what_is_too_large_foreign_or_closed_is_refused,
    an_agent_that_has_to_be_paid_is_not_called_for_nothing,
    many_at_once_join_leave_and_acknowledge,
}
