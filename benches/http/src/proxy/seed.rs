//! A provider with two services, and a buyer with money.

use serde_json::{Value, json};

use crate::{Result, client::call};

/// What is asked of the upstream.
pub const QUESTION: &str = r#"{"model":"small-model","messages":[{"role":"user","content":"What is the capital of France?"}]}"#;

/// What the runs need to know.
pub struct Shop {
    /// The buyer's key.
    pub key: String,
    /// Where the service is called that costs nothing.
    pub unpaid: String,
    /// Where the one is called that costs.
    pub paid: String,
    /// Where the one that costs has its large file.
    pub large: String,
}

/// Fills the server at `address`; both services are at `upstream`.
pub fn fill(address: &str, upstream: &str) -> Result<Shop> {
    let seller = person(address, "seller")?;
    let buyer = person(address, "buyer")?;
    let name = text(&call(address, "GET", "/api/v1/usage/me", Some(&buyer), &Value::Null)?, "buyer_id")?;
    let funds = json!({"buyer_id": name, "amount": "10000"});
    call(address, "POST", "/api/v1/admin/credit", Some(&buyer), &funds)?;
    let key = call(address, "POST", "/auth/api-keys", Some(&buyer), &json!({"name": "bench"}))?;
    let service = |price: &str| {
        let body = json!({"name": "Chat", "endpoint": format!("http://{upstream}/v1"), "price_per_call": price});
        text(&call(address, "POST", "/api/v1/services", Some(&seller), &body)?, "id")
    };
    let (unpaid, paid) = (service("0")?, service("0.0001")?);
    Ok(Shop {
        key: text(&key, "key")?,
        unpaid: format!("/api/v1/proxy/{unpaid}/chat"),
        paid: format!("/api/v1/proxy/{paid}/chat"),
        large: format!("/api/v1/proxy/{paid}/large"),
    })
}

fn person(address: &str, name: &str) -> Result<String> {
    let account = json!({"email": format!("{name}@example.com"), "password": "correct horse battery staple"});
    call(address, "POST", "/auth/register", None, &account)?;
    text(&call(address, "POST", "/auth/login", None, &account)?, "access_token")
}

fn text(value: &Value, key: &str) -> Result<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("no {key} in {value}").into())
}
