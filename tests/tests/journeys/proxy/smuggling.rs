//! Requests that are meant to be read in two ways, and addresses that are not to be called.

use serde_json::json;

use super::{
    shop::{buyer, exchange, shop, status_of},
    upstream::{Upstream, plain},
};
use crate::harness::{World, journeys};

async fn requests_that_could_be_read_in_two_ways_are_refused(world: &mut World) {
    let there = Upstream::start(|_, body| plain(200, "", body)).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "9.00").await;
    let ask = |headers: &str, body: &str| {
        format!("POST {}/x HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n{headers}\r\n{body}", shop.path, ann.bearer).into_bytes()
    };
    for (headers, body) in [
        ("content-length: 4\r\ncontent-length: 5\r\n", "abcde"),
        ("content-length: 4, 5\r\n", "abcde"),
        ("content-length: +4\r\n", "abcd"),
        ("content-length: -1\r\n", ""),
        ("content-length: 4\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", "0\r\n\r\n"),
        ("transfer-encoding: xchunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding : chunked\r\n", "0\r\n\r\n"),
        ("x: a\rb: c\r\n", ""),
        (" folded: x\r\n", ""),
    ] {
        let answer = exchange(world, &ask(headers, body)).await;
        assert!([400, 0].contains(&status_of(&answer)), "{headers:?}: {}", String::from_utf8_lossy(&answer));
    }
    // A request for a WebSocket has no end: what follows it, of whomever, is not its body.
    for upgrade in ["upgrade: websocket\r\n", "connection: upgrade\r\nUpgrade: WebSocket\r\ncontent-length: 2\r\n"] {
        let answer = exchange(world, &ask(upgrade, "{}GET /api/v1/balance/me HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        let text = String::from_utf8_lossy(&answer);
        assert_eq!((status_of(&answer), text.matches("HTTP/1.1 ").count()), (400, 1), "{upgrade:?}: {text}");
        assert!(text.contains("upgrade-refused") && text.to_ascii_lowercase().contains("connection: close"), "{text}");
    }
    assert_eq!(there.calls(), 0, "none of them reached the provider");
    // What belongs to one connection does not reach the next, nor does what it hides.
    let tricks = "connection: close, content-length, x-hidden\r\nx-hidden: 1\r\nte: trailers\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n\
        keep-alive: x\r\nproxy-connection: x\r\nproxy-authorization: Basic x\r\ncontent-length: 3\r\n";
    let answer = exchange(world, &ask(tricks, "abc")).await;
    assert_eq!(status_of(&answer), 200, "{}", String::from_utf8_lossy(&answer));
    let (head, body) = there.last();
    let head = head.to_ascii_lowercase();
    assert_eq!(body, b"abc", "the body is as long as it is, whatever Connection names");
    for gone in ["x-hidden", "te:", "upgrade", "keep-alive", "proxy-", "connection:"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
    // Chunks, with an extension and a trailer, arrive as the body that they are.
    let answer = exchange(world, &ask("transfer-encoding: chunked\r\n", "3;a=b\r\nabc\r\n0\r\n\r\n")).await;
    assert!([200, 400].contains(&status_of(&answer)), "{}", String::from_utf8_lossy(&answer));
    if status_of(&answer) == 200 {
        assert_eq!(there.last().1, b"abc");
    }
}

async fn private_addresses_are_not_called(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"inner")).await;
    let port = there.url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    let first = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    // They were allowed when they were registered, and are not now: each call is judged by the address that it connects to.
    let forms = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost"];
    let mut services = vec![first.path.clone()];
    for form in forms {
        let body = json!({"name": form, "endpoint": format!("http://{form}:{port}/x"), "price_per_call": "0.05"});
        let made = first.api.post("/api/v1/services", &body).await;
        if made.status == 201 {
            services.push(format!("/api/v1/proxy/{}", made.json()["id"].as_str().unwrap()));
        }
    }
    assert!(services.len() > 3, "{services:?}");
    world.restart_with(&["--outbound-allow=192.0.2.1"]).await;
    let api = world.stranger().with("authorization", &ann.bearer);
    for path in &services {
        let answer = api.get(path).await;
        assert_eq!(answer.expect_problem(502)["type"], "provider-refused", "{path}");
        assert!(!answer.text().contains("127."), "{}", answer.text());
    }
    let usage = api.get("/api/v1/usage/me").await.expect(200);
    assert_eq!((&usage["total_spent_usd"], &usage["records"][0]["reason"]), (&json!("0.00"), &json!("refused")));
    assert_eq!((there.calls(), &api.get("/api/v1/balance/ann").await.expect(200)["available"]), (0, &json!("1.00")));
}

journeys! {
    requests_that_could_be_read_in_two_ways_are_refused,
    private_addresses_are_not_called,
}
