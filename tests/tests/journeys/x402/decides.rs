//! Administrators decide what became of payments of which nobody can say that.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{
        market::support::with_admin,
        proxy::upstream::{Part, Upstream, plain},
    },
    doubts::{let_all_time_pass, usage_count},
    shop::{Facilitator, Scene, TRANSACTION, USED, flags, refused},
};
use crate::harness::{Api, World, eventually, journeys, statuses, text, together};

/// A facilitator that dies when it is asked, and says later that the authorization was used.
async fn unhelpful() -> Facilitator {
    Facilitator::start(|time| if time == 0 { vec![Part::Close] } else { refused(USED) }).await
}

async fn open(world: &mut World, there: &Upstream, facilitator: &Facilitator) -> (Api, Scene) {
    let flags = flags(facilitator);
    let root = with_admin(world, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    (root, Scene::open(world, there).await)
}

/// Has the payments that are pending given up, and gives the one that waits for a decision.
async fn unclear(world: &World, root: &Api) -> Value {
    eventually("it is given up", async || {
        let_all_time_pass(world).await;
        let list = root.get("/api/v1/admin/payments").await.expect(200);
        (list["total"] == 1).then(|| list["payments"][0].clone())
    })
    .await
}

async fn a_payment_that_came_is_booked_once_and_its_answer_is_there(world: &mut World) {
    let there = Upstream::answering(plain(200, "x-own: 1\r\n", b"precious")).await;
    let facilitator = unhelpful().await;
    let (root, scene) = open(world, &there, &facilitator).await;
    let paying = scene.paying(&scene.wallet.pays(1));
    assert_eq!(paying.get(&scene.shop.path).await.status, 503);
    let payment = unclear(world, &root).await;
    assert_eq!(
        [&payment["status"], &payment["amount"], &payment["network"], &payment["failure"]],
        ["unclear", "0.05", "eip155:84532", "the authorization was used"]
    );
    assert_eq!(text(&payment["payer"]).to_lowercase(), scene.wallet.address);
    assert_eq!((&payment["nonce"], &payment["resolved_by"]), (&json!(format!("0x{}", "01".repeat(32))), &Value::Null));
    assert_eq!(paying.get(&scene.shop.path).await.expect_problem(409)["type"], "payment-unclear");

    let path = format!("/api/v1/admin/payments/{}/resolve", text(&payment["usage_id"]));
    let settled = json!({"outcome": "settled", "transaction": TRANSACTION});
    // Not everybody's to say.
    for api in [&scene.ann.api, &scene.shop.api] {
        api.get("/api/v1/admin/payments").await.expect_problem(403);
        api.post(&path, &settled).await.expect_problem(403);
    }
    world.stranger().get("/api/v1/admin/payments").await.expect_problem(401);
    world.stranger().post(&path, &settled).await.expect_problem(401);
    for junk in [
        json!({}),
        json!({"outcome": "lost"}),
        json!({"outcome": "settled"}),
        json!({"outcome": "settled", "transaction": "0x1"}),
        json!({"outcome": "settled", "transaction": 1}),
        json!({"outcome": "refused"}),
        json!({"outcome": "refused", "reason": ""}),
        json!({"outcome": "refused", "reason": "x".repeat(257)}),
    ] {
        root.post(&path, &junk).await.expect_problem(422);
    }
    for unknown in ["0198c0de-0000-7000-8000-000000000042", "x"] {
        root.post(&format!("/api/v1/admin/payments/{unknown}/resolve"), &settled).await.expect_problem(404);
    }
    for query in ["status=settled", "limit=0", "limit=101", "offset=-1"] {
        root.get(&format!("/api/v1/admin/payments?{query}")).await.expect_problem(422);
    }
    assert_eq!(usage_count(&scene.ann.api).await, 0);

    let first = root.with("idempotency-key", "r").post(&path, &settled).await.expect(200);
    assert_eq!(
        (&first["status"], &first["transaction"], first["resolved_by"].is_string()),
        (&json!("settled"), &json!(TRANSACTION), true)
    );
    for api in [root.with("idempotency-key", "r"), root.clone()] {
        assert_eq!(api.post(&path, &settled).await.expect(200), first);
    }
    let other = root.post(&path, &json!({"outcome": "refused", "reason": "a slip"})).await.expect_problem(409);
    assert_eq!((&other["type"], &other["payment_status"]), (&json!("payment-not-unclear"), &json!("settled")));

    let usage = scene.ann.last_usage().await;
    assert_eq!(
        (&usage["delivered"], &usage["amount"], &usage["payment_tx"]),
        (&json!(true), &json!("0.05"), &json!(TRANSACTION))
    );
    let told = paying.get(&scene.shop.path).await;
    assert_eq!((told.status, told.text().as_str(), told.header("x-own")), (200, "precious", Some("1")));
    assert_eq!(told.header("x-payment-transaction"), Some(TRANSACTION));
    let sold = scene.shop.api.get("/api/v1/usage/services").await.expect(200);
    assert_eq!((&sold["total_spent_usd"], there.calls()), (&json!("0.05"), 1));
    let list = root.get("/api/v1/admin/payments").await.expect(200);
    assert_eq!((&list["total"], &list["payments"]), (&json!(0), &json!([])));
    let list = root.get("/api/v1/admin/payments?status=resolved").await.expect(200);
    assert_eq!((&list["total"], &list["payments"]), (&json!(1), &json!([first])));
    eventually("it is in the log", async || world.server.log().contains("an administrator has decided").then_some(())).await;
}

async fn a_payment_that_did_not_come_costs_nothing(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| match time {
        0 => vec![Part::Close],
        1 => refused(USED),
        _ => super::shop::settled(),
    })
    .await;
    let (root, scene) = open(world, &there, &facilitator).await;
    let ask = async |nonce: u8, key: &str| {
        scene.paying(&scene.wallet.pays(nonce)).with("idempotency-key", key).get(&scene.shop.path).await
    };
    assert_eq!(ask(1, "k").await.status, 503);
    let payment = unclear(world, &root).await;
    assert_eq!(ask(2, "k").await.expect_problem(409)["type"], "payment-unclear", "a second payment is not used");
    let path = format!("/api/v1/admin/payments/{}/resolve", text(&payment["usage_id"]));
    let refused = json!({"outcome": "refused", "reason": "The payer has taken the nonce back"});
    let decided = root.post(&path, &refused).await.expect(200);
    assert_eq!((&decided["status"], &decided["failure"]), (&json!("failed"), &refused["reason"]));
    assert_eq!(root.post(&path, &refused).await.expect(200), decided);
    root.post(&path, &json!({"outcome": "settled", "transaction": TRANSACTION})).await.expect_problem(409);
    let usage = scene.ann.last_usage().await;
    assert_eq!(
        (&usage["delivered"], &usage["amount"], &usage["reason"]),
        (&json!(false), &json!("0.00"), &json!("payment_failed"))
    );
    assert_eq!(ask(1, "k").await.expect_problem(402)["type"], "payment-failed");
    assert_eq!(ask(1, "other").await.expect_problem(409)["type"], "payment-used");
    assert_eq!(ask(2, "other").await.status, 200);
    assert_eq!((facilitator.settles(), there.calls()), (3, 2));
}

async fn a_crash_between_the_settlement_and_the_books_can_be_mended(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    // The money has come, and nobody hears of it.
    let facilitator = Facilitator::start(|time| {
        let deaf = if time == 0 { vec![Part::Wait(Duration::from_secs(60))] } else { Vec::new() };
        [deaf, refused(USED)].concat()
    })
    .await;
    let (_, scene) = open(world, &there, &facilitator).await;
    let payment = scene.wallet.pays(1);
    let (api, path) = (scene.paying(&payment), scene.shop.path.clone());
    let call = tokio::spawn(async move { api.try_post(&path, &json!({"a": 1})).await });
    eventually("its money is being fetched", async || (facilitator.settles() == 1).then_some(())).await;
    world.server.kill();
    call.abort();
    let flags = flags(&facilitator);
    let root = with_admin(world, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let doubtful = unclear(world, &root).await;
    let path = format!("/api/v1/admin/payments/{}/resolve", text(&doubtful["usage_id"]));
    root.post(&path, &json!({"outcome": "settled", "transaction": TRANSACTION})).await.expect(200);
    let told = scene.at(&world.server).with("payment-signature", &payment).post(&scene.shop.path, &json!({"a": 1})).await;
    assert_eq!((told.status, told.text().as_str(), told.header("x-payment-transaction")), (200, "precious", Some(TRANSACTION)));
    assert_eq!(there.calls(), 1);
}

async fn of_many_decisions_one_counts(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = unhelpful().await;
    let (root, scene) = open(world, &there, &facilitator).await;
    assert_eq!(scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await.status, 503);
    let payment = unclear(world, &root).await;
    let path = format!("/api/v1/admin/payments/{}/resolve", text(&payment["usage_id"]));
    let replies = together(10, |n| {
        let (root, path) = (root.clone(), path.clone());
        let settled = json!({"outcome": "settled", "transaction": TRANSACTION});
        let body = if n % 2 == 0 { settled } else { json!({"outcome": "refused", "reason": "it is not there"}) };
        async move { root.post(&path, &body).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 5), (409, 5)].into());
    let sold = scene.shop.api.get("/api/v1/usage/services").await.expect(200);
    let is_paid = replies[0].status == 200;
    assert_eq!((&sold["total_spent_usd"], &sold["total_calls"]), (&json!(if is_paid { "0.05" } else { "0.00" }), &json!(1)));
}

journeys! {
    a_payment_that_came_is_booked_once_and_its_answer_is_there,
    a_payment_that_did_not_come_costs_nothing,
    a_crash_between_the_settlement_and_the_books_can_be_mended,
    of_many_decisions_one_counts,
}
