//! What wallets ask of a transaction beyond the ledger itself.

use rialto_kernel::{AccountId, AgentId, Event, OwnerId, Page, PageRequest};
use rialto_store::StoreError;

use crate::{
    model::{Account, Kind, Side},
    store::LedgerStore,
};

/// All movements of one kind on one side of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The kind.
    pub kind: Kind,
    /// The side.
    pub side: Side,
    /// Whether these are reversals: they count against the other side.
    pub reversal: bool,
    /// Their sum, in minor units; the largest number there is when it is more than that.
    pub amount: i64,
    /// How many there are.
    pub count: i64,
}

/// The wallets of one owner's agents, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentsTotal {
    /// How many there are.
    pub count: i64,
    /// What is in them, in minor units.
    pub balance: i64,
}

/// The rows that wallets are made of.
pub trait WalletStore: LedgerStore {
    /// The owner's own wallet.
    fn find_user_account(&mut self, owner: OwnerId) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// The agent's wallet.
    fn find_agent_account(&mut self, agent: AgentId) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// The wallets of those of these agents that have one.
    fn find_agent_accounts(&mut self, agents: &[AgentId]) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send;

    /// The wallets of the owner's agents, the oldest first.
    fn list_agent_accounts(
        &mut self,
        owner: OwnerId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send;

    /// How many wallets the owner's agents have, and what is in them together.
    fn agent_accounts_total(&mut self, owner: OwnerId) -> impl Future<Output = Result<AgentsTotal, StoreError>> + Send;

    /// Those wallets of the owner's agents that are open and have something available, the oldest first: of the named
    /// agents, or of all if none is named.
    fn list_spendable_agent_accounts(
        &mut self,
        owner: OwnerId,
        agents: &[AgentId],
        limit: u32,
    ) -> impl Future<Output = Result<Vec<AccountId>, StoreError>> + Send;

    /// All wallets, those with the highest balances first.
    fn list_fullest_accounts(&mut self, page: PageRequest) -> impl Future<Output = Result<Page<Account>, StoreError>> + Send;

    /// What all entries of an account come to, by kind and side.
    fn totals(&mut self, account_no: i64) -> impl Future<Output = Result<Vec<Total>, StoreError>> + Send;

    /// Writes an event into the transaction.
    fn append_event(&mut self, event: Event) -> impl Future<Output = Result<(), StoreError>> + Send;
}
