//! Packages and purchases.

use actix_web::{HttpResponse, get, http::StatusCode, post, web::Data};
use rialto_kernel::{AccountId, Caller};
use rialto_ledger::{
    purchase::{self, PurchaseId},
    wallet::Sandbox,
};
use rialto_store::Tx;

use super::dto::{CreditPackageResponse, PurchaseRequest, PurchaseResponse};
use crate::{
    compose::App,
    http::{Auth, Command, NoBody, Path, Problem, problem::ProblemBody},
};

/// List credit packages
///
/// What is on sale.
#[utoipa::path(
    tag = "Credits",
    responses((status = 200, description = "The packages.", body = Vec<CreditPackageResponse>)),
)]
#[get("/credits/packages")]
pub async fn list_credit_packages(app: Data<App>) -> HttpResponse {
    let packages: Vec<_> = app.payments.packages.as_slice().iter().map(CreditPackageResponse::from).collect();
    HttpResponse::Ok().json(packages)
}

/// Buy credits
///
/// Opens a checkout for a wallet of yours. The purchase is pending until it is paid; then the credits are in the wallet.
/// Where the provider is simulated there is nothing to pay, and the purchase is confirmed by hand.
#[utoipa::path(
    tag = "Credits",
    params(
        ("wallet_id" = AccountId, Path, description = "The wallet that the credits go to.", example = "0198c0de-0000-7000-8000-000000000010"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = PurchaseRequest,
    responses(
        (status = 200, description = "The pending purchase.", body = PurchaseResponse),
        (status = 400, description = "There is no such package.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The wallet is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such wallet.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The payment provider is not available, or refused.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/credits/wallets/{wallet_id}/purchase")]
pub async fn purchase_credits(
    app: Data<App>,
    command: Command<PurchaseRequest>,
    path: Path<AccountId>,
) -> Result<HttpResponse, Problem> {
    // The provider is called outside any transaction, so a repeat has to be known before.
    if let Some(answer) = command.earlier_answer(&app).await? {
        return Ok(answer);
    }
    let (wallet, now) = (*path, app.clock.now());
    let (caller, package, packages) = (command.caller, command.body.package_id.clone(), app.payments.packages.clone());
    let draft = app.db.read(async move |tx: &mut Tx| purchase::prepare(tx, &caller, &packages, wallet, &package).await).await?;
    let checkout = app.payments.gateway.create_checkout(&draft).await.map_err(purchase::PurchaseError::from)?;
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, _: &Caller, _: &PurchaseRequest| {
            Ok(PurchaseResponse::from(purchase::record(tx, draft.clone(), checkout.clone(), now).await?))
        })
        .await
}

/// Read a purchase
///
/// To see whether it was paid. For the wallet's owner and administrators.
#[utoipa::path(
    tag = "Credits",
    params(("purchase_id" = PurchaseId, Path, description = "The purchase.", example = "0198c0de-0000-7000-8000-000000000040")),
    responses(
        (status = 200, description = "The purchase.", body = PurchaseResponse),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such purchase.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/credits/purchases/{purchase_id}")]
pub async fn read_purchase(app: Data<App>, Auth(caller): Auth, path: Path<PurchaseId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let purchase = app.db.read(async move |tx: &mut Tx| purchase::read_purchase(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(PurchaseResponse::from(purchase)))
}

/// Confirm a purchase
///
/// Completes a pending purchase by hand: the credits are in the wallet. For administrators; in the sandbox also for the
/// owner, when the purchase is simulated. Purchases that a provider takes money for are confirmed by its webhook.
#[utoipa::path(
    tag = "Credits",
    params(
        ("purchase_id" = PurchaseId, Path, description = "The purchase.", example = "0198c0de-0000-7000-8000-000000000040"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    responses(
        (status = 200, description = "The completed purchase.", body = PurchaseResponse),
        (status = 400, description = "It is not pending.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such purchase.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/credits/purchases/{purchase_id}/confirm")]
pub async fn confirm_purchase(app: Data<App>, command: Command<NoBody>, path: Path<PurchaseId>) -> Result<HttpResponse, Problem> {
    let (now, id, sandbox) = (app.clock.now(), *path, Sandbox(app.settings.sandbox));
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
            Ok(PurchaseResponse::from(purchase::confirm(tx, caller, sandbox, id, now).await?))
        })
        .await
}

/// Cancel a purchase
///
/// Ends a pending purchase of yours. Should it be paid all the same, it is completed.
#[utoipa::path(
    tag = "Credits",
    params(
        ("purchase_id" = PurchaseId, Path, description = "The purchase.", example = "0198c0de-0000-7000-8000-000000000040"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    responses(
        (status = 200, description = "The cancelled purchase: its status is `failed`.", body = PurchaseResponse),
        (status = 400, description = "It is not pending.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such purchase.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/credits/purchases/{purchase_id}/cancel")]
pub async fn cancel_purchase(app: Data<App>, command: Command<NoBody>, path: Path<PurchaseId>) -> Result<HttpResponse, Problem> {
    let (now, id) = (app.clock.now(), *path);
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
            Ok(PurchaseResponse::from(purchase::cancel(tx, caller, id, now).await?))
        })
        .await
}
