//! Rows of workflows and their versions.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
};
use rialto_kernel::{OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx, on, types::Json};
use serde_json::Value;

use super::schema::{workflow_versions as v, workflows as w};
use crate::{
    model::{Workflow, WorkflowId},
    store::WorkflowStore,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = w)]
struct Row {
    id: WorkflowId,
    owner_id: OwnerId,
    name: String,
    version: i32,
    archived_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

type Versioned = (Row, Json, Option<Json>);

fn workflow((row, definition, triggers): Versioned) -> Workflow {
    Workflow {
        id: row.id,
        owner: row.owner_id,
        name: row.name,
        version: row.version,
        definition: definition.0,
        triggers: triggers.map(|json| json.0),
        archived_at: row.archived_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// Workflows, each with its newest version.
macro_rules! newest {
    () => {
        w::table.inner_join(v::table.on(v::workflow_id.eq(w::id).and(v::version.eq(w::version)))).select((
            Row::as_select(),
            v::definition,
            v::triggers,
        ))
    };
}

async fn insert_version(tx: &mut Tx, workflow: &Workflow) -> Result<(), StoreError> {
    let row = (
        v::workflow_id.eq(workflow.id),
        v::version.eq(workflow.version),
        v::definition.eq(Json(workflow.definition.clone())),
        v::triggers.eq(workflow.triggers.clone().map(Json)),
        v::created_at.eq(workflow.updated_at),
    );
    on!(tx, conn => diesel::insert_into(v::table).values(&row).execute(conn).await)?;
    Ok(())
}

impl WorkflowStore for Tx {
    async fn insert_workflow(&mut self, new: &Workflow) -> Result<bool, StoreError> {
        let row = (
            w::id.eq(new.id),
            w::owner_id.eq(new.owner),
            w::name.eq(&new.name),
            w::version.eq(new.version),
            w::created_at.eq(new.created_at),
            w::updated_at.eq(new.updated_at),
        );
        let inserted =
            on!(self, conn => diesel::insert_into(w::table).values(&row).on_conflict_do_nothing().execute(conn).await)?;
        if inserted == 1 {
            insert_version(self, new).await?;
        }
        Ok(inserted == 1)
    }

    async fn lock_workflow(&mut self, id: WorkflowId) -> Result<Option<Workflow>, StoreError> {
        let locked: Option<WorkflowId> = on!(self,
            sqlite conn => w::table.find(id).select(w::id).first(conn).await.optional(),
            postgres conn => w::table.find(id).select(w::id).for_update().first(conn).await.optional())?;
        match locked {
            Some(id) => self.find_workflow(id).await,
            None => Ok(None),
        }
    }

    async fn find_workflow(&mut self, id: WorkflowId) -> Result<Option<Workflow>, StoreError> {
        let row: Option<Versioned> = on!(self, conn => newest!().filter(w::id.eq(id)).first(conn).await.optional())?;
        Ok(row.map(workflow))
    }

    async fn find_workflow_named(&mut self, owner: OwnerId, name: &str) -> Result<Option<WorkflowId>, StoreError> {
        on!(self, conn => w::table.filter(w::owner_id.eq(owner).and(w::name.eq(name)).and(w::archived_at.is_null()))
            .select(w::id).first(conn).await.optional())
    }

    async fn save_workflow(&mut self, workflow: &Workflow, is_new: bool) -> Result<(), StoreError> {
        if is_new {
            insert_version(self, workflow).await?;
        }
        let changes = (
            w::name.eq(&workflow.name),
            w::version.eq(workflow.version),
            w::archived_at.eq(workflow.archived_at),
            w::updated_at.eq(workflow.updated_at),
        );
        on!(self, conn => diesel::update(w::table.find(workflow.id)).set(changes).execute(conn).await)?;
        Ok(())
    }

    async fn find_definition(&mut self, workflow: WorkflowId, version: i32) -> Result<Option<Value>, StoreError> {
        let found: Option<Json> = on!(self, conn => v::table.find((workflow, version)).select(v::definition)
            .first(conn).await.optional())?;
        Ok(found.map(|json| json.0))
    }

    async fn list_workflows(
        &mut self,
        owner: OwnerId,
        name: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Workflow>, StoreError> {
        macro_rules! theirs {
            ($query:expr) => {{
                let mut query = $query.filter(w::owner_id.eq(owner).and(w::archived_at.is_null())).into_boxed();
                if let Some(name) = name {
                    query = query.filter(w::name.eq(name));
                }
                query
            }};
        }
        let rows: Vec<Versioned> = on!(self, conn => theirs!(newest!())
            .order((w::created_at.desc(), w::id.desc())).limit(page.limit()).offset(page.offset()).load(conn).await)?;
        let total: i64 = on!(self, conn => theirs!(w::table).count().get_result(conn).await)?;
        Ok(Page { items: rows.into_iter().map(workflow).collect(), total })
    }
}
