//! What the market shows.

use rialto_kernel::{OwnerId, PageRequest, Role};
use rialto_market::{
    BOOK_ORDERS_MAX, DepthLevel, Interval, Listing, MarketError, NewOrder, OrderFilter, OrderStatus, TradeFilter, book::Side,
    candles, depth, listings, order, orders, ticker, trades,
};
use rialto_store::{Tx, outbox, testing::TestDb};

use crate::support::{CAPABILITY, Floor, at, caller, trader};

async fn a_book_shows_the_best_orders_and_not_the_oldest(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller) = (trader(&test.db, 1_000_000).await, trader(&test.db, 0).await);
    for price in 1..=i64::from(BOOK_ORDERS_MAX) + 5 {
        floor.bid(buyer, price, 1).await;
        floor.ask(seller, 500 - price, 1).await;
    }
    let (older, younger) = (floor.bid(buyer, 105, 2).await, floor.bid(buyer, 105, 3).await);
    let book = floor.book().await;
    assert_eq!((book.bids.len(), book.asks.len()), (100, 100));
    let prices: Vec<_> = book.bids.iter().take(5).map(|order| order.price.unwrap()).collect();
    assert_eq!(prices, [105, 105, 105, 104, 103]);
    assert_eq!((book.bids[1].id, book.bids[2].id), (older.id, younger.id));
    assert_eq!((book.asks[0].price, book.asks[99].price), (Some(395), Some(494)));
    let depth = floor.db.read(async |tx: &mut Tx| depth(tx, CAPABILITY, 2).await).await.unwrap();
    let level = |price, quantity, orders| DepthLevel { price, quantity, orders };
    assert_eq!(depth.bids, [level(105, 6, 3), level(104, 1, 1)]);
    assert_eq!(depth.asks, [level(395, 1, 1), level(396, 1, 1)]);
}

async fn capabilities_are_listed_with_their_prices(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller) = (trader(&test.db, 1_000).await, trader(&test.db, 0).await);
    floor.bid(buyer, 7, 1).await;
    floor.ask(seller, 9, 2).await;
    floor.ask(seller, 8, 2).await;
    for (side, who) in [(Side::Ask, seller), (Side::Bid, buyer)] {
        let order = NewOrder { immediate: true, ..NewOrder::limit(who, side, "elsewhere", 5, 1) };
        floor.place(order).await.unwrap();
    }
    let list = async |limit| floor.db.read(async move |tx: &mut Tx| listings(tx, limit, at(0)).await).await.unwrap();
    let listing = |capability: &str, open_orders, last, best_bid, best_ask| Listing {
        capability: capability.into(),
        continuous: false,
        open_orders,
        last,
        best_bid,
        best_ask,
    };
    let expected = [listing("elsewhere", 0, Some(5), None, None), listing(CAPABILITY, 3, None, Some(7), Some(8))];
    assert_eq!(list(200).await, expected);
    assert_eq!(list(1).await, expected[..1]);
}

/// Orders cost nothing, and so they do not make a capability worth showing.
async fn what_is_traded_is_listed_before_what_is_only_offered(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller) = (trader(&test.db, 10_000).await, trader(&test.db, 0).await);
    let trade = async |capability: &str, price| {
        for (side, who) in [(Side::Ask, seller), (Side::Bid, buyer)] {
            let order = NewOrder { immediate: true, ..NewOrder::limit(who, side, capability, price, 1) };
            floor.place(order).await.unwrap();
        }
    };
    for name in ["a", "b", "c"] {
        floor.place(NewOrder::limit(buyer, Side::Bid, name, 1, 1)).await.unwrap();
    }
    trade("long ago", 900).await;
    floor.advance(86_400);
    trade("before", 1).await;
    floor.advance(3 * 86_400);
    trade("yesterday", 50).await;
    trade("both", 30).await;
    floor.advance(86_400);
    trade("both", 30).await;
    trade("today", 55).await;
    trade("a little today", 1).await;
    let now = floor.clock.now();
    let list = async |limit| {
        let listed = floor.db.read(async move |tx: &mut Tx| listings(tx, limit, now).await).await.unwrap();
        listed.into_iter().map(|listing| listing.capability.to_string()).collect::<Vec<_>>()
    };
    let expected = ["both", "today", "yesterday", "a little today", "before", "long ago", "a", "b", "c"];
    assert_eq!(list(200).await, expected);
    assert_eq!(list(5).await, expected[..5]);
}

/// What was paid on two days is one sum, and a capability is one however many days it was traded on.
async fn days_of_one_capability_are_added_up_and_are_one(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller) = (trader(&test.db, 100_000_000).await, trader(&test.db, 0).await);
    let trade = async |capability: &str, price| {
        for (side, who) in [(Side::Ask, seller), (Side::Bid, buyer)] {
            let order = NewOrder { immediate: true, ..NewOrder::limit(who, side, capability, price, 1) };
            floor.place(order).await.unwrap();
        }
    };
    let listed = async |limit| {
        let now = floor.clock.now();
        let listed = floor.db.read(async move |tx: &mut Tx| listings(tx, limit, now).await).await.unwrap();
        listed.into_iter().map(|listing| listing.capability.to_string()).collect::<Vec<_>>()
    };
    floor.bid(buyer, 1, 1).await;
    trade("once", 5).await;
    for _ in 0..3 {
        floor.advance(86_400);
        trade("every day", 5).await;
    }
    floor.advance(3 * 86_400);
    assert_eq!(listed(2).await, ["every day", "once"]);
    // Neither of the two days comes to 2^24, and both together do.
    trade("two days", 9_000_000).await;
    floor.advance(86_400);
    trade("two days", 9_000_000).await;
    trade("one day", 17_000_000).await;
    assert_eq!(listed(2).await, ["two days", "one day"]);
}

async fn orders_are_listed_to_whom_they_belong(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, other) = (trader(&test.db, 1_000).await, trader(&test.db, 1_000).await);
    let mut mine = Vec::new();
    for price in 1..=5 {
        mine.push(floor.bid(buyer, price, 1).await.id);
        floor.bid(other, price, 1).await;
    }
    floor.place(NewOrder::limit(buyer, Side::Bid, "elsewhere", 1, 1)).await.unwrap();
    floor.cancel(&floor.order(mine[0]).await).await.unwrap();
    let list = async |owner, filter: OrderFilter, limit| {
        let asking = caller(owner, Role::Viewer);
        floor.db.read(async move |tx: &mut Tx| orders(tx, &asking, filter.clone(), limit).await).await.unwrap()
    };
    let here = OrderFilter { capability: Some(CAPABILITY.into()), owner: Some(other.owner), ..OrderFilter::default() };
    let first = list(buyer.owner, here.clone(), 3).await;
    assert_eq!(first.items.iter().map(|order| order.id).collect::<Vec<_>>(), [mine[4], mine[3], mine[2]]);
    let second = list(buyer.owner, OrderFilter { after: first.next, ..here.clone() }, 3).await;
    assert_eq!(second.items.iter().map(|order| order.id).collect::<Vec<_>>(), [mine[1], mine[0]]);
    assert_eq!(second.next, None);
    let cancelled = OrderFilter { statuses: vec![OrderStatus::Cancelled], ..OrderFilter::default() };
    assert_eq!(list(buyer.owner, cancelled, 200).await.items.len(), 1);
    let live = OrderFilter { statuses: vec![OrderStatus::Open, OrderStatus::PartiallyFilled], ..OrderFilter::default() };
    assert_eq!(list(buyer.owner, live, 200).await.items.len(), 5);
    assert_eq!(list(OwnerId::new(), OrderFilter::default(), 200).await.items, []);
    let (id, stranger) = (mine[1], caller(other.owner, Role::Operator));
    let hidden = floor.db.read(async move |tx: &mut Tx| order(tx, &stranger, id).await).await;
    assert_eq!(hidden, Err(MarketError::OrderUnknown(id)));
}

async fn prices_are_summed_up(test: &TestDb) {
    let floor = Floor::new(&test.db);
    floor.continuous(0).await;
    let huge = 1_i64 << 52;
    let (buyer, seller) = (trader(&test.db, huge + 1_000).await, trader(&test.db, 0).await);
    let trade = async |price, quantity| {
        floor.ask(seller, price, quantity).await;
        floor.bid(buyer, price, quantity).await;
    };
    trade(huge, 1).await;
    floor.advance(86_400 + 30);
    trade(10, 1).await;
    trade(14, 2).await;
    floor.advance(60);
    trade(12, 3).await;
    floor.bid(buyer, 9, 4).await;
    floor.ask(seller, 20, 5).await;
    let now = floor.clock.now();
    let day = floor.db.read(async move |tx: &mut Tx| ticker(tx, CAPABILITY, now).await).await.unwrap();
    assert_eq!((day.last, day.trades, day.volume, day.turnover), (Some(12), 3, 6, 74));
    assert_eq!((day.high, day.low, day.vwap_micros()), (Some(14), Some(10), Some(12_333_333)));
    assert_eq!(day.best_bid, Some(DepthLevel { price: 9, quantity: 4, orders: 1 }));
    assert_eq!(day.best_ask, Some(DepthLevel { price: 20, quantity: 5, orders: 1 }));
    let read = async |interval, count| {
        floor.db.read(async move |tx: &mut Tx| candles(tx, CAPABILITY, interval, count, now).await).await.unwrap()
    };
    let minutes = read(Interval::Minute, 3).await;
    assert_eq!(minutes.len(), 2);
    assert_eq!((minutes[0].start, minutes[0].open, minutes[0].volume), (at(86_460), 12, 3));
    let before = minutes[1];
    assert_eq!((before.start, before.open, before.high, before.low, before.close), (at(86_400), 10, 14, 10, 14));
    assert_eq!((before.volume, before.turnover, before.trades), (3, 38, 2));
    assert_eq!(read(Interval::Minute, 1).await.len(), 1);
    let days = read(Interval::Day, 1_000).await;
    assert_eq!((days.len(), days[1].turnover, days[1].close), (2, i128::from(huge), huge));
    let none = floor.db.read(async move |tx: &mut Tx| ticker(tx, "nobody trades this", now).await).await.unwrap();
    assert_eq!((none, none.vwap_micros()), (rialto_market::Ticker::default(), None));
}

async fn trades_are_listed_and_told(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller, other) = (trader(&test.db, 1_000).await, trader(&test.db, 1_000).await, trader(&test.db, 1_000).await);
    for price in [10, 11, 12] {
        floor.bid(buyer, price, 1).await;
        floor.ask(seller, price, 1).await;
        floor.meet().await;
    }
    floor.bid(seller, 5, 1).await;
    floor.ask(other, 5, 1).await;
    floor.meet().await;
    let list = async |filter: TradeFilter, limit, offset| {
        let page = PageRequest::new(limit, offset, 200).unwrap();
        let found = floor.db.read(async move |tx: &mut Tx| trades(tx, &filter.clone(), page).await).await;
        found.map(|trades| trades.iter().map(|trade| trade.price).collect::<Vec<_>>())
    };
    let of = |agent| TradeFilter { agent: Some(agent), ..TradeFilter::default() };
    assert_eq!(list(TradeFilter::default(), 2, 1).await.unwrap(), [12, 11]);
    assert_eq!(list(of(seller.agent), 3, 0).await.unwrap(), [5, 12, 11]);
    assert_eq!(list(of(buyer.agent), 50, 2).await.unwrap(), [10]);
    assert_eq!(list(TradeFilter { capability: Some("elsewhere".into()), ..of(buyer.agent) }, 50, 0).await.unwrap(), [0_i64; 0]);
    assert!(matches!(list(of(buyer.agent), 50, 10_001).await, Err(MarketError::Invalid { field: "offset", .. })));
    let kinds = ["order.placed", "trade.matched", "trade.settled"].map(str::to_owned);
    let told = floor.db.read(async move |tx: &mut Tx| outbox::between(tx, &kinds, 0, i64::MAX).await).await.unwrap();
    let words: Vec<&str> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(words[..4], ["order.placed", "order.placed", "trade.matched", "trade.settled"]);
    assert_eq!(words.len(), 16);
    assert_eq!(
        (&told[0].data["side"], &told[0].data["price"], &told[0].data["capability"]),
        (&"bid".into(), &10.into(), &CAPABILITY.into())
    );
    assert_eq!(
        (&told[3].data["status"], &told[3].data["latency_ms"], &told[3].data["tick"]),
        (&"settled".into(), &0.into(), &7.into())
    );
}

crate::market_suite! {
    a_book_shows_the_best_orders_and_not_the_oldest,
    capabilities_are_listed_with_their_prices,
    what_is_traded_is_listed_before_what_is_only_offered,
    days_of_one_capability_are_added_up_and_are_one,
    orders_are_listed_to_whom_they_belong,
    prices_are_summed_up,
    trades_are_listed_and_told,
}
