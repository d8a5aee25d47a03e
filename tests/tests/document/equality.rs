//! The checked-in document is the one that the binary serves.

use std::{fs, process::Command};

use serde_json::Value;

use super::document;
use crate::harness::{World, binary, journeys, repository};

#[test]
fn the_checked_in_document_is_the_binarys() {
    let output = Command::new(binary()).arg("openapi").env_clear().output().unwrap();
    assert!(output.status.success());
    let kept = fs::read_to_string(repository().join("openapi/openapi.json")).unwrap_or_default();
    let made = String::from_utf8(output.stdout).unwrap();
    if made != kept {
        let line = made.lines().zip(kept.lines()).position(|(made, kept)| made != kept).unwrap_or(0) + 1;
        panic!("openapi/openapi.json is out of date from line {line} on: run `just openapi`, and read the difference");
    }
}

#[test]
fn every_operation_is_told_in_full() {
    let document = document();
    let mut wrong = Vec::new();
    let known: Vec<&str> = document["tags"].as_array().unwrap().iter().filter_map(|tag| tag["name"].as_str()).collect();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let mut say = |what: &str| wrong.push(format!("{method} {path}: {what}"));
            for key in ["summary", "operationId"] {
                if operation[key].as_str().is_none_or(str::is_empty) {
                    say(&format!("no {key}"));
                }
            }
            if !operation["tags"].as_array().is_some_and(|tags| tags.iter().all(|tag| known.iter().any(|known| tag == known))) {
                say("no tag that the document knows");
            }
            let responses = operation["responses"].as_object().unwrap();
            // A WebSocket begins with 101.
            if !responses.keys().any(|status| status.starts_with('2') || status == "101") {
                say("no success");
            }
            for (status, response) in responses {
                let has_body =
                    response["content"].as_object().is_some_and(|content| content.values().all(|body| !body["schema"].is_null()));
                // What wants no answer is taken with 202, and has none.
                let has_none = status == "204" || (path == "/mcp" && status == "202");
                if !has_none && !has_body {
                    say(&format!("{status} has no schema"));
                }
                if response["description"].as_str().is_none_or(str::is_empty) {
                    say(&format!("{status} has no description"));
                }
            }
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                let parameters = operation["parameters"].as_array();
                if !parameters.is_some_and(|all| all.iter().any(|one| one["in"] == "path" && one["name"] == part)) {
                    say(&format!("{part} of the path is not told"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Follows every `$ref`.
#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    found.retain(|reference| reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer)).is_none());
    assert!(found.is_empty(), "{found:?}");
}

async fn the_server_serves_the_document_and_a_page_for_it(world: &mut World) {
    let stranger = world.stranger();
    let mut served = stranger.get("/openapi.json").await.expect(200);
    let mut kept = document();
    for document in [&mut served, &mut kept] {
        // Where the server is reached differs from place to place.
        document.as_object_mut().unwrap().remove("servers");
    }
    assert!(served == kept, "/openapi.json is another document than openapi/openapi.json");
    assert!(kept["openapi"].as_str().unwrap().starts_with("3.1"));
    let page = stranger.get("/docs/").await;
    page.expect(200);
    assert!(page.text().contains("swagger-ui"), "{}", page.text());
}

journeys! { the_server_serves_the_document_and_a_page_for_it }
