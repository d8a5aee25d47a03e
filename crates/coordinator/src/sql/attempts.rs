//! Rows of attempts, and the process table that they make with their steps.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension, QueryDsl, Queryable,
    Selectable, SelectableHelper,
    dsl::sql,
    sql_types::{BigInt, Bool},
};
use rialto_kernel::{Amount, Id, Page, PageRequest, Timestamp, nouns};
use rialto_store::{StoreError, Tx, on, types::Json};
use serde_json::Value;

use super::{
    corrupt, place, position,
    schema::{execution_attempts as a, execution_steps as s},
    steps,
};
use crate::{
    model::{Attempt, AttemptId, AttemptStatus, ExecutionId, Process, StepRun},
    store::StepStore,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = a)]
struct Row {
    id: AttemptId,
    execution_id: ExecutionId,
    position: i32,
    attempt: i32,
    candidate: i32,
    target_id: Option<Id<nouns::Reference>>,
    target_name: String,
    status: String,
    may_pass: bool,
    error: Option<String>,
    invocation_id: Option<Id<nouns::Invocation>>,
    child_execution_id: Option<ExecutionId>,
    credits_charged: Option<i64>,
    started_at: Timestamp,
    completed_at: Option<Timestamp>,
}

impl TryFrom<Row> for Attempt {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            execution: row.execution_id,
            position: position(row.position)?,
            attempt: row.attempt,
            candidate: position(row.candidate)?,
            target: row.target_id,
            target_name: row.target_name,
            status: AttemptStatus::from_word(&row.status).ok_or_else(|| corrupt("an attempt of unknown status"))?,
            may_pass: row.may_pass,
            input: Value::Null,
            output: None,
            error: row.error,
            invocation: row.invocation_id,
            child: row.child_execution_id,
            credits_charged: row.credits_charged.map(Amount::new).transpose().map_err(|_| corrupt("no amount"))?,
            started_at: row.started_at,
            completed_at: row.completed_at,
        })
    }
}

type Whole = (Row, Json, Option<Json>);
/// A step, and what an outer join finds of an attempt: the row, its input, its output.
type Line = (steps::Row, Option<Row>, Option<Json>, Option<Json>);

fn whole((row, input, output): Whole) -> Result<Attempt, StoreError> {
    Ok(Attempt { input: input.0, output: output.map(|json| json.0), ..row.try_into()? })
}

impl StepStore for Tx {
    async fn insert_steps(&mut self, execution: ExecutionId, new: &[StepRun]) -> Result<(), StoreError> {
        steps::insert(self, execution, new).await
    }

    async fn list_steps(&mut self, execution: ExecutionId) -> Result<Vec<StepRun>, StoreError> {
        steps::list(self, execution).await
    }

    async fn find_step(&mut self, execution: ExecutionId, position: usize) -> Result<Option<StepRun>, StoreError> {
        steps::find(self, execution, position).await
    }

    async fn save_step(&mut self, execution: ExecutionId, step: &StepRun) -> Result<(), StoreError> {
        steps::save(self, execution, step).await
    }

    async fn set_candidates(&mut self, execution: ExecutionId, step: &StepRun) -> Result<(), StoreError> {
        steps::set_candidates(self, execution, step).await
    }

    async fn insert_attempt(&mut self, new: &Attempt) -> Result<(), StoreError> {
        let row = (
            a::id.eq(new.id),
            a::execution_id.eq(new.execution),
            a::position.eq(place(new.position)?),
            a::attempt.eq(new.attempt),
            a::candidate.eq(place(new.candidate)?),
            a::target_id.eq(new.target),
            a::target_name.eq(&new.target_name),
            a::status.eq(new.status.as_str()),
            a::may_pass.eq(new.may_pass),
            a::input.eq(Json(new.input.clone())),
            a::output.eq(new.output.clone().map(Json)),
            a::child_execution_id.eq(new.child),
            a::started_at.eq(new.started_at),
            a::completed_at.eq(new.completed_at),
        );
        on!(self, conn => diesel::insert_into(a::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn finish_attempt(&mut self, attempt: &Attempt) -> Result<bool, StoreError> {
        let changes = (
            a::status.eq(attempt.status.as_str()),
            a::may_pass.eq(attempt.may_pass),
            a::output.eq(attempt.output.clone().map(Json)),
            a::error.eq(&attempt.error),
            a::invocation_id.eq(attempt.invocation),
            a::credits_charged.eq(attempt.credits_charged.map(Amount::get)),
            a::completed_at.eq(attempt.completed_at),
        );
        let running = AttemptStatus::Running.as_str();
        let finished = on!(self, conn => diesel::update(a::table.find(attempt.id).filter(a::status.eq(running)))
            .set(changes).execute(conn).await)?;
        Ok(finished == 1)
    }

    async fn list_attempts(&mut self, execution: ExecutionId, position: usize) -> Result<Vec<Attempt>, StoreError> {
        let at = place(position)?;
        let rows: Vec<Row> = on!(self, conn => a::table.filter(a::execution_id.eq(execution).and(a::position.eq(at)))
            .select(Row::as_select()).order(a::attempt).load(conn).await)?;
        rows.into_iter().map(Attempt::try_from).collect()
    }

    async fn list_running(&mut self, execution: ExecutionId) -> Result<Vec<usize>, StoreError> {
        let places: Vec<i32> = on!(self, conn => a::table.filter(a::execution_id.eq(execution))
            .filter(sql::<Bool>("status = 'running'")).select(a::position).order(a::position).load(conn).await)?;
        places.into_iter().map(position).collect()
    }

    async fn find_attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
        let row: Option<Whole> = on!(self, conn => a::table.find(id).select((Row::as_select(), a::input, a::output))
            .first(conn).await.optional())?;
        row.map(whole).transpose()
    }

    async fn weigh_outputs(&mut self, execution: ExecutionId, positions: &[usize]) -> Result<i64, StoreError> {
        let places: Vec<i32> = positions.iter().map(|position| place(*position)).collect::<Result<_, _>>()?;
        macro_rules! them {
            ($bytes:expr) => {
                a::table
                    .filter(a::execution_id.eq(execution).and(a::position.eq_any(&places)))
                    .filter(sql::<Bool>("status = 'completed'"))
                    .select(sql::<BigInt>($bytes))
            };
        }
        on!(self,
            sqlite conn => them!("coalesce(sum(octet_length(output)), 0)").get_result(conn).await,
            postgres conn => them!("coalesce(sum(octet_length(output::text)), 0)").get_result(conn).await)
    }

    async fn list_outputs(&mut self, execution: ExecutionId, positions: &[usize]) -> Result<Vec<(usize, Value)>, StoreError> {
        let places: Vec<i32> = positions.iter().map(|position| place(*position)).collect::<Result<_, _>>()?;
        let rows: Vec<(i32, Json)> = on!(self, conn => a::table
            .filter(a::execution_id.eq(execution).and(a::position.eq_any(&places)))
            .filter(sql::<Bool>("status = 'completed'")).filter(a::output.is_not_null())
            .select((a::position, a::output.assume_not_null())).load(conn).await)?;
        rows.into_iter().map(|(at, output)| Ok((position(at)?, output.0))).collect()
    }

    async fn list_processes(&mut self, execution: ExecutionId, page: PageRequest) -> Result<Page<Process>, StoreError> {
        macro_rules! lines {
            () => {
                s::table
                    .left_join(a::table.on(a::execution_id.eq(s::execution_id).and(a::position.eq(s::position))))
                    .filter(s::execution_id.eq(execution))
            };
        }
        let rows: Vec<Line> = on!(self, conn => lines!()
            .select((steps::Row::as_select(), Option::<Row>::as_select(), a::input.nullable(), a::output.nullable()))
            .order((s::position, a::attempt)).limit(page.limit()).offset(page.offset()).load(conn).await)?;
        let total: i64 = on!(self, conn => lines!().count().get_result(conn).await)?;
        let line = |(step, row, input, output): Line| {
            let attempt = row.zip(input).map(|(row, input)| whole((row, input, output))).transpose()?;
            Ok::<_, StoreError>(Process { step: step.try_into()?, attempt })
        };
        Ok(Page { items: rows.into_iter().map(line).collect::<Result<_, _>>()?, total })
    }
}
