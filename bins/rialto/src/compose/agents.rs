//! How the coordinator finds and calls agents: through the registry and the broker, like everybody.

use rialto_coordinator::{
    Agents, AttemptId, Candidate,
    agents::{Call, Called, NotYet, Refusal},
};
use rialto_kernel::{Amount, Caller, Clock, CredentialKind, OwnerId, Role};
use rialto_proxy_billing::{Broker, BrokerError, Idempotent, InvokeRequest, Invoked, Payload};
use rialto_registry::{self as registry, Agent, AgentRef, DiscoverQuery, Finder, RankBy};
use rialto_store::{
    Db, Tx,
    idempotency::{self, Claim, Key, Stored},
};
use serde::Deserialize;
use serde_json::Value;

use crate::routes::broker::render;

/// The registry and the broker of this server.
pub struct Paid {
    /// Where agents are.
    pub db: Db,
    /// Finds them for what somebody needs.
    pub finder: Finder,
    /// The time.
    pub clock: Clock,
    /// Who calls them.
    pub broker: Broker,
}

#[async_trait::async_trait]
impl Agents for Paid {
    async fn discover(&self, text: &str, limit: u32) -> Result<Vec<Candidate>, NotYet> {
        let (prepared, now) = (self.finder.prepare(text).await, self.clock.now());
        // Whoever is found is called and paid: an agent that does something else is worse than none.
        let distance_max = Some(prepared.distance_relevant());
        let query = DiscoverQuery { text: text.to_owned(), limit, distance_max, rank_by: RankBy::default() };
        let found = self.db.read(async move |tx: &mut Tx| registry::discover(tx, &prepared, &query, now).await).await;
        Ok(found.map_err(|error| not_yet(&error))?.into_iter().map(|view| candidate(&view.agent)).collect())
    }

    async fn find(&self, agent: &str) -> Result<Option<Candidate>, NotYet> {
        let agent = AgentRef::parse(agent);
        let found = self.db.read(async move |tx: &mut Tx| registry::find_callable(tx, &agent).await).await;
        Ok(found.map_err(|error| not_yet(&error))?.map(|agent| candidate(&agent)))
    }

    async fn call(&self, call: Call) -> Result<Called, NotYet> {
        let idempotent = Idempotent { key: key(call.owner, call.attempt), render };
        let Ok(input) = Payload::new(call.input.as_object().cloned().unwrap_or_default()) else {
            return Ok(refused("The input cannot be written as JSON", false));
        };
        let request = InvokeRequest {
            agent: call.agent.into(),
            input,
            conversation: call.conversation,
            message: call.message,
            external_user_id: call.external_user_id,
            share_payload: false,
            request_id: Some(call.attempt.to_string()),
            price_max: call.spend_max,
            time_max: Some(call.time_max),
        };
        // Who asked was allowed to when the run was asked for; what is left of that is whose call it is.
        let role = Role::Operator;
        let caller = Caller { owner: call.owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None };
        match self.broker.invoke(caller, request, Some(idempotent)).await {
            Ok(Invoked::Made(outcome)) => read(&render(&outcome)),
            Ok(Invoked::Replayed(stored)) => read(&stored),
            Err(error) => refusal(&error),
        }
    }

    async fn recall(&self, owner: OwnerId, attempt: AttemptId) -> Result<Option<Called>, NotYet> {
        let key = key(owner, attempt);
        let found = self.db.read(async move |tx: &mut Tx| idempotency::find(tx, &key).await).await;
        match found.map_err(|error| not_yet(&error))? {
            None | Some(Claim::Mismatch | Claim::Fresh) => Ok(None),
            Some(Claim::Done(stored)) => read(&stored).map(Some),
            Some(Claim::Running) => Err(NotYet { reason: "the call is under way".to_owned() }),
        }
    }
}

/// The key under which an attempt's call is made once. The attempt's id alone says which call it is.
fn key(owner: OwnerId, attempt: AttemptId) -> Key {
    Key { scope: format!("{owner}/coordinator"), key: attempt.to_string(), fingerprint: attempt.as_bytes().to_vec() }
}

fn candidate(agent: &Agent) -> Candidate {
    Candidate { id: agent.id, name: agent.name.clone(), price: agent.price().map_or(0, Amount::get), spend_max: None }
}

fn not_yet(error: &dyn std::error::Error) -> NotYet {
    NotYet { reason: error.to_string() }
}

fn refused(message: &str, may_pass: bool) -> Called {
    let refusal = Refusal { message: message.to_owned(), may_pass, is_timeout: false };
    Called { answer: Err(refusal), credits_charged: None, invocation: None, conversation: None }
}

/// What the broker's answer says, in the form in which it is kept under the key.
#[derive(Deserialize)]
struct Kept {
    success: bool,
    data: Option<Value>,
    error: Option<String>,
    status_code: u16,
    conversation_id: Option<rialto_proxy_billing::ConversationId>,
    credits_charged: Option<i64>,
    invocation_id: Option<rialto_proxy_billing::InvocationId>,
}

fn read(stored: &Stored) -> Result<Called, NotYet> {
    let Ok(kept) = serde_json::from_str::<Kept>(&stored.body) else {
        return Ok(refused("The agent's answer cannot be read", false));
    };
    let answer = match kept.data.filter(|_| kept.success) {
        Some(data) => Ok(data),
        None => Err(Refusal {
            message: kept.error.unwrap_or_else(|| "The agent failed".to_owned()),
            may_pass: may_pass(kept.status_code),
            is_timeout: matches!(kept.status_code, 408 | 504),
        }),
    };
    let credits_charged = kept.credits_charged.and_then(|credits| Amount::new(credits).ok());
    Ok(Called { answer, credits_charged, invocation: kept.invocation_id, conversation: kept.conversation_id })
}

/// Whether an agent that answered so may answer well another time.
const fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// Nothing was sent: either it never will be, or it may be asked for again.
fn refusal(error: &BrokerError) -> Result<Called, NotYet> {
    match error {
        BrokerError::AgentNotCallable
        | BrokerError::AgentWithoutEndpoint
        | BrokerError::AgentUnknown
        | BrokerError::ConversationUnknown
        | BrokerError::MessageUnknown
        | BrokerError::InsufficientCredits
        | BrokerError::PriceAboveCap
        | BrokerError::WalletNotOpen
        | BrokerError::CredentialsMissing
        | BrokerError::ReadOnly
        | BrokerError::KeyReused => Ok(refused(&error.to_string(), false)),
        BrokerError::KeyRunning
        | BrokerError::Busy
        | BrokerError::OwnerBusy
        | BrokerError::Interrupted
        | BrokerError::Registry(_)
        | BrokerError::Ledger(_)
        | BrokerError::Store(_) => Err(not_yet(error)),
    }
}
