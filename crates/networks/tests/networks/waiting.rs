//! Waiting for messages, and streams of them.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use rialto_networks::{self as networks, Arrival, Channel, InboxQuery, NetworkError, ParticipantId, Topology};
use rialto_store::{Tx, suite, testing::TestDb};

use super::world::*;

async fn an_empty_inbox_answers_when_something_comes(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let (a, b) = (world.poller(&network, "a").await, world.poller(&network, "b").await);
    let (ada, patience) = (world.ada, Duration::from_secs(30));
    let waiting = |query: InboxQuery| {
        let (networks, network, id) = (world.networks.clone(), network.id, b.id);
        tokio::spawn(async move { networks.await_inbox(ada, network, id, query, patience).await })
    };
    let (any, mail) = (waiting(ALL), waiting(InboxQuery { channel: Some(Channel::Mailbox), ..ALL }));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!any.is_finished() && !mail.is_finished());
    let began = Instant::now();
    world.send(&a, &b, "hi").await.unwrap();
    assert_eq!(contents(&any.await.unwrap().unwrap()), ["hi"]);
    assert!(!mail.is_finished(), "that was no mail");
    world.mail(&a, &b, "a letter").await;
    world.networks.wake(b.id);
    assert_eq!(contents(&mail.await.unwrap().unwrap()), ["a letter"]);
    assert!(began.elapsed() < Duration::from_secs(10));
    // What another replica took in is found by looking.
    if world.db.is_postgres() {
        let next = world.inbox(&b, ALL).await.last().unwrap().message.seq;
        let elsewhere = waiting(InboxQuery { after: next, ..ALL });
        world.mail(&a, &b, "from elsewhere").await;
        assert_eq!(contents(&elsewhere.await.unwrap().unwrap()), ["from elsewhere"]);
    }
    let short = world.networks.await_inbox(ada, network.id, a.id, ALL, Duration::from_millis(30)).await;
    assert!(short.unwrap().is_empty());
    let unknown = world.networks.await_inbox(ada, network.id, ParticipantId::new(), ALL, patience).await;
    assert_eq!(unknown.unwrap_err(), NetworkError::ParticipantUnknown);
    let last = world.inbox(&b, ALL).await.last().unwrap().message.seq;
    let closing = waiting(InboxQuery { after: last, ..ALL });
    world.networks.close();
    assert!(closing.await.unwrap().unwrap().is_empty());
}

async fn a_stream_gives_what_is_there_and_what_comes_each_once(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let (a, b) = (world.poller(&network, "a").await, world.poller(&network, "b").await);
    for n in 0..120 {
        world.send(&a, &b, &n.to_string()).await.unwrap();
    }
    let read = world.inbox(&b, InboxQuery { limit: 20, ..ALL }).await.iter().map(|letter| letter.message.id).collect();
    world.ack(network.id, read).await.unwrap();
    let stream = world.networks.follow_inbox(world.ada, network.id, b.id, None, 0).await.unwrap();
    let mut stream = std::pin::pin!(stream);
    let (mut expected, mut more) = (20, 0);
    while expected < 130 {
        match stream.next().await.unwrap() {
            Arrival::Letter(letter) => {
                assert_eq!(letter.message.content, expected.to_string());
                expected += 1;
            }
            Arrival::Idle => {}
            Arrival::Ended(why) => panic!("{why:?}"),
        }
        if expected >= 100 && more < 10 {
            world.send(&a, &b, &(120 + more).to_string()).await.unwrap();
            more += 1;
        }
    }
    // It ends with its network.
    let (ada, id) = (world.ada, network.id);
    world.write(async move |tx: &mut Tx| networks::delete_network(tx, &ada, id, NOON).await).await.unwrap();
    world.networks.wake(b.id);
    loop {
        match stream.next().await {
            Some(Arrival::Ended(why)) => break assert_eq!(why, Some(NetworkError::NetworkUnknown)),
            Some(Arrival::Idle) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(stream.next().await.is_none());
}

suite! {
    an_empty_inbox_answers_when_something_comes,
    a_stream_gives_what_is_there_and_what_comes_each_once,
}
