//! What an owner has to buy calls with, and how it gets there.

mod deposits;
mod dto;
mod hooks;
mod problem;

use actix_web::{HttpResponse, get, http::StatusCode, post, web::Data};
use rialto_identity::{owner_name, store::CommerceStore};
use rialto_kernel::{Caller, OwnerId};
use rialto_ledger::wallet::Sandbox;
use rialto_proxy_billing::payments::deposit::{self, DepositError, DepositId};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

pub use self::dto::BalanceResponse;
use self::dto::{CreditQuery, CreditRequest, CreditResponse, DepositRequest, DepositResponse, amount};
use crate::{
    compose::App,
    http::{Auth, Command, NoBody, Path, Problem, Query, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(read_balance).service(create_deposit).service(read_deposit).service(confirm_deposit).service(credit_balance);
    config.configure(deposits::configure).configure(hooks::configure);
}

/// Whom a name stands for. Only who may know is told that it is nobody.
async fn owner(tx: &mut Tx, caller: &Caller, name: &str, refusal: &'static str) -> Result<OwnerId, Problem> {
    match tx.find_owner(name).await? {
        Some(owner) => Ok(owner),
        None if caller.is_admin() => Err(Problem::not_found("Owner not found")),
        None => Err(Problem::forbidden(refusal)),
    }
}

/// Read a balance
///
/// What an owner has to buy calls with, in USDC: its own, or for administrators anybody's.
#[utoipa::path(
    tag = "Balance",
    params(("buyer_id" = String, Path, description = "The `owner_id`.", example = "my-agent")),
    responses(
        (status = 200, description = "The balance.", body = BalanceResponse),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such owner.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/balance/{buyer_id}")]
pub async fn read_balance(app: Data<App>, Auth(caller): Auth, path: Path<String>) -> Result<HttpResponse, Problem> {
    let name = path.0;
    // What came in and what is there are of one moment: their difference is told too.
    let balance = app.db.snapshot(async move |tx: &mut Tx| read(tx, &caller, Some(&name)).await).await?;
    Ok(HttpResponse::Ok().json(balance))
}

/// The balance of the owner of this name, or else the caller's own.
///
/// # Errors
/// 403 and 404.
pub async fn read(tx: &mut Tx, caller: &Caller, name: Option<&str>) -> Result<BalanceResponse, Problem> {
    let (owner, name) = match name {
        Some(name) => (owner(tx, caller, name, "Access denied — can only view own balance").await?, name.to_owned()),
        None => (caller.owner, owner_name(tx, caller.owner).await?),
    };
    let balance = deposit::read_balance(tx, caller, owner).await?;
    Ok(BalanceResponse::new(name, &balance))
}

/// Deposit USDC
///
/// Opens a checkout for a balance of yours, by the rail that you name, or the first that this server has. The deposit is pending
/// until it is paid; then the money is in the balance. Where the rail is simulated there is nothing to pay, and the deposit is
/// confirmed by hand. When the provider fails, try again with the same `Idempotency-Key`: it is the same checkout.
#[utoipa::path(
    tag = "Balance",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = DepositRequest,
    responses(
        (status = 200, description = "The pending deposit.", body = DepositResponse),
        (status = 400, description = "The amount is not what it must be, there is no such rail here, or `rail` and `payment_method` contradict each other.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is somebody else's balance.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Twenty deposits are pending already; or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The payment provider is not available, or refused.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/deposits")]
pub async fn create_deposit(app: Data<App>, command: Command<DepositRequest>) -> Result<HttpResponse, Problem> {
    // The provider is asked outside any transaction, so a repeat has to be known before.
    if let Some(answer) = command.earlier_answer(&app).await? {
        return Ok(answer);
    }
    let (caller, now) = (command.caller, app.clock.now());
    let amount = amount("body.amount", &command.body.amount)?;
    let providers = app.payments.deposits.clone();
    let provider = providers.pick(command.body.rail()?)?;
    let (name, key) = (command.body.buyer_id.clone(), command.key.clone());
    let find = async move |tx: &mut Tx| {
        let owner = match &name {
            None => caller.owner,
            Some(name) => owner(tx, &caller, name, "Access denied — can only deposit to own balance").await?,
        };
        if caller.may_write(owner) {
            deposit::check_pending(tx, owner).await?;
        }
        Ok::<_, Problem>((owner, deposit::next_id(tx, key.as_ref()).await?))
    };
    let (owner, id) = app.db.read(find).await?;
    let draft = deposit::prepare(&caller, owner, amount, provider.as_ref(), id)?;
    let checkout = provider.open_checkout(&draft).await.map_err(DepositError::from)?;
    let providers = providers.clone();
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, _: &Caller, _: &DepositRequest| {
            Ok(DepositResponse::from(deposit::record(tx, draft.clone(), checkout.clone(), &providers, now).await?))
        })
        .await
}

/// Read a deposit
///
/// To see whether it was paid. For its owner and administrators.
#[utoipa::path(
    tag = "Balance",
    params(("deposit_id" = DepositId, Path, description = "The deposit.", example = "0198c0de-0000-7000-8000-000000000041")),
    responses(
        (status = 200, description = "The deposit.", body = DepositResponse),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such deposit.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/deposits/{deposit_id}")]
pub async fn read_deposit(app: Data<App>, Auth(caller): Auth, path: Path<DepositId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let deposit = app.db.read(async move |tx: &mut Tx| deposit::read_deposit(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(DepositResponse::from(deposit)))
}

/// Confirm a deposit
///
/// Completes a pending deposit by hand: the money is in the balance. For administrators; in the sandbox also for the owner, when
/// the deposit is simulated.
#[utoipa::path(
    tag = "Balance",
    params(
        ("deposit_id" = DepositId, Path, description = "The deposit.", example = "0198c0de-0000-7000-8000-000000000041"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    responses(
        (status = 200, description = "The completed deposit.", body = DepositResponse),
        (status = 403, description = "This takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such deposit.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not pending; or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/deposits/{deposit_id}/confirm")]
pub async fn confirm_deposit(app: Data<App>, command: Command<NoBody>, path: Path<DepositId>) -> Result<HttpResponse, Problem> {
    let (now, id, sandbox) = (app.clock.now(), *path, Sandbox(app.settings.sandbox));
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
            Ok(DepositResponse::from(deposit::confirm(tx, caller, sandbox, id, now).await?))
        })
        .await
}

/// Credit a balance
///
/// Puts USDC into a balance by hand, less what its owner owes. For administrators; in the sandbox owners may credit their own. Buyer
/// and amount stand in the body or in the query.
#[utoipa::path(
    tag = "Balance",
    params(CreditQuery, ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = Option<CreditRequest>,
    responses(
        (status = 200, description = "What was credited, and what is there now.", body = CreditResponse),
        (status = 400, description = "The amount is not what it must be, or body and query contradict each other.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such owner.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/admin/credit")]
pub async fn credit_balance(
    app: Data<App>,
    command: Command<Option<CreditRequest>>,
    query: Query<CreditQuery>,
) -> Result<HttpResponse, Problem> {
    let (name, amount) = dto::credit(command.body.as_ref(), &query)?;
    let (now, sandbox) = (app.clock.now(), Sandbox(app.settings.sandbox));
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &Option<CreditRequest>| {
            let owner = owner(tx, caller, &name, "Crediting takes an administrator.").await?;
            let (deposit, balance) = deposit::credit(tx, caller, sandbox, owner, amount, now).await?;
            Ok(CreditResponse::new(name.clone(), &deposit, &balance))
        })
        .await
}
