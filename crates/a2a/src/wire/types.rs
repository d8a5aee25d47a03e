//! What goes over the wire, as version 1.0 writes it. [`super::v03`] translates.

use rialto_kernel::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::words::{Role, TaskState};

/// Anything by name.
pub type Metadata = Map<String, Value>;

/// A piece of content: exactly one of text, bytes, a URL, or data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A file's bytes, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// Where a file is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Any JSON, null among it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// What else is known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// What a file is called.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub filename: Option<String>,
    /// What kind of content it is.
    #[serde(default, alias = "media_type", skip_serializing_if = "is_blank")]
    pub media_type: Option<String>,
}

/// A value that is there, even if it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[expect(clippy::ref_option, reason = "serde hands it like this")]
fn is_blank(text: &Option<String>) -> bool {
    text.as_deref().is_none_or(str::is_empty)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it like this")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Part {
    /// A part of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// A part of data.
    #[must_use]
    pub fn data(data: Value) -> Self {
        Self { data: Some(data), media_type: Some("application/json".to_owned()), ..Self::default() }
    }

    /// How many kinds of content it has; one is right.
    pub(crate) fn kinds(&self) -> usize {
        [self.text.is_some(), self.raw.is_some(), self.url.is_some(), self.data.is_some()].into_iter().filter(|is| *is).count()
    }
}

/// What one side says to the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id, made by whoever says it.
    #[serde(alias = "message_id")]
    pub message_id: String,
    /// The context that it belongs to.
    #[serde(default, alias = "context_id", skip_serializing_if = "is_blank")]
    pub context_id: Option<String>,
    /// The task that it belongs to.
    #[serde(default, alias = "task_id", skip_serializing_if = "is_blank")]
    pub task_id: Option<String>,
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part>,
    /// What else is known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The extensions that had a part in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// The tasks that it speaks of.
    #[serde(default, alias = "reference_task_ids", skip_serializing_if = "Vec::is_empty")]
    pub reference_task_ids: Vec<String>,
}

impl Message {
    /// What an agent says.
    #[must_use]
    pub fn of_agent(message_id: String, parts: Vec<Part>) -> Self {
        Self {
            message_id,
            context_id: None,
            task_id: None,
            role: Role::Agent,
            parts,
            metadata: None,
            extensions: Vec::new(),
            reference_task_ids: Vec::new(),
        }
    }
}

/// What an agent made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Its id within its task.
    pub artifact_id: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub name: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub description: Option<String>,
    /// What is in it.
    pub parts: Vec<Part>,
    /// What else is known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The extensions that had a part in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// In a word.
    pub state: TaskState,
    /// In the agent's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// Since when, in milliseconds and UTC.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub timestamp: Option<String>,
}

/// A task as its client sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its id.
    pub id: String,
    /// The context that it belongs to.
    #[serde(default)]
    pub context_id: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// What was made; `None` where it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Vec<Artifact>>,
    /// What was said, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Message>,
    /// What else is known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// A task stands elsewhere now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusUpdate {
    /// Which task.
    pub task_id: String,
    /// In which context.
    pub context_id: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// What else is known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// An artifact came about, or grew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactUpdate {
    /// Of which task.
    pub task_id: String,
    /// In which context.
    pub context_id: String,
    /// The artifact, or what is new of it.
    pub artifact: Artifact,
    /// Whether the parts go behind those that came before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub append: bool,
    /// Whether it is complete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub last_chunk: bool,
    /// What else is known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// What a stream, a push notification, or the answer to a message says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StreamItem {
    /// The task as a whole.
    Task(Task),
    /// An answer without a task.
    Message(Message),
    /// A task stands elsewhere now.
    StatusUpdate(StatusUpdate),
    /// An artifact came about, or grew.
    ArtifactUpdate(ArtifactUpdate),
}

impl StreamItem {
    /// Whether a stream ends behind it.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        match self {
            Self::Task(task) => task.status.state.is_at_rest(),
            Self::Message(_) => true,
            Self::StatusUpdate(update) => update.status.state.is_at_rest(),
            Self::ArtifactUpdate(_) => false,
        }
    }
}

/// A moment as the protocol writes it: UTC, in milliseconds.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    let at: chrono::DateTime<chrono::Utc> = at.into();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Adds what an update says to the artifacts of a task.
pub(crate) fn fold(artifacts: &mut Vec<Artifact>, update: ArtifactUpdate) {
    let known = artifacts.iter_mut().find(|artifact| artifact.artifact_id == update.artifact.artifact_id);
    match known {
        Some(artifact) if update.append => artifact.parts.extend(update.artifact.parts),
        Some(artifact) => *artifact = update.artifact,
        None => artifacts.push(update.artifact),
    }
}
