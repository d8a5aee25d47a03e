//! Both versions and both bindings of the protocol, and what is refused in which words.

use http::Method;
use serde_json::{Value, json};

use super::peer::{address, call, call_legacy, code, events, message};
use crate::harness::{Agent, Answer, Api, World, journeys, text};

async fn messages_become_tasks_in_version_1_0(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let at = address(&bob.register_agent("Echo", &endpoint, Some(10)).await);
    let sent = call(&ada.api, &at, "SendMessage", message("m1", "hello")).await;
    let task = &sent["result"]["task"];
    assert_eq!(task["status"]["state"], "TASK_STATE_COMPLETED", "{sent}");
    assert_eq!(task["artifacts"][0]["parts"][0]["data"], json!({"echo": {"message": "hello"}}));
    assert_eq!(
        (&task["metadata"]["credits_charged"], task["history"][0]["parts"][0]["text"].as_str()),
        (&json!(10), Some("hello"))
    );
    assert_eq!(ada.balance().await, 490);
    // The same message again is a repeat: its task, and no second call.
    let again = call(&ada.api, &at, "SendMessage", message("m1", "hello")).await;
    assert_eq!((&again["result"]["task"]["id"], endpoint.calls(), ada.balance().await), (&task["id"], 1, 490));
    let got = call(&ada.api, &at, "GetTask", json!({"id": task["id"], "historyLength": 0})).await;
    assert!(got["result"]["history"].is_null() && got["result"]["artifacts"].is_array(), "{got}");
    let listed = call(&ada.api, "/a2a", "ListTasks", json!({})).await;
    assert_eq!((&listed["result"]["totalSize"], &listed["result"]["nextPageToken"]), (&json!(1), &json!("")));
    assert!(listed["result"]["tasks"][0].get("artifacts").is_none());
    let canceled = call(&ada.api, &at, "CancelTask", json!({"id": task["id"]})).await;
    assert_eq!(code(&canceled), -32002);
    let more = json!({"message": {"messageId": "m2", "taskId": task["id"], "role": "ROLE_USER", "parts": [{"text": "more"}]}});
    assert_eq!(code(&call(&ada.api, &at, "SendMessage", more).await), -32004);
    assert_eq!(code(&call(&ada.api, &at, "SubscribeToTask", json!({"id": task["id"]})).await), -32004);
    // Data goes as it is, with what is said beside it.
    let both = json!({"message": {"messageId": "m3", "role": "ROLE_USER", "parts": [{"data": {"n": 1}}, {"text": "hi"}]}});
    let both = call(&ada.api, &at, "SendMessage", both).await;
    assert_eq!(both["result"]["task"]["artifacts"][0]["parts"][0]["data"]["echo"], json!({"n": 1, "message": "hi"}));
}

async fn the_older_version_is_spoken_when_no_header_says_otherwise(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Json(200, json!({"text": "Hello"}))).await;
    let at = address(&bob.register_agent("Greeter", &endpoint, None).await);
    let said =
        json!({"message": {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}});
    let sent = call_legacy(&ada.api, &at, "message/send", said.clone()).await;
    let task = &sent["result"];
    assert_eq!((&task["kind"], &task["status"]["state"]), (&json!("task"), &json!("completed")), "{sent}");
    assert_eq!(task["artifacts"][0]["parts"], json!([{"kind": "text", "text": "Hello"}]));
    let got = call_legacy(&ada.api, &at, "tasks/get", json!({"id": task["id"]})).await;
    assert_eq!(got["result"]["history"][0]["role"], "user");
    assert_eq!(code(&call_legacy(&ada.api, &at, "tasks/cancel", json!({"id": task["id"]})).await), -32002);
    let mut other = said;
    other["message"]["messageId"] = json!("m2");
    let body = json!({"jsonrpc": "2.0", "id": "s", "method": "message/stream", "params": other});
    let told = events(&ada.api.post(&at, &body).await);
    let kinds: Vec<_> = told.iter().map(|event| text(&event["result"]["kind"])).collect();
    assert_eq!(kinds, ["task", "artifact-update", "status-update"]);
    assert_eq!((&told[2]["result"]["final"], &told[2]["id"]), (&json!(true), &json!("s")));
    for (version, method, expected) in [
        ("1.0", "message/send", -32009),
        ("0.3", "SendMessage", -32009),
        ("", "SendMessage", -32009),
        ("2.0", "SendMessage", -32009),
        ("banana", "message/send", -32009),
        ("1.0", "Evil", -32601),
        ("0.3.7", "tasks/list", -32601),
    ] {
        let api = ada.api.with("a2a-version", version);
        let reply = api.post(&at, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}})).await.expect(200);
        assert_eq!(code(&reply), expected, "{version} {method}");
    }
}

async fn the_http_binding_has_the_same_operations_as_resources(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let at = address(&bob.register_agent("Echo", &endpoint, None).await);
    let api = ada.api.with("a2a-version", "1.0");
    let sent = api.post(&format!("{at}/message:send"), &message("m1", "hello")).await;
    assert_eq!(sent.header("content-type"), Some("application/a2a+json"));
    let id = text(&sent.expect(200)["task"]["id"]);
    for place in [at.as_str(), "/a2a"] {
        let got = api.get(&format!("{place}/tasks/{id}?historyLength=1")).await.expect(200);
        assert_eq!((&got["id"], got["history"].as_array().map(Vec::len)), (&json!(id), Some(1)));
        let listed =
            api.get(&format!("{place}/tasks?pageSize=1&includeArtifacts=true&status=TASK_STATE_COMPLETED")).await.expect(200);
        assert_eq!((&listed["totalSize"], listed["tasks"][0]["artifacts"].is_array()), (&json!(1), true));
    }
    let streamed = api.with("content-type", "application/a2a+json");
    let streamed = streamed.send(Method::POST, &format!("{at}/message:stream"), message("m2", "hi").to_string().into()).await;
    let told = events(&streamed);
    assert!(told[0]["task"].is_object() && told[1]["artifactUpdate"].is_object(), "{told:?}");
    assert_eq!(told[2]["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED");
    let refused = async |method: Method, path: String, body: Value, status: u16, reason: &str| {
        let reply = api.send_json(method, &path, &body).await;
        let told = reply.expect(status);
        assert_eq!(reply.header("content-type"), Some("application/a2a+json"), "{told}");
        assert_eq!((&told["error"]["code"], &told["error"]["details"][0]["reason"]), (&json!(status), &json!(reason)), "{path}");
    };
    refused(Method::POST, format!("{at}/tasks/{id}:cancel"), json!({}), 409, "TASK_NOT_CANCELABLE").await;
    refused(Method::GET, format!("{at}/tasks/nope"), json!({}), 404, "TASK_NOT_FOUND").await;
    refused(Method::GET, format!("{at}/tasks/{id}:subscribe"), json!({}), 400, "UNSUPPORTED_OPERATION").await;
    refused(Method::GET, format!("{at}/tasks?pageSize=-1"), json!({}), 400, "INVALID_PARAMS").await;
    refused(Method::GET, "/a2a/agents/nobody/tasks".to_owned(), json!({}), 404, "AGENT_NOT_FOUND").await;
    refused(Method::POST, format!("{at}/message:send"), json!([]), 400, "INVALID_REQUEST").await;
    refused(Method::POST, format!("{at}/message:send"), json!({}), 400, "INVALID_PARAMS").await;
    let image = json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"raw": "dGNr", "mediaType": "image/png"}]}});
    refused(Method::POST, format!("{at}/message:send"), image, 415, "CONTENT_TYPE_NOT_SUPPORTED").await;
    let old = ada.api.get(&format!("{at}/tasks/{id}")).await.expect(400);
    assert_eq!(old["error"]["details"][0]["reason"], "VERSION_NOT_SUPPORTED");
    // The other references' tasks are others.
    assert!(!api.get("/tasks").await.expect(200).to_string().contains(&id));
}

async fn hostile_requests_are_refused_in_the_protocols_words(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let at = address(&bob.register_agent("Echo", &endpoint, None).await);
    let api = ada.api.with("a2a-version", "1.0").with("content-type", "application/json");
    let raw = async |api: &Api, body: Vec<u8>| api.send(Method::POST, &at, body.into()).await;
    for (body, expected) in [
        (b"{".to_vec(), -32700),
        (b"\xff\xfe".to_vec(), -32700),
        (Vec::new(), -32700),
        ("[".repeat(100_000).into_bytes(), -32700),
        (b"[]".to_vec(), -32600),
        (b"null".to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":{},"method":"GetTask"}"#.to_vec(), -32600),
        (format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"GetTask"}}"#, "9".repeat(500_000)).into_bytes(), -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"\u0000"}}"#.to_vec(), -32602),
        (br#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":7}}"#.to_vec(), -32602),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{"pageToken":"9223372036854775807.0198c0de-0000-7000-8000-000000000001"}}"#.to_vec(), -32602),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{"statusTimestampAfter":"tomorrow"}}"#.to_vec(), -32602),
    ] {
        let reply = raw(&api, body.clone()).await;
        assert_eq!(code(&reply.expect(200)), expected, "{:.80}", String::from_utf8_lossy(&body));
    }
    assert_eq!(raw(&api, vec![b' '; 2 << 20]).await.status, 413);
    let bad_messages = [
        json!({}),
        json!({"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "x"}]}),
        json!({"messageId": "m", "role": "ROLE_USER", "parts": []}),
        json!({"messageId": "m", "role": "ROLE_USER", "parts": [{}]}),
        json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "x", "data": 1}]}),
        json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"raw": "%%%"}]}),
        json!({"messageId": "", "role": "ROLE_USER", "parts": [{"text": "x"}]}),
        json!({"messageId": "m".repeat(300), "role": "ROLE_USER", "parts": [{"text": "x"}]}),
        json!({"messageId": "m\r\nX-Evil: 1", "role": "ROLE_USER", "parts": [{"text": "x"}]}),
        json!({"messageId": "m", "contextId": "c".repeat(300), "role": "ROLE_USER", "parts": [{"text": "x"}]}),
        json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "x".repeat(300_000)}]}),
        json!({"messageId": "m", "role": "ROLE_USER", "parts": vec![json!({"text": "x"}); 65]}),
    ];
    for bad in bad_messages {
        let answer = call(&ada.api, &at, "SendMessage", json!({"message": bad})).await;
        assert_eq!(code(&answer), -32602, "{:.80}", bad.to_string());
    }
    assert_eq!(endpoint.calls(), 0);
    // Somebody else's task is not there, whoever asks.
    let task = text(&call(&ada.api, &at, "SendMessage", message("m", "mine")).await["result"]["task"]["id"]);
    let (eve, admin) = (world.person("eve").await, &bob);
    for person in [&eve, admin] {
        for method in ["GetTask", "CancelTask", "SubscribeToTask"] {
            assert_eq!(code(&call(&person.api, &at, method, json!({"id": task})).await), -32001);
        }
        assert_eq!(code(&call(&person.api, &at, "ListTaskPushNotificationConfigs", json!({"taskId": task})).await), -32001);
        let more = json!({"message": {"messageId": "m", "taskId": task, "role": "ROLE_USER", "parts": [{"text": "x"}]}});
        assert_eq!(code(&call(&person.api, &at, "SendMessage", more).await), -32001);
    }
    let other = address(&bob.register_agent("Other", &endpoint, None).await);
    assert_eq!(code(&call(&ada.api, &other, "GetTask", json!({"id": task})).await), -32001, "another agent's address");
    world.stranger().post(&at, &json!({"jsonrpc": "2.0", "id": 1, "method": "GetTask"})).await.expect_problem(401);
    let nobody = ada.api.post("/a2a/agents/nobody", &json!({"jsonrpc": "2.0", "id": 1, "method": "GetTask"})).await;
    assert_eq!(nobody.expect_problem(404)["error"]["code"], -32602);
}

async fn the_platform_finds_agents_and_calls_the_one_that_is_named(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = bob.register_agent("Summarizer", &endpoint, Some(3)).await;
    let found = call(&ada.api, "/a2a", "SendMessage", message("m1", "summarizer")).await;
    let agents = &found["result"]["task"]["artifacts"][0]["parts"][0]["data"]["agents"];
    assert_eq!((&agents[0]["agent_id"], &agents[0]["credits_per_call"]), (&agent["agent_id"], &json!(3)), "{found}");
    let mut named = message("m2", "hello");
    named["message"]["metadata"] = json!({"agent_id": agent["agent_id"]});
    let called = call(&ada.api, "/a2a", "SendMessage", named).await;
    assert_eq!(called["result"]["task"]["status"]["state"], "TASK_STATE_COMPLETED", "{called}");
    assert_eq!(ada.balance().await, 497);
    let mut unknown = message("m3", "hello");
    unknown["message"]["metadata"] = json!({"agent_id": "nobody"});
    let refused = call(&ada.api, "/a2a", "SendMessage", unknown).await;
    assert_eq!(refused["result"]["task"]["status"]["state"], "TASK_STATE_REJECTED");
    let card = call(&ada.api, "/a2a", "GetExtendedAgentCard", json!({})).await;
    assert_eq!(card["result"]["name"], "Rialto");
    // The test kit's messages are ordinary ones, unless the server was started for it.
    let kit = call(&ada.api, "/a2a", "SendMessage", message("tck-input-required-x", "hello")).await;
    assert_eq!(kit["result"]["task"]["status"]["state"], "TASK_STATE_COMPLETED");
}

async fn the_test_kits_scenarios_are_played_when_the_server_is_started_for_it(world: &mut World) {
    world.restart_with(&["--a2a-conformance=true"]).await;
    let ada = world.person("ada").await;
    let state = |answer: &Value| text(&answer["result"]["task"]["status"]["state"]);
    let done = call(&ada.api, "/a2a", "SendMessage", message("tck-complete-task-1", "x")).await;
    assert_eq!(
        (state(&done).as_str(), &done["result"]["task"]["status"]["message"]["parts"][0]["text"]),
        ("TASK_STATE_COMPLETED", &json!("Hello from TCK"))
    );
    let again = call(&ada.api, "/a2a", "SendMessage", message("tck-complete-task-1", "x")).await;
    assert_ne!(done["result"]["task"]["id"], again["result"]["task"]["id"]);
    let said = call(&ada.api, "/a2a", "SendMessage", message("tck-message-response-1", "x")).await;
    assert_eq!(said["result"]["message"]["parts"][0]["text"], "Direct message response");
    let rejected = call(&ada.api, "/a2a", "SendMessage", message("tck-reject-task-1", "x")).await;
    assert_eq!(state(&rejected), "TASK_STATE_REJECTED");
    let file = call(&ada.api, "/a2a", "SendMessage", message("tck-artifact-file-url-1", "x")).await;
    assert_eq!(file["result"]["task"]["artifacts"][0]["parts"][0]["url"], "https://example.com/output.txt");
    let asks = call(&ada.api, "/a2a", "SendMessage", message("tck-input-required-1", "x")).await;
    assert_eq!(state(&asks), "TASK_STATE_INPUT_REQUIRED");
    let task = asks["result"]["task"]["id"].clone();
    let reply =
        json!({"message": {"messageId": "tck-complete-task-2", "taskId": task, "role": "ROLE_USER", "parts": [{"text": "y"}]}});
    let answered = call(&ada.api, "/a2a", "SendMessage", reply).await;
    assert_eq!((state(&answered).as_str(), &answered["result"]["task"]["id"]), ("TASK_STATE_COMPLETED", &task));
    let open = call(&ada.api, "/a2a", "SendMessage", message("tck-input-required-2", "x")).await;
    let canceled = call(&ada.api, "/a2a", "CancelTask", json!({"id": open["result"]["task"]["id"]})).await;
    assert_eq!(canceled["result"]["status"]["state"], "TASK_STATE_CANCELED", "{canceled}");
    let mut quick = message("tck-delayed-complete-1", "x");
    quick["configuration"] = json!({"returnImmediately": true});
    assert_eq!(state(&call(&ada.api, "/a2a", "SendMessage", quick).await), "TASK_STATE_WORKING");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": message("tck-stream-artifact-chunked-1", "x")});
    let told = events(&ada.api.with("a2a-version", "1.0").post("/a2a", &body).await);
    let chunks: Vec<_> =
        told.iter().filter_map(|event| event["result"]["artifactUpdate"]["artifact"]["parts"][0]["text"].as_str()).collect();
    assert_eq!(chunks.concat(), "chunk-1 chunk-2", "{told:?}");
}

journeys! {
    messages_become_tasks_in_version_1_0,
    the_older_version_is_spoken_when_no_header_says_otherwise,
    the_http_binding_has_the_same_operations_as_resources,
    hostile_requests_are_refused_in_the_protocols_words,
    the_platform_finds_agents_and_calls_the_one_that_is_named,
    the_test_kits_scenarios_are_played_when_the_server_is_started_for_it,
}
