//! Many at once: the outcome is as if they had come one after another.

use serde_json::json;

use crate::harness::{Agent, Answer, PASSWORD, Person, World, journeys, statuses, text, together};

async fn twenty_debits_of_100_from_500_let_exactly_five_through(world: &mut World) {
    let ada = world.person("ada").await;
    ada.set_balance(500).await;
    let path = format!("/wallets/{}/debit", ada.wallet);
    let replies = together(20, |_| {
        let (api, path) = (ada.api.clone(), path.clone());
        async move { api.post(&path, &json!({"amount": 100})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 5), (400, 15)].into());
    assert_eq!(ada.balance().await, 0);
    let mut left: Vec<_> =
        replies.iter().filter(|reply| reply.status == 200).map(|reply| reply.json()["balance"].as_i64()).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 100, 200, 300, 400].map(Some), "each success tells the balance after itself");
    assert!(replies.iter().filter(|reply| reply.status == 400).all(|reply| reply.json()["detail"] == "Insufficient balance"));
}

async fn fifty_credits_of_one_add_up_to_fifty(world: &mut World) {
    let ada = world.person("ada").await;
    let before = ada.balance().await;
    let path = format!("/wallets/{}/credit", ada.wallet);
    let replies = together(50, |_| {
        let (api, path) = (ada.api.clone(), path.clone());
        async move { api.post(&path, &json!({"amount": 1})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 50)].into());
    assert_eq!(ada.balance().await, before + 50);
}

async fn pay(from: &Person, to: &Person, amount: i64) -> crate::harness::Reply {
    let body = json!({"from_wallet_id": from.wallet, "to_wallet_id": to.wallet, "amount": amount});
    from.api.post("/wallets/transfer", &body).await
}

async fn opposite_transfers_neither_deadlock_nor_lose_a_credit(world: &mut World) {
    let people = [world.person("ada").await, world.person("bob").await, world.person("cy").await];
    for person in &people {
        person.set_balance(1_000).await;
    }
    let replies = together(60, |n| {
        let (from, to) = (people[n % 3].clone(), people[(n + 1 + n % 2) % 3].clone());
        async move { pay(&from, &to, 7).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 60)].into());
    let mut sum = 0;
    for person in &people {
        sum += person.balance().await;
    }
    assert_eq!(sum, 3_000);
}

async fn ten_confirms_of_one_purchase_bring_its_credits_once(world: &mut World) {
    let ada = world.person("ada").await;
    let before = ada.balance().await;
    let package = json!({"package_id": "pro"});
    let purchase = ada.api.post(&format!("/credits/wallets/{}/purchase", ada.wallet), &package).await.expect(200);
    assert_eq!(purchase["status"], "pending");
    let path = format!("/credits/purchases/{}/confirm", text(&purchase["id"]));
    let replies = together(10, |n| {
        let path = if n == 9 { path.replace("confirm", "cancel") } else { path.clone() };
        let api = ada.api.clone();
        async move { api.post(&path, &json!({})).await }
    })
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1, "{:?}", statuses(&replies));
    assert!(replies.iter().all(|reply| [200, 400, 409].contains(&reply.status)), "{:?}", statuses(&replies));
    let confirmed = replies[..9].iter().any(|reply| reply.status == 200);
    assert_eq!(ada.balance().await, before + if confirmed { 1_200 } else { 0 });
    let history = ada.api.get(&format!("/wallets/{}/transactions", ada.wallet)).await.expect(200);
    let purchases = history.as_array().unwrap().iter().filter(|entry| entry["tx_type"] == "purchase").count();
    assert_eq!(purchases, usize::from(confirmed));
}

async fn five_invokes_at_300_with_500_serve_and_charge_exactly_one(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(std::time::Duration::from_millis(300))).await;
    let agent = bob.register_agent("Oracle", &endpoint, Some(300)).await;
    ada.set_balance(500).await;
    let replies = together(5, |_| {
        let (ada, agent) = (ada.clone(), agent.clone());
        async move { ada.invoke(&agent, json!({"text": "hello"})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 1), (402, 4)].into());
    assert_eq!(endpoint.calls(), 1, "who cannot pay does not reach the agent");
    assert_eq!(ada.balance().await, 200);
    for reply in &replies {
        let body = reply.json();
        if reply.status == 200 {
            assert_eq!((&body["success"], &body["credits_charged"]), (&json!(true), &json!(300)));
        } else {
            assert_eq!((&body["success"], &body["status_code"]), (&json!(false), &json!(402)), "{body}");
            assert_eq!(body["detail"], "Insufficient credits");
            assert!(body["credits_charged"].is_null() && body["error"].is_string() && body["data"].is_null());
        }
    }
    let earned = bob.api.get(&format!("/wallets/agent/{}", text(&agent["id"]))).await.expect(200);
    assert_eq!(earned["balance"], 300);
}

async fn ten_requests_with_one_idempotency_key_have_one_effect_and_one_answer(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let requests = [
        ("/wallets/transfer".to_owned(), json!({"from_wallet_id": ada.wallet, "to_wallet_id": bob.wallet, "amount": 10})),
        (format!("/wallets/{}/debit", ada.wallet), json!({"amount": 5})),
        (format!("/wallets/{}/credit", ada.wallet), json!({"amount": 3})),
        (format!("/credits/wallets/{}/purchase", ada.wallet), json!({"package_id": "starter"})),
        ("/registry/agents".to_owned(), json!({"name": "Once", "description": "Once only", "endpoint": endpoint.url})),
        ("/auth/api-keys".to_owned(), json!({"name": "once"})),
    ];
    for (number, (path, body)) in requests.iter().enumerate() {
        let key = format!("key {number}");
        let replies = together(10, |_| {
            let (api, path, body) = (ada.api.with("idempotency-key", &key), path.clone(), body.clone());
            async move { api.post(&path, &body).await }
        })
        .await;
        let first = &replies[0];
        assert!(first.status < 300, "{path}: {}", first.text());
        assert!(replies.iter().all(|reply| (reply.status, &reply.body) == (first.status, &first.body)), "{path}: {replies:#?}");
        let mut other = body.clone();
        other["ignored"] = json!("but it makes another request of it");
        let reused = ada.api.with("idempotency-key", &key).post(path, &other).await;
        assert_eq!(reused.expect_problem(422)["type"], "idempotency-key-reused");
        let others_key = bob.api.with("idempotency-key", &key).post(path, body).await;
        assert_ne!(others_key.body, first.body, "{path}: a key belongs to its caller");
    }
    assert_eq!(ada.balance().await, 500 - 10 - 5 + 3);
    let agents = ada.api.get("/registry/my-agents").await.expect(200);
    assert_eq!(agents.as_array().unwrap().len(), 1);
    assert_eq!(ada.api.get("/auth/api-keys").await.expect(200).as_array().unwrap().len(), 1);
}

async fn a_repeated_invoke_with_one_idempotency_key_calls_and_charges_once(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(std::time::Duration::from_millis(200))).await;
    let agent = bob.register_agent("Oracle", &endpoint, Some(30)).await;
    let ada_once = Person { api: ada.api.with("idempotency-key", "the same"), ..ada.clone() };
    let at_once = together(10, |_| {
        let (ada, agent) = (ada_once.clone(), agent.clone());
        async move { ada.invoke(&agent, json!({"text": "hello"})).await }
    })
    .await;
    assert!(at_once.iter().all(|reply| [200, 409].contains(&reply.status)), "{:?}", statuses(&at_once));
    let repeated = ada_once.invoke(&agent, json!({"text": "hello"})).await;
    repeated.expect(200);
    for reply in at_once.iter().filter(|reply| reply.status == 200) {
        assert_eq!(reply.body, repeated.body);
    }
    assert_eq!((endpoint.calls(), ada.balance().await), (1, 470));
    ada_once.invoke(&agent, json!({"text": "other"})).await.expect_problem(422);
}

async fn ten_registrations_of_one_address_make_one_account(world: &mut World) {
    let stranger = world.stranger();
    let replies = together(10, |n| {
        let email = if n % 2 == 0 { "ada@example.com" } else { "Ada@Example.COM" };
        let (api, body) = (stranger.clone(), json!({"email": email, "password": PASSWORD}));
        async move { api.post("/auth/register", &body).await }
    })
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1, "{:?}", statuses(&replies));
    assert!(replies.iter().all(|reply| [201, 400, 409].contains(&reply.status)), "{:?}", statuses(&replies));
    let ada = crate::harness::signed_in(&stranger, "ADA@example.com").await;
    assert_eq!(ada.get("/wallets/me").await.expect(200)["balance"], 500, "one account, one welcome");
}

async fn concurrent_sweeps_of_agent_wallets_move_each_credit_once(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    for name in ["One", "Two", "Three"] {
        let agent = bob.register_agent(name, &endpoint, Some(40)).await;
        ada.invoke(&agent, json!({"text": "hello"})).await.expect(200);
    }
    let replies = together(6, |_| {
        let api = bob.api.clone();
        async move { api.post("/wallets/me/consolidate", &json!({})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 6)].into());
    let swept: i64 = replies.iter().map(|reply| reply.json()["total_swept"].as_i64().unwrap()).sum();
    assert_eq!((swept, bob.balance().await), (120, 620));
}

journeys! {
    twenty_debits_of_100_from_500_let_exactly_five_through,
    fifty_credits_of_one_add_up_to_fifty,
    opposite_transfers_neither_deadlock_nor_lose_a_credit,
    ten_confirms_of_one_purchase_bring_its_credits_once,
    five_invokes_at_300_with_500_serve_and_charge_exactly_one,
    ten_requests_with_one_idempotency_key_have_one_effect_and_one_answer,
    a_repeated_invoke_with_one_idempotency_key_calls_and_charges_once,
    ten_registrations_of_one_address_make_one_account,
    concurrent_sweeps_of_agent_wallets_move_each_credit_once,
}
