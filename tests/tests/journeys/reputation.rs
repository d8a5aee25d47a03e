//! Reputation: counted from calls, by month, for agents and services.

use serde_json::{Value, json};

use super::{
    calls::{Call, Calls},
    services::provider,
};
use crate::harness::{World, eventually, journeys, text};

const CALL: Call = Call { at: "2026-03-10T12:00:00Z", price: 0, commission: 0, status: 200, latency_ms: 0 };

async fn reputation_is_counted_from_calls(world: &mut World) {
    let (shop, stranger) = (provider(world, "my-agent").await, world.stranger());
    let body = json!({"name": "Sentiment", "endpoint": "https://my-api.example.com/v1", "price_per_call": "0.05"});
    let service = shop.post("/api/v1/services", &body).await.expect(201);
    let agent = json!({"name": "Top Agent", "description": "Scores texts", "endpoint": "http://127.0.0.1:9/"});
    let agent = shop.post("/registry/agents", &agent).await.expect(201);
    let (slug, id) = (text(&agent["agent_id"]), text(&agent["id"]));
    let path = |agent: &str, query: &str| format!("/api/v1/agents/{agent}/reputation{query}");
    let none = stranger.get(&path(&id, "")).await.expect(200);
    let zeros = json!({
        "agent_id": id, "service_id": "", "overall_score": 0.0, "latency_score": 0.0, "reliability_score": 0.0,
        "response_quality": 0.0, "call_count": 0, "period": "all-time",
    });
    assert_eq!(none, zeros);
    assert_eq!(stranger.get("/api/v1/reputation/leaderboard").await.expect(200), json!({"leaderboard": [], "count": 0}));

    let calls = Calls::open(world).await;
    for call in [CALL, Call { status: 404, latency_ms: 1_000, ..CALL }, Call { at: "2026-04-01T00:00:00Z", status: 504, ..CALL }]
    {
        calls.write(&service, call).await;
    }
    // At once, whether they are counted already or not.
    let live = stranger.get(&path(&id, "?compute=true")).await.expect(200);
    assert_eq!(
        (&live["call_count"], &live["reliability_score"], &live["response_quality"]),
        (&json!(3), &json!(3.33), &json!(6.67))
    );
    let counted = eventually("the calls are counted", async || {
        let found = stranger.get(&path(&slug, "")).await.expect(200);
        (found["call_count"] == 3).then_some(found)
    })
    .await;
    let scores = ["overall_score", "latency_score", "reliability_score", "response_quality"];
    for field in scores {
        assert_eq!(counted[field], live[field], "{field}");
    }
    assert_eq!(stranger.get(&path(&id, "?compute=true")).await.expect(200), live);
    assert_eq!(stranger.get(&path("my-agent", "")).await.expect(200)["call_count"], 3);
    let march = stranger.get(&path(&id, "?period=2026-03")).await.expect(200);
    assert_eq!((&march["call_count"], &march["latency_score"], &march["period"]), (&json!(2), &json!(9.5), &json!("2026-03")));
    assert_eq!(stranger.get(&path(&id, "?period=2026-05")).await.expect(200)["call_count"], 0);

    let of_service = format!("/api/v1/services/{}/reputation", text(&service["id"]));
    let found = stranger.get(&of_service).await.expect(200);
    assert_eq!((&found["service_id"], &found["period"]), (&service["id"], &json!("all-time")));
    let records = found["records"].as_array().unwrap();
    assert_eq!((records.len(), &records[0]["agent_id"], &records[0]["call_count"]), (1, &json!("my-agent"), &json!(3)));
    let april = stranger.get(&format!("{of_service}?period=2026-04")).await.expect(200);
    assert_eq!(april["records"][0]["overall_score"], json!(3.0));
    assert_eq!(stranger.get(&format!("{of_service}?period=2027-01")).await.expect(200)["records"], json!([]));

    let board = stranger.get("/api/v1/reputation/leaderboard?limit=1").await.expect(200);
    let leader: &Value = &board["leaderboard"][0];
    assert_eq!((&leader["agent_id"], &leader["id"], &leader["slug"]), (&json!(id), &json!(id), &json!(slug)));
    assert_eq!(leader["display_name"], "Top Agent");
    assert_eq!(
        (&leader["reputation_score"], &leader["verified"], &board["count"]),
        (&live["overall_score"], &json!(false), &json!(1))
    );
}

async fn hostile_questions_about_reputation_are_refused(world: &mut World) {
    provider(world, "my-agent").await;
    let stranger = world.stranger();
    for (path, status) in [
        ("agents/unknown/reputation", 404),
        ("agents/0198c0de-0000-7000-8000-000000000041/reputation", 404),
        ("agents/my-agent/reputation?period=2026-13", 400),
        ("agents/my-agent/reputation?period=", 400),
        ("agents/my-agent/reputation?period=0000-01", 400),
        ("agents/my-agent/reputation?compute=perhaps", 422),
        ("services/unknown/reputation", 404),
        ("services/0198c0de-0000-7000-8000-000000000041/reputation", 404),
        ("reputation/leaderboard?limit=-1", 422),
        ("reputation/leaderboard?limit=0", 422),
        ("reputation/leaderboard?limit=ten", 422),
    ] {
        stranger.get(&format!("/api/v1/{path}")).await.expect_problem(status);
    }
}

journeys!(reputation_is_counted_from_calls, hostile_questions_about_reputation_are_refused);
