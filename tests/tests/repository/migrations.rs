//! The two schemas are one schema.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use diesel::{QueryableByName, sql_types::Text};
use rialto_store::{
    Migration, StoreError, Tx, on,
    testing::{Kind, TestDb},
};

use crate::harness::{postgres_url, repository};

/// Columns by table, each with its type, and whether it may be NULL.
type Tables = BTreeMap<String, BTreeMap<String, (String, bool)>>;

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    nullable: String,
}

/// Full-text indexes are each database's own: virtual tables with their shadows there, a `tsvector` here. So are the ways to the
/// entries of an account: pages there, indexes here.
const SQLITE_COLUMNS: &str = "SELECT t.name AS place, c.name AS name, c.type AS kind, \
     CASE WHEN c.\"notnull\" = 1 OR (c.pk > 0 AND t.wr = 1) OR (c.pk > 0 AND c.type = 'INTEGER') THEN 'NO' ELSE 'YES' END AS nullable \
     FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c \
     WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> 'ledger_pages' \
     AND (t.name, c.name) <> ('ledger_accounts', 'recent')";
const POSTGRES_COLUMNS: &str = "SELECT c.table_name::text AS place, c.column_name::text AS name, c.udt_name::text AS kind, \
     c.is_nullable::text AS nullable FROM information_schema.columns AS c JOIN information_schema.tables AS t \
     USING (table_schema, table_name) \
     WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.udt_name <> 'tsvector'";
const SQLITE_LEFT: &str = "SELECT type || ' ' || name AS place, '' AS name, '' AS kind, '' AS nullable FROM sqlite_schema \
     WHERE name NOT LIKE 'sqlite_%' AND tbl_name <> 'schema_migrations'";
const POSTGRES_LEFT: &str = "SELECT 'relation ' || relname AS place, '' AS name, '' AS kind, '' AS nullable FROM pg_class \
     WHERE relnamespace = current_schema()::regnamespace AND relname NOT LIKE 'schema_migrations%' \
     UNION ALL SELECT 'function ' || proname, '', '', '' FROM pg_proc WHERE pronamespace = current_schema()::regnamespace \
     UNION ALL SELECT 'type ' || typname, '', '', '' FROM pg_type \
     WHERE typnamespace = current_schema()::regnamespace AND typname NOT LIKE '%schema_migrations'";

async fn columns(test: &TestDb, sqlite: &'static str, postgres: &'static str) -> Vec<Column> {
    let sql = if test.db.is_postgres() { postgres } else { sqlite };
    test.db.read(async move |tx: &mut Tx| on!(tx, conn => diesel::sql_query(sql).load(conn).await)).await.unwrap()
}

/// What both databases would call the type.
fn common(kind: &str) -> String {
    match kind {
        "uuid" | "bytea" => "BLOB",
        "int2" | "int4" | "int8" | "bool" | "timestamptz" => "INTEGER",
        "text" | "jsonb" | "varchar" => "TEXT",
        "float8" => "REAL",
        other => other,
    }
    .to_owned()
}

async fn tables(test: &TestDb) -> Tables {
    let mut tables = Tables::new();
    for column in columns(test, SQLITE_COLUMNS, POSTGRES_COLUMNS).await {
        let nullable = column.nullable == "YES";
        tables.entry(column.place).or_default().insert(column.name, (common(&column.kind), nullable));
    }
    tables
}

fn folders(dialect: &str) -> BTreeSet<String> {
    let folder = repository().join("migrations").join(dialect);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_databases_have_the_same_migrations_and_all_are_registered() {
    let registered: Vec<&str> = Migration::ALL.iter().map(|migration| migration.name).collect();
    assert!(registered.is_sorted(), "the list is in the order of the numbers: {registered:?}");
    let numbers: BTreeSet<&str> = registered.iter().map(|name| &name[..4]).collect();
    assert_eq!(numbers.len(), registered.len(), "each number is used once: {registered:?}");
    let registered: BTreeSet<String> = registered.into_iter().map(str::to_owned).collect();
    for dialect in ["sqlite", "postgres"] {
        assert_eq!(folders(dialect), registered, "migrations/{dialect} and Migration::ALL");
        for name in &registered {
            for file in ["up.sql", "down.sql"] {
                let path = repository().join("migrations").join(dialect).join(name).join(file);
                assert!(path.exists(), "{} is missing", path.display());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_tables_and_columns() {
    let sqlite = TestDb::open(Kind::Sqlite).await.unwrap();
    let Some(postgres) = TestDb::open(Kind::Postgres).await else { return };
    let (sqlite, postgres) = (tables(&sqlite).await, tables(&postgres).await);
    let names = |tables: &Tables| tables.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&sqlite), names(&postgres), "tables: SQLite left, PostgreSQL right");
    let mut wrong = Vec::new();
    for (table, here) in &sqlite {
        let there = &postgres[table];
        for column in here.keys().chain(there.keys()).collect::<BTreeSet<_>>() {
            if here.get(column) != there.get(column) {
                wrong.push(format!("{table}.{column}: {:?} in SQLite, {:?} in PostgreSQL", here.get(column), there.get(column)));
            }
        }
    }
    assert!(wrong.is_empty(), "(type, may be NULL):\n{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn going_down_leaves_nothing_and_one_can_go_up_again_on_sqlite() {
    down_and_up(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_down_leaves_nothing_and_one_can_go_up_again_on_postgres() {
    down_and_up(Kind::Postgres).await;
}

async fn down_and_up(kind: Kind) {
    let Some(test) = TestDb::open(kind).await else { return };
    let before = tables(&test).await;
    let dialect = if kind == Kind::Postgres { "postgres" } else { "sqlite" };
    for migration in Migration::ALL.iter().rev() {
        let path = repository().join("migrations").join(dialect).join(migration.name).join("down.sql");
        let sql = fs::read_to_string(path).unwrap();
        let name = migration.name;
        let down = test.db.write(async move |tx: &mut Tx| {
            tx.batch(&sql).await?;
            tx.batch(&format!("DELETE FROM schema_migrations WHERE name = '{name}'")).await
        });
        down.await.unwrap_or_else(|error: StoreError| panic!("{dialect}/{name}/down.sql: {error}"));
    }
    let left: Vec<String> = columns(&test, SQLITE_LEFT, POSTGRES_LEFT).await.into_iter().map(|row| row.place).collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
    let report = test.db.migrate().await.unwrap();
    assert_eq!(report.applied.len(), Migration::ALL.len());
    assert_eq!(tables(&test).await, before);
    test.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        if kind == Kind::Postgres && postgres_url().is_none() {
            continue;
        }
        let test = TestDb::open(kind).await.unwrap();
        let time = if test.db.is_postgres() { "now()" } else { "0" };
        let sql = format!("INSERT INTO schema_migrations (name, applied_at) VALUES ('9999_future', {time})");
        test.db.write(async move |tx: &mut Tx| tx.batch(&sql).await).await.unwrap();
        let refused = test.db.migrate().await;
        assert!(matches!(&refused, Err(StoreError::Schema(why)) if why.contains("9999_future")), "{refused:?}");
    }
}
