//! Which agents are nearest to a query: their meaning first, a touch of words, and whoever bears the very name.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
};

use rialto_kernel::AgentId;
use rialto_store::StoreError;

use super::{KnownQuery, Meaning, words};
use crate::{
    DISTANCE_MAX, DISTANCE_RELEVANT, Discovery, Found, FullText, Near, TextMatch,
    check::fold,
    discover::distances,
    index::IndexTexts,
    store::{CatalogStore, NeighbourStore, StaleAgent, VectorHead, VectorStore},
    terms,
};

/// How many agents are looked at more closely, at least.
const POOL: u32 = 100;
/// What all words of a query are worth, in cosine: enough to put near equals in order, and no more. Larger weights were
/// found to make the ranking worse.
const WORDS_WEIGHT: f64 = 0.05;
/// Of so many agents whose vectors are not made yet, the words are looked at here; of more, by the database.
const STALE_MAX: u32 = 64;
/// How many changes a search takes in on its way. When there are more, it goes on with what it has.
const CHANGES_PER_SEARCH: u32 = 512;
/// How many agents of one name count as being asked for by it.
const NAMESAKES: u32 = 20;

/// A query, ready for the transaction in which agents are looked for.
#[derive(Clone)]
pub struct PreparedQuery(Option<(Arc<Meaning>, Arc<KnownQuery>)>);

/// What was found for a query, when nothing was out of date.
pub(super) struct Ranked {
    change_no: i64,
    near: Vec<Near>,
}

impl PreparedQuery {
    /// A query without a vector.
    pub(super) const fn by_words() -> Self {
        Self(None)
    }

    pub(super) const fn by_meaning(meaning: Arc<Meaning>, query: Arc<KnownQuery>) -> Self {
        Self(Some((meaning, query)))
    }

    /// Whether agents are looked for by meaning. By words alone when there is no embedder, when it does not know the
    /// language, and when it failed.
    #[must_use]
    pub const fn is_by_meaning(&self) -> bool {
        self.0.is_some()
    }

    /// The farthest that an agent may be when nobody looks at what was found before it is called and paid: by meaning
    /// [`DISTANCE_RELEVANT`]; by words, where every word of the query that an agent does not have puts it farther, so far that it
    /// has a fifth of what the words weigh.
    #[must_use]
    pub const fn distance_relevant(&self) -> f64 {
        if self.is_by_meaning() { DISTANCE_RELEVANT } else { DISTANCE_MAX * 0.8 }
    }
}

impl<S: CatalogStore + VectorStore + NeighbourStore> Discovery<S> for PreparedQuery {
    async fn nearest(&self, tx: &mut S, text: &str, limit: u32) -> Result<Vec<Near>, StoreError> {
        let Some((meaning, query)) = &self.0 else { return FullText.nearest(tx, text, limit).await };
        let (stale, head) = stale_and_head(tx).await?;
        let by_database = meaning.is_by_database();
        let is_of_model = head.model.as_deref() == Some(meaning.embedder.model());
        // While another model makes the vectors, this one's go away one by one.
        let has_all = by_database || meaning.catch_up(tx, &head, CHANGES_PER_SEARCH).await?;
        let is_fresh = has_all && is_of_model;
        let is_quiet = is_fresh && stale.is_none();
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        if is_quiet && let Some(near) = query.remembered(head.change_no, size) {
            return Ok(near);
        }
        let stale = stale.unwrap_or_default();
        let mut near = Search { meaning, query, stale: &stale, is_fresh, by_database }.run(tx, text, limit).await?;
        near.truncate(size.max(usize::try_from(POOL).unwrap_or(usize::MAX)));
        if is_quiet {
            query.remember(head.change_no, &near);
        }
        near.truncate(size);
        Ok(near)
    }
}

/// Agents whose vectors are not made yet, if there are any, and then how far the vectors are. In this order: an agent whose vector is
/// written in between is among the first, or its vector is part of what the head tells of. The other way round it would be neither, and
/// for that moment it would not be there at all.
async fn stale_and_head(tx: &mut impl VectorStore) -> Result<(Option<Vec<StaleAgent>>, VectorHead), StoreError> {
    let head = tx.vector_head().await?;
    if !head.has_stale {
        return Ok((None, head));
    }
    let stale = tx.list_stale(STALE_MAX + 1).await?;
    Ok((Some(stale), tx.vector_head().await?))
}

impl KnownQuery {
    fn remembered(&self, change_no: i64, size: usize) -> Option<Vec<Near>> {
        let ranked = self.ranked.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let is_right = ranked.change_no == change_no && size <= usize::try_from(POOL).unwrap_or(usize::MAX);
        is_right.then(|| ranked.near.iter().take(size).copied().collect())
    }

    fn remember(&self, change_no: i64, near: &[Near]) {
        let ranked = Ranked { change_no, near: near.to_vec() };
        *self.ranked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(ranked));
    }
}

impl Meaning {
    /// Takes in what changed, at most `limit` changes, and returns whether the index has everything now that was
    /// committed when the head was read.
    pub(super) async fn catch_up(&self, tx: &mut impl VectorStore, head: &VectorHead, limit: u32) -> Result<bool, StoreError> {
        if !self.index.is_complete_to(head.change_no) {
            let after = self.index.cursor();
            let changes = tx.list_vector_changes(self.embedder.model(), after, limit).await?;
            let is_all = changes.len() < usize::try_from(limit).unwrap_or(usize::MAX);
            self.index.apply(after, changes, is_all.then_some(head.change_no));
        }
        Ok(self.index.is_complete_to(head.change_no))
    }
}

/// One search.
struct Search<'a> {
    meaning: &'a Meaning,
    query: &'a KnownQuery,
    stale: &'a [StaleAgent],
    /// Whether the index has everything.
    is_fresh: bool,
    /// Whether it is the database's.
    by_database: bool,
}

impl Search<'_> {
    async fn run<S: CatalogStore + VectorStore + NeighbourStore>(
        &self,
        tx: &mut S,
        text: &str,
        limit: u32,
    ) -> Result<Vec<Near>, StoreError> {
        let pool = limit.saturating_add(POOL / 2).max(POOL);
        let meant = if self.by_database {
            self.meaning.neighbours(tx, &self.query.probe, pool).await?
        } else {
            self.meaning.index.nearest(&self.query.probe, usize::try_from(pool).unwrap_or(usize::MAX))
        };
        let ids: Vec<AgentId> = meant.iter().map(|(agent, _)| *agent).collect();
        let texts = tx.list_texts(&ids).await?;
        let mut found = self.combined(&meant, texts);
        let is_partial = !self.is_fresh || self.stale.len() > usize::try_from(STALE_MAX).unwrap_or(usize::MAX);
        if is_partial || self.query.is_doubtful {
            let matches = tx.list_matches(&self.query.terms, pool).await?;
            self.add_matches(&mut found, &matches, is_partial);
        }
        let name: String = fold(text.trim()).chars().filter(|char| *char != '\0').collect();
        found.extend(tx.list_named(&name, NAMESAKES).await?.into_iter().map(|agent| (agent, 0.0)));
        let mut near: Vec<Near> = found.into_iter().map(|(agent, distance)| Near { agent, distance }).collect();
        near.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.agent.cmp(&b.agent)));
        Ok(near)
    }

    /// The distances of agents by their vectors, with a touch of words; of those without a vector, by their words.
    fn combined(&self, meant: &[(AgentId, f32)], texts: Vec<(AgentId, IndexTexts)>) -> HashMap<AgentId, f64> {
        let stems: Vec<String> = self.query.terms.iter().map(|term| terms::stem(term).to_owned()).collect();
        let stale_texts = self.stale.iter().filter_map(|stale| stale.texts.clone().map(|texts| (stale.agent, texts)));
        // What is out of date has its texts in both; one look is enough.
        let texts: HashMap<AgentId, IndexTexts> = texts.into_iter().chain(stale_texts).collect();
        let matches: Vec<TextMatch> =
            texts.iter().map(|(agent, texts)| TextMatch { agent: *agent, found: words::found(texts, &stems) }).collect();
        let by_words: HashMap<AgentId, f64> = distances(&matches).into_iter().map(|near| (near.agent, near.distance)).collect();
        let mut found = HashMap::with_capacity(by_words.len());
        for (agent, cosine) in meant {
            // Without texts it is not to be found any more.
            let Some(distance) = by_words.get(agent) else { continue };
            let words = 1.0 - distance / DISTANCE_MAX;
            let similarity = f64::from(*cosine) + WORDS_WEIGHT * words;
            found.insert(*agent, (DISTANCE_MAX * (1.0 - similarity)).clamp(0.0, DISTANCE_MAX));
        }
        let unmade: HashSet<AgentId> = self.stale.iter().map(|stale| stale.agent).collect();
        for (agent, distance) in by_words {
            if unmade.contains(&agent) && distance < DISTANCE_MAX {
                keep_nearer(&mut found, agent, distance);
            }
        }
        found
    }

    /// Adds what the database found by words: all of it while it is not known of every agent whether it has a vector here, and that of
    /// its texts as they are; otherwise, when it is doubtful whether the model knows the language, those that have every word.
    fn add_matches(&self, found: &mut HashMap<AgentId, f64>, matches: &[TextMatch], is_partial: bool) {
        for (near, one) in distances(matches).into_iter().zip(matches) {
            let has_all = one.found.iter().all(|found| *found != Found::Not);
            if is_partial || has_all || !self.has_vector(near.agent) {
                keep_nearer(found, near.agent, near.distance);
            }
        }
    }
}

impl Search<'_> {
    /// Whether an agent was compared with the query, as far as is known.
    fn has_vector(&self, agent: AgentId) -> bool {
        if self.by_database {
            return !self.stale.iter().any(|stale| stale.agent == agent);
        }
        self.meaning.index.contains(agent)
    }
}

fn keep_nearer(found: &mut HashMap<AgentId, f64>, agent: AgentId, distance: f64) {
    let kept = found.entry(agent).or_insert(distance);
    *kept = kept.min(distance);
}
