//! Deposits: those that there are, and where their money is.

use actix_web::{HttpResponse, get, post, web::Data};
use rialto_proxy_billing::payments::deposit::{self, DEPOSITS_MAX, DepositId, DepositStatus};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    dto::{DepositResponse, DepositsQuery, DepositsResponse},
    owner,
};
use crate::{
    compose::App,
    http::{Auth, Command, NoBody, Path, Problem, Query, paging, problem::ProblemBody},
};

/// This part's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_deposits).service(capture_deposit);
}

/// List deposits
///
/// Your own, the newest first; for administrators anybody's.
#[utoipa::path(
    tag = "Balance",
    params(DepositsQuery),
    responses(
        (status = 200, description = "A page of deposits.", body = DepositsResponse),
        (status = 400, description = "There is no such status.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "They are somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such owner.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/deposits")]
pub async fn list_deposits(app: Data<App>, Auth(caller): Auth, query: Query<DepositsQuery>) -> Result<HttpResponse, Problem> {
    let limit = paging::number("limit", query.limit, 50, 1, DEPOSITS_MAX)?;
    let status = query.status.as_deref().map(|word| {
        DepositStatus::from_word(word).ok_or_else(|| Problem::rule("query.status", "must be pending, completed or failed"))
    });
    let after = query.cursor.as_deref().map(str::parse::<DepositId>).transpose();
    let after = after.map_err(|_| Problem::from(deposit::DepositError::Cursor))?;
    let (status, name) = (status.transpose()?, query.0.buyer_id);
    let read = async move |tx: &mut Tx| {
        let whose = match &name {
            None => caller.owner,
            Some(name) => owner(tx, &caller, name, "Access denied — can only view own deposits").await?,
        };
        Ok::<_, Problem>(deposit::list_deposits(tx, &caller, whose, status, after, limit).await?)
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(HttpResponse::Ok().json(DepositsResponse::new(app.db.read(read).await?, limit)))
}

/// Capture a deposit
///
/// Asks the rail what became of a deposit of yours, and takes the money if you have approved it. The answer says where the deposit
/// stands then: pending, when there was nothing to take yet. It is harmless to repeat, and needed only by those who do not want to wait.
#[utoipa::path(
    tag = "Balance",
    params(("deposit_id" = DepositId, Path, description = "The deposit.", example = "0198c0de-0000-7000-8000-000000000041")),
    responses(
        (status = 200, description = "Where it stands.", body = DepositResponse),
        (status = 400, description = "Its rail is not configured here any more.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such deposit.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is confirmed by hand.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The payment provider is not available, or refused.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/deposits/{deposit_id}/capture")]
pub async fn capture_deposit(app: Data<App>, command: Command<NoBody>, path: Path<DepositId>) -> Result<HttpResponse, Problem> {
    let (caller, id) = (command.caller, *path);
    let deposit = deposit::capture(&app.db, &app.payments.deposits, &caller, id, &app.clock).await?;
    Ok(HttpResponse::Ok().json(DepositResponse::from(deposit)))
}
