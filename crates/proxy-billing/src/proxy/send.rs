//! The call itself, up to the head of the answer. No transaction is open while it lasts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::stream;
use rialto_outbound::{CallLimits, OutboundError, OutboundRequest, Phase};
use tokio::sync::oneshot;

use super::{
    Inner, Kept, Proxied, ProxyBody, ProxyError, headers,
    open::{Asked, Ticket},
    settle::Keep,
    upload::Upload,
};
use crate::usage::UsageReason;

/// Who waits for an answer.
pub(super) type Waiting = oneshot::Sender<Result<Proxied, ProxyError>>;

/// Whose fault it is that there is no answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) reason: UsageReason,
    /// Whether the provider may have done the work.
    pub(super) may_be_done: bool,
}

impl Fault {
    /// Of a call that this process ended, because it ends itself.
    pub(super) const OURS: Self = Self { reason: UsageReason::Interrupted, may_be_done: true };

    /// Of a call whose buyer left before its answer began, and whose answer nobody could have any more.
    pub(super) const BUYER_LEFT: Self = Self { reason: UsageReason::BuyerLeft, may_be_done: true };

    /// Of a call that came to this error. `starved` says that we were waiting for the buyer's body just then.
    pub(super) fn of(error: &OutboundError, starved: bool) -> Self {
        let reason = match error {
            OutboundError::Timeout(Phase::FirstByte | Phase::Total) if starved => UsageReason::BrokenRequest,
            OutboundError::Upload(_) | OutboundError::Request(_) => UsageReason::BrokenRequest,
            OutboundError::Timeout(_) => UsageReason::Timeout,
            OutboundError::Refused(_) => UsageReason::Refused,
            OutboundError::Dns(_) | OutboundError::Connect(_) => UsageReason::Unreachable,
            OutboundError::Protocol(_) => UsageReason::BrokenAnswer,
            OutboundError::TooLarge(_) => UsageReason::AnswerTooLarge,
        };
        // A body that broke off is no request that could have been served.
        let may_be_done = !error.is_before_sending() && reason != UsageReason::BrokenRequest;
        Self { reason, may_be_done }
    }

    /// Whether it says something about the provider's server.
    const fn is_servers(self) -> bool {
        matches!(self.reason, UsageReason::Timeout | UsageReason::Unreachable | UsageReason::BrokenAnswer)
    }

    /// The status that it has in the records.
    pub(super) const fn status_code(self) -> u16 {
        match self.reason {
            UsageReason::Timeout => 504,
            UsageReason::CircuitOpen | UsageReason::Interrupted => 503,
            UsageReason::BrokenRequest => 400,
            // As nginx has it.
            UsageReason::BuyerLeft => 499,
            _ => 502,
        }
    }
}

impl Inner {
    /// Makes the call and settles it.
    pub(super) async fn deliver(&self, ticket: Ticket, asked: Asked, body: ProxyBody, waiting: Waiting) {
        let started = Instant::now();
        // By provider as well: nobody can have another's server taken for dead by offering it as one's own.
        let server = format!("{}:{} {}", ticket.url.host(), ticket.url.port(), ticket.provider);
        let Ok(pass) = self.breakers.enter(&server) else {
            let fault = Fault { reason: UsageReason::CircuitOpen, may_be_done: false };
            return self.fail(&ticket, fault, started.elapsed(), waiting).await;
        };
        let upload = Arc::new(Upload::default());
        let is_head = asked.method == rialto_outbound::Method::HEAD;
        let request = self.request(&ticket, asked, body, &upload);
        match self.client.send(request).await {
            Ok(response) => {
                pass.succeeded();
                self.answer(ticket, is_head, response, (started, upload), waiting).await;
            }
            Err(error) => {
                let fault = Fault::of(&error, upload.is_awaited());
                tracing::debug!(%error, detail = error.detail(), usage.id = %ticket.usage, "a service could not be called");
                if fault.is_servers() {
                    pass.failed();
                }
                self.fail(&ticket, fault, started.elapsed(), waiting).await;
            }
        }
    }

    /// What goes to the provider.
    fn request(&self, ticket: &Ticket, asked: Asked, body: ProxyBody, upload: &Arc<Upload>) -> OutboundRequest {
        let limits = CallLimits {
            first_byte: ticket.timeout,
            idle: ticket.timeout,
            total: self.config.call_max,
            response_bytes_max: self.config.answer_bytes_max,
        };
        let mut request = OutboundRequest::to(asked.method, ticket.url.clone()).limits(limits);
        let mut last = None;
        for (name, value) in headers::toward_provider(asked.headers, &asked.request_id) {
            // A name is told once for all its values.
            last = name.or(last);
            if let Some(name) = &last {
                request = request.header(name.clone(), value);
            }
        }
        match body {
            ProxyBody::Whole(bytes) => request.body(bytes),
            ProxyBody::Arriving { length, pieces } => {
                let pieces = stream::unfold((pieces, Arc::clone(upload)), async |(mut pieces, upload)| {
                    let piece = upload.next(&mut pieces).await?;
                    Some((piece, (pieces, upload)))
                });
                request.stream(length, pieces)
            }
        }
    }

    /// Ends a call without an answer.
    pub(super) async fn fail(&self, ticket: &Ticket, fault: Fault, latency: Duration, waiting: Waiting) {
        let told = self.end_without(ticket, fault, latency).await;
        drop(waiting.send(told));
    }

    /// Settles a call that has no answer, and gives what is told of it.
    pub(super) async fn end_without(&self, ticket: &Ticket, fault: Fault, latency: Duration) -> Result<Proxied, ProxyError> {
        let status = fault.status_code();
        let end = Ticket::failed(status, millis(latency), fault.reason);
        let bill = ticket.bill(&end);
        let keep =
            if fault.may_be_done { Keep::Answer(Box::new(Kept::failure(bill, status, fault.reason))) } else { Keep::Nothing };
        if let Err(error) = self.settle(ticket, end, keep).await {
            tracing::error!(%error, usage.id = %ticket.usage, "the end of a call could not be written down");
            return Err(error);
        }
        Ok(Proxied::Failed(bill, fault.reason))
    }
}

pub(super) fn millis(latency: Duration) -> u64 {
    u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)
}
