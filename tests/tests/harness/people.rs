//! People who use the server, and what they do most.

use serde_json::{Value, json};

use super::{Agent, Api, World};

/// Somebody who has registered and signed in.
#[derive(Clone)]
pub struct Person {
    /// A client with their token.
    pub api: Api,
    pub id: String,
    pub email: String,
    /// Their main wallet.
    pub wallet: String,
}

/// Good enough for everybody here.
pub const PASSWORD: &str = "correct horse battery staple";

impl World {
    /// Registers somebody and signs them in.
    pub async fn person(&self, name: &str) -> Person {
        person(&self.stranger(), name).await
    }
}

/// Registers somebody through `api` and signs them in.
pub async fn person(api: &Api, name: &str) -> Person {
    let email = format!("{name}@example.com");
    let user = api.post("/auth/register", &json!({"email": email, "password": PASSWORD})).await.expect(201);
    let api = signed_in(api, &email).await;
    let wallet = api.get("/wallets/me").await.expect(200);
    Person { api, id: text(&user["id"]), email, wallet: text(&wallet["id"]) }
}

/// A client with a fresh token of somebody who has registered.
pub async fn signed_in(api: &Api, email: &str) -> Api {
    let token = api.post("/auth/login", &json!({"email": email, "password": PASSWORD})).await.expect(200);
    api.with_token(&text(&token["access_token"]))
}

/// The text of a JSON string.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected text, not {value}")).to_owned()
}

impl Person {
    /// The balance of the main wallet.
    pub async fn balance(&self) -> i64 {
        self.api.get("/wallets/me").await.expect(200)["balance"].as_i64().unwrap()
    }

    /// Brings the main wallet to this balance.
    pub async fn set_balance(&self, credits: i64) {
        let change = credits - self.balance().await;
        let verb = if change > 0 { "credit" } else { "debit" };
        if change != 0 {
            self.api.post(&format!("/wallets/{}/{verb}", self.wallet), &json!({"amount": change.abs()})).await.expect(200);
        }
    }

    /// Registers an agent at `endpoint`, with a price or free; gives what the registry answered.
    pub async fn register_agent(&self, name: &str, endpoint: &Agent, price: Option<i64>) -> Value {
        let agent = json!({
            "name": name,
            "description": format!("The agent {name}, for tests"),
            "endpoint": endpoint.url,
            "base_price": price,
            "pricing_enabled": price.is_some(),
        });
        self.api.post("/registry/agents", &agent).await.expect(201)
    }

    /// Invokes an agent.
    pub async fn invoke(&self, agent: &Value, input: Value) -> super::Reply {
        self.api.post("/broker/invoke", &json!({"agent_id": agent["agent_id"], "input": input})).await
    }
}
