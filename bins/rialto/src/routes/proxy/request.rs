//! What a buyer sends, on its way to the provider.

use std::{cell::Cell, rc::Rc, time::Duration};

use actix_web::{
    HttpMessage, HttpRequest,
    http::{StatusCode, header},
    rt,
    web::{self, Bytes, BytesMut},
};
use futures_util::StreamExt;
use rialto_kernel::{Amount, Asset, Caller, IdempotencyKey};
use rialto_outbound::{HeaderMap, HeaderName, HeaderValue, Method};
use rialto_proxy_billing::{
    payments::x402::{Payment, Unreadable, Version},
    proxy::{Brought, ProxyBody},
};
use rialto_registry::{RegistryError, service::ServiceId};
use rialto_store::idempotency::Key;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

use crate::http::{
    Problem,
    command::key_in,
    fingerprint::Fingerprints,
    middleware::{PROXY_PATH, RawTarget},
};

/// So much of a body is read before the call begins: what is smaller is known whole, to us and to the provider.
const FIRST_BYTES: usize = 256 * 1024;
/// How long that may take, and how long a larger body may stand still.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many pieces wait for the provider to take them.
const PIECES_WAITING: usize = 4;
/// Where a request goes.
pub struct Target {
    pub service: ServiceId,
    /// What comes behind the endpoint, as it was written.
    pub path: String,
    pub query: Option<String>,
}

impl Target {
    /// Reads it from the request as it came, before anything tidied its path.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let raw = request.extensions().get::<RawTarget>().map(|raw| raw.0.clone());
        let raw = raw.unwrap_or_else(|| request.uri().to_string());
        let (path, query) = raw.split_once('?').map_or((raw.as_str(), None), |(path, query)| (path, Some(query.to_owned())));
        let rest = path.strip_prefix(PROXY_PATH).unwrap_or_default();
        let (service, path) = rest.split_once('/').unwrap_or((rest, ""));
        let service = service.parse().map_err(|_| RegistryError::ServiceNotFound)?;
        Ok(Self { service, path: path.to_owned(), query })
    }
}

/// What is wrong with a body that did not arrive whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    TooLarge(usize),
    TooSlow,
    BrokenOff,
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge(max) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", format!("The body is larger than {max} bytes."))
            }
            BodyFault::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "The body did not arrive in time."),
            BodyFault::BrokenOff => Self::bad_request("body-broken", "The body broke off."),
        }
    }
}

/// A body, as far as it is here.
pub struct Received {
    pub body: ProxyBody,
    /// The beginning of it, or all.
    first: Bytes,
    length: Option<u64>,
    /// Why it did not arrive whole, once that is known.
    pub fault: Rc<Cell<Option<BodyFault>>>,
}

/// Reads the beginning of a body, at most `max` bytes in all; the rest, if there is more, is handed on as it comes.
pub async fn receive(request: &HttpRequest, mut payload: web::Payload, max: usize) -> Result<Received, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let limit = u64::try_from(max).unwrap_or(u64::MAX);
    if length.is_some_and(|length| length > limit) {
        return Err(BodyFault::TooLarge(max).into());
    }
    let fault = Rc::new(Cell::new(None));
    let until = Instant::now() + PATIENCE;
    let mut first = BytesMut::new();
    while first.len() < FIRST_BYTES {
        match timeout_at(until, payload.next()).await {
            Err(_) => return Err(BodyFault::TooSlow.into()),
            Ok(Some(Err(_))) => return Err(BodyFault::BrokenOff.into()),
            Ok(Some(Ok(piece))) if first.len() + piece.len() > max => return Err(BodyFault::TooLarge(max).into()),
            Ok(Some(Ok(piece))) => first.extend_from_slice(&piece),
            Ok(None) => {
                let first = first.freeze();
                return Ok(Received { body: ProxyBody::Whole(first.clone()), first, length, fault });
            }
        }
    }
    let first = first.freeze();
    let (pieces, arriving) = mpsc::channel(PIECES_WAITING);
    rt::spawn(pump(payload, first.clone(), max, pieces, Rc::clone(&fault)));
    Ok(Received { body: ProxyBody::Arriving { length, pieces: arriving }, first, length, fault })
}

/// Hands a body on to the thread that calls the provider.
async fn pump(
    mut payload: web::Payload,
    first: Bytes,
    max: usize,
    pieces: mpsc::Sender<Result<Bytes, String>>,
    fault: Rc<Cell<Option<BodyFault>>>,
) {
    let mut taken = first.len();
    let mut next = Ok(first);
    loop {
        let ends = next.is_err();
        if let Err(what) = &next {
            fault.set(Some(*what));
        }
        // The provider may have answered without reading it all.
        if pieces.send(next.map_err(|what: BodyFault| format!("{what:?}"))).await.is_err() || ends {
            return;
        }
        next = match timeout(PATIENCE, payload.next()).await {
            Ok(None) => return,
            Err(_) => Err(BodyFault::TooSlow),
            Ok(Some(Err(_))) => Err(BodyFault::BrokenOff),
            Ok(Some(Ok(piece))) => {
                taken = taken.saturating_add(piece.len());
                if taken > max { Err(BodyFault::TooLarge(max)) } else { Ok(piece) }
            }
        };
    }
}

/// The key that a repeat is known by: `Idempotency-Key`, or else an `X-Request-ID` of the client's own. It belongs to this buyer and
/// this service, and to this very request: its method, path, query, kind and body. Of a body that is not here whole, the beginning
/// and the length have to do.
pub fn key(
    fingerprints: &Fingerprints,
    request: &HttpRequest,
    caller: &Caller,
    target: &Target,
    received: &Received,
) -> Result<Option<Key>, Problem> {
    // A request id that can be no key was not meant as one. There may be several, of everybody on the way.
    let mut ids = request.headers().get_all("X-Request-ID").filter_map(|id| IdempotencyKey::parse(id.to_str().ok()?).ok());
    let key = match (key_in(request, "Idempotency-Key")?, ids.next()) {
        (Some(key), _) => named(&key),
        (None, Some(id)) => format!("request {id}"),
        (None, None) => return Ok(None),
    };
    let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
    let asked = Asked { method: request.method().as_str(), target, kind, length: received.length, first: &received.first };
    Ok(Some(asked.bound_to(fingerprints, caller, key)))
}

/// What a key of the client's own is called among the keys of a service: no request id and no payment may be taken for it.
pub fn named(key: &IdempotencyKey) -> String {
    format!("key {key}")
}

/// What makes one request another than another.
pub struct Asked<'a> {
    pub method: &'a str,
    pub target: &'a Target,
    /// What kind of body it has.
    pub kind: &'a [u8],
    /// How long that is, if it is known.
    pub length: Option<u64>,
    /// How it begins.
    pub first: &'a [u8],
}

impl Asked<'_> {
    /// The key of this request, by this buyer.
    pub fn bound_to(&self, fingerprints: &Fingerprints, caller: &Caller, key: String) -> Key {
        let scope = format!("{}/proxy {}", caller.owner, self.target.service);
        let length = self.length.unwrap_or(u64::MAX).to_be_bytes();
        let query = self.target.query.as_deref().unwrap_or_default();
        let (role, method, path) = (caller.role.as_str().as_bytes(), self.method.as_bytes(), self.target.path.as_bytes());
        let fingerprint = fingerprints.of(&[role, method, path, self.kind, &length, query.as_bytes(), self.first]);
        Key { scope, key, fingerprint }
    }
}

/// The payment that the request brings: version 2 of x402 has it in `PAYMENT-SIGNATURE`, version 1 in `X-PAYMENT`. A request without
/// a key of its own is known by it, and so is one whose `X-Request-ID` is another one each time. Whether it can be read matters only
/// where it is taken.
pub fn payment(
    fingerprints: &Fingerprints,
    request: &HttpRequest,
    caller: &Caller,
    target: &Target,
    received: &Received,
) -> Option<Brought> {
    for (name, version) in [("payment-signature", Version::Two), ("x-payment", Version::One)] {
        let mut values = request.headers().get_all(name);
        let Some(value) = values.next() else { continue };
        let payment = if values.next().is_some() { Err(Unreadable::Twice) } else { Payment::read(value.as_bytes(), version) };
        let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
        let asked = Asked { method: request.method().as_str(), target, kind, length: received.length, first: &received.first };
        let key = payment.as_ref().ok().and_then(Brought::key).map(|key| asked.bound_to(fingerprints, caller, key));
        let is_named = request.headers().contains_key("Idempotency-Key");
        return Some(Brought { payment, key, is_named });
    }
    None
}

/// What the buyer pays at most.
pub fn amount_max(request: &HttpRequest) -> Result<Option<Amount>, Problem> {
    let given = request.headers().get("X-ACF-Max-Amount");
    given.map(|value| amount("X-ACF-Max-Amount", value.to_str().unwrap_or_default())).transpose()
}

/// An amount of USDC, given as `name`.
pub fn amount(name: &str, text: &str) -> Result<Amount, Problem> {
    let refused = || Problem::bad_request("bad-max-amount", format!("{name} must be an amount of USDC, such as 0.05."));
    Amount::from_decimal(text.trim(), Asset::USDC).map_err(|_| refused())
}

/// The headers, as they came.
pub fn headers(request: &HttpRequest) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(request.headers().len());
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    headers
}

/// The method.
pub fn method(request: &HttpRequest) -> Result<Method, Problem> {
    let method = request.method().as_str();
    Method::from_bytes(method.as_bytes()).map_err(|_| Problem::bad_request("bad-method", "The method cannot be passed on."))
}
