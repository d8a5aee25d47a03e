//! A morning on a small market: makers, takers, a change of mind, and what the book says about it.
//!
//! `cargo run -p rialto-market --example book`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use rialto_market::book::{Book, Event, Order, Refusal, SelfTrade, Side, TimeInForce};

const ALICE: u64 = 1;
const BOB: u64 = 2;
const CAROL: u64 = 3;

fn main() -> Result<(), Refusal> {
    let (mut book, mut events) = (Book::new(), Vec::new());

    // Makers: nobody to trade with yet, so these wait.
    book.place(&Order::limit(1, Side::Ask, 105, 40).owner(ALICE), &mut events)?;
    book.place(&Order::limit(2, Side::Ask, 103, 10).owner(BOB), &mut events)?;
    book.place(&Order::limit(3, Side::Ask, 103, 25).owner(ALICE), &mut events)?;
    book.place(&Order::limit(4, Side::Bid, 98, 30).owner(CAROL).time_in_force(TimeInForce::GoodTill(1_200)), &mut events)?;
    show("four orders rest", &book, &mut events);

    book.place(&Order::limit(5, Side::Bid, 104, 20).owner(CAROL), &mut events)?;
    show("Carol buys 20 for 104 at most, and pays 103", &book, &mut events);

    book.amend(3, 102, 15, &mut events)?;
    show("Alice asks for less", &book, &mut events);

    let order = Order::market(6, Side::Bid, 50).owner(ALICE).self_trade(SelfTrade::CancelOldest);
    book.place(&order, &mut events)?;
    show("Alice buys at any price, but not from herself", &book, &mut events);

    book.expire(1_200, &mut events)?;
    show("it is noon", &book, &mut events);

    if let Err(refusal) = book.cancel(4, &mut events) {
        println!("Carol cancels too late: {refusal}");
    }
    Ok(())
}

/// Prints what happened and what the book looks like now.
fn show(title: &str, book: &Book, events: &mut Vec<Event>) {
    println!("# {title}");
    for event in events.drain(..) {
        println!("  {event:?}");
    }
    let asks: Vec<_> = book.depth(Side::Ask).take(5).collect();
    for level in asks.iter().rev() {
        println!("{:>24} {:>5}  in {}", level.price, level.quantity, level.orders);
    }
    for level in book.depth(Side::Bid).take(5) {
        println!("{:>11} {:>5}                in {}", level.price, level.quantity, level.orders);
    }
    println!();
}
