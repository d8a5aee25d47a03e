//! Sending: a message is written down, and with it, in one transaction, what has to be delivered.

use rialto_kernel::{Caller, Timestamp};
use rialto_registry::store::AgentStore;
use rialto_store::StoreError;
use serde_json::Value;

use crate::{
    agent::active,
    check,
    error::{NetworkError, Whose},
    model::{
        Channel, Delivery, DeliveryStatus, Letter, MessageId, Network, NetworkId, NetworkStatus, Participant, ParticipantId,
        ParticipantStatus, Peer,
    },
    store::{Draft, LaneStore, MessageStore, NetworkStore, ParticipantStore},
};

/// A message that is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// In which network.
    pub network: NetworkId,
    /// Who says it.
    pub sender: ParticipantId,
    /// To whom.
    pub recipient: ParticipantId,
    /// What is said: up to 65,536 characters.
    pub content: String,
    /// What else its sender wants to remember; an object.
    pub metadata: Option<Value>,
}

/// A message that may be sent: its way has been judged.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub network: Network,
    pub sender: Participant,
    pub recipient: Participant,
}

/// Sends a message. It is pushed to the recipient's callback by a [courier](crate::Networks::start_courier), or, without one, waits for the
/// recipient to look.
///
/// # Errors
/// [`NetworkError::Invalid`], [`NetworkError::NetworkUnknown`], [`NetworkError::ReadOnly`],
/// [`NetworkError::NetworkNotActive`], [`NetworkError::SenderUnknown`], [`NetworkError::SenderNotActive`],
/// [`NetworkError::RecipientUnknown`], [`NetworkError::RecipientNotActive`], [`NetworkError::AgentNotActive`],
/// [`NetworkError::Topology`].
pub async fn send(
    tx: &mut (impl NetworkStore + ParticipantStore + MessageStore + LaneStore + AgentStore),
    caller: &Caller,
    new: &NewMessage,
    now: Timestamp,
) -> Result<Letter, NetworkError> {
    let route = route(tx, caller, new).await?;
    let push = route.recipient.callback_url.is_some();
    Ok(put(tx, route.draft(Channel::Message, new), DeliveryStatus::Pending, push, now).await?)
}

/// Puts a message into the recipient's mailbox, where it waits until the recipient looks. It is never pushed.
///
/// # Errors
/// As [`send`].
pub async fn send_to_mailbox(
    tx: &mut (impl NetworkStore + ParticipantStore + MessageStore + LaneStore + AgentStore),
    caller: &Caller,
    new: &NewMessage,
    now: Timestamp,
) -> Result<Letter, NetworkError> {
    let route = route(tx, caller, new).await?;
    Ok(put(tx, route.draft(Channel::Mailbox, new), DeliveryStatus::Pending, false, now).await?)
}

impl Route {
    pub(crate) fn draft(&self, channel: Channel, new: &NewMessage) -> Draft {
        Draft {
            id: MessageId::new(),
            network: self.network.id,
            sender: self.sender.id,
            recipient: Some(self.recipient.id),
            channel,
            in_reply_to: None,
            dedupe: None,
            content: new.content.clone(),
            metadata: new.metadata.clone(),
        }
    }
}

/// Judges whether the caller may have this message sent, in the order that clients know.
pub(crate) async fn route(
    tx: &mut (impl NetworkStore + ParticipantStore + AgentStore),
    caller: &Caller,
    new: &NewMessage,
) -> Result<Route, NetworkError> {
    check::content(&new.content)?;
    check::object("metadata", new.metadata.as_ref())?;
    let found = tx.find_network(new.network).await?.filter(|network| caller.may_read(network.owner));
    let network = found.ok_or(NetworkError::NetworkUnknown)?;
    if network.status != NetworkStatus::Active {
        return Err(NetworkError::NetworkNotActive);
    }
    if !caller.may_write(network.owner) {
        return Err(NetworkError::ReadOnly);
    }
    let sender = tx.find_participant(network.id, new.sender).await?.ok_or(NetworkError::SenderUnknown)?;
    if sender.status != ParticipantStatus::Active {
        return Err(NetworkError::SenderNotActive);
    }
    active(tx, &sender, Whose::Sender).await?;
    let recipient = recipient(tx, &network, new.recipient).await?;
    judge_way(tx, &network, &sender, &recipient).await?;
    Ok(Route { network, sender, recipient })
}

/// Somebody of this network who can be written to.
pub(crate) async fn recipient(
    tx: &mut (impl ParticipantStore + AgentStore),
    network: &Network,
    id: ParticipantId,
) -> Result<Participant, NetworkError> {
    let recipient = tx.find_participant(network.id, id).await?.ok_or(NetworkError::RecipientUnknown)?;
    if recipient.status != ParticipantStatus::Active {
        return Err(NetworkError::RecipientNotActive);
    }
    active(tx, &recipient, Whose::Recipient).await?;
    Ok(recipient)
}

/// Judges whether the topology has a way from the one to the other.
pub(crate) async fn judge_way(
    tx: &mut impl ParticipantStore,
    network: &Network,
    sender: &Participant,
    recipient: &Participant,
) -> Result<(), NetworkError> {
    let active = if network.topology.needs_peers() { tx.list_peers(network.id).await? } else { Vec::new() };
    let (from, to) = (Peer::from(sender), Peer::from(recipient));
    Ok(network.topology.check(&from, &to, &active, network.metadata.as_ref())?)
}

/// Writes a message down, with its delivery, and makes the recipient's lane due if it is to be pushed.
pub(crate) async fn put(
    tx: &mut (impl MessageStore + LaneStore),
    draft: Draft,
    status: DeliveryStatus,
    push: bool,
    now: Timestamp,
) -> Result<Letter, StoreError> {
    let message = tx.insert_message(&draft, now).await?;
    tx.insert_delivery(&message, status, push).await?;
    if push && let Some(recipient) = message.recipient {
        // After the delivery: see `close_lane`.
        tx.rouse_lane(recipient, now).await?;
    }
    let delivered_at = (status == DeliveryStatus::Delivered).then_some(now);
    let delivery = Delivery { status, attempts: 0, last_error: None, delivered_at, read_at: None, updated_at: now };
    Ok(Letter { delivery: message.recipient.map(|_| delivery), message })
}
