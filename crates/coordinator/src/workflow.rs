//! Making, changing, finding and putting away workflows.

use rialto_kernel::{Caller, Page, PageRequest, Timestamp};
use rialto_store::Tx;
use serde_json::{Map, Value};

use crate::{
    definition::{Definition, Flaw},
    end::admit,
    error::CoordinatorError,
    model::{Workflow, WorkflowId},
    store::WorkflowStore,
    template::{depth, weight},
};

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 255;
/// The most triggers of one workflow.
const TRIGGERS_MAX: usize = 20;
/// The largest list of triggers, in bytes of JSON.
const TRIGGERS_BYTES_MAX: usize = 32 * 1_024;
/// How deep a list of triggers may be nested.
const TRIGGERS_DEPTH_MAX: usize = 16;
/// The largest definition in YAML, in bytes.
pub const YAML_BYTES_MAX: usize = 256 * 1_024;

/// A workflow as it is given: a name, and a definition in one of three forms.
#[derive(Debug, Clone, PartialEq)]
pub struct NewWorkflow {
    /// What it is called; the definition's own `name` if this is absent.
    pub name: Option<String>,
    /// What it consists of.
    pub source: Source,
    /// Triggers, in place of the definition's.
    pub triggers: Option<Value>,
    /// What to do when a step fails, in place of the definition's.
    pub recovery: Option<Value>,
}

/// A definition, in the form in which it came.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// An object.
    Json(Map<String, Value>),
    /// YAML of such an object.
    Yaml(String),
}

/// A workflow that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    name: String,
    definition: Value,
    triggers: Option<Value>,
}

impl NewWorkflow {
    /// Reads it whole, without a transaction: it may take a few milliseconds.
    ///
    /// # Errors
    /// [`CoordinatorError::Invalid`] with everything that is wrong; places are inside the definition, or `name`, `triggers`.
    pub fn check(self) -> Result<Checked, CoordinatorError> {
        let mut fields = match self.source {
            Source::Json(fields) => fields,
            Source::Yaml(text) => yaml(&text)?,
        };
        if let Some(recovery) = self.recovery {
            fields.insert("recovery".to_owned(), recovery);
        }
        let triggers = self.triggers.or_else(|| fields.get("triggers").cloned()).filter(|triggers| !triggers.is_null());
        let name = self.name.or_else(|| fields.get("name").and_then(Value::as_str).map(str::to_owned));
        let definition = Value::Object(fields);
        let mut flaws = Definition::read(&definition).err().unwrap_or_default();
        let name = name.unwrap_or_default();
        if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
            flaws.push(Flaw::new("name", format!("must have 1 to {NAME_CHARS_MAX} characters")));
        }
        flaws.extend(triggers.as_ref().and_then(wrong_triggers));
        if holds_nul(&definition) {
            flaws.push(Flaw::new("", "text must not contain the NUL character"));
        }
        if flaws.is_empty() { Ok(Checked { name, definition, triggers }) } else { Err(CoordinatorError::Invalid(flaws)) }
    }
}

fn wrong_triggers(triggers: &Value) -> Option<Flaw> {
    let list = triggers.as_array().filter(|list| list.len() <= TRIGGERS_MAX && list.iter().all(Value::is_object));
    let fits = weight(triggers) <= TRIGGERS_BYTES_MAX && depth(triggers) <= TRIGGERS_DEPTH_MAX && !holds_nul(triggers);
    (list.is_none() || !fits).then(|| Flaw::new("triggers", format!("must be a list of at most {TRIGGERS_MAX} objects")))
}

/// PostgreSQL stores no NUL. JSON is refused with one at the door; YAML has ways of its own to write it.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(name, field)| name.contains('\0') || holds_nul(field)),
        _ => false,
    }
}

/// Reads YAML within a budget: aliases make much of little.
fn yaml(text: &str) -> Result<Map<String, Value>, CoordinatorError> {
    if text.len() > YAML_BYTES_MAX {
        return Err(CoordinatorError::invalid("", format!("must have at most {YAML_BYTES_MAX} bytes")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: 20_000,
            max_events: 60_000,
            max_aliases: 200,
            max_documents: 1,
            max_total_scalar_bytes: 2 * 1_024 * 1_024,
        },
    };
    let read: Result<Value, _> = serde_saphyr::from_str_with_options(text, options);
    match read {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(CoordinatorError::invalid("", "must be a mapping")),
        Err(error) => {
            let message: String = error.to_string().chars().filter(|c| *c != '\0').take(500).collect();
            Err(CoordinatorError::invalid("", message))
        }
    }
}

/// Makes a workflow, or a new version of the caller's workflow with that name. What is the same as its newest version makes no
/// new one.
///
/// # Errors
/// [`CoordinatorError::ReadOnly`].
pub async fn create(tx: &mut Tx, caller: &Caller, new: &Checked, now: Timestamp) -> Result<Workflow, CoordinatorError> {
    if !caller.may_write(caller.owner) {
        return Err(CoordinatorError::ReadOnly);
    }
    // A second round only if a rival took the name in between; PostgreSQL has waited for it by then.
    for _ in 0..2 {
        if let Some(id) = tx.find_workflow_named(caller.owner, &new.name).await?
            && let Some(known) = tx.lock_workflow(id).await?.filter(|known| known.archived_at.is_none() && known.name == new.name)
        {
            return revise(tx, known, new, now).await;
        }
        let workflow = Workflow {
            id: WorkflowId::new(),
            owner: caller.owner,
            name: new.name.clone(),
            version: 1,
            definition: new.definition.clone(),
            triggers: new.triggers.clone(),
            archived_at: None,
            created_at: now,
            updated_at: now,
        };
        if tx.insert_workflow(&workflow).await? {
            return Ok(workflow);
        }
    }
    Err(CoordinatorError::NameTaken)
}

/// Gives a workflow of the caller a new version, and perhaps a new name. Runs that have begun keep theirs.
///
/// # Errors
/// [`CoordinatorError::WorkflowUnknown`], [`CoordinatorError::ReadOnly`], [`CoordinatorError::Archived`],
/// [`CoordinatorError::NameTaken`].
pub async fn update(
    tx: &mut Tx,
    caller: &Caller,
    id: WorkflowId,
    new: &Checked,
    now: Timestamp,
) -> Result<Workflow, CoordinatorError> {
    let mut workflow = own(tx.lock_workflow(id).await?, caller)?;
    if workflow.archived_at.is_some() {
        return Err(CoordinatorError::Archived);
    }
    if workflow.name != new.name {
        if tx.find_workflow_named(workflow.owner, &new.name).await?.is_some() {
            return Err(CoordinatorError::NameTaken);
        }
        workflow.name.clone_from(&new.name);
        // Written at once: a definition that is the same makes no version, and the name has changed all the same.
        tx.save_workflow(&Workflow { updated_at: now, ..workflow.clone() }, false).await?;
    }
    revise(tx, workflow, new, now).await
}

async fn revise(tx: &mut Tx, mut workflow: Workflow, new: &Checked, now: Timestamp) -> Result<Workflow, CoordinatorError> {
    if workflow.definition == new.definition && workflow.triggers == new.triggers {
        return Ok(workflow);
    }
    workflow.version = workflow.version.saturating_add(1);
    workflow.definition.clone_from(&new.definition);
    workflow.triggers.clone_from(&new.triggers);
    workflow.updated_at = now;
    tx.save_workflow(&workflow, true).await?;
    // It may allow more runs at a time than the one before.
    admit(tx, workflow.id, now).await?;
    Ok(workflow)
}

/// Puts a workflow of the caller away. Its runs go on, its versions stay, and its name is free.
///
/// # Errors
/// [`CoordinatorError::WorkflowUnknown`], [`CoordinatorError::ReadOnly`].
pub async fn archive(
    tx: &mut impl WorkflowStore,
    caller: &Caller,
    id: WorkflowId,
    now: Timestamp,
) -> Result<(), CoordinatorError> {
    let mut workflow = own(tx.lock_workflow(id).await?, caller)?;
    if workflow.archived_at.is_none() {
        workflow.archived_at = Some(now);
        tx.save_workflow(&workflow, false).await?;
    }
    Ok(())
}

/// Reads a workflow of the caller, archived or not.
///
/// # Errors
/// [`CoordinatorError::WorkflowUnknown`].
pub async fn find(tx: &mut impl WorkflowStore, caller: &Caller, id: WorkflowId) -> Result<Workflow, CoordinatorError> {
    tx.find_workflow(id).await?.filter(|found| caller.may_read(found.owner)).ok_or(CoordinatorError::WorkflowUnknown)
}

/// Lists the caller's workflows, the newest first; only the one with this name, if a name is given.
///
/// # Errors
/// The store's.
pub async fn list(
    tx: &mut impl WorkflowStore,
    caller: &Caller,
    name: Option<&str>,
    page: PageRequest,
) -> Result<Page<Workflow>, CoordinatorError> {
    Ok(tx.list_workflows(caller.owner, name, page).await?)
}

/// A workflow that the caller may change. Somebody else's is as good as none.
pub(crate) fn own(found: Option<Workflow>, caller: &Caller) -> Result<Workflow, CoordinatorError> {
    let found = found.filter(|found| caller.may_read(found.owner)).ok_or(CoordinatorError::WorkflowUnknown)?;
    if caller.may_write(found.owner) { Ok(found) } else { Err(CoordinatorError::ReadOnly) }
}
