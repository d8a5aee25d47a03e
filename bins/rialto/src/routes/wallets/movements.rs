//! Putting credits in, taking them out, moving them.

use actix_web::{HttpResponse, http::StatusCode, post, web::Data};
use rialto_kernel::{AccountId, Caller};
use rialto_ledger::{
    TransferId,
    wallet::{self, Sandbox},
};
use rialto_store::Tx;

use super::{
    dto::{AmountRequest, GrantRequest, TransferRequest, TransferResponse, WalletResponse},
    problem::in_doubt,
};
use crate::{
    compose::App,
    http::{Command, Path, Problem, problem::ProblemBody},
};

/// Transfer credits
///
/// Moves credits from your wallet (yours, or one of your agents') to any other, as one double entry. A transfer to the same
/// wallet is written down, and changes nothing. What is in somebody else's wallet is not told.
#[utoipa::path(
    tag = "Wallets",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = TransferRequest,
    responses(
        (status = 200, description = "Both wallets, after it.", body = TransferResponse),
        (status = 400, description = "What is available does not cover it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The source is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "One of them does not exist.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A wallet is frozen, or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, and nothing was done; or it is not known whether it was (`outcome-unknown`): `GET /ledger/transfers/{id}` with the `id` of the problem tells.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/wallets/transfer")]
pub async fn transfer_credits(app: Data<App>, command: Command<TransferRequest>) -> Result<HttpResponse, Problem> {
    let (now, id) = (app.clock.now(), TransferId::new());
    // What no key binds to this very transaction is gathered with what others ask for.
    if command.key.is_none() {
        let moved = app.teller.transfer_credits(&command.caller, command.body.transfer(id)).await.map_err(in_doubt(id))?;
        return Ok(HttpResponse::Ok().json(TransferResponse::shown_to(&command.caller, moved)));
    }
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, body: &TransferRequest| {
            Ok(TransferResponse::shown_to(caller, wallet::transfer(tx, caller, body.transfer(id), now).await?))
        })
        .await
}

/// Credit a wallet
///
/// Puts credits in. For administrators, and in the sandbox for the owner.
#[utoipa::path(
    tag = "Wallets",
    params(
        ("wallet_id" = AccountId, Path, description = "The wallet's id.", example = "0198c0de-0000-7000-8000-000000000010"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = AmountRequest,
    responses(
        (status = 200, description = "The wallet, after it.", body = WalletResponse),
        (status = 400, description = "The balance would be too large.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such wallet.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The wallet is closed, or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, and nothing was done; or it is not known whether it was (`outcome-unknown`): `GET /ledger/transfers/{id}` with the `id` of the problem tells.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/wallets/{wallet_id}/credit")]
pub async fn credit_wallet(
    app: Data<App>,
    command: Command<AmountRequest>,
    path: Path<AccountId>,
) -> Result<HttpResponse, Problem> {
    let (now, id, wallet, sandbox) = (app.clock.now(), TransferId::new(), *path, Sandbox(app.settings.sandbox));
    if command.key.is_none() {
        let credited =
            app.teller.credit(&command.caller, sandbox, command.body.movement(id, wallet)).await.map_err(in_doubt(id))?;
        return Ok(HttpResponse::Ok().json(WalletResponse::from(credited)));
    }
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, body: &AmountRequest| {
            let credited = wallet::credit(tx, caller, sandbox, body.movement(id, wallet), now).await?;
            Ok(WalletResponse::from(credited))
        })
        .await
}

/// Debit a wallet
///
/// Takes credits out of your wallet, or one of your agents'.
#[utoipa::path(
    tag = "Wallets",
    params(
        ("wallet_id" = AccountId, Path, description = "The wallet's id.", example = "0198c0de-0000-7000-8000-000000000010"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = AmountRequest,
    responses(
        (status = 200, description = "The wallet, after it.", body = WalletResponse),
        (status = 400, description = "What is available does not cover it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such wallet.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The wallet is frozen, or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, and nothing was done; or it is not known whether it was (`outcome-unknown`): `GET /ledger/transfers/{id}` with the `id` of the problem tells.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/wallets/{wallet_id}/debit")]
pub async fn debit_wallet(
    app: Data<App>,
    command: Command<AmountRequest>,
    path: Path<AccountId>,
) -> Result<HttpResponse, Problem> {
    let (now, id, wallet) = (app.clock.now(), TransferId::new(), *path);
    if command.key.is_none() {
        let debited = app.teller.debit(&command.caller, command.body.movement(id, wallet)).await.map_err(in_doubt(id))?;
        return Ok(HttpResponse::Ok().json(WalletResponse::from(debited)));
    }
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, body: &AmountRequest| {
            Ok(WalletResponse::from(wallet::debit(tx, caller, body.movement(id, wallet), now).await?))
        })
        .await
}

/// Grant credits
///
/// Gives credits as a welcome, a promotion or a reward. For administrators, and in the sandbox for the owner.
#[utoipa::path(
    tag = "Wallets",
    params(
        ("wallet_id" = AccountId, Path, description = "The wallet's id.", example = "0198c0de-0000-7000-8000-000000000010"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = GrantRequest,
    responses(
        (status = 200, description = "The wallet, after it.", body = WalletResponse),
        (status = 400, description = "The balance would be too large.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such wallet.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The wallet is closed, or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, and nothing was done; or it is not known whether it was (`outcome-unknown`): `GET /ledger/transfers/{id}` with the `id` of the problem tells.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/wallets/{wallet_id}/grant")]
pub async fn grant_credits(
    app: Data<App>,
    command: Command<GrantRequest>,
    path: Path<AccountId>,
) -> Result<HttpResponse, Problem> {
    let (now, id, wallet, sandbox) = (app.clock.now(), TransferId::new(), *path, Sandbox(app.settings.sandbox));
    if command.key.is_none() {
        let (kind, movement) = (command.body.grant_type.into(), command.body.movement(id, wallet));
        let granted = app.teller.grant(&command.caller, sandbox, kind, movement).await.map_err(in_doubt(id))?;
        return Ok(HttpResponse::Ok().json(WalletResponse::from(granted)));
    }
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, body: &GrantRequest| {
            let granted = wallet::grant(tx, caller, sandbox, body.grant_type.into(), body.movement(id, wallet), now).await?;
            Ok(WalletResponse::from(granted))
        })
        .await
}
