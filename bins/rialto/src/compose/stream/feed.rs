//! What one client is given: what was before, from the outbox, and then what happens, from the ring.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use rialto_store::{StoreError, Tx, outbox};
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use super::{Filter, Frame, Hub, Presence, frame::public_kinds};

/// How many sequence numbers one read of the past covers.
const WINDOW: i64 = 1_000;
/// How many sequence numbers back one may resume. Anybody may ask, and each is looked at.
const REPLAY_MAX: i64 = 1_000_000;
/// How often a silent stream says where it is. That a client has left without a word shows at the second word to it.
const IDLE_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before the outbox is read again that could not be.
const AWAY: Duration = Duration::from_secs(1);

/// What comes next.
#[derive(Debug)]
pub enum Delivery {
    /// An event that the client wants.
    Event(Arc<Frame>),
    /// Events are not kept any more that the client asked for. Those behind this number follow.
    Gone {
        /// The sequence number from which on nothing is missing.
        after: i64,
    },
    /// Nothing for a while. The client has all that it wants up to this number.
    Idle(i64),
    /// The client took too long, and the ring has overtaken it. The last.
    Slow,
    /// The server is going down. The last.
    Closing,
}

/// Where a client is.
enum Phase {
    /// It asked for what came behind this number; nobody knows yet whether that is there.
    Asked(i64),
    /// It is given the past. Near its end it listens too.
    Past(Option<broadcast::Receiver<Arc<Frame>>>),
    /// It is given what happens.
    Live(broadcast::Receiver<Arc<Frame>>),
    /// It was told why it ends.
    Ended,
}

/// One client's events, in order, each once.
pub struct Feed {
    presence: Presence,
    filter: Filter,
    kinds: Vec<String>,
    phase: Phase,
    /// It has had all that it wants up to here.
    at: i64,
    ready: VecDeque<Arc<Frame>>,
    closing: watch::Receiver<bool>,
}

impl Feed {
    pub(super) fn new(presence: Presence, filter: Filter, after: Option<i64>) -> Self {
        let hub = &presence.0;
        let closing = hub.closing.subscribe();
        // It listens before it looks where the head is: see the reader.
        let live = hub.ring.subscribe();
        let head = hub.place.borrow().head.unwrap_or(0);
        let phase = after.map_or(Phase::Live(live), Phase::Asked);
        Self { filter, kinds: public_kinds(), phase, at: head, ready: VecDeque::new(), closing, presence }
    }

    /// All that comes, to the end.
    pub fn deliveries(self) -> impl Stream<Item = Delivery> {
        stream::unfold(self, |mut feed| async {
            if matches!(feed.phase, Phase::Ended) {
                return None;
            }
            let delivery = feed.next().await;
            if matches!(delivery, Delivery::Slow | Delivery::Closing) {
                feed.phase = Phase::Ended;
            }
            Some((delivery, feed))
        })
    }

    async fn next(&mut self) -> Delivery {
        let mut closing = self.closing.clone();
        let idle = tokio::time::sleep(IDLE_EVERY);
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => Delivery::Closing,
            delivery = self.advance() => delivery,
            () = idle => Delivery::Idle(self.at),
        }
    }

    /// Waits for the next event. It may be dropped while it waits, and called again: nothing is lost by that.
    async fn advance(&mut self) -> Delivery {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Delivery::Event(frame);
            }
            let hub = Arc::clone(&self.presence.0);
            match &mut self.phase {
                Phase::Live(live) => match live.recv().await {
                    Ok(frame) if frame.seq > self.at => {
                        self.at = frame.seq;
                        if self.filter.wants(&frame) {
                            return Delivery::Event(frame);
                        }
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => {
                        hub.counts.dropped.inc();
                        return Delivery::Slow;
                    }
                    Err(RecvError::Closed) => return Delivery::Closing,
                },
                Phase::Asked(after) => {
                    let after = *after;
                    match self.begin(&hub, after).await {
                        Ok(()) if self.at != after && after != 0 => return Delivery::Gone { after: self.at },
                        Ok(()) => {}
                        Err(error) => away(&error).await,
                    }
                }
                Phase::Past(_) => {
                    if let Err(error) = self.read_past(&hub).await {
                        away(&error).await;
                    }
                }
                Phase::Ended => return Delivery::Closing,
            }
        }
    }

    /// Finds where to begin: behind `after`, or as far back as one may go. 0 is that, by whatever name.
    async fn begin(&mut self, hub: &Hub, after: i64) -> Result<(), StoreError> {
        let head = settled_head(hub).await.unwrap_or(self.at);
        let reach = hub.db.read(async |tx: &mut Tx| outbox::reach(tx).await).await?;
        // Above the head the oldest that is seen need not be the oldest that there is: an older one may be committed yet.
        let floor = reach.oldest.map_or(head, |oldest| head.min(oldest.saturating_sub(1)));
        let floor = floor.max(head.saturating_sub(REPLAY_MAX));
        // A number that was never given is another database's.
        self.at = if after > reach.newest { head } else { after.max(floor) };
        self.phase = Phase::Past(None);
        Ok(())
    }

    /// Reads one window of the past; near the head it begins to listen, and goes over to that when the two meet.
    async fn read_past(&mut self, hub: &Hub) -> Result<(), StoreError> {
        let Phase::Past(live) = &mut self.phase else { return Ok(()) };
        let mut head = settled_head(hub).await.unwrap_or(self.at);
        if live.is_none() && head.saturating_sub(self.at) <= WINDOW {
            *live = Some(hub.ring.subscribe());
            // It listens now, and so the head is looked at again: see the reader.
            head = hub.place.borrow().head.unwrap_or(head);
        }
        if self.at < head {
            let (after, upto) = (self.at, head.min(self.at.saturating_add(WINDOW)));
            let kinds = self.kinds.clone();
            let Ok(_turn) = hub.replays.acquire().await else { return Ok(()) };
            let read = async move |tx: &mut Tx| outbox::between(tx, &kinds, after, upto).await;
            let events = hub.db.read(read).await?;
            let frames = events.iter().filter_map(Frame::of).filter(|frame| self.filter.wants(frame));
            self.ready.extend(frames.map(Arc::new));
            self.at = upto;
        }
        if self.at >= head
            && let Some(live) = live.take()
        {
            self.phase = Phase::Live(live);
        }
        Ok(())
    }
}

/// The head, once nothing up to it can be committed any more: else what is committed late came behind what was read.
async fn settled_head(hub: &Hub) -> Option<i64> {
    let mut place = hub.place.subscribe();
    let settled = place.wait_for(|place| place.settled).await.map(|place| place.head);
    settled.ok().flatten()
}

/// The outbox could not be read: it will be again.
async fn away(error: &StoreError) {
    tracing::warn!(%error, "a stream cannot be resumed; trying again");
    tokio::time::sleep(AWAY).await;
}
