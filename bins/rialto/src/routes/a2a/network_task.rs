//! Tasks that are sent into a network, as the first reference has them.

use actix_web::{
    HttpRequest, HttpResponse, post,
    web::{self, Data},
};
use rialto_a2a::{
    A2aError,
    wire::{rpc, types::moment},
};
use rialto_kernel::Caller;
use rialto_networks::{
    self as networks, Called, Channel, DeliveryStatus, Letter, NetworkError, NetworkId, NewMessage, ParticipantId,
};
use rialto_store::{StoreError, Tx};
use serde::Deserialize;
use serde_json::{Value, json};

use super::rpc::{json_answer, refusal};
use crate::{
    compose::App,
    http::{Auth, Problem, body, input::body_limit},
};

/// What the envelope carries.
#[derive(Debug, Deserialize)]
struct Params {
    network_id: NetworkId,
    sender_participant_id: ParticipantId,
    recipient_participant_id: ParticipantId,
    task: TaskIn,
}

#[derive(Debug, Deserialize)]
struct TaskIn {
    history: Vec<Entry>,
    metadata: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    parts: Vec<PartIn>,
}

#[derive(Debug, Deserialize)]
struct PartIn {
    text: Option<String>,
}

/// How the message travels, if its metadata says.
fn channel_of(task: &TaskIn) -> Result<Channel, A2aError> {
    match task.metadata.as_ref().and_then(|metadata| metadata.get("intuno_channel")) {
        None | Some(Value::Null) => Ok(Channel::Message),
        Some(given) => given
            .as_str()
            .and_then(Channel::from_word)
            .ok_or_else(|| A2aError::invalid("params.task.metadata.intuno_channel", "must be call, message or mailbox")),
    }
}

/// Send a task into a network
///
/// As the first reference has it: a JSON-RPC envelope whose parameters name a network of yours and two of its participants. The text of
/// the last entry of the history is sent, by the channel that `metadata.intuno_channel` names: `message`, `mailbox`, or `call`, which
/// waits for the answer. Errors are JSON-RPC errors, with status 200.
#[utoipa::path(
    tag = "A2A",
    request_body(content = Value, example = json!({"jsonrpc": "2.0", "id": 1, "method": "tasks/send", "params": {
        "network_id": "0198c0de-0000-7000-8000-000000000001", "sender_participant_id": "0198c0de-0000-7000-8000-000000000002",
        "recipient_participant_id": "0198c0de-0000-7000-8000-000000000003",
        "task": {"history": [{"role": "user", "parts": [{"type": "text", "text": "Hello"}]}], "metadata": {"intuno_channel": "message"}}}})),
    responses(
        (status = 200, description = "The JSON-RPC answer.", body = Value,
            example = json!({"jsonrpc": "2.0", "id": 1, "result": {"id": "0198c0de-0000-7000-8000-000000000004", "status": {"state": "submitted"}}})),
    ),
    security(("token" = [])),
)]
#[post("/a2a/tasks/send")]
pub async fn send_network_task(
    app: Data<App>,
    Auth(caller): Auth,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = body::read(&request, &mut payload.into_inner(), body_limit(&request)).await?;
    let asked: Value = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return Ok(refusal(&Value::Null, &A2aError::Parse(error.to_string()))),
    };
    // The reference looks neither at the version of the envelope nor at its method.
    let id = asked.get("id").filter(|id| id.is_string() || id.is_number()).cloned().unwrap_or_default();
    Ok(match send(&app, caller, asked.get("params")).await {
        Ok(result) => json_answer(&rpc::success(&id, &result)),
        Err(error) => refusal(&id, &error),
    })
}

async fn send(app: &App, caller: Caller, params: Option<&Value>) -> Result<Value, A2aError> {
    let given = params.unwrap_or(&Value::Null);
    if rpc::holds_nul(given) {
        return Err(A2aError::invalid("params", "text must not contain the NUL character"));
    }
    let params: Params = serde_path_to_error::deserialize(given).map_err(|error| {
        let path = error.path().to_string();
        A2aError::invalid(format!("params.{path}").trim_end_matches('.'), error.inner().to_string())
    })?;
    let channel = channel_of(&params.task)?;
    let last = params.task.history.last().ok_or_else(|| A2aError::invalid("params.task.history", "must not be empty"))?;
    let texts: Vec<&str> = last.parts.iter().filter_map(|part| part.text.as_deref()).collect();
    let new = NewMessage {
        network: params.network_id,
        sender: params.sender_participant_id,
        recipient: params.recipient_participant_id,
        content: texts.join("\n"),
        metadata: None,
    };
    if channel == Channel::Call {
        return call(app, caller, new).await;
    }
    let (recipient, now) = (new.recipient, app.clock.now());
    let work = async move |tx: &mut Tx| match channel {
        Channel::Mailbox => networks::send_to_mailbox(tx, &caller, &new, now).await,
        Channel::Call | Channel::Message => networks::send(tx, &caller, &new, now).await,
    };
    let letter = app.db.write(work).await.map_err(refused)?;
    app.networks.wake(recipient);
    Ok(task(&letter))
}

async fn call(app: &App, caller: Caller, new: NewMessage) -> Result<Value, A2aError> {
    let failed = |message: &dyn ToString, why: String| {
        let words = json!({"role": "agent", "parts": [{"type": "text", "text": why}]});
        json!({"id": message.to_string(), "status": {"state": "failed", "message": words}})
    };
    match app.networks.call(caller, new, None).await {
        Ok(Called::Answered(answered)) => {
            let text = answered.response.as_str().map_or_else(|| answered.response.to_string(), str::to_owned);
            let artifact = json!({"parts": [{"type": "text", "text": text}]});
            Ok(json!({"id": answered.message.to_string(), "status": {"state": "completed"}, "artifacts": [artifact]}))
        }
        // Only a request with an idempotency key can be one.
        Ok(Called::Replayed(_)) => Err(A2aError::Busy("The call was made before".to_owned())),
        Err(ref error @ NetworkError::CallTimeout { message, .. }) => Ok(failed(&message, error.to_string())),
        Err(NetworkError::CallFailed { message, why }) => Ok(failed(&message, why)),
        Err(error) => Err(refused(error)),
    }
}

/// A message as the first reference shows it as a task.
fn task(letter: &Letter) -> Value {
    let message = &letter.message;
    let state = match letter.status() {
        DeliveryStatus::Pending => "submitted",
        DeliveryStatus::Delivered => "working",
        DeliveryStatus::Read => "completed",
        DeliveryStatus::Failed => "failed",
    };
    json!({
        "id": message.id,
        "status": {"state": state, "timestamp": moment(message.created_at)},
        "history": [{"role": "user", "parts": [{"type": "text", "text": message.content}]}],
        "metadata": {
            "intuno_network_id": message.network,
            "intuno_channel": message.channel.as_str(),
            "sender": message.sender,
            "recipient": message.recipient,
        },
    })
}

fn refused(error: NetworkError) -> A2aError {
    let said = error.to_string();
    match error {
        NetworkError::NetworkUnknown => A2aError::invalid("params.network_id", said),
        NetworkError::SenderUnknown | NetworkError::SenderNotActive => A2aError::invalid("params.sender_participant_id", said),
        NetworkError::RecipientUnknown | NetworkError::RecipientNotActive | NetworkError::NoCallback => {
            A2aError::invalid("params.recipient_participant_id", said)
        }
        NetworkError::Invalid { field, message } => A2aError::invalid(format!("params.task.{field}"), message),
        NetworkError::ReadOnly => A2aError::ReadOnly,
        NetworkError::Busy | NetworkError::OwnerBusy | NetworkError::Interrupted => A2aError::Busy(said),
        NetworkError::Store(error) => A2aError::Store(error),
        NetworkError::Cipher(_) | NetworkError::Registry(_) => A2aError::Store(StoreError::Corrupt(said)),
        _ => A2aError::InvalidRequest(said),
    }
}
