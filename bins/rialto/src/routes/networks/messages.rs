//! Sending messages, reading what was said, and acknowledging.

use actix_web::{HttpResponse, get, http::StatusCode, post, web::Data};
use rialto_kernel::Caller;
use rialto_networks::{self as networks, MessageId, NetworkId};
use rialto_store::Tx;

use super::{
    dto::{AckRequest, AckResponse, MessageRequest, NetworkMessageResponse},
    query::MessagesQuery,
};
use crate::{
    compose::App,
    http::{Auth, Command, Json, Path, Problem, Query, paging, problem::ProblemBody},
};

/// Send a message
///
/// It is accepted at once, and pushed to the recipient's callback: in order, signed, and again when that fails, until it was
/// delivered or has failed. Without a callback it waits in the recipient's inbox.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = MessageRequest,
    responses(
        (status = 201, description = "The message, which is on its way.", body = NetworkMessageResponse),
        (status = 400, description = "The topology has no such way, or something is not active.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read, or the sender's or the recipient's agent is not active (`agent-not-active`).", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such network of yours, or no such participant in it.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/networks/{network_id}/messages/send")]
pub async fn send_message(
    app: Data<App>,
    path: Path<NetworkId>,
    command: Command<MessageRequest>,
) -> Result<HttpResponse, Problem> {
    let (network, recipient, now) = (*path, command.body.recipient_participant_id, app.clock.now());
    let send = async move |tx: &mut Tx, caller: &Caller, body: &MessageRequest| {
        let letter = networks::send(tx, caller, &body.to(network), now).await?;
        Ok(NetworkMessageResponse::from(letter))
    };
    let answer = command.run(&app, StatusCode::CREATED, send).await?;
    app.networks.wake(recipient);
    Ok(answer)
}

/// Send to a mailbox
///
/// The message waits in the recipient's inbox until the recipient looks. It is never pushed.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = MessageRequest,
    responses(
        (status = 201, description = "The message.", body = NetworkMessageResponse),
        (status = 400, description = "The topology has no such way, or something is not active.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read, or the sender's or the recipient's agent is not active (`agent-not-active`).", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such network of yours, or no such participant in it.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/networks/{network_id}/mailbox")]
pub async fn send_to_mailbox(
    app: Data<App>,
    path: Path<NetworkId>,
    command: Command<MessageRequest>,
) -> Result<HttpResponse, Problem> {
    let (network, recipient, now) = (*path, command.body.recipient_participant_id, app.clock.now());
    let send = async move |tx: &mut Tx, caller: &Caller, body: &MessageRequest| {
        let letter = networks::send_to_mailbox(tx, caller, &body.to(network), now).await?;
        Ok(NetworkMessageResponse::from(letter))
    };
    let answer = command.run(&app, StatusCode::CREATED, send).await?;
    app.networks.wake(recipient);
    Ok(answer)
}

/// List messages
///
/// All that was said in a network, the oldest first, with how far each message has come.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        MessagesQuery,
    ),
    responses(
        (status = 200, description = "The messages of this page.", body = Vec<NetworkMessageResponse>),
        (status = 404, description = "There is no such network of yours, or no such participant in it.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/networks/{network_id}/messages")]
pub async fn list_network_messages(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<NetworkId>,
    query: Query<MessagesQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, page) = (*path, paging::page(query.limit, query.offset, 100, 500)?);
    let filter = query.filter();
    let read = async move |tx: &mut Tx| match &filter {
        Some(filter) => networks::list_messages(tx, &caller, id, filter, page).await,
        None => networks::find_network(tx, &caller, id).await.map(|_| Vec::new()),
    };
    let found = app.db.read(read).await?;
    Ok(HttpResponse::Ok().json(found.into_iter().map(NetworkMessageResponse::from).collect::<Vec<_>>()))
}

/// Get a message
///
/// One message, with how far it has come: how often it was tried, and why the last attempt failed.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("message_id" = MessageId, Path, description = "The message's id.", example = "0198c0de-0000-7000-8000-000000000014"),
    ),
    responses(
        (status = 200, description = "The message.", body = NetworkMessageResponse),
        (status = 404, description = "There is no such message in a network of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/networks/{network_id}/messages/{message_id}")]
pub async fn read_network_message(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<(NetworkId, MessageId)>,
) -> Result<HttpResponse, Problem> {
    let (network, id) = *path;
    let found = app.db.read(async move |tx: &mut Tx| networks::find_message(tx, &caller, network, id).await).await?;
    Ok(HttpResponse::Ok().json(NetworkMessageResponse::from(found)))
}

/// Acknowledge messages
///
/// They are read, and in no inbox any more. Counted are those that were not read before: of two who acknowledge the same message, one
/// is counted.
#[utoipa::path(
    tag = "Networks",
    params(("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011")),
    request_body = AckRequest,
    responses(
        (status = 200, description = "How many.", body = AckResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such network of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/networks/{network_id}/messages/ack")]
pub async fn acknowledge_messages(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<NetworkId>,
    Json(body): Json<AckRequest>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (*path, app.clock.now());
    let read = async move |tx: &mut Tx| networks::acknowledge(tx, &caller, id, body.participant_id, &body.message_ids, now).await;
    Ok(HttpResponse::Ok().json(AckResponse { acknowledged: app.db.write(read).await? }))
}
