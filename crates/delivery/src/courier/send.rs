//! One attempt: the request, signed, and what came of it.

use std::time::Instant;

use rialto_kernel::Timestamp;
use rialto_outbound::{CallLimits, Method, OutboundError, OutboundRequest};
use rialto_registry::cipher::Sealed;
use zeroize::Zeroizing;

use crate::{
    model::{Attempt, WebhookId},
    secret::{hex_signature, standard_signature},
    service::Inner,
    store::Parcel,
};

/// How much of an answer is read, so that the connection can be used again. Nobody looks at it.
const ANSWER_BYTES_MAX: u64 = 65_536;

/// Where to send, and what signs.
pub(super) struct Target {
    pub id: WebhookId,
    pub url: String,
    /// The one in force first.
    pub secrets: Vec<Sealed>,
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
            let status = response.status;
            // It has been taken or refused, whatever is said about that.
            drop(response.body.collect().await);
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
        let opened: Vec<Zeroizing<String>> =
            self.secrets.iter().map_while(|sealed| inner.cipher.open(self.id, sealed).ok()).collect();
        let Some(secret) = opened.first() else {
            // It was encrypted with another key, say. Nothing goes out unsigned.
            tracing::error!(webhook.id = %self.id, "the secret of a webhook cannot be opened");
            return Err(OutboundError::Request("the secret cannot be opened".to_owned()));
        };
        let (id, seconds, body) = (parcel.id.to_string(), at.seconds(), parcel.body.as_bytes());
        let signature = standard_signature(opened.iter().map(|secret| secret.as_str()), &id, seconds, body);
        let patience = inner.config.patience;
        let limits = CallLimits { first_byte: patience, idle: patience, total: patience, response_bytes_max: ANSWER_BYTES_MAX };
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
