//! The market to look at: a page that the server renders and a small script keeps up to date, from inside the binary.

mod assets;
mod dto;
mod html;
mod look;
mod query;

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, HeaderName},
    web::Data,
};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

pub use assets::asset;
use dto::MarketOverview;
use html::Sheet;
use query::OverviewQuery;

use crate::{
    compose::App,
    http::{Problem, Query},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(overview);
}

/// What the page may load: its own files and nothing else, and nobody may put it into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Look at the market
///
/// What can be traded, and of one capability the ticker, the depth and the latest trades, all at one moment. `view=simulation`
/// shows the running simulation the same way, or else the last one. A browser, which asks for `text/html`, gets a page that shows all
/// of it and keeps itself up to date.
#[utoipa::path(
    tag = "Market",
    params(OverviewQuery),
    responses((status = 200, description = "What there is to see.", content(
        (MarketOverview = "application/json"),
        (String = "text/html"),
    ))),
)]
#[get("/market")]
pub async fn overview(app: Data<App>, request: HttpRequest, query: Query<OverviewQuery>) -> Result<HttpResponse, Problem> {
    let (view, wanted) = (query.view.unwrap_or_default(), query.capability.clone().filter(|name| !name.is_empty()));
    let now = app.clock.now();
    let found = app.db.snapshot(async move |tx: &mut Tx| look::at(tx, view, wanted.clone(), now).await).await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::VARY, "Accept")).insert_header((header::CACHE_CONTROL, "no-store"));
    if !wants_html(&request) {
        return Ok(answer.json(MarketOverview::from(found)));
    }
    answer.insert_header((HeaderName::from_static("content-security-policy"), POLICY));
    Ok(answer.content_type("text/html; charset=utf-8").body(html::page(&Sheet::of(&found))))
}

/// Whether whoever asks takes a page for an answer.
pub fn wants_html(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT);
    accepted.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}
