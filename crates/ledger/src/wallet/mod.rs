//! Wallets: the accounts of people and agents in credits, with what their owners may do to them.
//!
//! - Reading a wallet takes its owner or an admin.
//! - Taking money out ([`debit`], [`transfer()`], [`consolidate()`]) takes its owner (not a viewer) or an admin.
//! - Putting money in from nowhere ([`credit`], [`grant`]) takes an admin, or in the [`Sandbox`] the owner.

mod consolidate;
mod counter;
mod history;
pub mod kind;
mod movement;
mod store;
mod summary;

pub use consolidate::{CONSOLIDATE_MAX, Consolidated, consolidate};
pub use history::{Transaction, transactions};
pub use movement::{Grant, Movement, NewWalletTransfer, Transferred, credit, debit, grant, transfer};
use rialto_kernel::{AccountId, AgentId, Amount, Asset, Caller, Event, Id, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::StoreError;
use serde_json::json;
pub use store::{AgentsTotal, Total, WalletStore};
pub use summary::{Summary, summary};

use crate::{
    House, LedgerError,
    model::{Account, Code, NewAccount, NewTransfer},
    open_account,
};

/// What wallets count.
pub(crate) const ASSET: Asset = Asset::CREDIT;
/// The most agent wallets that one list shows.
pub const AGENT_WALLETS_MAX: u32 = 1_000;

/// Whether this is a sandbox, in which owners may mint credits for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sandbox(pub bool);

/// Why a wallet operation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalletError {
    /// No such wallet.
    #[error("Wallet not found")]
    Unknown,
    /// The owner has no wallet.
    #[error("User wallet not found")]
    NoUserWallet,
    /// The agent has no wallet.
    #[error("Wallet not found for agent")]
    NoAgentWallet,
    /// No such wallet to pay from.
    #[error("Source wallet not found")]
    SourceUnknown,
    /// No such wallet to pay to.
    #[error("Destination wallet not found")]
    DestinationUnknown,
    /// The caller may not do this to this wallet.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// A wallet, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// Its id, which is its account's.
    pub id: AccountId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Which agent's it is; the owner's own if `None`.
    pub agent: Option<AgentId>,
    /// What is in it.
    pub balance: Amount,
    /// What of that is set aside.
    pub held: Amount,
    /// What can be spent.
    pub available: Amount,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Wallet {
    /// The wallet that this account is; `None` when it is none.
    #[must_use]
    pub fn of(account: &Account) -> Option<Self> {
        let is_wallet = account.asset == ASSET && (account.code == Code::USER || account.code == Code::AGENT);
        let amount = |minor_units| Amount::new(minor_units).ok();
        Some(Self {
            id: account.id,
            owner: account.owner.filter(|_| is_wallet)?,
            agent: account.agent,
            balance: amount(account.balance)?,
            held: account.held_out,
            available: amount(account.available())?,
            created_at: account.created_at,
            updated_at: account.updated_at,
        })
    }

    pub(crate) fn check_readable(&self, caller: &Caller) -> Result<(), WalletError> {
        if caller.may_read(self.owner) { Ok(()) } else { Err(WalletError::Forbidden("This wallet belongs to somebody else.")) }
    }

    pub(crate) fn check_writable(&self, caller: &Caller) -> Result<(), WalletError> {
        check_writable(self.owner, caller)
    }
}

/// Whether `caller` may use a wallet of `owner`.
fn check_writable(owner: OwnerId, caller: &Caller) -> Result<(), WalletError> {
    if caller.may_write(owner) { Ok(()) } else { Err(WalletError::Forbidden("Only its owner may use this wallet.")) }
}

/// Whether `caller` may put credits into a wallet of `owner` from nowhere.
fn check_mintable(owner: OwnerId, caller: &Caller, sandbox: Sandbox) -> Result<(), WalletError> {
    if caller.is_admin() || (sandbox.0 && caller.may_write(owner)) {
        Ok(())
    } else {
        Err(WalletError::Forbidden("Crediting and granting take an administrator."))
    }
}

/// The wallet behind an account that is there and is one, or `missing`.
pub(crate) fn wallet(account: Option<&Account>, missing: WalletError) -> Result<Wallet, WalletError> {
    account.and_then(Wallet::of).ok_or(missing)
}

/// Opens the own wallet of an owner, with a welcome grant if `welcome` is not zero. Once it is there, it is returned as
/// it is, and nothing is granted again.
///
/// # Errors
/// [`WalletError::Ledger`] or [`WalletError::Store`].
pub async fn open_user_wallet(
    tx: &mut impl WalletStore,
    owner: OwnerId,
    welcome: Amount,
    now: Timestamp,
) -> Result<Wallet, WalletError> {
    if let Some(account) = tx.find_user_account(owner).await? {
        return wallet(Some(&account), WalletError::NoUserWallet);
    }
    let account = open(tx, owner, None, now).await?;
    if welcome.is_zero() {
        return wallet(Some(&account), WalletError::NoUserWallet);
    }
    let grant = NewTransfer::new(Id::new(), House::Issuance.account(ASSET), account.id, welcome);
    let new = NewTransfer { kind: kind::WELCOME_GRANT, ..grant };
    let posted = crate::transfer(tx, new, now).await?;
    wallet(Some(&posted.credit), WalletError::NoUserWallet)
}

/// Opens the wallet of an agent, which belongs to the agent's owner. Once it is there, it is returned as it is.
///
/// # Errors
/// [`WalletError::Ledger`] or [`WalletError::Store`].
pub async fn open_agent_wallet(
    tx: &mut impl WalletStore,
    owner: OwnerId,
    agent: AgentId,
    now: Timestamp,
) -> Result<Wallet, WalletError> {
    let account = match tx.find_agent_account(agent).await? {
        Some(account) => account,
        None => open(tx, owner, Some(agent), now).await?,
    };
    wallet(Some(&account), WalletError::NoAgentWallet)
}

async fn open(tx: &mut impl WalletStore, owner: OwnerId, agent: Option<AgentId>, now: Timestamp) -> Result<Account, WalletError> {
    let code = if agent.is_some() { Code::AGENT } else { Code::USER };
    let new = NewAccount { agent, ..NewAccount::owned_by(owner, ASSET, code) };
    let account = match open_account(tx, new, now).await {
        // Somebody opened the same wallet at the same moment and has committed: run again, and find it.
        Err(LedgerError::IdMismatch(_)) => return Err(StoreError::Again(format!("a wallet of {owner} was just opened")).into()),
        opened => opened?,
    };
    let data = json!({ "wallet_id": account.id, "agent_id": agent });
    tx.append_event(Event { kind: "wallet.opened", subject: account.id.uuid(), owner: Some(owner), data, at: now }).await?;
    Ok(account)
}

/// A wallet by its id.
///
/// # Errors
/// [`WalletError::Unknown`], [`WalletError::Forbidden`].
pub async fn read_wallet(tx: &mut impl WalletStore, caller: &Caller, id: AccountId) -> Result<Wallet, WalletError> {
    let wallet = wallet(tx.find_account(id).await?.as_ref(), WalletError::Unknown)?;
    wallet.check_readable(caller)?;
    Ok(wallet)
}

/// The wallet of an agent.
///
/// # Errors
/// [`WalletError::NoAgentWallet`], [`WalletError::Forbidden`].
pub async fn read_agent_wallet(tx: &mut impl WalletStore, caller: &Caller, agent: AgentId) -> Result<Wallet, WalletError> {
    let wallet = wallet(tx.find_agent_account(agent).await?.as_ref(), WalletError::NoAgentWallet)?;
    wallet.check_readable(caller)?;
    Ok(wallet)
}

/// The caller's own wallet.
///
/// # Errors
/// [`WalletError::NoUserWallet`].
pub async fn read_own_wallet(tx: &mut impl WalletStore, caller: &Caller) -> Result<Wallet, WalletError> {
    wallet(tx.find_user_account(caller.owner).await?.as_ref(), WalletError::NoUserWallet)
}

/// The wallets of the caller's agents, the oldest first, at most [`AGENT_WALLETS_MAX`], and how many there are in all.
///
/// # Errors
/// [`WalletError::Store`].
pub async fn list_agent_wallets(tx: &mut impl WalletStore, caller: &Caller) -> Result<Page<Wallet>, WalletError> {
    let accounts = tx.list_agent_accounts(caller.owner, AGENT_WALLETS_MAX).await?;
    let total = tx.agent_accounts_total(caller.owner).await?.count;
    Ok(Page { items: accounts.iter().filter_map(Wallet::of).collect(), total })
}

/// What the wallets of all the caller's agents have in them together, in minor units.
///
/// # Errors
/// [`WalletError::Store`].
pub async fn agents_balance(tx: &mut impl WalletStore, caller: &Caller) -> Result<i64, WalletError> {
    Ok(tx.agent_accounts_total(caller.owner).await?.balance)
}

/// All wallets, the fullest first, for admins.
///
/// No index holds balances (every payment would have to move in it), so this reads all wallets.
///
/// # Errors
/// [`WalletError::Forbidden`].
pub async fn list_wallets(tx: &mut impl WalletStore, caller: &Caller, page: PageRequest) -> Result<Page<Wallet>, WalletError> {
    if !caller.is_admin() {
        return Err(WalletError::Forbidden("Listing all wallets takes an administrator."));
    }
    let Page { items, total } = tx.list_fullest_accounts(page).await?;
    Ok(Page { items: items.iter().filter_map(Wallet::of).collect(), total })
}
