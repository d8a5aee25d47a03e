//! Who may place orders, and how many.

use std::sync::Arc;

use rialto_kernel::Role;
use rialto_market::{
    Amendment, EndReason, ExchangeOptions, MarketError, NewOrder, OrderStatus, TimeInForce, Trader, book::Side, resume_trading,
    stop_trading,
};
use rialto_store::{StoreError, Tx, testing::TestDb};

use crate::support::{CAPABILITY, Floor, admin, all_at_once, at, caller, trader, trader_of};

async fn stop(floor: &Floor, who: Trader) -> usize {
    let now = floor.clock.now();
    floor.db.write(async move |tx: &mut Tx| stop_trading(tx, who.agent, now).await).await.unwrap()
}

async fn resume(floor: &Floor, who: Trader) {
    floor.db.write(async move |tx: &mut Tx| resume_trading(tx, who.agent).await).await.unwrap();
}

async fn an_agent_that_is_stopped_has_no_order_and_places_none(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let server = floor.another();
    let (gone, other) = (trader(&test.db, 100).await, trader(&test.db, 100).await);
    let sister = trader_of(&test.db, gone.owner, 100).await;
    let bid = floor.bid(gone, 10, 5).await;
    let ask = floor.place(NewOrder::limit(gone, Side::Ask, "elsewhere", 10, 5)).await.unwrap().order;
    let stays = [floor.bid(sister, 10, 1).await, floor.bid(other, 9, 1).await];
    // Both servers have the book in memory.
    assert_eq!((floor.meet().await.len(), server.meet().await.len()), (0, 0));
    assert_eq!(stop(&floor, gone).await, 2);
    assert_eq!(stop(&floor, gone).await, 0);
    for order in [&bid, &ask] {
        let order = floor.order(order.id).await;
        assert_eq!((order.status, order.reason), (OrderStatus::Cancelled, Some(EndReason::AgentStopped)));
        let amended = floor.exchange.amend(&admin(), order.id, Amendment { price: Some(1), ..Amendment::default() }).await;
        assert_eq!(amended.unwrap_err(), MarketError::OrderNotOpen(OrderStatus::Cancelled));
    }
    assert_eq!((floor.purse(gone).await, floor.purse(sister).await), ((100, 0), (100, 10)));
    for floor in [&floor, &server] {
        for side in [Side::Bid, Side::Ask] {
            for immediate in [false, true] {
                let new = NewOrder { immediate, ..NewOrder::limit(gone, side, CAPABILITY, 5, 1) };
                assert_eq!(floor.place(new).await.unwrap_err(), MarketError::AgentStopped(gone.agent));
            }
        }
    }
    // Whoever comes now meets the others, on either server.
    server.ask(other, 8, 2).await;
    let trades = server.meet().await;
    assert_eq!(trades.iter().map(|trade| trade.bid).collect::<Vec<_>>(), [stays[0].id]);
    resume(&floor, gone).await;
    assert_eq!(server.bid(gone, 10, 1).await.status, OrderStatus::Open);
    // Nobody knows this agent, or it has no wallet: there is nothing to stop.
    let nobody = Trader { agent: rialto_kernel::AgentId::new(), ..gone };
    assert_eq!(stop(&floor, nobody).await, 0);
}

async fn what_is_undone_stops_nobody(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let who = trader(&test.db, 100).await;
    let bid = floor.bid(who, 10, 5).await;
    let undone = floor
        .db
        .write(async move |tx: &mut Tx| {
            stop_trading(tx, who.agent, at(1)).await?;
            Err::<(), MarketError>(MarketError::Forbidden("it was not to be"))
        })
        .await;
    assert!(undone.is_err());
    assert_eq!((floor.order(bid.id).await.status, floor.purse(who).await), (OrderStatus::Open, (100, 50)));
    floor.bid(who, 10, 1).await;
}

async fn no_order_outlives_its_agent(test: &TestDb) {
    let first = Arc::new(Floor::new(&test.db));
    let second = Arc::new(first.another());
    for round in 0..4 {
        let who = trader(&test.db, 10_000).await;
        first.bid(who, 1, 1).await;
        let (stopper, now) = (Arc::clone(&first), first.clock.now());
        let placed = {
            let servers = [Arc::clone(&first), Arc::clone(&second)];
            let placing = tokio::spawn(all_at_once(24, move |number| {
                let floor = Arc::clone(&servers[number % 2]);
                let side = if number % 3 == 0 { Side::Ask } else { Side::Bid };
                let new = NewOrder::limit(who, side, &format!("{CAPABILITY} {}", number % 5), 1, 1);
                async move { floor.place(new).await.map(drop) }
            }));
            if round % 2 == 1 {
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
            let stopped = stopper.db.write(async move |tx: &mut Tx| stop_trading(tx, who.agent, now).await).await;
            // Busy as it was, it may have to be asked again.
            if matches!(stopped, Err(MarketError::Store(StoreError::Again(_)))) {
                stop(&stopper, who).await;
            }
            placing.await.unwrap()
        };
        let late = |one: &Result<(), MarketError>| matches!(one, Ok(()) | Err(MarketError::AgentStopped(_)));
        assert!(placed.iter().all(late), "{placed:?}");
        assert_eq!(first.purse(who).await, (10_000, 0));
    }
    let all = first.all_orders().await;
    assert!(all.iter().all(|order| !order.status.is_open()), "{all:?}");
}

async fn an_owner_has_as_many_open_orders_as_it_may(test: &TestDb) {
    let floor = Floor::with(&test.db, ExchangeOptions { orders_per_owner_max: 3, ..ExchangeOptions::default() });
    let (first, other) = (trader(&test.db, 1_000).await, trader(&test.db, 1_000).await);
    let second = trader_of(&test.db, first.owner, 1_000).await;
    let full = || MarketError::TooManyOrders(3);
    let bids = [floor.bid(first, 10, 1).await, floor.bid(second, 11, 1).await];
    let elsewhere = NewOrder::limit(first, Side::Ask, "elsewhere", 10, 1);
    let named = NewOrder { client_order_id: Some("third".into()), ..elsewhere.clone() };
    floor.place(named.clone()).await.unwrap();
    assert_eq!(floor.place(elsewhere.clone()).await.unwrap_err(), full());
    assert_eq!(floor.place(NewOrder { trader: second, ..elsewhere.clone() }).await.unwrap_err(), full());
    assert_eq!(floor.purse(first).await, (1_000, 10), "what was refused holds nothing");
    // What is there already is answered, what never rests may come, and others are others.
    assert!(floor.place(named).await.unwrap().existed);
    let ioc = NewOrder { time_in_force: TimeInForce::Ioc, ..elsewhere.clone() };
    assert_eq!(floor.place(ioc).await.unwrap().order.status, OrderStatus::Cancelled);
    floor.bid(other, 1, 1).await;
    // A cancel, a trade, and the time each make room for one.
    floor.cancel(&bids[0]).await.unwrap();
    let expiring = NewOrder { time_in_force: TimeInForce::Gtt, expires_at: Some(at(5)), ..elsewhere.clone() };
    floor.place(expiring).await.unwrap();
    assert_eq!(floor.place(elsewhere.clone()).await.unwrap_err(), full());
    floor.ask(other, 11, 1).await;
    assert_eq!(floor.meet().await.len(), 1);
    floor.place(elsewhere.clone()).await.unwrap();
    assert_eq!(floor.place(elsewhere.clone()).await.unwrap_err(), full());
    floor.advance(5);
    assert_eq!(floor.exchange.expire_due(10).await.unwrap(), 1);
    floor.place(elsewhere.clone()).await.unwrap();
    assert_eq!(floor.place(elsewhere.clone()).await.unwrap_err(), full());
    // Another server counts the same, and an owner who has more than it may by now keeps them.
    let server = floor.another_with(ExchangeOptions { orders_per_owner_max: 2, ..ExchangeOptions::default() });
    assert_eq!(server.place(elsewhere).await.unwrap_err(), MarketError::TooManyOrders(2));
    assert_eq!(stop(&floor, first).await, 3);
    assert_eq!(server.bid(second, 1, 1).await.status, OrderStatus::Open);
}

async fn many_at_once_are_as_many_as_may(test: &TestDb) {
    let options = ExchangeOptions { orders_per_owner_max: 10, ..ExchangeOptions::default() };
    let first = Floor::with(&test.db, options);
    let servers = [Arc::new(first.another_with(options)), Arc::new(first)];
    let who = trader(&test.db, 1_000).await;
    for round in 0..3 {
        let placed = all_at_once(40, |number| {
            let floor = Arc::clone(&servers[number % 2]);
            // The two servers have no capability in common, so that no lock of one brings them into line.
            let capability = format!("{CAPABILITY} {} {}", number % 2, number % 6);
            let side = if number % 4 < 2 { Side::Ask } else { Side::Bid };
            let new = NewOrder::limit(who, side, &capability, 1, 1);
            async move { floor.place(new).await }
        })
        .await;
        let open: Vec<_> = placed.iter().flatten().map(|placed| placed.order.clone()).collect();
        assert_eq!(open.len(), 10, "{placed:?}");
        assert!(placed.iter().all(|one| matches!(one, Ok(_) | Err(MarketError::TooManyOrders(10)))));
        for order in open {
            servers[round % 2].exchange.cancel(&caller(who.owner, Role::Operator), order.id).await.unwrap();
        }
    }
}

async fn an_agent_with_very_many_orders_is_stopped_at_once(test: &TestDb) {
    let floor = Arc::new(Floor::new(&test.db));
    let who = trader(&test.db, 1_000_000).await;
    all_at_once(600, |number| {
        let floor = Arc::clone(&floor);
        let new = NewOrder::limit(who, Side::Bid, &format!("{CAPABILITY} {}", number % 200), 10, 1);
        async move { floor.place(new).await.unwrap() }
    })
    .await;
    assert_eq!(floor.purse(who).await, (1_000_000, 6_000));
    assert_eq!(stop(&floor, who).await, 600);
    assert_eq!(floor.purse(who).await, (1_000_000, 0));
}

crate::market_suite! {
    an_agent_that_is_stopped_has_no_order_and_places_none,
    what_is_undone_stops_nobody,
    no_order_outlives_its_agent,
    an_owner_has_as_many_open_orders_as_it_may,
    many_at_once_are_as_many_as_may,
    an_agent_with_very_many_orders_is_stopped_at_once,
}
