//! An SQLite connection that diesel-async can use, with every statement run where it is called.

use std::{
    future::{Ready, ready},
    vec,
};

use diesel::{
    QueryResult, SqliteConnection,
    connection::{Connection as _, LoadConnection, SimpleConnection},
    query_builder::{AsQuery, AstPass, Query, QueryFragment, QueryId},
    row::IntoOwnedRow,
    sqlite::Sqlite,
};
use diesel_async::{AsyncConnectionCore, SimpleAsyncConnection};
use futures_util::stream;

/// A connection to the SQLite file, for use on a thread that may block.
///
/// diesel-async's own wrapper hands each statement to a blocking thread and renders its SQL anew every time. Here the
/// whole transaction already runs on a thread of its own, so a statement is a plain function call and is found in the
/// statement cache by its type.
pub struct SqliteLink(SqliteConnection);

impl SqliteLink {
    pub(super) const fn new(conn: SqliteConnection) -> Self {
        Self(conn)
    }
}

type OwnedRow = <<SqliteConnection as LoadConnection>::Row<'static, 'static> as IntoOwnedRow<'static, Sqlite>>::OwnedRow;

impl SimpleAsyncConnection for SqliteLink {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.0.batch_execute(query)
    }
}

impl AsyncConnectionCore for SqliteLink {
    type ExecuteFuture<'conn, 'query> = Ready<QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = Ready<QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = stream::Iter<vec::IntoIter<QueryResult<OwnedRow>>>;
    type Row<'conn, 'query> = OwnedRow;
    type Backend = Sqlite;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Sqlite> + QueryId + 'query,
    {
        ready(self.rows(source.as_query()).map(stream::iter))
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Sqlite> + QueryId + 'query,
    {
        ready(self.0.execute_returning_count(&source))
    }
}

impl SqliteLink {
    fn rows<Q>(&mut self, query: Q) -> QueryResult<Vec<QueryResult<OwnedRow>>>
    where
        Q: QueryFragment<Sqlite> + QueryId,
    {
        let mut cache = Default::default();
        let cursor = LoadConnection::load(&mut self.0, Rows(query))?;
        Ok(cursor.map(|row| row.map(|row| row.into_owned(&mut cache))).collect())
    }
}

/// A query whose row type is decided by whoever reads the rows. Same SQL, same cache key.
struct Rows<Q>(Q);

impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Rows<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }
}

impl<Q: QueryId> QueryId for Rows<Q> {
    type QueryId = Q::QueryId;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q> Query for Rows<Q> {
    type SqlType = diesel::sql_types::Untyped;
}
