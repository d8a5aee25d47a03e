//! Lists of agents, and what they are found by.

use diesel::{
    BoolExpressionMethods, EscapeExpressionMethods, ExpressionMethods, QueryDsl, SelectableHelper, TextExpressionMethods,
    sql_types::Text,
};
use rialto_kernel::{AgentId, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::{
    agent::{ACTIVE, AgentRow, DELETED},
    schema::{agent_capabilities, agent_tags, agent_texts, agent_words, agents},
    search, vector,
};
use crate::{
    Agent, AgentFilter, AgentName, EmbedAgent, TextMatch,
    check::fold,
    index::{IndexEntry, IndexTexts},
    read::AgentSort,
    store::CatalogStore,
};

diesel::define_sql_function! {
    /// The text in lower case, ASCII only, as the index on names has it.
    fn lower(text: Text) -> Text;
}

/// A pattern for LIKE that finds `text` anywhere, whatever signs are in it.
fn anywhere(text: &str) -> String {
    pattern(&fold(text))
}

/// The same, where the text has its case already.
pub(super) fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len().saturating_add(2));
    pattern.push('%');
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

/// What a filter comes to, ready to be compared with columns.
struct Wanted<'a> {
    filter: &'a AgentFilter,
    tags: Vec<String>,
    capability_tag: Option<String>,
    pattern: Option<String>,
}

impl<'a> Wanted<'a> {
    fn new(filter: &'a AgentFilter) -> Self {
        Self {
            filter,
            tags: filter.tags.iter().map(|tag| fold(tag)).collect(),
            capability_tag: filter.capability.as_deref().map(fold),
            pattern: filter.search.as_deref().map(anywhere),
        }
    }
}

/// The active agents that a filter wants. A macro, because its type differs between the databases.
macro_rules! wanted {
    ($wanted:expr) => {{
        let wanted: &Wanted = $wanted;
        let mut query = agents::table.filter(agents::state.eq(ACTIVE)).into_boxed();
        if !wanted.tags.is_empty() {
            let tagged = agent_tags::table.filter(agent_tags::tag.eq_any(&wanted.tags)).select(agent_tags::agent_id);
            query = query.filter(agents::id.eq_any(tagged));
        }
        if let (Some(capability), Some(tag)) = (&wanted.filter.capability, &wanted.capability_tag) {
            use agent_capabilities as c;
            let declared = c::table.filter(c::capability.eq(capability)).select(c::agent_id);
            let tagged = agent_tags::table.filter(agent_tags::tag.eq(tag)).select(agent_tags::agent_id);
            query = query.filter(agents::id.eq_any(declared).or(agents::id.eq_any(tagged)));
        }
        if let Some(pattern) = &wanted.pattern {
            use agent_texts as t;
            let matching = t::name.like(pattern).escape('\\').or(t::description.like(pattern).escape('\\'));
            query = query.filter(agents::id.eq_any(t::table.filter(matching).select(t::agent_id)));
        }
        if let Some(category) = &wanted.filter.category {
            query = query.filter(agents::category.eq(category));
        }
        if wanted.filter.priced {
            query = query.filter(agents::pricing_enabled.eq(true));
        }
        if wanted.filter.callable {
            query = query.filter(agents::endpoint.ne(""));
        }
        if let Some(since) = wanted.filter.created_since {
            query = query.filter(agents::created_at.ge(since));
        }
        query
    }};
}

/// The same, in the order that the filter asks for.
macro_rules! sorted {
    ($wanted:expr) => {{
        let query = wanted!($wanted);
        match ($wanted.filter.sort, $wanted.filter.ascending) {
            (AgentSort::CreatedAt, false) => query.order((agents::created_at.desc(), agents::id.desc())),
            (AgentSort::CreatedAt, true) => query.order((agents::created_at.asc(), agents::id.asc())),
            (AgentSort::UpdatedAt, false) => query.order((agents::updated_at.desc(), agents::id.desc())),
            (AgentSort::UpdatedAt, true) => query.order((agents::updated_at.asc(), agents::id.asc())),
            (AgentSort::Name, false) => query.order((lower(agents::name).desc(), agents::id.desc())),
            (AgentSort::Name, true) => query.order((lower(agents::name).asc(), agents::id.asc())),
        }
    }};
}

pub(super) fn agents_of(rows: Vec<AgentRow>) -> Result<Vec<Agent>, StoreError> {
    rows.into_iter().map(Agent::try_from).collect()
}

impl CatalogStore for Tx {
    async fn put_index(&mut self, agent: AgentId, entry: &IndexEntry) -> Result<(), StoreError> {
        on!(self, conn => diesel::delete(agent_tags::table.filter(agent_tags::agent_id.eq(agent))).execute(conn).await)?;
        for tag in &entry.tags {
            let values = (agent_tags::tag.eq(tag), agent_tags::agent_id.eq(agent));
            on!(self, conn => diesel::insert_into(agent_tags::table).values(values).execute(conn).await)?;
        }
        on!(self, conn => diesel::delete(agent_words::table.filter(agent_words::agent_id.eq(agent))).execute(conn).await)?;
        for word in &entry.words {
            let values = (agent_words::word.eq(word), agent_words::agent_id.eq(agent));
            on!(self, conn => diesel::insert_into(agent_words::table).values(values).execute(conn).await)?;
        }
        let Some(IndexTexts { name, labels, description }) = &entry.texts else {
            on!(self, conn => diesel::delete(agent_texts::table.find(agent)).execute(conn).await)?;
            return Ok(());
        };
        let texts = (agent_texts::name.eq(name), agent_texts::labels.eq(labels), agent_texts::description.eq(description));
        on!(self, conn => diesel::insert_into(agent_texts::table).values((agent_texts::agent_id.eq(agent), texts))
            .on_conflict(agent_texts::agent_id).do_update().set(texts).execute(conn).await)?;
        Ok(())
    }

    async fn remove_index(&mut self, agent: AgentId) -> Result<(), StoreError> {
        self.put_index(agent, &IndexEntry { tags: Vec::new(), words: Vec::new(), texts: None }).await
    }

    async fn request_vector(&mut self, agent: AgentId, now: Timestamp) -> Result<(), StoreError> {
        vector::raise_revision(self, agent).await?;
        rialto_jobs::enqueue(self, &EmbedAgent { agent }, now, None, now).await?;
        Ok(())
    }

    async fn list_agents(&mut self, filter: &AgentFilter, page: PageRequest) -> Result<Page<Agent>, StoreError> {
        let wanted = Wanted::new(filter);
        let rows: Vec<AgentRow> = on!(self, conn => sorted!(&wanted).limit(page.limit()).offset(page.offset())
            .select(AgentRow::as_select()).load(conn).await)?;
        let total: i64 = on!(self, conn => wanted!(&wanted).count().get_result(conn).await)?;
        Ok(Page { items: agents_of(rows)?, total })
    }

    async fn list_owned(&mut self, owner: OwnerId, page: PageRequest) -> Result<Page<Agent>, StoreError> {
        let rows: Vec<AgentRow> = on!(self, conn => agents::table
            .filter(agents::owner_id.eq(owner).and(agents::state.ne(DELETED)))
            .order((agents::created_at.desc(), agents::id.desc())).limit(page.limit()).offset(page.offset())
            .select(AgentRow::as_select()).load(conn).await)?;
        let total: i64 = on!(self, conn => agents::table
            .filter(agents::owner_id.eq(owner).and(agents::state.ne(DELETED))).count().get_result(conn).await)?;
        Ok(Page { items: agents_of(rows)?, total })
    }

    async fn list_by_id(&mut self, ids: &[AgentId]) -> Result<Vec<Agent>, StoreError> {
        let rows: Vec<AgentRow> = on!(self, conn => agents::table
            .filter(agents::id.eq_any(ids)).select(AgentRow::as_select()).load(conn).await)?;
        // Here and not in the query: SQLite would go through all active agents rather than look up these few.
        let mut agents = agents_of(rows)?;
        agents.retain(|agent| agent.is_active);
        Ok(agents)
    }

    async fn list_names(&mut self, ids: &[AgentId]) -> Result<Vec<(AgentId, AgentName)>, StoreError> {
        type Row = (AgentId, String, String, OwnerId);
        let rows: Vec<Row> = on!(self, conn => agents::table.filter(agents::id.eq_any(ids))
            .select((agents::id, agents::slug, agents::name, agents::owner_id)).load(conn).await)?;
        Ok(rows.into_iter().map(|(id, slug, name, owner)| (id, AgentName { slug, name, owner })).collect())
    }

    async fn list_matches(&mut self, terms: &[String], limit: u32) -> Result<Vec<TextMatch>, StoreError> {
        search::matches(self, terms, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_like_are_only_signs() {
        assert_eq!(anywhere("100%_\\Ü"), "%100\\%\\_\\\\ü%");
    }
}
