//! Keeping the vectors what the texts are: after every commit, and from one model to the next.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use rialto_jobs::{Failure, Job};
use rialto_kernel::{AgentId, Clock};
use rialto_store::{Db, StoreError, Tx};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex as AsyncMutex;

use super::{Finder, Meaning, VectorSearch};
use crate::{
    index::IndexTexts,
    store::{MadeVector, StaleAgent, VectorStore},
};

/// How many agents are embedded together and written as one change.
const BATCH: u32 = 32;
/// How many vectors are declared out of date, or loaded, in one transaction.
const ROWS_PER_TRANSACTION: u32 = 1_000;
/// How much of a description comes before the tags and capabilities, and how much of these, in characters: both have to
/// stand within what a model reads.
const DESCRIPTION_HEAD_CHARS: usize = 400;
const LABELS_CHARS: usize = 200;
/// How many agents may ask to be embedded before others. Those beyond wait for their turn.
const WANTED_MAX: usize = 1_000;
/// For how long a job goes on, and for how long a sweep does. What is left is for the next.
const JOB_TIME: Duration = Duration::from_secs(20);
const SWEEP_TIME: Duration = Duration::from_secs(300);

/// Makes the vector of an agent whose texts have changed. Enqueued in the transaction that changes them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct EmbedAgent {
    /// The agent.
    pub agent: AgentId,
}

impl Job for EmbedAgent {
    const NAME: &'static str = "agent.embed";
    type Context = Upkeep;

    async fn run(&self, upkeep: &Upkeep) -> Result<(), Failure> {
        let Some(meaning) = &upkeep.finder.0 else { return Ok(()) };
        upkeep.want(self.agent);
        upkeep.work(meaning, JOB_TIME).await?;
        Ok(())
    }
}

/// Makes vectors, on one database, for one finder. It is one at a time: who finds somebody else at work leaves its agent to
/// them, so that a thousand registrations at once take one of the places in which jobs run, and not all.
pub struct Upkeep {
    db: Db,
    clock: Clock,
    finder: Finder,
    search: VectorSearch,
    turn: AsyncMutex<()>,
    /// Agents that were just changed. They go before those that have waited for longer, of which there may be many.
    wanted: Mutex<VecDeque<AgentId>>,
}

impl Upkeep {
    /// For the vectors in `db`, by the embedder of `finder`.
    #[must_use]
    pub fn new(db: Db, clock: Clock, finder: Finder) -> Self {
        Self { db, clock, finder, search: VectorSearch::default(), turn: AsyncMutex::new(()), wanted: Mutex::default() }
    }

    /// Says where the neighbours of queries are looked up.
    #[must_use]
    pub const fn searching(mut self, search: VectorSearch) -> Self {
        self.search = search;
        self
    }

    /// At the start of a process: makes its model the one that makes vectors, declares those of other models out of date,
    /// and reads the others into memory. Until it is done, agents are found by words as well.
    ///
    /// # Errors
    /// The store's.
    pub async fn start(&self) -> Result<(), StoreError> {
        let Some(meaning) = &self.finder.0 else { return Ok(()) };
        let model = meaning.embedder.model().to_owned();
        let (named, began) = (model.clone(), Instant::now());
        if self.db.write(async move |tx: &mut Tx| tx.set_vector_model(&named).await).await? {
            tracing::info!(model, "this model makes the vectors of agents from now on");
        }
        let mut expired = 0;
        loop {
            let named = model.clone();
            let expire = async move |tx: &mut Tx| tx.expire_vectors(&named, ROWS_PER_TRANSACTION).await;
            let count = self.db.write::<_, StoreError, _>(expire).await?;
            expired += count;
            if count == 0 {
                break;
            }
        }
        if expired > 0 {
            tracing::info!(agents = expired, model, "the vectors of another model are out of date; new ones are made");
        }
        if !meaning.settle(&self.db, self.search, false).await? {
            self.load(meaning).await?;
        }
        tracing::debug!(agents = meaning.index.len(), took = ?began.elapsed(), "the vectors of agents are in memory");
        Ok(())
    }

    async fn load(&self, meaning: &Arc<Meaning>) -> Result<(), StoreError> {
        loop {
            let reader = Arc::clone(meaning);
            let read = async move |tx: &mut Tx| {
                let head = tx.vector_head().await?;
                let before = reader.index.cursor();
                reader.catch_up(tx, &head, ROWS_PER_TRANSACTION).await?;
                Ok::<_, StoreError>(reader.index.is_complete_to(head.change_no) || reader.index.cursor() == before)
            };
            if self.db.read(read).await? {
                return Ok(());
            }
        }
    }

    /// Makes every vector that is out of date, for some minutes at most, and returns how many it made. What jobs left
    /// undone is done here: those of another model, and those whose jobs were given up. Then sees to where neighbours are looked
    /// up, which changes with the number of agents.
    ///
    /// # Errors
    /// The store's, or the embedder's.
    pub async fn make_missing(&self) -> Result<usize, Failure> {
        let Some(meaning) = &self.finder.0 else { return Ok(0) };
        let made = self.work(meaning, SWEEP_TIME).await?;
        match meaning.settle(&self.db, self.search, true).await {
            Ok(true) => {}
            Ok(false) => self.load(meaning).await?,
            Err(error) => tracing::warn!(%error, "the database's index of what agents mean could not be built"),
        }
        Ok(made)
    }

    fn want(&self, agent: AgentId) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.len() < WANTED_MAX {
            wanted.push_back(agent);
        }
    }

    fn take_wanted(&self) -> Vec<AgentId> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let count = wanted.len().min(usize::try_from(BATCH).unwrap_or(usize::MAX) / 2);
        wanted.drain(..count).collect()
    }

    fn is_wanted(&self) -> bool {
        !self.wanted.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Makes vectors until none is missing, or somebody else is at it, or the time is over; then a job goes on.
    async fn work(&self, meaning: &Meaning, time: Duration) -> Result<usize, Failure> {
        let (began, mut made, mut told) = (Instant::now(), 0, 0);
        loop {
            // Whoever is at work looks for wanted agents once more after it has let go.
            let Ok(turn) = self.turn.try_lock() else { return Ok(made) };
            loop {
                let count = self.batch(meaning, &self.take_wanted()).await?;
                made += count;
                if made >= told + 1_000 {
                    told = made;
                    tracing::info!(made, model = meaning.embedder.model(), "making vectors of agents");
                }
                if began.elapsed() >= time {
                    self.hand_over().await?;
                    return Ok(made);
                }
                if count == 0 && !self.is_wanted() {
                    break;
                }
            }
            drop(turn);
            if !self.is_wanted() {
                break;
            }
        }
        if told > 0 {
            tracing::info!(made, took = ?began.elapsed(), "vectors of agents were made");
        }
        Ok(made)
    }

    /// Leaves the rest to another job, on whichever replica.
    async fn hand_over(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let hand_over = async move |tx: &mut Tx| match tx.list_stale(1).await?.first() {
            Some(StaleAgent { agent, .. }) => {
                rialto_jobs::enqueue(tx, &EmbedAgent { agent: *agent }, now, None, now).await.map(drop)
            }
            None => Ok(()),
        };
        self.db.write(hand_over).await
    }

    /// Makes the vectors of `wanted`, of those that need one, and of some others with them. The embedder is asked with no
    /// transaction open.
    async fn batch(&self, meaning: &Meaning, wanted: &[AgentId]) -> Result<usize, Failure> {
        let (wanted, model) = (wanted.to_vec(), meaning.embedder.model().to_owned());
        let stale = self.db.read(async move |tx: &mut Tx| stale(tx, &model, &wanted).await).await?;
        if stale.is_empty() {
            return Ok(0);
        }
        let documents: Vec<String> = stale.iter().filter_map(|stale| stale.texts.as_ref()).map(document).collect();
        let mut vectors = meaning.embed_each(&documents).await?.into_iter();
        let vector =
            |stale: &StaleAgent| stale.texts.as_ref().and_then(|_| vectors.next().flatten()).map(|vector| vector.to_int8());
        let vectors: Vec<_> = stale.iter().map(vector).collect();
        let made = stale.iter().zip(vectors);
        let made: Arc<[MadeVector]> =
            made.map(|(stale, vector)| MadeVector { agent: stale.agent, revision: stale.revision, vector }).collect();
        let (count, model) = (made.len(), meaning.embedder.model().to_owned());
        if !self.db.write(async move |tx: &mut Tx| tx.put_vectors(&model, &made).await).await? {
            tracing::debug!(model = meaning.embedder.model(), "another model makes the vectors now; these are left to it");
            return Ok(0);
        }
        meaning.counts.agents_embedded.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        Ok(count)
    }
}

/// What to make vectors of: those that are wanted and others, in the order of their ids. Nothing, when another model makes
/// the vectors now.
async fn stale(tx: &mut impl VectorStore, model: &str, wanted: &[AgentId]) -> Result<Vec<StaleAgent>, StoreError> {
    let mut stale = Vec::new();
    if tx.vector_head().await?.model.as_deref() != Some(model) {
        return Ok(stale);
    }
    for agent in wanted {
        stale.extend(tx.find_stale(*agent).await?);
    }
    let room = BATCH.saturating_sub(u32::try_from(stale.len()).unwrap_or(u32::MAX));
    stale.extend(tx.list_stale(room).await?);
    stale.sort_by_key(|stale| stale.agent);
    stale.dedup_by_key(|stale| stale.agent);
    Ok(stale)
}

/// Words of a name that say nothing here: everybody in the registry is one.
const NAMELESS: [&str; 6] = ["agent", "agents", "bot", "ai", "assistant", "service"];

/// The text that stands for an agent.
fn document(texts: &IndexTexts) -> String {
    let says_something = |word: &&str| {
        let bare = word.trim_matches(|char: char| !char.is_alphanumeric());
        bare.chars().any(char::is_alphabetic) && !NAMELESS.contains(&bare)
    };
    let name: Vec<&str> = texts.name.split_whitespace().filter(says_something).collect();
    let cut = texts.description.char_indices().nth(DESCRIPTION_HEAD_CHARS).map_or(texts.description.len(), |(at, _)| at);
    let (head, rest) = texts.description.split_at_checked(cut).unwrap_or((&texts.description, ""));
    let labels: String = texts.labels.chars().take(LABELS_CHARS).collect();
    let name = if name.is_empty() { String::new() } else { format!("{}. ", name.join(" ")) };
    format!("{name}{head} {labels} {rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_everything_and_what_matters_first() {
        let texts = |description: String| IndexTexts { name: "polyglot".into(), labels: "nlp translation".into(), description };
        assert_eq!(document(&texts("translates.".into())), "polyglot. translates. nlp translation ");
        let named = |name: &str| document(&IndexTexts { name: name.into(), labels: String::new(), description: "d".into() });
        assert_eq!(["agent 17", "code-bot", "travel agent #3", "ai"].map(named), ["d  ", "code-bot. d  ", "travel. d  ", "d  "]);
        let long = document(&texts("ü".repeat(1_000)));
        assert_eq!(long.find("nlp"), Some("polyglot. ".len() + 2 * DESCRIPTION_HEAD_CHARS + 1));
        assert_eq!(long.matches('ü').count(), 1_000);
    }
}
