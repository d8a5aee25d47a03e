//! Calls per agent and day.

use diesel::sql_types::{Array, BigInt, Integer, Text};
use rialto_kernel::AgentId;
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use super::ids::Ids;
use crate::{Quality, store::QualityStore};

statement! {
    /// Counts one call.
    struct AddCall {
        agent: AgentId => Uid | Uid,
        day: i32 => Integer | Integer,
        success: i64 => BigInt | BigInt,
        latency_ms: i64 => BigInt | BigInt,
    }
    rows: ();
    sqlite: "INSERT INTO agent_quality (agent_id, day, calls, successes, latency_ms_sum) VALUES (?1, ?2, 1, ?3, ?4)
        ON CONFLICT (agent_id, day) DO UPDATE SET calls = calls + 1, successes = successes + excluded.successes,
            latency_ms_sum = latency_ms_sum + excluded.latency_ms_sum";
    postgres: "INSERT INTO agent_quality AS q (agent_id, day, calls, successes, latency_ms_sum) VALUES ($1, $2, 1, $3, $4)
        ON CONFLICT (agent_id, day) DO UPDATE SET calls = q.calls + 1, successes = q.successes + excluded.successes,
            latency_ms_sum = q.latency_ms_sum + excluded.latency_ms_sum";
}

statement! {
    /// Sums up the calls of some agents.
    struct Sums { agents: Ids => Text | Array<Uid>, since_day: i32 => Integer | Integer }
    rows: (Uid, BigInt, BigInt, BigInt);
    sqlite: "SELECT q.agent_id, sum(q.calls), sum(q.successes), sum(q.latency_ms_sum)
        FROM json_each(?1) AS wanted CROSS JOIN agent_quality AS q ON q.agent_id = unhex(wanted.value) AND q.day >= ?2
        GROUP BY q.agent_id";
    postgres: "SELECT agent_id, sum(calls)::bigint, sum(successes)::bigint, sum(latency_ms_sum)::bigint
        FROM agent_quality WHERE agent_id = ANY ($1) AND day >= $2 GROUP BY agent_id";
}

statement! {
    /// The active agents with the most calls.
    struct MostCalled { since_day: i32 => Integer | Integer, limit: i64 => BigInt | BigInt }
    rows: (Uid, BigInt);
    sqlite: "SELECT q.agent_id, sum(q.calls) AS calls FROM agent_quality AS q JOIN agents AS a ON a.id = q.agent_id
        WHERE q.day >= ?1 AND a.state = 'active'
        GROUP BY q.agent_id ORDER BY calls DESC, q.agent_id LIMIT ?2";
    postgres: "SELECT q.agent_id, sum(q.calls)::bigint AS calls FROM agent_quality AS q JOIN agents AS a ON a.id = q.agent_id
        WHERE q.day >= $1 AND a.state = 'active'
        GROUP BY q.agent_id ORDER BY calls DESC, q.agent_id LIMIT $2";
}

statement! {
    /// Deletes the oldest days.
    struct DeleteCalls { before_day: i32 => Integer | Integer, limit: i64 => BigInt | BigInt }
    rows: ();
    sqlite: "DELETE FROM agent_quality WHERE (agent_id, day) IN
        (SELECT agent_id, day FROM agent_quality WHERE day < ?1 ORDER BY day LIMIT ?2)";
    postgres: "DELETE FROM agent_quality WHERE (agent_id, day) IN
        (SELECT agent_id, day FROM agent_quality WHERE day < $1 ORDER BY day LIMIT $2)";
}

impl QualityStore for Tx {
    async fn add_call(&mut self, agent: AgentId, day: i32, success: bool, latency_ms: i64) -> Result<(), StoreError> {
        let call = AddCall { agent, day, success: i64::from(success), latency_ms };
        on!(self, conn => call.execute(conn).await)?;
        Ok(())
    }

    async fn list_quality(&mut self, agents: &[AgentId], since_day: i32) -> Result<Vec<(AgentId, Quality)>, StoreError> {
        let query = Sums { agents: Ids(agents.to_vec()), since_day };
        let rows: Vec<(AgentId, i64, i64, i64)> = on!(self, conn => query.load(conn).await)?;
        let quality = |(agent, calls, successes, latency_ms_sum)| (agent, Quality { calls, successes, latency_ms_sum });
        Ok(rows.into_iter().map(quality).collect())
    }

    async fn list_most_called(&mut self, since_day: i32, limit: u32) -> Result<Vec<(AgentId, i64)>, StoreError> {
        let query = MostCalled { since_day, limit: i64::from(limit) };
        on!(self, conn => query.load(conn).await)
    }

    async fn delete_calls(&mut self, before_day: i32, limit: u32) -> Result<usize, StoreError> {
        let statement = DeleteCalls { before_day, limit: i64::from(limit) };
        on!(self, conn => statement.execute(conn).await)
    }
}
