//! Reading a request's body: bounded in size and time, and free of NUL.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest,
    dev::Payload,
    http::{StatusCode, header},
    web::{Bytes, BytesMut},
};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_path_to_error::Track;

use super::{Problem, objects::Objects};

/// How long a body may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How much room a body gets before it comes: its length is only what a stranger says.
const FIRST_BYTES: usize = 64 * 1_024;
/// JSON has no other way to write NUL: a raw one is not allowed in a string.
const ESCAPED_NUL: &[u8] = b"\\u0000";

/// Reads the whole body, at most `max` bytes.
pub async fn read(request: &HttpRequest, payload: &mut Payload, max: usize) -> Result<Bytes, Problem> {
    let too_large =
        || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", format!("The body is larger than {max} bytes."));
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > max) {
        return Err(too_large());
    }
    let mut body = BytesMut::with_capacity(declared.unwrap_or(0).min(FIRST_BYTES));
    let reading = async {
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| Problem::bad_request("body-broken", format!("The body broke off: {error}")))?;
            if body.len() + chunk.len() > max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
    };
    tokio::time::timeout(READ_TIMEOUT, reading)
        .await
        .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "The body did not arrive in time."))??;
    Ok(body.freeze())
}

/// Refuses a body that says it is something else than JSON, or that it is compressed. A body that says nothing is taken for
/// JSON.
pub fn expect_json(request: &HttpRequest) -> Result<(), Problem> {
    let refused = |detail: String| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail);
    let mut codings = request.headers().get_all(header::CONTENT_ENCODING);
    if let Some(coding) = codings.find(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = format!(
            "Content-Encoding: {} is not understood; send the body as it is.",
            String::from_utf8_lossy(coding.as_bytes())
        );
        return Err(refused(detail).header(header::ACCEPT_ENCODING, "identity"));
    }
    // Media types are told apart whatever their case (RFC 9110, section 8.3.1).
    let essence = request.content_type().to_ascii_lowercase();
    if essence.is_empty() || essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    {
        return Ok(());
    }
    Err(refused(format!("Expected Content-Type: application/json, not {essence}.")))
}

/// Reads JSON. An empty body stands for `null`, so that calls without a body may be made with an empty one.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.iter().all(u8::is_ascii_whitespace) { b"null".as_slice() } else { body };
    if holds_nul(body) {
        return Err(Problem::invalid("body", "text must not contain the NUL character"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let value = T::deserialize(Objects(tracked))
        .map_err(|error| Problem::misread("body", &track.path().to_string(), &message(&error)))?;
    json.end().map_err(|error| Problem::invalid("body", error.to_string()))?;
    Ok(value)
}

/// What is wrong. Where it is, only broken JSON needs to be told: anything else is in the field that is named.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(what) if error.is_data() => what.to_owned(),
        _ => text,
    }
}

/// Whether a string in this JSON holds NUL: the escape itself, not an escaped backslash before `u0000`.
pub fn holds_nul(json: &[u8]) -> bool {
    json.windows(ESCAPED_NUL.len()).enumerate().any(|(at, window)| {
        window == ESCAPED_NUL
            && json.get(..at).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_found_only_where_it_is_meant() {
        assert!(holds_nul(br#"{"a":"x\u0000y"}"#));
        assert!(holds_nul(br#"{"a":"x\\\u0000y"}"#));
        assert!(!holds_nul(br#"{"a":"x\\u0000y"}"#));
        assert!(!holds_nul(br#"{"a":"x"}"#));
    }

    #[test]
    fn a_field_is_named_without_its_column_and_broken_json_with_it() {
        let told = |json: &str| parse::<Vec<u8>>(json.as_bytes()).unwrap_err().to_string();
        assert!(told("[1, \"x\"]").ends_with("body.[1]: invalid type: string \"x\", expected u8"), "{}", told("[1, \"x\"]"));
        assert!(told("[1, ").contains("at line 1 column"), "{}", told("[1, "));
    }

    #[test]
    fn json_that_is_not_quite_json_is_refused() {
        for body in ["{", "nul", r#""\ud800""#, "[1] 2", &"[".repeat(100_000), r#"{"a":1e999}"#] {
            assert!(parse::<serde_json::Value>(body.as_bytes()).is_err(), "{body:.20}");
        }
        assert_eq!(parse::<Option<u8>>(b" ").unwrap(), None);
    }
}
