//! What a turn writes: what has ended, and what will never be sent.

use std::sync::Arc;

use rialto_store::{StoreError, Tx};
use tokio::time::{Duration, sleep};

use super::{
    end::LaneEnd,
    lane::{AWAY, Then, Turn},
    next::{Signing, signing},
};
use crate::{
    model::WebhookId,
    store::{Attempted, LaneStore, ParcelStore, Release, WebhookStore},
};

/// How many deliveries are cancelled or given up in one transaction.
const BATCH: u32 = 500;
/// How long a lane rests whose secret is encrypted with a key that is not here, unless something new is queued in it or the secret
/// replaced.
const SEALED_FOR: Duration = Duration::from_secs(300);
/// How often what was refused is written again as it is.
const REFUSALS_MAX: u32 = 3;

/// Why nothing can be sent any more that is signed with a secret that is broken.
const BROKEN: &str = "the webhook's secret cannot be read: replace it by rotate-secret, then replay";
/// What stands for words that could not be written.
const UNSAID: &str = "the attempt failed; why cannot be written down";
/// Why a delivery is given up whose attempt cannot be written.
const UNWRITTEN: &str = "it was sent, but what came of it cannot be written down";

/// Whether a webhook is there and switched on. To be asked when its lane is locked, as whoever switches it off locks it, too: of one
/// that was deleted the secrets are gone, and what is pending is cancelled.
async fn is_on(tx: &mut Tx, id: WebhookId) -> Result<bool, StoreError> {
    Ok(tx.find_webhook(id).await?.is_some_and(|webhook| webhook.is_active))
}

/// Whether a refusal is about what was written, and not about the database.
const fn is_of_the_row(error: &StoreError) -> bool {
    matches!(error, StoreError::Unique(_) | StoreError::ForeignKey(_) | StoreError::Check(_) | StoreError::Corrupt(_))
}

impl Turn {
    fn end(&self, attempts: Vec<Attempted>, release: Release) -> Arc<LaneEnd> {
        let (webhook, lease, now) = (self.hold.key, self.hold.lease, self.inner.now());
        Arc::new(LaneEnd { webhook, lease, attempts, release, now, until: now.after(self.inner.config.lease) })
    }

    /// Writes, together with other lanes, for as long as it takes: what is written is tried again, and nothing is sent twice for it.
    /// When the lane is another's by now there is nothing to write.
    pub(super) async fn write(&mut self, release: Release) {
        let mut attempts = std::mem::take(&mut self.ended);
        let seqs: Vec<i64> = attempts.iter().map(|attempted| attempted.seq).collect();
        let mut refusals = 0;
        while let Err(error) = self.inner.ends.write(self.end(attempts.clone(), release)).await {
            tracing::warn!(%error, webhook.id = %self.hold.key, "attempts could not be written down; trying again");
            refusals += u32::from(!error.is_passing());
            if refusals >= REFUSALS_MAX && !attempts.is_empty() {
                attempts = self.write_each(attempts).await;
            }
            sleep(AWAY).await;
        }
        for seq in seqs {
            self.in_hand.remove(&seq);
        }
        self.has_written = true;
    }

    /// Writes attempts each alone and without what others have said, and gives up those that are refused even so. Gives what could not
    /// be written for now.
    async fn write_each(&self, attempts: Vec<Attempted>) -> Vec<Attempted> {
        let mut left = Vec::new();
        for mut attempted in attempts {
            attempted.attempt.error = attempted.attempt.error.map(|_| UNSAID.to_owned());
            let written = match self.inner.ends.write(self.end(vec![attempted.clone()], Release::Keep)).await {
                Err(error) if is_of_the_row(&error) => self.give_up(vec![(attempted.seq, UNWRITTEN.to_owned())]).await,
                written => written,
            };
            if written.is_err() {
                left.push(attempted);
            }
        }
        left
    }

    /// Gives up what can never be sent.
    pub(super) async fn give_up(&self, dead: Vec<(i64, String)>) -> Result<(), StoreError> {
        let (id, lease, now) = (self.hold.key, self.hold.lease, self.inner.now());
        tracing::error!(webhook.id = %id, deliveries = dead.len(), why = dead.first().map(|(_, why)| why), "deliveries are given up");
        let give_up = async move |tx: &mut Tx| {
            if !tx.lock_lanes(&[id], lease).await?.is_empty() && is_on(tx, id).await? {
                for (seq, why) in &dead {
                    tx.give_up(&[*seq], why, now).await?;
                }
            }
            Ok(())
        };
        self.inner.db.write(give_up).await
    }

    /// Gives up all that is pending for a webhook whose secret is broken, but not what is on its way.
    pub(super) async fn give_up_all(&self) -> Result<Then, StoreError> {
        let (id, lease, now) = (self.hold.key, self.hold.lease, self.inner.now());
        tracing::error!(webhook.id = %id, "the secret of a webhook cannot be read: what is pending for it is given up");
        while !self.is_over() {
            let (inner, in_hand) = (Arc::clone(&self.inner), self.in_hand.keys().copied().collect::<Vec<_>>());
            let give_up = async move |tx: &mut Tx| {
                if tx.lock_lanes(&[id], lease).await?.is_empty() {
                    return Ok(None);
                }
                // It may have been mended since: whoever does that locks the lane, too.
                if !is_on(tx, id).await? || !matches!(signing(tx, &inner.cipher, id, now).await?, Signing::Broken) {
                    return Ok(Some(0));
                }
                let seqs = tx.list_pending(id, &in_hand, BATCH).await?;
                tx.give_up(&seqs, BROKEN, now).await?;
                Ok::<_, StoreError>(Some(seqs.len()))
            };
            match self.inner.db.write(give_up).await? {
                None => return Ok(Then::Stop),
                Some(0) => break,
                Some(_) => {}
            }
        }
        Ok(Then::GoOn)
    }

    /// Cancels what is pending for a webhook that is switched off or gone, also what is on its way: that may arrive still.
    pub(super) async fn cancel(&self) -> Result<Then, StoreError> {
        let (id, lease, now) = (self.hold.key, self.hold.lease, self.inner.now());
        let cancel = async move |tx: &mut Tx| {
            if tx.lock_lanes(&[id], lease).await?.is_empty() {
                return Ok(None);
            }
            // It may have been switched on again meanwhile, and has cancelled what was pending before.
            Ok::<_, StoreError>(Some(if is_on(tx, id).await? { 0 } else { tx.cancel_pending(id, now, BATCH).await? }))
        };
        while !self.is_over() {
            match self.inner.db.write(cancel).await? {
                None => return Ok(Then::Stop),
                Some(0) => break,
                Some(_) => {}
            }
        }
        Ok(Then::GoOn)
    }

    /// The secret was encrypted with another key. That is no fault of the receiver's, and no attempt: somebody may mend it.
    pub(super) async fn rest(&self) -> Result<Then, StoreError> {
        let (id, lease, now) = (self.hold.key, self.hold.lease, self.inner.now());
        let inner = Arc::clone(&self.inner);
        let rest = async move |tx: &mut Tx| {
            if tx.lock_lanes(&[id], lease).await?.is_empty() {
                return Ok(Then::Stop);
            }
            // It may have been mended since: whoever does that locks the lane, too, and wakes it when it rests.
            if !matches!(signing(tx, &inner.cipher, id, now).await?, Signing::Sealed) {
                return Ok(Then::GoOn);
            }
            tx.give_back(id, now.after(SEALED_FOR)).await?;
            Ok(Then::Stop)
        };
        let then = self.inner.db.write::<_, StoreError, _>(rest).await?;
        if then == Then::Stop {
            tracing::error!(webhook.id = %id, "the secret of a webhook is encrypted with a key that is not here; nothing is sent to it");
        }
        Ok(then)
    }
}
