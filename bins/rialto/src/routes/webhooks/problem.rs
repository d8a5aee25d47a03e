//! How refusals of webhooks look.

use rialto_delivery::WebhookError;

use crate::http::Problem;

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        let said = error.to_string();
        match error {
            WebhookError::Unknown | WebhookError::DeliveryUnknown => Self::not_found(said),
            WebhookError::ReadOnly => Self::forbidden(said),
            WebhookError::TooMany => Self::bad_request("too-many-webhooks", said),
            WebhookError::NotHttps | WebhookError::Private | WebhookError::Url(_) => {
                Self::bad_request("webhook-url-refused", said)
            }
            // The reference answers a field that breaks a rule with 400.
            WebhookError::Invalid { field, message } => Self::rule(format!("body.{field}"), message),
            WebhookError::NotActive => Self::conflict("webhook-not-active", said),
            WebhookError::StillPending => Self::conflict("delivery-pending", said),
            WebhookError::Cipher(error) => Self::internal(error),
            WebhookError::Store(error) => error.into(),
        }
    }
}
