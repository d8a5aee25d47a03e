//! What a buyer is answered.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    body::{BodySize, MessageBody, SizedStream},
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web::Bytes,
};
use futures_util::{Stream, stream};
use rialto_kernel::Asset;
use rialto_outbound::HeaderMap;
use rialto_proxy_billing::{
    proxy::{Bill, Kept, KeptBody, Piece, Proxied},
    usage::UsageReason,
};
use tokio::sync::mpsc::Receiver;

use super::{
    problem::{failure, pending, unasked, unclear, unpaid},
    request::BodyFault,
};
use crate::http::{Problem, middleware::PassedOn};

/// The answer to a request that came to this.
pub fn render(proxied: Proxied, is_head: bool, fault: &Cell<Option<BodyFault>>) -> Result<HttpResponse, Problem> {
    match proxied {
        Proxied::Whole(head, body) => {
            let response = begin(head.status.as_u16(), &head.headers, &head.bill)?;
            Ok(finish(response, head.status.as_u16(), body, is_head, head.length))
        }
        Proxied::Arriving(head, pieces) => {
            let mut response = begin(head.status.as_u16(), &head.headers, &head.bill)?;
            Ok(match head.length {
                Some(length) => response.body(SizedStream::new(length, arriving(pieces))),
                None => response.streaming(arriving(pieces)),
            })
        }
        Proxied::Failed(bill, UsageReason::BrokenRequest) => {
            Err(billed(fault.get().map_or_else(|| failure(UsageReason::BrokenRequest), Problem::from), &bill))
        }
        Proxied::Failed(bill, reason) => Err(billed(failure(reason), &bill)),
        Proxied::Unpaid(bill, offer) => Err(billed(unpaid(&offer), &bill)),
        Proxied::Pending(bill) => Err(billed(pending(), &bill)),
        Proxied::Unclear(bill) => Err(billed(unclear(), &bill)),
        Proxied::Unasked(bill) => Err(billed(unasked(), &bill)),
        Proxied::Replayed(kept) => replay(kept, is_head),
    }
}

fn replay(kept: Kept, is_head: bool) -> Result<HttpResponse, Problem> {
    const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
    let again = |problem: Problem| Err(billed(problem, &kept.bill).header(REPLAYED, "true"));
    match kept.body {
        KeptBody::Failed(reason) => again(failure(reason)),
        KeptBody::Lost => {
            let detail = "This call was made before; its answer was too large to be kept, or too many of yours were kept already, or it \
                          was not delivered to its end.";
            again(Problem::conflict("idempotent-answer-lost", detail))
        }
        KeptBody::Whole(body) => {
            let mut response = begin(kept.status.as_u16(), &kept.headers, &kept.bill)?;
            response.insert_header((REPLAYED, "true"));
            Ok(finish(response, kept.status.as_u16(), body, is_head, None))
        }
    }
}

/// The head of an answer.
fn begin(status: u16, headers: &HeaderMap, bill: &Bill) -> Result<HttpResponseBuilder, Problem> {
    let mut response = HttpResponse::build(StatusCode::from_u16(status).map_err(Problem::internal)?);
    response.extensions_mut().insert(PassedOn);
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            response.append_header((name, value));
        }
    }
    for (name, value) in costs(bill) {
        response.insert_header((name, value));
    }
    Ok(response)
}

/// What a call costs, as the reference has it.
fn costs(bill: &Bill) -> [(HeaderName, String); 4] {
    [
        (HeaderName::from_static("x-acf-usage-id"), bill.usage.to_string()),
        (HeaderName::from_static("x-acf-amount"), bill.amount.to_decimal(Asset::USDC)),
        (HeaderName::from_static("x-acf-free-tier"), bill.is_free.to_string()),
        (HeaderName::from_static("x-acf-latency-ms"), bill.latency_ms.to_string()),
    ]
}

fn billed(problem: Problem, bill: &Bill) -> Problem {
    costs(bill).into_iter().fold(problem, |problem, (name, value)| problem.header(name, value))
}

/// An answer whose body is here. One to HEAD has none, and tells the length that the body would have.
fn finish(mut response: HttpResponseBuilder, status: u16, body: Bytes, is_head: bool, length: Option<u64>) -> HttpResponse {
    match (status, length) {
        (204, _) | (304, None) => response.body(NoBody(None)),
        (304, Some(length)) => response.insert_header((header::CONTENT_LENGTH, length)).body(NoBody(None)),
        (_, length) if is_head => response.body(NoBody(length)),
        _ => response.body(body),
    }
}

/// No body, that would have this length.
struct NoBody(Option<u64>);

impl MessageBody for NoBody {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        self.0.map_or(BodySize::None, BodySize::Sized)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

/// The pieces as they come. Without its end the answer is broken, and so is the connection then.
fn arriving(pieces: Receiver<Piece>) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    stream::unfold(Some(pieces), async |pieces| {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Piece::Data(bytes)) => Some((Ok(bytes), Some(pieces))),
            Some(Piece::End) => None,
            None => Some((Err(std::io::Error::other("the provider's answer broke off")), None)),
        }
    })
}
