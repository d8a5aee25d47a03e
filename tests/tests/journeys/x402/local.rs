//! Without a facilitator nothing is settled, which is said, and only for test networks.

use super::{
    super::proxy::upstream::{Upstream, plain},
    shop::{Scene, restart},
    signer::{PAY_TO, read},
};
use crate::harness::{Server, World, journeys, text};

/// A token, which is USDC on another chain than those that are named with it.
const USDC_ELSEWHERE: &str = "--x402-asset=0x036CbD53842c5426634e7929541eC2318f3dCF7e";

async fn without_a_facilitator_nothing_is_settled(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let pay_to = format!("--x402-pay-to={PAY_TO}");
    restart(world, &[pay_to.clone(), "--x402-local-only=true".to_owned()]).await;
    assert!(world.server.log().contains("NOT settled"), "an operator is told");
    let scene = Scene::open(world, &there).await;
    let answer = scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let usage = scene.ann.last_usage().await;
    let name = format!("local:{}", text(&usage["usage_id"]));
    assert_eq!(
        (read(answer.header("payment-response"))["transaction"].as_str(), usage["payment_tx"].as_str()),
        (Some(&*name), Some(&*name))
    );
    assert_eq!(answer.header("x-payment-transaction"), Some(name.as_str()));
    let elsewhere = scene.paying(&scene.wallet.pays(1)).get(&format!("{}/other", scene.shop.path)).await;
    assert_eq!(elsewhere.expect_problem(409)["type"], "payment-used");

    for (flags, why) in [
        (vec![pay_to.as_str()], "name a facilitator"),
        (vec![&pay_to, "--x402-local-only=true", "--x402-network=base"], "for test networks"),
        (vec![&pay_to, "--x402-local-only=true", "--x402-network=eip155:99"], "for test networks"),
        (vec![&pay_to, "--x402-local-only=true", "--x402-facilitator=http://127.0.0.1:1"], "there is a facilitator"),
        (vec![&pay_to, "--x402-facilitator=http://127.0.0.1:1", "--x402-network=eip155:99"], "name the asset"),
        (vec![&pay_to, "--x402-local-only=true", "--sandbox=false"], "for a sandbox alone"),
        (vec![&pay_to, "--x402-facilitator=http://127.0.0.1:1", "--sandbox=false"], "name the chain"),
        (vec![&pay_to, "--x402-local-only=true", "--x402-network=base-sepolia", "--sandbox=false"], "for a sandbox alone"),
        (
            vec![&pay_to, "--x402-facilitator=http://127.0.0.1:1", "--x402-network=base-sepolia", "--sandbox=false"],
            "is a test network",
        ),
        (vec![&pay_to, "--x402-facilitator=http://pay.example.com", "--x402-network=base", "--sandbox=false"], "without TLS"),
        (
            vec![
                &pay_to,
                "--x402-facilitator=HTTPS://pay.example.com",
                "--x402-network=eip155:99",
                USDC_ELSEWHERE,
                "--sandbox=false",
            ],
            "not known where USDC is on eip155:99",
        ),
        (
            vec![&pay_to, "--x402-facilitator=https://pay.example.com", "--x402-network=base", USDC_ELSEWHERE, "--sandbox=false"],
            "this is not USDC",
        ),
        (vec!["--x402-pay-to=0x209693bc6afc0C5328bA36FaF03C514EF312287C"], "check sum"),
        (vec!["--x402-pay-to=0x12"], "expected an address"),
        (vec![&pay_to, "--x402-network=solana:x"], "expected a chain"),
    ] {
        let all: Vec<_> = ["--listen=127.0.0.1:0", "--jwt-secret=a secret of the test suite, long enough", "serve"]
            .into_iter()
            .chain(flags.iter().all(|flag| !flag.starts_with("--sandbox")).then_some("--sandbox=true"))
            .chain(flags.iter().copied())
            .collect();
        let log = Server::try_start(&world.place.url, &all).await.err().unwrap_or_else(|| panic!("it started: {all:?}"));
        assert!(log.contains(why), "{why}: {log}");
    }
}

async fn who_takes_no_payments_ignores_them(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let scene = Scene::open(world, &there).await;
    let refused = scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await;
    assert_eq!(
        (refused.header("payment-required"), refused.expect_problem(402)["type"].as_str()),
        (None, Some("insufficient-balance"))
    );
    assert_eq!(scene.paying("%%%").get(&scene.shop.path).await.status, 402);
    scene.ann.fund("0.05").await;
    assert_eq!(scene.paying(&scene.wallet.pays(1)).get(&scene.shop.path).await.status, 200);
    assert!(!there.last().0.to_lowercase().contains("payment"));
}

journeys! {
    without_a_facilitator_nothing_is_settled,
    who_takes_no_payments_ignores_them,
}
