//! The clients of the Agent Commerce reference, from PyPI, unmodified: every method of its SDK, and every tool of its MCP server.
//! `tests/sdk/acf/README.md` says what they are.

use serde_json::json;

use super::{
    market::support::with_admin,
    proxy::shop::{buyer, shop},
    python::{Python, drive},
};
use crate::harness::{Agent, Answer, World, journeys, text};

/// The reference's MCP server needs the first generation of the protocol's package; its HTTP client is the SDK's as well.
const PYTHON: Python = Python {
    name: "agent-commerce-framework-0.4.1-agentictrade-mcp-0.2.0",
    packages: &["agent-commerce-framework==0.4.1", "agentictrade-mcp==0.2.0", "mcp==1.30.0", "httpx==0.28.1"],
};

async fn every_method_of_the_sdk_works(world: &mut World) {
    let Some(python) = PYTHON.get().await else { return };
    let admin = with_admin(world, &[]).await;
    let key = admin.post("/api/v1/keys", &json!({"owner_id": "acf-root", "role": "admin", "rate_limit": 300})).await.expect(201);
    let bearer = format!("{}:{}", text(&key["key_id"]), text(&key["secret"]));
    let out = drive(&python, "acf/acf_journey.py", &[world.server.base(), &bearer]).await;
    assert!(out.ends_with("all well\n"), "{out}");
}

async fn every_tool_of_the_mcp_server_works(world: &mut World) {
    let Some(python) = PYTHON.get().await else { return };
    let there = Agent::start(Answer::Echo).await;
    let shop = shop(world, "acf-shop", &there.url, &json!({"category": "ai"})).await;
    let ann = buyer(world, "acf-buyer", "1.00").await;
    let key = shop.api.post("/api/v1/keys", &json!({"owner_id": "acf-shop", "role": "provider"})).await.expect(201);
    let provider = format!("{}:{}", text(&key["key_id"]), text(&key["secret"]));
    let buyer = ann.bearer.trim_start_matches("Bearer ");
    let arguments = [world.server.base(), buyer, &ann.name, &provider, &shop.service];
    let out = drive(&python, "acf/agentictrade_journey.py", &arguments).await;
    assert!(out.ends_with("all well\n"), "{out}");
}

journeys! {
    every_method_of_the_sdk_works,
    every_tool_of_the_mcp_server_works,
}
