//! Agents that are imported by their cards, and called by A2A.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::{
    super::market::support::with_admin,
    peer::{Peer, card, import},
};
use crate::harness::{Agent, Answer, Make, World, journeys, text, together};

async fn an_imported_agent_is_called_by_a2a_and_paid(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    for (version, polls) in [("1.0", 0), ("1.0", 2), ("0.3", 0), ("0.3", 2)] {
        let peer = Peer::start(version, polls).await;
        let imported = import(&bob, &peer.base).await;
        assert_eq!((&imported["success"], &imported["signature"]), (&json!(true), &json!("unsigned")));
        assert_eq!((&imported["protocol"], &imported["name"]), (&json!(format!("a2a/{version}")), &json!("Mirror")));
        assert!(text(&imported["agent_id"]).starts_with("a2a-mirror-"), "{imported}");
        assert_eq!(imported["tags"], json!(["a2a", "external", "mirror"]));
        let shown = bob.api.get(&format!("/registry/agents/{}", text(&imported["agent_id"]))).await.expect(200);
        assert_eq!((&shown["category"], &shown["trust_verification"]), (&json!("a2a"), &json!("a2a-card")));
        assert!(text(&shown["description"]).ends_with(" | Skills: mirror"));
        let price = json!({"base_price": 7, "pricing_enabled": true});
        bob.api.put(&format!("/registry/agents/{}", text(&shown["id"])), &price).await.expect(200);
        let before = ada.balance().await;
        let told = ada.invoke(&imported, json!({"message": "hello"})).await.expect(200);
        let answer = if polls == 0 { "olleh" } else { "retal" };
        assert_eq!(
            (&told["success"], &told["data"], &told["credits_charged"]),
            (&json!(true), &json!({"text": answer}), &json!(7)),
            "{told}"
        );
        assert_eq!(ada.balance().await, before - 7);
        // The other way through: our own A2A in front of theirs.
        let send =
            json!({"message": {"messageId": format!("m-{version}-{polls}"), "role": "ROLE_USER", "parts": [{"text": "hello"}]}});
        let task = super::peer::call(&ada.api, &super::peer::address(&imported), "SendMessage", send).await;
        assert_eq!(task["result"]["task"]["status"]["state"], "TASK_STATE_COMPLETED", "{task}");
        assert_eq!(ada.balance().await, before - 14);
    }
}

async fn what_a_peer_does_wrong_is_told_and_not_paid(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let answers: [(&'static str, u16); 7] = [
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"broken"}}"#, 502),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"id":"t","status":{"state":"TASK_STATE_FAILED"}}}}"#, 502),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"id":"t","status":{"state":"TASK_STATE_INPUT_REQUIRED"}}}}"#, 502),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"id":7}}}"#, 502),
        (r#"{"jsonrpc":"2.0","id":1}"#, 502),
        ("<html>", 502),
        ("[[[[", 502),
    ];
    for (answer, status) in answers {
        let make = Make::of(move |head, _| {
            let host = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned));
            if head.starts_with("GET") {
                return (200, card(&format!("http://{}", host.unwrap_or_default()), "1.0").into_bytes());
            }
            (200, answer.as_bytes().to_vec())
        });
        let peer = Agent::start(Answer::Made(make)).await;
        let imported = import(&bob, &peer.url.replace("/invoke", "")).await;
        let id = text(&bob.api.get(&format!("/registry/agents/{}", text(&imported["agent_id"]))).await.expect(200)["id"]);
        bob.api.put(&format!("/registry/agents/{id}"), &json!({"base_price": 7, "pricing_enabled": true})).await.expect(200);
        let told = ada.invoke(&imported, json!({"message": "hello"})).await.expect(200);
        assert_eq!(
            (&told["success"], &told["status_code"], &told["credits_charged"]),
            (&json!(false), &json!(status), &Value::Null),
            "{answer}"
        );
    }
    assert_eq!(ada.balance().await, 500);
}

async fn an_import_is_the_callers_own_and_a_card_is_kept_as_it_is(world: &mut World) {
    let (ada, bob, stranger) = (world.person("ada").await, world.person("bob").await, world.stranger());
    let peer = Peer::start("1.0", 0).await;
    let first = import(&ada, &peer.base).await;
    let again = import(&ada, &format!("{}/.well-known/agent-card.json", peer.base)).await;
    assert_eq!(first["agent_id"], again["agent_id"], "one agent for a card and an owner");
    let theirs = import(&bob, &peer.base).await;
    assert_ne!(first["agent_id"], theirs["agent_id"], "nobody takes over an agent by its URL");
    let kept = stranger.get(&format!("/a2a/agents/{}/imported-card", text(&first["agent_id"]))).await;
    assert_eq!((kept.text(), kept.header("x-a2a-card-signature")), (card(&peer.base, "1.0"), Some("unsigned")));
    let refresh = format!("/a2a/agents/{}/refresh", text(&first["agent_id"]));
    let fresh = ada.api.send(http::Method::POST, &refresh, bytes::Bytes::new()).await.expect(200);
    assert_eq!((&fresh["success"], &fresh["agent_id"]), (&json!(true), &first["agent_id"]));
    bob.api.post(&refresh, &json!({})).await.expect_problem(403);
    ada.api.post("/a2a/agents/nobody/refresh", &json!({})).await.expect_problem(404);
    let plain = ada.register_agent("Plain", &peer.agent, None).await;
    let refused = ada.api.post(&format!("/a2a/agents/{}/refresh", text(&plain["id"])), &json!({})).await.expect_problem(400);
    assert_eq!((&refused["success"], &refused["error"]), (&json!(false), &json!("Agent is not an A2A import")));
    // A deleted agent is not brought back to life.
    let id = text(&ada.api.get(&format!("/registry/agents/{}", text(&first["agent_id"]))).await.expect(200)["id"]);
    assert_eq!(ada.api.delete(&format!("/registry/agents/{id}")).await.status, 204);
    assert_ne!(import(&ada, &peer.base).await["agent_id"], first["agent_id"]);
    // Imported many times at once, it is one agent all the same.
    let (api, url) = (world.person("cy").await, peer.base.clone());
    let replies = together(8, |_| {
        let (person, url) = (api.clone(), url.clone());
        async move { import(&person, &url).await }
    })
    .await;
    assert!(replies.iter().all(|reply| reply["agent_id"] == replies[0]["agent_id"]), "{replies:?}");
}

/// Its task may go on there, and nobody would hear how it ends: it is told so, and nothing is paid.
async fn a_peers_task_is_called_off_when_nobody_asks_after_it_any_more(world: &mut World) {
    const WORKING: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"id":"t-9","status":{"state":"TASK_STATE_WORKING"}}}}"#;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let answers: [(u16, &'static str); 4] = [
        (503, ""),
        (200, "<html>"),
        (200, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"broken"}}"#),
        (200, r#"{"jsonrpc":"2.0","id":1,"result":{"id":"t-9","status":{"state":"TASK_STATE_INPUT_REQUIRED"}}}"#),
    ];
    for (status, answer) in answers {
        let canceled = Arc::new(AtomicUsize::new(0));
        let heard = Arc::clone(&canceled);
        let make = Make::of(move |head, body| {
            let host = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned));
            if head.starts_with("GET") {
                return (200, card(&format!("http://{}", host.unwrap_or_default()), "1.0").into_bytes());
            }
            let request: Value = serde_json::from_str(body).unwrap();
            match request["method"].as_str().unwrap() {
                "SendMessage" => (200, WORKING.into()),
                "CancelTask" if request["params"]["id"] == "t-9" => {
                    heard.fetch_add(1, Ordering::SeqCst);
                    (200, WORKING.into())
                }
                _ => (status, answer.into()),
            }
        });
        let peer = Agent::start(Answer::Made(make)).await;
        let imported = import(&bob, &peer.url.replace("/invoke", "")).await;
        let id = text(&bob.api.get(&format!("/registry/agents/{}", text(&imported["agent_id"]))).await.expect(200)["id"]);
        bob.api.put(&format!("/registry/agents/{id}"), &json!({"base_price": 7, "pricing_enabled": true})).await.expect(200);
        let told = ada.invoke(&imported, json!({"message": "hello"})).await.expect(200);
        assert_eq!((&told["success"], canceled.load(Ordering::SeqCst)), (&json!(false), 1), "{answer}: {told}");
    }
    assert_eq!(ada.balance().await, 500);
}

/// A server with many agents behind one endpoint gives each a card of its own.
async fn cards_that_share_an_endpoint_are_agents_of_their_own(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let make = Make::of(move |head, _| {
        let host = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned));
        let card = |name: &str, does: &str| {
            let endpoint = format!("http://{}/rpc", host.clone().unwrap_or_default());
            let card = json!({"name": name, "description": does, "url": endpoint, "protocolVersion": "0.3.0"});
            (200, card.to_string().into_bytes())
        };
        match head.split(' ').nth(1).unwrap_or_default() {
            "/one.json" | "/moved.json" => card("One", "Counts."),
            "/two.json" => card("Two", "Counts on."),
            "/one-again.json" => card("One", "Counts better."),
            _ => (404, Vec::new()),
        }
    });
    let peer = Agent::start(Answer::Made(make)).await;
    let at = |path: &str| peer.url.replace("/invoke", path);
    let (one, two) = (import(&ada, &at("/one.json")).await, import(&ada, &at("/two.json")).await);
    assert_eq!(one["invoke_endpoint"], two["invoke_endpoint"]);
    assert_ne!(one["agent_id"], two["agent_id"]);
    for (path, known) in [("/two.json", &two), ("/one.json", &one), ("/moved.json", &one), ("/one-again.json", &one)] {
        assert_eq!(import(&ada, &at(path)).await["agent_id"], known["agent_id"], "{path}");
    }
    let shown = ada.api.get(&format!("/registry/agents/{}", text(&one["agent_id"]))).await.expect(200);
    assert_eq!(shown["description"], "Counts better.", "the same card is a refresh");
    let bobs = import(&bob, &at("/one.json")).await;
    assert!(bobs["agent_id"] != one["agent_id"] && bobs["agent_id"] != two["agent_id"], "and nobody else's");
    let batch = json!({"urls": [at("/one.json"), at("/two.json"), at("/one.json"), at("/two.json")]});
    let results = world.person("cy").await.api.post("/a2a/agents/import/batch", &batch).await.expect(200)["results"].clone();
    assert_eq!(
        (&results[0]["agent_id"], &results[1]["agent_id"]),
        (&results[2]["agent_id"], &results[3]["agent_id"]),
        "{results}"
    );
    assert_ne!(results[0]["agent_id"], results[1]["agent_id"]);
}

async fn an_administrator_who_refreshes_a_card_has_not_seen_it(world: &mut World) {
    let root = with_admin(world, &[]).await;
    let ada = world.person("ada").await;
    let asked = Arc::new(AtomicUsize::new(0));
    let version = Arc::clone(&asked);
    let make = Make::of(move |head, _| {
        let host = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned));
        let (name, path) = if version.load(Ordering::SeqCst) == 0 { ("One", "rpc") } else { ("Bank of All", "theirs") };
        let endpoint = format!("http://{}/{path}", host.unwrap_or_default());
        let card = json!({"name": name, "description": "Counts.", "url": endpoint, "protocolVersion": "0.3.0"});
        (200, card.to_string().into_bytes())
    });
    let peer = Agent::start(Answer::Made(make)).await;
    let slug = text(&import(&ada, &peer.url.replace("/invoke", "/card.json")).await["agent_id"]);
    let (path, refresh) = (format!("/api/v1/agents/{slug}"), format!("/a2a/agents/{slug}/refresh"));
    root.post(&format!("{path}/verify"), &json!({})).await.expect(200);
    root.post(&refresh, &json!({})).await.expect(200);
    assert_eq!(root.get(&path).await.expect(200)["verified"], true, "the card is as it was");
    asked.store(1, Ordering::SeqCst);
    root.post(&refresh, &json!({})).await.expect(200);
    let known = root.get(&path).await.expect(200);
    assert_eq!((&known["name"], &known["verified"]), (&json!("Bank of All"), &json!(false)), "{known}");
}

async fn batches_are_bounded_and_each_card_is_for_itself(world: &mut World) {
    let ada = world.person("ada").await;
    let (one, two) = (Peer::start("1.0", 0).await, Peer::start("0.3", 0).await);
    let urls = json!({"urls": [one.base, "http://10.0.0.1/", "not a url", two.base, format!("{}/rpc/none.json", one.base)]});
    let results = ada.api.post("/a2a/agents/import/batch", &urls).await.expect(200)["results"].clone();
    let went: Vec<bool> = results.as_array().unwrap().iter().map(|result| result["success"].as_bool().unwrap()).collect();
    assert_eq!(went, [true, false, false, true, true], "{results}");
    assert!(results[1]["error"].as_str().unwrap().contains("private"), "{results}");
    let many = json!({"urls": vec![one.base.clone(); 1_000]});
    ada.api.post("/a2a/agents/import/batch", &many).await.expect_problem(422);
    ada.api.post("/a2a/agents/import/batch", &json!({"urls": []})).await.expect_problem(422);
    world.stranger().post("/a2a/agents/import", &json!({"url": one.base})).await.expect_problem(401);
}

async fn cards_that_are_none_are_refused_in_words(world: &mut World) {
    let ada = world.person("ada").await;
    let peer = Peer::start("1.0", 0).await;
    let preview = ada.api.get(&format!("/a2a/agents/fetch-card?url={}", peer.base)).await.expect(200);
    assert_eq!((&preview["success"], &preview["card"]["name"]), (&json!(true), &json!("Mirror")));
    let missing = ada.api.get("/a2a/agents/fetch-card?url=http://127.0.0.1:9/").await.expect_problem(404);
    assert!(text(&missing["error"]).starts_with("Could not fetch Agent Card from http://127.0.0.1:9/"), "{missing}");
    ada.api.get("/a2a/agents/fetch-card?url=http://192.168.0.1/").await.expect_problem(400);
    ada.api.get("/a2a/agents/fetch-card").await.expect_problem(422);
    for (what, body) in [
        ("an endpoint in a private place", r#"{"name": "x", "url": "http://10.1.2.3/"}"#.to_owned()),
        ("an endpoint that is none", r#"{"name": "x", "url": "javascript:alert(1)"}"#.to_owned()),
        ("no interface that we speak", r#"{"name": "x", "skills": []}"#.to_owned()),
        ("no name", r#"{"url": "http://127.0.0.1/", "skills": []}"#.to_owned()),
        ("too deep", format!("{{\"name\": {}{}}}", "[".repeat(50_000), "]".repeat(50_000))),
        ("too large", format!("{{\"name\": \"{}\"}}", "x".repeat(10 << 20))),
    ] {
        let place = Agent::start(Answer::Raw(200, body.into_bytes())).await;
        let refused = ada.api.post("/a2a/agents/import", &json!({"url": place.url})).await.expect_problem(400);
        assert_eq!(refused["success"], false, "{what}: {refused}");
    }
    let loops = Agent::start(Answer::Raw(302, b"{\"name\":\"x\"}".to_vec())).await;
    ada.api.post("/a2a/agents/import", &json!({"url": loops.url})).await.expect_problem(400);
    assert!(loops.calls() <= 8, "redirects are not followed");
    let odd = Agent::start(Answer::Raw(
        200,
        br#"{"name": "x\u0000y", "url": "http://127.0.0.1:9/", "skills": [{"name": "\u0000"}]}"#.to_vec(),
    ))
    .await;
    assert_eq!(import(&ada, &odd.url).await["name"], "x\u{fffd}y");
}

journeys! {
    an_imported_agent_is_called_by_a2a_and_paid,
    what_a_peer_does_wrong_is_told_and_not_paid,
    an_import_is_the_callers_own_and_a_card_is_kept_as_it_is,
    a_peers_task_is_called_off_when_nobody_asks_after_it_any_more,
    cards_that_share_an_endpoint_are_agents_of_their_own,
    an_administrator_who_refreshes_a_card_has_not_seen_it,
    batches_are_bounded_and_each_card_is_for_itself,
    cards_that_are_none_are_refused_in_words,
}
