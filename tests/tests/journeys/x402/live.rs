//! Outside of the sandbox, on a chain whose money is worth something.

use serde_json::json;

use super::{
    super::{
        market::support::with_admin,
        proxy::upstream::{Part, Upstream, plain},
    },
    doubts::{let_all_time_pass, let_time_pass, usage_count},
    shop::{Facilitator, SETTLED_MAIN, Scene, TRANSACTION, flags, restart, settled, settled_on},
    signer::{PAY_TO, Wish, header, read, transaction},
};
use crate::harness::{World, eventually, journeys, text};

const USDC: &str = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";

/// A payment of 0.05 USDC on Base, in version 2.
fn pays(scene: &Scene, nonce: u8) -> String {
    let wish = Wish { name: "USD Coin", asset: USDC, chain_id: 8_453, ..Wish::new(nonce) };
    let accepted = json!({"scheme": "exact", "network": SETTLED_MAIN, "asset": USDC, "amount": "50000", "payTo": PAY_TO,
        "maxTimeoutSeconds": 480, "extra": {"name": "USD Coin", "version": "2"}});
    header(&json!({"x402Version": 2, "accepted": accepted, "payload": scene.wallet.sign(&wish)}))
}

async fn real_money_pays_outside_of_the_sandbox(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| if time == 1 { vec![Part::Close] } else { settled_on(SETTLED_MAIN) }).await;
    let scene = Scene::open(world, &there).await;
    let flags = [
        "--sandbox=false".to_owned(),
        format!("--x402-pay-to={PAY_TO}"),
        "--x402-network=base".to_owned(),
        format!("--x402-facilitator={}", facilitator.there.url),
    ];
    restart(world, &flags).await;
    let ann = scene.at(&world.server);
    let asked = ann.get(&scene.shop.path).await;
    asked.expect_problem(402);
    let offer = read(asked.header("payment-required"));
    let accepts = &offer["accepts"][0];
    assert_eq!([&accepts["network"], &accepts["asset"], &accepts["amount"]], [SETTLED_MAIN, USDC, "50000"]);
    // What is worth nothing pays for nothing.
    let play = ann.with("payment-signature", &scene.wallet.pays(1)).get(&scene.shop.path).await;
    assert_eq!(play.expect_problem(402)["error"], "invalid_network");

    let answer = ann.with("payment-signature", &pays(&scene, 1)).get(&scene.shop.path).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "precious"), "{}", answer.text());
    let receipt = read(answer.header("payment-response"));
    assert_eq!((transaction(&receipt).as_str(), text(&receipt["network"]).as_str()), (TRANSACTION, SETTLED_MAIN));

    let doubtful = ann.with("payment-signature", &pays(&scene, 2));
    assert_eq!(doubtful.get(&scene.shop.path).await.expect_problem(503)["type"], "payment-pending");
    let told = eventually("it is settled", async || {
        let_time_pass(world).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        Some(doubtful.get(&scene.shop.path).await).filter(|answer| answer.status == 200)
    })
    .await;
    assert_eq!((told.text().as_str(), facilitator.settles(), there.calls()), ("precious", 3, 2));
    assert_eq!(ann.get("/api/v1/usage/me").await.expect(200)["total_spent_usd"], "0.10");
}

async fn what_was_signed_on_a_test_network_is_not_owed_in_real_money(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| if time == 0 { vec![Part::Close] } else { settled() }).await;
    let play = flags(&facilitator);
    restart(world, &play).await;
    let scene = Scene::open(world, &there).await;
    assert_eq!(scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await.expect_problem(503)["type"], "payment-pending");
    // The same database, in earnest. The facilitator would say that it is settled.
    let url = format!("--x402-facilitator={}", facilitator.there.url);
    let pay_to = format!("--x402-pay-to={PAY_TO}");
    let root = with_admin(world, &["--sandbox=false", &pay_to, "--x402-network=base", &url]).await;
    eventually("it is not asked for", async || {
        let_time_pass(world).await;
        world.server.log().contains("it is money of a test network").then_some(())
    })
    .await;
    let payment = eventually("it is given up", async || {
        let_all_time_pass(world).await;
        let list = root.get("/api/v1/admin/payments").await.expect(200);
        (list["total"] == 1).then(|| list["payments"][0].clone())
    })
    .await;
    let path = format!("/api/v1/admin/payments/{}/resolve", text(&payment["usage_id"]));
    let decision = json!({"outcome": "settled", "transaction": TRANSACTION});
    assert_eq!(root.post(&path, &decision).await.expect_problem(409)["type"], "payment-on-test-network");
    assert_eq!((usage_count(&scene.at(&world.server)).await, facilitator.settles()), (json!(0), 1));
    // Where such money counts it counts.
    let root = with_admin(world, &play.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(root.post(&path, &decision).await.expect(200)["status"], "settled");
    assert_eq!(usage_count(&scene.at(&world.server)).await, 1);
}

journeys! {
    what_was_signed_on_a_test_network_is_not_owed_in_real_money,
    real_money_pays_outside_of_the_sandbox,
}
