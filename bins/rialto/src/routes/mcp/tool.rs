//! What a tool is, and what it is called with.

use std::collections::BTreeMap;

use actix_web::{HttpMessage, HttpRequest, web::Data};
use futures_util::future::LocalBoxFuture;
use rialto_kernel::{Caller, IdempotencyKey};
use rialto_store::idempotency::{Key, Stored};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

use super::schema;
use crate::{
    compose::App,
    http::{Problem, body::parse, command::bad_key, middleware::RequestId, problem::FieldError},
};

/// What a tool does to the world: hints for whoever decides whether it may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It looks.
    Reads,
    /// It calls somebody else's server, and may cost money.
    Calls,
    /// It changes something here, and may cost money.
    Changes,
    /// It takes something back; doing it twice does no more.
    TakesBack,
}

/// A tool.
pub struct Tool {
    /// What it is called.
    pub name: &'static str,
    /// The same, for people.
    pub title: &'static str,
    /// What it does.
    pub description: &'static str,
    /// Whether it needs no credential.
    pub is_public: bool,
    /// What it does to the world.
    pub effect: Effect,
    /// What it takes.
    pub input: Value,
    /// What it gives.
    pub output: Value,
    /// Does it.
    pub run: fn(Call) -> Answer,
}

/// What comes of a call.
pub type Answer = LocalBoxFuture<'static, Result<Done, Problem>>;

/// What a tool gives.
pub struct Done {
    /// As its schema says.
    pub value: Value,
    /// Whether what was asked for could not be done.
    pub failed: bool,
    /// Whether it is a problem document instead.
    pub is_problem: bool,
}

impl Done {
    /// What was asked for.
    pub fn with(value: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self { value: serde_json::to_value(value).map_err(Problem::internal)?, failed: false, is_problem: false })
    }

    /// The same, as it is kept for repeats.
    pub fn kept(stored: &Stored) -> Result<Self, Problem> {
        let failed = stored.status >= 400;
        Ok(Self { value: serde_json::from_str(&stored.body).map_err(Problem::internal)?, failed, is_problem: failed })
    }
}

impl Tool {
    /// As clients list it.
    pub fn definition(&self) -> Value {
        let reads = self.effect == Effect::Reads;
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input,
            "outputSchema": self.output,
            "annotations": {
                "title": self.title,
                "readOnlyHint": reads,
                "destructiveHint": !reads,
                "idempotentHint": reads || self.effect == Effect::TakesBack,
                "openWorldHint": self.effect == Effect::Calls,
            },
        })
    }

    /// Adds an argument that the API takes in a header.
    #[must_use]
    pub fn taking(mut self, name: &str, schema: Value) -> Self {
        if let Some(members) = schema::members(&mut self.input) {
            members.insert(name.to_owned(), schema);
        }
        self
    }

    /// The same, for what makes a repeat the same call.
    #[must_use]
    pub fn once(self) -> Self {
        self.taking(
            "idempotency_key",
            json!({
                "type": "string", "minLength": 1, "maxLength": IdempotencyKey::BYTES_MAX,
                "description": "A text of your own, new for every new wish. A repeat with the same key and the same arguments has the \
                    first answer, and costs nothing again: always give one where money may move.",
            }),
        )
    }

    /// Refuses arguments that the tool does not have: a slip in `max_amount` would cost more than was meant.
    pub fn check(&self, arguments: &RawValue) -> Result<(), Problem> {
        let given: BTreeMap<String, &RawValue> = serde_json::from_str(arguments.get())
            .map_err(|error| Problem::invalid("arguments", format!("must be an object: {error}")))?;
        let known = self.input.get("properties").and_then(Value::as_object);
        let is_known = |name: &str| known.is_some_and(|known| known.contains_key(name));
        let unknown: Vec<_> = given.keys().filter(|name| !is_known(name)).take(10).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let names = known.map(|known| known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")).unwrap_or_default();
        let field = |name: &String| FieldError {
            field: format!("arguments.{}", name.chars().take(64).collect::<String>()),
            message: format!("is no argument of this tool; it takes: {names}"),
        };
        Err(Problem::invalid_all(unknown.into_iter().map(field).collect()))
    }
}

/// A call of a tool.
pub struct Call {
    /// Where it is made.
    pub app: Data<App>,
    /// By whom. A tool that is not public is called by somebody.
    pub caller: Option<Caller>,
    /// The request that it came in.
    pub request: HttpRequest,
    /// What for: an object.
    pub arguments: Box<RawValue>,
}

/// What makes a repeat the same call, beside the tool's other arguments.
#[derive(serde::Deserialize)]
struct Once {
    idempotency_key: Option<String>,
}

impl Call {
    /// The arguments, read just as the body of a request is.
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        parse(self.arguments.get().as_bytes())
    }

    /// Who calls.
    pub fn caller(&self) -> Result<Caller, Problem> {
        self.caller.ok_or_else(|| Problem::unauthenticated("Not authenticated"))
    }

    /// What the request is called.
    pub fn request_id(&self) -> String {
        self.request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
    }

    /// The key that a repeat of this call is known by, for what is not passed on: it belongs to this owner and tool, and to these
    /// very arguments, in whatever order they are.
    pub fn key(&self, caller: &Caller, tool: &str) -> Result<Option<Key>, Problem> {
        let Some(key) = self.arguments::<Once>()?.idempotency_key else { return Ok(None) };
        let key = IdempotencyKey::parse(&key).map_err(|bad| bad_key("arguments.idempotency_key", bad))?;
        let mut arguments: Value = self.arguments()?;
        arguments.sort_all_objects();
        let fingerprint = self.app.fingerprints.of(&[caller.role.as_str().as_bytes(), arguments.to_string().as_bytes()]);
        Ok(Some(Key { scope: format!("{}/mcp {tool}", caller.owner), key: key.into(), fingerprint }))
    }
}
