//! What to send, and how much to put up with.

use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::{
    CheckedUrl, OutboundError, UrlRefusal,
    upload::{RequestBody, Upload},
};

/// How long and how large a call may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// From the start of the call to the head of the response, connecting included. While a streamed body moves, it starts
    /// anew.
    pub first_byte: Duration,
    /// Between two pieces of the response.
    pub idle: Duration,
    /// The whole call, body included.
    pub total: Duration,
    /// Bytes of the response's body.
    pub response_bytes_max: u64,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(30),
            response_bytes_max: 1024 * 1024,
        }
    }
}

/// One request to somebody else's server.
#[derive(Debug)]
pub struct OutboundRequest {
    pub(crate) method: Method,
    pub(crate) url: Result<CheckedUrl, UrlRefusal>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: RequestBody,
    pub(crate) limits: CallLimits,
}

impl OutboundRequest {
    /// A request without headers or body. The URL's path and query go out byte for byte; a URL that cannot be called is
    /// refused when the request is sent.
    pub fn new(method: Method, url: impl AsRef<str>) -> Self {
        Self::made(method, CheckedUrl::parse(url.as_ref()))
    }

    /// A request to a URL that was read already.
    #[must_use]
    pub fn to(method: Method, url: CheckedUrl) -> Self {
        Self::made(method, Ok(url))
    }

    fn made(method: Method, url: Result<CheckedUrl, UrlRefusal>) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new().into(), limits: CallLimits::default() }
    }

    /// Adds a header. Hop-by-hop headers, `Host` and `Content-Length` are the client's own and ignored.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Adds a header from text.
    ///
    /// # Errors
    /// [`OutboundError::Request`] when name or value cannot stand in a request.
    pub fn text_header(self, name: &str, value: &str) -> Result<Self, OutboundError> {
        let wrong = |error: &dyn std::fmt::Display| OutboundError::Request(format!("header {name}: {error}"));
        let parsed = name.parse::<HeaderName>().map_err(|error| wrong(&error))?;
        let mut value = HeaderValue::from_str(value).map_err(|error| wrong(&error))?;
        // Most headers set by text are credentials; none of them belongs in a log.
        value.set_sensitive(true);
        Ok(self.header(parsed, value))
    }

    /// Says who calls, instead of the client's default.
    #[must_use]
    pub fn user_agent(mut self, name: &'static str) -> Self {
        self.headers.insert(header::USER_AGENT, HeaderValue::from_static(name));
        self
    }

    /// Sets the body, as it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into().into();
        self
    }

    /// Sets a body that is still arriving. It goes out with its length when that is known, in chunks when it is not.
    ///
    /// An error in it, and a length that turns out wrong, break the call off with [`OutboundError::Upload`].
    #[must_use]
    pub fn stream(mut self, length: Option<u64>, pieces: impl Stream<Item = Result<Bytes, String>> + Send + 'static) -> Self {
        self.body = RequestBody::Stream(Upload::new(length, pieces));
        self
    }

    /// Sets a body that is JSON already.
    #[must_use]
    pub fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body(body)
    }

    /// Sets the limits of this call.
    #[must_use]
    pub const fn limits(mut self, limits: CallLimits) -> Self {
        self.limits = limits;
        self
    }
}
