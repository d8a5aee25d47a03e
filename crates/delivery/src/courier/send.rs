//! One attempt: the request, signed, and what came of it.

use std::time::Instant;

use rialto_kernel::Timestamp;
use rialto_outbound::{CallLimits, Method, OutboundError, OutboundRequest};
use zeroize::Zeroizing;

use crate::{
    model::Attempt,
    secret::{hex_signature, standard_signature},
    service::Inner,
    store::Parcel,
};

/// How much of an answer is read, so that the connection can be used again. Nobody looks at it, and one that is longer is as good.
const ANSWER_BYTES_MAX: usize = 65_536;

/// Where to send, and what signs.
pub(super) struct Target {
    pub url: String,
    /// The one in force first.
    pub secrets: Vec<Zeroizing<String>>,
}

/// What came of sending.
pub(super) struct Sent {
    pub error: Option<String>,
    at: Timestamp,
    duration_ms: i64,
    status_code: Option<i32>,
}

impl Sent {
    pub(super) fn attempt(self, number: i32) -> Attempt {
        let Self { error, at, duration_ms, status_code } = self;
        Attempt { number, at, duration_ms, status_code, error }
    }
}

impl Target {
    /// Sends a delivery. No transaction is open while it lasts.
    pub(super) async fn send(&self, inner: &Inner, parcel: &Parcel) -> Sent {
        let (at, began) = (inner.now(), Instant::now());
        let answered = async {
            let response = inner.client.send(self.request(inner, parcel, at)?).await?;
            // It has been taken or refused, whatever is said about that.
            let (status, mut body, mut left) = (response.status, response.body, ANSWER_BYTES_MAX);
            while let Some(Ok(piece)) = body.next().await {
                let Some(rest) = left.checked_sub(piece.len()) else { break };
                left = rest;
            }
            Ok::<_, OutboundError>(status)
        };
        let (status_code, error) = match answered.await {
            Ok(status) => {
                let refused = || format!("the receiver answered {}", status.as_u16());
                (Some(i32::from(status.as_u16())), (!status.is_success()).then(refused))
            }
            Err(error) => (None, Some(error.to_string())),
        };
        Sent { error, at, duration_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX), status_code }
    }

    fn request(&self, inner: &Inner, parcel: &Parcel, at: Timestamp) -> Result<OutboundRequest, OutboundError> {
        let Some(secret) = self.secrets.first() else {
            return Err(OutboundError::Request("there is no secret".to_owned()));
        };
        let (id, seconds, body) = (parcel.id.to_string(), at.seconds(), parcel.body.as_bytes());
        let signature = standard_signature(self.secrets.iter().map(|secret| secret.as_str()), &id, seconds, body);
        let patience = inner.config.patience;
        let limits = CallLimits { first_byte: patience, idle: patience, total: patience, response_bytes_max: u64::MAX };
        OutboundRequest::new(Method::POST, &self.url)
            .user_agent("Rialto-Webhooks/1.0")
            .limits(limits)
            .text_header("X-ACF-Signature", &hex_signature(secret, body))?
            .text_header("X-ACF-Event", &parcel.event)?
            .text_header("webhook-id", &id)?
            .text_header("webhook-timestamp", &seconds.to_string())
            .and_then(|request| request.text_header("webhook-signature", &signature))
            .map(|request| request.json(parcel.body.clone()))
    }
}
