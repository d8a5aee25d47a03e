//! Several agents in one statement.

use rialto_kernel::AgentId;

/// Several ids as one parameter: an array on PostgreSQL, the JSON array of their digits on SQLite.
#[derive(Debug)]
pub(super) struct Ids(pub(super) Vec<AgentId>);

mod bind {
    //! The two forms of several ids.

    use diesel::{
        pg::Pg,
        serialize::{self, IsNull, Output, ToSql},
        sql_types::{Array, Text},
        sqlite::Sqlite,
    };
    use rialto_store::types::Uid;

    use super::Ids;

    impl ToSql<Text, Sqlite> for Ids {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            let digits: Vec<String> = self.0.iter().map(|id| id.uuid().simple().to_string()).collect();
            out.set_value(serde_json::to_string(&digits)?);
            Ok(IsNull::No)
        }
    }
    impl ToSql<Array<Uid>, Pg> for Ids {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            ToSql::<Array<Uid>, Pg>::to_sql(&self.0, out)
        }
    }
}
