//! Conversations, which the broker fills. Somebody else's answer like ones that do not exist.

mod dto;

use actix_web::{HttpResponse, delete, get, patch, web::Data};
use rialto_proxy_billing::{self as broker, ConversationId, MessageId};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use self::dto::{ConversationQuery, ConversationResponse, ConversationUpdate, MessageQuery, MessageResponse};
use super::broker::{InvocationLogResponse, LogQuery};
use crate::{
    compose::App,
    http::{Auth, Json, Path, Problem, Query, paging, problem::ProblemBody},
};

/// The longest title, in characters.
const TITLE_CHARS_MAX: usize = 255;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list_conversations)
        .service(read_conversation)
        .service(update_conversation)
        .service(delete_conversation)
        .service(list_messages)
        .service(read_message)
        .service(list_conversation_logs);
}

/// List conversations
///
/// Your conversations, newest first.
#[utoipa::path(
    tag = "Conversations",
    params(ConversationQuery),
    responses((status = 200, description = "The conversations of this page; the total is in `X-Total-Count`.", body = Vec<ConversationResponse>,
        headers(("X-Total-Count" = i64, description = "How many conversations match in all.")))),
    security(("token" = [])),
)]
#[get("/conversations")]
pub async fn list_conversations(
    app: Data<App>,
    Auth(caller): Auth,
    query: Query<ConversationQuery>,
) -> Result<HttpResponse, Problem> {
    let (page, filter) = (paging::page(query.limit, query.offset, 100, 500)?, query.filter());
    let read = async move |tx: &mut Tx| broker::list_conversations(tx, &caller, &filter, page).await;
    Ok(paging::list(&app.db.read(read).await?.map(ConversationResponse::from)))
}

/// Get a conversation
///
/// One conversation of yours, without its messages.
#[utoipa::path(
    tag = "Conversations",
    params(("conversation_id" = ConversationId, Path, description = "The conversation's id.", example = "0198c0de-0000-7000-8000-000000000003")),
    responses(
        (status = 200, description = "The conversation.", body = ConversationResponse),
        (status = 404, description = "There is no such conversation of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/conversations/{conversation_id}")]
pub async fn read_conversation(app: Data<App>, Auth(caller): Auth, path: Path<ConversationId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let found = app.db.read(async move |tx: &mut Tx| broker::find_conversation(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(ConversationResponse::from(found)))
}

/// Rename a conversation
///
/// Sets its title, or takes it away.
#[utoipa::path(
    tag = "Conversations",
    params(("conversation_id" = ConversationId, Path, description = "The conversation's id.", example = "0198c0de-0000-7000-8000-000000000003")),
    request_body = ConversationUpdate,
    responses(
        (status = 200, description = "The conversation, after it.", body = ConversationResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such conversation of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/conversations/{conversation_id}")]
pub async fn update_conversation(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<ConversationId>,
    body: Json<ConversationUpdate>,
) -> Result<HttpResponse, Problem> {
    let (id, title, now) = (*path, body.0.title.filter(|title| !title.is_empty()), app.clock.now());
    if title.as_ref().is_some_and(|title| title.chars().count() > TITLE_CHARS_MAX) {
        return Err(Problem::invalid("body.title", format!("must have at most {TITLE_CHARS_MAX} characters")));
    }
    let rename = async move |tx: &mut Tx| broker::rename_conversation(tx, &caller, id, title.as_deref(), now).await;
    Ok(HttpResponse::Ok().json(ConversationResponse::from(app.db.write(rename).await?)))
}

/// Delete a conversation
///
/// Forgets it and its messages. The logs of the calls made in it stay.
#[utoipa::path(
    tag = "Conversations",
    params(("conversation_id" = ConversationId, Path, description = "The conversation's id.", example = "0198c0de-0000-7000-8000-000000000003")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such conversation of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/conversations/{conversation_id}")]
pub async fn delete_conversation(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<ConversationId>,
) -> Result<HttpResponse, Problem> {
    let id = *path;
    app.db.write(async move |tx: &mut Tx| broker::delete_conversation(tx, &caller, id).await).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List messages
///
/// What was said in a conversation, oldest first.
#[utoipa::path(
    tag = "Conversations",
    params(("conversation_id" = ConversationId, Path, description = "The conversation's id.", example = "0198c0de-0000-7000-8000-000000000003"), MessageQuery),
    responses(
        (status = 200, description = "The messages of this page; the total is in `X-Total-Count`.", body = Vec<MessageResponse>,
            headers(("X-Total-Count" = i64, description = "How many messages there are in all."))),
        (status = 404, description = "There is no such conversation of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/conversations/{conversation_id}/messages")]
pub async fn list_messages(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<ConversationId>,
    query: Query<MessageQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, page) = (*path, paging::page(query.limit, query.offset, 100, 500)?);
    let found = app.db.read(async move |tx: &mut Tx| broker::list_messages(tx, &caller, id, page).await).await?;
    Ok(paging::list(&found.map(MessageResponse::from)))
}

/// Get a message
///
/// One message of a conversation.
#[utoipa::path(
    tag = "Conversations",
    params(
        ("conversation_id" = ConversationId, Path, description = "The conversation's id.", example = "0198c0de-0000-7000-8000-000000000003"),
        ("message_id" = MessageId, Path, description = "The message's id.", example = "0198c0de-0000-7000-8000-000000000006"),
    ),
    responses(
        (status = 200, description = "The message.", body = MessageResponse),
        (status = 404, description = "There is no such conversation of yours, or no such message in it.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/conversations/{conversation_id}/messages/{message_id}")]
pub async fn read_message(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<(ConversationId, MessageId)>,
) -> Result<HttpResponse, Problem> {
    let (id, message) = *path;
    let found = app.db.read(async move |tx: &mut Tx| broker::find_message(tx, &caller, id, message).await).await?;
    Ok(HttpResponse::Ok().json(MessageResponse::from(found)))
}

/// List invocation logs of a conversation
///
/// The calls made in a conversation of yours, newest first.
#[utoipa::path(
    tag = "Conversations",
    params(("conversation_id" = ConversationId, Path, description = "The conversation's id.", example = "0198c0de-0000-7000-8000-000000000003"), LogQuery),
    responses(
        (status = 200, description = "The calls of this page; the total is in `X-Total-Count`.", body = Vec<InvocationLogResponse>,
            headers(("X-Total-Count" = i64, description = "How many calls match in all."))),
        (status = 404, description = "There is no such conversation of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/conversations/{conversation_id}/logs")]
pub async fn list_conversation_logs(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<ConversationId>,
    query: Query<LogQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, page, filter) = (*path, paging::page(query.limit, query.offset, 50, 100)?, query.filter()?);
    let read = async move |tx: &mut Tx| broker::list_conversation_calls(tx, &caller, id, &filter, page).await;
    Ok(paging::list(&app.db.read(read).await?.map(InvocationLogResponse::from)))
}
