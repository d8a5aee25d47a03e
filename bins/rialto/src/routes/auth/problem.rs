//! How identity's refusals look.

use actix_web::http::StatusCode;
use rialto_identity::IdentityError;

use crate::http::Problem;

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        let said = error.to_string();
        match error {
            IdentityError::Invalid { field, reason } => Self::invalid(format!("body.{field}"), reason),
            IdentityError::EmailTaken => Self::bad_request("email-taken", said),
            IdentityError::InvalidLogin => Self::new(StatusCode::UNAUTHORIZED, "invalid-login", said),
            // Rounded up: who comes back a second early would be refused again.
            IdentityError::Throttled { retry_after } => Self::new(StatusCode::TOO_MANY_REQUESTS, "login-throttled", said)
                .retry_after(retry_after.as_secs().saturating_add(1)),
            IdentityError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "login-busy", said).retry_after(2),
            IdentityError::Unauthenticated | IdentityError::Expired => Self::unauthenticated(said),
            IdentityError::OwnerTaken => Self::conflict("owner-taken", said),
            IdentityError::Forbidden | IdentityError::NotForOthers(_) | IdentityError::NotYourKey => Self::forbidden(said),
            IdentityError::UserNotFound | IdentityError::ApiKeyNotFound => Self::not_found(said),
            IdentityError::Crypto(_) => Self::internal(error),
            IdentityError::Store(error) => error.into(),
        }
    }
}
