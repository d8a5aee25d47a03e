//! Putting credits in, taking them out, and moving them between wallets.

use rialto_kernel::{AccountId, Amount, Caller, OwnerId, Timestamp};

use super::{ASSET, Sandbox, Wallet, WalletError, WalletStore, check_mintable, check_writable, kind, wallet};
use crate::{
    House,
    access::Standing,
    model::{Kind, NewTransfer, Posted, Transfer, TransferId},
    plan::Plan,
};

/// Credits that go into a wallet, or leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Chosen by the caller, see [`NewTransfer::id`].
    pub id: TransferId,
    /// Which wallet.
    pub wallet: AccountId,
    /// How much. Not zero.
    pub amount: Amount,
    /// A text for people; a fitting one if `None`.
    pub description: Option<String>,
}

impl Movement {
    fn transfer(self, debit: AccountId, credit: AccountId, kind: Kind) -> NewTransfer {
        NewTransfer { kind, memo: self.description, ..NewTransfer::new(self.id, debit, credit, self.amount) }
    }

    /// Out of issuance.
    pub(super) fn mint(self, kind: Kind) -> NewTransfer {
        let wallet = self.wallet;
        self.transfer(House::Issuance.account(ASSET), wallet, kind)
    }

    /// Back to issuance.
    pub(super) fn debit(self) -> NewTransfer {
        let wallet = self.wallet;
        self.transfer(wallet, House::Issuance.account(ASSET), kind::DEBIT)
    }
}

/// Whose wallet an account is, or `missing`.
fn owner_of(account: Option<Standing>, missing: WalletError) -> Result<OwnerId, WalletError> {
    account.filter(|standing| standing.is_wallet).and_then(|standing| standing.owner).ok_or(missing)
}

/// Whether `caller` may put credits into `wallet` from nowhere.
pub(super) fn may_mint(caller: &Caller, sandbox: Sandbox, wallet: Option<Standing>) -> Result<(), WalletError> {
    check_mintable(owner_of(wallet, WalletError::Unknown)?, caller, sandbox)
}

/// Whether `caller` may take credits out of `wallet`.
pub(super) fn may_debit(caller: &Caller, wallet: Option<Standing>) -> Result<(), WalletError> {
    check_writable(owner_of(wallet, WalletError::Unknown)?, caller)
}

/// Whether `caller` may move credits between these wallets.
pub(super) fn may_transfer(caller: &Caller, from: Option<Standing>, to: Option<Standing>) -> Result<(), WalletError> {
    let owner = owner_of(from, WalletError::SourceUnknown)?;
    owner_of(to, WalletError::DestinationUnknown)?;
    check_writable(owner, caller)
}

/// What a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grant {
    /// To greet somebody.
    Welcome,
    /// To promote something.
    Promotional,
    /// To reward somebody.
    Reward,
}

impl Grant {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Welcome => kind::GRANT_WELCOME,
            Self::Promotional => kind::GRANT_PROMOTIONAL,
            Self::Reward => kind::GRANT_REWARD,
        }
    }
}

/// Puts credits in, from issuance. Takes an admin, or in the sandbox the owner.
///
/// # Errors
/// [`WalletError::Unknown`], [`WalletError::Forbidden`], then as [`crate::transfer`].
pub async fn credit(
    tx: &mut impl WalletStore,
    caller: &Caller,
    sandbox: Sandbox,
    movement: Movement,
    now: Timestamp,
) -> Result<Wallet, WalletError> {
    mint(tx, caller, sandbox, kind::CREDIT, movement, now).await
}

/// Grants credits, from issuance. Takes an admin, or in the sandbox the owner.
///
/// # Errors
/// As [`credit`].
pub async fn grant(
    tx: &mut impl WalletStore,
    caller: &Caller,
    sandbox: Sandbox,
    grant: Grant,
    movement: Movement,
    now: Timestamp,
) -> Result<Wallet, WalletError> {
    mint(tx, caller, sandbox, grant.kind(), movement, now).await
}

async fn mint(
    tx: &mut impl WalletStore,
    caller: &Caller,
    sandbox: Sandbox,
    kind: Kind,
    movement: Movement,
    now: Timestamp,
) -> Result<Wallet, WalletError> {
    let id = movement.wallet;
    let new = movement.mint(kind);
    let check = |plan: &Plan| may_mint(caller, sandbox, standing(plan, id));
    let posted = run(tx, &new, now, check).await?;
    wallet(Some(&posted.credit), WalletError::Unknown)
}

/// Takes credits out, back to issuance. Takes the owner or an admin.
///
/// # Errors
/// [`WalletError::Unknown`], [`WalletError::Forbidden`], then as [`crate::transfer`].
pub async fn debit(
    tx: &mut impl WalletStore,
    caller: &Caller,
    movement: Movement,
    now: Timestamp,
) -> Result<Wallet, WalletError> {
    let id = movement.wallet;
    let new = movement.debit();
    let check = |plan: &Plan| may_debit(caller, standing(plan, id));
    let posted = run(tx, &new, now, check).await?;
    wallet(Some(&posted.debit), WalletError::Unknown)
}

/// Credits that go from one wallet to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWalletTransfer {
    /// Chosen by the caller, see [`NewTransfer::id`].
    pub id: TransferId,
    /// Which wallet pays.
    pub from: AccountId,
    /// Which wallet is paid. It may be the same one: then two entries cancel each other.
    pub to: AccountId,
    /// How much. Not zero.
    pub amount: Amount,
    /// A text for people; a fitting one if `None`.
    pub description: Option<String>,
}

impl From<NewWalletTransfer> for NewTransfer {
    fn from(NewWalletTransfer { id, from, to, amount, description }: NewWalletTransfer) -> Self {
        Self { kind: kind::TRANSFER, memo: description, ..Self::new(id, from, to, amount) }
    }
}

/// What a transfer between wallets came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// The transfer.
    pub transfer: Transfer,
    /// The wallet that paid, after it.
    pub from: Wallet,
    /// The wallet that was paid, after it.
    pub to: Wallet,
}

impl Transferred {
    pub(super) fn of(posted: Posted) -> Result<Self, WalletError> {
        Ok(Self {
            from: wallet(Some(&posted.debit), WalletError::SourceUnknown)?,
            to: wallet(Some(&posted.credit), WalletError::DestinationUnknown)?,
            transfer: posted.transfer,
        })
    }
}

/// Moves credits from one wallet to another. Takes the owner of the first or an admin.
///
/// # Errors
/// [`WalletError::SourceUnknown`], [`WalletError::DestinationUnknown`], [`WalletError::Forbidden`], then as
/// [`crate::transfer`].
pub async fn transfer(
    tx: &mut impl WalletStore,
    caller: &Caller,
    new: NewWalletTransfer,
    now: Timestamp,
) -> Result<Transferred, WalletError> {
    let (from, to) = (new.from, new.to);
    let check = |plan: &Plan| may_transfer(caller, standing(plan, from), standing(plan, to));
    Transferred::of(run(tx, &new.into(), now, check).await?)
}

fn standing(plan: &Plan, id: AccountId) -> Option<Standing> {
    plan.account(id).map(Standing::of)
}

/// Makes a transfer if `check` agrees to the locked accounts, so that they are read once.
async fn run(
    tx: &mut impl WalletStore,
    new: &NewTransfer,
    now: Timestamp,
    check: impl FnOnce(&Plan) -> Result<(), WalletError> + Send,
) -> Result<Posted, WalletError> {
    let mut plan = Plan::for_transfer(tx, new, now).await?;
    check(&plan)?;
    let posted = plan.transfer(new)?;
    plan.commit(tx).await?;
    Ok(posted)
}
