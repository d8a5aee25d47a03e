//! Statements that write many rows: one after the other on SQLite, where each is a function call, and all at once on
//! PostgreSQL, where each would be a round trip.

use diesel_async::AsyncPgConnection;
use rialto_store::{SqliteLink, Tx};

/// Where rows are written. PostgreSQL's connection is shared: it may be asked for several things before it has answered the first,
/// and does one after the other.
pub(super) enum To<'c> {
    Sqlite(&'c mut SqliteLink),
    Postgres(&'c AsyncPgConnection),
}

impl<'c> From<&'c mut Tx> for To<'c> {
    fn from(tx: &'c mut Tx) -> Self {
        match tx {
            Tx::Sqlite(conn) => Self::Sqlite(conn),
            Tx::Postgres(conn) => Self::Postgres(conn),
        }
    }
}

/// Declares a pair of statements over the same columns, and `write`, which runs the one that fits for all of `rows` and counts
/// what they touched. The parameters of the second one are arrays.
macro_rules! rows {
    ($(#[$doc:meta])* struct $one:ident, $many:ident { $($field:ident: $rust:ty => $sql:ty,)* }
     sqlite: $sqlite:expr; postgres: $postgres:expr;) => {
        rialto_store::statement! {
            $(#[$doc])* struct $one { $($field: $rust => $sql),* } rows: (); sqlite: $sqlite;
        }
        rialto_store::statement! {
            $(#[$doc])* struct $many { $($field: Vec<$rust> => diesel::sql_types::Array<$sql>),* } rows: (); postgres: $postgres;
        }
        impl $one {
            async fn write(to: $crate::sql::rows::To<'_>, rows: Vec<Self>) -> Result<usize, rialto_store::StoreError> {
                use $crate::sql::rows::To;
                use rialto_store::private::{RunQueryDsl, SqliteQueryDsl};
                let mut touched = 0;
                match to {
                    _ if rows.is_empty() => {}
                    To::Sqlite(conn) => {
                        for row in rows {
                            touched += SqliteQueryDsl::execute(row, conn).await?;
                        }
                    }
                    To::Postgres(mut conn) => {
                        let mut many = $many { $($field: Vec::with_capacity(rows.len())),* };
                        for row in rows {
                            $(many.$field.push(row.$field);)*
                        }
                        touched = RunQueryDsl::execute(many, &mut conn).await?;
                    }
                }
                Ok(touched)
            }
        }
    };
}

pub(super) use rows;
