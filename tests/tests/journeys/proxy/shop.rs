//! A provider with a service, and a buyer with money.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::super::{keys::with_key, services::provider};
use crate::harness::{Api, World, text};

/// Who offers something, and what.
pub struct Shop {
    pub api: Api,
    pub service: String,
    /// Where it is called.
    pub path: String,
}

/// A provider of this name, with a service at `endpoint`.
pub async fn shop(world: &World, owner: &str, endpoint: &str, more: &Value) -> Shop {
    let api = provider(world, owner).await;
    let mut body = json!({"name": "Echo", "endpoint": endpoint, "price_per_call": "0.05"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = api.post("/api/v1/services", &body).await.expect(201);
    let service = text(&made["id"]);
    Shop { api, path: format!("/api/v1/proxy/{service}"), service }
}

/// A buyer with a key, and what it presents.
pub struct Buyer {
    pub api: Api,
    pub name: String,
    pub bearer: String,
}

/// A buyer of this name with so much USDC.
pub async fn buyer(world: &World, name: &str, usdc: &str) -> Buyer {
    let wish = json!({"owner_id": name, "rate_limit": 300});
    let key = world.stranger().post("/api/v1/keys", &wish).await.expect(201);
    let bearer = format!("Bearer {}:{}", text(&key["key_id"]), text(&key["secret"]));
    let api = with_key(world, &key);
    let buyer = Buyer { api, name: name.to_owned(), bearer };
    if usdc != "0" {
        buyer.fund(usdc).await;
    }
    buyer
}

impl Buyer {
    /// Puts so much into the balance, as one may in the sandbox.
    pub async fn fund(&self, usdc: &str) {
        self.api.post("/api/v1/admin/credit", &json!({"buyer_id": self.name, "amount": usdc})).await.expect(200);
    }

    /// What is there, and what of it is held.
    pub async fn balance(&self) -> (String, String) {
        let balance = self.api.get(&format!("/api/v1/balance/{}", self.name)).await.expect(200);
        (text(&balance["balance"]), text(&balance["held"]))
    }

    /// The last call in the records.
    pub async fn last_usage(&self) -> Value {
        self.api.get("/api/v1/usage/me?limit=1").await.expect(200)["records"][0].clone()
    }
}

/// Sends these bytes to the server, and gives all that comes back until it closes, or is silent for long.
pub async fn exchange(world: &World, request: &[u8]) -> Vec<u8> {
    let address = world.server.base().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may answer, and close, before it has heard everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let mut piece = vec![0; 65_536];
    while let Ok(Ok(read @ 1..)) = tokio::time::timeout(Duration::from_secs(3), stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..read]);
    }
    answer
}

/// The status of an answer in bytes; 0 for none.
pub fn status_of(answer: &[u8]) -> u16 {
    String::from_utf8_lossy(answer).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
