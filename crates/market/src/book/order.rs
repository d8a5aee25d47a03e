//! What is asked of a book: orders, how long they live, and what happens when an owner meets itself.

/// The side of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Wants to buy, for its price or less.
    Bid,
    /// Wants to sell, for its price or more.
    Ask,
}

impl Side {
    /// The side that this one trades with.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }

    /// Whether an order of this side at `limit` may trade with one that rests at `price` on the other side.
    #[must_use]
    pub const fn accepts(self, limit: u64, price: u64) -> bool {
        let makers = self.opposite();
        makers.rank(price) <= makers.rank(limit)
    }

    /// Whether `price` comes before `other` on this side: a higher bid, a lower ask.
    #[must_use]
    pub const fn prefers(self, price: u64, other: u64) -> bool {
        self.rank(price) < self.rank(other)
    }

    /// A number for `price` that is the lower the better the price is on this side. With it, one comparison does for both
    /// sides; which side an order is of is as good as random, and a branch on it is one that a processor often guesses wrong.
    #[inline]
    pub(super) const fn rank(self, price: u64) -> u64 {
        let inverted = match self {
            Self::Bid => u64::MAX,
            Self::Ask => 0,
        };
        price ^ inverted
    }
}

/// At what price an order trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// At this price or better.
    Limit(u64),
    /// At whatever price there is. What is not filled at once is cancelled: a market order never rests.
    Market {
        /// The worst price that is accepted, if there is one.
        protection: Option<u64>,
    },
}

/// How long an order waits for somebody to trade with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// Until it is filled or cancelled.
    GoodTillCancelled,
    /// Until this time at the latest, in the caller's unit; see [`Book::expire`](super::Book::expire).
    GoodTill(u64),
    /// Not at all: what is not filled at once is cancelled.
    ImmediateOrCancel,
    /// Not at all, and it trades the whole of its quantity or nothing.
    FillOrKill,
    /// Until it is filled or cancelled, and it never trades on arrival: it is refused if it would.
    PostOnly,
    /// As [`TimeInForce::PostOnly`], until this time at the latest.
    PostOnlyTill(u64),
}

impl TimeInForce {
    pub(super) const fn expires_at(self) -> Option<u64> {
        match self {
            Self::GoodTill(time) | Self::PostOnlyTill(time) => Some(time),
            _ => None,
        }
    }

    pub(super) const fn is_post_only(self) -> bool {
        matches!(self, Self::PostOnly | Self::PostOnlyTill(_))
    }
}

/// What happens when an order would trade with another one of the same owner. The arriving order decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SelfTrade {
    /// The rest of the arriving order is cancelled.
    #[default]
    CancelNewest,
    /// The resting order is cancelled, and the arriving one goes on.
    CancelOldest,
    /// Both are cancelled.
    CancelBoth,
    /// Both lose the quantity of the smaller one, without a trade.
    Decrement,
}

/// An order on its way into a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    /// Chosen by the caller; no order that rests may have the same.
    pub id: u64,
    /// Who must not trade with itself; 0 for nobody.
    pub owner: u64,
    /// Buy or sell.
    pub side: Side,
    /// At what price; not 0.
    pub kind: Kind,
    /// How much; not 0.
    pub quantity: u64,
    /// How long.
    pub time_in_force: TimeInForce,
    /// What happens when it meets an order of the same owner.
    pub self_trade: SelfTrade,
}

impl Order {
    /// An order that trades at `price` or better and rests until it is filled or cancelled.
    #[must_use]
    pub const fn limit(id: u64, side: Side, price: u64, quantity: u64) -> Self {
        let time_in_force = TimeInForce::GoodTillCancelled;
        Self { id, owner: 0, side, kind: Kind::Limit(price), quantity, time_in_force, self_trade: SelfTrade::CancelNewest }
    }

    /// An order that trades at once at whatever price there is.
    #[must_use]
    pub const fn market(id: u64, side: Side, quantity: u64) -> Self {
        let time_in_force = TimeInForce::ImmediateOrCancel;
        let kind = Kind::Market { protection: None };
        Self { id, owner: 0, side, kind, quantity, time_in_force, self_trade: SelfTrade::CancelNewest }
    }

    /// The same order, of `owner`.
    #[must_use]
    pub const fn owner(self, owner: u64) -> Self {
        Self { owner, ..self }
    }

    /// The same order, for another time.
    #[must_use]
    pub const fn time_in_force(self, time_in_force: TimeInForce) -> Self {
        Self { time_in_force, ..self }
    }

    /// The same order, with another answer to meeting its own owner.
    #[must_use]
    pub const fn self_trade(self, self_trade: SelfTrade) -> Self {
        Self { self_trade, ..self }
    }

    /// The worst price that this order accepts.
    pub(super) const fn worst_price(&self) -> u64 {
        match (self.kind, self.side) {
            (Kind::Limit(price) | Kind::Market { protection: Some(price) }, _) => price,
            (Kind::Market { protection: None }, Side::Bid) => u64::MAX,
            (Kind::Market { protection: None }, Side::Ask) => 1,
        }
    }

    /// Whether what is not filled at once waits in the book.
    pub(super) const fn rests(&self) -> bool {
        let is_immediate = matches!(self.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
        matches!(self.kind, Kind::Limit(_)) && !is_immediate
    }
}

/// An order that waits in a book, as [`Book::get`](super::Book::get) and [`Book::orders`](super::Book::orders) show it and
/// [`Book::restore`](super::Book::restore) takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resting {
    /// As it was placed.
    pub id: u64,
    /// As it was placed.
    pub owner: u64,
    /// As it was placed.
    pub side: Side,
    /// As it was placed or last amended.
    pub price: u64,
    /// What is still open.
    pub quantity: u64,
    /// When it expires, if it does.
    pub expires_at: Option<u64>,
    /// Whether it must not trade on arrival; an amendment is an arrival.
    pub post_only: bool,
    /// What happens when, amended, it meets an order of the same owner.
    pub self_trade: SelfTrade,
}

/// One price of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Level {
    /// The price of all its orders.
    pub price: u64,
    /// What they have open together.
    pub quantity: u64,
    /// How many they are; at least 1.
    pub orders: u32,
}
