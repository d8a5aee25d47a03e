//! Orders that are none.

use http::Method;
use serde_json::{Value, json};

use super::support::{CAPABILITY, trader};
use crate::harness::{World, text};

const MAX: i64 = 9_007_199_254_740_991;

async fn what_is_no_order_is_refused_by_its_field(world: &mut World) {
    let buyer = trader(world, "ada", 1_000).await;
    let long = "x".repeat(10_000);
    for (field, value) in [
        ("price", json!(0)),
        ("price", json!(-1)),
        ("price", json!(MAX + 1)),
        ("price", json!(u64::MAX)),
        ("price", json!(5.5)),
        ("price", json!("5")),
        ("price", Value::Null),
        ("quantity", json!(0)),
        ("quantity", json!(-5)),
        ("quantity", json!(1_000_000_001)),
        ("quantity", json!(1e300)),
        ("quantity", Value::Null),
        ("capability", json!("")),
        ("capability", json!(long)),
        ("capability", json!("x".repeat(256))),
        ("capability", json!(7)),
        ("side", json!("buy")),
        ("side", Value::Null),
        ("type", json!("stop")),
        ("time_in_force", json!("day")),
        ("time_in_force", json!("gtt")),
        ("expires_at", json!("2001-01-01T00:00:00Z")),
        ("expires_at", json!("tomorrow")),
        ("expires_at", json!("9999-12-31T23:59:59-23:59")),
        ("client_order_id", json!("")),
        ("client_order_id", json!(long)),
        ("match", json!("never")),
        ("self_trade", json!("allow")),
        ("agent_id", Value::Null),
    ] {
        let mut body = json!({"agent_id": buyer.agent, "side": "bid", "capability": CAPABILITY, "price": 5, "quantity": 1});
        body[field] = value.clone();
        let refused = buyer.api.post("/market/orders", &body).await.expect_problem(422);
        let named = text(&refused["errors"][0]["field"]);
        let expected = if value == json!("gtt") { "expires_at" } else { field };
        assert_eq!(named, format!("body.{expected}"), "{field} = {value:.60}");
    }
    // Each is fine by itself; what they come to is not.
    for (price, quantity) in [(MAX, 2), (9_007_199_255, 1_000_000_000), (MAX, 1_000_000_000)] {
        let refused = buyer.try_place("bid", price, quantity, json!({})).await.expect_problem(422);
        assert_eq!(refused["errors"][0]["field"], "body.quantity", "{refused}");
    }
    assert_eq!(buyer.try_place("bid", MAX, 1, json!({})).await.expect_problem(402)["type"], "insufficient-credits");
    let nul = buyer.api.send(Method::POST, "/market/orders", r#"{"agent_id":"a","capability":"a\u0000b"}"#.into()).await;
    nul.expect_problem(422);
    assert_eq!(buyer.purse().await, (1_000, 0));
    // What is odd, and allowed.
    for capability in ["ü".repeat(255), "a/b?c=%20#d".into(), "'; DROP TABLE market_orders; --".into(), "\u{202e}💥".into()] {
        let order = buyer.try_place("bid", 1, 1, json!({"capability": capability})).await.expect(201);
        assert_eq!(order["capability"], json!(capability));
        let escaped: String = capability.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let book = buyer.api.get(&format!("/market/book/{escaped}")).await.expect(200);
        assert_eq!((&book["capability"], &book["bids"][0]["id"]), (&json!(capability), &order["id"]));
    }
}

async fn what_is_not_there_or_not_yours_is_said_so(world: &mut World) {
    let (ada, bob) = (trader(world, "ada", 1_000).await, trader(world, "bob", 1_000).await);
    let nobody = "0198c0de-0000-7000-8000-000000000001";
    for unknown in [nobody, "nobody-00000000", "", "💥", "../../etc/passwd"] {
        let refused = ada.try_place("bid", 1, 1, json!({"agent_id": unknown})).await.expect_problem(404);
        assert_eq!(refused["detail"], "Agent not found", "{unknown}");
    }
    ada.try_place("ask", 1, 1, json!({"agent_id": bob.agent})).await.expect_problem(403);
    world.stranger().post("/market/orders", &json!({})).await.expect_problem(401);
    world.stranger().post(&format!("/market/match/{CAPABILITY}"), &json!({})).await.expect_problem(401);
    for path in [format!("/market/orders/{nobody}"), format!("/market/trades/{nobody}")] {
        ada.api.get(&path).await.expect_problem(404);
    }
    ada.api.delete(&format!("/market/orders/{nobody}")).await.expect_problem(404);
    ada.api.send_json(Method::PATCH, &format!("/market/orders/{nobody}"), &json!({"price": 1})).await.expect_problem(404);
    ada.api.post(&format!("/market/trades/{nobody}/invoke"), &json!({})).await.expect_problem(404);
    // A deleted agent trades no more.
    ada.api.delete(&format!("/registry/agents/{}", ada.agent)).await;
    ada.try_place("ask", 1, 1, json!({})).await.expect_problem(404);
}

async fn a_filled_order_cannot_be_cancelled_or_amended(world: &mut World) {
    let (buyer, seller) = (trader(world, "ada", 1_000).await, trader(world, "bob", 0).await);
    let (bid, ask) = (buyer.bid(10, 1).await, seller.ask(10, 1).await);
    assert_eq!(buyer.meet().await.len(), 1);
    for (trader, order) in [(&buyer, &bid), (&seller, &ask)] {
        let refused = trader.cancel(order).await.expect_problem(409);
        assert_eq!((&refused["type"], &refused["detail"]), (&json!("order-not-open"), &json!("the order is filled already")));
        trader.amend(order, &json!({"quantity": 5})).await.expect_problem(409);
    }
    let half = buyer.bid(10, 2).await;
    seller.ask(10, 1).await;
    buyer.meet().await;
    let refused = buyer.amend(&half, &json!({"quantity": 1})).await.expect_problem(422);
    assert_eq!(refused["errors"][0]["field"], "body.quantity");
    for change in [json!({"price": 0}), json!({"quantity": -1}), json!({"remaining": 0}), json!({"quantity": 2, "remaining": 2})]
    {
        buyer.amend(&half, &change).await.expect_problem(422);
    }
    buyer.amend(&half, &json!({"price": MAX, "quantity": 3})).await.expect_problem(422);
    let slip = buyer.amend(&half, &json!({"price": 2, "qty": 1})).await.expect_problem(422);
    assert!(slip.to_string().contains("qty"), "{slip}");
}

async fn lists_and_paths_are_bounded(world: &mut World) {
    let ada = trader(world, "ada", 1_000).await;
    let long = "x".repeat(10_000);
    for path in [
        format!("/market/book/{long}"),
        format!("/market/book/{long}/depth"),
        format!("/market/ticker/{long}"),
        format!("/market/candles/{long}"),
        format!("/market/capabilities/{long}"),
        format!("/market/trades?capability={long}"),
        format!("/market/orders?capability={long}"),
        format!("/market/book/{CAPABILITY}/depth?levels=501"),
        format!("/market/book/{CAPABILITY}/depth?levels=-1"),
        format!("/market/candles/{CAPABILITY}?limit=1001"),
        format!("/market/candles/{CAPABILITY}?interval=2m"),
        "/market/trades?limit=201".into(),
        "/market/trades?limit=0".into(),
        "/market/trades?offset=-1".into(),
        format!("/market/trades?agent_id={}&offset=10001", ada.agent),
        "/market/orders?limit=201".into(),
        "/market/orders?status=lost".into(),
        "/market/orders?cursor=x".into(),
        "/market/orders/x".into(),
        "/market/trades/x".into(),
        "/market/book/%00".into(),
    ] {
        ada.api.get(&path).await.expect_problem(422);
    }
    for path in [format!("/market/match/{long}"), format!("/market/match/{CAPABILITY}?tick=-1")] {
        ada.api.post(&path, &json!({})).await.expect_problem(422);
    }
    ada.api.get("/market/trades?agent_id=nobody").await.expect_problem(404);
}

super::market_journeys! {
    what_is_no_order_is_refused_by_its_field,
    what_is_not_there_or_not_yours_is_said_so,
    a_filled_order_cannot_be_cancelled_or_amended,
    lists_and_paths_are_bounded,
}
