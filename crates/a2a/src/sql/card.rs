//! Cards of imported agents.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
};
use rialto_kernel::{AgentId, OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::schema::a2a_cards as c;
use crate::{
    card::{Signature, SignatureStatus},
    model::ImportedCard,
    store::CardStore,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = c)]
struct CardRow {
    agent_id: AgentId,
    owner_id: OwnerId,
    endpoint: String,
    name: String,
    url: String,
    signature: String,
    signature_detail: Option<String>,
    fetched_at: Timestamp,
    card: Vec<u8>,
}

#[derive(Insertable, diesel::AsChangeset)]
#[diesel(table_name = c, treat_none_as_null = true)]
struct CardValues<'a> {
    agent_id: AgentId,
    owner_id: OwnerId,
    endpoint: &'a str,
    name: &'a str,
    url: &'a str,
    signature: &'static str,
    signature_detail: Option<&'a str>,
    fetched_at: Timestamp,
    card: &'a [u8],
}

impl<'a> From<&'a ImportedCard> for CardValues<'a> {
    fn from(card: &'a ImportedCard) -> Self {
        Self {
            agent_id: card.agent,
            owner_id: card.owner,
            endpoint: &card.endpoint,
            name: &card.name,
            url: &card.url,
            signature: card.signature.status.as_str(),
            signature_detail: card.signature.detail.as_deref(),
            fetched_at: card.fetched_at,
            card: &card.bytes,
        }
    }
}

impl TryFrom<CardRow> for ImportedCard {
    type Error = StoreError;

    fn try_from(row: CardRow) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("a2a_cards.signature is {:?}", row.signature));
        let status = SignatureStatus::from_word(&row.signature).ok_or_else(corrupt)?;
        Ok(Self {
            agent: row.agent_id,
            owner: row.owner_id,
            endpoint: row.endpoint,
            name: row.name,
            url: row.url,
            signature: Signature { status, detail: row.signature_detail },
            fetched_at: row.fetched_at,
            bytes: row.card,
        })
    }
}

impl CardStore for Tx {
    async fn insert_card(&mut self, card: &ImportedCard) -> Result<bool, StoreError> {
        let values = CardValues::from(card);
        let rows = on!(self, conn => diesel::insert_into(c::table).values(&values).on_conflict_do_nothing().execute(conn).await)?;
        Ok(rows == 1)
    }

    async fn update_card(&mut self, card: &ImportedCard) -> Result<bool, StoreError> {
        let values = CardValues::from(card);
        let done = on!(self, conn => diesel::update(c::table.find(card.agent)).set(&values).execute(conn).await);
        match done {
            Ok(rows) => Ok(rows == 1),
            Err(StoreError::Unique(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn delete_card(&mut self, agent: AgentId) -> Result<(), StoreError> {
        on!(self, conn => diesel::delete(c::table.find(agent)).execute(conn).await)?;
        Ok(())
    }

    async fn find_card(&mut self, agent: AgentId) -> Result<Option<ImportedCard>, StoreError> {
        let row: Option<CardRow> =
            on!(self, conn => c::table.find(agent).select(CardRow::as_select()).first(conn).await.optional())?;
        row.map(ImportedCard::try_from).transpose()
    }

    async fn find_card_at(&mut self, owner: OwnerId, url: &str) -> Result<Option<AgentId>, StoreError> {
        on!(self, conn => c::table.filter(c::owner_id.eq(owner).and(c::url.eq(url))).order(c::fetched_at.desc())
            .select(c::agent_id).first(conn).await.optional())
    }

    async fn find_card_named(&mut self, owner: OwnerId, endpoint: &str, name: &str) -> Result<Option<AgentId>, StoreError> {
        on!(self, conn => c::table.filter(c::owner_id.eq(owner).and(c::endpoint.eq(endpoint)).and(c::name.eq(name)))
            .select(c::agent_id).first(conn).await.optional())
    }
}
