//! What the traits ask for, in SQL.

mod card;
mod event;
mod push;
mod schema;
mod task;

use rialto_store::{StoreError, types::Json};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::wire::rpc::holds_nul;

/// A value as a JSON document, without NUL: what agents say may hold one, and PostgreSQL cannot keep it.
fn document<T: Serialize + ?Sized>(value: &T) -> Result<Json, StoreError> {
    let value = serde_json::to_value(value).map_err(|error| StoreError::Corrupt(format!("not JSON: {error}")))?;
    Ok(Json(if holds_nul(&value) { without_nul(value) } else { value }))
}

/// The value that a JSON document is.
fn read<T: DeserializeOwned>(document: Json) -> Result<T, StoreError> {
    serde_json::from_value(document.0).map_err(|error| StoreError::Corrupt(format!("a document of A2A: {error}")))
}

fn without_nul(value: Value) -> Value {
    let clean = |text: String| text.replace('\0', "\u{fffd}");
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (clean(name), without_nul(value))).collect())
        }
        other => other,
    }
}
