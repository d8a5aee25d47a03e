//! The reader: follows the outbox, and queues what webhooks are to be told.
//!
//! Every process reads, from the place that all have come to. Which of them queues an event does not matter: the pair of event and
//! webhook is unique, and the place is moved, forward only, in the transaction that queues. While there is no active webhook, nobody
//! reads, and the first one begins behind what was there before it.

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use rialto_kernel::{OwnerId, Timestamp};
use rialto_store::{
    Db, StoreError, Tx,
    outbox::{self, Follower, Page, Recorded},
};
use tokio::time::{Instant, sleep};

use crate::{
    event::Fact,
    model::{EventKind, NewDelivery, Webhook, WebhookId},
    service::Inner,
    store::QueueStore,
};

/// How soon it looks again after something was found, or is about to come.
const LOOK_SOON: Duration = Duration::from_millis(10);
/// The pause between two full pages.
const BREATH: Duration = Duration::from_millis(5);
/// How often it looks whether there is an active webhook.
const NOBODY: Duration = Duration::from_secs(1);
/// How long to wait before a database is asked again that could not answer.
const AWAY: Duration = Duration::from_secs(1);
/// How often the place is written down while nothing is queued. So much is read again after a crash at most.
const MARK_EVERY: Duration = Duration::from_secs(10);
/// How many deliveries are queued in one transaction.
const QUEUED_MAX: usize = 200;
/// How many deliveries of one webhook may wait; older ones are given up.
const WAITING_MAX: u32 = 10_000;

/// Runs without an end. What is cut off in the middle of it is done again from the place that was kept.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        if let Err(error) = follow(&inner).await {
            tracing::warn!(%error, "the outbox cannot be read for webhooks; trying again");
            sleep(AWAY).await;
        }
        tokio::select! {
            () = sleep(NOBODY) => {}
            () = inner.made.notified() => {}
        }
    }
}

/// Reads on for as long as there is an active webhook. After an error it is begun anew from the place that was kept, so that
/// nothing is passed over.
async fn follow(inner: &Inner) -> Result<(), StoreError> {
    let Some(start) = inner.db.read(async |tx: &mut Tx| tx.find_start().await).await? else { return Ok(()) };
    let kinds = EventKind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    let mut follower = Follower::after(&inner.db, kinds, start);
    let (mut marked, mut marked_at) = (start, Instant::now());
    let mut wait = LOOK_SOON;
    loop {
        // Hearing begins before the look, so that what is appended in between is not missed.
        let mut appended = pin!(outbox::appended());
        appended.as_mut().enable();
        let Page { events, upto, more, held_up } = follower.look().await?;
        let found = !events.is_empty();
        if found && queue(inner, events, upto).await? {
            (marked, marked_at) = (upto, Instant::now());
        }
        if marked_at.elapsed() >= MARK_EVERY {
            if upto > marked {
                mark(inner, upto).await?;
            }
            (marked, marked_at) = (upto, Instant::now());
            if inner.db.read(async |tx: &mut Tx| tx.find_start().await).await?.is_none() {
                return Ok(());
            }
        }
        if more {
            sleep(BREATH).await;
            continue;
        }
        wait = if held_up || found { LOOK_SOON } else { inner.config.poll.min(wait * 2) };
        tokio::select! {
            () = sleep(wait) => {}
            () = appended => {
                // It is not committed yet, and is seldom alone.
                sleep(LOOK_SOON).await;
                wait = LOOK_SOON;
            }
        }
    }
}

async fn mark(inner: &Inner, upto: i64) -> Result<(), StoreError> {
    let mark = async move |tx: &mut Tx| {
        if tx.lock_cursor().await? < upto { tx.set_cursor(upto).await } else { Ok(()) }
    };
    inner.db.write(mark).await
}

/// Queues what these events have to tell to whom; whether there was somebody.
async fn queue(inner: &Inner, events: Vec<Recorded>, upto: i64) -> Result<bool, StoreError> {
    // After the events were seen: whoever had a webhook before one of them was committed is seen here, too.
    let new = inner.db.read(async move |tx: &mut Tx| deliveries(tx, &events).await).await?;
    if new.is_empty() {
        return Ok(false);
    }
    let parts: Vec<&[NewDelivery]> = new.chunks(QUEUED_MAX).collect();
    let last = parts.len().saturating_sub(1);
    for (number, part) in parts.into_iter().enumerate() {
        // The place is moved with the last of them; until then, all are queued again if this process dies.
        let (part, place, now) = (part.to_vec(), (number == last).then_some(upto), inner.now());
        let queued = lanes(&part);
        let put = async move |tx: &mut Tx| {
            if tx.lock_cursor().await? >= upto {
                // Another process was faster.
                return Ok(());
            }
            // Whoever was switched off since, or off and on again, is not told of these.
            let live: HashMap<WebhookId, i64> = tx.hold_active(&lanes(&part)).await?.into_iter().collect();
            let is_told =
                |new: &NewDelivery| live.get(&new.webhook).is_some_and(|since| new.event_seq.is_none_or(|seq| seq > *since));
            let part: Vec<NewDelivery> = part.iter().filter(|new| is_told(new)).cloned().collect();
            tx.queue(&part, now).await?;
            tx.rouse(&lanes(&part), now).await?;
            match place {
                Some(upto) => tx.set_cursor(upto).await,
                None => Ok::<_, StoreError>(()),
            }
        };
        inner.db.write(put).await?;
        for lane in &queued {
            inner.desk.rouse(*lane);
        }
        bury_excess(&inner.db, queued, now).await?;
    }
    Ok(true)
}

/// Gives up the oldest of those webhooks for which too many wait. Nobody has to wait for that who reads the outbox.
async fn bury_excess(db: &Db, webhooks: Vec<WebhookId>, now: Timestamp) -> Result<(), StoreError> {
    for (webhook, upto) in db.read(async move |tx: &mut Tx| tx.list_crowded(&webhooks, WAITING_MAX).await).await? {
        let bury = async move |tx: &mut Tx| {
            tx.rouse(&[webhook], now).await?;
            tx.bury_upto(webhook, upto, "too many are waiting", now).await
        };
        let buried = db.write(bury).await?;
        tracing::warn!(webhook.id = %webhook, deliveries = buried, "too many deliveries of a webhook wait: the oldest are given up");
    }
    Ok(())
}

/// The webhooks of these deliveries, in the order of their ids, each once.
fn lanes(part: &[NewDelivery]) -> Vec<WebhookId> {
    let mut lanes: Vec<WebhookId> = part.iter().map(|new| new.webhook).collect();
    lanes.sort_unstable();
    lanes.dedup();
    lanes
}

/// What these events have to tell, in their order.
async fn deliveries(tx: &mut Tx, events: &[Recorded]) -> Result<Vec<NewDelivery>, StoreError> {
    let facts: Vec<Fact<'_>> = events.iter().filter_map(Fact::of).collect();
    let mut parties: Vec<OwnerId> = facts.iter().flat_map(|fact| fact.parties.iter().copied()).collect();
    parties.sort_unstable();
    parties.dedup();
    let webhooks = tx.list_active(&parties).await?;
    if webhooks.is_empty() {
        return Ok(Vec::new());
    }
    let mut of_owner: HashMap<OwnerId, Vec<&Webhook>> = HashMap::new();
    for webhook in &webhooks {
        of_owner.entry(webhook.owner).or_default().push(webhook);
    }
    let told: Vec<(&Fact<'_>, Vec<&Webhook>)> = facts
        .iter()
        .map(|fact| {
            let theirs = fact.parties.iter().filter_map(|party| of_owner.get(party)).flatten();
            (fact, theirs.copied().filter(|webhook| fact.concerns(webhook)).collect())
        })
        .filter(|(_, webhooks): &(_, Vec<_>)| !webhooks.is_empty())
        .collect();
    let mut named: Vec<OwnerId> = told.iter().flat_map(|(fact, _)| fact.parties.iter().copied()).collect();
    named.sort_unstable();
    named.dedup();
    let names: HashMap<OwnerId, String> =
        if named.is_empty() { HashMap::new() } else { tx.list_owner_names(&named).await?.into_iter().collect() };
    let mut new = Vec::new();
    for (fact, webhooks) in told {
        let Some(payload) = fact.payload(&names) else {
            tracing::error!(seq = fact.seq(), kind = fact.kind.as_str(), "an event makes no sense: no webhook is told of it");
            continue;
        };
        new.extend(webhooks.into_iter().filter_map(|webhook| fact.delivery(webhook, &payload)));
    }
    Ok(new)
}
