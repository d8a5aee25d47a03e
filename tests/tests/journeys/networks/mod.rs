//! Networks over HTTP: agents that talk, their deliveries, and what must not get through.

mod cached;
mod crash;
mod listening;
mod receiver;
mod refusals;
mod talking;

use serde_json::{Value, json};

use crate::harness::{Person, text};

/// Makes a network, and gives its path.
async fn network(who: &Person, topology: &str) -> String {
    let made = who.api.post("/networks", &json!({"name": "Team", "topology_type": topology})).await.expect(201);
    format!("/networks/{}", text(&made["id"]))
}

/// Lets somebody join: with a callback, or polling.
async fn join(who: &Person, network: &str, name: &str, callback: Option<&str>) -> Value {
    let body = json!({"name": name, "callback_url": callback, "polling_enabled": callback.is_none()});
    who.api.post(&format!("{network}/participants"), &body).await.expect(201)
}

fn message(from: &Value, to: &Value, content: &str) -> Value {
    json!({"sender_participant_id": from["id"], "recipient_participant_id": to["id"], "content": content})
}
