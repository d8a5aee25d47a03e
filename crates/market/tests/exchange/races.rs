//! Many at once, on one server and on two.

use std::sync::Arc;

use rialto_market::{Keyed, MarketError, NewOrder, Once, OrderStatus, book::Side};
use rialto_store::{
    idempotency::{Key, Stored},
    testing::TestDb,
};

use crate::support::{CAPABILITY, Floor, all_at_once, caller, trader};

/// Two servers on one database.
fn servers(test: &TestDb) -> [Arc<Floor>; 2] {
    let first = Floor::new(&test.db);
    let second = first.another();
    [Arc::new(first), Arc::new(second)]
}

async fn five_matches_of_one_pair_are_one_trade(test: &TestDb) {
    let servers = servers(test);
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    for round in 1..=5 {
        servers[0].bid(buyer, 10, 1).await;
        servers[1].ask(seller, 10, 1).await;
        let matches = all_at_once(5, |number| {
            let floor = Arc::clone(&servers[number % 2]);
            async move { floor.meet().await.len() }
        })
        .await;
        assert_eq!(matches.iter().sum::<usize>(), 1, "{matches:?}");
        assert_eq!(servers[0].purse(seller).await.0, 10 * round);
    }
}

async fn of_two_cancels_one_wins(test: &TestDb) {
    let servers = servers(test);
    let buyer = trader(&test.db, 100).await;
    for _ in 0..5 {
        let bid = servers[0].bid(buyer, 10, 1).await;
        let cancels = all_at_once(4, |number| {
            let (floor, bid) = (Arc::clone(&servers[number % 2]), bid.clone());
            async move { floor.cancel(&bid).await.map(|order| order.status) }
        })
        .await;
        assert_eq!(cancels.iter().filter(|cancel| **cancel == Ok(OrderStatus::Cancelled)).count(), 1, "{cancels:?}");
        let late = |cancel: &&Result<_, _>| **cancel == Err(MarketError::OrderNotOpen(OrderStatus::Cancelled));
        assert_eq!(cancels.iter().filter(late).count(), 3, "{cancels:?}");
        assert_eq!(servers[0].purse(buyer).await, (100, 0));
    }
}

async fn sixty_four_bids_with_money_for_ten_are_ten(test: &TestDb) {
    let servers = servers(test);
    let buyer = trader(&test.db, 109).await;
    let bids = all_at_once(64, |number| {
        let floor = Arc::clone(&servers[number % 2]);
        // Of several capabilities: the wallet is what they have in common.
        let new = NewOrder::limit(buyer, Side::Bid, &format!("{CAPABILITY} {}", number % 3), 10, 1);
        async move { floor.place(new).await.map(|placed| placed.order.status) }
    })
    .await;
    assert_eq!(bids.iter().filter(|bid| **bid == Ok(OrderStatus::Open)).count(), 10, "{bids:?}");
    assert_eq!(bids.iter().filter(|bid| matches!(bid, Err(MarketError::InsufficientFunds { .. }))).count(), 54);
    assert_eq!(servers[0].purse(buyer).await, (109, 100));
}

async fn a_cancel_and_a_match_race_and_one_wins(test: &TestDb) {
    let servers = servers(test);
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    let mut sold = 0;
    for round in 0..10 {
        let bid = servers[0].bid(buyer, 10, 1).await;
        let ask = servers[0].ask(seller, 10, 1).await;
        let (first, second) = (Arc::clone(&servers[round % 2]), Arc::clone(&servers[(round + 1) % 2]));
        let order = bid.clone();
        let cancel = tokio::spawn(async move { first.cancel(&order).await });
        let matched = tokio::spawn(async move { second.meet().await.len() });
        let (cancel, matched) = (cancel.await.unwrap(), matched.await.unwrap());
        assert_eq!(cancel.is_ok(), matched == 0, "{cancel:?} {matched}");
        match cancel {
            Ok(_) => drop(servers[0].cancel(&ask).await.unwrap()),
            Err(error) => {
                assert_eq!(error, MarketError::OrderNotOpen(OrderStatus::Filled));
                sold += 10;
            }
        }
    }
    assert_eq!((servers[0].purse(buyer).await, servers[0].purse(seller).await.0), ((100 - sold, 0), sold));
}

async fn one_name_at_once_is_one_order(test: &TestDb) {
    let servers = servers(test);
    let buyer = trader(&test.db, 1_000).await;
    let placed = all_at_once(16, |number| {
        let floor = Arc::clone(&servers[number % 2]);
        // Some of them mean another capability, so that not even its lock brings them into one line.
        let capability = if number % 4 == 0 { "elsewhere" } else { CAPABILITY };
        let new = NewOrder::limit(buyer, Side::Bid, capability, 10, 1);
        async move { floor.place(NewOrder { client_order_id: Some("one".into()), ..new }).await }
    })
    .await;
    let done = |one: &&Result<rialto_market::Placed, _>| one.as_ref().is_ok_and(|placed| !placed.existed);
    assert_eq!(placed.iter().filter(done).count(), 1, "{placed:?}");
    assert!(placed.iter().all(|one| matches!(one, Ok(_) | Err(MarketError::IdMismatch))), "{placed:?}");
    assert_eq!(servers[0].purse(buyer).await, (1_000, 10));
}

async fn one_key_at_once_is_one_order(test: &TestDb) {
    let servers = servers(test);
    let buyer = trader(&test.db, 1_000).await;
    let placed = all_at_once(16, |number| {
        let floor = Arc::clone(&servers[number % 2]);
        // Two requests under one key: only one of them can be what it is for, and their capabilities do not bring them into line.
        let other = number % 4 == 0;
        let capability = if other { "elsewhere" } else { CAPABILITY };
        let new = NewOrder::limit(buyer, Side::Bid, capability, 10, 1);
        let render = |placed: &rialto_market::Placed| Stored { status: 201, body: placed.order.id.to_string() };
        let key = Key { scope: "orders".into(), key: "one".into(), fingerprint: vec![u8::from(other)] };
        let owner = caller(buyer.owner, rialto_kernel::Role::Operator);
        async move { floor.exchange.place_once(&owner, new, Keyed { key, render }).await }
    })
    .await;
    assert_eq!(placed.iter().filter(|one| matches!(one, Ok(Once::Now(_)))).count(), 1, "{placed:?}");
    assert!(placed.iter().all(|one| matches!(one, Ok(_) | Err(MarketError::KeyReused))), "{placed:?}");
    assert_eq!(servers[0].purse(buyer).await, (1_000, 10));
}

crate::market_suite! {
    five_matches_of_one_pair_are_one_trade,
    of_two_cancels_one_wins,
    sixty_four_bids_with_money_for_ten_are_ten,
    a_cancel_and_a_match_race_and_one_wins,
    one_name_at_once_is_one_order,
    one_key_at_once_is_one_order,
}
