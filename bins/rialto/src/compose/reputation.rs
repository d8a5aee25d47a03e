//! What takes reputation, the registry and the broker together: agents are sorted by how their owners do, and whoever does well
//! pays less commission.

use rialto_kernel::Timestamp;
use rialto_proxy_billing::commission::{CommissionStore, Quality};
use rialto_registry::{
    RegistryError,
    identity::{Standing, set_standing},
};
use rialto_reputation::ScoreChange;
use rialto_store::Tx;

/// A score of fewer calls says too little.
const CALLS_MIN: i64 = 100;

/// Counts calls that have ended, at most `limit`, and has the registry and commission follow; returns how many.
///
/// # Errors
/// The store's.
pub async fn count(tx: &mut Tx, limit: u32, now: Timestamp) -> Result<usize, RegistryError> {
    let counted = rialto_reputation::count(tx, limit, now).await?;
    for change in &counted.providers {
        let standing = Standing { overall: change.score.overall, calls: change.calls };
        set_standing(tx, change.provider, standing).await?;
        tx.set_quality(change.provider, quality(change)).await?;
    }
    Ok(counted.calls)
}

const fn quality(change: &ScoreChange) -> Quality {
    if change.calls < CALLS_MIN { Quality::Standard } else { Quality::of_score(change.score.overall) }
}
