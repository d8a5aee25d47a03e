//! Rows of `simulation_ticks`.

use diesel::{
    ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper,
    sql_types::{BigInt, Nullable, Text},
};
use rialto_store::{StoreError, Tx, on};

use super::schema::simulation_ticks as t;
use crate::{
    store::{TickFigures, TickFilter},
    world::BookFigures,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = t)]
struct TickRow {
    tick: i64,
    capability: String,
    orders: i64,
    expired: i64,
    trades: i64,
    failed: i64,
    volume: i64,
    open_price: Option<i64>,
    high_price: Option<i64>,
    low_price: Option<i64>,
    close_price: Option<i64>,
    best_bid: Option<i64>,
    best_ask: Option<i64>,
    bids: i64,
    asks: i64,
    consumer_surplus: i64,
    producer_surplus: i64,
}

impl TickRow {
    fn model(self) -> TickFigures {
        TickFigures {
            tick: u32::try_from(self.tick).unwrap_or(u32::MAX),
            capability: self.capability,
            figures: BookFigures {
                orders: self.orders,
                expired: self.expired,
                trades: self.trades,
                failed: self.failed,
                volume: self.volume,
                open: self.open_price,
                high: self.high_price,
                low: self.low_price,
                close: self.close_price,
                best_bid: self.best_bid,
                best_ask: self.best_ask,
                bids: self.bids,
                asks: self.asks,
                consumer_surplus: self.consumer_surplus,
                producer_surplus: self.producer_surplus,
            },
        }
    }
}

rialto_store::statement! {
    /// Writes how a book stood at the end of a tick.
    struct Insert {
        run_no: i64 => BigInt | BigInt,
        tick: i64 => BigInt | BigInt,
        capability: String => Text | Text,
        orders: i64 => BigInt | BigInt,
        expired: i64 => BigInt | BigInt,
        trades: i64 => BigInt | BigInt,
        failed: i64 => BigInt | BigInt,
        volume: i64 => BigInt | BigInt,
        open_price: Option<i64> => Nullable<BigInt> | Nullable<BigInt>,
        high_price: Option<i64> => Nullable<BigInt> | Nullable<BigInt>,
        low_price: Option<i64> => Nullable<BigInt> | Nullable<BigInt>,
        close_price: Option<i64> => Nullable<BigInt> | Nullable<BigInt>,
        best_bid: Option<i64> => Nullable<BigInt> | Nullable<BigInt>,
        best_ask: Option<i64> => Nullable<BigInt> | Nullable<BigInt>,
        bids: i64 => BigInt | BigInt,
        asks: i64 => BigInt | BigInt,
        consumer_surplus: i64 => BigInt | BigInt,
        producer_surplus: i64 => BigInt | BigInt,
    }
    rows: ();
    sqlite: "INSERT INTO simulation_ticks (run_no, tick, capability, orders, expired, trades, failed, volume, open_price, high_price,
        low_price, close_price, best_bid, best_ask, bids, asks, consumer_surplus, producer_surplus)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    postgres: "INSERT INTO simulation_ticks (run_no, tick, capability, orders, expired, trades, failed, volume, open_price, high_price,
        low_price, close_price, best_bid, best_ask, bids, asks, consumer_surplus, producer_surplus)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
}

/// A tick has at most four books.
pub(super) async fn insert(tx: &mut Tx, run_no: i64, rows: Vec<TickFigures>) -> Result<(), StoreError> {
    for TickFigures { tick, capability, figures } in rows {
        let row = Insert {
            run_no,
            tick: tick.into(),
            capability,
            orders: figures.orders,
            expired: figures.expired,
            trades: figures.trades,
            failed: figures.failed,
            volume: figures.volume,
            open_price: figures.open,
            high_price: figures.high,
            low_price: figures.low,
            close_price: figures.close,
            best_bid: figures.best_bid,
            best_ask: figures.best_ask,
            bids: figures.bids,
            asks: figures.asks,
            consumer_surplus: figures.consumer_surplus,
            producer_surplus: figures.producer_surplus,
        };
        on!(tx, conn => row.execute(conn).await)?;
    }
    Ok(())
}

pub(super) async fn list(tx: &mut Tx, run_no: i64, filter: &TickFilter) -> Result<Vec<TickFigures>, StoreError> {
    macro_rules! ticks {
        ($conn:ident) => {{
            let mut query = t::table
                .filter(t::run_no.eq(run_no))
                .filter(t::tick.gt(i64::from(filter.after)))
                .filter(t::tick.le(i64::from(filter.upto)))
                .order((t::tick, t::capability))
                .limit(filter.limit.into())
                .select(TickRow::as_select())
                .into_boxed();
            if let Some(capability) = &filter.capability {
                query = query.filter(t::capability.eq(capability.as_str()));
            }
            query.load::<TickRow>($conn).await
        }};
    }
    let rows = on!(tx, conn => ticks!(conn))?;
    Ok(rows.into_iter().map(TickRow::model).collect())
}
