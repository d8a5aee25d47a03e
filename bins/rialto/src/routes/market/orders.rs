//! Orders.

use actix_web::{
    HttpResponse, delete, get,
    http::{StatusCode, header},
    patch, post,
    web::Data,
};
use rialto_kernel::Caller;
use rialto_market::{self as market, Keyed, Once, OrderId, Placed};
use rialto_store::{
    Tx,
    idempotency::{Key, Stored},
};

use super::{
    dto::{AmendOrderRequest, OrderPageResponse, OrderPlacedResponse, OrderRequest, OrderResponse},
    problem::in_query,
    query::OrdersQuery,
};
use crate::{
    compose::App,
    http::{Auth, Command, Json, Path, Problem, Query, command::replay, problem::ProblemBody},
};

/// How the answer to an order is given, and kept for a repeat with the same `Idempotency-Key`.
fn render(placed: &Placed) -> Stored {
    let status = if placed.existed { StatusCode::OK } else { StatusCode::CREATED };
    // The answer holds nothing that could fail to be written.
    let body = serde_json::to_string(&OrderPlacedResponse::from(placed.clone())).unwrap_or_default();
    Stored { status: status.as_u16(), body }
}

/// Place an order
///
/// A bid holds price times quantity in its agent's wallet for as long as it is open. The order rests until it is matched
/// (`POST /market/match/{capability}`), also where a bid reaches an ask; it trades at once if its capability is continuous, with
/// `"match": "immediate"`, and if it cannot rest (`market`, `ioc`, `fok`). Each trade is at the price of the order that rested, and
/// pays the seller at once; what a bid does not need any more is free again.
#[utoipa::path(
    tag = "Market",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer, without a second order.")),
    request_body = OrderRequest,
    responses(
        (status = 200, description = "It had been placed before under this `client_order_id`: the order as it is now.", body = OrderPlacedResponse),
        (status = 201, description = "The order, and the trades that it made at once. One that came to nothing says why in `reason`.", body = OrderPlacedResponse),
        (status = 402, description = "The agent's wallet does not cover the bid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The agent is somebody else's, or your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The `client_order_id` was used for another order; the wallet is frozen or closed; the agent is not active (`agent-inactive`); or there are too many open orders, of the capability (`book-full`) or of the owner (`too-many-open-orders`).", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Very many orders wait to be matched, or the database is away: try again.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/market/orders")]
pub async fn place_order(app: Data<App>, command: Command<OrderRequest>) -> Result<HttpResponse, Problem> {
    let Command { caller, body, key } = command;
    let Stored { status, body } = match place(&app, &caller, body, key).await? {
        Once::Now(stored) => stored,
        Once::Replayed(stored) => return Ok(replay(stored)),
    };
    let status = StatusCode::from_u16(status).map_err(Problem::internal)?;
    Ok(HttpResponse::build(status).insert_header((header::CONTENT_TYPE, "application/json")).body(body))
}

/// Places an order, once per key, and gives the answer as it is kept.
///
/// # Errors
/// Those of `POST /market/orders`.
pub async fn place(app: &App, caller: &Caller, order: OrderRequest, key: Option<Key>) -> Result<Once<Stored>, Problem> {
    let place = async |trader| {
        let new = order.clone().order(trader);
        match &key {
            None => app.exchange.place(caller, new).await.map(Once::Now),
            Some(key) => app.exchange.place_once(caller, new, Keyed { key: key.clone(), render }).await,
        }
    };
    Ok(match app.traders.place(&order.agent_id, place).await? {
        Once::Now(placed) => Once::Now(render(&placed)),
        Once::Replayed(stored) => Once::Replayed(stored),
    })
}

/// List your orders
///
/// The newest first. Administrators are shown those of `owner_id`, or everybody's.
#[utoipa::path(
    tag = "Market",
    params(OrdersQuery),
    responses(
        (status = 200, description = "The orders of this page.", body = OrderPageResponse),
        (status = 403, description = "`owner_id` is somebody else.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/market/orders")]
pub async fn list_orders(app: Data<App>, Auth(caller): Auth, query: Query<OrdersQuery>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(list(&app, caller, &query).await?))
}

/// A page of orders.
///
/// # Errors
/// 403, 404 and 422.
pub async fn list(app: &App, caller: Caller, query: &OrdersQuery) -> Result<OrderPageResponse, Problem> {
    let (filter, limit) = (query.filter()?, query.limit()?);
    if filter.owner.is_some_and(|owner| !caller.may_read(owner)) {
        return Err(Problem::forbidden("These orders are somebody else's."));
    }
    let agent = match &query.agent_id {
        Some(agent) => Some(app.traders.find(agent).await?.agent),
        None => None,
    };
    let filter = market::OrderFilter { agent, ..filter };
    let read = async move |tx: &mut Tx| market::orders(tx, &caller, filter.clone(), limit).await.map_err(in_query);
    Ok(OrderPageResponse::from(app.db.read(read).await?))
}

/// Read an order
///
/// For its owner and administrators.
#[utoipa::path(
    tag = "Market",
    params(("order_id" = OrderId, Path, description = "The order's id.", example = "0198c0de-0000-7000-8000-000000000050")),
    responses(
        (status = 200, description = "The order.", body = OrderResponse),
        (status = 404, description = "There is no such order of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/market/orders/{order_id}")]
pub async fn read_order(app: Data<App>, Auth(caller): Auth, path: Path<OrderId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let order = app.db.read(async move |tx: &mut Tx| market::order(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(OrderResponse::from(order)))
}

/// Amend an order
///
/// Gives an open order another price, another quantity, or both. It keeps its place in the queue if the price stays and it does
/// not grow; otherwise it goes behind all others of its price, and trades at once where orders trade as they arrive. A bid
/// holds what it is for from then on.
#[utoipa::path(
    tag = "Market",
    params(("order_id" = OrderId, Path, description = "The order's id.", example = "0198c0de-0000-7000-8000-000000000050")),
    request_body = AmendOrderRequest,
    responses(
        (status = 200, description = "The order, and the trades that it made at once.", body = OrderPlacedResponse),
        (status = 402, description = "The agent's wallet does not cover it. The order is as it was.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is somebody else's, or your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such order.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has ended; it is post-only and would trade; or the wallet is frozen or closed.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Very many orders wait to be matched, or the database is away: try again.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/market/orders/{order_id}")]
pub async fn amend_order(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<OrderId>,
    body: Json<AmendOrderRequest>,
) -> Result<HttpResponse, Problem> {
    let amended = app.exchange.amend(&caller, *path, (&body.0).into()).await?;
    Ok(HttpResponse::Ok().json(OrderPlacedResponse::from(amended)))
}

/// Cancel an order
///
/// What is still open of it ends, and its money is free.
#[utoipa::path(
    tag = "Market",
    params(("order_id" = OrderId, Path, description = "The order's id.", example = "0198c0de-0000-7000-8000-000000000050")),
    responses(
        (status = 200, description = "The order, cancelled.", body = OrderResponse),
        (status = 403, description = "It is somebody else's, or your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such order.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has ended already.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/market/orders/{order_id}")]
pub async fn cancel_order(app: Data<App>, Auth(caller): Auth, path: Path<OrderId>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(cancel(&app, &caller, *path).await?))
}

/// Ends what is open of an order.
///
/// # Errors
/// 403, 404 and 409.
pub async fn cancel(app: &App, caller: &Caller, order: OrderId) -> Result<OrderResponse, Problem> {
    Ok(OrderResponse::from(app.exchange.cancel(caller, order).await?))
}
