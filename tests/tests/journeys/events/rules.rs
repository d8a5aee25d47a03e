//! What may be asked for, and how often.

use serde_json::json;

use super::client::{EventSource, Socket, Writer, n};
use crate::harness::{World, eventually, journeys};

async fn filters_choose_by_type_and_capability(world: &mut World) {
    let writer = Writer::open(world).await;
    let mut orders = Socket::open(&world.server, "/ws/events?types=OrderPlaced").await;
    let mut both = Socket::open(&world.server, "/ws/events?types=TradeMatched,SimulationTick").await;
    let mut about = Socket::open(&world.server, "/ws/events?capability=f%C3%BCr%20alle").await;
    let mut trades = EventSource::open(&world.server, "/events/stream?types=TradeMatched&capability=a", None).await;
    writer
        .write(vec![
            ("trade.matched", json!({"n": 0, "capability": "b"})),
            ("order.placed", json!({"n": 1, "capability": "a"})),
            ("trade.matched", json!({"n": 2, "capability": "a"})),
            ("simulation.tick", json!({"n": 3})),
            ("order.placed", json!({"n": 4, "capability": "für alle"})),
            ("simulation.error", json!({"n": 5, "capability": ["für alle"]})),
        ])
        .await;
    assert_eq!(orders.ns(2).await, [1, 4]);
    assert_eq!(both.ns(3).await, [0, 2, 3]);
    assert_eq!(about.ns(1).await, [4]);
    assert_eq!(n(&trades.event().await.data), 2);
    about.expect_silence().await;
    // The past goes through the same filter.
    let mut past = Socket::open(&world.server, "/ws?after=0&types=TradeMatched&capability=b").await;
    assert_eq!(past.ns(1).await, [0]);
    past.expect_silence().await;
}

async fn what_makes_no_sense_is_refused_before_the_stream_begins(world: &mut World) {
    let stranger = world.stranger();
    for query in [
        "types=order.placed".to_owned(),
        "types=".to_owned(),
        "types=OrderPlaced,".to_owned(),
        "types=%00".to_owned(),
        "after=-1".to_owned(),
        "after=x".to_owned(),
        "after=99999999999999999999".to_owned(),
        "capability=".to_owned(),
        format!("capability={}", "x".repeat(256)),
    ] {
        for path in ["/ws/events", "/ws"] {
            let refused = Socket::try_open(&world.server, &format!("{path}?{query}"), None).await.err().unwrap();
            assert_eq!((refused.0, &refused.1["type"]), (422, &json!("validation-failed")), "{query}");
        }
        stranger.get(&format!("/events/stream?{query}")).await.expect_problem(422);
    }
    for id in ["x", "-1"] {
        stranger.with("last-event-id", id).get("/events/stream").await.expect_problem(422);
    }
    for path in ["/ws/events", "/ws"] {
        let refused = stranger.get(path).await;
        assert_eq!(refused.expect_problem(426)["type"], "upgrade-required");
        assert_eq!(refused.header("upgrade"), Some("websocket"));
    }
    assert_eq!(stranger.send(http::Method::HEAD, "/events/stream", bytes::Bytes::new()).await.status, 200);
    clients_are(world, 0).await;
}

/// The server counts so many clients.
async fn clients_are(world: &World, count: usize) {
    let (stranger, line) = (world.stranger(), format!("rialto_stream_clients {count}\n"));
    eventually(&line, async || stranger.get("/metrics").await.text().contains(&line).then_some(())).await;
}

async fn places_are_counted_by_address_and_in_all(world: &mut World) {
    world.restart_with(&["--stream-clients=4", "--stream-clients-per-address=3"]).await;
    let proxied = ["--stream-clients=4", "--stream-clients-per-address=3", "--trusted-proxies=127.0.0.0/8"];
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(Socket::open(&world.server, "/ws/events").await);
    }
    let source = EventSource::open(&world.server, "/events/stream", None).await;
    let (status, problem) = Socket::try_open(&world.server, "/ws/events", None).await.err().unwrap();
    assert_eq!((status, &problem["type"]), (429, &json!("too-many-streams")));
    let refused = world.stranger().get("/events/stream").await;
    refused.expect_problem(429);
    assert!(refused.header("retry-after").is_some());
    clients_are(world, 3).await;
    // Who goes gives its place to another.
    drop(source);
    drop(held.pop());
    clients_are(world, 1).await;
    held.push(Socket::open(&world.server, "/ws/events").await);
    held.clear();

    world.restart_with(&proxied).await;
    for _ in 0..3 {
        held.push(Socket::open(&world.server, "/ws/events").await);
    }
    // Another address has places of its own, as long as there are any.
    let other = EventSource::with(&world.server, "/events/stream", Some(("x-forwarded-for", "203.0.113.1"))).await;
    let third = world.stranger().with("x-forwarded-for", "203.0.113.2");
    assert_eq!(third.get("/events/stream").await.expect_problem(503)["type"], "streams-full");
    drop(other);
    clients_are(world, 3).await;
    assert_eq!(third.get("/events/stream").await.status, 200);
}

async fn what_a_client_says_is_ignored_within_bounds(world: &mut World) {
    let writer = Writer::open(world).await;
    let mut client = Socket::open(&world.server, "/ws/events").await;
    for text in ["hello", "", "{\"subscribe\": \"everything\"}", &"x".repeat(4_000)] {
        client.say(text).await;
    }
    writer.order(1).await;
    assert_eq!(client.ns(1).await, [1]);
    client.say(&"x".repeat(5_000)).await;
    assert_eq!(client.closed().await.0, 1_009);
    clients_are(world, 0).await;
}

async fn a_server_that_goes_down_says_so(world: &mut World) {
    let mut client = Socket::open(&world.server, "/ws/events").await;
    let mut source = EventSource::open(&world.server, "/events/stream", None).await;
    let started = std::time::Instant::now();
    let (stopped, closed, ended) = tokio::join!(world.server.stop(), client.closed(), source.next());
    assert_eq!((stopped, closed.0, ended), ((), 1_001, None));
    assert!(started.elapsed().as_secs() < 25, "the server waited for streams that never end");
    world.restart_with(&[]).await;
}

journeys! {
    filters_choose_by_type_and_capability,
    what_makes_no_sense_is_refused_before_the_stream_begins,
    places_are_counted_by_address_and_in_all,
    what_a_client_says_is_ignored_within_bounds,
    a_server_that_goes_down_says_so,
}
