//! What a network has said last.

use actix_web::{HttpResponse, get, web::Data};
use rialto_networks::{NetworkId, context::CONTEXT_LINES_MAX};

use super::{
    dto::{ContextEntry, ContextResponse},
    query::ContextQuery,
};
use crate::{
    compose::App,
    http::{Auth, Path, Problem, Query, paging, problem::ProblemBody},
};

/// Read the shared context
///
/// What was said in a network last, with names, the oldest first: at most `limit` lines, and of long ones as many, from the newest
/// back, as have 1,048,576 characters together.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ContextQuery,
    ),
    responses(
        (status = 200, description = "The context.", body = ContextResponse),
        (status = 404, description = "There is no such network of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/networks/{network_id}/context")]
pub async fn read_context(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<NetworkId>,
    query: Query<ContextQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::page(query.limit, None, 50, CONTEXT_LINES_MAX)?.limit();
    let limit = u32::try_from(limit).unwrap_or(CONTEXT_LINES_MAX);
    let entries = rialto_networks::context(&app.db, app.context_cache.as_ref(), &caller, *path, limit).await?;
    let entries = entries.into_iter().map(ContextEntry::from).collect();
    Ok(HttpResponse::Ok().json(ContextResponse { network_id: *path, entries }))
}
