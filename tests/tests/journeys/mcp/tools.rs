//! The tools do what the API does.

use serde_json::json;

use super::{
    super::{
        market::support::{CAPABILITY, trader},
        proxy::shop::{buyer, shop},
    },
    Client,
};
use crate::harness::{Agent, Answer, World, journeys, text};

async fn agents_are_found_read_and_called(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let echo = Agent::start(Answer::Echo).await;
    let agent = bob.register_agent("Summarizer", &echo, Some(10)).await;
    let stranger = Client::of(&world.stranger());
    let id = text(&agent["agent_id"]);
    let found = stranger.done("search_agents", json!({"query": "Summarizer", "limit": 5})).await;
    assert_eq!((&found["count"], &found["agents"][0]["agent_id"]), (&json!(1), &json!(id)));
    let listed = world.stranger().get("/registry/discover?query=Summarizer&limit=5").await.expect(200);
    assert_eq!(listed[0]["agent_id"], json!(id));
    let read = stranger.done("get_agent", json!({"agent_id": id})).await;
    assert_eq!(read, world.stranger().get(&format!("/registry/agents/{id}")).await.expect(200));
    assert_eq!(stranger.refused("get_agent", json!({"agent_id": "nobody"})).await["type"], "not-found");

    let client = Client::of(&ada.api);
    let asked = json!({"agent_id": id, "input": {"message": "hi"}, "max_credits": 10, "idempotency_key": "k-1"});
    let answer = client.done("invoke_agent", asked.clone()).await;
    assert_eq!((&answer["data"], &answer["credits_charged"]), (&json!({"echo": {"message": "hi"}}), &json!(10)));
    assert_eq!(client.done("invoke_agent", asked.clone()).await, answer, "a repeat has the first answer");
    assert_eq!((echo.calls(), ada.balance().await), (1, 490));
    let mut other = asked.clone();
    other["input"] = json!({"message": "bye"});
    assert_eq!(client.refused("invoke_agent", other).await["type"], "idempotency-key-reused");
    let dear = client.refused("invoke_agent", json!({"agent_id": id, "max_credits": 9})).await;
    assert_eq!((&dear["type"], &dear["status"]), (&json!("price-above-cap"), &json!(402)));
    let gone = client.call("invoke_agent", json!({"agent_id": "nobody"})).await;
    assert_eq!((&gone["isError"], &gone["structuredContent"]["status_code"]), (&json!(true), &json!(404)));
    assert_eq!(ada.balance().await, 490);
}

async fn services_are_found_and_read_as_over_the_api(world: &mut World) {
    let there = Agent::start(Answer::Echo).await;
    let shop = shop(world, "shop", &there.url, &json!({"category": "ai", "tags": ["nlp"], "free_tier_calls": 1})).await;
    let (client, api) = (Client::of(&world.stranger()), world.stranger());
    let found =
        client.done("search_services", json!({"q": "echo", "category": "ai", "max_price": "0.05", "has_free_tier": true})).await;
    assert_eq!(found, api.get("/api/v1/discover?q=echo&category=ai&max_price=0.05&has_free_tier=true").await.expect(200));
    assert_eq!(found["total"], 1);
    let read = client.done("get_service", json!({"service_id": shop.service})).await;
    assert_eq!(read, api.get(&format!("/api/v1/services/{}", shop.service)).await.expect(200));
    let categories = client.done("list_categories", json!({})).await;
    assert_eq!(categories, json!({"categories": [{"category": "ai", "count": 1}]}));
    assert_eq!(client.refused("get_service", json!({"service_id": "nothing"})).await["detail"], "Service not found");
    let refused = client.refused("search_services", json!({"min_price": "NaN", "limit": 5})).await;
    assert_eq!((&refused["status"], &refused["errors"][0]["field"]), (&json!(400), &json!("arguments.min_price")));
    let described = api.get("/api/v1/mcp/descriptor").await.expect(200);
    assert_eq!((&described["total"], &described["services"][0]["id"]), (&json!(1), &json!(shop.service)));
    assert_eq!(described["services"][0]["arguments"], json!({"service_id": shop.service, "max_amount": "0.05"}));
}

async fn balances_and_usage_are_the_callers_own(world: &mut World) {
    let there = Agent::start(Answer::Echo).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let (ann, bob) = (buyer(world, "ann", "1.00").await, buyer(world, "bob", "0").await);
    let client = Client::of(&ann.api);
    client.done("call_service", json!({"service_id": shop.service})).await;
    let balance = client.done("get_balance", json!({})).await;
    assert_eq!(balance["usdc"], ann.api.get("/api/v1/balance/ann").await.expect(200));
    assert_eq!((&balance["usdc"]["available"], &balance["credits"]), (&json!("0.95"), &json!(null)));
    assert_eq!(client.done("get_balance", json!({"buyer_id": "ann"})).await, balance);
    let refused = Client::of(&bob.api).refused("get_balance", json!({"buyer_id": "ann"})).await;
    assert_eq!(refused["status"], 403);
    let usage = client.done("get_usage", json!({"limit": 1})).await;
    assert_eq!(usage, ann.api.get("/api/v1/usage/me?limit=1").await.expect(200));
    let sold = Client::of(&shop.api).done("get_usage", json!({"side": "provider"})).await;
    assert_eq!((&sold["buyer_id"], &sold["total_spent_usd"]), (&json!("shop"), &json!("0.05")));
    let ada = world.person("ada").await;
    let both = Client::of(&ada.api).done("get_balance", json!({})).await;
    assert_eq!((&both["usdc"]["balance"], &both["credits"]["wallet"]["balance"]), (&json!("0.00"), &json!(500)));
}

async fn orders_are_placed_listed_and_cancelled(world: &mut World) {
    let (bid, ask) = (trader(world, "buyer", 1_000).await, trader(world, "seller", 0).await);
    let (buys, sells) = (Client::of(&bid.api), Client::of(&ask.api));
    let order = json!({"agent_id": bid.slug, "side": "bid", "capability": CAPABILITY, "price": 80, "quantity": 2, "idempotency_key": "o-1"});
    let placed = buys.done("place_order", order.clone()).await;
    assert_eq!((&placed["status"], &placed["remaining"]), (&json!("open"), &json!(2)));
    assert_eq!(buys.done("place_order", order).await["id"], placed["id"], "a repeat is the same order");
    let book = Client::of(&world.stranger()).done("get_order_book", json!({"capability": CAPABILITY})).await;
    assert_eq!(book, world.stranger().get(&format!("/market/book/{CAPABILITY}")).await.expect(200));
    assert_eq!(book["bids"].as_array().unwrap().len(), 1);
    let listed = buys.done("list_orders", json!({"status": ["open"], "limit": 10})).await;
    assert_eq!(listed, bid.api.get("/market/orders?status=open&limit=10").await.expect(200));
    let sold = json!({"agent_id": ask.agent, "side": "ask", "capability": CAPABILITY, "price": 70, "match": "immediate"});
    let traded = sells.done("place_order", sold).await;
    assert_eq!((&traded["status"], &traded["trades"][0]["price"]), (&json!("filled"), &json!(80)));
    let foreign = json!({"agent_id": bid.agent, "side": "ask", "capability": CAPABILITY, "price": 1});
    assert_eq!(sells.refused("place_order", foreign).await["status"], 403);
    let dear = json!({"agent_id": bid.agent, "side": "bid", "capability": CAPABILITY, "price": 1_000_000});
    assert_eq!(buys.refused("place_order", dear).await["status"], 402);
    assert_eq!(sells.refused("cancel_order", json!({"order_id": placed["id"]})).await["status"], 403);
    let cancelled = buys.done("cancel_order", json!({"order_id": placed["id"]})).await;
    assert_eq!((&cancelled["status"], &cancelled["filled"]), (&json!("cancelled"), &json!(1)));
    assert_eq!(buys.refused("cancel_order", json!({"order_id": placed["id"]})).await["type"], "order-not-open");
}

journeys! {
    agents_are_found_read_and_called,
    services_are_found_and_read_as_over_the_api,
    balances_and_usage_are_the_callers_own,
    orders_are_placed_listed_and_cancelled,
}
