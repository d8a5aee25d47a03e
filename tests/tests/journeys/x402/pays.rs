//! A call is paid with the call itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{
        market::support::with_admin,
        proxy::upstream::{Part, Upstream, plain},
    },
    shop::{Facilitator, Scene, TRANSACTION, flags, restart, settled},
    signer::{PAY_TO, USDC, Wish, accepted, header, new, old, read, transaction},
};
use crate::harness::{World, journeys, text};

/// A provider that would like to speak in our name.
async fn provider() -> Upstream {
    Upstream::answering(plain(200, "payment-response: e30=\r\nx-payment-transaction: forged\r\n", b"fine")).await
}

async fn who_cannot_pay_is_told_how_to_in_both_versions(world: &mut World) {
    let (there, facilitator) = (provider().await, Facilitator::start(|_| settled()).await);
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let answer = scene.ann.api.get(&format!("{}/echo?a=1", scene.shop.path)).await;
    let old = answer.expect_problem(402);
    let resource = format!("{}{}/echo", world.server.base(), scene.shop.path);

    let offer = read(answer.header("payment-required"));
    assert_eq!((&offer["x402Version"], offer["error"].is_string()), (&json!(2), true), "{offer}");
    assert_eq!(offer["resource"], json!({"url": resource, "description": "It echoes."}));
    assert_eq!(offer["accepts"], json!([accepted()]));
    // The buyer of the first reference's SDK looks here.
    assert_eq!(
        [&offer["scheme"], &offer["network"], &offer["maxAmountRequired"], &offer["payTo"]],
        ["exact", "eip155:84532", "50000", PAY_TO]
    );

    assert_eq!((&old["type"], &old["x402Version"]), (&json!("insufficient-balance"), &json!(1)));
    let accepts = json!([{
        "scheme": "exact", "network": "base-sepolia", "maxAmountRequired": "50000", "resource": resource, "description": "It echoes.",
        "mimeType": "", "payTo": PAY_TO, "maxTimeoutSeconds": 480, "asset": USDC, "extra": {"name": "USDC", "version": "2"},
    }]);
    assert_eq!(old["accepts"], accepts);
    assert_eq!(old["how_to_fund"], "POST /api/v1/deposits", "a balance does as well");
    assert_eq!(there.calls(), 0);
    // Without a key there is nobody to count, to limit and to answer again.
    world.stranger().with("payment-signature", &scene.wallet.pays(1)).get(&scene.shop.path).await.expect_problem(401);
}

async fn a_call_is_paid_with_the_call_itself(world: &mut World) {
    let (there, facilitator) = (provider().await, Facilitator::start(|_| settled()).await);
    let flags = flags(&facilitator);
    let root = with_admin(world, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let scene = Scene::open(world, &there).await;
    let payment = new(&scene.wallet.sign(&Wish::new(1)));
    let answer = scene.paying(&header(&payment)).post(&scene.shop.path, &json!({"a": 1})).await;
    assert_eq!((answer.status, answer.text().as_str(), answer.header("x-acf-amount")), (200, "fine", Some("0.05")));
    let receipt = read(answer.header("payment-response"));
    assert_eq!(transaction(&receipt), TRANSACTION);
    assert_eq!(text(&receipt["payer"]).to_lowercase(), scene.wallet.address);
    assert_eq!(receipt["network"], "eip155:84532");
    assert_eq!((answer.header("x-payment-transaction"), answer.header("x-payment-response")), (Some(TRANSACTION), None));
    assert_eq!(
        answer.headers.get_all("payment-response").iter().count(),
        1,
        "what the provider says of payments is not passed on"
    );
    assert!(!there.last().0.to_lowercase().contains("payment"), "{}", there.last().0);

    let (head, asked) = facilitator.there.last();
    assert!(
        head.contains("/base/settle") && head.to_lowercase().contains("authorization: bearer a token of the test suite"),
        "{head}"
    );
    let asked: Value = serde_json::from_slice(&asked).unwrap();
    assert_eq!((&asked["x402Version"], &asked["paymentRequirements"]), (&json!(2), &accepted()));
    assert_eq!(asked["paymentPayload"]["accepted"], accepted());
    assert_eq!(asked["paymentPayload"]["payload"]["signature"], payment["payload"]["signature"]);

    let usage = scene.ann.last_usage().await;
    assert_eq!((&usage["payment_method"], &usage["payment_tx"]), (&json!("x402"), &json!(TRANSACTION)));
    assert_eq!((&usage["amount"], &usage["delivered"]), (&json!("0.05"), &json!(true)));
    // The balance has nothing to do with it.
    let balance = scene.ann.api.get("/api/v1/balance/ann").await.expect(200);
    assert_eq!([&balance["balance"], &balance["held"], &balance["total_spent"]], ["0.00"; 3], "{balance}");

    let period = json!({"provider_id": "shop", "period_start": "2020-01-01", "period_end": "2099-01-01"});
    let settlement = root.post("/api/v1/settlements", &period).await.expect(201);
    assert_eq!((&settlement["total_amount"], &settlement["call_count"]), (&json!("0.05"), &json!(1)));
    let paid = root.patch(&format!("/api/v1/settlements/{}/pay", text(&settlement["id"])), &json!({"payment_tx": "0x1"})).await;
    assert_eq!(paid.expect(200)["status"], "completed", "the money is there to be paid out");
}

async fn version_one_pays_as_well(world: &mut World) {
    let (there, facilitator) = (provider().await, Facilitator::start(|_| settled()).await);
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let payment = header(&old(&scene.wallet.sign(&Wish::new(1))));
    let answer = scene.ann.api.with("x-payment", &payment).get(&scene.shop.path).await;
    assert_eq!((answer.status, answer.header("payment-response")), (200, None), "{}", answer.text());
    let receipt = read(answer.header("x-payment-response"));
    assert_eq!((transaction(&receipt).as_str(), &receipt["network"]), (TRANSACTION, &json!("base-sepolia")));
    let asked: Value = serde_json::from_slice(&facilitator.there.last().1).unwrap();
    assert_eq!((&asked["x402Version"], &asked["paymentPayload"]["network"]), (&json!(1), &json!("base-sepolia")));
    assert_eq!(asked["paymentRequirements"]["maxAmountRequired"], "50000");
}

async fn a_payment_is_used_only_where_it_is_asked_for(world: &mut World) {
    let (there, facilitator) = (provider().await, Facilitator::start(|_| settled()).await);
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let paying = scene.paying(&scene.wallet.pays(1));
    // A call of the free tier.
    let free = super::super::proxy::shop::shop(world, "kind", &there.url, &json!({"free_tier_calls": 1})).await;
    let answer = paying.get(&free.path).await;
    assert_eq!((answer.status, answer.header("x-acf-free-tier"), answer.header("payment-response")), (200, Some("true"), None));
    // A service that is paid otherwise.
    let other = super::super::proxy::shop::shop(world, "other", &there.url, &json!({"payment_method": "paypal"})).await;
    let refused = paying.get(&other.path).await;
    assert_eq!((refused.status, refused.header("payment-required")), (402, None));
    scene.ann.fund("0.10").await;
    assert_eq!(paying.get(&other.path).await.header("x-acf-amount"), Some("0.05"));
    let usage = scene.ann.last_usage().await;
    assert_eq!(usage["payment_tx"], format!("balance:{}", text(&usage["usage_id"])));
    assert_eq!((facilitator.settles(), scene.ann.balance().await.0.as_str()), (0, "0.05"));
    // It was used for none of them.
    assert_eq!(paying.get(&scene.shop.path).await.header("x-payment-transaction"), Some(TRANSACTION));
    assert_eq!((facilitator.settles(), scene.ann.balance().await.0.as_str()), (1, "0.05"));
    // Who brings none pays from the balance.
    assert_eq!(scene.ann.api.get(&scene.shop.path).await.status, 200);
    assert_eq!((facilitator.settles(), scene.ann.balance().await.0.as_str()), (1, "0.00"));
}

async fn what_is_not_delivered_leaves_the_payment_to_its_buyer(world: &mut World) {
    let there = Upstream::start(|head, _| plain(if head.contains("/bad") { 500 } else { 200 }, "", b"x")).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let paying = scene.paying(&scene.wallet.pays(1));
    for _ in 0..2 {
        let answer = paying.get(&format!("{}/bad", scene.shop.path)).await;
        assert_eq!((answer.status, answer.header("x-acf-amount"), answer.header("payment-response")), (500, Some("0.00"), None));
    }
    assert_eq!(facilitator.settles(), 0);
    assert_eq!(scene.ann.last_usage().await["payment_tx"], Value::Null);
    assert_eq!(paying.get(&scene.shop.path).await.status, 200);
    assert_eq!((facilitator.settles(), there.calls()), (1, 3));
}

async fn a_repeat_with_a_key_has_the_answer_and_the_receipt(world: &mut World) {
    let (there, facilitator) = (provider().await, Facilitator::start(|_| settled()).await);
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let ask = async |nonce: u8| {
        scene.paying(&scene.wallet.pays(nonce)).with("idempotency-key", "k").post(&scene.shop.path, &json!({"a": 1})).await
    };
    let first = ask(1).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, None), "{}", first.text());
    // The client did not hear it, and signs anew: that is not needed, and not used.
    for nonce in [1, 2] {
        let again = ask(nonce).await;
        assert_eq!((again.status, again.text().as_str(), again.header("idempotent-replayed")), (200, "fine", Some("true")));
        assert_eq!(again.header("payment-response"), first.header("payment-response"));
    }
    assert_eq!((there.calls(), facilitator.settles()), (1, 1));
    assert_eq!(scene.paying(&scene.wallet.pays(2)).get(&scene.shop.path).await.status, 200);
}

async fn nothing_of_an_answer_is_handed_over_before_it_is_paid(world: &mut World) {
    let there = Upstream::start(|head, _| match head.split(' ').nth(1).unwrap_or_default() {
        path if path.contains("/live") => {
            let head = b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n10\r\ndata: precious\n\n\r\n";
            vec![
                Part::Bytes(head.to_vec()),
                Part::Wait(Duration::from_millis(300)),
                Part::Bytes(b"c\r\ndata: last\n\n\r\n0\r\n\r\n".to_vec()),
            ]
        }
        path if path.contains("/large") => plain(200, "", &vec![b'x'; 300_000]),
        _ => plain(200, "", &vec![b'x'; 100_000]),
    })
    .await;
    let facilitator =
        Facilitator::start(|time| if time < 3 { settled() } else { super::shop::refused("insufficient_funds") }).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let ask =
        async |nonce: u8, path: &str| scene.paying(&scene.wallet.pays(nonce)).get(&format!("{}/{path}", scene.shop.path)).await;
    // The events of a live one are not read here.
    for (nonce, path, length) in [(0, "medium", 100_000), (1, "large", 300_000), (2, "live", 0)] {
        let whole = ask(nonce, path).await;
        assert_eq!((whole.status, whole.body.len()), (200, length), "{path}");
        // Each has its receipt, even one that is streamed.
        assert_eq!(whole.header("x-payment-transaction"), Some(TRANSACTION), "{path}");
        assert_eq!(scene.ann.last_usage().await["payment_tx"], TRANSACTION, "{path}");
    }
    for (nonce, path) in [(3, "medium"), (4, "large"), (5, "live")] {
        let answer = ask(nonce, path).await;
        assert_eq!(answer.expect_problem(402)["type"], "payment-failed", "{path}");
        assert!(!answer.text().contains("precious") && !answer.text().contains("xxx"), "{path}");
        let usage = scene.ann.last_usage().await;
        assert_eq!((&usage["reason"], &usage["amount"]), (&json!("payment_failed"), &json!("0.00")), "{path}");
    }
}

journeys! {
    who_cannot_pay_is_told_how_to_in_both_versions,
    a_call_is_paid_with_the_call_itself,
    version_one_pays_as_well,
    a_payment_is_used_only_where_it_is_asked_for,
    what_is_not_delivered_leaves_the_payment_to_its_buyer,
    a_repeat_with_a_key_has_the_answer_and_the_receipt,
    nothing_of_an_answer_is_handed_over_before_it_is_paid,
}
