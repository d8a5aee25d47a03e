//! Counting calls.

use std::collections::BTreeMap;

use rialto_kernel::{Event, OwnerId, Timestamp};
use rialto_store::StoreError;
use serde_json::json;

use crate::{Counts, Period, Record, ReputationStore, Score, Subject};

/// How many agents of a provider an event names.
const AGENTS_MAX: u32 = 20;

/// The score of a provider for all time, and what it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreChange {
    /// Whose.
    pub provider: OwnerId,
    /// Of so many calls.
    pub calls: i64,
    /// What it is now.
    pub score: Score,
    /// What it was; `None` before the first call.
    pub before: Option<Score>,
}

/// What one round of counting came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many calls were looked at.
    pub calls: usize,
    /// The providers that were called, each once.
    pub providers: Vec<ScoreChange>,
}

/// Counts calls that have ended, at most `limit`. Call it again while it counts as many as it may.
///
/// # Errors
/// The store's.
pub async fn count(tx: &mut impl ReputationStore, limit: u32, now: Timestamp) -> Result<Counted, StoreError> {
    tx.lock_counting().await?;
    let calls = tx.take_uncounted(limit).await?;
    let mut counted = Counted { calls: calls.len(), providers: Vec::new() };
    let mut sums: BTreeMap<(Subject, Period), Counts> = BTreeMap::new();
    for call in calls {
        let Some(one) = call.counts else { continue };
        for subject in [Subject::Provider(call.provider), Subject::Service(call.service, call.provider)] {
            for period in [Period::AllTime, Period::of(call.at)] {
                let sum = sums.entry((subject, period)).or_default();
                *sum = sum.plus(one)?;
            }
        }
    }
    for ((subject, period), sum) in sums {
        let before = tx.find_record(subject, period).await?;
        let counts = sum.plus(before.map(|record| record.counts).unwrap_or_default())?;
        let score = Score::of(&counts);
        tx.put_record(&Record { subject, period, counts, score }, now).await?;
        if let (Subject::Provider(provider), Period::AllTime) = (subject, period) {
            let change = ScoreChange { provider, calls: counts.calls, score, before: before.map(|record| record.score) };
            tell(tx, &change, now).await?;
            counted.providers.push(change);
        }
    }
    Ok(counted)
}

/// Writes that a score has changed, if it has.
async fn tell(tx: &mut impl ReputationStore, change: &ScoreChange, now: Timestamp) -> Result<(), StoreError> {
    if change.before.is_some_and(|before| before.overall == change.score.overall) {
        return Ok(());
    }
    let (name, agents) = tx.find_names(change.provider, AGENTS_MAX).await?;
    let points = |hundredths: u32| f64::from(hundredths) / 100.0;
    let data = json!({
        "provider_id": name,
        "agent_id": agents.first().unwrap_or(&name),
        "agent_ids": agents,
        "overall_score": points(change.score.overall),
        "latency_score": points(change.score.latency),
        "reliability_score": points(change.score.reliability),
        "response_quality": points(change.score.quality),
        "previous_score": change.before.map(|before| points(before.overall)),
        "call_count": change.calls,
        "period": Period::AllTime.to_string(),
    });
    let (kind, subject, owner) = ("reputation.updated", change.provider.uuid(), Some(change.provider));
    tx.append_reputation_event(Event { kind, subject, owner, data, at: now }).await
}
