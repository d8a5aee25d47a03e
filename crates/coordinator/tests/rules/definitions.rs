//! What a definition may be, and what order it makes.

use rialto_coordinator::{
    definition::{Action, Definition, STEPS_MAX},
    workflow::{NewWorkflow, Source},
};
use serde_json::{Value, json};

fn steps(steps: Value) -> Result<Definition, Vec<String>> {
    definition(&json!({"steps": steps}))
}

fn definition(value: &Value) -> Result<Definition, Vec<String>> {
    Definition::read(value).map_err(|flaws| flaws.into_iter().map(|flaw| format!("{}: {}", flaw.path, flaw.message)).collect())
}

/// What each step waits for, by ids.
fn order(value: Value) -> Vec<(String, Vec<String>)> {
    let read = steps(value).unwrap();
    let id = |place: &usize| read.steps[*place].id.clone();
    let after = |place: usize| read.graph.nodes[place].after.iter().map(id).collect();
    (0..read.steps.len()).map(|place| (id(&place), after(place))).collect()
}

fn waits(id: &str, after: &[&str]) -> (String, Vec<String>) {
    (id.to_owned(), after.iter().map(|id| (*id).to_owned()).collect())
}

fn step(id: &str) -> Value {
    json!({"id": id, "agent": "x"})
}

#[test]
fn without_depends_on_the_list_is_the_order() {
    let with = |id: &str, peer: &str| json!({"id": id, "agent": "x", "parallel_with": peer, "depends_on": []});
    let found = order(json!([step("a"), step("b"), with("c", "b"), with("d", "c"), step("e")]));
    let expected = [waits("a", &[]), waits("b", &["a"]), waits("c", &["a"]), waits("d", &["a"]), waits("e", &["b", "c", "d"])];
    assert_eq!(found, expected);
}

#[test]
fn with_depends_on_it_is_a_graph() {
    let found = order(json!([
        step("a"),
        step("b"),
        {"id": "c", "agent": "x", "depends_on": ["a", "b", "a"]},
        {"id": "d", "agent": "x", "parallel_with": "c"},
    ]));
    assert_eq!(found, [waits("a", &[]), waits("b", &[]), waits("c", &["a", "b"]), waits("d", &["a", "b"])]);
}

#[test]
fn where_a_condition_may_go_waits_for_it() {
    let when = json!([{"if": "steps.a.output.x == 1", "goto": "b"}, {"else": true, "goto": "c"}]);
    let found = order(json!([step("a"), {"id": "k", "when": when}, step("b"), step("c"), step("d")]));
    let expected = [waits("a", &[]), waits("k", &["a"]), waits("b", &["k"]), waits("c", &["b", "k"]), waits("d", &["c"])];
    assert_eq!(found, expected);
}

#[test]
fn types_are_inferred_as_the_fields_say() {
    let read = steps(json!([
        {"id": "1", "agent": "a"}, {"id": "2", "skill": "s"}, {"id": "3", "workflow": "w"}, {"id": "4", "goal": "g {{ trigger.x }}"},
        {"id": "5", "type": "goal", "goal": "g"}, {"id": "6", "agent": "a", "when": "trigger.x"},
        {"id": "7", "agent": "a", "when": [{"if": "trigger.x"}, {"if": "trigger.y"}]},
    ]))
    .unwrap();
    let kinds: Vec<&str> = read.steps.iter().map(|step| step.action.kind()).collect();
    assert_eq!(kinds, ["agent", "skill", "sub_workflow", "plan", "plan", "agent", "agent"]);
    assert_eq!((read.steps[5].guards.len(), read.steps[6].guards.len()), (1, 2));
    assert!(matches!(read.steps[3].action, Action::Goal(_)));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wrong = |value: Value| steps(value).unwrap_err().join("\n");
    for (value, expected) in [
        (json!([]), "steps: must be a list of 1 to 200 steps"),
        (json!({}), "steps: must be a list"),
        (json!([7]), "steps[0]: must be an object"),
        (json!([{"agent": "x"}]), "steps[0].id: must be 1 to 100 letters"),
        (json!([{"id": "a b", "agent": "x"}]), "steps[0].id: must be 1 to 100 letters"),
        (json!([step("a"), step("a")]), "steps[1].id: must not occur twice"),
        (json!([{"id": "a"}]), "steps[0].agent: is required, or one of"),
        (json!([{"id": "a", "type": "loop", "agent": "x"}]), "steps[0].type: must be agent, skill"),
        (json!([{"id": "a", "agent": "x", "loop": {}}]), "steps[0].loop: is not supported"),
        (json!([{"id": "a", "type": "plan"}]), "steps[0].goal: is required for this type"),
        (json!([{"id": "a", "agent": "x", "depends_on": ["b"]}]), "steps[0].depends_on[0]: there is no step b"),
        (json!([{"id": "a", "agent": "x", "depends_on": ["a"]}]), "steps[0].depends_on[0]: must not be the step itself"),
        (json!([{"id": "a", "agent": "x", "depends_on": "b"}]), "steps[0].depends_on: must be a list"),
        (
            json!([{"id": "a", "agent": "x", "depends_on": ["b"]}, {"id": "b", "agent": "x", "depends_on": ["a"]}]),
            "steps[0].depends_on: it waits, by others, for itself",
        ),
        (
            json!([{"id": "a", "agent": "x", "parallel_with": "b"}, step("b")]),
            "steps[0].parallel_with: must be the id of a step before it",
        ),
        (json!([{"id": "a", "agent": "x", "input": []}]), "steps[0].input: must be an object"),
        (json!([{"id": "a", "agent": "x", "input": {"x": ["{{ what }}"]}}]), "steps[0].input.x[0]: what is not known"),
        (
            json!([{"id": "a", "agent": "x", "input": {"x": "{{ steps.b.output }}"}}, step("b")]),
            "steps[0]: it looks at the step b, which need not have ended",
        ),
        (
            json!([{"id": "a", "agent": "x", "input": {"x": "{{ steps.z.output }}"}}]),
            "steps[0]: it looks at a step z, which there is not",
        ),
        (json!([{"id": "a", "when": [{"if": "1 ==", "goto": "a"}]}]), "steps[0].when[0].if: expected a value"),
        (json!([{"id": "a", "when": [{"goto": "a"}]}]), "steps[0].when[0]: must have either"),
        (json!([{"id": "a", "when": [{"if": "1", "goto": "z"}]}]), "steps[0].when[0].goto: there is no step z"),
        (json!([{"id": "a", "when": [{"if": "1", "goto": "a"}]}]), "steps[0].depends_on: it waits"),
        (
            json!([step("b"), {"id": "a", "when": [{"if": "1", "goto": "b"}, {"if": "1"}]}]),
            "steps[1].when: must have a goto in all entries",
        ),
        (
            json!([{"id": "a", "agent": "x", "recovery": {"max_attempts": 0}}]),
            "steps[0].recovery.max_attempts: must be an integer between 1 and 10",
        ),
        (
            json!([{"id": "a", "agent": "x", "recovery": {"backoff_base_seconds": -1}}]),
            "steps[0].recovery.backoff_base_seconds: must be",
        ),
        (json!([{"id": "a", "agent": "x", "timeout_seconds": 1e300}]), "steps[0].timeout_seconds: must be"),
        (json!([{"id": "a", "agent": "x", "max_credits": 0.5}]), "steps[0].max_credits: must be an integer"),
        (json!([{"id": "a", "agent": ""}]), "steps[0].agent: must be a text"),
    ] {
        let told = wrong(value.clone());
        assert!(told.contains(expected), "{value}: {told}");
    }
    let both = wrong(json!([{"id": "a", "agent": "x", "input": 1}, {"id": "b", "agent": "x", "max_credits": -1}]));
    assert_eq!(both.lines().count(), 2, "{both}");
    for (field, value) in
        [("max_duration_seconds", json!(0)), ("max_duration_seconds", json!(1e9)), ("max_concurrent_executions", json!(0))]
    {
        let mut whole = json!({"steps": [step("a")]});
        whole[field] = value;
        assert!(definition(&whole).unwrap_err()[0].starts_with(field));
    }
}

#[test]
fn size_is_bounded() {
    let many: Vec<Value> = (0..=STEPS_MAX).map(|n| step(&n.to_string())).collect();
    assert!(steps(Value::Array(many[..STEPS_MAX].to_vec())).is_ok());
    assert!(steps(Value::Array(many)).is_err());
    assert!(steps(json!([{"id": "a", "agent": "x", "input": {"x": "y".repeat(300_000)}}])).is_err());
}

#[test]
fn yaml_is_the_same_thing_and_cannot_be_made_to_explode() {
    let check =
        |yaml: &str| NewWorkflow { name: None, source: Source::Yaml(yaml.to_owned()), triggers: None, recovery: None }.check();
    let good = "name: fetch\nmax_duration_seconds: 60\nsteps:\n  - id: a\n    agent: \"x\"\n    input: {n: 1, on: yes}\n  - id: b\n    goal: 'say {{ steps.a.output.text }}'\n";
    assert!(check(good).is_ok(), "{:?}", check(good));
    let mut laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (n, last) in ('b'..='i').zip('a'..) {
        laughs.push_str(&format!("{n}: &{n} [*{last},*{last},*{last},*{last},*{last},*{last},*{last},*{last},*{last}]\n"));
    }
    for bad in [
        "",
        "just text",
        "- a\n- b",
        "steps: [",
        "name: x\nsteps: 7",
        &laughs,
        &format!("a: {}", "[".repeat(5_000)),
        "a: &a [*a]",
        "name: \"a\\0b\"\nsteps: [{id: a, agent: x}]",
        &"x".repeat(300_000),
        "%YAML 9.9\n--- !!python/object:os.system x",
        "name: x\nsteps: [{id: a, agent: x}]\n---\nname: y",
    ] {
        assert!(check(bad).is_err(), "{bad:.60}");
    }
}
