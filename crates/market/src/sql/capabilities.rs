//! Rows of `market_capabilities`.

use std::sync::Arc;

use diesel::{
    OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text},
};
use rialto_kernel::{Ppm, Timestamp};
use rialto_store::{StoreError, Tx, on, statement, types::UtcTime};

use super::{
    rows::{To, rows},
    schema::market_capabilities as c,
};
use crate::model::{Capability, Settings};

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
    let rows = on!(tx,
    sqlite conn => {
        let mut rows = Vec::with_capacity(names.len());
        for name in names {
            let row: Option<CapabilityRow> =
                c::table.find(name).select(CapabilityRow::as_select()).first(conn).await.optional()?;
            rows.extend(row);
        }
        Ok(rows)
    },
    postgres conn => LockMany { names: names.iter().map(|name| (*name).to_owned()).collect() }.load(conn).await)?;
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
    }
    sqlite: "UPDATE market_capabilities SET continuous = ?2, fee_ppm = ?3, version = ?4, last_priority = ?5, open_orders = ?6,
        updated_at = ?7 WHERE capability = ?1";
    postgres: "UPDATE market_capabilities AS c SET continuous = n.continuous, fee_ppm = n.fee_ppm, version = n.version,
            last_priority = n.last_priority, open_orders = n.open_orders, updated_at = n.updated_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7)
            AS n (capability, continuous, fee_ppm, version, last_priority, open_orders, updated_at)
        WHERE c.capability = n.capability";
}

pub(super) async fn update(to: To<'_>, capabilities: Vec<Capability>, now: Timestamp) -> Result<(), StoreError> {
    let count = capabilities.len();
    let row = |capability: Capability| UpdateOne {
        capability: capability.name.to_string(),
        continuous: capability.settings.continuous,
        fee_ppm: capability.settings.fee.and_then(|fee| i32::try_from(fee.get()).ok()),
        version: capability.version,
        last_priority: capability.last_priority,
        open_orders: capability.open_orders,
        updated_at: now,
    };
    let updated = UpdateOne::write(to, capabilities.into_iter().map(row).collect()).await?;
    if updated == count { Ok(()) } else { Err(StoreError::Corrupt("a capability that was locked has gone".into())) }
}
