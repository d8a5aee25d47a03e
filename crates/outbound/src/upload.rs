//! What a request carries: bytes that are here, or a stream that is still arriving.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use http_body::{Body, Frame, SizeHint};

use crate::OutboundError;

/// The body of a request on its way out.
pub(crate) enum RequestBody {
    Whole(Option<Bytes>),
    Stream(Upload),
}

/// A body that arrives piece by piece from somebody else.
pub(crate) struct Upload {
    pieces: BoxStream<'static, Result<Bytes, String>>,
    /// What is still to come, when its length was announced.
    left: Option<u64>,
    sent: Arc<AtomicU64>,
}

impl Upload {
    pub(crate) fn new(length: Option<u64>, pieces: impl Stream<Item = Result<Bytes, String>> + Send + 'static) -> Self {
        Self { pieces: pieces.boxed(), left: length, sent: Arc::default() }
    }

    fn take(&mut self, piece: Bytes) -> Result<Bytes, OutboundError> {
        if let Some(left) = &mut self.left {
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            *left = left.checked_sub(length).ok_or_else(|| OutboundError::Upload("it is longer than announced".into()))?;
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(piece)
    }
}

impl RequestBody {
    /// Counts the pieces that were taken from the body; it stands still when nothing moves.
    pub(crate) fn progress(&self) -> Arc<AtomicU64> {
        match self {
            Self::Whole(_) => Arc::default(),
            Self::Stream(upload) => Arc::clone(&upload.sent),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = OutboundError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, OutboundError>>> {
        let upload = match self.get_mut() {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(upload) => upload,
        };
        let piece = ready!(upload.pieces.poll_next_unpin(context));
        Poll::Ready(match piece {
            Some(Ok(piece)) => Some(upload.take(piece).map(Frame::data)),
            Some(Err(reason)) => Some(Err(OutboundError::Upload(reason))),
            None if upload.left.is_some_and(|left| left > 0) => {
                Some(Err(OutboundError::Upload("it is shorter than announced".into())))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(upload) => upload.left == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let length = match self {
            Self::Whole(bytes) => Some(bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX))),
            Self::Stream(upload) => upload.left,
        };
        length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.as_ref().map_or(0, Bytes::len)),
            Self::Stream(upload) => write!(f, "a stream of {:?} bytes", upload.left),
        }
    }
}
