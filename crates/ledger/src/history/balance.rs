//! What an account had.

use rialto_kernel::{Amount, Timestamp};
use rialto_store::StoreError;

use super::{HistoryError, HistoryStore, period::storable};
use crate::model::Account;

/// What an account had, now or at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// What was posted, what was held included. Backdated transfers count from their effective time on.
    pub posted: i64,
    /// What pending holds were to take.
    pub held_out: Amount,
    /// What pending holds were to bring.
    pub held_in: Amount,
}

impl Balance {
    /// What was posted and not held, in minor units. Below zero where an overdraft was in use, or a debit was backdated to
    /// before the money came.
    #[must_use]
    pub const fn available(&self) -> i64 {
        self.posted.saturating_sub(self.held_out.get())
    }
}

/// What an account has now, if `at` is `None`, or had at `at`, counting what was created at that very moment. The time and
/// the place in the history do not matter: the entry is found by halving. What was held then costs as many rows as there are
/// pending holds, and holds that have ended since.
///
/// Holds are counted from when they were made to when they ended; backdating does not touch them.
///
/// # Errors
/// [`HistoryError::Store`].
pub async fn balance(tx: &mut impl HistoryStore, account: &Account, at: Option<Timestamp>) -> Result<Balance, HistoryError> {
    let Some(at) = at else {
        return Ok(Balance { posted: account.balance, held_out: account.held_out, held_in: account.held_in });
    };
    let figures = tx.figures_at(account.no, storable(at)).await?;
    let held = |sum| Amount::new(sum).map_err(|error| StoreError::Corrupt(format!("holds of {}: {error}", account.id)));
    Ok(Balance { posted: clamped(figures.posted), held_out: held(figures.held_out)?, held_in: held(figures.held_in)? })
}

/// The sum as a balance; the largest number there is when it is more than that.
pub(super) fn clamped(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}
