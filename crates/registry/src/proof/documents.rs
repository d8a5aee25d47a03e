//! JSON from elsewhere that holds keys: fetched once for all who want it, and remembered; so is that it cannot be had.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use rialto_kernel::Timestamp;
use rialto_outbound::{CallLimits, Method, OutboundClient, OutboundRequest};
use serde_json::Value;
use tokio::sync::Mutex;

/// The largest document, in bytes.
const BYTES_MAX: u64 = 64 * 1_024;
/// How long a document is good.
const FRESH: Duration = Duration::from_secs(300);
/// How soon it is fetched again when it does not have the key that is looked for, or could not be had. After each failure that
/// follows another it is twice as long, until it is [`FRESH`].
const AGAIN: Duration = Duration::from_secs(30);
/// How many documents are remembered.
const KEPT_MAX: u64 = 1_000;
/// What fetching one may cost.
const LIMITS: CallLimits = CallLimits {
    first_byte: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(8),
    response_bytes_max: BYTES_MAX,
};

/// What is looked for in a document.
pub(super) struct Wanted<'w> {
    /// What it is remembered by: not by where it is, as two names of one place may want two documents there, and the wrong name is
    /// not to have the right one's forgotten.
    pub name: &'w str,
    /// Where it is.
    pub url: &'w str,
    /// Whether it is a document of the kind that belongs there; anything else is as good as none.
    pub is_one: &'w (dyn Fn(&Value) -> bool + Sync),
    /// Whether it has the key.
    pub has_it: &'w (dyn Fn(&Value) -> bool + Sync),
}

/// What is known of a place.
#[derive(Default)]
struct Kept {
    /// The last document that was one, and when it was fetched.
    good: Option<(Timestamp, Arc<Value>)>,
    /// When it was tried last.
    tried_at: Timestamp,
    /// How often it failed since.
    failures: u32,
}

impl Kept {
    /// The document, if it may be used at `now` without asking for it: it is young, or has what is looked for.
    fn current(&self, wanted: &Wanted<'_>, now: Timestamp) -> Option<&Arc<Value>> {
        let (at, document) = self.good.as_ref()?;
        let is_within = |bound| is_within(*at, bound, now);
        (is_within(AGAIN) || (is_within(FRESH) && (wanted.has_it)(document))).then_some(document)
    }

    /// Whether it failed so lately that nobody is asked again yet.
    fn rests(&self, now: Timestamp) -> bool {
        let wait = AGAIN.saturating_mul(2_u32.saturating_pow(self.failures.saturating_sub(1))).min(FRESH);
        self.failures > 0 && is_within(self.tried_at, wait, now)
    }

    /// The last good document, while it cannot be fetched: for `lasts`, and if it has what is looked for.
    fn last_good(&self, wanted: &Wanted<'_>, lasts: Duration, now: Timestamp) -> Option<&Arc<Value>> {
        let (at, document) = self.good.as_ref()?;
        (is_within(*at, lasts, now) && (wanted.has_it)(document)).then_some(document)
    }
}

/// Whether `at` is less than `bound` ago. What is ahead of a clock that was set back is from nobody knows when.
fn is_within(at: Timestamp, bound: Duration, now: Timestamp) -> bool {
    at <= now && now.since(at) < bound
}

/// Documents by their names. Cheap to clone.
#[derive(Clone)]
pub(super) struct Documents {
    client: OutboundClient,
    /// How long the last good document serves while its place cannot be reached.
    lasts: Duration,
    /// Whoever fetches a document has its turn, so that others wait rather than fetch it too.
    kept: Cache<String, Arc<Mutex<Kept>>>,
}

impl Documents {
    /// Documents whose last good one serves for `lasts` while its place cannot be reached.
    pub(super) fn new(client: OutboundClient, lasts: Duration) -> Self {
        Self { client, lasts, kept: Cache::builder().max_capacity(KEPT_MAX).time_to_idle(FRESH.max(lasts)).build() }
    }

    /// Whether the operator has named this host as one that may be asked.
    pub(super) fn allows(&self, host: &str) -> bool {
        self.client.policy().allows_host(host)
    }

    /// The document that is wanted; one that is not what is looked for is fetched again, if it was not just now. `admit` is asked
    /// before somebody's server is.
    pub(super) async fn get<E>(
        &self,
        wanted: &Wanted<'_>,
        admit: impl FnOnce() -> Result<(), E>,
        none: impl FnOnce() -> E,
        now: Timestamp,
    ) -> Result<Arc<Value>, E> {
        let slot = self.kept.get_with(wanted.name.to_owned(), Arc::default);
        let mut kept = slot.lock().await;
        if let Some(document) = kept.current(wanted, now) {
            return Ok(Arc::clone(document));
        }
        if !kept.rests(now) {
            admit()?;
            let found = self.fetch(wanted).await;
            kept.tried_at = now;
            match found {
                Ok(document) => {
                    let document = Arc::new(document);
                    *kept = Kept { good: Some((now, Arc::clone(&document))), tried_at: now, failures: 0 };
                    return Ok(document);
                }
                Err(why) => {
                    kept.failures = kept.failures.saturating_add(1);
                    self.tell(wanted.url, &why, &kept);
                }
            }
        }
        kept.last_good(wanted, self.lasts, now).map(Arc::clone).ok_or_else(none)
    }

    /// Of what the operator trusts the log is told; what strangers name would fill it.
    fn tell(&self, url: &str, why: &str, kept: &Kept) {
        if self.lasts.is_zero() {
            tracing::debug!(url, why, "a document could not be had");
        } else {
            tracing::warn!(
                url,
                why,
                failures = kept.failures,
                fetched_at = kept.good.as_ref().map(|(at, _)| tracing::field::display(*at)),
                "the keys of a trusted issuer could not be fetched; the last ones serve for a while, if there are any"
            );
        }
    }

    async fn fetch(&self, wanted: &Wanted<'_>) -> Result<Value, String> {
        let request = OutboundRequest::new(Method::GET, wanted.url).user_agent("Rialto-Identity/1.0").limits(LIMITS);
        let request = request.text_header("Accept", "application/json").map_err(|error| error.to_string())?;
        let answer = self.client.fetch(request).await.map_err(|error| error.to_string())?;
        if answer.status.as_u16() != 200 {
            return Err(format!("status {}", answer.status.as_u16()));
        }
        let document = serde_json::from_slice(&answer.body).map_err(|_| "the answer is not JSON".to_owned())?;
        if (wanted.is_one)(&document) { Ok(document) } else { Err("the answer is no such document".to_owned()) }
    }
}
