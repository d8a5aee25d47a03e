//! What is done once for an idempotency key.

use std::sync::Arc;

use rialto_kernel::Role;
use rialto_market::{Keyed, MarketError, NewOrder, Once, Placed, TimeInForce, Trade, book::Side};
use rialto_store::{
    idempotency::{Key, Stored},
    testing::TestDb,
};

use crate::support::{CAPABILITY, Floor, all_at_once, at, caller, trader};

fn key(name: &str, fingerprint: u8) -> Key {
    Key { scope: "market".into(), key: name.into(), fingerprint: vec![fingerprint] }
}

/// An answer that says what it is about.
fn render(placed: &Placed) -> Stored {
    Stored { status: 201, body: format!("{} {}", placed.order.id, placed.trades.len()) }
}

async fn a_key_has_one_order_and_one_answer(test: &TestDb) {
    let (floor, buyer) = (Floor::new(&test.db), trader(&test.db, 100).await);
    let servers = [&floor, &floor.another()];
    let keyed = |name: &str, fingerprint: u8| Keyed { key: key(name, fingerprint), render };
    let owner = caller(buyer.owner, Role::Operator);
    let soon = NewOrder {
        time_in_force: TimeInForce::Gtt,
        expires_at: Some(at(60)),
        ..NewOrder::limit(buyer, Side::Bid, CAPABILITY, 10, 1)
    };
    let Once::Now(placed) = servers[0].exchange.place_once(&owner, soon.clone(), keyed("a", 1)).await.unwrap() else {
        panic!("nobody had the key")
    };
    for server in servers {
        // Also when the order could not be placed any more.
        floor.advance(60);
        let again = server.exchange.place_once(&owner, soon.clone(), keyed("a", 1)).await;
        assert_eq!(again, Ok(Once::Replayed(render(&placed))));
        let other = server.exchange.place_once(&owner, soon.clone(), keyed("a", 2)).await;
        assert_eq!(other, Err(MarketError::KeyReused));
    }
    assert_eq!(floor.all_orders().await.len(), 1);
    // What was refused may be tried again under the same key.
    let dear = NewOrder::limit(buyer, Side::Bid, CAPABILITY, 1_000, 1);
    for _ in 0..2 {
        let refused = floor.exchange.place_once(&owner, dear.clone(), keyed("b", 1)).await;
        assert!(matches!(refused, Err(MarketError::InsufficientFunds { .. })), "{refused:?}");
    }
    let good = NewOrder { price: Some(1), ..dear };
    assert!(matches!(floor.exchange.place_once(&owner, good, keyed("b", 2)).await, Ok(Once::Now(_))));
}

#[expect(clippy::ptr_arg, reason = "a key's answer is made of what is done")]
fn render_trades(trades: &Vec<Trade>) -> Stored {
    Stored { status: 200, body: trades.iter().map(|trade| format!("{} ", trade.id)).collect() }
}

async fn a_key_has_one_match_and_one_answer(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let servers = [Arc::new(floor.another()), Arc::new(floor)];
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    let asking = caller(buyer.owner, Role::Operator);
    let matched = async |server: usize, name: &str, fingerprint: u8| {
        let keyed = Keyed { key: key(name, fingerprint), render: render_trades };
        servers[server].exchange.match_for(&asking, CAPABILITY, 0, Some(keyed)).await
    };
    // Also where nobody has traded anything.
    assert_eq!(matched(0, "none", 1).await, Ok(Once::Now(Vec::new())));
    servers[0].bid(buyer, 10, 1).await;
    servers[0].ask(seller, 10, 1).await;
    assert_eq!(matched(1, "none", 1).await, Ok(Once::Replayed(Stored { status: 200, body: String::new() })));
    let Ok(Once::Now(trades)) = matched(0, "a", 1).await else { panic!("nobody had the key") };
    assert_eq!(trades.len(), 1);
    servers[0].bid(buyer, 10, 1).await;
    servers[0].ask(seller, 10, 1).await;
    for server in [0, 1] {
        assert_eq!(matched(server, "a", 1).await, Ok(Once::Replayed(render_trades(&trades))));
        assert_eq!(matched(server, "a", 2).await, Err(MarketError::KeyReused));
    }
    // At once, from both servers: one of them matches, the others hear of it.
    let many = all_at_once(8, |number| {
        let (floor, asking) = (Arc::clone(&servers[number % 2]), asking);
        let keyed = Keyed { key: key("b", 1), render: render_trades };
        async move { floor.exchange.match_for(&asking, CAPABILITY, 0, Some(keyed)).await.unwrap() }
    })
    .await;
    let first = many.iter().find_map(|one| if let Once::Now(trades) = one { Some(render_trades(trades)) } else { None });
    let first = first.unwrap();
    assert_eq!(many.iter().filter(|one| matches!(one, Once::Now(_))).count(), 1);
    assert!(many.iter().all(|one| matches!(one, Once::Now(_)) || *one == Once::Replayed(first.clone())), "{many:?}");
    assert_eq!(servers[0].purse(seller).await.0, 20);
}

/// It takes several transactions, and the answer of all of them is kept.
async fn what_took_several_turns_has_one_answer(test: &TestDb) {
    let floor = Arc::new(Floor::new(&test.db));
    let buyer = trader(&test.db, 10_000).await;
    // More than one owner may have open.
    let sellers = [trader(&test.db, 0).await, trader(&test.db, 0).await];
    all_at_once(3_300, |n| {
        let (floor, seller) = (Arc::clone(&floor), sellers[n % 2]);
        async move { floor.ask(seller, 1, 1).await }
    })
    .await;
    let owner = caller(buyer.owner, Role::Operator);
    let place = async |name: &str| {
        let new = NewOrder { immediate: true, ..NewOrder::limit(buyer, Side::Bid, CAPABILITY, 1, 1_100) };
        floor.exchange.place_once(&owner, new, Keyed { key: key(name, 1), render }).await.unwrap()
    };
    let Once::Now(placed) = place("order").await else { panic!("nobody had the key") };
    assert_eq!((placed.trades.len(), placed.order.remaining), (1_100, 0));
    assert_eq!(place("order").await, Once::Replayed(render(&placed)));
    floor.bid(buyer, 1, 2_150).await;
    let matched = async || {
        let keyed = Keyed { key: key("match", 1), render: render_trades };
        floor.another().exchange.match_for(&owner, CAPABILITY, 0, Some(keyed)).await.unwrap()
    };
    let Once::Now(trades) = matched().await else { panic!("nobody had the key") };
    assert_eq!(trades.len(), 2_150);
    assert_eq!(matched().await, Once::Replayed(render_trades(&trades)));
}

crate::market_suite! {
    a_key_has_one_order_and_one_answer,
    a_key_has_one_match_and_one_answer,
    what_took_several_turns_has_one_answer,
}
