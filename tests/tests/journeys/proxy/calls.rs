//! A call, its price, and what is told of it.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::{
    shop::{buyer, shop},
    upstream::{Part, Upstream, plain, raw},
};
use crate::harness::{World, eventually, journeys, text};

async fn money_comes_in_and_is_told_exactly(world: &mut World) {
    let ann = buyer(world, "ann", "0").await;
    let path = "/api/v1/balance/ann";
    let none = json!({
        "buyer_id": "ann", "balance": "0.00", "held": "0.00", "available": "0.00", "total_deposited": "0.00", "total_spent": "0.00",
        "owed": "0.00", "currency": "USDC",
    });
    assert_eq!(ann.api.get(path).await.expect(200), none);
    world.stranger().get(path).await.expect_problem(401);
    let bob = buyer(world, "bob", "0").await;
    bob.api.get(path).await.expect_problem(403);
    bob.api.get("/api/v1/balance/nobody").await.expect_problem(403);

    let once = ann.api.with("idempotency-key", "d1");
    let deposit = once.post("/api/v1/deposits", &json!({"amount": 10.5, "buyer_id": "ann"})).await.expect(200);
    assert_eq!((&deposit["amount"], &deposit["status"]), (&json!("10.50"), &json!("pending")));
    assert_eq!(once.post("/api/v1/deposits", &json!({"amount": 10.5, "buyer_id": "ann"})).await.expect(200), deposit);
    let place = format!("/api/v1/deposits/{}", text(&deposit["deposit_id"]));
    assert_eq!(ann.api.get(&place).await.expect(200), deposit);
    bob.api.get(&place).await.expect_problem(403);
    bob.api.post(&format!("{place}/confirm"), &json!({})).await.expect_problem(403);
    assert_eq!(ann.balance().await.0, "0.00", "it is pending");
    assert_eq!(ann.api.post(&format!("{place}/confirm"), &json!({})).await.expect(200)["status"], "completed");
    ann.api.post(&format!("{place}/confirm"), &json!({})).await.expect_problem(409);
    let credited = ann.api.post("/api/v1/admin/credit?buyer_id=ann&amount=0.000001", &json!(null)).await.expect(200);
    assert_eq!((&credited["credited"], &credited["new_balance"]), (&json!("0.000001"), &json!("10.500001")));
    ann.api.post("/api/v1/admin/credit", &json!({"buyer_id": "bob", "amount": "1"})).await.expect_problem(403);
    for amount in [json!("0"), json!(-1), json!("1e3"), json!("NaN"), json!(10_000.01), json!("0.0000001")] {
        ann.api.post("/api/v1/deposits", &json!({"amount": amount})).await.expect_problem(400);
    }
    assert_eq!(ann.api.get(path).await.expect(200)["total_deposited"], "10.500001");

    // What is in a balance leaves it by calls alone.
    let accounts = ann.api.get("/ledger/accounts").await.expect(200);
    let listed = accounts.as_array().cloned().or_else(|| accounts["items"].as_array().cloned()).unwrap_or_default();
    if let Some(account) = listed.iter().find(|account| account["code"] == "buyer") {
        let body = json!({"debit_account_id": account["id"], "credit_account_id": account["id"], "amount": 1});
        let moved = ann.api.post("/ledger/transfers", &body).await;
        assert!((400..500).contains(&moved.status), "{}", moved.text());
    }
    world.restart_with(&["--sandbox=false"]).await;
    let ann = world.stranger().with("authorization", &ann.bearer);
    ann.post("/api/v1/admin/credit", &json!({"buyer_id": "ann", "amount": "1"})).await.expect_problem(403);
    let deposit = ann.post("/api/v1/deposits", &json!({"amount": "1"})).await.expect(200);
    let confirm = format!("/api/v1/deposits/{}/confirm", text(&deposit["deposit_id"]));
    ann.post(&confirm, &json!({})).await.expect_problem(403);
}

async fn a_call_is_passed_on_charged_and_told(world: &mut World) {
    let there = Upstream::answering(plain(200, "content-type: application/json\r\nx-own: 1\r\n", b"{\"ok\":true}")).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let sent = ann.api.with("x-own", "yes").with("accept", "a/b").with("cookie", "a=b");
    let answer = sent.post(&format!("{}/analyze?b=2&a=1&a=2", shop.path), &json!({"text": "hi"})).await;
    assert_eq!(answer.expect(200), json!({"ok": true}));
    let told = |name: &str| answer.header(name).unwrap_or_default().to_owned();
    assert_eq!((told("x-acf-amount").as_str(), told("x-acf-free-tier").as_str()), ("0.05", "false"));
    assert!(told("x-acf-latency-ms").parse::<u64>().is_ok() && told("x-own") == "1");
    let (head, body) = there.last();
    let lower = head.to_ascii_lowercase();
    assert!(head.starts_with("POST /base/analyze?b=2&a=1&a=2 HTTP/1.1\r\n"), "{head}");
    assert!(lower.contains("x-own: yes") && lower.contains("accept: a/b") && lower.contains("content-type: application/json"));
    for ours in ["authorization", "cookie", "acf_", "x-forwarded", "connection:"] {
        assert!(!lower.contains(ours), "{ours} in {head}");
    }
    assert_eq!(body, b"{\"text\":\"hi\"}");

    let usage = ann.last_usage().await;
    assert_eq!(usage["usage_id"], told("x-acf-usage-id"));
    assert_eq!((&usage["amount"], &usage["delivered"], &usage["status_code"]), (&json!("0.05"), &json!(true), &json!(200)));
    assert_eq!(ann.balance().await, ("0.95".to_owned(), "0.00".to_owned()));
    let earned = shop.api.get("/api/v1/usage/services").await.expect(200);
    assert_eq!((&earned["total_spent_usd"], &earned["total_calls"]), (&json!("0.05"), &json!(1)));
    let commission: f64 = text(&earned["total_commission_usd"]).parse().unwrap();
    assert!((0.0..=0.005).contains(&commission), "{earned}");

    // A refusal of the provider's is an answer like any other; its own failure is not.
    let whole = ann.api.get("/api/v1/balance/ann").await.expect(200);
    assert_eq!((&whole["total_deposited"], &whole["total_spent"]), (&json!("1.00"), &json!("0.05")));
    ann.api.get("/api/v1/proxy/0198c0de-0000-7000-8000-000000000001").await.expect_problem(404);
    ann.api.get("/api/v1/proxy/nothing/x").await.expect_problem(404);
    world.stranger().get(&shop.path).await.expect_problem(401);
    shop.api.patch(&format!("/api/v1/services/{}", shop.service), &json!({"status": "paused"})).await.expect(200);
    ann.api.get(&shop.path).await.expect_problem(409);
    shop.api.delete(&format!("/api/v1/services/{}", shop.service)).await.expect(200);
    ann.api.get(&shop.path).await.expect_problem(410);
    assert_eq!(there.calls(), 1);
}

async fn paths_reach_the_provider_byte_for_byte(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "5.00").await;
    for (asked, got) in [
        ("", "/base"),
        ("/", "/base"),
        ("/a//b/", "/base/a//b/"),
        ("/a%2Fb%20c", "/base/a%2Fb%20c"),
        ("/a?x=1&x=2&y=%2f&z", "/base/a?x=1&x=2&y=%2f&z"),
        ("/a%3Fb=c", "/base/a%3Fb=c"),
        ("?q=%7B%7D", "/base?q=%7B%7D"),
        ("/%C3%BC;a=b", "/base/%C3%BC;a=b"),
    ] {
        let answer = ann.api.get(&format!("{}{asked}", shop.path)).await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text());
        let line = there.last().0.lines().next().unwrap_or_default().to_owned();
        assert_eq!(line, format!("GET {got} HTTP/1.1"), "{asked}");
    }
    let calls = there.calls();
    for escape in [
        "/..",
        "/../x",
        "/x/../y",
        "/..%2f..%2fetc",
        "/%2e%2e/x",
        "/%2E./x",
        "/..%5cx",
        "/%252e%252e/x",
        "/a%0d%0ab",
        "/a%00",
        "/..;a/x",
    ] {
        let answer = ann.api.get(&format!("{}{escape}", shop.path)).await;
        assert_eq!(answer.status, 400, "{escape}: {}", answer.text());
    }
    assert_eq!(there.calls(), calls, "none of them reached anybody");
}

async fn methods_and_answers_without_bodies_are_what_they_are(world: &mut World) {
    let there = Upstream::start(|head, _| match head.split(' ').nth(1).unwrap_or_default() {
        "/base/204" => raw("HTTP/1.1 204 X\r\nx-a: 1\r\n\r\n"),
        "/base/304" => raw("HTTP/1.1 304 X\r\netag: \"1\"\r\ncontent-length: 99\r\n\r\n"),
        "/base/206" => plain(206, "content-range: bytes 0-3/10\r\n", b"abcd"),
        "/base/gzip" => plain(200, "content-encoding: gzip\r\n", &[31, 139, 8, 0, 255, 254]),
        "/base/302" => plain(302, "location: /elsewhere\r\n", b""),
        "/base/404" => plain(404, "", b"no"),
        _ if head.starts_with("HEAD") => raw("HTTP/1.1 200 X\r\ncontent-length: 1234\r\n\r\n"),
        _ => plain(200, "", head.split(' ').next().unwrap_or_default().as_bytes()),
    })
    .await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "5.00").await;
    let at = |path: &str| format!("{}/{path}", shop.path);
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = ann.api.send(method.clone(), &at("x"), Bytes::new()).await;
        assert_eq!(answer.text(), method.as_str());
    }
    let head = ann.api.send(Method::HEAD, &at("x"), Bytes::new()).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("1234"), 0));
    assert!(there.last().0.starts_with("HEAD "), "{}", there.last().0);
    let none = ann.api.get(&at("204")).await;
    assert_eq!((none.status, none.body.len(), none.header("x-a")), (204, 0, Some("1")));
    let same = ann.api.with("if-none-match", "\"1\"").get(&at("304")).await;
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some("\"1\"")));
    let part = ann.api.with("range", "bytes=0-3").get(&at("206")).await;
    assert_eq!((part.status, part.header("content-range"), part.text().as_str()), (206, Some("bytes 0-3/10"), "abcd"));
    assert!(there.last().0.to_ascii_lowercase().contains("range: bytes=0-3"));
    let packed = ann.api.get(&at("gzip")).await;
    assert_eq!((packed.header("content-encoding"), packed.body.as_ref()), (Some("gzip"), [31, 139, 8, 0, 255, 254].as_slice()));
    let moved = ann.api.get(&at("302")).await;
    assert_eq!((moved.status, moved.header("location")), (302, Some("/elsewhere")));
    assert_eq!(ann.api.get(&at("404")).await.status, 404);
    // Eleven calls, all delivered.
    let usage = ann.api.get("/api/v1/usage/me").await.expect(200);
    assert_eq!((&usage["total_calls"], &usage["total_spent_usd"]), (&json!(12), &json!("0.60")));
    assert_eq!(ann.balance().await.0, "4.40");
}

async fn providers_do_not_speak_in_our_name(world: &mut World) {
    let forged = "x-acf-amount: 999\r\nX-ACF-Usage-Id: forged\r\nset-cookie: a=b\r\npayment-required: e30=\r\nx-request-id: theirs\r\n\
        access-control-allow-credentials: true\r\nstrict-transport-security: max-age=1\r\nconnection: x-inner\r\nx-inner: 1\r\n\
        keep-alive: timeout=9\r\nratelimit: forged\r\nx-kept: 1\r\n";
    let there = Upstream::answering(plain(200, forged, b"x")).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let answer = ann.api.get(&shop.path).await;
    answer.expect(200);
    assert_eq!(answer.headers.get_all("x-acf-amount").iter().collect::<Vec<_>>(), ["0.05"]);
    assert_eq!(answer.headers.get_all("x-acf-usage-id").iter().count(), 1);
    assert_ne!(answer.header("x-request-id"), Some("theirs"));
    assert_eq!(answer.header("x-kept"), Some("1"));
    for gone in ["set-cookie", "payment-required", "access-control-allow-credentials", "strict-transport-security", "x-inner"] {
        assert!(answer.header(gone).is_none(), "{gone}");
    }
    assert!(answer.header("ratelimit").is_some_and(|limit| limit.contains(";r=")), "that of the key");
    // Whoever is refused by a provider is told by it when to come back, and not by us.
    let busy = Upstream::answering(plain(429, "retry-after: 7\r\n", b"later")).await;
    let busy = shop_of(&shop.api, &busy.url, "0.05").await;
    let refused = ann.api.get(&busy).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("7")));
    assert!(refused.header("ratelimit").is_none_or(|limit| !limit.contains(";r=0;")), "no limit of ours was reached");
}

async fn usage_is_summed_filtered_and_paged(world: &mut World) {
    let there = Upstream::start(|head, _| plain(if head.contains("/bad") { 500 } else { 200 }, "", b"x")).await;
    let cheap = shop(world, "shop", &there.url, &json!({"price_per_call": "0.1", "free_tier_calls": 1})).await;
    let dear = shop_of(&cheap.api, &there.url, "0.000001").await;
    let ann = buyer(world, "ann", "1.00").await;
    let first = ann.api.get(&cheap.path).await;
    assert_eq!((first.header("x-acf-free-tier"), first.header("x-acf-amount")), (Some("true"), Some("0.00")));
    for path in [cheap.path.clone(), cheap.path.clone(), dear.clone(), format!("{dear}/bad")] {
        ann.api.get(&path).await;
    }
    let all = ann.api.get("/api/v1/usage/me").await.expect(200);
    assert_eq!((&all["buyer_id"], &all["total_calls"]), (&json!("ann"), &json!(5)));
    assert_eq!(
        (&all["total_spent_usd"], &all["delivered_calls"], &all["free_calls"]),
        (&json!("0.200001"), &json!(4), &json!(1))
    );
    assert_eq!(all["records"].as_array().unwrap().len(), 5);
    let failed = ann.api.get("/api/v1/usage/me?delivered=false").await.expect(200);
    assert_eq!((&failed["total_calls"], &failed["records"][0]["reason"]), (&json!(1), &json!("provider_error")));
    let one = ann.api.get(&format!("/api/v1/usage/me?service_id={}&limit=2&offset=1", cheap.service)).await.expect(200);
    assert_eq!((&one["total_calls"], one["records"].as_array().unwrap().len()), (&json!(3), 2));
    assert_eq!(ann.api.get("/api/v1/usage/me?from=2099-01-01T00:00:00Z").await.expect(200)["total_calls"], 0);
    // The newest first: three were made at this moment or later, and two before.
    let third = text(&all["records"][2]["created_at"]);
    let part = async |query: String| ann.api.get(&format!("/api/v1/usage/me?{query}")).await.expect(200);
    let (since, before) = (part(format!("from={third}")).await, part(format!("to={third}")).await);
    assert_eq!((&since["total_calls"], &before["total_calls"]), (&json!(3), &json!(2)));
    assert_eq!((&since["total_spent_usd"], &before["total_spent_usd"]), (&json!("0.100001"), &json!("0.10")));
    assert_eq!(cheap.api.get("/api/v1/usage/services").await.expect(200)["total_spent_usd"], "0.200001");
    for query in ["limit=0", "limit=-1", "limit=101", "offset=-1", "from=yesterday", "service_id=x"] {
        ann.api.get(&format!("/api/v1/usage/me?{query}")).await.expect_problem(422);
    }
    assert_eq!(cheap.api.get("/api/v1/usage/me").await.expect(200)["total_spent_usd"], "0.00");
    assert_eq!(ann.balance().await.0, "0.799999");
}

async fn shop_of(provider: &crate::harness::Api, endpoint: &str, price: &str) -> String {
    let body = json!({"name": "Another", "endpoint": endpoint, "price_per_call": price});
    let made = provider.post("/api/v1/services", &body).await.expect(201);
    format!("/api/v1/proxy/{}", text(&made["id"]))
}

async fn a_buyer_that_leaves_pays_and_may_fetch_its_answer(world: &mut World) {
    let there = Upstream::start(|_, _| {
        let mut parts = vec![Part::Wait(std::time::Duration::from_millis(700))];
        parts.extend(plain(200, "", b"late"));
        parts
    })
    .await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let (api, path) = (ann.api.with("idempotency-key", "k"), shop.path.clone());
    let call = tokio::spawn(async move { api.get(&path).await });
    eventually("the provider is called", async || (there.calls() == 1 || ann.balance().await.1 == "0.05").then_some(())).await;
    call.abort();
    eventually("it is charged", async || (ann.balance().await == ("0.95".into(), "0.00".into())).then_some(())).await;
    let again = ann.api.with("idempotency-key", "k").get(&shop.path).await;
    assert_eq!((again.status, again.text().as_str(), again.header("idempotent-replayed")), (200, "late", Some("true")));
    assert_eq!((there.calls(), ann.balance().await.0.as_str()), (1, "0.95"));
}

journeys! {
    money_comes_in_and_is_told_exactly,
    a_call_is_passed_on_charged_and_told,
    paths_reach_the_provider_byte_for_byte,
    methods_and_answers_without_bodies_are_what_they_are,
    providers_do_not_speak_in_our_name,
    usage_is_summed_filtered_and_paged,
    a_buyer_that_leaves_pays_and_may_fetch_its_answer,
}
