//! Calls of services over tools: what is paid, and how often.

use serde_json::{Value, json};

use super::{
    super::proxy::shop::{buyer, shop},
    Client,
};
use crate::harness::{Agent, Answer, Make, World, journeys, together};

/// A service where nobody listens.
async fn shop_at_nobody(world: &World) -> String {
    shop(world, "nobody", "http://127.0.0.1:9/x", &json!({})).await.service
}

fn told(result: &Value) -> &Value {
    &result["structuredContent"]
}

async fn a_call_is_passed_on_and_paid_once(world: &mut World) {
    let there = Agent::start(Answer::Echo).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let client = Client::of(&ann.api);
    let asked = json!({
        "service_id": shop.service, "path": "/analyze", "query": {"q": "a b", "n": 2}, "body": {"text": "hello", "n": 1.5},
        "max_amount": "0.05", "idempotency_key": "call-1",
    });
    let first = client.done("call_service", asked.clone()).await;
    assert_eq!((&first["status"], &first["body_encoding"], &first["truncated"]), (&json!(200), &json!("json"), &json!(false)));
    assert_eq!(first["body"], json!({"echo": {"text": "hello", "n": 1.5}}));
    let bill = &first["billing"];
    assert_eq!((&bill["amount"], &bill["currency"], &bill["free_tier"]), (&json!("0.05"), &json!("USDC"), &json!(false)));
    let sent = there.last_request();
    assert!(sent.starts_with("POST /invoke/analyze?n=2&q=a+b HTTP/1.1"), "{sent}");
    assert!(!sent.contains("sec_") && sent.to_lowercase().contains("content-type: application/json"), "{sent}");
    assert_eq!(ann.last_usage().await["usage_id"], bill["usage_id"]);

    let again = client.done("call_service", asked.clone()).await;
    assert_eq!((&again["body"], &again["billing"]["replayed"]), (&first["body"], &json!(true)));
    assert_eq!(again["billing"]["usage_id"], bill["usage_id"]);
    // The same request with the same key is the same call over the API.
    let api = ann.api.with("idempotency-key", "call-1");
    let body = json!({"text": "hello", "n": 1.5}).to_string();
    let wanted = serde_json::from_str::<Value>(&body).unwrap();
    let reply = api.post(&format!("{}/analyze?n=2&q=a+b", shop.path), &wanted).await;
    assert_eq!((reply.status, reply.header("idempotent-replayed")), (200, Some("true")));
    let mut other = asked;
    other["path"] = json!("/other");
    assert_eq!(client.refused("call_service", other).await["type"], "idempotency-key-reused");
    assert_eq!((there.calls(), ann.balance().await.0.as_str()), (1, "0.95"));
}

async fn one_key_at_once_is_one_call(world: &mut World) {
    let there = Agent::start(Answer::Slow(std::time::Duration::from_millis(300))).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let results = together(6, |_| {
        let (api, service) = (ann.api.clone(), shop.service.clone());
        async move {
            let asked = json!({"service_id": service, "body": {}, "idempotency_key": "same"});
            Client::of(&api).call("call_service", asked).await
        }
    })
    .await;
    let done = results.iter().filter(|result| result["isError"] == false).count();
    let running = results.iter().filter(|result| result.to_string().contains("idempotency-key-running")).count();
    assert_eq!((done + running, there.calls()), (6, 1), "{results:?}");
    assert!(done >= 1);
    assert_eq!(ann.balance().await, ("0.95".to_owned(), "0.00".to_owned()));
}

async fn what_is_not_delivered_or_too_dear_costs_nothing(world: &mut World) {
    let there = Agent::start(Answer::Made(Make::of(|head, _| match head.split(' ').nth(1).unwrap_or_default() {
        path if path.ends_with("/fail") => (500, b"{\"error\":\"mine\"}".to_vec()),
        path if path.ends_with("/refuse") => (422, b"{\"error\":\"yours\"}".to_vec()),
        path if path.ends_with("/large") => (200, vec![b'x'; 600_000]),
        path if path.ends_with("/bytes") => (200, vec![0xff, 0x00, 0x01]),
        _ => (200, b"[1,2]".to_vec()),
    })))
    .await;
    let shop = shop(world, "shop", &there.url, &json!({"payment_method": "balance"})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let client = Client::of(&ann.api);
    let at = |path: &str| json!({"service_id": shop.service, "path": path});
    let failed = client.call("call_service", at("fail")).await;
    assert_eq!(
        (&failed["isError"], &told(&failed)["status"], &told(&failed)["body"]),
        (&json!(true), &json!(500), &json!({"error": "mine"}))
    );
    let mut dear = at("");
    dear["max_amount"] = json!("0.049999");
    let refused = client.refused("call_service", dear).await;
    assert_eq!((&refused["type"], &refused["required"]), (&json!("price-above-max"), &json!("0.05")));
    assert_eq!((there.calls(), ann.balance().await.0.as_str()), (1, "1.00"));
    // A refusal of the provider's is an answer, and paid.
    let refused = client.call("call_service", at("refuse")).await;
    assert_eq!((&refused["isError"], &told(&refused)["status"]), (&json!(true), &json!(422)));
    assert_eq!(ann.balance().await.0, "0.95");
    let bytes = client.done("call_service", at("bytes")).await;
    assert_eq!((&bytes["body"], &bytes["body_encoding"]), (&json!("/wAB"), &json!("base64")));
    let large = client.done("call_service", at("large")).await;
    assert_eq!((&large["truncated"], large["body"].as_str().unwrap().len()), (&json!(true), 262_144));
    assert_eq!(large["billing"]["amount"], "0.05");
    for path in ["../admin", "a/%2e%2e/b", "a\\..\\b", "x?y=1", "x#y", "a\r\nb"] {
        assert_eq!(client.refused("call_service", at(path)).await["type"], "path-refused", "{path}");
    }
    let poor = buyer(world, "poor", "0.01").await;
    let refused = Client::of(&poor.api).refused("call_service", at("")).await;
    assert_eq!(
        (&refused["type"], &refused["status"], &refused["available"]),
        (&json!("insufficient-balance"), &json!(402), &json!("0.01"))
    );
    let gone = client.refused("call_service", json!({"service_id": "0198c0de-0000-7000-8000-000000000001"})).await;
    assert_eq!(gone["type"], "not-found");
    let nobody = shop_at_nobody(world).await;
    let refused = client.refused("call_service", json!({"service_id": nobody})).await;
    assert_eq!((&refused["type"], &refused["status"]), (&json!("provider-unreachable"), &json!(502)));
}

journeys! {
    a_call_is_passed_on_and_paid_once,
    one_key_at_once_is_one_call,
    what_is_not_delivered_or_too_dear_costs_nothing,
}
