//! What is paid to those whom nobody named.

use rialto_coordinator::Status;
use rialto_store::testing::TestDb;
use serde_json::json;

use crate::support::{Act, World, is};

async fn a_look_alike_costs_no_more_than_the_one_it_stands_in_for(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("sum", 1, &[Act::Refuse]);
    world.agents.agent("sum-a-dear-one", 450, &[Act::Echo]);
    world.agents.agent("sum-b-cheap", 1, &[Act::Echo]);
    let recovery = json!({"max_attempts": 1, "semantic_fallback": true, "max_alternatives": 3});
    let step = json!({"id": "a", "agent": "sum", "recovery": recovery});
    let run = world.ran("careful", json!({"steps": [step.clone()]}), json!({})).await;
    is(&run, Status::Completed);
    assert_eq!((world.agents.calls("sum-a-dear-one"), world.agents.calls("sum-b-cheap")), (0, 1));
    // Whoever says what it may cost gets what was said.
    let mut capped = step;
    capped["max_credits"] = json!(450);
    let run = world.ran("generous", json!({"steps": [capped]}), json!({})).await;
    is(&run, Status::Completed);
    assert_eq!(world.agents.calls("sum-a-dear-one"), 1);
}

async fn whoever_is_only_found_is_paid_a_bounded_price(test: &TestDb) {
    let world = World::new(test).await;
    world.agents.agent("sum-dear", 101, &[Act::Echo]);
    for step in [json!({"id": "a", "goal": "sum"}), json!({"id": "a", "agent": "search:sum"}), json!({"id": "a", "skill": "sum"})]
    {
        let run = world.ran("found", json!({"steps": [step]}), json!({})).await;
        is(&run, Status::Failed);
        assert!(run.error.clone().unwrap().contains("without max_credits"), "{run:?}");
    }
    let run = world.ran("named", json!({"steps": [{"id": "a", "skill": "sum-dear"}]}), json!({})).await;
    is(&run, Status::Completed);
    let run = world.ran("said", json!({"steps": [{"id": "a", "goal": "sum", "max_credits": 101}]}), json!({})).await;
    is(&run, Status::Completed);
    assert_eq!(world.agents.calls("sum-dear"), 2);
}

rialto_store::suite! {
    a_look_alike_costs_no_more_than_the_one_it_stands_in_for,
    whoever_is_only_found_is_paid_a_bounded_price,
}
