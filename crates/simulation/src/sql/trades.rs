//! Rows of `simulation_trades`.

use diesel::{
    ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper,
    sql_types::{Array, BigInt, Text},
};
use rialto_kernel::{AgentId, Id, PageRequest, Timestamp};
use rialto_store::{
    StoreError, Tx, on,
    types::{Uid, UtcTime},
};

use super::schema::simulation_trades as t;
use crate::store::TradeRecord;

#[derive(Queryable, Selectable)]
#[diesel(table_name = t)]
struct TradeRow {
    no: i64,
    id: Id<()>,
    tick: i64,
    capability: String,
    bid_order_id: Id<()>,
    ask_order_id: Id<()>,
    buyer_agent_id: AgentId,
    seller_agent_id: AgentId,
    price: i64,
    status: String,
    latency_ms: i64,
    created_at: Timestamp,
}

impl TradeRow {
    fn model(self) -> TradeRecord {
        TradeRecord {
            no: self.no,
            id: self.id.uuid(),
            tick: u32::try_from(self.tick).unwrap_or(u32::MAX),
            capability: self.capability,
            bid: self.bid_order_id.uuid(),
            ask: self.ask_order_id.uuid(),
            buyer: self.buyer_agent_id,
            seller: self.seller_agent_id,
            price: self.price,
            delivered: self.status == SETTLED,
            latency_ms: self.latency_ms,
            at: self.created_at,
        }
    }
}

const SETTLED: &str = "settled";
const FAILED: &str = "failed";

rialto_store::statement! {
    /// Writes a trade.
    struct InsertOne {
        run_no: i64 => BigInt,
        no: i64 => BigInt,
        id: Id<()> => Uid,
        tick: i64 => BigInt,
        capability: String => Text,
        bid: Id<()> => Uid,
        ask: Id<()> => Uid,
        buyer: AgentId => Uid,
        seller: AgentId => Uid,
        price: i64 => BigInt,
        status: &'static str => Text,
        latency_ms: i64 => BigInt,
        created_at: Timestamp => UtcTime,
    }
    rows: ();
    sqlite: "INSERT INTO simulation_trades (run_no, no, id, tick, capability, bid_order_id, ask_order_id, buyer_agent_id,
        seller_agent_id, price, status, latency_ms, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
}

rialto_store::statement! {
    /// Writes the trades of one run.
    struct InsertMany {
        run_no: i64 => BigInt,
        no: Vec<i64> => Array<BigInt>,
        id: Vec<Id<()>> => Array<Uid>,
        tick: Vec<i64> => Array<BigInt>,
        capability: Vec<String> => Array<Text>,
        bid: Vec<Id<()>> => Array<Uid>,
        ask: Vec<Id<()>> => Array<Uid>,
        buyer: Vec<AgentId> => Array<Uid>,
        seller: Vec<AgentId> => Array<Uid>,
        price: Vec<i64> => Array<BigInt>,
        status: Vec<&'static str> => Array<Text>,
        latency_ms: Vec<i64> => Array<BigInt>,
        created_at: Vec<Timestamp> => Array<UtcTime>,
    }
    rows: ();
    postgres: "INSERT INTO simulation_trades (run_no, no, id, tick, capability, bid_order_id, ask_order_id, buyer_agent_id,
        seller_agent_id, price, status, latency_ms, created_at)
        SELECT $1, n.* FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS n";
}

const fn status(trade: &TradeRecord) -> &'static str {
    if trade.delivered { SETTLED } else { FAILED }
}

pub(super) async fn insert(tx: &mut Tx, run_no: i64, trades: Vec<TradeRecord>, kept: i64) -> Result<(), StoreError> {
    let Some(newest) = trades.last().map(|trade| trade.no) else { return Ok(()) };
    on!(tx,
    sqlite conn => {
        for trade in trades {
            let row = InsertOne {
                run_no,
                no: trade.no,
                id: Id::from_uuid(trade.id),
                tick: trade.tick.into(),
                status: status(&trade),
                capability: trade.capability,
                bid: Id::from_uuid(trade.bid),
                ask: Id::from_uuid(trade.ask),
                buyer: trade.buyer,
                seller: trade.seller,
                price: trade.price,
                latency_ms: trade.latency_ms,
                created_at: trade.at,
            };
            row.execute(conn).await?;
        }
        Ok(())
    },
    postgres conn => {
        let rows = InsertMany {
            run_no,
            no: trades.iter().map(|trade| trade.no).collect(),
            id: trades.iter().map(|trade| Id::from_uuid(trade.id)).collect(),
            tick: trades.iter().map(|trade| trade.tick.into()).collect(),
            bid: trades.iter().map(|trade| Id::from_uuid(trade.bid)).collect(),
            ask: trades.iter().map(|trade| Id::from_uuid(trade.ask)).collect(),
            buyer: trades.iter().map(|trade| trade.buyer).collect(),
            seller: trades.iter().map(|trade| trade.seller).collect(),
            price: trades.iter().map(|trade| trade.price).collect(),
            status: trades.iter().map(status).collect(),
            latency_ms: trades.iter().map(|trade| trade.latency_ms).collect(),
            created_at: trades.iter().map(|trade| trade.at).collect(),
            capability: trades.into_iter().map(|trade| trade.capability).collect(),
        };
        rows.execute(conn).await.map(drop)
    })?;
    let old = t::no.le(newest.saturating_sub(kept));
    on!(tx, conn => diesel::delete(t::table.filter(t::run_no.eq(run_no)).filter(old)).execute(conn).await)?;
    Ok(())
}

pub(super) async fn list(
    tx: &mut Tx,
    run_no: i64,
    capability: Option<&str>,
    page: PageRequest,
) -> Result<Vec<TradeRecord>, StoreError> {
    macro_rules! trades {
        ($conn:ident) => {{
            let mut query = t::table
                .filter(t::run_no.eq(run_no))
                .order(t::no.desc())
                .limit(page.limit())
                .offset(page.offset())
                .select(TradeRow::as_select())
                .into_boxed();
            if let Some(capability) = capability {
                query = query.filter(t::capability.eq(capability));
            }
            query.load::<TradeRow>($conn).await
        }};
    }
    let rows = on!(tx, conn => trades!(conn))?;
    Ok(rows.into_iter().map(TradeRow::model).collect())
}
