//! The words of the market, as databases and clients see them.

use rialto_kernel::Timestamp;

use crate::book::{Reason, SelfTrade, Side};

/// An enum whose variants are words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that databases and clients see.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}

words! {
    /// At what price an order trades.
    OrderType {
        /// At its price or better.
        Limit = "limit",
        /// At whatever price there is, or at its price or better if it has one. It never rests.
        Market = "market",
    }
}

words! {
    /// How long an order waits for somebody to trade with.
    TimeInForce {
        /// Until it is filled or cancelled.
        Gtc = "gtc",
        /// Not at all: what is not filled at once is cancelled.
        Ioc = "ioc",
        /// Not at all: it is filled at once and whole, or not at all.
        Fok = "fok",
        /// Until it is filled or cancelled (or expires), and never as the one that arrives: then it is rejected.
        PostOnly = "post_only",
        /// Until a time.
        Gtt = "gtt",
    }
}

words! {
    /// Where an order stands.
    OrderStatus {
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

impl OrderStatus {
    /// Whether the order can still trade.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::PartiallyFilled)
    }
}

words! {
    /// Why an order ended before it was filled.
    EndReason {
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
        /// A trade came, and the wallet could not pay or be paid: it is frozen or closed, say.
        MoneyRefused = "money_refused",
        /// There are too many orders in the book.
        BookFull = "book_full",
        /// Its agent was deleted, or switched off.
        AgentStopped = "agent_stopped",
    }
}

impl From<Reason> for EndReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Requested => Self::Requested,
            Reason::Expired => Self::Expired,
            Reason::Unfilled => Self::Unfilled,
            Reason::NotFillable => Self::NotFillable,
            Reason::SelfTrade => Self::SelfTrade,
        }
    }
}

words! {
    /// Where a trade stands. The money has moved in every state but the last.
    TradeStatus {
        /// It is paid.
        Settled = "settled",
        /// It is paid, and what was bought is being delivered.
        Delivering = "delivering",
        /// It is paid, and what was bought was delivered.
        Delivered = "delivered",
        /// It is paid, what was bought was not delivered, and the seller could not pay back.
        Failed = "failed",
        /// What was bought was not delivered, and the buyer has its money back.
        Reversed = "reversed",
    }
}

impl Side {
    /// The word that databases and clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bid => "bid",
            Self::Ask => "ask",
        }
    }

    /// The side with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Bid, Self::Ask].into_iter().find(|side| side.as_str() == word)
    }
}

impl SelfTrade {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CancelNewest, Self::CancelOldest, Self::CancelBoth, Self::Decrement];

    /// The word that databases and clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CancelNewest => "cancel_newest",
            Self::CancelOldest => "cancel_oldest",
            Self::CancelBoth => "cancel_both",
            Self::Decrement => "decrement",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

words! {
    /// How long a candle burns.
    Interval {
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

impl Interval {
    /// Its length.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::QuarterHour => 900,
            Self::Hour => 3_600,
            Self::FourHours => 14_400,
            Self::Day => 86_400,
        }
    }

    /// When the one began that a moment is in.
    #[must_use]
    pub const fn start(self, moment: Timestamp) -> Timestamp {
        let length = self.seconds().saturating_mul(1_000_000);
        Timestamp::from_micros(moment.micros().saturating_sub(moment.micros().rem_euclid(length)))
    }
}
