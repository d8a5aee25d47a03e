//! Statements whose SQL has to differ between the databases, or that diesel would prepare anew every time.

/// Declares a statement as a struct whose fields are its parameters, in order: `?1`, `?2` … on SQLite, `$1`, `$2` … on
/// PostgreSQL. It is prepared once per connection and found again by its type.
macro_rules! statement {
    ($(#[$doc:meta])* struct $name:ident { $($field:ident: $rust:ty => $sqlite_type:ty | $postgres_type:ty),* $(,)? }
     rows: $rows:ty; sqlite: $sqlite:expr; postgres: $postgres:expr;) => {
        $(#[$doc])*
        #[derive(diesel::query_builder::QueryId)]
        struct $name { $($field: $rust),* }

        impl diesel::query_builder::QueryFragment<diesel::sqlite::Sqlite> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                out.push_sql($sqlite);
                $(out.push_bind_param_value_only::<$sqlite_type, _>(&self.$field)?;)*
                Ok(())
            }
        }
        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                out.push_sql($postgres);
                $(out.push_bind_param_value_only::<$postgres_type, _>(&self.$field)?;)*
                Ok(())
            }
        }
        impl diesel::query_builder::Query for $name {
            type SqlType = $rows;
        }
        impl<Conn> diesel::RunQueryDsl<Conn> for $name {}
    };
}

pub(super) use statement;
