//! The one task that reads the outbox.

use std::{pin::pin, sync::Arc, time::Duration};

use rialto_store::{
    StoreError,
    outbox::{self, Follower, Page},
};

use super::{Frame, Hub, frame::public_kinds};

/// How soon it looks again after something was found, or is about to come.
const LOOK_SOON: Duration = Duration::from_millis(5);
/// How often it looks when nothing happens: what another replica wrote into a quiet stream is at most so late.
const LOOK_IDLE: Duration = Duration::from_millis(100);
/// The pause between two full pages. Clients need the time to take a page from the ring.
const BREATH: Duration = Duration::from_millis(10);
/// How long it waits when the database is away.
const AWAY: Duration = Duration::from_secs(1);

/// Runs as long as the server.
pub(super) async fn run(hub: Arc<Hub>) {
    let mut place = hub.place.subscribe();
    while place.wait_for(|place| place.clients > 0).await.is_ok() {
        match Follower::at_end(&hub.db, public_kinds()).await {
            Ok(follower) => follow(&hub, follower).await,
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be read; trying again");
                tokio::time::sleep(AWAY).await;
            }
        }
    }
}

/// Publishes until nobody listens any more.
async fn follow(hub: &Hub, mut follower: Follower) {
    set_head(hub, &follower);
    let mut wait = LOOK_SOON;
    while !everybody_left(hub) {
        // Hearing begins before the look, so that what is appended in between is not missed.
        let mut appended = pin!(outbox::appended());
        appended.as_mut().enable();
        wait = match look(hub, &mut follower).await {
            Ok(page) if page.more => {
                tokio::time::sleep(BREATH).await;
                continue;
            }
            Ok(page) if page.held_up || !page.events.is_empty() => LOOK_SOON,
            Ok(_) => LOOK_IDLE.min(wait * 2),
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be read; trying again");
                tokio::time::sleep(AWAY).await;
                continue;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = appended => {
                // It is not committed yet, and is seldom alone.
                tokio::time::sleep(LOOK_SOON).await;
                wait = LOOK_SOON;
            }
        }
    }
}

async fn look(hub: &Hub, follower: &mut Follower) -> Result<Page, StoreError> {
    let page = follower.look().await?;
    // The head goes first: who begins to listen in between reads these events from the outbox, and passes over them
    // here. The other way round they would be in neither.
    set_head(hub, follower);
    for frame in page.events.iter().filter_map(Frame::of) {
        hub.counts.published.inc();
        // An error says that nobody listens right now.
        let _ = hub.ring.send(Arc::new(frame));
    }
    Ok(page)
}

fn set_head(hub: &Hub, follower: &Follower) {
    hub.place.send_if_modified(|place| {
        let is_new = place.head != Some(follower.at()) || place.settled != follower.is_settled();
        place.head = Some(follower.at());
        place.settled = follower.is_settled();
        is_new
    });
}

/// Goes to sleep if nobody listens. Whoever comes at the same moment either is seen here, or sees that there is no head.
fn everybody_left(hub: &Hub) -> bool {
    hub.place.send_if_modified(|place| {
        let nobody = place.clients == 0;
        if nobody {
            place.head = None;
            place.settled = false;
        }
        nobody
    })
}
