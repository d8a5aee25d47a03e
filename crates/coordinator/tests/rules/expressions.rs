//! What expressions come to, and which make no sense.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rialto_coordinator::expression::{Scope, Work, parse};
use serde_json::{Value, json};

fn scope() -> Scope {
    let mut scope = Scope { trigger: json!({"lang": "de", "n": 3, "tags": ["a", "b"], "none": null}), ..Scope::default() };
    scope.insert(
        "a".into(),
        "completed",
        Some(json!({"score": 0.7, "label": "good", "big": 9_007_199_254_740_993_i64, "say": "5"})),
    );
    scope.insert("fetch-1".into(), "skipped", None);
    scope
}

fn value(text: &str) -> Value {
    let read = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    read.value(&scope(), &mut Work::default()).unwrap_or_else(|error| panic!("{text}: {error}")).into_owned()
}

#[test]
fn expressions_come_to_what_they_say() {
    for (text, expected) in [
        ("1", json!(1)),
        ("-1.5", json!(-1.5)),
        ("'it''", Value::Null),
        ("trigger.lang", json!("de")),
        ("trigger.tags[1]", json!("b")),
        ("trigger['lang']", json!("de")),
        ("trigger.nothing.at.all", Value::Null),
        ("steps.a.output.score", json!(0.7)),
        ("context.a.label", json!("good")),
        ("steps.fetch-1.status", json!("skipped")),
        ("steps.fetch-1.output", Value::Null),
        ("steps['fetch-1'].status == 'skipped'", json!(true)),
        ("{{ steps.a.output.label }} == 'good'", json!(true)),
        ("steps.a.output.score > 0.5 and trigger.n >= 3", json!(true)),
        ("steps.a.output.score > 0.5 && trigger.n > 3", json!(false)),
        ("trigger.n == 3.0", json!(true)),
        ("steps.a.output.say > 4", json!(true)),
        ("steps.a.output.say == 5", json!(true)),
        ("steps.a.output.big == 9007199254740993", json!(true)),
        ("steps.a.output.big == 9007199254740992", json!(false)),
        ("trigger.none < 1 or trigger.none > 1 or trigger.none == 1", json!(false)),
        ("trigger.none == null", json!(true)),
        ("not trigger.none", json!(true)),
        ("!trigger.tags", json!(false)),
        ("trigger.lang in ['en', \"de\"]", json!(true)),
        ("trigger.lang not in ['en']", json!(true)),
        ("'e' in trigger.lang", json!(true)),
        ("'lang' in trigger", json!(true)),
        ("trigger.tags.contains('a')", json!(true)),
        ("trigger.lang.startsWith('d') && trigger.lang.endsWith('e')", json!(true)),
        ("size(trigger.tags) == 2", json!(true)),
        ("has(trigger.none) || has(trigger.lang)", json!(true)),
        ("'a' < 'b'", json!(true)),
        ("true || trigger.lang > 1", json!(true)),
        ("(1 == 1) == true", json!(true)),
    ] {
        if text == "'it''" {
            assert!(parse(text).is_err());
        } else {
            assert_eq!(value(text), expected, "{text}");
        }
    }
}

#[test]
fn what_has_no_order_is_an_error_and_not_a_guess() {
    for text in ["trigger.lang > 1", "trigger.tags < 2", "size(3)", "1 in 2", "trigger.n.startsWith('a')"] {
        assert!(parse(text).unwrap().value(&scope(), &mut Work::default()).is_err(), "{text}");
    }
}

#[test]
fn nonsense_is_refused_with_its_place() {
    for text in [
        "",
        " ",
        "1 +",
        "a.b",
        "trigger.",
        "steps",
        "steps.1 2",
        "1 == 2 == 3",
        "trigger.x(1)",
        "trigger.lower()",
        "'open",
        "trigger[x]",
        "trigger[1.5]",
        "1e999",
        "== 1",
        "(1",
        "{{ 1 }",
        "size()",
        "contains('a')",
        "[1, ",
        "\u{0}",
        "__import__('os')",
        "trigger.contains('a', 'b')",
        "not",
        "1 not 2",
        "trigger..a",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    assert_eq!(parse("1 == @").unwrap_err().to_string(), "'@' has no meaning here, at character 6");
    assert!(parse(&"x".repeat(5_000)).is_err());
}

#[test]
fn depth_is_bounded_and_width_costs_no_stack() {
    for deep in [format!("{}1{}", "(".repeat(900), ")".repeat(900)), "!".repeat(1_900) + "1", "[".repeat(1_000)] {
        assert!(parse(&deep).is_err());
    }
    let wide = vec!["true"; 240].join(" && ");
    assert_eq!(value(&wide), json!(true));
}

#[test]
fn it_says_which_steps_it_looks_at() {
    let mut steps = BTreeSet::new();
    parse("steps.a.output.x == context.b && size([steps['c'].status, trigger.d]) > 1").unwrap().steps(&mut steps);
    assert_eq!(steps.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
}

proptest! {
    /// Whatever is written: it is understood or refused, and what is understood can be evaluated.
    #[test]
    fn nothing_makes_it_panic(text in "[a-z0-9 .'\"()\\[\\]{}!=<>&|,_-]{0,80}|\\PC{0,40}") {
        if let Ok(read) = parse(&text) {
            let _ = read.value(&scope(), &mut Work::default());
        }
    }

    /// Whole numbers compare as they do everywhere, however large.
    #[test]
    fn whole_numbers_are_exact(a in any::<i64>(), b in any::<i64>()) {
        let text = format!("[{a} < {b}, {a} == {b}, {a} >= {b}]");
        prop_assert_eq!(value(&text), json!([a < b, a == b, a >= b]));
    }
}

#[test]
fn looking_at_much_many_times_comes_to_an_end() {
    let rows: Vec<Value> = (0..80_000).map(Value::from).collect();
    let mut scope = Scope::default();
    scope.insert("a".into(), "completed", Some(json!(rows)));
    scope.insert("b".into(), "completed", Some(json!(rows)));
    let once = parse("context.a == context.b").unwrap();
    assert_eq!(once.holds(&scope, &mut Work::default()), Ok(true));
    // All the expressions of a step share one amount of work.
    let mut work = Work::default();
    let held = (0..50).take_while(|_| once.holds(&scope, &mut work).is_ok()).count();
    assert_eq!(held, 3);
    for hostile in ["80001 in context.a", "context.a.contains('x')", "[context.a, context.b] == [context.b, context.a]"] {
        let many = parse(&vec![format!("!({hostile})"); 8].join(" && ")).unwrap();
        let error = many.holds(&scope, &mut Work::default()).unwrap_err();
        assert_eq!(error.to_string(), "its expressions look at more than 250000 values", "{hostile}");
    }
}
