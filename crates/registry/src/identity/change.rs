//! What changes of an identity when an agent is registered or changed.

use rialto_kernel::{Caller, Timestamp};
use serde_json::Value;

use super::{AgentStatus, Identity, NewIdentity};
use crate::{
    Agent, AgentChanges, RegistryError, check,
    register::event,
    store::{AgentStore, IdentityStore},
};

/// The longest address of a wallet, in characters.
const WALLET_CHARS_MAX: usize = 128;
/// The largest metadata, in bytes.
const METADATA_BYTES_MAX: usize = 16 * 1_024;

/// The address of a wallet, without blanks around it; `None` when nothing is left. What begins as one of Ethereum's must be one;
/// there are many other chains.
pub(crate) fn checked_wallet(given: &str) -> Result<Option<String>, RegistryError> {
    let address = given.trim();
    if address.is_empty() {
        return Ok(None);
    }
    let hexadecimal = address.strip_prefix("0x").or_else(|| address.strip_prefix("0X"));
    if hexadecimal.is_some_and(|digits| digits.len() != 40 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
        return Err(RegistryError::invalid("wallet_address", "must be 0x and 40 hexadecimal digits"));
    }
    let is_plain = address.chars().all(|char| char.is_ascii_graphic());
    if !is_plain || address.len() > WALLET_CHARS_MAX {
        let message = format!("must be 1 to {WALLET_CHARS_MAX} printable ASCII characters without blanks");
        return Err(RegistryError::invalid("wallet_address", message));
    }
    Ok(Some(address.to_owned()))
}

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

/// Changes who an agent is, and whether it takes part. The agent is locked, and saved by the caller.
pub(crate) async fn change(
    tx: &mut (impl AgentStore + IdentityStore),
    caller: &Caller,
    agent: &mut Agent,
    changes: &AgentChanges,
    now: Timestamp,
) -> Result<(), RegistryError> {
    if changes.status.is_none() && changes.is_active.is_none() && changes.wallet_address.is_none() && changes.metadata.is_none() {
        return Ok(());
    }
    let before = tx.find_identity(agent.id).await?;
    let mut after = before.clone();
    if let Some(status) = changes.status.or_else(|| by_switch(changes.is_active?, &before)) {
        after.set_status(agent, status, caller)?;
    }
    if let Some(wallet) = &changes.wallet_address {
        after.wallet_address = checked_wallet(wallet)?;
        // Whoever vouched for the agent did so for what it was: another wallet is another payee.
        if after.wallet_address != before.wallet_address && after.verification.take().is_some() {
            tx.append_event(event("agent.unverified", agent, now)).await?;
        }
    }
    if after != before {
        tx.put_identity(&after).await?;
    }
    if let Some(metadata) = &changes.metadata {
        metadata_text(metadata)?;
        if after == before {
            // The row that it is kept in.
            tx.put_identity(&after).await?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_or_is_refused() {
        let address = "0x1234567890abcdef1234567890ABCDEF12345678";
        assert_eq!(checked_wallet(&format!(" {address} ")).unwrap().as_deref(), Some(address));
        assert_eq!(checked_wallet(" ").unwrap(), None);
        let solana = "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV";
        assert_eq!(checked_wallet(solana).unwrap().as_deref(), Some(solana));
        for wrong in ["0x12", "0x1234567890abcdef1234567890ABCDEF1234567g", "0X", "a b", "ü", &"a".repeat(129), "a\u{7}"] {
            assert!(checked_wallet(wrong).is_err(), "{wrong}");
        }
    }
}
