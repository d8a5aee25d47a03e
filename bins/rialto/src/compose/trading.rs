//! What takes the registry and the market together: who trades.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rialto_market::{MarketError, Trader, find_traders};
use rialto_registry::{AgentRef, store::AgentStore};
use rialto_store::{Db, StoreError, Together, Tx};

use crate::http::Problem;

/// How many agents are remembered at most.
const KNOWN_MAX: usize = 10_000;

/// Who trades when an agent does. It is asked for with every order, so all who ask at once are answered together, and those who
/// place orders are remembered.
pub struct Traders {
    asked: Together<AgentRef, Option<Trader>>,
    known: Mutex<HashMap<AgentRef, Trader>>,
}

impl Traders {
    /// Call it within a tokio runtime.
    pub fn start(db: &Db) -> Self {
        Self { asked: Together::new(db, find), known: Mutex::default() }
    }

    /// Who trades when this agent does.
    ///
    /// # Errors
    /// 404 when there is no such agent.
    pub async fn find(&self, agent: &str) -> Result<Trader, Problem> {
        self.look(AgentRef::parse(agent)).await
    }

    /// Places an order of this agent.
    ///
    /// A memory of who trades for it is good enough to begin with: `place` looks at the wallet, and at whether the agent may
    /// trade, under the locks of its transaction. What it refuses because of the trader is tried again with what is true now.
    ///
    /// # Errors
    /// 404 when there is no such agent; those of `place`.
    pub async fn place<R>(&self, agent: &str, place: impl AsyncFn(Trader) -> Result<R, MarketError>) -> Result<R, Problem> {
        let agent = AgentRef::parse(agent);
        let known = self.known().get(&agent).copied();
        if let Some(trader) = known {
            match place(trader).await {
                Err(MarketError::AgentUnknown(_) | MarketError::AgentStopped(_) | MarketError::Forbidden(_)) => {}
                done => return Ok(done?),
            }
            self.known().remove(&agent);
        }
        let trader = self.look(agent.clone()).await?;
        let done = place(trader).await?;
        let mut known = self.known();
        // So many agents within one process are rare, and whoever is forgotten is asked for.
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(agent, trader);
        Ok(done)
    }

    async fn look(&self, agent: AgentRef) -> Result<Trader, Problem> {
        self.asked.find(agent).await?.ok_or_else(|| Problem::not_found("Agent not found"))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<AgentRef, Trader>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn find(tx: &mut Tx, agents: &[AgentRef]) -> Result<Vec<Option<Trader>>, StoreError> {
    let ids = tx.find_agent_ids(agents).await?;
    let known: Vec<_> = ids.iter().copied().flatten().collect();
    let traders = find_traders(tx, &known).await?;
    Ok(ids.into_iter().map(|id| traders.get(&id?).copied()).collect())
}
