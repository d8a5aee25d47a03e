//! Going on where one was.

use std::time::Duration;

use futures_util::future::join_all;
use rialto_kernel::Clock;
use rialto_store::{Tx, outbox};
use serde_json::json;

use super::client::{EventSource, Socket, Writer, n};
use crate::harness::{World, journeys};

async fn a_client_goes_on_where_it_was_without_a_gap_or_a_repeat(world: &mut World) {
    let writer = Writer::open(world).await;
    let mut first = Socket::open(&world.server, "/ws/events").await;
    for n in 0..3 {
        writer.order(n).await;
    }
    let seqs = [first.event().await, first.event().await, first.event().await].map(|event| event["seq"].as_i64().unwrap());
    // It is not there for these. They are more than one read of the past brings.
    let many = (3..1_503).map(|n| ("order.placed", json!({"n": n, "capability": "c"}))).collect();
    drop(first);
    writer.write(many).await;
    // And these come while it catches up.
    let more = tokio::spawn({
        let writer = writer.clone();
        async move {
            for n in 1_503..1_703 {
                writer.order(n).await;
            }
        }
    });
    let resume = async |seen: usize| {
        let mut client = Socket::open(&world.server, &format!("/ws/events?after={}", seqs[seen])).await;
        assert_eq!(client.ns(1_702 - seen).await, (seen + 1..1_703).collect::<Vec<_>>());
    };
    join_all([0, 1, 2, 0, 1, 2, 0, 1, 2].map(resume)).await;
    more.await.unwrap();
    let mut all = Socket::open(&world.server, "/ws/events?after=0&types=TradeMatched,OrderPlaced").await;
    assert_eq!(all.ns(1_703).await, (0..1_703).collect::<Vec<_>>());
    all.expect_silence().await;
}

async fn server_sent_events_go_on_behind_last_event_id(world: &mut World) {
    let writer = Writer::open(world).await;
    let mut source = EventSource::open(&world.server, "/events/stream", None).await;
    for n in 0..4 {
        writer.order(n).await;
    }
    let second = [source.event().await, source.event().await][1].clone();
    drop(source);
    // A browser sends the address that it began with as well; the header is newer.
    let mut source = EventSource::open(&world.server, "/events/stream?after=0", second.id).await;
    assert_eq!([n(&source.event().await.data), n(&source.event().await.data)], [2, 3]);
    writer.order(4).await;
    assert_eq!(n(&source.event().await.data), 4);
    let mut source = EventSource::open(&world.server, "/events/stream?after=0", None).await;
    assert_eq!(n(&source.event().await.data), 0);
}

async fn whoever_asks_for_what_is_gone_is_told(world: &mut World) {
    let writer = Writer::open(world).await;
    let mut client = Socket::open(&world.server, "/ws/events").await;
    let now = Clock::system().now();
    let at = |n: usize| now.after(Duration::from_millis(n.try_into().unwrap()));
    for n in 0..5 {
        writer.order_at(n, at(n)).await;
    }
    let mut seqs = Vec::new();
    for _ in 0..5 {
        seqs.push(client.event().await["seq"].as_i64().unwrap());
    }
    let old = at(3);
    let forget = async move |tx: &mut Tx| outbox::forget_before(tx, old, i64::MAX, 100).await;
    let forgotten = writer.0.write(forget).await.unwrap();
    assert_eq!(forgotten.len(), 3);
    let floor = seqs[3] - 1;

    let mut gone = Socket::open(&world.server, &format!("/ws/events?after={}", seqs[0])).await;
    let (code, reason) = gone.closed().await;
    assert_eq!(code, 4_410, "{reason}");
    assert!(reason.contains(&format!("after={floor}")), "{reason}");
    let mut told = EventSource::open(&world.server, "/events/stream", Some(seqs[0])).await;
    let first = told.event().await;
    assert_eq!((first.event.as_str(), first.id, first.data), ("gone", Some(floor), json!({"after": floor})));
    assert_eq!(n(&told.event().await.data), 3);
    for path in [format!("/ws/events?after={floor}"), "/ws/events?after=0".to_owned()] {
        let mut rest = Socket::open(&world.server, &path).await;
        assert_eq!(n(&rest.event().await), 3, "{path}");
    }
    // A number that was never given belongs to another database.
    let mut never = Socket::open(&world.server, "/ws/events?after=9223372036854775807").await;
    assert_eq!(never.closed().await.0, 4_410);
}

journeys! {
    a_client_goes_on_where_it_was_without_a_gap_or_a_repeat,
    server_sent_events_go_on_behind_last_event_id,
    whoever_asks_for_what_is_gone_is_told,
}
