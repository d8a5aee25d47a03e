//! The agent behind a participant.
//!
//! Messages pay nobody. So somebody else's agent that charges for calls is not called as itself: neither when it joins, nor when
//! its price came later. That is about whom a participant claims to be; no credential goes along to the URL of a callback that
//! somebody gave, and whatever is there guards itself. And messages are in a form of our own: an agent that speaks A2A would
//! answer them with an error, in an answer that looks like a good one.

use rialto_kernel::OwnerId;
use rialto_outbound::CheckedUrl;
use rialto_registry::{Agent, Protocol, store::AgentStore};

use crate::{
    error::{NetworkError, Whose},
    model::{Network, Participant},
};

/// Whether a callback is the agent's own endpoint: a hint to whoever gave it by mistake.
pub(crate) fn is_endpoint(agent: &Agent, url: &str) -> bool {
    let parsed = |url: &str| CheckedUrl::parse(url).ok().map(|url| url.uri().clone());
    agent.endpoint == url || parsed(url).is_some_and(|uri| parsed(&agent.endpoint) == Some(uri))
}

/// Refuses an agent that does not understand messages, or that `owner`, whose network it is, would have to pay.
pub(crate) fn check_callable(agent: &Agent, owner: OwnerId) -> Result<(), NetworkError> {
    if !agent.has_endpoint() {
        return Err(NetworkError::AgentWithoutEndpoint);
    }
    if agent.protocol != Protocol::Http {
        return Err(NetworkError::AgentSpeaksA2a);
    }
    if agent.owner != owner && agent.price().is_some() { Err(NetworkError::AgentPriced) } else { Ok(()) }
}

/// Refuses a participant whose agent is suspended, deactivated or deleted, however it is reached: neither it nor anybody for it speaks or
/// listens. Hands back the agent, if it is one.
pub(crate) async fn active(
    tx: &mut impl AgentStore,
    participant: &Participant,
    whose: Whose,
) -> Result<Option<Agent>, NetworkError> {
    let Some(id) = participant.agent else { return Ok(None) };
    let agent = tx.find_agent(&id.into()).await?.filter(|agent| agent.is_active);
    agent.map(Some).ok_or(NetworkError::AgentNotActive(whose))
}

/// Refuses to push to a participant whose agent is not active, or whose callback is the endpoint of an agent that has to be paid. Hands
/// back the agent that the participant follows.
pub(crate) async fn followed(
    tx: &mut impl AgentStore,
    network: &Network,
    participant: &Participant,
) -> Result<Option<Agent>, NetworkError> {
    let Some(agent) = active(tx, participant, Whose::Recipient).await? else { return Ok(None) };
    if participant.follows_agent || participant.callback_url.as_deref().is_some_and(|url| is_endpoint(&agent, url)) {
        check_callable(&agent, network.owner)?;
    }
    Ok(Some(agent).filter(|_| participant.follows_agent))
}

/// Refuses a new callback that is the endpoint of an agent that has to be paid. Where one that is not active is to be reached when it
/// is active again may be said meanwhile.
pub(crate) async fn check_callback(
    tx: &mut impl AgentStore,
    network: &Network,
    participant: &Participant,
) -> Result<(), NetworkError> {
    let (Some(id), Some(url)) = (participant.agent, participant.callback_url.as_deref()) else { return Ok(()) };
    match tx.find_agent(&id.into()).await?.filter(|agent| is_endpoint(agent, url)) {
        Some(agent) => check_callable(&agent, network.owner),
        None => Ok(()),
    }
}
