//! The reader: who is told of what, once, whatever dies and however many read.

use std::{collections::BTreeSet, time::Duration};

use rialto_delivery::{self as delivery, DeliveryStatus, WebhookChanges, store::QueueStore};
use rialto_store::{Tx, suite, testing::TestDb};
use uuid::Uuid;

use super::world::*;

const BOTH: [&str; 2] = ["service.called", "payment.completed"];

async fn the_parties_of_a_call_are_told_and_nobody_else(test: &TestDb) {
    let world = World::new(test).await;
    let running = world.webhooks.start();
    let service = Uuid::from_u128(1);
    world.call(world.ada, world.bob, service, "before").await;
    let hooks = [
        (world.ada, world.hook(world.ada, "/ada", fine(), &BOTH).await),
        (world.bob, world.hook(world.bob, "/bob", fine(), &["service.called"]).await),
        (world.eve, world.hook(world.eve, "/eve", fine(), &BOTH).await),
        (world.ada, world.hook(world.ada, "/other", fine(), &["settlement.completed"]).await),
    ];
    world.call(world.ada, world.bob, service, "call").await;
    // Somebody who calls itself is told once.
    world.call(world.eve, world.eve, Uuid::from_u128(2), "own").await;
    for ((owner, hook), count) in hooks.iter().zip([2, 1, 2, 0]) {
        world.until(*owner, hook, DeliveryStatus::Delivered, count).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.told("/ada"), ["call", "call"]);
    assert_eq!(world.told("/bob"), ["call"]);
    assert_eq!(world.told("/eve"), ["own", "own"]);
    assert!(world.told("/other").is_empty());
    let seen = &world.peer.seen("/bob")[0];
    let body = seen.json();
    assert_eq!((&body["event"], &body["webhook_id"]), (&"service.called".into(), &hooks[1].1.id.to_string().into()));
    let payload = &body["payload"];
    assert_eq!(
        (&payload["buyer_id"], &payload["provider_id"], &payload["amount_usd"]),
        (&"ada".into(), &"bob".into(), &0.05.into())
    );
    assert_eq!(seen.header("x-acf-event"), Some("service.called"));
    world.stop(running).await;
}

async fn what_happens_while_nobody_reads_is_told_once_later(test: &TestDb) {
    let world = World::new(test).await;
    let hook = world.hook(world.ada, "/ada", fine(), &["service.called"]).await;
    let mut expected = Vec::new();
    for round in 0..3 {
        for n in 0..40 {
            let usage = format!("{round}-{n}");
            world.call(world.ada, world.bob, Uuid::from_u128(1), &usage).await;
            expected.push(usage);
        }
        let running = world.webhooks.start();
        world.until(world.ada, &hook, DeliveryStatus::Delivered, expected.len()).await;
        world.stop(running).await;
    }
    assert_eq!(world.told("/ada"), expected, "in order, each once");
    let queued = world.count("SELECT count(*) AS n FROM webhook_deliveries").await;
    assert_eq!(usize::try_from(queued).unwrap(), expected.len());
}

async fn several_that_read_queue_an_event_once(test: &TestDb) {
    let world = World::new(test).await;
    let hook = world.hook(world.ada, "/ada", fine(), &BOTH).await;
    let running = [world.webhooks.start(), world.again().start(), world.again().start()];
    for n in 0..60 {
        world.call(world.ada, world.bob, Uuid::from_u128(n % 7), &n.to_string()).await;
    }
    world.until(world.ada, &hook, DeliveryStatus::Delivered, 120).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for one in running {
        world.stop(one).await;
    }
    let ids: Vec<String> = world.peer.seen("/ada").iter().map(|seen| seen.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (120, 120), "each is sent once");
    assert_eq!(world.log(world.ada, &hook).await.len(), 120);
}

async fn a_place_that_was_not_kept_brings_nothing_twice(test: &TestDb) {
    let world = World::new(test).await;
    let hook = world.hook(world.ada, "/ada", fine(), &["service.called"]).await;
    world.call(world.ada, world.bob, Uuid::from_u128(1), "one").await;
    let running = world.webhooks.start();
    world.until(world.ada, &hook, DeliveryStatus::Delivered, 1).await;
    world.stop(running).await;
    world.write(async |tx: &mut Tx| Ok(tx.set_cursor(0).await?)).await.unwrap();
    let running = world.webhooks.start();
    world.call(world.ada, world.bob, Uuid::from_u128(1), "two").await;
    world.until(world.ada, &hook, DeliveryStatus::Delivered, 2).await;
    world.stop(running).await;
    assert_eq!(world.told("/ada"), ["one", "two"]);
}

async fn a_webhook_that_is_off_misses_what_happens_meanwhile(test: &TestDb) {
    let world = World::new(test).await;
    let running = world.webhooks.start();
    let hook = world.hook(world.ada, "/ada", fine(), &["service.called"]).await;
    let (ada, id) = (world.ada, hook.id);
    let switch = async |active| {
        let (changes, now) = (WebhookChanges { active: Some(active), ..WebhookChanges::default() }, world.clock.now());
        world.write(async move |tx: &mut Tx| delivery::update_webhook(tx, &ada, id, &changes, now).await).await.unwrap();
        world.webhooks.wake();
    };
    world.call(world.ada, world.bob, Uuid::from_u128(1), "on").await;
    world.until(ada, &hook, DeliveryStatus::Delivered, 1).await;
    switch(false).await;
    world.call(world.ada, world.bob, Uuid::from_u128(1), "off").await;
    switch(true).await;
    world.call(world.ada, world.bob, Uuid::from_u128(1), "on again").await;
    world.until(ada, &hook, DeliveryStatus::Delivered, 2).await;
    assert_eq!(world.told("/ada"), ["on", "on again"]);
    world.stop(running).await;
}

async fn of_too_many_that_wait_the_oldest_are_given_up(test: &TestDb) {
    let world = World::new(test).await;
    let ada = world.ada;
    let hook = world.hook(ada, "/ada", fine(), &["service.called"]).await;
    let (id, now) = (hook.id, world.clock.now());
    for _ in 0..5 {
        world.write(async move |tx: &mut Tx| delivery::send_test(tx, &ada, id, now).await).await.unwrap();
    }
    let crowded = async || world.write(async move |tx: &mut Tx| Ok(tx.list_crowded(&[id], 2).await?)).await.unwrap();
    let (_, upto) = crowded().await[0];
    assert_eq!(world.write(async move |tx: &mut Tx| Ok(tx.bury_upto(id, upto, "too many", now).await?)).await, Ok(3));
    assert!(crowded().await.is_empty());
    let log: Vec<_> = world.log(ada, &hook).await.into_iter().map(|one| one.status).collect();
    let (dead, pending) = (DeliveryStatus::Dead, DeliveryStatus::Pending);
    assert_eq!(log, [dead, dead, dead, pending, pending]);
}

suite! {
    of_too_many_that_wait_the_oldest_are_given_up,
    the_parties_of_a_call_are_told_and_nobody_else,
    what_happens_while_nobody_reads_is_told_once_later,
    several_that_read_queue_an_event_once,
    a_place_that_was_not_kept_brings_nothing_twice,
    a_webhook_that_is_off_misses_what_happens_meanwhile,
}
