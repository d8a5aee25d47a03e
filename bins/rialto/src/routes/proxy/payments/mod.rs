//! Payments of which nobody can say what became of them: administrators decide.

mod dto;

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{HttpResponse, get, http::StatusCode, post, web::Data};
use rialto_kernel::Caller;
use rialto_proxy_billing::{
    payments::x402::Doubtful,
    proxy::{ResolveError, Resolved, list_doubtful, resolve},
    usage::UsageId,
};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use self::dto::{PaymentList, PaymentPage, PaymentResolve, PaymentResponse};
use crate::{
    compose::App,
    http::{Admin, Command, Path, Problem, Query, paging, problem::ProblemBody},
};

/// These handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_payments).service(resolve_payment);
}

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        let said = error.to_string();
        match error {
            ResolveError::NotAdmin => Self::forbidden(said),
            ResolveError::Unknown => Self::not_found(said),
            ResolveError::Transaction => Self::invalid("body.transaction", said),
            ResolveError::Reason => Self::invalid("body.reason", said),
            ResolveError::TransactionTaken(other) => {
                Self::conflict("transaction-taken", said).with("usage_id", other.to_string().into())
            }
            ResolveError::TestMoney => Self::conflict("payment-on-test-network", said),
            ResolveError::NotUnclear(state) => {
                Self::conflict("payment-not-unclear", said).with("payment_status", state.as_str().into())
            }
            ResolveError::Proxy(error) => error.into(),
        }
    }
}

/// List payments in doubt
///
/// Payments by x402 of which nobody can say whether their money has come, the latest first; or those that administrators have decided
/// about, with who did. The calls of the former are open: they are neither charged nor failed. One whose status is `settling` has come,
/// as the facilitator said, and could not be written down yet: that is tried again by itself, and there is nothing to decide.
#[utoipa::path(
    tag = "Proxy",
    params(PaymentPage),
    responses(
        (status = 200, description = "A page of payments.", body = PaymentList),
        (status = 403, description = "This takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/admin/payments")]
pub async fn list_payments(app: Data<App>, Admin(caller): Admin, query: Query<PaymentPage>) -> Result<HttpResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 50, 100)?;
    let which = match query.status.as_deref() {
        None | Some("unclear") => Doubtful::Unclear,
        Some("resolved") => Doubtful::Resolved,
        Some(_) => return Err(Problem::invalid("query.status", "must be unclear or resolved")),
    };
    let found = app.db.read(async move |tx: &mut Tx| list_doubtful(tx, &caller, which, page).await).await?;
    Ok(HttpResponse::Ok().json(PaymentList::new(found, page)))
}

/// Resolve a payment in doubt
///
/// Ends the call of a payment of which nobody can say whether its money has come. `settled`: it is charged and delivered, its provider is
/// owed for it, and whoever repeats the request has the answer. `refused`: it costs nothing. Look at the chain before: the token
/// says whether the `payer` has used the `nonce`. The same decision made again changes nothing.
#[utoipa::path(
    tag = "Proxy",
    params(
        ("usage_id" = UsageId, Path, description = "The call that the payment is for.", example = "0198c0de-0000-7000-8000-000000000042"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = PaymentResolve,
    responses(
        (status = 200, description = "The payment, as it was decided.", body = PaymentResponse),
        (status = 403, description = "This takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such payment.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not unclear: `payment_status` says what it is. Or the transaction is that of another payment, the one for the call `usage_id`; or the payment is on a test network, and what is taken now is not.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/admin/payments/{usage_id}/resolve")]
pub async fn resolve_payment(
    app: Data<App>,
    path: Path<String>,
    command: Command<PaymentResolve>,
) -> Result<HttpResponse, Problem> {
    if !command.caller.is_admin() {
        return Err(ResolveError::NotAdmin.into());
    }
    let usage: UsageId = path.parse().map_err(|_| ResolveError::Unknown)?;
    let (decision, admin, now) = (command.body.decision()?, command.caller.owner, app.clock.now());
    let (outcome, takes_test_money) = (command.body.outcome.clone(), app.proxy.takes_test_money());
    // Stays empty when nothing is decided, because the same request was answered before.
    let made = Arc::new(Mutex::new(None));
    let making = Arc::clone(&made);
    let answer = command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &PaymentResolve| {
            let resolved = resolve(tx, caller, usage, &decision, takes_test_money, now).await?;
            *making.lock().unwrap_or_else(PoisonError::into_inner) = Some(resolved.clone());
            Ok(PaymentResponse::from(resolved.payment))
        })
        .await?;
    let made = made.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Resolved { payment, is_lost, .. }) = made.filter(|resolved| resolved.is_new) {
        let (payer, transaction) = (payment.authorization.payer, payment.transaction);
        tracing::info!(usage.id = %usage, admin.id = %admin, outcome, transaction, "an administrator has decided what became of a payment");
        if is_lost {
            tracing::error!(usage.id = %usage, %payer, transaction,
                "a call was paid after its answer was lost, which was not kept: give the money back");
        }
    }
    Ok(answer)
}
