//! Rows of conversations and messages.

use diesel::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use rialto_kernel::{AgentId, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Json, Uid, UtcTime},
};

use super::schema::{conversations as c, messages as m};
use crate::{
    model::{Conversation, ConversationFilter, ConversationId, IntegrationId, Message, MessageId, Speaker},
    store::ConversationStore,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = c)]
struct ConversationRow {
    id: ConversationId,
    owner_id: OwnerId,
    integration_id: Option<IntegrationId>,
    external_user_id: Option<String>,
    title: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<ConversationRow> for Conversation {
    fn from(row: ConversationRow) -> Self {
        Self {
            id: row.id,
            owner: row.owner_id,
            integration: row.integration_id,
            external_user_id: row.external_user_id,
            title: row.title,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = m)]
struct MessageRow {
    conversation_id: ConversationId,
    id: MessageId,
    role: String,
    agent_id: Option<AgentId>,
    created_at: Timestamp,
    content: String,
    metadata: Option<Json>,
}

#[derive(Insertable)]
#[diesel(table_name = m, treat_none_as_default_value = false)]
struct NewMessageRow<'a> {
    conversation_id: ConversationId,
    id: MessageId,
    role: &'static str,
    agent_id: Option<AgentId>,
    created_at: Timestamp,
    content: &'a str,
    metadata: Option<Json>,
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self, StoreError> {
        let role = Speaker::from_word(&row.role).ok_or_else(|| StoreError::Corrupt(format!("unknown role {}", row.role)))?;
        Ok(Self {
            id: row.id,
            conversation: row.conversation_id,
            role,
            content: row.content,
            metadata: row.metadata.map(|json| json.0),
            agent: row.agent_id,
            created_at: row.created_at,
        })
    }
}

statement! {
    /// Something was said.
    struct Touch { id: ConversationId => Uid | Uid, updated_at: Timestamp => UtcTime | UtcTime }
    rows: ();
    sqlite: "UPDATE conversations SET updated_at = ?2 WHERE id = ?1";
    postgres: "UPDATE conversations SET updated_at = $2 WHERE id = $1";
}

/// The conversations of one owner that a filter lets through, as a boxed query of whichever database.
macro_rules! filtered {
    ($owner:expr, $filter:expr) => {{
        let mut query = c::table.filter(c::owner_id.eq($owner)).into_boxed();
        if let Some(integration) = $filter.integration {
            query = query.filter(c::integration_id.eq(integration));
        }
        if let Some(user) = &$filter.external_user_id {
            query = query.filter(c::external_user_id.eq(user));
        }
        query
    }};
}

impl ConversationStore for Tx {
    async fn insert_conversation(&mut self, new: &Conversation) -> Result<(), StoreError> {
        let row = (
            c::id.eq(new.id),
            c::owner_id.eq(new.owner),
            c::integration_id.eq(new.integration),
            c::external_user_id.eq(&new.external_user_id),
            c::title.eq(&new.title),
            c::created_at.eq(new.created_at),
            c::updated_at.eq(new.updated_at),
        );
        on!(self, conn => diesel::insert_into(c::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_conversation(&mut self, owner: OwnerId, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        let row: Option<ConversationRow> = on!(self, conn => c::table.find(id).filter(c::owner_id.eq(owner))
            .select(ConversationRow::as_select()).first(conn).await.optional())?;
        Ok(row.map(Conversation::from))
    }

    async fn hold_conversation(&mut self, owner: OwnerId, id: ConversationId) -> Result<bool, StoreError> {
        let found: Option<ConversationId> = on!(self,
            sqlite conn => c::table.find(id).filter(c::owner_id.eq(owner)).select(c::id).first(conn).await.optional(),
            postgres conn => c::table.find(id).filter(c::owner_id.eq(owner)).select(c::id).for_key_share().first(conn).await.optional())?;
        Ok(found.is_some())
    }

    async fn touch_conversation(&mut self, id: ConversationId, now: Timestamp) -> Result<bool, StoreError> {
        let touched = on!(self, conn => Touch { id, updated_at: now }.execute(conn).await)?;
        Ok(touched == 1)
    }

    async fn set_conversation_title(
        &mut self,
        owner: OwnerId,
        id: ConversationId,
        title: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Conversation>, StoreError> {
        let row: Option<ConversationRow> = on!(self, conn => diesel::update(c::table.find(id).filter(c::owner_id.eq(owner)))
            .set((c::title.eq(title), c::updated_at.eq(now)))
            .returning(ConversationRow::as_returning()).get_result(conn).await.optional())?;
        Ok(row.map(Conversation::from))
    }

    async fn delete_conversation(&mut self, owner: OwnerId, id: ConversationId) -> Result<bool, StoreError> {
        let deleted = on!(self, conn => diesel::delete(c::table.find(id).filter(c::owner_id.eq(owner))).execute(conn).await)?;
        Ok(deleted == 1)
    }

    async fn list_conversations(
        &mut self,
        owner: OwnerId,
        filter: &ConversationFilter,
        page: PageRequest,
    ) -> Result<Page<Conversation>, StoreError> {
        let rows: Vec<ConversationRow> = on!(self, conn => filtered!(owner, filter)
            .select(ConversationRow::as_select())
            .order((c::created_at.desc(), c::id.desc()))
            .limit(page.limit()).offset(page.offset())
            .load(conn).await)?;
        let total: i64 = on!(self, conn => filtered!(owner, filter).count().get_result(conn).await)?;
        Ok(Page { items: rows.into_iter().map(Conversation::from).collect(), total })
    }

    async fn insert_message(&mut self, new: &Message) -> Result<(), StoreError> {
        let row = NewMessageRow {
            conversation_id: new.conversation,
            id: new.id,
            role: new.role.as_str(),
            agent_id: new.agent,
            created_at: new.created_at,
            content: &new.content,
            metadata: new.metadata.clone().map(Json),
        };
        on!(self, conn => diesel::insert_into(m::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_message(&mut self, conversation: ConversationId, id: MessageId) -> Result<Option<Message>, StoreError> {
        let row: Option<MessageRow> = on!(self, conn => m::table.find((conversation, id))
            .select(MessageRow::as_select()).first(conn).await.optional())?;
        row.map(Message::try_from).transpose()
    }

    async fn list_messages(&mut self, conversation: ConversationId, page: PageRequest) -> Result<Page<Message>, StoreError> {
        let rows: Vec<MessageRow> = on!(self, conn => m::table.filter(m::conversation_id.eq(conversation))
            .select(MessageRow::as_select())
            .order(m::id.asc())
            .limit(page.limit()).offset(page.offset())
            .load(conn).await)?;
        let total: i64 = on!(self, conn => m::table.filter(m::conversation_id.eq(conversation)).count().get_result(conn).await)?;
        Ok(Page { items: rows.into_iter().map(Message::try_from).collect::<Result<_, _>>()?, total })
    }
}
