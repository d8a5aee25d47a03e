//! Which version of the protocol a message is in.
//!
//! As of 2026-07-28 every request says its version, its method and what it names in its headers and in its body, and both have to
//! agree. Before, a client shook hands first, and said the version in a header from then on, or said nothing.

use actix_web::{HttpRequest, http::header::HeaderMap};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{Code, Message, Refusal};

/// The version without a handshake.
pub const STATELESS: &str = "2026-07-28";
/// Those with one, the newest first. A batch, which the oldest still had, is refused in it too.
pub const HANDSHAKE: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

/// How a message is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// As of 2026-07-28.
    Stateless,
    /// As of the versions before it.
    Handshake,
}

/// All versions, the newest first.
pub fn all() -> Vec<&'static str> {
    [STATELESS].into_iter().chain(HANDSHAKE).collect()
}

/// The version that is agreed upon with a client that wants this one: if it is not spoken here, the newest that is.
pub fn agreed(wanted: &str) -> &'static str {
    HANDSHAKE.into_iter().find(|version| *version == wanted).unwrap_or(HANDSHAKE[0])
}

/// What of a message's parameters its headers repeat.
#[derive(Default, Deserialize)]
struct Repeated {
    #[serde(rename = "_meta")]
    meta: Option<Value>,
    name: Option<Value>,
}

/// Which version a message is in, or what is wrong with what it says of that.
pub fn of(request: &HttpRequest, message: &Message) -> Result<Era, Refusal> {
    let headers = request.headers();
    let given = single(headers, "MCP-Protocol-Version")?;
    let Message::Request { method, params, .. } = message else {
        // Of what wants no answer only the version has to be one: nothing is done about it.
        return if given == Some(STATELESS) { Ok(Era::Stateless) } else { handshake(given) };
    };
    let repeated: Repeated = params.read()?;
    let said = repeated.meta.as_ref().and_then(|meta| meta.get(VERSION_KEY));
    if given != Some(STATELESS) && said.is_none() {
        return handshake(given);
    }
    envelope(repeated.meta.as_ref())?;
    if said.and_then(Value::as_str) != given || given.is_none() {
        return Err(mismatch("MCP-Protocol-Version", &format!("_meta[\"{VERSION_KEY}\"]")));
    }
    if single(headers, "Mcp-Method")? != Some(method.as_str()) {
        return Err(mismatch("Mcp-Method", "method"));
    }
    if let ("tools/call", Some(Value::String(name))) = (method.as_str(), &repeated.name)
        && single(headers, "Mcp-Name")?.and_then(decoded).as_ref() != Some(name)
    {
        return Err(mismatch("Mcp-Name", "name of the tool"));
    }
    if given == Some(STATELESS) { Ok(Era::Stateless) } else { Err(unsupported(given.unwrap_or_default())) }
}

fn handshake(given: Option<&str>) -> Result<Era, Refusal> {
    match given {
        Some(version) if !HANDSHAKE.contains(&version) => Err(unsupported(version)),
        _ => Ok(Era::Handshake),
    }
}

/// What every request of the stateless version has to carry.
fn envelope(meta: Option<&Value>) -> Result<(), Refusal> {
    let Some(Value::Object(meta)) = meta else {
        let message = format!("params._meta must be an object with \"{VERSION_KEY}\" and \"{CAPABILITIES_KEY}\"");
        return Err(Refusal::new(Code::InvalidParams, message));
    };
    let must_be = |key: &str, kind: &str| Refusal::new(Code::InvalidParams, format!("params._meta: \"{key}\" must be {kind}"));
    if !meta.get(VERSION_KEY).is_some_and(Value::is_string) {
        return Err(must_be(VERSION_KEY, "text"));
    }
    if !meta.get(CAPABILITIES_KEY).is_some_and(Value::is_object) {
        return Err(must_be(CAPABILITIES_KEY, "an object"));
    }
    Ok(())
}

fn mismatch(header: &str, what: &str) -> Refusal {
    Refusal::new(Code::HeaderMismatch, format!("The header {header} must say the same as the body's {what}"))
}

fn unsupported(version: &str) -> Refusal {
    let requested: String = version.chars().take(64).collect();
    let data = json!({"supported": all(), "requested": requested});
    Refusal { data: Some(data), ..Refusal::new(Code::UnsupportedVersion, "Unsupported protocol version") }
}

/// A header that comes once. One that comes twice could be read in two ways.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name);
    let first = values.next().map(|value| value.to_str().unwrap_or("?").trim());
    if values.next().is_some() {
        return Err(Refusal::new(Code::HeaderMismatch, format!("The header {name} must come once")));
    }
    Ok(first)
}

/// The text that a header carries; what cannot stand in one is wrapped as `=?base64?…?=`.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(wrapped) => String::from_utf8(STANDARD.decode(wrapped).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::routes::mcp::wire::read;

    fn asked(headers: &[(&str, &str)], body: &Value) -> Result<Era, (i32, String)> {
        let request = headers.iter().fold(TestRequest::post(), |request, header| request.append_header(*header));
        let message = read(body.to_string().as_bytes()).map_err(|(_, refusal)| (refusal.code.number(), refusal.message))?;
        of(&request.to_http_request(), &message).map_err(|refusal| (refusal.code.number(), refusal.message))
    }

    fn call(version: &str) -> Value {
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "größe", "_meta": {VERSION_KEY: version, CAPABILITIES_KEY: {}}}})
    }

    #[test]
    fn headers_and_body_have_to_agree() {
        let name = ("Mcp-Name", "=?base64?Z3LDtsOfZQ==?=");
        let (version, method) = (("MCP-Protocol-Version", STATELESS), ("Mcp-Method", "tools/call"));
        assert_eq!(asked(&[version, method, name], &call(STATELESS)), Ok(Era::Stateless));
        for headers in [
            &[method, name][..],
            &[version, name],
            &[version, method],
            &[version, version, method, name],
            &[version, ("Mcp-Method", "tools/list"), name],
            &[version, method, ("Mcp-Name", "=?base64?%?=")],
            &[("MCP-Protocol-Version", "2025-11-25"), method, name],
        ] {
            assert_eq!(asked(headers, &call(STATELESS)).unwrap_err().0, -32_020, "{headers:?}");
        }
        assert_eq!(asked(&[("MCP-Protocol-Version", "2099-01-01"), method, name], &call("2099-01-01")).unwrap_err().0, -32_022);
        let bare = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        assert_eq!(asked(&[version, ("Mcp-Method", "tools/list")], &bare).unwrap_err().0, -32_602);
    }

    #[test]
    fn who_shakes_hands_says_the_version_in_a_header_or_not_at_all() {
        let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
        assert_eq!(asked(&[], &ping), Ok(Era::Handshake));
        for version in HANDSHAKE {
            assert_eq!(asked(&[("MCP-Protocol-Version", version)], &ping), Ok(Era::Handshake));
            assert_eq!(agreed(version), version);
        }
        assert_eq!(agreed("1999-01-01"), "2025-11-25");
        let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(asked(&[("MCP-Protocol-Version", STATELESS)], &told), Ok(Era::Stateless));
        for body in [&ping, &told] {
            assert_eq!(asked(&[("MCP-Protocol-Version", "soon")], body).unwrap_err().0, -32_022);
        }
    }
}
