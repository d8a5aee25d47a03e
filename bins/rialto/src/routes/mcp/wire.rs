//! JSON-RPC 2.0, one message at a time.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, value::RawValue};

/// The longest id of a request, in bytes: it is echoed.
const ID_BYTES_MAX: usize = 256;

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It is no JSON.
    Parse,
    /// It is no request.
    InvalidRequest,
    /// There is no such method.
    MethodNotFound,
    /// Its parameters are not what they must be.
    InvalidParams,
    /// Its headers say something else than it does.
    HeaderMismatch,
    /// It is in a version that is not spoken here.
    UnsupportedVersion,
}

impl Code {
    /// The number that clients know.
    pub const fn number(self) -> i32 {
        match self {
            Self::Parse => -32_700,
            Self::InvalidRequest => -32_600,
            Self::MethodNotFound => -32_601,
            Self::InvalidParams => -32_602,
            Self::HeaderMismatch => -32_020,
            Self::UnsupportedVersion => -32_022,
        }
    }
}

/// A message that is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// The same, for people.
    pub message: String,
    /// What a program may want to know of it.
    pub data: Option<Value>,
}

impl Refusal {
    /// A refusal without data.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }
}

/// A message that came.
#[derive(Debug)]
pub enum Message {
    /// Somebody asks, and wants an answer.
    Request {
        /// What the answer is known by, as it was written.
        id: Box<RawValue>,
        /// What is asked for.
        method: String,
        /// With what.
        params: Params,
    },
    /// Somebody tells, and wants none.
    Notification,
    /// An answer to something that was never asked: this server asks nothing.
    Answer,
}

/// The parameters of a message, as they were written.
#[derive(Debug, Default)]
pub struct Params(Option<Box<RawValue>>);

impl Params {
    /// Reads them as `T`. Where there are none it is `{}` that is read.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Refusal> {
        let text = self.0.as_deref().map_or("{}", RawValue::get);
        serde_json::from_str(text).map_err(|error| Refusal::new(Code::InvalidParams, format!("params: {error}")))
    }
}

/// A message, none of it looked into.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    #[serde(deserialize_with = "present")]
    jsonrpc: Option<Box<RawValue>>,
    #[serde(deserialize_with = "present")]
    id: Option<Box<RawValue>>,
    #[serde(deserialize_with = "present")]
    method: Option<Box<RawValue>>,
    #[serde(deserialize_with = "present")]
    params: Option<Box<RawValue>>,
    #[serde(deserialize_with = "present")]
    result: Option<Box<RawValue>>,
    #[serde(deserialize_with = "present")]
    error: Option<Box<RawValue>>,
}

/// What is there, `null` included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(deserializer).map(Some)
}

/// A refusal, and the id of what is refused, as far as it has one.
pub type Refused = (Option<Box<RawValue>>, Refusal);

/// Reads a message.
pub fn read(body: &[u8]) -> Result<Message, Refused> {
    let invalid = |message: &str| (None, Refusal::new(Code::InvalidRequest, message));
    let json: &RawValue =
        serde_json::from_slice(body).map_err(|error| (None, Refusal::new(Code::Parse, format!("Parse error: {error}"))))?;
    match json.get().trim_start().as_bytes().first() {
        Some(b'{') => {}
        Some(b'[') => return Err(invalid("Batches are not supported: send one message at a time")),
        _ => return Err(invalid("A message is a JSON object")),
    }
    let raw: Raw = serde_json::from_str(json.get()).map_err(|error| invalid(&error.to_string()))?;
    let id = raw.id.map(usable).transpose().map_err(|why| invalid(&why))?;
    let invalid = |message: &str| (id.clone(), Refusal::new(Code::InvalidRequest, message));
    if raw.jsonrpc.as_deref().map(RawValue::get) != Some("\"2.0\"") {
        return Err(invalid("jsonrpc must be \"2.0\""));
    }
    let Some(method) = raw.method else {
        let is_answer = id.is_some() && (raw.result.is_some() != raw.error.is_some());
        return if is_answer { Ok(Message::Answer) } else { Err(invalid("method is missing")) };
    };
    let method = serde_json::from_str(method.get()).map_err(|_| invalid("method must be text"))?;
    let is_object = |params: &RawValue| params.get().starts_with('{');
    if raw.params.as_deref().is_some_and(|params| !is_object(params)) {
        return Err((id, Refusal::new(Code::InvalidParams, "params must be an object")));
    }
    let params = Params(raw.params);
    Ok(id.map_or(Message::Notification, |id| Message::Request { id, method, params }))
}

/// An id that can be one: text or a whole number.
fn usable(id: Box<RawValue>) -> Result<Box<RawValue>, String> {
    let text = id.get();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_text = text.starts_with('"') && serde_json::from_str::<String>(text).is_ok();
    if (is_number || is_text) && text.len() <= ID_BYTES_MAX {
        return Ok(id);
    }
    Err(format!("id must be text or a whole number, of at most {ID_BYTES_MAX} bytes"))
}

/// What came of a request, as it is written.
pub fn result(id: &RawValue, result: &Value) -> String {
    #[derive(Serialize)]
    struct Success<'a> {
        jsonrpc: &'static str,
        id: &'a RawValue,
        result: &'a Value,
    }
    serde_json::to_string(&Success { jsonrpc: "2.0", id, result }).unwrap_or_default()
}

/// That a message was refused, as it is written.
pub fn refusal(id: Option<&RawValue>, refusal: &Refusal) -> String {
    #[derive(Serialize)]
    struct Told<'a> {
        code: i32,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Value>,
    }
    #[derive(Serialize)]
    struct Failure<'a> {
        jsonrpc: &'static str,
        id: Option<&'a RawValue>,
        error: Told<'a>,
    }
    let error = Told { code: refusal.code.number(), message: &refusal.message, data: refusal.data.as_ref() };
    serde_json::to_string(&Failure { jsonrpc: "2.0", id, error }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> (Option<String>, i32) {
        let (id, refusal) = read(body.as_bytes()).unwrap_err();
        (id.map(|id| id.get().to_owned()), refusal.code.number())
    }

    #[test]
    fn an_id_is_echoed_as_it_was_written() {
        for id in ["1", "-7", "0", "\"a\"", "\"\\u00e4\"", "123456789012345678901234567890"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            let Message::Request { id: read, .. } = read(body.as_bytes()).unwrap() else { panic!("{id}") };
            assert_eq!(result(&read, &Value::Null), format!(r#"{{"jsonrpc":"2.0","id":{id},"result":null}}"#));
        }
    }

    #[test]
    fn what_is_no_message_is_refused_by_its_code() {
        let deep = "[".repeat(100_000);
        for body in ["", "{", "nul", "{\"a\":}", &deep, "[1] 2"] {
            assert_eq!(refused(body), (None, -32_700), "{body:.20}");
        }
        assert_eq!(read(&[0xff, 0xfe]).unwrap_err().1.code, Code::Parse);
        let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#;
        for body in [batch, "[]", "1", "null", "\"x\"", "{}", r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#] {
            assert_eq!(refused(body), (None, -32_600), "{body}");
        }
        for id in ["1.5", "true", "{}", "[1]", "\"\\ud800\"", &format!("\"{}\"", "x".repeat(300))] {
            assert_eq!(refused(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)), (None, -32_600), "{id:.20}");
        }
        for body in [
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
        ] {
            assert_eq!(refused(body), (Some("1".into()), -32_600), "{body}");
        }
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#), (None, -32_600));
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#), (Some("1".into()), -32_602));
    }

    #[test]
    fn what_has_no_id_is_a_notification_and_an_answer_is_one() {
        let told = read(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).unwrap();
        assert!(matches!(told, Message::Notification));
        assert!(matches!(read(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#).unwrap(), Message::Answer));
    }
}
