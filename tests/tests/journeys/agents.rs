//! The registry's answers in detail: which fields, which refusals, for whom.

use serde_json::{Value, json};

use crate::harness::{Agent, Answer, Api, World, journeys, text};

/// What every agent in a list has, whatever it is.
const LIST_KEYS: [&str; 26] = [
    "agent_id",
    "auth_type",
    "base_price",
    "category",
    "created_at",
    "description",
    "endpoint",
    "has_credentials",
    "id",
    "input_schema",
    "invocation_count",
    "is_active",
    "is_brand_agent",
    "name",
    "pricing_enabled",
    "pricing_strategy",
    "quality_avg_latency_ms",
    "quality_invocation_count",
    "quality_success_rate",
    "rating_avg",
    "rating_count",
    "similarity_score",
    "supports_streaming",
    "tags",
    "trust_verification",
    "version",
];

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|agent| agent["name"].as_str().unwrap()).collect()
}

fn body(name: &str, description: &str, tags: &[&str]) -> Value {
    json!({"name": name, "description": description, "endpoint": "http://127.0.0.1:9/invoke", "tags": tags})
}

async fn register(api: &Api, body: &Value) -> Value {
    api.post("/registry/agents", body).await.expect(201)
}

async fn an_agent_lives_and_dies(world: &mut World) {
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let stranger = world.stranger();
    let mut wanted = body("Text Summarizer", "Condenses texts.", &["nlp"]);
    wanted["base_price"] = json!(5.0);
    wanted["pricing_enabled"] = json!(true);
    wanted["input_schema"] = json!({"type": "object"});
    let agent = register(&ada.api, &wanted).await;
    let (id, slug) = (text(&agent["id"]), text(&agent["agent_id"]));
    assert_eq!(slug, format!("text-summarizer-{}", &id[28..]));
    assert_eq!(agent["base_price"].to_string(), "5");
    assert_eq!((&agent["has_credentials"], &agent["trust_verification"]), (&json!(true), &json!("self-signed")));
    let wallet = ada.api.get(&format!("/wallets/agent/{id}")).await.expect(200);
    assert_eq!(wallet["balance"], 0);

    for known in [&id, &slug] {
        for reader in [&stranger, &stranger.with_token("eyJ.bad.token"), &stranger.with("x-api-key", "bad")] {
            assert_eq!(reader.get(&format!("/registry/agents/{known}")).await.expect(200), agent);
        }
    }
    let path = format!("/registry/agents/{id}");
    eve.api.put(&path, &json!({"name": "Mine"})).await.expect_problem(403);
    stranger.put(&path, &json!({"name": "Mine"})).await.expect_problem(401);
    ada.api.put("/registry/agents/nobody-00000000", &json!({})).await.expect_problem(404);
    let changed = json!({"description": "Condenses them well.", "base_price": null, "tags": ["nlp", "text"], "is_active": false});
    let after = ada.api.put(&format!("/registry/agents/{slug}"), &changed).await.expect(200);
    assert_eq!((&after["agent_id"], &after["base_price"], &after["is_active"]), (&json!(slug), &json!(5), &json!(false)));
    assert_eq!(stranger.get("/registry/agents").await.expect(200), json!([]));
    let mine = ada.api.get("/registry/my-agents").await;
    assert_eq!((mine.header("x-total-count"), keys(&mine.expect(200)[0])), (Some("1"), LIST_KEYS.to_vec()));
    assert_eq!(eve.api.get("/registry/my-agents").await.expect(200), json!([]));

    eve.api.delete(&path).await.expect_problem(403);
    let gone = ada.api.delete(&path).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    let refusal = ada.api.delete(&path).await.expect_problem(404);
    assert_eq!(refusal["detail"], "Agent not found");
    for known in [&id, &slug] {
        stranger.get(&format!("/registry/agents/{known}")).await.expect_problem(404);
    }
    ada.api.get(&format!("/wallets/agent/{id}")).await.expect(200);
}

async fn lists_are_filtered_and_searched(world: &mut World) {
    let ada = world.person("ada").await;
    for (name, description, tags) in [
        ("Summarizer", "Condenses long articles.", &["Text", "nlp"][..]),
        ("Polyglot", "Translates documents.", &["text"]),
        ("Painter", "Draws pictures, 100%_sure.", &["image"]),
    ] {
        register(&ada.api, &body(name, description, tags)).await;
    }
    let stranger = world.stranger();
    for (query, wanted) in [
        ("", &["Painter", "Polyglot", "Summarizer"][..]),
        ("?tags=text", &["Polyglot", "Summarizer"]),
        ("?tags=nlp&tags=image", &["Painter", "Summarizer"]),
        ("?tags=nlp,image&order=asc", &["Summarizer", "Painter"]),
        ("?tags=text&search=DOCUMENT", &["Polyglot"]),
        ("?search=%25_", &["Painter"]),
        ("?search=_%25", &[]),
        ("?search=&tags=&category=&capability=", &["Painter", "Polyglot", "Summarizer"]),
        ("?capability=NLP&days=1", &["Summarizer"]),
        ("?sort=name&order=asc&limit=2&offset=1", &["Polyglot", "Summarizer"]),
        ("?sort=whatever&order=whatever&unknown=1", &["Painter", "Polyglot", "Summarizer"]),
    ] {
        let reply = stranger.get(&format!("/registry/agents{query}")).await;
        assert_eq!(names(&reply.expect(200)), wanted, "{query}");
    }
    let page = stranger.get("/registry/agents?limit=1").await;
    assert_eq!((page.header("x-total-count"), keys(&page.expect(200)[0])), (Some("3"), LIST_KEYS.to_vec()));
    for query in ["limit=0", "limit=101", "limit=-1", "limit=1000000000", "limit=x", "offset=-1", "days=0", "days=366"] {
        stranger.get(&format!("/registry/agents?{query}")).await.expect_problem(422);
    }
    assert_eq!(names(&stranger.get("/registry/agents/new?limit=1").await.expect(200)), ["Painter"]);
    assert_eq!(stranger.get("/registry/agents/trending").await.expect(200), json!([]));

    let found = stranger.get("/registry/discover?query=condense+an+article").await.expect(200);
    assert_eq!((names(&found)[0], keys(&found[0])), ("Summarizer", LIST_KEYS.to_vec()));
    let distance = found[0]["similarity_score"].as_f64().unwrap();
    assert!((0.0..2.0).contains(&distance), "{distance}");
    // By words one has it; by meaning the others are only farther away.
    for (query, counts) in [
        ("query=article&similarity_threshold=2", 1..=3),
        ("query=article&similarity_threshold=0", 0..=0),
        ("query=article&limit=1&rank_by=quality_first&enhance_query=false", 1..=1),
        ("query=article&limit=1&rank_by=whatever", 1..=1),
        ("query=%22%29%20OR%20NEAR%28", 0..=3),
        ("query=", 0..=0),
        ("query=the", 0..=0),
    ] {
        let found = stranger.get(&format!("/registry/discover?{query}")).await.expect(200);
        assert!(counts.contains(&found.as_array().unwrap().len()), "{query}: {found}");
    }
    for query in ["", "query=x&limit=51", "query=x&similarity_threshold=3", "query=x&similarity_threshold=NaN", "query=%00"] {
        stranger.get(&format!("/registry/discover?{query}")).await.expect_problem(422);
    }
}

async fn what_is_wrong_is_refused_by_name(world: &mut World) {
    let ada = world.person("ada").await;
    let with = |field: &str, value: Value| {
        let mut body = body("Good", "Good.", &[]);
        body[field] = value;
        body
    };
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(null)),
        ("name", json!("n".repeat(256))),
        ("name", json!("a\u{0}b")),
        ("description", json!(7)),
        ("auth_type", json!("basic")),
        ("pricing_strategy", json!("free")),
        ("base_price", json!(-1)),
        ("base_price", json!(5.5)),
        ("base_price", json!("5")),
        ("base_price", json!(9_223_372_036_854_775_808_u64)),
        ("tags", json!("nlp")),
        ("input_schema", json!("schema")),
        ("brand_id", json!("x")),
        ("endpoint", json!(null)),
    ] {
        let problem = ada.api.post("/registry/agents", &with(field, value.clone())).await.expect_problem(422);
        assert!(problem["errors"][0]["field"].as_str().unwrap().starts_with("body"), "{field} {value}: {problem}");
    }
    for (endpoint, said) in [
        ("ftp://example.com/x", "invoke_endpoint must use http or https scheme"),
        ("http://10.0.0.1/x", "invoke_endpoint cannot target private or loopback IP addresses"),
        ("http://167772161/x", "invoke_endpoint cannot target private or loopback IP addresses"),
        ("http://012.0.0.1/x", "invoke_endpoint cannot target private or loopback IP addresses"),
        ("http://[::ffff:10.0.0.1]/x", "invoke_endpoint cannot target private or loopback IP addresses"),
        ("http://169.254.169.254/latest", "invoke_endpoint cannot target private or loopback IP addresses"),
        ("http:///x", "invoke_endpoint"),
        ("not a url", "invoke_endpoint"),
    ] {
        let problem = ada.api.post("/registry/agents", &with("endpoint", json!(endpoint))).await.expect_problem(400);
        assert!(problem["detail"].as_str().unwrap().starts_with(said), "{endpoint}: {problem}");
    }
    let agent = register(&ada.api, &body("Good", "Good.", &[])).await;
    let path = format!("/registry/agents/{}", text(&agent["id"]));
    ada.api.put(&path, &json!({"endpoint": "http://192.168.0.1/"})).await.expect_problem(400);
    ada.api.put(&path, &json!({"name": ""})).await.expect_problem(422);
}

async fn one_key_registers_one_agent(world: &mut World) {
    let ada = world.person("ada").await;
    let api = ada.api.with("idempotency-key", "the-first-agent");
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let api = api.clone();
            tokio::spawn(async move { register(&api, &body("Once", "Once.", &[])).await })
        })
        .collect();
    let mut agents = Vec::new();
    for task in tasks {
        agents.push(task.await.unwrap());
    }
    assert!(agents.iter().all(|agent| agent == &agents[0]));
    assert_eq!(ada.api.get("/registry/my-agents").await.header("x-total-count"), Some("1"));
    api.post("/registry/agents", &body("Twice", "Twice.", &[])).await.expect_problem(422);
}

async fn a_stored_credential_reaches_the_agent_and_nobody_else(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let echo = Agent::start(Answer::Echo).await;
    let mut wanted = body("Locked", "Asks for a key.", &[]);
    wanted["auth_type"] = json!("api_key");
    wanted["endpoint"] = json!(echo.url);
    let agent = register(&ada.api, &wanted).await;
    assert_eq!(agent["has_credentials"], false);
    let path = format!("/registry/agents/{}/credentials", text(&agent["id"]));
    let secret = json!({"credential_type": "api_key", "value": "sk-0123456789"});
    bob.api.post(&path, &secret).await.expect_problem(403);
    ada.api.post(&path, &json!({"credential_type": "public", "value": "x"})).await.expect_problem(422);
    ada.api.post(&path, &json!({"credential_type": "api_key", "value": "a\r\nb: c"})).await.expect_problem(422);
    let stored = ada.api.post(&path, &secret).await;
    assert_eq!((stored.status, stored.body.len()), (204, 0));
    let reply = ada.api.get("/registry/my-agents").await;
    assert!(reply.expect(200)[0]["has_credentials"] == true && !reply.text().contains("sk-0123456789"));
    bob.invoke(&agent, json!({"text": "hello"})).await.expect(200);
    assert!(echo.last_request().to_lowercase().contains("x-api-key: sk-0123456789"), "{}", echo.last_request());
    assert_eq!(ada.api.delete(&path).await.status, 204);
    assert_eq!(ada.api.get("/registry/my-agents").await.expect(200)[0]["has_credentials"], false);
    let trending = world.stranger().get("/registry/agents/trending").await.expect(200);
    assert_eq!((names(&trending), &trending[0]["invocation_count"]), (vec!["Locked"], &json!(1)));
}

journeys! {
    an_agent_lives_and_dies,
    lists_are_filtered_and_searched,
    what_is_wrong_is_refused_by_name,
    one_key_registers_one_agent,
    a_stored_credential_reaches_the_agent_and_nobody_else,
}
