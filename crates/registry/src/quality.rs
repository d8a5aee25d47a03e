//! How agents do, counted from real calls.

use std::time::Duration;

use rialto_kernel::{AgentId, Timestamp};

use crate::{RegistryError, store::QualityStore};

/// How many days back an agent's quality looks.
pub const QUALITY_DAYS: i32 = 90;
/// How many days calls are remembered: a little longer than the longest window that can be asked for.
const DAYS_KEPT: i32 = 400;

/// Counts one call of an agent. It locks one row that all calls of the agent share, so it goes late in a transaction.
///
/// # Errors
/// The store's.
pub async fn record_call(
    tx: &mut impl QualityStore,
    agent: AgentId,
    success: bool,
    latency: Duration,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let latency_ms = i64::try_from(latency.as_millis()).unwrap_or(i64::MAX);
    Ok(tx.add_call(agent, day(now), success, latency_ms).await?)
}

/// Forgets days that nothing asks for any more, at most `limit` of them, and returns how many.
///
/// # Errors
/// The store's.
pub async fn forget_old_calls(tx: &mut impl QualityStore, now: Timestamp, limit: u32) -> Result<usize, RegistryError> {
    Ok(tx.delete_calls(day(now).saturating_sub(DAYS_KEPT), limit).await?)
}

/// The UTC day of a moment, counted from 1970-01-01.
pub(crate) fn day(now: Timestamp) -> i32 {
    i32::try_from(now.seconds().div_euclid(86_400)).unwrap_or(i32::MAX)
}
