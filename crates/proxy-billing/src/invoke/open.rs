//! Before the call: what is about to happen is written down, and its price is held, in one transaction.

use rialto_kernel::{Amount, Caller, Id, OwnerId, Timestamp};
use rialto_ledger::{
    NewHold,
    wallet::{WalletStore, kind, open_agent_wallet},
};
use rialto_outbound::CallLimits;
use rialto_registry::{Agent, AuthType, CredentialHeader, Protocol, credential_for, find_callable};
use rialto_store::{
    Tx,
    idempotency::{self, Claim, Key, Stored},
};
use serde_json::json;

use super::{Idempotent, Inner, InvokeRequest, Payload, Terms};
use crate::{
    error::BrokerError,
    model::{ClaimName, Conversation, ConversationId, InvocationId, Message, MessageId, NewInvocation, Speaker},
    store::{ConversationStore, InvocationStore},
};

/// What [`Inner::open`] finds.
pub(super) enum Opened {
    /// The call may be made.
    Fresh(Box<Fresh>),
    /// It was made before.
    Replayed(Stored),
}

/// A call that may be made.
pub(super) struct Fresh {
    /// What to send where.
    pub(super) call: Call,
    /// What is needed to settle it.
    pub(super) ticket: Ticket,
}

/// What to send where.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: InvocationId,
    pub(super) endpoint: String,
    pub(super) protocol: Protocol,
    pub(super) credential: Option<CredentialHeader>,
    pub(super) input: Payload,
    pub(super) request_id: String,
    pub(super) limits: CallLimits,
}

/// What is needed to settle a call.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) invocation: InvocationId,
    pub(super) conversation: ConversationId,
    pub(super) caller: OwnerId,
    pub(super) agent: Agent,
    pub(super) price: Amount,
    /// The hold's end: a call that is not settled by then never will be.
    pub(super) expires_at: Timestamp,
    pub(super) idempotent: Option<Idempotent>,
}

/// What the transaction finds: an answer that was given, a rival at work, or the call.
enum Found {
    Fresh(Box<(Option<CredentialHeader>, Ticket)>),
    Done(Stored),
    Running,
}

impl Inner {
    /// Writes the call down and holds its price. A rival with the same idempotency key is waited for.
    pub(super) async fn open(
        &self,
        caller: Caller,
        request: InvokeRequest,
        idempotent: Option<Idempotent>,
        terms: Terms,
        limits: CallLimits,
    ) -> Result<Opened, BrokerError> {
        if !caller.may_write(caller.owner) {
            return Err(BrokerError::ReadOnly);
        }
        let (Terms::Price(invocation) | Terms::Paid(invocation)) = terms;
        let limits = request.limits(limits);
        loop {
            let (asked, key, cipher) = (request.clone(), idempotent.clone(), self.cipher.clone());
            let now = self.now();
            let expires_at = now.after(limits.total).after(self.config.hold_grace);
            let found = self
                .db
                .write(async move |tx: &mut Tx| {
                    if let Some(found) = claim(tx, key.as_ref().map(|idempotent| &idempotent.key), now).await? {
                        return Ok::<_, BrokerError>(found);
                    }
                    let agent = find_callable(tx, &asked.agent).await?.ok_or(BrokerError::AgentNotCallable)?;
                    if !agent.has_endpoint() {
                        return Err(BrokerError::AgentWithoutEndpoint);
                    }
                    let credential = credential_for(tx, &cipher, &agent).await?;
                    if credential.is_none() && agent.auth_type != AuthType::Public {
                        return Err(BrokerError::CredentialsMissing);
                    }
                    let price = match terms {
                        Terms::Price(_) => agent.price().unwrap_or(Amount::ZERO),
                        Terms::Paid(_) => Amount::ZERO,
                    };
                    if asked.price_max.is_some_and(|cap| price > cap) {
                        return Err(BrokerError::PriceAboveCap);
                    }
                    let ticket = Ticket {
                        invocation,
                        conversation: Id::new(),
                        caller: caller.owner,
                        agent,
                        price,
                        expires_at,
                        idempotent: key.clone(),
                    };
                    let ticket = write_down(tx, ticket, &asked, now).await?;
                    Ok(Found::Fresh(Box::new((credential, ticket))))
                })
                .await?;
            match found {
                Found::Done(stored) => return Ok(Opened::Replayed(stored)),
                Found::Fresh(fresh) => {
                    let (credential, ticket) = *fresh;
                    let request_id = request.request_id.unwrap_or_else(|| invocation.to_string());
                    let (endpoint, protocol) = (ticket.agent.endpoint.clone(), ticket.agent.protocol);
                    let call = Call { id: invocation, endpoint, protocol, credential, input: request.input, request_id, limits };
                    return Ok(Opened::Fresh(Box::new(Fresh { call, ticket })));
                }
                Found::Running => {
                    // Only a request with a key can meet a rival.
                    let Some(idempotent) = &idempotent else { return Err(BrokerError::KeyRunning) };
                    if let Some(stored) = self.await_rival(&idempotent.key).await? {
                        return Ok(Opened::Replayed(stored));
                    }
                }
            }
        }
    }
}

/// Claims the key; `None` when the work is ours to do.
async fn claim(tx: &mut Tx, key: Option<&Key>, now: Timestamp) -> Result<Option<Found>, BrokerError> {
    let Some(key) = key else { return Ok(None) };
    match idempotency::claim(tx, key, now).await? {
        Claim::Fresh => Ok(None),
        Claim::Done(stored) => Ok(Some(Found::Done(stored))),
        Claim::Running => Ok(Some(Found::Running)),
        Claim::Mismatch => Err(BrokerError::KeyReused),
    }
}

/// Writes the question and the call, and holds the price. The hold goes last: it locks the agent's wallet, which all
/// callers of that agent share.
async fn write_down(tx: &mut Tx, mut ticket: Ticket, asked: &InvokeRequest, now: Timestamp) -> Result<Ticket, BrokerError> {
    let known = match asked.conversation {
        Some(id) => Some(tx.hold_conversation(ticket.caller, id).await?.then_some(id).ok_or(BrokerError::ConversationUnknown)?),
        None => None,
    };
    ticket.conversation = match known {
        Some(id) => id,
        None => begin(tx, ticket.conversation, ticket.caller, asked.external_user_id.clone(), now).await?,
    };
    let message = question(tx, &ticket, asked, now).await?;
    let new = NewInvocation {
        id: ticket.invocation,
        caller: ticket.caller,
        agent: ticket.agent.id,
        agent_owner: ticket.agent.owner,
        agent_slug: ticket.agent.slug.clone(),
        agent_name: ticket.agent.name.clone(),
        conversation: ticket.conversation,
        message,
        price: ticket.price,
        share_payload: asked.share_payload,
        claim: ticket.idempotent.as_ref().map(|i| ClaimName { scope: i.key.scope.clone(), key: i.key.key.clone() }),
        expires_at: ticket.expires_at,
        request: asked.input.kept(),
    };
    tx.insert_invocation(&new, now).await?;
    if !ticket.price.is_zero() {
        hold_price(tx, &ticket, now).await?;
    }
    Ok(ticket)
}

/// From the caller's own wallet to the agent's, until the ticket expires.
async fn hold_price(tx: &mut Tx, ticket: &Ticket, now: Timestamp) -> Result<(), BrokerError> {
    let payer = tx.find_user_account(ticket.caller).await?.ok_or(BrokerError::InsufficientCredits)?;
    let payee = open_agent_wallet(tx, ticket.agent.owner, ticket.agent.id, now).await?;
    let hold = NewHold {
        kind: kind::INVOCATION,
        reference: Some(ticket.invocation.cast()),
        memo: Some(ticket.agent.slug.clone()),
        expires_at: Some(ticket.expires_at),
        ..NewHold::new(ticket.invocation.cast(), payer.id, payee.id, ticket.price)
    };
    rialto_ledger::hold(tx, hold, now).await?;
    Ok(())
}

async fn begin(
    tx: &mut Tx,
    id: ConversationId,
    owner: OwnerId,
    external_user_id: Option<String>,
    now: Timestamp,
) -> Result<ConversationId, BrokerError> {
    let new = Conversation { id, owner, integration: None, external_user_id, title: None, created_at: now, updated_at: now };
    tx.insert_conversation(&new).await?;
    Ok(id)
}

/// The message that asks: one that is there, or a new one.
async fn question(tx: &mut Tx, ticket: &Ticket, asked: &InvokeRequest, now: Timestamp) -> Result<MessageId, BrokerError> {
    if let Some(id) = asked.message {
        return Ok(tx.find_message(ticket.conversation, id).await?.ok_or(BrokerError::MessageUnknown)?.id);
    }
    let message = Message {
        id: MessageId::new(),
        conversation: ticket.conversation,
        role: Speaker::User,
        content: asked.input.words(),
        metadata: Some(json!({"invocation_id": ticket.invocation})),
        agent: Some(ticket.agent.id),
        created_at: now,
    };
    tx.insert_message(&message).await?;
    Ok(message.id)
}
