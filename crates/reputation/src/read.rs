//! Reading scores.

use std::collections::HashMap;

use rialto_kernel::OwnerId;
use rialto_store::StoreError;

use crate::{Counts, Period, Record, ReputationStore, Score, Subject};

/// How many calls that are not counted yet are looked at. More than that wait only while the counting is far behind.
const UNCOUNTED_MAX: u32 = 100_000;

/// How a subject did in a period, as far as it is counted; `None` when it was not called.
///
/// # Errors
/// The store's.
pub async fn score(tx: &mut impl ReputationStore, subject: Subject, period: Period) -> Result<Option<Record>, StoreError> {
    tx.find_record(subject, period).await
}

/// How a provider did in a period up to this moment: what is counted, and what is not counted yet. Over one frozen moment, as a
/// call that is being counted would else be in both or in neither.
///
/// # Errors
/// The store's.
pub async fn live_score(tx: &mut impl ReputationStore, provider: OwnerId, period: Period) -> Result<Option<Record>, StoreError> {
    let subject = Subject::Provider(provider);
    let counted: Counts = tx.find_record(subject, period).await?.map(|record| record.counts).unwrap_or_default();
    let counts = counted.plus(tx.sum_uncounted(provider, period, UNCOUNTED_MAX).await?)?;
    let record = Record { subject, period, counts, score: Score::of(&counts) };
    Ok((counts.calls > 0).then_some(record))
}

/// The overall scores of these providers for all time, in hundredths of a point. Those that were not called are left out.
///
/// # Errors
/// The store's.
pub async fn overall_scores(tx: &mut impl ReputationStore, providers: &[OwnerId]) -> Result<HashMap<OwnerId, u32>, StoreError> {
    if providers.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(tx.list_overall(providers).await?.into_iter().collect())
}
