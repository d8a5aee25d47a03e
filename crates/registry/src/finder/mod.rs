//! Finding agents by what they mean.
//!
//! Each agent has a vector, made from its name, description, tags and capabilities by an [`Embedder`] after the commit that
//! changed them ([`Upkeep`]). Every process holds all vectors in memory ([`index`]) and compares a query with all of them;
//! before it does, it asks the database for what changed since. What is found is read from the database, so a vector that is
//! out of date can put an agent in the wrong place and no more.

mod index;
mod nearest;
mod neighbours;
mod upkeep;
mod words;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use index::VectorIndex;
use moka::sync::Cache;
pub use nearest::PreparedQuery;
use nearest::Ranked;
pub use neighbours::{COMPARED_MAX, VectorSearch};
use rialto_embeddings::{EmbedError, Embedder, Language, Probe, Purpose, Vector};
pub use upkeep::{EmbedAgent, Upkeep};

use crate::terms;

/// How many queries are remembered. One takes about two and a half kilobytes, with what was found for it.
const QUERIES_KEPT: u64 = 5_000;
/// Longer texts are not remembered: nobody asks them twice.
const QUERY_BYTES_KEPT: usize = 512;
/// A text that every embedder takes.
const HARMLESS: &str = "An agent";
/// For how long an embedder that failed is left in peace. Until then agents are found by words.
const REST: Duration = Duration::from_secs(5);

/// Finds agents by meaning, or by words alone when it has no embedder. Cheap to clone; one per process.
#[derive(Clone)]
pub struct Finder(Option<Arc<Meaning>>);

/// What the clones of a finder share.
pub(crate) struct Meaning {
    embedder: Arc<dyn Embedder>,
    index: VectorIndex,
    /// Whether the database finds the neighbours of a query, and the index above is not used.
    by_database: AtomicBool,
    queries: Cache<String, Arc<KnownQuery>>,
    rests_until: Mutex<Option<Instant>>,
    counts: Counts,
}

/// A query that was made ready, and what was found for it last.
pub(crate) struct KnownQuery {
    probe: Probe,
    terms: Vec<String>,
    is_doubtful: bool,
    ranked: Mutex<Option<Arc<Ranked>>>,
}

#[derive(Default)]
struct Counts {
    queries_embedded: AtomicU64,
    queries_remembered: AtomicU64,
    agents_embedded: AtomicU64,
    failures: AtomicU64,
}

/// What a finder has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FinderStats {
    /// Agents whose vectors this process has in memory; none, when the database finds them.
    pub agents: u64,
    /// Queries whose vector was made.
    pub queries_embedded: u64,
    /// Queries whose vector was remembered.
    pub queries_remembered: u64,
    /// Vectors of agents that were made.
    pub agents_embedded: u64,
    /// Times that the embedder failed.
    pub failures: u64,
}

impl Finder {
    /// A finder by meaning.
    #[must_use]
    pub fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self(Some(Arc::new(Meaning {
            index: VectorIndex::new(embedder.dimensions()),
            embedder,
            by_database: AtomicBool::new(false),
            queries: Cache::new(QUERIES_KEPT),
            rests_until: Mutex::new(None),
            counts: Counts::default(),
        })))
    }

    /// A finder by words alone.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Gets a query ready: makes its vector, or remembers it. It never fails: without a vector, agents are found by words.
    ///
    /// Call it before the transaction. It may ask a server.
    pub async fn prepare(&self, text: &str) -> PreparedQuery {
        let Some(meaning) = &self.0 else { return PreparedQuery::by_words() };
        match meaning.known(text).await {
            Some(query) => PreparedQuery::by_meaning(Arc::clone(meaning), query),
            None => PreparedQuery::by_words(),
        }
    }

    /// What it has done.
    #[must_use]
    pub fn stats(&self) -> FinderStats {
        let Some(meaning) = &self.0 else { return FinderStats::default() };
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FinderStats {
            agents: u64::try_from(meaning.index.len()).unwrap_or(u64::MAX),
            queries_embedded: count(&meaning.counts.queries_embedded),
            queries_remembered: count(&meaning.counts.queries_remembered),
            agents_embedded: count(&meaning.counts.agents_embedded),
            failures: count(&meaning.counts.failures),
        }
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Finder").field(&self.0.as_ref().map(|meaning| meaning.embedder.model())).finish()
    }
}

impl Meaning {
    fn is_by_database(&self) -> bool {
        self.by_database.load(Ordering::Relaxed)
    }

    /// Returns what it was before.
    fn set_by_database(&self, by_database: bool) -> bool {
        self.by_database.swap(by_database, Ordering::Relaxed)
    }

    /// The query, if there is a vector for it.
    async fn known(&self, text: &str) -> Option<Arc<KnownQuery>> {
        let text = text.trim();
        if let Some(query) = self.queries.get(text) {
            self.counts.queries_remembered.fetch_add(1, Ordering::Relaxed);
            return Some(query);
        }
        let (terms, language) = (terms::of(text), self.embedder.language(text));
        if terms.is_empty() || language == Language::Unknown {
            return None;
        }
        let vector = self.embed(vec![text.to_owned()], Purpose::Query).await.ok()?.pop()?;
        self.counts.queries_embedded.fetch_add(1, Ordering::Relaxed);
        let is_doubtful = language == Language::Doubtful;
        let query = Arc::new(KnownQuery { probe: Probe::new(&vector), terms, is_doubtful, ranked: Mutex::new(None) });
        if text.len() <= QUERY_BYTES_KEPT {
            self.queries.insert(text.to_owned(), Arc::clone(&query));
        }
        Some(query)
    }

    /// One vector for each text. An embedder that failed is not asked again for a while, so that nobody waits for it. One that
    /// refuses a text has not failed: it is anybody's text.
    async fn embed(&self, texts: Vec<String>, purpose: Purpose) -> Result<Vec<Vector>, EmbedError> {
        let rests_until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        if rests_until.is_some_and(|until| Instant::now() < until) {
            return Err(EmbedError::Unavailable("it failed a moment ago".into()));
        }
        let count = texts.len();
        let made = self.embedder.embed(texts, purpose).await.and_then(|vectors| self.checked(vectors, count));
        let failure = made.as_ref().err().filter(|error| !matches!(error, EmbedError::Refused(_)));
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = failure.map(|_| Instant::now() + REST);
        if let Some(error) = failure {
            self.counts.failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(model = self.embedder.model(), %error, "the embedder failed; agents are found by words for now");
        }
        made
    }

    /// A vector for each text that the embedder takes. Whichever it does not take is found by halves: it must keep no other from
    /// its vector.
    async fn embed_each(&self, texts: &[String]) -> Result<Vec<Option<Vector>>, EmbedError> {
        let mut vectors = vec![None; texts.len()];
        let (mut open, mut takes_any) = (Vec::from([(0, texts.len())]), false);
        while let Some((start, end)) = open.pop() {
            let Some(some) = texts.get(start..end).filter(|some| !some.is_empty()) else { continue };
            match self.embed(some.to_vec(), Purpose::Document).await {
                Ok(made) => {
                    takes_any = true;
                    for (place, vector) in (start..end).zip(made) {
                        vectors.get_mut(place).map(|slot| slot.replace(vector));
                    }
                }
                Err(EmbedError::Refused(_)) if some.len() > 1 => {
                    let middle = start + some.len() / 2;
                    open.extend([(middle, end), (start, middle)]);
                }
                Err(EmbedError::Refused(why)) => {
                    if !takes_any {
                        // Is it the text? One that refuses everything is set up wrongly, and then no text is to blame.
                        let asked = self.embed(vec![HARMLESS.to_owned()], Purpose::Document).await;
                        asked.map_err(|_| EmbedError::Unusable(why.clone()))?;
                        takes_any = true;
                    }
                    tracing::warn!(model = self.embedder.model(), why, "an agent's text has no vector; it is found by words");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(vectors)
    }

    fn checked(&self, vectors: Vec<Vector>, count: usize) -> Result<Vec<Vector>, EmbedError> {
        let dimensions = self.embedder.dimensions();
        if vectors.len() != count {
            return Err(EmbedError::Unusable(format!("{} vectors for {count} texts", vectors.len())));
        }
        match vectors.iter().find(|vector| vector.values().len() != dimensions) {
            Some(odd) => Err(EmbedError::Unusable(format!("a vector of {} numbers, not {dimensions}", odd.values().len()))),
            None => Ok(vectors),
        }
    }
}
