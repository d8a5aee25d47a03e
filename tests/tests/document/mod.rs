//! The document and the server tell the same story.

mod coverage;
mod equality;
mod settings;

use std::fs;

use serde_json::Value;

use crate::harness::repository;

/// The checked-in document.
fn document() -> Value {
    let text = fs::read_to_string(repository().join("openapi/openapi.json")).expect("openapi/openapi.json: run `just openapi`");
    serde_json::from_str(&text).unwrap()
}
