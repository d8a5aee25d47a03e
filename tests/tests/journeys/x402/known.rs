//! What was paid is not lost: neither its name, nor its answer, however late it ends and whatever its request is called.

use std::time::Duration;

use diesel::sql_query;
use rialto_store::{Db, DbOptions, StoreError, Tx, on};
use serde_json::json;

use super::{
    super::{
        market::support::with_admin,
        proxy::{
            shop::buyer,
            upstream::{Part, Upstream, plain},
        },
    },
    doubts::{let_all_time_pass, let_time_pass, usage_count},
    shop::{Facilitator, Scene, TRANSACTION, USED, flags, refused, restart, settled},
};
use crate::harness::{World, eventually, journeys, statuses, text, together};

async fn run(world: &World, statement: &'static str) {
    let db = Db::open(&world.place.url, &DbOptions::default()).await.unwrap();
    let work = async move |tx: &mut Tx| -> Result<(), StoreError> {
        on!(tx, conn => sql_query(statement).execute(conn).await).map(drop)
    };
    db.write(work).await.unwrap();
}

async fn what_a_facilitator_said_is_in_the_log_while_the_database_is_away(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|_| [vec![Part::Wait(Duration::from_secs(3))], settled()].concat()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let (api, path) = (scene.paying(&scene.wallet.pays(1)), scene.shop.path.clone());
    let call = tokio::spawn(async move { api.get(&path).await });
    eventually("its money is being fetched", async || (facilitator.settles() == 1).then_some(())).await;
    run(world, "ALTER TABLE x402_payments RENAME TO x402_away").await;
    // Should the process die now, this would be all that is left of it.
    eventually("it is in the log", async || {
        let log = world.server.log();
        log.lines().any(|line| line.contains("the money of a call has come") && line.contains(TRANSACTION)).then_some(())
    })
    .await;
    assert_eq!(usage_count(&scene.ann.api).await, 0, "it cannot be in the books");
    run(world, "ALTER TABLE x402_away RENAME TO x402_payments").await;
    let answer = call.await.unwrap();
    assert_eq!((answer.status, answer.text().as_str(), facilitator.settles()), (200, "precious", 1), "{}", answer.text());
    assert_eq!(scene.ann.last_usage().await["payment_tx"], TRANSACTION);
}

async fn what_each_try_came_to_is_in_the_log(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| match time {
        0 => super::shop::says(&json!({"success": false, "errorReason": "transaction_failed", "transaction": TRANSACTION})),
        1 => refused(USED),
        _ => settled(),
    })
    .await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let answer = scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await;
    answer.expect_problem(503);
    let usage = answer.header("x-acf-usage-id").unwrap().to_owned();
    eventually("it is paid", async || {
        let_time_pass(world).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        (usage_count(&scene.ann.api).await == 1).then_some(())
    })
    .await;
    let log = world.server.log();
    for said in
        [&["transaction_failed", TRANSACTION][..], &["of a call was used"], &["the money of a call has come", TRANSACTION]]
    {
        let is_said = |line: &str| line.contains(&usage) && said.iter().all(|part| line.contains(part));
        assert!(log.lines().any(is_said), "{said:?}: {log}");
    }
}

async fn a_payment_is_known_whatever_its_request_is_called(world: &mut World) {
    let there = Upstream::answering([vec![Part::Wait(Duration::from_secs(3))], plain(200, "", b"precious")].concat()).await;
    let facilitator = Facilitator::start(|time| match time {
        1 => vec![Part::Close],
        2 => refused(USED),
        _ => settled(),
    })
    .await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    // As behind a proxy that gives each attempt a name of its own.
    let ask = async |nonce: u8, name: &str| {
        scene.paying(&scene.wallet.pays(nonce)).with("x-request-id", name).get(&scene.shop.path).await
    };
    let replies = together(10, |n| {
        let (api, path) = (scene.paying(&scene.wallet.pays(1)).with("x-request-id", &format!("r{n}")), scene.shop.path.clone());
        async move { api.get(&path).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 1), (409, 9)].into());
    for reply in replies.iter().filter(|reply| reply.status == 409) {
        assert_eq!(reply.expect_problem(409)["type"], "payment-running");
    }
    let again = [ask(1, "s1").await, ask(1, "s2").await, scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await];
    for told in again {
        assert_eq!((told.status, told.text().as_str(), told.header("idempotent-replayed")), (200, "precious", Some("true")));
        assert_eq!((told.header("x-payment-transaction"), told.header("x-acf-amount")), (Some(TRANSACTION), Some("0.05")));
    }
    assert_eq!((facilitator.settles(), there.calls()), (1, 1));
    // It pays for that request alone, by that buyer alone; and who says that it is another one is believed.
    let elsewhere = scene.paying(&scene.wallet.pays(1)).with("x-request-id", "s3").get(&format!("{}/a", scene.shop.path)).await;
    let named = scene.paying(&scene.wallet.pays(1)).with("idempotency-key", "k").get(&scene.shop.path).await;
    let bob = buyer(world, "bob", "0").await;
    let theft = bob.api.with("payment-signature", &scene.wallet.pays(1)).with("x-request-id", "s1").get(&scene.shop.path).await;
    for refusal in [elsewhere, named, theft] {
        assert_eq!((&refusal.expect_problem(409)["type"], refusal.header("x-acf-usage-id")), (&json!("payment-used"), None));
    }

    // One that is in doubt.
    assert_eq!(ask(2, "t1").await.expect_problem(503)["type"], "payment-pending");
    assert_eq!(ask(2, "t2").await.expect_problem(409)["type"], "payment-running");
    eventually("it is given up", async || {
        let_all_time_pass(world).await;
        world.server.log().contains("look at the chain").then_some(())
    })
    .await;
    for name in ["t1", "t3"] {
        let unclear = ask(2, name).await;
        assert_eq!(unclear.expect_problem(409)["type"], "payment-unclear");
        assert!(unclear.header("x-acf-usage-id").is_some(), "the operator has to be told which");
    }
    // With the same name another payment is not used.
    let named = ask(3, "t1").await;
    assert_eq!((named.status, facilitator.settles(), there.calls()), (409, 3, 2));
}

async fn an_answer_that_was_paid_late_is_there_though_its_key_is_anothers(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| match time {
        0 => vec![Part::Close],
        1 => refused(USED),
        _ => settled(),
    })
    .await;
    let flags = flags(&facilitator);
    let root = with_admin(world, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let scene = Scene::open(world, &there).await;
    let named =
        async |nonce: u8| scene.paying(&scene.wallet.pays(nonce)).with("idempotency-key", "k").get(&scene.shop.path).await;
    assert_eq!(named(1).await.status, 503);
    eventually("it is given up", async || {
        let_all_time_pass(world).await;
        (root.get("/api/v1/admin/payments").await.expect(200)["total"] == 1).then_some(())
    })
    .await;
    // A day passes, and the key is used for another call, as it may be then.
    run(world, "DELETE FROM idempotency_keys").await;
    let second = named(2).await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (200, None));
    let list = root.get("/api/v1/admin/payments").await.expect(200);
    let first = text(&list["payments"][0]["usage_id"]);
    let resolve = format!("/api/v1/admin/payments/{first}/resolve");
    // Not by the transaction of the other one.
    let same = json!({"outcome": "settled", "transaction": TRANSACTION.to_uppercase().replace("0X", "0x")});
    let problem = root.post(&resolve, &same).await.expect_problem(409);
    assert_eq!((&problem["type"], &problem["usage_id"]), (&json!("transaction-taken"), &json!(second.header("x-acf-usage-id"))));
    let decision = json!({"outcome": "settled", "transaction": format!("0x{}", "AB".repeat(32))});
    let decided = root.post(&resolve, &decision).await.expect(200);
    assert_eq!(decided["transaction"], format!("0x{}", "ab".repeat(32)));
    let key = root.with("idempotency-key", "once");
    for _ in 0..2 {
        key.post(&resolve, &decision).await.expect(200);
    }
    // The key is the other call's; the payment is known by itself.
    let told = named(2).await;
    assert_eq!((told.status, told.header("x-acf-usage-id")), (200, second.header("x-acf-usage-id")));
    let told = scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await;
    assert_eq!((told.status, told.text().as_str(), told.header("x-acf-usage-id")), (200, "precious", Some(first.as_str())));
    assert_eq!(there.calls(), 2);
    assert_eq!(scene.ann.api.get("/api/v1/usage/me").await.expect(200)["total_spent_usd"], "0.10");
    let decided = || world.server.log().matches("an administrator has decided").count();
    eventually("it is in the log", async || (decided() > 0).then_some(())).await;
    assert_eq!(decided(), 1, "it was decided once");
}

async fn what_is_paid_after_its_answer_was_lost_is_said_to_be(world: &mut World) {
    let live = b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ncontent-length: 5\r\n\r\nfirst";
    let there = Upstream::answering(vec![Part::Bytes(live.to_vec())]).await;
    let facilitator = Facilitator::start(|time| if time == 0 { vec![Part::Close] } else { settled() }).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let paying = scene.paying(&scene.wallet.pays(1));
    assert_eq!(paying.get(&scene.shop.path).await.expect_problem(503)["type"], "payment-pending");
    eventually("it is paid", async || {
        let_time_pass(world).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        (usage_count(&scene.ann.api).await == 1).then_some(())
    })
    .await;
    let usage = scene.ann.last_usage().await;
    assert_eq!((&usage["delivered"], &usage["amount"], &usage["reason"]), (&json!(true), &json!("0.05"), &json!("answer_lost")));
    eventually("an operator is told", async || {
        let log = world.server.log();
        log.lines().any(|line| line.contains("after its answer was lost") && line.contains(TRANSACTION)).then_some(())
    })
    .await;
    let told = paying.get(&scene.shop.path).await;
    assert_eq!(told.expect_problem(409)["type"], "answer-lost");
    assert_eq!((told.header("x-acf-usage-id"), told.header("x-acf-amount")), (usage["usage_id"].as_str(), Some("0.05")));
    assert_eq!((facilitator.settles(), there.calls()), (2, 1));
}

journeys! {
    what_a_facilitator_said_is_in_the_log_while_the_database_is_away,
    what_each_try_came_to_is_in_the_log,
    a_payment_is_known_whatever_its_request_is_called,
    an_answer_that_was_paid_late_is_there_though_its_key_is_anothers,
    what_is_paid_after_its_answer_was_lost_is_said_to_be,
}
