//! What takes the registry and the market together: who trades.

use rialto_market::{MarketError, Trader};
use rialto_registry::{AgentRef, store::AgentStore};
use rialto_store::Tx;

use crate::http::Problem;

/// Who trades when this agent does.
///
/// # Errors
/// 404 when there is no such agent.
pub async fn find_trader(tx: &mut Tx, agent: &AgentRef) -> Result<Trader, Problem> {
    let unknown = || Problem::not_found("Agent not found");
    let agent = tx.find_agent(agent).await?.ok_or_else(unknown)?;
    rialto_market::find_trader(tx, agent.id).await.map_err(|error| match error {
        MarketError::AgentUnknown(_) => unknown(),
        other => other.into(),
    })
}
