//! Why the ledger refuses.

use rialto_kernel::{AccountId, Amount, Asset};
use rialto_store::StoreError;

use crate::{
    AccountState, HoldId, TransferId,
    model::{HoldState, Side},
};

/// A refusal, or a failure of the store. Nothing has changed in either case, provided that the transaction is given up.
///
/// The variants stand in the order in which they are looked for: the first that applies is the one that is reported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The amount is zero.
    #[error("the amount must not be zero")]
    AmountZero,
    /// A text is longer than it may be, or has a NUL in it: the memo, or an account's code.
    #[error("the {0} is too long, or has a NUL character in it")]
    TextInvalid(&'static str),
    /// A time is before the year 1 or after the year 9999, which not every store can name: when a transfer counts from, or when a hold
    /// ends.
    #[error("the {0} is not between the years 1 and 9999")]
    TimeOutOfRange(&'static str),
    /// A transfer can count from an earlier moment, not from a later one.
    #[error("a transfer cannot take effect in the future")]
    EffectiveInFuture,
    /// The id was used for something else.
    #[error("the id {0} was used for another transfer or hold")]
    IdMismatch(TransferId),
    /// No such hold.
    #[error("there is no hold {0}")]
    HoldUnknown(HoldId),
    /// The hold has ended in another way than is asked for now.
    #[error("the hold {hold} is {} already", state.as_str())]
    HoldResolved {
        /// The hold.
        hold: HoldId,
        /// How it ended.
        state: HoldState,
    },
    /// The hold's time is over.
    #[error("the hold {0} has expired")]
    HoldExpired(HoldId),
    /// More is to be posted than is held.
    #[error("the hold {hold} holds {held}, less than {asked}")]
    HoldExceeded {
        /// The hold.
        hold: HoldId,
        /// What it holds.
        held: Amount,
        /// What was to be posted.
        asked: Amount,
    },
    /// No such transfer to reverse.
    #[error("there is no transfer {0}")]
    TransferUnknown(TransferId),
    /// A reversal cannot be reversed: ask for the movement anew.
    #[error("the transfer {0} is a reversal itself")]
    IsReversal(TransferId),
    /// The transfer was reversed by another request.
    #[error("the transfer {transfer} is reversed already, by {by}")]
    AlreadyReversed {
        /// The transfer.
        transfer: TransferId,
        /// What reversed it.
        by: TransferId,
    },
    /// No such account; the debit side is looked for first.
    #[error("there is no account {account}")]
    AccountUnknown {
        /// The account.
        account: AccountId,
        /// On which side it was named.
        side: Side,
    },
    /// The accounts count different things.
    #[error("{} cannot move to an account of {}", debit.code(), credit.code())]
    AssetMismatch {
        /// What the paying account counts.
        debit: Asset,
        /// What the paid account counts.
        credit: Asset,
    },
    /// The account's state forbids it; the debit side is looked at first.
    #[error("the account {account} is {}", state.as_str())]
    AccountNotOpen {
        /// The account.
        account: AccountId,
        /// Its state.
        state: AccountState,
        /// Its side.
        side: Side,
    },
    /// There is not enough in the account, counting what is held and what it may overdraw. Also when a balancing transfer
    /// finds nothing to move.
    #[error("the account {account} has {available} available, less than {asked}")]
    InsufficientFunds {
        /// The account.
        account: AccountId,
        /// What is posted and not held.
        available: i64,
        /// What was to leave.
        asked: Amount,
    },
    /// The account may not go above zero ([`crate::Account::credits_capped`]), counting what is held for it. Also when a
    /// balancing transfer finds nothing to settle.
    #[error("the account {account} takes {room} more at most, less than {asked}")]
    CreditsExceedDebits {
        /// The account.
        account: AccountId,
        /// What it would still take.
        room: i64,
        /// What was to come in.
        asked: Amount,
    },
    /// The balance would leave the range in which money is counted.
    #[error("the balance of the account {0} would be too large")]
    BalanceOutOfRange(AccountId),
    /// An account with money or holds cannot be closed.
    #[error("the account {0} is not empty")]
    AccountNotEmpty(AccountId),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// A linked group failed, and with it all of its members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("member {index} of the group was refused")]
pub struct GroupError {
    /// Which member failed first, from 0.
    pub index: usize,
    /// Why.
    pub source: LedgerError,
}

impl From<StoreError> for GroupError {
    fn from(error: StoreError) -> Self {
        Self { index: 0, source: error.into() }
    }
}

impl From<GroupError> for LedgerError {
    fn from(error: GroupError) -> Self {
        error.source
    }
}
