//! A limit order book with price-time priority: pure, deterministic, embeddable.
//!
//! No I/O, no clock, no floats, no dependency. Start at [`Book`].

mod command;
mod event;
mod expiry;
mod ids;
mod levels;
mod matching;
mod nodes;
mod order;
mod prices;
mod queue;
mod table;
mod tree;
mod view;
mod window;

pub use event::{Event, Reason, Refusal};
pub use order::{Kind, Level, Order, Resting, SelfTrade, Side, TimeInForce};
pub use prices::Structure;

use expiry::Expiries;
use ids::Ids;
use levels::Levels;
use nodes::Nodes;
use prices::Prices;
use queue::Half;

/// The orders of one market that wait for somebody to trade with.
///
/// # What a limit order book is
/// Who wants to buy places a **bid**, who wants to sell an **ask**; each says for how much at most, or at least, and what
/// quantity. An order that finds nobody to trade with *rests* in the book. The highest bid and the lowest ask are the
/// **best** prices, and the highest bid is always below the lowest ask: as soon as an order arrives that reaches the other
/// side, the two trade.
///
/// **Price-time priority** says who trades first: the best price, and at the same price who has waited longest. The one that
/// waited is the **maker**, the one that arrived the **taker**, and the trade is at the *maker's* price, which the taker asked
/// for or does better with:
///
/// ```
/// use rialto_market::book::{Book, Event, Order, Side};
///
/// let (mut book, mut events) = (Book::new(), Vec::new());
/// book.place(&Order::limit(1, Side::Ask, 101, 5), &mut events)?;
/// book.place(&Order::limit(2, Side::Ask, 100, 5), &mut events)?;
/// book.place(&Order::limit(3, Side::Ask, 100, 5), &mut events)?;
///
/// // Buys 7 for 102 at most: all 5 of order 2, which is cheaper than 1 and older than 3, and then 2 of order 3.
/// events.clear();
/// book.place(&Order::limit(4, Side::Bid, 102, 7), &mut events)?;
/// let trade = |maker, quantity, maker_left, taker_left| Event::Traded {
///     maker, taker: 4, side: Side::Bid, price: 100, quantity, maker_left, taker_left,
/// };
/// assert_eq!(events, [trade(2, 5, 0, 2), trade(3, 2, 3, 0)]);
///
/// // Order 3 was filled in part and keeps its place.
/// assert_eq!(book.best(Side::Ask).map(|level| (level.price, level.quantity)), Some((100, 3)));
/// # Ok::<(), rialto_market::book::Refusal>(())
/// ```
///
/// # How long an order lives
/// [`TimeInForce`] says it: until it is cancelled, until a time ([`Book::expire`] tells the book that it has come), not at all
/// (immediate-or-cancel, and fill-or-kill for all or nothing), or only as a maker (post-only). A [market order](Kind::Market)
/// accepts any price and never rests.
///
/// ```
/// use rialto_market::book::{Book, Event, Order, Reason, Refusal, Side, TimeInForce};
///
/// let (mut book, mut events) = (Book::new(), Vec::new());
/// book.place(&Order::limit(1, Side::Ask, 100, 5).time_in_force(TimeInForce::GoodTill(60)), &mut events)?;
///
/// let all_or_nothing = Order::limit(2, Side::Bid, 100, 6).time_in_force(TimeInForce::FillOrKill);
/// book.place(&all_or_nothing, &mut events)?;
/// assert_eq!(events.last(), Some(&Event::Cancelled { id: 2, quantity: 6, reason: Reason::NotFillable }));
///
/// let maker_only = Order::limit(3, Side::Bid, 100, 1).time_in_force(TimeInForce::PostOnly);
/// assert_eq!(book.place(&maker_only, &mut events), Err(Refusal::WouldTrade));
///
/// book.expire(60, &mut events)?;
/// assert_eq!(events.last(), Some(&Event::Cancelled { id: 1, quantity: 5, reason: Reason::Expired }));
/// # Ok::<(), Refusal>(())
/// ```
///
/// # Nobody trades with itself
/// Two orders with the same [owner](Order::owner) never trade; [`SelfTrade`] of the arriving one says which of them gives way.
///
/// ```
/// use rialto_market::book::{Book, Event, Order, Reason, SelfTrade, Side};
///
/// let (mut book, mut events) = (Book::new(), Vec::new());
/// book.place(&Order::limit(1, Side::Ask, 100, 5).owner(7), &mut events)?;
/// book.place(&Order::limit(2, Side::Bid, 100, 3).owner(7).self_trade(SelfTrade::CancelOldest), &mut events)?;
/// assert_eq!(events[1], Event::Cancelled { id: 1, quantity: 5, reason: Reason::SelfTrade });
/// assert_eq!(events[2], Event::Rested { id: 2, side: Side::Bid, price: 100, quantity: 3 });
/// # Ok::<(), rialto_market::book::Refusal>(())
/// ```
///
/// # Changing one's mind
/// [`Book::cancel`] ends an order; [`Book::amend`] gives it another price or quantity. Less quantity at the same price keeps
/// its place in the queue. Everything else sends it to the end of one, and if it now reaches the other side it trades.
///
/// # Keeping a book
/// The book is memory only. The same commands on the same book give the same events, so a log of commands is a book; and
/// [`Book::restore`] makes one from its orders:
///
/// ```
/// use rialto_market::book::{Book, Order, Side};
///
/// let (mut book, mut events) = (Book::new(), Vec::new());
/// book.place(&Order::limit(1, Side::Bid, 99, 5), &mut events)?;
/// book.place(&Order::limit(2, Side::Ask, 100, 5), &mut events)?;
///
/// let orders: Vec<_> = book.orders(Side::Bid).chain(book.orders(Side::Ask)).collect();
/// let same = Book::restore(Default::default(), orders.iter().copied())?;
/// assert!(same.orders(Side::Bid).chain(same.orders(Side::Ask)).eq(orders));
/// # Ok::<(), rialto_market::book::Refusal>(())
/// ```
///
/// # What always holds
/// 1. The best bid is below the best ask, after every call.
/// 2. Who comes first at a price trades first. A partial fill takes nobody's place away.
/// 3. Each trade is at the maker's price, and that is within the taker's limit.
/// 4. Every unit of quantity that was placed has been traded, cancelled, decremented, amended away, or rests, and events say so.
/// 5. A call that returns a [`Refusal`] has changed nothing and its only event is [`Event::Refused`];
///    [`Refusal::Corrupt`] excepted, which does not happen.
/// 6. No input makes it panic or overflow, and prices and quantities may be anything from 1 to [`u64::MAX`].
///
/// # What it costs
/// Placing and cancelling take constant time next to other orders of a price, plus a search among prices for the first order
/// of one; each trade takes constant time; expiring, the logarithm of the orders that expire. Ids that come in a row are
/// found without a search, all others by a hash.
///
/// A resting order takes 32 bytes, 8 more in a book that has seen an owner, and 12 to 24 of index; a price takes 40 and, outside
/// of the ladder ([`Structure`]), at least 16. The first order of a book makes it 8 kB. Memory is used again and not given back:
/// a book that has been at its size before does not allocate, and one that grows never moves its orders.
#[derive(Debug, Clone)]
pub struct Book {
    bids: Half,
    asks: Half,
    nodes: Nodes,
    levels: Levels,
    prices: Prices,
    ids: Ids,
    expiries: Expiries,
    /// The last time that the caller told.
    now: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

impl Book {
    /// A book holds at most so many orders: 536,870,912.
    pub const ORDERS_MAX: u32 = nodes::NUMBERS;

    /// An empty book that suits itself to its prices.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Structure::Automatic)
    }

    /// An empty book that finds prices as told.
    #[must_use]
    pub fn with(structure: Structure) -> Self {
        Self {
            bids: Half::EMPTY,
            asks: Half::EMPTY,
            nodes: Nodes::new(),
            levels: Levels::new(),
            prices: Prices::new(structure),
            ids: Ids::new(),
            expiries: Expiries::new(),
            now: 0,
        }
    }

    /// The book in which `orders` rest. Those of one side and price stand in the order in which they come; in which order the
    /// prices and sides come does not matter, so what [`Book::orders`] gives is right, and the order of arrival too.
    ///
    /// Tell it the time with [`Book::expire`] before it is used.
    ///
    /// # Errors
    /// Why an order cannot rest beside those before it: a zero, an id that comes twice, a bid that is not below all asks
    /// ([`Refusal::WouldTrade`]), too much of something.
    pub fn restore(structure: Structure, orders: impl IntoIterator<Item = Resting>) -> Result<Self, Refusal> {
        let mut book = Self::with(structure);
        for order in orders {
            command::no_zeros(order.price, order.quantity)?;
            book.is_new(order.id)?;
            book.make_room(order.side, order.quantity, 0)?;
            if book.crosses(order.side, order.price) {
                return Err(Refusal::WouldTrade);
            }
            book.put_in(&order)?;
        }
        Ok(book)
    }
}
