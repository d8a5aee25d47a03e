//! Why webhooks refuse.

use rialto_outbound::UrlRefusal;
use rialto_registry::CipherError;
use rialto_store::StoreError;

use crate::subscribe::WEBHOOKS_MAX;

/// A refusal, or a failure of something underneath.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// No such webhook, or somebody else's.
    #[error("Webhook not found")]
    Unknown,
    /// No such delivery of this webhook.
    #[error("Delivery not found")]
    DeliveryUnknown,
    /// A viewer changes nothing.
    #[error("Your role may only read")]
    ReadOnly,
    /// The owner has as many as it may.
    #[error("Maximum {WEBHOOKS_MAX} webhooks per owner")]
    TooMany,
    /// Events are sent in the clear nowhere but where the operator allows it.
    #[error("Webhook URL must use HTTPS (https://)")]
    NotHttps,
    /// The URL leads to where nobody may be called.
    #[error("Webhook URL resolves to a private/reserved IP address")]
    Private,
    /// The URL cannot be called for another reason.
    #[error("Webhook URL {0}")]
    Url(UrlRefusal),
    /// A field is not what it must be.
    #[error("{field} {message}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The webhook is switched off.
    #[error("The webhook is not active")]
    NotActive,
    /// The delivery has not ended.
    #[error("The delivery is still pending")]
    StillPending,
    /// A secret could not be encrypted.
    #[error("a webhook's secret could not be encrypted")]
    Cipher(#[from] CipherError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl WebhookError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }
}
