//! What is not kept of the outbox.

use std::{sync::Arc, time::Duration};

use rialto_jobs::Failure;
use rialto_store::{StoreError, Tx, outbox};

use super::{
    App,
    jobs::{BATCH, is_full},
};

/// How long an event stays that is of interest only while it happens. A simulation may write thousands in a second.
const BRIEF_KEPT: Duration = Duration::from_secs(10 * 60);

/// Forgets events that are old, but none that webhooks still have to be told of: while nobody reads, they stay. What is older than the
/// outbox may ever get goes nevertheless, and that is an error.
pub async fn forget_events(app: Arc<App>) -> Result<(), Failure> {
    let now = app.clock.now();
    loop {
        let forget = async move |tx: &mut Tx| rialto_delivery::forget_events(tx, now, BATCH).await;
        let forgotten = app.db.write::<_, StoreError, _>(forget).await?;
        if forgotten.lost > 0 {
            tracing::error!(
                events = forgotten.lost,
                "events were forgotten of which webhooks were not told: nobody has read them for too long"
            );
            app.metrics.events_lost.inc_by(u64::try_from(forgotten.lost).unwrap_or(u64::MAX));
        }
        if !is_full(forgotten.all) {
            break;
        }
    }
    let horizon = now.before(BRIEF_KEPT);
    let forget = async move |tx: &mut Tx| outbox::forget_brief(tx, horizon, BATCH.into()).await;
    while is_full(app.db.write::<_, StoreError, _>(forget).await?) {}
    Ok(())
}
