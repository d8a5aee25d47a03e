//! Trades, and their delivery.

use actix_web::HttpRequest;
use rialto_kernel::{AgentId, Timestamp};
use rialto_market::{OrderId, Trade, TradeId};
use rialto_proxy_billing::{self as broker, ConversationId, InvocationId, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::words::{OrderSide, TradeState};
use crate::{
    compose::deliveries::{Asked, Report},
    http::Problem,
    routes::broker::InvokeRequest,
};

/// A trade.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000060", "bid_order_id": "0198c0de-0000-7000-8000-000000000050",
    "ask_order_id": "0198c0de-0000-7000-8000-000000000051", "buyer_agent_id": "0198c0de-0000-7000-8000-000000000003",
    "seller_agent_id": "0198c0de-0000-7000-8000-000000000004", "capability": "translation", "price": 80, "quantity": 1, "fee": 2,
    "taker": "bid", "status": "settled", "latency_ms": 0, "tick": 0, "created_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct TradeResponse {
    /// Its id, which is also that of the ledger's transfer that paid it.
    pub id: TradeId,
    /// The bid.
    pub bid_order_id: OrderId,
    /// The ask.
    pub ask_order_id: OrderId,
    /// Who bought.
    pub buyer_agent_id: AgentId,
    /// Who sold.
    pub seller_agent_id: AgentId,
    /// What was traded.
    pub capability: String,
    /// Credits for one unit: the price of the order that rested.
    pub price: i64,
    /// How many units.
    pub quantity: i64,
    /// What the house took of it from the seller, in credits.
    pub fee: i64,
    /// The side of the order that arrived.
    pub taker: OrderSide,
    /// Where it stands.
    pub status: TradeState,
    /// How long the delivery took, in milliseconds; 0 as long as there was none.
    pub latency_ms: i64,
    /// The tick of the match.
    pub tick: i64,
    /// When it happened.
    pub created_at: Timestamp,
}

impl From<&Trade> for TradeResponse {
    fn from(trade: &Trade) -> Self {
        Self {
            id: trade.id,
            bid_order_id: trade.bid,
            ask_order_id: trade.ask,
            buyer_agent_id: trade.buyer,
            seller_agent_id: trade.seller,
            capability: trade.capability.to_string(),
            price: trade.price,
            quantity: trade.quantity,
            fee: trade.fee,
            taker: trade.taker.into(),
            status: trade.status.into(),
            latency_ms: trade.latency_ms,
            tick: trade.tick,
            created_at: trade.created_at,
        }
    }
}

/// What the seller of a trade is to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"input": {"text": "Buongiorno"}}))]
pub struct TradeInvokeRequest {
    /// What to send: a JSON object, passed on byte for byte. `{}` when it is left out.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub input: broker::Payload,
    /// The conversation that the call belongs to. A new one is begun when it is left out.
    pub conversation_id: Option<ConversationId>,
    /// The message of that conversation that asks. A new one is written when it is left out.
    pub message_id: Option<MessageId>,
    /// Whom you talk for, in your own words; kept with a new conversation.
    #[schema(max_length = 255)]
    pub external_user_id: Option<String>,
    /// Whether the seller's owner may read the payloads of this call in its logs.
    #[serde(default)]
    pub share_payload: bool,
    /// Whether the seller is to be called even if it has spent what it was paid. If it then does not deliver, you may never have
    /// your credits back. Otherwise such a delivery is refused: `proceeds-spent`.
    #[serde(default)]
    pub at_own_risk: bool,
}

impl TradeInvokeRequest {
    /// What is asked for, of a trade.
    pub fn of(self, trade: TradeId, request: &HttpRequest) -> Result<Asked, Problem> {
        let Self { input, conversation_id, message_id, external_user_id, share_payload, at_own_risk } = self;
        let agent_id = String::new();
        let call =
            InvokeRequest { agent_id, input, conversation_id, message_id, external_user_id, share_payload, max_credits: None };
        Ok(Asked { trade, call: call.into_call(request)?, at_own_risk })
    }
}

/// How a delivery ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct TradeInvokeResponse<'a> {
    /// The trade, after it.
    #[serde(flatten)]
    pub trade: TradeResponse,
    /// Whether the seller did what it was asked. If not, the trade is reversed, or has failed when the seller could not pay back.
    pub success: bool,
    /// What the seller answered. What is no object is wrapped: `{"result": …}`.
    #[schema(value_type = Option<Object>, required)]
    pub data: Option<&'a RawValue>,
    /// Why it failed.
    #[schema(required)]
    pub error: Option<&'a str>,
    /// The seller's status, or the broker's when there was none: 404, 408, 502, 503.
    pub status_code: u16,
    /// The call's id in the logs; null when no call was made.
    #[schema(required)]
    pub invocation_id: Option<InvocationId>,
    /// The conversation that the call is part of; null when no call was made.
    #[schema(required)]
    pub conversation_id: Option<ConversationId>,
}

impl<'a> From<&'a Report> for TradeInvokeResponse<'a> {
    fn from(report: &'a Report) -> Self {
        Self {
            trade: TradeResponse::from(&report.trade),
            success: report.success,
            data: report.data.as_deref(),
            error: report.error.as_deref(),
            status_code: report.status_code,
            invocation_id: report.invocation,
            conversation_id: report.conversation,
        }
    }
}
