//! What happens around every request: an id, a limit, a log line, and no panic that gets out.

use std::{net::IpAddr, panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{BodySize, BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use futures_util::FutureExt;
use prometheus::IntGauge;
use rialto_kernel::Id;

use super::{
    Problem,
    caller::meet,
    rate_limit::{Quota, Subject, Verdict, client_address, counted},
};
use crate::compose::App;

/// The header that names a request, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id that we take over from a client, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The problem of a request that wants a WebSocket where there is none.
const UPGRADE_REFUSED: &str = "upgrade-refused";

/// Where requests go that are passed on to services.
pub const PROXY_PATH: &str = "/api/v1/proxy/";

/// What the limit on requests is called in `RateLimit`.
const DEFAULT_POLICY: &str = "default";
/// What a limit is called there that is told of in another form than a problem's.
const CAPACITY_POLICY: &str = "capacity";
/// The problem of whoever makes too many.
const RATE_LIMITED: &str = "rate-limited";

/// Marks an answer as somebody else's, which is passed on.
#[derive(Debug, Clone, Copy)]
pub struct PassedOn;

/// The path and query of a request that is passed on, as they came: below, paths are tidied.
#[derive(Debug, Clone)]
pub struct RawTarget(pub String);

/// The id of a request: the client's own, or a new one.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Counts a request as being answered for as long as it is held, also when the client goes away in between.
struct InFlight(IntGauge);

impl InFlight {
    fn enter(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Names, limits, times, logs and counts a request, and turns whatever went wrong into a problem.
pub async fn around<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    // Whoever may GET may HEAD: the routes answer as to a GET, and the server below leaves the body out.
    let bodiless = request.method() == Method::HEAD;
    let passed_on = request.path().starts_with(PROXY_PATH);
    if bodiless && !passed_on {
        request.head_mut().method = Method::GET;
    }
    if passed_on {
        let target = request.uri().path_and_query().map(|target| target.as_str().to_owned()).unwrap_or_default();
        request.extensions_mut().insert(RawTarget(target));
    }
    let Some(app) = request.app_data::<Data<App>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let started = Instant::now();
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let _in_flight = InFlight::enter(&app.metrics.in_flight);
    let limited = limit(&app, &request);
    let (mut response, policy) = if let Err(problem) = admit(&app, &request, limited).await {
        let policy = policy(&problem);
        let mut refusal = problem.render(Some(&id));
        if problem.kind() == UPGRADE_REFUSED {
            // What follows on this connection was to be read as the body of this request.
            refusal.head_mut().set_connection_type(ConnectionType::Close);
        }
        (request.into_response(refusal.map_into_right_body()), policy)
    } else {
        // The request is given away whole: who keeps a copy keeps the layers below from normalizing its path.
        let answer = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        let answer = answer.unwrap_or_else(|panic| Err(panicked(&*panic, &id).into())).inspect_err(|error| {
            problem_of(Some(error));
        })?;
        match problem_of(answer.response().error()).map(|problem| (problem.render(Some(&id)), policy(problem))) {
            Some((named, policy)) => (answer.into_response(named.map_into_right_body()), policy),
            None => (answer.map_into_left_body(), CAPACITY_POLICY),
        }
    };
    let by_address = limited.map(|verdict| Counted { per_minute: app.settings.rate_limit_per_minute, verdict });
    let by_key = response.request().extensions().get::<Counted>().copied();
    headers(response.headers_mut(), &id, started);
    tell_limit(&mut response, Counted::tighter(by_address, by_key), policy);
    finish(&app, &response, &id, started);
    // The server would go on asking for a body that it does not send, and that may have no end.
    if bodiless && response.response().body().size() == BodySize::Stream {
        return Ok(response.map_body(|_, _| EitherBody::right(BoxBody::new(()))));
    }
    Ok(response)
}

fn problem_of(error: Option<&Error>) -> Option<&Problem> {
    let problem = error?.as_error::<Problem>()?;
    note(problem);
    Some(problem)
}

/// Tells the log of a problem that is not the client's doing.
pub fn note(problem: &Problem) {
    let is_of_gateway = matches!(problem.status(), StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT);
    if is_of_gateway || problem.kind() == "circuit-open" {
        // Somebody else's server failed; nobody has to be woken up for that.
        tracing::warn!(error = %problem, "a request failed at the one that was called for it");
    } else if problem.status().is_server_error() {
        let cause = std::error::Error::source(problem).map(ToString::to_string).unwrap_or_default();
        tracing::error!(error = %problem, cause, "a request failed");
    }
}

fn request_id(request: &ServiceRequest) -> String {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |id: &&str| (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    given.filter(usable).map_or_else(|| Id::<()>::new().to_string(), str::to_owned)
}

/// Refuses a request of an address or of a key that has made too many.
async fn admit(app: &App, request: &ServiceRequest, limited: Option<Verdict>) -> Result<(), Problem> {
    if let Some(verdict) = limited.filter(|verdict| !verdict.allowed) {
        app.metrics.rate_limited.inc();
        return Err(too_many(verdict));
    }
    if is_upgrade_unasked(request) {
        let detail = "WebSockets are spoken at /ws, /ws/events and the inboxes of networks alone.";
        return Err(Problem::bad_request(UPGRADE_REFUSED, detail));
    }
    if is_sign_of_life(request.path()) { Ok(()) } else { meet(app, request.request()).await }
}

/// Whether a request wants a WebSocket where there is none. The server below reads all that comes after its head as its body, whatever
/// length it says: it would wait for the end of the connection, and hand what others send on it to a provider.
fn is_upgrade_unasked(request: &ServiceRequest) -> bool {
    let wants = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.trim().eq_ignore_ascii_case("websocket"));
    let path = request.path().trim_end_matches('/');
    let is_socket = matches!(path, "/ws" | "/ws/events") || (path.starts_with("/networks/") && path.ends_with("/ws"));
    request.headers().get_all(header::UPGRADE).any(wants) && !(is_socket && request.method() == Method::GET)
}

/// Load balancers ask for these often, and nobody pays for them.
fn is_sign_of_life(path: &str) -> bool {
    matches!(path, "/health" | "/ready" | "/metrics")
}

/// Counts the request against its address. Health checks are not counted: a load balancer asks often.
fn limit(app: &App, request: &ServiceRequest) -> Option<Verdict> {
    let per_minute = app.settings.rate_limit_per_minute;
    if per_minute == 0 || is_sign_of_life(request.path()) {
        return None;
    }
    let quota = Quota { per_minute, burst: app.settings.rate_limit_burst };
    Some(app.rate_limits.check(Subject::Address(client(app, request.request())?), quota))
}

/// Where a request comes from, as far as that can be trusted, for counting: an IPv6 address stands for its /64.
pub fn client(app: &App, request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    // A proxy may add a line of its own instead of adding to the client's: together, and in order, they are one list.
    let lines = request.headers().get_all("X-Forwarded-For").map(|line| line.to_str().unwrap_or_default());
    let forwarded = lines.collect::<Vec<_>>().join(",");
    Some(counted(client_address(peer, &forwarded, &app.settings.trusted_proxies)))
}

/// 429, with when to come back.
pub fn too_many(verdict: Verdict) -> Problem {
    let seconds = verdict.wait.as_secs().saturating_add(1);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, RATE_LIMITED, "Too many requests").retry_after(seconds)
}

fn panicked(panic: &(dyn std::any::Any + Send), request_id: &str) -> Problem {
    let what = panic.downcast_ref::<String>().cloned();
    let what = what.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    // It leaves as an error, past the layer that lets pages of other sites read answers.
    Problem::internal(std::io::Error::other(format!("a handler panicked: {}", what.unwrap_or_default())))
        .for_request(request_id)
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
}

/// What a request was counted as, and against how many a minute.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// So many may come a minute.
    pub per_minute: u32,
    /// What the limiter said.
    pub verdict: Verdict,
}

impl Counted {
    /// The one that leaves less: its client has to know about that.
    fn tighter(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).min_by_key(|counted| (counted.verdict.allowed, counted.verdict.remaining))
    }
}

/// The limit that a problem is about, by its name: the one on requests, or what the problem is called.
fn policy(problem: &Problem) -> &'static str {
    if problem.kind() == RATE_LIMITED { DEFAULT_POLICY } else { problem.kind() }
}

/// Tells how many requests are left, and when there are more. Whoever is refused for coming too often, whatever was counted, is told
/// when to come back in the same words; `policy` is what a refusal is about.
fn tell_limit<B>(response: &mut ServiceResponse<B>, counted: Option<Counted>, policy: &str) {
    // A provider's refusal, which is passed on, is about its own limits.
    let is_ours = response.response().extensions().get::<PassedOn>().is_none();
    let is_refused = is_ours && response.status() == StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    let retry_after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    // What was refused by another limit is not told of this one.
    let (policy, limit, remaining, reset) = match counted.filter(|counted| !is_refused || !counted.verdict.allowed) {
        Some(Counted { per_minute, verdict }) => {
            (DEFAULT_POLICY, Some(per_minute), verdict.remaining, verdict.wait.as_secs().saturating_add(1))
        }
        None if is_refused => (policy, None, 0, retry_after.unwrap_or(1)),
        None => return,
    };
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("ratelimit", &format!("\"{policy}\";r={remaining};t={reset}"));
    set("x-ratelimit-remaining", &remaining.to_string());
    set("x-ratelimit-reset", &reset.to_string());
    if is_refused && retry_after.is_none() {
        set("retry-after", &reset.to_string());
    }
    if let Some(limit) = limit {
        set("x-ratelimit-limit", &limit.to_string());
    }
}

fn headers(headers: &mut HeaderMap, id: &str, started: Instant) {
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(REQUEST_ID, id);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("x-response-time-ms"), &format!("{:.2}", started.elapsed().as_secs_f64() * 1_000.0));
}

fn finish<B>(app: &App, response: &ServiceResponse<B>, id: &str, started: Instant) {
    let took = started.elapsed();
    let request = response.request();
    let route = request.match_pattern();
    let route = route.as_deref().unwrap_or("unmatched");
    let status = response.status();
    app.metrics.answered(request.method().as_str(), route, status.as_str(), took);
    if is_sign_of_life(route) {
        return;
    }
    tracing::info!(
        request.id = id,
        method = %request.method(),
        route,
        status = status.as_u16(),
        took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
}

#[cfg(test)]
mod tests {
    use actix_web::{HttpResponse, test::TestRequest};

    use super::*;

    #[test]
    fn a_request_that_is_dropped_is_not_in_flight() {
        let gauge = IntGauge::new("in_flight", "x").unwrap();
        let guard = InFlight::enter(&gauge);
        assert_eq!(gauge.get(), 1);
        drop(guard);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn every_refusal_of_ours_says_when_to_come_back_and_nobody_elses_does() {
        let answer = |retry_after: Option<&str>, passed_on| {
            let mut response = HttpResponse::build(StatusCode::TOO_MANY_REQUESTS);
            retry_after.map(|seconds| response.insert_header((header::RETRY_AFTER, seconds)));
            if passed_on {
                response.extensions_mut().insert(PassedOn);
            }
            let mut response = TestRequest::default().to_srv_response(response.finish());
            tell_limit(&mut response, None, "too-many-calls");
            let said = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            (said("ratelimit"), said("x-ratelimit-reset"), said("retry-after"))
        };
        let ours = |seconds: &str| {
            (Some(format!("\"too-many-calls\";r=0;t={seconds}")), Some(seconds.to_owned()), Some(seconds.to_owned()))
        };
        assert_eq!(answer(None, false), ours("1"));
        assert_eq!(answer(Some("5"), false), ours("5"));
        assert_eq!(answer(Some("7"), true), (None, None, Some("7".to_owned())));
        assert_eq!(answer(None, true), (None, None, None));
    }

    #[test]
    fn a_panic_is_readable_for_pages_of_other_sites() {
        let answer = panicked(&"boom", "id").render(None);
        assert_eq!(answer.status().as_u16(), 500);
        assert_eq!(answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "*");
    }
}
