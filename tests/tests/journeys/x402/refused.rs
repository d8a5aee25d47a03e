//! Payments that are not good, and those that are not settled.

use serde_json::{Value, json};

use super::{
    super::proxy::upstream::{Upstream, plain},
    shop::{Facilitator, Scene, TRANSACTION, USED, flags, refused, restart, says, settled},
    signer::{Wallet, Wish, accepted, header, new, now, old, read},
};
use crate::harness::{World, journeys, text};

const OTHER: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287D";

/// A payment, with this changed after it was signed.
fn changed(wallet: &Wallet, path: &str, value: Value) -> Value {
    let mut payment = new(&wallet.sign(&Wish::new(1)));
    *payment.pointer_mut(path).unwrap() = value;
    payment
}

async fn whatever_is_wrong_with_a_payment_is_named(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    // As long as there is another way to pay it is not taken.
    scene.ann.fund("1.00").await;
    let (wallet, wish) = (&scene.wallet, Wish::new(1));
    let sign = |wish: Wish| new(&wallet.sign(&wish));
    let change = |path: &str, value: Value| changed(wallet, path, value);
    let high = {
        let good = text(&wallet.sign(&wish)["signature"]);
        format!("{}{}", &good[..66], "f".repeat(66))
    };
    let (value, authorization) = ("invalid_exact_evm_payload_authorization_value", "/payload/authorization");
    let (after, before) =
        ("invalid_exact_evm_payload_authorization_valid_after", "invalid_exact_evm_payload_authorization_valid_before");
    let signature = "invalid_exact_evm_payload_signature";
    for (payment, error) in [
        (change("/x402Version", json!(3)), "invalid_x402_version"),
        (change("/accepted/scheme", json!("upto")), "unsupported_scheme"),
        (change("/accepted/network", json!("eip155:8453")), "invalid_network"),
        (change("/accepted/network", json!("solana:x")), "invalid_network"),
        (change("/accepted/amount", json!("1")), "invalid_payment_requirements"),
        (change("/accepted/asset", json!(OTHER)), "invalid_payment_requirements"),
        (change("/accepted/payTo", json!(OTHER)), "invalid_payment_requirements"),
        (change("/accepted", json!(null)), "invalid_payload"),
        (change("/payload", json!({})), "invalid_payload"),
        (sign(Wish { to: OTHER, ..wish.clone() }), "invalid_exact_evm_payload_recipient_mismatch"),
        (sign(Wish { value: 49_999, ..wish.clone() }), value),
        (sign(Wish { value: 50_001, ..wish.clone() }), value),
        (sign(Wish { after: now() + 60, ..wish.clone() }), after),
        (sign(Wish { before: now() + 300, ..wish.clone() }), before),
        (sign(Wish { before: now() + 100_000, ..wish.clone() }), before),
        (sign(Wish { before: now() - 1, ..wish.clone() }), before),
        (sign(Wish { name: "USD Coin", ..wish.clone() }), signature),
        (sign(Wish { chain_id: 8_453, ..wish.clone() }), signature),
        (sign(Wish { asset: OTHER, ..wish.clone() }), signature),
        (change(&format!("{authorization}/from"), json!(OTHER)), signature),
        (change(&format!("{authorization}/nonce"), json!(format!("0x{}", "02".repeat(32)))), signature),
        (change(&format!("{authorization}/validAfter"), json!("0")), signature),
        (change(&format!("{authorization}/validBefore"), json!((now() + 9_999).to_string())), signature),
        (change(&format!("{authorization}/value"), json!("50000.0")), "invalid_payload"),
        (change("/payload/signature", json!("0x")), signature),
        (change("/payload/signature", json!(high)), signature),
        // The buyer of the first reference's SDK.
        (
            json!({"scheme": "exact", "network": "eip155:84532",
                "payload": {"signature": "0xabc", "from": "0x1", "payTo": "0x2", "price": "0.05"}}),
            "invalid_payload",
        ),
    ] {
        let answer = scene.paying(&header(&payment)).get(&scene.shop.path).await;
        let problem = answer.expect_problem(402);
        assert_eq!((&problem["type"], &problem["error"]), (&json!("payment-refused"), &json!(error)), "{payment}");
        let offer = read(answer.header("payment-required"));
        assert_eq!((&offer["error"], &offer["accepts"]), (&json!(error), &json!([accepted()])), "{payment}");
    }
    let first =
        scene.ann.api.with("x-payment", &header(&old(&wallet.sign(&Wish { value: 1, ..wish })))).get(&scene.shop.path).await;
    assert_eq!(first.expect_problem(402)["error"], value);
    assert_eq!((there.calls(), facilitator.there.calls(), scene.ann.balance().await.0.as_str()), (0, 1, "1.00"));
    assert_eq!(scene.ann.api.get("/api/v1/usage/me").await.expect(200)["total_calls"], 0);
}

async fn what_cannot_be_read_is_no_payment(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let (large, deep) = ("A".repeat(8_193), header(&json!("[".repeat(3_000))));
    for junk in ["{}", "%%%", "", "bnVsbA==", "W10=", &large, &deep, "e30=e30="] {
        for name in ["payment-signature", "x-payment", "PAYMENT-SIGNATURE"] {
            let answer = scene.ann.api.with(name, junk).get(&scene.shop.path).await;
            assert_eq!(answer.expect_problem(400)["type"], "bad-payment", "{junk}");
        }
    }
    let payment = scene.wallet.pays(1);
    scene.paying(&payment).with("payment-signature", &payment).get(&scene.shop.path).await.expect_problem(400);
    assert_eq!(there.calls(), 0);
}

async fn what_the_facilitator_finds_bad_is_not_called_for(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let bad = says(&json!({"isValid": false, "invalidReason": "insufficient_funds"}));
    let facilitator = Facilitator::doubting(bad, |_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let answer = scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await;
    assert_eq!(answer.expect_problem(402)["error"], "insufficient_funds");
    // One that does not say.
    for silent in
        [plain(500, "", b"{\"isValid\": true}"), plain(200, "", b"yes"), vec![super::super::proxy::upstream::Part::Close]]
    {
        let facilitator = Facilitator::doubting(silent, |_| settled()).await;
        restart(world, &flags(&facilitator)).await;
        let answer = scene.at(&world.server).with("payment-signature", &scene.wallet.pays(1)).get(&scene.shop.path).await;
        assert_eq!(answer.expect_problem(503)["type"], "facilitator-unavailable");
        assert_eq!(facilitator.settles(), 0);
    }
    assert_eq!(there.calls(), 0);
}

async fn an_answer_that_is_not_paid_is_withheld(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| match time {
        0 => refused("insufficient_funds"),
        1 => refused("invalid_exact_evm_payload_signature"),
        _ => settled(),
    })
    .await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let ask = async |nonce: u8| scene.paying(&scene.wallet.pays(nonce)).with("idempotency-key", "k").get(&scene.shop.path).await;
    for (nonce, reason) in [(1, "insufficient_funds"), (2, "invalid_exact_evm_payload_signature")] {
        let answer = ask(nonce).await;
        let problem = answer.expect_problem(402);
        assert_eq!((&problem["type"], &problem["error"]), (&json!("payment-failed"), &json!(reason)));
        assert!(!answer.text().contains("precious"));
        let receipt = read(answer.header("payment-response"));
        assert_eq!(
            (&receipt["success"], &receipt["errorReason"], &receipt["transaction"]),
            (&json!(false), &json!(reason), &json!(""))
        );
        assert_eq!(answer.header("x-payment-transaction"), None);
        assert!(answer.header("payment-required").is_some());
        let usage = scene.ann.last_usage().await;
        assert_eq!(
            (&usage["reason"], &usage["delivered"], &usage["amount"], &usage["status_code"], &usage["payment_tx"]),
            (&json!("payment_failed"), &json!(false), &json!("0.00"), &json!(402), &Value::Null)
        );
        // It had its chance.
        let again = scene.paying(&scene.wallet.pays(nonce)).get(&scene.shop.path).await;
        assert!([402, 409].contains(&again.status) && !again.text().contains("precious"), "{}", again.text());
    }
    // The key is free for a payment that is good.
    let answer = ask(3).await;
    assert_eq!((answer.status, answer.header("x-payment-transaction")), (200, Some(TRANSACTION)));
    let sold = scene.shop.api.get("/api/v1/usage/services").await.expect(200);
    assert_eq!((&sold["total_spent_usd"], &sold["delivered_calls"]), (&json!("0.05"), &json!(1)));
}

async fn a_used_payment_is_refused_whoever_sends_it(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let payment = scene.wallet.pays(1);
    assert_eq!(scene.paying(&payment).get(&scene.shop.path).await.status, 200);
    let bob = super::super::proxy::shop::buyer(world, "bob", "0").await;
    let other = super::super::proxy::shop::shop(world, "other", &there.url, &json!({})).await;
    for (api, path) in [
        (bob.api.clone(), scene.shop.path.clone()),
        (scene.ann.api.with("idempotency-key", "other"), scene.shop.path.clone()),
        (scene.ann.api.clone(), format!("{}/other", scene.shop.path)),
        (scene.ann.api.clone(), other.path.clone()),
    ] {
        let answer = api.with("payment-signature", &payment).get(&path).await;
        assert_eq!(answer.expect_problem(409)["type"], "payment-used", "{path}");
        assert_eq!(answer.header("payment-required"), None);
    }
    // Nor is it refused for what has become of it meanwhile: the facilitator is not asked.
    assert_eq!((there.calls(), facilitator.settles(), facilitator.verifies()), (1, 1, 1));
    // The very same request has the very same answer: nobody knows whether it has arrived.
    let again = scene.paying(&payment).get(&scene.shop.path).await;
    assert_eq!((again.status, again.text().as_str(), again.header("idempotent-replayed")), (200, "x", Some("true")));
    assert_eq!((there.calls(), facilitator.settles(), facilitator.verifies()), (1, 1, 1));
    // That survives the server, of course.
    restart(world, &flags(&facilitator)).await;
    let again = scene.at(&world.server).with("payment-signature", &payment).post(&scene.shop.path, &json!({})).await;
    assert_eq!(again.expect_problem(409)["type"], "payment-used");
}

async fn what_was_used_elsewhere_is_used(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let used = says(&json!({"isValid": false, "invalidReason": USED}));
    let facilitator = Facilitator::doubting(used, |_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let answer = scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await;
    assert_eq!((&answer.expect_problem(409)["type"], answer.header("payment-required")), (&json!("payment-used"), None));
    assert_eq!((there.calls(), facilitator.settles()), (0, 0));
}

journeys! {
    whatever_is_wrong_with_a_payment_is_named,
    what_cannot_be_read_is_no_payment,
    what_the_facilitator_finds_bad_is_not_called_for,
    an_answer_that_is_not_paid_is_withheld,
    a_used_payment_is_refused_whoever_sends_it,
    what_was_used_elsewhere_is_used,
}
