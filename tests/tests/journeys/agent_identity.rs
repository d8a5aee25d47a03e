//! Agents as somebody: the same as in the registry, with what the second reference knows of them.

use serde_json::{Value, json};

use super::{keys::with_key, market::support::with_admin, services::provider};
use crate::harness::{Agent, Answer, Api, World, journeys, text};

const WALLET: &str = "0x1234567890abcdef1234567890abcdef12345678";

async fn an_agent_lives_as_the_reference_says(world: &mut World) {
    let stranger = world.stranger();
    let key = stranger.post("/api/v1/keys", &json!({"owner_id": "my-agent"})).await.expect(201);
    // Whoever has a key may.
    let ada = with_key(world, &key);
    let body = json!({
        "display_name": " My AI Agent ", "capabilities": ["nlp", " inference ", "nlp", ""], "identity_type": "api_key_only",
        "wallet_address": WALLET, "metadata": {"team": "blue"}, "unknown": 1,
    });
    stranger.post("/api/v1/agents", &body).await.expect_problem(401);
    let made = ada.post("/api/v1/agents", &body).await.expect(201);
    let id = text(&made["agent_id"]);
    for (field, value) in [
        ("id", json!(id)),
        ("display_name", json!("My AI Agent")),
        ("name", json!("My AI Agent")),
        ("identity_type", json!("api_key_only")),
        ("capabilities", json!(["nlp", "inference"])),
        ("wallet_address", json!(WALLET)),
        ("verified", json!(false)),
        ("reputation_score", json!(0.0)),
        ("status", json!("active")),
        ("owner_id", json!("my-agent")),
        ("metadata", json!({"team": "blue"})),
        ("endpoint", json!(null)),
        ("description", json!("")),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    // Others are not told whose it is, nor what is kept with it.
    let mut public = made.clone();
    public.as_object_mut().unwrap().retain(|field, _| field != "owner_id" && field != "metadata");
    for name in [&id, &text(&made["slug"])] {
        assert_eq!(stranger.get(&format!("/api/v1/agents/{name}")).await.expect(200), public);
        assert_eq!(ada.get(&format!("/api/v1/agents/{name}")).await.expect(200), made);
    }
    let listed = stranger.get("/api/v1/agents").await.expect(200);
    assert_eq!(listed, json!({"agents": [public], "count": 1, "total": 1, "limit": 50, "offset": 0}));
    for (q, count) in [("ai%20agent", 1), ("", 0), ("%25", 0), (id.as_str(), 1), ("MY-AI", 1), ("nobody", 0)] {
        assert_eq!(stranger.get(&format!("/api/v1/agents/search?q={q}")).await.expect(200)["count"], count, "{q}");
    }
    let path = format!("/api/v1/agents/{id}");
    let eve = provider(world, "eve").await;
    let change =
        json!({"display_name": "Better", "capabilities": ["vision"], "metadata": {"team": "red"}, "wallet_address": null});
    eve.patch(&path, &change).await.expect_problem(403);
    stranger.patch(&path, &change).await.expect_problem(401);
    let changed = ada.patch(&path, &change).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["capabilities"], &changed["metadata"], &changed["wallet_address"]),
        (&json!("Better"), &json!(["vision"]), &json!({"team": "red"}), &json!(WALLET))
    );
    eve.delete(&path).await.expect_problem(403);
    let gone = json!({"status": "deactivated", "agent_id": id});
    assert_eq!(ada.delete(&path).await.expect(200), gone);
    assert_eq!(ada.delete(&path).await.expect(200), gone);
    assert_eq!(stranger.get(&path).await.expect(200)["status"], "deactivated");
    assert_eq!(stranger.get("/api/v1/agents").await.expect(200)["total"], 0);
    assert_eq!(stranger.get("/api/v1/agents/search?q=better").await.expect(200)["count"], 0);
    assert_eq!(stranger.get("/api/v1/agents?status=deactivated").await.expect(200)["agents"][0]["agent_id"], json!(id));
    assert_eq!(stranger.get("/registry/agents").await.expect(200), json!([]));
    assert_eq!(ada.patch(&path, &json!({"status": "active"})).await.expect(200)["status"], "active");
}

async fn it_is_the_agent_of_the_registry(world: &mut World) {
    let (ada, bob, stranger) = (world.person("ada").await, world.person("bob").await, world.stranger());
    let endpoint = Agent::start(Answer::Echo).await;
    let echo = ada.register_agent("Echo", &endpoint, Some(5)).await;
    let path = format!("/api/v1/agents/{}", text(&echo["agent_id"]));
    let known = stranger.get(&path).await.expect(200);
    assert_eq!((&known["agent_id"], &known["slug"], &known["name"]), (&echo["id"], &echo["agent_id"], &echo["name"]));
    assert_eq!((&known["identity_type"], &known["endpoint"]), (&json!("api_key_only"), &echo["endpoint"]));
    // One that is suspended is not called, and comes back.
    assert_eq!(ada.api.patch(&path, &json!({"status": "suspended"})).await.expect(200)["status"], "suspended");
    assert_eq!(bob.invoke(&echo, json!({})).await.json()["status_code"], 404);
    ada.api.put(&format!("/registry/agents/{}", text(&echo["id"])), &json!({"is_active": true})).await.expect(200);
    assert_eq!(stranger.get(&path).await.expect(200)["status"], "active");
    assert_eq!(bob.invoke(&echo, json!({})).await.json()["success"], true);

    // Somebody without an endpoint is listed everywhere, and is called nowhere, and costs nobody anything.
    let body = json!({"name": "Silent", "description": "Says nothing at all.", "tags": ["quiet"]});
    let silent = bob.api.post("/api/v1/agents", &body).await.expect(201);
    let (id, slug) = (text(&silent["id"]), text(&silent["slug"]));
    let in_registry = stranger.get(&format!("/registry/agents/{id}")).await.expect(200);
    assert_eq!((&in_registry["agent_id"], &in_registry["endpoint"]), (&json!(slug), &json!("")));
    assert_eq!(stranger.get("/registry/agents?tags=quiet").await.expect(200).as_array().unwrap().len(), 1);
    let near = stranger.get("/registry/discover?query=says%20nothing%20silent").await.expect(200);
    assert!(near.as_array().unwrap().iter().all(|one| one["name"] != "Silent"), "{near}");
    bob.api.get(&format!("/wallets/agent/{id}")).await.expect(200);
    bob.api.put(&format!("/registry/agents/{id}"), &json!({"base_price": 5, "pricing_enabled": true})).await.expect(200);
    let before = ada.balance().await;
    let call = json!({"agent_id": slug, "input": {}});
    for way in ["/broker/invoke", "/broker/invoke/stream"] {
        let refused = ada.api.post(way, &call).await.expect_problem(409);
        assert_eq!(refused["type"], "agent-without-endpoint", "{way}: {refused}");
    }
    assert_eq!(ada.balance().await, before);
    let network = ada.api.post("/networks", &json!({"name": "n", "topology_type": "mesh"})).await.expect(201);
    let join = json!({"name": "Silent", "agent_id": slug});
    let join = ada.api.post(&format!("/networks/{}/participants", text(&network["id"])), &join).await.expect_problem(400);
    assert_eq!(join["type"], "agent-without-endpoint");
    stranger.get(&format!("/a2a/agents/{slug}/agent-card")).await.expect_problem(404);
    let cards = stranger.get("/a2a/agents").await.expect(200);
    assert_eq!((&cards["total"], &cards["agents"][0]["name"]), (&json!(1), &json!("Echo")));
    // Once there is one, it is called.
    bob.api.patch(&format!("/api/v1/agents/{slug}"), &json!({"endpoint": endpoint.url})).await.expect(200);
    assert_eq!(ada.api.post("/broker/invoke", &call).await.expect(200)["success"], true);
    // What the registry has deleted is gone here as well.
    assert_eq!(bob.api.delete(&format!("/registry/agents/{id}")).await.status, 204);
    for path in [format!("/api/v1/agents/{id}"), format!("/api/v1/agents/{slug}/verification")] {
        stranger.get(&path).await.expect_problem(404);
    }
    bob.api.delete(&format!("/api/v1/agents/{id}")).await.expect_problem(404);
}

/// Whichever API the agent is changed through.
async fn vouched_for_as_it_is(root: &Api, shop: &Api, agent: &Value) {
    let path = format!("/api/v1/agents/{}", text(&agent["agent_id"]));
    let registry = format!("/registry/agents/{}", text(&agent["agent_id"]));
    let same = format!("0x{}", WALLET.strip_prefix("0x").unwrap().to_uppercase());
    let here = json!({"endpoint": "http://127.0.0.1:1/a"});
    for (way, change, stays) in [
        (&path, json!({"description": "Else.", "capabilities": ["nlp"], "metadata": {"a": 1}, "tags": ["x"]}), true),
        (&path, json!({"wallet_address": same}), true),
        (&path, json!({"wallet_address": null, "name": null}), true),
        (&path, json!({"name": "Uno"}), false),
        (&registry, json!({"name": "Due"}), false),
        (&path, here.clone(), false),
        (&registry, json!({"endpoint": "HTTP://127.0.0.1:1/a"}), true),
        (&registry, json!({"endpoint": "http://127.0.0.1:1/b"}), false),
        (&registry, json!({"endpoint": "http://127.0.0.1:2/b"}), false),
        (&path, json!({"endpoint": null}), true),
        (&path, json!({"endpoint": ""}), false),
        (&path, json!({"wallet_address": ""}), false),
    ] {
        root.post(&format!("{path}/verify"), &json!({})).await.expect(200);
        let reply = if way == &path { shop.patch(way, &change).await } else { shop.put(way, &change).await };
        reply.expect(200);
        assert_eq!(shop.get(&path).await.expect(200)["verified"], stays, "{way}: {change}");
    }
    root.post(&format!("{path}/verify"), &json!({})).await.expect(200);
    assert_eq!(root.patch(&path, &json!({"name": "One"})).await.expect(200)["verified"], true, "an administrator has seen it");
    // An empty one takes the endpoint away; what is left out, or null, leaves it.
    assert_eq!(shop.patch(&path, &here).await.expect(200)["endpoint"], here["endpoint"]);
    assert_eq!(shop.patch(&path, &json!({"description": "x"})).await.expect(200)["endpoint"], here["endpoint"]);
    assert_eq!(shop.patch(&path, &json!({"endpoint": null})).await.expect(200)["endpoint"], here["endpoint"]);
    let seen = text(&shop.patch(&path, &json!({"endpoint": " "})).await.expect(200)["updated_at"]);
    assert_eq!(shop.get(&path).await.expect(200)["endpoint"], json!(null));
    // What an administrator looked at is what they vouch for.
    let now = text(&shop.patch(&path, &json!({"name": "Una"})).await.expect(200)["updated_at"]);
    let refused = root.post(&format!("{path}/verify?updated_at={seen}"), &json!({})).await.expect_problem(409);
    assert_eq!(refused["type"], "agent-changed", "{refused}");
    root.post(&format!("{path}/verify?updated_at=yesterday"), &json!({})).await.expect_problem(422);
    assert_eq!(root.post(&format!("{path}/verify?updated_at={now}"), &json!({})).await.expect(200)["verified"], true);
}

async fn one_that_is_suspended_does_nothing_in_networks(world: &mut World) {
    let (ada, bob, stranger) = (world.person("ada").await, world.person("bob").await, world.stranger());
    let made = bob.api.post("/api/v1/agents", &json!({"name": "Quiet"})).await.expect(201);
    let path = format!("/api/v1/agents/{}", text(&made["agent_id"]));
    let network = ada.api.post("/networks", &json!({"name": "n", "topology_type": "mesh"})).await.expect(201);
    let base = format!("/networks/{}", text(&network["id"]));
    let join = |name: &str, agent: &Value| json!({"name": name, "agent_id": agent, "polling_enabled": true});
    let participants = format!("{base}/participants");
    let quiet = ada.api.post(&participants, &join("quiet", &made["slug"])).await.expect(201);
    let other = ada.api.post(&participants, &join("other", &json!(null))).await.expect(201);
    assert_eq!((&quiet["agent_status"], &other["agent_status"]), (&json!("active"), &json!(null)));
    let send = |from: &Value, to: &Value| json!({"sender_participant_id": from["id"], "recipient_participant_id": to["id"], "content": "hi"});
    let messages = format!("{base}/messages/send");
    ada.api.post(&messages, &send(&other, &quiet)).await.expect(201);
    bob.api.patch(&path, &json!({"status": "suspended"})).await.expect(200);
    let told = ada.api.get(&participants).await.expect(200);
    let status =
        |told: &Value| told.as_array().unwrap().iter().find(|one| one["id"] == quiet["id"]).unwrap()["agent_status"].clone();
    assert_eq!(status(&told), "suspended", "whose network it is sees why");
    for (from, to) in [(&other, &quiet), (&quiet, &other)] {
        for way in [&messages, &format!("{base}/mailbox")] {
            let refused = ada.api.post(way, &send(from, to)).await.expect_problem(403);
            assert_eq!(refused["type"], "agent-not-active", "{refused}");
        }
    }
    let inbox = format!("{base}/inbox/{}", text(&quiet["id"]));
    assert_eq!(ada.api.get(&inbox).await.expect_problem(403)["type"], "agent-not-active");
    let reply_url = text(&quiet["reply_url"]);
    let speak = &reply_url[reply_url.find("/networks/").unwrap()..];
    assert_eq!(stranger.post(speak, &json!({"content": "hi"})).await.expect_problem(403)["type"], "agent-not-active");
    let again = ada.api.post(&participants, &join("again", &made["slug"])).await.expect_problem(403);
    assert_eq!(again["type"], "agent-not-active");
    // What waited is there when it is back.
    bob.api.patch(&path, &json!({"status": "active"})).await.expect(200);
    assert_eq!(status(&ada.api.get(&participants).await.expect(200)), "active");
    assert_eq!(ada.api.get(&inbox).await.expect(200).as_array().map(Vec::len), Some(1));
    bob.api.delete(&format!("/registry/agents/{}", text(&made["agent_id"]))).await;
    assert_eq!(status(&ada.api.get(&participants).await.expect(200)), "deleted");
}

async fn an_administrator_vouches_and_holds(world: &mut World) {
    let root = with_admin(world, &[]).await;
    let shop = provider(world, "my-agent").await;
    let stranger = world.stranger();
    let agent = shop.post("/api/v1/agents", &json!({"display_name": "One", "wallet_address": WALLET})).await.expect(201);
    let path = format!("/api/v1/agents/{}", text(&agent["agent_id"]));
    let verify = format!("{path}/verify");
    let nothing = stranger.get(&format!("{path}/verification")).await.expect(200);
    assert_eq!((&nothing["verified"], &nothing["method"], &nothing["verified_at"]), (&json!(false), &json!(null), &json!(null)));
    stranger.post(&verify, &json!({})).await.expect_problem(401);
    shop.post(&verify, &json!({})).await.expect_problem(403);
    root.post("/api/v1/agents/nobody/verify", &json!({})).await.expect_problem(404);
    let verified = root.post(&verify, &json!({})).await.expect(200);
    assert_eq!((&verified["verified"], &verified["owner_id"]), (&json!(true), &json!(null)));
    let told = stranger.get(&format!("{path}/verification")).await.expect(200);
    assert_eq!((&told["method"], &told["expires_at"], &told["issuer"]), (&json!("admin"), &json!(null), &json!(null)));
    vouched_for_as_it_is(&root, &shop, &agent).await;
    shop.delete(&verify).await.expect_problem(403);
    assert_eq!(root.delete(&verify).await.expect(200)["verified"], false);

    assert_eq!(root.patch(&path, &json!({"status": "suspended"})).await.expect(200)["owner_id"], "my-agent");
    for (body, way) in [(json!({"status": "active"}), path.clone()), (json!({"status": "deactivated"}), path.clone())] {
        let reply = shop.patch(&way, &body).await;
        assert_eq!(reply.status, if body["status"] == "active" { 403 } else { 200 }, "{}", reply.text());
    }
    let switch = shop.put(&format!("/registry/agents/{}", text(&agent["agent_id"])), &json!({"is_active": true})).await;
    assert_eq!(switch.expect_problem(403)["type"], "agent-held");
    root.patch(&path, &json!({"status": "active"})).await.expect(200);
    // Also what its owner had deactivated already.
    shop.delete(&path).await.expect(200);
    root.delete(&path).await.expect(200);
    assert_eq!(shop.patch(&path, &json!({"status": "active"})).await.expect_problem(403)["type"], "agent-held");
    root.patch(&path, &json!({"status": "active", "description": ""})).await.expect(200);
}

async fn hostile_agents_are_refused_clearly(world: &mut World) {
    let shop = provider(world, "shop").await;
    let stranger = world.stranger();
    let many: Vec<String> = (0..5_000).map(|n| format!("t{n}")).collect();
    let with = |field: &str, value: Value| {
        let mut body = json!({"display_name": "x"});
        body[field] = value;
        body
    };
    let agent = shop.post("/api/v1/agents", &json!({"name": "x"})).await.expect(201);
    let path = format!("/api/v1/agents/{}", text(&agent["id"]));
    for (field, value) in [
        ("display_name", json!("  ")),
        ("display_name", json!("n".repeat(256))),
        ("tags", json!(many)),
        ("capabilities", json!(many)),
        ("capabilities", json!(["c".repeat(129)])),
        ("wallet_address", json!("0x1234")),
        ("wallet_address", json!("0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed")),
        ("wallet_address", json!("two words")),
        ("wallet_address", json!("a".repeat(129))),
        ("metadata", json!({"a": "b".repeat(20_000)})),
        ("metadata", json!([1])),
        ("category", json!("c".repeat(65))),
        ("endpoint", json!("ftp://example.com")),
        ("endpoint", json!("http://169.254.169.254/")),
    ] {
        shop.post("/api/v1/agents", &with(field, value.clone())).await.expect_problem(400);
        shop.patch(&path, &json!({field: value})).await.expect_problem(400);
    }
    let blank = shop.post("/api/v1/agents", &json!({"display_name": " "})).await.expect_problem(400);
    assert_eq!(blank["detail"], "Display name is required");
    shop.post("/api/v1/agents", &with("identity_type", json!("passport"))).await.expect_problem(400);
    for status in [json!("idle"), json!("")] {
        shop.patch(&path, &json!({"status": status})).await.expect_problem(400);
    }
    for body in [
        json!({}),
        json!(null),
        json!([]),
        json!({"display_name": 1}),
        json!({"name": "a\u{0}b"}),
        with("capabilities", json!([1])),
    ] {
        shop.post("/api/v1/agents", &body).await.expect_problem(422);
    }
    for query in ["?limit=-1", "?limit=0", "?limit=ten", "?offset=-1", "/search?limit=-1", "/search?q=x&limit=0"] {
        stranger.get(&format!("/api/v1/agents{query}")).await.expect_problem(422);
    }
    stranger.get("/api/v1/agents?status=lost").await.expect_problem(400);
    stranger.get(&format!("/api/v1/agents/search?q={}", "x".repeat(257))).await.expect_problem(400);
    for hostile in [
        "%27",
        "%22",
        "%25%5F%25",
        "%5C",
        "%5C%25",
        "%27%20OR%201%3D1--",
        "NEAR(a%20b)",
        "%22x%22*",
        "%F0%9F%91%A9%E2%80%8D",
        "%E2%80%AE",
        "%EF%BF%BD",
        "a%3A%2A",
        "%26%7C%21",
        "%C2%A0",
    ] {
        assert_eq!(stranger.get(&format!("/api/v1/agents/search?q={hostile}")).await.expect(200)["count"], 0, "{hostile}");
    }
    for nobody in ["nobody", "0198c0de-0000-7000-8000-000000000041", "%00"] {
        let reply = stranger.get(&format!("/api/v1/agents/{nobody}")).await;
        assert!((400..500).contains(&reply.status), "{nobody}: {}", reply.text());
    }
    assert!((200..500).contains(&stranger.get("/api/v1/agents/search?q=a%00b").await.status));
    // A key that is made twice is one agent.
    let once = shop.with("idempotency-key", "one");
    let made = once.post("/api/v1/agents", &json!({"name": "once"})).await.expect(201);
    assert_eq!(once.post("/api/v1/agents", &json!({"name": "once"})).await.expect(201), made);
    // Clients send their key with everything; one that is stale spoils nothing.
    stranger.with_token("acf_0000000000000000:stale").get(&path).await.expect(200);
}

journeys! {
    an_agent_lives_as_the_reference_says,
    it_is_the_agent_of_the_registry,
    one_that_is_suspended_does_nothing_in_networks,
    an_administrator_vouches_and_holds,
    hostile_agents_are_refused_clearly,
}
