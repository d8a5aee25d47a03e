//! Networks.

use diesel::{
    AsChangeset, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper, dsl::sql,
    sql_types::Bool,
};
use rialto_kernel::{Event, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx, on, outbox, types::Json};

use super::{
    corrupt,
    schema::{network_messages as m, network_secrets, networks as n},
};
use crate::{
    model::{Network, NetworkId, NetworkStatus, Topology},
    store::NetworkStore,
};

/// As in the partial indexes. A bound parameter would hide from both databases that an index applies.
const PRESENT: &str = "status NOT IN ('deleted', 'purged')";
const DELETED: &str = "status = 'deleted'";

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = n, treat_none_as_null = true)]
struct NetworkRow {
    id: NetworkId,
    owner_id: OwnerId,
    name: String,
    topology: String,
    status: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    metadata: Option<Json>,
}

impl From<&Network> for NetworkRow {
    fn from(network: &Network) -> Self {
        Self {
            id: network.id,
            owner_id: network.owner,
            name: network.name.clone(),
            topology: network.topology.as_str().to_owned(),
            status: network.status.as_str().to_owned(),
            created_at: network.created_at,
            updated_at: network.updated_at,
            metadata: network.metadata.clone().map(Json),
        }
    }
}

impl TryFrom<NetworkRow> for Network {
    type Error = StoreError;

    fn try_from(row: NetworkRow) -> Result<Self, StoreError> {
        Ok(Self {
            topology: Topology::from_word(&row.topology).ok_or_else(|| corrupt("networks.topology", &row.topology))?,
            status: NetworkStatus::from_word(&row.status).ok_or_else(|| corrupt("networks.status", &row.status))?,
            id: row.id,
            owner: row.owner_id,
            name: row.name,
            metadata: row.metadata.map(|json| json.0),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl NetworkStore for Tx {
    async fn insert_network(&mut self, new: &Network) -> Result<(), StoreError> {
        let row = NetworkRow::from(new);
        on!(self, conn => diesel::insert_into(n::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_network(&mut self, id: NetworkId) -> Result<Option<Network>, StoreError> {
        let row: Option<NetworkRow> = on!(self, conn => n::table.find(id).filter(sql::<Bool>(PRESENT))
            .select(NetworkRow::as_select()).first(conn).await.optional())?;
        row.map(Network::try_from).transpose()
    }

    async fn lock_network(&mut self, id: NetworkId) -> Result<Option<Network>, StoreError> {
        macro_rules! one {
            () => {
                n::table.find(id).filter(sql::<Bool>(PRESENT)).select(NetworkRow::as_select())
            };
        }
        // Messages refer to their network: they must not wait for whoever joins.
        let row: Option<NetworkRow> = on!(self,
            sqlite conn => one!().first(conn).await.optional(),
            postgres conn => one!().for_no_key_update().first(conn).await.optional())?;
        row.map(Network::try_from).transpose()
    }

    async fn save_network(&mut self, network: &Network) -> Result<(), StoreError> {
        let row = NetworkRow::from(network);
        on!(self, conn => diesel::update(n::table.find(network.id)).set(&row).execute(conn).await)?;
        Ok(())
    }

    async fn delete_network(&mut self, id: NetworkId, now: Timestamp) -> Result<(), StoreError> {
        on!(self, conn => diesel::update(n::table.find(id)).set((n::status.eq("deleted"), n::updated_at.eq(now)))
            .execute(conn).await)?;
        Ok(())
    }

    async fn list_networks(&mut self, owner: OwnerId, page: PageRequest) -> Result<Page<Network>, StoreError> {
        macro_rules! owned {
            () => {
                n::table.filter(n::owner_id.eq(owner)).filter(sql::<Bool>(PRESENT))
            };
        }
        let rows: Vec<NetworkRow> = on!(self, conn => owned!()
            .select(NetworkRow::as_select())
            .order((n::created_at.desc(), n::id.desc()))
            .limit(page.limit()).offset(page.offset())
            .load(conn).await)?;
        let total: i64 = on!(self, conn => owned!().count().get_result(conn).await)?;
        Ok(Page { items: rows.into_iter().map(Network::try_from).collect::<Result<_, _>>()?, total })
    }

    async fn purge_messages(&mut self, limit: u32) -> Result<Option<usize>, StoreError> {
        let found: Option<NetworkId> = on!(self, conn => n::table.filter(sql::<Bool>(DELETED))
            .select(n::id).order(n::updated_at).first(conn).await.optional())?;
        let Some(id) = found else { return Ok(None) };
        let seqs: Vec<i64> = on!(self, conn => m::table.filter(m::network_id.eq(id))
            .select(m::seq).order(m::seq).limit(limit.into()).load(conn).await)?;
        if seqs.is_empty() {
            let participants = super::participant::ids_of(self, id).await?;
            on!(self, conn => diesel::delete(network_secrets::table.filter(network_secrets::participant_id.eq_any(&participants)))
                .execute(conn).await)?;
            on!(self, conn => diesel::update(n::table.find(id)).set(n::status.eq("purged")).execute(conn).await)?;
            return Ok(Some(0));
        }
        // Their deliveries go with them.
        let deleted = on!(self, conn => diesel::delete(m::table.filter(m::seq.eq_any(&seqs))).execute(conn).await)?;
        Ok(Some(deleted))
    }

    async fn append_event(&mut self, event: Event) -> Result<(), StoreError> {
        outbox::append(self, event).await
    }
}
