//! Every operation of the document, with something wrong in every place: never a 5xx, and every refusal is a problem.

use std::fs;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{Api, World, journeys, repository};

/// What is put in place of each field of each body.
fn nasty() -> Vec<Value> {
    vec![
        Value::Null,
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(5.5),
        json!(1e300),
        json!("5"),
        json!(""),
        json!(" "),
        json!("a\u{0}b"),
        json!("\u{202e}\u{fffd}💥"),
        json!("x".repeat(100_000)),
        json!("'; DROP TABLE users; --"),
        json!("%_\\"),
        json!("\" OR NEAR(*"),
        json!("0198c0de-0000-7000-8000-000000000001"),
        json!(true),
        json!([]),
        json!([null]),
        json!({}),
        json!({"a": {"b": [1, {"c": null}]}}),
    ]
}

/// What is put in place of each part of a path and each parameter of a query.
const NASTY_TEXT: [&str; 12] = [
    "",
    "0",
    "-1",
    "99999999999999999999",
    "5.5",
    "null",
    "%00",
    "%ff",
    "..%2f..",
    "%22%20OR%20NEAR(*",
    "0198c0de-0000-7000-8000-000000000001",
    "%F0%9F%92%A5",
];

/// One operation of the document.
struct Operation {
    method: Method,
    path: String,
    queries: Vec<String>,
    example: Option<Value>,
}

fn operations() -> Vec<Operation> {
    let text = fs::read_to_string(repository().join("openapi/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let queries = parameters.iter().filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str());
            all.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                queries: queries.map(str::to_owned).collect(),
                example: example(&document, &operation["requestBody"]),
            });
        }
    }
    all
}

/// The example of a body, wherever the document keeps it.
fn example(document: &Value, body: &Value) -> Option<Value> {
    let content = &body["content"]["application/json"];
    let schema = &content["schema"];
    let referred = schema["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    let schema = referred.unwrap_or(schema);
    let named = content["examples"].as_object().and_then(|all| all.values().next()).map(|one| one["value"].clone());
    let found = [content["example"].clone(), schema["example"].clone(), schema["examples"][0].clone()];
    found.into_iter().find(|value| !value.is_null()).or(named).or_else(|| body.is_object().then(|| json!({})))
}

/// The path with `text` in place of its parameters.
fn filled(path: &str, text: &str) -> String {
    let fill = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        // A verb may stand behind a parameter: `{task_id}:cancel`.
        Some((_, verb)) => format!("{text}{verb}"),
        None => part.to_owned(),
    };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

/// What was found, and how many requests it took.
#[derive(Default)]
struct Findings {
    wrong: Vec<String>,
    sent: usize,
}

impl Findings {
    async fn send(&mut self, api: &Api, method: &Method, path: &str, body: Option<&Value>) {
        let reply = match body {
            Some(body) => api.send_json(method.clone(), path, body).await,
            None => api.send(method.clone(), path, Bytes::new()).await,
        };
        let told = || {
            let mut body = body.map(ToString::to_string).unwrap_or_default();
            body.truncate(200);
            format!("{method} {path} {body}: {} {}", reply.status, reply.text())
        };
        self.sent += 1;
        // 402 and the broker's own failures have a body of their own, which its clients read; so has the binding of A2A, and MCP.
        let kind = reply.header("content-type");
        let is_rpc = path.starts_with("/mcp") && reply.json()["error"]["code"].is_i64();
        let is_problem =
            is_rpc || kind == Some("application/problem+json") || kind == Some("application/a2a+json") || reply.status == 402;
        if reply.status >= 500 || (reply.status >= 400 && !is_problem) {
            self.wrong.push(told());
        }
    }
}

/// Where everything is as it should be, so that what is wrong is reached.
async fn fields(findings: &mut Findings, api: &Api, operation: &Operation, id: &str) {
    let Some(example) = &operation.example else { return };
    let path = filled(&operation.path, id);
    findings.send(api, &operation.method, &path, Some(example)).await;
    let Some(fields) = example.as_object() else { return };
    for field in fields.keys() {
        let mut without = example.clone();
        without.as_object_mut().unwrap().remove(field);
        findings.send(api, &operation.method, &path, Some(&without)).await;
        for value in nasty() {
            let mut body = example.clone();
            body[field] = value;
            findings.send(api, &operation.method, &path, Some(&body)).await;
        }
    }
    for body in nasty() {
        findings.send(api, &operation.method, &path, Some(&body)).await;
    }
}

async fn nothing_that_a_client_sends_is_our_mistake(world: &mut World) {
    let ada = world.person("ada").await;
    let endpoint = crate::harness::Agent::start(crate::harness::Answer::Echo).await;
    let agent = ada.register_agent("Victim", &endpoint, Some(1)).await;
    let agent_id = crate::harness::text(&agent["id"]);
    let mut findings = Findings::default();
    for operation in operations() {
        // Ids that exist lead further than ids that do not.
        let id = if operation.path.contains("wallet") { &ada.wallet } else { &agent_id };
        for text in NASTY_TEXT {
            if operation.path.contains('{') {
                findings.send(&ada.api, &operation.method, &filled(&operation.path, text), operation.example.as_ref()).await;
            }
            for query in &operation.queries {
                let path = format!("{}?{query}={text}", filled(&operation.path, id));
                findings.send(&ada.api, &operation.method, &path, operation.example.as_ref()).await;
            }
        }
        fields(&mut findings, &ada.api, &operation, id).await;
    }
    let Findings { wrong, sent } = findings;
    assert!(wrong.is_empty(), "{} of {sent}: {:#?}", wrong.len(), &wrong[..wrong.len().min(30)]);
    assert!(sent > 1_000, "only {sent} requests were made of the document");
    world.stranger().get("/ready").await.expect(200);
}

journeys! { nothing_that_a_client_sends_is_our_mistake }
