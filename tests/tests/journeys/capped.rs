//! Lists whose clients ask for more than there may be, and are given what there may be.

use serde_json::json;

use super::{
    calls::{Call, Calls},
    market::support::with_admin,
    services::provider,
};
use crate::harness::{World, eventually, journeys, text, together};

/// One more than a page has.
const MANY: usize = 101;

async fn a_limit_above_the_maximum_is_the_maximum(world: &mut World) {
    let root = with_admin(world, &[]).await;
    let (shop, stranger) = (provider(world, "shop").await, world.stranger());
    let made = together(MANY, |number| {
        let shop = shop.clone();
        async move {
            let agent = json!({"display_name": format!("Agent {number}")});
            shop.post("/api/v1/agents", &agent).await.expect(201);
            let name = format!("Service {number}");
            let service = json!({"name": name, "endpoint": "https://my-api.example.com/v1", "price_per_call": "0"});
            shop.post("/api/v1/services", &service).await.expect(201)
        }
    })
    .await;
    let calls = Calls::open(world).await;
    let at: &str = text(&stranger.get("/health").await.expect(200)["timestamp"]).leak();
    for service in &made {
        calls.write(service, Call { at, price: 0, commission: 0, status: 200, latency_ms: 0 }).await;
    }
    eventually("the calls are counted", async || {
        (stranger.get("/api/v1/reputation/leaderboard").await.expect(200)["count"] == 20).then_some(())
    })
    .await;
    for (path, list) in [
        ("services?x=y", "services"),
        ("discover?q=service", "services"),
        ("discover/trending?x=y", "trending"),
        ("discover/recommendations/nobody?x=y", "recommendations"),
        ("agents?x=y", "agents"),
        ("agents/search?q=agent", "agents"),
        ("reputation/leaderboard?x=y", "leaderboard"),
        ("mcp/descriptor?x=y", "services"),
    ] {
        for limit in ["100", "101", "500", "9223372036854775807"] {
            let page = stranger.get(&format!("/api/v1/{path}&limit={limit}")).await.expect(200);
            assert_eq!(page[list].as_array().unwrap().len(), 100, "{path} {limit}");
            assert!(page["limit"].is_null() || page["limit"] == 100, "{path} {limit}: {}", page["limit"]);
        }
        for limit in ["0", "-1", "ten", "1.5", "9223372036854775808"] {
            stranger.get(&format!("/api/v1/{path}&limit={limit}")).await.expect_problem(422);
        }
    }
    assert_eq!(root.get("/api/v1/settlements?limit=500").await.expect(200)["limit"], 100);
    // Lists of the other references say what they give, and keep to it.
    stranger.get("/registry/agents?limit=101").await.expect_problem(422);
    stranger.get("/registry/discover?query=agent&limit=101").await.expect_problem(422);
}

journeys!(a_limit_above_the_maximum_is_the_maximum);
