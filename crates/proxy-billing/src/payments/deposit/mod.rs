//! Deposits: USDC of the world outside, for a buyer's balance.
//!
//! 1. [`prepare`] checks who deposits what for whom; it asks nobody.
//! 2. A [`DepositProvider`] opens a checkout, outside any transaction.
//! 3. [`record`] writes the deposit, pending.
//! 4. [`follow`] is called when the rail says what became of it. Money that has come is in the balance, exactly once, however often
//!    and from however many sides that is told; what its owner owes is kept of it, see [`Depositor`]. [`confirm`] is the same for people.
//! 5. [`ask_due`] asks the providers that have said nothing: a message that is lost loses no money.
//!
//! [`credit`] puts money in by hand.

mod follow;
mod model;
mod money;
mod payment;
mod provider;
mod returned;

pub use follow::{ASK_PAUSE, DEPOSIT_KEPT, IN_FLIGHT_KEPT, ask_due, capture, follow};
pub use model::{
    Balance, Deposit, DepositDraft, DepositError, DepositFilter, DepositId, DepositStatus, DepositStore, Depositor, PENDING_MAX,
};
pub use payment::{DepositPayment, DepositPaymentStore, DepositRefund, PAYMENTS_MAX, PaymentStatus};
pub(crate) use provider::check_cents;
pub use provider::{DepositProvider, Fate, News, NewsFuture, Providers, Refund, SimulatedDeposits};
use rialto_kernel::{Amount, Caller, OwnerId, Timestamp};
use rialto_ledger::{
    House,
    purchase::{Checkout, SIMULATED},
    wallet::Sandbox,
};
use rialto_store::{StoreError, Tx, idempotency::Key};

use self::money::enter;
use super::derived_id;

/// The largest deposit, in micro-USDC.
pub const DEPOSIT_MICRO_MAX: i64 = 10_000_000_000;
/// What brings in what is put in by hand.
pub const BY_HAND: &str = "manual";
/// The most deposits of one list.
pub const DEPOSITS_MAX: u32 = 100;

/// Checks that the caller may deposit this for `owner` by this provider. The deposit will have this id: see [`next_id`].
///
/// # Errors
/// [`DepositError::Forbidden`], [`DepositError::Amount`], [`DepositError::NotCents`].
pub fn prepare(
    caller: &Caller,
    owner: OwnerId,
    amount: Amount,
    provider: &dyn DepositProvider,
    id: DepositId,
) -> Result<DepositDraft, DepositError> {
    if !caller.may_write(owner) {
        return Err(DepositError::Forbidden("Access denied — can only deposit to own balance"));
    }
    check(amount)?;
    provider.check(amount)?;
    Ok(DepositDraft { id, owner, amount })
}

/// The id that the next deposit has: one that follows from the idempotency key, if there is one, so that whoever tries again gets
/// the same checkout. When there is a deposit with it already, the key's time is over, and it is another.
///
/// # Errors
/// The store's.
pub async fn next_id(tx: &mut impl DepositStore, key: Option<&Key>) -> Result<DepositId, StoreError> {
    let Some(key) = key else { return Ok(DepositId::new()) };
    let id = derived_id("rialto deposit v1", &[key.scope.as_bytes(), key.key.as_bytes(), &key.fingerprint]);
    Ok(if tx.find_deposit(id).await?.is_some() { DepositId::new() } else { id })
}

fn check(amount: Amount) -> Result<(), DepositError> {
    if (1..=DEPOSIT_MICRO_MAX).contains(&amount.get()) { Ok(()) } else { Err(DepositError::Amount) }
}

/// Refuses an owner who has too many deposits that are not paid. [`record`] asks again, when nobody else can add one.
///
/// # Errors
/// [`DepositError::TooManyPending`].
pub async fn check_pending(tx: &mut impl DepositStore, owner: OwnerId) -> Result<(), DepositError> {
    let pending = tx.count_pending_deposits(owner, PENDING_MAX).await?;
    if pending < usize::try_from(PENDING_MAX).unwrap_or(usize::MAX) { Ok(()) } else { Err(DepositError::TooManyPending) }
}

/// Writes a deposit whose checkout is open. It is pending, and after a while its provider is asked.
///
/// # Errors
/// [`DepositError::TooManyPending`].
pub async fn record(
    tx: &mut impl DepositStore,
    draft: DepositDraft,
    checkout: Checkout,
    providers: &Providers,
    now: Timestamp,
) -> Result<Deposit, DepositError> {
    // Two that come at once count one after the other.
    tx.lock_depositor(draft.owner).await?;
    check_pending(tx, draft.owner).await?;
    let asks = checkout.provider != SIMULATED;
    let deposit = Deposit {
        checkout_url: checkout.checkout_url,
        ask_at: asks.then(|| now.after(providers.ask_after)),
        ..pending(draft, checkout.provider, checkout.provider_reference, now)
    };
    tx.insert_deposit(&deposit).await?;
    Ok(deposit)
}

pub(crate) fn pending(draft: DepositDraft, rail: &str, rail_reference: String, now: Timestamp) -> Deposit {
    Deposit {
        id: draft.id,
        owner: draft.owner,
        amount: draft.amount,
        rail: rail.to_owned(),
        rail_reference,
        rail_payment: None,
        checkout_url: None,
        status: DepositStatus::Pending,
        note: None,
        ask_at: None,
        asks: 0,
        returned_at: None,
        returned: Amount::ZERO,
        owed: Amount::ZERO,
        kept: Amount::ZERO,
        asked_at: None,
        created_at: now,
        updated_at: now,
    }
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

/// Completes a deposit that is locked.
async fn settle(tx: &mut Tx, deposit: Deposit, now: Timestamp) -> Result<Deposit, DepositError> {
    let deposit = Deposit { status: DepositStatus::Completed, ask_at: None, updated_at: now, ..deposit };
    let deposit = enter(tx, deposit, House::Purchases, now).await?;
    tx.save_deposit(&deposit).await?;
    Ok(deposit)
}

/// Puts money into the balance of `owner` by hand, and gives the deposit that this is, and what is in the balance then. What the owner
/// owes is kept of it as of any other. Takes an admin, or in the sandbox the owner.
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
) -> Result<(Deposit, Balance), DepositError> {
    if !(caller.is_admin() || (sandbox.0 && caller.may_write(owner))) {
        return Err(DepositError::Forbidden("Crediting takes an administrator."));
    }
    check(amount)?;
    let draft = DepositDraft { id: DepositId::new(), owner, amount };
    let reference = draft.id.to_string();
    let deposit = Deposit { status: DepositStatus::Completed, ..pending(draft, BY_HAND, reference, now) };
    let deposit = enter(tx, deposit, House::Issuance, now).await?;
    tx.insert_deposit(&deposit).await?;
    Ok((deposit, look(tx, owner).await?))
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

/// Lists `limit` deposits of `owner`, and one more if there are more: the newest first, from behind the one that `after` names. Takes
/// that owner, or an admin.
///
/// # Errors
/// [`DepositError::Forbidden`], [`DepositError::Cursor`].
pub async fn list_deposits(
    tx: &mut impl DepositStore,
    caller: &Caller,
    owner: OwnerId,
    status: Option<DepositStatus>,
    after: Option<DepositId>,
    limit: u32,
) -> Result<Vec<Deposit>, DepositError> {
    if !caller.may_read(owner) {
        return Err(DepositError::Forbidden("Access denied — can only view own deposits"));
    }
    let after = match after {
        None => None,
        Some(id) => {
            let last = tx.find_deposit(id).await?.filter(|last| last.owner == owner).ok_or(DepositError::Cursor)?;
            Some((last.created_at, last.id))
        }
    };
    // One more than asked for tells whether there are more.
    Ok(tx.list_deposits(owner, &DepositFilter { status, after }, limit.min(DEPOSITS_MAX) + 1).await?)
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

    let Depositor { deposited, owed } = tx.sum_deposits(owner).await?;
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
        owed,
    })
}
