//! What takes the registry and the market together: an agent that is no more, or is switched off, does not trade.

use rialto_kernel::{Caller, Timestamp};
use rialto_market::{resume_trading, stop_trading};
use rialto_registry::{self as registry, Agent, AgentChanges, AgentRef};
use rialto_store::Tx;

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
    match changes.is_active {
        Some(true) => resume_trading(tx, agent.id).await?,
        Some(false) => drop(stop_trading(tx, agent.id, now).await?),
        None => {}
    }
    Ok(agent)
}
