//! Statements in SQL of our own, prepared once per connection.

/// Declares a statement as a struct whose fields are its parameters, in order: `?1`, `?2` … on SQLite, `$1`, `$2` … on
/// PostgreSQL. It is prepared once per connection and found again by its type.
///
/// For statements whose SQL has to differ between the databases, and for those that diesel would prepare anew every time
/// (updates, upserts, inserts of several rows). A statement for one database names only that one.
#[macro_export]
macro_rules! statement {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($field:ident: $rust:ty => $sqlite_type:ty | $postgres_type:ty),* $(,)? }
     rows: $rows:ty; sqlite: $sqlite:expr; postgres: $postgres:expr;) => {
        $crate::statement!(@struct $(#[$doc])* $vis $name { $($field: $rust),* } $rows);
        $crate::statement!(@sql $name diesel::sqlite::Sqlite { $($field => $sqlite_type),* } $sqlite);
        $crate::statement!(@sql $name diesel::pg::Pg { $($field => $postgres_type),* } $postgres);
    };
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($field:ident: $rust:ty => $type:ty),* $(,)? }
     rows: $rows:ty; sqlite: $sql:expr;) => {
        $crate::statement!(@struct $(#[$doc])* $vis $name { $($field: $rust),* } $rows);
        $crate::statement!(@sql $name diesel::sqlite::Sqlite { $($field => $type),* } $sql);
    };
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($field:ident: $rust:ty => $type:ty),* $(,)? }
     rows: $rows:ty; postgres: $sql:expr;) => {
        $crate::statement!(@struct $(#[$doc])* $vis $name { $($field: $rust),* } $rows);
        $crate::statement!(@sql $name diesel::pg::Pg { $($field => $type),* } $sql);
    };
    (@struct $(#[$doc:meta])* $vis:vis $name:ident { $($field:ident: $rust:ty),* } $rows:ty) => {
        $(#[$doc])*
        #[derive(diesel::query_builder::QueryId)]
        $vis struct $name { $($field: $rust),* }

        impl diesel::query_builder::Query for $name {
            type SqlType = $rows;
        }
        impl<Conn> diesel::RunQueryDsl<Conn> for $name {}
    };
    (@sql $name:ident $backend:ty { $($field:ident => $type:ty),* } $sql:expr) => {
        impl diesel::query_builder::QueryFragment<$backend> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, $backend>,
            ) -> diesel::QueryResult<()> {
                out.push_sql($sql);
                $(out.push_bind_param_value_only::<$type, _>(&self.$field)?;)*
                Ok(())
            }
        }
    };
}
