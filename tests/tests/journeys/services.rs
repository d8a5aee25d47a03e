//! Services: offered, found, changed, removed.

use serde_json::{Value, json};

use super::keys::with_key;
use crate::harness::{Api, World, journeys, text};

/// A provider with a key, and a buyer of the same name's owner.
pub async fn provider(world: &World, owner: &str) -> Api {
    let stranger = world.stranger();
    let buyer = with_key(world, &stranger.post("/api/v1/keys", &json!({"owner_id": owner})).await.expect(201));
    let key = buyer.post("/api/v1/keys", &json!({"owner_id": owner, "role": "provider", "rate_limit": 300})).await.expect(201);
    with_key(world, &key)
}

fn service(name: &str, price: &Value) -> Value {
    json!({"name": name, "endpoint": "https://my-api.example.com/v1", "price_per_call": price})
}

async fn a_service_is_registered_read_changed_and_removed(world: &mut World) {
    let shop = provider(world, "my-agent").await;
    let stranger = world.stranger();
    let body = json!({
        "name": "Sentiment Analysis API", "description": "Analyze text sentiment with confidence scores",
        "endpoint": "https://my-api.example.com/v1", "price_per_call": "0.05", "category": "ai",
        "tags": ["nlp", "sentiment"], "payment_method": "x402", "free_tier_calls": 50,
    });
    stranger.post("/api/v1/services", &body).await.expect_problem(401);
    let made = shop.post("/api/v1/services", &body).await.expect(201);
    let pricing = json!({"price_per_call": "0.05", "currency": "USDC", "payment_method": "x402", "free_tier_calls": 50});
    assert_eq!((&made["provider_id"], &made["pricing"], &made["status"]), (&json!("my-agent"), &pricing, &json!("active")));
    assert!(made["endpoint"].is_null() && made["created_at"].is_string());
    let path = format!("/api/v1/services/{}", text(&made["id"]));
    assert_eq!(stranger.get(&path).await.expect(200), made);
    let listed = stranger.get("/api/v1/services").await.expect(200);
    assert_eq!(
        (&listed["services"], &listed["count"], &listed["limit"], &listed["offset"]),
        (&json!([made]), &json!(1), &json!(50), &json!(0))
    );
    stranger.get("/api/v1/services/unknown").await.expect_problem(404);
    stranger.get("/api/v1/services/0198c0de-0000-7000-8000-000000000001").await.expect_problem(404);

    let rival = provider(world, "rival").await;
    let change = json!({"price_per_call": "0.10", "name": null, "unknown": 1});
    rival.patch(&path, &change).await.expect_problem(403);
    stranger.patch(&path, &change).await.expect_problem(401);
    let changed = shop.patch(&path, &change).await.expect(200);
    assert_eq!((&changed["pricing"]["price_per_call"], &changed["name"]), (&json!("0.10"), &made["name"]));
    rival.delete(&path).await.expect_problem(403);
    assert_eq!(shop.patch(&path, &json!({"status": "paused"})).await.expect(200)["status"], "paused");
    assert_eq!(stranger.get("/api/v1/services?status=paused").await.expect(200)["count"], 1);
    let removed = json!({"status": "removed", "id": made["id"]});
    assert_eq!(shop.delete(&path).await.expect(200), removed);
    assert_eq!(shop.delete(&path).await.expect(200), removed);
    shop.patch(&path, &json!({"status": "active"})).await.expect_problem(410);
    assert_eq!(stranger.get(&path).await.expect(200)["status"], "removed");
    assert_eq!(stranger.get("/api/v1/services?status=removed").await.expect(200)["count"], 1);
    assert_eq!(stranger.get("/api/v1/discover").await.expect(200)["total"], 0);
}

async fn hostile_services_are_refused_clearly(world: &mut World) {
    let shop = provider(world, "shop").await;
    let hostile = ["NaN", "Infinity", "1e400", "1e-7", "-0", "-1", " 0.05", "0.0000001", "100.01", "1000000000000000000000", ""];
    for price in hostile {
        shop.post("/api/v1/services", &service("x", &json!(price))).await.expect_problem(400);
        // As a filter, more than anything may cost is only a filter that nothing passes.
        if price != "100.01" {
            shop.get(&format!("/api/v1/discover?min_price={}", price.replace(' ', "%20"))).await.expect_problem(400);
        }
    }
    for price in [json!(0.05), json!(1), json!(null), json!([]), json!(1e-7)] {
        shop.post("/api/v1/services", &service("x", &price)).await.expect_problem(422);
    }
    for (price, kept) in
        [("0.000001", "0.000001"), ("100.00", "100.00"), ("0.1", "0.10"), ("0", "0.00"), ("0.123456", "0.123456")]
    {
        let made = shop.post("/api/v1/services", &service("x", &json!(price))).await.expect(201);
        assert_eq!(made["pricing"]["price_per_call"], kept);
    }
    for endpoint in [
        "ftp://example.com",
        "example.com",
        "",
        "http://[::1]/",
        "http://169.254.169.254/",
        "https://user:pass@example.com/",
        "http://10.0.0.1/\r\nX: y",
        "http://100.64.0.1/",
        "http://0x0a.1/",
    ] {
        let body = json!({"name": "x", "endpoint": endpoint, "price_per_call": "0.05"});
        shop.post("/api/v1/services", &body).await.expect_problem(400);
    }
    let tags: Vec<String> = (0..5_000).map(|n| format!("tag{n}")).collect();
    let with = |field: &str, value: Value| {
        let mut body = service("x", &json!("0.05"));
        body[field] = value;
        body
    };
    for body in [
        with("name", json!(" ")),
        with("tags", json!(tags)),
        with("payment_method", json!("cash")),
        with("free_tier_calls", json!(-1)),
        with("category", json!("x".repeat(65))),
    ] {
        shop.post("/api/v1/services", &body).await.expect_problem(400);
    }
    for query in ["limit=-1", "limit=0", "limit=ten", "offset=-1", "has_free_tier=perhaps"] {
        shop.get(&format!("/api/v1/discover?{query}")).await.expect_problem(422);
    }
    for query in ["sort_by=luck", "payment_method=cash", "max_price=abc"] {
        shop.get(&format!("/api/v1/discover?{query}")).await.expect_problem(400);
    }
    shop.get("/api/v1/services?status=lost").await.expect_problem(400);
    let buyer = world.stranger().post("/api/v1/keys", &json!({"owner_id": "buyer"})).await.expect(201);
    with_key(world, &buyer).post("/api/v1/services", &service("x", &json!("0.05"))).await.expect_problem(403);
}

async fn services_are_found_as_the_reference_says(world: &mut World) {
    let shop = provider(world, "shop").await;
    for (name, category, price, free) in [
        ("NLP sentiment", "ai", "0.05", 10),
        ("NLP translation", "ai", "0.02", 5),
        ("Weather", "data", "0.01", 0),
        ("Plain", "", "1.00", 0),
    ] {
        let mut body = service(name, &json!(price));
        body["category"] = json!(category);
        body["free_tier_calls"] = json!(free);
        body["tags"] = json!([name.split(' ').next().unwrap()]);
        shop.post("/api/v1/services", &body).await.expect(201);
    }
    let stranger = world.stranger();
    let names = async |query: &str| {
        let found = stranger.get(&format!("/api/v1/discover?{query}")).await.expect(200);
        let names: Vec<String> = found["services"].as_array().unwrap().iter().map(|one| text(&one["name"])).collect();
        (names, found["total"].as_i64().unwrap())
    };
    let found = names("q=nlp&category=ai&has_free_tier=true&sort_by=price&limit=1").await;
    assert_eq!(found, (vec!["NLP translation".to_owned()], 2));
    assert_eq!(names("tags=weather,nlp&sort_by=name").await.0, ["NLP sentiment", "NLP translation", "Weather"]);
    assert_eq!(names("min_price=0.02&max_price=0.05&has_free_tier=true").await.1, 2);
    assert_eq!(names("has_free_tier=false").await.0, ["Plain", "Weather"]);
    assert_eq!(names("q=nothing-like-it").await, (vec![], 0));
    let categories = stranger.get("/api/v1/discover/categories").await.expect(200);
    let expected =
        json!([{"category": "ai", "count": 2}, {"category": "uncategorized", "count": 1}, {"category": "data", "count": 1}]);
    assert_eq!(categories["categories"], expected);
    assert_eq!(stranger.get("/api/v1/discover/trending").await.expect(200), json!({"trending": [], "count": 0}));
    let newest = stranger.get("/api/v1/discover/recommendations/nobody?limit=2").await.expect(200);
    assert_eq!((&newest["count"], &newest["recommendations"][0]["name"]), (&json!(2), &json!("Plain")));
    // Clients send their key with everything; one that is stale spoils nothing.
    world.stranger().with_token("acf_0000000000000000:stale").get("/api/v1/discover").await.expect(200);
}

journeys! {
    a_service_is_registered_read_changed_and_removed,
    hostile_services_are_refused_clearly,
    services_are_found_as_the_reference_says,
}
