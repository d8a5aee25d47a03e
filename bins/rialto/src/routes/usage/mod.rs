//! What was called, and what it came to.

mod dto;

use actix_web::{HttpResponse, get, web::Data};
use rialto_identity::owner_name;
use rialto_kernel::{Caller, OwnerId};
use rialto_proxy_billing::usage::{UsageFilter, UsageParty, report};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

pub use self::dto::{UsageQuery, UsageResponse};
use crate::{
    compose::App,
    http::{Auth, Problem, Query, paging},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(read_my_usage).service(read_provider_usage);
}

/// Read your usage
///
/// The calls of services that you made and that have ended: what all of them come to, and one by one, the newest first.
#[utoipa::path(
    tag = "Usage",
    params(UsageQuery),
    responses((status = 200, description = "The calls.", body = UsageResponse)),
    security(("token" = [])),
)]
#[get("/api/v1/usage/me")]
pub async fn read_my_usage(app: Data<App>, auth: Auth, query: Query<UsageQuery>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(read(&app, auth.0, &query, UsageParty::Buyer).await?))
}

/// Read the usage of your services
///
/// The calls of your services that have ended: what all of them come to, and one by one, the newest first.
#[utoipa::path(
    tag = "Usage",
    params(UsageQuery),
    responses((status = 200, description = "The calls.", body = UsageResponse)),
    security(("token" = [])),
)]
#[get("/api/v1/usage/services")]
pub async fn read_provider_usage(app: Data<App>, auth: Auth, query: Query<UsageQuery>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(read(&app, auth.0, &query, UsageParty::Provider).await?))
}

/// What the caller's calls come to, or those of its services, and a page of them.
///
/// # Errors
/// 422.
pub async fn read(
    app: &App,
    caller: Caller,
    query: &UsageQuery,
    party: fn(OwnerId) -> UsageParty,
) -> Result<UsageResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 50, 100)?;
    let filter = UsageFilter { service: query.service_id, from: query.from, to: query.to, delivered: query.delivered };
    let read = async move |tx: &mut Tx| {
        let name = owner_name(tx, caller.owner).await?;
        let report = report(tx, &caller, party, &filter, page).await?;
        Ok::<_, Problem>(UsageResponse::new(name, &report, page))
    };
    // Sums and pages are of one moment.
    app.db.snapshot(read).await
}
