//! Statements that write many rows: one after the other on SQLite, where each is a function call, and all at once on
//! PostgreSQL, where each would be a round trip.

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
            async fn write(tx: &mut rialto_store::Tx, rows: Vec<Self>) -> Result<usize, rialto_store::StoreError> {
                if rows.is_empty() {
                    return Ok(0);
                }
                rialto_store::on!(tx,
                sqlite conn => {
                    let mut touched = 0;
                    for row in rows {
                        touched += row.execute(conn).await?;
                    }
                    Ok(touched)
                },
                postgres conn => {
                    let mut many = $many { $($field: Vec::with_capacity(rows.len())),* };
                    for row in rows {
                        $(many.$field.push(row.$field);)*
                    }
                    many.execute(conn).await
                })
            }
        }
    };
}

pub(super) use rows;
