//! Rows of `market_orders`.

use std::sync::Arc;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    dsl::sql,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use rialto_kernel::{AccountId, AgentId, OwnerId, Timestamp};
use rialto_ledger::HoldId;
use rialto_store::{
    StoreError, Tx, on,
    types::{Uid, UtcTime},
};

use super::{
    rows::{To, rows},
    schema::market_orders as o,
};
use crate::{
    book::{SelfTrade, Side},
    model::{EndReason, Order, OrderBook, OrderFilter, OrderId, OrderStatus, OrderType, TimeInForce, Trader},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = o)]
struct OrderRow {
    no: i64,
    id: OrderId,
    owner_id: OwnerId,
    agent_id: AgentId,
    account_id: AccountId,
    capability: String,
    side: String,
    order_type: String,
    time_in_force: String,
    price: Option<i64>,
    quantity: i64,
    remaining: i64,
    filled: i64,
    cancelled: i64,
    status: String,
    reason: Option<String>,
    priority: i64,
    self_trade: String,
    hold_id: Option<HoldId>,
    client_order_id: Option<String>,
    fingerprint: i64,
    expires_at: Option<Timestamp>,
    tick: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl OrderRow {
    fn model(self) -> Result<Order, StoreError> {
        let odd = |word: &str| StoreError::Corrupt(format!("order {} with the word {word}", self.id));
        let reason = self.reason.as_deref().map(|word| EndReason::from_word(word).ok_or_else(|| odd(word))).transpose()?;
        Ok(Order {
            id: self.id,
            trader: Trader { agent: self.agent_id, owner: self.owner_id, account: self.account_id },
            side: Side::from_word(&self.side).ok_or_else(|| odd(&self.side))?,
            order_type: OrderType::from_word(&self.order_type).ok_or_else(|| odd(&self.order_type))?,
            time_in_force: TimeInForce::from_word(&self.time_in_force).ok_or_else(|| odd(&self.time_in_force))?,
            status: OrderStatus::from_word(&self.status).ok_or_else(|| odd(&self.status))?,
            self_trade: SelfTrade::from_word(&self.self_trade).ok_or_else(|| odd(&self.self_trade))?,
            capability: Arc::from(self.capability),
            price: self.price,
            quantity: self.quantity,
            remaining: self.remaining,
            filled: self.filled,
            cancelled: self.cancelled,
            reason,
            priority: self.priority,
            hold: self.hold_id,
            client_order_id: self.client_order_id,
            fingerprint: self.fingerprint,
            expires_at: self.expires_at,
            tick: self.tick,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

fn models(rows: Vec<OrderRow>) -> Result<Vec<Order>, StoreError> {
    rows.into_iter().map(OrderRow::model).collect()
}

/// As the partial indexes say it: a parameter would hide from the database that they will do.
fn is_open() -> diesel::expression::SqlLiteral<Bool> {
    sql("remaining > 0")
}

fn is_open_on(side: Side) -> diesel::expression::SqlLiteral<Bool> {
    sql(match side {
        Side::Bid => "side = 'bid' AND remaining > 0",
        Side::Ask => "side = 'ask' AND remaining > 0",
    })
}

pub(super) async fn find(tx: &mut Tx, ids: &[OrderId]) -> Result<Vec<Order>, StoreError> {
    let rows = on!(tx,
        sqlite conn => {
            let mut rows = Vec::with_capacity(ids.len());
            for id in ids {
                let row: Option<OrderRow> = o::table.filter(o::id.eq(id)).select(OrderRow::as_select()).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => o::table.filter(o::id.eq_any(ids)).select(OrderRow::as_select()).load(conn).await)?;
    models(rows)
}

pub(super) async fn find_by_client(tx: &mut Tx, ids: &[(AgentId, String)]) -> Result<Vec<Order>, StoreError> {
    let rows = on!(tx,
    sqlite conn => {
        let mut rows = Vec::new();
        for (agent, id) in ids {
            let row: Option<OrderRow> = o::table
                .filter(o::agent_id.eq(agent).and(o::client_order_id.eq(id)))
                .select(OrderRow::as_select()).first(conn).await.optional()?;
            rows.extend(row);
        }
        Ok(rows)
    },
    postgres conn => {
        let agents = ids.iter().map(|(agent, _)| *agent).collect::<Vec<_>>();
        let names = ids.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>();
        // Each agent with each id: more than was asked for, and no more than the two lists say.
        o::table
            .filter(o::agent_id.eq_any(agents).and(o::client_order_id.eq_any(names)))
            .select(OrderRow::as_select()).load(conn).await
    })?;
    models(rows)
}

pub(super) async fn open_of(tx: &mut Tx, capability: &str) -> Result<Vec<Order>, StoreError> {
    let mut orders = Vec::new();
    for side in [Side::Bid, Side::Ask] {
        let rows: Vec<OrderRow> = on!(tx, conn => o::table
            .filter(o::capability.eq(capability).and(is_open_on(side)))
            .select(OrderRow::as_select()).load(conn).await)?;
        orders.extend(models(rows)?);
    }
    Ok(orders)
}

pub(super) async fn due(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
    on!(tx, conn => o::table
        .filter(o::expires_at.le(now).and(is_open()))
        .order(o::expires_at).limit(limit.into()).select(o::id).load(conn).await)
}

pub(super) async fn best(tx: &mut Tx, capability: &str, limit: u32) -> Result<OrderBook, StoreError> {
    let bids: Vec<OrderRow> = on!(tx, conn => o::table
        .filter(o::capability.eq(capability).and(is_open_on(Side::Bid)))
        .order((o::price.desc(), o::priority)).limit(limit.into()).select(OrderRow::as_select()).load(conn).await)?;
    let asks: Vec<OrderRow> = on!(tx, conn => o::table
        .filter(o::capability.eq(capability).and(is_open_on(Side::Ask)))
        .order((o::price, o::priority)).limit(limit.into()).select(OrderRow::as_select()).load(conn).await)?;
    Ok(OrderBook { bids: models(bids)?, asks: models(asks)? })
}

pub(super) async fn list(tx: &mut Tx, filter: &OrderFilter, limit: u32) -> Result<Vec<(i64, Order)>, StoreError> {
    macro_rules! page {
        ($conn:ident) => {{
            let mut query = o::table.order(o::no.desc()).limit(limit.into()).select(OrderRow::as_select()).into_boxed();
            if let Some(owner) = filter.owner {
                query = query.filter(o::owner_id.eq(owner));
            }
            if let Some(agent) = filter.agent {
                query = query.filter(o::agent_id.eq(agent));
            }
            match filter.statuses.as_slice() {
                [] => {}
                [status] => query = query.filter(o::status.eq(status.as_str())),
                several => query = query.filter(o::status.eq_any(several.iter().map(|status| status.as_str()))),
            }
            if let Some(capability) = &filter.capability {
                query = query.filter(o::capability.eq(capability.as_str()));
            }
            if let Some(after) = filter.after {
                query = query.filter(o::no.lt(after));
            }
            query.load::<OrderRow>($conn).await
        }};
    }
    let rows = on!(tx, conn => page!(conn))?;
    rows.into_iter().map(|row| Ok((row.no, row.model()?))).collect()
}

rows! {
    /// Inserts orders, those whose ids are not taken.
    struct InsertOne, InsertMany {
        id: OrderId => Uid,
        owner_id: OwnerId => Uid,
        agent_id: AgentId => Uid,
        account_id: AccountId => Uid,
        capability: String => Text,
        side: &'static str => Text,
        order_type: &'static str => Text,
        time_in_force: &'static str => Text,
        price: Option<i64> => Nullable<BigInt>,
        quantity: i64 => BigInt,
        remaining: i64 => BigInt,
        filled: i64 => BigInt,
        cancelled: i64 => BigInt,
        status: &'static str => Text,
        reason: Option<&'static str> => Nullable<Text>,
        priority: i64 => BigInt,
        self_trade: &'static str => Text,
        hold_id: Option<HoldId> => Nullable<Uid>,
        client_order_id: Option<String> => Nullable<Text>,
        fingerprint: i64 => BigInt,
        expires_at: Option<Timestamp> => Nullable<UtcTime>,
        tick: i64 => BigInt,
        created_at: Timestamp => UtcTime,
        updated_at: Timestamp => UtcTime,
    }
    sqlite: "INSERT INTO market_orders (id, owner_id, agent_id, account_id, capability, side, type, time_in_force, price, quantity,
        remaining, filled, cancelled, status, reason, priority, self_trade, hold_id, client_order_id, fingerprint, expires_at, tick,
        created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)
        ON CONFLICT DO NOTHING";
    postgres: "INSERT INTO market_orders (id, owner_id, agent_id, account_id, capability, side, type, time_in_force, price, quantity,
        remaining, filled, cancelled, status, reason, priority, self_trade, hold_id, client_order_id, fingerprint, expires_at, tick,
        created_at, updated_at)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
            $23, $24)
        ON CONFLICT DO NOTHING";
}

rows! {
    /// Writes how orders stand.
    struct UpdateOne, UpdateMany {
        id: OrderId => Uid,
        price: Option<i64> => Nullable<BigInt>,
        quantity: i64 => BigInt,
        remaining: i64 => BigInt,
        filled: i64 => BigInt,
        cancelled: i64 => BigInt,
        status: &'static str => Text,
        reason: Option<&'static str> => Nullable<Text>,
        priority: i64 => BigInt,
        hold_id: Option<HoldId> => Nullable<Uid>,
        updated_at: Timestamp => UtcTime,
    }
    sqlite: "UPDATE market_orders SET price = ?2, quantity = ?3, remaining = ?4, filled = ?5, cancelled = ?6, status = ?7,
        reason = ?8, priority = ?9, hold_id = ?10, updated_at = ?11 WHERE id = ?1";
    postgres: "UPDATE market_orders AS o SET price = n.price, quantity = n.quantity, remaining = n.remaining, filled = n.filled,
            cancelled = n.cancelled, status = n.status, reason = n.reason, priority = n.priority, hold_id = n.hold_id,
            updated_at = n.updated_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            AS n (id, price, quantity, remaining, filled, cancelled, status, reason, priority, hold_id, updated_at)
        WHERE o.id = n.id";
}

pub(super) async fn insert(to: To<'_>, orders: Vec<Order>) -> Result<(), StoreError> {
    let count = orders.len();
    let row = |order: Order| InsertOne {
        id: order.id,
        owner_id: order.trader.owner,
        agent_id: order.trader.agent,
        account_id: order.trader.account,
        capability: order.capability.to_string(),
        side: order.side.as_str(),
        order_type: order.order_type.as_str(),
        time_in_force: order.time_in_force.as_str(),
        price: order.price,
        quantity: order.quantity,
        remaining: order.remaining,
        filled: order.filled,
        cancelled: order.cancelled,
        status: order.status.as_str(),
        reason: order.reason.map(EndReason::as_str),
        priority: order.priority,
        self_trade: order.self_trade.as_str(),
        hold_id: order.hold,
        client_order_id: order.client_order_id,
        fingerprint: order.fingerprint,
        expires_at: order.expires_at,
        tick: order.tick,
        created_at: order.created_at,
        updated_at: order.updated_at,
    };
    let inserted = InsertOne::write(to, orders.into_iter().map(row).collect()).await?;
    if inserted == count { Ok(()) } else { Err(StoreError::Again("an order's id was taken in the meantime".into())) }
}

pub(super) async fn update(to: To<'_>, orders: Vec<Order>) -> Result<(), StoreError> {
    let count = orders.len();
    let row = |order: Order| UpdateOne {
        id: order.id,
        price: order.price,
        quantity: order.quantity,
        remaining: order.remaining,
        filled: order.filled,
        cancelled: order.cancelled,
        status: order.status.as_str(),
        reason: order.reason.map(EndReason::as_str),
        priority: order.priority,
        hold_id: order.hold,
        updated_at: order.updated_at,
    };
    let updated = UpdateOne::write(to, orders.into_iter().map(row).collect()).await?;
    if updated == count { Ok(()) } else { Err(StoreError::Corrupt("an order that was open has gone".into())) }
}
