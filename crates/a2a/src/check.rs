//! What a message may be.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rialto_kernel::limits::URL_BYTES_MAX;

use crate::{
    A2aError,
    card::MODES,
    wire::{
        Role,
        params::Send,
        types::{Message, Part},
    },
};

/// The longest id that a client gives a message, in characters.
const MESSAGE_ID_CHARS_MAX: usize = 256;
/// The longest id that a client gives a context, in characters.
const CONTEXT_ID_CHARS_MAX: usize = 255;
/// The most parts of one message.
const PARTS_MAX: usize = 64;
/// The most extensions, and the most other tasks, that a message names.
const NAMES_MAX: usize = 32;
/// The largest message, in bytes: lists of tasks have to fit into an answer with their histories.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1_024;

/// Checks what a client sends.
///
/// # Errors
/// [`A2aError::InvalidParams`], or [`A2aError::ContentType`].
pub fn send(send: &Send) -> Result<(), A2aError> {
    let message = &send.message;
    text("message.messageId", &message.message_id, MESSAGE_ID_CHARS_MAX)?;
    message.context_id.as_deref().map_or(Ok(()), |id| text("message.contextId", id, CONTEXT_ID_CHARS_MAX))?;
    if message.role != Role::User {
        return Err(A2aError::invalid("message.role", "must be ROLE_USER: what comes in is said by the client"));
    }
    if message.parts.is_empty() || message.parts.len() > PARTS_MAX {
        return Err(A2aError::invalid("message.parts", format!("must be 1 to {PARTS_MAX}")));
    }
    for (n, part) in message.parts.iter().enumerate() {
        self::part(&format!("message.parts[{n}]"), part)?;
    }
    for (field, names) in [("extensions", &message.extensions), ("referenceTaskIds", &message.reference_task_ids)] {
        if names.len() > NAMES_MAX {
            return Err(A2aError::invalid(format!("message.{field}"), format!("must be at most {NAMES_MAX}")));
        }
    }
    size(message, send)
}

fn text(field: &str, text: &str, chars_max: usize) -> Result<(), A2aError> {
    let length = text.chars().count();
    if (1..=chars_max).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(A2aError::invalid(field, format!("must have 1 to {chars_max} characters, none of them a control character")))
}

fn part(field: &str, part: &Part) -> Result<(), A2aError> {
    if part.kinds() != 1 {
        return Err(A2aError::invalid(field, "must have exactly one of text, raw, url and data"));
    }
    let is_file = part.raw.is_some() || part.url.is_some();
    let kind = part.media_type.as_deref().map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    if let Some(kind) = kind.filter(|kind| is_file && !kind.is_empty() && !MODES.contains(&kind.as_str())) {
        return Err(A2aError::ContentType(kind.chars().filter(|char| char.is_ascii_graphic()).take(100).collect()));
    }
    if part.raw.as_deref().is_some_and(|raw| STANDARD.decode(raw).is_err()) {
        return Err(A2aError::invalid(format!("{field}.raw"), "must be base64"));
    }
    if part.url.as_deref().is_some_and(|url| url.is_empty() || url.len() > URL_BYTES_MAX) {
        return Err(A2aError::invalid(format!("{field}.url"), format!("must have 1 to {URL_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn size(message: &Message, send: &Send) -> Result<(), A2aError> {
    let bytes = |value: Result<Vec<u8>, serde_json::Error>| value.map_or(usize::MAX, |bytes| bytes.len());
    let size = bytes(serde_json::to_vec(message)).saturating_add(bytes(serde_json::to_vec(&send.metadata)));
    if size > MESSAGE_BYTES_MAX {
        return Err(A2aError::invalid("message", format!("must have at most {MESSAGE_BYTES_MAX} bytes as JSON")));
    }
    Ok(())
}
