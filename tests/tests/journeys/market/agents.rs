//! Agents that may not trade, and owners that have enough open.

use serde_json::json;

use super::support::trader;
use crate::harness::World;

async fn an_agent_that_is_deleted_leaves_no_order_behind(world: &mut World) {
    let (ada, bob) = (trader(world, "ada", 1_000).await, trader(world, "bob", 0).await);
    let bid = ada.bid(100, 5).await;
    bob.ask(120, 1).await;
    assert_eq!(ada.purse().await, (1_000, 500));
    assert_eq!(ada.api.delete(&format!("/registry/agents/{}", ada.slug)).await.status, 204);
    let order = ada.order(&bid).await;
    assert_eq!((&order["status"], &order["reason"]), (&json!("cancelled"), &json!("agent_stopped")));
    assert_eq!(ada.purse().await, (1_000, 0));
    ada.try_place("bid", 1, 1, json!({})).await.expect_problem(404);
    ada.amend(&bid, &json!({"price": 1})).await.expect_problem(409);
    ada.cancel(&bid).await.expect_problem(409);
    bob.ask(100, 1).await;
    assert_eq!(bob.meet().await.len(), 0);
}

async fn an_agent_that_is_switched_off_trades_when_it_is_on_again(world: &mut World) {
    let (ada, bob) = (trader(world, "ada", 1_000).await, trader(world, "bob", 0).await);
    let path = format!("/registry/agents/{}", ada.agent);
    let switch = async |on: bool| ada.api.send_json(http::Method::PUT, &path, &json!({"is_active": on})).await.expect(200);
    let bid = ada.bid(100, 5).await;
    // A stranger switches nobody off.
    bob.api.send_json(http::Method::PUT, &path, &json!({"is_active": false})).await.expect_problem(403);
    assert_eq!(ada.order(&bid).await["status"], "open");
    switch(false).await;
    assert_eq!((ada.order(&bid).await["reason"].clone(), ada.purse().await), (json!("agent_stopped"), (1_000, 0)));
    for more in [json!({}), json!({"match": "immediate"}), json!({"side": "ask"}), json!({"time_in_force": "ioc"})] {
        assert_eq!(ada.try_place("bid", 100, 1, more).await.expect_problem(409)["type"], "agent-inactive");
    }
    assert_eq!(ada.amend(&bid, &json!({"price": 1})).await.expect_problem(409)["type"], "order-not-open");
    bob.ask(100, 1).await;
    assert_eq!(bob.meet().await.len(), 0);
    // Another change does not switch it on.
    ada.api.send_json(http::Method::PUT, &path, &json!({"description": "Rests."})).await.expect(200);
    ada.try_place("bid", 100, 1, json!({})).await.expect_problem(409);
    switch(true).await;
    ada.bid(100, 1).await;
    assert_eq!(bob.meet().await.len(), 1);
}

async fn an_owner_has_as_many_open_orders_as_the_server_lets_it(world: &mut World) {
    world.restart_with(&["--market-orders-per-owner=2"]).await;
    let ada = trader(world, "ada", 1_000).await;
    let bid = ada.bid(100, 1).await;
    ada.try_place("ask", 900, 1, json!({"capability": "elsewhere"})).await.expect(201);
    let refused = ada.try_place("bid", 1, 1, json!({})).await.expect_problem(409);
    assert_eq!(refused["type"], "too-many-open-orders", "{refused}");
    assert_eq!(ada.purse().await, (1_000, 100));
    ada.cancel(&bid).await.expect(200);
    ada.bid(1, 1).await;
}

super::market_journeys! {
    an_agent_that_is_deleted_leaves_no_order_behind,
    an_agent_that_is_switched_off_trades_when_it_is_on_again,
    an_owner_has_as_many_open_orders_as_the_server_lets_it,
}
