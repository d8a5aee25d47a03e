//! The official Python client of the protocol, from PyPI, of both generations: `tests/sdk/mcp_journey.py` uses every tool.

use serde_json::json;

use super::super::{
    proxy::shop::shop,
    python::{Python, drive},
};
use crate::harness::{Agent, Answer, World, journeys, text};

const SECOND: Python = Python { name: "mcp-2.3.0", packages: &["mcp==2.3.0"] };
const FIRST: Python = Python { name: "mcp-1.30.0", packages: &["mcp==1.30.0"] };

async fn buys_with(world: &mut World, client: Python) {
    let Some(python) = client.get().await else { return };
    let there = Agent::start(Answer::Echo).await;
    let shop = shop(world, "shop", &there.url, &json!({"category": "ai"})).await;
    let ada = world.person("ada").await;
    let agent = ada.register_agent("Echo", &there, Some(10)).await;
    let name = json!({"buyer_id": ada.id, "amount": "1.00"});
    ada.api.post("/api/v1/admin/credit", &name).await.expect(200);
    let key = ada.api.post("/auth/api-keys", &json!({"name": "mcp"})).await.expect(201);
    let bearer = format!("{}:{}", text(&key["id"]), text(&key["key"]));
    let out = drive(&python, "mcp_journey.py", &[world.server.base(), &bearer, &text(&agent["agent_id"]), &shop.service]).await;
    let times = out.lines().filter(|line| *line == "ok a customer buys and pays").count();
    assert_eq!(times, if client.name.starts_with("mcp-2") { 2 } else { 1 }, "{out}");
    assert_eq!(shop.api.get("/api/v1/usage/services").await.expect(200)["delivered_calls"], times);
}

async fn the_second_generation_of_the_official_client_buys(world: &mut World) {
    buys_with(world, SECOND).await;
}

async fn the_first_generation_of_the_official_client_buys(world: &mut World) {
    buys_with(world, FIRST).await;
}

journeys! {
    the_second_generation_of_the_official_client_buys,
    the_first_generation_of_the_official_client_buys,
}
