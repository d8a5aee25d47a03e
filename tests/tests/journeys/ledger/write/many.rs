//! Many transfers: in one request, and at the same time.

use http::Method;
use serde_json::{Value, json};

use super::{available, id, item};
use crate::harness::{Reply, World, journeys, statuses, text, together};

async fn each_of_a_batch_stands_alone_and_a_group_stands_together(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (twice, theft, poor) = (item(&ada, &bob, 10), item(&bob, &ada, 1), item(&ada, &bob, 9_999));
    let mut other = twice.clone();
    other["amount"] = json!(11);
    let own = item(&ada, &ada, 3);
    let body = json!({
        "transfers": [twice, theft, twice, other, poor, own],
        "groups": [[item(&ada, &bob, 20), item(&ada, &bob, 30)], [item(&ada, &bob, 40), poor], [item(&ada, &bob, 1), theft]],
    });
    let check = |answer: &Value, first: u16| {
        let told: Vec<_> = answer["results"].as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
        assert_eq!(told, [u64::from(first), 403, 200, 409, 402, u64::from(first)], "{answer}");
        let groups: Vec<_> = answer["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["status"].as_u64().unwrap(), one["refused"].clone()))
            .collect();
        assert_eq!(groups, [(u64::from(first), Value::Null), (402, json!(1)), (403, json!(1))], "{answer}");
    };
    let answer = ada.api.post("/ledger/transfers", &body).await.expect(200);
    check(&answer, 201);
    assert_eq!(answer["results"][3]["problem"]["type"], "id-mismatch");
    assert_eq!((&answer["results"][0]["id"], &answer["results"][2]["result"]["existed"]), (&twice["id"], &json!(true)));
    assert_eq!(answer["results"][0]["result"]["credit_account"], Value::Null);
    assert_eq!(answer["groups"][0]["results"][1]["debit_account"]["posted"], 440);
    assert_eq!(answer["groups"][1]["results"], Value::Null);
    assert_eq!((ada.balance().await, bob.balance().await), (440, 560));
    // Sent again, nothing moves; also as a bare list. Its ids are the only keys that it takes.
    check(&ada.api.post("/ledger/transfers", &body).await.expect(200), 200);
    let keyed = ada.api.with("idempotency-key", "a batch");
    for batch in [&body, &json!([item(&ada, &bob, 5)]), &json!({"groups": [[item(&ada, &bob, 5)]]})] {
        let refused = keyed.post("/ledger/transfers", batch).await.expect_problem(400);
        assert_eq!(refused["type"], "idempotency-key-not-for-batches");
    }
    keyed.post("/ledger/transfers", &item(&ada, &ada, 1)).await.expect(201);
    let list = ada.api.post("/ledger/transfers", &json!([twice, item(&ada, &bob, 5)])).await.expect(200);
    assert_eq!(
        (&list["results"][0]["status"], &list["results"][1]["status"], &list["groups"]),
        (&json!(200), &json!(201), &json!([]))
    );
    assert_eq!((ada.balance().await, bob.balance().await), (435, 565));
}

async fn eight_thousand_at_once_are_fine_and_one_more_is_not(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    ada.set_balance(7_990).await;
    let before = bob.balance().await;
    let memo = "m".repeat(200);
    let mut all: Vec<Value> = (0..8_000)
        .map(|_| {
            let mut one = item(&ada, &bob, 1);
            one["memo"] = json!(memo);
            one
        })
        .collect();
    let answer = ada.api.post("/ledger/transfers", &json!({"transfers": all})).await.expect(200);
    let count = |status| answer["results"].as_array().unwrap().iter().filter(|one| one["status"] == status).count();
    assert_eq!((count(201), count(402)), (7_990, 10));
    assert_eq!((ada.balance().await, bob.balance().await), (0, before + 7_990));
    all.push(item(&ada, &bob, 1));
    ada.api.post("/ledger/transfers", &json!(all)).await.expect_problem(422);
    ada.api
        .post("/ledger/transfers", &json!({"groups": [all[..4_000].to_vec(), all[4_000..].to_vec()]}))
        .await
        .expect_problem(422);
    // The limit is higher here alone.
    all.pop();
    ada.api.post("/ledger/holds", &json!(all)).await.expect_problem(413);
    let huge = "x".repeat(17 << 20);
    ada.api
        .with("content-type", "application/json")
        .send(Method::POST, "/ledger/transfers", huge.into())
        .await
        .expect_problem(413);
}

async fn what_is_malformed_is_named_and_nothing_is_done(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let with = |field: &str, value: Value| {
        let mut body = item(&ada, &bob, 1);
        body[field] = value;
        body
    };
    let many_words: Value = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    let wrong = [
        ("id", json!("1")),
        ("debit_account_id", json!(7)),
        ("credit_account_id", Value::Null),
        ("amount", json!(0)),
        ("amount", json!(-1)),
        ("amount", json!("1")),
        ("amount", json!(1.5)),
        ("amount", json!(9_007_199_254_740_992_i64)),
        ("amount", json!(u64::MAX)),
        ("balancing", json!("both")),
        ("kind", json!(9)),
        ("kind", json!(-1)),
        ("kind", json!(4_000_000_000_u64)),
        ("reference_id", json!("x")),
        ("memo", json!("x".repeat(1_001))),
        ("memo", json!(["x"])),
        ("metadata", json!({"": "x"})),
        ("metadata", json!({"k": 1})),
        ("metadata", json!({"k": {"nested": true}})),
        ("metadata", json!({"k": "v".repeat(501)})),
        ("metadata", json!({"k".repeat(41): "v"})),
        ("metadata", many_words),
        ("effective_at", json!("yesterday")),
        ("effective_at", json!("+200000-01-01T00:00:00")),
        ("effective_at", json!("-5000-01-01T00:00:00")),
    ];
    for (field, value) in wrong {
        let alone = ada.api.post("/ledger/transfers", &with(field, value.clone())).await.expect_problem(422);
        let told = text(&alone["errors"][0]["field"]);
        assert!(told.starts_with(&format!("body.{field}")), "{field} {value}: {alone}");
        let among = json!({"transfers": [item(&ada, &bob, 1), with(field, value.clone())]});
        let among = ada.api.post("/ledger/transfers", &among).await.expect_problem(422);
        assert!(
            text(&among["errors"][0]["field"]).starts_with(&format!("body.transfers[1].{field}")),
            "{field} {value}: {among}"
        );
        if !["balancing", "effective_at"].contains(&field) {
            ada.api.post("/ledger/holds", &with(field, value)).await.expect_problem(422);
        }
    }
    for body in [
        json!([]),
        json!({}),
        json!({"transfers": []}),
        json!({"groups": [[]]}),
        json!(7),
        json!("x"),
        json!([[item(&ada, &bob, 1)]]),
    ] {
        ada.api.post("/ledger/transfers", &body).await.expect_problem(422);
    }
    ada.api.post("/ledger/transfers", &with("memo", json!("a\u{0}b"))).await.expect_problem(422);
    ada.api.post("/ledger/transfers", &with("metadata", json!({"k": "\u{0}"}))).await.expect_problem(422);
    ada.api.post("/ledger/holds", &with("expires_at", json!("+200000-01-01T00:00:00"))).await.expect_problem(422);
    let hold = text(&ada.api.post("/ledger/holds", &item(&ada, &bob, 1)).await.expect(201)["hold"]["id"]);
    for amount in [json!(0), json!(-1), json!("1"), json!(0.5), json!(u64::MAX)] {
        ada.api.post(&format!("/ledger/holds/{hold}/post"), &json!({"amount": amount})).await.expect_problem(422);
    }
    for path in ["/ledger/holds/x/post", "/ledger/holds/%00/void", "/ledger/transfers/1/reverse"] {
        ada.api.post(path, &json!({})).await.expect_problem(422);
    }
    assert_eq!((ada.balance().await, bob.balance().await), (500, 500));
}

async fn fifty_posts_of_one_hold_make_one_transfer(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let hold = text(&ada.api.post("/ledger/holds", &item(&ada, &bob, 70)).await.expect(201)["hold"]["id"]);
    let replies = together(50, |n| {
        // Some of them under a key: both ways into the ledger race.
        let api = if n % 5 == 0 { ada.api.with("idempotency-key", &format!("post {n}")) } else { ada.api.clone() };
        let path = format!("/ledger/holds/{hold}/post");
        async move { api.post(&path, &json!({})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 49), (201, 1)].into());
    let first = replies[0].json()["transfer"]["id"].clone();
    assert!(replies.iter().all(|reply| reply.json()["transfer"]["id"] == first));
    assert_eq!((ada.balance().await, bob.balance().await), (430, 570));
    // Posting against voiding: one of them.
    let hold = text(&ada.api.post("/ledger/holds", &item(&ada, &bob, 30)).await.expect(201)["hold"]["id"]);
    let replies = together(40, |n| {
        let (api, verb) = (ada.api.clone(), if n % 2 == 0 { "post" } else { "void" });
        let path = format!("/ledger/holds/{hold}/{verb}");
        async move { api.post(&path, &json!({})).await }
    })
    .await;
    let won = |rest: usize| replies.iter().skip(rest).step_by(2).filter(|reply| reply.status < 300).count();
    assert!((won(0), won(1)) == (20, 0) || (won(0), won(1)) == (0, 20), "{:?}", statuses(&replies));
    let paid = if won(0) == 20 { 30 } else { 0 };
    assert_eq!((ada.balance().await, available(&ada.api, &ada.wallet).await), (430 - paid, 430 - paid));
}

async fn sixty_four_transfers_of_money_for_ten_let_ten_through(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    ada.set_balance(10).await;
    let send = |n: usize| -> std::pin::Pin<Box<dyn Future<Output = Reply> + Send>> {
        let (ada, body) = (ada.clone(), item(&ada, &bob, 1));
        let wallets = json!({"from_wallet_id": ada.wallet, "to_wallet_id": bob.wallet, "amount": 1});
        match n % 4 {
            0 => Box::pin(async move { ada.api.post("/ledger/transfers", &body).await }),
            1 => Box::pin(async move { ada.api.with("idempotency-key", &id()).post("/ledger/transfers", &body).await }),
            2 => Box::pin(async move { ada.api.post("/wallets/transfer", &wallets).await }),
            _ => Box::pin(async move { ada.api.with("idempotency-key", &id()).post("/wallets/transfer", &wallets).await }),
        }
    };
    let replies = together(64, send).await;
    let through = replies.iter().filter(|reply| reply.status < 300).count();
    assert_eq!(through, 10, "{:?}", statuses(&replies));
    assert!(replies.iter().all(|reply| [200, 201, 400, 402].contains(&reply.status)), "{:?}", statuses(&replies));
    assert_eq!((ada.balance().await, bob.balance().await), (0, 510));
    // The same transfer, sixty-four times.
    ada.set_balance(100).await;
    let body = item(&ada, &bob, 5);
    let replies = together(64, |_| {
        let (api, body) = (ada.api.clone(), body.clone());
        async move { api.post("/ledger/transfers", &body).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 63), (201, 1)].into());
    assert_eq!(ada.balance().await, 95);
}

journeys! {
    each_of_a_batch_stands_alone_and_a_group_stands_together,
    eight_thousand_at_once_are_fine_and_one_more_is_not,
    what_is_malformed_is_named_and_nothing_is_done,
    fifty_posts_of_one_hold_make_one_transfer,
    sixty_four_transfers_of_money_for_ten_let_ten_through,
}
