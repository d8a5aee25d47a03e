//! What takes the registry and the market together: an agent that is no more, or is switched off, does not trade.

use rialto_kernel::{Caller, Clock, Timestamp};
use rialto_market::{MarketError, MarketStore, resume_trading, stop_trading};
use rialto_registry::{
    self as registry, Agent, AgentChanges, AgentRef, RegistryError,
    identity::AgentStatus,
    store::{AgentStore, IdentityStore},
};
use rialto_store::{Db, StoreError, Tx};

use crate::http::Problem;

/// Deletes an agent, ends its open orders, and frees what is held for them, in one transaction.
///
/// # Errors
/// 403, 404.
pub async fn delete_agent(tx: &mut Tx, caller: &Caller, agent: &AgentRef, now: Timestamp) -> Result<(), Problem> {
    let agent = registry::delete(tx, caller, agent, now).await?;
    stop_trading(tx, agent, now).await?;
    Ok(())
}

/// Changes an agent. One that is switched off has its open orders ended, one that is switched on may trade again.
///
/// # Errors
/// 403, 404, 422.
pub async fn update_agent(
    tx: &mut Tx,
    caller: &Caller,
    agent: &AgentRef,
    changes: &AgentChanges,
    now: Timestamp,
) -> Result<Agent, Problem> {
    let agent = registry::update(tx, caller, agent, changes, now).await?;
    if changes.status.is_some() || changes.is_active.is_some() {
        if agent.is_active {
            resume_trading(tx, agent.id).await?;
        } else {
            stop_trading(tx, agent.id, now).await?;
        }
    }
    Ok(agent)
}

/// Deactivates an agent, and ends its open orders. Doing it again changes nothing.
///
/// # Errors
/// 403, 404.
pub async fn deactivate_agent(tx: &mut Tx, caller: &Caller, agent: &AgentRef, now: Timestamp) -> Result<Agent, Problem> {
    let known = tx.find_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    if caller.may_write(known.owner) && tx.find_identity(known.id).await?.stays_deactivated(&known, caller) {
        return Ok(known);
    }
    let changes = AgentChanges { status: Some(AgentStatus::Deactivated), ..AgentChanges::default() };
    update_agent(tx, caller, agent, &changes, now).await
}

/// Ends the open orders of agents that were deleted by a server that did not know of the market, and so left them; `limit` agents
/// are looked at together. Returns how many orders that were.
///
/// # Errors
/// Whatever the database says.
pub async fn stop_deleted(db: &Db, clock: &Clock, limit: u32) -> Result<usize, MarketError> {
    let (mut after, mut ended, mut failed) = (None, 0, None);
    loop {
        let look = async move |tx: &mut Tx| {
            let deleted = tx.deleted_agents(after, limit).await?;
            Ok::<_, StoreError>((deleted.last().copied(), tx.not_stopped(&deleted).await?))
        };
        let (last, agents) = db.read(look).await?;
        if last.is_none() {
            return failed.map_or(Ok(ended), Err);
        }
        after = last;
        // One by one: the orders of an agent are as many as one transaction should end.
        for agent in agents {
            let now = clock.now();
            match db.write(async move |tx: &mut Tx| stop_trading(tx, agent, now).await).await {
                Ok(count) => ended += count,
                // It keeps no other from being stopped.
                Err(error) => {
                    tracing::error!(%error, agent.id = %agent, "the orders of a deleted agent could not be ended");
                    failed = Some(error);
                }
            }
        }
    }
}
