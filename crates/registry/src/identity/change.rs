//! What changes of an identity when an agent is registered or changed.

use rialto_kernel::{Caller, Timestamp};
use serde_json::Value;

use super::{AgentStatus, Identity, NewIdentity, likeness::Likeness, wallet::checked_wallet};
use crate::{
    Agent, AgentChanges, RegistryError, check,
    register::event,
    store::{AgentStore, IdentityStore},
};

/// The largest metadata, in bytes.
const METADATA_BYTES_MAX: usize = 16 * 1_024;

/// Checks metadata.
pub(crate) fn metadata_text(given: &Value) -> Result<(), RegistryError> {
    check::object("metadata", given, METADATA_BYTES_MAX).map(drop)
}

/// Writes who a new agent is.
pub(crate) async fn write_new(tx: &mut impl IdentityStore, agent: &Agent, new: &NewIdentity) -> Result<(), RegistryError> {
    let wallet_address = new.wallet_address.as_deref().map_or(Ok(None), checked_wallet)?;
    tx.put_identity(&Identity { kind: new.kind, wallet_address, ..Identity::unknown(agent.id) }).await?;
    if let Some(metadata) = &new.metadata {
        metadata_text(metadata)?;
        tx.put_metadata(agent.id, metadata).await?;
    }
    Ok(())
}

/// Changes who an agent is, and whether it takes part, and ends what was vouched for that it is not any more. The agent is locked,
/// has changed from what it `was`, and is saved by the caller.
pub(crate) async fn change(
    tx: &mut (impl AgentStore + IdentityStore),
    caller: &Caller,
    was: &Agent,
    agent: &mut Agent,
    changes: &AgentChanges,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let looks_the_same = was.name == agent.name && was.endpoint == agent.endpoint && changes.wallet_address.is_none();
    if looks_the_same && changes.status.is_none() && changes.is_active.is_none() && changes.metadata.is_none() {
        return Ok(());
    }
    let before = tx.find_identity(agent.id).await?;
    let mut after = before.clone();
    if let Some(status) = changes.status.or_else(|| by_switch(changes.is_active?, &before)) {
        after.set_status(agent, status, caller)?;
    }
    if let Some(wallet) = &changes.wallet_address {
        after.wallet_address = checked_wallet(wallet)?;
    }
    let (old, new) = (Likeness::of(was, &before), Likeness::of(agent, &after));
    // What a card brings, nobody has seen who asked for it.
    let seen_by_admin = caller.is_admin() && changes.imported.is_none();
    let vouched = after.verification.take();
    after.verification = vouched.filter(|said| said.outlives(&old, &new, seen_by_admin));
    if before.verification.is_some() && after.verification.is_none() {
        tx.append_event(event("agent.unverified", agent, now)).await?;
    }
    // Metadata is kept in the same row.
    if after != before || changes.metadata.is_some() {
        tx.put_identity(&after).await?;
    }
    if let Some(metadata) = &changes.metadata {
        metadata_text(metadata)?;
        tx.put_metadata(agent.id, metadata).await?;
    }
    Ok(())
}

/// What the switch of the registry comes to: one that is deactivated and switched off stays so.
const fn by_switch(on: bool, identity: &Identity) -> Option<AgentStatus> {
    match (on, identity.is_deactivated) {
        (true, _) => Some(AgentStatus::Active),
        (false, true) => None,
        (false, false) => Some(AgentStatus::Suspended),
    }
}
