//! The cards that we publish.

use http::Method;
use serde_json::json;

use super::peer::address;
use crate::harness::{Agent, Answer, World, journeys, text};

async fn the_platform_has_a_card_of_each_version(world: &mut World) {
    let stranger = world.stranger();
    let base = world.server.base();
    let modern = stranger.get("/.well-known/agent-card.json").await.expect(200);
    assert_eq!(modern["supportedInterfaces"][0]["url"], format!("{base}/a2a"));
    for field in ["name", "description", "version", "skills", "capabilities", "defaultInputModes", "securitySchemes"] {
        assert!(!modern[field].is_null(), "{field} of {modern}");
    }
    assert!(modern.get("url").is_none() && modern.get("authentication").is_none(), "one of 1.0 alone");
    let legacy = stranger.get("/.well-known/agent.json").await.expect(200);
    assert_eq!(legacy, stranger.get("/a2a/agent-card").await.expect(200));
    assert_eq!((&legacy["url"], &legacy["protocolVersion"]), (&json!(format!("{base}/a2a")), &json!("0.3.0")));
    assert_eq!(legacy["capabilities"]["topologies"], json!(["mesh", "star", "ring", "custom"]));
    let skills: Vec<_> = legacy["skills"].as_array().unwrap().iter().map(|skill| text(&skill["id"])).collect();
    assert_eq!(skills, ["discover", "invoke", "orchestrate", "network"]);
    // Others' hosts do not get into our cards.
    let evil = stranger.with("host", "evil\"example").get("/.well-known/agent-card.json").await;
    assert!(!evil.text().contains("evil"), "{}", evil.text());
}

async fn a_card_is_not_sent_again_to_whoever_has_it(world: &mut World) {
    let stranger = world.stranger();
    let card = stranger.get("/.well-known/agent-card.json").await;
    let etag = card.header("etag").unwrap().to_owned();
    assert!(card.header("cache-control").unwrap().contains("max-age"));
    let again = stranger.with("if-none-match", &format!("\"x\", W/{etag}")).get("/.well-known/agent-card.json").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(stranger.with("if-none-match", "\"x\"").get("/.well-known/agent-card.json").await.status, 200);
}

async fn every_active_agent_has_cards_and_their_address_works(world: &mut World) {
    let (ada, stranger) = (world.person("ada").await, world.stranger());
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = ada.register_agent("Echo", &endpoint, Some(5)).await;
    let legacy = stranger.get(&format!("{}/agent-card", address(&agent))).await.expect(200);
    let modern = stranger.get(&format!("{}/.well-known/agent-card.json", address(&agent))).await.expect(200);
    let by_uuid = stranger.get(&format!("/a2a/agents/{}/agent-card", text(&agent["id"]))).await.expect(200);
    assert_eq!((&legacy, &legacy["url"]), (&by_uuid, &modern["supportedInterfaces"][0]["url"]));
    assert_eq!(legacy["skills"][0]["id"], agent["agent_id"]);
    let path = text(&legacy["url"]).strip_prefix(world.server.base()).unwrap().to_owned();
    let called = ada
        .api
        .post(
            &path,
            &json!({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {
        "kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}}}),
        )
        .await
        .expect(200);
    assert_eq!(called["result"]["status"]["state"], "completed", "{called}");
    let extended = ada.api.with("a2a-version", "1.0").get(&format!("{path}/extendedAgentCard")).await.expect(200);
    assert_eq!(extended["capabilities"]["extensions"][0]["params"]["credits_per_call"], 5);
    let list = stranger.get("/a2a/agents?limit=1").await.expect(200);
    assert_eq!((&list["agents"][0], &list["total"], &list["limit"]), (&legacy, &json!(1), &json!(1)));
    stranger.get("/a2a/agents?limit=0").await.expect_problem(422);
    for (path, status) in [("/a2a/agents/nobody/agent-card", 404), ("/a2a/agents/%00/agent-card", 404)] {
        let refused = stranger.get(path).await;
        if refused.status != 422 {
            let problem = refused.expect_problem(status);
            assert_eq!((&problem["jsonrpc"], &problem["error"]["code"]), (&json!("2.0"), &json!(-32602)));
        }
    }
    ada.api.put(&format!("/registry/agents/{}", text(&agent["id"])), &json!({"is_active": false})).await.expect(200);
    stranger.get(&format!("{}/agent-card", address(&agent))).await.expect_problem(404);
    let head = stranger.send(Method::HEAD, "/.well-known/agent.json", bytes::Bytes::new()).await;
    assert_eq!(head.status, 200);
}

journeys! {
    the_platform_has_a_card_of_each_version,
    a_card_is_not_sent_again_to_whoever_has_it,
    every_active_agent_has_cards_and_their_address_works,
}
