//! What administrators do with settlements.

use actix_web::{HttpResponse, get, http::StatusCode, patch, web::Data};
use rialto_kernel::Caller;
use rialto_proxy_billing::{
    commission::{find_terms, standing},
    settlement::{SettlementError, SettlementId, USAGE_BATCH, fail, pay, process},
};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    dto::{CommissionResponse, SettlementFail, SettlementPaid, SettlementPay, SettlementResponse},
    id, provider,
};
use crate::{
    compose::App,
    http::{Admin, Command, NoBody, Path, Problem, problem::ProblemBody},
};

/// These handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(process_settlement).service(pay_settlement).service(fail_settlement).service(read_commission);
}

/// Begin to pay a settlement
///
/// A pending one becomes `processing`, and takes no more calls. A step that may be left out.
#[utoipa::path(
    tag = "Settlements",
    params(("settlement_id" = SettlementId, Path, description = "The settlement's id.", example = "0198c0de-0000-7000-8000-000000000041")),
    responses(
        (status = 200, description = "The settlement.", body = SettlementResponse),
        (status = 403, description = "It takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such settlement.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not pending.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/api/v1/settlements/{settlement_id}/process")]
pub async fn process_settlement(app: Data<App>, path: Path<String>, command: Command<NoBody>) -> Result<HttpResponse, Problem> {
    let (id, now) = (id(&path)?, app.clock.now());
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
            Ok(SettlementResponse::from(process(tx, caller, id, now).await?))
        })
        .await
}

/// Mark a settlement as paid
///
/// Its net leaves the provider's account in the ledger in the same moment, exactly once.
#[utoipa::path(
    tag = "Settlements",
    params(
        ("settlement_id" = SettlementId, Path, description = "The settlement's id.", example = "0198c0de-0000-7000-8000-000000000041"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = SettlementPay,
    responses(
        (status = 200, description = "It is paid.", body = SettlementPaid),
        (status = 400, description = "The reference is not what it must be.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such settlement, or it was paid, or has failed.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The provider's account does not cover it.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/api/v1/settlements/{settlement_id}/pay")]
pub async fn pay_settlement(
    app: Data<App>,
    path: Path<String>,
    command: Command<SettlementPay>,
) -> Result<HttpResponse, Problem> {
    if !command.caller.is_admin() {
        return Err(SettlementError::NotAdmin.into());
    }
    let id = path.parse().map_err(|_| SettlementError::NotPayable)?;
    let now = app.clock.now();
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, body: &SettlementPay| {
            Ok(SettlementPaid::from(pay(tx, caller, id, &body.payment_tx, now).await?))
        })
        .await
}

/// Mark a settlement as failed
///
/// Its calls are let go of, and may be settled by another one.
#[utoipa::path(
    tag = "Settlements",
    params(
        ("settlement_id" = SettlementId, Path, description = "The settlement's id.", example = "0198c0de-0000-7000-8000-000000000041"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = SettlementFail,
    responses(
        (status = 200, description = "The settlement.", body = SettlementResponse),
        (status = 400, description = "The reason is not what it must be.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such settlement.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It was paid, or has failed.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/api/v1/settlements/{settlement_id}/fail")]
pub async fn fail_settlement(
    app: Data<App>,
    path: Path<String>,
    command: Command<SettlementFail>,
) -> Result<HttpResponse, Problem> {
    if !command.caller.is_admin() {
        return Err(SettlementError::NotAdmin.into());
    }
    let (id, now) = (id(&path)?, app.clock.now());
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, body: &SettlementFail| {
            Ok(SettlementResponse::from(fail(tx, caller, id, &body.reason, USAGE_BATCH, now).await?))
        })
        .await
}

/// Read a provider's commission
///
/// Where it stands in the growth programme. A call may cost less: see the documentation.
#[utoipa::path(
    tag = "Settlements",
    params(("provider_id" = String, Path, description = "The provider's `owner_id`.", example = "my-agent")),
    responses(
        (status = 200, description = "Where it stands.", body = CommissionResponse),
        (status = 403, description = "It takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such provider.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/admin/providers/{provider_id}/commission")]
pub async fn read_commission(app: Data<App>, Admin(_caller): Admin, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (name, now) = (path.0, app.clock.now());
    let answer = app
        .db
        .read(async move |tx: &mut Tx| {
            let owner = provider(tx, &name).await?;
            let terms = find_terms(tx, owner).await?;
            Ok::<_, Problem>(CommissionResponse::new(name.clone(), &terms, &standing(&terms, now)))
        })
        .await?;
    Ok(HttpResponse::Ok().json(answer))
}
