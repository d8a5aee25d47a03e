//! What the methods take, read from either version into one form.

use rialto_kernel::Timestamp;
use serde::{Deserialize, Deserializer, de, de::DeserializeOwned};
use serde_json::Value;

use super::{
    types::{Message, Metadata},
    v03,
    words::{TaskState, Version},
};
use crate::A2aError;

/// `SendMessage` and `SendStreamingMessage`.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    /// What is said.
    pub message: Message,
    /// Whether the answer comes as soon as the task exists.
    pub return_immediately: bool,
    /// How many messages of the task's history the answer has at most.
    pub history_length: Option<u32>,
    /// Where to tell of the task.
    pub push: Option<PushConfig>,
    /// What else is known about the request.
    pub metadata: Option<Metadata>,
}

/// `GetTask`, `CancelTask` and `SubscribeToTask`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfTask {
    /// Which task.
    pub id: String,
    /// How many messages of its history the answer has at most.
    pub history_length: Option<u32>,
}

/// `ListTasks`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListTasks {
    /// Only those of this context.
    pub context_id: Option<String>,
    /// Only those that stand there.
    pub state: Option<TaskState>,
    /// How many at most.
    pub page_size: Option<u32>,
    /// Where the page before ended.
    pub page_token: Option<String>,
    /// How many messages of its history each has at most.
    pub history_length: Option<u32>,
    /// Only those whose status is as young.
    pub status_after: Option<Timestamp>,
    /// Whether the tasks come with what was made.
    pub include_artifacts: bool,
}

/// Where to tell of a task, and how to prove that it is us.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PushConfig {
    /// Its id within the task; one is made when it is left out.
    pub id: Option<String>,
    /// Where to tell.
    pub url: String,
    /// What the receiver wants to hear, in `X-A2A-Notification-Token`.
    pub token: Option<String>,
    /// The scheme of the `Authorization` header.
    pub scheme: Option<String>,
    /// What stands behind it.
    pub credentials: Option<String>,
}

impl std::fmt::Debug for PushConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushConfig").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}

/// `GetTaskPushNotificationConfig` and its kin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfPushConfig {
    /// Of which task.
    pub task_id: String,
    /// Which of its configurations.
    pub id: Option<String>,
}

/// A whole number, which JSON made by Protocol Buffers may write as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let given = Option::<Value>::deserialize(deserializer)?;
    let read = |value: &Value| match value {
        Value::String(text) => text.parse::<u32>().ok(),
        value => value.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    given.as_ref().map(|value| read(value).ok_or_else(|| de::Error::custom("must be a whole number, 0 or more"))).transpose()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendIn<M, C> {
    message: M,
    configuration: Option<C>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigurationIn {
    #[serde(default, deserialize_with = "number", alias = "history_length")]
    history_length: Option<u32>,
    #[serde(default, alias = "return_immediately")]
    return_immediately: Option<bool>,
    #[serde(alias = "task_push_notification_config")]
    task_push_notification_config: Option<PushIn>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyConfigurationIn {
    #[serde(default, deserialize_with = "number")]
    history_length: Option<u32>,
    blocking: Option<bool>,
    push_notification_config: Option<LegacyPushIn>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PushIn {
    #[serde(alias = "task_id")]
    task_id: Option<String>,
    id: Option<String>,
    url: String,
    token: Option<String>,
    authentication: Option<AuthenticationIn>,
}

#[derive(Deserialize)]
struct AuthenticationIn {
    scheme: Option<String>,
    credentials: Option<String>,
}

#[derive(Deserialize)]
struct LegacyPushIn {
    id: Option<String>,
    url: String,
    token: Option<String>,
    authentication: Option<LegacyAuthenticationIn>,
}

#[derive(Deserialize)]
struct LegacyAuthenticationIn {
    #[serde(default)]
    schemes: Vec<String>,
    credentials: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyTaskPushIn {
    task_id: String,
    push_notification_config: LegacyPushIn,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfTaskIn {
    id: String,
    #[serde(default, deserialize_with = "number", alias = "history_length")]
    history_length: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListIn {
    context_id: Option<String>,
    status: Option<String>,
    #[serde(default, deserialize_with = "number")]
    page_size: Option<u32>,
    page_token: Option<String>,
    #[serde(default, deserialize_with = "number")]
    history_length: Option<u32>,
    status_timestamp_after: Option<Timestamp>,
    #[serde(default)]
    include_artifacts: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPushIn {
    #[serde(alias = "task_id")]
    task_id: String,
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyOfPushIn {
    id: String,
    push_notification_config_id: Option<String>,
}

/// Reads parameters, and names the one that is wrong.
fn read<T: DeserializeOwned>(params: &Value) -> Result<T, A2aError> {
    serde_path_to_error::deserialize(params).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "params".to_owned() } else { path };
        A2aError::invalid(field, error.inner().to_string())
    })
}

/// Text that says something; Protocol Buffers have no other way to leave it out than to leave it empty.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl From<PushIn> for PushConfig {
    fn from(push: PushIn) -> Self {
        let (scheme, credentials) = push.authentication.map(|auth| (auth.scheme, auth.credentials)).unwrap_or_default();
        let (scheme, credentials) = (filled(scheme), filled(credentials));
        Self { id: filled(push.id), url: push.url, token: filled(push.token), scheme, credentials }
    }
}

impl From<LegacyPushIn> for PushConfig {
    fn from(push: LegacyPushIn) -> Self {
        let auth = push.authentication.map(|auth| (auth.schemes.into_iter().next(), auth.credentials));
        let (scheme, credentials) = auth.unwrap_or_default();
        let (scheme, credentials) = (filled(scheme), filled(credentials));
        Self { id: filled(push.id), url: push.url, token: filled(push.token), scheme, credentials }
    }
}

/// Reads what a message is sent with.
///
/// # Errors
/// [`A2aError::InvalidParams`].
pub fn send(params: &Value, version: Version) -> Result<Send, A2aError> {
    match version {
        Version::V10 => {
            let given: SendIn<Message, ConfigurationIn> = read(params)?;
            let configuration = given.configuration.as_ref();
            Ok(Send {
                message: given.message,
                return_immediately: configuration.and_then(|c| c.return_immediately).unwrap_or_default(),
                history_length: configuration.and_then(|c| c.history_length),
                push: given.configuration.and_then(|c| c.task_push_notification_config).map(PushConfig::from),
                metadata: given.metadata,
            })
        }
        Version::V03 => {
            let given: SendIn<v03::MessageIn, LegacyConfigurationIn> = read(params)?;
            let configuration = given.configuration.as_ref();
            Ok(Send {
                message: given.message.into(),
                return_immediately: configuration.and_then(|c| c.blocking) == Some(false),
                history_length: configuration.and_then(|c| c.history_length),
                push: given.configuration.and_then(|c| c.push_notification_config).map(PushConfig::from),
                metadata: given.metadata,
            })
        }
    }
}

/// Reads which task is meant; both versions say it alike.
///
/// # Errors
/// [`A2aError::InvalidParams`].
pub fn of_task(params: &Value) -> Result<OfTask, A2aError> {
    let OfTaskIn { id, history_length } = read(params)?;
    Ok(OfTask { id, history_length })
}

/// Reads which tasks are meant.
///
/// # Errors
/// [`A2aError::InvalidParams`].
pub fn list_tasks(params: &Value) -> Result<ListTasks, A2aError> {
    let given: ListIn = read(params)?;
    let state = |word: &str| TaskState::from_word(word).ok_or_else(|| A2aError::invalid("status", "must be a state of a task"));
    let status = filled(given.status).filter(|word| word != "TASK_STATE_UNSPECIFIED");
    Ok(ListTasks {
        context_id: filled(given.context_id),
        state: status.as_deref().map(state).transpose()?,
        page_size: given.page_size,
        page_token: filled(given.page_token),
        history_length: given.history_length,
        status_after: given.status_timestamp_after,
        include_artifacts: given.include_artifacts.unwrap_or_default(),
    })
}

/// Reads where to tell of which task.
///
/// # Errors
/// [`A2aError::InvalidParams`].
pub fn create_push(params: &Value, version: Version) -> Result<(String, PushConfig), A2aError> {
    match version {
        Version::V10 => {
            let mut given: PushIn = read(params)?;
            let task = filled(given.task_id.take()).ok_or_else(|| A2aError::invalid("taskId", "is required"))?;
            Ok((task, given.into()))
        }
        Version::V03 => {
            let given: LegacyTaskPushIn = read(params)?;
            Ok((given.task_id, given.push_notification_config.into()))
        }
    }
}

/// Reads which configuration of which task is meant.
///
/// # Errors
/// [`A2aError::InvalidParams`].
pub fn of_push(params: &Value, version: Version) -> Result<OfPushConfig, A2aError> {
    match version {
        Version::V10 => {
            let OfPushIn { task_id, id } = read(params)?;
            Ok(OfPushConfig { task_id, id: filled(id) })
        }
        Version::V03 => {
            let LegacyOfPushIn { id, push_notification_config_id } = read(params)?;
            Ok(OfPushConfig { task_id: id, id: filled(push_notification_config_id) })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_versions_are_read_into_one_form() {
        let modern = json!({"message": {"messageId": "m", "role": "ROLE_USER", "contextId": "c", "taskId": "",
                "parts": [{"text": "hi"}, {"data": null}, {"raw": "dGNr", "mediaType": "text/plain", "filename": "f"}]},
            "configuration": {"returnImmediately": true, "historyLength": "2", "acceptedOutputModes": ["text/plain"],
                "taskPushNotificationConfig": {"url": "https://a", "authentication": {"scheme": "Bearer", "credentials": "s"}}},
            "metadata": {"k": 1}});
        let legacy = json!({"message": {"kind": "message", "messageId": "m", "role": "user", "contextId": "c",
                "parts": [{"kind": "text", "text": "hi"}, {"kind": "data", "data": null},
                    {"kind": "file", "file": {"bytes": "dGNr", "mimeType": "text/plain", "name": "f"}}]},
            "configuration": {"blocking": false, "historyLength": 2,
                "pushNotificationConfig": {"url": "https://a", "authentication": {"schemes": ["Bearer"], "credentials": "s"}}},
            "metadata": {"k": 1}});
        let (modern, legacy) = (send(&modern, Version::V10).unwrap(), send(&legacy, Version::V03).unwrap());
        assert_eq!((modern.history_length, modern.return_immediately, &modern.push), (Some(2), true, &legacy.push));
        assert_eq!((legacy.history_length, legacy.return_immediately), (Some(2), true));
        assert_eq!((&modern.message.parts[0], &modern.message.parts[2]), (&legacy.message.parts[0], &legacy.message.parts[2]));
        assert_eq!(modern.message.parts[1].data, Some(Value::Null));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let field = |params: Value| match send(&params, Version::V10).unwrap_err() {
            A2aError::InvalidParams { field, message } => format!("{field}: {message}"),
            other => panic!("{other}"),
        };
        assert!(field(json!({})).contains("missing field `message`"));
        let bad_role = json!({"message": {"messageId": "m", "role": "king", "parts": []}});
        assert!(field(bad_role).starts_with("message.role: must be one of ROLE_USER, ROLE_AGENT"));
        let bad_count =
            json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": []}, "configuration": {"historyLength": -1}});
        assert!(field(bad_count).starts_with("configuration.historyLength: must be a whole number"));
        assert!(list_tasks(&json!({"status": "TASK_STATE_DREAMING"})).is_err());
        assert!(list_tasks(&json!({"status": "TASK_STATE_UNSPECIFIED", "pageToken": ""})).unwrap() == ListTasks::default());
    }
}
