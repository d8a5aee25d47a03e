//! What takes reputation and the broker together: whoever does well pays less commission.

use rialto_kernel::Timestamp;
use rialto_proxy_billing::commission::{CommissionStore, Quality};
use rialto_reputation::ScoreChange;
use rialto_store::{StoreError, Tx};

/// A score of fewer calls says too little.
const CALLS_MIN: i64 = 100;

/// Counts calls that have ended, at most `limit`, and has commission follow; returns how many.
///
/// # Errors
/// The store's.
pub async fn count(tx: &mut Tx, limit: u32, now: Timestamp) -> Result<usize, StoreError> {
    let counted = rialto_reputation::count(tx, limit, now).await?;
    for change in &counted.providers {
        tx.set_quality(change.provider, quality(change)).await?;
    }
    Ok(counted.calls)
}

const fn quality(change: &ScoreChange) -> Quality {
    if change.calls < CALLS_MIN { Quality::Standard } else { Quality::of_score(change.score.overall) }
}
