//! Who gets what, and in which order.

use std::time::Duration;

use rialto_kernel::Clock;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::client::{EventSource, Socket, Writer, append, n};
use crate::harness::{Kind, World, journeys, text};

/// All nine, with the kinds they have inside.
const TYPES: [(&str, &str); 9] = [
    ("order.placed", "OrderPlaced"),
    ("trade.matched", "TradeMatched"),
    ("trade.settled", "SettlementComplete"),
    ("trade.completed", "TradeCompleted"),
    ("simulation.tick", "SimulationTick"),
    ("simulation.started", "SimulationStarted"),
    ("simulation.stopped", "SimulationStopped"),
    ("simulation.completed", "SimulationCompleted"),
    ("simulation.error", "SimulationError"),
];

async fn the_nine_events_arrive_in_the_references_envelope_and_no_other_does(world: &mut World) {
    let writer = Writer::open(world).await;
    let mut sockets = [Socket::open(&world.server, "/ws/events").await, Socket::open(&world.server, "/ws/").await];
    let mut source = EventSource::open(&world.server, "/events/stream", None).await;
    // What people do writes events too, of kinds that are nobody else's business.
    let ada = world.person("ada").await;
    ada.set_balance(700).await;
    let mut events: Vec<(&'static str, Value)> = vec![("wallet.credited", json!({"secret": true}))];
    for (number, (kind, _)) in TYPES.into_iter().enumerate() {
        events.push((kind, json!({"n": number, "capability": "translation", "price": 80})));
        events.push(("invocation.completed", json!({"secret": true})));
    }
    writer.write(events).await;
    let mut seqs = Vec::new();
    let before = Clock::system().now().before(Duration::from_secs(60)).to_string();
    for (number, (_, name)) in TYPES.into_iter().enumerate() {
        let event = sockets[0].event().await;
        let seq = event["seq"].as_i64().unwrap();
        let data = json!({"n": number, "capability": "translation", "price": 80});
        let timestamp = text(&event["timestamp"]);
        assert!(timestamp > before && timestamp.ends_with('Z') && timestamp.len() == 27, "{timestamp}");
        assert_eq!(event, json!({"event": name, "data": data, "timestamp": timestamp, "seq": seq}));
        assert_eq!(sockets[1].event().await, event);
        let sent = source.event().await;
        assert_eq!((sent.id, sent.event.as_str(), sent.data), (Some(seq), name, event));
        seqs.push(seq);
    }
    assert!(seqs.is_sorted_by(|one, next| one < next), "{seqs:?}");
    sockets[0].expect_silence().await;
}

async fn twenty_clients_get_everything_that_many_writers_write_in_one_order(world: &mut World) {
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Socket::open(&world.server, "/ws/events").await);
    }
    let writer = Writer::open(world).await;
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    writer.order(number * 50 + n).await;
                }
            })
        })
        .collect();
    let readers: Vec<_> = clients.into_iter().map(|mut client| tokio::spawn(async move { client.ns(400).await })).collect();
    let mut all = Vec::new();
    for reader in readers {
        all.push(reader.await.unwrap());
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(all.iter().all(|ns| *ns == all[0]), "not all got the same");
    for writer in 0..8 {
        let own: Vec<usize> = all[0].iter().copied().filter(|n| n / 50 == writer).collect();
        assert_eq!(own, (writer * 50..writer * 50 + 50).collect::<Vec<_>>());
    }
    let metrics = world.stranger().get("/metrics").await.text();
    let published = metrics.lines().find_map(|line| line.strip_prefix("rialto_stream_events_total "));
    assert_eq!(published, Some("400"), "each event is published once, however many listen");
}

async fn a_transaction_that_commits_late_is_waited_for(world: &mut World) {
    if world.kind == Kind::Sqlite {
        return; // One writer: nothing can be committed beside an open transaction.
    }
    let mut client = Socket::open(&world.server, "/ws/events").await;
    let writer = Writer::open(world).await;
    let (begun, end) = (std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new()));
    let (tell, told) = (begun.clone(), end.clone());
    let late = writer.0.write(async move |tx: &mut rialto_store::Tx| {
        append(tx, "order.placed", json!({"n": 1})).await?;
        tell.notify_one();
        told.notified().await;
        Ok::<_, rialto_store::StoreError>(())
    });
    let late = tokio::spawn(late);
    begun.notified().await;
    writer.order(2).await;
    client.expect_silence().await;
    // Who connects now, and asks for what was, waits too; who asks for nothing gets what comes.
    let mut resumed = Socket::open(&world.server, "/ws/events?after=0").await;
    resumed.expect_silence().await;
    end.notify_one();
    late.await.unwrap().unwrap();
    assert_eq!(client.ns(2).await, [1, 2]);
    assert_eq!(resumed.ns(2).await, [1, 2]);
}

async fn every_replica_publishes_what_any_process_writes(world: &mut World) {
    if world.kind == Kind::Sqlite {
        return; // One SQLite file belongs to one server.
    }
    let mut replica = world.replica().await;
    let mut clients = [Socket::open(&world.server, "/ws/events").await, Socket::open(&replica, "/ws/events").await];
    let writer = Writer::open(world).await;
    for number in 0..20 {
        writer.order(number).await;
    }
    for client in &mut clients {
        assert_eq!(client.ns(20).await, (0..20).collect::<Vec<_>>());
    }
    // A client may go on with another replica.
    writer.order(20).await;
    let last = clients[0].event().await;
    assert_eq!(n(&last), 20);
    let mut moved = Socket::open(&replica, &format!("/ws/events?after={}", last["seq"].as_i64().unwrap() - 3)).await;
    assert_eq!(moved.ns(3).await, [18, 19, 20]);
    drop(moved);
    replica.stop().await;
}

journeys! {
    the_nine_events_arrive_in_the_references_envelope_and_no_other_does,
    twenty_clients_get_everything_that_many_writers_write_in_one_order,
    a_transaction_that_commits_late_is_waited_for,
    every_replica_publishes_what_any_process_writes,
}
