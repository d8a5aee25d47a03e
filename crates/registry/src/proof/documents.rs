//! JSON from elsewhere that holds keys: fetched once for all who want it, and remembered; so is that it cannot be had.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moka::sync::Cache;
use rialto_outbound::{CallLimits, Method, OutboundClient, OutboundRequest};
use serde_json::Value;
use tokio::sync::Mutex;

/// The largest document, in bytes.
const BYTES_MAX: u64 = 64 * 1_024;
/// How long a document is good.
const FRESH: Duration = Duration::from_secs(300);
/// How soon it is fetched again when it does not have the key that is looked for, or could not be had.
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

struct Kept {
    at: Instant,
    found: Result<Arc<Value>, String>,
}

/// Documents by where they are. Cheap to clone.
#[derive(Clone)]
pub(super) struct Documents {
    client: OutboundClient,
    /// Whoever fetches a document holds its lock, so that others wait rather than fetch it too.
    kept: Cache<String, Arc<Mutex<Option<Kept>>>>,
}

impl Documents {
    pub(super) fn new(client: OutboundClient) -> Self {
        Self { client, kept: Cache::builder().max_capacity(KEPT_MAX).time_to_idle(FRESH).build() }
    }

    /// Whether the operator has named this host as one that may be asked.
    pub(super) fn allows(&self, host: &str) -> bool {
        self.client.policy().allows_host(host)
    }

    /// The document at `url`; one that is not what is looked for is fetched again, if it was not just now.
    pub(super) async fn get(&self, url: &str, is_it: impl Fn(&Value) -> bool) -> Result<Arc<Value>, String> {
        let slot = self.kept.get_with(url.to_owned(), Arc::default);
        let mut slot = slot.lock().await;
        if let Some(kept) = slot.as_ref() {
            let age = kept.at.elapsed();
            match &kept.found {
                Ok(document) if age < AGAIN || (age < FRESH && is_it(document)) => return Ok(Arc::clone(document)),
                Err(why) if age < AGAIN => return Err(why.clone()),
                _ => {}
            }
        }
        let found = self.fetch(url).await.map(Arc::new);
        *slot = Some(Kept { at: Instant::now(), found: found.clone() });
        found
    }

    async fn fetch(&self, url: &str) -> Result<Value, String> {
        let request = OutboundRequest::new(Method::GET, url).user_agent("Rialto-Identity/1.0").limits(LIMITS);
        let request = request.text_header("Accept", "application/json").map_err(|error| error.to_string())?;
        let answer = self.client.fetch(request).await.map_err(|error| error.to_string())?;
        if answer.status.as_u16() != 200 {
            return Err(format!("status {}", answer.status.as_u16()));
        }
        serde_json::from_slice(&answer.body).map_err(|_| "the answer is not JSON".to_owned())
    }
}
