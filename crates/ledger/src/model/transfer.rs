//! Transfers, and the entries that are their two sides.

use rialto_kernel::{AccountId, Amount, Timestamp};

use super::{Account, Metadata, ReferenceId, TransferId};

/// What kind of movement a transfer is, as a number. The ledger itself gives it no meaning; numbers below 1,000 are
/// [`crate::wallet`]'s and the other domains' of Rialto, the rest are the user's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub i32);

impl Kind {
    /// A movement that its user gave no kind. From here on the numbers are the user's own.
    pub const OWN: Self = Self(1_000);
}

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
    /// How much. Not zero. With `balancing`: how much at most.
    pub amount: Amount,
    /// Moves only as much of `amount` as there is.
    pub balancing: Option<Balancing>,
    /// What it is.
    pub kind: Kind,
    /// What it has in common with other transfers.
    pub reference: Option<ReferenceId>,
    /// A text for people, at most [`NewTransfer::MEMO_CHARS_MAX`] characters, without NUL.
    pub memo: Option<String>,
    /// When it counts from, if that is earlier than now: balances at a time, and statements, count it from then on. What is
    /// available is always what is available now, so a backdated debit may take a past balance below zero.
    pub effective_at: Option<Timestamp>,
    /// Whatever else is to be remembered.
    pub metadata: Metadata,
}

impl NewTransfer {
    /// The longest memo.
    pub const MEMO_CHARS_MAX: usize = 1_000;

    /// A plain transfer of `amount` from `debit` to `credit`.
    #[must_use]
    pub const fn new(id: TransferId, debit: AccountId, credit: AccountId, amount: Amount) -> Self {
        Self {
            id,
            debit,
            credit,
            amount,
            balancing: None,
            kind: Kind::OWN,
            reference: None,
            memo: None,
            effective_at: None,
            metadata: Metadata::NONE,
        }
    }
}

/// Which account says how much there is to move. Less than nothing is never moved: an empty account refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Balancing {
    /// At most what is available in the account that pays, without its overdraft: the account is emptied.
    Debit,
    /// At most what brings the account that is paid up to zero, counting what is held for it: a debt is settled.
    Credit,
}

/// What a balancing transfer was asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Balanced {
    /// Which account set the bound.
    pub by: Balancing,
    /// How much it was to be at most.
    pub at_most: Amount,
}

/// A reversal that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReversal {
    /// The id of the transfer that takes the other back. Chosen by the caller.
    pub id: TransferId,
    /// The transfer to be taken back.
    pub transfer: TransferId,
    /// A text for people, as in [`NewTransfer::memo`].
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
    /// What it was asked to be, if it was a balancing one.
    pub balanced: Option<Balanced>,
    /// When it counts from, if it was backdated.
    pub effective_at: Option<Timestamp>,
    /// Whatever else was to be remembered.
    pub metadata: Metadata,
    /// When it was posted. Never earlier than the last change of either account, whatever the clocks of several servers say.
    pub created_at: Timestamp,
}

impl Transfer {
    /// Whether `new` asks for just this transfer.
    #[must_use]
    pub fn answers(&self, new: &NewTransfer, reverses: Option<TransferId>) -> bool {
        self.id == new.id
            && self.debit.account == new.debit
            && self.credit.account == new.credit
            && match (self.balanced, new.balancing) {
                (None, None) => self.amount == new.amount,
                (Some(Balanced { by, at_most }), Some(balancing)) => by == balancing && at_most == new.amount,
                _ => false,
            }
            && self.kind == new.kind
            && self.reference == new.reference
            && self.reverses == reverses
            && self.memo == new.memo
            && self.effective_at == new.effective_at
            && self.metadata == new.metadata
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
    /// When it counts from, if it was backdated.
    pub effective_at: Option<Timestamp>,
    /// Whatever else was to be remembered.
    pub metadata: Metadata,
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
