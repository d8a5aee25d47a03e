//! Is it up, is it ready, how is it doing.

use actix_web::{HttpResponse, get, http::StatusCode, web::Data};
use rialto_kernel::Timestamp;
use rialto_store::Tx;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{compose::App, http::Problem};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(health).service(ready).service(metrics);
}

/// A sign of life.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `healthy`; a server that is not does not answer.
    #[schema(example = "healthy")]
    pub status: &'static str,
    /// Always `rialto`.
    #[schema(example = "rialto")]
    pub service: &'static str,
    /// The program's version.
    #[schema(example = "0.1.0")]
    pub version: &'static str,
    /// The server's clock.
    pub timestamp: Timestamp,
}

fn alive(app: &App, status: &'static str) -> Health {
    Health { status, service: "rialto", version: env!("CARGO_PKG_VERSION"), timestamp: app.clock.now() }
}

/// Health check
///
/// Says that the process is up. It asks nothing else: see `/ready`.
#[utoipa::path(tag = "Health", responses((status = 200, description = "It is up.", body = Health)))]
#[get("/health")]
pub async fn health(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().json(alive(&app, "healthy"))
}

/// Readiness check
///
/// Says that requests can be served: the database answers.
#[utoipa::path(tag = "Health", responses(
    (status = 200, description = "It is ready.", body = Health),
    (status = 503, description = "The database does not answer.", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
))]
#[get("/ready")]
pub async fn ready(app: Data<App>) -> Result<HttpResponse, Problem> {
    app.db.ping().await.map_err(|error| {
        tracing::warn!(%error, "not ready");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "The database does not answer.").retry_after(1)
    })?;
    Ok(HttpResponse::Ok().json(alive(&app, "ready")))
}

/// Metrics
///
/// Counters and histograms in Prometheus' text format.
#[utoipa::path(tag = "Health", responses((status = 200, description = "All metrics.", body = String, content_type = "text/plain")))]
#[get("/metrics")]
pub async fn metrics(app: Data<App>) -> Result<HttpResponse, Problem> {
    let now = app.clock.now();
    // A database that is away is what the other metrics are wanted for.
    if let Ok(backlog) = app.db.read(async move |tx: &mut Tx| rialto_jobs::backlog(tx, now).await).await {
        app.metrics.backlog(backlog);
    }
    app.metrics.finder(app.finder.stats());
    let text = app.metrics.render().map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}
