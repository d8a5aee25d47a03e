//! What goes over the wire.

use rialto_kernel::{AccountId, Amount, Timestamp};
use rialto_ledger::purchase::{Package, Purchase, PurchaseId, PurchaseStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Credits on sale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "starter", "credits": 500, "price_cents": 500, "label": "$5"}))]
pub struct CreditPackageResponse {
    /// What to say when buying it.
    pub id: String,
    /// How many credits.
    pub credits: Amount,
    /// For how many US cents.
    pub price_cents: i64,
    /// The price, for people.
    pub label: String,
}

impl From<&Package> for CreditPackageResponse {
    fn from(package: &Package) -> Self {
        Self { id: package.id.clone(), credits: package.credits, price_cents: package.price_cents, label: package.label.clone() }
    }
}

/// Which package to buy.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"package_id": "starter"}))]
pub struct PurchaseRequest {
    /// One of `GET /credits/packages`.
    pub package_id: String,
}

/// Where a purchase stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PurchaseState {
    /// Waiting for the payment.
    Pending,
    /// Paid, and the credits are in the wallet.
    Completed,
    /// Cancelled, or not paid in time.
    Failed,
}

/// A purchase of credits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000040", "wallet_id": "0198c0de-0000-7000-8000-000000000010", "package_id": "starter",
    "credits_amount": 500, "price_cents": 500, "status": "pending", "provider": "simulated",
    "provider_reference": "sim_pi_0123456789abcdef", "checkout_url": null,
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct PurchaseResponse {
    /// Its id.
    pub id: PurchaseId,
    /// The wallet that the credits go to.
    pub wallet_id: AccountId,
    /// Which package.
    pub package_id: String,
    /// How many credits.
    pub credits_amount: Amount,
    /// For how many US cents.
    pub price_cents: i64,
    /// Where it stands.
    pub status: PurchaseState,
    /// Who takes the money: `simulated` or `stripe`.
    pub provider: String,
    /// What the provider calls it.
    pub provider_reference: String,
    /// Where to pay; null when there is nothing to pay.
    pub checkout_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<Purchase> for PurchaseResponse {
    fn from(purchase: Purchase) -> Self {
        Self {
            id: purchase.id,
            wallet_id: purchase.wallet,
            package_id: purchase.package_id,
            credits_amount: purchase.credits,
            price_cents: purchase.price_cents,
            status: match purchase.status {
                PurchaseStatus::Pending => PurchaseState::Pending,
                PurchaseStatus::Completed => PurchaseState::Completed,
                PurchaseStatus::Failed => PurchaseState::Failed,
            },
            provider: purchase.provider,
            provider_reference: purchase.provider_reference,
            checkout_url: purchase.checkout_url,
            created_at: purchase.created_at,
            updated_at: purchase.updated_at,
        }
    }
}

/// That an event has arrived.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"received": true}))]
pub struct WebhookResponse {
    /// Always true.
    pub received: bool,
}
