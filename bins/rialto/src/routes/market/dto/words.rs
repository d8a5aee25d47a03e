//! The market's words, as JSON and the document have them.

use rialto_market::{self as market, book};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An enum of the market's, on the wire. The words are taken as they stand: as literals they would be hidden from the document.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident = $model:path { $($(#[$variant_doc:meta])* $variant:ident = $word:tt,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)* }

        impl From<$name> for $model {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => Self::$variant,)* }
            }
        }

        impl From<$model> for $name {
            fn from(model: $model) -> Self {
                match model { $(<$model>::$variant => Self::$variant,)* }
            }
        }

        #[cfg(test)]
        impl $name {
            fn check() {
                for (word, variant) in [$(($word, $name::$variant)),*] {
                    assert_eq!((<$model>::from(variant).as_str(), <$model>::from_word(word)), (word, Some(variant.into())));
                }
            }
        }
    };
}

words! {
    /// Buy or sell.
    OrderSide = book::Side {
        /// Buy.
        Bid = "bid",
        /// Sell.
        Ask = "ask",
    }
}

words! {
    /// At what price an order trades: `limit` at its price or better; `market` at whatever price there is, or at its price or better
    /// if it has one. A market order never rests.
    OrderKind = market::OrderType {
        /// At its price or better.
        Limit = "limit",
        /// At whatever price there is.
        Market = "market",
    }
}

words! {
    /// How long an order waits: `gtc` until it is filled or cancelled; `ioc` not at all, what is not filled at once is cancelled;
    /// `fok` not at all, it is filled at once and whole or not at all; `post_only` like `gtc`, and it is refused rather than trade as it
    /// arrives; `gtt` until `expires_at`.
    OrderTimeInForce = market::TimeInForce {
        /// Good till cancelled.
        Gtc = "gtc",
        /// Immediate or cancel.
        Ioc = "ioc",
        /// Fill or kill.
        Fok = "fok",
        /// Maker or nothing.
        PostOnly = "post_only",
        /// Good till time.
        Gtt = "gtt",
    }
}

words! {
    /// Which of two orders of one owner gives way when they meet: the one that arrives, the one that rests, both, or both by the
    /// smaller quantity. The policy of the order that arrives counts.
    SelfTradePolicy = book::SelfTrade {
        /// The one that arrives.
        CancelNewest = "cancel_newest",
        /// The one that rests.
        CancelOldest = "cancel_oldest",
        /// Both.
        CancelBoth = "cancel_both",
        /// Both, by the smaller quantity.
        Decrement = "decrement",
    }
}

words! {
    /// Where an order stands: `open` and `partially_filled` are in the book, the others have ended.
    OrderState = market::OrderStatus {
        /// It waits, and nothing of it was filled.
        Open = "open",
        /// It waits, and something of it was filled.
        PartiallyFilled = "partially_filled",
        /// It was filled.
        Filled = "filled",
        /// It ended before it was filled.
        Cancelled = "cancelled",
        /// Its time was up before it was filled.
        Expired = "expired",
        /// It never came into the book.
        Rejected = "rejected",
    }
}

words! {
    /// Why an order ended before it was filled.
    OrderEnd = market::EndReason {
        /// Somebody asked for it.
        Requested = "requested",
        /// Its time was up.
        Expired = "expired",
        /// It may not rest, and there was nobody left to trade with at its price.
        Unfilled = "unfilled",
        /// It had to be filled whole or not at all, and could not be.
        NotFillable = "not_fillable",
        /// It met an order of the same owner.
        SelfTrade = "self_trade",
        /// It is post-only and would have traded as it arrived.
        WouldTrade = "would_trade",
        /// A trade came, and the wallet could not pay or be paid.
        MoneyRefused = "money_refused",
        /// There are too many orders in the book.
        BookFull = "book_full",
        /// Its agent was deleted, or switched off.
        AgentStopped = "agent_stopped",
    }
}

words! {
    /// Where a trade stands: `settled` paid, and that is all so far; `delivering` the seller is being called; `delivered` the seller did
    /// what it was asked; `failed` it did not, and could not pay back; `reversed` it did not, and the buyer has its money back.
    TradeState = market::TradeStatus {
        /// It is paid.
        Settled = "settled",
        /// It is paid, and being delivered.
        Delivering = "delivering",
        /// It is paid, and was delivered.
        Delivered = "delivered",
        /// It is paid, was not delivered, and could not be paid back.
        Failed = "failed",
        /// It was not delivered, and is paid back.
        Reversed = "reversed",
    }
}

words! {
    /// The length of a candle.
    CandleInterval = market::Interval {
        /// One minute.
        Minute = "1m",
        /// Five minutes.
        FiveMinutes = "5m",
        /// Fifteen minutes.
        QuarterHour = "15m",
        /// One hour.
        Hour = "1h",
        /// Four hours.
        FourHours = "4h",
        /// One day, from midnight to midnight UTC.
        Day = "1d",
    }
}

/// When an order may trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderMatching {
    /// As its capability has it: when somebody asks for a match, or at once where the capability is continuous.
    Default,
    /// As it arrives, after what waited before it.
    Immediate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_the_markets() {
        OrderSide::check();
        OrderKind::check();
        OrderTimeInForce::check();
        SelfTradePolicy::check();
        OrderState::check();
        OrderEnd::check();
        TradeState::check();
        CandleInterval::check();
    }
}
