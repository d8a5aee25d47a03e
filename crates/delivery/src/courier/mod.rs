//! The courier: sends what waits in lanes.
//!
//! A lane is the queue of one webhook; [`rialto_jobs::lanes`] says who serves which, and when. So a webhook whose server is slow or
//! gone delays nobody else's, and many of them have their turns one after another.
//!
//! A delivery is settled in the transaction that writes down the attempt. A process that dies in between leaves it pending: it is sent
//! again, with the same `webhook-id`.

mod end;
mod lane;
mod next;
mod send;
mod write;

use std::sync::Arc;

pub(crate) use end::{LaneEnd, write_ends};
use rialto_jobs::lanes::{Desk, Hold, Lanes, LanesConfig, Lease};
use rialto_kernel::{Clock, Id, OwnerId, Timestamp};
use rialto_store::{Db, StoreError, Tx};

use crate::{model::WebhookId, service::Inner, store::LaneStore};

impl Lanes for Inner {
    type Key = WebhookId;
    const NAME: &'static str = "webhooks";

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

    fn desk(&self) -> &Desk<WebhookId> {
        &self.desk
    }

    async fn list(tx: &mut Tx, except: &[OwnerId], limit: u32) -> Result<Vec<(WebhookId, OwnerId, Timestamp)>, StoreError> {
        tx.list_lanes(except, limit).await
    }

    async fn lease(
        tx: &mut Tx,
        ids: &[WebhookId],
        lease: Id<Lease>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(WebhookId, OwnerId)>, StoreError> {
        tx.lease_lanes(ids, lease, now, until).await
    }

    async fn renew(tx: &mut Tx, ids: &[WebhookId], lease: Id<Lease>, until: Timestamp) -> Result<usize, StoreError> {
        tx.renew_lanes(ids, lease, until).await
    }

    async fn free(tx: &mut Tx, lease: Option<Id<Lease>>, now: Timestamp) -> Result<usize, StoreError> {
        tx.free_lanes(lease, now).await
    }

    async fn serve(self: Arc<Self>, hold: Hold<WebhookId>) {
        lane::serve(self, hold).await;
    }
}
