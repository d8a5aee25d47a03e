//! Settlements: gathered once, paid once, seen by whom they concern.

use serde_json::{Value, json};

use super::{
    calls::{Call, Calls},
    market::support::with_admin,
    services::provider,
};
use crate::harness::{Api, World, journeys, statuses, text, together};

/// A delivered call of 10.50 USDC, of which the house took 1.05.
const CALL: Call = Call { at: "2026-03-10T12:00:00Z", price: 10_500_000, commission: 1_050_000, status: 200, latency_ms: 100 };

fn period(start: &str, end: &str) -> Value {
    json!({"provider_id": "my-agent", "period_start": start, "period_end": end})
}

async fn service(shop: &Api) -> Value {
    let body = json!({"name": "Sentiment", "endpoint": "https://my-api.example.com/v1", "price_per_call": "10.50"});
    shop.post("/api/v1/services", &body).await.expect(201)
}

async fn a_settlement_is_made_seen_and_paid(world: &mut World) {
    let root = with_admin(world, &[]).await;
    let (shop, other) = (provider(world, "my-agent").await, provider(world, "other").await);
    let (service, calls) = (service(&shop).await, Calls::open(world).await);
    calls.write(&service, CALL).await;
    calls.write(&service, Call { at: "2026-03-31T23:59:59.999999Z", price: 1, commission: 0, ..CALL }).await;
    // The next month's, and one that failed.
    calls.write(&service, Call { at: "2026-04-01T00:00:00Z", price: 5, commission: 0, ..CALL }).await;
    calls.write(&service, Call { price: 0, commission: 0, status: 502, ..CALL }).await;

    let march = period("2026-03-01", "2026-04-01T00:00:00+00:00");
    shop.post("/api/v1/settlements", &march).await.expect_problem(403);
    let once = root.with("idempotency-key", "march");
    let made = once.post("/api/v1/settlements", &march).await.expect(201);
    assert_eq!(once.post("/api/v1/settlements", &march).await.expect(201), made);
    for (field, value) in [
        ("provider_id", json!("my-agent")),
        ("total_amount", json!("10.500001")),
        ("platform_fee", json!("1.05")),
        ("net_amount", json!("9.450001")),
        ("call_count", json!(2)),
        ("status", json!("pending")),
        ("payment_tx", Value::Null),
        ("period_start", json!("2026-03-01T00:00:00.000000Z")),
        ("period_end", json!("2026-04-01T00:00:00.000000Z")),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    let again = root.post("/api/v1/settlements", &march).await.expect_problem(409);
    assert_eq!((&again["type"], &again["settlement_id"]), (&json!("settlement-exists"), &made["id"]));
    // Nor is anything left in one that begins a day later.
    let mut later = march.clone();
    later["period_start"] = json!("2026-03-02T00:00:00Z");
    assert_eq!(root.post("/api/v1/settlements", &later).await.expect_problem(409)["settlement_id"], made["id"]);

    let path = format!("/api/v1/settlements/{}", text(&made["id"]));
    assert_eq!(shop.get(&path).await.expect(200), made);
    other.get(&path).await.expect_problem(403);
    world.stranger().get(&path).await.expect_problem(401);
    let listed = shop.get("/api/v1/settlements?status=pending").await.expect(200);
    assert_eq!((&listed["settlements"], &listed["count"], &listed["total"]), (&json!([made]), &json!(1), &json!(1)));
    assert_eq!(other.get("/api/v1/settlements").await.expect(200)["settlements"], json!([]));
    other.get("/api/v1/settlements?provider_id=my-agent").await.expect_problem(403);
    assert_eq!(root.get("/api/v1/settlements?provider_id=other").await.expect(200)["count"], 0);

    let pay = format!("{path}/pay");
    shop.patch(&pay, &json!({"payment_tx": "0xabc123"})).await.expect_problem(403);
    root.patch(&pay, &json!({"payment_tx": " "})).await.expect_problem(400);
    root.patch(&pay, &json!({})).await.expect_problem(422);
    assert_eq!(root.patch(&format!("{path}/process"), &json!({})).await.expect(200)["status"], "processing");
    let replies = together(6, |_| {
        let (root, pay) = (root.clone(), pay.clone());
        async move { root.patch(&pay, &json!({"payment_tx": "0xabc123"})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 1), (404, 5)].into());
    let paid = replies.iter().find(|reply| reply.status == 200).unwrap().json();
    assert_eq!((&paid["status"], &paid["payment_tx"]), (&json!("completed"), &json!("0xabc123")));
    let paid = shop.get(&path).await.expect(200);
    assert_eq!((&paid["status"], &paid["payment_tx"]), (&json!("completed"), &json!("0xabc123")));
    root.patch(&format!("{path}/fail"), &json!({"reason": "late"})).await.expect_problem(409);
}

async fn overlapping_periods_settle_no_call_twice(world: &mut World) {
    let root = with_admin(world, &[]).await;
    let shop = provider(world, "my-agent").await;
    let (service, calls) = (service(&shop).await, Calls::open(world).await);
    for at in ["2026-03-05T00:00:00Z", "2026-03-15T00:00:00Z", "2026-03-25T00:00:00Z"] {
        for _ in 0..4 {
            calls.write(&service, Call { at, ..CALL }).await;
        }
    }
    let periods = [("2026-03-01", "2026-03-20"), ("2026-03-10", "2026-04-01"), ("2026-03-01", "2026-04-01")];
    let replies = together(6, |number| {
        let (root, (start, end)) = (root.clone(), periods[number % 3]);
        async move { root.post("/api/v1/settlements", &period(start, end)).await }
    })
    .await;
    assert!(replies.iter().all(|reply| [201, 409].contains(&reply.status)), "{:?}", statuses(&replies));
    let made: Vec<Value> = replies.iter().filter(|reply| reply.status == 201).map(|reply| reply.json()).collect();
    assert_eq!(made.iter().map(|one| one["call_count"].as_i64().unwrap()).sum::<i64>(), 12);

    // What failed is settled anew, and everything is paid out to the last micro-USDC: the books are checked at the end.
    let first = made.iter().find(|one| one["call_count"] != 0).unwrap();
    let path = format!("/api/v1/settlements/{}", text(&first["id"]));
    let failed = root.patch(&format!("{path}/fail"), &json!({"reason": "The wallet refused it"})).await.expect(200);
    assert_eq!((&failed["status"], &failed["failure_reason"]), (&json!("failed"), &json!("The wallet refused it")));
    let anew = root.post("/api/v1/settlements", &period("2026-01-01", "2027-01-01")).await.expect(201);
    assert_eq!((&anew["call_count"], &anew["net_amount"]), (&first["call_count"], &first["net_amount"]));
    for one in made.iter().filter(|one| one["id"] != first["id"]).chain([&anew]) {
        let pay = format!("/api/v1/settlements/{}/pay", text(&one["id"]));
        root.patch(&pay, &json!({"payment_tx": "0xabc"})).await.expect(200);
    }
    let paid = root.get("/api/v1/settlements?status=completed&limit=100").await.expect(200);
    let calls = paid["settlements"].as_array().unwrap().iter().map(|one| one["call_count"].as_i64().unwrap()).sum::<i64>();
    assert_eq!(calls, 12);
}

async fn hostile_settlements_are_refused(world: &mut World) {
    let root = with_admin(world, &[]).await;
    let shop = provider(world, "my-agent").await;
    for (body, status) in [
        (json!({}), 422),
        (json!({"provider_id": 5, "period_start": "2026-03-01", "period_end": "2026-04-01"}), 422),
        (json!({"provider_id": " ", "period_start": "2026-03-01", "period_end": "2026-04-01"}), 400),
        (json!({"provider_id": "nobody", "period_start": "2026-03-01", "period_end": "2026-04-01"}), 404),
        (period("yesterday", "2026-04-01"), 400),
        (period("2026-03-01", "NaN"), 400),
        (period("-4714-01-01", "2026-04-01"), 400),
        (period("2026-03-01", "+262142-12-31"), 400),
        (period("2026-04-01", "2026-03-01"), 400),
        (period("2026-04-01", "2026-04-01"), 400),
    ] {
        root.post("/api/v1/settlements", &body).await.expect_problem(status);
    }
    for (query, status) in [
        ("limit=-1", 422),
        ("limit=0", 422),
        ("limit=ten", 422),
        ("limit=1e400", 422),
        ("offset=-1", 422),
        ("status=paid", 400),
        ("provider_id=nobody", 404),
        ("provider_id=%00", 422),
    ] {
        root.get(&format!("/api/v1/settlements?{query}")).await.expect_problem(status);
    }
    for id in ["unknown", "0198c0de-0000-7000-8000-000000000041"] {
        let path = format!("/api/v1/settlements/{id}");
        root.get(&path).await.expect_problem(404);
        root.patch(&format!("{path}/pay"), &json!({"payment_tx": "0x"})).await.expect_problem(404);
        root.patch(&format!("{path}/process"), &json!({})).await.expect_problem(404);
        root.patch(&format!("{path}/fail"), &json!({"reason": "x"})).await.expect_problem(404);
    }
    assert_eq!(root.get("/api/v1/settlements").await.expect(200)["total"], 0);

    let commission = "/api/v1/admin/providers/my-agent/commission";
    shop.get(commission).await.expect_problem(403);
    root.get("/api/v1/admin/providers/nobody/commission").await.expect_problem(404);
    let before = root.get(commission).await.expect(200);
    let (rate, tier) = (json!("0.10"), json!("standard"));
    assert_eq!((&before["registered"], &before["current_rate"], &before["current_tier"]), (&json!(false), &rate, &tier));
    service(&shop).await;
    let now = root.get(commission).await.expect(200);
    assert_eq!((&now["current_rate"], &now["current_tier"]), (&json!("0.00"), &json!("free_trial")));
    assert_eq!((&now["month_number"], &now["next_tier_rate"]), (&json!(1), &json!("0.05")));
}

journeys!(a_settlement_is_made_seen_and_paid, overlapping_periods_settle_no_call_twice, hostile_settlements_are_refused);
