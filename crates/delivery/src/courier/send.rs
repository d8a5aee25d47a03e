//! One attempt: the request, signed, and what came of it.

use rialto_kernel::Timestamp;
use rialto_outbound::{CallLimits, Method, OutboundError, OutboundRequest, webhook::hex_signature};
use zeroize::Zeroizing;

use crate::{
    model::{Attempt, DeliveryStatus},
    service::Inner,
    store::{Attempted, Parcel},
};

/// Where to send, and what signs.
pub(super) struct Target {
    pub url: String,
    /// The one in force first.
    pub secrets: Vec<Zeroizing<String>>,
}

impl Target {
    /// Sends a delivery, and judges how it stands then. No transaction is open while it lasts.
    pub(super) async fn send(&self, inner: &Inner, parcel: Parcel) -> Attempted {
        let at = inner.now();
        let told = match self.request(inner, &parcel, at) {
            Ok(request) => inner.client.tell(request).await,
            Err(error) => Err(error),
        };
        let (status_code, error) = match &told {
            Ok(status) => {
                let refused = || format!("the receiver answered {}", status.as_u16());
                (Some(i32::from(status.as_u16())), (!status.is_success()).then(refused))
            }
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(why) = &error {
            tracing::debug!(delivery.id = %parcel.id, why, "a webhook could not be told");
        }
        // What cannot be put on the wire never will be.
        let is_hopeless = matches!(told, Err(OutboundError::Request(_)));
        let (ended, tries) = (inner.now(), parcel.tries.saturating_add(1));
        let wait = usize::try_from(parcel.tries).ok().and_then(|made| inner.config.retries.get(made));
        let (status, due_at) = match (&error, wait) {
            (None, _) => (DeliveryStatus::Delivered, None),
            (Some(_), Some(wait)) if !is_hopeless => (DeliveryStatus::Pending, Some(ended.after(*wait))),
            (Some(_), _) => (DeliveryStatus::Dead, None),
        };
        let duration_ms = i64::try_from(ended.since(at).as_millis()).unwrap_or(i64::MAX);
        let attempt = Attempt { number: parcel.attempts.saturating_add(1), at, duration_ms, status_code, error };
        Attempted { seq: parcel.seq, status, due_at, tries, ended, attempt }
    }

    fn request(&self, inner: &Inner, parcel: &Parcel, at: Timestamp) -> Result<OutboundRequest, OutboundError> {
        let Some(secret) = self.secrets.first() else {
            return Err(OutboundError::Request("there is no secret".to_owned()));
        };
        let (id, body) = (parcel.id.to_string(), parcel.body.clone());
        let patience = inner.config.patience;
        let limits = CallLimits { first_byte: patience, idle: patience, total: patience, ..CallLimits::default() };
        OutboundRequest::new(Method::POST, &self.url)
            .user_agent("Rialto-Webhooks/1.0")
            .limits(limits)
            .text_header("X-ACF-Signature", &hex_signature(secret, body.as_bytes()))?
            .text_header("X-ACF-Event", &parcel.event)?
            .signed_json(self.secrets.iter().map(|secret| secret.as_str()), &id, at.seconds(), body)
    }
}
