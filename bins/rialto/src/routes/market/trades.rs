//! Matches and trades.

use actix_web::{HttpResponse, get, post, web::Data};
use rialto_market::{self as market, Keyed, Once, TRADES_MAX, Trade, TradeFilter, TradeId};
use rialto_store::{Tx, idempotency::Stored};

use super::{
    dto::TradeResponse,
    problem::{in_path, in_query},
    query::{MatchQuery, TradesQuery},
};
use crate::{
    compose::App,
    http::{
        Command, Path, Problem, Query,
        command::{NoBody, replay},
        paging,
        problem::ProblemBody,
    },
};

/// Match orders
///
/// Lets the open orders of a capability meet: the best price first, of one price the oldest first, each at the price of the
/// order that rested. After it no bid reaches an ask. Anybody with a credential may ask for it: it does what the rules say,
/// whoever asks, and a repeat finds nothing left to do. The trades are paid when it answers.
#[utoipa::path(
    tag = "Market",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer, and match nothing more."),
        ("capability" = String, Path, description = "What is traded.", example = "translation"),
        MatchQuery,
    ),
    responses(
        (status = 200, description = "The trades, in the order in which they happened. At about 10,000 it stops: ask again.", body = Vec<TradeResponse>),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The first request with this Idempotency-Key is still running.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/market/match/{capability}")]
pub async fn match_orders(
    app: Data<App>,
    path: Path<String>,
    query: Query<MatchQuery>,
    command: Command<NoBody>,
) -> Result<HttpResponse, Problem> {
    let Command { caller, key, .. } = command;
    let keyed = key.map(|key| Keyed { key, render });
    Ok(match app.exchange.match_for(&caller, &path, query.tick()?, keyed).await.map_err(in_path)? {
        Once::Now(trades) => HttpResponse::Ok().json(shown(&trades)),
        Once::Replayed(stored) => replay(stored),
    })
}

fn shown(trades: &[Trade]) -> Vec<TradeResponse> {
    trades.iter().map(TradeResponse::from).collect()
}

#[expect(clippy::ptr_arg, reason = "a key's answer is made of what is done")]
/// How the answer to a match is kept for a repeat with the same `Idempotency-Key`.
fn render(trades: &Vec<Trade>) -> Stored {
    // It holds nothing that could fail to be written.
    Stored { status: 200, body: serde_json::to_string(&shown(trades)).unwrap_or_default() }
}

/// List trades
///
/// Everybody's, the newest first.
#[utoipa::path(
    tag = "Market",
    params(TradesQuery),
    responses(
        (status = 200, description = "The trades of this page.", body = Vec<TradeResponse>),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/market/trades")]
pub async fn list_trades(app: Data<App>, query: Query<TradesQuery>) -> Result<HttpResponse, Problem> {
    let (page, filter) = (paging::page(query.limit, query.offset, 50, TRADES_MAX)?, query.filter());
    let agent = match &query.agent_id {
        Some(agent) => Some(app.traders.find(agent).await?.agent),
        None => None,
    };
    let filter = TradeFilter { agent, ..filter };
    let read = async move |tx: &mut Tx| market::trades(tx, &filter, page).await.map_err(in_query);
    let trades = app.db.read(read).await?;
    Ok(HttpResponse::Ok().json(shown(&trades)))
}

/// Read a trade
#[utoipa::path(
    tag = "Market",
    params(("trade_id" = TradeId, Path, description = "The trade's id.", example = "0198c0de-0000-7000-8000-000000000060")),
    responses(
        (status = 200, description = "The trade.", body = TradeResponse),
        (status = 404, description = "There is no such trade.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/market/trades/{trade_id}")]
pub async fn read_trade(app: Data<App>, path: Path<TradeId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let trade = app.db.read(async move |tx: &mut Tx| market::trade(tx, id).await).await?;
    Ok(HttpResponse::Ok().json(TradeResponse::from(&trade)))
}
