//! Rows of `simulation_books`.

use diesel::{
    OptionalExtension, QueryDsl,
    sql_types::{BigInt, Text},
};
use rialto_store::{
    StoreError, Tx, on,
    types::{Json, JsonDoc},
};
use serde_json::json;

use super::schema::simulation_books as b;
use crate::store::{BookRecord, Price};

rialto_store::statement! {
    /// Writes the best prices of a book.
    struct Upsert { run_no: i64 => BigInt | BigInt, capability: String => Text | Text, tick: i64 => BigInt | BigInt, bids: Json => JsonDoc | JsonDoc, asks: Json => JsonDoc | JsonDoc }
    rows: ();
    sqlite: "INSERT INTO simulation_books (run_no, capability, tick, bids, asks) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (run_no, capability) DO UPDATE SET tick = excluded.tick, bids = excluded.bids, asks = excluded.asks";
    postgres: "INSERT INTO simulation_books (run_no, capability, tick, bids, asks) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (run_no, capability) DO UPDATE SET tick = excluded.tick, bids = excluded.bids, asks = excluded.asks";
}

/// A run has at most four books.
pub(super) async fn write(tx: &mut Tx, run_no: i64, books: Vec<BookRecord>) -> Result<(), StoreError> {
    for BookRecord { capability, tick, bids, asks } in books {
        let row = Upsert { run_no, capability, tick: tick.into(), bids: Json(json!(bids)), asks: Json(json!(asks)) };
        on!(tx, conn => row.execute(conn).await)?;
    }
    Ok(())
}

pub(super) async fn find(tx: &mut Tx, run_no: i64, capability: &str) -> Result<Option<BookRecord>, StoreError> {
    let row: Option<(i64, Json, Json)> = on!(tx, conn => b::table
        .find((run_no, capability)).select((b::tick, b::bids, b::asks)).first(conn).await.optional())?;
    let prices = |json: Json| {
        let odd = |error: serde_json::Error| StoreError::Corrupt(format!("the book of a simulation: {error}"));
        serde_json::from_value::<Vec<Price>>(json.0).map_err(odd)
    };
    row.map(|(tick, bids, asks)| {
        let tick = u32::try_from(tick).unwrap_or(u32::MAX);
        Ok(BookRecord { capability: capability.to_owned(), tick, bids: prices(bids)?, asks: prices(asks)? })
    })
    .transpose()
}
