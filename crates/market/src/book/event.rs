//! What a book answers: events, and the reasons of refusals.

use super::Side;

/// Something that happened in a book. Every unit of quantity that is placed is accounted for by events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// What an order had left after trading now waits in the book, behind all others of its price.
    Rested {
        /// The order.
        id: u64,
        /// Its side.
        side: Side,
        /// Its price.
        price: u64,
        /// What it has open.
        quantity: u64,
    },
    /// Two orders traded. One that has nothing left is out of the book without a further event.
    Traded {
        /// The order that waited.
        maker: u64,
        /// The order that arrived.
        taker: u64,
        /// The side of the taker.
        side: Side,
        /// The price of the maker.
        price: u64,
        /// How much changed hands; never 0.
        quantity: u64,
        /// What the maker has left.
        maker_left: u64,
        /// What the taker has left.
        taker_left: u64,
    },
    /// Two orders of one owner met under [`SelfTrade::Decrement`](super::SelfTrade::Decrement) and lost the same quantity
    /// without trading. One that has nothing left is out of the book without a further event.
    Decremented {
        /// The order that waited.
        maker: u64,
        /// The order that arrived.
        taker: u64,
        /// How much both lost; never 0.
        quantity: u64,
        /// What the maker has left.
        maker_left: u64,
        /// What the taker has left.
        taker_left: u64,
    },
    /// An order ended before it was filled.
    Cancelled {
        /// The order.
        id: u64,
        /// What it had open; never 0.
        quantity: u64,
        /// Why.
        reason: Reason,
    },
    /// An order has another price or quantity. Without its priority it arrives anew: trades and [`Event::Rested`] may follow.
    Amended {
        /// The order.
        id: u64,
        /// Its price from now on.
        price: u64,
        /// What it has open from now on.
        quantity: u64,
        /// Whether it kept its place in the queue.
        kept_priority: bool,
    },
    /// Nothing changed. The call also returns the reason, so that a reader of events alone misses nothing.
    Refused {
        /// The order that was named.
        id: u64,
        /// Why.
        refusal: Refusal,
    },
}

/// Why an order ended before it was filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Somebody asked for it.
    Requested,
    /// Its time was up.
    Expired,
    /// It may not rest, and there was nobody left to trade with at its price.
    Unfilled,
    /// It had to be filled as a whole or not at all, and could not be.
    NotFillable,
    /// It met an order of the same owner.
    SelfTrade,
}

/// Why a book did nothing. When several reasons hold, the first of them in this order is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The quantity is 0.
    ZeroQuantity,
    /// The price, or the protection of a market order, is 0.
    ZeroPrice,
    /// A market order never rests, so it cannot be post-only.
    MarketPostOnly,
    /// It would expire at or before the last time that the book was told.
    AlreadyExpired,
    /// An order with this id rests.
    Duplicate,
    /// No order with this id rests: it never did, or it was filled, or it ended.
    Unknown,
    /// A post-only order, or one that is restored, would trade.
    WouldTrade,
    /// The quantity of all orders of a side must stay within 64 bits, and with this one it might not.
    QuantityOverflow,
    /// A book holds at most [`Book::ORDERS_MAX`](super::Book::ORDERS_MAX) orders.
    Full,
    /// The book contradicts itself, which is a bug in it, and may have stopped half-way. Restore it from its orders.
    Corrupt,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ZeroQuantity => "the quantity is 0",
            Self::ZeroPrice => "the price is 0",
            Self::MarketPostOnly => "a market order cannot be post-only",
            Self::AlreadyExpired => "the order would have expired already",
            Self::Duplicate => "an order with this id rests",
            Self::Unknown => "no order with this id rests",
            Self::WouldTrade => "the order would trade on arrival",
            Self::QuantityOverflow => "the quantity of the side would exceed 64 bits",
            Self::Full => "the book is full",
            Self::Corrupt => "the book contradicts itself",
        })
    }
}

impl std::error::Error for Refusal {}

/// A link that leads nowhere. It cannot happen; if it does, the caller hears of it instead of a panic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Corrupt;

impl From<Corrupt> for Refusal {
    #[cold]
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}
