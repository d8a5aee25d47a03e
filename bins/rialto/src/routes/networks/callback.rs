//! What comes in by a participant's own URL.

use actix_web::{HttpRequest, HttpResponse, post, web::Data};
use rialto_networks::{self as networks, Capability, NetworkId, ParticipantId};
use rialto_store::Tx;

use super::{
    dto::{CallbackPayload, NetworkMessageResponse},
    query::CapabilityQuery,
};
use crate::{
    compose::App,
    http::{Json, Path, Problem, Query, command::key_in, problem::ProblemBody},
};

/// Speak as a participant
///
/// No credential: the URL is all the proof. It is the participant's own (`token`), or the `reply_url` that came with a message
/// (`sig` and `exp`), which answers that message. A repeat makes no second message: with a key, the same key; in an answer, the
/// same answer to the same message; otherwise the same words within five minutes. A key that comes again with other words is 422.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("participant_id" = ParticipantId, Path, description = "The participant's id.", example = "0198c0de-0000-7000-8000-000000000012"),
        CapabilityQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "By which a repeat is known; a `webhook-id` of your own does as well."),
    ),
    request_body = CallbackPayload,
    responses(
        (status = 200, description = "The message.", body = NetworkMessageResponse),
        (status = 400, description = "The topology has no such way, or something is not active.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The URL proves nothing, or not any more; or the agent of the participant, or of whom it speaks to, is not active (`agent-not-active`).", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such recipient or message, or no network any more.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/networks/{network_id}/participants/{participant_id}/callback")]
pub async fn receive_callback(
    app: Data<App>,
    request: HttpRequest,
    path: Path<(NetworkId, ParticipantId)>,
    Query(query): Query<CapabilityQuery>,
    Json(body): Json<CallbackPayload>,
) -> Result<HttpResponse, Problem> {
    let ((network, id), now) = (*path, app.clock.now());
    let key = key_in(&request, "Idempotency-Key")?.map(String::from);
    // The names that others give their webhooks are theirs to choose: one that can be no key is none.
    let webhook = key_in(&request, "webhook-id").ok().flatten().map(String::from);
    let said = body.into_said(query.in_reply_to, key, webhook);
    let (shown, urls) = (shown(query)?, app.networks.door().urls.clone());
    let (stranger, door) = (shown.clone(), urls.clone());
    app.db.read(async move |tx: &mut Tx| networks::judge(tx, &door, &stranger, network, id, now).await).await?;
    let hear = async move |tx: &mut Tx| networks::hear(tx, &urls, &shown, network, id, &said, now).await;
    let heard = app.db.write(hear).await?;
    if let Some(recipient) = heard.letter.message.recipient.filter(|_| !heard.repeated) {
        app.networks.wake(recipient);
    }
    let mut response = HttpResponse::Ok();
    if heard.repeated {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(NetworkMessageResponse::from(heard.letter)))
}

fn shown(query: CapabilityQuery) -> Result<Capability, Problem> {
    match (query.token, query.sig, query.exp) {
        (Some(token), _, _) => Ok(Capability::Token(token)),
        (None, Some(sig), Some(exp)) => Ok(Capability::Signature { sig, exp }),
        (None, Some(_), None) => Err(Problem::invalid("query.exp", "is required")),
        (None, None, _) => Err(Problem::invalid("query.sig", "is required, or a token")),
    }
}
