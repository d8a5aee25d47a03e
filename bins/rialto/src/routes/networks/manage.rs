//! Making, reading, changing and deleting networks.

use actix_web::{HttpResponse, delete, get, http::StatusCode, patch, post, web::Data};
use rialto_kernel::Caller;
use rialto_networks::{self as networks, NetworkChanges, NetworkId, NewNetwork};
use rialto_store::Tx;

use super::{
    dto::{NetworkCreate, NetworkResponse, NetworkUpdate},
    query::PageQuery,
};
use crate::{
    compose::App,
    http::{Auth, Command, Json, Path, Problem, Query, paging, problem::ProblemBody},
};

/// Create a network
///
/// It is yours, and empty.
#[utoipa::path(
    tag = "Networks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = NetworkCreate,
    responses(
        (status = 201, description = "The network.", body = NetworkResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/networks")]
pub async fn create_network(app: Data<App>, command: Command<NetworkCreate>) -> Result<HttpResponse, Problem> {
    let now = app.clock.now();
    command
        .run(&app, StatusCode::CREATED, async move |tx: &mut Tx, caller: &Caller, body: &NetworkCreate| {
            let network = networks::create_network(tx, caller, &NewNetwork::from(body), now).await?;
            Ok(NetworkResponse::from(network))
        })
        .await
}

/// List networks
///
/// Yours, newest first.
#[utoipa::path(
    tag = "Networks",
    params(PageQuery),
    responses((status = 200, description = "The networks of this page; the total is in `X-Total-Count`.", body = Vec<NetworkResponse>,
        headers(("X-Total-Count" = i64, description = "How many networks you have in all.")))),
    security(("token" = [])),
)]
#[get("/networks")]
pub async fn list_networks(app: Data<App>, Auth(caller): Auth, query: Query<PageQuery>) -> Result<HttpResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 50, 200)?;
    let found = app.db.read(async move |tx: &mut Tx| networks::list_networks(tx, &caller, page).await).await?;
    Ok(paging::list(&found.map(NetworkResponse::from)))
}

/// Get a network
///
/// One network of yours.
#[utoipa::path(
    tag = "Networks",
    params(("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011")),
    responses(
        (status = 200, description = "The network.", body = NetworkResponse),
        (status = 404, description = "There is no such network of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/networks/{network_id}")]
pub async fn read_network(app: Data<App>, Auth(caller): Auth, path: Path<NetworkId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let found = app.db.read(async move |tx: &mut Tx| networks::find_network(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(NetworkResponse::from(found)))
}

/// Change a network
///
/// What is left out, or null, stays as it is. In a network that is paused or closed nobody joins and nothing new is said;
/// what was accepted before is delivered.
#[utoipa::path(
    tag = "Networks",
    params(("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011")),
    request_body = NetworkUpdate,
    responses(
        (status = 200, description = "The network as it is now.", body = NetworkResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such network of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/networks/{network_id}")]
pub async fn update_network(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<NetworkId>,
    Json(body): Json<NetworkUpdate>,
) -> Result<HttpResponse, Problem> {
    let (id, changes, now) = (*path, NetworkChanges::from(body), app.clock.now());
    let change = async move |tx: &mut Tx| networks::update_network(tx, &caller, id, &changes, now).await;
    Ok(HttpResponse::Ok().json(NetworkResponse::from(app.db.write(change).await?)))
}

/// Delete a network
///
/// It and all that was said in it are gone. What still waits to be delivered is not delivered any more.
#[utoipa::path(
    tag = "Networks",
    params(("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such network of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/networks/{network_id}")]
pub async fn delete_network(app: Data<App>, Auth(caller): Auth, path: Path<NetworkId>) -> Result<HttpResponse, Problem> {
    let (id, now) = (*path, app.clock.now());
    app.db.write(async move |tx: &mut Tx| networks::delete_network(tx, &caller, id, now).await).await?;
    Ok(HttpResponse::NoContent().finish())
}
