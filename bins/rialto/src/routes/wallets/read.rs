//! Looking at a wallet.

use actix_web::{HttpResponse, get, web::Data};
use rialto_kernel::{AccountId, AgentId, Caller, Timestamp};
use rialto_ledger::wallet::{self, Wallet, WalletError};
use rialto_registry::{AgentRef, RegistryError};
use rialto_store::Tx;

use super::dto::{TransactionPage, TransactionResponse, WalletPage, WalletResponse, WalletSummary};
use crate::{
    compose::App,
    http::{Admin, Auth, Path, Problem, Query, paging, problem::ProblemBody},
};

/// List all wallets
///
/// The fullest first. For administrators.
#[utoipa::path(
    tag = "Wallets",
    params(WalletPage),
    responses(
        (status = 200, description = "The wallets of this page; the total is in `X-Total-Count`.", body = Vec<WalletResponse>,
            headers(("X-Total-Count" = i64, description = "How many wallets there are in all."))),
        (status = 403, description = "You are no administrator.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/wallets")]
pub async fn list_wallets(app: Data<App>, Admin(caller): Admin, query: Query<WalletPage>) -> Result<HttpResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 100, 200)?;
    let wallets = app.db.read(async move |tx: &mut Tx| wallet::list_wallets(tx, &caller, page).await).await?;
    Ok(paging::list(&wallets.map(WalletResponse::from)))
}

/// Read a wallet
///
/// For its owner and administrators.
#[utoipa::path(
    tag = "Wallets",
    params(("wallet_id" = AccountId, Path, description = "The wallet's id.", example = "0198c0de-0000-7000-8000-000000000010")),
    responses(
        (status = 200, description = "The wallet.", body = WalletResponse),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such wallet.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/wallets/{wallet_id}")]
pub async fn read_wallet(app: Data<App>, Auth(caller): Auth, path: Path<AccountId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let wallet = app.db.read(async move |tx: &mut Tx| wallet::read_wallet(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(WalletResponse::from(wallet)))
}

/// Read an agent's wallet
///
/// For the agent's owner and administrators. The agent may be named by its id or by its readable id.
#[utoipa::path(
    tag = "Wallets",
    params(("agent_id" = String, Path, description = "The agent, in either form.", example = "0198c0de-0000-7000-8000-000000000003")),
    responses(
        (status = 200, description = "The agent's wallet.", body = WalletResponse),
        (status = 403, description = "The agent is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent, or it has no wallet.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/wallets/agent/{agent_id}")]
pub async fn read_agent_wallet(app: Data<App>, Auth(caller): Auth, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (agent, now) = (AgentRef::parse(&path), app.clock.now());
    let wallet = app.db.read(async move |tx: &mut Tx| agent_wallet(tx, &caller, &agent, now).await).await?;
    Ok(HttpResponse::Ok().json(WalletResponse::from(wallet)))
}

/// A wallet outlives its agent, so an id is looked up in the ledger alone.
async fn agent_wallet(tx: &mut Tx, caller: &Caller, agent: &AgentRef, now: Timestamp) -> Result<Wallet, Problem> {
    let id: AgentId = match agent {
        AgentRef::Id(id) => *id,
        AgentRef::Slug(_) => match rialto_registry::find(tx, agent, now).await {
            Err(RegistryError::NotFound) => return Err(WalletError::NoAgentWallet.into()),
            found => found?.agent.id,
        },
    };
    Ok(wallet::read_agent_wallet(tx, caller, id).await?)
}

/// Take a balance apart
///
/// Where a wallet's balance came from, and where the rest went. The parts add up to the balance.
#[utoipa::path(
    tag = "Wallets",
    params(("wallet_id" = AccountId, Path, description = "The wallet's id.", example = "0198c0de-0000-7000-8000-000000000010")),
    responses(
        (status = 200, description = "The parts.", body = WalletSummary),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such wallet.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/wallets/{wallet_id}/summary")]
pub async fn read_wallet_summary(app: Data<App>, Auth(caller): Auth, path: Path<AccountId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let summary = app.db.snapshot(async move |tx: &mut Tx| wallet::summary(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(WalletSummary::from(summary)))
}

/// List a wallet's transactions
///
/// Its history, the newest line first, each with the balance after it.
#[utoipa::path(
    tag = "Wallets",
    params(
        ("wallet_id" = AccountId, Path, description = "The wallet's id.", example = "0198c0de-0000-7000-8000-000000000010"),
        TransactionPage,
    ),
    responses(
        (status = 200, description = "The lines of this page; the total is in `X-Total-Count`.", body = Vec<TransactionResponse>,
            headers(("X-Total-Count" = i64, description = "How many lines there are in all."))),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such wallet.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/wallets/{wallet_id}/transactions")]
pub async fn list_wallet_transactions(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<AccountId>,
    query: Query<TransactionPage>,
) -> Result<HttpResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 50, 200)?;
    let id = *path;
    let lines = app.db.read(async move |tx: &mut Tx| wallet::transactions(tx, &caller, id, page).await).await?;
    Ok(paging::list(&lines.map(TransactionResponse::from)))
}
