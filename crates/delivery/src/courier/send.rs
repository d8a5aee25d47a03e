//! One attempt: the request, signed, and what came of it.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use rialto_kernel::Timestamp;
use rialto_outbound::{CallLimits, Method, OutboundError, OutboundRequest, StatusCode, webhook::hex_signature};
use tokio::time::Instant;
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

/// Why an attempt failed.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    why: String,
    /// What cannot be put on the wire never will be.
    is_hopeless: bool,
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        Self { why: error.to_string(), is_hopeless: matches!(error, OutboundError::Request(_)) }
    }
}

/// What comes of sending. A panic is a defect of ours, and an attempt that failed: nothing else that is on its way has to suffer.
async fn unwound(sending: impl Future<Output = Result<StatusCode, Failure>>) -> Result<StatusCode, Failure> {
    AssertUnwindSafe(sending).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("sending to a webhook has panicked");
        Err(Failure { why: "the server failed while it was sending".to_owned(), is_hopeless: false })
    })
}

impl Target {
    /// Sends a delivery, and judges how it stands then. No transaction is open while it lasts.
    pub(super) async fn send(&self, inner: &Inner, parcel: Parcel) -> Attempted {
        let (at, began) = (inner.now(), Instant::now());
        let told = unwound(async {
            let request = self.request(inner, &parcel, at)?;
            Ok(inner.client.tell(request).await?)
        })
        .await;
        let (status_code, failure) = match told {
            Ok(status) => {
                let refused = || Failure { why: format!("the receiver answered {}", status.as_u16()), is_hopeless: false };
                (Some(i32::from(status.as_u16())), (!status.is_success()).then(refused))
            }
            Err(failure) => (None, Some(failure)),
        };
        if let Some(Failure { why, .. }) = &failure {
            tracing::debug!(delivery.id = %parcel.id, why, "a webhook could not be told");
        }
        let (ended, tries) = (inner.now(), parcel.tries.saturating_add(1));
        let wait = usize::try_from(parcel.tries).ok().and_then(|made| inner.config.retries.get(made));
        let (status, due_at) = match (&failure, wait) {
            (None, _) => (DeliveryStatus::Delivered, None),
            (Some(failure), Some(wait)) if !failure.is_hopeless => (DeliveryStatus::Pending, Some(ended.after(*wait))),
            (Some(_), _) => (DeliveryStatus::Dead, None),
        };
        let duration_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (number, error) = (parcel.attempts.saturating_add(1), failure.map(|failure| failure.why));
        let attempt = Attempt { number, at, duration_ms, status_code, error };
        Attempted { seq: parcel.seq, was_due: parcel.due_at, status, due_at, tries, ended, attempt }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_attempt_that_failed_and_may_be_made_again() {
        let failure = unwound(async { Err(None::<Failure>.expect("a defect")) }).await.unwrap_err();
        assert!(!failure.is_hopeless && failure.why.contains("the server failed"), "{failure:?}");
        assert_eq!(unwound(async { Ok(StatusCode::NO_CONTENT) }).await, Ok(StatusCode::NO_CONTENT));
        let refused = unwound(async { Err(OutboundError::Request("no".to_owned()).into()) }).await;
        assert!(refused.unwrap_err().is_hopeless);
    }
}
