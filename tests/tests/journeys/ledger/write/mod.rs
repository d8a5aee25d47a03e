//! Transfers and holds over HTTP: who may, how often, how many at once, and what is refused.

mod many;
mod one;

use rialto_kernel::Id;
use serde_json::{Value, json};

use crate::harness::{Api, Person};

fn id() -> String {
    Id::<()>::new().to_string()
}

fn item(from: &Person, to: &Person, amount: i64) -> Value {
    json!({"id": id(), "debit_account_id": from.wallet, "credit_account_id": to.wallet, "amount": amount})
}

async fn available(api: &Api, wallet: &str) -> i64 {
    api.get(&format!("/wallets/{wallet}")).await.expect(200)["available"].as_i64().unwrap()
}
