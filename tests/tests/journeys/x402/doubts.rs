//! When it is not known what became of the money: it is asked again until it is, nothing is handed over before that, and nothing
//! is paid twice.

use std::time::Duration;

use diesel::sql_query;
use rialto_store::{Db, DbOptions, StoreError, Tx, on};
use serde_json::{Value, json};

use super::{
    super::proxy::upstream::{Part, Upstream, plain},
    shop::{Facilitator, Scene, TRANSACTION, USED, flags, refused, restart, says, settled},
};
use crate::harness::{Api, World, eventually, journeys};

/// Has everything that is to be asked again asked at once, as if its time had come.
pub async fn let_time_pass(world: &World) {
    let db = Db::open(&world.place.url, &DbOptions::default()).await.unwrap();
    let hurry = async move |tx: &mut Tx| -> Result<(), StoreError> {
        let (sqlite, postgres) = ("next_attempt_at - 300000000", "next_attempt_at - interval '5 minutes'");
        let sooner = if tx.is_postgres() { postgres } else { sqlite };
        let hurry = format!("UPDATE x402_payments SET next_attempt_at = {sooner} WHERE state = 'settling'");
        on!(tx, conn => sql_query(&hurry).execute(conn).await).map(drop)
    };
    db.write(hurry).await.unwrap();
}

/// Gives up at once whatever is to be asked again.
pub async fn let_all_time_pass(world: &World) {
    let db = Db::open(&world.place.url, &DbOptions::default()).await.unwrap();
    let over = async move |tx: &mut Tx| -> Result<(), StoreError> {
        const OVER: &str =
            "UPDATE x402_payments SET give_up_at = created_at, next_attempt_at = created_at WHERE state = 'settling'";
        on!(tx, conn => sql_query(OVER).execute(conn).await).map(drop)
    };
    db.write(over).await.unwrap();
}

pub async fn usage_count(api: &Api) -> Value {
    api.get("/api/v1/usage/me").await.expect(200)["total_calls"].clone()
}

async fn what_is_not_known_is_asked_again_and_then_told(world: &mut World) {
    let there = Upstream::answering(plain(200, "x-own: 1\r\n", b"precious")).await;
    // It dies half way, speaks nonsense, says that it takes a while, contradicts itself; and then says it.
    let facilitator = Facilitator::start(|time| match time {
        0 => vec![Part::Bytes(b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n{\"succ".to_vec()), Part::Close],
        1 => plain(200, "", b"<html>"),
        2 => says(&json!({"success": false, "errorReason": "settlement_pending", "transaction": "0x1"})),
        3 => refused("insufficient_funds"),
        4 => refused(USED),
        _ => settled(),
    })
    .await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let paying = scene.paying(&scene.wallet.pays(1));
    let answer = paying.get(&scene.shop.path).await;
    let problem = answer.expect_problem(503);
    assert_eq!((&problem["type"], answer.header("payment-required")), (&json!("payment-pending"), None));
    assert!(answer.header("retry-after").is_some() && answer.header("x-acf-usage-id").is_some());
    assert!(!answer.text().contains("precious"));
    assert_eq!(usage_count(&scene.ann.api).await, 0, "it has not ended");
    let again = paying.get(&scene.shop.path).await;
    assert_eq!(again.expect_problem(409)["type"], "payment-running");
    eventually("it is settled", async || {
        let_time_pass(world).await;
        // It takes five rounds, and who asks too often is told to wait.
        tokio::time::sleep(Duration::from_millis(500)).await;
        (usage_count(&scene.ann.api).await == 1).then_some(())
    })
    .await;
    assert_eq!((facilitator.settles(), there.calls()), (6, 1));
    let usage = scene.ann.last_usage().await;
    assert_eq!(
        (&usage["delivered"], &usage["amount"], &usage["payment_tx"]),
        (&json!(true), &json!("0.05"), &json!(TRANSACTION))
    );
    // Its answer is there, for whoever sends the same payment again.
    let told = paying.get(&scene.shop.path).await;
    assert_eq!((told.status, told.text().as_str(), told.header("idempotent-replayed")), (200, "precious", Some("true")));
    assert_eq!((told.header("x-own"), told.header("x-payment-transaction")), (Some("1"), Some(TRANSACTION)));
    let elsewhere = paying.get(&format!("{}/other", scene.shop.path)).await;
    assert_eq!(elsewhere.expect_problem(409)["type"], "payment-used");
    assert_eq!((facilitator.settles(), there.calls()), (6, 1));
}

async fn a_key_gets_the_answer_of_a_late_payment(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| if time == 0 { vec![Part::Close] } else { settled() }).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let ask = async |nonce| scene.paying(&scene.wallet.pays(nonce)).with("idempotency-key", "k").get(&scene.shop.path).await;
    assert_eq!(ask(1).await.expect_problem(503)["type"], "payment-pending");
    // A client that signs anew does not pay anew.
    assert_eq!(ask(2).await.status, 409);
    let told = eventually("it is settled", async || {
        let_time_pass(world).await;
        Some(ask(3).await).filter(|answer| answer.status == 200)
    })
    .await;
    assert_eq!((told.text().as_str(), told.header("x-payment-transaction")), ("precious", Some(TRANSACTION)));
    assert_eq!((facilitator.settles(), there.calls()), (2, 1));
}

async fn what_nobody_can_say_is_not_charged(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| match time {
        0 => vec![Part::Close],
        _ => refused(USED),
    })
    .await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let paying = scene.paying(&scene.wallet.pays(1));
    assert_eq!(paying.get(&scene.shop.path).await.status, 503);
    eventually("an operator is told", async || {
        let_all_time_pass(world).await;
        world.server.log().contains("look at the chain").then_some(())
    })
    .await;
    for api in [paying.clone(), paying.with("idempotency-key", "another")] {
        assert_eq!(api.get(&scene.shop.path).await.expect_problem(409)["type"], "payment-unclear");
    }
    // It has not ended: that is an administrator's to say.
    assert_eq!(usage_count(&scene.ann.api).await, 0);
    let sold = scene.shop.api.get("/api/v1/usage/services").await.expect(200);
    assert_eq!((&sold["total_spent_usd"], there.calls()), (&json!("0.00"), 1));
}

async fn a_crash_while_money_is_fetched_loses_nothing(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let slow = || vec![Part::Wait(Duration::from_secs(30)), Part::Close];
    let facilitator = Facilitator::start(move |time| if time == 0 { slow() } else { settled() }).await;
    let flags = flags(&facilitator);
    restart(world, &flags).await;
    let scene = Scene::open(world, &there).await;
    let (api, path) = (scene.paying(&scene.wallet.pays(1)), scene.shop.path.clone());
    let call = tokio::spawn(async move { api.try_post(&path, &json!({"a": 1})).await });
    eventually("its money is being fetched", async || (facilitator.settles() == 1).then_some(())).await;
    world.server.kill();
    call.abort();
    let_time_pass(world).await;
    restart(world, &flags).await;
    let ann = scene.at(&world.server);
    eventually("it is settled", async || (usage_count(&ann).await == 1).then_some(())).await;
    let told = ann.with("payment-signature", &scene.wallet.pays(1)).post(&scene.shop.path, &json!({"a": 1})).await;
    assert_eq!((told.status, told.text().as_str(), told.header("x-payment-transaction")), (200, "precious", Some(TRANSACTION)));
    assert_eq!((facilitator.settles(), there.calls()), (2, 1));
}

async fn a_crash_during_the_call_leaves_the_payment_to_its_buyer(world: &mut World) {
    let slow = Upstream::answering(vec![Part::Wait(Duration::from_secs(30))]).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    let short = [flags(&facilitator), vec!["--service-call-seconds=2".into(), "--hold-grace-seconds=1".into()]].concat();
    restart(world, &short).await;
    let scene = Scene::open(world, &slow).await;
    let (api, path) = (scene.paying(&scene.wallet.pays(1)), scene.shop.path.clone());
    let call = tokio::spawn(async move { api.try_post(&path, &json!({})).await });
    eventually("it is being made", async || (slow.calls() == 1).then_some(())).await;
    world.server.kill();
    call.abort();
    restart(world, &short).await;
    let ann = scene.at(&world.server);
    eventually("it is closed", async || (usage_count(&ann).await == 1).then_some(())).await;
    assert_eq!(ann.get("/api/v1/usage/me").await.expect(200)["records"][0]["reason"], "interrupted");
    // The same payment, for something else.
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let other = super::super::proxy::shop::shop(world, "quick", &there.url, &json!({})).await;
    assert_eq!(ann.with("payment-signature", &scene.wallet.pays(1)).get(&other.path).await.status, 200);
    assert_eq!(facilitator.settles(), 1);
}

journeys! {
    what_is_not_known_is_asked_again_and_then_told,
    a_key_gets_the_answer_of_a_late_payment,
    what_nobody_can_say_is_not_charged,
    a_crash_while_money_is_fetched_loses_nothing,
    a_crash_during_the_call_leaves_the_payment_to_its_buyer,
}
