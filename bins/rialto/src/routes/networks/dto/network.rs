//! Networks.

use rialto_kernel::{OwnerId, Timestamp};
use rialto_networks::{Network, NetworkChanges, NetworkId, NetworkStatus as Status, NewNetwork, Topology};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::wire;

wire! {
    /// Who may begin to talk to whom. Whoever was written to may always answer.
    TopologyType = Topology {
        /// Everybody to everybody.
        Mesh,
        /// The hub, which is the oldest active participant, to everybody.
        Star,
        /// Everybody to the one who joined next; the last to the first.
        Ring,
        /// As `metadata.allowed_edges` says.
        Custom,
    }
}
wire! {
    /// Whether a network is in use.
    NetworkStatus = Status {
        /// Messages go.
        Active,
        /// No new messages for now.
        Paused,
        /// No new messages.
        Closed,
    }
}

/// A network to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Research team", "topology_type": "mesh", "metadata": {"project": "atlas"}}))]
pub struct NetworkCreate {
    /// What to call it.
    #[schema(max_length = 255)]
    pub name: String,
    /// Who may begin to talk to whom; `mesh` when left out.
    #[schema(inline)]
    pub topology_type: Option<TopologyType>,
    /// Whatever you want to remember. For a custom topology, `allowed_edges` lists the ways there are: `["from", "to"]` or
    /// `{"from": …, "to": …}`, each the id or the name of a participant. Without a list all ways are open.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

impl From<&NetworkCreate> for NewNetwork {
    fn from(body: &NetworkCreate) -> Self {
        Self {
            name: body.name.clone(),
            topology: body.topology_type.map_or(Topology::Mesh, Topology::from),
            metadata: body.metadata.clone(),
        }
    }
}

/// What to change. What is left out, or null, stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"status": "paused"}))]
pub struct NetworkUpdate {
    /// Another name.
    #[schema(max_length = 255)]
    pub name: Option<String>,
    /// Another topology.
    #[schema(inline)]
    pub topology_type: Option<TopologyType>,
    /// Another status; a closed network can be opened again.
    #[schema(inline)]
    pub status: Option<NetworkStatus>,
    /// Other metadata, in place of all that was there.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

impl From<NetworkUpdate> for NetworkChanges {
    fn from(body: NetworkUpdate) -> Self {
        Self {
            name: body.name,
            topology: body.topology_type.map(Topology::from),
            status: body.status.map(Status::from),
            metadata: body.metadata,
        }
    }
}

/// A network.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000011", "owner_id": "0198c0de-0000-7000-8000-000000000001", "name": "Research team",
    "topology_type": "mesh", "status": "active", "metadata": {"project": "atlas"}, "metadata_": {"project": "atlas"},
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct NetworkResponse {
    /// Its id.
    pub id: NetworkId,
    /// Whose it is.
    pub owner_id: OwnerId,
    /// What it is called.
    pub name: String,
    /// Who may begin to talk to whom.
    #[schema(inline)]
    pub topology_type: TopologyType,
    /// Whether it is in use.
    #[schema(inline)]
    pub status: NetworkStatus,
    /// What its owner wants to remember.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    /// The same, under the name that some clients read.
    #[schema(value_type = Option<Object>)]
    pub metadata_: Option<Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl From<Network> for NetworkResponse {
    fn from(network: Network) -> Self {
        Self {
            id: network.id,
            owner_id: network.owner,
            name: network.name,
            topology_type: network.topology.into(),
            status: network.status.into(),
            metadata_: network.metadata.clone(),
            metadata: network.metadata,
            created_at: network.created_at,
            updated_at: network.updated_at,
        }
    }
}
