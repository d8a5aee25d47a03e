//! Making, reading, changing and deleting networks.

use rialto_kernel::{Caller, Event, Page, PageRequest, Timestamp};
use serde_json::{Value, json};

use crate::{
    check,
    error::NetworkError,
    model::{Network, NetworkId, NetworkStatus, Topology},
    store::NetworkStore,
    topology::check_edges,
};

/// A network that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewNetwork {
    /// What it is called: up to 255 characters.
    pub name: String,
    /// Who may begin to talk to whom.
    pub topology: Topology,
    /// Whatever its owner wants to remember; an object. For a custom topology, `allowed_edges` in it.
    pub metadata: Option<Value>,
}

/// What is to be changed. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkChanges {
    /// Another name.
    pub name: Option<String>,
    /// Another topology.
    pub topology: Option<Topology>,
    /// Another status; a closed network can be opened again.
    pub status: Option<NetworkStatus>,
    /// Other metadata.
    pub metadata: Option<Value>,
}

/// Makes a network of the caller's.
///
/// # Errors
/// [`NetworkError::ReadOnly`], [`NetworkError::Invalid`].
pub async fn create_network(
    tx: &mut impl NetworkStore,
    caller: &Caller,
    new: &NewNetwork,
    now: Timestamp,
) -> Result<Network, NetworkError> {
    if !caller.may_write(caller.owner) {
        return Err(NetworkError::ReadOnly);
    }
    let network = Network {
        id: NetworkId::new(),
        owner: caller.owner,
        name: new.name.clone(),
        topology: new.topology,
        status: NetworkStatus::Active,
        metadata: new.metadata.clone(),
        created_at: now,
        updated_at: now,
    };
    judge(&network)?;
    tx.insert_network(&network).await?;
    tx.append_event(event("network.created", &network, now)).await?;
    Ok(network)
}

/// Lists the caller's networks, the newest first.
///
/// # Errors
/// The store's.
pub async fn list_networks(
    tx: &mut impl NetworkStore,
    caller: &Caller,
    page: PageRequest,
) -> Result<Page<Network>, NetworkError> {
    Ok(tx.list_networks(caller.owner, page).await?)
}

/// Reads a network that the caller may read.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`].
pub async fn find_network(tx: &mut impl NetworkStore, caller: &Caller, id: NetworkId) -> Result<Network, NetworkError> {
    let found = tx.find_network(id).await?.filter(|network| caller.may_read(network.owner));
    found.ok_or(NetworkError::NetworkUnknown)
}

/// Changes a network.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`], [`NetworkError::ReadOnly`], [`NetworkError::Invalid`].
pub async fn update_network(
    tx: &mut impl NetworkStore,
    caller: &Caller,
    id: NetworkId,
    changes: &NetworkChanges,
    now: Timestamp,
) -> Result<Network, NetworkError> {
    let mut network = locked(tx, caller, id).await?;
    if let Some(name) = &changes.name {
        network.name.clone_from(name);
    }
    network.topology = changes.topology.unwrap_or(network.topology);
    network.status = changes.status.unwrap_or(network.status);
    network.metadata = changes.metadata.clone().or(network.metadata);
    network.updated_at = now;
    judge(&network)?;
    tx.save_network(&network).await?;
    tx.append_event(event("network.updated", &network, now)).await?;
    Ok(network)
}

/// Deletes a network. What still waits to be delivered in it is not delivered any more.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`], [`NetworkError::ReadOnly`].
pub async fn delete_network(
    tx: &mut impl NetworkStore,
    caller: &Caller,
    id: NetworkId,
    now: Timestamp,
) -> Result<(), NetworkError> {
    let network = locked(tx, caller, id).await?;
    tx.delete_network(id, now).await?;
    tx.append_event(event("network.deleted", &network, now)).await?;
    Ok(())
}

/// Removes what was said in deleted networks, at most `limit` messages of one. Whether there may be more.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut impl NetworkStore, limit: u32) -> Result<bool, NetworkError> {
    Ok(tx.purge_messages(limit).await?.is_some())
}

/// Reads a network that the caller may change, and keeps others from it.
pub(crate) async fn locked(tx: &mut impl NetworkStore, caller: &Caller, id: NetworkId) -> Result<Network, NetworkError> {
    let found = tx.lock_network(id).await?.filter(|network| caller.may_read(network.owner));
    let network = found.ok_or(NetworkError::NetworkUnknown)?;
    if caller.may_write(network.owner) { Ok(network) } else { Err(NetworkError::ReadOnly) }
}

fn judge(network: &Network) -> Result<(), NetworkError> {
    check::name(&network.name)?;
    check::metadata(network.metadata.as_ref())?;
    if network.topology == Topology::Custom {
        check_edges(network.metadata.as_ref())?;
    }
    Ok(())
}

fn event(kind: &'static str, network: &Network, now: Timestamp) -> Event {
    let data = json!({
        "network_id": network.id,
        "name": network.name,
        "topology_type": network.topology,
        "status": network.status,
    });
    Event { kind, subject: network.id.uuid(), owner: Some(network.owner), data, at: now }
}
