//! JSON that passes through without being taken apart.

use std::io::Write;

use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, IsNull, Output, ToSql},
    sqlite::{Sqlite, SqliteValue},
};
use rialto_store::types::JsonDoc;
use serde_json::value::RawValue;

/// The JSON text of a row. Lists show hundreds of schemas; none of them is read on the way.
#[derive(Debug, Clone, AsExpression, FromSqlRow)]
#[diesel(sql_type = JsonDoc)]
pub(super) struct RawJson(pub(super) Box<RawValue>);

/// The first byte of a jsonb value on the wire.
const JSONB_VERSION: u8 = 1;

impl ToSql<JsonDoc, Pg> for RawJson {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB_VERSION])?;
        out.write_all(self.0.get().as_bytes())?;
        Ok(IsNull::No)
    }
}
impl ToSql<JsonDoc, Sqlite> for RawJson {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.get());
        Ok(IsNull::No)
    }
}
impl FromSql<JsonDoc, Pg> for RawJson {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes().split_first() {
            Some((&JSONB_VERSION, json)) => Ok(Self(serde_json::from_slice(json)?)),
            _ => Err("unknown version of jsonb".into()),
        }
    }
}
impl FromSql<JsonDoc, Sqlite> for RawJson {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(RawValue::from_string(value.read_text().to_owned())?))
    }
}
