//! Serving one lane: what waits in it, until nothing may be sent.
//!
//! A lane has so many places ([`WebhooksConfig::at_once`](crate::WebhooksConfig::at_once)). A place is taken again as soon as what had it
//! has ended, so that a receiver that takes long over one delivery delays no other. What has ended meanwhile is written in one
//! transaction, and the webhook is read again before its places are filled.

use std::{sync::Arc, time::Duration};

use rialto_jobs::lanes::{Hold, Phase, jittered};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx};
use tokio::task::{JoinError, JoinSet};

use super::{
    end::LaneEnd,
    next::{InHand, Next, find_next},
};
use crate::{
    model::WebhookId,
    service::Inner,
    store::{Attempted, LaneStore, ParcelStore, Release, WebhookStore},
};

/// How long to wait before a database is asked again that could not answer.
const AWAY: Duration = Duration::from_secs(1);
/// How many deliveries are cancelled in one transaction.
const CANCELLED_MAX: u32 = 500;
/// How long a lane rests whose secret is encrypted with a key that is not here, unless something new is queued in it.
const SEALED_FOR: Duration = Duration::from_secs(300);

/// A lane that is leased, and what is on its way.
struct Turn {
    inner: Arc<Inner>,
    hold: Hold<WebhookId>,
    ends: Timestamp,
    sending: JoinSet<Attempted>,
    in_hand: InHand,
    /// What has ended and is not written yet.
    ended: Vec<Attempted>,
    /// Whether something was written since something was last sent: nothing is sent while the database takes no writes.
    has_written: bool,
}

/// What becomes of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    /// It is given back, or is another courier's.
    Stop,
}

/// Serves a leased lane. Whatever is not done when this ends is in the lane still.
pub(super) async fn serve(inner: Arc<Inner>, hold: Hold<WebhookId>) {
    let (id, ends) = (hold.key, inner.now().after(inner.config.turn));
    // The lease was written just now.
    let has_written = true;
    let (sending, in_hand, ended) = (JoinSet::new(), InHand::new(), Vec::new());
    let mut turn = Turn { inner, hold, ends, sending, in_hand, ended, has_written };
    loop {
        match turn.step().await {
            Ok(Then::GoOn) => {}
            Ok(Then::Stop) => return,
            Err(error) => {
                tracing::warn!(%error, webhook.id = %id, "a webhook could not be served; trying again");
                if turn.hold.is_stopping() || !error.is_passing() {
                    // Nobody renews the lease from now on: the lane comes due when it ends.
                    return;
                }
                tokio::time::sleep(AWAY).await;
            }
        }
    }
}

impl Turn {
    /// Whether nothing more is sent: the server stops, or others wait for the place and this one has had it for long.
    fn is_over(&self) -> bool {
        self.hold.is_stopping() || (self.inner.desk.is_crowded() && self.inner.now() >= self.ends)
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
        self.settle().await
    }

    /// Takes what may be sent now into the places that are free.
    async fn fill(&mut self) -> Result<Then, StoreError> {
        loop {
            let (inner, place, now) = (Arc::clone(&self.inner), (self.hold.key, self.hold.lease), self.inner.now());
            let (in_hand, free) = (self.in_hand.clone(), self.free_places());
            let find = async move |tx: &mut Tx| find_next(tx, &inner.cipher, place, &in_hand, free, now).await;
            match self.inner.db.read(find).await? {
                Next::NotMine => return Ok(Then::Stop),
                Next::Send(_, parcels) if parcels.is_empty() => return Ok(Then::GoOn),
                // It is read again when something could be written: it may have changed meanwhile.
                Next::Send(..) if !self.has_written => self.write(Release::Keep).await?,
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
                Next::Cancel => return self.cancel().await,
                Next::Sealed if !self.sending.is_empty() => return Ok(Then::GoOn),
                Next::Sealed => return self.rest().await,
            }
        }
    }

    /// Waits until something has ended, or there may be something for a place that is free.
    async fn wait(&mut self) {
        let may_fill = !self.is_over() && self.free_places() > 0;
        let is_stopping = self.hold.is_stopping();
        tokio::select! {
            Some(ended) = self.sending.join_next() => self.take_down(ended),
            () = self.hold.roused.notified(), if may_fill => {}
            () = tokio::time::sleep(jittered(self.inner.config.poll)), if may_fill => {}
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
    async fn settle(&mut self) -> Result<Then, StoreError> {
        let is_over = self.is_over();
        let release = match self.sending.is_empty() {
            false if self.ended.is_empty() => return Ok(Then::GoOn),
            false => Release::Keep,
            true if is_over => Release::Yield,
            true => Release::IfIdle,
        };
        self.write(release).await?;
        Ok(if release == Release::Yield { Then::Stop } else { Then::GoOn })
    }

    /// Writes, together with other lanes. It is what is written that is tried again, and nothing is sent twice for it.
    async fn write(&mut self, release: Release) -> Result<(), StoreError> {
        let (webhook, lease, now) = (self.hold.key, self.hold.lease, self.inner.now());
        let (attempts, until) = (std::mem::take(&mut self.ended), now.after(self.inner.config.lease));
        let end = Arc::new(LaneEnd { webhook, lease, attempts, release, now, until });
        loop {
            match self.inner.ends.write(Arc::clone(&end)).await {
                Err(error) if error.is_passing() && !self.hold.is_stopping() => {
                    tracing::warn!(%error, webhook.id = %webhook, "attempts could not be written down; trying again");
                    tokio::time::sleep(AWAY).await;
                }
                written => {
                    written?;
                    break;
                }
            }
        }
        for attempted in &end.attempts {
            self.in_hand.remove(&attempted.seq);
        }
        self.has_written = true;
        Ok(())
    }

    /// Gives up what can never be sent.
    async fn give_up(&mut self, dead: Vec<(i64, String)>) -> Result<(), StoreError> {
        let (id, lease, now) = (self.hold.key, self.hold.lease, self.inner.now());
        tracing::error!(webhook.id = %id, deliveries = dead.len(), why = dead.first().map(|(_, why)| why), "deliveries are given up");
        let give_up = async move |tx: &mut Tx| {
            // Of one that was deleted meanwhile the secrets are gone, and what is pending is cancelled.
            let is_on = tx.find_webhook(id).await?.is_some_and(|webhook| webhook.is_active);
            if !tx.lock_lanes(&[id], lease).await?.is_empty() && is_on {
                for (seq, why) in &dead {
                    tx.give_up(*seq, why, now).await?;
                }
            }
            Ok(())
        };
        self.inner.db.write(give_up).await
    }

    /// Cancels what is pending for a webhook that is switched off or gone, also what is on its way: that may arrive still.
    async fn cancel(&self) -> Result<Then, StoreError> {
        let (id, lease, now) = (self.hold.key, self.hold.lease, self.inner.now());
        let cancel = async move |tx: &mut Tx| {
            if tx.lock_lanes(&[id], lease).await?.is_empty() {
                return Ok(None);
            }
            // It may have been switched on again meanwhile, and has cancelled what was pending before.
            let is_on = tx.find_webhook(id).await?.is_some_and(|webhook| webhook.is_active);
            Ok::<_, StoreError>(Some(if is_on { 0 } else { tx.cancel_pending(id, now, CANCELLED_MAX).await? }))
        };
        loop {
            match self.inner.db.write(cancel).await? {
                None => return Ok(Then::Stop),
                Some(0) => return Ok(Then::GoOn),
                Some(_) => {}
            }
        }
    }

    /// The secret was encrypted with another key. That is no fault of the receiver's, and no attempt: somebody may mend it.
    async fn rest(&self) -> Result<Then, StoreError> {
        let (id, lease, due) = (self.hold.key, self.hold.lease, self.inner.now().after(SEALED_FOR));
        tracing::error!(webhook.id = %id, "the secret of a webhook is encrypted with a key that is not here; nothing is sent to it");
        let rest = async move |tx: &mut Tx| {
            if !tx.lock_lanes(&[id], lease).await?.is_empty() {
                tx.give_back(id, due).await?;
            }
            Ok(Then::Stop)
        };
        self.inner.db.write(rest).await
    }
}
