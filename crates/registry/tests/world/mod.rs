//! What the registry's tests start from: owners, a clock that stands still, and short words for the operations.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::time::Duration;

use diesel::ExpressionMethods;
use rialto_kernel::{AgentId, Caller, CredentialKind, OwnerId, Page, PageRequest, Role, Timestamp};
use rialto_registry::{
    self as registry, Agent, AgentChanges, AgentFilter, AgentRef, AgentView, DiscoverQuery, FullText, NewAgent, RankBy,
    RegistryError,
};
use rialto_store::{Db, StoreError, Tx, on, types::Uid};

diesel::table! {
    use diesel::sql_types::*;
    use super::{Uid, UtcTime};
    owners (id) {
        id -> Uid,
        kind -> Text,
        external_id -> Nullable<Text>,
        created_at -> UtcTime,
    }
}
use rialto_store::types::UtcTime;

/// 2026-11-22, at noon.
pub const NOON: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);

/// A moment `seconds` after noon.
pub fn at(seconds: u64) -> Timestamp {
    NOON.after(Duration::from_secs(seconds))
}

pub fn page(limit: i64, offset: i64) -> PageRequest {
    PageRequest::new(limit, offset, 100).unwrap()
}

/// Somebody new, with this role.
pub async fn somebody(db: &Db, role: Role) -> Caller {
    let owner = OwnerId::new();
    db.write(async move |tx: &mut Tx| {
        let row = (owners::id.eq(owner), owners::kind.eq("user"), owners::created_at.eq(NOON));
        on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await).map(drop)
    })
    .await
    .unwrap();
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

pub async fn operator(db: &Db) -> Caller {
    somebody(db, Role::Operator).await
}

pub fn agent(name: &str, description: &str, tags: &[&str]) -> NewAgent {
    NewAgent {
        name: name.to_owned(),
        description: description.to_owned(),
        endpoint: "https://example.com/invoke".to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..NewAgent::default()
    }
}

pub async fn try_register(db: &Db, caller: &Caller, new: NewAgent, now: Timestamp) -> Result<Agent, RegistryError> {
    let caller = *caller;
    db.write(async move |tx: &mut Tx| registry::register(tx, &caller, &new, now).await).await
}

pub async fn register(db: &Db, caller: &Caller, new: NewAgent, now: Timestamp) -> Agent {
    try_register(db, caller, new, now).await.unwrap()
}

pub async fn update(
    db: &Db,
    caller: &Caller,
    agent: AgentId,
    changes: AgentChanges,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let caller = *caller;
    db.write(async move |tx: &mut Tx| registry::update(tx, &caller, &agent.into(), &changes, now).await).await
}

pub async fn delete(db: &Db, caller: &Caller, agent: AgentId) -> Result<(), RegistryError> {
    let caller = *caller;
    db.write(async move |tx: &mut Tx| registry::delete(tx, &caller, &agent.into(), at(60)).await.map(drop)).await
}

pub async fn find(db: &Db, agent: impl Into<AgentRef>) -> Result<AgentView, RegistryError> {
    let agent = agent.into();
    db.read(async move |tx: &mut Tx| registry::find(tx, &agent, at(100)).await).await
}

pub async fn list(db: &Db, filter: AgentFilter, page: PageRequest) -> Page<AgentView> {
    db.read(async move |tx: &mut Tx| registry::list(tx, &filter, page, at(100)).await).await.unwrap()
}

/// The names that a filter lists, in order.
pub async fn listed(db: &Db, filter: AgentFilter) -> Vec<String> {
    names(&list(db, filter, page(100, 0)).await.items)
}

pub async fn discover(db: &Db, text: &str, limit: u32, distance_max: Option<f64>, rank_by: RankBy) -> Vec<AgentView> {
    let query = DiscoverQuery { text: text.to_owned(), limit, distance_max, rank_by };
    db.read(async move |tx: &mut Tx| registry::discover(tx, &FullText, &query, at(100)).await).await.unwrap()
}

/// The names that a search finds, the nearest first.
pub async fn found(db: &Db, text: &str) -> Vec<String> {
    names(&discover(db, text, 10, None, RankBy::SimilarityOnly).await)
}

pub fn names(views: &[AgentView]) -> Vec<String> {
    views.iter().map(|view| view.agent.name.clone()).collect()
}

pub async fn rows(db: &Db, sql: &'static str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    db.read(async move |tx: &mut Tx| {
        let count: Count = on!(tx, conn => diesel::sql_query(sql).get_result(conn).await)?;
        Ok::<_, StoreError>(count.n)
    })
    .await
    .unwrap()
}
