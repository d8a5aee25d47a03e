//! Services: find them, read them, call them.

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderMap},
    web::Bytes,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use utoipa::ToSchema;

use crate::{
    http::Problem,
    routes::{
        mcp::{
            body::{self, Taken},
            schema::Schemas,
            tool::{Answer, Call, Done, Effect, Tool},
        },
        proxy::{self, Outgoing},
        services::{self, CategoryList, DiscoverPage, ServiceList, ServiceResponse},
    },
};

/// So much of an answer is handed on, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

pub fn all(schemas: &Schemas) -> Vec<Tool> {
    let search = Tool {
        name: "search_services",
        title: "Search services",
        description: "Finds API services that are paid by the call in USDC: by words, category, tags, price, free calls. Call one with \
            call_service.",
        is_public: true,
        effect: Effect::Reads,
        input: schemas.parameters::<DiscoverPage>(),
        output: schemas.body::<ServiceList>(),
        run: search_services,
    };
    let get = Tool {
        name: "get_service",
        title: "Read a service",
        description: "Everything about one service: what it does, what a call costs, how many calls are free.",
        is_public: true,
        effect: Effect::Reads,
        input: schemas.body::<WhichService>(),
        output: schemas.body::<ServiceResponse>(),
        run: get_service,
    };
    let categories = Tool {
        name: "list_categories",
        title: "List categories",
        description: "The categories of services, with the number of active services in each.",
        is_public: true,
        effect: Effect::Reads,
        input: schemas.body::<Nothing>(),
        output: schemas.body::<CategoryList>(),
        run: list_categories,
    };
    let call = Tool {
        name: "call_service",
        title: "Call a service",
        description: "Calls a service and pays for it in USDC from your balance. You are charged when its answer is delivered whole with \
            a status below 500; otherwise the call costs nothing. Give max_amount to bound the price, and an idempotency_key so that a \
            repeat has the first answer and is not charged again.",
        is_public: false,
        effect: Effect::Calls,
        input: schemas.body::<ServiceCall>(),
        output: schemas.body::<ServiceAnswer>(),
        run: call_service,
    };
    vec![search, get, categories, call.once()]
}

/// No arguments.
#[derive(Deserialize, ToSchema)]
struct Nothing {}

/// Which service.
#[derive(Deserialize, ToSchema)]
struct WhichService {
    /// The service's id.
    service_id: String,
}

/// A call of a service.
#[derive(Deserialize, ToSchema)]
struct ServiceCall {
    /// The service's id.
    service_id: String,
    /// How it is asked; POST when there is a body, else GET.
    method: Option<Method>,
    /// What comes behind the service's own address: `/analyze`. Neither `?` nor `#` stands in it.
    #[serde(default)]
    path: String,
    /// What is asked behind the question mark: names with text, numbers, or truth values.
    #[serde(default)]
    #[schema(value_type = Object)]
    query: Map<String, Value>,
    /// What is sent: any JSON. With a `content_type` that is no JSON it has to be text, which is sent as it is.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    body: Option<Box<RawValue>>,
    /// What kind of body it is; `application/json` when it is left out.
    #[schema(max_length = 255)]
    content_type: Option<String>,
    /// What you pay at most, in USDC: `"0.05"`. A call that costs more is not made.
    max_amount: Option<String>,
    /// What a repeat is known by.
    idempotency_key: Option<String>,
}

/// How a service is asked.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a service answered.
#[derive(Serialize, ToSchema)]
struct ServiceAnswer {
    /// The service's status. 400 and more is told as an error too.
    status: u16,
    /// What kind of body it is.
    content_type: Option<String>,
    /// The body: JSON as it is, else text.
    #[schema(value_type = Value)]
    body: Value,
    /// `json`, `text`, or `base64` for what is neither.
    body_encoding: &'static str,
    /// Whether there was more of it than is handed on here.
    truncated: bool,
    /// What the call cost.
    billing: Billing,
}

/// What a call cost.
#[derive(Serialize, ToSchema)]
struct Billing {
    /// The usage record.
    usage_id: String,
    /// What was charged, in USDC.
    amount: String,
    /// That it is USDC.
    currency: &'static str,
    /// Whether it was one of the calls for nothing.
    free_tier: bool,
    /// How long the service took, in milliseconds.
    latency_ms: u64,
    /// Whether this is the answer to an earlier call with the same key. It was charged then, and once.
    replayed: bool,
}

fn search_services(call: Call) -> Answer {
    Box::pin(async move { Done::with(&services::discover(&call.app, &call.arguments::<DiscoverPage>()?).await?) })
}

fn get_service(call: Call) -> Answer {
    Box::pin(async move { Done::with(&services::read(&call.app, &call.arguments::<WhichService>()?.service_id).await?) })
}

fn list_categories(call: Call) -> Answer {
    Box::pin(async move { Done::with(&services::categories(&call.app).await?) })
}

fn call_service(call: Call) -> Answer {
    Box::pin(async move {
        let asked: ServiceCall = call.arguments()?;
        let response = proxy::call(&call.app, call.caller()?, asked.outgoing(call.request_id())?).await?;
        let answer = ServiceAnswer::of(response).await?;
        Ok(Done { failed: answer.status >= 400, ..Done::with(&answer)? })
    })
}

impl ServiceCall {
    fn outgoing(self, request_id: String) -> Result<Outgoing, Problem> {
        let body = self.body.as_deref().map(|body| bytes(body, self.content_type.as_deref())).transpose()?;
        let method = self.method.unwrap_or(if body.is_some() { Method::Post } else { Method::Get });
        let mut pairs = Vec::with_capacity(self.query.len());
        for (name, value) in self.query {
            let text = match value {
                Value::String(text) => text,
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Null => continue,
                _ => return Err(Problem::invalid(format!("arguments.query.{name}"), "must be text, a number, true or false")),
            };
            pairs.push((name, text));
        }
        let query = serde_html_form::to_string(&pairs).map_err(Problem::internal)?;
        Ok(Outgoing {
            service: self.service_id,
            method: method.as_str().to_owned(),
            path: self.path,
            query: (!query.is_empty()).then_some(query),
            body: body.map(|bytes| (self.content_type.unwrap_or_else(|| "application/json".to_owned()), bytes)),
            max_amount: self.max_amount,
            idempotency_key: self.idempotency_key,
            request_id,
        })
    }
}

/// What is sent of a body.
fn bytes(body: &RawValue, content_type: Option<&str>) -> Result<Bytes, Problem> {
    if content_type.is_none_or(is_json) {
        return Ok(Bytes::copy_from_slice(body.get().as_bytes()));
    }
    let text: Result<String, _> = serde_json::from_str(body.get());
    text.map(Bytes::from).map_err(|_| Problem::invalid("arguments.body", "must be text, since content_type is no JSON"))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

impl ServiceAnswer {
    /// Reads an answer to its end, or as far as it is handed on.
    async fn of(response: HttpResponse) -> Result<Self, Problem> {
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let content_type = text(header::CONTENT_TYPE.as_str());
        let (status, billing) = (response.status().as_u16(), Billing::of(response.headers()));
        let Taken { bytes, truncated } = body::take(response.into_body(), ANSWER_BYTES_MAX).await?;
        let (body, body_encoding) = readable(&bytes, !truncated && content_type.as_deref().is_some_and(is_json), truncated);
        Ok(Self { status, content_type, body, body_encoding, truncated, billing })
    }
}

/// A body as it can be read by whoever asked.
fn readable(bytes: &[u8], is_json: bool, truncated: bool) -> (Value, &'static str) {
    if let (true, Ok(json)) = (is_json, serde_json::from_slice(bytes)) {
        return (json, "json");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.into(), "text"),
        // The cut may have gone through a character.
        Err(error) if truncated && error.error_len().is_none() => {
            let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (String::from_utf8_lossy(whole).into(), "text")
        }
        Err(_) => (STANDARD.encode(bytes).into(), "base64"),
    }
}

impl Billing {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self {
            usage_id: text("x-acf-usage-id").to_owned(),
            amount: text("x-acf-amount").to_owned(),
            currency: "USDC",
            free_tier: text("x-acf-free-tier") == "true",
            latency_ms: text("x-acf-latency-ms").parse().unwrap_or(0),
            replayed: text("idempotent-replayed") == "true",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_told_as_what_it_is() {
        assert_eq!(readable(b"{\"a\":1}", true, false), (json!({"a": 1}), "json"));
        assert_eq!(readable(b"{\"a\":1}", false, false), (json!("{\"a\":1}"), "text"));
        assert_eq!(readable(b"{\"a\"", true, false), (json!("{\"a\""), "text"));
        assert_eq!(readable(&[0xff, 0x00], false, false), (json!("/wA="), "base64"));
        // "ä" cut in two.
        assert_eq!(readable(&[b'a', 0xc3], false, true), (json!("a"), "text"));
        assert_eq!(readable(&[b'a', 0xc3], false, false).1, "base64");
    }

    #[test]
    fn what_is_sent_is_what_was_meant() {
        let asked = |json: Value| serde_json::from_str::<ServiceCall>(&json.to_string()).unwrap().outgoing(String::new());
        let plain = asked(json!({"service_id": "s"})).unwrap();
        assert_eq!((plain.method.as_str(), plain.query, plain.body), ("GET", None, None));
        let sent = asked(json!({"service_id": "s", "query": {"q": "a&b ü", "n": 1, "x": null}, "body": {"b": [1.50]}})).unwrap();
        assert_eq!((sent.method.as_str(), sent.query.as_deref()), ("POST", Some("n=1&q=a%26b+%C3%BC")));
        assert_eq!(sent.body, Some(("application/json".into(), Bytes::from_static(b"{\"b\":[1.5]}"))));
        let text = asked(json!({"service_id": "s", "body": "hi", "content_type": "text/plain"})).unwrap();
        assert_eq!(text.body, Some(("text/plain".into(), Bytes::from_static(b"hi"))));
        assert!(asked(json!({"service_id": "s", "body": 1, "content_type": "text/plain"})).is_err());
        assert!(asked(json!({"service_id": "s", "query": {"q": []}})).is_err());
    }
}
