//! What was asked of agents, and what was shown for them.

use diesel::{BoolExpressionMethods, ExpressionMethods, JoinOnDsl, QueryDsl};
use rialto_kernel::{AgentId, OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::{
    agent::DELETED,
    schema::{agent_challenges as c, agent_identities as i, agent_proofs as p, agents},
};
use crate::{identity::Method, store::ProofStore};

/// This challenge, if it can be answered. A macro, because its type differs between the databases.
macro_rules! open {
    ($agent:expr, $asked_by:expr, $digest:expr, $now:expr) => {
        c::digest.eq($digest.as_slice()).and(c::agent_id.eq($agent).and(c::asked_by.eq($asked_by)).and(c::expires_at.gt($now)))
    };
}

impl ProofStore for Tx {
    async fn free_did(&mut self, did: &str, agent: AgentId, now: Timestamp) -> Result<(), StoreError> {
        let by_key = [Method::DidControl.as_str(), Method::DidVc.as_str()];
        let others = || i::subject.eq(did).and(i::method.eq_any(by_key)).and(i::agent_id.ne(agent));
        let deleted: Vec<AgentId> = on!(self, conn => i::table.inner_join(agents::table.on(agents::id.eq(i::agent_id)))
            .filter(others().and(agents::state.eq(DELETED))).select(i::agent_id).load(conn).await)?;
        let is_over = || i::expires_at.le(now).or(i::agent_id.eq_any(&deleted));
        let nobody = || {
            (
                (i::method.eq(None::<String>), i::issuer.eq(None::<String>), i::subject.eq(None::<String>)),
                (i::verified_by.eq(None::<OwnerId>), i::proof.eq(None::<Vec<u8>>)),
                (i::verified_at.eq(None::<Timestamp>), i::expires_at.eq(None::<Timestamp>)),
            )
        };
        on!(self, conn => diesel::update(i::table.filter(others().and(is_over()))).set(nobody())
            .execute(conn).await)?;
        Ok(())
    }

    async fn put_challenge(
        &mut self,
        agent: AgentId,
        asked_by: OwnerId,
        digest: &[u8; 32],
        expires_at: Timestamp,
        most: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let spare = i64::from(most.saturating_sub(1));
        let kept: Vec<Vec<u8>> = on!(self, conn => c::table.filter(c::agent_id.eq(agent).and(c::expires_at.gt(now)))
            .order((c::expires_at.desc(), c::digest)).limit(spare).select(c::digest).load(conn).await)?;
        on!(self, conn => diesel::delete(c::table.filter(c::agent_id.eq(agent).and(diesel::dsl::not(c::digest.eq_any(&kept)))))
            .execute(conn).await)?;
        let whose = (c::agent_id.eq(agent), c::asked_by.eq(asked_by));
        let values = (c::digest.eq(digest.as_slice()), whose, c::expires_at.eq(expires_at));
        on!(self, conn => diesel::insert_into(c::table).values(values).execute(conn).await)?;
        Ok(())
    }

    async fn has_challenge(
        &mut self,
        agent: AgentId,
        asked_by: OwnerId,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        on!(self, conn => diesel::select(diesel::dsl::exists(c::table.filter(open!(agent, asked_by, digest, now))))
            .get_result(conn).await)
    }

    async fn take_challenge(
        &mut self,
        agent: AgentId,
        asked_by: OwnerId,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let taken = on!(self, conn => diesel::delete(c::table.filter(open!(agent, asked_by, digest, now))).execute(conn).await)?;
        Ok(taken == 1)
    }

    async fn use_proof(&mut self, digest: &[u8; 32], expires_at: Timestamp) -> Result<bool, StoreError> {
        let values = (p::digest.eq(digest.as_slice()), p::expires_at.eq(expires_at));
        let new = on!(self, conn => diesel::insert_into(p::table).values(values)
            .on_conflict(p::digest).do_nothing().execute(conn).await)?;
        Ok(new == 1)
    }

    async fn forget_proofs(&mut self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let limit = i64::from(limit);
        let over: Vec<Vec<u8>> = on!(self, conn => c::table.filter(c::expires_at.le(now)).order(c::expires_at)
            .limit(limit).select(c::digest).load(conn).await)?;
        let used: Vec<Vec<u8>> = on!(self, conn => p::table.filter(p::expires_at.le(now)).order(p::expires_at)
            .limit(limit).select(p::digest).load(conn).await)?;
        on!(self, conn => diesel::delete(c::table.filter(c::digest.eq_any(&over))).execute(conn).await)?;
        on!(self, conn => diesel::delete(p::table.filter(p::digest.eq_any(&used))).execute(conn).await)?;
        Ok(over.len().max(used.len()))
    }
}
