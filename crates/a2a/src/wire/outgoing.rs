//! The other side of the protocol: what we say to an agent of somebody else, and what we make of its answer.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    types::{Message, Part, Task},
    v03,
    words::{TaskState, Version},
};

/// Where callers put what they want to say, in the order of trust.
const SAID: [&str; 6] = ["message", "query", "text", "content", "prompt", "input"];
/// How much of somebody's words is repeated in an error, in characters.
const WORDS_CHARS_MAX: usize = 300;

/// What an agent answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It did what it was asked; this came of it, an object.
    Done(Value),
    /// It is at it.
    Working {
        /// The id of its task.
        task_id: String,
    },
    /// It did not do it, and says why. Nothing goes on.
    Failed(String),
    /// It waits for what it will not get: more input, or a credential.
    Stuck {
        /// The id of its task, which is still open.
        task_id: String,
        /// What it asks for.
        why: String,
    },
    /// It refused to say anything. If it has a task, that may go on.
    Refused(String),
}

/// A message with the caller's input: what it says as text, what it has beyond that as data.
#[must_use]
pub fn send(version: Version, call_id: &str, input: &Map<String, Value>) -> Value {
    let parts = parts_of(input);
    let message = match version {
        Version::V10 => json!({"messageId": call_id, "role": "ROLE_USER", "parts": parts}),
        Version::V03 => {
            let parts: Vec<Value> = parts.iter().map(v03::part).collect();
            json!({"kind": "message", "messageId": call_id, "role": "user", "parts": parts})
        }
    };
    let (method, configuration) = match version {
        Version::V10 => ("SendMessage", json!({"returnImmediately": false})),
        Version::V03 => ("message/send", json!({"blocking": true})),
    };
    envelope(call_id, method, json!({"message": message, "configuration": configuration}))
}

/// Asks how a task stands.
#[must_use]
pub fn get(version: Version, call_id: &str, task_id: &str) -> Value {
    let method = if version == Version::V10 { "GetTask" } else { "tasks/get" };
    envelope(call_id, method, json!({"id": task_id, "historyLength": 0}))
}

/// Says that nobody waits for a task any more.
#[must_use]
pub fn cancel(version: Version, call_id: &str, task_id: &str) -> Value {
    let method = if version == Version::V10 { "CancelTask" } else { "tasks/cancel" };
    envelope(call_id, method, json!({"id": task_id}))
}

fn envelope(id: &str, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn parts_of(input: &Map<String, Value>) -> Vec<Part> {
    let said = SAID.iter().find(|name| input.get(**name).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty()));
    let text = said.and_then(|name| input.get(*name)?.as_str()).map(Part::text);
    let data = (text.is_none() || input.len() > 1).then(|| Part::data(Value::Object(input.clone())));
    text.into_iter().chain(data).collect()
}

#[derive(Deserialize)]
struct Envelope {
    result: Option<Value>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    code: i64,
    #[serde(default)]
    message: String,
}

/// Reads the answer to any of the requests above.
///
/// # Errors
/// When it is no answer of the protocol, in words for the caller.
pub fn read(version: Version, body: &[u8]) -> Result<Reply, String> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| "Invalid A2A response from agent".to_owned())?;
    if let Some(error) = envelope.error {
        return Ok(Reply::Refused(format!("Agent returned A2A error {}: {}", error.code, short(&error.message))));
    }
    let result = envelope.result.ok_or_else(|| "Invalid A2A response from agent".to_owned())?;
    let read = match version {
        Version::V10 => read_modern(result),
        Version::V03 => read_legacy(result),
    };
    read.map_err(|_| "Invalid A2A response from agent".to_owned())
}

fn read_modern(result: Value) -> Result<Reply, serde_json::Error> {
    if let Some(message) = result.get("message") {
        return Ok(Reply::Done(output(Message::deserialize(message)?.parts)));
    }
    // The answer to a question after a task is the task itself.
    let task = Task::deserialize(result.get("task").unwrap_or(&result))?;
    let artifacts = task.artifacts.unwrap_or_default();
    let made: Vec<Part> = artifacts.into_iter().flat_map(|artifact| artifact.parts).collect();
    let parts = if made.is_empty() { task.status.message.map(|message| message.parts).unwrap_or_default() } else { made };
    Ok(reply(task.id, task.status.state, parts))
}

fn read_legacy(result: Value) -> Result<Reply, serde_json::Error> {
    if result.get("kind").and_then(Value::as_str) == Some("message") {
        return Ok(Reply::Done(output(v03::MessageIn::deserialize(result)?.into_parts())));
    }
    let task = v03::TaskIn::deserialize(result)?;
    let (id, state) = (task.id.clone(), task.status.state);
    Ok(reply(id, state, task.into_parts()))
}

fn reply(task_id: String, state: TaskState, parts: Vec<Part>) -> Reply {
    let words = |what: &str| {
        let said: Vec<&str> = parts.iter().filter_map(|part| part.text.as_deref()).collect();
        if said.is_empty() { what.to_owned() } else { format!("{what}: {}", short(&said.join(" "))) }
    };
    match state {
        TaskState::Completed => Reply::Done(output(parts)),
        TaskState::Submitted | TaskState::Working => Reply::Working { task_id },
        TaskState::Failed => Reply::Failed(words("Agent failed")),
        TaskState::Rejected => Reply::Failed(words("Agent rejected the task")),
        TaskState::Canceled => Reply::Failed(words("Agent canceled the task")),
        TaskState::InputRequired => Reply::Stuck { why: words("Agent asks for more input"), task_id },
        TaskState::AuthRequired => Reply::Stuck { why: words("Agent asks for a credential"), task_id },
    }
}

/// What the parts come to: an object. Data alone is itself; else text is under `text`, data under `data`, files under `files`.
fn output(parts: Vec<Part>) -> Value {
    let (mut texts, mut data, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part { text: Some(text), .. } => texts.push(text),
            Part { data: Some(value), .. } => data.push(value),
            file => files.push(json!({"name": file.filename, "media_type": file.media_type, "url": file.url, "bytes": file.raw})),
        }
    }
    if texts.is_empty() && files.is_empty() && data.len() == 1 && data.first().is_some_and(Value::is_object) {
        return data.remove(0);
    }
    let mut fields = Map::new();
    if !texts.is_empty() {
        fields.insert("text".to_owned(), json!(texts.join("\n")));
    }
    match data.len() {
        0 => {}
        1 => drop(fields.insert("data".to_owned(), data.remove(0))),
        _ => drop(fields.insert("data".to_owned(), Value::Array(data))),
    }
    if !files.is_empty() {
        fields.insert("files".to_owned(), Value::Array(files));
    }
    Value::Object(fields)
}

fn short(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(WORDS_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn input_is_said_as_text_and_as_data() {
        let said = send(Version::V10, "c", &input(json!({"message": "hi"})));
        assert_eq!(said["params"]["message"]["parts"], json!([{"text": "hi"}]));
        let both = send(Version::V03, "c", &input(json!({"text": "hi", "n": 1})));
        assert_eq!(both["method"], "message/send");
        let parts = json!([{"kind": "text", "text": "hi"}, {"kind": "data", "data": {"text": "hi", "n": 1}}]);
        assert_eq!(both["params"]["message"]["parts"], parts);
        assert_eq!(send(Version::V10, "c", &Map::new())["params"]["message"]["parts"][0]["data"], json!({}));
    }

    #[test]
    fn an_answer_is_a_message_or_a_task_in_whatever_state() {
        let modern = |result: Value| read(Version::V10, json!({"result": result}).to_string().as_bytes()).unwrap();
        let legacy = |result: Value| read(Version::V03, json!({"result": result}).to_string().as_bytes()).unwrap();
        let done = Reply::Done(json!({"text": "a\nb"}));
        let parts = json!([{"text": "a"}, {"text": "b"}]);
        assert_eq!(modern(json!({"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": parts}})), done);
        let task = |state: &str| json!({"task": {"id": "t", "status": {"state": state}, "artifacts": [{"artifactId": "x", "parts": parts}]}});
        assert_eq!(modern(task("TASK_STATE_COMPLETED")), done);
        assert_eq!(modern(task("TASK_STATE_WORKING")), Reply::Working { task_id: "t".into() });
        let stuck = Reply::Stuck { task_id: "t".into(), why: "Agent asks for more input: a b".into() };
        assert_eq!(modern(task("TASK_STATE_INPUT_REQUIRED")), stuck);
        assert_eq!(modern(task("TASK_STATE_REJECTED")), Reply::Failed("Agent rejected the task: a b".into()));
        let parts = json!([{"kind": "data", "data": {"n": 1}}]);
        let old = json!({"kind": "task", "id": "t", "contextId": "c", "status": {"state": "completed"},
            "artifacts": [{"artifactId": "x", "parts": parts}]});
        assert_eq!(legacy(old), Reply::Done(json!({"n": 1})));
        assert_eq!(
            legacy(json!({"kind": "message", "messageId": "m", "role": "agent", "parts": parts})),
            Reply::Done(json!({"n": 1}))
        );
        let error = read(Version::V10, br#"{"error": {"code": -32001, "message": "no\u0000task"}}"#).unwrap();
        assert_eq!(error, Reply::Refused("Agent returned A2A error -32001: no task".into()));
        for body in [&b"{}"[..], b"[]", b"<html>", br#"{"result": 7}"#, br#"{"result": {"task": {"id": 1}}}"#] {
            assert!(read(Version::V10, body).is_err() && read(Version::V03, body).is_err());
        }
    }
}
