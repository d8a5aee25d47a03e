//! Where the money is: held while a bid is open, paid when it trades, and free again otherwise.

use serde_json::json;

use super::support::{trader, with_admin};
use crate::harness::World;

async fn a_bid_is_held_a_trade_is_paid_and_the_rest_is_free_again(world: &mut World) {
    let root = with_admin(world, &["--market-fee-ppm=100000"]).await;
    let (buyer, seller) = (trader(world, "ada", 1_000).await, trader(world, "bob", 0).await);
    let bid = buyer.bid(100, 5).await;
    assert_eq!(buyer.purse().await, (1_000, 500));
    // What is held cannot be spent, not on another bid, and not otherwise.
    let short = buyer.try_place("bid", 501, 1, json!({})).await.expect_problem(402);
    assert_eq!(short["type"], "insufficient-credits");
    let debit = buyer.api.post(&format!("/wallets/{}/debit", buyer.wallet), &json!({"amount": 501})).await;
    debit.expect_problem(400);
    assert_eq!(buyer.purse().await, (1_000, 500));
    // The ask was there first: its price, and the difference is free.
    seller.ask(120, 1).await;
    let dear = buyer.bid(150, 1).await;
    assert_eq!(buyer.purse().await, (1_000, 650));
    let trades = seller.meet().await;
    assert_eq!((trades.len(), &trades[0]["price"], &trades[0]["fee"]), (1, &json!(120), &json!(12)));
    assert_eq!((buyer.purse().await, seller.purse().await), ((880, 500), (108, 0)));
    assert_eq!(buyer.order(&dear).await["status"], "filled");
    // A part is paid, the rest stays held, and comes back with the cancel.
    seller.ask(100, 2).await;
    assert_eq!(seller.meet().await[0]["quantity"], 2);
    assert_eq!((buyer.purse().await, seller.purse().await), ((680, 300), (288, 0)));
    let cancelled = buyer.cancel(&bid).await.expect(200);
    assert_eq!((&cancelled["filled"], &cancelled["cancelled"]), (&json!(2), &json!(3)));
    assert_eq!((buyer.purse().await, seller.purse().await), ((680, 0), (288, 0)));
    // Everybody can read in its own history what was paid for what.
    let history = seller.api.get(&format!("/wallets/{}/transactions", seller.wallet)).await.expect(200);
    let amounts: Vec<_> = history.as_array().unwrap().iter().map(|entry| entry["amount"].as_i64().unwrap().abs()).collect();
    assert_eq!(amounts.iter().sum::<i64>(), 120 + 12 + 200 + 20, "{history}");
    let trade = root.get(&format!("/ledger/transfers/{}", trades[0]["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(trade["amount"], 120, "a trade's id is that of the transfer that paid it");
}

async fn amending_a_bid_holds_what_it_is_now_for(world: &mut World) {
    let buyer = trader(world, "ada", 1_000).await;
    let bid = buyer.bid(100, 5).await;
    for (change, held) in [
        (json!({"quantity": 3}), 300),
        (json!({"price": 200}), 600),
        (json!({"price": 333, "quantity": 3}), 999),
        (json!({"remaining": 1}), 333),
    ] {
        buyer.amend(&bid, &change).await.expect(200);
        assert_eq!(buyer.purse().await, (1_000, held), "{change}");
    }
    buyer.amend(&bid, &json!({"price": 1_001})).await.expect_problem(402);
    assert_eq!((buyer.order(&bid).await["price"].clone(), buyer.purse().await), (json!(333), (1_000, 333)));
}

async fn a_market_order_pays_what_it_takes_and_no_more(world: &mut World) {
    let (buyer, seller) = (trader(world, "ada", 250).await, trader(world, "bob", 0).await);
    for price in [100, 110, 120] {
        seller.ask(price, 1).await;
    }
    let order = |quantity| json!({"agent_id": buyer.agent, "side": "bid", "capability": "translation", "type": "market", "quantity": quantity});
    buyer.api.post("/market/orders", &order(3)).await.expect_problem(402);
    assert_eq!(buyer.purse().await, (250, 0));
    let bought = buyer.api.post("/market/orders", &order(2)).await.expect(201);
    assert_eq!((&bought["status"], buyer.purse().await, seller.purse().await), (&json!("filled"), (40, 0), (210, 0)));
}

super::market_journeys! {
    a_bid_is_held_a_trade_is_paid_and_the_rest_is_free_again,
    amending_a_bid_holds_what_it_is_now_for,
    a_market_order_pays_what_it_takes_and_no_more,
}
