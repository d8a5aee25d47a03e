//! Who reads too slowly is dropped, and delays nobody.

use serde_json::json;

use super::client::{EventSource, Socket, Writer, n};
use crate::harness::{World, journeys};

/// So many that neither the ring nor what lies between the server and a client holds them.
const EVENTS: usize = 12_000;

async fn a_slow_reader_is_dropped_with_a_reason_and_a_fast_one_gets_all(world: &mut World) {
    let writer = Writer::open(world).await;
    let mut slow = Socket::try_open(&world.server, "/ws/events", Some(4_096)).await.ok().unwrap();
    let mut slow_source = EventSource::open(&world.server, "/events/stream", None).await;
    let mut fast = Socket::open(&world.server, "/ws/events").await;
    let reader = tokio::spawn(async move { fast.ns(EVENTS).await });
    let padding = "x".repeat(2_000);
    for batch in 0..EVENTS / 250 {
        let events = (0..250).map(|n| ("order.placed", json!({"n": batch * 250 + n, "padding": padding})));
        writer.write(events.collect()).await;
    }
    assert_eq!(reader.await.unwrap(), (0..EVENTS).collect::<Vec<_>>());

    // What it finds when it reads on at last: the beginning, whole and in order, and why it ends.
    let mut last = None;
    let closed = loop {
        match slow.next().await {
            Ok(event) => {
                assert_eq!(n(&event), last.map_or(0, |last| n(&last) + 1));
                last = Some(event);
            }
            Err(frame) => break frame.unwrap(),
        }
    };
    assert_eq!(u16::from(closed.code), 4_008);
    assert!(closed.reason.contains("too slowly"), "{closed:?}");
    let last = last.unwrap();
    assert!(n(&last) < EVENTS - 1);
    let mut resumed = Socket::open(&world.server, &format!("/ws/events?after={}", last["seq"])).await;
    let missing = EVENTS - 1 - n(&last);
    assert_eq!(resumed.ns(missing).await, (n(&last) + 1..EVENTS).collect::<Vec<_>>());

    let mut count = 0;
    let end = loop {
        let event = slow_source.event().await;
        if event.event != "OrderPlaced" {
            break event;
        }
        assert_eq!(n(&event.data), count);
        count += 1;
    };
    assert_eq!((end.event.as_str(), end.id), ("slow", None));
    assert_eq!(slow_source.next().await, None);
    let metrics = world.stranger().get("/metrics").await.text();
    assert!(metrics.contains("rialto_stream_dropped_total 2\n"), "{metrics}");
}

journeys! { a_slow_reader_is_dropped_with_a_reason_and_a_fast_one_gets_all }
