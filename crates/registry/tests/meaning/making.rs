//! How agents get their vectors, and how they are found meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rialto_embeddings::{EmbedError, Embedder, Embedding, Language, Purpose};
use rialto_jobs::Job;
use rialto_kernel::AgentId;
use rialto_registry::{self as registry, AgentChanges, DiscoverQuery, EmbedAgent, RankBy, RegistryError};
use rialto_store::{Tx, suite, testing::TestDb};

use crate::{
    process::{AGENTS, Moody, Process, builtin, due, filled},
    world::*,
};

async fn the_job_is_written_with_the_agent_and_makes_its_vector(test: &TestDb) {
    let db = &test.db;
    let (owner, process) = (operator(db).await, Process::start(db, builtin()).await);
    let undone = db.write(async move |tx: &mut Tx| {
        registry::register(tx, &owner, &agent("Ghost", "Never committed.", &[]), NOON).await?;
        Err::<(), _>(RegistryError::NotFound)
    });
    undone.await.unwrap_err();
    assert_eq!((due(db).await, rows(db, "SELECT count(*) AS n FROM agent_vectors").await), (0, 0));
    let scribe = register(db, &owner, agent("Scribe", "Transcribes podcasts.", &[]), NOON).await;
    assert_eq!(due(db).await, 1);
    EmbedAgent { agent: scribe.id }.run(&process.upkeep).await.unwrap();
    assert_eq!(process.first("turn speech into text").await.as_deref(), Some("Scribe"));
    // Running it again, or for an agent that never was, does no harm.
    for agent in [scribe.id, AgentId::new()] {
        EmbedAgent { agent }.run(&process.upkeep).await.unwrap();
    }
    assert_eq!(process.finder.stats().agents_embedded, 1);
    // What agents are not found by asks for no vector.
    let priced = AgentChanges { pricing_enabled: Some(true), ..AgentChanges::default() };
    update(db, &owner, scribe.id, priced, at(1)).await.unwrap();
    assert_eq!(due(db).await, 1);
}

async fn a_failing_embedder_fails_no_registration_and_is_asked_again(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let moody = Moody::new("moody", 8);
    let process = Process::start(db, moody.clone()).await;
    moody.fails.store(true, Ordering::Relaxed);
    let mender = register(db, &owner, agent("Mender", "Repairs bikes.", &[]), NOON).await;
    let failure = EmbedAgent { agent: mender.id }.run(&process.upkeep).await.unwrap_err();
    assert!(failure.to_string().contains("out for lunch"), "{failure}");
    let asked = moody.asked.lock().unwrap().len();
    assert_eq!(process.found("repairs").await, ["Mender"], "by its words");
    assert!(process.upkeep.make_missing().await.is_err());
    assert_eq!(moody.asked.lock().unwrap().len(), asked, "who has just failed is left in peace");
    moody.fails.store(false, Ordering::Relaxed);
    // A process of its own has not seen it fail.
    let other = Process::start(db, moody.clone()).await;
    moody.gives.store(7, Ordering::Relaxed);
    let failure = other.upkeep.make_missing().await.unwrap_err();
    assert!(failure.to_string().contains("7 numbers"), "{failure}");
    moody.gives.store(8, Ordering::Relaxed);
    let third = Process::start(db, moody.clone()).await;
    assert_eq!(third.upkeep.make_missing().await.unwrap(), 1);
    assert_eq!(third.found("bike").await, ["Mender"]);
    assert!(third.is_by_meaning("bike").await);
    // An odd vector for a query is no reason to find nothing.
    moody.gives.store(9, Ordering::Relaxed);
    assert_eq!(third.found("repairs").await, ["Mender"]);
}

async fn a_text_that_is_refused_keeps_no_other_from_its_vector(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    for n in 0..40 {
        let what = if n % 13 == 0 { "unspeakable" } else { "Repairs bikes." };
        register(db, &owner, agent(&format!("Mender {n}"), what, &[]), NOON).await;
    }
    let moody = Moody::new("moody", 8);
    let process = Process::start(db, moody.clone()).await;
    assert_eq!(process.upkeep.make_missing().await.unwrap(), 40);
    assert_eq!(rows(db, "SELECT count(*) AS n FROM agent_vectors WHERE vector IS NOT NULL").await, 36);
    assert_eq!(process.upkeep.make_missing().await.unwrap(), 0, "those that are refused are not asked for again");
    assert_eq!(process.finder.stats().failures, 0);
    // Nor does a query that is refused keep the next from being asked.
    assert!(!process.is_by_meaning("unspeakable").await);
    assert!(process.is_by_meaning("bike").await);
    // One that refuses everything is set up wrongly: no agent is to blame, and none is given up.
    let other = Process::start(db, Arc::new(Fussy)).await;
    let failure = other.upkeep.make_missing().await.unwrap_err();
    assert!(failure.to_string().contains("no model"), "{failure}");
    assert_eq!(rows(db, "SELECT count(*) AS n FROM agent_vectors WHERE model = 'fussy'").await, 0);
}

/// An embedder that refuses everything.
struct Fussy;

impl Embedder for Fussy {
    fn model(&self) -> &str {
        "fussy"
    }

    fn dimensions(&self) -> usize {
        8
    }

    fn language(&self, _: &str) -> Language {
        Language::Known
    }

    fn embed(&self, _: Vec<String>, _: Purpose) -> Embedding<'_> {
        Box::pin(async { Err(EmbedError::Refused("no model of that name".into())) })
    }
}

async fn a_new_model_makes_new_vectors_and_two_are_never_compared(test: &TestDb) {
    let db = &test.db;
    let owner = filled(db).await;
    let old = Process::start(db, builtin()).await;
    old.upkeep.make_missing().await.unwrap();
    assert_eq!(old.first("turn speech into text").await.as_deref(), Some("Scribe"));
    let moody = Moody::new("moody", 8);
    let new = Process::start(db, moody.clone()).await;
    assert_eq!(new.finder.stats().agents, 0, "none of the other model's vectors is in memory");
    assert_eq!(new.found("recipes").await, ["Chef"], "by words while there are none");
    assert_eq!(old.first("turn speech into text").await.as_deref(), Some("Scribe"), "the old ones go on for now");
    assert_eq!(old.upkeep.make_missing().await.unwrap(), 0, "but no new ones are made");
    register(db, &owner, agent("Mender", "Repairs bikes.", &[]), NOON).await;
    assert_eq!(new.upkeep.make_missing().await.unwrap(), AGENTS.len() + 1);
    assert_eq!(new.first("bike").await.as_deref(), Some("Mender"));
    assert_eq!(old.found("repairs").await, ["Mender"], "without vectors of its own, the old model finds by words");
    assert_eq!(old.finder.stats().agents, 0);
    assert_eq!(rows(db, "SELECT count(*) AS n FROM agent_vectors WHERE model <> 'moody' OR vector IS NULL").await, 0);
    // And back again.
    let back = Process::start(db, builtin()).await;
    assert_eq!(back.upkeep.make_missing().await.unwrap(), AGENTS.len() + 1);
    assert_eq!(back.first("turn speech into text").await.as_deref(), Some("Scribe"));
}

async fn many_agents_are_taken_in_piece_by_piece(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    // More than a search takes in on its way, and than it looks at by itself while their vectors are missing.
    let count: usize = 1_300;
    for first in (0..count).step_by(100) {
        let hundred = async move |tx: &mut Tx| {
            for n in first..first + 100 {
                let what = if n == 1_234 { "Repairs bikes" } else { "Does something else" };
                registry::register(tx, &owner, &agent(&format!("Agent {n}"), what, &[]), NOON).await?;
            }
            Ok::<_, RegistryError>(())
        };
        db.write(hundred).await.unwrap();
    }
    let moody = Moody::new("moody", 8);
    let maker = Process::start(db, moody.clone()).await;
    assert_eq!(maker.first("repairs").await.as_deref(), Some("Agent 1234"), "by words, though hundreds have no vector");
    let late = Process::start(db, moody.clone()).await;
    assert_eq!(maker.upkeep.make_missing().await.unwrap(), count);
    for _ in 0..3 {
        assert_eq!(late.first("repairs a bike").await.as_deref(), Some("Agent 1234"), "whatever it has taken in so far");
    }
    assert_eq!(late.finder.stats().agents, 1_300);
    let fresh = Process::start(db, moody).await;
    assert_eq!(fresh.finder.stats().agents, 1_300, "a start takes in everything");
}

async fn jobs_that_run_at_once_share_the_work(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let process = Process::start(db, builtin()).await;
    let mut agents = Vec::new();
    for n in 0..60 {
        agents.push(register(db, &owner, agent(&format!("Scribe {n}"), "Transcribes podcasts.", &[]), NOON).await.id);
    }
    let process = Arc::new(process);
    let jobs: Vec<_> = agents
        .iter()
        .map(|agent| {
            let (process, job) = (Arc::clone(&process), EmbedAgent { agent: *agent });
            tokio::spawn(async move { job.run(&process.upkeep).await })
        })
        .collect();
    for job in jobs {
        job.await.unwrap().unwrap();
    }
    assert_eq!(process.found("turn speech into text").await.len(), 10);
    let stats = process.finder.stats();
    assert_eq!((stats.agents, stats.agents_embedded), (60, 60), "each was embedded once, and none was left");
}

/// The moment in which a vector is written is no moment in which its agent is not there.
async fn an_agent_is_found_at_every_moment_while_its_vector_is_made(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let process = Arc::new(Process::start(db, Moody::new("moody", 8)).await);
    for n in 0..40 {
        let agent = register(db, &owner, agent(&format!("Mender {n}"), "Repairs bikes.", &[]), NOON).await.id;
        let is_made = Arc::new(AtomicBool::new(false));
        let askers: Vec<_> = (0..4)
            .map(|_| {
                let (process, is_made) = (Arc::clone(&process), Arc::clone(&is_made));
                tokio::spawn(async move {
                    loop {
                        let was_made = is_made.load(Ordering::Relaxed);
                        let query = DiscoverQuery {
                            text: "bike".into(),
                            limit: 100,
                            distance_max: None,
                            rank_by: RankBy::SimilarityOnly,
                        };
                        let found = process.discover(query).await;
                        assert!(found.iter().any(|view| view.agent.id == agent), "{:?}", names(&found));
                        if was_made {
                            break;
                        }
                    }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        process.upkeep.make_missing().await.unwrap();
        is_made.store(true, Ordering::Relaxed);
        for asker in askers {
            asker.await.unwrap();
        }
    }
}

/// Agents that were changed are found by their new words, also among more of them than a search looks at by itself.
async fn new_words_count_at_once_among_many_that_have_no_vector(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let process = Process::start(db, Moody::new("moody", 8)).await;
    let mut ids = Vec::new();
    for n in 0..150 {
        ids.push(register(db, &owner, agent(&format!("Other {n}"), "Does something.", &[]), NOON).await.id);
    }
    ids.push(register(db, &owner, agent("Last", "Does something.", &[]), NOON).await.id);
    process.upkeep.make_missing().await.unwrap();
    for (n, id) in ids.iter().enumerate() {
        let description = if n < 150 { "Does something else." } else { "Paints bikes." };
        let other = AgentChanges { description: Some(description.into()), ..AgentChanges::default() };
        update(db, &owner, *id, other, at(1)).await.unwrap();
    }
    assert_eq!(process.first("paint bikes").await.as_deref(), Some("Last"));
}

suite! {
    the_job_is_written_with_the_agent_and_makes_its_vector,
    a_failing_embedder_fails_no_registration_and_is_asked_again,
    a_text_that_is_refused_keeps_no_other_from_its_vector,
    a_new_model_makes_new_vectors_and_two_are_never_compared,
    many_agents_are_taken_in_piece_by_piece,
    jobs_that_run_at_once_share_the_work,
    an_agent_is_found_at_every_moment_while_its_vector_is_made,
    new_words_count_at_once_among_many_that_have_no_vector,
}
