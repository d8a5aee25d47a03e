//! Rows of tasks, each with its run.

use diesel::{ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use rialto_kernel::{Amount, Id, OwnerId, Page, PageRequest, nouns};
use rialto_store::{StoreError, Tx, on};

use super::{
    corrupt, executions,
    schema::{executions as e, tasks as t},
};
use crate::{
    model::{Execution, ExecutionFilter, ExecutionId, Task},
    store::TaskStore,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = t)]
struct Row {
    goal: String,
    conversation_id: Option<Id<nouns::Conversation>>,
    message_id: Option<Id<nouns::Message>>,
    external_user_id: Option<String>,
    max_credits: Option<i64>,
    timeout_seconds: i32,
}

fn task((row, run): (Row, executions::Row)) -> Result<Task, StoreError> {
    Ok(Task {
        run: Execution::try_from(run)?,
        goal: row.goal,
        conversation: row.conversation_id,
        message: row.message_id,
        external_user_id: row.external_user_id,
        max_credits: row.max_credits.map(Amount::new).transpose().map_err(|_| corrupt("a task's cap is no amount"))?,
        timeout_seconds: row.timeout_seconds,
    })
}

macro_rules! with_runs {
    () => {
        t::table.inner_join(e::table.on(e::id.eq(t::id))).select((Row::as_select(), executions::Row::as_select()))
    };
}

impl TaskStore for Tx {
    async fn insert_task(&mut self, new: &Task) -> Result<(), StoreError> {
        let row = (
            t::id.eq(new.run.id),
            t::owner_id.eq(new.run.owner),
            t::goal.eq(&new.goal),
            t::conversation_id.eq(new.conversation),
            t::message_id.eq(new.message),
            t::external_user_id.eq(&new.external_user_id),
            t::max_credits.eq(new.max_credits.map(Amount::get)),
            t::timeout_seconds.eq(new.timeout_seconds),
            t::created_at.eq(new.run.created_at),
        );
        on!(self, conn => diesel::insert_into(t::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_task(&mut self, id: ExecutionId) -> Result<Option<Task>, StoreError> {
        let row: Option<(Row, executions::Row)> =
            on!(self, conn => with_runs!().filter(t::id.eq(id)).first(conn).await.optional())?;
        row.map(task).transpose()
    }

    async fn set_task_conversation(&mut self, task: &Task) -> Result<(), StoreError> {
        on!(self, conn => diesel::update(t::table.find(task.run.id).filter(t::conversation_id.is_null()))
            .set(t::conversation_id.eq(task.conversation)).execute(conn).await)?;
        Ok(())
    }

    async fn list_tasks(&mut self, owner: OwnerId, filter: ExecutionFilter, page: PageRequest) -> Result<Page<Task>, StoreError> {
        macro_rules! theirs {
            ($query:expr) => {{
                let mut query = $query.filter(t::owner_id.eq(owner)).into_boxed();
                if let Some(status) = filter.status {
                    query = query.filter(e::status.eq(status.as_str()));
                }
                query
            }};
        }
        let rows: Vec<(Row, executions::Row)> = on!(self, conn => theirs!(with_runs!())
            .order((t::created_at.desc(), t::id.desc())).limit(page.limit()).offset(page.offset()).load(conn).await)?;
        let total: i64 = on!(self, conn =>
            theirs!(t::table.inner_join(e::table.on(e::id.eq(t::id)))).count().get_result(conn).await)?;
        Ok(Page { items: rows.into_iter().map(task).collect::<Result<_, _>>()?, total })
    }
}
