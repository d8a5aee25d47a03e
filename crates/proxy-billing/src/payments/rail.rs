//! How a call is paid for: set aside before it, taken or given back after it, in the transactions that write the call down.

use rialto_kernel::{AccountId, Amount, OwnerId, Timestamp};
use rialto_ledger::{
    Command, House, LedgerError, NewHold, NewTransfer, Side,
    balance::{ASSET, buyer_account, open_payable_account, payable_account},
    wallet::kind,
};
use rialto_store::{StoreError, Tx};

use crate::usage::UsageId;

/// What one call costs whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The call.
    pub usage: UsageId,
    /// Who pays.
    pub buyer: OwnerId,
    /// Who is paid.
    pub provider: OwnerId,
    /// What is paid for, for people.
    pub memo: String,
    /// How much, in micro-USDC. Not zero.
    pub price: Amount,
    /// How much of that the house takes.
    pub commission: Amount,
    /// When what is set aside goes back by itself.
    pub expires_at: Timestamp,
}

/// Why a call is not paid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RailError {
    /// There is not enough to set aside.
    #[error("only {available} of {asked} are there")]
    Insufficient {
        /// What there is, in micro-USDC.
        available: i64,
        /// What the call costs.
        asked: Amount,
    },
    /// The buyer's account is frozen or closed.
    #[error("the account cannot be used at the moment")]
    NotOpen,
    /// What was set aside has gone back: it is too late to take it.
    #[error("the time to take the price is over")]
    Over,
    /// The ledger refused for a reason that the rail should have made impossible.
    #[error("the ledger refused")]
    Ledger(#[source] LedgerError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<LedgerError> for RailError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => Self::Store(error),
            LedgerError::InsufficientFunds { available, asked, .. } => Self::Insufficient { available, asked },
            LedgerError::AccountNotOpen { .. } => Self::NotOpen,
            LedgerError::HoldExpired(_) | LedgerError::HoldResolved { .. } => Self::Over,
            other => Self::Ledger(other),
        }
    }
}

/// A way to pay for calls.
///
/// All three run inside a transaction of the caller's, together with what is paid for: nothing here waits for anybody else's
/// server. A rail that has to ask one asks before, or after.
pub trait PaymentRail: Send + Sync {
    /// Sets the price aside.
    fn reserve(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> impl Future<Output = Result<(), RailError>>;

    /// Takes what was set aside: the provider is paid, and the house takes its share of that.
    fn collect(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> impl Future<Output = Result<(), RailError>>;

    /// Gives back what was set aside. It may have gone back by itself.
    fn release(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> impl Future<Output = Result<(), RailError>>;
}

/// Pays from what the buyer has deposited, see [`rialto_ledger::balance`].
#[derive(Debug, Clone, Copy, Default)]
pub struct BalanceRail;

impl PaymentRail for BalanceRail {
    async fn reserve(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        reserve(tx, charge, buyer_account(charge.buyer), Some(charge.expires_at), now).await
    }

    async fn collect(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        collect(tx, charge, now).await
    }

    async fn release(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        release(tx, charge.usage, now).await
    }
}

/// Pays with what comes in from outside for this very call, see [`super::x402`]. What is set aside does not go back by itself: when
/// the money has come it has to be written down, however late that is.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutsideRail;

impl PaymentRail for OutsideRail {
    async fn reserve(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        reserve(tx, charge, House::Purchases.account(ASSET), None, now).await
    }

    async fn collect(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        collect(tx, charge, now).await
    }

    async fn release(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        release(tx, charge.usage, now).await
    }
}

/// Either of them, chosen by the call.
#[derive(Debug, Clone, Copy)]
pub enum Rails {
    /// From the buyer's balance.
    Balance(BalanceRail),
    /// From outside.
    Outside(OutsideRail),
}

impl PaymentRail for Rails {
    async fn reserve(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        match self {
            Self::Balance(rail) => rail.reserve(tx, charge, now).await,
            Self::Outside(rail) => rail.reserve(tx, charge, now).await,
        }
    }

    async fn collect(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        match self {
            Self::Balance(rail) => rail.collect(tx, charge, now).await,
            Self::Outside(rail) => rail.collect(tx, charge, now).await,
        }
    }

    async fn release(&self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        match self {
            Self::Balance(rail) => rail.release(tx, charge, now).await,
            Self::Outside(rail) => rail.release(tx, charge, now).await,
        }
    }
}

async fn reserve(
    tx: &mut Tx,
    charge: &Charge,
    from: AccountId,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), RailError> {
    let hold = NewHold {
        kind: kind::SERVICE_CALL,
        reference: Some(charge.usage.cast()),
        memo: Some(charge.memo.clone()),
        expires_at,
        ..NewHold::new(charge.usage.cast(), from, payable_account(charge.provider), charge.price)
    };
    let held = rialto_ledger::hold(tx, hold.clone(), now).await;
    let held = match held {
        // The provider's first paid call. Whoever has an account to pay from comes to this once.
        Err(LedgerError::AccountUnknown { side: Side::Credit, .. }) => {
            open_payable_account(tx, charge.provider, now).await?;
            rialto_ledger::hold(tx, hold, now).await
        }
        held => held,
    };
    match held {
        Err(LedgerError::AccountUnknown { side: Side::Debit, .. }) => {
            Err(RailError::Insufficient { available: 0, asked: charge.price })
        }
        held => Ok(held.map(drop)?),
    }
}

async fn collect(tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
    let post = Command::Post { hold: charge.usage.cast(), amount: None };
    if charge.commission.is_zero() {
        rialto_ledger::group(tx, &[post], now).await.map_err(LedgerError::from)?;
        return Ok(());
    }
    let fees = House::Fees.account(ASSET);
    let share = NewTransfer {
        kind: kind::SERVICE_COMMISSION,
        reference: Some(charge.usage.cast()),
        memo: Some(charge.memo.clone()),
        ..NewTransfer::new(super::version_8(charge.usage), payable_account(charge.provider), fees, charge.commission)
    };
    match rialto_ledger::group(tx, &[post.clone(), Command::Transfer(share)], now).await.map_err(LedgerError::from) {
        // The buyer agreed to pay, and was served: that the provider's account was frozen meanwhile is between it and the house,
        // whose share stays in that account until somebody decides.
        Err(LedgerError::AccountNotOpen { side: Side::Debit, account, .. }) if account == payable_account(charge.provider) => {
            tracing::warn!(usage.id = %charge.usage, "the commission of a call stays in an account that is not open");
            rialto_ledger::group(tx, &[post], now).await.map_err(LedgerError::from)?;
            Ok(())
        }
        done => Ok(done.map(drop)?),
    }
}

/// Gives back what was set aside for a call.
pub(crate) async fn release(tx: &mut Tx, usage: UsageId, now: Timestamp) -> Result<(), RailError> {
    match rialto_ledger::void(tx, usage.cast(), now).await {
        // One that is over gave the money back already.
        Ok(_) | Err(LedgerError::HoldExpired(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
