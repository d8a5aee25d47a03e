//! Arguments that mean no good: each is refused in words, and none is our fault.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::{
    super::proxy::shop::{buyer, shop},
    Client,
};
use crate::harness::{Agent, Answer, World, journeys};

async fn hostile_arguments_are_refused_by_name(world: &mut World) {
    let there = Agent::start(Answer::Echo).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let client = Client::of(&ann.api);
    let service = &shop.service;
    for (tool, arguments, field) in [
        ("search_services", json!({"limit": 1e30}), "limit"),
        ("search_services", json!({"limit": -1}), "limit"),
        ("search_services", json!({"limit": 18_446_744_073_709_551_615_u64}), "limit"),
        ("search_services", json!({"q": ["x"]}), "q"),
        ("search_services", json!({"querry": "x"}), "querry"),
        ("search_agents", json!({}), "query"),
        ("search_agents", json!({"query": 5}), "query"),
        ("search_agents", json!({"query": "x", "similarity_threshold": 3}), "similarity_threshold"),
        ("get_agent", json!({"agent_id": {}}), "agent_id"),
        ("list_categories", json!({"x": 1}), "x"),
        ("call_service", json!({}), "service_id"),
        ("call_service", json!({"service_id": service, "max_ammount": "0.01"}), "max_ammount"),
        ("call_service", json!({"service_id": service, "method": "TRACE"}), "method"),
        ("call_service", json!({"service_id": service, "query": {"a": {"b": 1}}}), "query.a"),
        ("call_service", json!({"service_id": service, "body": 1, "content_type": "text/plain"}), "body"),
        ("invoke_agent", json!({"agent_id": "a", "max_credits": -1}), "max_credits"),
        ("invoke_agent", json!({"agent_id": "a", "idempotency_key": ""}), "idempotency_key"),
        ("invoke_agent", json!({"agent_id": "a", "idempotency_key": "ä"}), "idempotency_key"),
        ("get_usage", json!({"side": "both"}), "side"),
        ("get_usage", json!({"service_id": "x"}), "service_id"),
        ("place_order", json!({"agent_id": "a", "side": "bid", "capability": "c", "price": 1e300}), "price"),
        ("place_order", json!({"agent_id": "a", "side": "up", "capability": "c", "price": 1}), "side"),
        ("list_orders", json!({"status": "open"}), "status"),
        ("cancel_order", json!({"order_id": "x"}), "order_id"),
    ] {
        let problem = client.refused(tool, arguments.clone()).await;
        assert!([400, 422].contains(&problem["status"].as_u64().unwrap()), "{tool} {arguments}: {problem}");
        assert_eq!(problem["errors"][0]["field"], format!("arguments.{field}"), "{tool} {arguments}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{tool} {arguments}: {problem}");
    }
    for (tool, arguments, kind) in [
        ("call_service", json!({"service_id": service, "max_amount": "NaN"}), "bad-max-amount"),
        ("call_service", json!({"service_id": service, "max_amount": "-0.05"}), "bad-max-amount"),
        ("call_service", json!({"service_id": service, "idempotency_key": "a\tb"}), "bad-idempotency-key"),
        ("call_service", json!({"service_id": service, "content_type": "a\r\nb: c", "body": "x"}), "bad-content-type"),
        ("call_service", json!({"service_id": "' or 1=1"}), "not-found"),
        ("get_order_book", json!({"capability": ""}), "validation-failed"),
        ("get_order_book", json!({"capability": "x".repeat(10_000)}), "validation-failed"),
    ] {
        assert_eq!(client.refused(tool, arguments.clone()).await["type"], kind, "{tool} {arguments}");
    }
    assert_eq!((there.calls(), ann.balance().await.0.as_str()), (0, "1.00"));
}

async fn hostile_messages_are_refused_by_number(world: &mut World) {
    let ann = buyer(world, "ann", "0").await;
    let api = ann.api.with("content-type", "application/json");
    let send = async |params: String| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        api.send(Method::POST, "/mcp", Bytes::from(body)).await
    };
    let deep = format!(r#"{{"name":"get_agent","arguments":{{"agent_id":{}}}}}"#, "[".repeat(5_000) + &"]".repeat(5_000));
    let answer = send(deep).await.expect(200);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let number = r#"{"name":"search_services","arguments":{"limit":1e999}}"#.to_owned();
    assert_eq!(send(number).await.expect(200)["result"]["isError"], true);
    let half = r#"{"name":"get_agent","arguments":{"agent_id":"\ud800"}}"#.to_owned();
    assert_eq!(send(half).await.expect(200)["result"]["isError"], true);
    for params in [
        r#"{"name":"get_agent","arguments":{"agent_id":"a\u0000b"}}"#,
        r#"{"name":"no\u0000such"}"#,
        r#"{"name":"no_such"}"#,
        r#"{"name":5}"#,
        r#"{"name":null}"#,
        r#"{}"#,
        r#"{"name":"get_agent","arguments":[]}"#,
        r#"{"name":"get_agent","arguments":"x"}"#,
        r#"{"name":"get_agent","name":"get_agent","arguments":{}}"#,
    ] {
        let answer = send(params.to_owned()).await;
        assert!([200, 400].contains(&answer.status), "{params}: {}", answer.status);
        assert_eq!(answer.json()["error"]["code"], -32_602, "{params}: {}", answer.text());
    }
    // Twice the same argument could be read in two ways.
    let twice = r#"{"name":"get_balance","arguments":{"buyer_id":"ann","buyer_id":"bob"}}"#.to_owned();
    assert_eq!(send(twice).await.expect(200)["result"]["isError"], true);
    let null = send(r#"{"name":"get_balance","arguments":null}"#.to_owned()).await.expect(200);
    assert_eq!(null["result"]["isError"], false, "{null}");
    let log = world.server.log();
    assert!(!log.contains("panicked") && !log.contains("\"level\":\"ERROR\""), "{log}");
}

journeys! {
    hostile_arguments_are_refused_by_name,
    hostile_messages_are_refused_by_number,
}
