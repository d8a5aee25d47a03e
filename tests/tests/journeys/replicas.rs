//! Two servers on one database agree.

use serde_json::json;

use crate::harness::{Agent, Answer, Kind, World, journeys, statuses, together};

async fn two_replicas_agree_about_money_keys_and_purchases(world: &mut World) {
    // One SQLite file belongs to one server.
    if world.kind == Kind::Sqlite {
        return;
    }
    let mut replica = world.replica().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let token = crate::harness::signed_in(&replica.api(), &ada.email).await;
    let apis = [ada.api.clone(), token];

    let debit = format!("/wallets/{}/debit", ada.wallet);
    let replies = together(20, |n| {
        let (api, path) = (apis[n % 2].clone(), debit.clone());
        async move { api.post(&path, &json!({"amount": 100})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 5), (400, 15)].into());

    let credit = format!("/wallets/{}/credit", ada.wallet);
    let replies = together(10, |n| {
        let (api, path) = (apis[n % 2].with("idempotency-key", "one"), credit.clone());
        async move { api.post(&path, &json!({"amount": 500})).await }
    })
    .await;
    assert!(replies.iter().all(|reply| (reply.status, &reply.body) == (200, &replies[0].body)), "{replies:#?}");
    assert_eq!(ada.balance().await, 500);

    let endpoint = Agent::start(Answer::Slow(std::time::Duration::from_millis(200))).await;
    let agent = bob.register_agent("Oracle", &endpoint, Some(300)).await;
    let replies = together(6, |n| {
        let (api, body) = (apis[n % 2].clone(), json!({"agent_id": agent["agent_id"], "input": {}}));
        async move { api.post("/broker/invoke", &body).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 1), (402, 5)].into());
    assert_eq!((endpoint.calls(), ada.balance().await), (1, 200));
    replica.stop().await;
}

journeys! { two_replicas_agree_about_money_keys_and_purchases }
