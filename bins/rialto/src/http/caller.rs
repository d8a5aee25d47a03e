//! Who asks: the extractors by which a handler says what it needs.
//!
//! A handler without one of them is public, and the coverage test has to list it.

use std::{future::Future, pin::Pin};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::{StatusCode, header},
    web::Data,
};
use rialto_identity::{Credential, IdentityError};
use rialto_kernel::{Caller, CredentialKind};

use super::{
    Problem,
    middleware::{Counted, client, too_many},
    rate_limit::{Quota, Subject},
};
use crate::compose::App;

/// Somebody with a good credential, whichever kind.
#[derive(Debug, Clone, Copy)]
pub struct Auth(pub Caller);

/// An administrator.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub Caller);

/// Somebody with a good credential, or nobody: without one, or with one that proves nothing.
#[derive(Debug, Clone, Copy)]
pub struct MaybeAuth(pub Option<Caller>);

/// Somebody who may offer things for sale: a provider's key, or as good as that.
#[derive(Debug, Clone, Copy)]
pub struct Seller(pub Caller);

/// Who a request's key was found to be of, before it came to its handler.
#[derive(Clone, Copy)]
struct Known(Caller);

impl FromRequest for Auth {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = request.app_data::<Data<App>>().ok_or_else(|| Problem::unauthenticated("Not authenticated"))?;
            if let Some(Known(caller)) = request.extensions().get::<Known>() {
                return Ok(Self(*caller));
            }
            let caller = authenticate(app, &request, &Presented::by(&request)).await?;
            limit_key(app, &request, &caller)?;
            Ok(Self(caller))
        })
    }
}

impl FromRequest for MaybeAuth {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match Auth::extract(&request).await {
                Ok(Auth(caller)) => Ok(Self(Some(caller))),
                Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => Ok(Self(None)),
                Err(problem) => Err(problem),
            }
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

impl FromRequest for Seller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let Auth(caller) = Auth::extract(&request).await?;
            if caller.may_sell() { Ok(Self(caller)) } else { Err(Problem::forbidden("Provider access required")) }
        })
    }
}

/// What a request carries to say who sends it.
struct Presented {
    /// What has the form of a credential; a bearer goes first.
    credentials: Vec<Credential>,
    /// Whether there is something else in place of one.
    malformed: bool,
}

impl Presented {
    fn by(request: &HttpRequest) -> Self {
        let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| {
            let (scheme, credential) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| Credential::from_bearer(credential.trim()))
        });
        let key = text("X-API-Key").map(|key| Credential::from_api_key(key.trim()));
        let all: Vec<_> = bearer.into_iter().chain(key).collect();
        Self { malformed: all.iter().any(Option::is_none), credentials: all.into_iter().flatten().collect() }
    }
}

/// What somebody came with whose answer has no end: it may be revoked, or its time over, while they still listen.
pub struct Standing {
    presented: Presented,
    caller: Caller,
}

impl Standing {
    /// What `caller` came with.
    pub fn of(request: &HttpRequest, caller: Caller) -> Self {
        Self { presented: Presented::by(request), caller }
    }

    /// Whether it is still good, for the same owner. A database that cannot say so takes nobody's word back.
    pub async fn is_good(&self, app: &App) -> bool {
        let mut refused = false;
        for credential in &self.presented.credentials {
            match app.identity.authenticate(credential).await {
                Ok(caller) if caller.owner == self.caller.owner => return true,
                Ok(_) | Err(IdentityError::Unauthenticated | IdentityError::Expired) => refused = true,
                Err(_) => return true,
            }
        }
        !refused
    }
}

/// A bearer that proves nothing does not spoil a key that is good: clients keep sending tokens that have expired.
async fn authenticate(app: &App, request: &HttpRequest, presented: &Presented) -> Result<Caller, Problem> {
    let mut refusal = Problem::unauthenticated("Not authenticated");
    let mut guessed = presented.malformed;
    for credential in &presented.credentials {
        match app.identity.authenticate(credential).await {
            Err(IdentityError::Unauthenticated) => guessed = true,
            // Whoever comes with what was good once is no guesser, and has to hear that it is over.
            Err(error @ IdentityError::Expired) => refusal = error.into(),
            known => return Ok(known?),
        }
    }
    if guessed { Err(count_guess(app, request).err().unwrap_or(refusal)) } else { Err(refusal) }
}

/// Counts a credential that proved nothing against the address that it came from. Beyond so many the answer is 429, and says
/// no more about the credential. One that is good is heard all the same, whoever else guesses from its address: a key is 256
/// random bits, so what a guesser has to be kept from is our time and our log, not the key.
pub fn count_guess(app: &App, request: &HttpRequest) -> Result<(), Problem> {
    let per_minute = app.settings.auth_failures_per_minute;
    let Some(address) = client(app, request) else { return Ok(()) };
    let verdict = app.rate_limits.check(Subject::Guesser(address), Quota { per_minute, burst: per_minute });
    if verdict.allowed {
        return Ok(());
    }
    app.metrics.rate_limited.inc();
    let detail = "Too many failed attempts. Try again later.";
    Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "auth-throttled", detail)
        .retry_after(verdict.wait.as_secs().saturating_add(1)))
}

/// Counts a request that carries a key against that key, whether its handler asks for a credential or not; whom it finds is
/// known to the handler. A key that proves nothing is the handler's business: many ask for none.
///
/// # Errors
/// 429.
pub async fn meet(app: &App, request: &HttpRequest) -> Result<(), Problem> {
    let presented = Presented::by(request);
    let [credential @ (Credential::Key(_) | Credential::KeyWithId(..))] = presented.credentials.as_slice() else {
        return Ok(());
    };
    let Ok(caller) = app.identity.authenticate(credential).await else { return Ok(()) };
    limit_key(app, request, &caller)?;
    request.extensions_mut().insert(Known(caller));
    Ok(())
}

/// Counts the request against its key, when the key has a limit of its own.
fn limit_key(app: &App, request: &HttpRequest, caller: &Caller) -> Result<(), Problem> {
    let (CredentialKind::ApiKey(id), Some(per_minute)) = (caller.credential, caller.rate_limit_per_minute) else {
        return Ok(());
    };
    let verdict = app.rate_limits.check(Subject::ApiKey(id), Quota { per_minute, burst: per_minute });
    request.extensions_mut().insert(Counted { per_minute, verdict });
    if verdict.allowed {
        return Ok(());
    }
    app.metrics.rate_limited.inc();
    Err(too_many(verdict))
}
