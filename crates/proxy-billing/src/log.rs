//! The logs of calls: who may see which, and how much of them.

use rialto_kernel::{AgentId, Caller, Page, PageRequest};
use rialto_registry::{
    AgentRef, names_of,
    store::{AgentStore, CatalogStore},
};

use crate::{
    error::BrokerError,
    model::{ConversationId, Finish, Invocation, InvocationFilter, InvocationId},
    store::{ConversationStore, InvocationStore, Party},
};

/// How far a call has come.
#[derive(Debug, Clone, PartialEq)]
pub enum CallState {
    /// There is no such call.
    Unknown,
    /// It is being made, or its process has died and nobody has closed it yet.
    Running,
    /// It has ended like this, in this conversation.
    Ended(ConversationId, Finish),
}

/// How far the call with this id has come, for the program itself: it asks nobody who they are.
///
/// # Errors
/// The store's.
pub async fn call_state(tx: &mut impl InvocationStore, id: InvocationId) -> Result<CallState, BrokerError> {
    Ok(match tx.find_ended(id).await? {
        Some(call) => CallState::Ended(call.conversation, call.finish),
        None if tx.has_invocation(id).await? => CallState::Running,
        None => CallState::Unknown,
    })
}

/// Lists calls that the caller made and calls of its agents, the newest first.
///
/// # Errors
/// The store's.
pub async fn list_calls(
    tx: &mut impl InvocationStore,
    caller: &Caller,
    filter: &InvocationFilter,
    page: PageRequest,
) -> Result<Page<Invocation>, BrokerError> {
    let found = tx.list_invocations(Party::Either(caller.owner), filter, page).await?;
    Ok(found.map(|call| shown_to(caller, call)))
}

/// Lists calls of one agent, the newest first: all of them for its owner, the caller's own for everybody else.
///
/// # Errors
/// [`BrokerError::AgentUnknown`].
pub async fn list_agent_calls(
    tx: &mut (impl InvocationStore + AgentStore + CatalogStore),
    caller: &Caller,
    agent: &AgentRef,
    filter: &InvocationFilter,
    page: PageRequest,
) -> Result<Page<Invocation>, BrokerError> {
    let (id, is_owner) = resolve(tx, caller, agent).await?;
    let (party, filter) = if is_owner {
        (Party::Agent(id), InvocationFilter { agent: None, ..filter.clone() })
    } else {
        (Party::Caller(caller.owner), InvocationFilter { agent: Some(id.into()), ..filter.clone() })
    };
    let found = tx.list_invocations(party, &filter, page).await?;
    Ok(found.map(|call| shown_to(caller, call)))
}

/// Lists the calls made in one conversation of the caller, the newest first.
///
/// # Errors
/// [`BrokerError::ConversationUnknown`].
pub async fn list_conversation_calls(
    tx: &mut (impl InvocationStore + ConversationStore),
    caller: &Caller,
    conversation: ConversationId,
    filter: &InvocationFilter,
    page: PageRequest,
) -> Result<Page<Invocation>, BrokerError> {
    crate::find_conversation(tx, caller, conversation).await?;
    let found = tx.list_invocations(Party::Conversation(conversation), filter, page).await?;
    Ok(found.map(|call| shown_to(caller, call)))
}

/// The agent's id, and whether the caller may see all of its calls. The logs of a deleted agent are found by its id.
async fn resolve(
    tx: &mut (impl AgentStore + CatalogStore),
    caller: &Caller,
    agent: &AgentRef,
) -> Result<(AgentId, bool), BrokerError> {
    let (id, owner) = match agent {
        AgentRef::Id(id) => {
            let names = names_of(tx, &[*id]).await?;
            (*id, names.get(id).ok_or(BrokerError::AgentUnknown)?.owner)
        }
        AgentRef::Slug(_) => {
            let agent = tx.find_agent(agent).await?.ok_or(BrokerError::AgentUnknown)?;
            (agent.id, agent.owner)
        }
    };
    Ok((id, caller.may_read(owner)))
}

/// The call without what this reader may not see: what was said is its caller's, unless the caller shared it.
fn shown_to(reader: &Caller, mut call: Invocation) -> Invocation {
    if !reader.may_read(call.caller) && !call.share_payload {
        call.request = None;
        call.finish.response = None;
    }
    call
}
