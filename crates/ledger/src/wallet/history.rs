//! What happened in a wallet, in words.

use rialto_kernel::{AccountId, Caller, Id, Page, PageRequest, Timestamp, nouns};
use uuid::Uuid;

use super::{WalletError, WalletStore, kind, wallet};
use crate::model::{Entry, ReferenceId, Side};

/// One line of a wallet's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The id of the line. The paying side has the transfer's own; see [`line_id`].
    pub id: Uuid,
    /// The transfer behind it.
    pub transfer: Id<nouns::Transfer>,
    /// The wallet.
    pub wallet: AccountId,
    /// How much came in, or went out (negative).
    pub amount: i64,
    /// The balance after it.
    pub balance_after: i64,
    /// What it was, as a word.
    pub tx_type: &'static str,
    /// What it has in common with others: a purchase, an invocation, or else just the other side.
    pub reference: ReferenceId,
    /// What it was, for people.
    pub description: String,
    /// When it happened.
    pub created_at: Timestamp,
}

/// The id of one line. Both sides of a transfer share the transfer's id, but clients want to tell lines apart: the
/// receiving side has it with a variant (`c…` to `f…`) that no UUID of our time has.
fn line_id(entry: &Entry) -> Uuid {
    const OTHER_VARIANT: u128 = 0x4000_0000_0000_0000;
    match entry.side {
        Side::Debit => entry.transfer.uuid(),
        Side::Credit => Uuid::from_u128(entry.transfer.uuid().as_u128() ^ OTHER_VARIANT),
    }
}

fn transaction(wallet: AccountId, entry: Entry) -> Transaction {
    let memo = entry.memo.as_deref();
    let words = |side| (kind::tx_type(entry.kind, side), kind::description(entry.kind, side, entry.amount.get(), memo));
    let (tx_type, description) = match (entry.reverses, entry.side) {
        (None, side) => words(side),
        (Some(_), _) => ("reversal", memo.unwrap_or("Reversal").to_owned()),
    };
    Transaction {
        id: line_id(&entry),
        transfer: entry.transfer,
        wallet,
        amount: entry.signed_amount(),
        balance_after: entry.balance,
        tx_type,
        reference: entry.reference.unwrap_or(entry.transfer.cast()),
        description,
        created_at: entry.created_at,
    }
}

/// A page of what happened in a wallet, the newest first. Takes the owner or an admin.
///
/// # Errors
/// [`WalletError::Unknown`], [`WalletError::Forbidden`].
pub async fn transactions(
    tx: &mut impl WalletStore,
    caller: &Caller,
    id: AccountId,
    page: PageRequest,
) -> Result<Page<Transaction>, WalletError> {
    let account = tx.find_account(id).await?;
    wallet(account.as_ref(), WalletError::Unknown)?.check_readable(caller)?;
    let (no, total) = account.map_or((0, 0), |account| (account.no, account.entry_count));
    // Entries are numbered without holes, so the page is known before it is read.
    let last = total - page.offset();
    let first = (last - page.limit() + 1).max(1);
    let entries = if first > last { Vec::new() } else { tx.list_entries(no, first..=last).await? };
    Ok(Page { items: entries.into_iter().map(|entry| transaction(id, entry)).collect(), total })
}
