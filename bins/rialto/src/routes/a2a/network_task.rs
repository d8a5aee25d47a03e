//! Tasks that are sent into a network, as the first reference has them.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderName, HeaderValue},
    post,
    web::{self, Data},
};
use rialto_a2a::{
    A2aError,
    wire::{rpc, types::moment},
};
use rialto_kernel::Caller;
use rialto_networks::{
    self as networks, CallEnd, CallKey, Called, Channel, DeliveryStatus, Letter, MessageId, NetworkError, NetworkId, NewMessage,
    ParticipantId,
};
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Claim, Key, Stored},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::rpc::{json_answer, refusal};
use crate::{
    compose::App,
    http::{Auth, Problem, body, command, input::body_limit},
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
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer, without a second message.")),
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
    let key = command::key(&app.fingerprints, &request, &caller, &body)?;
    let asked: Value = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return Ok(refusal(&Value::Null, &A2aError::Parse(error.to_string()))),
    };
    // The reference looks neither at the version of the envelope nor at its method.
    let id = asked.get("id").filter(|id| id.is_string() || id.is_number()).cloned().unwrap_or_default();
    Ok(match send(&app, caller, asked.get("params"), key).await {
        Ok((result, replayed)) => {
            let mut answer = json_answer(&rpc::success(&id, &result));
            if replayed {
                answer.headers_mut().insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
            }
            answer
        }
        Err(error) => refusal(&id, &error),
    })
}

/// The result, and whether it was given before, under the same key.
async fn send(app: &App, caller: Caller, params: Option<&Value>, key: Option<Key>) -> Result<(Value, bool), A2aError> {
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
        return call(app, caller, new, key).await;
    }
    let (recipient, now) = (new.recipient, app.clock.now());
    let work = async move |tx: &mut Tx| {
        if let Some(key) = &key {
            match idempotency::claim(tx, key, now).await? {
                Claim::Fresh => {}
                Claim::Done(stored) => return kept(&stored).map(|result| (result, true)),
                Claim::Running => return Err(refused(NetworkError::KeyRunning)),
                Claim::Mismatch => return Err(refused(NetworkError::KeyReused)),
            }
        }
        let sent = match channel {
            Channel::Mailbox => networks::send_to_mailbox(tx, &caller, &new, now).await,
            Channel::Call | Channel::Message => networks::send(tx, &caller, &new, now).await,
        };
        let result = task(&sent.map_err(refused)?);
        if let Some(key) = &key {
            idempotency::finish(tx, key, &Stored { status: 200, body: result.to_string() }).await?;
        }
        Ok((result, false))
    };
    let sent = app.db.write(work).await?;
    app.networks.wake(recipient);
    Ok(sent)
}

/// The result that is kept under a key.
fn kept(stored: &Stored) -> Result<Value, A2aError> {
    serde_json::from_str(&stored.body)
        .map_err(|_| A2aError::Store(StoreError::Corrupt("an answer that was kept is no JSON".into())))
}

async fn call(app: &App, caller: Caller, new: NewMessage, key: Option<Key>) -> Result<(Value, bool), A2aError> {
    let keyed = key.map(|key| CallKey { key, render });
    match app.networks.call(caller, new, keyed).await {
        Ok(Called::Answered(answered)) => Ok((ended(&Ok(answered)), false)),
        Ok(Called::Replayed(stored)) => kept(&stored).map(|result| (result, true)),
        Err(error @ (NetworkError::CallTimeout { .. } | NetworkError::CallFailed { .. })) => Ok((ended(&Err(error)), false)),
        Err(error) => Err(refused(error)),
    }
}

/// How the end of a call is kept for a repeat with the same `Idempotency-Key`.
fn render(end: &CallEnd) -> Stored {
    Stored { status: 200, body: ended(end).to_string() }
}

/// The end of a call as the first reference shows it as a task.
fn ended(end: &CallEnd) -> Value {
    let failed = |message: Option<&MessageId>, why: String| {
        let words = json!({"role": "agent", "parts": [{"type": "text", "text": why}]});
        json!({"id": message, "status": {"state": "failed", "message": words}})
    };
    match end {
        Ok(answered) => {
            let text = answered.response.as_str().map_or_else(|| answered.response.to_string(), str::to_owned);
            let artifact = json!({"parts": [{"type": "text", "text": text}]});
            json!({"id": answered.message, "status": {"state": "completed"}, "artifacts": [artifact]})
        }
        Err(error @ NetworkError::CallTimeout { message, .. }) => failed(Some(message), error.to_string()),
        Err(NetworkError::CallFailed { message, why }) => failed(Some(message), why.clone()),
        Err(error) => failed(None, error.to_string()),
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
        NetworkError::OwnerBusy => A2aError::Crowded(said),
        NetworkError::Busy | NetworkError::Interrupted | NetworkError::KeyRunning => A2aError::Busy(said),
        NetworkError::Store(error) => A2aError::Store(error),
        NetworkError::Cipher(_) | NetworkError::Registry(_) => A2aError::Store(StoreError::Corrupt(said)),
        _ => A2aError::InvalidRequest(said),
    }
}
