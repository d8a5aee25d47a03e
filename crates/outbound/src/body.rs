//! A response's body, read within its limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::{OutboundError, Phase, client::causes};

/// The body of a response, still on the wire. Dropping it closes the connection.
#[derive(Debug)]
pub struct ResponseBody {
    inner: Incoming,
    left: u64,
    limit: u64,
    idle: Duration,
    deadline: Instant,
}

impl ResponseBody {
    /// A body that announces more than the limit is refused before any of it is read.
    pub(crate) fn new(inner: Incoming, limit: u64, idle: Duration, deadline: Instant) -> Result<Self, OutboundError> {
        if inner.size_hint().lower() > limit {
            return Err(OutboundError::TooLarge(limit));
        }
        Ok(Self { inner, left: limit, limit, idle, deadline })
    }

    /// The next piece as it came, or `None` at the end.
    ///
    /// # Errors
    /// [`OutboundError::Timeout`], [`OutboundError::TooLarge`] or [`OutboundError::Protocol`]; nothing follows one.
    pub async fn next(&mut self) -> Option<Result<Bytes, OutboundError>> {
        loop {
            let pause = Instant::now() + self.idle;
            let frame = match tokio::time::timeout_at(pause.min(self.deadline), self.inner.frame()).await {
                Err(_) if self.deadline <= pause => return Some(Err(OutboundError::Timeout(Phase::Total))),
                Err(_) => return Some(Err(OutboundError::Timeout(Phase::Idle))),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return Some(Err(OutboundError::Protocol(causes(&error)))),
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers are of no use to anybody here.
            let Ok(data) = frame.into_data() else { continue };
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            match self.left.checked_sub(length) {
                None => return Some(Err(OutboundError::TooLarge(self.limit))),
                Some(left) => self.left = left,
            }
            if !data.is_empty() {
                return Some(Ok(data));
            }
        }
    }

    /// Reads it to the end.
    ///
    /// # Errors
    /// As [`ResponseBody::next`].
    pub async fn collect(mut self) -> Result<Bytes, OutboundError> {
        // Nearly every answer arrives in one piece, which is handed on without a copy.
        let Some(first) = self.next().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await.transpose()? else { return Ok(first) };
        let mut whole = BytesMut::from(first.as_ref());
        whole.extend_from_slice(&second);
        while let Some(piece) = self.next().await.transpose()? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The pieces as a stream, which ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, OutboundError>> + Send {
        stream::unfold(Some(self), async |body| {
            let mut body = body?;
            let item = body.next().await?;
            let rest = item.is_ok().then_some(body);
            Some((item, rest))
        })
    }
}
