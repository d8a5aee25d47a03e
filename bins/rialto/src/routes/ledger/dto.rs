//! What goes over the wire: accounts, transfers, holds. Amounts are integers of the asset's minor unit: whole credits,
//! millionths of a USDC.

mod history;

use std::collections::BTreeMap;

pub use history::{LedgerBalance, LedgerEntry, LedgerPage, LedgerStatement, LedgerStatementLine};
use rialto_kernel::{AccountId, AgentId, Amount, Asset, OwnerId, Timestamp};
use rialto_ledger::{
    Account, AccountState, Balancing, HoldId, HoldState, Metadata, Overdraft, ReferenceId, Side, TransferId,
    history::{HoldView, TransferView},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether money may move.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LedgerAccountState {
    /// Both ways.
    Open,
    /// In, but not out.
    Frozen,
    /// Neither way.
    Closed,
}

impl From<AccountState> for LedgerAccountState {
    fn from(state: AccountState) -> Self {
        match state {
            AccountState::Open => Self::Open,
            AccountState::Frozen => Self::Frozen,
            AccountState::Closed => Self::Closed,
        }
    }
}

/// One of the two sides of a transfer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LedgerSide {
    /// The account that pays.
    Debit,
    /// The account that is paid.
    Credit,
}

impl From<Side> for LedgerSide {
    fn from(side: Side) -> Self {
        match side {
            Side::Debit => Self::Debit,
            Side::Credit => Self::Credit,
        }
    }
}

impl From<Balancing> for LedgerSide {
    fn from(by: Balancing) -> Self {
        match by {
            Balancing::Debit => Self::Debit,
            Balancing::Credit => Self::Credit,
        }
    }
}

/// The words of a metadata column, as they are sent.
pub fn words(metadata: Metadata) -> BTreeMap<String, String> {
    metadata.words().clone()
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000010", "owner_id": "0198c0de-0000-7000-8000-000000000001", "agent_id": null,
    "asset": "CREDIT", "code": "user", "state": "open", "posted": 500, "held_out": 50, "held_in": 0, "available": 450,
    "overdraft": 0, "credits_capped": false, "entry_count": 3,
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct LedgerAccount {
    /// Its id. A wallet's account has the wallet's id.
    pub id: AccountId,
    /// Whose it is; nobody's when it belongs to the house.
    pub owner_id: Option<OwnerId>,
    /// Which agent it is the wallet of.
    pub agent_id: Option<AgentId>,
    /// What it counts.
    #[schema(value_type = String)]
    pub asset: Asset,
    /// What it is for: `user`, `agent`, a word of its maker's own.
    pub code: String,
    /// Whether money may move.
    pub state: LedgerAccountState,
    /// What is in it, what is held included.
    pub posted: i64,
    /// What pending holds will take.
    pub held_out: Amount,
    /// What pending holds will bring.
    pub held_in: Amount,
    /// What can be spent: posted without what is held out.
    pub available: i64,
    /// How far below zero it may go; null when there is no limit.
    pub overdraft: Option<Amount>,
    /// Whether it may never go above zero.
    pub credits_capped: bool,
    /// How many entries it has; also the number of the last one.
    pub entry_count: i64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<Account> for LedgerAccount {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            owner_id: account.owner,
            agent_id: account.agent,
            asset: account.asset,
            code: account.code.as_str().to_owned(),
            state: account.state.into(),
            posted: account.balance,
            held_out: account.held_out,
            held_in: account.held_in,
            available: account.available(),
            overdraft: match account.overdraft {
                Overdraft::Limit(limit) => Some(limit),
                Overdraft::Unlimited => None,
            },
            credits_capped: account.credits_capped,
            entry_count: account.entry_count,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

/// A movement that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000030", "asset": "CREDIT", "amount": 25,
    "debit_account_id": "0198c0de-0000-7000-8000-000000000010", "credit_account_id": "0198c0de-0000-7000-8000-000000000011",
    "debit_balance_after": 475, "credit_balance_after": null, "kind": 8,
    "reference_id": "0198c0de-0000-7000-8000-000000000020", "reverses": null, "memo": "Thanks", "metadata": {},
    "balancing": null, "at_most": null,
    "effective_at": "2026-11-22T04:54:03.000001Z", "created_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct LedgerTransfer {
    /// Its id, chosen by whoever asked for it.
    pub id: TransferId,
    /// What moved.
    #[schema(value_type = String)]
    pub asset: Asset,
    /// How much, in minor units.
    pub amount: Amount,
    /// Who paid.
    pub debit_account_id: AccountId,
    /// Who was paid.
    pub credit_account_id: AccountId,
    /// The paying account's balance after it; only for those who may read that account.
    pub debit_balance_after: Option<i64>,
    /// The paid account's balance after it; only for those who may read that account.
    pub credit_balance_after: Option<i64>,
    /// What kind of movement it is. Numbers below 1,000 are Rialto's.
    pub kind: i32,
    /// What it has in common with other transfers.
    pub reference_id: Option<ReferenceId>,
    /// The transfer that it takes back.
    pub reverses: Option<TransferId>,
    /// A text for people.
    pub memo: Option<String>,
    /// Whatever else was to be remembered.
    pub metadata: BTreeMap<String, String>,
    /// Which account said how much there was to move, if it was a balancing transfer.
    pub balancing: Option<LedgerSide>,
    /// How much a balancing transfer was to move at most.
    pub at_most: Option<Amount>,
    /// When it counts from. Earlier than `created_at` when it was backdated.
    pub effective_at: Timestamp,
    /// When it was posted.
    pub created_at: Timestamp,
}

impl From<TransferView> for LedgerTransfer {
    fn from(TransferView { transfer, asset, sees_debit, sees_credit }: TransferView) -> Self {
        Self {
            id: transfer.id,
            asset,
            amount: transfer.amount,
            debit_account_id: transfer.debit.account,
            credit_account_id: transfer.credit.account,
            debit_balance_after: sees_debit.then_some(transfer.debit.balance),
            credit_balance_after: sees_credit.then_some(transfer.credit.balance),
            kind: transfer.kind.0,
            reference_id: transfer.reference,
            reverses: transfer.reverses,
            memo: transfer.memo,
            metadata: words(transfer.metadata),
            balancing: transfer.balanced.map(|balanced| balanced.by.into()),
            at_most: transfer.balanced.map(|balanced| balanced.at_most),
            effective_at: transfer.effective_at.unwrap_or(transfer.created_at),
            created_at: transfer.created_at,
        }
    }
}

/// What has become of a hold.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LedgerHoldState {
    /// Nothing yet.
    Pending,
    /// It was paid, whole or in part.
    Posted,
    /// It was given back.
    Voided,
    /// Its time was over.
    Expired,
}

impl From<HoldState> for LedgerHoldState {
    fn from(state: HoldState) -> Self {
        match state {
            HoldState::Pending => Self::Pending,
            HoldState::Posted { .. } => Self::Posted,
            HoldState::Voided => Self::Voided,
            HoldState::Expired => Self::Expired,
        }
    }
}

/// Money set aside for a movement that may still be voided.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000040", "asset": "CREDIT", "amount": 50,
    "debit_account_id": "0198c0de-0000-7000-8000-000000000010", "credit_account_id": "0198c0de-0000-7000-8000-000000000011",
    "state": "pending", "posted_amount": null, "transfer_id": null, "kind": 1000, "reference_id": null, "memo": null,
    "metadata": {}, "expires_at": "2026-11-22T05:54:03.000001Z", "created_at": "2026-11-22T04:54:03.000001Z",
    "resolved_at": null,
}))]
pub struct LedgerHold {
    /// Its id, chosen by whoever asked for it.
    pub id: HoldId,
    /// What is held.
    #[schema(value_type = String)]
    pub asset: Asset,
    /// How much, in minor units.
    pub amount: Amount,
    /// Who will pay.
    pub debit_account_id: AccountId,
    /// Who will be paid.
    pub credit_account_id: AccountId,
    /// What has become of it.
    pub state: LedgerHoldState,
    /// How much was paid, once it is posted.
    pub posted_amount: Option<Amount>,
    /// The transfer that paid it, once it is posted.
    pub transfer_id: Option<TransferId>,
    /// What kind of movement it will be.
    pub kind: i32,
    /// What it has in common with other movements.
    pub reference_id: Option<ReferenceId>,
    /// A text for people.
    pub memo: Option<String>,
    /// Whatever else was to be remembered.
    pub metadata: BTreeMap<String, String>,
    /// When it ends by itself; null when it does not.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
}

impl From<HoldView> for LedgerHold {
    fn from(HoldView { hold, asset }: HoldView) -> Self {
        let (posted_amount, transfer_id) = match hold.state {
            HoldState::Posted { transfer, amount } => (Some(amount), Some(transfer)),
            HoldState::Pending | HoldState::Voided | HoldState::Expired => (None, None),
        };
        Self {
            id: hold.terms.id,
            asset,
            amount: hold.terms.amount,
            debit_account_id: hold.terms.debit,
            credit_account_id: hold.terms.credit,
            state: hold.state.into(),
            posted_amount,
            transfer_id,
            kind: hold.terms.kind.0,
            reference_id: hold.terms.reference,
            memo: hold.terms.memo,
            metadata: words(hold.terms.metadata),
            expires_at: hold.terms.expires_at,
            created_at: hold.created_at,
            resolved_at: hold.resolved_at,
        }
    }
}
