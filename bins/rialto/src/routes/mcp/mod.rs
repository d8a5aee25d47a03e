//! The platform as an MCP server: any client of the Model Context Protocol can look around, call, and pay.
//!
//! One message comes in one POST and is answered there, as JSON; nothing is kept between two of them. The version of 2026-07-28 is
//! spoken, which has no handshake, and those before it, whose handshake is answered and then forgotten.

mod body;
mod descriptor;
mod methods;
mod origin;
mod schema;
mod tool;
mod tools;
mod version;
mod wire;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
    post,
    web::{self, Data},
};
pub use methods::Catalog;
use rialto_kernel::Caller;
use serde_json::value::RawValue;
use utoipa_actix_web::service_config::ServiceConfig;

use self::{
    methods::Asked,
    version::Era,
    wire::{Code, Message, Refusal},
};
use crate::{
    compose::App,
    http::{Auth, Problem, body as http_body, input::body_limit, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(call_mcp).service(descriptor::describe_mcp);
}

/// Call the platform by MCP
///
/// One JSON-RPC 2.0 message of the Model Context Protocol. With the header `MCP-Protocol-Version: 2026-07-28` the methods are
/// `server/discover`, `tools/list` and `tools/call`, and each says its version, method and tool in its headers as well; with an older
/// version, or none, they are `initialize`, `ping`, `tools/list` and `tools/call`. There are no sessions, and no batches. Tools do what
/// the operations of this API do, by the same rules; those that cost money or are somebody's own take a credential, and are not listed
/// without one. A tool that cannot do what is asked says so in its result (`isError`), as a problem in its text.
#[utoipa::path(
    tag = "MCP",
    params(
        ("MCP-Protocol-Version" = Option<String>, Header, description = "`2026-07-28`, or the version that was agreed upon.", example = "2026-07-28"),
        ("Mcp-Method" = Option<String>, Header, description = "The message's method, as of 2026-07-28.", example = "tools/call"),
        ("Mcp-Name" = Option<String>, Header, description = "The tool's name, as of 2026-07-28, for `tools/call`.", example = "search_agents"),
    ),
    request_body(content = Value, example = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "search_agents", "arguments": {"query": "summarize a long text"}}})),
    responses(
        (status = 200, description = "The answer.", body = Value,
            example = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "{\"agents\":[],\"count\":0}"}],
                "structuredContent": {"agents": [], "count": 0}, "isError": false}})),
        (status = 202, description = "A notification, which has no answer."),
        (status = 400, description = "A message that is none, or a version that is not spoken here: a JSON-RPC error.", body = Value),
        (status = 403, description = "A page may not ask from there.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such method, as of 2026-07-28: a JSON-RPC error.", body = Value),
        (status = 406, description = "`Accept` leaves out application/json.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/mcp")]
pub async fn call_mcp(
    app: Data<App>,
    catalog: Data<Catalog>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let page = request.headers().get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("?"));
    origin::check(&app, page)?;
    expect_json_back(&request)?;
    let caller = caller(&request).await?;
    http_body::expect_json(&request)?;
    let bytes = http_body::read(&request, &mut payload.into_inner(), body_limit(&request)).await?;
    let message = match wire::read(&bytes) {
        Ok(message) => message,
        Err((id, refusal)) => return Ok(refused(Era::Stateless, id.as_deref(), &refusal)),
    };
    let era = version::of(&request, &message);
    let Message::Request { id, method, params } = message else {
        return Ok(era.map_or_else(|refusal| refused(Era::Stateless, None, &refusal), |_| HttpResponse::Accepted().finish()));
    };
    let era = match era {
        Ok(era) => era,
        Err(refusal) => return Ok(refused(Era::Stateless, Some(&id), &refusal)),
    };
    Ok(match methods::run(Asked { app, catalog, caller, request, era }, &method, &params, &bytes).await {
        Ok(answer) => {
            let mut response = HttpResponse::Ok();
            if answer.wants_credential {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            json(&mut response, wire::result(&id, &answer.result))
        }
        Err(refusal) => refused(era, Some(&id), &refusal),
    })
}

/// Who asks, or why that is not known. Whoever guesses too often hears that at once.
async fn caller(request: &HttpRequest) -> Result<Result<Caller, Problem>, Problem> {
    use actix_web::FromRequest;

    match Auth::extract(request).await {
        Ok(Auth(caller)) => Ok(Ok(caller)),
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => Ok(Err(problem)),
        Err(problem) => Err(problem),
    }
}

/// Refuses whoever would not take JSON for an answer. Who says nothing takes it.
fn expect_json_back(request: &HttpRequest) -> Result<(), Problem> {
    let mut accepted = request.headers().get_all(header::ACCEPT).peekable();
    let takes_json = |range: &str| {
        let kind = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(kind.as_str(), "application/json" | "application/*" | "*/*")
    };
    let is_silent = accepted.peek().is_none();
    if is_silent || accepted.any(|value| value.to_str().unwrap_or_default().split(',').any(takes_json)) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "Accept has to include application/json."))
}

/// A refusal, with the status that its version has for it.
fn refused(era: Era, id: Option<&RawValue>, refusal: &Refusal) -> HttpResponse {
    let status = match (refusal.code, era) {
        (Code::Parse | Code::InvalidRequest | Code::HeaderMismatch | Code::UnsupportedVersion, _) => StatusCode::BAD_REQUEST,
        (Code::InvalidParams, Era::Stateless) => StatusCode::BAD_REQUEST,
        (Code::MethodNotFound, Era::Stateless) => StatusCode::NOT_FOUND,
        (Code::InvalidParams | Code::MethodNotFound, Era::Handshake) => StatusCode::OK,
    };
    json(&mut HttpResponse::build(status), wire::refusal(id, refusal))
}

fn json(response: &mut HttpResponseBuilder, body: String) -> HttpResponse {
    response.insert_header((header::CONTENT_TYPE, "application/json")).body(body)
}
