//! The envelope of JSON-RPC 2.0, and the methods of both versions.

use serde_json::{Map, Value, json};

use super::words::Version;
use crate::A2aError;

/// The longest id of a request that is repeated in its answer, in bytes.
const ID_BYTES_MAX: usize = 1_024;

/// A request whose envelope is in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What the answer repeats: text, a number, or null.
    pub id: Value,
    /// What to do.
    pub method: String,
    /// With what: an object.
    pub params: Value,
}

/// What a request asks for. 0.3 has no lists of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named as in version 1.0")]
pub enum Method {
    SendMessage,
    SendStreamingMessage,
    GetTask,
    ListTasks,
    CancelTask,
    SubscribeToTask,
    CreateTaskPushNotificationConfig,
    GetTaskPushNotificationConfig,
    ListTaskPushNotificationConfigs,
    DeleteTaskPushNotificationConfig,
    GetExtendedAgentCard,
}

/// The names of the methods, 1.0 first.
const METHODS: [(Method, &str, &str); 11] = [
    (Method::SendMessage, "SendMessage", "message/send"),
    (Method::SendStreamingMessage, "SendStreamingMessage", "message/stream"),
    (Method::GetTask, "GetTask", "tasks/get"),
    (Method::ListTasks, "ListTasks", "tasks/list"),
    (Method::CancelTask, "CancelTask", "tasks/cancel"),
    (Method::SubscribeToTask, "SubscribeToTask", "tasks/resubscribe"),
    (Method::CreateTaskPushNotificationConfig, "CreateTaskPushNotificationConfig", "tasks/pushNotificationConfig/set"),
    (Method::GetTaskPushNotificationConfig, "GetTaskPushNotificationConfig", "tasks/pushNotificationConfig/get"),
    (Method::ListTaskPushNotificationConfigs, "ListTaskPushNotificationConfigs", "tasks/pushNotificationConfig/list"),
    (Method::DeleteTaskPushNotificationConfig, "DeleteTaskPushNotificationConfig", "tasks/pushNotificationConfig/delete"),
    (Method::GetExtendedAgentCard, "GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard"),
];

impl Method {
    /// The method of this name in a version.
    ///
    /// # Errors
    /// [`A2aError::Version`] when it is a name of the other version, which tells the client what to change;
    /// [`A2aError::MethodNotFound`].
    pub fn find(name: &str, version: Version) -> Result<Self, A2aError> {
        let known = METHODS.iter().find(|(_, modern, legacy)| *modern == name || *legacy == name);
        let Some((method, modern, _)) = known else { return Err(A2aError::MethodNotFound(short(name))) };
        let is_modern = *modern == name;
        match version {
            Version::V10 if is_modern => Ok(*method),
            Version::V03 if !is_modern && *method != Self::ListTasks => Ok(*method),
            Version::V03 if is_modern => {
                Err(A2aError::Version(format!("{modern} is a method of version 1.0; send the header A2A-Version: 1.0")))
            }
            Version::V10 => Err(A2aError::Version(format!("{name} is a method of version 0.3; version 1.0 calls it {modern}"))),
            Version::V03 => Err(A2aError::MethodNotFound(short(name))),
        }
    }

    /// Whether it is answered in a stream.
    #[must_use]
    pub const fn is_streamed(self) -> bool {
        matches!(self, Self::SendStreamingMessage | Self::SubscribeToTask)
    }
}

fn short(name: &str) -> String {
    name.chars().filter(|char| !char.is_control()).take(100).collect()
}

/// Reads a request. With a refusal comes the id that its answer has to repeat.
///
/// # Errors
/// [`A2aError::Parse`], [`A2aError::InvalidRequest`] or [`A2aError::InvalidParams`].
pub fn read(body: &[u8]) -> Result<Request, (Value, A2aError)> {
    let value: Value = serde_json::from_slice(body).map_err(|error| (Value::Null, A2aError::Parse(error.to_string())))?;
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Array(_) => return Err((Value::Null, A2aError::InvalidRequest("Batch requests are not supported".into()))),
        _ => return Err((Value::Null, A2aError::InvalidRequest("A request is an object".into()))),
    };
    let id = id(&fields).map_err(|error| (Value::Null, error))?;
    read_fields(fields).map(|(method, params)| Request { id: id.clone(), method, params }).map_err(|error| (id, error))
}

fn id(fields: &Map<String, Value>) -> Result<Value, A2aError> {
    match fields.get("id") {
        None | Some(Value::Null) => Ok(Value::Null),
        Some(id @ Value::Number(_)) => Ok(id.clone()),
        Some(Value::String(id)) if id.len() <= ID_BYTES_MAX => Ok(json!(id)),
        Some(_) => Err(A2aError::InvalidRequest(format!("id must be a number, or text of at most {ID_BYTES_MAX} bytes"))),
    }
}

fn read_fields(mut fields: Map<String, Value>) -> Result<(String, Value), A2aError> {
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(A2aError::InvalidRequest("jsonrpc must be \"2.0\"".into()));
    }
    let Some(Value::String(method)) = fields.remove("method") else {
        return Err(A2aError::InvalidRequest("method must be text".into()));
    };
    let params = match fields.remove("params") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(params @ Value::Object(_)) => params,
        Some(_) => return Err(A2aError::invalid("params", "must be an object")),
    };
    if holds_nul(&params) {
        return Err(A2aError::invalid("params", "text must not contain the NUL character"));
    }
    Ok((method, params))
}

/// Whether any text or name in it holds NUL, which the databases cannot keep.
#[must_use]
pub fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// An answer.
#[must_use]
pub fn success(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// A refusal.
#[must_use]
pub fn failure(id: &Value, error: &A2aError) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": error.rpc()})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> (Value, i64) {
        let (id, error) = read(body.as_bytes()).unwrap_err();
        (id, error.told().code)
    }

    #[test]
    fn an_envelope_is_in_order_or_says_what_is_wrong() {
        let request = read(br#"{"jsonrpc":"2.0","id":"x","method":"GetTask","params":{"id":"1"}}"#).unwrap();
        assert_eq!((request.id, request.method.as_str()), (json!("x"), "GetTask"));
        assert_eq!(read(br#"{"jsonrpc":"2.0","method":"GetTask"}"#).unwrap().params, json!({}));
        assert_eq!(refused("{"), (Value::Null, -32700));
        assert_eq!(refused(&"[".repeat(5_000)), (Value::Null, -32700));
        assert_eq!(refused("[]"), (Value::Null, -32600));
        assert_eq!(refused("7"), (Value::Null, -32600));
        assert_eq!(refused(r#"{"id":1,"method":"x"}"#), (json!(1), -32600));
        assert_eq!(refused(r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#), (json!(1), -32600));
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"method":7}"#), (json!(1), -32600));
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":true,"method":"x"}"#), (Value::Null, -32600));
        assert_eq!(refused(&format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"x"}}"#, "i".repeat(1_025))), (Value::Null, -32600));
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}"#), (json!(1), -32602));
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":["\u0000"]}}"#), (json!(1), -32602));
    }

    #[test]
    fn each_version_has_its_names() {
        assert_eq!(Method::find("SendMessage", Version::V10), Ok(Method::SendMessage));
        assert_eq!(Method::find("message/send", Version::V03), Ok(Method::SendMessage));
        assert_eq!(Method::find("message/send", Version::V10).unwrap_err().told().code, -32009);
        assert_eq!(Method::find("SendMessage", Version::V03).unwrap_err().told().code, -32009);
        assert_eq!(Method::find("tasks/list", Version::V03).unwrap_err().told().code, -32601);
        assert_eq!(Method::find("Evil", Version::V10).unwrap_err().told().code, -32601);
    }
}
