//! Opening sockets, to judged addresses only.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use crate::{OutboundError, OutboundPolicy, Phase, UrlRefusal, url::port};

/// How many addresses of one name are tried.
const ADDRESSES_MAX: u32 = 4;

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, OutboundError>> + Send>>;

/// Resolves a name once, judges its addresses, and connects to one of those it judged.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) policy: Arc<OutboundPolicy>,
    pub(crate) timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = OutboundError;
    type Future = Pending<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (policy, limit) = (self.policy.clone(), self.timeout);
        Box::pin(async move {
            let host = uri.host().ok_or(UrlRefusal::NoHost)?;
            let addresses = policy.resolve(host, port(&uri)).await?;
            open(&addresses, limit).await.map(TokioIo::new)
        })
    }
}

/// Tries the addresses in turn, each with its share of the time, so that one dead address does not use up all of it.
async fn open(addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, OutboundError> {
    let tries = u32::try_from(addresses.len()).unwrap_or(ADDRESSES_MAX).clamp(1, ADDRESSES_MAX);
    let mut last = OutboundError::Timeout(Phase::Connect);
    for address in addresses.iter().take(usize::try_from(tries).unwrap_or(1)) {
        last = match timeout(limit / tries, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(|error| refused(&error, address))?;
                return Ok(stream);
            }
            Ok(Err(error)) => refused(&error, address),
            Err(_) => OutboundError::Timeout(Phase::Connect),
        };
    }
    Err(last)
}

fn refused(error: &io::Error, address: &SocketAddr) -> OutboundError {
    OutboundError::Connect(format!("{address}: {error}"))
}

/// Bounds how long another connector may take in all: lookup, socket and TLS handshake.
#[derive(Clone)]
pub(crate) struct Timed<C> {
    pub(crate) inner: C,
    pub(crate) timeout: Duration,
}

impl<C, E> Service<Uri> for Timed<C>
where
    C: Service<Uri, Error = E>,
    C::Future: Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    type Response = C::Response;
    type Error = OutboundError;
    type Future = Pending<C::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(connect_error)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (work, limit) = (self.inner.call(uri), self.timeout);
        Box::pin(async move {
            match timeout(limit, work).await {
                Ok(done) => done.map_err(connect_error),
                Err(_) => Err(OutboundError::Timeout(Phase::Connect)),
            }
        })
    }
}

/// Our own error when one is at the bottom of it; a failed TLS handshake otherwise.
fn connect_error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> OutboundError {
    let error = error.into();
    crate::client::find_ours(error.as_ref()).unwrap_or_else(|| OutboundError::Connect(crate::client::causes(error.as_ref())))
}
