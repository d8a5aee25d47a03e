//! The live stream: what is published from the outbox, to whoever is connected.
//!
//! One task reads the outbox, however many clients there are, and only while there is one. It serializes each event once
//! and puts it into a ring that all clients read from ([`feed`]), each at its own pace. Whom the ring overtakes is dropped,
//! and can resume where it was; nobody waits for anybody.

mod feed;
mod frame;
mod reader;
mod seats;

use std::{net::IpAddr, sync::Arc, time::Duration};

pub use feed::{Delivery, Feed};
pub use frame::Filter;
#[cfg(test)]
pub use frame::names;
use prometheus::{IntCounter, IntGauge};
use rialto_store::Db;
pub use seats::Seat;
use seats::Seats;
use tokio::sync::{Semaphore, broadcast, watch};

use frame::Frame;

/// How many events a client may be behind before it is dropped.
pub const RING: usize = 4_096;
/// How long a client waits for the reader to find its place, at most.
const START_MAX: Duration = Duration::from_secs(5);
/// How many clients may read what was before at once: they must not keep requests from the database.
const REPLAYS_AT_ONCE: usize = 2;

/// Where the reader is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// How many listen. The reader sleeps at none.
    clients: usize,
    /// Everything up to here is in the ring, or was before it. `None` while the reader sleeps, or starts.
    head: Option<i64>,
    /// Nothing up to the head can be committed any more.
    settled: bool,
}

/// What the stream counts.
#[derive(Clone)]
pub struct Counts {
    /// Who listens.
    pub clients: IntGauge,
    /// Events published.
    pub published: IntCounter,
    /// Clients that were dropped because they were too slow.
    pub dropped: IntCounter,
}

/// How many may listen.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In all.
    pub clients: usize,
    /// From one address.
    pub clients_per_address: usize,
}

/// Why somebody may not listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As many as may listen do.
    Full,
    /// As many as may listen from that address do.
    TooManyFromAddress,
    /// The server is going down.
    Closing,
    /// The outbox cannot be read.
    Unavailable,
}

/// The live stream of one server.
pub struct Streams {
    hub: Arc<Hub>,
    seats: Arc<Seats>,
}

/// What the reader and the clients share.
struct Hub {
    db: Db,
    place: watch::Sender<Place>,
    ring: broadcast::Sender<Arc<Frame>>,
    closing: watch::Sender<bool>,
    replays: Semaphore,
    counts: Counts,
}

/// Counts a client for the reader, for as long as it is held.
struct Presence(Arc<Hub>);

impl Presence {
    fn of(hub: &Arc<Hub>) -> Self {
        hub.place.send_modify(|place| place.clients += 1);
        Self(Arc::clone(hub))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.place.send_modify(|place| place.clients = place.clients.saturating_sub(1));
    }
}

impl Streams {
    /// A stream of `db`. Its reader is a task of the runtime that this is called on, and sleeps until somebody listens.
    pub fn start(db: Db, limits: Limits, counts: Counts) -> Self {
        let seats = Seats::new(limits.clients, limits.clients_per_address, counts.clients.clone());
        let hub = Arc::new(Hub {
            db,
            place: watch::channel(Place::default()).0,
            ring: broadcast::channel(RING).0,
            closing: watch::channel(false).0,
            replays: Semaphore::new(REPLAYS_AT_ONCE),
            counts,
        });
        tokio::spawn(reader::run(Arc::clone(&hub)));
        Self { hub, seats }
    }

    /// Lets a client at `address` listen: to what happens from now on, or to all behind the sequence number `after`.
    /// It has a place for as long as the seat is held.
    ///
    /// # Errors
    /// Why it may not.
    pub async fn join(&self, address: IpAddr, filter: Filter, after: Option<i64>) -> Result<(Seat, Feed), Refusal> {
        if *self.hub.closing.borrow() {
            return Err(Refusal::Closing);
        }
        let seat = self.seats.take(address)?;
        let presence = Presence::of(&self.hub);
        let mut place = self.hub.place.subscribe();
        // What is waited for is a lock on the place: it must be gone before the feed looks there.
        let started = async { place.wait_for(|place| place.head.is_some()).await.is_ok() };
        if !tokio::time::timeout(START_MAX, started).await.unwrap_or(false) {
            return Err(Refusal::Unavailable);
        }
        Ok((seat, Feed::new(presence, filter, after)))
    }

    /// Takes a place for another kind of stream to a client at `address`: all of them share the places.
    ///
    /// # Errors
    /// Why there is none.
    pub fn seat(&self, address: IpAddr) -> Result<Seat, Refusal> {
        if *self.hub.closing.borrow() {
            return Err(Refusal::Closing);
        }
        self.seats.take(address)
    }

    /// Ends all streams, with a word, and refuses new ones.
    pub fn close(&self) {
        self.hub.closing.send_replace(true);
    }
}
