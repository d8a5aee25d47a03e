//! What was bought is delivered by a call of the seller, once, and paid back when it is not.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Trader, trader, trader_at, with_admin};
use crate::harness::{Agent, Answer, Api, Reply, World, eventually, signed_in, text, together};

/// A buyer with 1,000 and a seller at `endpoint` with nothing, and a trade of 2 at 100 between them.
async fn sold(world: &World, endpoint: &Agent) -> (Trader, Trader, Value) {
    let bob = world.person("bob").await;
    let (buyer, seller) = (trader(world, "ada", 1_000).await, trader_at(&bob, "Oracle", endpoint, 0).await);
    seller.ask(100, 2).await;
    buyer.bid(100, 2).await;
    let trade = buyer.meet().await.remove(0);
    (buyer, seller, trade)
}

async fn deliver(api: &Api, trade: &Value) -> Reply {
    api.post(&path(trade), &json!({"input": {"text": "Buongiorno"}})).await
}

fn path(trade: &Value) -> String {
    format!("/market/trades/{}/invoke", text(&trade["id"]))
}

async fn status(api: &Api, trade: &Value) -> String {
    text(&api.get(&format!("/market/trades/{}", text(&trade["id"]))).await.expect(200)["status"])
}

async fn a_trade_is_delivered_once_at_its_own_price(world: &mut World) {
    let endpoint = Agent::start(Answer::Slow(Duration::from_millis(30))).await;
    let (buyer, seller, trade) = sold(world, &endpoint).await;
    deliver(&seller.api, &trade).await.expect_problem(403);
    assert_eq!(endpoint.calls(), 0);
    let main = buyer.api.get("/wallets/me").await.expect(200)["balance"].clone();
    let delivered = deliver(&buyer.api, &trade).await.expect(200);
    assert_eq!(
        (&delivered["id"], &delivered["status"], &delivered["success"], &delivered["data"], &delivered["status_code"]),
        (&trade["id"], &json!("delivered"), &json!(true), &json!({"echo": {"text": "Buongiorno"}}), &json!(200))
    );
    assert!(delivered["latency_ms"].as_i64().unwrap() >= 30, "{delivered}");
    assert_eq!((buyer.purse().await, seller.purse().await), ((800, 0), (200, 0)), "the call itself charges nothing");
    assert_eq!(buyer.api.get("/wallets/me").await.expect(200)["balance"], main);
    let log = buyer.api.get("/broker/logs").await.expect(200)[0].clone();
    assert_eq!((&log["id"], &log["credits_charged"]), (&delivered["invocation_id"], &Value::Null));
    let talked = text(&delivered["conversation_id"]);
    buyer.api.get(&format!("/conversations/{talked}")).await.expect(200);
    assert_eq!(deliver(&buyer.api, &trade).await.expect_problem(409)["type"], "trade-not-deliverable");
    assert_eq!((endpoint.calls(), status(&world.stranger(), &trade).await), (1, "delivered".into()));
}

async fn what_is_not_delivered_is_paid_back(world: &mut World) {
    let root = with_admin(world, &["--market-fee-ppm=100000"]).await;
    let endpoint = Agent::start(Answer::Json(500, json!({"oops": true}))).await;
    let (buyer, seller, trade) = sold(world, &endpoint).await;
    assert_eq!((buyer.purse().await, seller.purse().await), ((800, 0), (180, 0)));
    let failed = deliver(&root, &trade).await.expect(200);
    assert_eq!(
        (&failed["status"], &failed["success"], &failed["status_code"], &failed["data"]),
        (&json!("reversed"), &json!(false), &json!(500), &Value::Null)
    );
    assert!(failed["error"].is_string());
    assert_eq!((buyer.purse().await, seller.purse().await), ((1_000, 0), (0, 0)), "with the fee");
    deliver(&buyer.api, &trade).await.expect_problem(409);
    // A seller that has been switched off is not called, and has not delivered.
    seller.ask(100, 1).await;
    buyer.bid(100, 1).await;
    let trade = buyer.meet().await.remove(0);
    seller.api.delete(&format!("/registry/agents/{}", seller.agent)).await;
    let failed = deliver(&buyer.api, &trade).await.expect(200);
    assert_eq!(
        (&failed["status"], &failed["status_code"], &failed["invocation_id"], &failed["conversation_id"]),
        (&json!("reversed"), &json!(404), &Value::Null, &Value::Null)
    );
    assert_eq!((buyer.purse().await, endpoint.calls()), ((1_000, 0), 1));
}

async fn a_seller_that_has_spent_it_is_called_at_the_buyers_own_risk_alone(world: &mut World) {
    let endpoint = Agent::start(Answer::Json(500, json!({}))).await;
    let (buyer, seller, trade) = sold(world, &endpoint).await;
    let spent = seller.bid(1, 200).await;
    let keyed = buyer.api.with("idempotency-key", "k");
    assert_eq!(deliver(&keyed, &trade).await.expect_problem(409)["type"], "proceeds-spent");
    assert_eq!((status(&buyer.api, &trade).await, endpoint.calls()), ("settled".into(), 0));
    let risky = json!({"input": {}, "at_own_risk": true});
    assert_eq!(buyer.api.post(&path(&trade), &risky).await.expect(200)["status"], "failed");
    assert_eq!((buyer.purse().await, seller.purse().await), ((800, 0), (200, 200)));
    seller.cancel(&spent).await.expect(200);
    // It may be asked to deliver once more, and then there is something to pay back. The refusal has left the key free.
    assert_eq!(deliver(&keyed, &trade).await.expect(200)["status"], "reversed");
    assert_eq!((buyer.purse().await, seller.purse().await), ((1_000, 0), (0, 0)));
}

async fn a_seller_cannot_sweep_its_wallet_while_it_is_called(world: &mut World) {
    world.restart_with(&["--broker-timeout-seconds=2"]).await;
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(60))).await;
    let (buyer, seller, trade) = sold(world, &endpoint).await;
    let (api, called) = (buyer.api.clone(), trade.clone());
    let call = tokio::spawn(async move { deliver(&api, &called).await });
    eventually("the seller is called", async || (endpoint.calls() == 1).then_some(())).await;
    assert_eq!(seller.purse().await, (200, 200));
    let main = text(&seller.api.get("/wallets/me").await.expect(200)["id"]);
    let body = json!({"from_wallet_id": seller.wallet, "to_wallet_id": main, "amount": 1});
    seller.api.post("/wallets/transfer", &body).await.expect_problem(400);
    seller.try_place("bid", 1, 1, json!({"capability": "elsewhere"})).await.expect_problem(402);
    let failed = call.await.unwrap().expect(200);
    assert_eq!((&failed["status"], &failed["status_code"]), (&json!("reversed"), &json!(408)));
    assert_eq!((buyer.purse().await, seller.purse().await), ((1_000, 0), (0, 0)));
}

async fn ten_at_once_are_one_call(world: &mut World) {
    let endpoint = Agent::start(Answer::Slow(Duration::from_millis(200))).await;
    let (buyer, _, trade) = sold(world, &endpoint).await;
    let replies = together(10, |_| {
        let (api, trade) = (buyer.api.clone(), trade.clone());
        async move { deliver(&api, &trade).await }
    })
    .await;
    assert_eq!(crate::harness::statuses(&replies), [(200, 1), (409, 9)].into());
    assert_eq!(endpoint.calls(), 1);
}

async fn a_repeat_with_the_same_key_has_the_same_answer(world: &mut World) {
    let endpoint = Agent::start(Answer::Echo).await;
    let (buyer, _, trade) = sold(world, &endpoint).await;
    let keyed = buyer.api.with("idempotency-key", "k");
    // A conversation that is not there: nothing is called, and the key and the trade are free.
    let lost = json!({"input": {}, "conversation_id": "0198c0de-0000-7000-8000-000000000001"});
    keyed.post(&path(&trade), &lost).await.expect_problem(404);
    assert_eq!((status(&buyer.api, &trade).await, endpoint.calls()), ("settled".into(), 0));
    let first = deliver(&keyed, &trade).await;
    let again = deliver(&keyed, &trade).await;
    assert_eq!((first.status, again.status, &again.body), (200, 200, &first.body));
    assert_eq!((again.header("idempotent-replayed"), endpoint.calls()), (Some("true"), 1));
    let other = keyed.post(&path(&trade), &json!({"input": {"text": "other"}})).await;
    assert_eq!(other.expect_problem(422)["type"], "idempotency-key-reused");
}

/// Short, so that the test does not wait long for the call to be closed.
const SHORT: [&str; 2] = ["--broker-timeout-seconds=2", "--hold-grace-seconds=1"];

async fn a_delivery_whose_process_died_is_closed_and_paid_back(world: &mut World) {
    world.restart_with(&SHORT).await;
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(60))).await;
    let (buyer, _, trade) = sold(world, &endpoint).await;
    let (api, called) = (buyer.api.with("idempotency-key", "k"), trade.clone());
    let call = tokio::spawn(async move { api.try_post(&path(&called), &json!({"input": {"text": "Buongiorno"}})).await });
    eventually("the seller is called", async || (endpoint.calls() == 1).then_some(())).await;
    assert_eq!(status(&world.stranger(), &trade).await, "delivering");
    world.crash_and_restart_with(&SHORT).await;
    call.abort();
    let stranger = world.stranger();
    eventually("the trade is paid back", async || (status(&stranger, &trade).await == "reversed").then_some(())).await;
    let buyer = buyer.through(signed_in(&stranger, "ada@example.com").await);
    assert_eq!(buyer.purse().await, (1_000, 0));
    // Whoever asks again under the same key hears how it ended.
    let again = deliver(&buyer.api.with("idempotency-key", "k"), &trade).await.expect(200);
    assert_eq!((&again["status"], &again["success"], &again["status_code"]), (&json!("reversed"), &json!(false), &json!(503)));
    assert!(again["conversation_id"].is_string(), "{again}");
    assert_eq!(endpoint.calls(), 1);
}

super::market_journeys! {
    a_trade_is_delivered_once_at_its_own_price,
    what_is_not_delivered_is_paid_back,
    a_seller_that_has_spent_it_is_called_at_the_buyers_own_risk_alone,
    a_seller_cannot_sweep_its_wallet_while_it_is_called,
    ten_at_once_are_one_call,
    a_repeat_with_the_same_key_has_the_same_answer,
    a_delivery_whose_process_died_is_closed_and_paid_back,
}
