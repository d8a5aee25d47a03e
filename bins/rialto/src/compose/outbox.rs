//! What is not kept of the outbox.

use std::{sync::Arc, time::Duration};

use rialto_jobs::Failure;
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, outbox};

use super::{
    App,
    jobs::{BATCH, is_full},
};

/// How long an event stays.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long one stays that somebody still has to read.
const UNREAD_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long one stays that is of interest only while it happens. A simulation may write thousands in a second.
const BRIEF_KEPT: Duration = Duration::from_secs(10 * 60);

/// Forgets events that are old, but none that webhooks still have to be told of: while nobody reads, they stay. What is older than the
/// outbox may ever get goes nevertheless, and that is an error.
pub async fn forget_events(app: Arc<App>) -> Result<(), Failure> {
    let now = app.clock.now();
    forget(&app, now.before(KEPT), async |tx: &mut Tx| Ok(rialto_delivery::read_upto(tx).await?.unwrap_or(i64::MAX))).await?;
    let lost = forget(&app, now.before(UNREAD_KEPT), async |_: &mut Tx| Ok(i64::MAX)).await?;
    if lost > 0 {
        tracing::error!(
            events = lost,
            "events were forgotten of which webhooks were not told: nobody has read them for too long"
        );
        app.metrics.events_lost.inc_by(lost);
    }
    let horizon = now.before(BRIEF_KEPT);
    let forget = async move |tx: &mut Tx| outbox::forget_brief(tx, horizon, BATCH.into()).await;
    while is_full(app.db.write::<_, StoreError, _>(forget).await?) {}
    Ok(())
}

/// Forgets what happened before `horizon`, as far as a place that is found in the same transaction; gives how many.
async fn forget(
    app: &App,
    horizon: Timestamp,
    upto: impl AsyncFn(&mut Tx) -> Result<i64, StoreError> + Clone + Send + 'static,
) -> Result<u64, StoreError> {
    let mut all = 0;
    loop {
        let upto = upto.clone();
        let forget = async move |tx: &mut Tx| {
            let upto = upto(tx).await?;
            outbox::forget_before(tx, horizon, upto, BATCH.into()).await
        };
        let forgotten = app.db.write::<_, StoreError, _>(forget).await?;
        all += u64::try_from(forgotten).unwrap_or(u64::MAX);
        if !is_full(forgotten) {
            return Ok(all);
        }
    }
}
