//! Rows of `market_capabilities`.

use std::{collections::HashMap, sync::Arc};

use diesel::{
    OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text},
};
use diesel_async::AsyncPgConnection;
use rialto_kernel::{Ppm, Timestamp};
use rialto_store::{StoreError, Tx, on, statement, types::UtcTime};

use super::{
    rows::{To, rows},
    schema::market_capabilities as c,
};
use crate::model::{Capability, Interval, Settings, Trade};

#[derive(Queryable, Selectable)]
#[diesel(table_name = c)]
struct CapabilityRow {
    capability: String,
    continuous: bool,
    fee_ppm: Option<i32>,
    version: i64,
    last_priority: i64,
    open_orders: i64,
}

fn model(row: CapabilityRow) -> Result<Capability, StoreError> {
    let ppm = |parts: i32| u32::try_from(parts).ok().and_then(Ppm::new);
    let odd = || StoreError::Corrupt(format!("the capability {} with an odd fee", row.capability));
    let fee = row.fee_ppm.map(|parts| ppm(parts).ok_or_else(odd)).transpose()?;
    Ok(Capability {
        settings: Settings { continuous: row.continuous, fee },
        name: Arc::from(row.capability),
        version: row.version,
        last_priority: row.last_priority,
        open_orders: row.open_orders,
    })
}

pub(super) async fn find(tx: &mut Tx, name: &str) -> Result<Option<Capability>, StoreError> {
    let row: Option<CapabilityRow> =
        on!(tx, conn => c::table.find(name).select(CapabilityRow::as_select()).first(conn).await.optional())?;
    row.map(model).transpose()
}

statement! {
    /// Locks capabilities, in the order of the bytes, whatever the database's language: as the names are sorted here.
    struct LockMany { names: Vec<String> => Array<Text> }
    rows: (Text, Bool, Nullable<Integer>, BigInt, BigInt, BigInt);
    postgres: "SELECT capability, continuous, fee_ppm, version, last_priority, open_orders FROM market_capabilities
        WHERE capability = ANY($1) ORDER BY capability COLLATE \"C\" FOR NO KEY UPDATE";
}

pub(super) async fn lock(tx: &mut Tx, names: &[&str]) -> Result<Vec<Capability>, StoreError> {
    if let Tx::Postgres(conn) = tx {
        return lock_many(conn, names).await;
    }
    let mut rows = Vec::with_capacity(names.len());
    for name in names {
        // The writer of SQLite has the whole file to itself.
        rows.extend(find(tx, name).await?);
    }
    Ok(rows)
}

/// Locks capabilities on PostgreSQL, for who sends several statements before the first is answered.
pub(super) async fn lock_many(mut conn: &AsyncPgConnection, names: &[&str]) -> Result<Vec<Capability>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let lock = LockMany { names: names.iter().map(|name| (*name).to_owned()).collect() };
    let rows: Vec<CapabilityRow> = rialto_store::private::RunQueryDsl::load(lock, &mut conn).await?;
    rows.into_iter().map(model).collect()
}

rows! {
    /// Opens capabilities, unless they are there.
    struct InsertOne, InsertMany { capability: String => Text, created_at: Timestamp => UtcTime, }
    sqlite: "INSERT INTO market_capabilities (capability, continuous, version, last_priority, open_orders, created_at, updated_at)
        VALUES (?1, FALSE, 0, 0, 0, ?2, ?2) ON CONFLICT DO NOTHING";
    postgres: "INSERT INTO market_capabilities (capability, continuous, version, last_priority, open_orders, created_at, updated_at)
        SELECT n.capability, FALSE, 0, 0, 0, n.at, n.at FROM unnest($1, $2) AS n (capability, at) ON CONFLICT DO NOTHING";
}

pub(super) async fn insert(tx: &mut Tx, names: &[&str], now: Timestamp) -> Result<(), StoreError> {
    let rows = names.iter().map(|name| InsertOne { capability: (*name).to_owned(), created_at: now }).collect();
    InsertOne::write(tx.into(), rows).await?;
    Ok(())
}

rows! {
    /// Writes how capabilities stand.
    struct UpdateOne, UpdateMany {
        capability: String => Text,
        continuous: bool => Bool,
        fee_ppm: Option<i32> => Nullable<Integer>,
        version: i64 => BigInt,
        last_priority: i64 => BigInt,
        open_orders: i64 => BigInt,
        updated_at: Timestamp => UtcTime,
        traded_on: Option<Timestamp> => Nullable<UtcTime>,
    }
    sqlite: "UPDATE market_capabilities SET continuous = ?2, fee_ppm = ?3, version = ?4, last_priority = ?5, open_orders = ?6,
        updated_at = ?7, traded_on = COALESCE(?8, traded_on) WHERE capability = ?1";
    postgres: "UPDATE market_capabilities AS c SET continuous = n.continuous, fee_ppm = n.fee_ppm, version = n.version,
            last_priority = n.last_priority, open_orders = n.open_orders, updated_at = n.updated_at,
            traded_on = COALESCE(n.traded_on, c.traded_on)
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
            AS n (capability, continuous, fee_ppm, version, last_priority, open_orders, updated_at, traded_on)
        WHERE c.capability = n.capability";
}

/// Writes how capabilities stand, after these trades.
pub(super) async fn update(
    to: To<'_>,
    capabilities: Vec<Capability>,
    traded: &[Trade],
    now: Timestamp,
) -> Result<(), StoreError> {
    let count = capabilities.len();
    let traded: HashMap<_, _> = traded.iter().map(|trade| (Arc::clone(&trade.capability), trade.created_at)).collect();
    let row = |capability: Capability| UpdateOne {
        capability: capability.name.to_string(),
        continuous: capability.settings.continuous,
        fee_ppm: capability.settings.fee.and_then(|fee| i32::try_from(fee.get()).ok()),
        version: capability.version,
        last_priority: capability.last_priority,
        open_orders: capability.open_orders,
        updated_at: now,
        traded_on: traded.get(&capability.name).map(|last| Interval::Day.start(*last)),
    };
    let updated = UpdateOne::write(to, capabilities.into_iter().map(row).collect()).await?;
    if updated == count { Ok(()) } else { Err(StoreError::Corrupt("a capability that was locked has gone".into())) }
}
