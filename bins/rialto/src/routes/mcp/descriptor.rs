//! What clients of other marketplaces ask for before they know that there is a server of the protocol.

use actix_web::{HttpRequest, HttpResponse, get, web::Data};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Catalog, version};
use crate::{
    compose::App,
    http::{Problem, Query},
    routes::{
        a2a::base,
        services::{DiscoverPage, ServiceResponse, discover},
    },
};

/// How the platform is reached by MCP, and what can be called there.
#[derive(Debug, Serialize, ToSchema)]
pub struct McpDescriptor {
    /// What the server is called.
    #[schema(example = "rialto")]
    pub name: &'static str,
    /// Its version.
    #[schema(example = "0.1.0")]
    pub version: &'static str,
    /// Where the API is.
    #[schema(example = "http://localhost:8000")]
    pub base_url: String,
    /// Where the protocol is spoken.
    #[schema(example = "http://localhost:8000/mcp")]
    pub endpoint: String,
    /// How.
    #[schema(example = "streamable-http")]
    pub transport: &'static str,
    /// Which versions of it, the newest first.
    pub protocol_versions: Vec<&'static str>,
    /// All tools, those too that take a credential.
    #[schema(value_type = Vec<Object>)]
    pub tools: Vec<Value>,
    /// A page of the services that `call_service` calls.
    pub services: Vec<McpService>,
    /// How many services there are in all.
    pub total: i64,
    /// How many there may be in a page.
    pub limit: i64,
    /// How many were skipped.
    pub offset: i64,
}

/// A service, and the call of a tool that calls it.
#[derive(Debug, Serialize, ToSchema)]
pub struct McpService {
    /// The service.
    #[serde(flatten)]
    pub service: ServiceResponse,
    /// The tool to call.
    #[schema(example = "call_service")]
    pub tool: &'static str,
    /// What to call it with, beside the body.
    #[schema(value_type = Object)]
    pub arguments: Value,
}

/// Describe the MCP server
///
/// Where it is, which tools it has, and services that can be called through it. The filters are those of `GET /api/v1/discover`.
#[utoipa::path(
    tag = "MCP",
    params(DiscoverPage),
    responses((status = 200, description = "The server, its tools, and a page of services.", body = McpDescriptor)),
)]
#[get("/api/v1/mcp/descriptor")]
pub async fn describe_mcp(
    app: Data<App>,
    catalog: Data<Catalog>,
    request: HttpRequest,
    query: Query<DiscoverPage>,
) -> Result<HttpResponse, Problem> {
    let found = discover(&app, &query).await?;
    let base_url = base(&app, &request);
    let services = found.services.into_iter().map(|service| McpService {
        tool: "call_service",
        arguments: json!({"service_id": service.id, "max_amount": service.pricing.price_per_call}),
        service,
    });
    Ok(HttpResponse::Ok().json(McpDescriptor {
        name: "rialto",
        version: env!("CARGO_PKG_VERSION"),
        endpoint: format!("{base_url}/mcp"),
        base_url,
        transport: "streamable-http",
        protocol_versions: version::all(),
        tools: catalog.listed(true),
        services: services.collect(),
        total: found.total,
        limit: found.limit,
        offset: found.offset,
    }))
}
