//! The protocol itself: versions, headers, messages.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{super::proxy::shop::buyer, Client};
use crate::harness::{Api, World, journeys};

const PUBLIC: [&str; 6] = ["search_agents", "get_agent", "search_services", "get_service", "list_categories", "get_order_book"];
const OWN: [&str; 7] = ["invoke_agent", "call_service", "get_balance", "get_usage", "place_order", "list_orders", "cancel_order"];

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": "a", "method": method, "params": params})
}

/// A request of the version without a handshake, and a client that sends its headers.
fn stateless(api: &Api, method: &str, mut params: Value) -> (Api, Value) {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let api = api.with("mcp-protocol-version", "2026-07-28").with("mcp-method", method);
    let api = params["name"].as_str().map_or_else(|| api.clone(), |name| api.with("mcp-name", name));
    (api, request(method, params))
}

async fn older_clients_shake_hands_and_need_no_session(world: &mut World) {
    let api = world.stranger();
    let hands = |version: &str| {
        request(
            "initialize",
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}),
        )
    };
    for (asked, agreed) in [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
    ] {
        let reply = api.post("/mcp", &hands(asked)).await;
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("mcp-session-id"), None);
        let answer = reply.expect(200);
        assert_eq!((&answer["id"], &answer["result"]["protocolVersion"]), (&json!("a"), &json!(agreed)), "{asked}");
        assert!(answer["result"]["capabilities"]["tools"].is_object() && answer["result"]["serverInfo"]["name"] == "rialto");
        let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let reply = api.with("mcp-protocol-version", agreed).post("/mcp", &told).await;
        assert_eq!((reply.status, reply.body.len()), (202, 0));
        let pinged = api.with("mcp-protocol-version", agreed).post("/mcp", &request("ping", json!({}))).await.expect(200);
        assert_eq!(pinged, json!({"jsonrpc": "2.0", "id": "a", "result": {}}));
    }
    let answer = api.post("/mcp", &request("initialize", json!({}))).await.expect(200);
    assert_eq!(answer["error"]["code"], -32_602);
    let answer = api.post("/mcp", &request("resources/list", json!({}))).await.expect(200);
    assert_eq!(answer["error"]["code"], -32_601);
    // An answer to what was never asked is taken, and forgotten.
    assert_eq!(api.post("/mcp", &json!({"jsonrpc": "2.0", "id": 1, "result": {}})).await.status, 202);
    let answer = api.with("mcp-protocol-version", "1999-01-01").post("/mcp", &request("ping", json!({}))).await.expect(400);
    assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["requested"]), (&json!(-32_022), &json!("1999-01-01")));
    assert_eq!(answer["error"]["data"]["supported"], json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]));
}

async fn the_latest_version_has_no_handshake(world: &mut World) {
    let stranger = world.stranger();
    let ask = async |method: &str, params: Value| {
        let (api, message) = stateless(&stranger, method, params);
        api.post("/mcp", &message).await
    };
    let found = ask("server/discover", json!({})).await.expect(200)["result"].clone();
    assert_eq!((&found["resultType"], &found["cacheScope"]), (&json!("complete"), &json!("public")));
    assert_eq!(found["supportedVersions"][0], "2026-07-28");
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "rialto");
    assert!(found["capabilities"]["tools"].is_object() && found["ttlMs"].is_u64() && found["instructions"].is_string());
    let listed = ask("tools/list", json!({})).await.expect(200)["result"].clone();
    assert_eq!((&listed["resultType"], &listed["cacheScope"]), (&json!("complete"), &json!("private")));
    assert!(listed["ttlMs"].is_u64() && listed["nextCursor"].is_null());
    let called = ask("tools/call", json!({"name": "list_categories"})).await.expect(200)["result"].clone();
    assert_eq!((&called["resultType"], &called["isError"]), (&json!("complete"), &json!(false)));
    assert_eq!(called["structuredContent"], json!({"categories": []}));
    for method in ["initialize", "ping", "nothing/such"] {
        assert_eq!(ask(method, json!({})).await.expect(404)["error"]["code"], -32_601, "{method}");
    }
    assert_eq!(ask("tools/call", json!({"name": "no_such"})).await.expect(400)["error"]["code"], -32_602);

    let (api, message) = stateless(&stranger, "tools/list", json!({}));
    let other = |name: &str| {
        let mut other = message.clone();
        other["params"]["_meta"].as_object_mut().unwrap().remove(name);
        other
    };
    let lacking = other("io.modelcontextprotocol/clientCapabilities");
    assert_eq!(api.post("/mcp", &lacking).await.expect(400)["error"]["code"], -32_602);
    assert_eq!(stranger.post("/mcp", &message).await.expect(400)["error"]["code"], -32_020, "the headers are missing");
    let (wrong, _) = stateless(&stranger, "tools/call", json!({}));
    assert_eq!(wrong.post("/mcp", &message).await.expect(400)["error"]["code"], -32_020, "another method");
    let told = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(stranger.with("mcp-protocol-version", "2026-07-28").post("/mcp", &told).await.status, 202);
}

async fn what_is_no_message_is_refused_as_json_rpc_says(world: &mut World) {
    let api = world.stranger().with("content-type", "application/json");
    let send = async |body: &str| api.send(Method::POST, "/mcp", Bytes::copy_from_slice(body.as_bytes())).await;
    for body in ["{", "", "[1", "\u{feff}{}"] {
        let answer = send(body).await.expect(400);
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32_700), &Value::Null), "{body}");
    }
    let batch = format!("[{}]", request("ping", json!({})));
    for body in [&batch, "[]", "{}", "\"x\"", r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#] {
        assert_eq!(send(body).await.expect(400)["error"]["code"], -32_600, "{body}");
    }
    assert_eq!(
        send(r#"{"jsonrpc":"2.0","id":12345678901234567890123,"method":"ping"}"#).await.text(),
        r#"{"jsonrpc":"2.0","id":12345678901234567890123,"result":{}}"#
    );
    let answer = send(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#).await;
    assert_eq!(answer.json()["error"]["code"], -32_602);
    let large = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":"{}"}}}}"#, "x".repeat(2 << 20));
    send(&large).await.expect_problem(413);
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let reply = api.send(method.clone(), "/mcp", Bytes::new()).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{method}");
    }
    let ping = request("ping", json!({}));
    world.stranger().with("accept", "text/html").post("/mcp", &ping).await.expect_problem(406);
    world.stranger().with("accept", "text/event-stream").post("/mcp", &ping).await.expect_problem(406);
    for accept in ["application/json", "text/event-stream, application/json;q=0.9", "*/*"] {
        world.stranger().with("accept", accept).post("/mcp", &ping).await.expect(200);
    }
    let text = world.stranger().with("content-type", "text/plain");
    text.send(Method::POST, "/mcp", ping.to_string().into()).await.expect_problem(415);
}

async fn pages_of_others_may_not_ask(world: &mut World) {
    let ping = request("ping", json!({}));
    let asks = async |world: &World, origin: &str| world.stranger().with("origin", origin).post("/mcp", &ping).await.status;
    for origin in ["http://evil.example", "null", "https://localhost.evil.example"] {
        assert_eq!(asks(world, origin).await, 403, "{origin}");
    }
    let own = world.server.base().to_owned();
    for origin in ["http://localhost:6274", "http://127.0.0.1", &own] {
        assert_eq!(asks(world, origin).await, 200, "{origin}");
    }
    world.restart_with(&["--mcp-origins=https://inspector.example,https://other.example"]).await;
    assert_eq!(asks(world, "https://inspector.example").await, 200);
    assert_eq!(asks(world, "http://evil.example").await, 403);
}

async fn strangers_see_what_is_for_everybody_and_are_told_what_takes_a_credential(world: &mut World) {
    let stranger = Client::of(&world.stranger());
    assert_eq!(stranger.tools().await, PUBLIC);
    let ann = buyer(world, "ann", "0").await;
    let mut all: Vec<_> = PUBLIC.iter().chain(&OWN).copied().collect();
    let mut listed = Client::of(&ann.api).tools().await;
    all.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, all);
    for impostor in [world.stranger(), world.stranger().with_token("acf_0000000000000000:sec_wrong")] {
        let impostor = Client::of(&impostor);
        assert_eq!(impostor.tools().await, PUBLIC);
        for tool in OWN {
            assert_eq!(impostor.refused(tool, json!({})).await["type"], "not-authenticated", "{tool}");
        }
        let message = request("tools/call", json!({"name": "get_balance"}));
        assert_eq!(impostor.send(&message).await.header("www-authenticate"), Some("Bearer"));
    }
    let answer = stranger.send(&request("tools/list", json!({"cursor": "2"}))).await.expect(200);
    assert_eq!(answer["error"]["code"], -32_602);
}

async fn a_tool_says_what_it_takes_gives_and_does(world: &mut World) {
    let ann = buyer(world, "ann", "0").await;
    let listed = Client::of(&ann.api).ask("tools/list", json!({})).await;
    for tool in listed["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        assert!(tool["title"].is_string() && tool["description"].as_str().unwrap().len() > 20, "{name}");
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            assert_eq!(schema["type"], "object", "{name}");
            let text = schema.to_string();
            assert!(!text.contains("#/components/") && !text.contains("\"example\""), "{name}: {text}");
            for target in text.split("\"$ref\":\"#/$defs/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                assert!(schema["$defs"][target].is_object(), "{name} refers to {target}");
            }
        }
        let reads = name.starts_with("get_") || name.starts_with("list_") || name.starts_with("search_");
        assert_eq!(tool["annotations"]["readOnlyHint"], reads, "{name}");
        assert_eq!(tool["annotations"]["destructiveHint"], !reads, "{name}");
        let takes_key = tool["inputSchema"]["properties"]["idempotency_key"].is_object();
        assert_eq!(takes_key, ["call_service", "invoke_agent", "place_order"].contains(&name), "{name}");
    }
}

async fn the_door_and_the_descriptor_lead_there(world: &mut World) {
    let stranger = world.stranger();
    let door = stranger.get("/").await.expect(200);
    assert_eq!((&door["service"], &door["docs"], &door["mcp"]), (&json!("Rialto"), &json!("/docs"), &json!("/mcp")));
    let page = stranger.with("accept", "text/html,*/*").get("/").await;
    assert!(page.header("content-type").unwrap().starts_with("text/html") && page.text().contains("/docs"));
    let told = stranger.get("/api/v1/mcp/descriptor").await.expect(200);
    assert_eq!(told["endpoint"], format!("{}/mcp", world.server.base()));
    assert_eq!(told["tools"].as_array().unwrap().len(), PUBLIC.len() + OWN.len());
    assert_eq!((&told["services"], &told["total"], &told["limit"]), (&json!([]), &json!(0), &json!(50)));
    stranger.get("/api/v1/mcp/descriptor?limit=-1").await.expect_problem(422);
}

journeys! {
    older_clients_shake_hands_and_need_no_session,
    the_latest_version_has_no_handshake,
    what_is_no_message_is_refused_as_json_rpc_says,
    pages_of_others_may_not_ask,
    strangers_see_what_is_for_everybody_and_are_told_what_takes_a_credential,
    a_tool_says_what_it_takes_gives_and_does,
    the_door_and_the_descriptor_lead_there,
}
