//! Column types: one Rust type each, native in both schemas.
//!
//! | here | Rust | PostgreSQL | SQLite (STRICT) |
//! |---|---|---|---|
//! | [`Uid`] | `kernel::Id<_>` | `uuid` | `BLOB` of 16 bytes |
//! | [`UtcTime`] | `kernel::Timestamp` | `timestamptz` | `INTEGER`, microseconds |
//! | [`JsonDoc`] | [`Json`] | `jsonb` | `TEXT` |
//!
//! Everything else is diesel's own: `Text`, `BigInt`, `Integer`, `Bool` (an `INTEGER` in SQLite), `Binary`.

use std::io::Write;

use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    query_builder::QueryId,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::SqlType,
    sqlite::{Sqlite, SqliteValue},
};
pub use rialto_kernel::sql::{Uid, UtcTime};
use serde_json::Value;

/// A JSON document.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807))]
#[diesel(sqlite_type(name = "Text"))]
pub struct JsonDoc;

/// The JSON document of a row. It holds no NUL character: PostgreSQL cannot store one.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = JsonDoc)]
pub struct Json(pub Value);

impl ToSql<JsonDoc, Pg> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB_VERSION])?;
        serde_json::to_writer(out, &self.0)?;
        Ok(IsNull::No)
    }
}
impl ToSql<JsonDoc, Sqlite> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}
impl FromSql<JsonDoc, Pg> for Json {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes().split_first() {
            Some((&JSONB_VERSION, json)) => Ok(Self(serde_json::from_slice(json)?)),
            _ => Err("unknown version of jsonb".into()),
        }
    }
}
impl FromSql<JsonDoc, Sqlite> for Json {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(value.read_text())?))
    }
}

/// The first byte of a jsonb value on the wire.
const JSONB_VERSION: u8 = 1;
