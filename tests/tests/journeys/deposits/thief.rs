//! Whoever wants money that is not theirs.

use serde_json::{Value, json};

use super::super::{market::support::with_admin, proxy::buyer};
use crate::harness::{Api, World, journeys, statuses, text, together};

const CREDIT: &str = "/api/v1/admin/credit";

async fn nobody_credits_themselves_or_reads_others(world: &mut World) {
    let root = with_admin(world, &["--sandbox=false"]).await;
    let (ann, mallory) = (buyer(world, "ann", "0").await, buyer(world, "mallory", "0").await);
    root.post(CREDIT, &json!({"buyer_id": "ann", "amount": "10"})).await.expect(200);
    for name in ["mallory", "ann", "nobody", "", "ann ", "ANN", "%", "' OR 1=1 --"] {
        mallory.api.post(CREDIT, &json!({"buyer_id": name, "amount": "1"})).await.expect_problem(403);
    }
    let query = format!("{CREDIT}?buyer_id=mallory&amount=1");
    mallory.api.post(&query, &json!({})).await.expect_problem(403);
    mallory.api.with("x-admin-key", "guess").post(&query, &json!({})).await.expect_problem(403);
    world.stranger().post(&query, &json!({})).await.expect_problem(401);
    // What somebody else's is and what does not exist look alike.
    let detail = |problem: Value| (text(&problem["type"]), text(&problem["detail"]));
    let foreign = detail(mallory.api.get("/api/v1/balance/ann").await.expect_problem(403));
    for path in
        ["nobody", "0198c0de-0000-7000-8000-000000000001", "ann%20", "%61nn", "..%2fann", "ann%2f..%2fmallory", "*", "%25"]
    {
        assert_eq!(detail(mallory.api.get(&format!("/api/v1/balance/{path}")).await.expect_problem(403)), foreign, "{path}");
    }
    mallory.api.get("/api/v1/balance/ann%00").await.expect_problem(422);
    world.stranger().get("/api/v1/balance/ann").await.expect_problem(401);
    root.get("/api/v1/balance/nobody").await.expect_problem(404);
    root.post(CREDIT, &json!({"buyer_id": "nobody", "amount": "1"})).await.expect_problem(404);
    let own = root.get("/api/v1/balance/ann").await.expect(200);
    assert_eq!((&own["balance"], ann.balance().await.0), (&json!("10.00"), "10.00".to_owned()));
    assert_eq!(mallory.balance().await.0, "0.00");
}

async fn what_is_no_amount_moves_nothing(world: &mut World) {
    let root = with_admin(world, &["--sandbox=false"]).await;
    let ann = buyer(world, "ann", "0").await;
    let texts = [
        "NaN",
        "-0",
        "-1",
        "+1",
        "0",
        "0.00",
        "1e3",
        "1E-3",
        "inf",
        "10000.000001",
        "10000000",
        "0.0000001",
        "",
        " ",
        " 1",
        "1 ",
        "1_000",
        "0x10",
        "1,5",
        "1.",
        ".5",
        "१",
        "9223372036854775807",
        "99999999999999999999999999",
        "1.2.3",
        "null",
    ];
    let values = texts.iter().map(|text| json!(text)).chain([
        json!(-1),
        json!(-0.0),
        json!(0),
        json!(1e300),
        json!(1e-7),
        json!(10_000.01),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(true),
        json!([1]),
        json!({"amount": 1}),
        Value::Null,
    ]);
    for amount in values {
        for (api, path) in [(&root, CREDIT), (&ann.api, "/api/v1/deposits")] {
            let reply = api.post(path, &json!({"buyer_id": "ann", "amount": amount})).await;
            assert!([400, 422].contains(&reply.status), "{path} {amount}: {}", reply.text());
        }
    }
    for text in texts {
        let text: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let reply = root.post(&format!("{CREDIT}?buyer_id=ann&amount={text}"), &json!({})).await;
        assert!([400, 422].contains(&reply.status), "{text}: {}", reply.text());
    }
    // Nobody guesses which of two was meant.
    for (query, body) in [
        ("buyer_id=ann&amount=1", json!({"amount": "2"})),
        ("buyer_id=ann&amount=1", json!({"buyer_id": "root", "amount": "1"})),
        ("amount=1", json!({"buyer_id": "ann", "amount": "1.000001"})),
    ] {
        let refused = root.post(&format!("{CREDIT}?{query}"), &body).await.expect_problem(400);
        assert_eq!(refused["type"], "contradictory-fields", "{refused}");
    }
    let wish = json!({"amount": "1", "rail": "simulated", "payment_method": "paypal"});
    assert_eq!(ann.api.post("/api/v1/deposits", &wish).await.expect_problem(400)["type"], "contradictory-fields");
    let wish = json!({"amount": "1", "rail": "simulated", "payment_method": "simulated"});
    ann.api.post("/api/v1/deposits", &wish).await.expect(200);
    let all = root.get("/api/v1/balance/ann").await.expect(200);
    assert_eq!((&all["balance"], &all["total_deposited"], &all["owed"]), (&json!("0.00"), &json!("0.00"), &json!("0.00")));
    root.post(&format!("{CREDIT}?buyer_id=ann&amount=0.000001"), &json!({})).await.expect(200);
    root.post(CREDIT, &json!({"buyer_id": "ann", "amount": 10000})).await.expect(200);
    assert_eq!(ann.balance().await.0, "10000.000001");
}

async fn of_repeats_and_crowds_each_counts_once(world: &mut World) {
    let root = with_admin(world, &["--sandbox=false"]).await;
    let ann = buyer(world, "ann", "0").await;
    let credit = |key: Option<String>, amount: &str| {
        let api = key.map_or_else(|| root.clone(), |key| root.with("idempotency-key", &key));
        let body = json!({"buyer_id": "ann", "amount": amount});
        async move { api.post(CREDIT, &body).await }
    };
    let same = together(12, |_| credit(Some("one".to_owned()), "1")).await;
    assert!(statuses(&same).keys().all(|status| [200, 409].contains(status)), "{:?}", statuses(&same));
    let first = credit(Some("one".to_owned()), "1").await.expect(200);
    assert!(same.iter().filter(|reply| reply.status == 200).all(|reply| reply.json() == first));
    // Quoted or bare it is one key; with another amount it is another request.
    assert_eq!(credit(Some("\"one\"".to_owned()), "1").await.expect(200), first);
    credit(Some("one".to_owned()), "2").await.expect_problem(422);
    for bad in ["a\tb", "\"\"", &"k".repeat(256)] {
        assert_eq!(credit(Some(bad.to_owned()), "1").await.expect_problem(400)["type"], "bad-idempotency-key", "{bad}");
    }
    assert_eq!(ann.balance().await.0, "1.00");
    let many = together(20, |n| credit(Some(format!("k{n}")), "0.000001")).await;
    assert_eq!(statuses(&many), [(200, 20)].into());
    assert_eq!(ann.balance().await.0, "1.00002");
    let all = ann.api.get("/api/v1/balance/ann").await.expect(200);
    assert_eq!((&all["total_deposited"], &all["total_spent"]), (&json!("1.00002"), &json!("0.00")));
    // Deposits that come at once stop at twenty.
    let open = |api: Api| async move { api.post("/api/v1/deposits", &json!({"amount": "1"})).await };
    let opened = together(32, |_| open(ann.api.clone())).await;
    assert_eq!(statuses(&opened), [(200, 20), (409, 12)].into());
    assert_eq!(open(ann.api.clone()).await.expect_problem(409)["type"], "too-many-deposits");
}

journeys! {
    nobody_credits_themselves_or_reads_others,
    what_is_no_amount_moves_nothing,
    of_repeats_and_crowds_each_counts_once,
}
