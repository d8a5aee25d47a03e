//! Failed logins.

use diesel::{ExpressionMethods, IntoSql, OptionalExtension, QueryDsl, dsl::case_when, sql_types::Integer};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, types::UtcTime};

use super::schema::login_attempts as l;
use crate::store::{AttemptStore, Failures};

impl AttemptStore for Tx {
    async fn find_failures(&mut self, subject: &str) -> Result<Option<Failures>, StoreError> {
        let row: Option<(i32, Timestamp)> = on!(self, conn => l::table.find(subject)
            .select((l::failures, l::window_started_at)).first(conn).await.optional())?;
        Ok(row.map(|(count, since)| Failures { count: count.unsigned_abs(), since }))
    }

    async fn count_failure(&mut self, subject: &str, horizon: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        // One statement: of two that read first and wrote then, one would be lost.
        on!(self, conn => diesel::insert_into(l::table)
            .values((l::subject.eq(subject), l::failures.eq(1), l::window_started_at.eq(now)))
            .on_conflict(l::subject)
            .do_update()
            .set((
                l::failures.eq(case_when(l::window_started_at.le(horizon), 1.into_sql::<Integer>()).otherwise(l::failures + 1)),
                l::window_started_at.eq(case_when(l::window_started_at.le(horizon), now.into_sql::<UtcTime>()).otherwise(l::window_started_at)),
            ))
            .execute(conn).await)?;
        Ok(())
    }

    async fn clear_failures(&mut self, subject: &str) -> Result<(), StoreError> {
        on!(self, conn => diesel::delete(l::table.find(subject)).execute(conn).await)?;
        Ok(())
    }

    async fn forget_failures(&mut self, horizon: Timestamp) -> Result<usize, StoreError> {
        on!(self, conn => diesel::delete(l::table.filter(l::window_started_at.le(horizon))).execute(conn).await)
    }
}
