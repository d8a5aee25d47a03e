//! Wallets, purchases, and who may do what with them.

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Agent, Answer, Api, PASSWORD, World, eventually, journeys, signed_in, text};

async fn a_transfer_answers_both_shapes_and_both_histories_tell_it(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let body = json!({"from_wallet_id": ada.wallet, "to_wallet_id": bob.wallet, "amount": 120, "description": "for the map"});
    let answer = ada.api.post("/wallets/transfer", &body).await.expect(200);
    assert_eq!(
        (&answer["from_wallet_id"], &answer["to_wallet_id"], &answer["amount"]),
        (&json!(ada.wallet), &json!(bob.wallet), &json!(120))
    );
    assert_eq!((&answer["from_wallet"]["balance"], &answer["to_wallet"]["id"]), (&json!(380), &json!(bob.wallet)));
    assert_eq!(answer["to_wallet"]["balance"], json!(null), "what others have is theirs to know");
    for (person, amount, kind) in [(&ada, -120, "transfer_out"), (&bob, 120, "transfer_in")] {
        let history = person.api.get(&format!("/wallets/{}/transactions", person.wallet)).await.expect(200);
        let entry = &history[0];
        assert_eq!((&entry["amount"], &entry["tx_type"]), (&json!(amount), &json!(kind)));
        assert_eq!((&entry["reference_id"], &entry["description"]), (&answer["reference_id"], &json!("for the map")));
        assert_eq!(history.as_array().unwrap().last().unwrap()["tx_type"], "welcome_grant");
    }
    let too_much = json!({"from_wallet_id": ada.wallet, "to_wallet_id": bob.wallet, "amount": 381});
    assert_eq!(ada.api.post("/wallets/transfer", &too_much).await.expect_problem(400)["detail"], "Insufficient balance");
    let nobody = "0198c0de-0000-7000-8000-000000000001";
    for (from, to) in [(ada.wallet.as_str(), nobody), (nobody, ada.wallet.as_str())] {
        let body = json!({"from_wallet_id": from, "to_wallet_id": to, "amount": 1});
        ada.api.post("/wallets/transfer", &body).await.expect_problem(404);
    }
    assert_eq!((ada.balance().await, bob.balance().await), (380, 620));
}

async fn a_wallet_is_its_owners_to_read_and_to_spend(world: &mut World) {
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    for path in ["", "/summary", "/transactions"] {
        eve.api.get(&format!("/wallets/{}{path}", ada.wallet)).await.expect_problem(403);
        world.stranger().get(&format!("/wallets/{}{path}", ada.wallet)).await.expect_problem(401);
    }
    for verb in ["debit", "credit", "grant"] {
        eve.api.post(&format!("/wallets/{}/{verb}", ada.wallet), &json!({"amount": 1})).await.expect_problem(403);
    }
    let theft = json!({"from_wallet_id": ada.wallet, "to_wallet_id": eve.wallet, "amount": 1});
    eve.api.post("/wallets/transfer", &theft).await.expect_problem(403);
    let purchase = eve.api.post(&format!("/credits/wallets/{}/purchase", ada.wallet), &json!({"package_id": "pro"})).await;
    purchase.expect_problem(403);
    eve.api.get("/wallets").await.expect_problem(403);
    assert_eq!(ada.balance().await, 500);
}

async fn a_summary_puts_every_credit_into_the_right_bucket(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = bob.register_agent("Agent", &endpoint, Some(30)).await;
    let grant = json!({"amount": 50, "grant_type": "grant_reward"});
    ada.api.post(&format!("/wallets/{}/grant", ada.wallet), &grant).await.expect(200);
    ada.invoke(&agent, json!({})).await.expect(200);
    let bought =
        ada.api.post(&format!("/credits/wallets/{}/purchase", ada.wallet), &json!({"package_id": "starter"})).await.expect(200);
    let paid = ada.api.post(&format!("/credits/purchases/{}/confirm", text(&bought["id"])), &json!({})).await.expect(200);
    assert_eq!(paid["status"], "completed");
    let summary = ada.api.get(&format!("/wallets/{}/summary", ada.wallet)).await.expect(200);
    let told: Vec<_> = ["balance", "total_granted", "total_purchased", "total_earned", "total_spent", "transaction_count"]
        .map(|key| summary[key].as_i64())
        .to_vec();
    assert_eq!(told, [1_020, 550, 500, 0, 30, 4].map(Some), "{summary}");
    let earned = bob.api.get("/wallets/me/overview").await.expect(200);
    assert_eq!((&earned["total_agent_balance"], &earned["agent_wallets"][0]["agent_name"]), (&json!(30), &json!("Agent")));
    assert_eq!(bob.api.get("/wallets/me/agents").await.expect(200)[0]["balance"], 30);
    let agent_wallet = text(&earned["agent_wallets"][0]["wallet_id"]);
    assert_eq!(bob.api.get(&format!("/wallets/{agent_wallet}/summary")).await.expect(200)["total_earned"], 30);
}

async fn a_purchase_is_pending_until_it_is_confirmed_or_cancelled_once(world: &mut World) {
    let ada = world.person("ada").await;
    let packages = world.stranger().get("/credits/packages").await.expect(200);
    let ids: Vec<_> = packages.as_array().unwrap().iter().map(|package| text(&package["id"])).collect();
    assert_eq!(ids, ["starter", "pro", "enterprise"]);
    let buy = format!("/credits/wallets/{}/purchase", ada.wallet);
    ada.api.post(&buy, &json!({"package_id": "moon"})).await.expect_problem(400);
    let cancelled = ada.api.post(&buy, &json!({"package_id": "pro"})).await.expect(200);
    let path = format!("/credits/purchases/{}", text(&cancelled["id"]));
    assert_eq!(ada.api.post(&format!("{path}/cancel"), &json!({})).await.expect(200)["status"], "failed");
    for verb in ["cancel", "confirm"] {
        let again = ada.api.post(&format!("{path}/{verb}"), &json!({})).await;
        assert!([400, 409].contains(&again.status), "{verb}: {}", again.text());
    }
    assert_eq!(ada.balance().await, 500);
}

async fn without_the_sandbox_nobody_makes_credits_for_themselves(world: &mut World) {
    world.restart_with(&["--sandbox=false"]).await;
    let ada = world.person("ada").await;
    for verb in ["credit", "grant"] {
        ada.api.post(&format!("/wallets/{}/{verb}", ada.wallet), &json!({"amount": 1})).await.expect_problem(403);
    }
    let buy = format!("/credits/wallets/{}/purchase", ada.wallet);
    let purchase = ada.api.post(&buy, &json!({"package_id": "pro"})).await;
    if purchase.status == 200 {
        let confirm = format!("/credits/purchases/{}/confirm", text(&purchase.json()["id"]));
        ada.api.post(&confirm, &json!({})).await.expect_problem(403);
    }
    ada.api.post(&format!("/wallets/{}/debit", ada.wallet), &json!({"amount": 1})).await.expect(200);
    assert_eq!(ada.balance().await, 499);
}

/// The header with which Stripe signs a body at a time.
fn signature(secret: &str, at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

async fn webhook(api: &Api, signature: &str, body: &str) -> u16 {
    let api = api.with("stripe-signature", signature).with("content-type", "application/json");
    api.send(Method::POST, "/credits/webhooks/stripe", body.to_owned().into()).await.status
}

async fn a_purchase_at_stripe_is_believed_only_with_a_signature_and_once(world: &mut World) {
    let stripe =
        Agent::start(Answer::Json(200, json!({"id": "cs_test_1", "url": "https://checkout.example.com/cs_test_1"}))).await;
    let base = stripe.url.trim_end_matches("/invoke").to_owned();
    world
        .restart_with(&[
            "--sandbox=false",
            "--stripe-secret-key=sk_test_of_the_suite",
            "--stripe-webhook-secret=whsec_of_the_suite",
            &format!("--stripe-api-base={base}"),
        ])
        .await;
    let ada = world.person("ada").await;
    let purchase =
        ada.api.post(&format!("/credits/wallets/{}/purchase", ada.wallet), &json!({"package_id": "pro"})).await.expect(200);
    assert_eq!((&purchase["status"], &purchase["provider_reference"]), (&json!("pending"), &json!("cs_test_1")));
    let request = stripe.last_request();
    assert!(request.contains("POST /v1/checkout/sessions") && request.contains("sk_test_of_the_suite"), "{request}");
    assert!(request.contains("1000"), "the price in cents: {request}");
    let confirm = format!("/credits/purchases/{}/confirm", text(&purchase["id"]));
    ada.api.post(&confirm, &json!({})).await.expect_problem(403);

    let now = rialto_kernel::Clock::system().now().seconds();
    let session: Value = json!({
        "id": "cs_test_1", "object": "checkout.session", "payment_status": "paid", "client_reference_id": purchase["id"],
        "amount_total": 1_000, "currency": "usd", "metadata": {"purchase_id": purchase["id"]},
    });
    let event =
        json!({"id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": {"object": session}}).to_string();
    let api = world.stranger();
    for bad in [
        String::new(),
        "t=1,v1=00".to_owned(),
        signature("another secret", now, &event),
        signature("whsec_of_the_suite", now - 3_600, &event),
        signature("whsec_of_the_suite", now, "another body"),
    ] {
        assert!((400..500).contains(&webhook(&api, &bad, &event).await), "{bad}");
    }
    assert_eq!(ada.balance().await, 500);
    for _ in 0..3 {
        assert_eq!(webhook(&api, &signature("whsec_of_the_suite", now, &event), &event).await, 200, "a repeat is no error");
    }
    assert_eq!(ada.balance().await, 1_700);
}

async fn a_welcome_and_packages_are_settings(world: &mut World) {
    let packages = r#"[{"id": "tiny", "credits": 3, "price_cents": 1, "label": "a cent"}]"#;
    world.restart_with(&["--welcome-credits=7", &format!("--credit-packages={packages}")]).await;
    assert_eq!(world.person("ada").await.balance().await, 7);
    let listed = world.stranger().get("/credits/packages").await.expect(200);
    assert_eq!(listed, serde_json::from_str::<Value>(packages).unwrap());
    world.restart_with(&["--welcome-credits=0", "--admin-email=root@example.com", &format!("--admin-password={PASSWORD}")]).await;
    assert_eq!(world.person("bob").await.balance().await, 0);
    let root = signed_in(&world.stranger(), "root@example.com").await;
    let listed = eventually("the administrator sees all wallets", async || {
        let wallets = root.get("/wallets?limit=2").await.expect(200);
        (wallets.as_array().unwrap().len() == 2).then_some(wallets)
    })
    .await;
    assert!(listed[0]["balance"].as_i64() >= listed[1]["balance"].as_i64(), "the richest first");
}

journeys! {
    a_transfer_answers_both_shapes_and_both_histories_tell_it,
    a_wallet_is_its_owners_to_read_and_to_spend,
    a_summary_puts_every_credit_into_the_right_bucket,
    a_purchase_is_pending_until_it_is_confirmed_or_cancelled_once,
    without_the_sandbox_nobody_makes_credits_for_themselves,
    a_purchase_at_stripe_is_believed_only_with_a_signature_and_once,
    a_welcome_and_packages_are_settings,
}
