//! What participants look at: their inboxes, and what was said in the network.

use rialto_kernel::{Caller, PageRequest, Timestamp};
use rialto_registry::store::AgentStore;

use crate::{
    agent::active,
    check::ACK_MAX,
    error::{NetworkError, Whose},
    model::{Letter, MessageId, NetworkId, ParticipantId},
    network::find_network,
    participant,
    store::{InboxQuery, MessageFilter, MessageStore, NetworkStore, ParticipantStore},
};

/// Lists what a participant has not acknowledged yet, the oldest first. What has failed is not in it. One whose agent is not active
/// receives nothing; what waits for it is there when it is active again.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`], [`NetworkError::ParticipantUnknown`], [`NetworkError::AgentNotActive`].
pub async fn inbox(
    tx: &mut (impl NetworkStore + ParticipantStore + MessageStore + AgentStore),
    caller: &Caller,
    network: NetworkId,
    id: ParticipantId,
    query: &InboxQuery,
) -> Result<Vec<Letter>, NetworkError> {
    let participant = participant::find(tx, caller, network, id).await?;
    active(tx, &participant, Whose::Participant).await?;
    let upto = tx.settled_place(network).await?;
    Ok(tx.list_inbox(id, query, upto).await?)
}

/// Marks messages as read, in one statement. Those that are read already, have failed, or are of other networks, or, when a participant is
/// named, not to that one, are passed over. Returns how many were read by this.
///
/// # Errors
/// [`NetworkError::Invalid`], [`NetworkError::NetworkUnknown`], [`NetworkError::ReadOnly`].
pub async fn acknowledge(
    tx: &mut (impl NetworkStore + MessageStore),
    caller: &Caller,
    network: NetworkId,
    recipient: Option<ParticipantId>,
    ids: &[MessageId],
    now: Timestamp,
) -> Result<usize, NetworkError> {
    if ids.len() > ACK_MAX {
        return Err(NetworkError::invalid("message_ids", format!("must be at most {ACK_MAX}")));
    }
    let network = find_network(tx, caller, network).await?;
    if !caller.may_write(network.owner) {
        return Err(NetworkError::ReadOnly);
    }
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(tx.set_read(network.id, recipient, ids, now).await?)
}

/// Lists the messages of a network, the oldest first.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`]; [`NetworkError::ParticipantUnknown`] when the filter names one that is not there.
pub async fn list_messages(
    tx: &mut (impl NetworkStore + ParticipantStore + MessageStore),
    caller: &Caller,
    network: NetworkId,
    filter: &MessageFilter,
    page: PageRequest,
) -> Result<Vec<Letter>, NetworkError> {
    match filter.participant {
        Some(id) => participant::find(tx, caller, network, id).await.map(drop)?,
        None => find_network(tx, caller, network).await.map(drop)?,
    }
    let upto = tx.settled_place(network).await?;
    Ok(tx.list_messages(network, filter, upto, page).await?)
}

/// Reads one message.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`], [`NetworkError::MessageUnknown`].
pub async fn find_message(
    tx: &mut (impl NetworkStore + MessageStore),
    caller: &Caller,
    network: NetworkId,
    id: MessageId,
) -> Result<Letter, NetworkError> {
    find_network(tx, caller, network).await?;
    tx.find_message(network, id).await?.ok_or(NetworkError::MessageUnknown)
}
