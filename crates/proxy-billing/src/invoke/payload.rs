//! JSON that is passed on exactly as it came, and what we keep of it.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value, json, value::RawValue};

/// The longest text of a payload, or of a message, that is kept whole, in bytes: lists of them have to fit into an answer.
const KEPT_BYTES_MAX: usize = 32 * 1024;

/// Where callers put what they want to say, in the order of trust.
const SAID_BY_CALLERS: [&str; 6] = ["message", "query", "text", "content", "prompt", "input"];
/// Where agents put what they want to say.
const SAID_BY_AGENTS: [&str; 9] = ["message", "response", "answer", "output", "result", "text", "content", "summary", "reply"];

/// What a caller sends to an agent: a JSON object, kept as the text that it was.
#[derive(Debug, Clone)]
pub struct Payload {
    text: Box<RawValue>,
    value: Value,
}

impl Payload {
    /// Takes a value that has no text of its own.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no map of values can bring about.
    pub fn new(fields: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let value = Value::Object(fields);
        Ok(Self { text: serde_json::value::to_raw_value(&value)?, value })
    }

    /// The text, byte for byte.
    #[must_use]
    pub fn body(&self) -> Bytes {
        Bytes::copy_from_slice(self.text.get().as_bytes())
    }

    /// What it says.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// What is kept of it in the logs.
    pub(crate) fn kept(&self) -> Value {
        too_long(self.text.get()).unwrap_or_else(|| self.value.clone())
    }

    /// What the caller says, in words.
    pub(crate) fn words(&self) -> String {
        words(&self.value, &SAID_BY_CALLERS)
    }
}

/// Nothing to say: `{}`.
impl Default for Payload {
    fn default() -> Self {
        let value = Value::Object(Map::new());
        let text = serde_json::value::to_raw_value(&value).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self { text, value }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let fields: Map<String, Value> = serde_json::from_str(text.get()).map_err(de::Error::custom)?;
        Ok(Self { text, value: Value::Object(fields) })
    }
}

/// What an agent answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// As the caller gets it: an object always, the agent's own text inside.
    pub data: Box<RawValue>,
    /// As we keep it, without NUL, unless it is too long.
    pub(crate) kept: Value,
    /// What the agent says, in words, without NUL.
    pub(crate) words: String,
}

impl Answer {
    /// Reads the body of a 2xx response. Anything but an object is wrapped: `{"result": …}`.
    ///
    /// # Errors
    /// When it is not JSON.
    pub(crate) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let text: &RawValue = serde_json::from_slice(body)?;
        let value: Value = serde_json::from_str(text.get())?;
        let (data, value) = match value {
            Value::Object(_) => (text.to_owned(), value),
            other => {
                let wrapped = Map::from_iter([("result".to_owned(), other)]);
                (RawValue::from_string(format!("{{\"result\":{}}}", text.get()))?, Value::Object(wrapped))
            }
        };
        Ok(Self::of(data, value))
    }

    /// Takes a value of our own making.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no value can bring about.
    pub(crate) fn new(value: Value) -> Result<Self, serde_json::Error> {
        Ok(Self::of(serde_json::value::to_raw_value(&value)?, value))
    }

    fn of(data: Box<RawValue>, value: Value) -> Self {
        // A NUL can only come in as an escape, so most answers are kept as they are.
        let kept = if data.get().contains("\\u0000") { without_nul(value) } else { value };
        let words = words(&kept, &SAID_BY_AGENTS);
        let kept = too_long(data.get()).unwrap_or(kept);
        Self { data, kept, words }
    }
}

/// What is kept instead of a text that is too long for the logs.
fn too_long(text: &str) -> Option<Value> {
    (text.len() > KEPT_BYTES_MAX).then(|| json!({"truncated": true, "bytes": text.len()}))
}

/// The first text under one of these names that is not blank, or all of it as compact JSON. A long one is cut, and says so.
fn words(value: &Value, names: &[&str]) -> String {
    let said = |name: &&str| value.get(*name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let mut words = names.iter().find_map(said).map_or_else(|| value.to_string(), str::to_owned);
    if words.len() > KEPT_BYTES_MAX {
        words.truncate(words.floor_char_boundary(KEPT_BYTES_MAX));
        words.push('…');
    }
    words
}

/// PostgreSQL stores no NUL, neither in text nor in JSON.
pub(crate) fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('\0', "\u{fffd}")),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nul).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name.replace('\0', "\u{fffd}"), without_nul(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_keeps_its_text_and_must_be_an_object() {
        let text = r#"{"z": 1.0, "a":123456789012345678901234567890,"message":" ","query":"hi"}"#;
        let payload: Payload = serde_json::from_str(text).unwrap();
        assert_eq!((payload.body().as_ref(), payload.words().as_str()), (text.as_bytes(), "hi"));
        for text in ["[1]", "\"x\"", "null", "{", r#"{"a":"\ud800"}"#, r#"{"a":1e999}"#] {
            assert!(serde_json::from_str::<Payload>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn input_without_a_text_is_told_as_json() {
        let payload: Payload = serde_json::from_str(r#"{"n": [1, 2], "message": ""}"#).unwrap();
        assert_eq!(payload.words(), r#"{"message":"","n":[1,2]}"#);
    }

    #[test]
    fn any_json_value_is_an_answer() {
        for (body, data, words) in [
            (r#"{"b":1, "a":1.50}"#, r#"{"b":1, "a":1.50}"#, r#"{"a":1.5,"b":1}"#),
            (r#"{"summary":"short"}"#, r#"{"summary":"short"}"#, "short"),
            (" [1, 2] ", r#"{"result":[1, 2]}"#, r#"{"result":[1,2]}"#),
            (r#""hello""#, r#"{"result":"hello"}"#, "hello"),
            ("null", r#"{"result":null}"#, r#"{"result":null}"#),
            ("7", r#"{"result":7}"#, r#"{"result":7}"#),
        ] {
            let answer = Answer::read(body.as_bytes()).unwrap();
            assert_eq!((answer.data.get(), answer.words.as_str()), (data, words), "{body}");
        }
        for body in ["", "{", "<html>", "{} {}", "\"\u{1}\""] {
            assert!(Answer::read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Answer::read(b"\"\xff\"").is_err());
    }

    #[test]
    fn what_is_long_reaches_the_caller_and_not_the_logs() {
        let body = format!(r#"{{"text":"{}"}}"#, "ü".repeat(KEPT_BYTES_MAX / 2 + 1));
        let (answer, marker) = (Answer::read(body.as_bytes()).unwrap(), json!({"truncated": true, "bytes": body.len()}));
        assert_eq!((answer.data.get(), &answer.kept), (body.as_str(), &marker));
        assert_eq!(answer.words.len(), KEPT_BYTES_MAX + '…'.len_utf8());
        let payload: Payload = serde_json::from_str(&body).unwrap();
        assert_eq!((payload.body().as_ref(), payload.kept()), (body.as_bytes(), marker));
        assert_eq!((Payload::default().body().as_ref(), Payload::default().kept()), (b"{}".as_slice(), json!({})));
    }

    #[test]
    fn nul_reaches_the_caller_and_not_the_store() {
        let answer = Answer::read(br#"{"text":"a\u0000b","\u0000":["\u0000"]}"#).unwrap();
        assert_eq!((answer.words.as_str(), answer.kept.to_string().contains('\0')), ("a\u{fffd}b", false));
        assert!(!answer.kept.to_string().contains("\\u0000") && answer.data.get().contains("\\u0000"));
    }
}
