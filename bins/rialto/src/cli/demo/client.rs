//! The demo's HTTP client: what any user of the API would write.

use std::error::Error;

use rialto_outbound::{ClientOptions, Method, OutboundClient, OutboundPolicy, OutboundRequest};
use serde_json::Value;

/// Talks to one server, with or without a token.
pub struct Client {
    http: OutboundClient,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A stranger to the server at `base`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(base: &str) -> Result<Self, Box<dyn Error>> {
        let policy: OutboundPolicy = "127.0.0.1".parse()?;
        Ok(Self { http: OutboundClient::new(policy, &ClientOptions::default())?, base: base.to_owned(), token: None })
    }

    /// The same client with a token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { http: self.http.clone(), base: self.base.clone(), token: Some(token.to_owned()) }
    }

    /// GET.
    ///
    /// # Errors
    /// No answer, or one that is not 2xx.
    pub async fn get(&self, path: &str) -> Result<Value, Box<dyn Error>> {
        self.send(OutboundRequest::new(Method::GET, format!("{}{path}", self.base))).await
    }

    /// POST.
    ///
    /// # Errors
    /// No answer, or one that is not 2xx.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
        self.send(OutboundRequest::new(Method::POST, format!("{}{path}", self.base)).json(body.to_string())).await
    }

    async fn send(&self, mut request: OutboundRequest) -> Result<Value, Box<dyn Error>> {
        if let Some(token) = &self.token {
            request = request.text_header("authorization", &format!("Bearer {token}"))?;
        }
        let response = self.http.fetch(request).await?;
        let text = String::from_utf8_lossy(&response.body);
        if !response.status.is_success() {
            return Err(format!("the server answered {}: {text}", response.status).into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}
