//! Agents of others that speak A2A, and clients that do.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use crate::harness::{Agent, Answer, Api, Make, Person, Reply};

/// A server with a card at the usual place, which speaks A2A of one version. Its tasks are done when they have been asked after
/// `polls` times; its answer is what it was told, upside down.
pub struct Peer {
    pub agent: Agent,
    pub base: String,
}

impl Peer {
    pub async fn start(version: &'static str, polls: usize) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let make = Make::of(move |head, body| {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let host = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned));
            let base = format!("http://{}", host.unwrap_or_default());
            if path == "/.well-known/agent-card.json" {
                return (200, card(&base, version).into_bytes());
            }
            if path != "/rpc" {
                return (404, Vec::new());
            }
            let request: Value = serde_json::from_str(body).unwrap();
            let is_modern = head.to_ascii_lowercase().contains("a2a-version: 1.0");
            let result = match (version, request["method"].as_str().unwrap()) {
                ("1.0", "SendMessage") if is_modern => {
                    let said = request["params"]["message"]["parts"][0]["text"].as_str().unwrap_or("nothing");
                    json!({"task": task(version, said, if polls == 0 { "completed" } else { "working" })})
                }
                ("1.0", "GetTask") if is_modern => task(version, "later", state(&asked, polls)),
                ("0.3", "message/send") => {
                    let said = request["params"]["message"]["parts"][0]["text"].as_str().unwrap_or("nothing");
                    task(version, said, if polls == 0 { "completed" } else { "working" })
                }
                ("0.3", "tasks/get") => task(version, "later", state(&asked, polls)),
                _ => {
                    return (
                        200,
                        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "what?"}}).to_string().into(),
                    );
                }
            };
            (200, json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string().into_bytes())
        });
        let agent = Agent::start(Answer::Made(make)).await;
        let base = agent.url.trim_end_matches("/invoke").to_owned();
        Self { agent, base }
    }
}

fn state(asked: &AtomicUsize, polls: usize) -> &'static str {
    if asked.fetch_add(1, Ordering::SeqCst) + 1 < polls { "working" } else { "completed" }
}

fn task(version: &str, said: &str, state: &str) -> Value {
    let text: String = said.chars().rev().collect();
    if version == "1.0" {
        let state = format!("TASK_STATE_{}", state.to_uppercase());
        return json!({"id": "t-1", "contextId": "c", "status": {"state": state},
            "artifacts": [{"artifactId": "a", "parts": [{"text": text}]}]});
    }
    json!({"kind": "task", "id": "t-1", "contextId": "c", "status": {"state": state},
        "artifacts": [{"artifactId": "a", "parts": [{"kind": "text", "text": text}]}]})
}

/// With blanks and an order of its own, to see whether it is kept as it is.
pub fn card(base: &str, version: &str) -> String {
    let url = format!("{base}/rpc");
    let interfaces = if version == "1.0" {
        format!(r#""supportedInterfaces":[ {{"url":"{url}","protocolBinding":"JSONRPC","protocolVersion":"1.0"}} ]"#)
    } else {
        format!(r#""url":"{url}", "protocolVersion":"0.3.0","preferredTransport":"JSONRPC""#)
    };
    format!(
        "{{ \"version\":\"2.1\",\n \"name\":\"Mirror\" , \"description\":\"Turns words around\", {interfaces},\n \"skills\":[{{\"id\":\"m\",\"name\":\"mirror\",\"tags\":[\"x\"]}}],\"capabilities\":{{\"streaming\":false}}, \"x\":1.50 }}"
    )
}

/// A JSON-RPC call of version 1.0.
pub async fn call(api: &Api, path: &str, method: &str, params: Value) -> Value {
    rpc(&api.with("a2a-version", "1.0"), path, method, params).await
}

/// A JSON-RPC call of version 0.3.
pub async fn call_legacy(api: &Api, path: &str, method: &str, params: Value) -> Value {
    rpc(api, path, method, params).await
}

async fn rpc(api: &Api, path: &str, method: &str, params: Value) -> Value {
    let reply = api.post(path, &json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})).await;
    let answer = reply.expect(200);
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)), "{answer}");
    answer
}

/// A message as version 1.0 sends it.
pub fn message(id: &str, text: &str) -> Value {
    json!({"message": {"messageId": id, "role": "ROLE_USER", "parts": [{"text": text}]}})
}

/// The code of an error.
#[track_caller]
pub fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {answer}"))
}

/// The data of the events of a stream.
pub fn events(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.header("content-type"), Some("text/event-stream"), "{}", reply.text());
    reply
        .text()
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: ").map(|data| serde_json::from_str(data).unwrap()))
        .collect()
}

/// Where an agent is called by A2A.
pub fn address(agent: &Value) -> String {
    format!("/a2a/agents/{}", agent["agent_id"].as_str().unwrap())
}

/// Imports a card.
pub async fn import(person: &Person, url: &str) -> Value {
    person.api.post("/a2a/agents/import", &json!({"url": url})).await.expect(201)
}
