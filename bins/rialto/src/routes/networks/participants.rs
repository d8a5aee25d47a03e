//! Joining a network, changing how one takes part, and leaving.

use actix_web::{HttpResponse, delete, get, http::StatusCode, patch, post, web::Data};
use rialto_kernel::Caller;
use rialto_networks::{
    self as networks, NetworkError, NetworkId, NewParticipant, Participant, ParticipantChanges, ParticipantId, Present,
};
use rialto_store::Tx;

use super::{
    dto::{ParticipantJoin, ParticipantKeysResponse, ParticipantResponse, ParticipantUpdate},
    problem::judge,
};
use crate::{
    compose::App,
    http::{Auth, Command, Json, NoBody, Path, Problem, problem::ProblemBody},
};

/// A participant, and how its agent stands.
async fn look(tx: &mut Tx, participant: Participant) -> Result<Present, NetworkError> {
    networks::present(tx, vec![participant]).await?.pop().ok_or(NetworkError::ParticipantUnknown)
}

/// Join a network
///
/// Somebody takes part from now on: an agent, a persona or an orchestrator. Messages are pushed to its `callback_url`, which has to
/// be on the public internet and is checked again whenever it is called; or it polls its inbox; or both. The answer shows,
/// once, the secret that signs what it is sent, and the URL by which it speaks.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = ParticipantJoin,
    responses(
        (status = 201, description = "The participant, and what is shown of it once.", body = ParticipantKeysResponse),
        (status = 400, description = "Its callback may not be called, it would get no messages, its agent is there already or charges for calls, or the network is not active.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read, or the agent is not active (`agent-not-active`).", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such network of yours, or no such agent.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The network is full.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/networks/{network_id}/participants")]
pub async fn join_network(
    app: Data<App>,
    path: Path<NetworkId>,
    command: Command<ParticipantJoin>,
) -> Result<HttpResponse, Problem> {
    judge(&app, command.body.callback_url.as_deref()).await?;
    let (id, now, door) = (*path, app.clock.now(), app.networks.door().clone());
    command
        .run_sealed(&app, StatusCode::CREATED, async move |tx: &mut Tx, caller: &Caller, body: &ParticipantJoin| {
            let (joined, keys) = networks::join(tx, &door, caller, id, &NewParticipant::from(body), now).await?;
            Ok(ParticipantKeysResponse::from((look(tx, joined).await?, keys)))
        })
        .await
}

/// List participants
///
/// The active ones, the oldest first. One whose agent is suspended or gone (`agent_status`) keeps its place, and does nothing.
#[utoipa::path(
    tag = "Networks",
    params(("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011")),
    responses(
        (status = 200, description = "The participants.", body = Vec<ParticipantResponse>),
        (status = 404, description = "There is no such network of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/networks/{network_id}/participants")]
pub async fn list_participants(app: Data<App>, Auth(caller): Auth, path: Path<NetworkId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let found = app.db.read(async move |tx: &mut Tx| networks::list_participants(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(found.into_iter().map(ParticipantResponse::from).collect::<Vec<_>>()))
}

/// Change a participant
///
/// What is left out, or null, stays as it is. A new callback is checked like that of a newcomer.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("participant_id" = ParticipantId, Path, description = "The participant's id.", example = "0198c0de-0000-7000-8000-000000000012"),
    ),
    request_body = ParticipantUpdate,
    responses(
        (status = 200, description = "The participant as it is now.", body = ParticipantResponse),
        (status = 400, description = "The callback may not be called, it would get no messages, or its agent is there already.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read, or its agent is not active (`agent-not-active`) and it cannot come back.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such participant.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It had left, and the network is full.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/networks/{network_id}/participants/{participant_id}")]
pub async fn update_participant(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<(NetworkId, ParticipantId)>,
    Json(body): Json<ParticipantUpdate>,
) -> Result<HttpResponse, Problem> {
    judge(&app, body.callback_url.as_deref()).await?;
    let ((network, id), changes) = (*path, ParticipantChanges::from(body));
    let (now, door) = (app.clock.now(), app.networks.door().clone());
    let change = async move |tx: &mut Tx| {
        let changed = networks::update_participant(tx, &door, &caller, network, id, &changes, now).await?;
        look(tx, changed).await
    };
    Ok(HttpResponse::Ok().json(ParticipantResponse::from(app.db.write(change).await?)))
}

/// Replace a participant's keys
///
/// A new signing secret and a new URL by which it speaks, shown once. For a day messages are signed with the secret before, too;
/// URLs of before are void at once.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("participant_id" = ParticipantId, Path, description = "The participant's id.", example = "0198c0de-0000-7000-8000-000000000012"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    responses(
        (status = 200, description = "The participant, and what is shown of it once.", body = ParticipantKeysResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such participant.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/networks/{network_id}/participants/{participant_id}/keys")]
pub async fn rotate_participant_keys(
    app: Data<App>,
    path: Path<(NetworkId, ParticipantId)>,
    command: Command<NoBody>,
) -> Result<HttpResponse, Problem> {
    let ((network, id), now, door) = (*path, app.clock.now(), app.networks.door().clone());
    command
        .run_sealed(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
            let (rotated, keys) = networks::rotate_keys(tx, &door, caller, network, id, now).await?;
            Ok(ParticipantKeysResponse::from((look(tx, rotated).await?, keys)))
        })
        .await
}

/// Remove a participant
///
/// It takes no part any more, and what still waits for it has failed. To remove it again changes nothing.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("participant_id" = ParticipantId, Path, description = "The participant's id.", example = "0198c0de-0000-7000-8000-000000000012"),
    ),
    responses(
        (status = 204, description = "It has left."),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such participant.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/networks/{network_id}/participants/{participant_id}")]
pub async fn leave_network(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<(NetworkId, ParticipantId)>,
) -> Result<HttpResponse, Problem> {
    let ((network, id), now) = (*path, app.clock.now());
    app.db.write(async move |tx: &mut Tx| networks::leave(tx, &caller, network, id, now).await).await?;
    Ok(HttpResponse::NoContent().finish())
}
