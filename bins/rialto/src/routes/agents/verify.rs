//! Who vouches for agents.

use actix_web::{HttpResponse, delete, get, http::StatusCode, post, web::Data};
use rialto_kernel::Caller;
use rialto_registry::{AgentRef, identity};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    Sight,
    dto::IdentityResponse,
    proofs::{AsSeen, ChallengeResponse, DidProof, KyaProof, VerificationResponse},
    show,
};
use crate::{
    compose::App,
    http::{Admin, Command, NoBody, Path, Problem, Query, problem::ProblemBody},
};

/// These handlers.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(verify_identity)
        .service(unverify_identity)
        .service(verify_by_kya)
        .service(create_challenge)
        .service(verify_by_did)
        .service(read_verification);
}

/// Verify an agent
///
/// An administrator vouches for it as it is now: that ends when its owner gives it another name, endpoint or wallet. With `updated_at` it
/// is done only while the agent is still as it was then.
#[utoipa::path(
    tag = "Agents",
    params(
        ("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "my-ai-agent-456789ab"),
        AsSeen,
    ),
    responses(
        (status = 200, description = "The agent, verified.", body = IdentityResponse),
        (status = 403, description = "It takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It was changed since.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/agents/{agent_id}/verify")]
pub async fn verify_identity(
    app: Data<App>,
    Admin(caller): Admin,
    path: Path<String>,
    query: Query<AsSeen>,
) -> Result<HttpResponse, Problem> {
    let (agent, sight) = (AgentRef::parse(&path), Sight::new(&app));
    let (now, seen) = (sight.now, query.updated_at);
    let work = async move |tx: &mut Tx| {
        let agent = identity::verify_by_admin(tx, &caller, &agent, seen, now).await?;
        show(tx, None, agent.id, &sight).await
    };
    Ok(HttpResponse::Ok().json(app.db.write(work).await?))
}

/// Take back an agent's verification
///
/// An administrator does, whoever vouched for it. Until one verifies it again, its owner cannot have it verified either.
#[utoipa::path(
    tag = "Agents",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "my-ai-agent-456789ab")),
    responses(
        (status = 200, description = "The agent, not verified.", body = IdentityResponse),
        (status = 403, description = "It takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/api/v1/agents/{agent_id}/verify")]
pub async fn unverify_identity(app: Data<App>, Admin(caller): Admin, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (agent, sight) = (AgentRef::parse(&path), Sight::new(&app));
    let now = sight.now;
    let work = async move |tx: &mut Tx| {
        let agent = identity::unverify(tx, &caller, &agent, now).await?;
        show(tx, None, agent.id, &sight).await
    };
    Ok(HttpResponse::Ok().json(app.db.write(work).await?))
}

/// Read an agent's verification
///
/// Who vouches for it, how, since when and until when.
#[utoipa::path(
    tag = "Agents",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "my-ai-agent-456789ab")),
    responses(
        (status = 200, description = "What is known.", body = VerificationResponse),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/agents/{agent_id}/verification")]
pub async fn read_verification(app: Data<App>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (agent, sight) = (AgentRef::parse(&path), Sight::new(&app));
    let profile = app.db.read(async move |tx: &mut Tx| identity::profile(tx, &agent).await).await?;
    Ok(HttpResponse::Ok().json(VerificationResponse::new(profile, &sight)))
}

/// Refuses who may not act for an agent, or answers no challenge of theirs, before anybody's server is asked for keys.
async fn admit(app: &App, caller: Caller, agent: AgentRef, challenge: Option<String>) -> Result<(), Problem> {
    let now = app.clock.now();
    let check = async move |tx: &mut Tx| identity::admit(tx, &caller, &agent, challenge.as_deref(), now).await;
    Ok(app.db.read(check).await?)
}

/// Verify an agent by a token
///
/// A JWT of an issuer that the operator trusts (`RIALTO_KYA_ISSUERS`), for this server, about this agent. The agent is verified as long
/// as the token holds. Each token is good once.
#[utoipa::path(
    tag = "Agents",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "my-ai-agent-456789ab")),
    request_body = KyaProof,
    responses(
        (status = 200, description = "The agent, verified.", body = IdentityResponse),
        (status = 400, description = "The token proves nothing about this agent.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The agent is somebody else's, or an administrator took its verification back.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The token was used before, or what vouches for the agent is stronger.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The keys of its issuer cannot be had.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/agents/{agent_id}/verify/kya")]
pub async fn verify_by_kya(app: Data<App>, path: Path<String>, command: Command<KyaProof>) -> Result<HttpResponse, Problem> {
    if let Some(answer) = command.earlier_answer(&app).await? {
        return Ok(answer);
    }
    let agent = AgentRef::parse(&path);
    admit(&app, command.caller, agent.clone(), None).await?;
    let token = app.verifier.kya(&command.body.token, app.clock.now()).await?;
    let sight = Sight::new(&app);
    let now = sight.now;
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &KyaProof| {
            let agent = identity::verify_by_token(tx, caller, &agent, &token, &sight.trust, now).await?;
            show(tx, Some(caller), agent.id, &sight).await
        })
        .await
}

/// Ask for a challenge
///
/// Something to sign with the key of a decentralized identifier, within five minutes, once. Whoever asked for it answers it.
#[utoipa::path(
    tag = "Agents",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "my-ai-agent-456789ab")),
    responses(
        (status = 201, description = "The challenge.", body = ChallengeResponse),
        (status = 403, description = "The agent is somebody else's, or an administrator took its verification back.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/agents/{agent_id}/challenges")]
pub async fn create_challenge(app: Data<App>, path: Path<String>, command: Command<NoBody>) -> Result<HttpResponse, Problem> {
    let (agent, now, domain) = (AgentRef::parse(&path), app.clock.now(), app.verifier.domain().to_owned());
    command
        .run_sealed(&app, StatusCode::CREATED, async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
            let made = identity::challenge(tx, caller, &agent, now).await?;
            Ok(ChallengeResponse { challenge: made.text, domain: domain.clone(), expires_at: made.expires_at })
        })
        .await
}

/// Verify an agent by an identifier
///
/// Whoever acts for the agent answers a challenge with the key of a `did:key` or a `did:web`. Where the operator trusts issuers of
/// credentials (`RIALTO_DID_TRUSTED_ISSUERS`), one of them has to attest something of that identifier too.
#[utoipa::path(
    tag = "Agents",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "my-ai-agent-456789ab")),
    request_body = DidProof,
    responses(
        (status = 200, description = "The agent, verified.", body = IdentityResponse),
        (status = 400, description = "What was shown proves nothing.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The agent is somebody else's, or an administrator took its verification back.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The challenge is none of this agent, over, or was answered before; or the identifier or the credential stands for another.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "As many documents were fetched for you as may be in a minute.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The keys of the identifier cannot be had.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/agents/{agent_id}/verify/did")]
pub async fn verify_by_did(app: Data<App>, path: Path<String>, command: Command<DidProof>) -> Result<HttpResponse, Problem> {
    if let Some(answer) = command.earlier_answer(&app).await? {
        return Ok(answer);
    }
    let agent = AgentRef::parse(&path);
    let DidProof { did, proof, credential } = &command.body;
    let answer = app.verifier.answer(did, proof, app.clock.now());
    let challenge = answer.as_ref().ok().map(|answer| answer.challenge().to_owned());
    admit(&app, command.caller, agent.clone(), challenge).await?;
    let shown = app.verifier.did(answer?, credential.as_deref(), command.caller.owner, app.clock.now()).await?;
    let sight = Sight::new(&app);
    let now = sight.now;
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &DidProof| {
            let agent = identity::verify_by_did(tx, caller, &agent, &shown, &sight.trust, now).await?;
            show(tx, Some(caller), agent.id, &sight).await
        })
        .await
}
