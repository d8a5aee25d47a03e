//! What runs do when something goes wrong.

use std::time::Duration;

use rialto_coordinator::{AttemptStatus, Status};
use rialto_store::testing::TestDb;
use serde_json::json;

use crate::support::{Act, World, is};

async fn what_may_pass_is_tried_again_after_a_wait(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("shaky", 7, &[Act::Fail, Act::Fail, Act::Echo]);
    let definition =
        json!({"recovery": {"max_attempts": 3, "backoff_base_seconds": 0.2}, "steps": [{"id": "a", "agent": "shaky"}]});
    let run = world.ran("shaky", definition, json!({})).await;
    is(&run, Status::Completed);
    assert_eq!(world.table(run.id).await, ["a 1 failed", "a 2 failed", "a 3 completed"]);
    let attempts: Vec<_> = world.processes(run.id).await.into_iter().filter_map(|line| line.attempt).collect();
    let waits: Vec<Duration> = attempts.windows(2).map(|two| two[1].started_at.since(two[0].completed_at.unwrap())).collect();
    assert!(waits[0] >= Duration::from_millis(200) && waits[1] >= Duration::from_millis(400), "{waits:?}");
}

async fn a_long_wait_gives_the_worker_to_others(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("shaky", 7, &[Act::Fail, Act::Echo]);
    let definition =
        json!({"steps": [{"id": "a", "agent": "shaky", "recovery": {"max_attempts": 2, "backoff_base_seconds": 3}}]});
    let run = world.ran("patient", definition, json!({})).await;
    is(&run, Status::Completed);
    assert!(world.find(run.id).await.driver >= 2, "the run was put down and taken up again");
}

async fn a_failure_ends_the_run_and_what_had_not_begun_is_called_off(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("bad", 7, &[Act::RefuseBeside]);
    world.agents.agent("slow", 7, &[Act::Slow(Duration::from_millis(300))]);
    let definition = json!({"steps": [
        {"id": "bad", "agent": "bad"}, {"id": "slow", "agent": "slow"}, {"id": "after", "agent": "slow", "depends_on": ["bad", "slow"]},
    ]});
    let run = world.ran("bad", definition, json!({})).await;
    is(&run, Status::Failed);
    assert_eq!(run.error.as_deref(), Some("step bad: Agent returned status 400"));
    // What ran beside it was let go to its end.
    assert_eq!(world.table(run.id).await, ["bad 1 failed", "slow 1 completed", "after - cancelled"]);
}

async fn alternatives_are_tried_once_each_if_they_are_wanted(test: &TestDb) {
    let world = World::new(test).await;
    for name in ["sum-1", "sum-2", "sum-3", "sum-4"] {
        world.agents.agent(name, 1, &[if name == "sum-3" { Act::Echo } else { Act::Refuse }]);
    }
    let recovery = json!({"max_attempts": 1, "semantic_fallback": true, "max_alternatives": 3});
    let definition = json!({"steps": [{"id": "a", "agent": "search:sum", "recovery": recovery}]});
    let run = world.ran("fallback", definition, json!({})).await;
    is(&run, Status::Completed);
    assert_eq!(world.table(run.id).await, ["a 1 failed", "a 2 failed", "a 3 completed"]);
}

async fn a_step_that_takes_too_long_fails(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 7, &[Act::Slow(Duration::from_secs(30))]);
    let step = json!({"id": "a", "agent": "slow", "timeout_seconds": 0.5});
    let run = world.ran("slow step", json!({"steps": [step]}), json!({})).await;
    is(&run, Status::Failed);
    let attempt = world.processes(run.id).await.remove(0).attempt.unwrap();
    assert_eq!((attempt.status, attempt.credits_charged), (AttemptStatus::TimedOut, None));
}

async fn a_run_that_takes_too_long_is_timed_out(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 7, &[Act::Slow(Duration::from_millis(700))]);
    let steps: Vec<_> = (0..5).map(|n| json!({"id": format!("s{n}"), "agent": "slow"})).collect();
    let run = world.ran("slow", json!({"steps": steps, "max_duration_seconds": 1}), json!({})).await;
    is(&run, Status::TimedOut);
    assert!(world.agents.calls("slow") <= 2, "nothing is begun after the deadline");
}

async fn a_child_has_no_more_time_than_its_parent(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("slow", 7, &[Act::Slow(Duration::from_secs(30))]);
    world.workflow("inner", json!({"steps": [{"id": "x", "agent": "slow"}]})).await;
    let run =
        world.ran("outer", json!({"steps": [{"id": "s", "workflow": "inner"}], "max_duration_seconds": 1}), json!({})).await;
    is(&run, Status::TimedOut);
}

async fn what_cannot_be_evaluated_fails_its_step_and_says_why(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("act", 0, &[Act::Answer(json!({"text": "x".repeat(200_000), "list": [1]}))]);
    for (step, why) in [
        (json!({"id": "b", "agent": "act", "when": "steps.a.output.text > 1"}), "have no common order"),
        (json!({"id": "b", "agent": "act", "input": {"x": "{{ steps.a.output.text }}{{ steps.a.output.text }}"}}), "more than"),
        (json!({"id": "b", "agent": "nobody"}), "Agent not found or inactive"),
        (json!({"id": "b", "goal": "unheard-of"}), "No agent was found"),
        (json!({"id": "b", "workflow": "nothing"}), "there is no workflow nothing"),
    ] {
        let run = world.ran("odd", json!({"steps": [{"id": "a", "agent": "act"}, step]}), json!({})).await;
        is(&run, Status::Failed);
        let error = run.error.unwrap();
        assert!(error.starts_with("step b: ") && error.contains(why), "{error}");
    }
}

async fn an_output_that_is_too_large_is_not_kept(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("big", 0, &[Act::Answer(json!({"text": "x".repeat(1_100_000)}))]);
    world.agents.agent("nul", 0, &[Act::Answer(json!({"te\0xt": "a\0b"}))]);
    let run = world.ran("big", json!({"steps": [{"id": "a", "agent": "big"}, {"id": "b", "agent": "nul"}]}), json!({})).await;
    is(&run, Status::Completed);
    assert_eq!(world.output(run.id, "a").await["truncated"], true);
    assert_eq!(world.output(run.id, "b").await, json!({"te\u{fffd}xt": "a\u{fffd}b"}));
}

rialto_store::suite! {
    what_may_pass_is_tried_again_after_a_wait,
    a_long_wait_gives_the_worker_to_others,
    a_failure_ends_the_run_and_what_had_not_begun_is_called_off,
    alternatives_are_tried_once_each_if_they_are_wanted,
    a_step_that_takes_too_long_fails,
    a_run_that_takes_too_long_is_timed_out,
    a_child_has_no_more_time_than_its_parent,
    what_cannot_be_evaluated_fails_its_step_and_says_why,
    an_output_that_is_too_large_is_not_kept,
}
