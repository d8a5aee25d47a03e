//! How good the search is.

use std::{collections::HashMap, fmt::Write, time::Instant};

use rialto_kernel::AgentId;
use rialto_registry::{self as registry, DiscoverQuery, NewAgent, RankBy};
use rialto_store::Tx;

use crate::{
    Result,
    place::{NOON, Place, agent},
};

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $name))
    };
}

/// Sums over the queries of a set.
#[derive(Default)]
struct Sums {
    queries: f64,
    recall: f64,
    hits: f64,
    reciprocal: f64,
    milliseconds: f64,
}

/// The table of all sets, by meaning and by words alone.
pub async fn table() -> Result<String> {
    let eval = Place::with(parsed(file!("eval/agents.txt"))).await?;
    let heldout = Place::with(parsed(file!("heldout/agents.txt"))).await?;
    let sets = [
        ("paraphrases", &eval, file!("eval/queries.txt")),
        ("keywords", &eval, file!("eval/kw.txt")),
        ("held out", &heldout, file!("heldout/queries.txt")),
    ];
    let mut table =
        String::from("| set | queries | by | recall@5 | hit@1 | MRR | ms per query |\n|---|--:|---|--:|--:|--:|--:|\n");
    for (name, place, queries) in sets {
        for by_meaning in [true, false] {
            let Sums { queries: count, recall, hits, reciprocal, milliseconds } = measure(place, queries, by_meaning).await?;
            let by = if by_meaning { "meaning" } else { "words" };
            let [recall, hit, mrr, ms] = [recall, hits, reciprocal, milliseconds].map(|sum| sum / count);
            writeln!(table, "| {name} | {count} | {by} | {recall:.3} | {hit:.2} | {mrr:.3} | {ms:.2} |")?;
        }
    }
    Ok(table)
}

/// One agent a line: `name|tag,tag|description`, or a description alone.
fn parsed(lines: &str) -> Vec<NewAgent> {
    let parsed = |(line, text): (usize, &str)| match text.splitn(3, '|').collect::<Vec<_>>()[..] {
        [name, tags, description] => agent(name, &tags.split(',').collect::<Vec<_>>(), description),
        _ => agent(&format!("Agent {line}"), &[], text),
    };
    lines.lines().enumerate().map(parsed).collect()
}

/// Asks each query, `text|line,line` with the lines of the right agents.
async fn measure(place: &Place, queries: &str, by_meaning: bool) -> Result<Sums> {
    let lines: HashMap<AgentId, usize> = place.agents.iter().copied().zip(1..).collect();
    let words = registry::Finder::off();
    let mut sums = Sums::default();
    for line in queries.lines() {
        let (text, right) = line.rsplit_once('|').ok_or("a query without its agents")?;
        let right = right.split(',').map(str::parse).collect::<std::result::Result<Vec<usize>, _>>()?;
        let began = Instant::now();
        let prepared = if by_meaning { place.finder.prepare(text).await } else { words.prepare(text).await };
        let query = DiscoverQuery { text: text.to_owned(), limit: 50, distance_max: None, rank_by: RankBy::SimilarityOnly };
        let work = async move |tx: &mut Tx| registry::discover(tx, &prepared, &query, NOON).await;
        let found = place.db.read(work).await?;
        sums.milliseconds += began.elapsed().as_secs_f64() * 1_000.0;
        let found: Vec<usize> = found.iter().filter_map(|view| lines.get(&view.agent.id)).copied().collect();
        let places: Vec<usize> = right.iter().filter_map(|line| found.iter().position(|found| found == line)).collect();
        let number = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        let first = places.iter().min().copied();
        sums.queries += 1.0;
        sums.recall += number(places.iter().filter(|place| **place < 5).count()) / number(right.len());
        sums.hits += f64::from(u8::from(first == Some(0)));
        sums.reciprocal += first.map_or(0.0, |place| 1.0 / number(place + 1));
    }
    Ok(sums)
}
