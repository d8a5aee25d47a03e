//! A lane's places: what hangs has one of them, what makes no sense has none, and what has ended is written together.

use std::time::{Duration, Instant};

use rialto_delivery::{self as delivery, DeliveryStatus, WebhookChanges, WebhooksConfig, store::QueueStore};
use rialto_kernel::Event;
use rialto_store::{StoreError, Tx, outbox, suite, testing::TestDb};
use serde_json::json;
use uuid::Uuid;

use super::world::*;

const ENDED: &str = "SELECT count(*) AS n FROM webhook_deliveries WHERE status = 'delivered'";
const LEASED: &str = "SELECT count(*) AS n FROM webhook_lanes WHERE due_at IS NOT NULL";

impl World {
    /// So many events of different subjects, in one transaction.
    async fn burst(&self, events: u128) {
        let (owner, at) = (self.ada.owner, self.clock.now());
        let tell = async move |tx: &mut Tx| {
            let event = |n| {
                let subject = Uuid::from_u128(n);
                Event { kind: "settlement.created", subject, owner: Some(owner), data: json!({"n": n.to_string()}), at }
            };
            outbox::append_all(tx, (0..events).map(event).collect()).await
        };
        self.db.write::<_, StoreError, _>(tell).await.unwrap();
    }

    /// How many transactions write from a burst of events until all is done.
    async fn writes(&self, events: u128, deliveries: i64) -> u64 {
        let (told, before) = (self.count(ENDED).await, self.db.writes_asked());
        self.burst(events).await;
        eventually("all is told, and the lanes are given back", async || {
            self.count(ENDED).await == told + deliveries && self.count(LEASED).await == 0
        })
        .await;
        self.db.writes_asked() - before - 1
    }
}

async fn a_delivery_that_hangs_has_one_place_and_delays_no_other(test: &TestDb) {
    let config = WebhooksConfig { patience: Duration::from_secs(60), at_once: 2, ..config() };
    let world = World::with(test, config).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::HangOn("hangs"), &["service.called"]).await;
    world.call(ada, world.bob, Uuid::from_u128(1), "hangs").await;
    eventually("it hangs", async || world.peer.seen("/ada").len() == 1).await;
    let began = Instant::now();
    for n in 2..12 {
        world.call(ada, world.bob, Uuid::from_u128(n), "quick").await;
    }
    for _ in 0..5 {
        world.ping(ada, &hook).await;
    }
    let log = world.until(ada, &hook, DeliveryStatus::Delivered, 15).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!((log[0].status, log[0].attempts), (DeliveryStatus::Pending, 0), "it hangs still");
    drop(running);
}

async fn tests_do_not_wait_for_each_other(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::Hang, &["service.called"]).await;
    for _ in 0..3 {
        world.ping(ada, &hook).await;
    }
    eventually("all three are on their way", async || world.peer.seen("/ada").len() == 3).await;
    drop(running);
}

async fn one_event_takes_three_transactions_and_many_share_theirs(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let first = world.hook(ada, "/0", fine(), &["settlement.created"]).await;
    world.ping(ada, &first).await;
    eventually("all is quiet", async || world.count(ENDED).await == 1 && world.count(LEASED).await == 0).await;
    assert_eq!(world.writes(1, 1).await, 3, "queued, leased, ended");
    // What ends at the same moment is written at once, whichever webhook it is of.
    world.peer.url("/0", Manner::Slow(Duration::from_millis(400)));
    for n in 1..16 {
        world.hook(ada, &format!("/{n}"), Manner::Slow(Duration::from_millis(400)), &["settlement.created"]).await;
    }
    let writes = world.writes(4, 16 * 4).await;
    assert!(writes < 32, "{writes} transactions for 64 deliveries");
    world.stop(running).await;
}

async fn what_makes_no_sense_is_dead_and_the_others_go_on(test: &TestDb) {
    let world = World::new(test).await;
    let ada = world.ada;
    let hook = world.hook(ada, "/ada", fine(), &["service.called"]).await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(world.ping(ada, &hook).await);
    }
    world.spoil("UPDATE webhook_deliveries SET body = '{\"broken' WHERE seq = (SELECT min(seq) FROM webhook_deliveries)").await;
    world.spoil("UPDATE webhook_deliveries SET event = 'a\nb' WHERE seq = 1 + (SELECT min(seq) FROM webhook_deliveries)").await;
    if !world.db.is_postgres() {
        world.spoil("UPDATE webhook_deliveries SET id = x'00' WHERE seq = 2 + (SELECT min(seq) FROM webhook_deliveries)").await;
    }
    let running = world.webhooks.start();
    let done = if world.db.is_postgres() { 3 } else { 2 };
    eventually("the others are told", async || world.count(ENDED).await == done).await;
    eventually("these are dead", async || {
        world.count("SELECT count(*) AS n FROM webhook_deliveries WHERE status = 'dead' AND last_error <> ''").await == 5 - done
    })
    .await;
    eventually("the lane is given back", async || world.count(LEASED).await == 0).await;
    let why =
        "SELECT count(*) AS n FROM webhook_deliveries WHERE last_error = 'what was to be sent is not JSON' AND attempts = 0";
    assert_eq!(world.count(why).await, 1);
    let unread = if world.db.is_postgres() { 0 } else { 1 };
    assert_eq!(world.log(ada, &hook).await.len(), 5 - unread, "one that cannot be read hides no other");
    world.stop(running).await;
}

async fn a_secret_that_is_broken_ends_what_waits_for_it_and_nothing_else(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, bob) = (world.ada, world.bob);
    let broken = world.hook(ada, "/ada", fine(), &["service.called"]).await;
    world.spoil("UPDATE webhook_secrets SET ciphertext = nonce").await;
    let good = world.hook(bob, "/bob", fine(), &["service.called"]).await;
    let running = world.webhooks.start();
    world.call(ada, bob, Uuid::from_u128(1), "one").await;
    let dead = world.until(ada, &broken, DeliveryStatus::Dead, 1).await.remove(0);
    assert!(dead.last_error.as_ref().is_some_and(|why| why.contains("rotate-secret")) && dead.attempts == 0, "{dead:?}");
    world.until(bob, &good, DeliveryStatus::Delivered, 1).await;
    let (id, now) = (broken.id, world.clock.now());
    let mend = async move |tx: &mut Tx| {
        delivery::rotate_secret(tx, &cipher(), &ada, id, Some("mended"), now).await?;
        delivery::replay(tx, &ada, id, dead.id, now).await
    };
    world.write(mend).await.unwrap();
    world.webhooks.rouse(id);
    world.until(ada, &broken, DeliveryStatus::Delivered, 1).await;
    world.stop(running).await;
}

async fn a_webhook_that_makes_no_sense_keeps_nobody_from_being_told(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let odd = world.hook(ada, "/odd", fine(), &["service.called"]).await;
    world.spoil("UPDATE webhooks SET events = '{\"a\": [5]}'").await;
    let good = world.hook(ada, "/good", fine(), &["service.called"]).await;
    world.call(ada, world.bob, Uuid::from_u128(1), "one").await;
    world.until(ada, &good, DeliveryStatus::Delivered, 1).await;
    // What is sent to it needs no events.
    world.ping(ada, &odd).await;
    world.until(ada, &odd, DeliveryStatus::Delivered, 1).await;
    let all = world.write(async move |tx: &mut Tx| delivery::list_webhooks(tx, &ada).await).await.unwrap();
    assert_eq!(all.iter().map(|hook| hook.events.len()).collect::<Vec<_>>(), [1, 0]);
    world.stop(running).await;
}

async fn an_answer_that_comes_after_the_cancel_changes_nothing(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::Slow(Duration::from_millis(500)), &["service.called"]).await;
    world.ping(ada, &hook).await;
    eventually("it is on its way", async || world.peer.seen("/ada").len() == 1).await;
    let (id, now) = (hook.id, world.clock.now());
    let changes = WebhookChanges { active: Some(false), ..WebhookChanges::default() };
    world.write(async move |tx: &mut Tx| delivery::update_webhook(tx, &ada, id, &changes, now).await).await.unwrap();
    world.webhooks.rouse(id);
    world.until(ada, &hook, DeliveryStatus::Cancelled, 1).await;
    eventually("the lane is given back", async || world.count(LEASED).await == 0).await;
    let log = world.log(ada, &hook).await;
    assert_eq!((log[0].status, log[0].attempts), (DeliveryStatus::Cancelled, 0));
    world.stop(running).await;
}

async fn what_is_replayed_while_it_is_on_its_way_is_sent_once_more(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::FailFirst(1), &["service.called"]).await;
    let sent = world.ping(ada, &hook).await;
    world.until(ada, &hook, DeliveryStatus::Pending, 1).await;
    eventually("it has failed once", async || world.log(ada, &hook).await[0].attempts == 1).await;
    world.peer.url("/ada", Manner::Slow(Duration::from_millis(500)));
    world.clock.advance(Duration::from_secs(1));
    eventually("it is on its way again", async || world.peer.seen("/ada").len() == 2).await;
    let (id, now) = (hook.id, world.clock.now());
    let again = async move |tx: &mut Tx| {
        for active in [false, true] {
            let changes = WebhookChanges { active: Some(active), ..WebhookChanges::default() };
            delivery::update_webhook(tx, &ada, id, &changes, now).await?;
        }
        delivery::replay(tx, &ada, id, sent.id, now).await
    };
    world.write(again).await.unwrap();
    world.webhooks.rouse(id);
    let done = world.until(ada, &hook, DeliveryStatus::Delivered, 1).await.remove(0);
    assert_eq!((done.attempts, world.peer.seen("/ada").len()), (2, 3), "the attempt that began before the replay is not its");
    world.stop(running).await;
}

async fn what_is_unread_is_not_forgotten(test: &TestDb) {
    let world = World::new(test).await;
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    let forget = async |limit: u32| {
        let now = world.clock.now();
        let forgotten = world.write(async move |tx: &mut Tx| Ok(delivery::forget_events(tx, now, limit).await?)).await.unwrap();
        (forgotten.all, forgotten.lost)
    };
    world.burst(3).await;
    world.clock.advance(days(8));
    assert_eq!(forget(100).await, (3, 0), "nobody has to be told");
    world.burst(3).await;
    let hook = world.hook(world.ada, "/ada", fine(), &["settlement.created"]).await;
    world.burst(3).await;
    world.clock.advance(days(8));
    assert_eq!(forget(100).await, (3, 0), "what was there before the webhook");
    let running = world.webhooks.start();
    world.until(world.ada, &hook, DeliveryStatus::Delivered, 3).await;
    world.stop(running).await;
    assert_eq!(forget(100).await, (3, 0), "what was told");
    // Nobody reads for a month. Of what is forgotten then, webhooks are told of these kinds alone.
    world.burst(3).await;
    let (owner, at) = (world.ada.owner, world.clock.now());
    let other = async move |tx: &mut Tx| {
        let event = Event { kind: "wallet.opened", subject: Uuid::nil(), owner: Some(owner), data: json!({}), at };
        outbox::append(tx, event).await
    };
    world.db.write::<_, StoreError, _>(other).await.unwrap();
    world.clock.advance(days(29));
    assert_eq!(forget(100).await, (0, 0));
    world.clock.advance(days(2));
    let forgotten = [forget(3).await, forget(3).await, forget(3).await];
    assert_eq!(forgotten.iter().map(|one| one.0).sum::<usize>(), 4, "{forgotten:?}");
    assert_eq!(forgotten.iter().map(|one| one.1).sum::<usize>(), 3, "{forgotten:?}");
}

async fn what_is_replayed_while_its_first_attempt_is_on_its_way_is_sent_where_it_leads_now(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/old", Manner::Slow(Duration::from_millis(700)), &["service.called"]).await;
    let sent = world.ping(ada, &hook).await;
    eventually("it is on its way", async || world.peer.seen("/old").len() == 1).await;
    world.clock.advance(Duration::from_secs(1));
    let (id, now, url) = (hook.id, world.clock.now(), world.peer.url("/new", fine()));
    let again = async move |tx: &mut Tx| {
        let off = WebhookChanges { active: Some(false), ..WebhookChanges::default() };
        delivery::update_webhook(tx, &ada, id, &off, now).await?;
        let on = WebhookChanges { active: Some(true), url: Some(url.clone()), ..WebhookChanges::default() };
        delivery::update_webhook(tx, &ada, id, &on, now).await?;
        delivery::replay(tx, &ada, id, sent.id, now).await
    };
    world.write(again).await.unwrap();
    world.webhooks.rouse(id);
    let done = world.until(ada, &hook, DeliveryStatus::Delivered, 1).await.remove(0);
    let seen = (world.peer.seen("/old").len(), world.peer.seen("/new").len());
    assert_eq!((done.attempts, seen), (1, (1, 1)), "the attempt that began before the replay is not its");
    world.stop(running).await;
}

async fn however_many_wait_for_one_of_their_subject_others_are_sent(test: &TestDb) {
    let config = WebhooksConfig { patience: Duration::from_secs(60), ..config() };
    let world = World::with(test, config).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::HangOn("hangs"), &["service.called"]).await;
    world.call(ada, world.bob, Uuid::from_u128(1), "hangs").await;
    for n in 0..150 {
        world.call(ada, world.bob, Uuid::from_u128(1), &n.to_string()).await;
    }
    world.call(ada, world.bob, Uuid::from_u128(2), "other").await;
    let log = world.until(ada, &hook, DeliveryStatus::Delivered, 1).await;
    assert_eq!(world.told("/ada"), ["hangs", "other"]);
    assert_eq!(log.last().map(|last| last.status), Some(DeliveryStatus::Delivered));
    drop(running);
}

async fn what_ends_after_a_lease_that_nobody_has_taken_is_written_and_not_sent_again(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::Slow(Duration::from_millis(800)), &["service.called"]).await;
    world.ping(ada, &hook).await;
    eventually("it is on its way", async || world.peer.seen("/ada").len() == 1).await;
    world.clock.advance(Duration::from_secs(16));
    let done = world.until(ada, &hook, DeliveryStatus::Delivered, 1).await.remove(0);
    world.ping(ada, &hook).await;
    world.until(ada, &hook, DeliveryStatus::Delivered, 2).await;
    assert_eq!((done.attempts, world.peer.seen("/ada").len()), (1, 2), "each was sent once");
    world.stop(running).await;
}

async fn an_attempt_that_cannot_be_written_is_not_made_again_and_holds_nothing_up(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::Slow(Duration::from_millis(500)), &["service.called"]).await;
    world.ping(ada, &hook).await;
    eventually("it is on its way", async || world.peer.seen("/ada").len() == 1).await;
    // A row stands where the attempt is to be written.
    world
        .spoil(
            "INSERT INTO webhook_attempts (delivery_seq, number, at, duration_ms) \
             SELECT seq, 1, created_at, 0 FROM webhook_deliveries",
        )
        .await;
    world.ping(ada, &hook).await;
    let log = world.until(ada, &hook, DeliveryStatus::Delivered, 1).await;
    assert_eq!((log[0].status, log[1].status), (DeliveryStatus::Dead, DeliveryStatus::Delivered));
    assert!(log[0].last_error.as_ref().is_some_and(|why| why.contains("cannot be written")), "{log:?}");
    assert_eq!(world.peer.seen("/ada").len(), 2, "each was sent once");
    world.stop(running).await;
}

async fn a_queue_whose_secret_is_broken_is_given_up_in_few_transactions(test: &TestDb) {
    let world = World::new(test).await;
    let hook = world.hook(world.ada, "/ada", fine(), &["settlement.created"]).await;
    world.spoil("UPDATE webhook_secrets SET ciphertext = nonce").await;
    world.burst(1_200).await;
    let before = world.db.writes_asked();
    let running = world.webhooks.start();
    eventually("all are dead", async || {
        world.count("SELECT count(*) AS n FROM webhook_deliveries WHERE status = 'dead'").await == 1_200
            && world.count(LEASED).await == 0
    })
    .await;
    let writes = world.db.writes_asked() - before;
    assert!(writes < 100, "{writes}");
    assert!(world.peer.seen("/ada").is_empty(), "{}", hook.id);
    world.stop(running).await;
}

async fn words_that_only_a_newer_program_knows_outlive_a_change_of_something_else(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, now) = (world.ada, world.clock.now());
    let id = world.hook(ada, "/ada", fine(), &["service.called"]).await.id;
    world.spoil("UPDATE webhooks SET events = '[\"from.the.future\", \"service.called\"]'").await;
    let kept = async || world.count("SELECT count(*) AS n FROM webhooks WHERE CAST(events AS TEXT) LIKE '%future%'").await;
    let change = |changes: WebhookChanges| {
        world.write(async move |tx: &mut Tx| delivery::update_webhook(tx, &ada, id, &changes, now).await)
    };
    let url = world.peer.url("/new", fine());
    let changed = change(WebhookChanges { url: Some(url.clone()), ..WebhookChanges::default() }).await.unwrap();
    assert_eq!((changed.url, kept().await), (url, 1));
    let events = Some(vec!["service.failed".to_owned()]);
    change(WebhookChanges { events, ..WebhookChanges::default() }).await.unwrap();
    assert_eq!(kept().await, 0);
}

async fn what_is_given_up_on_its_way_and_taken_is_delivered(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::Slow(Duration::from_millis(500)), &["service.called"]).await;
    world.ping(ada, &hook).await;
    eventually("it is on its way", async || world.peer.seen("/ada").len() == 1).await;
    let (id, now) = (hook.id, world.clock.now());
    let bury = async move |tx: &mut Tx| Ok(tx.bury_upto(id, i64::MAX, "too many", now).await?);
    assert_eq!(world.write(bury).await, Ok(1));
    let done = world.until(ada, &hook, DeliveryStatus::Delivered, 1).await.remove(0);
    assert_eq!((done.attempts, done.last_error), (1, None));
    world.stop(running).await;
}

suite! {
    what_is_given_up_on_its_way_and_taken_is_delivered,
    what_is_replayed_while_its_first_attempt_is_on_its_way_is_sent_where_it_leads_now,
    however_many_wait_for_one_of_their_subject_others_are_sent,
    what_ends_after_a_lease_that_nobody_has_taken_is_written_and_not_sent_again,
    an_attempt_that_cannot_be_written_is_not_made_again_and_holds_nothing_up,
    a_queue_whose_secret_is_broken_is_given_up_in_few_transactions,
    words_that_only_a_newer_program_knows_outlive_a_change_of_something_else,
    a_delivery_that_hangs_has_one_place_and_delays_no_other,
    tests_do_not_wait_for_each_other,
    one_event_takes_three_transactions_and_many_share_theirs,
    what_makes_no_sense_is_dead_and_the_others_go_on,
    a_secret_that_is_broken_ends_what_waits_for_it_and_nothing_else,
    a_webhook_that_makes_no_sense_keeps_nobody_from_being_told,
    an_answer_that_comes_after_the_cancel_changes_nothing,
    what_is_replayed_while_it_is_on_its_way_is_sent_once_more,
    what_is_unread_is_not_forgotten,
}
