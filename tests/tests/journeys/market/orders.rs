//! Placing orders, looking at them, changing them, and everything that an order may ask for.

use serde_json::{Value, json};

use super::support::{CAPABILITY, Trader, trader, with_admin};
use crate::harness::{World, eventually, text};

async fn orders_rest_and_are_matched_as_the_reference_has_it(world: &mut World) {
    let (buyer, seller) = (trader(world, "ada", 1_000).await, trader(world, "bob", 0).await);
    let stranger = world.stranger();
    let bid = buyer.bid(80, 5).await;
    assert_eq!(
        (&bid["agent_id"], &bid["side"], &bid["capability"], &bid["price"], &bid["quantity"], &bid["status"], &bid["tick"]),
        (&json!(buyer.agent), &json!("bid"), &json!(CAPABILITY), &json!(80), &json!(5), &json!("open"), &json!(0))
    );
    assert!(bid["id"].is_string() && bid["created_at"].is_string());
    assert_eq!(
        (&bid["remaining"], &bid["filled"], &bid["trades"], &bid["type"]),
        (&json!(5), &json!(0), &json!([]), &json!("limit"))
    );
    // By the readable id as well, and of one unit when nothing is said.
    let body = json!({"agent_id": seller.slug, "side": "ask", "capability": CAPABILITY, "price": 70});
    let ask = seller.api.post("/market/orders", &body).await.expect(201);
    assert_eq!((&ask["quantity"], &ask["agent_id"]), (&json!(1), &json!(seller.agent)));
    seller.ask(90, 1).await;
    let book = stranger.get(&format!("/market/book/{CAPABILITY}")).await.expect(200);
    let prices = |side: &Value| side.as_array().unwrap().iter().map(|order| order["price"].as_i64().unwrap()).collect::<Vec<_>>();
    assert_eq!((&book["capability"], prices(&book["bids"]), prices(&book["asks"])), (&json!(CAPABILITY), vec![80], vec![70, 90]));
    assert!(book["bids"][0].get("client_order_id").is_none(), "what is its owner's is not shown: {book}");
    let trades = seller.meet().await;
    let [trade] = trades.as_slice() else { panic!("{trades:?}") };
    // The bid came first: the price is its.
    for (name, expected) in [
        ("bid_order_id", &bid["id"]),
        ("ask_order_id", &ask["id"]),
        ("buyer_agent_id", &json!(buyer.agent)),
        ("seller_agent_id", &json!(seller.agent)),
        ("capability", &json!(CAPABILITY)),
        ("price", &json!(80)),
        ("quantity", &json!(1)),
        ("status", &json!("settled")),
        ("latency_ms", &json!(0)),
        ("tick", &json!(7)),
    ] {
        assert_eq!(&trade[name], expected, "{name} of {trade}");
    }
    assert_eq!(buyer.order(&bid).await["status"], "partially_filled");
    assert_eq!(seller.order(&ask).await["status"], "filled");
    assert!(seller.meet().await.is_empty(), "there is nothing left to do");
    assert_eq!(stranger.get("/market/trades").await.expect(200), json!(trades));
    assert_eq!(stranger.get(&format!("/market/trades/{}", text(&trade["id"]))).await.expect(200), *trade);
    for (query, count) in [
        (format!("capability={CAPABILITY}"), 1),
        ("capability=elsewhere".into(), 0),
        (format!("agent_id={}", buyer.slug), 1),
        (format!("agent_id={}&capability={CAPABILITY}&limit=1&offset=1", seller.agent), 0),
    ] {
        let listed = stranger.get(&format!("/market/trades?{query}")).await.expect(200);
        assert_eq!(listed.as_array().unwrap().len(), count, "{query}");
    }
    let unknown = stranger.get("/market/book/nobody%20has%2Ftraded%20this").await.expect(200);
    assert_eq!(unknown, json!({"capability": "nobody has/traded this", "bids": [], "asks": []}));
}

async fn orders_are_listed_amended_and_cancelled_by_their_owner(world: &mut World) {
    let (ada, bob) = (trader(world, "ada", 1_000).await, trader(world, "bob", 1_000).await);
    let mut orders = Vec::new();
    for price in 1..=5 {
        orders.push(ada.bid(price, 2).await);
        bob.bid(price, 2).await;
    }
    let list = async |query: &str| ada.api.get(&format!("/market/orders?{query}")).await.expect(200);
    let ids = |page: &Value| page["items"].as_array().unwrap().iter().map(|order| text(&order["id"])).collect::<Vec<_>>();
    let newest_first: Vec<_> = orders.iter().rev().map(|order| text(&order["id"])).collect();
    let first = list("limit=3").await;
    let second = list(&format!("limit=3&cursor={}", text(&first["next_cursor"]))).await;
    assert_eq!([ids(&first), ids(&second)].concat(), newest_first);
    assert!(second["next_cursor"].is_null());
    ada.cancel(&orders[0]).await.expect(200);
    assert_eq!(ids(&list("status=cancelled").await), newest_first[4..]);
    assert_eq!(ids(&list("status=open&status=partially_filled").await), newest_first[..4]);
    assert_eq!(ids(&list(&format!("agent_id={}&capability={CAPABILITY}", ada.slug)).await).len(), 5);
    assert_eq!(ids(&list(&format!("agent_id={}", bob.agent)).await).len(), 0, "they are another's");
    assert_eq!(ids(&list("capability=elsewhere").await).len(), 0);

    let amended = ada.amend(&orders[1], &json!({"price": 9, "quantity": 3})).await.expect(200);
    assert_eq!((&amended["price"], &amended["quantity"], &amended["remaining"]), (&json!(9), &json!(3), &json!(3)));
    assert_eq!(ada.amend(&orders[1], &json!({"remaining": 1})).await.expect(200)["quantity"], 1);
    assert_eq!(ada.amend(&orders[1], &json!({})).await.expect(200)["price"], 9, "nothing is to change, and nothing does");
    bob.amend(&orders[1], &json!({"price": 1})).await.expect_problem(403);
    bob.cancel(&orders[1]).await.expect_problem(403);
    bob.api.get(&format!("/market/orders/{}", text(&orders[1]["id"]))).await.expect_problem(404);
    let cancelled = ada.cancel(&orders[1]).await.expect(200);
    assert_eq!(
        (&cancelled["status"], &cancelled["reason"], &cancelled["remaining"], &cancelled["cancelled"]),
        (&json!("cancelled"), &json!("requested"), &json!(0), &json!(1))
    );
    assert_eq!(ada.cancel(&orders[1]).await.expect_problem(409)["type"], "order-not-open");
    assert_eq!(ada.amend(&orders[1], &json!({"price": 1})).await.expect_problem(409)["type"], "order-not-open");
}

/// What an order came to: its status, why it ended, what was filled, and how many trades it made at once.
fn fate(order: &Value) -> (String, Value, i64, usize) {
    let trades = order["trades"].as_array().unwrap().len();
    (text(&order["status"]), order["reason"].clone(), order["filled"].as_i64().unwrap(), trades)
}

async fn an_order_may_say_how_it_trades(world: &mut World) {
    let (buyer, seller) = (trader(world, "ada", 10_000).await, trader(world, "bob", 0).await);
    let bid = async |price, quantity, more| fate(&buyer.try_place("bid", price, quantity, more).await.expect(201));
    let (whole, none) = (Value::Null, ("cancelled".to_owned(), json!("unfilled"), 0, 0));
    seller.ask(10, 5).await;
    assert_eq!(bid(10, 2, json!({"match": "immediate"})).await, ("filled".into(), whole.clone(), 2, 1));
    assert_eq!(bid(9, 1, json!({"time_in_force": "ioc"})).await, none);
    assert_eq!(bid(10, 4, json!({"time_in_force": "fok"})).await, ("cancelled".into(), json!("not_fillable"), 0, 0));
    assert_eq!(bid(10, 4, json!({"time_in_force": "ioc"})).await, ("cancelled".into(), json!("unfilled"), 3, 1));
    seller.ask(20, 1).await;
    let market = json!({"agent_id": buyer.agent, "side": "bid", "capability": CAPABILITY, "quantity": 2, "type": "market"});
    let bought = buyer.api.post("/market/orders", &market).await.expect(201);
    assert_eq!((fate(&bought), &bought["price"]), (("cancelled".into(), json!("unfilled"), 1, 1), &Value::Null));
    assert_eq!(bought["trades"][0]["price"], 20);
    seller.ask(30, 1).await;
    let crossing = json!({"time_in_force": "post_only", "match": "immediate"});
    assert_eq!(bid(30, 1, crossing.clone()).await, ("rejected".into(), json!("would_trade"), 0, 0));
    assert_eq!(bid(29, 1, crossing).await, ("open".into(), whole, 0, 0));
    // The same owner's orders do not trade with each other.
    let own = buyer.try_place("ask", 29, 1, json!({"match": "immediate", "self_trade": "cancel_both"})).await.expect(201);
    assert_eq!(fate(&own), ("cancelled".into(), json!("self_trade"), 0, 0));
    let listed = buyer.api.get("/market/orders?status=open").await.expect(200);
    assert_eq!(listed["items"], json!([]), "the one that rested was cancelled too");
}

async fn orders_that_reach_their_time_expire_by_themselves(world: &mut World) {
    let buyer = trader(world, "ada", 1_000).await;
    let soon = rialto_kernel::Clock::system().now().after(std::time::Duration::from_secs(1));
    let order = buyer.try_place("bid", 100, 3, json!({"expires_at": soon})).await.expect(201);
    assert_eq!((&order["time_in_force"], buyer.purse().await), (&json!("gtt"), (1_000, 300)));
    let expired = eventually("the order expires", async || {
        let order = buyer.order(&order).await;
        (order["status"] != "open").then_some(order)
    })
    .await;
    assert_eq!(
        (&expired["status"], &expired["reason"], &expired["cancelled"]),
        (&json!("expired"), &json!("expired"), &json!(3))
    );
    assert_eq!(buyer.purse().await, (1_000, 0));
    assert_eq!(buyer.cancel(&order).await.expect_problem(409)["type"], "order-not-open");
}

async fn the_same_order_is_placed_once_by_its_client_id_and_by_its_key(world: &mut World) {
    let buyer = trader(world, "ada", 1_000).await;
    let named = json!({"client_order_id": "order 17"});
    let first = buyer.try_place("bid", 10, 1, named.clone()).await.expect(201);
    buyer.cancel(&first).await.expect(200);
    let again = buyer.try_place("bid", 10, 1, named.clone()).await.expect(200);
    assert_eq!(
        (&again["id"], &again["status"], &again["client_order_id"]),
        (&first["id"], &json!("cancelled"), &json!("order 17"))
    );
    assert_eq!(buyer.try_place("bid", 11, 1, named).await.expect_problem(409)["type"], "order-id-used");

    let keyed = buyer.through(buyer.api.with("idempotency-key", "k"));
    let first = keyed.try_place("bid", 20, 1, json!({})).await;
    assert_eq!(first.status, 201);
    buyer.cancel(&first.json()).await.expect(200);
    let again = keyed.try_place("bid", 20, 1, json!({})).await;
    assert_eq!((again.status, again.header("idempotent-replayed"), &again.body), (201, Some("true"), &first.body));
    assert_eq!(keyed.try_place("bid", 21, 1, json!({})).await.expect_problem(422)["type"], "idempotency-key-reused");
    // A match too: what comes in between waits for another one.
    let seller = trader(world, "bob", 0).await;
    let (_, path) = (seller.ask(10, 1).await, format!("/market/match/{CAPABILITY}?tick=7"));
    buyer.bid(10, 1).await;
    let matching = buyer.api.with("idempotency-key", "m");
    let first = matching.post(&path, &json!({})).await;
    assert_eq!(first.expect(200).as_array().unwrap().len(), 1);
    seller.ask(10, 1).await;
    buyer.bid(10, 1).await;
    let again = matching.post(&path, &json!({})).await;
    assert_eq!((again.status, again.header("idempotent-replayed"), &again.body), (200, Some("true"), &first.body));
    let other = matching.post(&format!("/market/match/{CAPABILITY}?tick=8"), &json!({})).await;
    assert_eq!(other.expect_problem(422)["type"], "idempotency-key-reused");
    assert_eq!((buyer.meet().await.len(), buyer.purse().await, seller.purse().await), (1, (980, 0), (20, 0)));
    let broke = buyer.through(buyer.api.with("idempotency-key", "broke"));
    broke.try_place("bid", 2_000, 1, json!({})).await.expect_problem(402);
    broke.try_place("bid", 200, 1, json!({})).await.expect(201);
    assert_eq!(buyer.purse().await, (980, 200));
}

async fn an_administrator_makes_a_capability_continuous(world: &mut World) {
    let root = with_admin(world, &["--market-fee-ppm=10000"]).await;
    let (buyer, seller) = (trader(world, "ada", 10_000).await, trader(world, "bob", 0).await);
    let path = format!("/market/capabilities/{CAPABILITY}");
    let settings = world.stranger().get(&path).await.expect(200);
    assert_eq!(settings, json!({"capability": CAPABILITY, "continuous": false, "fee_ppm": 10_000, "open_orders": 0}));
    let (bid, _) = (buyer.bid(100, 2).await, seller.ask(100, 1).await);
    buyer.api.put(&path, &json!({"continuous": true})).await.expect_problem(403);
    root.put(&path, &json!({"continuous": true, "fee_ppm": 1_000_001})).await.expect_problem(422);
    let settings = root.put(&path, &json!({"continuous": true, "fee_ppm": 25_000})).await.expect(200);
    assert_eq!(settings, json!({"capability": CAPABILITY, "continuous": true, "fee_ppm": 25_000, "open_orders": 1}));
    // What is left out stays as it is, and null is the server's own.
    for (change, fee) in
        [(json!({"fee_ppm": 30_000}), 30_000), (json!({"fee_ppm": null}), 10_000), (json!({"fee_ppm": 25_000}), 25_000)]
    {
        let settings = root.put(&path, &change).await.expect(200);
        assert_eq!((&settings["continuous"], &settings["fee_ppm"]), (&json!(true), &json!(fee)), "{change}");
    }
    assert_eq!(root.put(&path, &json!({"continuous": true})).await.expect(200)["fee_ppm"], 25_000);
    assert_eq!(buyer.order(&bid).await["filled"], 1, "what waited was matched, at the old fee or the new");
    let sold = seller.ask(90, 1).await;
    assert_eq!(
        (&sold["status"], &sold["trades"][0]["price"], &sold["trades"][0]["fee"]),
        (&json!("filled"), &json!(100), &json!(2))
    );
    assert_eq!(root.get("/market/orders").await.expect(200)["items"].as_array().unwrap().len(), 3, "everybody's");
    // An administrator may do for others what they may do themselves.
    let resting = buyer.bid(10, 1).await;
    Trader { api: root.clone(), ..buyer.clone() }.cancel(&resting).await.expect(200);
    root.put(&path, &json!({"continuous": false})).await.expect(200);
    assert_eq!(seller.ask(10, 1).await["status"], "open");
}

async fn prices_are_summed_up(world: &mut World) {
    let (buyer, seller) = (trader(world, "ada", 10_000).await, trader(world, "bob", 0).await);
    let stranger = world.stranger();
    let empty = stranger.get(&format!("/market/ticker/{CAPABILITY}")).await.expect(200);
    assert_eq!((&empty["last_price"], &empty["vwap_24h"], &empty["volume_24h"]), (&Value::Null, &Value::Null, &json!(0)));
    for (price, quantity) in [(80, 1), (82, 2), (79, 3)] {
        seller.ask(price, quantity).await;
        buyer.bid(price, quantity).await;
        assert_eq!(buyer.meet().await.len(), 1);
    }
    for (price, quantity) in [(70, 1), (70, 2), (71, 3)] {
        buyer.bid(price, quantity).await;
    }
    seller.ask(75, 4).await;
    let ticker = stranger.get(&format!("/market/ticker/{CAPABILITY}")).await.expect(200);
    for (name, expected) in [
        ("last_price", json!(79)),
        ("best_bid", json!({"price": 71, "quantity": 3, "orders": 1})),
        ("best_ask", json!({"price": 75, "quantity": 4, "orders": 1})),
        ("spread", json!(4)),
        ("trades_24h", json!(3)),
        ("volume_24h", json!(6)),
        ("turnover_24h", json!(80 + 164 + 237)),
        ("vwap_24h", json!("80.166666")),
        ("high_24h", json!(82)),
        ("low_24h", json!(79)),
    ] {
        assert_eq!(ticker[name], expected, "{name} of {ticker}");
    }
    let depth = stranger.get(&format!("/market/book/{CAPABILITY}/depth?levels=2")).await.expect(200);
    let bids = json!([{"price": 71, "quantity": 3, "orders": 1}, {"price": 70, "quantity": 3, "orders": 2}]);
    assert_eq!((&depth["bids"], &depth["asks"]), (&bids, &json!([{"price": 75, "quantity": 4, "orders": 1}])));
    let candles = stranger.get(&format!("/market/candles/{CAPABILITY}?interval=1d")).await.expect(200);
    // The tests may run over midnight.
    let candles = candles.as_array().unwrap();
    assert!((1..=2).contains(&candles.len()), "{candles:?}");
    assert_eq!(candles.iter().map(|candle| candle["volume"].as_i64().unwrap()).sum::<i64>(), 6);
    assert_eq!((&candles[0]["close"], &candles[candles.len() - 1]["open"]), (&json!(79), &json!(80)));
}

async fn priced_agents_are_on_show(world: &mut World) {
    let stranger = world.stranger();
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = crate::harness::Agent::start(crate::harness::Answer::Echo).await;
    let free = bob.register_agent("Free", &endpoint, None).await;
    let priced = bob.register_agent("Priced", &endpoint, Some(5)).await;
    ada.invoke(&priced, json!({})).await.expect(200);
    ada.invoke(&free, json!({})).await.expect(200);
    let listed = stranger.get("/market/capabilities").await;
    assert_eq!(listed.header("x-total-count"), Some("1"));
    assert_eq!(
        listed.expect(200),
        json!([{
            "agent_id": priced["agent_id"], "id": priced["id"], "name": "Priced", "description": priced["description"], "tags": [],
            "base_price": 5, "invocation_count": 1,
        }])
    );
    assert_eq!(stranger.get("/market/capabilities?offset=1").await.expect(200), json!([]));
    stranger.get("/market/capabilities?limit=201").await.expect_problem(422);
}

super::market_journeys! {
    orders_rest_and_are_matched_as_the_reference_has_it,
    orders_are_listed_amended_and_cancelled_by_their_owner,
    an_order_may_say_how_it_trades,
    orders_that_reach_their_time_expire_by_themselves,
    the_same_order_is_placed_once_by_its_client_id_and_by_its_key,
    an_administrator_makes_a_capability_continuous,
    prices_are_summed_up,
    priced_agents_are_on_show,
}
