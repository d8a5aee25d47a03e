//! The schema, and how it gets into a database.
//!
//! Each migration is a folder of the same name under `migrations/sqlite` and `migrations/postgres`, with `up.sql` and
//! `down.sql`. They are applied in the order of this list, each in a transaction of its own, by whichever process comes
//! first; the others wait.

use diesel::{ExpressionMethods, QueryDsl};
use rialto_kernel::Timestamp;

use crate::{Db, StoreError, Tx, on, schema::schema_migrations};

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The folder's name, which starts with its number.
    pub name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/sqlite/", $name, "/up.sql")),
            postgres: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres/", $name, "/up.sql")),
        }),*]
    };
}

impl Migration {
    /// All of them, oldest first.
    pub const ALL: &'static [Self] = migrations![
        "0001_foundation",
        "0002_identity",
        "0003_ledger",
        "0004_registry",
        "0005_broker",
        "0006_ledger_library",
        "0008_market",
        "0009_simulation",
        "0010_ledger_speed",
        "0011_networks",
        "0012_a2a",
        "0013_embeddings",
        "0014_workflows",
        "0015_market_candles",
        "0016_identity_commerce",
        "0017_cards_and_ages",
        "0018_ledger_pages",
        "0019_market_safety",
        "0020_registry_services",
        "0021_broker_usage",
        "0022_ledger_holds",
        "0023_foundation_brief",
        "0024_market_upkeep",
        "0025_broker_proxy",
        "0027_broker_settlements",
        "0028_reputation",
        "0029_ledger_holds_stay",
        "0030_networks_order",
        "0031_workflows_trees",
        "0032_delivery",
        "0033_broker_x402",
        "0034_broker_deposits",
        "0035_registry_identity",
        "0036_broker_x402_resolutions",
        "0037_delivery_lanes",
        "0038_registry_standing",
        "0039_broker_sums",
        "0040_broker_usage_ends",
        "0041_broker_x402_doubts",
    ];
}

impl Migration {
    /// The part of the schema that it belongs to: the first word of its name, after the number.
    pub(crate) fn part(&self) -> &'static str {
        self.name.split('_').nth(1).unwrap_or_default()
    }
}

/// What a migration run found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// How many had been applied before.
    pub present: usize,
    /// The names of those applied now.
    pub applied: Vec<&'static str>,
}

const CREATE_SQLITE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT";
const CREATE_POSTGRES: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL)";
/// Two replicas that start together must not both migrate. Any number will do, as long as nobody else uses it. The other
/// is waited for however long it takes; the tables are not.
const LOCK_POSTGRES: &str = "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(7216052601); SET LOCAL lock_timeout = '8s'";

/// Applies those that `wanted` names.
pub(crate) async fn run(db: &Db, wanted: impl Fn(&Migration) -> bool) -> Result<MigrationReport, StoreError> {
    let mut report = MigrationReport { present: db.step(async |tx: &mut Tx| present(tx).await).await?, applied: Vec::new() };
    for migration in Migration::ALL.iter().filter(|migration| wanted(migration)) {
        if db.step(async |tx: &mut Tx| apply(tx, *migration).await).await? {
            report.applied.push(migration.name);
        }
    }
    Ok(report)
}

/// Counts what is there, and refuses a database that a newer program has migrated.
async fn present(tx: &mut Tx) -> Result<usize, StoreError> {
    if tx.is_postgres() {
        tx.batch(LOCK_POSTGRES).await?;
    }
    tx.batch(if tx.is_postgres() { CREATE_POSTGRES } else { CREATE_SQLITE }).await?;
    Ok(known_names(tx).await?.len())
}

/// The names of those that were applied, all of which this program knows.
async fn known_names(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let names: Vec<String> = on!(tx, conn => schema_migrations::table.select(schema_migrations::name).load(conn).await)?;
    match names.iter().find(|name| Migration::ALL.iter().all(|known| known.name != name.as_str())) {
        Some(newer) => Err(StoreError::Schema(format!(
            "the database has the migration {newer}, which this version of Rialto does not know: use the version that made it, or a newer one"
        ))),
        None => Ok(names),
    }
}

/// Whether all that are `wanted` were applied, and none that this program does not know.
pub(crate) async fn check(db: &Db, wanted: impl Fn(&Migration) -> bool) -> Result<(), StoreError> {
    let names = match db.read(async |tx: &mut Tx| known_names(tx).await).await {
        // There is not even the list.
        Err(StoreError::Database(text)) if text.contains("schema_migrations") => Vec::new(),
        names => names?,
    };
    match Migration::ALL.iter().find(|migration| wanted(migration) && !names.iter().any(|name| name == migration.name)) {
        Some(missing) => Err(StoreError::Schema(format!(
            "the database does not have the migration {} yet: run `rialto migrate`, or the version that made it",
            missing.name
        ))),
        None => Ok(()),
    }
}

async fn apply(tx: &mut Tx, migration: Migration) -> Result<bool, StoreError> {
    if tx.is_postgres() {
        tx.batch(LOCK_POSTGRES).await?;
    }
    let known: i64 = on!(tx, conn => schema_migrations::table
        .filter(schema_migrations::name.eq(migration.name)).count().get_result(conn).await)?;
    if known > 0 {
        return Ok(false);
    }
    let sql = if tx.is_postgres() { migration.postgres } else { migration.sqlite };
    tx.batch(sql).await.map_err(|error| match error {
        // A server that still runs had rows that this needs: it is tried again.
        StoreError::Again(_) => error,
        error => StoreError::Schema(format!("migration {} failed: {error}", migration.name)),
    })?;
    let row = (schema_migrations::name.eq(migration.name), schema_migrations::applied_at.eq(now()));
    on!(tx, conn => diesel::insert_into(schema_migrations::table).values(&row).execute(conn).await)?;
    Ok(true)
}

fn now() -> Timestamp {
    rialto_kernel::Clock::system().now()
}
