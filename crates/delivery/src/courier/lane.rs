//! Serving one lane: what waits in it, until nothing may be sent.
//!
//! A lane has so many places ([`WebhooksConfig::at_once`](crate::WebhooksConfig::at_once)). A place is taken again as soon as what had it
//! has ended, so that a receiver that takes long over one delivery delays no other. What has ended meanwhile is written in one
//! transaction, and the webhook is read again before its places are filled.

use std::sync::Arc;

use rialto_jobs::lanes::{Hold, Phase, jittered};
use rialto_store::{StoreError, Tx};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Duration, Instant, sleep},
};

use super::next::{InHand, Next, find_next};
use crate::{
    model::WebhookId,
    service::Inner,
    store::{Attempted, Release},
};

/// How long to wait before a database is asked again that could not answer.
pub(super) const AWAY: Duration = Duration::from_secs(1);

/// A lane that is leased, and what is on its way.
pub(super) struct Turn {
    pub inner: Arc<Inner>,
    pub hold: Hold<WebhookId>,
    ends: Instant,
    sending: JoinSet<Attempted>,
    pub in_hand: InHand,
    /// What has ended and is not written yet.
    pub ended: Vec<Attempted>,
    /// Whether something was written since something was last sent: nothing is sent while the database takes no writes.
    pub has_written: bool,
    /// Whether the lane cannot be read, or what is in it not be changed. What is on its way is waited for, and nothing else is sent.
    is_faulty: bool,
}

/// What becomes of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    /// It is given back, or is another courier's.
    Stop,
}

/// Serves a leased lane. Whatever is not done when this ends is in the lane still.
pub(super) async fn serve(inner: Arc<Inner>, hold: Hold<WebhookId>) {
    let (id, ends) = (hold.key, Instant::now() + inner.config.turn);
    // The lease was written just now.
    let (has_written, is_faulty) = (true, false);
    let (sending, in_hand, ended) = (JoinSet::new(), InHand::new(), Vec::new());
    let mut turn = Turn { inner, hold, ends, sending, in_hand, ended, has_written, is_faulty };
    loop {
        match turn.step().await {
            Ok(Then::GoOn) => {}
            Ok(Then::Stop) => return,
            Err(error) => {
                tracing::warn!(%error, webhook.id = %id, "a webhook could not be served; trying again");
                // One that makes no sense has no place for ever: it is given back, and others have their turn before it.
                turn.is_faulty |= !error.is_passing();
                sleep(AWAY).await;
            }
        }
    }
}

impl Turn {
    /// Whether nothing more is sent: the server stops, or others wait for the place and this one has had it for long.
    pub(super) fn is_over(&self) -> bool {
        self.is_faulty || self.hold.is_stopping() || (self.inner.desk.is_crowded() && Instant::now() >= self.ends)
    }

    fn free_places(&self) -> usize {
        self.inner.config.at_once.max(1).saturating_sub(self.sending.len())
    }

    async fn step(&mut self) -> Result<Then, StoreError> {
        if !self.is_over() && self.free_places() > 0 && self.fill().await? == Then::Stop {
            return Ok(Then::Stop);
        }
        if !self.sending.is_empty() {
            self.wait().await;
        }
        Ok(self.settle().await)
    }

    /// Takes what may be sent now into the places that are free.
    async fn fill(&mut self) -> Result<Then, StoreError> {
        while !self.is_over() {
            let (inner, place, now) = (Arc::clone(&self.inner), (self.hold.key, self.hold.lease), self.inner.now());
            let (in_hand, free) = (self.in_hand.clone(), self.free_places());
            let find = async move |tx: &mut Tx| find_next(tx, &inner.cipher, place, &in_hand, free, now).await;
            match self.inner.db.read(find).await? {
                Next::NotMine => return Ok(Then::Stop),
                // What is written renews it, and what is on its way or has ended is not lost.
                Next::Ended => self.write(Release::Keep).await,
                Next::Send(_, parcels) if parcels.is_empty() => return Ok(Then::GoOn),
                // It is read again when something could be written: it may have changed meanwhile.
                Next::Send(..) if !self.has_written => self.write(Release::Keep).await,
                Next::Send(target, parcels) => {
                    let target = Arc::new(target);
                    for (parcel, first_of) in parcels {
                        self.in_hand.insert(parcel.seq, first_of);
                        let (inner, target) = (Arc::clone(&self.inner), Arc::clone(&target));
                        self.sending.spawn(async move { target.send(&inner, parcel).await });
                    }
                    self.has_written = false;
                    return Ok(Then::GoOn);
                }
                Next::Dead(dead) => self.give_up(dead).await?,
                Next::Broken => return self.give_up_all().await,
                Next::Cancel => return self.cancel().await,
                Next::Sealed if !self.sending.is_empty() => return Ok(Then::GoOn),
                Next::Sealed => return self.rest().await,
            }
        }
        Ok(Then::GoOn)
    }

    /// Waits until something has ended, or there may be something for a place that is free.
    async fn wait(&mut self) {
        let may_fill = !self.is_over() && self.free_places() > 0;
        let is_stopping = self.hold.is_stopping();
        tokio::select! {
            Some(ended) = self.sending.join_next() => self.take_down(ended),
            () = self.hold.roused.notified(), if may_fill => {}
            () = sleep(jittered(self.inner.config.poll)), if may_fill => {}
            () = async { drop(self.hold.phase.wait_for(|phase| *phase != Phase::Working).await) }, if !is_stopping => {}
        }
        while let Some(ended) = self.sending.try_join_next() {
            self.take_down(ended);
        }
    }

    fn take_down(&mut self, ended: Result<Attempted, JoinError>) {
        match ended {
            Ok(attempted) => self.ended.push(attempted),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // It was cut off, and so is this.
            Err(_) => {}
        }
    }

    /// Writes down what has ended, and gives the lane back when nothing is on its way and nothing may be sent.
    async fn settle(&mut self) -> Then {
        let is_over = self.is_over();
        let release = match self.sending.is_empty() {
            false if self.ended.is_empty() => return Then::GoOn,
            false => Release::Keep,
            true if is_over => Release::Yield,
            true => Release::IfIdle,
        };
        self.write(release).await;
        if release == Release::Yield { Then::Stop } else { Then::GoOn }
    }
}
