//! Finding agents by what they mean, on both databases, with the model that is built in.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
mod world;

use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rialto_embeddings::{Builtin, EmbedError, Embedder, Embedding, Language, MiniLm, Purpose, Vector};
use rialto_jobs::Job;
use rialto_kernel::{AgentId, Caller, Clock};
use rialto_registry::{
    self as registry, AgentChanges, AgentView, DISTANCE_MAX, DiscoverQuery, EmbedAgent, Finder, RankBy, RegistryError, Upkeep,
};
use rialto_store::{Db, Tx, suite, testing::TestDb};
use world::*;

fn builtin() -> Arc<Builtin> {
    static MODEL: LazyLock<Arc<MiniLm>> = LazyLock::new(|| Arc::new(MiniLm::builtin().unwrap()));
    Arc::new(Builtin::new(Arc::clone(&MODEL), 2))
}

/// One process: a finder, and what keeps its vectors up to date.
struct Process {
    db: Db,
    finder: Finder,
    upkeep: Upkeep,
}

impl Process {
    async fn start(db: &Db, embedder: Arc<dyn Embedder>) -> Self {
        let finder = Finder::new(embedder);
        let upkeep = Upkeep::new(db.clone(), Clock::fixed(NOON), finder.clone());
        upkeep.start().await.unwrap();
        Self { db: db.clone(), finder, upkeep }
    }

    async fn discover(&self, query: DiscoverQuery) -> Vec<AgentView> {
        let prepared = self.finder.prepare(&query.text).await;
        let work = async move |tx: &mut Tx| registry::discover(tx, &prepared, &query, at(100)).await;
        self.db.read(work).await.unwrap()
    }

    /// What is found, the nearest first.
    async fn near(&self, text: &str) -> Vec<AgentView> {
        self.discover(DiscoverQuery { text: text.to_owned(), limit: 10, distance_max: None, rank_by: RankBy::SimilarityOnly })
            .await
    }

    async fn found(&self, text: &str) -> Vec<String> {
        names(&self.near(text).await)
    }

    async fn first(&self, text: &str) -> Option<String> {
        self.found(text).await.into_iter().next()
    }

    async fn is_by_meaning(&self, text: &str) -> bool {
        self.finder.prepare(text).await.is_by_meaning()
    }
}

const AGENTS: [(&str, &str, &[&str]); 6] = [
    ("Polyglot", "Translates legal contracts between English and German.", &["translation"]),
    ("Scribe", "Transcribes podcasts and labels the speakers.", &["audio"]),
    ("Radiology", "Finds tumours in chest x-rays.", &["medicine"]),
    ("Chef", "Suggests recipes for the ingredients in your fridge.", &["cooking"]),
    ("Thrift", "Finds unused cloud resources and estimates monthly savings.", &["aws"]),
    ("Agronom", "Names the disease of a plant from a picture of its leaves.", &["garden"]),
];

async fn filled(db: &Db) -> Caller {
    let owner = operator(db).await;
    for (name, description, tags) in AGENTS {
        register(db, &owner, agent(name, description, tags), NOON).await;
    }
    owner
}

async fn due(db: &Db) -> i64 {
    db.read(async |tx: &mut Tx| rialto_jobs::backlog(tx, at(1)).await).await.unwrap().due
}

async fn other_words_for_the_same_thing_find_the_agent(test: &TestDb) {
    let db = &test.db;
    filled(db).await;
    let process = Process::start(db, builtin()).await;
    assert_eq!(process.first("turn speech into text").await, None, "no word of it is there");
    assert_eq!(process.first("podcast").await.as_deref(), Some("Scribe"), "its words are");
    assert_eq!(process.upkeep.make_missing().await.unwrap(), AGENTS.len());
    for (text, name) in [
        ("turn speech into text", "Scribe"),
        ("who can spot cancer on radiology scans", "Radiology"),
        ("cook dinner with leftovers", "Chef"),
        ("cut my AWS bill", "Thrift"),
        ("my roses have brown spots, what is wrong", "Agronom"),
        ("put this agreement into another language", "Polyglot"),
        ("podcast", "Scribe"),
        ("polyglot", "Polyglot"),
    ] {
        assert_eq!(process.first(text).await.as_deref(), Some(name), "{text}");
    }
    assert_eq!(process.finder.stats().agents, 6);
    assert_eq!(process.upkeep.make_missing().await.unwrap(), 0, "nothing is done twice");
}

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

async fn changes_reach_every_process_without_being_told(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let (here, there) = (Process::start(db, builtin()).await, Process::start(db, builtin()).await);
    let scribe = register(db, &owner, agent("Scribe", "Transcribes podcasts.", &[]), NOON).await.id;
    let chef = register(db, &owner, agent("Chef", "Suggests recipes.", &[]), NOON).await.id;
    here.upkeep.make_missing().await.unwrap();
    for process in [&here, &there] {
        assert_eq!(process.found("turn speech into text").await, ["Scribe", "Chef"]);
    }
    let other = AgentChanges { description: Some("Repairs bicycles.".into()), ..AgentChanges::default() };
    update(db, &owner, scribe, other, at(1)).await.unwrap();
    assert_eq!(there.first("bicycles").await.as_deref(), Some("Scribe"), "new words count at once");
    there.upkeep.make_missing().await.unwrap();
    for process in [&here, &there] {
        assert_eq!(process.first("fix the chain of my bike").await.as_deref(), Some("Scribe"));
    }
    let off = AgentChanges { is_active: Some(false), ..AgentChanges::default() };
    update(db, &owner, scribe, off, at(2)).await.unwrap();
    for process in [&here, &there] {
        assert_eq!(process.found("fix the chain of my bike").await, ["Chef"], "gone at once, whatever is in memory");
    }
    here.upkeep.make_missing().await.unwrap();
    delete(db, &owner, chef).await.unwrap();
    there.upkeep.make_missing().await.unwrap();
    for process in [&here, &there] {
        assert_eq!(process.found("dinner").await, Vec::<String>::new());
        assert_eq!(process.finder.stats().agents, 0);
    }
    let on = AgentChanges { is_active: Some(true), ..AgentChanges::default() };
    update(db, &owner, scribe, on, at(3)).await.unwrap();
    here.upkeep.make_missing().await.unwrap();
    assert_eq!(there.found("fix the chain of my bike").await, ["Scribe"]);
}

async fn what_was_found_is_remembered_until_something_changes(test: &TestDb) {
    let db = &test.db;
    let owner = filled(db).await;
    let process = Process::start(db, builtin()).await;
    process.upkeep.make_missing().await.unwrap();
    let before = process.near("turn speech into text").await;
    assert_eq!(names(&process.near(" turn speech into text ").await), names(&before));
    let stats = process.finder.stats();
    assert_eq!((stats.queries_embedded, stats.queries_remembered), (1, 1));
    let short =
        DiscoverQuery { text: "turn speech into text".into(), limit: 2, distance_max: None, rank_by: RankBy::SimilarityOnly };
    assert_eq!(names(&process.discover(short).await), names(&before)[..2]);
    register(db, &owner, agent("Speech To Text", "Turns speech into text.", &[]), NOON).await;
    assert_eq!(process.first("turn speech into text").await.as_deref(), Some("Speech To Text"));
    process.upkeep.make_missing().await.unwrap();
    assert_eq!(process.first("turn speech into text").await.as_deref(), Some("Speech To Text"));
}

async fn distances_are_of_the_contract_and_a_threshold_cuts(test: &TestDb) {
    let db = &test.db;
    filled(db).await;
    let process = Process::start(db, builtin()).await;
    process.upkeep.make_missing().await.unwrap();
    let all = process.near("transcribe an interview").await;
    let distances: Vec<f64> = all.iter().map(|view| view.distance.unwrap()).collect();
    assert_eq!(distances.len(), AGENTS.len());
    assert!(distances.is_sorted() && distances.iter().all(|distance| (0.0..=DISTANCE_MAX).contains(distance)), "{distances:?}");
    let query = |limit, distance_max| DiscoverQuery {
        text: "transcribe an interview".into(),
        limit,
        distance_max: Some(distance_max),
        rank_by: RankBy::Balanced,
    };
    assert_eq!(names(&process.discover(query(10, distances[0] + 0.001)).await), ["Scribe"]);
    assert!(process.discover(query(10, 0.0)).await.is_empty());
    assert_eq!(process.discover(query(3, 2.0)).await.len(), 3);
    // The very name is no distance at all, even when its meaning is somewhere else.
    let named = process.near("  THRIFT ").await;
    assert_eq!((named[0].agent.name.as_str(), named[0].distance), ("Thrift", Some(0.0)));
}

async fn languages_that_the_model_does_not_know_are_searched_by_words(test: &TestDb) {
    let db = &test.db;
    let owner = filled(db).await;
    for (name, description) in [
        ("Übersetzer", "Übersetzt Verträge ins Englische."),
        ("翻译员", "将合同翻译成英文。"),
        ("Счетовод", "Сверяет банковские выписки с бухгалтерией."),
        ("Rechner", "Rechnungen auslesen und verbuchen"),
    ] {
        register(db, &owner, agent(name, description, &[]), NOON).await;
    }
    let process = Process::start(db, builtin()).await;
    process.upkeep.make_missing().await.unwrap();
    for (text, name) in [
        ("Verträge ins Englische", "Übersetzer"),
        ("将合同翻译成英文", "翻译员"),
        ("сверяет банковские выписки", "Счетовод"),
        ("Rechnungen auslesen", "Rechner"),
    ] {
        assert_eq!(process.first(text).await.as_deref(), Some(name), "{text}");
    }
    assert_eq!(process.found("сверяет").await, ["Счетовод"], "by words alone, nothing else is near");
    assert!(!process.is_by_meaning("сверяет").await && process.is_by_meaning("balance the books").await);
}

/// An embedder that fails when it is told to, and otherwise points each text somewhere of its own.
struct Moody {
    name: &'static str,
    dimensions: usize,
    gives: AtomicUsize,
    fails: AtomicBool,
    asked: Mutex<Vec<String>>,
}

impl Moody {
    fn new(name: &'static str, dimensions: usize) -> Arc<Self> {
        let (gives, fails, asked) = (AtomicUsize::new(dimensions), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { name, dimensions, gives, fails, asked })
    }
}

impl Embedder for Moody {
    fn model(&self) -> &str {
        self.name
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn language(&self, _: &str) -> Language {
        Language::Known
    }

    fn embed(&self, texts: Vec<String>, _: Purpose) -> Embedding<'_> {
        let gives = self.gives.load(Ordering::Relaxed);
        let direction = |text: &String| {
            let place = if text.contains("bike") { 1 } else { 0 };
            Vector::new((0..gives).map(|n| if n == place { 1.0 } else { 0.1 }).collect()).unwrap()
        };
        let made = texts.iter().map(direction).collect();
        self.asked.lock().unwrap().extend(texts);
        let fails = self.fails.load(Ordering::Relaxed);
        Box::pin(async move { if fails { Err(EmbedError::Unavailable("out for lunch".into())) } else { Ok(made) } })
    }
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

async fn hostile_text_is_only_text(test: &TestDb) {
    let db = &test.db;
    filled(db).await;
    let process = Process::start(db, builtin()).await;
    process.upkeep.make_missing().await.unwrap();
    let long = "summarize the report ".repeat(500);
    let word = "x".repeat(10_000);
    let hostile = [
        "",
        " ",
        "\0",
        "pod\0cast",
        "\"",
        "NEAR(",
        "'; DROP TABLE agents; --",
        "%",
        "🦀🦀🦀",
        "\u{202e}\u{feff}",
        "[SEP]",
        "翻译",
        "\\",
        "$1",
        "the of and",
        long.as_str(),
        word.as_str(),
    ];
    for text in hostile {
        for limit in [1, 50, 100_000] {
            let query =
                DiscoverQuery { text: text.to_owned(), limit, distance_max: Some(DISTANCE_MAX), rank_by: RankBy::QualityFirst };
            assert!(process.discover(query).await.len() <= AGENTS.len(), "{text}");
        }
    }
    assert_eq!(process.found("the of and").await, Vec::<String>::new(), "words that say nothing find nothing");
    assert_eq!(process.first("pod\0casts to text").await.as_deref(), Some("Scribe"));
}

suite! {
    other_words_for_the_same_thing_find_the_agent,
    the_job_is_written_with_the_agent_and_makes_its_vector,
    changes_reach_every_process_without_being_told,
    what_was_found_is_remembered_until_something_changes,
    distances_are_of_the_contract_and_a_threshold_cuts,
    languages_that_the_model_does_not_know_are_searched_by_words,
    a_failing_embedder_fails_no_registration_and_is_asked_again,
    a_new_model_makes_new_vectors_and_two_are_never_compared,
    many_agents_are_taken_in_piece_by_piece,
    jobs_that_run_at_once_share_the_work,
    hostile_text_is_only_text,
}
