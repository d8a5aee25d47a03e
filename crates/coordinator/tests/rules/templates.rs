//! What templates come to.

use proptest::prelude::*;
use rialto_coordinator::{
    expression::{Scope, Work},
    template::{RENDERED_BYTES_MAX, RenderError, Template},
};
use serde_json::{Value, json};

fn scope() -> Scope {
    let mut scope = Scope { trigger: json!({"name": "Ada", "n": 7, "list": [1, 2]}), ..Scope::default() };
    scope.insert("a".into(), "completed", Some(json!({"text": "{{ trigger.name }}", "rows": [1]})));
    scope
}

fn render(template: &Value) -> Value {
    Template::parse(template).unwrap().render(&scope(), &mut Work::default()).unwrap()
}

#[test]
fn a_text_that_is_one_expression_becomes_its_value() {
    for (template, expected) in [
        (json!("{{ trigger.n }}"), json!(7)),
        (json!("{{trigger.list}}"), json!([1, 2])),
        (json!("{{ steps.a.output }}"), json!({"text": "{{ trigger.name }}", "rows": [1]})),
        (json!("{{ trigger.missing }}"), Value::Null),
        (json!("{{ trigger.n > 3 }}"), json!(true)),
        (
            json!("Hello {{ trigger.name }}, {{ trigger.n }} of {{ trigger.list }}{{ trigger.missing }}!"),
            json!("Hello Ada, 7 of [1,2]!"),
        ),
        (json!("{{ '}}' }}"), json!("}}")),
        (json!("a {{ open"), json!("a {{ open")),
        (json!("}} closed {"), json!("}} closed {")),
        (json!({"a": [{"b": "{{ trigger.name }}"}], "c": 1}), json!({"a": [{"b": "Ada"}], "c": 1})),
        (json!({"{{ trigger.name }}": 1}), json!({"{{ trigger.name }}": 1})),
    ] {
        assert_eq!(render(&template), expected, "{template}");
    }
}

#[test]
fn what_an_agent_said_is_not_a_template() {
    assert_eq!(render(&json!("{{ steps.a.output.text }}")), json!("{{ trigger.name }}"));
    assert_eq!(render(&json!("<{{ steps.a.output.text }}>")), json!("<{{ trigger.name }}>"));
}

#[test]
fn nonsense_is_told_with_its_place() {
    let (path, error) = Template::parse(&json!({"a": ["x", "{{ 1 + }}"]})).unwrap_err();
    assert_eq!((path.as_str(), error.to_string().as_str()), (".a[1]", "expected an operator, at character 4"));
}

#[test]
fn a_few_references_to_much_are_refused_before_they_fill_the_memory() {
    let mut scope = Scope::default();
    scope.insert("a".into(), "completed", Some(json!("x".repeat(RENDERED_BYTES_MAX / 3))));
    let many = |n: usize| {
        Template::parse(&Value::Array(vec![json!("{{ steps.a.output }}"); n])).unwrap().render(&scope, &mut Work::default())
    };
    assert!(many(2).is_ok());
    assert_eq!(many(10_000), Err(RenderError::TooLarge));
    // A list inside an expression is a copy as well.
    let listed = json!(format!("{{{{ [{}] }}}}", vec!["context.a"; 150].join(", ")));
    let error = Template::parse(&listed).unwrap().render(&scope, &mut Work::default()).unwrap_err();
    assert!(error.to_string().contains("look at more than"), "{error}");
    let text = Template::parse(&json!("{{ steps.a.output }}".repeat(1_000))).unwrap();
    assert_eq!(text.render(&scope, &mut Work::default()), Err(RenderError::TooLarge));
    let deep = (0..90).fold(json!(1), |inner, _| json!([inner]));
    let mut scope = Scope::default();
    scope.insert("a".into(), "completed", Some(deep));
    let nested = (0..20).fold(json!("{{ steps.a.output }}"), |inner, _| json!({"a": inner}));
    assert_eq!(Template::parse(&nested).unwrap().render(&scope, &mut Work::default()), Err(RenderError::TooLarge));
}

fn plain() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z}{ ]{0,9}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Without an expression, a template comes to itself.
    #[test]
    fn what_has_no_braces_stays_as_it_is(value in plain()) {
        let text = value.to_string();
        prop_assume!(!(text.contains("{{") && text.contains("}}")));
        prop_assert_eq!(render(&value), value);
    }
}
