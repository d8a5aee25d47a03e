//! The courier: brings messages to the callbacks of those they are for.
//!
//! Every participant has a lane, in which its messages wait in the order in which they were sent; [`rialto_jobs::lanes`] says who
//! serves which, and when. A lane is served one message after another. So the order is kept for each recipient, and one that is slow or
//! gone delays nobody else.
//!
//! - A message is taken out of its lane in the transaction that writes down what came of it. A process that dies in between
//!   leaves it there: it is sent again, with the same `webhook-id`.
//! - A lane whose participant cannot be reached is given back, and comes due when it is to be tried again.

mod lane;

use std::sync::Arc;

use rialto_jobs::lanes::{Courier, Desk, Hold, Lanes, LanesConfig, Lease};
use rialto_kernel::{Clock, Id, OwnerId, Timestamp};
use rialto_store::{Db, StoreError, Tx};

use crate::{
    model::ParticipantId,
    service::{Inner, Networks},
    store::LaneStore,
};

impl Networks {
    /// Sets a courier to work, on tasks of the runtime that this is called on.
    #[must_use = "a courier that is dropped stops at once and leaves its lanes to their leases"]
    pub fn start_courier(&self) -> Courier {
        Courier::start(Arc::clone(&self.inner))
    }
}

impl Lanes for Inner {
    type Key = ParticipantId;
    const NAME: &'static str = "participants of networks";

    fn db(&self) -> &Db {
        &self.db
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn config(&self) -> LanesConfig {
        let config = &self.config;
        let (lanes_max, lanes_per_owner_max) = (config.lanes_max, config.lanes_per_owner_max);
        LanesConfig { lanes_max, lanes_per_owner_max, lease: config.lease, poll: config.poll }
    }

    fn desk(&self) -> &Desk<ParticipantId> {
        &self.desk
    }

    async fn list(tx: &mut Tx, except: &[OwnerId], limit: u32) -> Result<Vec<(ParticipantId, OwnerId, Timestamp)>, StoreError> {
        tx.list_lanes(except, limit).await
    }

    async fn lease(
        tx: &mut Tx,
        ids: &[ParticipantId],
        lease: Id<Lease>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(ParticipantId, OwnerId)>, StoreError> {
        tx.lease_lanes(ids, lease, now, until).await
    }

    async fn renew(tx: &mut Tx, ids: &[ParticipantId], lease: Id<Lease>, until: Timestamp) -> Result<usize, StoreError> {
        tx.renew_lanes(ids, lease, until).await
    }

    async fn free(tx: &mut Tx, lease: Option<Id<Lease>>, now: Timestamp) -> Result<usize, StoreError> {
        tx.free_lanes(lease, now).await
    }

    async fn serve(self: Arc<Self>, hold: Hold<ParticipantId>) {
        lane::serve(&self, hold).await;
    }
}
