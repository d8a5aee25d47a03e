//! How the owners of agents do: what search and the leaderboard sort by. It is told by whoever counts calls, and kept here, so that
//! agents are sorted by it in one statement.

use rialto_kernel::OwnerId;

use crate::{
    Agent, RegistryError,
    store::{IdentityStore, StandingStore},
};

use super::{Profile, read::profiles};

/// How an owner does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// In hundredths of a point of ten, for all time.
    pub overall: u32,
    /// Of how many calls.
    pub calls: i64,
}

/// An agent, and how its owner does.
#[derive(Debug, Clone)]
pub struct Leader {
    /// The agent.
    pub profile: Profile,
    /// How its owner does.
    pub standing: Standing,
}

/// Takes note of how an owner does.
///
/// # Errors
/// The store's.
pub async fn set_standing(tx: &mut impl StandingStore, owner: OwnerId, standing: Standing) -> Result<(), RegistryError> {
    Ok(tx.put_standing(owner, standing).await?)
}

/// The active agents whose owners do best, the best first.
///
/// # Errors
/// The store's.
pub async fn leaders(tx: &mut (impl IdentityStore + StandingStore), limit: u32) -> Result<Vec<Leader>, RegistryError> {
    let (agents, standings): (Vec<Agent>, Vec<Standing>) = tx.list_leaders(limit).await?.into_iter().unzip();
    let profiles = profiles(tx, agents).await?;
    Ok(profiles.into_iter().zip(standings).map(|(profile, standing)| Leader { profile, standing }).collect())
}
