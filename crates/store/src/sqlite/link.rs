//! An SQLite connection whose statements run where they are called.

use std::future::{Ready, ready};

use diesel::{
    QueryResult, SqliteConnection,
    connection::SimpleConnection,
    query_dsl::methods::{ExecuteDsl, LoadQuery},
};

/// A connection to the SQLite file, for use on a thread that may block.
///
/// diesel-async's own wrapper hands each statement to a blocking thread, renders its SQL anew and copies every row. Here
/// the whole transaction runs on a thread of its own, so a statement is a plain function call into diesel, found in the
/// statement cache by its type, and rows are read where they are.
pub struct SqliteLink(SqliteConnection);

impl SqliteLink {
    pub(super) const fn new(conn: SqliteConnection) -> Self {
        Self(conn)
    }

    /// Runs statements that take no parameters and give no rows.
    ///
    /// # Errors
    /// Whatever the database says.
    pub fn batch(&mut self, sql: &str) -> QueryResult<()> {
        self.0.batch_execute(sql)
    }
}

/// The methods of `diesel_async::RunQueryDsl`, for [`SqliteLink`]. Their futures are ready at once; they are futures so
/// that one query body can be compiled for both databases.
pub trait SqliteQueryDsl: Sized {
    /// Runs the statement and returns how many rows it touched.
    fn execute(self, conn: &mut SqliteLink) -> Ready<QueryResult<usize>>
    where
        Self: ExecuteDsl<SqliteConnection>,
    {
        ready(ExecuteDsl::execute(self, &mut conn.0))
    }

    /// Loads all rows.
    fn load<'query, U>(self, conn: &mut SqliteLink) -> Ready<QueryResult<Vec<U>>>
    where
        Self: LoadQuery<'query, SqliteConnection, U>,
    {
        ready(self.internal_load(&mut conn.0).and_then(Iterator::collect))
    }

    /// Loads all rows.
    fn get_results<'query, U>(self, conn: &mut SqliteLink) -> Ready<QueryResult<Vec<U>>>
    where
        Self: LoadQuery<'query, SqliteConnection, U>,
    {
        SqliteQueryDsl::load(self, conn)
    }

    /// Loads one row, which has to be there.
    fn get_result<'query, U>(self, conn: &mut SqliteLink) -> Ready<QueryResult<U>>
    where
        Self: LoadQuery<'query, SqliteConnection, U>,
    {
        let row = self.internal_load(&mut conn.0).and_then(|mut rows| rows.next().unwrap_or(Err(diesel::NotFound)));
        ready(row)
    }

    /// Loads the first row, which has to be there. It stops after that row instead of asking for one: a bound `LIMIT` makes
    /// SQLite prepare the statement anew each time, unless it was compiled not to.
    fn first<'query, U>(self, conn: &mut SqliteLink) -> Ready<QueryResult<U>>
    where
        Self: LoadQuery<'query, SqliteConnection, U>,
    {
        SqliteQueryDsl::get_result(self, conn)
    }
}

impl<T> SqliteQueryDsl for T {}
