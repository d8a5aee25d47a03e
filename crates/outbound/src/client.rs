//! The client.

use std::{
    error::Error,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::pin_mut;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client},
    rt::{TokioExecutor, TokioTimer},
};
use thread_local::ThreadLocal;
use tokio::time::{Instant, timeout_at};

use crate::{
    OutboundError, OutboundPolicy, OutboundRequest, Phase, ResponseBody,
    connect::{Connector, Timed},
    headers,
    upload::RequestBody,
};

/// A head larger than this is not an answer to anything we ask.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How the client behaves in all its calls.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Name lookup, socket and TLS handshake together.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept. Common servers close theirs after five seconds; being first avoids
    /// sending a request into a connection that is just going away.
    pub keep_alive: Duration,
    /// Unused connections that each thread keeps per host.
    pub idle_per_host_max: usize,
    /// What we call ourselves when a request does not say.
    pub user_agent: &'static str,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(4),
            idle_per_host_max: 128,
            user_agent: "Rialto/1.0",
        }
    }
}

type Pool = Client<Timed<HttpsConnector<Connector>>, RequestBody>;

/// The one way out: cheap to clone, shared by everything in the process.
///
/// Each thread that calls has connections of its own: a call that stays on its thread wakes no other.
#[derive(Clone)]
pub struct OutboundClient {
    pools: Arc<ThreadLocal<Pool>>,
    connector: Timed<HttpsConnector<Connector>>,
    options: Arc<ClientOptions>,
    policy: Arc<OutboundPolicy>,
    user_agent: HeaderValue,
}

/// A response whose body is still on the wire.
#[derive(Debug)]
pub struct OutboundResponse {
    /// The status. Redirects are not followed.
    pub status: StatusCode,
    /// The headers, without those of the connection.
    pub headers: HeaderMap,
    /// The body, to be read piece by piece.
    pub body: ResponseBody,
}

/// A response that was read whole.
#[derive(Debug, Clone)]
pub struct WholeResponse {
    /// The status. Redirects are not followed.
    pub status: StatusCode,
    /// The headers, without those of the connection.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl OutboundClient {
    /// A client under `policy`. Needs a tokio runtime when it is used, not before.
    ///
    /// # Errors
    /// [`OutboundError::Connect`] when TLS cannot be set up, which only a broken build can cause.
    pub fn new(policy: OutboundPolicy, options: &ClientOptions) -> Result<Self, OutboundError> {
        let policy = Arc::new(policy);
        let connector = Connector { policy: policy.clone(), timeout: options.connect_timeout };
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| OutboundError::Connect(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let connector = Timed { inner: https, timeout: options.connect_timeout };
        let (pools, options) = (Arc::default(), Arc::new(options.clone()));
        Ok(Self { pools, connector, policy, user_agent: HeaderValue::from_static(options.user_agent), options })
    }

    fn pool(&self) -> &Pool {
        self.pools.get_or(|| {
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(self.options.keep_alive)
                .pool_max_idle_per_host(self.options.idle_per_host_max)
                .http1_max_buf_size(HEAD_BYTES_MAX)
                .build(self.connector.clone())
        })
    }

    /// Who may be called.
    #[must_use]
    pub fn policy(&self) -> &OutboundPolicy {
        &self.policy
    }

    /// Sends `request` and returns as soon as the head of the response is here.
    ///
    /// # Errors
    /// An [`OutboundError`]. A status of any kind is not one.
    pub async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, OutboundError> {
        let limits = request.limits;
        let started = Instant::now();
        let (mut first_byte, deadline) = (started + limits.first_byte, started + limits.total);
        let progress = request.body.progress();
        let mut seen = 0;
        let call = self.pool().request(self.wire(request)?);
        pin_mut!(call);
        let response = loop {
            match timeout_at(first_byte.min(deadline), &mut call).await {
                Ok(answer) => break answer.map_err(|error| call_error(&error))?,
                Err(_) if deadline <= first_byte => return Err(OutboundError::Timeout(Phase::Total)),
                Err(_) => match progress.load(Ordering::Relaxed) {
                    sent if sent == seen => return Err(OutboundError::Timeout(Phase::FirstByte)),
                    sent => (seen, first_byte) = (sent, Instant::now() + limits.first_byte),
                },
            }
        };
        let (mut head, body) = response.into_parts();
        headers::strip_hop_by_hop(&mut head.headers);
        let body = ResponseBody::new(body, limits.response_bytes_max, limits.idle, deadline)?;
        Ok(OutboundResponse { status: head.status, headers: head.headers, body })
    }

    /// Sends `request` and reads the whole response.
    ///
    /// # Errors
    /// An [`OutboundError`]. A status of any kind is not one.
    pub async fn fetch(&self, request: OutboundRequest) -> Result<WholeResponse, OutboundError> {
        let OutboundResponse { status, headers, body } = self.send(request).await?;
        Ok(WholeResponse { status, headers, body: body.collect().await? })
    }

    /// The request as it goes out: the URL judged by its shape, our headers in place of the connection's.
    fn wire(&self, request: OutboundRequest) -> Result<Request<RequestBody>, OutboundError> {
        let url = request.url?;
        let mut headers = request.headers;
        headers::strip_for_sending(&mut headers);
        headers.entry(header::USER_AGENT).or_insert_with(|| self.user_agent.clone());
        let mut wire = Request::new(request.body);
        *wire.method_mut() = request.method;
        *wire.uri_mut() = url.uri().clone();
        *wire.headers_mut() = headers;
        Ok(wire)
    }
}

fn call_error(error: &legacy::Error) -> OutboundError {
    if let Some(ours) = find_ours(error) {
        return ours;
    }
    if error.is_connect() { OutboundError::Connect(causes(error)) } else { OutboundError::Protocol(causes(error)) }
}

/// Our own error at the bottom of somebody else's.
pub(crate) fn find_ours(error: &(dyn Error + 'static)) -> Option<OutboundError> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(ours) = current.downcast_ref::<OutboundError>() {
            return Some(ours.clone());
        }
        // `io::Error` hands out the source of what it wraps, not what it wraps.
        next = match current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => current.source(),
        };
    }
    None
}

/// An error and its causes, in one line.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
