//! What goes over the wire.

use rialto_kernel::{Asset, OwnerId, Page, PageRequest, Timestamp};
use rialto_proxy_billing::{
    payments::x402::{Network, PaymentRecord},
    proxy::Decision,
    usage::UsageId,
};
use rialto_registry::service::ServiceId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::Problem;

/// Which payments to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PaymentPage {
    /// `unclear`, those that wait for a decision, or `resolved`, those that were decided.
    #[param(default = "unclear")]
    pub status: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// A payment by x402.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "usage_id": "0198c0de-0000-7000-8000-000000000042", "service_id": "0198c0de-0000-7000-8000-000000000031",
    "buyer_owner_id": "0198c0de-0000-7000-8000-000000000001", "provider_owner_id": "0198c0de-0000-7000-8000-000000000002",
    "amount": "0.05", "network": "eip155:8453", "asset": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    "payer": "0x857b06519E91e3A54538791bDbb0E22373e36b66",
    "nonce": "0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480", "status": "unclear", "transaction": null,
    "failure": "the authorization was used", "attempts": 144, "created_at": "2026-11-22T04:54:03.000001Z",
    "updated_at": "2026-11-22T17:04:03.000001Z", "resolved_by": null, "resolved_at": null,
}))]
pub struct PaymentResponse {
    /// The call that it pays for.
    pub usage_id: UsageId,
    /// What was called.
    pub service_id: ServiceId,
    /// Who called.
    pub buyer_owner_id: OwnerId,
    /// Who was called.
    pub provider_owner_id: OwnerId,
    /// How much, in USDC.
    pub amount: String,
    /// On which chain, as CAIP-2 names it.
    pub network: String,
    /// Which token there.
    pub asset: String,
    /// Whose tokens.
    pub payer: String,
    /// The authorization's number, by which the token knows whether it was used.
    pub nonce: String,
    /// `unclear`, or `settling` when it has come and is not in the books yet; once it was decided, `settled` or `failed`.
    pub status: &'static str,
    /// The transaction that was named for it.
    pub transaction: Option<String>,
    /// Why it is not settled.
    pub failure: Option<String>,
    /// How often a facilitator was asked.
    pub attempts: i32,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Which administrator decided.
    pub resolved_by: Option<OwnerId>,
    /// When that was.
    pub resolved_at: Option<Timestamp>,
}

impl From<PaymentRecord> for PaymentResponse {
    fn from(payment: PaymentRecord) -> Self {
        let id = payment.authorization;
        Self {
            usage_id: payment.usage,
            service_id: payment.service,
            buyer_owner_id: payment.buyer,
            provider_owner_id: payment.provider,
            amount: payment.amount.to_decimal(Asset::USDC),
            network: Network::name_of(id.chain_id),
            asset: id.asset.to_string(),
            payer: id.payer.to_string(),
            nonce: format!("0x{}", hex::encode(id.nonce)),
            status: payment.state.as_str(),
            transaction: payment.transaction,
            failure: payment.failure,
            attempts: payment.attempts,
            created_at: payment.created_at,
            updated_at: payment.updated_at,
            resolved_by: payment.resolved.map(|(by, _)| by),
            resolved_at: payment.resolved.map(|(_, at)| at),
        }
    }
}

/// A page of payments.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentList {
    /// The payments of this page.
    pub payments: Vec<PaymentResponse>,
    /// How many those are.
    pub count: usize,
    /// How many there are in all.
    pub total: i64,
    /// How many were skipped.
    pub offset: i64,
    /// How many there may be in a page.
    pub limit: i64,
}

impl PaymentList {
    /// A page as it was asked for.
    pub fn new(found: Page<PaymentRecord>, page: PageRequest) -> Self {
        let payments: Vec<_> = found.items.into_iter().map(PaymentResponse::from).collect();
        Self { count: payments.len(), payments, total: found.total, offset: page.offset(), limit: page.limit() }
    }
}

/// What became of a payment.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "outcome": "settled", "transaction": "0x89c91c789e57059b17285e7ba1716a1f5ff4c5dace0ea5a5135f26158d0421b9",
}))]
pub struct PaymentResolve {
    /// `settled`: the money is at the house's address. `refused`: it is not, and cannot come any more.
    pub outcome: String,
    /// The hash of the transaction in which it came, for `settled`.
    pub transaction: Option<String>,
    /// Why it has not come, for `refused`.
    #[schema(min_length = 1, max_length = 256)]
    pub reason: Option<String>,
}

impl PaymentResolve {
    /// The decision, or 422.
    pub fn decision(&self) -> Result<Decision, Problem> {
        let given = |text: &Option<String>, field: &str| {
            text.clone().ok_or_else(|| Problem::invalid(format!("body.{field}"), "must be given with this outcome"))
        };
        match self.outcome.as_str() {
            "settled" => Ok(Decision::Settled(given(&self.transaction, "transaction")?)),
            "refused" => Ok(Decision::Refused(given(&self.reason, "reason")?)),
            _ => Err(Problem::invalid("body.outcome", "must be settled or refused")),
        }
    }
}
