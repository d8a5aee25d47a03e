//! Many at once: the outcome is as if they had come one after another.

use serde_json::json;

use super::support::{CAPABILITY, trader};
use crate::harness::{World, statuses, together};

async fn five_matches_of_one_pair_are_one_trade(world: &mut World) {
    let (buyer, seller) = (trader(world, "ada", 1_000).await, trader(world, "bob", 0).await);
    for round in 1..=5 {
        buyer.bid(10, 1).await;
        seller.ask(10, 1).await;
        let matches = together(5, |number| {
            let trader = if number % 2 == 0 { buyer.clone() } else { seller.clone() };
            async move { trader.meet().await.len() }
        })
        .await;
        assert_eq!(matches.iter().sum::<usize>(), 1, "{matches:?}");
        assert_eq!((buyer.purse().await, seller.purse().await), ((1_000 - 10 * round, 0), (10 * round, 0)));
    }
    let trades = buyer.api.get("/market/trades").await.expect(200);
    assert_eq!(trades.as_array().unwrap().len(), 5);
}

async fn of_two_cancels_one_wins(world: &mut World) {
    let buyer = trader(world, "ada", 1_000).await;
    for _ in 0..5 {
        let bid = buyer.bid(100, 3).await;
        let replies = together(2, |_| {
            let (buyer, bid) = (buyer.clone(), bid.clone());
            async move { buyer.cancel(&bid).await }
        })
        .await;
        assert_eq!(statuses(&replies), [(200, 1), (409, 1)].into());
        assert_eq!(buyer.purse().await, (1_000, 0));
    }
}

async fn sixty_four_bids_with_money_for_ten_are_ten(world: &mut World) {
    let buyer = trader(world, "ada", 109).await;
    let replies = together(64, |number| {
        let buyer = buyer.clone();
        // Of several capabilities: the wallet is what they have in common.
        let capability = format!("{CAPABILITY} {}", number % 3);
        async move { buyer.try_place("bid", 10, 1, json!({"capability": capability})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(201, 10), (402, 54)].into());
    assert_eq!(buyer.purse().await, (109, 100));
}

async fn a_cancel_and_a_match_race_and_one_wins(world: &mut World) {
    let (buyer, seller) = (trader(world, "ada", 1_000).await, trader(world, "bob", 0).await);
    let mut sold = 0;
    for _ in 0..10 {
        let (bid, ask) = (buyer.bid(10, 1).await, seller.ask(10, 1).await);
        let (first, second) = tokio::join!(buyer.cancel(&bid), seller.meet());
        assert_eq!(first.status == 200, second.is_empty(), "{first:?} {second:?}");
        if second.is_empty() {
            seller.cancel(&ask).await.expect(200);
        } else {
            first.expect_problem(409);
            sold += 10;
        }
    }
    assert_eq!((buyer.purse().await, seller.purse().await), ((1_000 - sold, 0), (sold, 0)));
}

async fn one_key_and_one_client_id_at_once_are_one_order(world: &mut World) {
    let buyer = trader(world, "ada", 1_000).await;
    let keyed = buyer.through(buyer.api.with("idempotency-key", "one"));
    let replies = together(10, |_| {
        let keyed = keyed.clone();
        async move { keyed.try_place("bid", 10, 1, json!({})).await }
    })
    .await;
    assert!(replies.iter().all(|reply| (reply.status, &reply.body) == (201, &replies[0].body)), "{replies:#?}");
    let replies = together(10, |_| {
        let buyer = buyer.clone();
        async move { buyer.try_place("bid", 20, 1, json!({"client_order_id": "one"})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 9), (201, 1)].into());
    assert_eq!(buyer.purse().await, (1_000, 30));
}

super::market_journeys! {
    five_matches_of_one_pair_are_one_trade,
    of_two_cancels_one_wins,
    sixty_four_bids_with_money_for_ten_are_ten,
    a_cancel_and_a_match_race_and_one_wins,
    one_key_and_one_client_id_at_once_are_one_order,
}
