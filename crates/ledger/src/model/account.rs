//! Accounts.

use std::borrow::Cow;

use rialto_kernel::{AccountId, AgentId, Amount, Asset, Id, OwnerId, Timestamp};

/// What an account is for, as a short word. The crate gives a meaning to the constants; other words are the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Code(Cow<'static, str>);

impl Code {
    /// An owner's own wallet. One per owner and asset.
    pub const USER: Self = Self(Cow::Borrowed("user"));
    /// The wallet of an agent. One per agent and asset.
    pub const AGENT: Self = Self(Cow::Borrowed("agent"));
    /// What an owner buys calls with, see [`crate::balance`].
    pub const BUYER: Self = Self(Cow::Borrowed("buyer"));
    /// What an owner has earned by being called and was not paid yet, see [`crate::balance`].
    pub const PAYABLE: Self = Self(Cow::Borrowed("payable"));
    /// Where granted and manually credited money comes from, and where manually debited money goes.
    pub const ISSUANCE: Self = Self(Cow::Borrowed("issuance"));
    /// Where bought money comes from.
    pub const PURCHASES: Self = Self(Cow::Borrowed("purchases"));
    /// Where the legs of one group meet. Empty between transactions.
    pub const CLEARING: Self = Self(Cow::Borrowed("clearing"));
    /// Money that waits for a decision.
    pub const ESCROW: Self = Self(Cow::Borrowed("escrow"));
    /// What the house has earned.
    pub const FEES: Self = Self(Cow::Borrowed("fees"));
    /// What has been paid out to the world outside.
    pub const PAYOUTS: Self = Self(Cow::Borrowed("payouts"));

    const KNOWN: [Self; 10] = [
        Self::USER,
        Self::AGENT,
        Self::BUYER,
        Self::PAYABLE,
        Self::ISSUANCE,
        Self::PURCHASES,
        Self::CLEARING,
        Self::ESCROW,
        Self::FEES,
        Self::PAYOUTS,
    ];

    /// The longest word, in characters.
    pub const CHARS_MAX: usize = 32;

    /// A word of the user's own, 1 to 32 characters.
    #[must_use]
    pub fn new(word: impl Into<Cow<'static, str>>) -> Self {
        Self(word.into())
    }

    /// The word that the database sees.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_word(word: String) -> Self {
        Self::KNOWN.into_iter().find(|known| known.as_str() == word).unwrap_or(Self(Cow::Owned(word)))
    }
}

/// Whether money may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// Both ways.
    Open,
    /// In, but not out. Holds made before are still posted.
    Frozen,
    /// Neither way. Only an empty account without holds can be closed.
    Closed,
}

impl AccountState {
    /// The word that the database sees.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Open, Self::Frozen, Self::Closed].into_iter().find(|state| state.as_str() == word)
    }
}

/// How far below zero an account may go. [`Overdraft::NONE`] is what others call "debits must not exceed credits".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Overdraft {
    /// This far, counting what is held. Zero for a wallet.
    Limit(Amount),
    /// As far as it likes: the account stands for the world outside.
    Unlimited,
}

impl Overdraft {
    /// Not at all: debits must not exceed credits, counting what is held.
    pub const NONE: Self = Self::Limit(Amount::ZERO);
}

/// An account: how much of one asset somebody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its number within this database, which is how entries refer to it.
    pub no: i64,
    /// Whose it is; nobody's when it belongs to the house.
    pub owner: Option<OwnerId>,
    /// Which agent it is the wallet of.
    pub agent: Option<AgentId>,
    /// What is counted.
    pub asset: Asset,
    /// What it is for.
    pub code: Code,
    /// Whether money may move.
    pub state: AccountState,
    /// How far below zero it may go.
    pub overdraft: Overdraft,
    /// Whether credits must not exceed debits, counting what is held for it: the account never goes above zero. For what
    /// is lent or owed to the house; it takes an overdraft to be of use.
    pub credits_capped: bool,
    /// What is posted, in minor units. Below zero only as far as the overdraft allows.
    pub balance: i64,
    /// What pending holds will take.
    pub held_out: Amount,
    /// What pending holds will bring.
    pub held_in: Amount,
    /// How many entries it has; also the number of the last one.
    pub entry_count: i64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its balance, its holds or its state last changed.
    pub updated_at: Timestamp,
}

impl Account {
    /// What is posted and not held, in minor units. Below zero where an overdraft is in use.
    #[must_use]
    pub const fn available(&self) -> i64 {
        self.balance.saturating_sub(self.held_out.get())
    }

    /// Whether `amount` can leave it: what is available and the overdraft together are enough.
    #[must_use]
    pub fn covers(&self, amount: Amount) -> bool {
        match self.overdraft {
            Overdraft::Unlimited => true,
            Overdraft::Limit(limit) => self.available().saturating_add(limit.get()) >= amount.get(),
        }
    }

    /// How much can still come in before it is above zero, counting what is held for it; below zero if it is already.
    #[must_use]
    pub const fn room(&self) -> i64 {
        self.balance.saturating_add(self.held_in.get()).saturating_neg()
    }
}

/// An account to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Its id, chosen by the caller.
    pub id: AccountId,
    /// Whose it will be.
    pub owner: Option<OwnerId>,
    /// Which agent it will be the wallet of. At most one account per agent and asset.
    pub agent: Option<AgentId>,
    /// What it counts.
    pub asset: Asset,
    /// What it is for. At most one [`Code::USER`] account per owner and asset.
    pub code: Code,
    /// How far below zero it may go.
    pub overdraft: Overdraft,
    /// Whether credits must not exceed debits, see [`Account::credits_capped`].
    pub credits_capped: bool,
}

impl NewAccount {
    /// An account that belongs to the house, with a new id, that may not go below zero.
    #[must_use]
    pub fn new(asset: Asset, code: Code) -> Self {
        Self { id: Id::new(), owner: None, agent: None, asset, code, overdraft: Overdraft::NONE, credits_capped: false }
    }

    /// The same, that belongs to `owner`.
    #[must_use]
    pub fn owned_by(owner: OwnerId, asset: Asset, code: Code) -> Self {
        Self { owner: Some(owner), ..Self::new(asset, code) }
    }

    /// Whether it is within what the tables can hold.
    pub(crate) fn is_sound(&self) -> bool {
        (1..=Code::CHARS_MAX).contains(&self.code.as_str().chars().count()) && !self.code.as_str().contains('\0')
    }
}
