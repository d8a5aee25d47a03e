//! A process with a finder, agents to find, and an embedder that does as it is told.

use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rialto_embeddings::{Builtin, EmbedError, Embedder, Embedding, Language, MiniLm, Purpose, Vector};
use rialto_kernel::{Caller, Clock};
use rialto_registry::{self as registry, AgentView, DiscoverQuery, Finder, RankBy, Upkeep, VectorSearch};
use rialto_store::{Db, Tx};

use crate::world::*;

pub fn builtin() -> Arc<Builtin> {
    static MODEL: LazyLock<Arc<MiniLm>> = LazyLock::new(|| Arc::new(MiniLm::builtin().unwrap()));
    Arc::new(Builtin::new(Arc::clone(&MODEL), 2))
}

/// One process: a finder, and what keeps its vectors up to date.
pub struct Process {
    pub db: Db,
    pub finder: Finder,
    pub upkeep: Upkeep,
}

impl Process {
    pub async fn start(db: &Db, embedder: Arc<dyn Embedder>) -> Self {
        Self::searching(db, embedder, VectorSearch::Auto).await
    }

    pub async fn searching(db: &Db, embedder: Arc<dyn Embedder>, search: VectorSearch) -> Self {
        let finder = Finder::new(embedder);
        let upkeep = Upkeep::new(db.clone(), Clock::fixed(NOON), finder.clone()).searching(search);
        upkeep.start().await.unwrap();
        Self { db: db.clone(), finder, upkeep }
    }

    pub async fn discover(&self, query: DiscoverQuery) -> Vec<AgentView> {
        let prepared = self.finder.prepare(&query.text).await;
        let work = async move |tx: &mut Tx| registry::discover(tx, &prepared, &query, at(100)).await;
        self.db.read(work).await.unwrap()
    }

    /// What is found, the nearest first.
    pub async fn near(&self, text: &str) -> Vec<AgentView> {
        self.discover(DiscoverQuery { text: text.to_owned(), limit: 10, distance_max: None, rank_by: RankBy::SimilarityOnly })
            .await
    }

    pub async fn found(&self, text: &str) -> Vec<String> {
        names(&self.near(text).await)
    }

    pub async fn first(&self, text: &str) -> Option<String> {
        self.found(text).await.into_iter().next()
    }

    pub async fn is_by_meaning(&self, text: &str) -> bool {
        self.finder.prepare(text).await.is_by_meaning()
    }
}

pub const AGENTS: [(&str, &str, &[&str]); 6] = [
    ("Polyglot", "Translates legal contracts between English and German.", &["translation"]),
    ("Scribe", "Transcribes podcasts and labels the speakers.", &["audio"]),
    ("Radiology", "Finds tumours in chest x-rays.", &["medicine"]),
    ("Chef", "Suggests recipes for the ingredients in your fridge.", &["cooking"]),
    ("Thrift", "Finds unused cloud resources and estimates monthly savings.", &["aws"]),
    ("Agronom", "Names the disease of a plant from a picture of its leaves.", &["garden"]),
];

pub async fn filled(db: &Db) -> Caller {
    let owner = operator(db).await;
    for (name, description, tags) in AGENTS {
        register(db, &owner, agent(name, description, tags), NOON).await;
    }
    owner
}

pub async fn due(db: &Db) -> i64 {
    db.read(async |tx: &mut Tx| rialto_jobs::backlog(tx, at(1)).await).await.unwrap().due
}

/// An embedder that fails when it is told to, and otherwise points each text somewhere of its own.
pub struct Moody {
    name: &'static str,
    dimensions: usize,
    pub gives: AtomicUsize,
    pub fails: AtomicBool,
    pub asked: Mutex<Vec<String>>,
}

impl Moody {
    pub fn new(name: &'static str, dimensions: usize) -> Arc<Self> {
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
        if texts.iter().any(|text| text.contains("unspeakable")) {
            return Box::pin(async { Err(EmbedError::Refused("no such words here".into())) });
        }
        self.asked.lock().unwrap().extend(texts);
        let fails = self.fails.load(Ordering::Relaxed);
        Box::pin(async move { if fails { Err(EmbedError::Unavailable("out for lunch".into())) } else { Ok(made) } })
    }
}
