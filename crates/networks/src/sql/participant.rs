//! Participants, and the secrets that sign what they are sent.

use diesel::{
    AsChangeset, BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper,
};
use rialto_kernel::{AgentId, Id, OwnerId, Timestamp};
use rialto_registry::cipher::Sealed;
use rialto_store::{StoreError, Tx, on, types::Json};

use super::{
    corrupt,
    schema::{network_lanes as l, network_participants as p, network_secrets as s},
};
use crate::{
    model::{NetworkId, Participant, ParticipantId, ParticipantKind, ParticipantStatus, Peer},
    store::ParticipantStore,
};

const ACTIVE: &str = ParticipantStatus::Active.as_str();
const DISCONNECTED: &str = ParticipantStatus::Disconnected.as_str();
/// More than any network may have.
const PLACES_MAX: i64 = 10_000;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = p, treat_none_as_null = true)]
struct ParticipantRow {
    id: ParticipantId,
    network_id: NetworkId,
    agent_id: Option<AgentId>,
    kind: String,
    name: String,
    status: String,
    callback_url: Option<String>,
    follows_agent: bool,
    polling_enabled: bool,
    token_digest: Vec<u8>,
    callback_epoch: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
    capabilities: Option<Json>,
}

impl From<&Participant> for ParticipantRow {
    fn from(participant: &Participant) -> Self {
        Self {
            id: participant.id,
            network_id: participant.network,
            agent_id: participant.agent,
            kind: participant.kind.as_str().to_owned(),
            name: participant.name.clone(),
            status: participant.status.as_str().to_owned(),
            callback_url: participant.callback_url.clone(),
            follows_agent: participant.follows_agent,
            polling_enabled: participant.polling_enabled,
            token_digest: participant.token_digest.clone(),
            callback_epoch: participant.callback_epoch,
            created_at: participant.created_at,
            updated_at: participant.updated_at,
            capabilities: participant.capabilities.clone().map(Json),
        }
    }
}

impl TryFrom<ParticipantRow> for Participant {
    type Error = StoreError;

    fn try_from(row: ParticipantRow) -> Result<Self, StoreError> {
        let kind = ParticipantKind::from_word(&row.kind).ok_or_else(|| corrupt("network_participants.kind", &row.kind))?;
        let status = ParticipantStatus::from_word(&row.status);
        Ok(Self {
            kind,
            status: status.ok_or_else(|| corrupt("network_participants.status", &row.status))?,
            id: row.id,
            network: row.network_id,
            agent: row.agent_id,
            name: row.name,
            callback_url: row.callback_url,
            follows_agent: row.follows_agent,
            polling_enabled: row.polling_enabled,
            token_digest: row.token_digest,
            callback_epoch: row.callback_epoch,
            capabilities: row.capabilities.map(|json| json.0),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = s)]
struct SecretRow {
    key_id: String,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// Everybody who ever took part.
pub(super) async fn ids_of(tx: &mut Tx, network: NetworkId) -> Result<Vec<ParticipantId>, StoreError> {
    on!(tx, conn => p::table.filter(p::network_id.eq(network)).select(p::id).load(conn).await)
}

/// Those with this status, as the index has them, the oldest first.
macro_rules! with_status {
    ($network:expr, $status:expr) => {
        p::table.filter(p::network_id.eq($network)).filter(p::status.eq($status)).order((p::created_at, p::id)).limit(PLACES_MAX)
    };
}

impl ParticipantStore for Tx {
    async fn insert_participant(&mut self, new: &Participant, owner: OwnerId) -> Result<(), StoreError> {
        let row = ParticipantRow::from(new);
        on!(self, conn => diesel::insert_into(p::table).values(&row).execute(conn).await)?;
        let lane = (l::participant_id.eq(new.id), l::owner_id.eq(owner));
        on!(self, conn => diesel::insert_into(l::table).values(&lane).execute(conn).await)?;
        Ok(())
    }

    async fn find_participant(&mut self, network: NetworkId, id: ParticipantId) -> Result<Option<Participant>, StoreError> {
        let row: Option<ParticipantRow> = on!(self, conn => p::table.find(id).filter(p::network_id.eq(network))
            .select(ParticipantRow::as_select()).first(conn).await.optional())?;
        row.map(Participant::try_from).transpose()
    }

    async fn lock_participant(&mut self, network: NetworkId, id: ParticipantId) -> Result<Option<Participant>, StoreError> {
        macro_rules! one {
            () => {
                p::table.find(id).filter(p::network_id.eq(network)).select(ParticipantRow::as_select())
            };
        }
        let row: Option<ParticipantRow> = on!(self,
            sqlite conn => one!().first(conn).await.optional(),
            postgres conn => one!().for_no_key_update().first(conn).await.optional())?;
        row.map(Participant::try_from).transpose()
    }

    async fn save_participant(&mut self, participant: &Participant) -> Result<(), StoreError> {
        let row = ParticipantRow::from(participant);
        on!(self, conn => diesel::update(p::table.find(participant.id)).set(&row).execute(conn).await)?;
        Ok(())
    }

    async fn list_participants(&mut self, network: NetworkId) -> Result<Vec<Participant>, StoreError> {
        let rows: Vec<ParticipantRow> =
            on!(self, conn => with_status!(network, ACTIVE).select(ParticipantRow::as_select()).load(conn).await)?;
        rows.into_iter().map(Participant::try_from).collect()
    }

    async fn list_peers(&mut self, network: NetworkId) -> Result<Vec<Peer>, StoreError> {
        let rows: Vec<(ParticipantId, String)> =
            on!(self, conn => with_status!(network, ACTIVE).select((p::id, p::name)).load(conn).await)?;
        Ok(rows.into_iter().map(|(id, name)| Peer { id, name }).collect())
    }

    async fn count_places(&mut self, network: NetworkId) -> Result<i64, StoreError> {
        on!(self, conn => p::table.filter(p::network_id.eq(network))
            .filter(p::status.eq(ACTIVE).or(p::status.eq(DISCONNECTED)))
            .count().get_result(conn).await)
    }

    async fn find_agent_here(&mut self, network: NetworkId, agent: AgentId) -> Result<Option<ParticipantId>, StoreError> {
        on!(self, conn => p::table.filter(p::network_id.eq(network))
            .filter(p::agent_id.eq(agent)).filter(p::status.eq(ACTIVE))
            .select(p::id).first(conn).await.optional())
    }

    async fn put_secret(
        &mut self,
        participant: ParticipantId,
        secret: &Sealed,
        retire_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mine = || s::participant_id.eq(participant);
        on!(self, conn => diesel::delete(s::table.filter(mine()).filter(s::expires_at.is_not_null())).execute(conn).await)?;
        on!(self, conn => diesel::update(s::table.filter(mine()).filter(s::expires_at.is_null()))
            .set(s::expires_at.eq(retire_at)).execute(conn).await)?;
        let row = (
            mine(),
            s::id.eq(Id::<()>::new()),
            s::key_id.eq(&secret.key_id),
            s::nonce.eq(&secret.nonce),
            s::ciphertext.eq(&secret.ciphertext),
            s::created_at.eq(now),
        );
        on!(self, conn => diesel::insert_into(s::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn list_secrets(&mut self, participant: ParticipantId, now: Timestamp) -> Result<Vec<Sealed>, StoreError> {
        let rows: Vec<SecretRow> = on!(self, conn => s::table.filter(s::participant_id.eq(participant))
            .filter(s::expires_at.is_null().or(s::expires_at.gt(now)))
            .order(s::id.desc()).select(SecretRow::as_select()).load(conn).await)?;
        Ok(rows.into_iter().map(|row| Sealed { key_id: row.key_id, nonce: row.nonce, ciphertext: row.ciphertext }).collect())
    }
}
