//! How a call is paid for: set aside before it, taken or given back after it, in the transactions that write the call down.

use rialto_kernel::{Amount, OwnerId, Timestamp};
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
    /// When what is set aside goes back by itself, if it does: see [`Rail::Outside`].
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

/// Where the price of a call comes from. What is set aside of it is taken, and given back, in the same way.
///
/// All three ([`Rail::reserve`], [`collect`] and [`release`]) run inside the transactions that write the call down: nothing here
/// waits for anybody else's server. Whoever has to ask one asks before, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rail {
    /// What the buyer has deposited, see [`rialto_ledger::balance`].
    Balance,
    /// What comes in from outside for this very call, see [`super::x402`]. What is set aside does not go back by itself: when the
    /// money has come it has to be written down, however late that is.
    Outside,
}

impl Rail {
    /// Sets the price aside.
    ///
    /// # Errors
    /// [`RailError`].
    pub async fn reserve(self, tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
        let (from, expires_at) = match self {
            Self::Balance => (buyer_account(charge.buyer), Some(charge.expires_at)),
            Self::Outside => (House::Purchases.account(ASSET), None),
        };
        let hold = NewHold {
            kind: kind::SERVICE_CALL,
            reference: Some(charge.usage.cast()),
            memo: Some(charge.memo.clone()),
            expires_at,
            ..NewHold::new(charge.usage.cast(), from, payable_account(charge.provider), charge.price)
        };
        let held = match rialto_ledger::hold(tx, hold.clone(), now).await {
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
}

/// Takes what was set aside: the provider is paid, and the house takes its share of that.
pub(crate) async fn collect(tx: &mut Tx, charge: &Charge, now: Timestamp) -> Result<(), RailError> {
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

/// Gives back what was set aside for a call. It may have gone back by itself.
pub(crate) async fn release(tx: &mut Tx, usage: UsageId, now: Timestamp) -> Result<(), RailError> {
    match rialto_ledger::void(tx, usage.cast(), now).await {
        // One that is over gave the money back already.
        Ok(_) | Err(LedgerError::HoldExpired(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
