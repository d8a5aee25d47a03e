//! A process may die at any instant.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Agent, Answer, World, eventually, journeys, signed_in, text, together};

/// Short, so that the test does not wait long for the hold to end.
const SHORT: [&str; 2] = ["--broker-timeout-seconds=2", "--hold-grace-seconds=1"];

async fn a_crash_between_hold_and_post_gives_the_money_back(world: &mut World) {
    world.restart_with(&SHORT).await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(20))).await;
    let agent = bob.register_agent("Slow", &endpoint, Some(300)).await;
    let (caller, called) = (ada.clone(), agent.clone());
    let call = tokio::spawn(async move { caller.invoke(&called, json!({"text": "hello"})).await });
    eventually("the agent is called", async || (endpoint.calls() == 1).then_some(())).await;
    // The money is held: neither spent nor there to be spent.
    let broke = ada.invoke(&agent, json!({})).await;
    assert_eq!(broke.status, 402, "200 of 500 are left: {}", broke.text());
    call.abort();
    world.crash_and_restart_with(&SHORT).await;
    let ada = signed_in(&world.stranger(), &ada.email).await;
    eventually("the money is back", async || {
        let debited = ada.post(&format!("/wallets/{}/debit", ada_wallet(&ada).await), &json!({"amount": 500})).await;
        (debited.status == 200).then_some(())
    })
    .await;
    let log = eventually("the call is closed", async || {
        let logs = ada.get("/broker/logs").await.expect(200);
        logs.as_array().unwrap().iter().find(|log| log["status"] != "success" && log["status_code"] != 402).cloned()
    })
    .await;
    assert!(log["credits_charged"].is_null() && log["error_message"].is_string(), "{log}");
    let bob = signed_in(&world.stranger(), &bob.email).await;
    let earned = bob.get(&format!("/wallets/agent/{}", text(&agent["id"]))).await;
    assert!(earned.status == 404 || earned.json()["balance"] == 0, "nothing was paid: {}", earned.text());
    assert_eq!(endpoint.calls(), 1, "the call is not made again");
}

async fn ada_wallet(ada: &crate::harness::Api) -> String {
    text(&ada.get("/wallets/me").await.expect(200)["id"])
}

/// Whatever was acknowledged before the crash is there after it, and whatever is there is whole.
async fn what_was_acknowledged_survives_a_crash(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    ada.set_balance(100_000).await;
    let (from, to) = (ada.clone(), bob.clone());
    let load = tokio::spawn(async move {
        together(8, |_| {
            let (from, to) = (from.clone(), to.clone());
            async move {
                let body = json!({"from_wallet_id": from.wallet, "to_wallet_id": to.wallet, "amount": 1});
                let mut acknowledged = 0;
                // The connection breaks when the server dies, and `try_post` says so.
                while let Some(reply) = from.api.try_post("/wallets/transfer", &body).await {
                    assert_eq!(reply.status, 200);
                    acknowledged += 1;
                }
                acknowledged
            }
        })
        .await
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    world.crash_and_restart_with(&[]).await;
    let acknowledged: i64 = load.await.unwrap().into_iter().sum();
    assert!(acknowledged > 10, "{acknowledged}");
    let (ada, bob) = (signed_in(&world.stranger(), &ada.email).await, signed_in(&world.stranger(), &bob.email).await);
    let left = ada.get("/wallets/me").await.expect(200)["balance"].as_i64().unwrap();
    let got = bob.get("/wallets/me").await.expect(200)["balance"].as_i64().unwrap() - 500;
    assert_eq!(left + got, 100_000);
    // Eight transfers at most were done without anybody hearing of it.
    assert!((acknowledged..=acknowledged + 8).contains(&got), "{acknowledged} acknowledged, {got} done");
}

async fn a_stop_answers_what_has_begun(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(2))).await;
    let agent = bob.register_agent("Slow", &endpoint, Some(10)).await;
    let (caller, called) = (ada.clone(), agent.clone());
    let call = tokio::spawn(async move { caller.invoke(&called, json!({"text": "hello"})).await });
    eventually("the agent is called", async || (endpoint.calls() == 1).then_some(())).await;
    world.server.stop().await;
    let told = call.await.unwrap().expect(200);
    assert_eq!((&told["success"], &told["credits_charged"]), (&json!(true), &json!(10)));
    world.restart_with(&[]).await;
    let ada = signed_in(&world.stranger(), &ada.email).await;
    assert_eq!(ada.get("/wallets/me").await.expect(200)["balance"], 490);
}

journeys! {
    a_crash_between_hold_and_post_gives_the_money_back,
    what_was_acknowledged_survives_a_crash,
    a_stop_answers_what_has_begun,
}
