//! Setting money aside, and what becomes of it.

use actix_web::{HttpResponse, post, web::Data};
use rialto_ledger::{Command as LedgerCommand, HoldId};

use super::{
    answer::{LedgerHoldAnswer, LedgerTransferAnswer, LedgerVoidAnswer},
    request::{LedgerHoldRequest, LedgerPostRequest},
    transfers::one,
};
use crate::{
    compose::App,
    http::{Command, NoBody, Path, Problem, problem::ProblemBody},
};

/// Hold money
///
/// Sets money of an account of yours aside for somebody: it can no longer be spent, and is not yet theirs. Then *post* it,
/// whole or in part, or *void* it; if it has an end, it is free again by itself. The id makes it safe to repeat.
#[utoipa::path(
    tag = "Ledger",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = LedgerHoldRequest,
    responses(
        (status = 200, description = "It had been made before.", body = LedgerHoldAnswer),
        (status = 201, description = "It was made.", body = LedgerHoldAnswer),
        (status = 400, description = "The accounts count different things; or a balance would leave its range.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "What is available does not cover it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The account that would pay is somebody else's; or the other one is the house's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "One of the accounts does not exist.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The id was used for something else; an account is frozen or closed; or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, and nothing was done; or it is not known whether it was (`outcome-unknown`): send it again with this `id`, also when it was made for you.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/ledger/holds")]
pub async fn create_ledger_hold(app: Data<App>, command: Command<LedgerHoldRequest>) -> Result<HttpResponse, Problem> {
    let Command { caller, body, key } = command;
    let body = LedgerCommand::Hold(body.hold(HoldId::new()));
    one::<LedgerHoldAnswer>(&app, Command { caller, body, key }).await
}

/// Post a hold
///
/// Pays what is held, whole or in part; what is not paid goes back. For who pays. The holds of running calls are Rialto's.
#[utoipa::path(
    tag = "Ledger",
    params(
        ("hold_id" = HoldId, Path, description = "The hold's id.", example = "0198c0de-0000-7000-8000-000000000040"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body(content = Option<LedgerPostRequest>),
    responses(
        (status = 200, description = "It had been posted, with this amount.", body = LedgerTransferAnswer),
        (status = 201, description = "The transfer that pays it.", body = LedgerTransferAnswer),
        (status = 400, description = "More is to be paid than is held.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "You are not the one who pays.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such hold.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has ended in another way; Rialto made it; or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, and nothing was done; or it is not known whether it was (`outcome-unknown`): send it again.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/ledger/holds/{hold_id}/post")]
pub async fn post_ledger_hold(
    app: Data<App>,
    command: Command<Option<LedgerPostRequest>>,
    path: Path<HoldId>,
) -> Result<HttpResponse, Problem> {
    let Command { caller, body, key } = command;
    let body = LedgerCommand::Post { hold: *path, amount: body.unwrap_or_default().amount };
    one::<LedgerTransferAnswer>(&app, Command { caller, body, key }).await
}

/// Void a hold
///
/// Gives back what is held. For who pays, and for who would be paid. The holds of running calls are Rialto's.
#[utoipa::path(
    tag = "Ledger",
    params(
        ("hold_id" = HoldId, Path, description = "The hold's id.", example = "0198c0de-0000-7000-8000-000000000040"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    responses(
        (status = 200, description = "The hold, which is over.", body = LedgerHoldAnswer),
        (status = 403, description = "You are neither who pays nor who would be paid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such hold.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It was posted, or has expired; Rialto made it; or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, and nothing was done; or it is not known whether it was (`outcome-unknown`): send it again.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/ledger/holds/{hold_id}/void")]
pub async fn void_ledger_hold(app: Data<App>, command: Command<NoBody>, path: Path<HoldId>) -> Result<HttpResponse, Problem> {
    let Command { caller, key, .. } = command;
    one::<LedgerVoidAnswer>(&app, Command { caller, body: LedgerCommand::Void(*path), key }).await
}
