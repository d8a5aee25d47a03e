//! Ids and times as database columns, for `rialto-store` alone.
//!
//! It stands here because Rust's coherence rules let only this crate teach its types to a foreign trait.

use std::io::Write;

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, Queryable},
    expression::AsExpression,
    internal::derives::as_expression::Bound,
    pg::{Pg, PgValue},
    query_builder::QueryId,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{Nullable, SqlType},
    sqlite::{Sqlite, SqliteValue},
};
use uuid::Uuid;

use crate::{Id, Timestamp};

/// A UUID: `uuid` in PostgreSQL, a `BLOB` of 16 bytes in SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct Uid;

/// A moment in UTC: `timestamptz` in PostgreSQL, an `INTEGER` of microseconds in SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct UtcTime;

/// Microseconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
const PG_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Lets a Rust type stand for a column type in queries and rows.
macro_rules! column {
    ($sql:ty, $rust:ty $(, $generic:ident)?) => {
        column!(@expression $sql, $rust $(, $generic)?);
        column!(@expression Nullable<$sql>, $rust $(, $generic)?);
        impl<DB: Backend $(, $generic)?> Queryable<$sql, DB> for $rust
        where
            $rust: FromSql<$sql, DB>,
        {
            type Row = Self;
            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }
        impl<DB: Backend $(, $generic)?> ToSql<Nullable<$sql>, DB> for $rust
        where
            $rust: ToSql<$sql, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                ToSql::<$sql, DB>::to_sql(self, out)
            }
        }
    };
    (@expression $sql:ty, $rust:ty $(, $generic:ident)?) => {
        impl<$($generic)?> AsExpression<$sql> for $rust {
            type Expression = Bound<$sql, Self>;
            fn as_expression(self) -> Self::Expression {
                Bound::new(self)
            }
        }
        impl<'a $(, $generic)?> AsExpression<$sql> for &'a $rust {
            type Expression = Bound<$sql, Self>;
            fn as_expression(self) -> Self::Expression {
                Bound::new(self)
            }
        }
    };
}

column!(Uid, Id<T>, T);
column!(UtcTime, Timestamp);

impl<T> ToSql<Uid, Pg> for Id<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.as_bytes())?;
        Ok(IsNull::No)
    }
}
impl<T> ToSql<Uid, Sqlite> for Id<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}
impl<T> FromSql<Uid, Pg> for Id<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_uuid(Uuid::from_slice(value.as_bytes())?))
    }
}
impl<T> FromSql<Uid, Sqlite> for Id<T> {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self::from_uuid(Uuid::from_slice(value.read_blob())?))
    }
}

impl ToSql<UtcTime, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.micros().saturating_sub(PG_EPOCH_MICROS).to_be_bytes())?;
        Ok(IsNull::No)
    }
}
impl ToSql<UtcTime, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.micros());
        Ok(IsNull::No)
    }
}
impl FromSql<UtcTime, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = i64::from_be_bytes(value.as_bytes().try_into()?);
        Ok(Self::from_micros(micros.saturating_add(PG_EPOCH_MICROS)))
    }
}
impl FromSql<UtcTime, Sqlite> for Timestamp {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self::from_micros(value.read_long()))
    }
}
