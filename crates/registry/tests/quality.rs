//! How good the search is: a floor under its figures on two sets of agents and queries. `just bench-discovery` prints them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
mod world;

use std::{collections::HashMap, sync::Arc};

use rialto_embeddings::{Builtin, MiniLm};
use rialto_kernel::{AgentId, Clock};
use rialto_registry::{self as registry, AgentView, DISTANCE_RELEVANT, DiscoverQuery, Finder, RankBy, RegistryError, Upkeep};
use rialto_store::{Db, Tx, suite, testing::TestDb};
use world::*;

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/discovery/", $name))
    };
}

/// Agents in the order of their lines, found by meaning.
struct Set {
    db: Db,
    finder: Finder,
    lines: HashMap<AgentId, usize>,
}

/// Of the right agents, how many are among the first five; whether the first is one; one over the place of the first right.
#[derive(Debug, PartialEq)]
struct Figures {
    recall: f64,
    hit: f64,
    mrr: f64,
}

impl Set {
    /// Registers an agent for each line: `name|tag,tag|description`, or a description alone.
    async fn of(test: &TestDb, agents: &str) -> Self {
        let (db, owner) = (test.db.clone(), operator(&test.db).await);
        let new: Vec<_> = agents.lines().enumerate().map(|(n, line)| parsed(n, line)).collect();
        let register = async move |tx: &mut Tx| {
            let mut ids = Vec::new();
            for new in &new {
                ids.push(registry::register(tx, &owner, new, NOON).await?.id);
            }
            Ok::<_, RegistryError>(ids)
        };
        let ids = db.write(register).await.unwrap();
        let finder = Finder::new(Arc::new(Builtin::new(Arc::new(MiniLm::builtin().unwrap()), 2)));
        let upkeep = Upkeep::new(db.clone(), Clock::fixed(NOON), finder.clone());
        upkeep.start().await.unwrap();
        assert_eq!(upkeep.make_missing().await.unwrap(), ids.len());
        Self { db, finder, lines: ids.into_iter().zip(1..).collect() }
    }

    /// Asks for each line: `query|line,line`.
    async fn figures(&self, queries: &str) -> Figures {
        let (mut recall, mut hit, mut mrr, mut count) = (0.0, 0.0, 0.0, 0.0);
        for line in queries.lines() {
            let (text, right) = line.rsplit_once('|').unwrap();
            let right: Vec<usize> = right.split(',').map(|line| line.parse().unwrap()).collect();
            let prepared = self.finder.prepare(text).await;
            assert!(prepared.is_by_meaning(), "{text:?} is taken for a language that the model does not know");
            let query = DiscoverQuery { text: text.to_owned(), limit: 50, distance_max: None, rank_by: RankBy::SimilarityOnly };
            let search = async move |tx: &mut Tx| registry::discover(tx, &prepared, &query, NOON).await;
            let found: Vec<usize> = self.db.read(search).await.unwrap().iter().map(|view| self.lines[&view.agent.id]).collect();
            let places: Vec<usize> = right.iter().filter_map(|line| found.iter().position(|found| found == line)).collect();
            let number = |n: usize| f64::from(u32::try_from(n).unwrap());
            recall += number(places.iter().filter(|place| **place < 5).count()) / number(right.len());
            let first = places.into_iter().min();
            hit += f64::from(u8::from(first == Some(0)));
            mrr += first.map_or(0.0, |place| 1.0 / number(place + 1));
            count += 1.0;
        }
        Figures { recall: recall / count, hit: hit / count, mrr: mrr / count }
    }
}

impl Set {
    /// Of the queries, how many have a right agent within the distance at which agents are called unseen; and for how many a wrong one
    /// is within it.
    async fn called_unseen(&self, queries: &str) -> (usize, usize) {
        let (mut right, mut wrong) = (0, 0);
        for line in queries.lines() {
            let (text, lines) = line.rsplit_once('|').unwrap();
            let lines: Vec<usize> = lines.split(',').map(|line| line.parse().unwrap()).collect();
            let prepared = self.finder.prepare(text).await;
            let distance_max = Some(DISTANCE_RELEVANT);
            let query = DiscoverQuery { text: text.to_owned(), limit: 50, distance_max, rank_by: RankBy::SimilarityOnly };
            let search = async move |tx: &mut Tx| registry::discover(tx, &prepared, &query, NOON).await;
            let found = self.db.read(search).await.unwrap();
            let is_right = |view: &AgentView| lines.contains(&self.lines[&view.agent.id]);
            right += usize::from(found.iter().any(is_right));
            wrong += usize::from(!found.iter().all(is_right));
        }
        (right * 100 / queries.lines().count(), wrong * 100 / queries.lines().count())
    }
}

fn parsed(n: usize, line: &str) -> registry::NewAgent {
    match line.splitn(3, '|').collect::<Vec<_>>()[..] {
        [name, tags, description] => agent(name, description, &tags.split(',').collect::<Vec<_>>()),
        _ => agent(&format!("Agent {n}"), line, &[]),
    }
}

async fn paraphrases_and_keywords_find_their_agents(test: &TestDb) {
    let set = Set::of(test, file!("eval/agents.txt")).await;
    let paraphrases = set.figures(file!("eval/queries.txt")).await;
    assert!(paraphrases.recall >= 0.95 && paraphrases.hit >= 0.7 && paraphrases.mrr >= 0.84, "{paraphrases:?}");
    let keywords = set.figures(file!("eval/kw.txt")).await;
    assert_eq!(keywords, Figures { recall: 1.0, hit: 1.0, mrr: 1.0 });
}

async fn so_do_queries_that_nothing_was_tuned_on(test: &TestDb) {
    let set = Set::of(test, file!("heldout/agents.txt")).await;
    let figures = set.figures(file!("heldout/queries.txt")).await;
    assert!(figures.recall >= 0.9 && figures.mrr >= 0.8, "{figures:?}");
    let (right, wrong) = set.called_unseen(file!("heldout/queries.txt")).await;
    assert!(right >= 78 && wrong <= 8, "{right} % {wrong} %");
}

suite! {
    paraphrases_and_keywords_find_their_agents,
    so_do_queries_that_nothing_was_tuned_on,
}
