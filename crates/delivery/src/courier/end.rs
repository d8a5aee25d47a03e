//! What has come of a lane: the attempts that have ended, and whether the lane is given back. It is written for all lanes at once.

use std::{collections::HashMap, sync::Arc};

use rialto_jobs::lanes::Lease;
use rialto_kernel::{Id, Timestamp};
use rialto_store::{StoreError, Tx};

use crate::{
    model::WebhookId,
    store::{Attempted, LaneStore, ParcelStore, Release},
};

/// What has come of a lane.
#[derive(Debug)]
pub(crate) struct LaneEnd {
    pub webhook: WebhookId,
    /// The lease that it was served under. When that is another's by now, nothing is written.
    pub lease: Id<Lease>,
    pub attempts: Vec<Attempted>,
    pub release: Release,
    pub now: Timestamp,
    /// Until when it is leased if it is kept.
    pub until: Timestamp,
}

/// Writes all of them. Each lease has one holder in this process: what one writes does not depend on what another does.
pub(crate) async fn write_ends(tx: &mut Tx, ends: &[Arc<LaneEnd>]) -> Result<(), StoreError> {
    let mut of_lease: HashMap<Id<Lease>, Vec<&LaneEnd>> = HashMap::new();
    for end in ends {
        of_lease.entry(end.lease).or_default().push(end);
    }
    // One, but for tests in which several couriers share a process.
    for (lease, ends) in of_lease {
        let mut ids: Vec<WebhookId> = ends.iter().map(|end| end.webhook).collect();
        ids.sort_unstable();
        let held = tx.lock_lanes(&ids, lease).await?;
        let mine: Vec<&LaneEnd> = ends.into_iter().filter(|end| held.contains(&end.webhook)).collect();
        let Some((now, until)) = mine.iter().map(|end| (end.now, end.until)).max() else { continue };
        let attempts: Vec<&Attempted> = mine.iter().flat_map(|end| &end.attempts).collect();
        tx.set_attempted(&attempts).await?;
        let lanes: Vec<(WebhookId, Release)> = mine.iter().map(|end| (end.webhook, end.release)).collect();
        tx.release(&lanes, now, until).await?;
    }
    Ok(())
}
