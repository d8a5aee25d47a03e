//! A small HTTP client that speaks JSON.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// A client of one server, with a credential or without.
#[derive(Clone)]
pub struct Api {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    asked: String,
}

impl Api {
    pub fn new(base: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { base: base.to_owned(), client, headers: Vec::new() }
    }

    /// The same client that also sends this header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut api = self.clone();
        api.headers.push((name.to_owned(), value.to_owned()));
        api
    }

    /// The same client with a token.
    pub fn with_token(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, Bytes::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send_json(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send_json(Method::PUT, path, body).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send_json(Method::PATCH, path, body).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, Bytes::new()).await
    }

    pub async fn send_json(&self, method: Method, path: &str, body: &Value) -> Reply {
        self.with("content-type", "application/json").send(method, path, body.to_string().into()).await
    }

    /// Sends bytes as they are.
    pub async fn send(&self, method: Method, path: &str, body: Bytes) -> Reply {
        let asked = format!("{method} {path}");
        self.try_send(method, path, body).await.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    /// Posts to a server that may be gone; `None` when it is.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<Reply> {
        let api = self.with("content-type", "application/json");
        api.try_send(Method::POST, path, body.to_string().into()).await.ok()
    }

    /// Deletes at a server that may be gone; `None` when it is.
    pub async fn try_delete(&self, path: &str) -> Option<Reply> {
        self.try_send(Method::DELETE, path, Bytes::new()).await.ok()
    }

    async fn try_send(&self, method: Method, path: &str, body: Bytes) -> Result<Reply, String> {
        let asked = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|error| format!("{error:?}"))?;
            let (head, body) = answer.into_parts();
            // The live stream has no end: that it begins is the answer.
            let endless =
                asked.starts_with("GET") && head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
            let body = if endless { Bytes::new() } else { body.collect().await.map_err(|error| error.to_string())?.to_bytes() };
            Ok(Reply { status: head.status.as_u16(), headers: head.headers, body, asked })
        };
        tokio::time::timeout(Duration::from_secs(60), exchange).await.map_err(|_| "no answer within a minute")?
    }
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON, if the status is the one expected.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} answered {}", self.asked, self.text());
        self.json()
    }

    /// A refusal has this status and is a problem document.
    #[track_caller]
    pub fn expect_problem(&self, status: u16) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.asked);
        assert_eq!(problem["status"], status, "{}", self.asked);
        for key in ["type", "title", "detail"] {
            assert!(problem[key].is_string(), "{}: no {key} in {problem}", self.asked);
        }
        problem
    }
}
