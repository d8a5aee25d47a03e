//! The same in the words of version 0.3: everything says of what kind it is, files are parts of their own, and the states are
//! written small.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    types::{Artifact, ArtifactUpdate, Message, Metadata, Part, StatusUpdate, StreamItem, Task, TaskStatus},
    words::{Role, TaskState},
};

/// Builds an object, leaving out what is absent.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(kind: &str) -> Self {
        Self(Map::from_iter([("kind".to_owned(), json!(kind))]))
    }

    fn bare() -> Self {
        Self(Map::new())
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn metadata(self, metadata: Option<&Metadata>) -> Self {
        self.maybe("metadata", metadata.cloned().map(Value::Object))
    }

    fn list(self, name: &str, items: &[String]) -> Self {
        self.maybe(name, (!items.is_empty()).then(|| json!(items)))
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// A part.
#[must_use]
pub fn part(part: &Part) -> Value {
    if let Some(text) = &part.text {
        return Fields::of("text").with("text", text.as_str()).metadata(part.metadata.as_ref()).done();
    }
    if let Some(data) = &part.data {
        // Data is an object there.
        let data = if data.is_object() { data.clone() } else { json!({"value": data}) };
        return Fields::of("data").with("data", data).metadata(part.metadata.as_ref()).done();
    }
    let file = Fields::bare()
        .maybe("bytes", part.raw.as_deref())
        .maybe("uri", part.url.as_deref())
        .maybe("mimeType", part.media_type.as_deref())
        .maybe("name", part.filename.as_deref());
    Fields::of("file").with("file", file.done()).metadata(part.metadata.as_ref()).done()
}

fn parts(given: &[Part]) -> Value {
    given.iter().map(part).collect()
}

/// A message.
#[must_use]
pub fn message(message: &Message) -> Value {
    Fields::of("message")
        .with("messageId", message.message_id.as_str())
        .with("role", message.role.legacy())
        .with("parts", parts(&message.parts))
        .maybe("contextId", message.context_id.as_deref())
        .maybe("taskId", message.task_id.as_deref())
        .metadata(message.metadata.as_ref())
        .list("extensions", &message.extensions)
        .list("referenceTaskIds", &message.reference_task_ids)
        .done()
}

fn artifact(artifact: &Artifact) -> Value {
    Fields::bare()
        .with("artifactId", artifact.artifact_id.as_str())
        .with("parts", parts(&artifact.parts))
        .maybe("name", artifact.name.as_deref())
        .maybe("description", artifact.description.as_deref())
        .metadata(artifact.metadata.as_ref())
        .list("extensions", &artifact.extensions)
        .done()
}

fn status(status: &TaskStatus) -> Value {
    Fields::bare()
        .with("state", status.state.legacy())
        .maybe("message", status.message.as_ref().map(message))
        .maybe("timestamp", status.timestamp.as_deref())
        .done()
}

/// A task.
#[must_use]
pub fn task(task: &Task) -> Value {
    let artifacts = task.artifacts.as_ref().filter(|artifacts| !artifacts.is_empty());
    let history = (!task.history.is_empty()).then(|| task.history.iter().map(message).collect::<Value>());
    Fields::of("task")
        .with("id", task.id.as_str())
        .with("contextId", task.context_id.as_str())
        .with("status", status(&task.status))
        .maybe("artifacts", artifacts.map(|artifacts| artifacts.iter().map(artifact).collect::<Value>()))
        .maybe("history", history)
        .metadata(task.metadata.as_ref())
        .done()
}

/// What a stream says.
#[must_use]
pub fn item(item: &StreamItem) -> Value {
    match item {
        StreamItem::Task(given) => task(given),
        StreamItem::Message(given) => message(given),
        StreamItem::StatusUpdate(StatusUpdate { task_id, context_id, status: given, metadata }) => Fields::of("status-update")
            .with("taskId", task_id.as_str())
            .with("contextId", context_id.as_str())
            .with("status", status(given))
            .with("final", given.state.is_at_rest())
            .metadata(metadata.as_ref())
            .done(),
        StreamItem::ArtifactUpdate(update) => {
            let ArtifactUpdate { task_id, context_id, artifact: given, append, last_chunk, metadata } = update;
            Fields::of("artifact-update")
                .with("taskId", task_id.as_str())
                .with("contextId", context_id.as_str())
                .with("artifact", artifact(given))
                .with("append", *append)
                .with("lastChunk", *last_chunk)
                .metadata(metadata.as_ref())
                .done()
        }
    }
}

/// A part as it comes in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartIn {
    text: Option<String>,
    data: Option<Value>,
    file: Option<FileIn>,
    metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileIn {
    bytes: Option<String>,
    uri: Option<String>,
    mime_type: Option<String>,
    name: Option<String>,
}

/// A message as it comes in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageIn {
    message_id: String,
    role: Role,
    parts: Vec<PartIn>,
    context_id: Option<String>,
    task_id: Option<String>,
    metadata: Option<Metadata>,
    extensions: Option<Vec<String>>,
    reference_task_ids: Option<Vec<String>>,
}

impl From<PartIn> for Part {
    fn from(part: PartIn) -> Self {
        let (raw, url, media_type, filename) =
            part.file.map(|file| (file.bytes, file.uri, file.mime_type, file.name)).unwrap_or_default();
        Self { text: part.text, raw, url, data: part.data, metadata: part.metadata, filename, media_type }
    }
}

impl From<MessageIn> for Message {
    fn from(message: MessageIn) -> Self {
        Self {
            message_id: message.message_id,
            context_id: message.context_id,
            task_id: message.task_id,
            role: message.role,
            parts: message.parts.into_iter().map(Part::from).collect(),
            metadata: message.metadata,
            extensions: message.extensions.unwrap_or_default(),
            reference_task_ids: message.reference_task_ids.unwrap_or_default(),
        }
    }
}

/// A task as a server of version 0.3 answers it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskIn {
    pub(super) id: String,
    pub(super) status: StatusIn,
    pub(super) artifacts: Option<Vec<ArtifactIn>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusIn {
    pub(super) state: TaskState,
    pub(super) message: Option<MessageIn>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ArtifactIn {
    pub(super) parts: Vec<PartIn>,
}

impl MessageIn {
    pub(super) fn into_parts(self) -> Vec<Part> {
        self.parts.into_iter().map(Part::from).collect()
    }
}

impl TaskIn {
    /// What the task came to: its artifacts, or what it says at last.
    pub(super) fn into_parts(self) -> Vec<Part> {
        let artifacts = self.artifacts.unwrap_or_default();
        let made: Vec<Part> = artifacts.into_iter().flat_map(|artifact| artifact.parts).map(Part::from).collect();
        if made.is_empty() { self.status.message.map(MessageIn::into_parts).unwrap_or_default() } else { made }
    }
}
