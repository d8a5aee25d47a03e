//! Finding agents by what one needs, in plain words.

use std::{collections::HashMap, future::Future};

use rialto_kernel::{AgentId, Timestamp};
use rialto_store::StoreError;

use crate::{
    AgentView, RegistryError,
    read::view,
    store::{CatalogStore, QualityStore},
    terms,
};

/// How many agents a search looks at before it decides which are nearest.
const CANDIDATES: u32 = 30;
/// The farthest that an agent can be from a query.
pub const DISTANCE_MAX: f64 = 2.0;

/// The farthest that an agent may be when nobody looks at what was found before it is called and paid. It keeps four in five of the
/// right agents for queries that nothing was tuned on, and one in sixteen of the agents that would be nearest if the right ones were not
/// there; at 1.4 that would be one in four.
pub const DISTANCE_RELEVANT: f64 = 1.3;

/// What to look for, and how to rank what is found.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscoverQuery {
    /// What is needed, in plain words. Anything at all may stand here.
    pub text: String,
    /// How many agents at most.
    pub limit: u32,
    /// The farthest that an agent may be, 0 to [`DISTANCE_MAX`].
    pub distance_max: Option<f64>,
    /// What puts one before the other.
    pub rank_by: RankBy,
}

/// What puts one found agent before another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RankBy {
    /// Nothing but its distance.
    SimilarityOnly,
    /// Distance first, then how well it does, then how fresh it is.
    #[default]
    Balanced,
    /// How well it does, before all else.
    QualityFirst,
}

impl RankBy {
    /// The value with this word; [`RankBy::Balanced`] for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "similarity_only" => Self::SimilarityOnly,
            "quality_first" => Self::QualityFirst,
            _ => Self::Balanced,
        }
    }
}

/// An active agent, and how far it is from a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// The agent.
    pub agent: AgentId,
    /// 0 (near) to [`DISTANCE_MAX`].
    pub distance: f64,
}

/// A way to find agents near a text, on a store `S`.
///
/// [`FullText`] compares words. A [`PreparedQuery`](crate::PreparedQuery) compares meaning: it holds the vector of the text,
/// made before the transaction.
pub trait Discovery<S>: Send + Sync {
    /// The active agents nearest to `text`, at most `limit`, the nearest first.
    fn nearest(&self, tx: &mut S, text: &str, limit: u32) -> impl Future<Output = Result<Vec<Near>, StoreError>> + Send;
}

/// Finds agents by the words of their name, tags, capabilities and description, whatever the words' endings.
#[derive(Debug, Clone, Copy, Default)]
pub struct FullText;

impl<S: CatalogStore> Discovery<S> for FullText {
    async fn nearest(&self, tx: &mut S, text: &str, limit: u32) -> Result<Vec<Near>, StoreError> {
        let terms = terms::of(text);
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let matches = tx.list_matches(&terms, limit.max(CANDIDATES)).await?;
        let mut near = distances(&matches);
        near.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        near.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(near)
    }
}

/// An agent that has at least one word of a query, the best first as the database sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMatch {
    /// The agent.
    pub agent: AgentId,
    /// For each word of the query, where the agent has it.
    pub found: Vec<Found>,
}

/// Where an agent has a word; the heaviest place counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nowhere.
    Not,
    /// In its description.
    InDescription,
    /// In a tag or a capability.
    InLabels,
    /// In its name.
    InName,
}

impl Found {
    const fn worth(self) -> f64 {
        match self {
            Self::Not => 0.0,
            Self::InDescription => 0.8,
            Self::InLabels => 0.9,
            Self::InName => 1.0,
        }
    }
}

/// How far each match is: 0 when its name has every word, [`DISTANCE_MAX`] when it has none. A word that few of the
/// matches have counts for more than one that all have.
///
/// It is computed here rather than taken from the database, because the two databases score on different scales, and
/// SQLite's BM25 says nothing at all while there are only a few agents.
pub(crate) fn distances(matches: &[TextMatch]) -> Vec<Near> {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let words = matches.first().map_or(0, |first| first.found.len());
    let weights: Vec<f64> = (0..words)
        .map(|n| {
            let having = matches.iter().filter(|one| one.found.get(n).is_some_and(|found| *found != Found::Not)).count();
            (1.0 + count(matches.len()) / count(having.max(1))).ln()
        })
        .collect();
    let whole: f64 = weights.iter().sum();
    let distance = |one: &TextMatch| {
        let got: f64 = one.found.iter().zip(&weights).map(|(found, weight)| found.worth() * weight).sum();
        (DISTANCE_MAX * (1.0 - got / whole)).clamp(0.0, DISTANCE_MAX)
    };
    matches.iter().map(|one| Near { agent: one.agent, distance: distance(one) }).collect()
}

/// Finds agents for a need. Of those near enough, the nearest are kept, and then ranked.
///
/// A text without a single word worth looking for finds nothing.
///
/// # Errors
/// The store's.
pub async fn discover<S: CatalogStore + QualityStore>(
    tx: &mut S,
    discovery: &impl Discovery<S>,
    query: &DiscoverQuery,
    now: Timestamp,
) -> Result<Vec<AgentView>, RegistryError> {
    let near = discovery.nearest(tx, &query.text, query.limit).await?;
    let farthest = query.distance_max.unwrap_or(DISTANCE_MAX);
    let near: Vec<Near> = near.into_iter().filter(|one| one.distance <= farthest).collect();
    if near.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<AgentId> = near.iter().map(|one| one.agent).collect();
    let mut agents: HashMap<AgentId, _> = tx.list_by_id(&ids).await?.into_iter().map(|agent| (agent.id, agent)).collect();
    let agents = near.iter().filter_map(|one| agents.remove(&one.agent)).collect();
    let mut views = view(tx, agents, now).await?;
    let distances: HashMap<AgentId, f64> = near.iter().map(|one| (one.agent, one.distance)).collect();
    for view in &mut views {
        view.distance = distances.get(&view.agent.id).copied();
    }
    if query.rank_by != RankBy::SimilarityOnly {
        views.sort_by(|a, b| merit(b, query.rank_by, now).total_cmp(&merit(a, query.rank_by, now)));
    }
    Ok(views)
}

/// What a found agent is worth, 0 to 1: similarity, quality and freshness, in shares that the reference fixes.
fn merit(view: &AgentView, rank_by: RankBy, now: Timestamp) -> f64 {
    let similarity = (1.0 - view.distance.unwrap_or(DISTANCE_MAX) / DISTANCE_MAX).max(0.0);
    let rating = view.agent.rating_avg().unwrap_or(0.0) / 5.0;
    let success = view.quality.success_rate().unwrap_or(0.0);
    let swiftness = view.quality.avg_latency_ms().map_or(0.0, |ms| 1.0 / (1.0 + ms / 1_000.0));
    let quality = 0.4 * rating + 0.4 * success + 0.2 * swiftness;
    let days = now.since(view.agent.updated_at).as_secs_f64() / 86_400.0;
    let freshness = (1.0 - days / 90.0).max(0.0);
    match rank_by {
        RankBy::SimilarityOnly => similarity,
        RankBy::Balanced => 0.5 * similarity + 0.35 * quality + 0.15 * freshness,
        RankBy::QualityFirst => 0.2 * similarity + 0.7 * quality + 0.1 * freshness,
    }
}

#[cfg(test)]
mod tests {
    use Found::{InDescription, InName, Not};

    use super::*;

    fn measured(found: &[&[Found]]) -> Vec<f64> {
        let matches: Vec<_> = found.iter().map(|found| TextMatch { agent: AgentId::new(), found: found.to_vec() }).collect();
        distances(&matches).into_iter().map(|near| near.distance).collect()
    }

    #[test]
    fn distance_runs_from_every_word_in_the_name_to_none() {
        assert_eq!(measured(&[&[InName, InName]]), [0.0]);
        assert_eq!(measured(&[&[InName, Not]]), [1.0]);
        assert!(measured(&[&[InDescription]])[0] > 0.0);
        assert_eq!(measured(&[]), Vec::<f64>::new());
    }

    #[test]
    fn a_rare_word_counts_for_more_than_a_common_one() {
        // "agent translate": all are agents, one of them translates.
        let found = measured(&[&[InName, Not], &[InName, Not], &[InName, Not], &[Not, InDescription]]);
        assert!(found[3] < found[0], "{found:?}");
    }
}
