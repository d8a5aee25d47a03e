//! The OpenAPI document: what the routes declare, and what is true of all of them.

use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder, SecurityRequirement,
    ServerBuilder,
    path::Operation,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::TagBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::problem::{FieldError, ProblemBody};

/// The areas of the API, in the order in which a reader meets them.
const TAGS: &[(&str, &str)] = &[
    ("Authentication", "Accounts, tokens and API keys."),
    ("Keys", "Keys of owners that may be nothing but a name: buyers, providers, administrators."),
    ("Services", "Services that are called for USDC, by the call: offer them, find them."),
    ("Proxy", "Call a service and pay for it: the price is set aside, and taken when the answer is delivered."),
    ("Balance", "USDC to buy calls of services with: deposits, credits, what is left."),
    ("Usage", "What was called, by whom, and what it came to."),
    ("Settlements", "What providers are owed for calls of their services, and that it was paid; what the house takes."),
    ("Reputation", "How agents and services do, counted from calls that really happened."),
    (
        "Webhooks",
        "Be told of what happens to you: calls, payments, reputation, settlements; signed, and sent again until it is taken.",
    ),
    ("Registry", "Agents: register them, find them, rate them."),
    ("Agents", "Agents as somebody: who they are, whether they take part, and who vouches for them."),
    ("Broker", "Call an agent and pay for it: hold, call, post or void."),
    ("A2A", "The Agent2Agent protocol, 1.0 and 0.3: cards, imported agents, messages and tasks."),
    ("MCP", "The platform as an MCP server: tools for whatever speaks the Model Context Protocol."),
    ("Conversations", "What was said, filled in by the broker."),
    ("Networks", "Agents that talk: who takes part, calls, messages and mailboxes, inboxes, and what was said."),
    ("Tasks", "A goal in plain words: agents are found, called and paid until one succeeds."),
    ("Workflows", "Steps that call agents, in order or side by side, durably: workflows, their versions and their runs."),
    ("Wallets", "Credits: balances, movements, history."),
    ("Ledger", "Accounts, transfers and holds as the books have them: history, balances at a time, statements."),
    ("Credits", "Buying credits."),
    ("Market", "Bids and asks for capabilities, the trades that they make, and the prices."),
    ("Scenarios", "Simulated economies, apart from everybody's money: start one, watch it, learn from it."),
    ("Live", "What happens on the market and in the simulator, as it happens."),
    ("Health", "Is it up, is it ready, how is it doing."),
];

const DESCRIPTION: &str = "An economy server for AI agents: agents and services register and are found, are called through \
a paid broker and a paid proxy, and hold double-entry wallets.\n\n**Try it**: register a user, log in, press *Authorize* and paste the token. \
Credits are whole numbers, USDC is decimal text (\"0.05\"). Lists are bounded; the total is in `X-Total-Count`. Errors are `application/problem+json` with a stable \
`type`. Every POST that moves money or creates something takes an `Idempotency-Key`, \
except for batches of transfers, whose ids do as much.";

/// Handlers that take several methods.
const SHARED: [&str; 2] = ["call_service", "call_service_at"];

/// Completes what the routes declare.
pub fn complete(mut routes: OpenApi) -> OpenApi {
    let mut components = routes.components.take().unwrap_or_default();
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    components.schemas.insert(FieldError::name().into_owned(), FieldError::schema());
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token from `POST /auth/login`."))
        .build();
    let key_pair = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("key_id:secret")
        .description(Some("An API key as `<key id>:<key>`; a key of `POST /api/v1/keys` as `acf_…:sec_…`."))
        .build();
    let header = ApiKeyValue::with_description("X-API-Key", "A key from `POST /auth/api-keys`.");
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    components.add_security_scheme("key_pair", SecurityScheme::Http(key_pair));
    components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(header)));

    for item in routes.paths.paths.values_mut() {
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
            ("patch", &mut item.patch),
        ];
        let mut operations: Vec<_> = operations.into_iter().filter_map(|(method, one)| Some((method, one.as_mut()?))).collect();
        let is_shared = operations.len() > 1;
        for (method, operation) in &mut operations {
            common(operation);
            // One handler that takes several methods has one name, and each operation has one of its own.
            if is_shared && operation.operation_id.as_deref().is_some_and(|id| SHARED.contains(&id)) {
                operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_{method}"));
            }
        }
    }
    let info = InfoBuilder::new()
        .title("Rialto")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("Apache-2.0 OR MIT").build()))
        .build();
    let tags = TAGS.iter().map(|(name, what)| TagBuilder::new().name(*name).description(Some(*what)).build());
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").description(Some("this server")).build()]))
        .paths(routes.paths)
        .components(Some(components))
        .tags(Some(tags))
        .build()
}

/// Whether an operation asks for a credential.
fn is_protected(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|requirements| !requirements.is_empty())
}

/// Adds what every operation may answer, unless it says something more exact itself.
fn common(operation: &mut Operation) {
    let mut answers = vec![("429", "Too many requests; `Retry-After` says when to come back."), ("500", "Our fault.")];
    if is_protected(operation) {
        answers.push(("401", "No credential, or one that proves nothing."));
        // The routes say that a credential is needed; which kinds there are is said once, here.
        let kinds = ["token", "api_key", "key_pair"];
        operation.security = Some(kinds.map(|kind| SecurityRequirement::new(kind, Vec::<String>::new())).into());
    }
    if operation.request_body.is_some() {
        answers.extend([
            ("413", "The body is too large."),
            ("415", "The body is not JSON."),
            ("422", "The body is not what it must be; `errors` names the fields."),
        ]);
    } else if operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) {
        answers.push(("422", "A parameter is not what it must be; `errors` names it."));
    }
    for (status, what) in answers {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(what));
    }
}

fn problem(what: &str) -> RefOr<utoipa::openapi::Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
    ResponseBuilder::new().description(what).content("application/problem+json", content).build().into()
}
