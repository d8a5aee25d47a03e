//! What a deposit is.

use std::future::Future;

use rialto_kernel::{Amount, Id, OwnerId, Timestamp, nouns, words};
use rialto_ledger::{LedgerError, purchase::GatewayError};
use rialto_store::StoreError;

/// The id of a deposit.
pub type DepositId = Id<nouns::Deposit>;

words! {
    /// Where a deposit stands.
    DepositStatus {
        /// Waiting for the money.
        Pending = "pending",
        /// The money is in the balance.
        Completed = "completed",
        /// It has not come. Should it come all the same, the deposit is completed.
        Failed = "failed",
    }
}

/// The most deposits of one owner that are pending at once.
pub const PENDING_MAX: u32 = 20;

/// Money that came in, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// Its id.
    pub id: DepositId,
    /// Whose balance it goes to.
    pub owner: OwnerId,
    /// How much, in micro-USDC.
    pub amount: Amount,
    /// What brings it.
    pub rail: String,
    /// What that calls it.
    pub rail_reference: String,
    /// What that calls the payment for it, as far as there is one.
    pub rail_payment: Option<String>,
    /// Where to pay.
    pub checkout_url: Option<String>,
    /// Where it stands.
    pub status: DepositStatus,
    /// What there is to say about it.
    pub note: Option<String>,
    /// When to ask what brings it what became of it.
    pub ask_at: Option<Timestamp>,
    /// How often that was done.
    pub asks: i32,
    /// When it became known that the payer has the money back.
    pub returned_at: Option<Timestamp>,
    /// How much of what was credited the payer has back, in micro-USDC.
    pub returned: Amount,
    /// How much of that was not there to be taken, and added to what its owner owes.
    pub owed: Amount,
    /// How much of it was kept, when it came, for what its owner owed.
    pub kept: Amount,
    /// When its rail was last asked at its owner's wish.
    pub asked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Deposit {
    /// How much of a completed one came into the balance.
    #[must_use]
    pub fn credited(&self) -> Amount {
        // No more is kept than came.
        self.amount.minus(self.kept).unwrap_or_default()
    }
}

/// A deposit that is allowed, and still has no checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositDraft {
    /// The id that the deposit will have.
    pub id: DepositId,
    /// Whose balance it will go to.
    pub owner: OwnerId,
    /// How much, in micro-USDC.
    pub amount: Amount,
}

/// What an owner has to buy calls with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// What is there, in micro-USDC.
    pub balance: Amount,
    /// What of that is set aside for calls that are being made.
    pub held: Amount,
    /// What can be spent.
    pub available: Amount,
    /// All that ever came in.
    pub deposited: Amount,
    /// All that was spent.
    pub spent: Amount,
    /// What payers have back and was not there to be taken, as far as no deposit was kept for it.
    pub owed: Amount,
}

/// What there is to know of all deposits of an owner together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depositor {
    /// All that came in, less what went out again to those who had paid it, in micro-USDC.
    pub deposited: i64,
    /// What payers have back and was not there to be taken, as far as nothing was kept for it. Of deposits that come it is kept first.
    pub owed: Amount,
}

/// Which deposits of an owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DepositFilter {
    /// Only those that stand there.
    pub status: Option<DepositStatus>,
    /// Only those that are older than this one.
    pub after: Option<(Timestamp, DepositId)>,
}

/// Why money does not come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DepositError {
    /// No such deposit.
    #[error("Deposit not found")]
    Unknown,
    /// The amount is zero, or too large.
    #[error("amount must be more than 0 and at most 10000 USDC")]
    Amount,
    /// What brings it takes whole cents.
    #[error("amount must be whole cents for {0}")]
    NotCents(&'static str),
    /// Nothing of that name brings money in here.
    #[error("there is no '{named}' here; deposits come in by: {known}")]
    UnknownRail {
        /// What was asked for.
        named: String,
        /// What there is.
        known: String,
    },
    /// Nobody can be asked for the money of this deposit.
    #[error("a {0} deposit is confirmed by hand, not captured")]
    NotCaptured(String),
    /// The deposit has ended already.
    #[error("Deposit is '{}', expected 'pending'", .0.as_str())]
    NotPending(DepositStatus),
    /// The owner has too many deposits that are not paid.
    #[error("at most {PENDING_MAX} deposits may be pending at once: pay one, or wait until one has failed")]
    TooManyPending,
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// A page was to begin behind a deposit that is not in the list.
    #[error("must be a `next_cursor` of this list")]
    Cursor,
    /// Whoever brings it refused, or did not answer.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The ledger refused.
    #[error("the ledger refused")]
    Ledger(#[source] LedgerError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<LedgerError> for DepositError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => Self::Store(error),
            other => Self::Ledger(other),
        }
    }
}

/// The rows of deposits.
pub trait DepositStore: Send {
    /// Writes a new deposit.
    fn insert_deposit(&mut self, deposit: &Deposit) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a deposit.
    fn find_deposit(&mut self, id: DepositId) -> impl Future<Output = Result<Option<Deposit>, StoreError>> + Send;

    /// Reads the deposit that a rail calls so.
    fn find_deposit_by_reference(
        &mut self,
        rail: &str,
        reference: &str,
    ) -> impl Future<Output = Result<Option<Deposit>, StoreError>> + Send;

    /// How many deposits of an owner are pending; it is not counted further than `limit`.
    fn count_pending_deposits(&mut self, owner: OwnerId, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// The owner's deposits, the newest first.
    fn list_deposits(
        &mut self,
        owner: OwnerId,
        filter: &DepositFilter,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Deposit>, StoreError>> + Send;

    /// Locks a deposit. Deposits are locked before accounts.
    fn lock_deposit(&mut self, id: DepositId) -> impl Future<Output = Result<Option<Deposit>, StoreError>> + Send;

    /// Locks deposits whose rail is to be asked by now, those that wait longest first, and none that somebody else has locked.
    fn lock_deposits_to_ask(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Deposit>, StoreError>> + Send;

    /// Writes what may change of a deposit that is locked.
    fn save_deposit(&mut self, deposit: &Deposit) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps others from changing what an owner owes until the transaction ends. Depositors are locked after deposits that are there
    /// already, and before accounts.
    fn lock_depositor(&mut self, owner: OwnerId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What there is to know of all deposits of an owner together.
    fn sum_deposits(&mut self, owner: OwnerId) -> impl Future<Output = Result<Depositor, StoreError>> + Send;
}
