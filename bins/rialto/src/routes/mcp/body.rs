//! Reading the body of an answer of ours, as far as it is wanted.

use std::{future::poll_fn, pin::Pin};

use actix_web::{
    body::{BoxBody, MessageBody},
    http::StatusCode,
    web::{Bytes, BytesMut},
};

use crate::http::Problem;

/// What was read.
pub struct Taken {
    /// The bytes.
    pub bytes: Bytes,
    /// Whether there are more.
    pub truncated: bool,
}

/// Reads at most `max` bytes. Of what is longer the rest is not waited for.
///
/// # Errors
/// 502 when it breaks off.
pub async fn take(mut body: BoxBody, max: usize) -> Result<Taken, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
        let piece = piece.map_err(|_| {
            let detail = "The provider's answer broke off. You are not charged.";
            Problem::new(StatusCode::BAD_GATEWAY, "provider-broken-answer", detail)
        })?;
        let room = max.saturating_sub(bytes.len());
        bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if piece.len() > room {
            return Ok(Taken { bytes: bytes.freeze(), truncated: true });
        }
    }
    Ok(Taken { bytes: bytes.freeze(), truncated: false })
}
