//! `/docs` (Swagger UI, from inside the binary) and `/openapi.json`.

use std::sync::Arc;

use actix_web::{HttpResponse, get, http::header, web};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerFile};

use super::Problem;

/// The document, rendered once, and the page's settings.
pub struct Docs {
    json: String,
    swagger: Arc<Config<'static>>,
}

impl Docs {
    /// Renders `document`.
    ///
    /// # Errors
    /// When it is no JSON, which a test would find.
    pub fn new(document: &OpenApi) -> Result<Self, serde_json::Error> {
        let swagger = Config::from("/openapi.json").try_it_out_enabled(true).persist_authorization(true);
        Ok(Self { json: document.to_pretty_json()?, swagger: Arc::new(swagger) })
    }
}

/// The OpenAPI 3.1 document.
#[get("/openapi.json")]
pub async fn openapi_json(docs: web::Data<Docs>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(docs.json.clone())
}

/// The page itself.
#[get("/docs")]
pub async fn page(docs: web::Data<Docs>) -> Result<HttpResponse, Problem> {
    // The same page answers with and without the trailing slash, so its links have to be absolute.
    let file = find(&docs, "index.html")?;
    let html = String::from_utf8_lossy(&file.bytes).replace("./", "/docs/").replace("\"index.css\"", "\"/docs/index.css\"");
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html.replace("Swagger UI</title>", "Rialto API</title>")))
}

/// What the page asks for.
#[get("/docs/{file}")]
pub async fn asset(docs: web::Data<Docs>, file: web::Path<String>) -> Result<HttpResponse, Problem> {
    let file = find(&docs, &file)?;
    let mut response = HttpResponse::Ok();
    response.content_type(file.content_type).insert_header((header::CACHE_CONTROL, "public, max-age=3600"));
    Ok(response.body(file.bytes.into_owned()))
}

fn find(docs: &Docs, name: &str) -> Result<SwaggerFile<'static>, Problem> {
    let found = utoipa_swagger_ui::serve(name, docs.swagger.clone());
    let found = found.map_err(|error| Problem::internal(std::io::Error::other(error.to_string())))?;
    found.ok_or_else(|| Problem::not_found("Not Found"))
}
