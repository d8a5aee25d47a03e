//! What takes the registry and the market together: who trades.

use rialto_market::{Trader, find_traders};
use rialto_registry::{AgentRef, store::AgentStore};
use rialto_store::{Db, StoreError, Together, Tx};

use crate::http::Problem;

/// Who trades when an agent does. It is asked for with every order, so all who ask at once are answered together.
pub struct Traders(Together<AgentRef, Option<Trader>>);

impl Traders {
    /// Call it within a tokio runtime.
    pub fn start(db: &Db) -> Self {
        Self(Together::start(db, find))
    }

    /// Who trades when this agent does.
    ///
    /// # Errors
    /// 404 when there is no such agent.
    pub async fn find(&self, agent: &str) -> Result<Trader, Problem> {
        self.0.find(AgentRef::parse(agent)).await?.ok_or_else(|| Problem::not_found("Agent not found"))
    }
}

async fn find(tx: &mut Tx, agents: &[AgentRef]) -> Result<Vec<Option<Trader>>, StoreError> {
    let ids = tx.find_agent_ids(agents).await?;
    let known: Vec<_> = ids.iter().copied().flatten().collect();
    let traders = find_traders(tx, &known).await?;
    Ok(ids.into_iter().map(|id| traders.get(&id?).copied()).collect())
}
