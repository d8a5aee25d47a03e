//! Deposits: USDC of the world outside, for a buyer's balance.
//!
//! 1. [`prepare`] checks who deposits what for whom; it asks nobody.
//! 2. A [`DepositRail`] opens a checkout, outside any transaction.
//! 3. [`record`] writes the deposit, pending.
//! 4. [`complete`] is called when the money has come: it is in the balance, exactly once, however often and from however many
//!    sides it is called. [`confirm`] is the same for people.
//!
//! [`credit`] puts money in by hand.

use std::future::{Future, ready};

use rialto_kernel::{Amount, Asset, Caller, Event, Id, OwnerId, Timestamp, nouns, words};
use rialto_ledger::{
    House, LedgerError, NewTransfer, TransferId,
    balance::{ASSET, open_buyer_account},
    purchase::{Checkout, GatewayError, GatewayFuture, SIMULATED},
    wallet::{Sandbox, kind},
};
use rialto_store::{StoreError, Tx, outbox};
use serde_json::json;

/// The id of a deposit.
pub type DepositId = Id<nouns::Deposit>;

/// The largest deposit, in micro-USDC.
pub const DEPOSIT_MICRO_MAX: i64 = 10_000_000_000;
/// What brings in what is put in by hand.
pub const BY_HAND: &str = "manual";

words! {
    /// Where a deposit stands.
    DepositStatus {
        /// Waiting for the money.
        Pending = "pending",
        /// The money is in the balance.
        Completed = "completed",
        /// It will not come.
        Failed = "failed",
    }
}

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
    /// Where to pay.
    pub checkout_url: Option<String>,
    /// Where it stands.
    pub status: DepositStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
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
    /// The deposit has ended already.
    #[error("Deposit is '{}', expected 'pending'", .0.as_str())]
    NotPending(DepositStatus),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
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

    /// Locks a deposit. Deposits are locked before accounts.
    fn lock_deposit(&mut self, id: DepositId) -> impl Future<Output = Result<Option<Deposit>, StoreError>> + Send;

    /// Sets the status of a deposit that is locked.
    fn set_deposit_status(
        &mut self,
        id: DepositId,
        status: DepositStatus,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The sum of the owner's completed deposits, in micro-USDC.
    fn sum_deposited(&mut self, owner: OwnerId) -> impl Future<Output = Result<i64, StoreError>> + Send;
}

/// What brings money in. Chosen at run time, so it is used as `dyn`.
pub trait DepositRail: Send + Sync {
    /// Opens a checkout. Called outside any transaction; asking again for the same draft opens no other.
    fn open_checkout<'a>(&'a self, draft: &'a DepositDraft) -> GatewayFuture<'a>;
}

/// Takes no money: its deposits are confirmed by hand. For sandboxes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SimulatedDeposits;

impl DepositRail for SimulatedDeposits {
    fn open_checkout<'a>(&'a self, draft: &'a DepositDraft) -> GatewayFuture<'a> {
        let checkout = Checkout { provider: SIMULATED, provider_reference: format!("sim_{}", draft.id), checkout_url: None };
        Box::pin(ready(Ok(checkout)))
    }
}

/// Checks that the caller may deposit this for `owner`.
///
/// # Errors
/// [`DepositError::Forbidden`], [`DepositError::Amount`].
pub fn prepare(caller: &Caller, owner: OwnerId, amount: Amount) -> Result<DepositDraft, DepositError> {
    if !caller.may_write(owner) {
        return Err(DepositError::Forbidden("Access denied — can only deposit to own balance"));
    }
    check(amount)?;
    Ok(DepositDraft { id: DepositId::new(), owner, amount })
}

fn check(amount: Amount) -> Result<(), DepositError> {
    if (1..=DEPOSIT_MICRO_MAX).contains(&amount.get()) { Ok(()) } else { Err(DepositError::Amount) }
}

/// Writes a deposit whose checkout is open. It is pending.
///
/// # Errors
/// The store's.
pub async fn record(
    tx: &mut impl DepositStore,
    draft: DepositDraft,
    checkout: Checkout,
    now: Timestamp,
) -> Result<Deposit, DepositError> {
    let deposit = Deposit {
        id: draft.id,
        owner: draft.owner,
        amount: draft.amount,
        rail: checkout.provider.to_owned(),
        rail_reference: checkout.provider_reference,
        checkout_url: checkout.checkout_url,
        status: DepositStatus::Pending,
        created_at: now,
        updated_at: now,
    };
    tx.insert_deposit(&deposit).await?;
    Ok(deposit)
}

/// Confirms a pending deposit by hand: an admin any, and in the sandbox the owner its own simulated ones.
///
/// # Errors
/// [`DepositError::Unknown`], [`DepositError::Forbidden`], [`DepositError::NotPending`].
pub async fn confirm(
    tx: &mut Tx,
    caller: &Caller,
    sandbox: Sandbox,
    id: DepositId,
    now: Timestamp,
) -> Result<Deposit, DepositError> {
    let deposit = tx.lock_deposit(id).await?.ok_or(DepositError::Unknown)?;
    if !(caller.is_admin() || (sandbox.0 && deposit.rail == SIMULATED && caller.may_write(deposit.owner))) {
        return Err(DepositError::Forbidden("A deposit is confirmed by what brings it, or by an administrator."));
    }
    match deposit.status {
        DepositStatus::Pending => settle(tx, deposit, now).await,
        status => Err(DepositError::NotPending(status)),
    }
}

/// Completes a deposit because its money has come. It is harmless to repeat. One that had failed is completed too: the money is
/// there.
///
/// # Errors
/// [`DepositError::Unknown`].
pub async fn complete(tx: &mut Tx, id: DepositId, now: Timestamp) -> Result<Deposit, DepositError> {
    let deposit = tx.lock_deposit(id).await?.ok_or(DepositError::Unknown)?;
    match deposit.status {
        DepositStatus::Completed => Ok(deposit),
        DepositStatus::Pending | DepositStatus::Failed => settle(tx, deposit, now).await,
    }
}

async fn settle(tx: &mut Tx, deposit: Deposit, now: Timestamp) -> Result<Deposit, DepositError> {
    tx.set_deposit_status(deposit.id, DepositStatus::Completed, now).await?;
    let deposit = Deposit { status: DepositStatus::Completed, updated_at: now, ..deposit };
    enter(tx, &deposit, House::Purchases, now).await?;
    Ok(deposit)
}

/// Puts money into the balance of `owner` by hand, and gives what is in it then. Takes an admin, or in the sandbox the owner.
///
/// # Errors
/// [`DepositError::Forbidden`], [`DepositError::Amount`].
pub async fn credit(
    tx: &mut Tx,
    caller: &Caller,
    sandbox: Sandbox,
    owner: OwnerId,
    amount: Amount,
    now: Timestamp,
) -> Result<Balance, DepositError> {
    if !(caller.is_admin() || (sandbox.0 && caller.may_write(owner))) {
        return Err(DepositError::Forbidden("Crediting takes an administrator."));
    }
    check(amount)?;
    let id = DepositId::new();
    let deposit = Deposit {
        id,
        owner,
        amount,
        rail: BY_HAND.to_owned(),
        rail_reference: id.to_string(),
        checkout_url: None,
        status: DepositStatus::Completed,
        created_at: now,
        updated_at: now,
    };
    tx.insert_deposit(&deposit).await?;
    enter(tx, &deposit, House::Issuance, now).await?;
    look(tx, owner).await
}

/// Moves the money, and says so.
async fn enter(tx: &mut Tx, deposit: &Deposit, from: House, now: Timestamp) -> Result<(), DepositError> {
    let account = open_buyer_account(tx, deposit.owner, now).await?;
    let id: TransferId = super::version_8(deposit.id);
    let new = NewTransfer {
        kind: kind::DEPOSIT,
        reference: Some(deposit.id.cast()),
        memo: Some(deposit.rail.clone()),
        ..NewTransfer::new(id, from.account(ASSET), account.id, deposit.amount)
    };
    rialto_ledger::transfer(tx, new, now).await?;
    let data = json!({
        "deposit_id": deposit.id,
        "buyer_owner_id": deposit.owner,
        "amount_usd": deposit.amount.to_decimal(Asset::USDC),
        "rail": deposit.rail,
    });
    let event = Event { kind: "balance.deposited", subject: account.id.uuid(), owner: Some(deposit.owner), data, at: now };
    Ok(outbox::append(tx, event).await?)
}

/// Reads a deposit. Takes its owner, or an admin.
///
/// # Errors
/// [`DepositError::Unknown`], [`DepositError::Forbidden`].
pub async fn read_deposit(tx: &mut impl DepositStore, caller: &Caller, id: DepositId) -> Result<Deposit, DepositError> {
    let deposit = tx.find_deposit(id).await?.ok_or(DepositError::Unknown)?;
    if caller.may_read(deposit.owner) {
        Ok(deposit)
    } else {
        Err(DepositError::Forbidden("This deposit belongs to somebody else."))
    }
}

/// What `owner` has to buy calls with. Takes that owner, or an admin.
///
/// # Errors
/// [`DepositError::Forbidden`].
pub async fn read_balance(tx: &mut Tx, caller: &Caller, owner: OwnerId) -> Result<Balance, DepositError> {
    if caller.may_read(owner) {
        look(tx, owner).await
    } else {
        Err(DepositError::Forbidden("Access denied — can only view own balance"))
    }
}

async fn look(tx: &mut Tx, owner: OwnerId) -> Result<Balance, DepositError> {
    use rialto_ledger::LedgerStore;

    let deposited = tx.sum_deposited(owner).await?;
    let account = tx.find_account(rialto_ledger::balance::buyer_account(owner)).await?;
    let (balance, held) = account.map_or((0, Amount::ZERO), |account| (account.balance, account.held_out));
    let amount = |micro: i64| Amount::new(micro.max(0)).map_err(|error| StoreError::Corrupt(error.to_string()));
    Ok(Balance {
        balance: amount(balance)?,
        held,
        available: amount(balance.saturating_sub(held.get()))?,
        deposited: amount(deposited)?,
        // Nothing else moves this account.
        spent: amount(deposited.saturating_sub(balance))?,
    })
}
