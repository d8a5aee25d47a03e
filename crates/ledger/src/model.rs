//! Accounts, transfers with their entries, and holds.

use std::borrow::Cow;

use rialto_kernel::{AccountId, AgentId, Amount, Asset, Id, OwnerId, Timestamp, nouns};

/// The id of a transfer, chosen by whoever asks for it: the same id never moves money twice.
pub type TransferId = Id<nouns::Transfer>;
/// The id of a hold, chosen by whoever asks for it.
pub type HoldId = Id<nouns::Hold>;
/// The id of what several transfers have in common.
pub type ReferenceId = Id<nouns::Reference>;

/// What an account is for, as a short word. The crate gives a meaning to the constants; other words are the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Code(Cow<'static, str>);

impl Code {
    /// An owner's own wallet. One per owner and asset.
    pub const USER: Self = Self(Cow::Borrowed("user"));
    /// The wallet of an agent. One per agent and asset.
    pub const AGENT: Self = Self(Cow::Borrowed("agent"));
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

    const KNOWN: [Self; 8] =
        [Self::USER, Self::AGENT, Self::ISSUANCE, Self::PURCHASES, Self::CLEARING, Self::ESCROW, Self::FEES, Self::PAYOUTS];

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

/// How far below zero an account may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Overdraft {
    /// This far, counting what is held. Zero for a wallet.
    Limit(Amount),
    /// As far as it likes: the account stands for the world outside.
    Unlimited,
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
}

/// What kind of movement a transfer is, as a number. The ledger itself gives it no meaning; numbers below 1,000 are
/// [`crate::wallet`]'s and the other domains' of Rialto, the rest are the user's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub i32);

/// One of the two sides of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The account that pays.
    Debit,
    /// The account that is paid.
    Credit,
}

/// A movement that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    /// Chosen by the caller: asking again with the same id and the same fields gives the first result.
    pub id: TransferId,
    /// Who pays.
    pub debit: AccountId,
    /// Who is paid.
    pub credit: AccountId,
    /// How much. Not zero.
    pub amount: Amount,
    /// What it is.
    pub kind: Kind,
    /// What it has in common with other transfers.
    pub reference: Option<ReferenceId>,
    /// A text for people. Without NUL.
    pub memo: Option<String>,
}

/// What a transfer did to one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// To which.
    pub account: AccountId,
    /// The account's number.
    pub account_no: i64,
    /// The how manieth entry of that account it is, from 1.
    pub seq: i64,
    /// The account's balance after it.
    pub balance: i64,
}

/// A movement that happened. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its id.
    pub id: TransferId,
    /// How much moved.
    pub amount: Amount,
    /// Who paid.
    pub debit: Posting,
    /// Who was paid.
    pub credit: Posting,
    /// What it was.
    pub kind: Kind,
    /// What it has in common with others.
    pub reference: Option<ReferenceId>,
    /// The transfer that it takes back, if it is a reversal.
    pub reverses: Option<TransferId>,
    /// A text for people.
    pub memo: Option<String>,
    /// When it was posted.
    pub created_at: Timestamp,
}

impl Transfer {
    /// Whether `new` asks for just this transfer.
    #[must_use]
    pub fn answers(&self, new: &NewTransfer, reverses: Option<TransferId>) -> bool {
        self.id == new.id
            && self.debit.account == new.debit
            && self.credit.account == new.credit
            && self.amount == new.amount
            && self.kind == new.kind
            && self.reference == new.reference
            && self.reverses == reverses
            && self.memo == new.memo
    }
}

/// One line of an account's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The how manieth of its account it is, from 1.
    pub seq: i64,
    /// The transfer that it is one side of.
    pub transfer: TransferId,
    /// Which side.
    pub side: Side,
    /// How much, without a sign.
    pub amount: Amount,
    /// The balance after it.
    pub balance: i64,
    /// What it was.
    pub kind: Kind,
    /// What the transfer has in common with others.
    pub reference: Option<ReferenceId>,
    /// The transfer that it takes back.
    pub reverses: Option<TransferId>,
    /// A text for people.
    pub memo: Option<String>,
    /// When it was posted.
    pub created_at: Timestamp,
}

impl Entry {
    /// The amount with the sign that it has for this account.
    #[must_use]
    pub const fn signed_amount(&self) -> i64 {
        match self.side {
            Side::Debit => -self.amount.get(),
            Side::Credit => self.amount.get(),
        }
    }
}

/// Where a hold stands. Only a pending one can change, and only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldState {
    /// The money is set aside.
    Pending,
    /// It was paid, in part or whole; the rest went back.
    Posted {
        /// By which transfer.
        transfer: TransferId,
        /// How much of it.
        amount: Amount,
    },
    /// It went back because somebody said so.
    Voided,
    /// It went back because its time was over.
    Expired,
}

impl HoldState {
    /// The word that the database sees.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Posted { .. } => "posted",
            Self::Voided => "voided",
            Self::Expired => "expired",
        }
    }
}

/// A hold that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// Chosen by the caller: asking again with the same id and the same fields gives the first result.
    pub id: HoldId,
    /// Who will pay.
    pub debit: AccountId,
    /// Who will be paid.
    pub credit: AccountId,
    /// How much at most. Not zero.
    pub amount: Amount,
    /// What the transfer will be.
    pub kind: Kind,
    /// The reference that the transfer will have.
    pub reference: Option<ReferenceId>,
    /// The text that the transfer will have.
    pub memo: Option<String>,
    /// When it ends by itself; never if `None`.
    pub expires_at: Option<Timestamp>,
}

/// Money set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What was asked for.
    pub terms: NewHold,
    /// Where it stands.
    pub state: HoldState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
}

impl Hold {
    /// Whether `new` asks for just this hold. Its end is not compared: who asks again asks later, and the first end
    /// stands.
    #[must_use]
    pub fn answers(&self, new: &NewHold) -> bool {
        self.terms == NewHold { expires_at: self.terms.expires_at, ..new.clone() }
    }

    /// Whether its time is over at `now`. From then on it can only be voided, or expire.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.terms.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// What a movement came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The transfer.
    pub transfer: Transfer,
    /// The account that paid, after it.
    pub debit: Account,
    /// The account that was paid, after it.
    pub credit: Account,
    /// Whether it had been done before, and nothing was done now. The accounts are as they are now.
    pub existed: bool,
}

/// What a hold, or its end without a transfer, came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The hold.
    pub hold: Hold,
    /// The account that would pay, after it.
    pub debit: Account,
    /// The account that would be paid, after it.
    pub credit: Account,
    /// Whether it had been done before, and nothing was done now. The accounts are as they are now.
    pub existed: bool,
}
