//! A request that changes something: who asks, what for, and whether they have asked before.

use std::{future::Future, pin::Pin};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    http::{StatusCode, header},
    web::{Bytes, Data},
};
use rialto_kernel::{BadIdempotencyKey, Caller, CredentialKind, IdempotencyKey};
use rialto_store::{
    Tx,
    idempotency::{self, Claim, Key, Stored},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{Auth, MaybeAuth, Problem, answer_seal::AnswerSeal, body, fingerprint::Fingerprints, input::body_limit};
use crate::compose::App;

/// What a key that is none is called.
const BAD_KEY: &str = "bad-idempotency-key";

/// The body of a request that needs none. Whatever JSON comes is ignored.
pub type NoBody = serde::de::IgnoredAny;

/// An authenticated request with a JSON body and, perhaps, an `Idempotency-Key`.
///
/// Every POST that moves money or creates something takes one, and does its work through [`Command::run`].
#[derive(Debug)]
pub struct Command<T> {
    /// Who asks.
    pub caller: Caller,
    /// What they sent.
    pub body: T,
    /// The key under which the answer is kept: scoped to the owner and the path, with a digest of the request and of the
    /// caller's role. What one credential may do, a weaker one of the same owner must not have repeated for it.
    pub key: Option<Key>,
}

impl<T: DeserializeOwned + 'static> FromRequest for Command<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (caller, bytes, key) = receive(&request, payload, body_limit(&request)).await?;
            Ok(Self { caller, body: body::parse(&bytes)?, key })
        })
    }
}

/// A JSON body from whoever: a [`Command`] for those with a credential. A stranger's `Idempotency-Key` is not heard: what is
/// kept under it would be anybody's.
#[derive(Debug)]
pub struct Open<T> {
    /// Who asks, as far as it is known.
    pub caller: Option<Caller>,
    body: T,
    key: Option<Key>,
}

impl<T: DeserializeOwned + 'static> FromRequest for Open<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let MaybeAuth(caller) = MaybeAuth::extract(&request).await?;
            let bytes = body::read(&request, &mut payload, body_limit(&request)).await?;
            if !bytes.is_empty() {
                body::expect_json(&request)?;
            }
            let named = caller.map(|caller| key(Fingerprints::of_server(&request)?, &request, &caller, &bytes));
            let key = named.transpose()?.flatten();
            Ok(Self { caller, body: body::parse(&bytes)?, key })
        })
    }
}

impl<T: Clone + Send + Sync + 'static> Open<T> {
    /// [`Command::run_sealed`], or the same without anything kept.
    pub async fn run_sealed<R, F>(self, app: &Data<App>, status: StatusCode, work: F) -> Result<HttpResponse, Problem>
    where
        F: AsyncFn(&mut Tx, Option<&Caller>, &T) -> Result<R, Problem> + Send + 'static,
        R: Serialize + Send + 'static,
    {
        let Self { caller, body, key } = self;
        if let Some(caller) = caller {
            let work = async move |tx: &mut Tx, caller: &Caller, body: &T| work(tx, Some(caller), body).await;
            return Command { caller, body, key }.run_sealed(app, status, work).await;
        }
        let answer = app.db.write(async move |tx: &mut Tx| work(tx, None, &body).await).await?;
        Ok(not_stored(HttpResponse::build(status).json(answer)))
    }
}

/// A body that may be larger than others, and is read in its own way.
pub trait FromBody: Send + Sized + 'static {
    /// How large it may be, in bytes, if that is more than the setting says.
    const BYTES_MAX: usize;

    /// Reads it.
    ///
    /// # Errors
    /// 422.
    fn parse(json: &[u8]) -> Result<Self, Problem>;
}

/// A [`Command`] with such a body.
#[derive(Debug)]
pub struct Bulk<T>(pub Command<T>);

impl<T: FromBody> FromRequest for Bulk<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (caller, bytes, key) = receive(&request, payload, body_limit(&request).max(T::BYTES_MAX)).await?;
            let large = bytes.len() > INLINE_BYTES_MAX;
            let body = if large { apart(move || T::parse(&bytes)).await?? } else { T::parse(&bytes)? };
            Ok(Self(Command { caller, body, key }))
        })
    }
}

/// What takes longer to read or to write than other requests should have to wait, in bytes.
pub const INLINE_BYTES_MAX: usize = 65_536;

/// Computes something where it delays nobody.
///
/// # Errors
/// 500 when it panics.
pub async fn apart<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
}

/// Who asks, what they sent, and under which key.
async fn receive(request: &HttpRequest, mut payload: Payload, max: usize) -> Result<(Caller, Bytes, Option<Key>), Problem> {
    // The credential comes first: a stranger learns nothing about what a body should look like.
    let Auth(caller) = Auth::extract(request).await?;
    let bytes = body::read(request, &mut payload, max).await?;
    if !bytes.is_empty() {
        body::expect_json(request)?;
    }
    let key = key(Fingerprints::of_server(request)?, request, &caller, &bytes)?;
    Ok((caller, bytes, key))
}

/// Reads the `Idempotency-Key`, and binds it to this caller, this path and this very request.
///
/// # Errors
/// 400.
pub fn key(fingerprints: &Fingerprints, request: &HttpRequest, caller: &Caller, body: &[u8]) -> Result<Option<Key>, Problem> {
    let Some(key) = key_in(request, "Idempotency-Key")? else { return Ok(None) };
    let scope = format!("{}/{} {}", caller.owner, request.method(), request.path().trim_end_matches('/'));
    let fingerprint = fingerprints.of(&[caller.role.as_str().as_bytes(), request.query_string().as_bytes(), body]);
    Ok(Some(Key { scope, key: key.into(), fingerprint }))
}

/// The key that a client has written in this header.
///
/// # Errors
/// 400, also for two of them: nobody can say which one was meant.
pub fn key_in(request: &HttpRequest, header: &str) -> Result<Option<IdempotencyKey>, Problem> {
    let mut written = request.headers().get_all(header);
    let Some(value) = written.next() else { return Ok(None) };
    let field = format!("header.{header}");
    if written.next().is_some() {
        return Err(Problem::rule(field, "must be given once").named(BAD_KEY));
    }
    IdempotencyKey::parse(value.to_str().unwrap_or_default()).map(Some).map_err(|bad| bad_key(field, bad))
}

/// 400: what was given here is no key.
pub fn bad_key(field: impl Into<String>, bad: BadIdempotencyKey) -> Problem {
    Problem::rule(field, bad.to_string()).named(BAD_KEY)
}

/// Binds a key to the very credential: a secret is shown again to the one that it was shown to.
fn bind_to_credential(key: Key, caller: &Caller) -> Key {
    let mut digest = Sha256::new_with_prefix(&key.fingerprint);
    match caller.credential {
        CredentialKind::Token => digest.update("token"),
        CredentialKind::ApiKey(id) => digest.update(id.to_string()),
    }
    Key { fingerprint: digest.finalize().to_vec(), ..key }
}

/// 422: the key belongs to another request.
pub fn key_reused() -> Problem {
    let detail = "This Idempotency-Key was used for another request.";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail)
}

/// 409: the first request with the key has not been answered yet.
pub fn key_running() -> Problem {
    Problem::conflict("idempotency-key-running", "The first request with this Idempotency-Key is still running.").retry_after(1)
}

/// An answer with a secret in it, which no cache on its way is to store.
pub fn not_stored(mut answer: HttpResponse) -> HttpResponse {
    answer.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    answer
}

/// The answer that was given to the first request with the key.
pub fn replay(stored: Stored) -> HttpResponse {
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    // A refusal is kept where the work had begun, and may have been done.
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, kind))
        .insert_header(("Idempotent-Replayed", "true"))
        .body(stored.body)
}

impl<T: Clone + Send + Sync + 'static> Command<T> {
    /// What was answered under the key before, if anything was: for work that asks somebody else's server, which no transaction may
    /// wait for, before [`Self::run`] is called.
    ///
    /// # Errors
    /// 409 while the first request runs, 422 when the key belongs to another one.
    pub async fn earlier_answer(&self, app: &App) -> Result<Option<HttpResponse>, Problem> {
        let Some(key) = self.key.clone() else { return Ok(None) };
        match app.db.read(async move |tx: &mut Tx| idempotency::find(tx, &key).await).await? {
            None | Some(Claim::Fresh) => Ok(None),
            Some(Claim::Done(stored)) => Ok(Some(replay(stored))),
            Some(Claim::Running) => Err(key_running()),
            Some(Claim::Mismatch) => Err(key_reused()),
        }
    }

    /// Does `work` in one transaction and answers with `status` and what it returns, once per idempotency key.
    ///
    /// The key is claimed, the work done and the answer kept in the same transaction, so that neither can exist without
    /// the other: a repeat is answered with the first answer, and a rival waits for it. Work that fails leaves no claim.
    pub async fn run<R, F>(self, app: &Data<App>, status: StatusCode, work: F) -> Result<HttpResponse, Problem>
    where
        F: AsyncFn(&mut Tx, &Caller, &T) -> Result<R, Problem> + Send + 'static,
        R: Serialize,
    {
        self.run_kept(app, move |_: &R| status, None, work).await
    }

    /// The same, where the answer says which status it has.
    pub async fn run_as<R, F>(self, app: &Data<App>, status: fn(&R) -> StatusCode, work: F) -> Result<HttpResponse, Problem>
    where
        F: AsyncFn(&mut Tx, &Caller, &T) -> Result<R, Problem> + Send + 'static,
        R: Serialize + 'static,
    {
        self.run_kept(app, status, None, work).await
    }

    /// The same, for an answer with a secret in it: what is kept of it is encrypted, and is repeated for the same credential
    /// alone (all sessions of a user are one). Nobody on its way stores it.
    pub async fn run_sealed<R, F>(self, app: &Data<App>, status: StatusCode, work: F) -> Result<HttpResponse, Problem>
    where
        F: AsyncFn(&mut Tx, &Caller, &T) -> Result<R, Problem> + Send + 'static,
        R: Serialize,
    {
        let key = self.key.map(|key| bind_to_credential(key, &self.caller));
        Self { key, ..self }.run_kept(app, move |_: &R| status, Some(app.answer_seal.clone()), work).await.map(not_stored)
    }

    /// Does `work` in one transaction and gives what it returns: what it returned the first time, if the key was there
    /// before. For an answer that is not known yet when the work is done: it is made of what this gives.
    pub async fn once<R, F>(self, app: &Data<App>, work: F) -> Result<R, Problem>
    where
        F: AsyncFn(&mut Tx, &Caller, &T) -> Result<R, Problem> + Send + 'static,
        R: Serialize + DeserializeOwned,
    {
        let (kept, _) = self.keep(app, |_: &R| StatusCode::OK, None, work).await?;
        serde_json::from_str(&kept.body).map_err(Problem::internal)
    }

    async fn run_kept<R, F>(
        self,
        app: &Data<App>,
        status: impl Fn(&R) -> StatusCode + Send + 'static,
        seal: Option<AnswerSeal>,
        work: F,
    ) -> Result<HttpResponse, Problem>
    where
        F: AsyncFn(&mut Tx, &Caller, &T) -> Result<R, Problem> + Send + 'static,
        R: Serialize,
    {
        let (answer, replayed) = self.keep(app, status, seal, work).await?;
        if replayed {
            return Ok(replay(answer));
        }
        let status = StatusCode::from_u16(answer.status).map_err(Problem::internal)?;
        Ok(HttpResponse::build(status).insert_header((header::CONTENT_TYPE, "application/json")).body(answer.body))
    }

    /// The answer, and whether it was given before.
    async fn keep<R, F>(
        self,
        app: &Data<App>,
        status: impl Fn(&R) -> StatusCode + Send + 'static,
        seal: Option<AnswerSeal>,
        work: F,
    ) -> Result<(Stored, bool), Problem>
    where
        F: AsyncFn(&mut Tx, &Caller, &T) -> Result<R, Problem> + Send + 'static,
        R: Serialize,
    {
        let Self { caller, body, key } = self;
        let now = app.clock.now();
        app.db
            .write(async move |tx: &mut Tx| {
                let seal = seal.as_ref();
                if let Some(key) = &key {
                    match idempotency::claim(tx, key, now).await? {
                        Claim::Fresh => {}
                        Claim::Done(Stored { status, body }) => {
                            let body = seal.map_or_else(|| Ok(body.clone()), |seal| seal.open(key, &body))?;
                            return Ok((Stored { status, body }, true));
                        }
                        Claim::Running => return Err(key_running()),
                        Claim::Mismatch => return Err(key_reused()),
                    }
                }
                let answer = work(tx, &caller, &body).await?;
                let body = serde_json::to_string(&answer).map_err(Problem::internal)?;
                let status = status(&answer).as_u16();
                if let Some(key) = &key {
                    let kept = seal.map_or_else(|| Ok(body.clone()), |seal| seal.close(key, &body))?;
                    idempotency::finish(tx, key, &Stored { status, body: kept }).await?;
                }
                Ok::<_, Problem>((Stored { status, body }, false))
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use rialto_kernel::{Id, Role};

    use super::*;

    fn caller(role: Role, credential: CredentialKind) -> Caller {
        let owner = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        Caller { owner, role, credential, rate_limit_per_minute: None }
    }

    #[test]
    fn a_weaker_credential_is_another_request_and_a_secret_is_for_one_credential() {
        let request = TestRequest::post().uri("/auth/api-keys").insert_header(("Idempotency-Key", "k")).to_http_request();
        let fingerprints = Fingerprints::new(&[7; 32]);
        let plain = |caller: &Caller| key(&fingerprints, &request, caller, b"{}").unwrap().unwrap();
        let sealed = |caller: &Caller| bind_to_credential(plain(caller), caller);
        let token = caller(Role::Operator, CredentialKind::Token);
        let peer = caller(Role::Operator, CredentialKind::ApiKey(Id::new()));
        let other = caller(Role::Operator, CredentialKind::ApiKey(Id::new()));
        let viewer = caller(Role::Viewer, CredentialKind::ApiKey(Id::new()));
        assert_eq!(plain(&token), plain(&peer));
        assert_ne!(plain(&token), plain(&viewer));
        assert_eq!((sealed(&token), sealed(&peer)), (sealed(&token), sealed(&peer)));
        assert_ne!(sealed(&token), sealed(&peer));
        assert_ne!(sealed(&peer), sealed(&other));
        assert_ne!(sealed(&token), sealed(&viewer));
    }
}
