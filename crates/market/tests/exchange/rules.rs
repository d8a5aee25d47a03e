//! What is refused, what is repeated, and how orders of each kind live.

use rialto_kernel::{Amount, OwnerId, Ppm, Role};
use rialto_market::{
    Amendment, Capability, EndReason, ExchangeOptions, FeeChange, MarketError, NewOrder, Once, OrderId, OrderStatus, OrderType,
    Settings, SettingsChange, TimeInForce,
    book::{SelfTrade, Side},
};
use rialto_store::{StoreError, Tx, testing::TestDb};

use crate::support::{CAPABILITY, Floor, admin, all_at_once, at, caller, check_not_crossed, trader};

async fn nonsense_is_refused_field_by_field(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let buyer = trader(&test.db, 1_000).await;
    let good = NewOrder::limit(buyer, Side::Bid, CAPABILITY, 10, 1);
    let max = Amount::MAX.get();
    let cases = [
        ("capability", NewOrder { capability: String::new(), ..good.clone() }),
        ("capability", NewOrder { capability: "x".repeat(256), ..good.clone() }),
        ("capability", NewOrder { capability: "x".repeat(10_000), ..good.clone() }),
        ("capability", NewOrder { capability: "a\0b".into(), ..good.clone() }),
        ("client_order_id", NewOrder { client_order_id: Some(String::new()), ..good.clone() }),
        ("client_order_id", NewOrder { client_order_id: Some("ü".repeat(256)), ..good.clone() }),
        ("price", NewOrder { price: Some(0), ..good.clone() }),
        ("price", NewOrder { price: Some(-1), ..good.clone() }),
        ("price", NewOrder { price: Some(max + 1), ..good.clone() }),
        ("price", NewOrder { price: Some(i64::MIN), ..good.clone() }),
        ("price", NewOrder { price: None, ..good.clone() }),
        ("quantity", NewOrder { quantity: 0, ..good.clone() }),
        ("quantity", NewOrder { quantity: -5, ..good.clone() }),
        ("quantity", NewOrder { quantity: i64::MAX, ..good.clone() }),
        ("quantity", NewOrder { price: Some(max), quantity: 2, ..good.clone() }),
        ("quantity", NewOrder { price: Some(max), quantity: NewOrder::QUANTITY_MAX, ..good.clone() }),
        ("time_in_force", NewOrder { order_type: OrderType::Market, price: None, ..good.clone() }),
        ("expires_at", NewOrder { time_in_force: TimeInForce::Gtt, ..good.clone() }),
        ("expires_at", NewOrder { expires_at: Some(at(10)), ..good.clone() }),
        ("expires_at", NewOrder { time_in_force: TimeInForce::PostOnly, expires_at: Some(at(-1)), ..good.clone() }),
    ];
    for (expected, case) in cases {
        match floor.place(case.clone()).await {
            Err(MarketError::Invalid { field, .. }) => assert_eq!(field, expected, "{case:?}"),
            other => panic!("{case:?}: {other:?}"),
        }
    }
    let longest = NewOrder { capability: "ü".repeat(255), client_order_id: Some("ü".repeat(255)), ..good.clone() };
    assert!(floor.place(longest).await.is_ok());
    let largest = NewOrder { side: Side::Ask, price: Some(max), ..good.clone() };
    assert!(floor.place(largest).await.is_ok());
    let order = floor.place(good).await.unwrap().order;
    for (price, remaining, quantity, expected) in [
        (Some(0), None, None, "price"),
        (None, Some(-1), None, "remaining"),
        (None, None, Some(0), "quantity"),
        (None, Some(1), Some(1), "quantity"),
        (Some(max), Some(2), None, "quantity"),
    ] {
        let amendment = Amendment { price, remaining, quantity };
        match floor.exchange.amend(&admin(), order.id, amendment).await {
            Err(MarketError::Invalid { field, .. }) => assert_eq!(field, expected, "{amendment:?}"),
            other => panic!("{amendment:?}: {other:?}"),
        }
    }
}

async fn only_the_owner_of_an_agent_trades_for_it(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, other) = (trader(&test.db, 100).await, trader(&test.db, 100).await);
    let new = NewOrder::limit(buyer, Side::Bid, CAPABILITY, 10, 1);
    for stranger in [caller(OwnerId::new(), Role::Operator), caller(buyer.owner, Role::Viewer)] {
        let refused = floor.exchange.place(&stranger, new.clone()).await;
        assert!(matches!(refused, Err(MarketError::Forbidden(_))), "{refused:?}");
    }
    let order = floor.exchange.place(&admin(), new).await.unwrap().order;
    let refused = floor.exchange.cancel(&caller(other.owner, Role::Operator), order.id).await;
    assert!(matches!(refused, Err(MarketError::Forbidden(_))));
    let unknown = OrderId::new();
    assert_eq!(floor.exchange.cancel(&admin(), unknown).await, Err(MarketError::OrderUnknown(unknown)));
    // A wallet that is not the agent's own pays for nothing.
    let forged = NewOrder::limit(rialto_market::Trader { account: other.account, ..buyer }, Side::Bid, CAPABILITY, 1, 1);
    assert_eq!(floor.place(forged).await.unwrap_err(), MarketError::AgentUnknown(buyer.agent));
}

async fn the_same_order_is_placed_once(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, other) = (trader(&test.db, 100).await, trader(&test.db, 100).await);
    let named = |trader, price| NewOrder {
        client_order_id: Some("mine".into()),
        ..NewOrder::limit(trader, Side::Bid, CAPABILITY, price, 1)
    };
    let first = floor.place(named(buyer, 10)).await.unwrap();
    let again = floor.place(named(buyer, 10)).await.unwrap();
    assert_eq!((again.existed, again.order.id, floor.purse(buyer).await), (true, first.order.id, (100, 10)));
    assert_eq!(floor.place(named(buyer, 11)).await.unwrap_err(), MarketError::IdMismatch);
    let elsewhere = NewOrder { capability: "elsewhere".into(), ..named(buyer, 10) };
    assert_eq!(floor.place(elsewhere).await.unwrap_err(), MarketError::IdMismatch);
    assert!(!floor.place(named(other, 10)).await.unwrap().existed, "another agent has names of its own");
    let numbered = NewOrder { id: Some(OrderId::new()), ..NewOrder::limit(buyer, Side::Bid, CAPABILITY, 9, 1) };
    assert!(!floor.place(numbered.clone()).await.unwrap().existed);
    assert!(floor.place(numbered.clone()).await.unwrap().existed);
    let stolen = NewOrder { trader: other, ..numbered };
    assert_eq!(floor.place(stolen).await.unwrap_err(), MarketError::IdMismatch);
    // What became of the order does not matter, nor on which server one asks.
    floor.cancel(&first.order).await.unwrap();
    let again = floor.another().place(named(buyer, 10)).await.unwrap();
    assert_eq!((again.existed, again.order.status), (true, OrderStatus::Cancelled));
}

async fn only_who_may_change_things_asks_for_a_match(test: &TestDb) {
    let (floor, owner) = (Floor::new(&test.db), OwnerId::new());
    let matched = floor.exchange.match_for(&caller(owner, Role::Operator), CAPABILITY, 0, None).await;
    assert_eq!(matched, Ok(Once::Now(Vec::new())));
    let refused = floor.exchange.match_for(&caller(owner, Role::Viewer), CAPABILITY, 0, None).await;
    assert!(matches!(refused, Err(MarketError::Forbidden(_))), "{refused:?}");
}

async fn orders_live_as_long_as_they_say(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller) = (trader(&test.db, 1_000).await, trader(&test.db, 0).await);
    let order = |time_in_force, side, price, quantity| {
        let trader = if side == Side::Bid { buyer } else { seller };
        NewOrder { time_in_force, ..NewOrder::limit(trader, side, CAPABILITY, price, quantity) }
    };
    floor.ask(seller, 10, 3).await;
    let killed = floor.place(order(TimeInForce::Fok, Side::Bid, 10, 4)).await.unwrap().order;
    assert_eq!((killed.status, killed.reason), (OrderStatus::Cancelled, Some(EndReason::NotFillable)));
    let part = floor.place(order(TimeInForce::Ioc, Side::Bid, 10, 4)).await.unwrap().order;
    assert_eq!((part.status, part.filled, part.cancelled), (OrderStatus::Cancelled, 3, 1));
    assert_eq!(floor.purse(buyer).await, (970, 0));
    // A post-only order rests where orders wait, and is rejected when they meet.
    floor.ask(seller, 10, 1).await;
    let maker = floor.place(order(TimeInForce::PostOnly, Side::Bid, 10, 1)).await.unwrap().order;
    assert_eq!((maker.status, floor.purse(buyer).await), (OrderStatus::Open, (970, 10)));
    assert_eq!(floor.meet().await, []);
    let maker = floor.order(maker.id).await;
    assert_eq!((maker.status, maker.reason), (OrderStatus::Rejected, Some(EndReason::WouldTrade)));
    assert_eq!(floor.purse(buyer).await, (970, 0));
    let at_once = NewOrder { immediate: true, ..order(TimeInForce::PostOnly, Side::Bid, 10, 1) };
    assert_eq!(floor.place(at_once).await.unwrap().order.status, OrderStatus::Rejected);
    // What waited comes before what is immediate.
    let waiting = floor.bid(buyer, 11, 1).await;
    let immediate = NewOrder { immediate: true, ..order(TimeInForce::Gtc, Side::Bid, 12, 1) };
    let placed = floor.place(immediate).await.unwrap();
    assert_eq!(placed.trades.iter().map(|trade| trade.bid).collect::<Vec<_>>(), [waiting.id]);
    assert_eq!((placed.order.status, floor.purse(buyer).await), (OrderStatus::Open, (960, 12)));
    // A post-only order cannot be moved to where it would trade.
    floor.continuous(0).await;
    floor.ask(seller, 20, 1).await;
    let maker = floor.place(order(TimeInForce::PostOnly, Side::Bid, 5, 1)).await.unwrap().order;
    let crossing = Amendment { price: Some(20), ..Amendment::default() };
    assert_eq!(floor.exchange.amend(&admin(), maker.id, crossing).await.unwrap_err(), MarketError::WouldTrade);
    assert_eq!(floor.order(maker.id).await.price, Some(5));
    check_not_crossed(&test.db, CAPABILITY).await;
}

async fn what_became_continuous_is_matched(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    let bid = floor.bid(buyer, 10, 1).await;
    floor.ask(seller, 10, 1).await;
    let refused = floor.exchange.configure(&caller(buyer.owner, Role::Operator), CAPABILITY, Default::default()).await;
    assert!(matches!(refused, Err(MarketError::Forbidden(_))));
    floor.continuous(0).await;
    assert_eq!(floor.order(bid.id).await.status, OrderStatus::Filled);
    assert_eq!(floor.exchange.match_orders("nobody trades this", 0).await.unwrap(), []);
}

/// What a server remembers of a capability is a guess, and is looked at again under the lock.
async fn what_another_server_has_made_continuous_trades_at_once(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let another = floor.another();
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    floor.bid(buyer, 1, 1).await;
    floor.bid(buyer, 2, 1).await;
    another.continuous(0).await;
    another.ask(seller, 10, 2).await;
    let order = NewOrder::limit(buyer, Side::Bid, CAPABILITY, 12, 1);
    assert_eq!(floor.place(order.clone()).await.unwrap().trades.len(), 1);
    another
        .exchange
        .configure(&admin(), CAPABILITY, SettingsChange { continuous: Some(false), ..SettingsChange::default() })
        .await
        .unwrap();
    // Both remember that it was.
    for server in [&floor, &another] {
        assert_eq!(server.place(order.clone()).await.unwrap().trades.len(), 0);
        assert_eq!(server.place(order.clone()).await.unwrap().order.status, OrderStatus::Open);
    }
    assert_eq!((floor.purse(buyer).await, floor.purse(seller).await.0), ((90, 51), 10));
}

async fn what_is_not_named_stays_as_it_is(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let fee = Ppm::new(25_000).unwrap();
    let change = async |continuous, fee| {
        let change = SettingsChange { continuous, fee };
        let Capability { settings, .. } = floor.exchange.configure(&admin(), CAPABILITY, change).await.unwrap();
        settings
    };
    assert_eq!(change(Some(true), FeeChange::Keep).await, Settings { continuous: true, fee: None });
    assert_eq!(change(None, FeeChange::Own(fee)).await, Settings { continuous: true, fee: Some(fee) });
    assert_eq!(change(None, FeeChange::Keep).await, Settings { continuous: true, fee: Some(fee) });
    // It is continuous still.
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    floor.ask(seller, 10, 1).await;
    assert_eq!(floor.bid(buyer, 10, 1).await.status, OrderStatus::Filled);
    assert_eq!(change(Some(false), FeeChange::Keep).await, Settings { continuous: false, fee: Some(fee) });
    assert_eq!(change(None, FeeChange::Default).await, Settings::default());
}

async fn a_taker_meets_very_many_makers_in_turns(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller) = (trader(&test.db, 10_000).await, trader(&test.db, 0).await);
    let floor = std::sync::Arc::new(floor);
    all_at_once(1_300, |_| {
        let floor = std::sync::Arc::clone(&floor);
        async move { floor.ask(seller, 1, 1).await }
    })
    .await;
    let all_or_nothing = NewOrder { time_in_force: TimeInForce::Fok, ..NewOrder::limit(buyer, Side::Bid, CAPABILITY, 2, 1_250) };
    assert_eq!(floor.place(all_or_nothing).await.unwrap().order.reason, Some(EndReason::NotFillable));
    let rest = NewOrder { immediate: true, ..NewOrder::limit(buyer, Side::Bid, CAPABILITY, 2, 1_200) };
    let whole = floor.place(rest).await.unwrap();
    assert_eq!((whole.order.status, whole.trades.len()), (OrderStatus::Filled, 1_200));
    assert_eq!(floor.purse(buyer).await, (8_800, 0));
    let now = NewOrder { time_in_force: TimeInForce::Ioc, ..NewOrder::limit(buyer, Side::Bid, CAPABILITY, 2, 500) };
    let part = floor.place(now).await.unwrap().order;
    assert_eq!((part.filled, part.status), (100, OrderStatus::Cancelled));
}

async fn a_capability_holds_so_many_orders(test: &TestDb) {
    let floor = Floor::with(&test.db, ExchangeOptions { orders_max: 2, ..ExchangeOptions::default() });
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    floor.ask(seller, 5, 1).await;
    let second = floor.ask(seller, 5, 1).await;
    let third = NewOrder::limit(seller, Side::Ask, CAPABILITY, 5, 1);
    assert_eq!(floor.place(third.clone()).await.unwrap_err(), MarketError::BookFull);
    let taker = NewOrder { time_in_force: TimeInForce::Ioc, ..NewOrder::limit(buyer, Side::Bid, CAPABILITY, 5, 1) };
    assert_eq!(floor.place(taker).await.unwrap().order.status, OrderStatus::Filled);
    assert!(floor.place(third).await.is_ok());
    floor.cancel(&second).await.unwrap();
    let other = NewOrder { self_trade: SelfTrade::CancelBoth, ..NewOrder::limit(seller, Side::Ask, CAPABILITY, 5, 1) };
    assert!(floor.place(other).await.is_ok());
}

async fn an_order_names_a_capability_that_is_there_for_ever(test: &TestDb) {
    let floor = Floor::new(&test.db);
    floor.ask(trader(&test.db, 0).await, 10, 1).await;
    let id = if test.db.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
    let columns = "owner_id, agent_id, account_id, side, type, time_in_force, price, quantity, remaining, filled, cancelled, status, \
                   priority, self_trade, fingerprint, tick, created_at, updated_at";
    let forged =
        format!("INSERT INTO market_orders (id, capability, {columns}) SELECT {id}, 'nowhere', {columns} FROM market_orders");
    let attempt = async |sql: String| test.db.write(async move |tx: &mut Tx| tx.batch(&sql).await).await;
    let refused = attempt(forged).await;
    assert!(matches!(refused, Err(StoreError::ForeignKey(_))), "{refused:?}");
    for change in [
        "UPDATE market_orders SET capability = 'nowhere'",
        "UPDATE market_capabilities SET capability = 'nowhere'",
        "DELETE FROM market_capabilities",
    ] {
        let refused = attempt(change.into()).await;
        assert!(matches!(refused, Err(StoreError::ForeignKey(_) | StoreError::Database(_))), "{change}: {refused:?}");
    }
}

crate::market_suite! {
    an_order_names_a_capability_that_is_there_for_ever,
    nonsense_is_refused_field_by_field,
    only_the_owner_of_an_agent_trades_for_it,
    the_same_order_is_placed_once,
    only_who_may_change_things_asks_for_a_match,
    orders_live_as_long_as_they_say,
    what_became_continuous_is_matched,
    what_another_server_has_made_continuous_trades_at_once,
    what_is_not_named_stays_as_it_is,
    a_taker_meets_very_many_makers_in_turns,
    a_capability_holds_so_many_orders,
}
