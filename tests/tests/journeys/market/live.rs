//! What happens on the market reaches the live stream.

use serde_json::{Value, json};

use super::support::{CAPABILITY, trader, trader_at};
use crate::{
    harness::{Agent, Answer, World, text},
    journeys::events::client::Socket,
};

async fn orders_trades_and_deliveries_are_told_as_they_happen(world: &mut World) {
    let bob = world.person("bob").await;
    let endpoint = Agent::start(Answer::Echo).await;
    let (buyer, seller) = (trader(world, "ada", 1_000).await, trader_at(&bob, "Oracle", &endpoint, 0).await);
    let mut all = Socket::open(&world.server, &format!("/ws/events?capability={CAPABILITY}")).await;
    let mut elsewhere = Socket::open(&world.server, "/ws?capability=elsewhere").await;
    let bid = buyer.bid(80, 2).await;
    let placed = all.event().await;
    assert_eq!(placed["event"], "OrderPlaced");
    for (name, expected) in [
        ("order_id", &bid["id"]),
        ("agent_id", &json!(buyer.agent)),
        ("side", &json!("bid")),
        ("capability", &json!(CAPABILITY)),
        ("price", &json!(80)),
    ] {
        assert_eq!(&placed["data"][name], expected, "{name} of {placed}");
    }
    seller.ask(80, 1).await;
    assert_eq!(all.event().await["event"], "OrderPlaced");
    let trade = buyer.meet().await.remove(0);
    let (matched, settled) = (all.event().await, all.event().await);
    assert_eq!((&matched["event"], &settled["event"]), (&json!("TradeMatched"), &json!("SettlementComplete")));
    let expect = |event: &Value, status: Option<&str>| {
        for (name, expected) in [
            ("trade_id", &trade["id"]),
            ("buyer_agent_id", &json!(buyer.agent)),
            ("seller_agent_id", &json!(seller.agent)),
            ("capability", &json!(CAPABILITY)),
            ("price", &json!(80)),
            ("tick", &json!(7)),
        ] {
            assert_eq!(&event["data"][name], expected, "{name} of {event}");
        }
        assert_eq!(event["data"]["status"].as_str(), status, "{event}");
    };
    expect(&matched, None);
    expect(&settled, Some("settled"));
    assert_eq!(settled["data"]["latency_ms"], 0);
    let path = format!("/market/trades/{}/invoke", text(&trade["id"]));
    let delivered = buyer.api.post(&path, &json!({"input": {}})).await.expect(200);
    let (settled, completed) = (all.event().await, all.event().await);
    assert_eq!((&settled["event"], &completed["event"]), (&json!("SettlementComplete"), &json!("TradeCompleted")));
    for event in [&settled, &completed] {
        expect(event, Some("delivered"));
        assert_eq!(event["data"]["latency_ms"], delivered["latency_ms"]);
    }
    elsewhere.expect_silence().await;
}

async fn a_delivery_that_fails_says_why(world: &mut World) {
    let bob = world.person("bob").await;
    let endpoint = Agent::start(Answer::Json(500, json!({"oops": true}))).await;
    let (buyer, seller) = (trader(world, "ada", 1_000).await, trader_at(&bob, "Oracle", &endpoint, 0).await);
    seller.ask(80, 1).await;
    buyer.bid(80, 1).await;
    let trade = buyer.meet().await.remove(0);
    let mut told = Socket::open(&world.server, "/ws/events?types=SettlementComplete,TradeCompleted").await;
    let path = format!("/market/trades/{}/invoke", text(&trade["id"]));
    buyer.api.post(&path, &json!({"input": {}})).await.expect(200);
    let (settled, completed) = (told.event().await, told.event().await);
    assert_eq!((&settled["event"], &completed["event"]), (&json!("SettlementComplete"), &json!("TradeCompleted")));
    assert_eq!(settled["data"]["error"], "The delivery failed with status 500", "{settled}");
    assert_eq!(settled["data"]["status"], "reversed");
    assert_eq!(completed["data"].get("error"), None, "{completed}");
}

super::market_journeys! {
    orders_trades_and_deliveries_are_told_as_they_happen,
    a_delivery_that_fails_says_why,
}
