//! Finding agents by words, on both databases.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
mod world;

use std::time::Duration;

use rialto_kernel::Caller;
use rialto_registry::{self as registry, Capability, DISTANCE_MAX, NewAgent, RankBy};
use rialto_store::{Db, Tx, suite, testing::TestDb};
use world::*;

const AGENTS: [(&str, &str, &[&str]); 12] = [
    ("Text Summarizer", "Condenses long articles, reports and e-mails into a few sentences.", &["summarization", "nlp"]),
    ("Polyglot", "Translates documents between forty languages and keeps their layout.", &["translation", "nlp"]),
    ("Invoice Reader", "Extracts amounts, dates and suppliers from scanned invoices.", &["ocr", "finance"]),
    ("Weather Oracle", "Tells the weather forecast for any city in the world.", &["weather", "forecast"]),
    ("Code Reviewer", "Reviews pull requests and points out bugs in Rust, Go and Python.", &["code", "review"]),
    ("Image Painter", "Generates pictures and illustrations from a text prompt.", &["image", "generation"]),
    ("Route Planner", "Plans the fastest delivery route for a fleet of vans.", &["logistics"]),
    ("Legal Eagle", "Reads contracts and flags risky clauses for lawyers.", &["legal", "contracts"]),
    ("Sentiment Scout", "Classifies customer reviews as happy or angry.", &["sentiment", "nlp"]),
    ("Recipe Chef", "Suggests recipes for the ingredients in your fridge.", &["cooking"]),
    ("Stock Watcher", "Follows stock prices and reports unusual trades.", &["finance", "stocks"]),
    ("Transcriber", "Turns podcasts and other audio into text.", &["speech-to-text", "audio"]),
];

async fn market(db: &Db) -> Caller {
    let owner = operator(db).await;
    for (name, description, tags) in AGENTS {
        register(db, &owner, agent(name, description, tags), NOON).await;
    }
    owner
}

async fn plain_words_find_the_right_agent(test: &TestDb) {
    let db = &test.db;
    market(db).await;
    for (text, first) in [
        ("I need something that summarizes a long article", "Text Summarizer"),
        ("translate my document to French", "Polyglot"),
        ("what will the weather be like tomorrow?", "Weather Oracle"),
        ("find bugs in my rust code", "Code Reviewer"),
        ("please review this contract", "Legal Eagle"),
        ("generating an illustration", "Image Painter"),
        ("read amounts from an invoice", "Invoice Reader"),
        ("plan delivery routes", "Route Planner"),
        ("are my customers angry", "Sentiment Scout"),
        ("what can I cook with these ingredients", "Recipe Chef"),
        ("stock price", "Stock Watcher"),
        ("audio to text", "Transcriber"),
        ("SPEECH", "Transcriber"),
    ] {
        let found = found(db, text).await;
        assert_eq!(found.first().map(String::as_str), Some(first), "{text}: {found:?}");
    }
    assert_eq!(found(db, "quantum chromodynamics").await, Vec::<String>::new());
}

async fn distances_fall_from_the_nearest_on_and_a_threshold_cuts(test: &TestDb) {
    let db = &test.db;
    market(db).await;
    let all = discover(db, "summarize text reports", 10, None, RankBy::SimilarityOnly).await;
    let distances: Vec<f64> = all.iter().filter_map(|view| view.distance).collect();
    assert!(all.len() >= 3 && distances.len() == all.len());
    assert!(distances.windows(2).all(|pair| pair[0] <= pair[1]), "{distances:?}");
    assert!(distances.iter().all(|distance| (0.0..DISTANCE_MAX).contains(distance)), "{distances:?}");
    let near = discover(db, "summarize text reports", 10, Some(1.0), RankBy::SimilarityOnly).await;
    assert_eq!(names(&near), ["Text Summarizer"]);
    assert!(discover(db, "summarize text reports", 10, Some(0.0), RankBy::Balanced).await.is_empty());
    assert_eq!(discover(db, "summarize text reports", 2, None, RankBy::Balanced).await.len(), 2);
    let exact = discover(db, "Polyglot", 1, Some(0.0), RankBy::Balanced).await;
    assert_eq!(names(&exact), ["Polyglot"], "every word in the name is no distance at all");
}

async fn one_agent_alone_is_found_too(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    register(db, &owner, agent("Echo", "Sends back what it gets.", &[]), NOON).await;
    let found = discover(db, "an echo please", 10, Some(1.5), RankBy::Balanced).await;
    assert_eq!(names(&found), ["Echo"]);
}

async fn capabilities_are_words_too(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    for (name, id) in [("One", "detectLanguage"), ("Two", "resize_image")] {
        let capability = Capability { id: id.into(), input_schema: None, output_schema: None, auth: None };
        register(db, &owner, NewAgent { capabilities: vec![capability], ..agent(name, "Works.", &[]) }, NOON).await;
    }
    for (text, name) in [("language", "One"), ("resizing images", "Two"), ("detectlanguage", "One"), ("resize_image", "Two")] {
        assert_eq!(found(db, text).await, [name], "{text}");
    }
}

async fn quality_moves_an_agent_up_when_it_is_asked_for(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let exact = register(db, &owner, agent("Translator", "Translates.", &["translation"]), NOON).await.id;
    let good = register(db, &owner, agent("Helper", "A helper that can translate.", &[]), NOON).await.id;
    for (id, success) in [(good, true), (exact, false)] {
        db.write(async move |tx: &mut Tx| registry::record_call(tx, id, success, Duration::from_millis(50), NOON).await)
            .await
            .unwrap();
    }
    let first = async |rank_by| names(&discover(db, "translator translate", 10, None, rank_by).await)[0].clone();
    assert_eq!(first(RankBy::SimilarityOnly).await, "Translator");
    assert_eq!(first(RankBy::QualityFirst).await, "Helper");
    assert_eq!(RankBy::from_word("whatever"), RankBy::Balanced);
}

async fn hostile_text_is_only_text(test: &TestDb) {
    let db = &test.db;
    market(db).await;
    let long = "summarize ".repeat(1_000);
    let odd = "\u{0}\u{1}\u{7f}\u{202e}\u{feff}🦀".repeat(50);
    let hostile = [
        "",
        " ",
        "\"",
        "'",
        "\"\"\"",
        "*",
        "^",
        "(",
        ")",
        "((((",
        "{}",
        ":",
        "-",
        "+",
        "NOT",
        "OR",
        "AND OR NOT",
        "NEAR(",
        "name:",
        "name : summarizer",
        "-name:x",
        "summ*",
        "\"unbalanced",
        "a\"b'c",
        "!",
        "&",
        "|",
        "&&",
        "a & | b",
        "<->",
        ":*",
        "'; DROP TABLE agents; --",
        "\\",
        "\\'",
        "%",
        "_",
        "$1",
        "?1",
        "²",
        "ⅷ",
        "ß ſ İ",
        "翻译",
        "\0",
        "the of and",
        "{\"a\":1}",
        long.as_str(),
        odd.as_str(),
    ];
    for text in hostile {
        for rank_by in [RankBy::SimilarityOnly, RankBy::Balanced] {
            let found = discover(db, text, 50, Some(DISTANCE_MAX), rank_by).await;
            assert!(found.len() <= AGENTS.len(), "{text}");
        }
    }
    assert_eq!(found(db, &long).await, ["Text Summarizer"]);
    assert_eq!(found(db, "\"sum\0marizer\" OR name:polyglot*").await, ["Polyglot"]);
    assert_eq!(found(db, "the of and").await, Vec::<String>::new(), "words that say nothing find nothing");
}

suite! {
    plain_words_find_the_right_agent,
    distances_fall_from_the_nearest_on_and_a_threshold_cuts,
    one_agent_alone_is_found_too,
    capabilities_are_words_too,
    quality_moves_an_agent_up_when_it_is_asked_for,
    hostile_text_is_only_text,
}
