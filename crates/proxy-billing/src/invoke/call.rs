//! The call itself. No transaction is open while it lasts.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rialto_outbound::{CallLimits, Method, OutboundError, OutboundRequest, OutboundResponse, StatusCode};

use super::{Answer, Inner, a2a, open::Call};

/// What the agent made of it.
#[derive(Debug, Clone)]
pub(super) struct Called {
    /// What it answered, or why that is no answer.
    pub(super) result: Result<Answer, String>,
    /// Its status, or ours when there was none.
    pub(super) status_code: u16,
    /// From sending to the last byte.
    pub(super) latency: Duration,
}

impl Called {
    pub(super) fn failed(status_code: u16, why: impl Into<String>, latency: Duration) -> Self {
        Self { result: Err(why.into()), status_code: known(status_code), latency }
    }

    pub(super) fn answered(status: StatusCode, answer: Answer, latency: Duration) -> Self {
        Self { result: Ok(answer), status_code: known(status.as_u16()), latency }
    }
}

/// A status that HTTP knows. Agents may send any three digits; those beyond are a bad gateway's.
const fn known(status_code: u16) -> u16 {
    if matches!(status_code, 100..=599) { status_code } else { 502 }
}

impl Inner {
    /// Makes the call and reads the whole answer.
    pub(super) async fn call(&self, call: &Call) -> Called {
        let started = Instant::now();
        if let Some(version) = a2a::version(call.protocol) {
            return self.call_a2a(call, version, started).await;
        }
        let answered = async {
            let response = self.client.send(request(call, call.input.body(), call.limits)?).await?;
            if !response.status.is_success() {
                return Ok((response.status, None));
            }
            Ok::<_, OutboundError>((response.status, Some(response.body.collect().await?)))
        };
        match answered.await {
            Ok((status, Some(body))) => judge(status, &body, started),
            Ok((status, None)) => Called::failed(status.as_u16(), refusal(status), started.elapsed()),
            Err(error) => failure(&error, started.elapsed()),
        }
    }

    /// Makes the call and hands back the answer's head; `Err` when there is nothing to read.
    pub(super) async fn begin_call(&self, call: &Call, started: Instant) -> Result<OutboundResponse, Called> {
        let sent = async { self.client.send(request(call, call.input.body(), call.limits)?).await };
        let response = sent.await.map_err(|error| failure(&error, started.elapsed()))?;
        if response.status.is_success() {
            Ok(response)
        } else {
            Err(Called::failed(response.status.as_u16(), refusal(response.status), started.elapsed()))
        }
    }
}

pub(super) fn refusal(status: StatusCode) -> String {
    format!("Agent returned status {}", status.as_u16())
}

/// A 2xx with its body, which has to be JSON. Nothing is no answer, whatever the status says of it, and is not paid.
pub(super) fn judge(status: StatusCode, body: &[u8], started: Instant) -> Called {
    match Answer::read(body) {
        Ok(answer) => Called::answered(status, answer, started.elapsed()),
        Err(_) => Called::failed(status.as_u16(), "Invalid JSON response from agent", started.elapsed()),
    }
}

/// A call without an answer, in the statuses that clients know.
pub(super) fn failure(error: &OutboundError, latency: Duration) -> Called {
    let (status_code, why) = match error {
        OutboundError::Timeout(_) => (408, "Request timeout".to_owned()),
        OutboundError::Refused(refusal) => (400, format!("invoke_endpoint {refusal}")),
        OutboundError::Dns(_)
        | OutboundError::Connect(_)
        | OutboundError::TooLarge(_)
        | OutboundError::Upload(_)
        | OutboundError::Protocol(_)
        | OutboundError::Request(_) => (502, format!("Request failed: {error}")),
    };
    tracing::debug!(%error, detail = error.detail(), "an agent could not be called");
    Called::failed(status_code, why, latency)
}

/// What goes to the agent, with its credential.
pub(super) fn request(call: &Call, body: Bytes, limits: CallLimits) -> Result<OutboundRequest, OutboundError> {
    let mut request = OutboundRequest::new(Method::POST, call.endpoint.as_str())
        .user_agent("Rialto-Broker/1.0")
        .json(body)
        .limits(limits)
        .text_header("X-Request-ID", &call.request_id)?;
    if let Some(credential) = &call.credential {
        request = request.text_header(&credential.name, &credential.value)?;
    }
    Ok(request)
}
