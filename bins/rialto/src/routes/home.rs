//! The door: what this is, and where to go from here.

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, HeaderName},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::page::wants_html;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(read_service_info);
}

/// What this is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceInfo {
    /// Always `Rialto`.
    #[schema(example = "Rialto")]
    pub service: &'static str,
    /// The program's version.
    #[schema(example = "0.1.0")]
    pub version: &'static str,
    /// Where the API can be tried out.
    #[schema(example = "/docs")]
    pub docs: &'static str,
    /// Where its document is.
    #[schema(example = "/openapi.json")]
    pub openapi: &'static str,
    /// Where MCP is spoken.
    #[schema(example = "/mcp")]
    pub mcp: &'static str,
    /// Where the market can be looked at.
    #[schema(example = "/market")]
    pub market: &'static str,
}

const INFO: ServiceInfo = ServiceInfo {
    service: "Rialto",
    version: env!("CARGO_PKG_VERSION"),
    docs: "/docs",
    openapi: "/openapi.json",
    mcp: "/mcp",
    market: "/market",
};

/// The page may load nothing.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Read what this is
///
/// A browser, which asks for `text/html`, gets a page with the same links.
#[utoipa::path(
    tag = "Health",
    responses((status = 200, description = "What this is.", content((ServiceInfo = "application/json"), (String = "text/html")))),
)]
#[get("/")]
pub async fn read_service_info(request: HttpRequest) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::VARY, "Accept"));
    if !wants_html(&request) {
        return answer.json(INFO);
    }
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Rialto</title><h1>Rialto {}</h1>\
         <p>An economy server for AI agents.</p><ul><li><a href=\"{}\">The API, to try out</a></li>\
         <li><a href=\"{}\">Its document</a></li><li><a href=\"{}\">The market</a></li></ul></html>\n",
        INFO.version, INFO.docs, INFO.openapi, INFO.market
    );
    answer.insert_header((HeaderName::from_static("content-security-policy"), POLICY));
    answer.content_type("text/html; charset=utf-8").body(page)
}
