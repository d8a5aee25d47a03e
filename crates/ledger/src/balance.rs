//! Balances in USDC: what an owner has paid in to buy calls with, and what it has earned by being called.
//!
//! An owner has two accounts, which are opened when they are first needed. Their ids follow from the owner's, so that nobody has
//! to look for them, and there can be no second one:
//!
//! - [`buyer_account`]: filled by deposits, emptied by calls;
//! - [`payable_account`]: filled by calls, less what the house takes of each; emptied by settlements.
//!
//! Only Rialto moves money in and out of them ([`crate::access`] refuses everybody else but administrators): what is in the one
//! is what was deposited less what was spent, and what is in the other is what is still owed.

use rialto_kernel::{AccountId, Asset, Id, OwnerId, Timestamp};
use sha2::{Digest, Sha256};

use crate::{
    LedgerError,
    model::{Account, Code, NewAccount},
    open_account,
    store::LedgerStore,
};

/// What these accounts count.
pub const ASSET: Asset = Asset::USDC;

/// The account that an owner's calls are paid from.
#[must_use]
pub fn buyer_account(owner: OwnerId) -> AccountId {
    account_id(owner, &Code::BUYER)
}

/// The account that calls of an owner's services are paid to.
#[must_use]
pub fn payable_account(owner: OwnerId) -> AccountId {
    account_id(owner, &Code::PAYABLE)
}

/// An id of version 8, which nobody can choose from outside.
fn account_id(owner: OwnerId, code: &Code) -> AccountId {
    let digest = Sha256::new_with_prefix(code.as_str()).chain_update([0]).chain_update(owner.as_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, of_digest)| *byte = of_digest);
    Id::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Whether this is one of the two accounts.
pub(crate) fn is_managed(account: &Account) -> bool {
    let is_one = |owner| [buyer_account(owner), payable_account(owner)].contains(&account.id);
    // The code alone says nothing: anybody may give it to an account of their own.
    account.asset == ASSET && [Code::BUYER, Code::PAYABLE].contains(&account.code) && account.owner.is_some_and(is_one)
}

/// Opens the buyer's account. Once it is there, it is returned as it is.
///
/// # Errors
/// [`LedgerError::Store`].
pub async fn open_buyer_account(tx: &mut impl LedgerStore, owner: OwnerId, now: Timestamp) -> Result<Account, LedgerError> {
    open(tx, buyer_account(owner), owner, Code::BUYER, now).await
}

/// Opens the payable account. Once it is there, it is returned as it is.
///
/// # Errors
/// [`LedgerError::Store`].
pub async fn open_payable_account(tx: &mut impl LedgerStore, owner: OwnerId, now: Timestamp) -> Result<Account, LedgerError> {
    open(tx, payable_account(owner), owner, Code::PAYABLE, now).await
}

async fn open(
    tx: &mut impl LedgerStore,
    id: AccountId,
    owner: OwnerId,
    code: Code,
    now: Timestamp,
) -> Result<Account, LedgerError> {
    match tx.find_account(id).await? {
        Some(account) => Ok(account),
        None => open_account(tx, NewAccount { id, ..NewAccount::owned_by(owner, ASSET, code) }, now).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_two_accounts_and_always_the_same() {
        let owner: OwnerId = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        // They are in databases: they must never come out otherwise.
        assert_eq!(buyer_account(owner), buyer_account(owner));
        assert_ne!(buyer_account(owner), payable_account(owner));
        assert_ne!(buyer_account(owner), buyer_account(OwnerId::new()));
        assert_eq!(buyer_account(owner).uuid().get_version_num(), 8);
    }
}
