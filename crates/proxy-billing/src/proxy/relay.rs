//! The answer on its way to the buyer.
//!
//! A small answer is read whole, settled, and handed over. A large one, or one that takes its time, is handed on as it comes;
//! its end (the last bytes of a body that said how long it is, the last chunk of one that did not) is held back until it is
//! settled. So what is whole is paid, and what is paid is whole, or its buyer has left.
//!
//! For a call that brought its payment with it nothing is set aside that could be taken for certain: nothing of its answer is
//! handed over before it is paid. One that is large or live is paid when its head is here.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rialto_outbound::{HeaderMap, OutboundError, OutboundResponse, Phase, ResponseBody, StatusCode, header};
use tokio::sync::mpsc;

use super::{
    Head, Inner, Kept, PIECES_WAITING, Piece, Proxied, headers,
    kept::KEPT_BYTES_MAX,
    open::Ticket,
    send::{Fault, Waiting, millis},
    settle::{Keep, Settled},
    upload::Upload,
};
use crate::usage::UsageReason;

/// Bodies up to this many bytes are read whole.
const SMALL_BYTES: usize = 64 * 1024;
/// How long a body that does not say its length may take to turn out to be small.
const PATIENCE: Duration = Duration::from_millis(20);
/// How much of the body of an error is handed on.
const ERROR_BYTES_MAX: usize = 1024 * 1024;

/// The beginning of a body.
enum Begun {
    /// That was all.
    Whole(Bytes),
    /// There is more.
    Part(Bytes),
}

impl Inner {
    /// Hands an answer on, and settles the call.
    pub(super) async fn answer(
        &self,
        ticket: Ticket,
        is_head: bool,
        response: OutboundResponse,
        (started, upload): (Instant, Arc<Upload>),
        waiting: Waiting,
    ) {
        let OutboundResponse { status, headers, mut body } = response;
        let length = length(&headers);
        if !(200..=599).contains(&status.as_u16()) {
            let fault = Fault { reason: UsageReason::BrokenAnswer, may_be_done: true };
            return self.fail(&ticket, fault, started.elapsed(), waiting).await;
        }
        let bodiless = is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let begun = if bodiless {
            Ok(Begun::Whole(Bytes::new()))
        } else if status.is_server_error() {
            whole(&mut body, ERROR_BYTES_MAX).await.map(Begun::Whole)
        } else if ticket.pledge.is_some() {
            begin_unpaid(&mut body, length, is_live(&headers)).await
        } else {
            begin(&mut body, length, is_live(&headers)).await
        };
        let latency_ms = millis(started.elapsed());
        let end = if status.is_server_error() {
            Ticket::failed(status.as_u16(), latency_ms, UsageReason::ProviderError)
        } else {
            ticket.delivered(status.as_u16(), latency_ms, None)
        };
        let head = Head { status, headers: headers::toward_buyer(headers), length, bill: ticket.bill(&end) };
        match begun {
            Err(error) => self.fail(&ticket, Fault::of(&error, false), started.elapsed(), waiting).await,
            // Whoever waits was cut off by us, and has no key to ask again by.
            Ok(Begun::Whole(_)) if self.is_closing() && waiting.is_closed() && ticket.key.is_none() => {
                self.fail(&ticket, Fault::OURS, started.elapsed(), waiting).await;
            }
            Ok(Begun::Whole(body)) => {
                let keep = Keep::Answer(Box::new(Kept::answer(&head, Some(&body))));
                let told = self.settle(&ticket, end, keep).await.map(|settled| told(settled, &ticket, head, body));
                if let Err(error) = &told {
                    tracing::error!(%error, usage.id = %ticket.usage, "a call could not be settled; its answer is withheld");
                }
                drop(waiting.send(told));
            }
            Ok(Begun::Part(first)) if ticket.pledge.is_some() => {
                self.stream_paid(ticket, head, first, body, (started, upload), waiting).await;
            }
            Ok(Begun::Part(first)) => self.stream(ticket, head, first, body, (started, upload), waiting).await,
        }
    }

    /// Hands on an answer that is still arriving.
    async fn stream(
        &self,
        ticket: Ticket,
        head: Head,
        first: Bytes,
        body: ResponseBody,
        sent: (Instant, Arc<Upload>),
        waiting: Waiting,
    ) {
        let latency_ms = head.bill.latency_ms;
        let (mut relay, reader) = self.relay(&ticket, head.length, sent);
        relay.kept = ticket.key.is_some().then(BytesMut::new);
        let passed = match waiting.send(Ok(Proxied::Arriving(head.clone(), reader))) {
            Ok(()) => relay.run(first, body).await,
            Err(_) => Passed::BuyerLeft,
        };
        // It did not leave: its connection was closed with the server.
        let passed = if matches!(passed, Passed::BuyerLeft) && self.is_closing() { Passed::Broken(Fault::OURS) } else { passed };
        let (end, keep) = match &passed {
            Passed::Whole(_) => {
                let keep = Kept::answer(&head, relay.kept.as_deref());
                (ticket.delivered(head.status.as_u16(), latency_ms, None), Keep::Answer(Box::new(keep)))
            }
            Passed::BuyerLeft => {
                let end = ticket.delivered(head.status.as_u16(), latency_ms, Some(UsageReason::BuyerLeft));
                (end, Keep::Answer(Box::new(Kept::answer(&head, None))))
            }
            Passed::Broken(fault) => {
                let end = Ticket::failed(fault.status_code(), latency_ms, fault.reason);
                let keep = Kept::failure(ticket.bill(&end), fault.status_code(), fault.reason);
                (end, Keep::Answer(Box::new(keep)))
            }
        };
        match (self.settle(&ticket, end, keep).await, passed) {
            (Ok(Settled::Done(_)), Passed::Whole(last)) => {
                for piece in last.map(Piece::Data).into_iter().chain([Piece::End]) {
                    // Whoever leaves now has been served.
                    drop(relay.pieces.send(piece).await);
                }
            }
            // Without its end the answer is broken, and the reader sees that.
            (Ok(_), _) => {}
            (Err(error), _) => {
                tracing::error!(%error, usage.id = %ticket.usage, "a call could not be settled; the end of its answer is withheld");
            }
        }
    }
}

impl Inner {
    fn relay(&self, ticket: &Ticket, left: Option<u64>, sent: (Instant, Arc<Upload>)) -> (Relay, mpsc::Receiver<Piece>) {
        let ((started, upload), (pieces, reader)) = (sent, mpsc::channel(PIECES_WAITING));
        let (blocked, patience, deadline) = (Duration::ZERO, ticket.timeout, started + self.config.call_max);
        (Relay { pieces, left, kept: None, blocked, patience, upload, started, deadline }, reader)
    }

    /// Hands on an answer that is still arriving, of a call that brought its payment with it. Nothing is set aside for such a call
    /// that could be taken for certain, so it is paid before its first byte is handed on, and stays paid if it breaks off.
    async fn stream_paid(
        &self,
        ticket: Ticket,
        mut head: Head,
        first: Bytes,
        body: ResponseBody,
        sent: (Instant, Arc<Upload>),
        waiting: Waiting,
    ) {
        if waiting.is_closed() {
            // It is not kept for repeats: it would be paid, and nobody could have it.
            let fault = if self.is_closing() { Fault::OURS } else { Fault::BUYER_LEFT };
            return self.fail(&ticket, fault, sent.0.elapsed(), waiting).await;
        }
        let end = ticket.delivered(head.status.as_u16(), head.bill.latency_ms, None);
        let keep = Keep::Answer(Box::new(Kept::answer(&head, None)));
        match self.settle(&ticket, end, keep).await {
            Ok(Settled::Done(receipt)) => head.headers.extend(receipt),
            Ok(settled) => return drop(waiting.send(Ok(told(settled, &ticket, head, Bytes::new())))),
            Err(error) => {
                tracing::error!(%error, usage.id = %ticket.usage, "a call could not be settled; its answer is withheld");
                return drop(waiting.send(Err(error)));
            }
        }
        let (mut relay, reader) = self.relay(&ticket, head.length, sent);
        if waiting.send(Ok(Proxied::Arriving(head, reader))).is_err() {
            return;
        }
        match relay.run(first, body).await {
            Passed::Whole(last) => {
                for piece in last.map(Piece::Data).into_iter().chain([Piece::End]) {
                    drop(relay.pieces.send(piece).await);
                }
            }
            Passed::BuyerLeft => {}
            Passed::Broken(fault) => {
                tracing::warn!(usage.id = %ticket.usage, reason = fault.reason.as_str(), "an answer broke off after it was paid");
            }
        }
    }
}

/// What is told of an answer that is here.
fn told(settled: Settled, ticket: &Ticket, mut head: Head, body: Bytes) -> Proxied {
    let not_charged = |reason| ticket.bill(&Ticket::failed(0, head.bill.latency_ms, reason));
    match settled {
        Settled::Done(receipt) => {
            head.headers.extend(receipt);
            Proxied::Whole(head, body)
        }
        Settled::Withheld => Proxied::Failed(not_charged(UsageReason::Interrupted), UsageReason::Interrupted),
        Settled::Unpaid(offer) => Proxied::Unpaid(not_charged(UsageReason::PaymentFailed), offer),
        Settled::Pending => Proxied::Pending(not_charged(UsageReason::PaymentFailed)),
        Settled::Unclear => Proxied::Unclear(not_charged(UsageReason::PaymentFailed)),
        Settled::Unasked => Proxied::Unasked(not_charged(UsageReason::PaymentFailed)),
    }
}

/// How an answer was handed on.
enum Passed {
    /// All of it, but for these last bytes.
    Whole(Option<Bytes>),
    /// Its reader went away, or took nothing for too long.
    BuyerLeft,
    /// It has no end.
    Broken(Fault),
}

/// An answer that is being handed on.
struct Relay {
    pieces: mpsc::Sender<Piece>,
    /// What is still to come, if that is known.
    left: Option<u64>,
    /// All of it so far, while it is small enough to be kept.
    kept: Option<BytesMut>,
    /// How long the reader let us wait.
    blocked: Duration,
    /// How long it may let us wait at once.
    patience: Duration,
    upload: Arc<Upload>,
    started: Instant,
    deadline: Instant,
}

impl Relay {
    async fn run(&mut self, first: Bytes, mut body: ResponseBody) -> Passed {
        let mut next = first;
        loop {
            self.keep(&next);
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(u64::try_from(next.len()).unwrap_or(u64::MAX));
                if *left == 0 {
                    return Passed::Whole(Some(next));
                }
            }
            if !next.is_empty() && !self.hand_on(next).await {
                return Passed::BuyerLeft;
            }
            let piece = tokio::select! {
                biased;
                () = self.pieces.closed() => return Passed::BuyerLeft,
                piece = body.next() => piece,
            };
            next = match piece {
                Some(Ok(piece)) => piece,
                None if self.left.is_none() => return Passed::Whole(None),
                None => return Passed::Broken(Fault { reason: UsageReason::BrokenAnswer, may_be_done: true }),
                // The time was the buyer's, or it was the buyer who broke off.
                Some(Err(OutboundError::Timeout(Phase::Total)))
                    if (self.blocked + self.upload.waited()) * 2 > self.started.elapsed() =>
                {
                    return Passed::BuyerLeft;
                }
                Some(Err(_)) if self.upload.broke_off() => return Passed::BuyerLeft,
                Some(Err(error)) => return Passed::Broken(Fault::of(&error, false)),
            };
        }
    }

    /// Whether the reader took it. One that takes nothing for as long as a provider may be silent has left: a provider need not
    /// keep its answer for longer.
    async fn hand_on(&mut self, piece: Bytes) -> bool {
        let since = Instant::now();
        let until = self.deadline.min(since + self.patience);
        let taken = tokio::time::timeout_at(until.into(), self.pieces.send(Piece::Data(piece))).await;
        self.blocked += since.elapsed();
        matches!(taken, Ok(Ok(())))
    }

    fn keep(&mut self, piece: &Bytes) {
        match &mut self.kept {
            Some(kept) if kept.len() + piece.len() <= KEPT_BYTES_MAX => kept.extend_from_slice(piece),
            kept => *kept = None,
        }
    }
}

/// The length that an answer says it has.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether each piece of it is to be seen at once.
fn is_live(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Reads as much of a body as it takes to know whether it is small.
async fn begin(body: &mut ResponseBody, length: Option<u64>, is_live: bool) -> Result<Begun, OutboundError> {
    match length.map(usize::try_from) {
        Some(Ok(length)) if length <= SMALL_BYTES => return whole(body, SMALL_BYTES).await.map(Begun::Whole),
        Some(_) => return Ok(Begun::Part(Bytes::new())),
        None if is_live => return Ok(Begun::Part(Bytes::new())),
        None => {}
    }
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut taken = BytesMut::new();
    while taken.len() <= SMALL_BYTES {
        match tokio::time::timeout_at(until, body.next()).await {
            Err(_) => break,
            Ok(None) => return Ok(Begun::Whole(taken.freeze())),
            Ok(Some(piece)) => taken.extend_from_slice(&piece?),
        }
    }
    Ok(Begun::Part(taken.freeze()))
}

/// The same, of one that is not handed on before it is paid: all of it, if it is not live, and not larger than is kept.
async fn begin_unpaid(body: &mut ResponseBody, length: Option<u64>, is_live: bool) -> Result<Begun, OutboundError> {
    let fits = |length: u64| usize::try_from(length).is_ok_and(|length| length <= KEPT_BYTES_MAX);
    if is_live || length.is_some_and(|length| !fits(length)) {
        return Ok(Begun::Part(Bytes::new()));
    }
    let mut taken = BytesMut::new();
    while taken.len() <= KEPT_BYTES_MAX {
        match body.next().await {
            None => return Ok(Begun::Whole(taken.freeze())),
            Some(piece) => taken.extend_from_slice(&piece?),
        }
    }
    Ok(Begun::Part(taken.freeze()))
}

/// Reads a body to its end.
async fn whole(body: &mut ResponseBody, bytes_max: usize) -> Result<Bytes, OutboundError> {
    let Some(first) = body.next().await.transpose()? else { return Ok(Bytes::new()) };
    let Some(second) = body.next().await.transpose()? else { return Ok(first) };
    let mut taken = BytesMut::from(first.as_ref());
    let mut next = Some(second);
    while let Some(piece) = next {
        if taken.len() + piece.len() > bytes_max {
            return Err(OutboundError::TooLarge(u64::try_from(bytes_max).unwrap_or(u64::MAX)));
        }
        taken.extend_from_slice(&piece);
        next = body.next().await.transpose()?;
    }
    Ok(taken.freeze())
}
