//! Finding agents by pgvector's index, on a PostgreSQL that has it.

use rialto_embeddings::Embedder;
use rialto_registry::{AgentChanges, VectorSearch};
use rialto_store::{
    Db, Tx,
    testing::{TestDb, pgvector_url},
};

use crate::{
    process::{AGENTS, Moody, Process, builtin, filled},
    world::*,
};

async fn run(db: &Db, sql: &str) {
    db.aside().await.unwrap().unwrap().run(sql).await.unwrap();
}

async fn indexes(db: &Db) -> i64 {
    let valid = "SELECT count(*) AS n FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE relname LIKE 'agent_vectors_near%' AND relnamespace = current_schema()::regnamespace AND indisvalid";
    rows(db, valid).await
}

async fn by_pgvector(db: &Db) -> Process {
    Process::searching(db, builtin(), VectorSearch::Pgvector).await
}

// One test: a database has the extension once, in one schema.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_finds_what_memory_finds() {
    let Some(url) = pgvector_url() else { return };
    let test = TestDb::open_on(url).await;
    let db = &test.db;
    let owner = filled(db).await;
    let early = by_pgvector(db).await;
    assert_eq!(early.upkeep.make_missing().await.unwrap(), AGENTS.len());
    assert_eq!((early.finder.stats().agents, indexes(db).await), (6, 0), "no extension: in memory");
    run(db, "CREATE EXTENSION vector").await;

    // Two at once build one index.
    let late = by_pgvector(db).await;
    let (one, other) = tokio::join!(early.upkeep.make_missing(), late.upkeep.make_missing());
    assert_eq!((one.unwrap(), other.unwrap(), indexes(db).await), (0, 0, 1));
    // The first sweep that finds it goes over to it, and the next one forgets what nobody looks at any more.
    for process in [&early, &late, &early, &late] {
        process.upkeep.make_missing().await.unwrap();
    }
    let few = Process::start(db, builtin()).await;
    let fresh = by_pgvector(db).await;
    let held = [&early, &late, &fresh, &few].map(|process| process.finder.stats().agents);
    assert_eq!(held, [0, 0, 0, 6], "a process holds none, unless there are few and nobody insists");
    for text in ["turn speech into text", "cut my AWS bill", "cook dinner with leftovers", "polyglot", "Rechnungen auslesen"] {
        let near = few.near(text).await;
        let distances = |found: &[rialto_registry::AgentView]| found.iter().map(|one| one.distance).collect::<Vec<_>>();
        for process in [&early, &late, &fresh] {
            let found = process.near(text).await;
            assert_eq!((names(&found), distances(&found)), (names(&near), distances(&near)), "{text}");
        }
    }

    // The index follows in the transaction that writes a vector, whoever writes it.
    let barber = register(db, &owner, agent("Barber", "Cuts hair.", &[]), NOON).await.id;
    assert_eq!(fresh.first("hair").await.as_deref(), Some("Barber"), "by its words, until it has a vector");
    few.upkeep.make_missing().await.unwrap();
    assert_eq!(fresh.first("I need a new hairstyle").await.as_deref(), Some("Barber"));
    let off = AgentChanges { is_active: Some(false), ..AgentChanges::default() };
    update(db, &owner, barber, off, at(1)).await.unwrap();
    assert_ne!(fresh.first("I need a new hairstyle").await.as_deref(), Some("Barber"));
    few.upkeep.make_missing().await.unwrap();
    assert_ne!(fresh.first("I need a new hairstyle").await.as_deref(), Some("Barber"));

    // Statements use the index, and a model's vectors are in its own.
    let planned = db.read(async |tx: &mut Tx| planned(tx).await).await.unwrap();
    assert!(planned.contains("agent_vectors_near_384"), "{planned}");
    let moody = Process::searching(db, Moody::new("it's 'moody'", 8), VectorSearch::Pgvector).await;
    moody.upkeep.make_missing().await.unwrap();
    moody.upkeep.make_missing().await.unwrap();
    assert_eq!((indexes(db).await, moody.finder.stats().agents), (2, 0));
    assert_eq!(moody.near("bike").await.len(), AGENTS.len());
    assert_eq!(fresh.first("podcast").await.as_deref(), Some("Scribe"), "by words: another model makes the vectors");

    // An operator who takes the extension away gets the vectors back into memory.
    run(db, "DROP EXTENSION vector CASCADE").await;
    moody.upkeep.make_missing().await.unwrap();
    assert_eq!((indexes(db).await, moody.finder.stats().agents), (0, 6));
    assert_eq!(moody.near("bike").await.len(), AGENTS.len());
    test.check().await;
}

/// How PostgreSQL looks for neighbours.
async fn planned(tx: &mut Tx) -> Result<String, rialto_store::StoreError> {
    #[derive(diesel::QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text)]
        #[diesel(column_name = "QUERY PLAN")]
        line: String,
    }
    let model = builtin().model().to_owned();
    let query = format!(
        "EXPLAIN SELECT agent_id FROM agent_vectors WHERE vector IS NOT NULL AND model = '{model}'
         ORDER BY agent_vector_point(vector)::vector(384) <=> array_fill(1, ARRAY[384])::vector(384) LIMIT 100"
    );
    let lines: Vec<Line> = rialto_store::on!(tx, conn => diesel::sql_query(query).load(conn).await)?;
    Ok(lines.into_iter().map(|line| line.line).collect::<Vec<_>>().join("\n"))
}
