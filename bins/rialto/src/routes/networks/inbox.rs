//! Inboxes, as their participants look into them.

use actix_web::{HttpResponse, get, http::StatusCode, web::Data};
use rialto_networks::{NetworkId, ParticipantId};
use rialto_outbound::Crowded;

use super::{dto::NetworkMessageResponse, query::InboxParams};
use crate::{
    compose::App,
    http::{Auth, Path, Problem, Query, problem::ProblemBody},
};

/// Read an inbox
///
/// What a participant has not acknowledged yet, the oldest first. With `wait`, an empty inbox answers as soon as something
/// comes. What has failed is not in it.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("participant_id" = ParticipantId, Path, description = "The participant's id.", example = "0198c0de-0000-7000-8000-000000000012"),
        InboxParams,
    ),
    responses(
        (status = 200, description = "The messages.", body = Vec<NetworkMessageResponse>),
        (status = 403, description = "The participant's agent is not active (`agent-not-active`): it receives nothing.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such participant in a network of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many of your requests wait for something to come.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/networks/{network_id}/inbox/{participant_id}")]
pub async fn read_inbox(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<(NetworkId, ParticipantId)>,
    params: Query<InboxParams>,
) -> Result<HttpResponse, Problem> {
    let ((network, id), query, patience) = (*path, params.query()?, params.patience()?);
    let _waiting = if patience.is_zero() { None } else { Some(app.waits.take(caller.owner).map_err(crowded)?) };
    let found = app.networks.await_inbox(caller, network, id, query, patience).await?;
    Ok(HttpResponse::Ok().json(found.into_iter().map(NetworkMessageResponse::from).collect::<Vec<_>>()))
}

fn crowded(crowded: Crowded) -> Problem {
    let detail = match crowded {
        Crowded::All => "As many requests are waiting as may wait at once; try again in a moment.",
        Crowded::Owner => "Too many of your requests are waiting; try again when one has ended.",
    };
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-waiting", detail).retry_after(1)
}
