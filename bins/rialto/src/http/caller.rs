//! Who asks: the extractors by which a handler says what it needs.
//!
//! A handler without one of them is public, and the coverage test has to list it.

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web::Data};
use rialto_identity::{Credential, IdentityError};
use rialto_kernel::{Caller, CredentialKind};

use super::{
    Problem,
    middleware::too_many,
    rate_limit::{Quota, Subject},
};
use crate::compose::App;

/// Somebody with a good credential, whichever kind.
#[derive(Debug, Clone, Copy)]
pub struct Auth(pub Caller);

/// An administrator.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub Caller);

impl FromRequest for Auth {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = request.app_data::<Data<App>>().ok_or_else(|| Problem::unauthenticated("Not authenticated"))?;
            let caller = authenticate(app, &request).await?;
            limit_key(app, &caller)?;
            Ok(Self(caller))
        })
    }
}

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let Auth(caller) = Auth::extract(&request).await?;
            if caller.is_admin() { Ok(Self(caller)) } else { Err(Problem::forbidden("This takes an administrator.")) }
        })
    }
}

/// The credentials that a request carries; a bearer goes first.
fn presented(request: &HttpRequest) -> impl Iterator<Item = Credential> {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, credential) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Credential::from_bearer(credential.trim()))?
    });
    let key = text("X-API-Key").and_then(|key| Credential::from_api_key(key.trim()));
    bearer.into_iter().chain(key)
}

/// A bearer that proves nothing does not spoil a key that is good: clients keep sending tokens that have expired.
async fn authenticate(app: &App, request: &HttpRequest) -> Result<Caller, Problem> {
    for credential in presented(request) {
        match app.identity.authenticate(&credential).await {
            Err(IdentityError::Unauthenticated) => {}
            known => return Ok(known?),
        }
    }
    Err(Problem::unauthenticated("Not authenticated"))
}

/// Counts the request against its key, when the key has a limit of its own.
fn limit_key(app: &App, caller: &Caller) -> Result<(), Problem> {
    let (CredentialKind::ApiKey(id), Some(per_minute)) = (caller.credential, caller.rate_limit_per_minute) else {
        return Ok(());
    };
    let verdict = app.rate_limits.check(Subject::ApiKey(id), Quota { per_minute, burst: per_minute });
    if verdict.allowed { Ok(()) } else { Err(too_many(verdict)) }
}
