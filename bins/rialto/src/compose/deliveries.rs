//! What takes the market and the broker together: what was bought is delivered by a call of the seller.
//!
//! The call is the broker's, and charges nothing: the trade has paid. Before it, one transaction reserves the trade for the
//! call and queues [`CloseDelivery`]; after it, another one says how it went. Whoever dies in between is closed by that job.

use std::time::Duration;

use rialto_jobs::{Failure, Job, enqueue};
use rialto_kernel::{Caller, Clock, Timestamp};
use rialto_market::{Delivery, MarketError, MarketStore, NewDelivery, Trade, TradeId, TradeStatus};
use rialto_proxy_billing::{Broker, BrokerError, CallState, ConversationId, Finish, InvocationId, InvokeRequest, Outcome};
use rialto_store::{
    Db, Tx,
    idempotency::{self, Claim, Key, Stored},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::runtime::Handle;

use super::App;
use crate::{
    http::{
        Problem,
        command::{key_reused, key_running},
    },
    routes::market::render_delivery,
};

/// How long after a call must have been closed its delivery is.
const CLOSE_AFTER: Duration = Duration::from_secs(10);
/// How long after that a delivery may be begun anew that even the job could not close.
const LOST_AFTER: Duration = Duration::from_secs(2 * 60 * 60);

/// How a delivery ended.
#[derive(Debug)]
pub struct Report {
    /// The trade, as it is now.
    pub trade: Trade,
    /// Whether the seller did what it was asked.
    pub success: bool,
    /// What it answered.
    pub data: Option<Box<RawValue>>,
    /// Why it failed.
    pub error: Option<String>,
    /// Its status, or the broker's when there was none.
    pub status_code: u16,
    /// The call in the logs, if one was made.
    pub invocation: Option<InvocationId>,
    /// The conversation that the call is part of.
    pub conversation: Option<ConversationId>,
}

/// What is to be delivered, and how.
#[derive(Debug)]
pub struct Asked {
    /// The trade.
    pub trade: TradeId,
    /// The call, whoever the seller is.
    pub call: InvokeRequest,
    /// Whether the seller is to be called even if it has spent what it would have to pay back.
    pub at_own_risk: bool,
}

/// What a request to deliver comes to.
pub enum Delivered {
    /// It was delivered now, or could not be.
    Now(Box<Report>),
    /// It was before, under the same idempotency key; this was the answer.
    Replayed(Stored),
}

/// How the call went, whether it was made or refused on the seller's account.
#[derive(Debug, Clone)]
struct Ended {
    success: bool,
    data: Option<Box<RawValue>>,
    error: Option<String>,
    status_code: u16,
    latency_ms: u64,
    was_made: bool,
    conversation: Option<ConversationId>,
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        let Outcome { success, data, error, status_code, latency_ms, conversation, .. } = outcome;
        Self { success, data, error, status_code, latency_ms, was_made: true, conversation: Some(conversation) }
    }
}

impl Ended {
    /// A call that somebody else has closed.
    fn closed(conversation: ConversationId, finish: Finish) -> Self {
        let Finish { success, status_code, latency_ms, error, response, .. } = finish;
        let data = response.and_then(|response| serde_json::value::to_raw_value(&response).ok());
        Self { success, data, error, status_code, latency_ms, was_made: true, conversation: Some(conversation) }
    }

    /// A call that could not be made, because of the seller.
    fn refused(error: &BrokerError, status_code: u16) -> Self {
        let error = Some(error.to_string());
        Self { success: false, data: None, error, status_code, latency_ms: 0, was_made: false, conversation: None }
    }

    fn report(self, trade: Trade) -> Report {
        let Self { success, data, error, status_code, was_made, conversation, .. } = self;
        let invocation = trade.invocation.filter(|_| was_made);
        Report { trade, success, data, error, status_code, invocation, conversation }
    }
}

/// Delivers trades. Cheap to clone.
#[derive(Clone)]
pub struct Deliveries {
    db: Db,
    clock: Clock,
    broker: Broker,
    /// Outlives those who ask.
    runtime: Handle,
    /// After so long a call has ended, or has been closed.
    patience: Duration,
}

impl Deliveries {
    /// Deliveries through `broker`, whose calls have ended or are closed after `call_max`.
    pub fn new(db: Db, clock: Clock, broker: Broker, runtime: Handle, call_max: Duration) -> Self {
        Self { db, clock, broker, runtime, patience: call_max.saturating_add(CLOSE_AFTER) }
    }

    /// Has the seller of a trade called for its buyer. It is called, and the end written down, also when the caller goes away.
    ///
    /// # Errors
    /// Why nothing was delivered, and nothing has changed; or 503 when the end is not known yet.
    pub async fn deliver(&self, caller: Caller, asked: Asked, key: Option<Key>) -> Result<Delivered, Problem> {
        let this = self.clone();
        let work = self.runtime.spawn(async move { this.run(caller, asked, key).await });
        work.await.map_err(|_| BrokerError::Interrupted)?
    }

    async fn run(&self, caller: Caller, asked: Asked, key: Option<Key>) -> Result<Delivered, Problem> {
        let Asked { trade, call, at_own_risk } = asked;
        let claim = key.as_ref().map(ClaimName::of);
        let wanted = CloseDelivery { trade, invocation: InvocationId::new(), claim, is_owed: false };
        let (patience, now) = (self.patience, self.clock.now());
        let begin = async move |tx: &mut Tx| begin(tx, &caller, &wanted, at_own_risk, key.as_ref(), patience, now).await;
        let begun = self.db.write(begin);
        let (trade, job) = match begun.await? {
            Begun::Fresh(begun) => *begun,
            Begun::Replayed(stored) => return Ok(Delivered::Replayed(stored)),
        };
        // An administrator's call is the buyer's, too.
        let buyer = Caller { owner: trade.buyer_owner, ..caller };
        let call = InvokeRequest { agent: trade.seller.into(), ..call };
        let ended = match self.broker.invoke_paid(buyer, call, job.invocation).await {
            Ok(outcome) => outcome.into(),
            Err(error @ (BrokerError::AgentNotCallable | BrokerError::AgentUnknown)) => Ended::refused(&error, 404),
            Err(error @ BrokerError::AgentWithoutEndpoint) => Ended::refused(&error, 409),
            Err(error @ BrokerError::CredentialsMissing) => Ended::refused(&error, 503),
            // It may have been made: whoever closes it will know.
            Err(error @ (BrokerError::Interrupted | BrokerError::Store(_))) => return Err(in_doubt(&error)),
            Err(error) => {
                let now = self.clock.now();
                self.db.write(async move |tx: &mut Tx| job.abandon(tx, now).await).await.map_err(|error| in_doubt(&error))?;
                return Err(error.into());
            }
        };
        self.finish(job, ended).await.map(|report| Delivered::Now(Box::new(report))).map_err(|error| in_doubt(&error))
    }

    async fn finish(&self, job: CloseDelivery, ended: Ended) -> Result<Report, Problem> {
        let now = self.clock.now();
        self.db.write(async move |tx: &mut Tx| job.finish(tx, &ended, now).await).await
    }
}

/// 503: the seller was called, or may have been, and how that ended is written down later.
fn in_doubt(error: &dyn std::error::Error) -> Problem {
    tracing::warn!(%error, "a delivery could not be finished; its job will");
    let detail = "How the delivery ended is not known yet. Read the trade in a moment.";
    Problem::new(actix_web::http::StatusCode::SERVICE_UNAVAILABLE, "delivery-in-doubt", detail).retry_after(5)
}

enum Begun {
    Fresh(Box<(Trade, CloseDelivery)>),
    Replayed(Stored),
}

async fn begin(
    tx: &mut Tx,
    caller: &Caller,
    wanted: &CloseDelivery,
    at_own_risk: bool,
    key: Option<&Key>,
    patience: Duration,
    now: Timestamp,
) -> Result<Begun, Problem> {
    if let Some(key) = key {
        match idempotency::claim(tx, key, now).await? {
            Claim::Fresh => {}
            Claim::Done(stored) => return Ok(Begun::Replayed(stored)),
            Claim::Running => return Err(key_running()),
            Claim::Mismatch => return Err(key_reused()),
        }
    }
    let lost = patience.saturating_add(LOST_AFTER);
    let new = NewDelivery { trade: wanted.trade, invocation: wanted.invocation, at_own_risk, patience: lost };
    let (trade, is_owed) = rialto_market::begin_delivery(tx, caller, &new, now).await?;
    let job = CloseDelivery { is_owed, ..wanted.clone() };
    enqueue(tx, &job, now.after(patience), None, now).await?;
    Ok(Begun::Fresh(Box::new((trade, job))))
}

/// The name of an idempotency key that is claimed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ClaimName {
    scope: String,
    key: String,
}

impl ClaimName {
    fn of(key: &Key) -> Self {
        Self { scope: key.scope.clone(), key: key.key.clone() }
    }

    /// The key, as good as is needed to answer it.
    fn key(&self) -> Key {
        Key { scope: self.scope.clone(), key: self.key.clone(), fingerprint: Vec::new() }
    }
}

/// Writes how a delivery ended whose process died before it could; nothing when it could. After one that failed it tries for a
/// while to get the buyer's money back from a seller that has spent it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CloseDelivery {
    trade: TradeId,
    invocation: InvocationId,
    claim: Option<ClaimName>,
    /// Whether an earlier delivery failed whose money is still owed to the buyer.
    #[serde(default)]
    is_owed: bool,
}

impl CloseDelivery {
    async fn finish(&self, tx: &mut Tx, ended: &Ended, now: Timestamp) -> Result<Report, Problem> {
        let latency_ms = i64::try_from(ended.latency_ms).unwrap_or(i64::MAX);
        // What the seller said is for the buyer, who is given it: it may repeat what the buyer asked. This everybody hears.
        let error = (!ended.success).then(|| format!("The delivery failed with status {}", ended.status_code));
        let delivery = Delivery { invocation: self.invocation, succeeded: ended.success, latency_ms, error };
        let trade = rialto_market::finish_delivery(tx, self.trade, &delivery, now).await?;
        let report = ended.clone().report(trade);
        if let Some(claim) = &self.claim {
            idempotency::finish(tx, &claim.key(), &render_delivery(&report)).await?;
        }
        Ok(report)
    }

    /// Tries once more to get the money back from a seller that did not deliver. What was answered then stays the answer.
    async fn pay_back(&self, tx: &mut Tx, latency_ms: i64, now: Timestamp) -> Result<TradeStatus, MarketError> {
        let delivery = Delivery { invocation: self.invocation, succeeded: false, latency_ms, error: None };
        Ok(rialto_market::finish_delivery(tx, self.trade, &delivery, now).await?.status)
    }

    /// The call was not made, and will not be: the trade is as it was before.
    async fn abandon(&self, tx: &mut Tx, now: Timestamp) -> Result<(), Problem> {
        if rialto_market::abandon_delivery(tx, self.trade, self.invocation, self.is_owed, now).await?
            && let Some(claim) = &self.claim
        {
            idempotency::release(tx, &claim.key()).await?;
        }
        Ok(())
    }
}

impl Job for CloseDelivery {
    const NAME: &'static str = "market.close-delivery";
    type Context = App;

    async fn run(&self, app: &App) -> Result<(), Failure> {
        let (id, invocation) = (self.trade, self.invocation);
        let look = async move |tx: &mut Tx| {
            let trade = tx.find_trade(id).await?;
            Ok::<_, BrokerError>((trade, rialto_proxy_billing::call_state(tx, invocation).await?))
        };
        let (trade, state) = app.db.read(look).await?;
        let is_open = |trade: &Trade| matches!(trade.status, TradeStatus::Delivering | TradeStatus::Failed);
        let Some(trade) = trade.filter(|trade| trade.invocation == Some(invocation) && is_open(trade)) else { return Ok(()) };
        let (job, now) = (self.clone(), app.clock.now());
        let status = match (state, trade.status) {
            (_, TradeStatus::Failed) => {
                app.db.write(async move |tx: &mut Tx| job.pay_back(tx, trade.latency_ms, now).await).await?
            }
            (CallState::Running, _) => return Err(Failure::retry("the call has not been closed yet")),
            (CallState::Unknown, _) => {
                app.db.write(async move |tx: &mut Tx| job.abandon(tx, now).await).await?;
                if self.is_owed { TradeStatus::Failed } else { TradeStatus::Settled }
            }
            (CallState::Ended(conversation, finish), _) => {
                tracing::warn!(trade.id = %id, "a delivery was interrupted by the end of a process: closed");
                app.deliveries.finish(job, Ended::closed(conversation, finish)).await?.trade.status
            }
        };
        match status {
            TradeStatus::Failed => Err(Failure::retry("the seller could not pay back yet")),
            _ => Ok(()),
        }
    }
}
