//! The caller's own wallets.

use actix_web::{HttpResponse, get, http::StatusCode, post, web::Data};
use rialto_kernel::{AgentId, Caller};
use rialto_ledger::wallet::{self, Wallet};
use rialto_registry::names_of;
use rialto_store::Tx;

use super::dto::{AgentWalletSummary, ConsolidateRequest, ConsolidateResponse, UserWalletOverview, WalletResponse};
use crate::{
    compose::App,
    http::{Auth, Command, Problem, paging, problem::ProblemBody},
};

/// Read my wallet
///
/// Your own wallet, which every user has from the start.
#[utoipa::path(
    tag = "Wallets",
    responses(
        (status = 200, description = "Your wallet.", body = WalletResponse),
        (status = 404, description = "The credential belongs to an owner without a wallet.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/wallets/me")]
pub async fn read_my_wallet(app: Data<App>, Auth(caller): Auth) -> Result<HttpResponse, Problem> {
    let wallet = app.db.read(async move |tx: &mut Tx| wallet::read_own_wallet(tx, &caller).await).await?;
    Ok(HttpResponse::Ok().json(WalletResponse::from(wallet)))
}

/// List my agents' wallets
///
/// The wallets of your agents, the oldest first, at most 1,000.
#[utoipa::path(
    tag = "Wallets",
    responses((status = 200, description = "The wallets of your agents.", body = Vec<WalletResponse>,
        headers(("X-Total-Count" = i64, description = "How many there are.")))),
    security(("token" = [])),
)]
#[get("/wallets/me/agents")]
pub async fn list_my_agent_wallets(app: Data<App>, Auth(caller): Auth) -> Result<HttpResponse, Problem> {
    let page = app.db.snapshot(async move |tx: &mut Tx| wallet::list_agent_wallets(tx, &caller).await).await?;
    Ok(paging::list(&page.map(WalletResponse::from)))
}

/// Read my wallets at a glance
///
/// Your own wallet, the wallets of your agents, and what is in the latter together.
#[utoipa::path(
    tag = "Wallets",
    responses(
        (status = 200, description = "Your wallets.", body = UserWalletOverview),
        (status = 404, description = "The credential belongs to an owner without a wallet.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/wallets/me/overview")]
pub async fn read_my_overview(app: Data<App>, Auth(caller): Auth) -> Result<HttpResponse, Problem> {
    let overview = app.db.snapshot(async move |tx: &mut Tx| overview(tx, &caller).await).await?;
    Ok(HttpResponse::Ok().json(overview))
}

/// The caller's wallets at a glance. They come from the ledger and names from the registry; they meet here.
///
/// # Errors
/// 404 for an owner without a wallet.
pub async fn overview(tx: &mut Tx, caller: &Caller) -> Result<UserWalletOverview, Problem> {
    let own = wallet::read_own_wallet(tx, caller).await?;
    let wallets = wallet::list_agent_wallets(tx, caller).await?.items;
    let ids: Vec<AgentId> = wallets.iter().filter_map(|wallet| wallet.agent).collect();
    let mut names = names_of(tx, &ids).await?;
    let total_agent_balance = wallet::agents_balance(tx, caller).await?;
    let line = |Wallet { id, agent, balance, .. }: Wallet| {
        let agent_id = agent?;
        let agent_name = names.remove(&agent_id).map(|agent| agent.name);
        Some(AgentWalletSummary { wallet_id: id, agent_id, agent_name, balance })
    };
    Ok(UserWalletOverview {
        wallet: own.into(),
        agent_wallets: wallets.into_iter().filter_map(line).collect(),
        total_agent_balance,
    })
}

/// Sweep my agents' wallets
///
/// Moves what is available in the wallets of your agents into your own, all or nothing: of the named agents, or of all.
/// Unknown agents and those of others are passed over.
#[utoipa::path(
    tag = "Wallets",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body(content = Option<ConsolidateRequest>),
    responses(
        (status = 200, description = "What was swept; perhaps nothing.", body = ConsolidateResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The credential belongs to an owner without a wallet.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/wallets/me/consolidate")]
pub async fn consolidate_wallets(app: Data<App>, command: Command<Option<ConsolidateRequest>>) -> Result<HttpResponse, Problem> {
    let now = app.clock.now();
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, body: &Option<ConsolidateRequest>| {
            let agents = body.as_ref().and_then(|body| body.agent_ids.as_deref()).unwrap_or_default();
            Ok(ConsolidateResponse::from(wallet::consolidate(tx, caller, agents, now).await?))
        })
        .await
}
