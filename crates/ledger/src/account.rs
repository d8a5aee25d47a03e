//! Opening accounts, freezing and closing them, and the accounts of the house.

use rialto_kernel::{AccountId, Asset, Timestamp};
use uuid::Uuid;

use crate::{
    LedgerError,
    model::{Account, AccountState, NewAccount, Side},
    store::LedgerStore,
};

/// An account of the house. There is one of each per asset, opened by the migration, with an id that everybody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum House {
    /// [`crate::Code::ISSUANCE`]. Goes below zero.
    Issuance,
    /// [`crate::Code::PURCHASES`]. Goes below zero.
    Purchases,
    /// [`crate::Code::CLEARING`].
    Clearing,
    /// [`crate::Code::ESCROW`].
    Escrow,
    /// [`crate::Code::FEES`].
    Fees,
    /// [`crate::Code::PAYOUTS`].
    Payouts,
}

impl House {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Issuance, Self::Purchases, Self::Clearing, Self::Escrow, Self::Fees, Self::Payouts];

    /// Its id: the last two bytes say the asset and what it is for.
    #[must_use]
    pub const fn account(self, asset: Asset) -> AccountId {
        let asset: u128 = match asset {
            Asset::Credit => 0x0100,
            Asset::Usdc => 0x0200,
        };
        let code: u128 = match self {
            Self::Issuance => 1,
            Self::Purchases => 2,
            Self::Clearing => 3,
            Self::Escrow => 4,
            Self::Fees => 5,
            Self::Payouts => 6,
        };
        AccountId::from_uuid(Uuid::from_u128(0x8000_8000_0000_0000_0000 | asset | code))
    }
}

/// Opens an account. Asking again with the same id gives the account as it is.
///
/// # Errors
/// [`LedgerError::IdMismatch`] when another account has the id, or has the place that this one would have (an owner's
/// own wallet, an agent's wallet).
pub async fn open_account(tx: &mut impl LedgerStore, new: NewAccount, now: Timestamp) -> Result<Account, LedgerError> {
    let opened = tx.insert_account(&new, now).await?;
    match tx.find_account(new.id).await? {
        Some(account) if opened || account.answers(&new) => Ok(account),
        _ => Err(LedgerError::IdMismatch(new.id.cast())),
    }
}

/// Freezes, closes or opens an account again.
///
/// # Errors
/// [`LedgerError::AccountUnknown`]; [`LedgerError::AccountNotEmpty`] when it is to be closed and has money or holds.
pub async fn set_account_state(
    tx: &mut impl LedgerStore,
    id: AccountId,
    state: AccountState,
    now: Timestamp,
) -> Result<Account, LedgerError> {
    let unknown = LedgerError::AccountUnknown { account: id, side: Side::Debit };
    let account = tx.lock_accounts(&[id]).await?.into_iter().next().ok_or(unknown)?;
    let empty = account.balance == 0 && account.held_in.is_zero() && account.held_out.is_zero();
    if state == AccountState::Closed && !empty {
        return Err(LedgerError::AccountNotEmpty(id));
    }
    tx.set_account_state(id, state, now).await?;
    Ok(Account { state, updated_at: now, ..account })
}

impl Account {
    /// Whether `new` asks for just this account.
    fn answers(&self, new: &NewAccount) -> bool {
        self.owner == new.owner
            && self.agent == new.agent
            && self.asset == new.asset
            && self.code == new.code
            && self.overdraft == new.overdraft
    }
}
