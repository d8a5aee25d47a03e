//! Opening accounts, freezing and closing them, and the accounts of the house.

use rialto_kernel::{AccountId, Asset, Timestamp};
use uuid::Uuid;

use crate::{
    LedgerError,
    model::{Account, AccountState, Code, NewAccount, Overdraft, Side},
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
    /// The assets whose accounts are there from the start.
    pub(crate) const ASSETS: [Asset; 2] = [Asset::CREDIT, Asset::USDC];

    /// Its id. For credits and USDC the last two bytes say the asset and what it is for; for any other asset the
    /// asset's code is in it. All are UUIDs of version 8, which nobody makes by chance.
    #[must_use]
    pub fn account(self, asset: Asset) -> AccountId {
        let (code, _) = self.code();
        let id = match asset {
            Asset::CREDIT => 0x8000_8000_0000_0000_0000 | 0x0100 | code,
            Asset::USDC => 0x8000_8000_0000_0000_0000 | 0x0200 | code,
            other => {
                let letters = other.bytes().into_iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(byte));
                let (first, last) = (letters >> 48, letters & 0xffff_ffff_ffff);
                first << 80 | (0x8000 | code) << 64 | 0x8000_0000_0000_0000 | last
            }
        };
        AccountId::from_uuid(Uuid::from_u128(id))
    }

    /// How it is opened.
    pub(crate) fn opening(self, asset: Asset) -> NewAccount {
        let overdraft = match self {
            Self::Issuance | Self::Purchases => Overdraft::Unlimited,
            Self::Clearing | Self::Escrow | Self::Fees | Self::Payouts => Overdraft::NONE,
        };
        let (_, code) = self.code();
        NewAccount { id: self.account(asset), overdraft, ..NewAccount::new(asset, code) }
    }

    const fn code(self) -> (u128, Code) {
        match self {
            Self::Issuance => (1, Code::ISSUANCE),
            Self::Purchases => (2, Code::PURCHASES),
            Self::Clearing => (3, Code::CLEARING),
            Self::Escrow => (4, Code::ESCROW),
            Self::Fees => (5, Code::FEES),
            Self::Payouts => (6, Code::PAYOUTS),
        }
    }
}

/// Opens the accounts of the house in an asset. Those of credits and USDC are there from the start.
///
/// # Errors
/// [`LedgerError::Store`].
pub async fn open_house(tx: &mut impl LedgerStore, asset: Asset, now: Timestamp) -> Result<(), LedgerError> {
    for account in House::ALL {
        open_account(tx, account.opening(asset), now).await?;
    }
    Ok(())
}

/// Opens an account. Asking again with the same id gives the account as it is.
///
/// # Errors
/// [`LedgerError::TextInvalid`]; [`LedgerError::IdMismatch`] when another account has the id, or has the place that this one would have (an owner's
/// own wallet, an agent's wallet).
pub async fn open_account(tx: &mut impl LedgerStore, new: NewAccount, now: Timestamp) -> Result<Account, LedgerError> {
    if !new.is_sound() {
        return Err(LedgerError::TextInvalid("code"));
    }
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
    // The time of its next entry is no earlier than this, so this must be no earlier than its last one.
    let now = now.max(account.updated_at);
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
            && self.credits_capped == new.credits_capped
    }
}
