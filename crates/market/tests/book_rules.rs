//! The rules of the book one by one, and a test for each bug that other order books were found to have.
#![expect(clippy::unwrap_used, reason = "tests")]

use rialto_market::book::Side::{Ask, Bid};
use rialto_market::book::{Book, Event, Kind, Level, Order, Reason, Refusal, Resting, SelfTrade, Side, Structure, TimeInForce};

/// Runs a command on a book and returns its events.
fn events(book: &mut Book, command: impl FnOnce(&mut Book, &mut Vec<Event>) -> Result<(), Refusal>) -> Vec<Event> {
    let mut events = Vec::new();
    command(book, &mut events).unwrap();
    events
}

fn place(book: &mut Book, order: Order) -> Vec<Event> {
    events(book, |book, events| book.place(&order, events))
}

fn amend(book: &mut Book, id: u64, price: u64, quantity: u64) -> Vec<Event> {
    events(book, |book, events| book.amend(id, price, quantity, events))
}

/// A refused command, which must leave no trace.
fn refusal(book: &mut Book, command: impl FnOnce(&mut Book, &mut Vec<Event>) -> Result<(), Refusal>) -> Refusal {
    let before = orders(book);
    let mut events = Vec::new();
    let refusal = command(book, &mut events).unwrap_err();
    assert!(matches!(events[..], [Event::Refused { refusal: told, .. }] if told == refusal), "{events:?}");
    assert_eq!(orders(book), before);
    refusal
}

fn orders(book: &Book) -> Vec<Resting> {
    book.orders(Bid).chain(book.orders(Ask)).collect()
}

/// What rests on a side: id and open quantity, in the order of trading.
fn queue(book: &Book, side: Side) -> Vec<(u64, u64)> {
    book.orders(side).map(|order| (order.id, order.quantity)).collect()
}

/// The trades among events: maker, price, quantity.
fn trades(events: &[Event]) -> Vec<(u64, u64, u64)> {
    let trade = |event: &Event| match *event {
        Event::Traded { maker, price, quantity, .. } => Some((maker, price, quantity)),
        _ => None,
    };
    events.iter().filter_map(trade).collect()
}

/// A book in which these asks rest: id, price, quantity.
fn asks(asks: &[(u64, u64, u64)]) -> Book {
    let mut book = Book::new();
    asks.iter().for_each(|&(id, price, quantity)| drop(place(&mut book, Order::limit(id, Ask, price, quantity))));
    book
}

#[test]
fn a_partially_filled_maker_keeps_its_place() {
    let mut book = asks(&[(1, 100, 10), (2, 100, 10)]);
    assert_eq!(trades(&place(&mut book, Order::limit(3, Bid, 100, 4))), [(1, 100, 4)]);
    assert_eq!(trades(&place(&mut book, Order::limit(4, Bid, 100, 10))), [(1, 100, 6), (2, 100, 4)]);
    assert_eq!(queue(&book, Ask), [(2, 6)]);
}

#[test]
fn a_marketable_limit_never_pays_through_its_limit() {
    let mut book = asks(&[(1, 100, 1), (2, 101, 1), (3, 102, 1)]);
    let told = place(&mut book, Order::limit(4, Bid, 101, 5));
    assert_eq!(trades(&told), [(1, 100, 1), (2, 101, 1)]);
    assert_eq!(told[2], Event::Rested { id: 4, side: Bid, price: 101, quantity: 3 });
    let mut book = Book::new();
    place(&mut book, Order::limit(1, Bid, 100, 1));
    place(&mut book, Order::limit(2, Bid, 99, 1));
    assert_eq!(trades(&place(&mut book, Order::limit(3, Ask, 100, 2))), [(1, 100, 1)]);
}

#[test]
fn an_amend_that_crosses_trades_and_never_rests_crossed() {
    let mut book = asks(&[(1, 100, 5), (2, 101, 5)]);
    place(&mut book, Order::limit(3, Bid, 99, 7));
    let told = amend(&mut book, 3, 100, 7);
    assert_eq!(told[0], Event::Amended { id: 3, price: 100, quantity: 7, kept_priority: false });
    assert_eq!(trades(&told), [(1, 100, 5)]);
    assert_eq!(told[2], Event::Rested { id: 3, side: Bid, price: 100, quantity: 2 });
    assert_eq!((book.best(Bid).unwrap().price, book.best(Ask).unwrap().price), (100, 101));
    // And one that is filled on the way is gone.
    assert_eq!(trades(&amend(&mut book, 2, 1, 2)), [(3, 100, 2)]);
    assert!(book.is_empty());
}

#[test]
fn a_partial_fill_is_written_back_to_the_maker() {
    let mut book = asks(&[(1, 100, 10)]);
    place(&mut book, Order::limit(2, Bid, 100, 4));
    assert_eq!(book.get(1).unwrap().quantity, 6);
    assert_eq!(book.best(Ask), Some(Level { price: 100, quantity: 6, orders: 1 }));
    assert_eq!(book.quantity(Ask), 6);
    assert_eq!(trades(&place(&mut book, Order::limit(3, Bid, 100, 10))), [(1, 100, 6)]);
    assert_eq!(book.quantity(Ask), 0);
}

#[test]
fn the_rest_of_an_immediate_order_never_rests() {
    for order in [
        Order::limit(2, Bid, 100, 8).time_in_force(TimeInForce::ImmediateOrCancel),
        Order::market(2, Bid, 8),
        Order::market(2, Bid, 8).time_in_force(TimeInForce::GoodTillCancelled),
    ] {
        let mut book = asks(&[(1, 100, 5)]);
        let told = place(&mut book, order);
        assert_eq!(trades(&told), [(1, 100, 5)]);
        assert_eq!(told[1..], [Event::Cancelled { id: 2, quantity: 3, reason: Reason::Unfilled }]);
        assert!(book.is_empty() && book.get(2).is_none());
    }
}

#[test]
fn a_duplicate_live_id_is_refused() {
    let mut book = asks(&[(1, 100, 5), (2, 100, 5)]);
    for order in [Order::limit(1, Ask, 100, 9), Order::limit(1, Bid, 100, 9), Order::market(1, Bid, 1)] {
        assert_eq!(refusal(&mut book, |book, events| book.place(&order, events)), Refusal::Duplicate);
    }
    assert_eq!(queue(&book, Ask), [(1, 5), (2, 5)]);
    // An id is free again when its order has ended, whichever way.
    place(&mut book, Order::limit(3, Bid, 100, 5));
    events(&mut book, |book, events| book.cancel(2, events));
    place(&mut book, Order::limit(2, Bid, 50, 1));
    place(&mut book, Order::limit(1, Bid, 50, 1));
    assert_eq!(queue(&book, Bid), [(2, 1), (1, 1)]);
}

#[test]
fn nothing_trades_a_quantity_of_zero() {
    let mut book = asks(&[(1, 100, 5), (2, 100, 5)]);
    assert_eq!(refusal(&mut book, |book, events| book.place(&Order::limit(3, Bid, 100, 0), events)), Refusal::ZeroQuantity);
    assert_eq!(refusal(&mut book, |book, events| book.place(&Order::market(3, Bid, 0), events)), Refusal::ZeroQuantity);
    assert_eq!(refusal(&mut book, |book, events| book.amend(1, 100, 0, events)), Refusal::ZeroQuantity);
    // Filled exactly: the next maker is not touched.
    let told = place(&mut book, Order::limit(3, Bid, 100, 5));
    let expected = Event::Traded { maker: 1, taker: 3, side: Bid, price: 100, quantity: 5, maker_left: 0, taker_left: 0 };
    assert_eq!(told, [expected]);
}

#[test]
fn the_best_price_moves_when_its_last_order_is_cancelled() {
    for structure in [Structure::Tree, Structure::Automatic, Structure::Ladder(90)] {
        let mut book = Book::with(structure);
        for (id, price) in [(1, 100), (2, 103), (3, 5_000), (4, 101)] {
            place(&mut book, Order::limit(id, Ask, price, 5));
        }
        for (id, best) in [(1, Some(101)), (3, Some(101)), (4, Some(103)), (2, None)] {
            events(&mut book, |book, events| book.cancel(id, events));
            assert_eq!(book.best(Ask).map(|level| level.price), best);
        }
        assert_eq!(trades(&place(&mut book, Order::market(5, Bid, 1))), []);
    }
}

#[test]
fn no_order_is_dropped_however_many_there_are() {
    let mut book = Book::new();
    for id in 0..5_000 {
        place(&mut book, Order::limit(id, Ask, 100 + id % 7, 1));
    }
    for id in (0..5_000).step_by(3) {
        events(&mut book, |book, events| book.cancel(id, events));
    }
    let filled = trades(&place(&mut book, Order::market(9_999, Bid, 10_000)));
    let mut expected: Vec<u64> = (0..5_000).filter(|id| id % 3 != 0).collect();
    expected.sort_by_key(|id| (id % 7, *id));
    assert_eq!(filled.iter().map(|(maker, ..)| *maker).collect::<Vec<_>>(), expected);
}

#[test]
fn a_cancel_after_a_fill_at_one_price_takes_the_right_order() {
    let mut book = asks(&[(1, 100, 1), (2, 100, 1), (3, 100, 1)]);
    assert_eq!(trades(&place(&mut book, Order::limit(4, Bid, 100, 1))), [(1, 100, 1)]);
    events(&mut book, |book, events| book.cancel(2, events));
    assert_eq!(queue(&book, Ask), [(3, 1)]);
    assert_eq!(trades(&place(&mut book, Order::limit(5, Bid, 100, 2))), [(3, 100, 1)]);
    assert_eq!((queue(&book, Ask), queue(&book, Bid)), (vec![], vec![(5, 1)]));
}

#[test]
fn what_does_not_rest_cannot_be_cancelled_or_amended() {
    let mut book = asks(&[(1, 100, 5)]);
    place(&mut book, Order::limit(2, Bid, 100, 5));
    for id in [1, 2, 3] {
        assert_eq!(refusal(&mut book, |book, events| book.cancel(id, events)), Refusal::Unknown);
        assert_eq!(refusal(&mut book, |book, events| book.amend(id, 100, 1, events)), Refusal::Unknown);
    }
    place(&mut book, Order::limit(4, Bid, 100, 5));
    events(&mut book, |book, events| book.cancel(4, events));
    assert_eq!(refusal(&mut book, |book, events| book.cancel(4, events)), Refusal::Unknown);
}

#[test]
fn only_less_quantity_at_the_same_price_keeps_priority() {
    let mut book = asks(&[(1, 100, 10), (2, 100, 10), (3, 101, 10)]);
    let kept = |id, quantity, kept_priority| Event::Amended { id, price: 100, quantity, kept_priority };
    assert_eq!(amend(&mut book, 1, 100, 4), [kept(1, 4, true)]);
    assert_eq!(amend(&mut book, 1, 100, 4), [kept(1, 4, true)]);
    assert_eq!(queue(&book, Ask), [(1, 4), (2, 10), (3, 10)]);
    assert_eq!(amend(&mut book, 1, 100, 5), [kept(1, 5, false), Event::Rested { id: 1, side: Ask, price: 100, quantity: 5 }]);
    assert_eq!(queue(&book, Ask), [(2, 10), (1, 5), (3, 10)]);
    amend(&mut book, 2, 101, 1);
    assert_eq!(queue(&book, Ask), [(1, 5), (3, 10), (2, 1)]);
    assert_eq!(book.quantity(Ask), 16);
}

#[test]
fn fill_or_kill_trades_all_or_nothing() {
    let all_or_nothing = |quantity| Order::limit(9, Bid, 101, quantity).time_in_force(TimeInForce::FillOrKill);
    let mut book = asks(&[(1, 100, 5), (2, 101, 5), (3, 102, 5)]);
    let before = orders(&book);
    for order in [all_or_nothing(11), Order::market(9, Bid, 16).time_in_force(TimeInForce::FillOrKill)] {
        let killed = Event::Cancelled { id: 9, quantity: order.quantity, reason: Reason::NotFillable };
        assert_eq!(place(&mut book, order), [killed]);
        assert_eq!(orders(&book), before);
    }
    assert_eq!(trades(&place(&mut book, all_or_nothing(10))), [(1, 100, 5), (2, 101, 5)]);
    assert_eq!(queue(&book, Bid), []);
}

#[test]
fn fill_or_kill_does_not_count_on_its_own_owner() {
    for (self_trade, is_filled) in [
        (SelfTrade::CancelNewest, false),
        (SelfTrade::CancelOldest, true),
        (SelfTrade::CancelBoth, false),
        (SelfTrade::Decrement, false),
    ] {
        let mut book = asks(&[(1, 100, 5), (3, 102, 5)]);
        place(&mut book, Order::limit(2, Ask, 101, 5).owner(7));
        let order = Order::market(9, Bid, 10).owner(7).self_trade(self_trade).time_in_force(TimeInForce::FillOrKill);
        assert_eq!(trades(&place(&mut book, order)).len(), if is_filled { 2 } else { 0 }, "{self_trade:?}");
        let left = if is_filled { vec![] } else { vec![(1, 5), (2, 5), (3, 5)] };
        assert_eq!(queue(&book, Ask), left);
    }
    // Own orders behind the last one that it needs are in nobody's way.
    let mut book = asks(&[(1, 100, 5)]);
    place(&mut book, Order::limit(2, Ask, 101, 5).owner(7));
    let order = Order::market(9, Bid, 5).owner(7).time_in_force(TimeInForce::FillOrKill);
    assert_eq!(trades(&place(&mut book, order)), [(1, 100, 5)]);
}

#[test]
fn post_only_never_takes() {
    let post_only = |price| Order::limit(2, Bid, price, 5).time_in_force(TimeInForce::PostOnly);
    let mut book = asks(&[(1, 100, 5)]);
    assert_eq!(refusal(&mut book, |book, events| book.place(&post_only(100), events)), Refusal::WouldTrade);
    place(&mut book, post_only(99));
    assert_eq!(refusal(&mut book, |book, events| book.amend(2, 100, 5, events)), Refusal::WouldTrade);
    // It is a maker all the same, and stays post-only through a restore.
    let mut book = Book::restore(Structure::Tree, orders(&book)).unwrap();
    assert_eq!(refusal(&mut book, |book, events| book.amend(2, 100, 5, events)), Refusal::WouldTrade);
    assert_eq!(trades(&place(&mut book, Order::limit(3, Ask, 90, 5))), [(2, 99, 5)]);
    let market = Order::market(4, Bid, 5).time_in_force(TimeInForce::PostOnly);
    assert_eq!(refusal(&mut book, |book, events| book.place(&market, events)), Refusal::MarketPostOnly);
}

#[test]
fn a_market_order_trades_within_its_protection() {
    let mut book = asks(&[(1, 100, 5), (2, 101, 5)]);
    let protected = Order { kind: Kind::Market { protection: Some(100) }, ..Order::market(3, Bid, 9) };
    let told = place(&mut book, protected);
    assert_eq!(trades(&told), [(1, 100, 5)]);
    assert_eq!(told[1], Event::Cancelled { id: 3, quantity: 4, reason: Reason::Unfilled });
    assert_eq!(trades(&place(&mut book, Order::market(3, Bid, 5))), [(2, 101, 5)]);
    place(&mut book, Order::limit(4, Bid, 1, 5));
    assert_eq!(trades(&place(&mut book, Order::market(3, Ask, 9))), [(4, 1, 5)]);
}

#[test]
fn the_arriving_order_says_who_gives_way_to_its_own_owner() {
    let met = |self_trade, maker, taker| {
        let mut book = Book::new();
        place(&mut book, Order::limit(1, Ask, 100, maker).owner(7));
        place(&mut book, Order::limit(2, Ask, 100, 5).owner(8));
        let told = place(&mut book, Order::limit(3, Bid, 100, taker).owner(7).self_trade(self_trade));
        (told, queue(&book, Ask), queue(&book, Bid))
    };
    let gone = |id, quantity| Event::Cancelled { id, quantity, reason: Reason::SelfTrade };
    let with_2 = Event::Traded { maker: 2, taker: 3, side: Bid, price: 100, quantity: 5, maker_left: 0, taker_left: 1 };
    let rested = Event::Rested { id: 3, side: Bid, price: 100, quantity: 1 };
    assert_eq!(met(SelfTrade::CancelNewest, 4, 6), (vec![gone(3, 6)], vec![(1, 4), (2, 5)], vec![]));
    assert_eq!(met(SelfTrade::CancelOldest, 4, 6), (vec![gone(1, 4), with_2, rested], vec![], vec![(3, 1)]));
    assert_eq!(met(SelfTrade::CancelBoth, 4, 6), (vec![gone(1, 4), gone(3, 6)], vec![(2, 5)], vec![]));
    let less = |quantity, maker_left, taker_left| Event::Decremented { maker: 1, taker: 3, quantity, maker_left, taker_left };
    assert_eq!(met(SelfTrade::Decrement, 4, 10), (vec![less(4, 0, 6), with_2, rested], vec![], vec![(3, 1)]));
    assert_eq!(met(SelfTrade::Decrement, 9, 6), (vec![less(6, 3, 0)], vec![(1, 3), (2, 5)], vec![]));
}

#[test]
fn orders_without_an_owner_trade_with_each_other() {
    let mut book = asks(&[(1, 100, 5)]);
    assert_eq!(trades(&place(&mut book, Order::limit(2, Bid, 100, 5))), [(1, 100, 5)]);
}

#[test]
fn orders_expire_when_their_time_has_come() {
    let until = |id, time| Order::limit(id, Ask, 100, id).time_in_force(TimeInForce::GoodTill(time));
    let mut book = Book::new();
    for (id, time) in [(1, 30), (2, 20), (3, 10), (5, 20), (4, 20), (6, 10)] {
        place(&mut book, until(id, time));
    }
    place(&mut book, Order::limit(7, Ask, 100, 7));
    assert_eq!(book.get(2).unwrap().expires_at, Some(20));
    assert_eq!(events(&mut book, |book, events| book.expire(9, events)), []);
    // One leaves before its time; what is amended keeps it.
    events(&mut book, |book, events| book.cancel(6, events));
    amend(&mut book, 5, 101, 9);
    let gone = |id, quantity| Event::Cancelled { id, quantity, reason: Reason::Expired };
    let told = events(&mut book, |book, events| book.expire(20, events));
    assert_eq!(told, [gone(3, 3), gone(2, 2), gone(4, 4), gone(5, 9)]);
    assert_eq!(queue(&book, Ask), [(1, 1), (7, 7)]);
    // Time does not run backwards.
    assert_eq!(events(&mut book, |book, events| book.expire(5, events)), []);
    assert_eq!(refusal(&mut book, |book, events| book.place(&until(8, 20), events)), Refusal::AlreadyExpired);
    place(&mut book, until(8, 21));
}

#[test]
fn extreme_prices_and_quantities_are_orders_like_others() {
    let mut book = Book::new();
    place(&mut book, Order::limit(u64::MAX, Bid, 1, u64::MAX));
    place(&mut book, Order::limit(0, Ask, u64::MAX, u64::MAX));
    for (order, why) in [
        (Order::limit(1, Bid, 1, 1), Refusal::QuantityOverflow),
        (Order::limit(1, Ask, u64::MAX, u64::MAX), Refusal::QuantityOverflow),
        (Order::limit(1, Ask, 0, 1), Refusal::ZeroPrice),
        (Order { kind: Kind::Market { protection: Some(0) }, ..Order::market(1, Ask, 1) }, Refusal::ZeroPrice),
    ] {
        assert_eq!(refusal(&mut book, |book, events| book.place(&order, events)), why);
    }
    amend(&mut book, 0, u64::MAX, 3);
    let overflow = refusal(&mut book, |book, events| book.amend(u64::MAX, 2, 0, events));
    assert_eq!(overflow, Refusal::ZeroQuantity);
    assert_eq!(trades(&place(&mut book, Order::market(1, Ask, u64::MAX))), [(u64::MAX, 1, u64::MAX)]);
    assert_eq!(trades(&place(&mut book, Order::limit(1, Bid, u64::MAX, u64::MAX))), [(0, u64::MAX, 3)]);
    assert_eq!(queue(&book, Bid), [(1, u64::MAX - 3)]);
}

#[test]
fn a_restored_book_refuses_what_could_not_rest() {
    let bid = asks(&[(1, 100, 5)]).get(1).map(|ask| Resting { side: Bid, ..ask }).unwrap();
    let ask = Resting { id: 2, side: Ask, price: 101, ..bid };
    let restore = |orders: &[Resting]| Book::restore(Structure::Automatic, orders.iter().copied()).map(|book| book.len());
    assert_eq!(restore(&[bid, ask]), Ok(2));
    assert_eq!(restore(&[bid, Resting { id: 1, ..ask }]), Err(Refusal::Duplicate));
    assert_eq!(restore(&[ask, Resting { price: 101, ..bid }]), Err(Refusal::WouldTrade));
    assert_eq!(restore(&[Resting { quantity: 0, ..bid }]), Err(Refusal::ZeroQuantity));
    assert_eq!(restore(&[Resting { price: 0, ..bid }]), Err(Refusal::ZeroPrice));
    assert_eq!(restore(&[bid, Resting { id: 3, quantity: u64::MAX, ..bid }]), Err(Refusal::QuantityOverflow));
}
