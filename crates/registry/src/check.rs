//! What a field may be. The bounds are part of the interface; the texts of refusals are what clients read.

use std::collections::HashSet;

use rialto_kernel::limits;
use serde_json::{Value, value::RawValue};

use crate::{Capability, RegistryError};

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 255;
/// The longest description, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 10_000;
/// The most tags of one agent.
pub const TAGS_MAX: usize = 50;
/// The longest tag, in characters.
pub const TAG_CHARS_MAX: usize = 64;
/// The most capabilities of one agent.
pub const CAPABILITIES_MAX: usize = 100;
/// The longest capability id, in characters.
pub const CAPABILITY_CHARS_MAX: usize = 128;
/// The longest category or version, in characters.
pub const WORD_CHARS_MAX: usize = 64;
/// The largest JSON Schema, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1_024;
/// The largest manifest, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 512 * 1_024;
/// The longest comment of a rating, in characters.
pub const COMMENT_CHARS_MAX: usize = 2_000;
/// The longest text to search for, in characters.
pub const SEARCH_CHARS_MAX: usize = 256;

/// Text of 1 to `chars_max` characters, not all of them blank.
pub(crate) fn text(field: &str, text: &str, chars_max: usize) -> Result<(), RegistryError> {
    if text.trim().is_empty() || text.chars().count() > chars_max {
        return Err(RegistryError::invalid(field, format!("must have 1 to {chars_max} characters")));
    }
    Ok(())
}

/// Like [`text`], but may be absent.
pub(crate) fn maybe_text(field: &str, given: Option<&str>, chars_max: usize) -> Result<(), RegistryError> {
    given.map_or(Ok(()), |given| text(field, given, chars_max))
}

/// An endpoint's length. Where it may point is for `outbound` to say, before the transaction and again at each call.
pub(crate) fn endpoint(url: &str) -> Result<(), RegistryError> {
    if url.trim().is_empty() || url.len() > limits::URL_BYTES_MAX {
        return Err(RegistryError::invalid("endpoint", format!("must have 1 to {} bytes", limits::URL_BYTES_MAX)));
    }
    Ok(())
}

/// Tags as they will be stored: without blanks around them, each once whatever its case.
pub(crate) fn tags(given: &[String]) -> Result<Vec<String>, RegistryError> {
    if given.len() > TAGS_MAX {
        return Err(RegistryError::invalid("tags", format!("must be at most {TAGS_MAX}")));
    }
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(given.len());
    for (n, tag) in given.iter().enumerate() {
        text(&format!("tags[{n}]"), tag, TAG_CHARS_MAX)?;
        if seen.insert(fold(tag.trim())) {
            kept.push(tag.trim().to_owned());
        }
    }
    Ok(kept)
}

/// Capabilities: bounded, and none twice.
pub(crate) fn capabilities(given: &[Capability]) -> Result<(), RegistryError> {
    if given.len() > CAPABILITIES_MAX {
        return Err(RegistryError::invalid("capabilities", format!("must be at most {CAPABILITIES_MAX}")));
    }
    let mut seen = HashSet::new();
    for (n, capability) in given.iter().enumerate() {
        let field = format!("capabilities[{n}]");
        text(&format!("{field}.id"), &capability.id, CAPABILITY_CHARS_MAX)?;
        if !seen.insert(&capability.id) {
            return Err(RegistryError::invalid(format!("{field}.id"), "must not occur twice"));
        }
        schema(&format!("{field}.input_schema"), capability.input_schema.as_ref())?;
        schema(&format!("{field}.output_schema"), capability.output_schema.as_ref())?;
        schema(&format!("{field}.auth"), capability.auth.as_ref())?;
    }
    Ok(())
}

/// A JSON Schema as text: an object of bounded size.
pub(crate) fn schema(field: &str, given: Option<&Value>) -> Result<Option<Box<RawValue>>, RegistryError> {
    given.map(|given| object(field, given, SCHEMA_BYTES_MAX)).transpose()
}

/// A JSON object as text, of at most `bytes_max`.
pub(crate) fn object(field: &str, given: &Value, bytes_max: usize) -> Result<Box<RawValue>, RegistryError> {
    let raw = serde_json::value::to_raw_value(given).map_err(|error| RegistryError::invalid(field, error.to_string()))?;
    if !given.is_object() || raw.get().len() > bytes_max {
        return Err(RegistryError::invalid(field, format!("must be a JSON object of at most {bytes_max} bytes")));
    }
    Ok(raw)
}

/// The form in which texts are compared and searched.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}
