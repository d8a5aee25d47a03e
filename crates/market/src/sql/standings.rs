//! Rows of `market_owners` and `market_stopped`: how much owners have open, and which agents may not trade.

use std::{collections::HashSet, sync::Arc};

use diesel::{
    BoolExpressionMethods, ExpressionMethods, QueryDsl,
    sql_types::{Array, BigInt, Bool},
};
use diesel_async::AsyncPgConnection;
use rialto_kernel::{AgentId, OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use super::{
    rows::{To, rows},
    schema::{market_orders as o, market_stopped as s},
};
use crate::model::{OrderId, OrderStatus, Standing};

statement! {
    /// Reads one.
    struct FindOne { owner: OwnerId => Uid, agent: AgentId => Uid }
    rows: (BigInt, Bool);
    sqlite: "SELECT COALESCE((SELECT open_orders FROM market_owners WHERE owner_id = ?1), 0),
        EXISTS (SELECT 1 FROM market_stopped WHERE agent_id = ?2)";
}

statement! {
    /// Reads many. Each row is looked up by its key, however large the tables were when the plan was made.
    struct FindMany { owners: Vec<OwnerId> => Array<Uid>, agents: Vec<AgentId> => Array<Uid> }
    rows: (Uid, Uid, BigInt, Bool);
    postgres: "SELECT n.owner, n.agent, COALESCE((SELECT open_orders FROM market_owners WHERE owner_id = n.owner), 0),
        (SELECT TRUE FROM market_stopped WHERE agent_id = n.agent) IS NOT NULL
        FROM unnest($1, $2) AS n (owner, agent)";
}

/// On SQLite.
pub(super) async fn find(tx: &mut Tx, traders: &[(OwnerId, AgentId)]) -> Result<Vec<Standing>, StoreError> {
    let mut standings = Vec::with_capacity(traders.len());
    for (owner, agent) in traders.iter().copied() {
        let (open_orders, is_stopped): (i64, bool) = on!(tx,
            sqlite conn => FindOne { owner, agent }.get_result(conn).await,
            postgres _conn => Ok((0, false)))?;
        standings.push(Standing { owner, agent, open_orders, is_stopped });
    }
    Ok(standings)
}

/// On PostgreSQL, for who sends several statements before the first is answered.
pub(super) async fn find_many(mut conn: &AsyncPgConnection, traders: &[(OwnerId, AgentId)]) -> Result<Vec<Standing>, StoreError> {
    if traders.is_empty() {
        return Ok(Vec::new());
    }
    let (owners, agents) = traders.iter().copied().unzip();
    let rows: Vec<(OwnerId, AgentId, i64, bool)> =
        rialto_store::private::RunQueryDsl::load(FindMany { owners, agents }, &mut conn).await?;
    let standing = |(owner, agent, open_orders, is_stopped)| Standing { owner, agent, open_orders, is_stopped };
    Ok(rows.into_iter().map(standing).collect())
}

rows! {
    /// Counts what owners have opened and what has ended. Whoever ends an order has opened one, so there is a row to count
    /// down; what is inserted has to be a count by itself. A count that is wrong must not keep anybody from ending an order, so it
    /// stops at zero.
    struct CountOne, CountMany { owner_id: OwnerId => Uid, more: i64 => BigInt, }
    sqlite: "INSERT INTO market_owners (owner_id, open_orders) VALUES (?1, max(?2, 0))
        ON CONFLICT (owner_id) DO UPDATE SET open_orders = max(open_orders + ?2, 0)";
    postgres: "WITH opened AS (
            INSERT INTO market_owners (owner_id, open_orders)
            SELECT n.owner, n.more FROM unnest($1, $2) AS n (owner, more) WHERE n.more > 0
            ON CONFLICT (owner_id) DO UPDATE SET open_orders = market_owners.open_orders + EXCLUDED.open_orders
        )
        UPDATE market_owners AS o SET open_orders = GREATEST(o.open_orders + n.more, 0)
        FROM unnest($1, $2) AS n (owner, more) WHERE o.owner_id = n.owner AND n.more < 0";
}

/// Counts open orders up and down. `owners` is sorted.
pub(super) async fn count(to: To<'_>, owners: Vec<(OwnerId, i64)>) -> Result<(), StoreError> {
    let rows = owners.into_iter().map(|(owner_id, more)| CountOne { owner_id, more }).collect();
    CountOne::write(to, rows).await?;
    Ok(())
}

pub(super) async fn stop(tx: &mut Tx, agent: AgentId, now: Timestamp) -> Result<(), StoreError> {
    let row = (s::agent_id.eq(agent), s::stopped_at.eq(now));
    on!(tx, conn => diesel::insert_into(s::table).values(&row).on_conflict_do_nothing().execute(conn).await)?;
    Ok(())
}

pub(super) async fn not_stopped(tx: &mut Tx, agents: &[AgentId]) -> Result<Vec<AgentId>, StoreError> {
    let stopped: Vec<AgentId> =
        on!(tx, conn => s::table.filter(s::agent_id.eq_any(agents)).select(s::agent_id).load(conn).await)?;
    let stopped: HashSet<AgentId> = stopped.into_iter().collect();
    Ok(agents.iter().copied().filter(|agent| !stopped.contains(agent)).collect())
}

pub(super) async fn resume(tx: &mut Tx, agent: AgentId) -> Result<(), StoreError> {
    on!(tx, conn => diesel::delete(s::table.find(agent)).execute(conn).await)?;
    Ok(())
}

pub(super) async fn open_of(tx: &mut Tx, owner: OwnerId, agent: AgentId) -> Result<Vec<(OrderId, Arc<str>)>, StoreError> {
    let open = [OrderStatus::Open, OrderStatus::PartiallyFilled].map(OrderStatus::as_str);
    let rows: Vec<(OrderId, String)> = on!(tx, conn => o::table
        .filter(o::owner_id.eq(owner).and(o::status.eq_any(open)).and(o::agent_id.eq(agent)))
        .select((o::id, o::capability)).load(conn).await)?;
    Ok(rows.into_iter().map(|(order, capability)| (order, Arc::from(capability))).collect())
}
