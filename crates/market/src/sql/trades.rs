//! Rows of `market_trades`.

use std::sync::Arc;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    dsl::sql,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use rialto_kernel::{AgentId, Id, OwnerId, PageRequest, Timestamp};
use rialto_ledger::{HoldId, TransferId};
use rialto_store::{
    StoreError, Tx, on,
    types::{Uid, UtcTime},
};

use super::{
    rows::{To, rows},
    schema::market_trades as t,
};
use crate::{
    book::Side,
    model::{OrderId, Trade, TradeFilter, TradeId, TradeStatus, nouns::Invocation},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = t)]
struct TradeRow {
    id: TradeId,
    capability: String,
    bid_order_id: OrderId,
    ask_order_id: OrderId,
    buyer_agent_id: AgentId,
    seller_agent_id: AgentId,
    buyer_owner_id: OwnerId,
    seller_owner_id: OwnerId,
    price: i64,
    quantity: i64,
    fee: i64,
    fee_transfer_id: Option<TransferId>,
    taker: String,
    status: String,
    latency_ms: i64,
    tick: i64,
    invocation_id: Option<Id<Invocation>>,
    hold_id: Option<HoldId>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TradeRow {
    fn model(self) -> Result<Trade, StoreError> {
        let odd = |word: &str| StoreError::Corrupt(format!("trade {} with the word {word}", self.id));
        Ok(Trade {
            id: self.id,
            taker: Side::from_word(&self.taker).ok_or_else(|| odd(&self.taker))?,
            status: TradeStatus::from_word(&self.status).ok_or_else(|| odd(&self.status))?,
            capability: Arc::from(self.capability),
            bid: self.bid_order_id,
            ask: self.ask_order_id,
            buyer: self.buyer_agent_id,
            seller: self.seller_agent_id,
            buyer_owner: self.buyer_owner_id,
            seller_owner: self.seller_owner_id,
            price: self.price,
            quantity: self.quantity,
            fee: self.fee,
            fee_transfer: self.fee_transfer_id,
            latency_ms: self.latency_ms,
            tick: self.tick,
            invocation: self.invocation_id,
            hold: self.hold_id,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

pub(super) async fn find(tx: &mut Tx, id: TradeId) -> Result<Option<Trade>, StoreError> {
    let row: Option<TradeRow> =
        on!(tx, conn => t::table.filter(t::id.eq(id)).select(TradeRow::as_select()).first(conn).await.optional())?;
    row.map(TradeRow::model).transpose()
}

pub(super) async fn lock(tx: &mut Tx, id: TradeId) -> Result<Option<Trade>, StoreError> {
    let row: Option<TradeRow> = on!(tx,
    sqlite conn => t::table.filter(t::id.eq(id)).select(TradeRow::as_select()).first(conn).await.optional(),
    postgres conn => {
        t::table.filter(t::id.eq(id)).for_update().select(TradeRow::as_select()).first(conn).await.optional()
    })?;
    row.map(TradeRow::model).transpose()
}

pub(super) async fn owed(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<Vec<TradeId>, StoreError> {
    // As the partial index says it.
    let owed = || sql::<Bool>("status = 'failed' AND hold_id IS NOT NULL");
    on!(tx, conn => t::table
        .filter(owed().and(t::updated_at.lt(before)))
        .order(t::updated_at).limit(limit.into()).select(t::id).load(conn).await)
}

pub(super) async fn update(tx: &mut Tx, trade: &Trade) -> Result<(), StoreError> {
    let changes = (
        t::status.eq(trade.status.as_str()),
        t::latency_ms.eq(trade.latency_ms),
        t::invocation_id.eq(trade.invocation),
        t::hold_id.eq(trade.hold),
        t::updated_at.eq(trade.updated_at),
    );
    on!(tx, conn => diesel::update(t::table.filter(t::id.eq(trade.id))).set(changes).execute(conn).await)?;
    Ok(())
}

/// The trades of an agent are those it bought and those it sold: each index gives its newest, and nothing else is read.
pub(super) async fn list(tx: &mut Tx, filter: &TradeFilter, page: PageRequest) -> Result<Vec<Trade>, StoreError> {
    macro_rules! newest {
        ($conn:ident, $agent:expr, $limit:expr, $offset:expr) => {{
            let mut query =
                t::table.order(t::no.desc()).limit($limit).offset($offset).select((t::no, TradeRow::as_select())).into_boxed();
            if let Some(capability) = &filter.capability {
                query = query.filter(t::capability.eq(capability.as_str()));
            }
            match $agent {
                Some((Side::Bid, agent)) => query = query.filter(t::buyer_agent_id.eq(agent)),
                Some((Side::Ask, agent)) => query = query.filter(t::seller_agent_id.eq(agent).and(t::buyer_agent_id.ne(agent))),
                None => {}
            }
            query.load::<(i64, TradeRow)>($conn).await
        }};
    }
    let Some(agent) = filter.agent else {
        let (limit, offset) = (page.limit(), page.offset());
        let rows = on!(tx, conn => newest!(conn, None::<(Side, AgentId)>, limit, offset))?;
        return rows.into_iter().map(|(_, row)| row.model()).collect();
    };
    let mut rows = Vec::new();
    for side in [Side::Bid, Side::Ask] {
        let until = page.limit().saturating_add(page.offset());
        rows.extend(on!(tx, conn => newest!(conn, Some((side, agent)), until, 0))?);
    }
    rows.sort_unstable_by_key(|(no, _)| std::cmp::Reverse(*no));
    let (skip, take) = (usize::try_from(page.offset()), usize::try_from(page.limit()));
    rows.into_iter().skip(skip.unwrap_or(0)).take(take.unwrap_or(0)).map(|(_, row)| row.model()).collect()
}

rows! {
    /// Inserts trades.
    struct InsertOne, InsertMany {
        id: TradeId => Uid,
        capability: String => Text,
        bid_order_id: OrderId => Uid,
        ask_order_id: OrderId => Uid,
        buyer_agent_id: AgentId => Uid,
        seller_agent_id: AgentId => Uid,
        buyer_owner_id: OwnerId => Uid,
        seller_owner_id: OwnerId => Uid,
        price: i64 => BigInt,
        quantity: i64 => BigInt,
        fee: i64 => BigInt,
        fee_transfer_id: Option<TransferId> => Nullable<Uid>,
        taker: &'static str => Text,
        status: &'static str => Text,
        latency_ms: i64 => BigInt,
        tick: i64 => BigInt,
        created_at: Timestamp => UtcTime,
        updated_at: Timestamp => UtcTime,
    }
    sqlite: "INSERT INTO market_trades (id, capability, bid_order_id, ask_order_id, buyer_agent_id, seller_agent_id, buyer_owner_id,
        seller_owner_id, price, quantity, fee, fee_transfer_id, taker, status, latency_ms, tick, created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    postgres: "INSERT INTO market_trades (id, capability, bid_order_id, ask_order_id, buyer_agent_id, seller_agent_id, buyer_owner_id,
        seller_owner_id, price, quantity, fee, fee_transfer_id, taker, status, latency_ms, tick, created_at, updated_at)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
}

pub(super) async fn insert(to: To<'_>, trades: &[Trade]) -> Result<(), StoreError> {
    let row = |trade: &Trade| InsertOne {
        id: trade.id,
        capability: trade.capability.to_string(),
        bid_order_id: trade.bid,
        ask_order_id: trade.ask,
        buyer_agent_id: trade.buyer,
        seller_agent_id: trade.seller,
        buyer_owner_id: trade.buyer_owner,
        seller_owner_id: trade.seller_owner,
        price: trade.price,
        quantity: trade.quantity,
        fee: trade.fee,
        fee_transfer_id: trade.fee_transfer,
        taker: trade.taker.as_str(),
        status: trade.status.as_str(),
        latency_ms: trade.latency_ms,
        tick: trade.tick,
        created_at: trade.created_at,
        updated_at: trade.updated_at,
    };
    InsertOne::write(to, trades.iter().map(row).collect()).await?;
    Ok(())
}
