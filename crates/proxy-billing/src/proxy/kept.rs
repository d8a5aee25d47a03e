//! Answers that are kept for repeats of a key.
//!
//! Of each buyer so much is kept and no more: what ended in each hour is counted, and hours leave the count later than their keys are
//! forgotten. What is over that is not kept; a repeat is told so, and is neither made nor charged again.

use std::{
    collections::HashSet,
    future::Future,
    sync::{Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use rialto_kernel::{Amount, OwnerId, Timestamp};
use rialto_outbound::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Key, Stored},
};
use serde::{Deserialize, Serialize};

use super::{Bill, Head};
use crate::usage::{UsageId, UsageReason};

/// The largest body that is kept for repeats, in bytes.
pub const KEPT_BYTES_MAX: usize = 256 * 1024;
/// How many hours are counted, this one among them: keys are remembered for 24.
const HOURS_COUNTED: i32 = 25;
/// How long an hour is, in microseconds.
const HOUR: i64 = 3_600_000_000;

/// What is told when a key is used again.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The status of the first answer.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// What the call cost.
    pub bill: Bill,
    /// Its body.
    pub body: KeptBody,
}

/// The body of an answer that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptBody {
    /// As it was.
    Whole(Bytes),
    /// It was larger than is kept, or too much was kept already, or it was not delivered to its end.
    Lost,
    /// There was none: and why.
    Failed(UsageReason),
}

/// How it stands in the database.
#[derive(Serialize, Deserialize)]
struct Written {
    usage_id: UsageId,
    amount: Amount,
    is_free: bool,
    latency_ms: u64,
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    failed: Option<UsageReason>,
}

impl Kept {
    /// An answer. Without its body nobody is told its headers, so they take no room.
    pub(super) fn answer(head: &Head, body: Option<&[u8]>) -> Self {
        let (headers, body) = match body.filter(|body| body.len() <= KEPT_BYTES_MAX) {
            Some(body) => (head.headers.clone(), KeptBody::Whole(Bytes::copy_from_slice(body))),
            None => (HeaderMap::new(), KeptBody::Lost),
        };
        Self { status: head.status, headers, bill: head.bill, body }
    }

    /// That there was none.
    pub(super) fn failure(bill: Bill, status: u16, reason: UsageReason) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
            headers: HeaderMap::new(),
            bill,
            body: KeptBody::Failed(reason),
        }
    }

    /// Keeps it under a key of `buyer`'s; only that there was an answer, where there is no room for it.
    pub(super) async fn keep(
        &self,
        tx: &mut Tx,
        key: &Key,
        buyer: OwnerId,
        larder: &Larder,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut stored = self.write();
        if matches!(self.body, KeptBody::Whole(_)) && !tx.take_room(buyer, larder.room(stored.body.len(), now)).await? {
            larder.tell_full(buyer, now);
            stored = Self { body: KeptBody::Lost, headers: HeaderMap::new(), ..self.clone() }.write();
        }
        idempotency::finish(tx, key, &stored).await
    }

    /// As it is written down. Headers that are no text are left out.
    pub(super) fn write(&self) -> Stored {
        let text = |(name, value): (&HeaderName, &HeaderValue)| Some((name.to_string(), value.to_str().ok()?.to_owned()));
        let (body, failed) = match &self.body {
            KeptBody::Whole(body) => (Some(STANDARD.encode(body)), None),
            KeptBody::Lost => (None, None),
            KeptBody::Failed(reason) => (None, Some(*reason)),
        };
        let written = Written {
            usage_id: self.bill.usage,
            amount: self.bill.amount,
            is_free: self.bill.is_free,
            latency_ms: self.bill.latency_ms,
            headers: self.headers.iter().filter_map(text).collect(),
            body,
            failed,
        };
        Stored { status: self.status.as_u16(), body: serde_json::to_string(&written).unwrap_or_default() }
    }

    /// As it was written down.
    pub(super) fn read(stored: &Stored) -> Result<Self, StoreError> {
        let corrupt = |what: &dyn std::fmt::Display| StoreError::Corrupt(format!("an answer that was kept: {what}"));
        let written: Written = serde_json::from_str(&stored.body).map_err(|error| corrupt(&error))?;
        let body = match (written.body, written.failed) {
            (Some(body), _) => KeptBody::Whole(STANDARD.decode(body).map_err(|error| corrupt(&error))?.into()),
            (None, Some(reason)) => KeptBody::Failed(reason),
            (None, None) => KeptBody::Lost,
        };
        let header = |(name, value): (String, String)| Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?));
        let mut headers = HeaderMap::new();
        for (name, value) in written.headers.into_iter().filter_map(header) {
            headers.append(name, value);
        }
        Ok(Self {
            status: StatusCode::from_u16(stored.status).map_err(|error| corrupt(&error))?,
            headers,
            bill: Bill {
                usage: written.usage_id,
                amount: written.amount,
                is_free: written.is_free,
                latency_ms: written.latency_ms,
            },
            body,
        })
    }
}

/// Room for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// In which hour, counted from 1970.
    pub hour: i32,
    /// Since which hour on what was kept counts.
    pub since: i32,
    /// How much is to be kept.
    pub bytes: i64,
    /// How much may be kept in all.
    pub bytes_max: i64,
}

/// How much may be kept for each buyer.
pub(super) struct Larder {
    bytes_max: i64,
    /// An hour, and whose larder was full in it: that is said once.
    full: Mutex<(i32, HashSet<OwnerId>)>,
}

impl Larder {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max: i64::try_from(bytes_max).unwrap_or(i64::MAX), full: Mutex::default() }
    }

    fn room(&self, bytes: usize, now: Timestamp) -> Room {
        let hour = hour(now);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        Room { hour, since: hour.saturating_sub(HOURS_COUNTED - 1), bytes, bytes_max: self.bytes_max }
    }

    /// Says, once for each buyer and hour, that answers are not kept any more.
    fn tell_full(&self, buyer: OwnerId, now: Timestamp) {
        if self.is_news(buyer, now) {
            let bytes_max = self.bytes_max;
            tracing::warn!(%buyer, bytes_max, "so much is kept of the answers of a buyer that newer ones are not: repeats are told so");
        }
    }

    fn is_news(&self, buyer: OwnerId, now: Timestamp) -> bool {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = hour(now);
        if full.0 != hour {
            *full = (hour, HashSet::new());
        }
        full.1.insert(buyer)
    }
}

fn hour(now: Timestamp) -> i32 {
    i32::try_from(now.micros().div_euclid(HOUR)).unwrap_or(i32::MAX)
}

/// How much is kept of the answers of each buyer.
pub trait KeptStore: Send {
    /// Takes room for an answer. Whether there was enough.
    fn take_room(&mut self, buyer: OwnerId, room: Room) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Forgets what was kept in hours before this one, at most `limit` rows; returns how many.
    fn forget_rooms(&mut self, before: i32, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

/// Forgets hours that do not count any more, at most `limit` of them, each of one buyer; returns how many.
///
/// # Errors
/// The store's.
pub async fn forget_kept(tx: &mut impl KeptStore, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
    tx.forget_rooms(hour(now).saturating_sub(HOURS_COUNTED - 1), limit).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let bill = Bill { usage: UsageId::new(), amount: Amount::new(50_000).unwrap(), is_free: false, latency_ms: 7 };
        let mut headers = HeaderMap::new();
        headers.append("link", HeaderValue::from_static("<a>"));
        headers.append("link", HeaderValue::from_static("<b>"));
        let head = Head { status: StatusCode::CREATED, headers, length: None, bill };
        let there = |kept: &Kept| Kept::read(&kept.write()).unwrap();
        let whole = there(&Kept::answer(&head, Some(&[0, 255, 7])));
        assert_eq!((whole.status, whole.bill), (StatusCode::CREATED, bill));
        assert_eq!(whole.body, KeptBody::Whole(Bytes::from_static(&[0, 255, 7])));
        assert_eq!(whole.headers.get_all("link").iter().collect::<Vec<_>>(), ["<a>", "<b>"]);
        let large = vec![1; KEPT_BYTES_MAX + 1];
        for body in [None, Some(large.as_slice())] {
            let lost = there(&Kept::answer(&head, body));
            assert_eq!((lost.status, lost.bill, lost.body), (StatusCode::CREATED, bill, KeptBody::Lost));
            assert!(lost.headers.is_empty(), "they would be kept without being counted");
        }
        let failed = there(&Kept::failure(bill, 504, UsageReason::Timeout));
        assert_eq!((failed.status.as_u16(), failed.body), (504, KeptBody::Failed(UsageReason::Timeout)));
    }

    #[test]
    fn a_larder_is_said_to_be_full_once_an_hour_for_each_buyer() {
        let (larder, noon) = (Larder::new(10), Timestamp::from_micros(12 * HOUR));
        let (ann, bob) = (OwnerId::new(), OwnerId::new());
        let later = Timestamp::from_micros(13 * HOUR - 1);
        assert_eq!([larder.is_news(ann, noon), larder.is_news(ann, later), larder.is_news(bob, later)], [true, false, true]);
        assert!(larder.is_news(ann, Timestamp::from_micros(13 * HOUR)));
        assert_eq!(larder.room(7, noon), Room { hour: 12, since: -12, bytes: 7, bytes_max: 10 });
    }
}
