//! Where a wallet's balance came from, and where the rest went.

use rialto_kernel::{AccountId, Caller};

use super::{Wallet, WalletError, WalletStore, kind, kind::Bucket, wallet};
use crate::model::Side;

/// A wallet's balance, taken apart. What came in less what went out is the balance:
/// `granted + purchased + earned + transferred_in + credited - spent - transferred_out - debited`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The wallet.
    pub wallet: Wallet,
    /// Granted, the welcome included.
    pub granted: i64,
    /// Bought.
    pub purchased: i64,
    /// Earned by calls, and gathered from agents.
    pub earned: i64,
    /// Spent on calls, and given to the owner.
    pub spent: i64,
    /// From other wallets.
    pub transferred_in: i64,
    /// To other wallets.
    pub transferred_out: i64,
    /// Put in by hand.
    pub credited: i64,
    /// Taken out by hand.
    pub debited: i64,
    /// How many lines its history has.
    pub transaction_count: i64,
}

/// Takes a wallet's balance apart. A reversal counts against what it took back. Takes the owner or an admin.
///
/// It reads the wallet's whole history.
///
/// # Errors
/// [`WalletError::Unknown`], [`WalletError::Forbidden`].
pub async fn summary(tx: &mut impl WalletStore, caller: &Caller, id: AccountId) -> Result<Summary, WalletError> {
    let account = tx.find_account(id).await?;
    let wallet = wallet(account.as_ref(), WalletError::Unknown)?;
    wallet.check_readable(caller)?;
    let no = account.map_or(0, |account| account.no);
    let mut summary = Summary {
        wallet,
        granted: 0,
        purchased: 0,
        earned: 0,
        spent: 0,
        transferred_in: 0,
        transferred_out: 0,
        credited: 0,
        debited: 0,
        transaction_count: 0,
    };
    for total in tx.totals(no).await? {
        let (side, amount) = match (total.reversal, total.side) {
            (false, side) => (side, total.amount),
            (true, Side::Debit) => (Side::Credit, total.amount.saturating_neg()),
            (true, Side::Credit) => (Side::Debit, total.amount.saturating_neg()),
        };
        let bucket = match kind::bucket(total.kind, side) {
            Bucket::Granted => &mut summary.granted,
            Bucket::Purchased => &mut summary.purchased,
            Bucket::Earned => &mut summary.earned,
            Bucket::Spent => &mut summary.spent,
            Bucket::TransferredIn => &mut summary.transferred_in,
            Bucket::TransferredOut => &mut summary.transferred_out,
            Bucket::Credited => &mut summary.credited,
            Bucket::Debited => &mut summary.debited,
        };
        *bucket = bucket.saturating_add(amount);
        summary.transaction_count += total.count;
    }
    Ok(summary)
}
