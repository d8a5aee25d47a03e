//! What can go wrong.

use thiserror::Error;

/// Why a URL may not be called. The words go behind the name of the field: "endpoint" *must have a host*.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlRefusal {
    /// It is longer than `rialto_kernel::limits::URL_BYTES_MAX`.
    #[error("must be at most {0} bytes long")]
    TooLong(usize),
    /// It cannot be read as a URL.
    #[error("is not a URL")]
    NotAUrl,
    /// Its scheme is something else than `http` or `https`.
    #[error("must use http or https scheme")]
    NotHttp,
    /// It names no host.
    #[error("must have a host")]
    NoHost,
    /// It carries a name or password before its host. Credentials are kept apart from URLs.
    #[error("must not carry a user name or password")]
    UserInfo,
    /// Its host is, or resolves to, an address that is not on the public internet.
    #[error("cannot target private or loopback IP addresses")]
    Private,
    /// What was put behind it leads out of its path, or holds what no path should.
    #[error("must not lead out of its base path")]
    Escapes,
    /// The name has no address, or nobody answered for it in time.
    #[error("host '{0}' could not be resolved")]
    Unresolvable(String),
}

/// The part of a call that took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Resolving the name, opening the socket, shaking hands.
    Connect,
    /// From the start of the call to the head of the response.
    FirstByte,
    /// Between two pieces of the response.
    Idle,
    /// The whole call.
    Total,
}

/// Why a call has no answer. `Display` is fit for a stranger: it names no address of ours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutboundError {
    /// The URL or the address behind it is not allowed. Nothing was sent.
    #[error("the URL {0}")]
    Refused(UrlRefusal),
    /// The name could not be resolved. Nothing was sent.
    #[error("the host name could not be resolved")]
    Dns(String),
    /// No connection came about: refused, unreachable, or TLS failed. Nothing was sent.
    #[error("the connection failed")]
    Connect(String),
    /// It took too long. Except in [`Phase::Connect`], the server may have done the work.
    #[error("the server did not answer in time")]
    Timeout(Phase),
    /// The response is larger than this many bytes.
    #[error("the response is larger than {0} bytes")]
    TooLarge(u64),
    /// The server broke off, or spoke something else than HTTP. It may have done the work.
    #[error("the connection broke off")]
    Protocol(String),
    /// The body that we were passing on broke off, or was not as long as announced. The server is not to blame.
    #[error("the body of the request broke off")]
    Upload(String),
    /// The request itself cannot be put on the wire, for example because of a header.
    #[error("the request is not valid")]
    Request(String),
}

impl OutboundError {
    /// What an operator may want to know beyond the message. For logs only: it may name addresses.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Dns(text) | Self::Connect(text) | Self::Protocol(text) | Self::Upload(text) | Self::Request(text) => text,
            Self::Refused(_) | Self::Timeout(_) | Self::TooLarge(_) => "",
        }
    }

    /// Whether it is certain that no byte of the request reached the server.
    #[must_use]
    pub const fn is_before_sending(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Dns(_) | Self::Connect(_) | Self::Request(_) | Self::Timeout(Phase::Connect))
    }
}

impl From<UrlRefusal> for OutboundError {
    fn from(refusal: UrlRefusal) -> Self {
        Self::Refused(refusal)
    }
}
