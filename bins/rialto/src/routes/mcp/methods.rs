//! The methods of the protocol.

use actix_web::{HttpRequest, web::Data};
use rialto_kernel::Caller;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    schema::Schemas,
    tool::{Call, Done, Tool},
    tools,
    version::{self, Era},
    wire::{Code, Params, Refusal},
};
use crate::{
    compose::App,
    http::{Problem, body::holds_nul, middleware::note, problem::FieldError},
};

/// How long a list of tools may be kept, in milliseconds: it changes with the server's version alone.
const KEPT_MS: u32 = 300_000;

const INSTRUCTIONS: &str = "An economy for AI agents. Find agents (search_agents) and API services (search_services), call them \
(invoke_agent, for credits; call_service, for USDC), and trade capabilities on the market. A call is paid when it is delivered. Bound what \
it may cost by max_credits or max_amount, and give an idempotency_key wherever money may move: a repeat with the same key is not charged \
again. What costs money or is somebody's own takes a credential: `Authorization: Bearer <key_id>:<secret>`, set as a header in the \
client's configuration. Without one only what is for everybody is listed.";

/// All tools, made once.
pub struct Catalog(Vec<Tool>);

impl Catalog {
    /// The tools, with the schemas of the API's document.
    pub fn of(document: &utoipa::openapi::OpenApi) -> Self {
        Self(tools::all(&Schemas::of(document)))
    }

    /// Those for everybody, or all.
    pub fn listed(&self, is_known: bool) -> Vec<Value> {
        self.0.iter().filter(|tool| tool.is_public || is_known).map(Tool::definition).collect()
    }
}

/// Where and by whom something is asked.
pub struct Asked {
    pub app: Data<App>,
    pub catalog: Data<Catalog>,
    /// Who asks, or why that is not known.
    pub caller: Result<Caller, Problem>,
    pub request: HttpRequest,
    pub era: Era,
}

/// What is answered.
pub struct Answer {
    pub result: Value,
    /// Whether a credential would have made it another one.
    pub wants_credential: bool,
}

impl From<Value> for Answer {
    fn from(result: Value) -> Self {
        Self { result, wants_credential: false }
    }
}

/// Does what is asked.
pub async fn run(asked: Asked, method: &str, params: &Params, body: &[u8]) -> Result<Answer, Refusal> {
    let era = asked.era;
    match (era, method) {
        (Era::Handshake, "initialize") => initialize(params).map(Answer::from),
        (Era::Handshake, "ping") => Ok(json!({}).into()),
        (Era::Stateless, "server/discover") => Ok(complete(era, discovered(), true).into()),
        (_, "tools/list") => list(&asked, params).map(Answer::from),
        (_, "tools/call") => call(asked, params, body).await,
        _ => {
            let name: String = method.chars().filter(|char| !char.is_control()).take(100).collect();
            Err(Refusal::new(Code::MethodNotFound, format!("Method not found: {name}")))
        }
    }
}

fn server() -> Value {
    json!({"name": "rialto", "title": "Rialto", "version": env!("CARGO_PKG_VERSION")})
}

fn initialize(params: &Params) -> Result<Value, Refusal> {
    #[derive(Deserialize)]
    struct Initialize {
        #[serde(rename = "protocolVersion")]
        version: String,
    }
    let Initialize { version } = params.read()?;
    Ok(json!({
        "protocolVersion": version::agreed(&version),
        "capabilities": {"tools": {"listChanged": false}},
        "serverInfo": server(),
        "instructions": INSTRUCTIONS,
    }))
}

fn discovered() -> Value {
    json!({
        "supportedVersions": version::all(),
        "capabilities": {"tools": {}},
        "instructions": INSTRUCTIONS,
        "_meta": {"io.modelcontextprotocol/serverInfo": server()},
    })
}

/// What every result of the stateless version says, and how long one may be kept, by whom.
fn complete(era: Era, mut result: Value, is_for_all: bool) -> Value {
    if let (Era::Stateless, Value::Object(fields)) = (era, &mut result) {
        fields.insert("resultType".to_owned(), json!("complete"));
        fields.insert("ttlMs".to_owned(), json!(KEPT_MS));
        fields.insert("cacheScope".to_owned(), json!(if is_for_all { "public" } else { "private" }));
    }
    result
}

fn list(asked: &Asked, params: &Params) -> Result<Value, Refusal> {
    #[derive(Deserialize)]
    struct List {
        cursor: Option<Value>,
    }
    // All of them are on the first page: no cursor was ever given out.
    if params.read::<List>()?.cursor.is_some() {
        return Err(Refusal::new(Code::InvalidParams, "There is no page behind this cursor"));
    }
    let tools = asked.catalog.listed(asked.caller.is_ok());
    Ok(complete(asked.era, json!({"tools": tools}), false))
}

async fn call(asked: Asked, params: &Params, body: &[u8]) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    struct Named<'a> {
        name: String,
        #[serde(borrow)]
        arguments: Option<&'a RawValue>,
    }
    let Named { name, arguments } = params.read()?;
    if holds_nul(body) {
        return Err(Refusal::new(Code::InvalidParams, "Text must not contain the NUL character"));
    }
    let arguments = arguments.map_or_else(|| RawValue::from_string("{}".to_owned()), |given| Ok(given.to_owned()));
    let arguments = arguments.ok().filter(|arguments| arguments.get().starts_with('{'));
    let arguments = arguments.ok_or_else(|| Refusal::new(Code::InvalidParams, "arguments must be an object"))?;
    let Asked { app, catalog, caller, request, era } = asked;
    let Some(tool) = catalog.0.iter().find(|tool| tool.name == name) else {
        let name: String = name.chars().filter(|char| !char.is_control()).take(100).collect();
        return Err(Refusal::new(Code::InvalidParams, format!("Unknown tool: {name}")));
    };
    let (caller, refused) = match caller {
        Ok(caller) => (Some(caller), None),
        Err(problem) => (None, (!tool.is_public).then_some(problem)),
    };
    let call = Call { app, caller, request, arguments };
    let (id, wants_credential) = (call.request_id(), refused.is_some());
    let done = match refused {
        Some(problem) => Err(problem),
        None => match tool.check(&call.arguments) {
            Ok(()) => (tool.run)(call).await,
            Err(problem) => Err(problem),
        },
    };
    let mut result = match done {
        Ok(Done { value, failed, is_problem: false }) => shown(&value, failed, Some(&value)),
        Ok(Done { value, .. }) => shown(&value, true, None),
        Err(problem) => shown(&refusal(&problem, &id), true, None),
    };
    if let (Era::Stateless, Value::Object(fields)) = (era, &mut result) {
        fields.insert("resultType".to_owned(), json!("complete"));
    }
    Ok(Answer { result, wants_credential })
}

/// What came of a tool: for models as text, for programs as the schema says.
fn shown(value: &Value, failed: bool, structured: Option<&Value>) -> Value {
    let mut result = json!({"content": [{"type": "text", "text": value.to_string()}], "isError": failed});
    if let (Some(structured), Value::Object(fields)) = (structured, &mut result) {
        fields.insert("structuredContent".to_owned(), structured.clone());
    }
    result
}

/// A problem as the API has it; what it says of fields is about arguments here.
fn refusal(problem: &Problem, request_id: &str) -> Value {
    note(problem);
    let body = problem.body(Some(request_id));
    let errors = body.errors.iter().map(|error| {
        let place = error.field.split_once('.').filter(|(place, _)| matches!(*place, "query" | "body" | "path"));
        let field = place.map_or_else(|| error.field.clone(), |(_, field)| format!("arguments.{field}"));
        FieldError { field, message: error.message.clone() }
    });
    let errors: Vec<_> = errors.collect();
    let mut told = serde_json::to_value(&body).unwrap_or_default();
    if let (false, Value::Object(fields)) = (errors.is_empty(), &mut told) {
        let detail = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>().join("; ");
        fields.insert("detail".to_owned(), json!(detail));
        fields.insert("errors".to_owned(), json!(errors));
    }
    told
}
