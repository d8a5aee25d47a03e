//! Calls of agents that speak A2A: a message, and questions after its task until that is done.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rialto_a2a::wire::{
    Version,
    outgoing::{self, Reply},
};
use rialto_outbound::{CallLimits, HeaderName, HeaderValue};
use rialto_registry::Protocol;
use serde_json::Value;

use super::{
    Answer, Inner,
    call::{Called, failure, refusal, request},
    open::Call,
};

/// How long to wait before a task is asked after, at first and at most. Each wait is half as long again as the one before.
const POLL_FIRST: Duration = Duration::from_millis(200);
const POLL_MAX: Duration = Duration::from_secs(2);
/// How long an agent may take to hear that nobody waits any more.
const CANCEL_PATIENCE: Duration = Duration::from_secs(2);
/// The header that says which version is spoken.
const VERSION: HeaderName = HeaderName::from_static("a2a-version");

/// The version of A2A that an agent speaks, if it does.
pub(super) const fn version(protocol: Protocol) -> Option<Version> {
    match protocol {
        Protocol::Http => None,
        Protocol::A2aV03 => Some(Version::V03),
        Protocol::A2aV10 => Some(Version::V10),
    }
}

impl Inner {
    /// Sends the input as a message, and asks after the task that comes of it for as long as a call may last. A task that is not
    /// asked after any more is called off, whatever the reason: nobody hears how it ends, and nobody pays for it.
    pub(super) async fn call_a2a(&self, call: &Call, version: Version, started: Instant) -> Called {
        let id = call.id.to_string();
        let Value::Object(input) = call.input.value() else {
            return Called::failed(400, "The input is not an object", started.elapsed());
        };
        let (mut say, mut open, mut pause) = (outgoing::send(version, &id, input), None, POLL_FIRST);
        let failed = |status_code, why| Called::failed(status_code, why, started.elapsed());
        let called = loop {
            let left = call.limits.total.saturating_sub(started.elapsed());
            match self.exchange(call, version, &say, left, started).await {
                Err(called) => break called,
                Ok(Reply::Done(value)) => return answered(value, started),
                Ok(Reply::Failed(why)) => return failed(502, why),
                Ok(Reply::Refused(why)) => break failed(502, why),
                Ok(Reply::Stuck { task_id, why }) => {
                    open = Some(task_id);
                    break failed(502, why);
                }
                Ok(Reply::Working { task_id }) => say = outgoing::get(version, &id, open.insert(task_id)),
            }
            if call.limits.total.saturating_sub(started.elapsed()) <= pause {
                break failed(408, "Request timeout".to_owned());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(POLL_MAX);
        };
        if let Some(task_id) = open {
            self.give_up(call, version, &task_id, started).await;
        }
        called
    }

    /// One request and its answer.
    async fn exchange(
        &self,
        call: &Call,
        version: Version,
        say: &Value,
        left: Duration,
        started: Instant,
    ) -> Result<Reply, Called> {
        // A blocking agent answers with its last word: it may take as long as the whole call.
        let limits = CallLimits { first_byte: left, idle: left, total: left, ..call.limits };
        let sent = async {
            let request = request(call, Bytes::from(say.to_string()), limits)?;
            self.client.fetch(request.header(VERSION, HeaderValue::from_static(version.as_str()))).await
        };
        let answer = sent.await.map_err(|error| failure(&error, started.elapsed()))?;
        if !answer.status.is_success() {
            return Err(Called::failed(answer.status.as_u16(), refusal(answer.status), started.elapsed()));
        }
        outgoing::read(version, &answer.body).map_err(|why| Called::failed(502, why, started.elapsed()))
    }

    /// Says that nobody waits any more. What comes of it does not matter to the call.
    async fn give_up(&self, call: &Call, version: Version, task_id: &str, started: Instant) {
        let say = outgoing::cancel(version, &call.id.to_string(), task_id);
        drop(self.exchange(call, version, &say, CANCEL_PATIENCE, started).await);
    }
}

fn answered(value: Value, started: Instant) -> Called {
    match Answer::new(value) {
        Ok(answer) => Called::answered(rialto_outbound::StatusCode::OK, answer, started.elapsed()),
        Err(_) => Called::failed(502, "Invalid A2A response from agent", started.elapsed()),
    }
}
