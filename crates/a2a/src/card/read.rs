//! Reading somebody's card, of whichever version, leniently: what is missing is made up for, what cannot be called is refused.

use rialto_registry::{AuthType, DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, Protocol, TAG_CHARS_MAX, TAGS_MAX};
use serde_json::Value;

/// The longest version that the registry keeps, in characters.
const VERSION_CHARS_MAX: usize = 64;

/// Why a card cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// It does not say what the agent is called.
    #[error("The card has no name")]
    NoName,
    /// None of its interfaces is one that we can call.
    #[error("The card offers no JSON-RPC interface of A2A 1.0 or 0.3")]
    NoInterface,
}

/// What an import takes from a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardView {
    /// What the agent is called.
    pub name: String,
    /// What it does, with the names of its skills.
    pub description: String,
    /// Its version.
    pub version: String,
    /// Where it is called.
    pub endpoint: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// What the endpoint asks for.
    pub auth_type: AuthType,
    /// What to find it by.
    pub tags: Vec<String>,
    /// Whether it can answer in a stream.
    pub streaming: bool,
}

/// Whether this is a card at all: it has a name, or skills.
pub(super) fn looks_like_a_card(value: &Value) -> bool {
    let has = |name: &str| value.get(name).is_some_and(|field| field.is_string() || field.is_array());
    value.is_object() && (has("name") || has("skills"))
}

/// Reads a card.
///
/// # Errors
/// [`CardError`].
pub fn read(card: &Value) -> Result<CardView, CardError> {
    let text = |name: &str| card.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let name = text("name").ok_or(CardError::NoName)?;
    let (endpoint, protocol) = interface(card).ok_or(CardError::NoInterface)?;
    let streaming = card.pointer("/capabilities/streaming") == Some(&Value::Bool(true));
    let skills: Vec<&str> = list(card, "skills").filter_map(|skill| skill.get("name")?.as_str()).collect();
    let mut description = text("description").unwrap_or("An agent that speaks A2A.").to_owned();
    if !skills.is_empty() {
        description.push_str(" | Skills: ");
        description.push_str(&skills.join(", "));
    }
    let known = ["a2a", "external"].into_iter().chain(streaming.then_some("streaming"));
    let tags = known.chain(skills).map(|tag| cut(tag.trim(), TAG_CHARS_MAX)).filter(|tag| !tag.is_empty());
    Ok(CardView {
        name: cut(name, NAME_CHARS_MAX),
        description: cut(&description, DESCRIPTION_CHARS_MAX),
        version: cut(text("version").unwrap_or("1.0.0"), VERSION_CHARS_MAX),
        endpoint,
        protocol,
        auth_type: auth_type(card),
        tags: tags.take(TAGS_MAX).collect(),
        streaming,
    })
}

/// Where to call, and how: the newest version that both sides speak.
fn interface(card: &Value) -> Option<(String, Protocol)> {
    let owned = |url: &str, protocol| Some((url.to_owned(), protocol));
    // Cards of the first reference name a plain endpoint, which takes its input as it is.
    if let Some(plain) = ["invoke_endpoint", "endpoint"].into_iter().find_map(|name| card.get(name)?.as_str()) {
        return owned(plain, Protocol::Http);
    }
    let offered: Vec<(&str, Protocol)> = list(card, "supportedInterfaces").filter_map(modern).collect();
    for protocol in [Protocol::A2aV10, Protocol::A2aV03] {
        if let Some((url, _)) = offered.iter().find(|(_, offered)| *offered == protocol) {
            return owned(url, protocol);
        }
    }
    legacy(card).and_then(|url| owned(url, Protocol::A2aV03))
}

/// An interface of a card of version 1.0. One that serves several tenants wants to be told which, and is passed over.
fn modern(interface: &Value) -> Option<(&str, Protocol)> {
    let text = |name: &str| interface.get(name).and_then(Value::as_str);
    let is_ours = is_json_rpc(text("protocolBinding")?) && text("tenant").unwrap_or_default().is_empty();
    let protocol = match text("protocolVersion")?.split('.').take(2).collect::<Vec<_>>().as_slice() {
        ["1"] | ["1", "0"] => Protocol::A2aV10,
        ["0", "3" | "2"] => Protocol::A2aV03,
        _ => return None,
    };
    is_ours.then_some((text("url")?, protocol))
}

/// The JSON-RPC interface of a card of version 0.3 or before.
fn legacy(card: &Value) -> Option<&str> {
    let text = |place: &'_ Value, name: &str| place.get(name).and_then(Value::as_str).map(str::to_owned);
    let main = text(card, "preferredTransport").is_none_or(|transport| is_json_rpc(&transport));
    if let Some(url) = card.get("url").and_then(Value::as_str).filter(|_| main) {
        return Some(url);
    }
    let mut others = list(card, "additionalInterfaces");
    let other = others.find(|interface| text(interface, "transport").is_some_and(|transport| is_json_rpc(&transport)))?;
    other.get("url")?.as_str()
}

fn is_json_rpc(binding: &str) -> bool {
    binding.eq_ignore_ascii_case("JSONRPC")
}

/// What the agent asks of its callers, as far as we can present it: a bearer token, or a key in a header.
fn auth_type(card: &Value) -> AuthType {
    let schemes: Vec<String> = demanded(card);
    let kind = |name: &String| {
        let scheme = card.pointer("/securitySchemes").and_then(|schemes| schemes.get(name));
        let is_key = scheme.is_some_and(|scheme| {
            scheme.get("apiKeySecurityScheme").is_some() || scheme.get("type").and_then(Value::as_str) == Some("apiKey")
        });
        if is_key || (scheme.is_none() && name.to_ascii_lowercase().contains("key")) {
            AuthType::ApiKey
        } else {
            AuthType::BearerToken
        }
    };
    schemes.first().map_or(AuthType::Public, kind)
}

/// The names of the schemes of the first way in.
fn demanded(card: &Value) -> Vec<String> {
    let names = |value: &Value| value.as_object().map(|schemes| schemes.keys().cloned().collect::<Vec<_>>());
    let modern = list(card, "securityRequirements").next().and_then(|first| names(first.get("schemes")?));
    let legacy = || list(card, "security").next().and_then(names);
    // As the first reference and the oldest cards say it.
    let oldest = || {
        let schemes = card.pointer("/authentication/schemes")?.as_array()?;
        Some(schemes.iter().filter_map(|scheme| scheme.as_str().map(str::to_owned)).collect())
    };
    modern.or_else(legacy).or_else(oldest).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// At most `chars_max` characters, without NUL; a text that is cut says so.
fn cut(text: &str, chars_max: usize) -> String {
    let clean: String = text.replace('\0', "\u{fffd}");
    if clean.chars().count() <= chars_max {
        return clean;
    }
    clean.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn called(card: &Value) -> Option<(String, Protocol)> {
        read(card).ok().map(|view| (view.endpoint, view.protocol))
    }

    #[test]
    fn the_newest_interface_that_we_speak_is_called() {
        let both = json!({"name": "n", "url": "https://a/old", "supportedInterfaces": [
            {"url": "https://a/grpc", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
            {"url": "https://a/03", "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
            {"url": "https://a/t", "protocolBinding": "JSONRPC", "protocolVersion": "1.0", "tenant": "t"},
            {"url": "https://a/10", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        ]});
        assert_eq!(called(&both), Some(("https://a/10".into(), Protocol::A2aV10)));
        let old = json!({"name": "n", "url": "https://a/old", "protocolVersion": "0.3.0", "preferredTransport": "JSONRPC"});
        assert_eq!(called(&old), Some(("https://a/old".into(), Protocol::A2aV03)));
        let grpc = json!({"name": "n", "url": "https://a/g", "preferredTransport": "GRPC",
            "additionalInterfaces": [{"transport": "JSONRPC", "url": "https://a/j"}]});
        assert_eq!(called(&grpc), Some(("https://a/j".into(), Protocol::A2aV03)));
        let plain = json!({"name": "n", "url": "https://a/", "invoke_endpoint": "https://a/invoke"});
        assert_eq!(called(&plain), Some(("https://a/invoke".into(), Protocol::Http)));
        let none = json!({"name": "n", "supportedInterfaces": [{"url": "https://a", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"}]});
        assert_eq!(read(&none), Err(CardError::NoInterface));
        assert_eq!(read(&json!({"name": " ", "url": "https://a"})), Err(CardError::NoName));
    }

    #[test]
    fn what_is_kept_fits_into_the_registry() {
        let skills: Vec<Value> = (0..200).map(|n| json!({"id": n, "name": format!("skill {n} {}", "s".repeat(100))})).collect();
        let card = json!({"name": "n".repeat(400), "description": "d".repeat(20_000), "version": "v".repeat(99), "url": "https://a",
            "skills": skills, "capabilities": {"streaming": true}});
        let view = read(&card).unwrap();
        let lengths = (view.name.chars().count(), view.description.chars().count(), view.version.chars().count());
        assert_eq!(lengths, (NAME_CHARS_MAX, DESCRIPTION_CHARS_MAX, VERSION_CHARS_MAX));
        assert_eq!((view.tags.len(), &view.tags[..3]), (TAGS_MAX, ["a2a", "external", "streaming"].map(String::from).as_slice()));
        assert!(view.tags.iter().all(|tag| tag.chars().count() <= TAG_CHARS_MAX));
        // Wrong kinds are passed over.
        let odd = read(&json!({"name": "n", "url": "https://a", "description": 7, "skills": {"a": 1}, "version": 2})).unwrap();
        assert_eq!((odd.version.as_str(), odd.tags.len()), ("1.0.0", 2));
    }

    #[test]
    fn what_a_card_asks_of_callers_is_what_we_can_present() {
        let with = |extra: Value| {
            let mut card = json!({"name": "n", "url": "https://a"});
            card.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            read(&card).unwrap().auth_type
        };
        assert_eq!(with(json!({"securitySchemes": {"k": {"type": "apiKey"}}})), AuthType::Public);
        assert_eq!(with(json!({"securitySchemes": {"k": {"type": "apiKey"}}, "security": [{"k": []}]})), AuthType::ApiKey);
        let modern = json!({"securitySchemes": {"b": {"httpAuthSecurityScheme": {"scheme": "bearer"}}},
            "securityRequirements": [{"schemes": {"b": {"list": []}}}]});
        assert_eq!(with(modern), AuthType::BearerToken);
        assert_eq!(with(json!({"authentication": {"schemes": ["apiKey"]}})), AuthType::ApiKey);
        assert_eq!(with(json!({"authentication": {"schemes": []}})), AuthType::Public);
    }
}
