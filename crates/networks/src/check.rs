//! What a field may be.

use serde_json::Value;

use crate::{error::NetworkError, topology::EDGES};

/// The longest name of a network or a participant, in characters.
pub const NAME_CHARS_MAX: usize = 255;
/// The longest content of a message, in characters.
pub const CONTENT_CHARS_MAX: usize = 65_536;
/// The largest metadata or capabilities, in bytes of JSON.
pub const OBJECT_BYTES_MAX: usize = 65_536;
/// The largest list of edges, in bytes of JSON: so many as there may be, of ids.
pub const EDGES_BYTES_MAX: usize = 4 * OBJECT_BYTES_MAX;
/// The most messages that one request may acknowledge.
pub const ACK_MAX: usize = 1_000;

pub(crate) fn name(text: &str) -> Result<(), NetworkError> {
    at_most("name", text, NAME_CHARS_MAX)
}

pub(crate) fn content(text: &str) -> Result<(), NetworkError> {
    at_most("content", text, CONTENT_CHARS_MAX)
}

fn at_most(field: &str, text: &str, chars_max: usize) -> Result<(), NetworkError> {
    // Characters are at least one byte each: most texts need not be counted.
    if text.len() > chars_max && text.chars().count() > chars_max {
        return Err(NetworkError::invalid(field, format!("must have at most {chars_max} characters")));
    }
    Ok(())
}

/// An object of bounded size.
pub(crate) fn object(field: &str, given: Option<&Value>) -> Result<(), NetworkError> {
    let Some(given) = given else { return Ok(()) };
    if !given.is_object() || given.to_string().len() > OBJECT_BYTES_MAX {
        return Err(NetworkError::invalid(field, format!("must be a JSON object of at most {OBJECT_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// A network's metadata: an object of bounded size, in which the list of edges has a bound of its own.
pub(crate) fn metadata(given: Option<&Value>) -> Result<(), NetworkError> {
    let Some(edges) = given.and_then(|given| given.get(EDGES)) else { return object("metadata", given) };
    if edges.to_string().len() > EDGES_BYTES_MAX {
        return Err(NetworkError::invalid(format!("metadata.{EDGES}"), format!("must have at most {EDGES_BYTES_MAX} bytes")));
    }
    let mut rest = given.cloned();
    if let Some(Value::Object(fields)) = &mut rest {
        fields.remove(EDGES);
    }
    object("metadata", rest.as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(content(&"ü".repeat(CONTENT_CHARS_MAX)).is_ok());
        assert!(content(&"ü".repeat(CONTENT_CHARS_MAX + 1)).is_err());
        assert!(name(&"a".repeat(256)).is_err() && name("").is_ok());
    }

    #[test]
    fn metadata_is_an_object_or_nothing() {
        assert!(object("metadata", None).is_ok() && object("metadata", Some(&json!({"a": [1]}))).is_ok());
        let id = crate::ParticipantId::new().to_string();
        let edges: Vec<_> = (0..crate::EDGES_MAX).map(|_| [&id, &id]).collect();
        let full = "x".repeat(OBJECT_BYTES_MAX - 10);
        assert!(metadata(Some(&json!({EDGES: edges, "a": full}))).is_ok());
        assert!(metadata(Some(&json!({EDGES: edges, "a": full, "b": full}))).is_err());
        assert!(metadata(Some(&json!({EDGES: "x".repeat(EDGES_BYTES_MAX)}))).is_err());
        for wrong in [json!([]), json!("text"), json!(1), json!({"a": "x".repeat(OBJECT_BYTES_MAX)})] {
            assert!(object("metadata", Some(&wrong)).is_err());
        }
    }
}
