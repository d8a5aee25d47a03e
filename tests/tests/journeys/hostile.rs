//! What a client should not send: always refused with 4xx, never with 500, and nothing moves.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{Api, World, journeys};

async fn amounts_that_are_none_are_refused_and_nothing_moves(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let amounts = [
        "0",
        "-1",
        "9223372036854775808",
        "9007199254740992",
        "18446744073709551616",
        "\"5\"",
        "5.5",
        "1e3",
        "null",
        "true",
        "[]",
        "{}",
    ];
    let mut wrong = Vec::new();
    for amount in amounts {
        for (path, rest) in [
            (format!("/wallets/{}/credit", ada.wallet), String::new()),
            (format!("/wallets/{}/debit", ada.wallet), String::new()),
            (format!("/wallets/{}/grant", ada.wallet), ", \"grant_type\": \"grant_reward\"".into()),
            (
                "/wallets/transfer".into(),
                format!(", \"from_wallet_id\": \"{}\", \"to_wallet_id\": \"{}\"", ada.wallet, bob.wallet),
            ),
        ] {
            let body = format!("{{\"amount\": {amount}{rest}}}");
            let reply = ada.api.with("content-type", "application/json").send(Method::POST, &path, body.into()).await;
            if !(400..500).contains(&reply.status) {
                wrong.push(format!("{path} {amount}: {} {}", reply.status, reply.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!((ada.balance().await, bob.balance().await), (500, 500));
    for price in ["-1", "5.5", "\"5\"", "9223372036854775808"] {
        let body = format!(r#"{{"name": "A", "description": "B", "endpoint": "http://127.0.0.1:9/", "base_price": {price}}}"#);
        let reply = ada.api.with("content-type", "application/json").send(Method::POST, "/registry/agents", body.into()).await;
        assert!((400..500).contains(&reply.status), "base_price {price}: {} {}", reply.status, reply.text());
    }
}

/// The largest amount is fine, and one more on top of it is refused rather than wrapped.
async fn a_balance_does_not_wrap(world: &mut World) {
    let ada = world.person("ada").await;
    let path = format!("/wallets/{}/credit", ada.wallet);
    ada.api.post(&path, &json!({"amount": 9_007_199_254_740_991_i64 - 500})).await.expect(200);
    let reply = ada.api.post(&path, &json!({"amount": 1})).await;
    assert!((400..500).contains(&reply.status), "{} {}", reply.status, reply.text());
    assert_eq!(ada.balance().await, 9_007_199_254_740_991);
}

async fn bodies_that_are_no_json_are_refused(world: &mut World) {
    let ada = world.person("ada").await;
    let paths = ["/auth/register", "/auth/login", "/auth/api-keys", "/registry/agents", "/wallets/transfer", "/broker/invoke"];
    let bodies: [(&str, Vec<u8>); 10] = [
        ("half", b"{\"amount\": ".to_vec()),
        ("words", b"amount=5".to_vec()),
        ("two", b"{} {}".to_vec()),
        ("an array", b"[1, 2]".to_vec()),
        ("a number", b"7".to_vec()),
        ("not UTF-8", b"{\"name\": \"\xff\xfe\"}".to_vec()),
        ("a raw NUL", b"{\"name\": \"a\0b\"}".to_vec()),
        ("an escaped NUL", br#"{"name": "a\u0000b", "email": "a\u0000@example.com", "agent_id": "\u0000"}"#.to_vec()),
        ("a lone surrogate", br#"{"name": "\ud800", "email": "\ud800@example.com", "agent_id": "\udfff"}"#.to_vec()),
        ("deep", [b"{\"input\": ".as_slice(), &b"[".repeat(100_000), &b"]".repeat(100_000), b"}"].concat()),
    ];
    for path in paths {
        for (what, body) in &bodies {
            let reply = ada.api.with("content-type", "application/json").send(Method::POST, path, body.clone().into()).await;
            assert_eq!(reply.status, 422, "{path}, {what}: {}", reply.text());
            assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{path}, {what}");
        }
        let empty = ada.api.send(Method::POST, path, Bytes::new()).await;
        empty.expect_problem(422);
    }
}

async fn a_body_of_another_type_or_too_large_is_refused(world: &mut World) {
    let ada = world.person("ada").await;
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "nonsense"]
    {
        let api = ada.api.with("content-type", kind);
        let reply = api.send(Method::POST, "/wallets/transfer", r#"{"amount": 1}"#.into()).await;
        assert!([415, 422].contains(&reply.status), "{kind}: {} {}", reply.status, reply.text());
    }
    let large = Bytes::from(format!(r#"{{"name": "{}"}}"#, "x".repeat(10 << 20)));
    for path in ["/auth/register", "/registry/agents", "/broker/invoke", "/wallets/transfer"] {
        let reply = ada.api.with("content-type", "application/json").send(Method::POST, path, large.clone()).await;
        assert_eq!(reply.status, 413, "{path}: {}", reply.text());
    }
    world.stranger().get("/health").await.expect(200);
}

async fn a_compressed_body_is_not_read(world: &mut World) {
    let ada = world.person("ada").await;
    let api = ada.api.with("content-type", "application/json");
    for coding in ["gzip", "br", "gzip, identity", "nonsense"] {
        let reply = api.with("content-encoding", coding).send(Method::POST, "/wallets/transfer", r#"{"amount": 1}"#.into()).await;
        reply.expect_problem(415);
        assert_eq!(reply.header("accept-encoding"), Some("identity"), "{coding}");
    }
    let plain = api.with("content-encoding", "identity").send(Method::POST, "/wallets/transfer", r#"{"amount": 1}"#.into()).await;
    plain.expect_problem(422);
}

async fn a_list_is_no_object(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    // The fields of the object, in their order.
    let transfer = json!([ada.wallet, bob.wallet, 1, null]);
    ada.api.post("/wallets/transfer", &transfer).await.expect_problem(422);
}

/// A page of `path`, by its query.
async fn page(api: &Api, path: &str, query: &str) -> u16 {
    api.get(&format!("{path}?{query}")).await.status
}

async fn pages_out_of_range_are_refused(world: &mut World) {
    let ada = world.person("ada").await;
    let lists = [
        "/registry/agents".to_owned(),
        "/registry/agents/new".into(),
        "/registry/agents/trending".into(),
        "/registry/my-agents".into(),
        "/broker/logs".into(),
        "/conversations".into(),
        "/auth/api-keys".into(),
        format!("/wallets/{}/transactions", ada.wallet),
    ];
    for list in &lists {
        for query in ["limit=-1", "limit=0", "limit=1000000000", "limit=99999999999999999999", "limit=ten", "limit=5.5"] {
            assert_eq!(page(&ada.api, list, query).await, 422, "{list}?{query}");
        }
        assert_eq!(page(&ada.api, list, "limit=1").await, 200, "{list}");
    }
    for list in ["/registry/agents", "/broker/logs", "/auth/api-keys"] {
        for query in ["offset=-1", "offset=99999999999999999999", "offset=x"] {
            assert_eq!(page(&ada.api, list, query).await, 422, "{list}?{query}");
        }
        assert_eq!(page(&ada.api, list, "offset=100000").await, 200, "{list}: past the end is an empty page");
    }
}

async fn words_outside_a_list_of_words_are_refused(world: &mut World) {
    let ada = world.person("ada").await;
    let agent = |key: &str, value: Value| {
        let mut body = json!({"name": "A", "description": "B", "endpoint": "http://127.0.0.1:9/"});
        body[key] = value;
        body
    };
    ada.api.post("/registry/agents", &agent("auth_type", json!("magic"))).await.expect_problem(422);
    ada.api.post("/registry/agents", &agent("pricing_strategy", json!("haggling"))).await.expect_problem(422);
    let grant = json!({"amount": 5, "grant_type": "grant_everything"});
    ada.api.post(&format!("/wallets/{}/grant", ada.wallet), &grant).await.expect_problem(422);
    ada.api.get("/broker/logs?status=perhaps").await.expect_problem(422);
}

async fn ids_that_are_none_are_refused(world: &mut World) {
    let ada = world.person("ada").await;
    for id in ["1", "x", "%00", "..%2f..%2fetc", "%F0%9F%92%A5", "0198c0de-0000-7000-8000", &"9".repeat(5_000)] {
        for path in ["/wallets/", "/conversations/", "/credits/purchases/"] {
            let reply = ada.api.get(&format!("{path}{id}")).await;
            assert!((400..500).contains(&reply.status), "{path}{id}: {}", reply.status);
        }
        let reply = ada.api.delete(&format!("/auth/api-keys/{id}")).await;
        assert!((400..500).contains(&reply.status), "{id}: {}", reply.status);
        let reply = ada.api.get(&format!("/registry/agents/{id}")).await;
        assert!((400..500).contains(&reply.status), "{id}: {}", reply.status);
    }
    let unknown = "0198c0de-0000-7000-8000-000000000001";
    for path in ["/wallets/", "/conversations/", "/registry/agents/"] {
        ada.api.get(&format!("{path}{unknown}")).await.expect_problem(404);
    }
}

/// Endpoints that lead to this machine or a private network, in every disguise.
const DISGUISES: [&str; 34] = [
    "http://127.0.0.1/",
    "http://127.0.0.1:8000/x",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://sub.localhost/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:10.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[fc00::1]/",
    "http://[fe80::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://example.com@127.0.0.1/",
    "http://127。0。0。1/",
    "http://①②⑦.0.0.1/",
    "http://ip6-localhost/",
];

async fn endpoints_on_private_networks_are_refused_in_every_disguise(world: &mut World) {
    world.restart_with(&["--outbound-allow="]).await;
    let ada = world.person("ada").await;
    let others = [
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "//example.com",
        "not a url",
        "",
        "http://exa mple.com/",
    ];
    for endpoint in DISGUISES.iter().chain(&others) {
        let flat = json!({"name": "A", "description": "B", "endpoint": endpoint});
        let manifest = json!({
            "agent_id": "agent:test:a:1.0.0", "name": "A", "description": "B", "version": "1.0.0",
            "endpoints": {"invoke": endpoint}, "capabilities": [{"id": "a"}],
        });
        for body in [flat, manifest] {
            let reply = ada.api.post("/registry/agents", &body).await;
            assert!([400, 422].contains(&reply.status), "{endpoint}: {} {}", reply.status, reply.text());
        }
    }
    let listed = world.stranger().get("/registry/agents").await.expect(200);
    assert_eq!(listed, json!([]));
}

/// What was allowed when it was registered is judged again when it is called.
async fn an_endpoint_is_judged_again_at_the_call(world: &mut World) {
    let ada = world.person("ada").await;
    let endpoint = crate::harness::Agent::start(crate::harness::Answer::Echo).await;
    let agent = ada.register_agent("Local", &endpoint, Some(10)).await;
    ada.invoke(&agent, json!({})).await.expect(200);
    world.restart_with(&["--outbound-allow="]).await;
    let ada = crate::harness::signed_in(&world.stranger(), &ada.email).await;
    let refused = ada.post("/broker/invoke", &json!({"agent_id": agent["agent_id"], "input": {}})).await.expect(200);
    assert_eq!((&refused["success"], &refused["status_code"]), (&json!(false), &json!(400)), "{refused}");
    assert_eq!(endpoint.calls(), 1);
    let wallet = ada.get("/wallets/me").await.expect(200);
    assert_eq!(wallet["balance"], 490, "only the call that was made was charged");
}

journeys! {
    amounts_that_are_none_are_refused_and_nothing_moves,
    a_balance_does_not_wrap,
    bodies_that_are_no_json_are_refused,
    a_body_of_another_type_or_too_large_is_refused,
    a_compressed_body_is_not_read,
    a_list_is_no_object,
    pages_out_of_range_are_refused,
    words_outside_a_list_of_words_are_refused,
    ids_that_are_none_are_refused,
    endpoints_on_private_networks_are_refused_in_every_disguise,
    an_endpoint_is_judged_again_at_the_call,
}
