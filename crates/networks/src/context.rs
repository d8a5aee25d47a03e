//! What a network has said last: what its participants know in common.
//!
//! A context is bounded by lines and by characters, and the newest lines go first. A cache may keep it, beside the database:
//! what it holds counts only when it was made of exactly the messages that the database has last, so that an answer is the same with
//! a cache, without one, and with one that has lost its mind.

use std::{future::Future, time::Duration};

use rialto_kernel::{Caller, Timestamp};
use rialto_store::{Db, StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{
    error::NetworkError,
    model::{Channel, Line, MessageId, NetworkId},
    network::find_network,
    store::MessageStore,
};

/// The most lines that one may ask for.
pub const CONTEXT_LINES_MAX: u32 = 200;
/// The most characters of all lines together. The newest line is there in any case.
pub const CONTEXT_CHARS_MAX: usize = 1_048_576;
/// How many lines are read at a time, so that long ones are not read in vain.
const STEP: u32 = 32;
/// How long a cache keeps a context.
pub const CONTEXT_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Something that may keep contexts. It may forget, be slow or broken: then it has none.
pub trait ContextCache: Send + Sync {
    /// What was kept of a network.
    fn get(&self, network: NetworkId) -> impl Future<Output = Option<String>> + Send;

    /// Keeps this for [`CONTEXT_KEPT`], or not.
    fn put(&self, network: NetworkId, kept: String) -> impl Future<Output = ()> + Send;
}

/// One line, as clients read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What its sender is called.
    pub sender: String,
    /// What its recipient is called.
    pub recipient: Option<String>,
    /// How it travelled.
    pub channel: Channel,
    /// What was said.
    pub content: String,
    /// The message.
    pub message_id: MessageId,
    /// When, in seconds since 1970.
    pub timestamp: f64,
}

impl From<Line> for Entry {
    fn from(line: Line) -> Self {
        Self {
            sender: line.sender,
            recipient: line.recipient,
            channel: line.channel,
            content: line.content,
            message_id: line.message,
            timestamp: seconds(line.at),
        }
    }
}

/// Seconds since 1970, with microseconds behind the point.
#[expect(clippy::as_conversions, reason = "microseconds of this millennium are exact in a double")]
fn seconds(at: Timestamp) -> f64 {
    at.micros() as f64 / 1e6
}

/// A context as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Of which messages, the newest first: the places of all that were asked for, also of those that were too much.
    places: Vec<i64>,
    entries: Vec<Entry>,
}

/// Reads what a network has said last, at most `limit` lines, the oldest first.
///
/// # Errors
/// [`NetworkError::NetworkUnknown`].
pub async fn context(
    db: &Db,
    cache: Option<&impl ContextCache>,
    caller: &Caller,
    network: NetworkId,
    limit: u32,
) -> Result<Vec<Entry>, NetworkError> {
    let (who, limit) = (*caller, limit.min(CONTEXT_LINES_MAX));
    let Some(cache) = cache else {
        let read = async move |tx: &mut Tx| {
            find_network(tx, &who, network).await?;
            Ok::<_, NetworkError>(lines_before(tx, network, i64::MAX, limit, CONTEXT_CHARS_MAX).await?)
        };
        return Ok(entries(db.read(read).await?, limit));
    };
    let read = async move |tx: &mut Tx| {
        find_network(tx, &who, network).await?;
        Ok::<_, NetworkError>(tx.list_places(network, CONTEXT_LINES_MAX).await?)
    };
    let places = db.read(read).await?;
    let kept = cache.get(network).await.and_then(|kept| serde_json::from_str::<Kept>(&kept).ok());
    if let Some(kept) = kept.filter(|kept| kept.places == places) {
        return Ok(last(kept.entries, limit));
    }
    let Some(newest) = places.first().copied() else { return Ok(Vec::new()) };
    let before = newest.saturating_add(1);
    let read = async move |tx: &mut Tx| lines_before(tx, network, before, CONTEXT_LINES_MAX, CONTEXT_CHARS_MAX).await;
    let lines = db.read(read).await?;
    // Whatever was committed in between is not in `places`, so nobody will take this for more than it is.
    let entries = entries(lines, CONTEXT_LINES_MAX);
    if let Ok(text) = serde_json::to_string(&Kept { places, entries: entries.clone() }) {
        cache.put(network, text).await;
    }
    Ok(last(entries, limit))
}

fn entries(lines: Vec<Line>, limit: u32) -> Vec<Entry> {
    last(lines.into_iter().rev().map(Entry::from).collect(), limit)
}

fn last(mut entries: Vec<Entry>, limit: u32) -> Vec<Entry> {
    let surplus = entries.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    entries.drain(..surplus);
    entries
}

/// The last lines before the place `before`, the newest first: at most `limit`, and as many as have `chars_max` characters
/// together.
pub(crate) async fn lines_before(
    tx: &mut impl MessageStore,
    network: NetworkId,
    mut before: i64,
    limit: u32,
    chars_max: usize,
) -> Result<Vec<Line>, StoreError> {
    let (mut lines, mut chars) = (Vec::new(), 0_usize);
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    while lines.len() < wanted {
        let missing = u32::try_from(wanted.saturating_sub(lines.len())).unwrap_or(STEP);
        let asked = missing.min(STEP);
        let step = tx.list_lines(network, before, asked).await?;
        let ended = step.len() < usize::try_from(asked).unwrap_or(usize::MAX);
        for line in step {
            before = line.seq;
            chars = chars.saturating_add(line.content.chars().count());
            if chars > chars_max && !lines.is_empty() {
                return Ok(lines);
            }
            lines.push(line);
        }
        if ended {
            break;
        }
    }
    Ok(lines)
}
