//! What runs do when all goes well.

use rialto_coordinator::{Status, StepStatus};
use rialto_store::testing::TestDb;
use serde_json::json;

use crate::support::{Act, World, is};

async fn outputs_flow_from_step_to_step(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("fetch", 5, &[Act::Answer(json!({"rows": [1, 2, 3], "title": "Prices"}))]);
    world.agents.agent("print", 0, &[Act::Echo]);
    let definition = json!({"steps": [
        {"id": "fetch", "agent": "fetch", "input": {"city": "{{ trigger.city }}"}},
        {"id": "print", "agent": "print", "input": {"rows": "{{ steps.fetch.output.rows }}",
            "text": "{{ context.fetch.title }} of {{ trigger.city }}: {{ size(steps.fetch.output.rows) }}"}},
    ]});
    let run = world.ran("flow", definition, json!({"city": "Venice"})).await;
    is(&run, Status::Completed);
    let expected = json!({"echo": {"rows": [1, 2, 3], "text": "Prices of Venice: 3"}});
    assert_eq!(world.output(run.id, "print").await, expected);
    assert_eq!(world.table(run.id).await, ["fetch 1 completed", "print 1 completed"]);
    let first = world.processes(run.id).await.remove(0).attempt.unwrap();
    assert_eq!((first.input, first.credits_charged.unwrap().get()), (json!({"city": "Venice"}), 5));
    assert!(first.invocation.is_some() && first.target_name == "fetch");
}

async fn what_may_go_side_by_side_does(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 0, &[Act::Slow(std::time::Duration::from_millis(400))]);
    let steps: Vec<_> = (0..6).map(|n| json!({"id": format!("s{n}"), "agent": "slow"})).collect();
    let mut steps = steps;
    steps.push(json!({"id": "join", "agent": "slow", "depends_on": ["s0", "s1", "s2", "s3", "s4", "s5"]}));
    let run = world.ran("wide", json!({"steps": steps}), json!({})).await;
    is(&run, Status::Completed);
    assert_eq!(world.agents.calls("slow"), 7);
    assert!(world.agents.together_max() > 1, "they went one after another");
}

async fn a_condition_goes_one_way_and_the_list_goes_on(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("judge", 0, &[Act::Answer(json!({"mood": "bad"}))]);
    world.agents.agent("act", 0, &[Act::Echo]);
    let act = |id: &str| json!({"id": id, "agent": "act", "input": {"id": id}});
    let definition = json!({"steps": [
        {"id": "judge", "agent": "judge"},
        {"id": "choose", "type": "condition", "when": [
            {"if": "{{ steps.judge.output.mood }} == 'good'", "goto": "thank"}, {"else": true, "goto": "excuse"}]},
        act("thank"), act("excuse"), act("file"),
    ]});
    let run = world.ran("mood", definition, json!({})).await;
    is(&run, Status::Completed);
    let expected = ["judge 1 completed", "choose 1 completed", "thank - skipped", "excuse 1 completed", "file 1 completed"];
    assert_eq!(world.table(run.id).await, expected);
    assert_eq!(world.output(run.id, "choose").await, json!({"chosen": "excuse"}));
}

async fn in_a_graph_what_hangs_on_skipped_steps_alone_is_skipped(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("act", 0, &[Act::Echo]);
    let definition = json!({"steps": [
        {"id": "a", "agent": "act", "when": "trigger.go"},
        {"id": "b", "agent": "act", "depends_on": ["a"]},
        {"id": "c", "agent": "act"},
        {"id": "d", "agent": "act", "depends_on": ["b", "c"], "input": {"b": "{{ steps.b.status }}", "out": "{{ steps.b.output }}"}},
    ]});
    let run = world.ran("graph", definition, json!({"go": false})).await;
    is(&run, Status::Completed);
    assert_eq!(world.table(run.id).await, ["a - skipped", "b - skipped", "c 1 completed", "d 1 completed"]);
    assert_eq!(world.output(run.id, "d").await, json!({"echo": {"b": "skipped", "out": null}}));
}

async fn goals_and_skills_find_their_agents(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("translate-a", 50, &[Act::Echo]);
    world.agents.agent("translate-b", 1, &[Act::Refuse]);
    world.agents.agent("translate-c", 1, &[Act::Echo]);
    let definition = json!({"steps": [
        {"id": "goal", "goal": "translate {{ trigger.what }}", "max_credits": 10, "input": {"x": 1}},
        {"id": "skill", "skill": "translate-c"},
        {"id": "search", "agent": "search: translate"},
    ]});
    let run = world.ran("find", definition, json!({"what": "this"})).await;
    is(&run, Status::Completed);
    // The first is above the cap and is passed over; the second fails; the third does it.
    assert_eq!(world.table(run.id).await, ["goal 1 failed", "goal 2 completed", "skill 1 completed", "search 1 completed"]);
    let called: Vec<String> = world.agents.log().into_iter().map(|(name, _)| name).collect();
    assert_eq!(called, ["translate-b", "translate-c", "translate-c", "translate-a"]);
}

async fn a_workflow_may_be_a_step(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("act", 3, &[Act::Echo]);
    world.workflow("inner", json!({"steps": [{"id": "x", "agent": "act", "input": {"n": "{{ trigger.n }}"}}]})).await;
    let definition = json!({"steps": [
        {"id": "sub", "workflow": "inner", "input": {"n": "{{ trigger.n }}"}},
        {"id": "use", "agent": "act", "input": {"got": "{{ steps.sub.output.x.echo.n }}"}},
    ]});
    let run = world.ran("outer", definition, json!({"n": 41})).await;
    is(&run, Status::Completed);
    assert_eq!(world.output(run.id, "use").await, json!({"echo": {"got": 41}}));
    let child = world.processes(run.id).await[0].attempt.as_ref().unwrap().child.unwrap();
    let inside = world.find(child).await;
    assert_eq!((inside.parent, inside.depth, inside.status), (Some((run.id, "sub".into())), 1, Status::Completed));
}

async fn workflows_inside_each_other_have_a_floor(test: &TestDb) {
    let world = World::new(test).await;
    world.workflow("self", json!({"steps": [{"id": "again", "workflow": "self"}]})).await;
    let run = world.ran("start", json!({"steps": [{"id": "s", "workflow": "self"}]}), json!({})).await;
    is(&run, Status::Failed);
    assert!(run.error.unwrap().contains("more than 5 deep"));
}

async fn a_run_keeps_the_version_that_it_began_with(test: &TestDb) {
    let world = World::idle(test).await;
    world.agents.agent("one", 0, &[Act::Echo]);
    world.agents.agent("two", 0, &[Act::Echo]);
    let workflow = world.workflow("v", json!({"steps": [{"id": "a", "agent": "one"}]})).await;
    let old = world.run(&workflow, json!({})).await;
    let newer = world.workflow("v", json!({"steps": [{"id": "b", "agent": "two"}, {"id": "c", "agent": "two"}]})).await;
    assert_eq!((newer.id, newer.version), (workflow.id, 2));
    let new = world.run(&newer, json!({})).await;
    world.work();
    world.ended(old.id).await;
    world.ended(new.id).await;
    assert_eq!(world.table(old.id).await, ["a 1 completed"]);
    assert_eq!(world.table(new.id).await, ["b 1 completed", "c 1 completed"]);
}

async fn two_hundred_steps_end(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("act", 0, &[Act::Echo]);
    let steps: Vec<_> = (0..200)
        .map(|n: usize| json!({"id": format!("s{n}"), "agent": "act", "depends_on": if n < 20 { vec![] } else { vec![format!("s{}", n - 20)] }}))
        .collect();
    let run = world.ran("many", json!({"steps": steps}), json!({})).await;
    is(&run, Status::Completed);
    let lines = world.processes(run.id).await;
    assert_eq!(lines.len(), 200);
    assert!(lines.iter().all(|line| line.step.status == StepStatus::Completed));
    assert_eq!(world.agents.calls("act"), 200);
}

rialto_store::suite! {
    outputs_flow_from_step_to_step,
    what_may_go_side_by_side_does,
    a_condition_goes_one_way_and_the_list_goes_on,
    in_a_graph_what_hangs_on_skipped_steps_alone_is_skipped,
    goals_and_skills_find_their_agents,
    a_workflow_may_be_a_step,
    workflows_inside_each_other_have_a_floor,
    a_run_keeps_the_version_that_it_began_with,
    two_hundred_steps_end,
}
