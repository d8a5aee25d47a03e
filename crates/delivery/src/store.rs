//! What webhooks ask of a transaction.
//!
//! # The order of locks
//! Whoever locks several of these takes them in this order, and several of one kind in the order of their ids: the outbox's place
//! ([`QueueStore::lock_cursor`]), webhooks ([`WebhookStore::lock_webhook`], [`QueueStore::hold_active`]), lanes
//! ([`QueueStore::rouse`], [`LaneStore::lock_lanes`]), deliveries. Deliveries that are new are nobody else's, and may come before the
//! lane that they are put into. So no two transactions wait for each other.

use rialto_jobs::lanes::Lease;
use rialto_kernel::{Id, OwnerId, Timestamp};
use rialto_registry::cipher::Sealed;
use rialto_store::StoreError;

use crate::model::{Attempt, Delivery, DeliveryId, DeliveryStatus, NewDelivery, Webhook, WebhookId};

/// Webhooks and their secrets. Deleted ones are not found.
pub trait WebhookStore: Send {
    /// Keeps others from adding webhooks of an owner until the transaction ends, and gives what the owner is called.
    fn lock_owner(&mut self, owner: OwnerId) -> impl Future<Output = Result<String, StoreError>> + Send;
    /// How many an owner has.
    fn count_webhooks(&mut self, owner: OwnerId) -> impl Future<Output = Result<i64, StoreError>> + Send;
    /// The highest number that was given to an event.
    fn newest_event(&mut self) -> impl Future<Output = Result<i64, StoreError>> + Send;
    /// Adds a webhook, and its empty lane.
    fn insert_webhook(&mut self, webhook: &Webhook) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// An owner's, the newest first.
    fn list_webhooks(&mut self, owner: OwnerId) -> impl Future<Output = Result<Vec<Webhook>, StoreError>> + Send;
    /// The one with this id.
    fn find_webhook(&mut self, id: WebhookId) -> impl Future<Output = Result<Option<Webhook>, StoreError>> + Send;
    /// The same, locked.
    fn lock_webhook(&mut self, id: WebhookId) -> impl Future<Output = Result<Option<Webhook>, StoreError>> + Send;
    /// Writes what may change of one, its events only if they were given: those that are there may have words that only a newer
    /// program knows.
    fn save_webhook(&mut self, webhook: &Webhook, with_events: bool) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Deletes one, and its secrets.
    fn delete_webhook(&mut self, id: WebhookId, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Puts a secret in force. The one before is good until `retired_until`; of older ones, the `old_max` that are good for
    /// longest are kept.
    fn put_secret(
        &mut self,
        webhook: WebhookId,
        secret: &Sealed,
        retired_until: Timestamp,
        old_max: u32,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// The secrets that are good now, the one in force first.
    fn list_secrets(
        &mut self,
        webhook: WebhookId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<(Sealed, Option<Timestamp>)>, StoreError>> + Send;
}

/// Queueing deliveries.
pub trait QueueStore: Send {
    /// Where to begin to read the outbox: behind this, nothing was read that an active webhook is told of. `None` when there is no
    /// active webhook.
    fn find_start(&mut self) -> impl Future<Output = Result<Option<i64>, StoreError>> + Send;
    /// How far the outbox was read, locked.
    fn lock_cursor(&mut self) -> impl Future<Output = Result<i64, StoreError>> + Send;
    /// Says that it was read as far as this.
    fn set_cursor(&mut self, seq: i64) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// The active webhooks of these owners.
    fn list_active(&mut self, owners: &[OwnerId]) -> impl Future<Output = Result<Vec<Webhook>, StoreError>> + Send;
    /// What these owners are called.
    fn list_owner_names(&mut self, owners: &[OwnerId])
    -> impl Future<Output = Result<Vec<(OwnerId, String)>, StoreError>> + Send;
    /// Those of these webhooks that are active, and behind which number each is told of events. They stay so until the transaction
    /// ends.
    fn hold_active(&mut self, ids: &[WebhookId]) -> impl Future<Output = Result<Vec<(WebhookId, i64)>, StoreError>> + Send;
    /// Queues deliveries in this order, but those whose webhook has one of the same event.
    fn queue(&mut self, new: &[NewDelivery], now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Makes the lanes of these webhooks due, those that nobody serves.
    fn rouse(&mut self, webhooks: &[WebhookId], now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Those of these webhooks for which more than `kept` are pending, and the place of the newest that is one too many.
    fn list_crowded(
        &mut self,
        webhooks: &[WebhookId],
        kept: u32,
    ) -> impl Future<Output = Result<Vec<(WebhookId, i64)>, StoreError>> + Send;
    /// Gives up what is pending for a webhook up to this place; gives how many.
    fn bury_upto(
        &mut self,
        webhook: WebhookId,
        upto: i64,
        why: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

/// What waits in a lane, as little of it as it takes to choose what is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place.
    pub seq: i64,
    /// What a first attempt is about: those of one subject wait for each other. What is sent again waits for nobody.
    pub first_of: Option<String>,
}

/// A delivery that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its place.
    pub seq: i64,
    /// Its id.
    pub id: DeliveryId,
    /// What happened.
    pub event: String,
    /// What is sent.
    pub body: String,
    /// How often it was sent in all.
    pub attempts: i32,
    /// How often it was sent since it was last queued.
    pub tries: i32,
    /// Since when it may be sent.
    pub due_at: Timestamp,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// Of which delivery.
    pub seq: i64,
    /// Since when it might be sent, when it was: a delivery that is due at another time was queued anew.
    pub was_due: Timestamp,
    /// How that stands now.
    pub status: DeliveryStatus,
    /// When it is sent again, if it is.
    pub due_at: Option<Timestamp>,
    /// How often it was sent since it was last queued.
    pub tries: i32,
    /// When it ended.
    pub ended: Timestamp,
    /// The attempt.
    pub attempt: Attempt,
}

/// Lanes: who serves which, and what waits in them.
pub trait LaneStore: Send {
    /// Lanes in which something waits, by when they are due, except those of some owners. Leased ones are due when the lease ends.
    fn list_lanes(
        &mut self,
        except: &[OwnerId],
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(WebhookId, OwnerId, Timestamp)>, StoreError>> + Send;
    /// Leases those of these lanes that are due and that nobody else is leasing at this moment.
    fn lease_lanes(
        &mut self,
        ids: &[WebhookId],
        lease: Id<Lease>,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<(WebhookId, OwnerId)>, StoreError>> + Send;
    /// Renews those of these leases that are this courier's still, and that nobody is writing to; gives how many.
    fn renew_lanes(
        &mut self,
        ids: &[WebhookId],
        lease: Id<Lease>,
        until: Timestamp,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;
    /// Gives lanes back: those of one courier, or all.
    fn free_lanes(&mut self, lease: Option<Id<Lease>>, now: Timestamp) -> impl Future<Output = Result<usize, StoreError>> + Send;
    /// Locks lanes, and gives those of them that are leased by this courier.
    fn lock_lanes(
        &mut self,
        ids: &[WebhookId],
        lease: Id<Lease>,
    ) -> impl Future<Output = Result<Vec<WebhookId>, StoreError>> + Send;
    /// Gives locked lanes back, or keeps them.
    fn release(
        &mut self,
        lanes: &[(WebhookId, Release)],
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Gives a locked lane back, due at this moment.
    fn give_back(&mut self, id: WebhookId, due_at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Where a lane leads that this courier has leased.
    fn find_aim(
        &mut self,
        id: WebhookId,
        lease: Id<Lease>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Aim>, StoreError>> + Send;
}

/// What becomes of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// It is served still.
    Keep,
    /// It is given back unless something may be sent now.
    IfIdle,
    /// It is given back.
    Yield,
}

/// Where a lane leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// The webhook's URL.
    At(String),
    /// The webhook is switched off, or gone.
    Off,
    /// The lease has ended by the clock, and nobody has taken it yet.
    Ended,
}

/// What waits in lanes.
pub trait ParcelStore: Send {
    /// The first attempts that may be made now, in order, but those of these subjects.
    fn list_first(
        &mut self,
        webhook: WebhookId,
        now: Timestamp,
        busy: &[String],
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Waiting>, StoreError>> + Send;
    /// What may be sent again now, the longest due first.
    fn list_again(
        &mut self,
        webhook: WebhookId,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Waiting>, StoreError>> + Send;
    /// These, those that are pending still.
    fn list_parcels(&mut self, seqs: &[i64]) -> impl Future<Output = Result<Vec<Parcel>, StoreError>> + Send;
    /// Writes down attempts, but of deliveries that have been cancelled or replayed meanwhile, and of those that are written already.
    fn set_attempted(&mut self, attempted: &[&Attempted]) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Gives up those of these deliveries that are pending, without an attempt.
    fn give_up(&mut self, seqs: &[i64], why: &str, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// What is pending, may it be sent now or later, but these; the oldest first.
    fn list_pending(
        &mut self,
        webhook: WebhookId,
        except: &[i64],
        limit: u32,
    ) -> impl Future<Output = Result<Vec<i64>, StoreError>> + Send;
    /// Cancels all that is pending.
    fn cancel_all(&mut self, webhook: WebhookId, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Cancels what is pending, at most `limit`; gives how many.
    fn cancel_pending(
        &mut self,
        webhook: WebhookId,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

/// The log of deliveries.
pub trait LogStore: Send {
    /// A webhook's deliveries, the newest first: those with this status, if one is given, and before this place. And behind which
    /// place there may be more. One that cannot be read is left out.
    fn list_deliveries(
        &mut self,
        webhook: WebhookId,
        status: Option<DeliveryStatus>,
        before: Option<i64>,
        limit: u32,
    ) -> impl Future<Output = Result<(Vec<Delivery>, Option<i64>), StoreError>> + Send;
    /// A delivery of a webhook, and what is sent.
    fn find_delivery(
        &mut self,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> impl Future<Output = Result<Option<(Delivery, String)>, StoreError>> + Send;
    /// The attempts of a delivery, the latest first.
    fn list_attempts(&mut self, seq: i64, limit: u32) -> impl Future<Output = Result<Vec<Attempt>, StoreError>> + Send;
    /// Queues a delivery again that has ended; whether it had.
    fn requeue(&mut self, seq: i64, now: Timestamp) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// Forgets deliveries that ended before `horizon`, at most `limit`; gives how many.
    fn forget_ended(&mut self, horizon: Timestamp, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;
    /// Forgets what is left of one webhook that was deleted before `horizon`, at most `limit` deliveries of it; whether there was
    /// one.
    fn forget_deleted(&mut self, horizon: Timestamp, limit: u32) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
