//! Serving one lane: what waits in it, until nothing may be sent or the turn is over.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use rialto_kernel::{Id, Timestamp};
use rialto_store::{StoreError, Tx};
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    AWAY,
    send::{Sent, Target},
};
use crate::{
    model::{DeliveryStatus, WebhookId},
    service::{Inner, Phase},
    store::{Attempted, LaneStore, Lease, Parcel, WebhookStore},
};

/// How many deliveries are read at once.
const PARCELS_MAX: u32 = 32;
/// How many are cancelled in one transaction.
const CANCELLED_MAX: u32 = 500;
/// How long a lane rests whose secret cannot be opened, unless something new is queued in it.
const UNOPENED_FOR: Duration = Duration::from_secs(300);

/// A lane that is leased, and for how long it is served.
struct Turn {
    inner: Arc<Inner>,
    id: WebhookId,
    lease: Id<Lease>,
    ends: Instant,
    phase: watch::Receiver<Phase>,
}

/// What is next in a lane.
enum Next {
    Nothing,
    Send(Vec<Parcel>),
    /// The webhook is switched off, or gone.
    Cancel,
    /// Its secret cannot be opened.
    Rest,
}

/// Where the next goes, as the webhook is at this moment.
enum Aim {
    At(Target),
    /// The delivery was cancelled meanwhile, or has ended in another way.
    Ended,
    /// The webhook is switched off, or gone.
    Off,
    /// Its secret cannot be opened: nothing goes out unsigned.
    Unopened,
    /// The lane is another courier's.
    NotMine,
}

/// What becomes of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    /// Nothing may be sent now, or the lane is another courier's.
    Stop,
}

/// Serves a leased lane. Whatever is not done when this ends is in the lane still.
pub(super) async fn serve(inner: Arc<Inner>, id: WebhookId, lease: Id<Lease>, phase: watch::Receiver<Phase>) {
    let ends = Instant::now() + inner.config.turn;
    let turn = Turn { inner, id, lease, ends, phase };
    loop {
        let is_over = turn.is_over();
        match if is_over { turn.yield_place().await } else { turn.step().await } {
            Ok(Then::GoOn) => {}
            Ok(Then::Stop) => return,
            Err(error) => {
                tracing::warn!(%error, webhook.id = %id, "a webhook could not be served; trying again");
                if is_over {
                    // Nobody renews the lease from now on: the lane comes due when it ends.
                    return;
                }
                tokio::time::sleep(AWAY).await;
            }
        }
    }
}

impl Turn {
    fn is_over(&self) -> bool {
        Instant::now() >= self.ends || *self.phase.borrow() != Phase::Working
    }

    /// Others have their turn: what waits here is due behind those that are due already.
    async fn yield_place(&self) -> Result<Then, StoreError> {
        let (id, lease, now) = (self.id, self.lease, self.inner.now());
        let give_back = async move |tx: &mut Tx| {
            if tx.lock_lane(id, lease).await? {
                let due = tx.next_due(id).await?;
                tx.give_back(id, due.map(|due| due.max(now))).await?;
            }
            Ok(Then::Stop)
        };
        self.inner.db.write(give_back).await
    }

    async fn step(&self) -> Result<Then, StoreError> {
        let (id, lease, now) = (self.id, self.lease, self.inner.now());
        let inner = Arc::clone(&self.inner);
        match self.inner.db.read(async move |tx: &mut Tx| next(tx, &inner, id, now).await).await? {
            Next::Nothing => self.inner.db.write(async move |tx: &mut Tx| close(tx, id, lease, now).await).await,
            Next::Cancel => {
                let cancel = async move |tx: &mut Tx| {
                    if !tx.lock_lane(id, lease).await? {
                        return Ok(Then::Stop);
                    }
                    if tx.find_webhook(id).await?.is_some_and(|webhook| webhook.is_active) {
                        // It was switched on again meanwhile, and has cancelled what was pending before.
                        return Ok(Then::GoOn);
                    }
                    if tx.cancel_pending(id, now, CANCELLED_MAX).await? > 0 {
                        return Ok(Then::GoOn);
                    }
                    tx.give_back(id, None).await?;
                    Ok(Then::Stop)
                };
                self.inner.db.write(cancel).await
            }
            Next::Rest => {
                let rest = async move |tx: &mut Tx| {
                    if tx.lock_lane(id, lease).await? {
                        tx.give_back(id, Some(now.after(UNOPENED_FOR))).await?;
                    }
                    Ok(Then::Stop)
                };
                self.inner.db.write(rest).await
            }
            Next::Send(parcels) => {
                let sent: Vec<Result<bool, StoreError>> = stream::iter(chains(parcels))
                    .map(|chain| self.send_all(chain))
                    .buffer_unordered(self.inner.config.at_once.max(1))
                    .collect()
                    .await;
                let mine = sent.into_iter().try_fold(true, |all, one| Ok::<_, StoreError>(all & one?))?;
                Ok(if mine { Then::GoOn } else { Then::Stop })
            }
        }
    }

    /// Sends these one after another; whether the lane was this courier's all the time.
    async fn send_all(&self, chain: Vec<Parcel>) -> Result<bool, StoreError> {
        for parcel in chain {
            if self.is_over() {
                break;
            }
            let target = match self.aim(parcel.seq).await? {
                Aim::At(target) => target,
                Aim::Ended => continue,
                Aim::Off | Aim::Unopened => break,
                Aim::NotMine => return Ok(false),
            };
            let sent = target.send(&self.inner, &parcel).await;
            if let Some(why) = &sent.error {
                tracing::debug!(webhook.id = %self.id, delivery.id = %parcel.id, why, "a webhook could not be told");
            }
            if !self.settle(self.judge(&parcel, sent)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Finds out where the next goes, and renews the lease: nothing is sent while the database takes no writes.
    async fn aim(&self, seq: i64) -> Result<Aim, StoreError> {
        let (inner, id, lease, now) = (Arc::clone(&self.inner), self.id, self.lease, self.inner.now());
        let until = now.after(inner.config.lease);
        let aim = async move |tx: &mut Tx| {
            if !tx.extend_lane(id, lease, until).await? {
                return Ok(Aim::NotMine);
            }
            let Some(webhook) = tx.find_webhook(id).await?.filter(|webhook| webhook.is_active) else { return Ok(Aim::Off) };
            if !tx.is_pending(seq).await? {
                return Ok(Aim::Ended);
            }
            let secrets = open(tx, &inner, id, now).await?;
            Ok::<_, StoreError>(if secrets.is_empty() { Aim::Unopened } else { Aim::At(Target { url: webhook.url, secrets }) })
        };
        // A lease that is lost with the machine is lost with its holder.
        self.inner.db.write_soon(aim).await
    }

    /// Writes down an attempt; whether the lane is this courier's still. It is what is written that is tried again, and nothing is
    /// sent twice for it.
    async fn settle(&self, attempted: Attempted) -> Result<bool, StoreError> {
        loop {
            let (id, lease, attempted) = (self.id, self.lease, attempted.clone());
            let settle = async move |tx: &mut Tx| {
                let mine = tx.lock_lane(id, lease).await?;
                if mine {
                    tx.set_attempted(&attempted).await?;
                }
                Ok::<_, StoreError>(mine)
            };
            match self.inner.db.write(settle).await {
                Err(error) if error.is_passing() && *self.phase.borrow() == Phase::Working => {
                    tracing::warn!(%error, webhook.id = %self.id, "an attempt could not be written down; trying again");
                    tokio::time::sleep(AWAY).await;
                }
                settled => return settled,
            }
        }
    }

    /// How a delivery stands after an attempt.
    fn judge(&self, parcel: &Parcel, sent: Sent) -> Attempted {
        let (tries, ended) = (parcel.tries.saturating_add(1), self.inner.now());
        let wait = usize::try_from(parcel.tries).ok().and_then(|made| self.inner.config.retries.get(made));
        let (status, due_at) = match (&sent.error, wait) {
            (None, _) => (DeliveryStatus::Delivered, None),
            (Some(_), Some(wait)) => (DeliveryStatus::Pending, Some(ended.after(*wait))),
            (Some(_), None) => (DeliveryStatus::Dead, None),
        };
        let attempt = sent.attempt(parcel.attempts.saturating_add(1));
        Attempted { seq: parcel.seq, status, due_at, tries, ended, attempt }
    }
}

/// First attempts of one subject wait for each other; whatever is sent again waits for nobody.
fn chains(parcels: Vec<Parcel>) -> Vec<Vec<Parcel>> {
    let mut chains: Vec<Vec<Parcel>> = Vec::new();
    let mut of_subject: HashMap<Uuid, usize> = HashMap::new();
    for parcel in parcels {
        let known = if parcel.tries == 0 { of_subject.get(&parcel.subject).copied() } else { None };
        match known.and_then(|at| chains.get_mut(at)) {
            Some(chain) => chain.push(parcel),
            None => {
                if parcel.tries == 0 {
                    of_subject.insert(parcel.subject, chains.len());
                }
                chains.push(vec![parcel]);
            }
        }
    }
    chains
}

/// Finds out what is next in a lane.
async fn next(tx: &mut Tx, inner: &Inner, id: WebhookId, now: Timestamp) -> Result<Next, StoreError> {
    if !tx.find_webhook(id).await?.is_some_and(|webhook| webhook.is_active) {
        return Ok(Next::Cancel);
    }
    let parcels = tx.list_parcels(id, now, PARCELS_MAX).await?;
    if parcels.is_empty() {
        return Ok(Next::Nothing);
    }
    if open(tx, inner, id, now).await?.is_empty() {
        // They were encrypted with another key, say. That is no fault of the receiver's, and no attempt.
        tracing::error!(webhook.id = %id, "the secret of a webhook cannot be opened; nothing is sent to it");
        return Ok(Next::Rest);
    }
    Ok(Next::Send(parcels))
}

/// The secrets that sign now, the one in force first; none if that cannot be opened.
async fn open(tx: &mut Tx, inner: &Inner, id: WebhookId, now: Timestamp) -> Result<Vec<Zeroizing<String>>, StoreError> {
    let sealed = tx.list_secrets(id, now).await?;
    Ok(sealed.iter().map_while(|(sealed, _)| inner.cipher.open(id, sealed).ok()).collect())
}

/// Gives a lane back in which nothing may be sent now. Whoever queues something waits for this, and finds the lane given back.
async fn close(tx: &mut Tx, id: WebhookId, lease: Id<Lease>, now: Timestamp) -> Result<Then, StoreError> {
    if !tx.lock_lane(id, lease).await? {
        return Ok(Then::Stop);
    }
    match tx.next_due(id).await? {
        Some(due) if due <= now => Ok(Then::GoOn),
        due => {
            tx.give_back(id, due).await?;
            Ok(Then::Stop)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DeliveryId;

    #[test]
    fn first_attempts_of_one_subject_wait_for_each_other() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let parcel = |seq, subject, tries| Parcel {
            seq,
            id: DeliveryId::new(),
            event: "service.called".into(),
            subject,
            body: String::new(),
            attempts: tries,
            tries,
        };
        let parcels = vec![parcel(1, one, 1), parcel(2, one, 0), parcel(3, other, 0), parcel(4, one, 0), parcel(5, one, 2)];
        let seqs: Vec<Vec<i64>> =
            chains(parcels).into_iter().map(|chain| chain.into_iter().map(|parcel| parcel.seq).collect()).collect();
        assert_eq!(seqs, [vec![1], vec![2, 4], vec![3], vec![5]]);
    }
}
