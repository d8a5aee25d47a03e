//! Agents that may not trade, and owners that have enough open.

use diesel::sql_query;
use rialto_store::{Db, DbOptions, Tx, on};
use serde_json::json;

use super::support::trader;
use crate::harness::{World, eventually, signed_in};

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

/// As it was when deleting an agent did not end its orders.
async fn an_agent_that_an_old_server_deleted_has_its_orders_ended(world: &mut World) {
    let (ada, bob) = (trader(world, "ada", 1_000).await, trader(world, "bob", 1_000).await);
    let (bid, stays) = (ada.bid(100, 5).await, bob.bid(90, 1).await);
    let db = Db::open(&world.place.url, &DbOptions { readers: 1, connections_max: 2, ..DbOptions::default() }).await.unwrap();
    let agent = ada.agent.clone();
    let delete = async move |tx: &mut Tx| {
        let id = if tx.is_postgres() { format!("'{agent}'") } else { format!("x'{}'", agent.replace('-', "")) };
        let deleted = format!("UPDATE agents SET state = 'deleted', deleted_at = created_at WHERE id = {id}");
        assert_eq!(on!(tx, conn => sql_query(&deleted).execute(conn).await)?, 1);
        // It is looked once; as if it never had been.
        on!(tx, conn => sql_query("DELETE FROM jobs WHERE name = 'market.stop-deleted'").execute(conn).await)
    };
    db.write(delete).await.unwrap();
    world.restart_with(&[]).await;
    let ada = ada.through(signed_in(&world.stranger(), "ada@example.com").await);
    let bob = bob.through(signed_in(&world.stranger(), "bob@example.com").await);
    let ended = eventually("the order of the deleted agent", async || {
        let order = ada.order(&bid).await;
        (order["status"] != "open").then_some(order)
    });
    assert_eq!(ended.await["reason"], "agent_stopped");
    assert_eq!((ada.purse().await, bob.order(&stays).await["status"].clone()), ((1_000, 0), json!("open")));
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
    an_agent_that_an_old_server_deleted_has_its_orders_ended,
    an_agent_that_is_switched_off_trades_when_it_is_on_again,
    an_owner_has_as_many_open_orders_as_the_server_lets_it,
}
