//! What operators and other programs see of the server itself.

use std::{collections::BTreeSet, fs};

use bytes::Bytes;
use http::Method;
use serde_json::json;

use crate::harness::{World, journeys, repository};

async fn health_readiness_and_metrics_need_no_credential(world: &mut World) {
    let stranger = world.stranger();
    let health = stranger.get("/health").await.expect(200);
    assert_eq!((&health["status"], &health["service"]), (&json!("healthy"), &json!("rialto")));
    assert!(health["version"].is_string() && health["timestamp"].is_string());
    stranger.get("/ready").await.expect(200);
    let metrics = stranger.get("/metrics").await.text();
    for name in ["rialto_http_requests_total", "rialto_http_request_seconds_bucket", "rialto_jobs_dead 0", "rialto_build_info"] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    let unmatched = stranger.get("/no/such/path/7c9e").await;
    unmatched.expect_problem(404);
    assert!(!stranger.get("/metrics").await.text().contains("7c9e"), "labels are patterns, never paths");
}

async fn the_operators_table_has_every_metric_and_no_other(world: &mut World) {
    let stranger = world.stranger();
    stranger.get("/health").await.expect(200);
    let metrics = stranger.get("/metrics").await.text();
    let served: BTreeSet<&str> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let page = fs::read_to_string(repository().join("docs/operating.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `rialto_"));
    let told: BTreeSet<&str> = rows.filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(told, served, "docs/operating.md left, the server right");
}

async fn a_request_has_an_id_that_its_answer_repeats(world: &mut World) {
    let stranger = world.stranger();
    let named = stranger.with("x-request-id", "abc-123").get("/wallets/me").await;
    assert_eq!(named.header("x-request-id"), Some("abc-123"));
    assert_eq!(named.expect_problem(401)["request_id"], "abc-123");
    let made = stranger.get("/health").await;
    assert!(made.header("x-request-id").is_some_and(|id| id.len() == 36));
    let absurd = stranger.with("x-request-id", &"x".repeat(5_000)).get("/health").await;
    assert!(absurd.header("x-request-id").is_some_and(|id| id.len() == 36));
    assert_eq!(made.header("x-content-type-options"), Some("nosniff"));
}

async fn a_path_with_and_without_a_slash_is_the_same(world: &mut World) {
    let ada = world.person("ada").await;
    for path in ["/health", "/registry/agents", "/wallets/me", "/auth/me"] {
        let (with, without) = (ada.api.get(&format!("{path}/")).await, ada.api.get(path).await);
        assert_eq!((with.status, without.status), (200, 200), "{path}");
    }
    ada.api.post("/auth/api-keys/", &json!({"name": "x"})).await.expect(201);
}

async fn unknown_paths_and_methods_are_problems(world: &mut World) {
    let stranger = world.stranger();
    stranger.get("/nothing/here").await.expect_problem(404);
    let wrong = stranger.send(Method::PUT, "/auth/login", Bytes::new()).await;
    wrong.expect_problem(405);
    assert_eq!(wrong.header("allow"), Some("POST"));
}

async fn a_page_of_another_site_may_call_the_api(world: &mut World) {
    let page = world.stranger().with("origin", "https://app.example.com");
    assert_eq!(page.get("/health").await.header("access-control-allow-origin"), Some("*"));
    let preflight = page.with("access-control-request-method", "POST").with("access-control-request-headers", "authorization");
    let allowed = preflight.send(Method::OPTIONS, "/wallets/transfer", Bytes::new()).await;
    assert_eq!(allowed.status, 200);
    assert!(allowed.header("access-control-allow-headers").is_some_and(|names| names.contains("authorization")));
    assert!(allowed.header("access-control-allow-credentials").is_none());
}

async fn a_page_of_another_site_may_read_refusals(world: &mut World) {
    let ada = world.person("ada").await;
    let (page, hers) =
        (world.stranger().with("origin", "https://app.example.com"), ada.api.with("origin", "https://app.example.com"));
    let readable = [
        (page.get("/wallets/me").await, 401),
        (page.get("/nothing/here").await, 404),
        (page.send(Method::PUT, "/auth/login", Bytes::new()).await, 405),
        (hers.post("/wallets/transfer", &json!({})).await, 422),
    ];
    for (reply, status) in readable {
        reply.expect_problem(status);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{status}");
    }
    world.restart_with(&["--rate-limit-per-minute=1", "--rate-limit-burst=1"]).await;
    let page = world.stranger().with("origin", "https://app.example.com");
    page.get("/registry/agents").await.expect(200);
    let refused = page.get("/registry/agents").await;
    refused.expect_problem(429);
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
    assert_eq!(refused.header("x-ratelimit-limit"), Some("1"));
}

async fn too_many_requests_are_refused_with_when_to_come_back(world: &mut World) {
    world.restart_with(&["--rate-limit-per-minute=60", "--rate-limit-burst=5", "--trusted-proxies=127.0.0.1"]).await;
    let client = |address: &str| world.stranger().with("x-forwarded-for", address);
    let mut refused = None;
    for _ in 0..8 {
        let reply = client("203.0.113.7").get("/registry/agents").await;
        if reply.status == 429 {
            refused = Some(reply);
        }
    }
    let refused = refused.expect("eight at once are more than five");
    refused.expect_problem(429);
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&seconds), "{seconds}");
    assert!(refused.header("ratelimit").is_some_and(|limit| limit.contains("r=0")));
    client("203.0.113.8").get("/registry/agents").await.expect(200);
    // A client cannot become somebody else by what it writes at the front.
    client("198.51.100.1, 203.0.113.7").get("/registry/agents").await.expect_problem(429);
    for _ in 0..20 {
        client("203.0.113.7").get("/health").await.expect(200);
    }
}

async fn a_bodyless_call_may_say_that_its_body_is_json(world: &mut World) {
    let ada = world.person("ada").await;
    let api = ada.api.with("content-type", "application/json");
    api.get("/wallets/me").await.expect(200);
    api.send(Method::POST, "/wallets/me/consolidate", Bytes::new()).await.expect(200);
    let bare = ada.api.send(Method::POST, "/wallets/me/consolidate", Bytes::new()).await;
    bare.expect(200);
}

journeys! {
    health_readiness_and_metrics_need_no_credential,
    the_operators_table_has_every_metric_and_no_other,
    a_request_has_an_id_that_its_answer_repeats,
    a_path_with_and_without_a_slash_is_the_same,
    unknown_paths_and_methods_are_problems,
    a_page_of_another_site_may_call_the_api,
    a_page_of_another_site_may_read_refusals,
    too_many_requests_are_refused_with_when_to_come_back,
    a_bodyless_call_may_say_that_its_body_is_json,
}
