//! Paid calls of services: set the price aside, pass the request on, then take the price or give it back.
//!
//! One call is three steps: a transaction that writes down what is about to happen and sets its price aside ([`open`]), the
//! call with no transaction open ([`send`], [`relay`]), and a transaction that ends it ([`settle`]). They run in one task, on
//! the thread that was asked, which goes on when whoever asked has gone. One that costs nothing and has no key sets nothing aside, and is written down once, when it has
//! ended ([`gratis`]).
//!
//! # What always holds
//! 1. An answer is whole only when it is paid: a small one is handed over after that, of a large one the end is held back until then.
//!    Of a call that brought its payment with it nothing at all is handed over before it is paid.
//! 2. What the provider did not deliver whole, or answered with 500 or more, is not charged, and the record says why; but an answer
//!    that is streamed and brought its payment with it is paid when it begins, and stays paid if it breaks off.
//! 3. A buyer that goes away while it is being served has been served. Otherwise whoever hangs up before the last byte would be
//!    served for nothing. One whose connection we close, because the process ends, has not.
//! 4. A call for nothing is taken before the call, and given back when it was not delivered: never are more delivered than there are.
//! 5. When the process dies, [`close_interrupted`] ends the call. What was set aside of a balance goes back by itself, a payment that
//!    came with the call when the call is ended; but where its money may have been asked for, the call goes on.
//! 6. The same idempotency key makes one call, and every repeat gets its answer.
//! 7. A payment that comes with a call ([`crate::payments::x402`]) pays for that call alone, and for nothing of which nothing is
//!    handed over; unless, of an answer that is streamed, it is not known in time whether it is paid: such a call is recorded as one
//!    whose answer was lost ([`UsageReason::AnswerLost`]), and an operator has to help. It is not looked at, and not taken, for a
//!    call that costs nothing.
//! 8. A call is ended as paid, or as not paid, once, by whoever is sure. While nobody is, it stays open.

mod ended;
mod error;
mod fetch;
mod gratis;
mod headers;
mod kept;
mod open;
mod pledged;
mod relay;
mod resolve;
mod send;
mod settle;
mod step;
mod upload;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
pub use error::ProxyError;
pub use kept::{Kept, KeptBody, KeptStore, Room, forget_kept};
pub use pledged::Brought;
use pledged::Pledged;
pub use resolve::{Decision, ResolveError, Resolved, list_doubtful, resolve};
use rialto_kernel::{Amount, Caller, Clock};
use rialto_outbound::{BreakerOptions, Breakers, Circuit, HeaderMap, Method, OutboundClient, Permits, StatusCode};
use rialto_registry::service::ServiceId;
use rialto_store::{Db, idempotency::Key};
pub use settle::close_interrupted;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc, oneshot},
};

use crate::{
    payments::x402::{Offer, SETTLE_TIME, X402},
    usage::{UsageId, UsageReason},
};

/// How long it is worth waiting, when a process ends, for calls that bring their payment with them: until whoever has been asked to
/// settle one has answered, and that is in the books. Otherwise it may be known to nobody any more what became of the money.
pub const SETTLE_GRACE: Duration = SETTLE_TIME.saturating_add(Duration::from_secs(15));
/// How many pieces of an answer wait for their reader.
const PIECES_WAITING: usize = 4;

/// What the proxy may spend on a call.
#[derive(Debug, Clone, Copy)]
pub struct ProxyConfig {
    /// How long a provider may take to begin its answer, and between two pieces of it, unless its service says something else.
    pub timeout: Duration,
    /// How long a call may take in all.
    pub call_max: Duration,
    /// How much longer than that its price stays set aside, so that a call that ends in time is always settled in time.
    pub hold_grace: Duration,
    /// The largest body of an answer, in bytes.
    pub answer_bytes_max: u64,
    /// The most that is kept of the answers of one buyer for repeats of a key, in bytes as they are written down, in 25 hours.
    pub kept_bytes_per_buyer_max: u64,
    /// How many calls may run at once.
    pub calls_max: u32,
    /// How many calls of one owner may run at once.
    pub calls_per_owner_max: u32,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            call_max: Duration::from_secs(300),
            hold_grace: Duration::from_secs(30),
            answer_bytes_max: 4 * 1024 * 1024 * 1024,
            kept_bytes_per_buyer_max: 1024 * 1024 * 1024,
            calls_max: 4_096,
            calls_per_owner_max: 256,
        }
    }
}

/// The body of a request.
#[derive(Debug)]
pub enum ProxyBody {
    /// All of it is here.
    Whole(Bytes),
    /// It is still arriving. It ends when its sender is gone; `Err` says that it broke off.
    Arriving {
        /// How long it will be, if it says.
        length: Option<u64>,
        /// Its pieces.
        pieces: mpsc::Receiver<Result<Bytes, String>>,
    },
}

/// A request for a service.
#[derive(Debug)]
pub struct ProxyRequest {
    /// Which service.
    pub service: ServiceId,
    /// How it is asked.
    pub method: Method,
    /// What comes behind the service's endpoint, byte for byte.
    pub path: String,
    /// The query, byte for byte.
    pub query: Option<String>,
    /// The headers, as they came.
    pub headers: HeaderMap,
    /// The body.
    pub body: ProxyBody,
    /// What the request is called, in the provider's logs and ours.
    pub request_id: String,
    /// The key that a repeat is known by.
    pub key: Option<Key>,
    /// What the buyer pays at most; a provider may change its price at any time.
    pub amount_max: Option<Amount>,
    /// The payment that it brings.
    pub brought: Option<Brought>,
}

/// What a call costs, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// The call.
    pub usage: UsageId,
    /// What is charged for it.
    pub amount: Amount,
    /// Whether it is one of the calls for nothing.
    pub is_free: bool,
    /// How long the provider took, in milliseconds.
    pub latency_ms: u64,
}

/// The head of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    /// The provider's status.
    pub status: StatusCode,
    /// The provider's headers, as far as a buyer may see them.
    pub headers: HeaderMap,
    /// How long its body is, if it says.
    pub length: Option<u64>,
    /// What it costs.
    pub bill: Bill,
}

/// A piece of an answer that is being delivered.
#[derive(Debug)]
pub enum Piece {
    /// Some of it.
    Data(Bytes),
    /// It was whole. A stream that ends without this is broken.
    End,
}

/// What a request comes to.
#[derive(Debug)]
pub enum Proxied {
    /// The provider's answer.
    Whole(Head, Bytes),
    /// The provider's answer, which is still arriving.
    Arriving(Head, mpsc::Receiver<Piece>),
    /// There is no answer: and why. Nothing was charged.
    Failed(Bill, UsageReason),
    /// There is an answer, but its payment was not settled: it is withheld.
    Unpaid(Bill, Box<Offer>),
    /// There is an answer, but nobody knows yet whether it is paid. Whoever asks again gets it when it is, if it is kept.
    Pending(Bill),
    /// There is an answer, but nobody can say any more whether it is paid, until an administrator does.
    Unclear(Bill),
    /// There is an answer, but the database failed before its payment was asked for.
    Unasked(Bill),
    /// It was made before, under the same key; this was the answer.
    Replayed(Kept),
}

/// The proxy: cheap to clone, shared by everything in the process.
#[derive(Clone)]
pub struct Proxy {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    client: OutboundClient,
    clock: Clock,
    config: ProxyConfig,
    x402: Option<X402>,
    gratis: gratis::Gratis,
    larder: Arc<kept::Larder>,
    breakers: Breakers,
    permits: Permits,
    /// Leave to fetch the money of a call.
    fetches: Arc<Semaphore>,
    runtime: Handle,
    closing: AtomicBool,
}

impl Proxy {
    /// A proxy that calls through `client`, and takes payments by `x402` if there is one. What it fetches by itself it fetches on
    /// `runtime`.
    #[must_use]
    pub fn new(db: Db, client: OutboundClient, clock: Clock, config: ProxyConfig, x402: Option<X402>, runtime: Handle) -> Self {
        let permits = Permits::new(config.calls_max, config.calls_per_owner_max);
        let breakers = Breakers::new(BreakerOptions::default());
        let gratis = gratis::Gratis::new(&db);
        Self {
            inner: Arc::new(Inner {
                db,
                client,
                clock,
                config,
                x402,
                gratis,
                larder: Arc::new(kept::Larder::new(config.kept_bytes_per_buyer_max)),
                breakers,
                permits,
                fetches: Arc::new(Semaphore::new(fetch::FETCHES_MAX)),
                runtime,
                closing: AtomicBool::new(false),
            }),
        }
    }

    /// Passes a request on to its service on behalf of `caller`, who pays if it is delivered.
    ///
    /// What was begun is brought to its end even when whoever waits for it goes away. It runs on the tokio runtime that this is called
    /// in: [`Proxy::drain`] before that ends.
    ///
    /// # Errors
    /// A [`ProxyError`]: nothing was sent and nothing has changed, [`ProxyError::Interrupted`] and the store's aside.
    pub async fn call(&self, caller: Caller, request: ProxyRequest) -> Result<Proxied, ProxyError> {
        let (inner, permit) = (self.inner.clone(), self.inner.permits.take(caller.owner)?);
        let (answer, heard) = oneshot::channel();
        tokio::spawn(async move {
            let _permit = permit;
            inner.run(caller, request, answer).await;
        });
        heard.await.map_err(|_| ProxyError::Interrupted)?
    }

    /// Whether payments are taken that come with calls.
    #[must_use]
    pub fn takes_payments(&self) -> bool {
        self.inner.x402.is_some()
    }

    /// Whether those are payments on a test network: their money is worth nothing.
    #[must_use]
    pub fn takes_test_money(&self) -> bool {
        self.inner.x402.as_ref().is_some_and(X402::takes_test_money)
    }

    /// The servers that failed lately, at most `limit`: host and port, and whose services they serve.
    #[must_use]
    pub fn circuits(&self, limit: usize) -> Vec<(String, Circuit)> {
        self.inner.breakers.list(limit)
    }

    /// Says that the process is about to end: buyers whose connections close from now on have not left.
    pub fn close(&self) {
        self.inner.closing.store(true, Ordering::Relaxed);
    }

    /// Waits, at most `patience`, until no call is running and no money is being fetched; neither can start from then on. Whether it
    /// came to that.
    pub async fn drain(&self, patience: Duration) -> bool {
        let fetches = &self.inner.fetches;
        let all = fetches.acquire_many(u32::try_from(fetch::FETCHES_MAX).unwrap_or(u32::MAX));
        let fetched = async {
            let fetched = tokio::time::timeout(patience, all).await;
            fetches.close();
            matches!(fetched, Ok(Ok(_)))
        };
        let (called, fetched) = tokio::join!(self.inner.permits.drain(patience), fetched);
        called && fetched
    }
}

impl Inner {
    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    async fn run(&self, caller: Caller, request: ProxyRequest, answer: oneshot::Sender<Result<Proxied, ProxyError>>) {
        let (mut asked, body) = open::Asked::split(request);
        let opened = match self.begin(caller, &mut asked, false).await {
            // The last call for nothing was taken since it was looked for.
            Ok(open::Opened::Priced) => self.begin(caller, &mut asked, true).await,
            opened => opened,
        };
        match opened {
            Ok(open::Opened::Fresh(ticket)) => self.deliver(*ticket, asked, body, answer).await,
            Ok(open::Opened::Replayed(kept)) => drop(answer.send(Ok(Proxied::Replayed(kept)))),
            Ok(open::Opened::Priced) => drop(answer.send(Err(ProxyError::Interrupted))),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    async fn begin(&self, caller: Caller, asked: &mut open::Asked, must_pay: bool) -> Result<open::Opened, ProxyError> {
        self.admit(&caller, asked, must_pay).await?;
        match std::mem::take(&mut asked.pledged) {
            Pledged::Answered(kept) => Ok(open::Opened::Replayed(*kept)),
            pledged => {
                asked.pledged = pledged;
                self.open(caller, asked).await
            }
        }
    }
}
