//! The platform as an MCP server.

mod clients;
mod hostile;
mod money;
mod protocol;
mod tools;

use serde_json::{Value, json};

use crate::harness::{Api, Reply};

/// Somebody who speaks the protocol, in the version before the last: without any header.
pub struct Client {
    api: Api,
}

impl Client {
    pub fn of(api: &Api) -> Self {
        Self { api: api.with("accept", "application/json, text/event-stream") }
    }

    /// Sends one message.
    pub async fn send(&self, message: &Value) -> Reply {
        self.api.post("/mcp", message).await
    }

    /// Asks, and gives the result.
    pub async fn ask(&self, method: &str, params: Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let answer = self.send(&message).await.expect(200);
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)), "{answer}");
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Calls a tool, and gives its result.
    pub async fn call(&self, name: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// Calls a tool that does what it should, and gives what it gives.
    #[track_caller]
    pub fn done(&self, name: &str, arguments: Value) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            let result = self.call(name, arguments).await;
            assert_eq!(result["isError"], false, "{place}: {result}");
            let told: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
            assert_eq!(told, result["structuredContent"], "{place}: the text says what the structure says");
            told
        }
    }

    /// Calls a tool that cannot, and gives the problem.
    pub async fn refused(&self, name: &str, arguments: Value) -> Value {
        let result = self.call(name, arguments.clone()).await;
        assert_eq!(result["isError"], true, "{name} {arguments}: {result}");
        assert!(result["structuredContent"].is_null(), "{name}: a problem is not what the tool's schema promises: {result}");
        let problem: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert!(problem["type"].is_string() && problem["detail"].is_string() && problem["status"].is_u64(), "{problem}");
        problem
    }

    /// The names of the tools that are listed.
    pub async fn tools(&self) -> Vec<String> {
        let listed = self.ask("tools/list", json!({})).await;
        listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }
}
