//! Books and prices, for everybody.

use actix_web::{HttpResponse, get, web::Data};
use rialto_market::{self as market, Interval};
use rialto_store::Tx;

use super::{
    dto::{CandleResponse, DepthResponse, OrderBookResponse, TickerResponse},
    problem::in_path,
    query::{CandlesQuery, DepthQuery},
};
use crate::{
    compose::App,
    http::{Path, Problem, Query},
};

/// Read a book
///
/// The best 100 open orders of each side, in the order in which they would trade. A capability that nobody has traded has an
/// empty book.
#[utoipa::path(
    tag = "Market",
    params(("capability" = String, Path, description = "What is traded.", example = "translation")),
    responses((status = 200, description = "The book.", body = OrderBookResponse)),
)]
#[get("/market/book/{capability}")]
pub async fn read_book(app: Data<App>, path: Path<String>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(book(&app, path.0).await?))
}

/// The book of a capability.
///
/// # Errors
/// 422 when that is none.
pub async fn book(app: &App, capability: String) -> Result<OrderBookResponse, Problem> {
    let name = capability.clone();
    let book = app.db.snapshot(async move |tx: &mut Tx| market::order_book(tx, &name).await).await.map_err(in_path)?;
    Ok(OrderBookResponse::of(capability, &book))
}

/// Read the depth of a book
///
/// The best prices of each side, with what is open at each.
#[utoipa::path(
    tag = "Market",
    params(("capability" = String, Path, description = "What is traded.", example = "translation"), DepthQuery),
    responses((status = 200, description = "The depth.", body = DepthResponse)),
)]
#[get("/market/book/{capability}/depth")]
pub async fn read_depth(app: Data<App>, path: Path<String>, query: Query<DepthQuery>) -> Result<HttpResponse, Problem> {
    let (name, levels) = (path.0.clone(), query.levels()?);
    let depth = app.db.snapshot(async move |tx: &mut Tx| market::depth(tx, &name, levels).await).await.map_err(in_path)?;
    Ok(HttpResponse::Ok().json(DepthResponse::of(path.0, depth)))
}

/// Read a ticker
///
/// The last price, the best prices, and what the last 24 hours come to.
#[utoipa::path(
    tag = "Market",
    params(("capability" = String, Path, description = "What is traded.", example = "translation")),
    responses((status = 200, description = "The ticker.", body = TickerResponse)),
)]
#[get("/market/ticker/{capability}")]
pub async fn read_ticker(app: Data<App>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (name, now) = (path.0.clone(), app.clock.now());
    let ticker = app.db.snapshot(async move |tx: &mut Tx| market::ticker(tx, &name, now).await).await.map_err(in_path)?;
    Ok(HttpResponse::Ok().json(TickerResponse::of(path.0, &ticker)))
}

/// List candles
///
/// What prices did in the last intervals, the newest first. An interval without trades has no candle.
#[utoipa::path(
    tag = "Market",
    params(("capability" = String, Path, description = "What is traded.", example = "translation"), CandlesQuery),
    responses((status = 200, description = "The candles.", body = Vec<CandleResponse>)),
)]
#[get("/market/candles/{capability}")]
pub async fn list_candles(app: Data<App>, path: Path<String>, query: Query<CandlesQuery>) -> Result<HttpResponse, Problem> {
    let (limit, now) = (query.limit()?, app.clock.now());
    let interval = query.interval.map_or(Interval::Minute, Interval::from);
    let read = async move |tx: &mut Tx| market::candles(tx, &path, interval, limit, now).await;
    let candles = app.db.read(read).await.map_err(in_path)?;
    Ok(HttpResponse::Ok().json(candles.into_iter().map(CandleResponse::from).collect::<Vec<_>>()))
}
