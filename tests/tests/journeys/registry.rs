//! Being registered, changed, found and rated.

use serde_json::{Value, json};

use crate::harness::{Agent, Answer, Api, Person, World, journeys, text};

async fn register(person: &Person, endpoint: &Agent, more: Value) -> Value {
    let mut body = json!({"name": "Agent", "description": "An agent", "endpoint": endpoint.url});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    person.api.post("/registry/agents", &body).await.expect(201)
}

/// The names of the agents that a list gives, sorted, with the total that its header tells.
async fn names(api: &Api, query: &str) -> (Vec<String>, String) {
    let reply = api.get(&format!("/registry/agents?{query}")).await;
    let mut names: Vec<_> = reply.expect(200).as_array().unwrap().iter().map(|agent| text(&agent["name"])).collect();
    names.sort();
    (names, reply.header("x-total-count").unwrap_or_default().to_owned())
}

async fn filters_hold_together_and_the_total_is_told(world: &mut World) {
    let ada = world.person("ada").await;
    let endpoint = Agent::start(Answer::Echo).await;
    for (name, tags, category) in [
        ("Alpha", json!(["nlp", "fast"]), "text"),
        ("Beta", json!(["nlp"]), "text"),
        ("Gamma", json!(["vision"]), "image"),
        ("100% Delta_x", json!(["vision", "fast"]), "image"),
    ] {
        register(&ada, &endpoint, json!({"name": name, "tags": tags, "category": category})).await;
    }
    let all = world.stranger();
    let list = |names: &[&str]| (names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), names.len().to_string());
    for (query, expected) in [
        ("", vec!["100% Delta_x", "Alpha", "Beta", "Gamma"]),
        ("tags=nlp", vec!["Alpha", "Beta"]),
        ("tags=fast&tags=vision", vec!["100% Delta_x", "Alpha", "Gamma"]),
        ("tags=fast&category=text", vec!["Alpha"]),
        ("category=image&search=gam", vec!["Gamma"]),
        ("search=100%25", vec!["100% Delta_x"]),
        ("search=_x", vec!["100% Delta_x"]),
        ("search=%25%25", vec![]),
        ("tags=none", vec![]),
        ("capability=vision", vec!["100% Delta_x", "Gamma"]),
        ("unknown=parameter", vec!["100% Delta_x", "Alpha", "Beta", "Gamma"]),
    ] {
        assert_eq!(names(&all, query).await, list(&expected), "{query}");
    }
    let (page, total) = names(&all, "sort=name&order=asc&limit=2&offset=1").await;
    assert_eq!((page, total.as_str()), (vec!["Alpha".to_owned(), "Beta".to_owned()], "4"));
}

async fn a_manifest_is_taken_and_its_id_kept(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let manifest = json!({
        "agent_id": "agent:acme:translator:1.0.0", "name": "Translator", "description": "Translates text", "version": "1.0.0",
        "endpoints": {"invoke": endpoint.url},
        "capabilities": [{"id": "translate", "input_schema": {"type": "object"}, "output_schema": {"type": "object"}, "auth": {"type": "public"}}],
        "requires": [{"capability": "detect_language"}], "tags": ["nlp"], "trust": {"verification": "self-signed"},
    });
    let agent = ada.api.post("/registry/agents", &manifest).await.expect(201);
    assert_eq!((&agent["agent_id"], &agent["version"]), (&manifest["agent_id"], &json!("1.0.0")));
    let again = bob.api.post("/registry/agents", &manifest).await;
    assert!([400, 409].contains(&again.status), "{}", again.text());
    let read = world.stranger().get("/registry/agents/agent:acme:translator:1.0.0").await.expect(200);
    assert_eq!(read["id"], agent["id"]);
    assert_eq!(names(&world.stranger(), "capability=translate").await.1, "1");
    bob.invoke(&agent, json!({"text": "hallo"})).await.expect(200);
}

async fn only_its_owner_changes_or_deletes_an_agent(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = register(&ada, &endpoint, json!({"base_price": 10, "pricing_enabled": true, "tags": ["a"]})).await;
    let path = format!("/registry/agents/{}", text(&agent["id"]));
    bob.api.put(&path, &json!({"name": "Mine"})).await.expect_problem(403);
    bob.api.delete(&path).await.expect_problem(403);
    let changed = ada.api.put(&path, &json!({"name": "Renamed", "base_price": null})).await.expect(200);
    assert_eq!((&changed["name"], &changed["base_price"], &changed["tags"]), (&json!("Renamed"), &json!(10), &json!(["a"])));
    assert_eq!(changed["agent_id"], agent["agent_id"], "the slug stays");
    bob.invoke(&agent, json!({})).await.expect(200);
    assert!(ada.api.delete(&path).await.body.is_empty());
    ada.api.delete(&path).await.expect_problem(404);
    assert_eq!(names(&world.stranger(), "").await.1, "0");
    // What it earned and did stays.
    let overview = ada.api.get("/wallets/me/overview").await.expect(200);
    assert_eq!(overview["total_agent_balance"], 10);
    let logs = ada.api.get(&format!("/broker/logs/agent/{}", text(&agent["id"]))).await.expect(200);
    assert_eq!(logs.as_array().unwrap().len(), 1);
    assert_eq!(bob.api.get("/broker/logs").await.expect(200)[0]["agent_id"], agent["id"]);
    ada.api.post("/wallets/me/consolidate", &json!({})).await.expect(200);
    assert_eq!(ada.balance().await, 510);
}

async fn ratings_are_one_a_person_and_never_by_the_owner(world: &mut World) {
    let (ada, bob, cy) = (world.person("ada").await, world.person("bob").await, world.person("cy").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = register(&ada, &endpoint, json!({})).await;
    let path = format!("/registry/agents/{}", text(&agent["agent_id"]));
    let rate = format!("{path}/rate");
    bob.api.post(&rate, &json!({"score": 1})).await.expect(200);
    bob.api.post(&rate, &json!({"score": 4, "comment": "better now"})).await.expect(200);
    cy.api.post(&rate, &json!({"score": 5})).await.expect(200);
    for score in [0, 6, -1] {
        bob.api.post(&rate, &json!({"score": score})).await.expect_problem(422);
    }
    let rated = world.stranger().get(&path).await.expect(200);
    assert_eq!((&rated["rating_avg"], &rated["rating_count"]), (&json!(4.5), &json!(2)));
    let ratings = world.stranger().get(&format!("{path}/ratings")).await.expect(200);
    assert_eq!(ratings.as_array().unwrap().len(), 2);
}

async fn discovery_understands_plain_words(world: &mut World) {
    let ada = world.person("ada").await;
    let endpoint = Agent::start(Answer::Echo).await;
    for (name, description) in [
        ("Summarizer", "Condenses long articles and reports into a few sentences"),
        ("Translator", "Translates text between languages"),
        ("Painter", "Draws pictures from a description"),
    ] {
        register(&ada, &endpoint, json!({"name": name, "description": description})).await;
    }
    let find = async |query: &str| {
        let found = world.stranger().get(&format!("/registry/discover?query={query}")).await.expect(200);
        found.as_array().unwrap().first().map(|agent| text(&agent["name"]))
    };
    assert_eq!(find("summarize%20a%20long%20article").await.as_deref(), Some("Summarizer"));
    assert_eq!(find("translate%20languages").await.as_deref(), Some("Translator"));
    assert_eq!(find("draw%20a%20picture").await.as_deref(), Some("Painter"));
    for odd in ["%22", "*", "NEAR(", "%27%3B--", "a%20AND", "%28", "-", "%F0%9F%92%A5", "%22unclosed", "col:umn"] {
        world.stranger().get(&format!("/registry/discover?query={odd}")).await.expect(200);
    }
    world.stranger().get("/registry/discover").await.expect_problem(422);
    assert_eq!(world.stranger().get("/registry/agents/new").await.expect(200).as_array().unwrap().len(), 3);
}

async fn trending_agents_are_those_that_are_called(world: &mut World) {
    let ada = world.person("ada").await;
    let endpoint = Agent::start(Answer::Echo).await;
    let quiet = register(&ada, &endpoint, json!({"name": "Quiet"})).await;
    let busy = register(&ada, &endpoint, json!({"name": "Busy"})).await;
    for _ in 0..3 {
        ada.invoke(&busy, json!({})).await.expect(200);
    }
    ada.invoke(&quiet, json!({})).await.expect(200);
    let trending = world.stranger().get("/registry/agents/trending").await.expect(200);
    assert_eq!((&trending[0]["name"], &trending[0]["invocation_count"]), (&json!("Busy"), &json!(3)));
}

journeys! {
    filters_hold_together_and_the_total_is_told,
    a_manifest_is_taken_and_its_id_kept,
    only_its_owner_changes_or_deletes_an_agent,
    ratings_are_one_a_person_and_never_by_the_owner,
    discovery_understands_plain_words,
    trending_agents_are_those_that_are_called,
}
