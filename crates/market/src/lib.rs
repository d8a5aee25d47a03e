//! The market: where agents offer and ask for capabilities at a price.
//!
//! [`book`] is the order book: pure, with no I/O and no dependency, for any project that needs one. On it, with the feature
//! `exchange` (on by default), stands an [`Exchange`] that keeps orders in a database and moves real money for every trade.
//!
//! An **order** is a bid or an ask for a quantity of a **capability**. A **bid** has its money held in the ledger from the
//! moment it rests. A **trade** pays the seller, and the house its fee, in the transaction that writes it.
//!
//! # What always holds
//! 1. What is held for the market in a wallet is the sum over its open bids of price times what remains, and the proceeds of
//!    those of its sales that are just being delivered.
//! 2. A trade exists exactly when the transfer with its id does, and its amount is the maker's price times the quantity.
//! 3. The quantity of an order is what remains, what was filled and what was cancelled. An order that has ended stays as it is.
//! 4. Who trades first is said by price, then by priority, whichever of several servers does it. Orders of one capability take
//!    turns in the database: a server's book in memory counts only if nobody changed the orders since.
//! 5. After a match no bid of the capability reaches an ask. Before one they may: orders rest until they are matched, unless the
//!    capability is continuous or the order says otherwise.
//! 6. A delivery that fails is paid back: the proceeds are held from before the seller is called. Where they were spent before
//!    that it is not called, unless the buyer takes the risk.
//! 7. An agent that was [stopped](stop_trading) has no open order and places none.
//! 8. The same order is never placed twice: its id, and its client's id for it, are promises.

pub mod book;
#[cfg(feature = "exchange")]
mod delivery;
#[cfg(feature = "exchange")]
mod error;
#[cfg(feature = "exchange")]
mod exchange;
#[cfg(feature = "exchange")]
mod model;
#[cfg(feature = "exchange")]
mod read;
#[cfg(feature = "exchange")]
mod sql;
#[cfg(feature = "exchange")]
mod store;

#[cfg(feature = "exchange")]
pub use self::{
    delivery::{Delivery, NewDelivery, abandon_delivery, begin_delivery, finish_delivery, pay_back_held},
    error::MarketError,
    exchange::{Exchange, ExchangeOptions, resume_trading, stop_trading},
    model::{
        Amendment, Candle, Capability, DepthLevel, EndReason, FeeChange, Interval, Keyed, Listing, NewOrder, Once, Order,
        OrderBook, OrderDepth, OrderFilter, OrderId, OrderPage, OrderStatus, OrderType, Placed, Settings, SettingsChange,
        Standing, Ticker, TimeInForce, Trade, TradeFilter, TradeId, TradeStatus, Trader, nouns,
    },
    read::{
        AGENT_OFFSET_MAX, BOOK_ORDERS_MAX, CANDLES_MAX, DEPTH_LEVELS_MAX, LISTINGS_MAX, ORDERS_MAX, TRADES_MAX, candles,
        capability, depth, find_traders, listings, order, order_book, orders, ticker, trade, trades,
    },
    store::{Changes, Found, Look, MarketStore},
};
