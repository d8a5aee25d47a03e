//! Rows of steps.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, types::Json};

use super::{corrupt, place, position, schema::execution_steps as s};
use crate::model::{ExecutionId, StepId, StepRun, StepStatus};

#[derive(Queryable, Selectable)]
#[diesel(table_name = s)]
pub(super) struct Row {
    pub(super) position: i32,
    id: StepId,
    step_id: String,
    kind: String,
    target: Option<String>,
    status: String,
    chosen: Option<i32>,
    due_at: Option<Timestamp>,
    error: Option<String>,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
}

impl TryFrom<Row> for StepRun {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            position: position(row.position)?,
            id: row.id,
            step: row.step_id,
            kind: row.kind,
            target: row.target,
            status: StepStatus::from_word(&row.status).ok_or_else(|| corrupt("a step of unknown status"))?,
            chosen: row.chosen.map(position).transpose()?,
            candidates: None,
            due_at: row.due_at,
            error: row.error,
            started_at: row.started_at,
            completed_at: row.completed_at,
        })
    }
}

pub(super) async fn insert(tx: &mut Tx, execution: ExecutionId, steps: &[StepRun]) -> Result<(), StoreError> {
    for step in steps {
        let row = (
            s::execution_id.eq(execution),
            s::position.eq(place(step.position)?),
            s::id.eq(step.id),
            s::step_id.eq(&step.step),
            s::kind.eq(&step.kind),
            s::target.eq(&step.target),
            s::status.eq(step.status.as_str()),
        );
        on!(tx, conn => diesel::insert_into(s::table).values(&row).execute(conn).await)?;
    }
    Ok(())
}

pub(super) async fn list(tx: &mut Tx, execution: ExecutionId) -> Result<Vec<StepRun>, StoreError> {
    let rows: Vec<Row> = on!(tx, conn => s::table.filter(s::execution_id.eq(execution))
        .select(Row::as_select()).order(s::position).load(conn).await)?;
    rows.into_iter().map(StepRun::try_from).collect()
}

pub(super) async fn find(tx: &mut Tx, execution: ExecutionId, at: usize) -> Result<Option<StepRun>, StoreError> {
    let row: Option<(Row, Option<Json>)> = on!(tx, conn => s::table.find((execution, place(at)?))
        .select((Row::as_select(), s::candidates)).first(conn).await.optional())?;
    let Some((row, candidates)) = row else { return Ok(None) };
    let candidates = candidates.map(|json| serde_json::from_value(json.0)).transpose();
    let candidates = candidates.map_err(|_| corrupt("a step's candidates are none"))?;
    Ok(Some(StepRun { candidates, ..row.try_into()? }))
}

pub(super) async fn save(tx: &mut Tx, execution: ExecutionId, step: &StepRun) -> Result<(), StoreError> {
    let changes = (
        s::status.eq(step.status.as_str()),
        s::target.eq(&step.target),
        s::chosen.eq(step.chosen.map(place).transpose()?),
        s::due_at.eq(step.due_at),
        s::error.eq(&step.error),
        s::started_at.eq(step.started_at),
        s::completed_at.eq(step.completed_at),
    );
    let at = place(step.position)?;
    on!(tx, conn => diesel::update(s::table.find((execution, at))).set(changes).execute(conn).await)?;
    Ok(())
}

pub(super) async fn set_candidates(tx: &mut Tx, execution: ExecutionId, step: &StepRun) -> Result<(), StoreError> {
    let at = place(step.position)?;
    let candidates = serde_json::to_value(&step.candidates).map_err(|_| corrupt("a step's candidates are not JSON"))?;
    on!(tx, conn => diesel::update(s::table.find((execution, at)))
        .set(s::candidates.eq(Some(Json(candidates.clone())))).execute(conn).await)?;
    Ok(())
}
