//! Serving one lane: its messages, one after another, until it is empty or its participant cannot be reached.

use std::{sync::Arc, time::Duration};

use rialto_jobs::lanes::{Hold, Lease};
use rialto_kernel::{Id, Timestamp};
use rialto_outbound::{OutboundError, StatusCode};
use rialto_registry::CredentialCipher;
use rialto_store::{StoreError, Tx};
use tokio::time::{Instant, sleep};

use crate::{
    error::NetworkError,
    model::{DeliveryStatus, ParticipantId, ParticipantStatus},
    payload::{Contents, Parcel, limits, pack},
    service::Inner,
    store::{Attempted, Dismissal, Head, LaneStore, NetworkStore, ParticipantStore},
};

/// How long to wait before a database is asked again that could not answer.
const AWAY: Duration = Duration::from_secs(1);
/// How many messages are taken out of a lane at once.
const DISMISSED_MAX: u32 = 500;
/// How often that is done in one transaction. What is left has attempts of its own.
const DISMISSALS_MAX: u32 = 10;

/// Why nothing comes any more to whoever has left.
const LEFT: &str = "The participant has left the network";

/// What is next in a lane.
enum Next {
    Nothing,
    Send {
        parcel: Box<Parcel>,
        attempts: i32,
    },
    Dismiss(Dismissal),
    /// It cannot be sent now, for a reason of ours. That is an attempt like any other.
    Stuck {
        seq: i64,
        attempts: i32,
        why: String,
    },
    /// The participant has left: what still waits for it, in its lane or not, has failed.
    Abandon,
    /// The participant is away for a while: what waits in the lane stays there.
    Park,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Taken,
    /// The participant does not want this message.
    Refused(String),
    /// The participant cannot be reached, with this message or any other.
    Unreachable(String),
    /// It will never be reached there.
    Hopeless(String),
}

/// What becomes of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    /// Nothing waits in it, or it has to wait, or it is another worker's.
    Stop,
}

/// Serves a leased lane. Whatever is not done when this ends is in the lane still.
pub(super) async fn serve(inner: &Arc<Inner>, hold: Hold<ParticipantId>) {
    let began = Instant::now();
    while !hold.is_stopping() {
        let is_over = inner.desk.is_crowded() && began.elapsed() >= inner.config.turn;
        let then = if is_over {
            make_room(inner, hold.key, hold.lease).await.map(|()| Then::Stop)
        } else {
            step(inner, hold.key, hold.lease).await
        };
        match then {
            Ok(Then::GoOn) => {}
            Ok(Then::Stop) => break,
            Err(error) => {
                tracing::warn!(%error, participant.id = %hold.key, "a lane could not be served; trying again");
                // What makes no sense has no place for ever: the lane comes due when its lease ends, and others have been there before.
                if StoreError::find(&error).is_none_or(|error| !error.is_passing()) {
                    break;
                }
                sleep(AWAY).await;
            }
        }
    }
}

/// Gives a lane back in which more waits. It comes due behind those that wait for a place now.
async fn make_room(inner: &Arc<Inner>, id: ParticipantId, lease: Id<Lease>) -> Result<(), NetworkError> {
    let now = inner.now();
    let give_back = async move |tx: &mut Tx| match tx.lock_lane(id, lease).await? {
        Some(failing) => tx.set_lane(id, Some(now), failing).await,
        None => Ok::<_, StoreError>(()),
    };
    Ok(inner.db.write(give_back).await?)
}

async fn step(inner: &Arc<Inner>, id: ParticipantId, lease: Id<Lease>) -> Result<Then, NetworkError> {
    let (agents, now) = (inner.agents.clone(), inner.now());
    match inner.db.read(async move |tx: &mut Tx| next(tx, &agents, id, now).await).await? {
        Next::Nothing => {
            let close = async move |tx: &mut Tx| {
                let Some(_failing) = tx.lock_lane(id, lease).await? else { return Ok(Then::Stop) };
                Ok::<_, StoreError>(if tx.close_lane(id).await? { Then::Stop } else { Then::GoOn })
            };
            Ok(inner.db.write(close).await?)
        }
        Next::Dismiss(how) => {
            let dismiss = async move |tx: &mut Tx| {
                let Some(_failing) = tx.lock_lane(id, lease).await? else { return Ok(Then::Stop) };
                tx.dismiss(id, &how, now, DISMISSED_MAX).await?;
                Ok::<_, StoreError>(Then::GoOn)
            };
            Ok(inner.db.write(dismiss).await?)
        }
        Next::Abandon => {
            let abandon = async move |tx: &mut Tx| {
                let Some(_failing) = tx.lock_lane(id, lease).await? else { return Ok(Then::Stop) };
                tx.abandon(id, LEFT, now, DISMISSED_MAX).await?;
                Ok::<_, StoreError>(Then::GoOn)
            };
            Ok(inner.db.write(abandon).await?)
        }
        Next::Park => {
            let park = async move |tx: &mut Tx| {
                let Some(_failing) = tx.lock_lane(id, lease).await? else { return Ok(Then::Stop) };
                // Asked again under the lock, which whoever brings it back takes as well.
                if tx.find_status(id).await? != Some(ParticipantStatus::Disconnected) {
                    return Ok(Then::GoOn);
                }
                tx.park_lane(id).await?;
                Ok::<_, StoreError>(Then::Stop)
            };
            Ok(inner.db.write(park).await?)
        }
        Next::Stuck { seq, attempts, why } => {
            tracing::error!(participant.id = %id, why, "a message cannot be sent");
            let tried = tried(inner, seq, id, lease, attempts, now);
            let outcome = Outcome::Unreachable(why);
            Ok(inner.db.write(async move |tx: &mut Tx| settle(tx, &tried, &outcome).await).await?)
        }
        Next::Send { parcel, attempts } => {
            let outcome = attempt(inner, &parcel).await;
            if outcome != Outcome::Taken {
                tracing::debug!(message.id = %parcel.message, participant.id = %id, ?outcome, "a message could not be delivered");
            }
            let tried = tried(inner, parcel.seq, id, lease, attempts, now);
            Ok(inner.db.write(async move |tx: &mut Tx| settle(tx, &tried, &outcome).await).await?)
        }
    }
}

/// An attempt that has ended just now.
fn tried(inner: &Inner, seq: i64, id: ParticipantId, lease: Id<Lease>, attempts: i32, began: Timestamp) -> Tried {
    let (retry, ended) = (inner.config.retry, inner.now());
    let number = u32::try_from(attempts).unwrap_or(0).saturating_add(1);
    Tried { seq, id, lease, is_last: number >= retry.attempts_max, began, ended, again: ended.after(retry.wait(number)) }
}

/// Finds out what is next in a lane.
async fn next(tx: &mut Tx, agents: &CredentialCipher, id: ParticipantId, now: Timestamp) -> Result<Next, NetworkError> {
    let Some(Head { seq, attempts, message, network, sender, channel, content }) = tx.find_head(id).await? else {
        let left = tx.find_status(id).await? == Some(ParticipantStatus::Removed) && tx.is_awaited(id).await?;
        return Ok(if left { Next::Abandon } else { Next::Nothing });
    };
    let fail = |why: &str| Ok(Next::Dismiss(Dismissal::Fail { why: why.to_owned(), until: now }));
    let Some(network) = tx.find_network(network).await? else { return fail("The network was deleted") };
    let Some(recipient) = tx.find_participant(network.id, id).await? else { return fail("The participant is gone") };
    match recipient.status {
        ParticipantStatus::Removed => return Ok(Next::Abandon),
        ParticipantStatus::Disconnected => return Ok(Next::Park),
        ParticipantStatus::Active if recipient.callback_url.is_none() => return Ok(Next::Dismiss(Dismissal::Leave)),
        ParticipantStatus::Active => {}
    }
    let contents = Contents { message, seq, channel, sender, content };
    match pack(tx, agents, &network, recipient, contents, now).await {
        Ok(parcel) => Ok(Next::Send { parcel: Box::new(parcel), attempts }),
        Err(
            error @ (NetworkError::AgentNotActive(_)
            | NetworkError::AgentPriced
            | NetworkError::AgentWithoutEndpoint
            | NetworkError::AgentSpeaksA2a),
        ) => fail(&error.to_string()),
        Err(NetworkError::Store(error)) => Err(error.into()),
        // Its agent's credential was encrypted with another key, say. Somebody may mend that before the attempts are over.
        Err(error) => Ok(Next::Stuck { seq, attempts, why: error.to_string() }),
    }
}

/// One attempt. No transaction is open while it lasts.
async fn attempt(inner: &Inner, parcel: &Parcel) -> Outcome {
    let limits = limits(inner.config.patience, u64::MAX);
    let told = match parcel.request(&inner.door.urls, &inner.door.cipher, limits, inner.now()) {
        Ok(request) => inner.client.tell(request).await,
        Err(error) => Err(error),
    };
    match told {
        Ok(status) if status.is_success() => Outcome::Taken,
        Ok(status) => judge(status),
        Err(OutboundError::Refused(refusal)) => Outcome::Hopeless(format!("The callback URL {refusal}")),
        Err(error) => Outcome::Unreachable(error.to_string()),
    }
}

/// Whether a refusal is about the message or about the participant.
fn judge(status: StatusCode) -> Outcome {
    let why = format!("The callback answered with status {}", status.as_u16());
    match status {
        StatusCode::GONE => Outcome::Hopeless(why),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => Outcome::Unreachable(why),
        status if status.is_client_error() => Outcome::Refused(why),
        _ => Outcome::Unreachable(why),
    }
}

/// An attempt that has ended.
#[derive(Debug, Clone)]
struct Tried {
    seq: i64,
    id: ParticipantId,
    lease: Id<Lease>,
    is_last: bool,
    began: Timestamp,
    ended: Timestamp,
    /// When it would be tried again.
    again: Timestamp,
}

/// Writes down what an attempt came to, and what that means for the lane.
///
/// When a message is given up because its participant cannot be reached, those have failed with it that were waiting behind it all the
/// time: they have seen as many attempts. Otherwise a participant that is gone would keep each of them for as long as the first.
async fn settle(tx: &mut Tx, tried: &Tried, outcome: &Outcome) -> Result<Then, StoreError> {
    let Some(failing) = tx.lock_lane(tried.id, tried.lease).await? else { return Ok(Then::Stop) };
    let (why, is_last, unreachable) = match outcome {
        Outcome::Taken => (None, false, false),
        Outcome::Refused(why) => (Some(why), tried.is_last, false),
        Outcome::Unreachable(why) => (Some(why), tried.is_last, true),
        Outcome::Hopeless(why) => (Some(why), true, true),
    };
    let status = match why {
        None => DeliveryStatus::Delivered,
        Some(_) if is_last => DeliveryStatus::Failed,
        Some(_) => DeliveryStatus::Pending,
    };
    tx.set_attempted(tried.seq, tried.id, &Attempted { status, error: why.cloned(), at: tried.ended }).await?;
    let since = if unreachable { Some(failing.unwrap_or(tried.began)) } else { None };
    if status == DeliveryStatus::Pending {
        tx.set_lane(tried.id, Some(tried.again), since).await?;
        return Ok(Then::Stop);
    }
    // What comes next in the lane has its own attempts.
    if failing.is_some() {
        tx.set_lane(tried.id, None, None).await?;
    }
    if let (DeliveryStatus::Failed, Some(until), Some(why)) = (status, since, why) {
        let how = Dismissal::Fail { why: format!("Not tried; the participant could not be reached: {why}"), until };
        for _ in 0..DISMISSALS_MAX {
            if tx.dismiss(tried.id, &how, tried.ended, DISMISSED_MAX).await? == 0 {
                break;
            }
        }
    }
    Ok(Then::GoOn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_about_the_message_or_about_the_participant() {
        for (status, refused, hopeless) in [
            (400, true, false),
            (404, true, false),
            (410, false, true),
            (429, false, false),
            (500, false, false),
            (301, false, false),
        ] {
            let outcome = judge(StatusCode::from_u16(status).unwrap());
            assert_eq!(matches!(outcome, Outcome::Refused(_)), refused, "{status}");
            assert_eq!(matches!(outcome, Outcome::Hopeless(_)), hopeless, "{status}");
        }
    }
}
