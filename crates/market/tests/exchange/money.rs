//! Where the money is, from the order to the trade.

use rialto_kernel::{Amount, Asset, Ppm};
use rialto_ledger::{AccountState, House, set_account_state};
use rialto_market::{
    Amendment, EndReason, ExchangeOptions, MarketError, NewOrder, OrderStatus, OrderType, TimeInForce, TradeStatus,
    book::{SelfTrade, Side},
};
use rialto_store::{Tx, testing::TestDb};

use crate::support::{CAPABILITY, Floor, account, at, caller, check, check_not_crossed, trader, trader_of};

async fn a_bid_is_held_a_trade_is_paid_and_the_rest_comes_back(test: &TestDb) {
    let options = ExchangeOptions { fee: Ppm::new(25_000).unwrap(), ..ExchangeOptions::default() };
    let floor = Floor::with(&test.db, options);
    let (buyer, seller) = (trader(&test.db, 1_000).await, trader(&test.db, 0).await);
    let bid = floor.bid(buyer, 60, 10).await;
    assert_eq!((bid.status, floor.purse(buyer).await), (OrderStatus::Open, (1_000, 600)));
    let ask = floor.ask(seller, 50, 4).await;
    // They reach each other and rest, until somebody asks for a match.
    assert_eq!((floor.book().await.bids.len(), floor.book().await.asks.len()), (1, 1));
    let trades = floor.meet().await;
    // The bid was there first: it is the maker, and its price counts.
    assert_eq!(trades.len(), 1);
    let trade = &trades[0];
    assert_eq!((trade.price, trade.quantity, trade.fee, trade.taker, trade.tick), (60, 4, 6, Side::Ask, 7));
    assert_eq!((trade.status, trade.bid, trade.ask), (TradeStatus::Settled, bid.id, ask.id));
    assert_eq!(floor.purse(buyer).await, (760, 360));
    assert_eq!(floor.purse(seller).await, (234, 0));
    assert_eq!(account(&test.db, House::Fees.account(Asset::CREDIT)).await.balance, 6);
    let bid = floor.order(bid.id).await;
    assert_eq!((bid.status, bid.remaining, bid.filled), (OrderStatus::PartiallyFilled, 6, 4));
    assert_eq!(floor.order(ask.id).await.status, OrderStatus::Filled);
    check(&test.db).await;
    let cancelled = floor.cancel(&bid).await.unwrap();
    assert_eq!(
        (cancelled.status, cancelled.cancelled, cancelled.reason),
        (OrderStatus::Cancelled, 6, Some(EndReason::Requested))
    );
    assert_eq!(floor.purse(buyer).await, (760, 0));
    assert_eq!(account(&test.db, House::Escrow.account(Asset::CREDIT)).await.held_in, Amount::ZERO);
    // What has ended stays so.
    assert_eq!(floor.cancel(&bid).await.unwrap_err(), MarketError::OrderNotOpen(OrderStatus::Cancelled));
    assert_eq!(floor.cancel(&ask).await.unwrap_err(), MarketError::OrderNotOpen(OrderStatus::Filled));
}

async fn several_makers_fill_one_taker_at_their_prices(test: &TestDb) {
    let floor = Floor::new(&test.db);
    floor.continuous(0).await;
    let buyer = trader(&test.db, 1_000).await;
    let sellers = [trader(&test.db, 0).await, trader(&test.db, 0).await, trader(&test.db, 0).await];
    for (seller, price) in sellers.into_iter().zip([12, 10, 10]) {
        floor.ask(seller, price, 5).await;
    }
    let placed = floor.place(NewOrder::limit(buyer, Side::Bid, CAPABILITY, 20, 13)).await.unwrap();
    // 5 for 10, 5 more for 10, 3 for 12; at 20 it would have been 260, and the difference never left.
    assert_eq!(placed.trades.iter().map(|trade| (trade.price, trade.quantity)).collect::<Vec<_>>(), [(10, 5), (10, 5), (12, 3)]);
    assert_eq!(placed.order.status, OrderStatus::Filled);
    assert_eq!(floor.purse(buyer).await, (1_000 - 136, 0));
    assert_eq!(floor.purse(sellers[0]).await.0, 36);
    // What it does not find it waits for, with just the money for that.
    let placed = floor.place(NewOrder::limit(buyer, Side::Bid, CAPABILITY, 15, 4)).await.unwrap();
    assert_eq!((placed.order.status, placed.order.remaining), (OrderStatus::PartiallyFilled, 2));
    assert_eq!(floor.purse(buyer).await, (1_000 - 136 - 24, 30));
    // And somebody who sells for less gets what the bid offers.
    let sold = floor.place(NewOrder::limit(sellers[0], Side::Ask, CAPABILITY, 1, 2)).await.unwrap();
    assert_eq!((sold.trades[0].price, floor.purse(buyer).await), (15, (1_000 - 136 - 24 - 30, 0)));
}

async fn a_bid_without_money_is_no_bid(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let poor = trader(&test.db, 99).await;
    let short = floor.place(NewOrder::limit(poor, Side::Bid, CAPABILITY, 10, 10)).await.unwrap_err();
    assert_eq!(short, MarketError::InsufficientFunds { available: 99, asked: Amount::new(100).unwrap() });
    assert!(floor.all_orders().await.is_empty());
    // What is held for one order cannot be held for another.
    floor.bid(poor, 9, 6).await;
    assert!(floor.place(NewOrder::limit(poor, Side::Bid, CAPABILITY, 10, 5)).await.is_err());
    floor.bid(poor, 9, 5).await;
    assert_eq!(floor.purse(poor).await, (99, 99));
    floor.continuous(0).await;
    assert!(floor.place(NewOrder::limit(poor, Side::Bid, CAPABILITY, 1, 1)).await.is_err(), "at once it is not for free either");
}

async fn a_market_bid_costs_what_there_is_and_no_more(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    for price in [10, 20, 30, 40] {
        floor.ask(seller, price, 1).await;
    }
    let market = |quantity, price, time_in_force| NewOrder {
        order_type: OrderType::Market,
        time_in_force,
        price,
        ..NewOrder::limit(buyer, Side::Bid, CAPABILITY, 1, quantity)
    };
    // 10 + 20 + 30 + 40 is all it has.
    let short = floor.place(market(4, None, TimeInForce::Fok)).await.map(|placed| placed.order.status);
    assert_eq!(short, Ok(OrderStatus::Filled));
    assert_eq!(floor.purse(buyer).await, (0, 0));
    let buyer = trader(&test.db, 35).await;
    let market = |quantity, price, time_in_force| NewOrder { trader: buyer, ..market(quantity, price, time_in_force) };
    for price in [10, 20, 30] {
        floor.ask(seller, price, 1).await;
    }
    let short = floor.place(market(3, None, TimeInForce::Ioc)).await.unwrap_err();
    assert_eq!(short, MarketError::InsufficientFunds { available: 35, asked: Amount::new(60).unwrap() });
    let protected = floor.place(market(3, Some(20), TimeInForce::Ioc)).await.unwrap();
    assert_eq!((protected.order.status, protected.order.filled), (OrderStatus::Cancelled, 2));
    assert_eq!((protected.order.reason, floor.purse(buyer).await), (Some(EndReason::Unfilled), (5, 0)));
    let none = floor.place(market(2, None, TimeInForce::Fok)).await;
    // One is left, for 30: two cannot be had, whatever they cost.
    assert!(matches!(none, Err(MarketError::InsufficientFunds { .. })), "{none:?}");
}

async fn an_amended_order_holds_what_it_is_now_for(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, other, seller) = (trader(&test.db, 100).await, trader(&test.db, 100).await, trader(&test.db, 0).await);
    let bid = floor.bid(buyer, 10, 5).await;
    floor.bid(other, 10, 5).await;
    let amend = async |price, remaining| {
        let owner = caller(buyer.owner, rialto_kernel::Role::Operator);
        floor.exchange.amend(&owner, bid.id, Amendment { price, remaining, quantity: None }).await.map(|placed| placed.order)
    };
    let less = amend(None, Some(4)).await.unwrap();
    assert_eq!((less.priority, less.quantity, floor.purse(buyer).await), (bid.priority, 4, (100, 40)));
    let short = amend(Some(26), None).await.unwrap_err();
    assert!(matches!(short, MarketError::InsufficientFunds { .. }), "{short:?}");
    assert_eq!(floor.purse(buyer).await, (100, 40));
    let more = amend(None, Some(6)).await.unwrap();
    assert!(more.priority > bid.priority, "more goes to the end of the queue");
    assert_eq!(floor.purse(buyer).await, (100, 60));
    floor.ask(seller, 10, 6).await;
    let trades = floor.meet().await;
    assert_eq!(
        trades.iter().map(|trade| (trade.buyer, trade.quantity)).collect::<Vec<_>>(),
        [(other.agent, 5), (buyer.agent, 1)]
    );
    // Partly filled, then amended: the quantity is what was filled and what is open.
    let rest = amend(Some(11), Some(2)).await.unwrap();
    assert_eq!((rest.quantity, rest.filled, rest.remaining, floor.purse(buyer).await), (3, 1, 2, (90, 22)));
    // The same, said as a whole: three in all, of which one was filled.
    let whole = |quantity| {
        let (floor, owner) = (&floor, caller(buyer.owner, rialto_kernel::Role::Operator));
        let amendment = Amendment { quantity: Some(quantity), ..Amendment::default() };
        async move { floor.exchange.amend(&owner, bid.id, amendment).await.map(|placed| placed.order) }
    };
    assert!(matches!(whole(1).await, Err(MarketError::Invalid { field: "quantity", .. })));
    let grown = whole(4).await.unwrap();
    assert_eq!((grown.remaining, floor.purse(buyer).await), (3, (90, 33)));
    assert_eq!(
        whole(3).await.unwrap(),
        rialto_market::Order { hold: floor.order(bid.id).await.hold, priority: grown.priority, ..rest }
    );
    let stranger = caller(other.owner, rialto_kernel::Role::Operator);
    let refused = floor.exchange.amend(&stranger, bid.id, Amendment { price: Some(1), ..Amendment::default() }).await;
    assert!(matches!(refused, Err(MarketError::Forbidden(_))));
    // Where orders trade as they arrive, an amended one may.
    floor.ask(seller, 12, 1).await;
    floor.continuous(0).await;
    let met = amend(Some(12), None).await.unwrap();
    assert_eq!((met.filled, met.remaining, floor.purse(buyer).await), (2, 1, (78, 12)));
}

async fn who_meets_itself_pays_nobody(test: &TestDb) {
    let floor = Floor::new(&test.db);
    floor.continuous(0).await;
    let buyer = trader(&test.db, 1_000).await;
    let own = trader_of(&test.db, buyer.owner, 0).await;
    for (self_trade, statuses) in [
        (SelfTrade::CancelNewest, (OrderStatus::Cancelled, OrderStatus::Open)),
        (SelfTrade::CancelOldest, (OrderStatus::Open, OrderStatus::Cancelled)),
        (SelfTrade::CancelBoth, (OrderStatus::Cancelled, OrderStatus::Cancelled)),
        (SelfTrade::Decrement, (OrderStatus::Cancelled, OrderStatus::Open)),
    ] {
        for side in [Side::Bid, Side::Ask] {
            let (resting, arriving) = if side == Side::Bid { (own, buyer) } else { (buyer, own) };
            let resting = floor.limit(resting, side.opposite(), 10, 5).await;
            let new = NewOrder { self_trade, ..NewOrder::limit(arriving, side, CAPABILITY, 10, 3) };
            let placed = floor.place(new).await.unwrap();
            let resting = floor.order(resting.id).await;
            assert!(placed.trades.is_empty());
            assert_eq!((placed.order.status, resting.status), statuses, "{self_trade:?} {side:?}");
            check(&test.db).await;
            for order in [&placed.order, &resting].into_iter().filter(|order| order.status.is_open()) {
                floor.cancel(order).await.unwrap();
            }
            assert_eq!(floor.purse(buyer).await, (1_000, 0));
        }
    }
}

async fn a_wallet_that_is_frozen_stops_its_orders_and_no_others(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (frozen, buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 100).await, trader(&test.db, 0).await);
    let stopped = [floor.bid(frozen, 12, 1).await, floor.bid(frozen, 11, 1).await];
    floor.bid(buyer, 10, 3).await;
    let set = async |state| {
        let id = frozen.account;
        test.db.write(async move |tx: &mut Tx| set_account_state(tx, id, state, at(1)).await).await.unwrap();
    };
    set(AccountState::Frozen).await;
    let refused = floor.place(NewOrder::limit(frozen, Side::Bid, CAPABILITY, 1, 1)).await.unwrap_err();
    assert_eq!(refused, MarketError::WalletNotOpen(AccountState::Frozen));
    floor.ask(seller, 9, 2).await;
    let trades = floor.meet().await;
    assert_eq!(trades.iter().map(|trade| (trade.buyer, trade.price, trade.quantity)).collect::<Vec<_>>(), [(buyer.agent, 10, 2)]);
    for order in stopped {
        let order = floor.order(order.id).await;
        assert_eq!((order.status, order.reason), (OrderStatus::Cancelled, Some(EndReason::MoneyRefused)));
    }
    // Its money is its own again, as far as it may use it.
    assert_eq!(floor.purse(frozen).await, (100, 0));
    assert_eq!(floor.purse(buyer).await, (80, 10));
    // The book in memory was right after all that: the next one finds what is left.
    floor.ask(seller, 10, 1).await;
    assert_eq!(floor.meet().await.len(), 1);
    assert_eq!(floor.purse(buyer).await, (70, 0));
    // A seller who can be paid but cannot pay the fee.
    set(AccountState::Open).await;
    floor.continuous(100_000).await;
    let ask = floor.ask(frozen, 10, 2).await;
    set(AccountState::Frozen).await;
    let bid = floor.bid(buyer, 10, 1).await;
    assert_eq!((bid.status, floor.order(ask.id).await.reason), (OrderStatus::Open, Some(EndReason::MoneyRefused)));
    assert_eq!(floor.purse(buyer).await, (70, 10));
    check_not_crossed(&test.db, CAPABILITY).await;
}

async fn time_ends_orders_and_frees_their_money(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    let until = |seconds| NewOrder {
        time_in_force: TimeInForce::Gtt,
        expires_at: Some(at(seconds)),
        ..NewOrder::limit(buyer, Side::Bid, CAPABILITY, 10, 1)
    };
    assert!(matches!(floor.place(until(0)).await, Err(MarketError::Invalid { field: "expires_at", .. })));
    let soon = floor.place(until(10)).await.unwrap().order;
    let met = floor.place(until(20)).await.unwrap().order;
    let late = floor.place(until(100)).await.unwrap().order;
    assert_eq!(floor.purse(buyer).await, (100, 30));
    assert_eq!(floor.meet().await.len(), 0);
    floor.advance(10);
    assert_eq!(floor.exchange.expire_due(100).await.unwrap(), 1);
    assert_eq!(floor.exchange.expire_due(100).await.unwrap(), 0);
    assert_eq!((floor.order(soon.id).await.status, floor.purse(buyer).await), (OrderStatus::Expired, (100, 20)));
    assert_eq!(floor.cancel(&soon).await.unwrap_err(), MarketError::OrderNotOpen(OrderStatus::Expired));
    // Nobody has swept, and yet it does not trade.
    floor.advance(15);
    floor.ask(seller, 1, 5).await;
    let trades = floor.meet().await;
    assert_eq!(trades.iter().map(|trade| trade.bid).collect::<Vec<_>>(), [late.id]);
    let met = floor.order(met.id).await;
    assert_eq!((met.status, met.reason), (OrderStatus::Expired, Some(EndReason::Expired)));
    assert_eq!(floor.purse(buyer).await, (90, 0));
    // On another server, whose book has to be made first.
    floor.ask(seller, 20, 1).await;
    let waiting = NewOrder { expires_at: Some(at(60)), ..until(0) };
    floor.place(waiting).await.unwrap();
    floor.advance(60);
    assert_eq!(floor.another().meet().await.len(), 0);
    assert_eq!(floor.purse(buyer).await, (90, 0));
}

crate::market_suite! {
    a_bid_is_held_a_trade_is_paid_and_the_rest_comes_back,
    several_makers_fill_one_taker_at_their_prices,
    a_bid_without_money_is_no_bid,
    a_market_bid_costs_what_there_is_and_no_more,
    an_amended_order_holds_what_it_is_now_for,
    who_meets_itself_pays_nobody,
    a_wallet_that_is_frozen_stops_its_orders_and_no_others,
    time_ends_orders_and_frees_their_money,
}
