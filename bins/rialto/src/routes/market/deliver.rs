//! Having delivered what was bought.

use actix_web::{HttpRequest, HttpResponse, http::header, post, web::Data};
use rialto_market::TradeId;
use rialto_store::idempotency::Stored;

use super::dto::{TradeInvokeRequest, TradeInvokeResponse};
use crate::{
    compose::{
        App,
        deliveries::{Delivered, Report},
    },
    http::{Command, Path, Problem, command::replay, problem::ProblemBody},
};

/// How the answer is given, and kept for a repeat with the same `Idempotency-Key`.
pub fn render_delivery(report: &Report) -> Stored {
    // It holds nothing that could fail to be written.
    Stored { status: 200, body: serde_json::to_string(&TradeInvokeResponse::from(report)).unwrap_or_default() }
}

/// Have a trade delivered
///
/// Calls the seller's agent with your input, once for the whole trade. The trade has paid for it: the call itself charges nothing.
/// What the seller was paid is held in its wallet meanwhile. If the agent answers well, the trade is `delivered`. If not, it is
/// `reversed`: you have your credits back, and the house gives its fee back. A seller that has spent them before is not called
/// (409 `proceeds-spent`): ask again later, or say `"at_own_risk": true`. Then the trade may end as `failed`: the server tries for
/// a while to get your credits back, and you may have it delivered after all. Whatever the agent answers, the HTTP status is 200,
/// and the real one is in `status_code`. For the buyer's owner and administrators.
#[utoipa::path(
    tag = "Market",
    params(
        ("trade_id" = TradeId, Path, description = "The trade's id.", example = "0198c0de-0000-7000-8000-000000000060"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer, without a second call."),
    ),
    request_body = TradeInvokeRequest,
    responses(
        (status = 200, description = "How it ended: see `success` and `status`.", body = TradeInvokeResponse),
        (status = 403, description = "You did not buy it, or your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such trade, conversation or message.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It was delivered or reversed, or is being delivered (`trade-not-deliverable`); the seller has spent what it was paid (`proceeds-spent`); or the first request with this Idempotency-Key is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many calls are running (nothing was done), or the end is not known yet (`delivery-in-doubt`): read the trade in a moment.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/market/trades/{trade_id}/invoke")]
pub async fn invoke_trade(
    app: Data<App>,
    request: HttpRequest,
    path: Path<TradeId>,
    command: Command<TradeInvokeRequest>,
) -> Result<HttpResponse, Problem> {
    let Command { caller, body, key } = command;
    match app.deliveries.deliver(caller, body.of(*path, &request)?, key).await? {
        Delivered::Now(report) => {
            let answer = render_delivery(&report);
            Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(answer.body))
        }
        Delivered::Replayed(stored) => Ok(replay(stored)),
    }
}
