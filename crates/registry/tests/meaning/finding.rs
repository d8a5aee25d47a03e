//! What is found, and in which order.

use rialto_registry::{AgentChanges, DISTANCE_MAX, DiscoverQuery, RankBy};
use rialto_store::{suite, testing::TestDb};

use crate::{
    process::{AGENTS, Process, builtin, filled},
    world::*,
};

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
    changes_reach_every_process_without_being_told,
    what_was_found_is_remembered_until_something_changes,
    distances_are_of_the_contract_and_a_threshold_cuts,
    languages_that_the_model_does_not_know_are_searched_by_words,
    hostile_text_is_only_text,
}
