//! What goes over the wire.

use rialto_coordinator::{
    CoordinatorError, Workflow, WorkflowId,
    definition::Flaw,
    workflow::{Checked, NewWorkflow, Source},
};
use rialto_kernel::{OwnerId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// A workflow: its name, and its definition in one of three forms. Flat: `steps` and all that goes with them stand beside the
/// name. Nested: they stand in `definition`. Or `yaml_definition` holds them as YAML.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "summarize-and-translate",
    "steps": [
        {"id": "summarize", "goal": "Summarize a text", "input": {"text": "{{ trigger.text }}"}},
        {"id": "translate", "goal": "Translate a text", "input": {"text": "{{ steps.summarize.output.text }}", "to": "de"},
            "depends_on": ["summarize"], "recovery": {"max_attempts": 2, "backoff_base_seconds": 1.5}},
    ],
    "max_duration_seconds": 600, "max_concurrent_executions": 5,
}))]
pub struct WorkflowCreate {
    /// What it is called; the definition's own `name` when it is left out.
    #[schema(max_length = 255)]
    pub name: Option<String>,
    /// The definition as an object.
    #[schema(value_type = Option<Object>)]
    pub definition: Option<Map<String, Value>>,
    /// The definition as YAML.
    pub yaml_definition: Option<String>,
    /// What should start runs. It is kept, and nothing is started by it yet.
    #[schema(value_type = Option<Vec<Object>>)]
    pub triggers: Option<Value>,
    /// What to do when a step fails: `max_attempts`, `backoff_base_seconds`, `semantic_fallback`, `max_alternatives`.
    #[schema(value_type = Option<Object>)]
    pub recovery: Option<Value>,
    /// The fields of a flat definition: `steps`, `max_duration_seconds`, `max_concurrent_executions`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub flat: Map<String, Value>,
}

impl WorkflowCreate {
    /// Checks it. What is wrong is told by its place in the request.
    pub fn check(&self) -> Result<Checked, CoordinatorError> {
        let (source, place) = match (&self.definition, &self.yaml_definition) {
            (Some(definition), _) => (Source::Json(definition.clone()), "definition"),
            (None, Some(yaml)) => (Source::Yaml(yaml.clone()), "yaml_definition"),
            (None, None) if self.flat.contains_key("steps") => (Source::Json(self.flat_definition()), ""),
            (None, None) => {
                let message = "is required, or a definition, or a yaml_definition";
                return Err(CoordinatorError::Invalid(vec![Flaw { path: "steps".to_owned(), message: message.to_owned() }]));
            }
        };
        let new = NewWorkflow {
            name: self.name.clone(),
            source,
            triggers: self.triggers.clone().filter(|given| !given.is_null()),
            recovery: self.recovery.clone().filter(|given| !given.is_null()),
        };
        new.check().map_err(|error| match error {
            CoordinatorError::Invalid(flaws) => {
                CoordinatorError::Invalid(flaws.into_iter().map(|flaw| within(place, flaw)).collect())
            }
            other => other,
        })
    }

    /// What a flat request says, as a definition: the fields of the request that are not about the definition are left out.
    fn flat_definition(&self) -> Map<String, Value> {
        let mut fields = self.flat.clone();
        fields.remove("owner_id");
        if let Some(name) = &self.name {
            fields.insert("name".to_owned(), Value::from(name.clone()));
        }
        fields
    }
}

fn within(place: &str, flaw: Flaw) -> Flaw {
    let path = match (place, flaw.path.as_str()) {
        ("", path) | (_, path @ ("name" | "triggers")) => path.to_owned(),
        (place, "") => place.to_owned(),
        (place, path) => format!("{place}.{path}"),
    };
    Flaw { path, ..flaw }
}

/// Which workflows to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WorkflowQuery {
    /// Only the one with this name.
    pub name: Option<String>,
    /// How many at most, 1 to 200.
    #[param(default = 50, minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(default = 0, minimum = 0)]
    pub offset: Option<i64>,
}

/// A workflow, as its newest version has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000021", "name": "hello", "version": 1,
    "owner_id": "0198c0de-0000-7000-8000-000000000001",
    "definition": {"name": "hello", "steps": [{"id": "greet", "goal": "Greet somebody"}]},
    "triggers": null, "recovery": null, "archived_at": null,
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct WorkflowResponse {
    /// Its id.
    pub id: WorkflowId,
    /// What it is called.
    pub name: String,
    /// Its newest version, which new runs take.
    pub version: i32,
    /// Whose it is.
    pub owner_id: OwnerId,
    /// The definition of that version, as it was given.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// What should start runs.
    #[schema(value_type = Option<Vec<Object>>)]
    pub triggers: Option<Value>,
    /// What is done when a step fails.
    #[schema(value_type = Option<Object>)]
    pub recovery: Option<Value>,
    /// When it was put away.
    pub archived_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it got its newest version.
    pub updated_at: Timestamp,
}

impl From<Workflow> for WorkflowResponse {
    fn from(workflow: Workflow) -> Self {
        Self {
            id: workflow.id,
            name: workflow.name,
            version: workflow.version,
            owner_id: workflow.owner,
            recovery: workflow.definition.get("recovery").cloned(),
            definition: workflow.definition,
            triggers: workflow.triggers,
            archived_at: workflow.archived_at,
            created_at: workflow.created_at,
            updated_at: workflow.updated_at,
        }
    }
}

/// What a run is started with.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"trigger_data": {"text": "Hello"}}))]
pub struct RunRequest {
    /// What templates and conditions find under `trigger`: an object.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub trigger_data: Map<String, Value>,
}
