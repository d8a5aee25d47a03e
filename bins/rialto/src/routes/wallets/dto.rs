//! What goes over the wire.

mod history;

pub use history::{TransactionPage, TransactionResponse, WalletSummary};
use rialto_kernel::{AccountId, AgentId, Amount, Caller, OwnerId, Timestamp, limits::DESCRIPTION_CHARS_MAX};
use rialto_ledger::{
    ReferenceId, TransferId,
    wallet::{self, Consolidated, Movement, NewWalletTransfer, Transferred, Wallet},
};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{IntoParams, ToSchema};

/// An amount that moves: at least one credit.
fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    let amount = Amount::deserialize(deserializer)?;
    if amount.is_zero() { Err(de::Error::custom("must be at least 1")) } else { Ok(amount) }
}

fn description<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    match text {
        Some(text) if text.chars().count() > DESCRIPTION_CHARS_MAX => {
            Err(de::Error::custom(format!("must be at most {DESCRIPTION_CHARS_MAX} characters")))
        }
        text => Ok(text),
    }
}

/// Whose a wallet is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WalletType {
    /// A user's own.
    User,
    /// An agent's, which belongs to the agent's owner.
    Agent,
}

/// A wallet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000010", "user_id": "0198c0de-0000-7000-8000-000000000001", "agent_id": null,
    "wallet_type": "user", "balance": 500, "available": 450, "held": 50,
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct WalletResponse {
    /// Its id.
    pub id: AccountId,
    /// Whose own wallet it is.
    pub user_id: Option<OwnerId>,
    /// Which agent's wallet it is.
    pub agent_id: Option<AgentId>,
    /// Which of the two.
    pub wallet_type: WalletType,
    /// What is in it, what is held included.
    pub balance: Amount,
    /// What can be spent: the balance without what is held.
    pub available: Amount,
    /// What is set aside for calls that are running.
    pub held: Amount,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<Wallet> for WalletResponse {
    fn from(wallet: Wallet) -> Self {
        Self {
            id: wallet.id,
            user_id: wallet.agent.is_none().then_some(wallet.owner),
            agent_id: wallet.agent,
            wallet_type: if wallet.agent.is_some() { WalletType::Agent } else { WalletType::User },
            balance: wallet.balance,
            available: wallet.available,
            held: wallet.held,
            created_at: wallet.created_at,
            updated_at: wallet.updated_at,
        }
    }
}

/// Credits that go in or out.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"amount": 100, "description": "Top-up"}))]
pub struct AmountRequest {
    /// How many credits.
    #[serde(deserialize_with = "positive")]
    #[schema(minimum = 1)]
    pub amount: Amount,
    /// A text for the history.
    #[serde(default, deserialize_with = "description")]
    #[schema(max_length = 500)]
    pub description: Option<String>,
}

impl AmountRequest {
    /// The movement that is asked for.
    pub fn movement(&self, id: TransferId, wallet: AccountId) -> Movement {
        Movement { id, wallet, amount: self.amount, description: self.description.clone() }
    }
}

/// What a grant is for.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
pub enum GrantType {
    /// To greet somebody.
    #[serde(rename = "grant_welcome")]
    Welcome,
    /// To promote something.
    #[default]
    #[serde(rename = "grant_promotional")]
    Promotional,
    /// To reward somebody.
    #[serde(rename = "grant_reward")]
    Reward,
}

impl From<GrantType> for wallet::Grant {
    fn from(grant: GrantType) -> Self {
        match grant {
            GrantType::Welcome => Self::Welcome,
            GrantType::Promotional => Self::Promotional,
            GrantType::Reward => Self::Reward,
        }
    }
}

/// Credits that are granted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"amount": 50, "grant_type": "grant_reward", "description": "First ten calls"}))]
pub struct GrantRequest {
    /// How many credits.
    #[serde(deserialize_with = "positive")]
    #[schema(minimum = 1)]
    pub amount: Amount,
    /// What for.
    #[serde(default)]
    #[schema(default = "grant_promotional")]
    pub grant_type: GrantType,
    /// A text for the history.
    #[serde(default, deserialize_with = "description")]
    #[schema(max_length = 500)]
    pub description: Option<String>,
}

impl GrantRequest {
    /// The movement that is asked for.
    pub fn movement(&self, id: TransferId, wallet: AccountId) -> Movement {
        Movement { id, wallet, amount: self.amount, description: self.description.clone() }
    }
}

/// Credits that go from wallet to wallet.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "from_wallet_id": "0198c0de-0000-7000-8000-000000000010", "to_wallet_id": "0198c0de-0000-7000-8000-000000000011",
    "amount": 25, "description": "Thanks",
}))]
pub struct TransferRequest {
    /// Which wallet pays. It is yours.
    pub from_wallet_id: AccountId,
    /// Which wallet is paid.
    pub to_wallet_id: AccountId,
    /// How many credits.
    #[serde(deserialize_with = "positive")]
    #[schema(minimum = 1)]
    pub amount: Amount,
    /// A text for both histories.
    #[serde(default, deserialize_with = "description")]
    #[schema(max_length = 500)]
    pub description: Option<String>,
}

impl TransferRequest {
    /// The transfer that is asked for.
    pub fn transfer(&self, id: TransferId) -> NewWalletTransfer {
        NewWalletTransfer {
            id,
            from: self.from_wallet_id,
            to: self.to_wallet_id,
            amount: self.amount,
            description: self.description.clone(),
        }
    }
}

/// What a transfer came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferResponse {
    /// What both lines of history refer to.
    pub reference_id: ReferenceId,
    /// The wallet that paid, after it.
    pub from_wallet: WalletResponse,
    /// The wallet that was paid, after it.
    pub to_wallet: PayeeResponse,
    /// The id of the wallet that paid.
    pub from_wallet_id: AccountId,
    /// The id of the wallet that was paid.
    pub to_wallet_id: AccountId,
    /// How many credits.
    pub amount: Amount,
}

/// A wallet that was paid. What is in it is told to those who may read it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayeeResponse {
    /// Its id.
    pub id: AccountId,
    /// Whose own wallet it is; null when it is an agent's, or not yours to read.
    pub user_id: Option<OwnerId>,
    /// Which agent's wallet it is.
    pub agent_id: Option<AgentId>,
    /// Which of the two.
    pub wallet_type: WalletType,
    /// What is in it; null when it is not yours to read, and so are the figures below.
    pub balance: Option<Amount>,
    /// What can be spent.
    pub available: Option<Amount>,
    /// What is set aside.
    pub held: Option<Amount>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

impl PayeeResponse {
    fn shown_to(caller: &Caller, wallet: Wallet) -> Self {
        let may_read = caller.may_read(wallet.owner);
        let wallet = WalletResponse::from(wallet);
        Self {
            id: wallet.id,
            user_id: wallet.user_id.filter(|_| may_read),
            agent_id: wallet.agent_id,
            wallet_type: wallet.wallet_type,
            balance: may_read.then_some(wallet.balance),
            available: may_read.then_some(wallet.available),
            held: may_read.then_some(wallet.held),
            created_at: wallet.created_at,
            updated_at: may_read.then_some(wallet.updated_at),
        }
    }
}

impl TransferResponse {
    /// What the caller may see of it.
    pub fn shown_to(caller: &Caller, Transferred { transfer, from, to }: Transferred) -> Self {
        Self {
            reference_id: transfer.reference.unwrap_or(transfer.id.cast()),
            from_wallet_id: from.id,
            to_wallet_id: to.id,
            amount: transfer.amount,
            from_wallet: from.into(),
            to_wallet: PayeeResponse::shown_to(caller, to),
        }
    }
}

/// Which agents to sweep.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"agent_ids": null}))]
pub struct ConsolidateRequest {
    /// The agents; all of yours when it is left out, null or empty.
    #[serde(default, deserialize_with = "agents")]
    #[schema(max_items = 1000)]
    pub agent_ids: Option<Vec<AgentId>>,
}

fn agents<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<AgentId>>, D::Error> {
    let agents = Option::<Vec<AgentId>>::deserialize(deserializer)?;
    let bound = usize::try_from(wallet::CONSOLIDATE_MAX).unwrap_or(usize::MAX);
    if agents.as_ref().is_some_and(|agents| agents.len() > bound) {
        return Err(de::Error::custom(format!("must be at most {bound} agents")));
    }
    Ok(agents)
}

/// What was swept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"reference_id": "0198c0de-0000-7000-8000-000000000020", "total_swept": 42, "wallets_swept": 2}))]
pub struct ConsolidateResponse {
    /// What the lines of history refer to.
    pub reference_id: ReferenceId,
    /// How many credits in all.
    pub total_swept: Amount,
    /// From how many wallets.
    pub wallets_swept: u32,
}

impl From<Consolidated> for ConsolidateResponse {
    fn from(swept: Consolidated) -> Self {
        Self { reference_id: swept.reference, total_swept: swept.total_swept, wallets_swept: swept.wallets_swept }
    }
}

/// A user's wallet, and those of its agents.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserWalletOverview {
    /// The user's own.
    pub wallet: WalletResponse,
    /// The agents', the oldest first.
    pub agent_wallets: Vec<AgentWalletSummary>,
    /// What is in all the agents' wallets together.
    pub total_agent_balance: i64,
}

/// An agent's wallet, in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "wallet_id": "0198c0de-0000-7000-8000-000000000011", "agent_id": "0198c0de-0000-7000-8000-000000000003",
    "agent_name": "Summarizer", "balance": 42,
}))]
pub struct AgentWalletSummary {
    /// The wallet.
    pub wallet_id: AccountId,
    /// The agent.
    pub agent_id: AgentId,
    /// What the agent is called.
    pub agent_name: Option<String>,
    /// What is in it.
    pub balance: Amount,
}

/// Which wallets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WalletPage {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 100)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}
