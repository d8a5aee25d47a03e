//! Waiting for messages: whoever looks into an empty inbox is told when something comes.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{Stream, stream};
use rialto_kernel::{Caller, Timestamp};
use rialto_store::Tx;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    error::NetworkError,
    inbox::inbox,
    model::{Channel, Letter, NetworkId, ParticipantId},
    service::{Inner, Networks},
    store::InboxQuery,
};

/// How often a waiter looks by itself on PostgreSQL: what another replica took in is at most so late.
const LOOK_SHARED: Duration = Duration::from_millis(500);
/// And on SQLite, where everything is heard in the process.
const LOOK_ALONE: Duration = Duration::from_secs(5);
/// How many messages a stream takes from the database at a time.
const STREAM_STEP: u32 = 50;
/// For how long a message with a lower place may still be committed after one with a higher: longer than a transaction may take.
const SETTLED_AFTER: Duration = Duration::from_secs(15);
/// How many messages a stream remembers to have given, for that reason. A message that is overtaken by more is in the next
/// stream.
const REMEMBERED_MAX: usize = 500;
/// How often a silent stream gives a sign of life.
const IDLE_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before a database is asked again that could not answer.
const AWAY: Duration = Duration::from_secs(1);

/// Who waits in this process, by participant.
#[derive(Default)]
pub(crate) struct Waiters(Arc<Mutex<HashMap<ParticipantId, Seated>>>);

struct Seated {
    bell: Arc<Notify>,
    count: usize,
}

fn lock(all: &Mutex<HashMap<ParticipantId, Seated>>) -> MutexGuard<'_, HashMap<ParticipantId, Seated>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Waiters {
    fn sit(&self, id: ParticipantId) -> Seat {
        let mut all = lock(&self.0);
        let seated = all.entry(id).or_insert_with(|| Seated { bell: Arc::new(Notify::new()), count: 0 });
        seated.count += 1;
        Seat { all: Arc::clone(&self.0), id, bell: Arc::clone(&seated.bell) }
    }

    pub(crate) fn wake(&self, id: ParticipantId) {
        if let Some(seated) = lock(&self.0).get(&id) {
            seated.bell.notify_waiters();
        }
    }
}

/// Somebody who waits, for as long as this is held.
struct Seat {
    all: Arc<Mutex<HashMap<ParticipantId, Seated>>>,
    id: ParticipantId,
    bell: Arc<Notify>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        if let Some(seated) = all.get_mut(&self.id) {
            seated.count = seated.count.saturating_sub(1);
            if seated.count == 0 {
                all.remove(&self.id);
            }
        }
    }
}

impl Networks {
    /// Lists an inbox like [`inbox`]; while it is empty, waits for something to come, at most `patience`.
    ///
    /// # Errors
    /// As [`inbox`].
    pub async fn await_inbox(
        &self,
        caller: Caller,
        network: NetworkId,
        id: ParticipantId,
        query: InboxQuery,
        patience: Duration,
    ) -> Result<Vec<Letter>, NetworkError> {
        let inner = &self.inner;
        let deadline = Instant::now() + patience;
        let seat = inner.waiters.sit(id);
        let mut closing = inner.closing.subscribe();
        loop {
            // Hearing begins before the look, so that what comes in between is not missed.
            let mut bell = std::pin::pin!(seat.bell.notified());
            bell.as_mut().enable();
            let found = inner.look(caller, network, id, query).await?;
            if !found.is_empty() || Instant::now() >= deadline {
                return Ok(found);
            }
            let next = deadline.min(Instant::now() + inner.look_every());
            tokio::select! {
                () = bell => {}
                () = tokio::time::sleep_until(next) => {}
                _ = closing.wait_for(|closing| *closing) => return Ok(found),
            }
        }
    }

    /// What comes into an inbox, as it comes: first what is in it, then each message once, without an end. What was not
    /// acknowledged comes again in the next stream.
    ///
    /// Messages are taken from the database when the reader has room for them, so a slow one costs nothing but its place.
    ///
    /// # Errors
    /// As [`inbox`].
    pub async fn follow_inbox(
        &self,
        caller: Caller,
        network: NetworkId,
        id: ParticipantId,
        channel: Option<Channel>,
        after: i64,
    ) -> Result<impl Stream<Item = Arrival> + use<>, NetworkError> {
        let inner = Arc::clone(&self.inner);
        let query = InboxQuery { channel, after, limit: 1 };
        inner.look(caller, network, id, query).await?;
        let feed = Feed {
            seat: inner.waiters.sit(id),
            closing: inner.closing.subscribe(),
            inner,
            caller,
            network,
            id,
            channel,
            settled: after,
            sent: VecDeque::new(),
            ready: VecDeque::new(),
            ended: false,
        };
        Ok(stream::unfold(feed, |mut feed| async {
            if feed.ended {
                return None;
            }
            let arrival = feed.next().await;
            feed.ended = matches!(arrival, Arrival::Ended(_));
            Some((arrival, feed))
        }))
    }
}

impl Inner {
    const fn look_every(&self) -> Duration {
        if self.db.is_postgres() { LOOK_SHARED } else { LOOK_ALONE }
    }

    async fn look(
        &self,
        caller: Caller,
        network: NetworkId,
        id: ParticipantId,
        query: InboxQuery,
    ) -> Result<Vec<Letter>, NetworkError> {
        self.db.read(async move |tx: &mut Tx| inbox(tx, &caller, network, id, &query).await).await
    }
}

/// What a stream of an inbox gives.
#[derive(Debug)]
pub enum Arrival {
    /// A message.
    Letter(Box<Letter>),
    /// Nothing for a while.
    Idle,
    /// There will be nothing more: the network or the participant is gone, or, when there is no error, the server is going
    /// down.
    Ended(Option<NetworkError>),
}

struct Feed {
    seat: Seat,
    closing: watch::Receiver<bool>,
    inner: Arc<Inner>,
    caller: Caller,
    network: NetworkId,
    id: ParticipantId,
    channel: Option<Channel>,
    /// Nothing can come any more at this place or before.
    settled: i64,
    /// What was given behind that place, and when it was accepted, in order.
    sent: VecDeque<(i64, Timestamp)>,
    ready: VecDeque<Letter>,
    ended: bool,
}

impl Feed {
    async fn next(&mut self) -> Arrival {
        let idle = Instant::now() + IDLE_EVERY;
        loop {
            if *self.closing.borrow() {
                return Arrival::Ended(None);
            }
            if let Some(letter) = self.ready.pop_front() {
                return Arrival::Letter(Box::new(letter));
            }
            let bell = Arc::clone(&self.seat.bell);
            let mut bell = std::pin::pin!(bell.notified());
            bell.as_mut().enable();
            let pause = match self.fill().await {
                Ok(()) if !self.ready.is_empty() => continue,
                Ok(()) => self.inner.look_every(),
                Err(NetworkError::Store(error)) if error.is_passing() => AWAY,
                Err(error) => return Arrival::Ended(Some(error)),
            };
            if Instant::now() >= idle {
                return Arrival::Idle;
            }
            let next = idle.min(Instant::now() + pause);
            tokio::select! {
                () = bell => {}
                () = tokio::time::sleep_until(next) => {}
                _ = self.closing.wait_for(|closing| *closing) => {}
            }
        }
    }

    /// Takes what has come from the database. On PostgreSQL a message may be committed after one with a higher place, so the
    /// look begins where nothing can come any more, and passes over what was given.
    async fn fill(&mut self) -> Result<(), NetworkError> {
        // One writer commits in order.
        let unsettled = if self.inner.db.is_postgres() { SETTLED_AFTER } else { Duration::ZERO };
        let horizon = self.inner.now().before(unsettled);
        let is_settled = |at: Timestamp, given: usize| at <= horizon || given > REMEMBERED_MAX;
        while let Some((seq, _)) = self.sent.front().filter(|(_, at)| is_settled(*at, self.sent.len())).copied() {
            self.settled = self.settled.max(seq);
            self.sent.pop_front();
        }
        let given = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        let query = InboxQuery { channel: self.channel, after: self.settled, limit: STREAM_STEP.saturating_add(given) };
        let found = self.inner.look(self.caller, self.network, self.id, query).await?;
        for letter in found {
            let place = letter.message.seq;
            if let Err(at) = self.sent.binary_search_by_key(&place, |(seq, _)| *seq) {
                self.sent.insert(at, (place, letter.message.created_at));
                self.ready.push_back(letter);
            }
        }
        Ok(())
    }
}
