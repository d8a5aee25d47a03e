//! A facilitator that is slow, that lies, or that is not there.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::proxy::upstream::{Part, Upstream, plain},
    doubts::{let_time_pass, usage_count},
    shop::{Facilitator, Scene, TRANSACTION, USED, flags, restart, says, settled},
};
use crate::harness::{World, eventually, journeys};

/// That the money has come, with this on top.
fn lie(more: &Value) -> Vec<Part> {
    let mut said = json!({"success": true, "transaction": TRANSACTION, "network": "eip155:84532"});
    said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    says(&said)
}

fn somebody_else() -> String {
    format!("0x{}", "22".repeat(20))
}

async fn a_settlement_of_something_else_is_none(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let lies = [
        lie(&json!({"network": "eip155:1"})),
        lie(&json!({"network": null})),
        lie(&json!({"payer": somebody_else()})),
        lie(&json!({"transaction": ""})),
        lie(&json!({"transaction": null})),
        lie(&json!({"transaction": "0x1"})),
        plain(500, "", json!({"success": true, "transaction": TRANSACTION, "network": "eip155:84532"}).to_string().as_bytes()),
        says(&json!({"success": true})),
        plain(200, "", b"yes"),
    ];
    let count = u8::try_from(lies.len()).unwrap();
    let facilitator = Facilitator::start(move |time| lies.get(time).cloned().unwrap_or_else(settled)).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    for nonce in 0..count {
        let answer = scene.paying(&scene.wallet.pays(nonce)).get(&scene.shop.path).await;
        assert_eq!((&answer.expect_problem(503)["type"], answer.header("payment-response")), (&json!("payment-pending"), None));
    }
    assert_eq!(usage_count(&scene.ann.api).await, 0);
    eventually("it has told the truth", async || {
        let_time_pass(world).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        (usage_count(&scene.ann.api).await == count).then_some(())
    })
    .await;
    assert_eq!((facilitator.settles(), there.calls()), (usize::from(count) * 2, count.into()));
    let told = scene.paying(&scene.wallet.pays(0)).get(&scene.shop.path).await;
    assert_eq!((told.status, told.text().as_str(), told.header("x-payment-transaction")), (200, "precious", Some(TRANSACTION)));
    assert_eq!(scene.shop.api.get("/api/v1/usage/services").await.expect(200)["total_spent_usd"], "0.45");
}

async fn a_transaction_that_failed_is_not_one_that_was_pending(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let named = |reason: &str| says(&json!({"success": false, "errorReason": reason, "transaction": TRANSACTION}));
    // Two payments: of the one it says at first that its transaction has failed, of the other that it is pending.
    let facilitator = Facilitator::start(move |time| match time {
        0 => named("transaction_failed"),
        1 => named("settlement_pending"),
        2 | 3 => named(USED),
        _ => settled(),
    })
    .await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    for nonce in [1, 2] {
        assert_eq!(scene.paying(&scene.wallet.pays(nonce)).get(&scene.shop.path).await.status, 503);
    }
    let asked = async |times: usize| {
        eventually("it is asked again", async || {
            let_time_pass(world).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            (facilitator.settles() >= times).then_some(())
        })
        .await;
    };
    asked(4).await;
    // That it was used, in the very transaction that was pending, says that it has come.
    eventually("one is paid", async || (usage_count(&scene.ann.api).await == 1).then_some(())).await;
    assert_eq!(scene.paying(&scene.wallet.pays(2)).get(&scene.shop.path).await.status, 200);
    assert_eq!(scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await.status, 409);
    asked(5).await;
    eventually("both are", async || (usage_count(&scene.ann.api).await == 2).then_some(())).await;
    assert_eq!((facilitator.settles(), there.calls()), (5, 2));
}

async fn whose_payment_is_found_good_has_to_be_said_rightly(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    for payer in [json!(somebody_else()), json!("me")] {
        let good = says(&json!({"isValid": true, "payer": payer}));
        let facilitator = Facilitator::doubting(good, |_| settled()).await;
        restart(world, &flags(&facilitator)).await;
        let name = if payer == "me" { "second" } else { "first" };
        let shop = super::super::proxy::shop::shop(world, name, &there.url, &json!({})).await;
        let buyer = super::super::proxy::shop::buyer(world, &format!("{name}-buyer"), "0").await;
        let payment = super::signer::Wallet::new(7).pays(1);
        let answer = buyer.api.with("payment-signature", &payment).get(&shop.path).await;
        assert_eq!(answer.expect_problem(503)["type"], "facilitator-unavailable");
        assert_eq!((there.calls(), facilitator.settles()), (0, 0));
    }
}

async fn a_slow_one_is_waited_for_and_one_that_is_not_there_is_not(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let slow = || [vec![Part::Wait(Duration::from_secs(3))], settled()].concat();
    let facilitator = Facilitator::start(move |_| slow()).await;
    let flags = flags(&facilitator);
    restart(world, &flags).await;
    let scene = Scene::open(world, &there).await;
    let answer = scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await;
    assert_eq!((answer.status, answer.text().as_str(), facilitator.settles()), (200, "precious", 1));
    drop(facilitator);
    // Its connections are the last that is there of it.
    restart(world, &flags).await;
    let refused = scene.at(&world.server).with("payment-signature", &scene.wallet.pays(2)).get(&scene.shop.path).await;
    assert_eq!(refused.expect_problem(503)["type"], "facilitator-unavailable");
    assert_eq!(there.calls(), 1);
}

async fn one_that_is_busy_is_asked_again(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| match time {
        0 => plain(429, "", b"later"),
        1 => plain(503, "", b"{}"),
        _ => settled(),
    })
    .await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let paying = scene.paying(&scene.wallet.pays(1));
    assert_eq!(paying.get(&scene.shop.path).await.status, 503);
    let told = eventually("it is settled", async || {
        let_time_pass(world).await;
        Some(paying.get(&scene.shop.path).await).filter(|answer| answer.status == 200)
    })
    .await;
    assert_eq!((told.text().as_str(), facilitator.settles(), there.calls()), ("precious", 3, 1));
}

async fn many_in_doubt_are_all_asked_for(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let facilitator = Facilitator::start(|time| if time < 12 { vec![Part::Close] } else { settled() }).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    for nonce in 0..12 {
        assert_eq!(scene.paying(&scene.wallet.pays(nonce)).get(&scene.shop.path).await.status, 503);
    }
    // They go on where the process that has asked first is gone.
    world.crash_and_restart_with(&flags(&facilitator).iter().map(String::as_str).collect::<Vec<_>>()).await;
    let ann = scene.at(&world.server);
    eventually("all are settled", async || {
        let_time_pass(world).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        (usage_count(&ann).await == 12).then_some(())
    })
    .await;
    assert_eq!((facilitator.settles(), there.calls()), (24, 12));
    assert_eq!(ann.get("/api/v1/usage/me").await.expect(200)["total_spent_usd"], "0.60");
}

journeys! {
    a_settlement_of_something_else_is_none,
    a_transaction_that_failed_is_not_one_that_was_pending,
    whose_payment_is_found_good_has_to_be_said_rightly,
    a_slow_one_is_waited_for_and_one_that_is_not_there_is_not,
    one_that_is_busy_is_asked_again,
    many_in_doubt_are_all_asked_for,
}
