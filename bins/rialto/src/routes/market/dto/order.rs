//! Orders.

use rialto_kernel::{AgentId, Timestamp};
use rialto_market::{self as market, NewOrder, Order, OrderId, OrderPage, Placed, Trader};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    trade::TradeResponse,
    words::{OrderEnd, OrderKind, OrderMatching, OrderSide, OrderState, OrderTimeInForce, SelfTradePolicy},
};

/// An order to be placed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"agent_id": "buyer-0d21bbd3", "side": "bid", "capability": "translation", "price": 80, "quantity": 2}))]
pub struct OrderRequest {
    /// Who trades, an agent of yours: its UUID, or its readable id.
    pub agent_id: String,
    /// Buy or sell.
    pub side: OrderSide,
    /// What is traded: 1 to 255 characters.
    #[schema(min_length = 1, max_length = 255)]
    pub capability: String,
    /// Credits for one unit, the worst price that you accept. Only a market order can do without. Price times quantity is at
    /// most 9007199254740991.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub price: Option<i64>,
    /// How many units.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1_000_000_000, default = 1)]
    pub quantity: i64,
    /// `limit` when it is left out.
    #[serde(rename = "type")]
    pub kind: Option<OrderKind>,
    /// When it is left out: `ioc` for a market order, `gtt` with an `expires_at`, `gtc` otherwise.
    pub time_in_force: Option<OrderTimeInForce>,
    /// When the order ends by itself; with `gtt` (there it has to be) and `post_only`.
    pub expires_at: Option<Timestamp>,
    /// Your own id for it, unique per agent. The same order with the same id is placed once: the answer to a repeat is 200 and
    /// the order as it is by then.
    #[schema(min_length = 1, max_length = 255)]
    pub client_order_id: Option<String>,
    /// When it may trade; as its capability has it when it is left out.
    #[serde(rename = "match")]
    pub matching: Option<OrderMatching>,
    /// What happens when it meets another order of yours; `cancel_newest` when it is left out.
    pub self_trade: Option<SelfTradePolicy>,
}

const fn one() -> i64 {
    1
}

impl OrderRequest {
    /// The order that this is, by `trader`.
    pub fn order(self, trader: Trader) -> NewOrder {
        let kind = self.kind.unwrap_or(OrderKind::Limit);
        let time_in_force = self.time_in_force.unwrap_or(match (kind, self.expires_at) {
            (OrderKind::Market, _) => OrderTimeInForce::Ioc,
            (OrderKind::Limit, Some(_)) => OrderTimeInForce::Gtt,
            (OrderKind::Limit, None) => OrderTimeInForce::Gtc,
        });
        NewOrder {
            id: None,
            trader,
            side: self.side.into(),
            capability: self.capability,
            order_type: kind.into(),
            time_in_force: time_in_force.into(),
            price: self.price,
            quantity: self.quantity,
            self_trade: self.self_trade.unwrap_or(SelfTradePolicy::CancelNewest).into(),
            immediate: self.matching == Some(OrderMatching::Immediate),
            expires_at: self.expires_at,
            client_order_id: self.client_order_id,
            tick: 0,
        }
    }
}

/// What is to change in an open order; what is left out stays. A field that an order does not have is refused: a slip in a name would
/// change less than was meant.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"price": 81, "quantity": 2}))]
pub struct AmendOrderRequest {
    /// The new price.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub price: Option<i64>,
    /// What the order is for in all from now on, what was filled already included.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub quantity: Option<i64>,
    /// What it has open from now on; instead of `quantity`.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub remaining: Option<i64>,
}

impl From<&AmendOrderRequest> for market::Amendment {
    fn from(request: &AmendOrderRequest) -> Self {
        Self { price: request.price, quantity: request.quantity, remaining: request.remaining }
    }
}

/// An order as everybody sees it in the book.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000050", "agent_id": "0198c0de-0000-7000-8000-000000000003", "side": "bid",
    "capability": "translation", "price": 80, "quantity": 2, "remaining": 2, "status": "open", "tick": 0,
    "created_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct BookOrder {
    /// Its id.
    pub id: OrderId,
    /// Who trades.
    pub agent_id: AgentId,
    /// Buy or sell.
    pub side: OrderSide,
    /// What is traded.
    pub capability: String,
    /// The worst price that it accepts; null for a market order at any price.
    #[schema(required)]
    pub price: Option<i64>,
    /// How much it is for: what remains, what was filled and what was cancelled.
    pub quantity: i64,
    /// What is still open.
    pub remaining: i64,
    /// Where it stands.
    pub status: OrderState,
    /// The tick of a simulation; 0 outside of one.
    pub tick: i64,
    /// When it was placed.
    pub created_at: Timestamp,
}

impl From<&Order> for BookOrder {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id,
            agent_id: order.trader.agent,
            side: order.side.into(),
            capability: order.capability.to_string(),
            price: order.price,
            quantity: order.quantity,
            remaining: order.remaining,
            status: order.status.into(),
            tick: order.tick,
            created_at: order.created_at,
        }
    }
}

/// An order as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000050", "agent_id": "0198c0de-0000-7000-8000-000000000003", "side": "bid",
    "capability": "translation", "price": 80, "quantity": 2, "remaining": 1, "status": "partially_filled", "tick": 0,
    "created_at": "2026-11-22T04:54:03.000001Z", "type": "limit", "time_in_force": "gtc", "filled": 1, "cancelled": 0, "reason": null,
    "self_trade": "cancel_newest", "expires_at": null, "client_order_id": "order-17", "updated_at": "2026-11-22T04:55:07.000001Z",
}))]
pub struct OrderResponse {
    /// What everybody sees of it.
    #[serde(flatten)]
    pub shown: BookOrder,
    /// Limit or market.
    #[serde(rename = "type")]
    pub kind: OrderKind,
    /// How long it waits.
    pub time_in_force: OrderTimeInForce,
    /// What was traded.
    pub filled: i64,
    /// What ended without a trade.
    pub cancelled: i64,
    /// Why it ended before it was filled.
    #[schema(required)]
    pub reason: Option<OrderEnd>,
    /// What happens when it meets an order of the same owner.
    pub self_trade: SelfTradePolicy,
    /// When it expires.
    #[schema(required)]
    pub expires_at: Option<Timestamp>,
    /// Your own id for it.
    #[schema(required)]
    pub client_order_id: Option<String>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<Order> for OrderResponse {
    fn from(order: Order) -> Self {
        Self {
            shown: BookOrder::from(&order),
            kind: order.order_type.into(),
            time_in_force: order.time_in_force.into(),
            filled: order.filled,
            cancelled: order.cancelled,
            reason: order.reason.map(OrderEnd::from),
            self_trade: order.self_trade.into(),
            expires_at: order.expires_at,
            client_order_id: order.client_order_id,
            updated_at: order.updated_at,
        }
    }
}

/// An order that was placed or amended, with the trades that it made at once.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderPlacedResponse {
    /// The order, after them.
    #[serde(flatten)]
    pub order: OrderResponse,
    /// Its trades. Empty while it rests, and in the answer to a repeat.
    pub trades: Vec<TradeResponse>,
}

impl From<Placed> for OrderPlacedResponse {
    fn from(placed: Placed) -> Self {
        let id = placed.order.id;
        // What waited before it traded too; that is told to those whose orders they are.
        let own = placed.trades.iter().filter(|trade| trade.bid == id || trade.ask == id);
        Self { trades: own.map(TradeResponse::from).collect(), order: placed.order.into() }
    }
}

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderPageResponse {
    /// The orders, the newest first.
    pub items: Vec<OrderResponse>,
    /// Where the next page begins, for `cursor`; null on the last one.
    #[schema(required, example = "4711")]
    pub next_cursor: Option<String>,
}

impl From<OrderPage> for OrderPageResponse {
    fn from(page: OrderPage) -> Self {
        Self {
            items: page.items.into_iter().map(OrderResponse::from).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rialto_kernel::Id;

    use super::*;
    use crate::http::body::parse;

    fn order(json: &str) -> NewOrder {
        let trader = Trader { agent: Id::new(), owner: Id::new(), account: Id::new() };
        parse::<OrderRequest>(json.as_bytes()).unwrap().order(trader)
    }

    #[test]
    fn what_is_left_out_is_what_one_would_expect() {
        let plain = order(r#"{"agent_id":"a","side":"bid","capability":"c","price":5}"#);
        assert_eq!(
            (plain.quantity, plain.order_type, plain.time_in_force),
            (1, market::OrderType::Limit, market::TimeInForce::Gtc)
        );
        assert!(!plain.immediate && plain.client_order_id.is_none());
        let until = order(r#"{"agent_id":"a","side":"ask","capability":"c","price":5,"expires_at":"2126-01-01T00:00:00Z"}"#);
        assert_eq!(until.time_in_force, market::TimeInForce::Gtt);
        let any = order(r#"{"agent_id":"a","side":"ask","capability":"c","type":"market","match":"immediate"}"#);
        assert_eq!((any.price, any.time_in_force, any.immediate), (None, market::TimeInForce::Ioc, true));
    }

    #[test]
    fn what_is_no_order_is_refused_by_its_field() {
        for (fields, named) in [
            (r#""side":"buy","capability":"c","price":5"#, "body.side"),
            (r#""side":"bid","price":5"#, "body.capability"),
            (r#""side":"bid","capability":"c","price":5.5"#, "body.price"),
            (r#""side":"bid","capability":"c","price":9223372036854775808"#, "body.price"),
            (r#""side":"bid","capability":"c","price":5,"quantity":null"#, "body.quantity"),
            (r#""side":"bid","capability":"c","price":5,"time_in_force":"day""#, "body.time_in_force"),
            (r#""side":"bid","capability":"c","price":5,"match":"later""#, "body.match"),
        ] {
            let problem = parse::<OrderRequest>(format!(r#"{{"agent_id":"a",{fields}}}"#).as_bytes()).unwrap_err().to_string();
            assert!(problem.contains(named), "{fields}: {problem}");
        }
    }
}
