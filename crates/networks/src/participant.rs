//! Joining a network, changing how one takes part, and leaving.

use std::time::Duration;

use rialto_kernel::{AgentId, Caller, Event, OwnerId, Timestamp};
use rialto_outbound::webhook::new_secret;
use rialto_registry::{
    AgentRef, CipherError, CredentialCipher,
    identity::{AgentStatus, statuses},
    store::{AgentStore, IdentityStore},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    agent::{active, check_callable, check_callback, is_endpoint},
    check,
    error::{NetworkError, Whose},
    model::{Network, NetworkId, NetworkStatus, Participant, ParticipantId, ParticipantKind, ParticipantStatus},
    network::{find_network, locked},
    secret::{CallbackUrls, new_token},
    store::{LaneStore, NetworkStore, ParticipantStore},
};

/// How long messages are signed with the secret before, too, after a change.
const RETIRED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Somebody who is to take part.
#[derive(Debug, Clone, PartialEq)]
pub struct NewParticipant {
    /// What it is called: up to 255 characters.
    pub name: String,
    /// Which registered agent it is. Without a callback of its own it is called at that agent's endpoint.
    pub agent: Option<AgentRef>,
    /// What it is.
    pub kind: ParticipantKind,
    /// Where messages are pushed. Whether that may be called has been judged.
    pub callback_url: Option<String>,
    /// Whether it looks for its messages itself.
    pub polling_enabled: bool,
    /// What it can do; an object.
    pub capabilities: Option<Value>,
}

/// What is to be changed. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParticipantChanges {
    /// Another callback. Whether it may be called has been judged.
    pub callback_url: Option<String>,
    /// Whether it looks for its messages itself.
    pub polling_enabled: Option<bool>,
    /// Other capabilities.
    pub capabilities: Option<Value>,
    /// Another status.
    pub status: Option<ParticipantStatus>,
}

/// What joining takes beside the transaction.
#[derive(Debug, Clone)]
pub struct Doorkeeper {
    /// Encrypts signing secrets.
    pub cipher: CredentialCipher,
    /// Makes the participants' own URLs.
    pub urls: CallbackUrls,
    /// How many may take part in one network.
    pub places_max: u32,
}

/// What is shown of a participant once.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The secret that signs what it is sent: `whsec_` and base64.
    pub signing_secret: Zeroizing<String>,
    /// Its own URL: whoever has it speaks as the participant.
    pub reply_url: Zeroizing<String>,
}

/// Lets somebody take part.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`], [`NetworkError::ReadOnly`], [`NetworkError::NetworkNotActive`],
/// [`NetworkError::Invalid`], [`NetworkError::AgentUnknown`], [`NetworkError::AgentNotActive`], [`NetworkError::AgentPriced`],
/// [`NetworkError::AgentSpeaksA2a`], [`NetworkError::Unreachable`], [`NetworkError::AgentPresent`], [`NetworkError::Full`].
pub async fn join(
    tx: &mut (impl NetworkStore + ParticipantStore + AgentStore),
    door: &Doorkeeper,
    caller: &Caller,
    network: NetworkId,
    new: &NewParticipant,
    now: Timestamp,
) -> Result<(Participant, Keys), NetworkError> {
    check::name(&new.name)?;
    check::object("capabilities", new.capabilities.as_ref())?;
    let network = locked(tx, caller, network).await?;
    if network.status != NetworkStatus::Active {
        return Err(NetworkError::NetworkNotActive);
    }
    let Way { agent, callback_url, follows_agent } = way_to(tx, network.owner, new).await?;
    if callback_url.is_none() && !new.polling_enabled {
        return Err(NetworkError::Unreachable);
    }
    let (token, token_digest) = new_token()?;
    let participant = Participant {
        id: ParticipantId::new(),
        network: network.id,
        agent,
        kind: new.kind,
        name: new.name.clone(),
        status: ParticipantStatus::Active,
        callback_url,
        follows_agent,
        polling_enabled: new.polling_enabled,
        token_digest,
        callback_epoch: 0,
        capabilities: new.capabilities.clone(),
        created_at: now,
        updated_at: now,
    };
    take_place(tx, &participant, true, door.places_max).await?;
    tx.insert_participant(&participant, network.owner).await?;
    let signing_secret = put_secret(tx, door, participant.id, now).await?;
    NetworkStore::append_event(tx, event("participant.joined", &network, &participant, now)).await?;
    let reply_url = door.urls.plain(network.id, participant.id, &token).into();
    Ok((participant, Keys { signing_secret, reply_url }))
}

/// How a newcomer is reached.
struct Way {
    agent: Option<AgentId>,
    callback_url: Option<String>,
    follows_agent: bool,
}

/// Finds a newcomer's agent, and where the newcomer is called. `owner` is the network's.
async fn way_to(tx: &mut impl AgentStore, owner: OwnerId, new: &NewParticipant) -> Result<Way, NetworkError> {
    let own = |agent| Way { agent, callback_url: new.callback_url.clone(), follows_agent: false };
    let Some(agent) = &new.agent else { return Ok(own(None)) };
    let agent = tx.find_agent(agent).await?.ok_or(NetworkError::AgentUnknown)?;
    if !agent.is_active {
        return Err(NetworkError::AgentNotActive(Whose::Participant));
    }
    // Whoever polls has said how it wants its messages.
    let follows_agent = new.callback_url.is_none() && !new.polling_enabled;
    if follows_agent || new.callback_url.as_deref().is_some_and(|url| is_endpoint(&agent, url)) {
        check_callable(&agent, owner)?;
    }
    if follows_agent {
        return Ok(Way { agent: Some(agent.id), callback_url: Some(agent.endpoint), follows_agent });
    }
    Ok(own(Some(agent.id)))
}

/// Whether an active participant has a place: its agent is not there yet, and, for one without a place, the network is not
/// full. The network is locked, so that nobody else takes it.
async fn take_place(
    tx: &mut impl ParticipantStore,
    participant: &Participant,
    is_new: bool,
    places_max: u32,
) -> Result<(), NetworkError> {
    if let Some(agent) = participant.agent
        && tx.find_agent_here(participant.network, agent).await?.is_some_and(|here| here != participant.id)
    {
        return Err(NetworkError::AgentPresent);
    }
    if is_new && tx.count_places(participant.network).await? >= i64::from(places_max) {
        return Err(NetworkError::Full(places_max));
    }
    Ok(())
}

async fn put_secret(
    tx: &mut impl ParticipantStore,
    door: &Doorkeeper,
    participant: ParticipantId,
    now: Timestamp,
) -> Result<Zeroizing<String>, NetworkError> {
    let secret = new_secret().ok_or(CipherError::NoRandomness)?;
    let sealed = door.cipher.seal(participant, &secret)?;
    tx.put_secret(participant, &sealed, now.after(RETIRED_FOR), now).await?;
    Ok(secret)
}

/// A participant, and its agent's status.
#[derive(Debug, Clone)]
pub struct Present {
    /// The participant.
    pub participant: Participant,
    /// Whether its agent takes part anywhere; `None` when it is no agent, or one that was deleted.
    pub agent_status: Option<AgentStatus>,
}

/// Puts beside each participant how its agent stands, with one statement for all.
///
/// # Errors
/// The store's.
pub async fn present(tx: &mut impl IdentityStore, participants: Vec<Participant>) -> Result<Vec<Present>, NetworkError> {
    let agents: Vec<AgentId> = participants.iter().filter_map(|participant| participant.agent).collect();
    let statuses = statuses(tx, &agents).await?;
    let status = |participant: &Participant| statuses.get(&participant.agent?).copied();
    Ok(participants.into_iter().map(|participant| Present { agent_status: status(&participant), participant }).collect())
}

/// Lists the active participants, the oldest first. One whose agent is not active keeps its place, and does nothing.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`].
pub async fn list_participants(
    tx: &mut (impl NetworkStore + ParticipantStore + IdentityStore),
    caller: &Caller,
    network: NetworkId,
) -> Result<Vec<Present>, NetworkError> {
    find_network(tx, caller, network).await?;
    let participants = tx.list_participants(network).await?;
    present(tx, participants).await
}

/// Reads a participant of a network that the caller may read, one that has left too.
pub(crate) async fn find(
    tx: &mut (impl NetworkStore + ParticipantStore),
    caller: &Caller,
    network: NetworkId,
    id: ParticipantId,
) -> Result<Participant, NetworkError> {
    find_network(tx, caller, network).await?;
    tx.find_participant(network, id).await?.ok_or(NetworkError::ParticipantUnknown)
}

/// Changes how somebody takes part.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`], [`NetworkError::ParticipantUnknown`], [`NetworkError::ReadOnly`],
/// [`NetworkError::Invalid`], [`NetworkError::AgentNotActive`], [`NetworkError::AgentPriced`], [`NetworkError::Unreachable`],
/// [`NetworkError::AgentPresent`], [`NetworkError::Full`].
pub async fn update_participant(
    tx: &mut (impl NetworkStore + ParticipantStore + LaneStore + AgentStore),
    door: &Doorkeeper,
    caller: &Caller,
    network: NetworkId,
    id: ParticipantId,
    changes: &ParticipantChanges,
    now: Timestamp,
) -> Result<Participant, NetworkError> {
    check::object("capabilities", changes.capabilities.as_ref())?;
    let network = locked(tx, caller, network).await?;
    let found = tx.find_participant(network.id, id).await?;
    let mut participant = found.ok_or(NetworkError::ParticipantUnknown)?;
    let before = participant.status;
    if let Some(url) = &changes.callback_url {
        participant.callback_url = Some(url.clone());
        participant.follows_agent = false;
        check_callback(tx, &network, &participant).await?;
    }
    participant.polling_enabled = changes.polling_enabled.unwrap_or(participant.polling_enabled);
    participant.capabilities = changes.capabilities.clone().or(participant.capabilities);
    participant.status = changes.status.unwrap_or(before);
    participant.updated_at = now;
    if participant.callback_url.is_none() && !participant.polling_enabled {
        return Err(NetworkError::Unreachable);
    }
    let had_place = before != ParticipantStatus::Removed;
    if participant.status == ParticipantStatus::Active && before != ParticipantStatus::Active {
        active(tx, &participant, Whose::Participant).await?;
    }
    match participant.status {
        ParticipantStatus::Active => take_place(tx, &participant, !had_place, door.places_max).await?,
        ParticipantStatus::Disconnected if !had_place => take_place(tx, &participant, true, door.places_max).await?,
        ParticipantStatus::Disconnected | ParticipantStatus::Removed => {}
    }
    tx.save_participant(&participant).await?;
    if participant.status != before && participant.status != ParticipantStatus::Disconnected {
        // What waited for it while it was away goes on; what waits for one that has left fails.
        tx.recall_lane(participant.id, now).await?;
    }
    let left = participant.status == ParticipantStatus::Removed && had_place;
    let kind = if left { "participant.left" } else { "participant.updated" };
    NetworkStore::append_event(tx, event(kind, &network, &participant, now)).await?;
    Ok(participant)
}

/// Lets somebody leave. What is still pending for them fails: the courier sees to it. Leaving twice is leaving once.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`], [`NetworkError::ParticipantUnknown`], [`NetworkError::ReadOnly`].
pub async fn leave(
    tx: &mut (impl NetworkStore + ParticipantStore + LaneStore),
    caller: &Caller,
    network: NetworkId,
    id: ParticipantId,
    now: Timestamp,
) -> Result<(), NetworkError> {
    let network = locked(tx, caller, network).await?;
    let found = tx.find_participant(network.id, id).await?;
    let mut participant = found.ok_or(NetworkError::ParticipantUnknown)?;
    if participant.status == ParticipantStatus::Removed {
        return Ok(());
    }
    participant.status = ParticipantStatus::Removed;
    participant.updated_at = now;
    tx.save_participant(&participant).await?;
    tx.recall_lane(participant.id, now).await?;
    NetworkStore::append_event(tx, event("participant.left", &network, &participant, now)).await?;
    Ok(())
}

/// Replaces a participant's signing secret and its own URL, and shows both once. Messages are signed with the secret before
/// as well for a day; URLs of before are void at once.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`], [`NetworkError::ParticipantUnknown`], [`NetworkError::ReadOnly`].
pub async fn rotate_keys(
    tx: &mut (impl NetworkStore + ParticipantStore),
    door: &Doorkeeper,
    caller: &Caller,
    network: NetworkId,
    id: ParticipantId,
    now: Timestamp,
) -> Result<(Participant, Keys), NetworkError> {
    let network = locked(tx, caller, network).await?;
    let found = tx.find_participant(network.id, id).await?;
    let mut participant = found.ok_or(NetworkError::ParticipantUnknown)?;
    let (token, token_digest) = new_token()?;
    participant.token_digest = token_digest;
    participant.callback_epoch = participant.callback_epoch.saturating_add(1);
    participant.updated_at = now;
    tx.save_participant(&participant).await?;
    let signing_secret = put_secret(tx, door, id, now).await?;
    NetworkStore::append_event(tx, event("participant.updated", &network, &participant, now)).await?;
    let reply_url = door.urls.plain(network.id, id, &token).into();
    Ok((participant, Keys { signing_secret, reply_url }))
}

fn event(kind: &'static str, network: &Network, participant: &Participant, now: Timestamp) -> Event {
    let data = json!({
        "network_id": network.id,
        "participant_id": participant.id,
        "agent_id": participant.agent,
        "name": participant.name,
        "participant_type": participant.kind,
        "status": participant.status,
    });
    Event { kind, subject: network.id.uuid(), owner: Some(network.owner), data, at: now }
}
