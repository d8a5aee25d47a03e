//! A wallet's history, line by line and summed up.

use rialto_kernel::{AccountId, Amount, Timestamp};
use rialto_ledger::{
    ReferenceId, TransferId,
    wallet::{Summary, Transaction},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Where a balance came from, and where the rest went:
/// `balance = total_granted + total_purchased + total_earned + total_transferred_in + total_credited − total_spent −
/// total_transferred_out − total_debited`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "wallet_id": "0198c0de-0000-7000-8000-000000000010", "balance": 475, "available": 425, "held": 50, "total_granted": 500,
    "total_purchased": 0, "total_earned": 0, "total_spent": 0, "total_transferred_in": 0, "total_transferred_out": 25,
    "total_credited": 0, "total_debited": 0, "transaction_count": 2,
}))]
pub struct WalletSummary {
    /// The wallet.
    pub wallet_id: AccountId,
    /// What is in it.
    pub balance: Amount,
    /// What can be spent.
    pub available: Amount,
    /// What is set aside.
    pub held: Amount,
    /// Granted, the welcome included.
    pub total_granted: i64,
    /// Bought.
    pub total_purchased: i64,
    /// Earned by calls, and swept in from agents.
    pub total_earned: i64,
    /// Spent on calls, and swept out to the owner.
    pub total_spent: i64,
    /// From other wallets.
    pub total_transferred_in: i64,
    /// To other wallets.
    pub total_transferred_out: i64,
    /// Put in by hand.
    pub total_credited: i64,
    /// Taken out by hand.
    pub total_debited: i64,
    /// How many lines the history has.
    pub transaction_count: i64,
}

impl From<Summary> for WalletSummary {
    fn from(summary: Summary) -> Self {
        Self {
            wallet_id: summary.wallet.id,
            balance: summary.wallet.balance,
            available: summary.wallet.available,
            held: summary.wallet.held,
            total_granted: summary.granted,
            total_purchased: summary.purchased,
            total_earned: summary.earned,
            total_spent: summary.spent,
            total_transferred_in: summary.transferred_in,
            total_transferred_out: summary.transferred_out,
            total_credited: summary.credited,
            total_debited: summary.debited,
            transaction_count: summary.transaction_count,
        }
    }
}

/// One line of a wallet's history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000030", "wallet_id": "0198c0de-0000-7000-8000-000000000010", "amount": -25,
    "balance_after": 475, "tx_type": "transfer_out", "reference_id": "0198c0de-0000-7000-8000-000000000030",
    "description": "Thanks", "transfer_id": "0198c0de-0000-7000-8000-000000000030", "created_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct TransactionResponse {
    /// The line.
    pub id: Uuid,
    /// The wallet.
    pub wallet_id: AccountId,
    /// What came in, or went out (negative).
    pub amount: i64,
    /// What was in the wallet after it.
    pub balance_after: i64,
    /// What it was: `welcome_grant`, `grant_welcome`, `grant_promotional`, `grant_reward`, `purchase`, `credit`, `debit`,
    /// `transfer_in`, `transfer_out`, `invocation_debit`, `invocation_credit`, `consolidation_in`, `consolidation_out` or
    /// `reversal`.
    pub tx_type: &'static str,
    /// What it has in common with other lines: a purchase, an invocation, a transfer.
    pub reference_id: ReferenceId,
    /// What it was, for people.
    pub description: String,
    /// The transfer whose other side is a line of another wallet.
    pub transfer_id: TransferId,
    /// When it happened.
    pub created_at: Timestamp,
}

impl From<Transaction> for TransactionResponse {
    fn from(line: Transaction) -> Self {
        Self {
            id: line.id,
            wallet_id: line.wallet,
            amount: line.amount,
            balance_after: line.balance_after,
            tx_type: line.tx_type,
            reference_id: line.reference,
            description: line.description,
            transfer_id: line.transfer,
            created_at: line.created_at,
        }
    }
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TransactionPage {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}
