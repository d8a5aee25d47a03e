//! How the owners of agents do.

use diesel::{
    ExpressionMethods, QueryDsl, SelectableHelper,
    sql_types::{BigInt, Integer},
};
use rialto_kernel::{AgentId, OwnerId};
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use super::{
    agent::AgentRow,
    catalog::agents_of,
    schema::{agents, owner_standings as s},
};
use crate::{Agent, identity::Standing, store::StandingStore};

statement! {
    /// The active agents of those owners who do best, the best first, with how those do.
    struct Leaders { limit: i64 => BigInt | BigInt }
    rows: (Uid, Integer, BigInt);
    // Told which comes first: without statistics SQLite would sort all agents there are.
    sqlite: "SELECT agents.id, overall, calls FROM owner_standings AS standings CROSS JOIN agents ON agents.owner_id = standings.owner_id
        WHERE state = 'active' ORDER BY overall DESC, calls DESC, standings.owner_id, created_at, agents.id LIMIT ?1";
    postgres: "SELECT agents.id, overall, calls FROM owner_standings AS standings JOIN agents ON agents.owner_id = standings.owner_id
        WHERE state = 'active' ORDER BY overall DESC, calls DESC, standings.owner_id, created_at, agents.id LIMIT $1";
}

impl StandingStore for Tx {
    async fn put_standing(&mut self, owner: OwnerId, standing: Standing) -> Result<(), StoreError> {
        let overall = i32::try_from(standing.overall).unwrap_or(i32::MAX);
        let values = (s::overall.eq(overall), s::calls.eq(standing.calls));
        on!(self, conn => diesel::insert_into(s::table).values((s::owner_id.eq(owner), values))
            .on_conflict(s::owner_id).do_update().set(values).execute(conn).await)?;
        Ok(())
    }

    async fn list_leaders(&mut self, limit: u32) -> Result<Vec<(Agent, Standing)>, StoreError> {
        let query = Leaders { limit: limit.into() };
        let ranked: Vec<(AgentId, i32, i64)> = on!(self, conn => query.load(conn).await)?;
        let ids: Vec<AgentId> = ranked.iter().map(|(id, ..)| *id).collect();
        let rows: Vec<AgentRow> =
            on!(self, conn => agents::table.filter(agents::id.eq_any(&ids)).select(AgentRow::as_select()).load(conn).await)?;
        let agents = agents_of(rows)?;
        let leader = |(id, overall, calls): (AgentId, i32, i64)| {
            let agent = agents.iter().find(|agent| agent.id == id)?.clone();
            Some((agent, Standing { overall: u32::try_from(overall).unwrap_or(0), calls }))
        };
        Ok(ranked.into_iter().filter_map(leader).collect())
    }
}
