//! The courier: signatures, retries, order, and that nobody delays anybody.

use std::time::{Duration, Instant};

use rialto_delivery::{
    self as delivery, Delivery, DeliveryStatus, Webhook, WebhookChanges, WebhookError, WebhooksConfig, hex_signature,
    standard_signature,
};
use rialto_kernel::Caller;
use rialto_store::{Tx, suite, testing::TestDb};
use uuid::Uuid;

use super::world::*;

const SERVICE: Uuid = Uuid::from_u128(1);

impl World {
    async fn replay(&self, owner: Caller, of: &Delivery) -> Result<Delivery, WebhookError> {
        let (webhook, id, now) = (of.webhook, of.id, self.clock.now());
        let replayed = self.write(async move |tx: &mut Tx| delivery::replay(tx, &owner, webhook, id, now).await).await;
        self.webhooks.wake();
        replayed
    }

    /// Waits until the first delivery was sent so many times.
    async fn tried(&self, owner: Caller, hook: &Webhook, attempts: i32) -> Delivery {
        eventually("the attempt is written down", async || {
            self.log(owner, hook).await.first().is_some_and(|first| first.attempts >= attempts)
        })
        .await;
        self.log(owner, hook).await.remove(0)
    }
}

async fn what_is_sent_is_signed_with_the_secrets_that_are_good(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", fine(), &["service.called"]).await;
    world.call(ada, world.bob, SERVICE, "one").await;
    world.until(ada, &hook, DeliveryStatus::Delivered, 1).await;
    let (id, now) = (hook.id, world.clock.now());
    let rotate = async move |tx: &mut Tx| delivery::rotate_secret(tx, &cipher(), &ada, id, None, now).await;
    let fresh = world.write(rotate).await.unwrap().secret.unwrap();
    world.call(ada, world.bob, SERVICE, "two").await;
    let log = world.until(ada, &hook, DeliveryStatus::Delivered, 2).await;
    world.stop(running).await;
    for ((seen, delivery), secrets) in world.peer.seen("/ada").iter().zip(&log).zip([vec![SECRET], vec![fresh.as_str(), SECRET]])
    {
        let (body, seconds) = (seen.body.as_bytes(), NOON.seconds());
        assert_eq!(seen.header("webhook-id"), Some(delivery.id.to_string().as_str()));
        assert_eq!(seen.header("webhook-timestamp"), Some(seconds.to_string().as_str()));
        assert_eq!(seen.header("x-acf-signature"), Some(hex_signature(secrets[0], body).as_str()));
        let all = standard_signature(secrets.iter().copied(), &delivery.id.to_string(), seconds, body);
        assert_eq!(seen.header("webhook-signature"), Some(all.as_str()));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert!(seen.header("user-agent").unwrap().starts_with("Rialto"));
    }
}

async fn what_fails_is_sent_again_after_1_2_and_4_seconds_and_then_dead(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::FailFirst(4), &["service.called"]).await;
    world.call(ada, world.bob, SERVICE, "one").await;
    for (attempts, wait) in [(1, 1), (2, 2), (3, 4)] {
        let tried = world.tried(ada, &hook, attempts).await;
        let due = world.clock.now().after(Duration::from_secs(wait));
        assert_eq!((tried.attempts, tried.status, tried.due_at), (attempts, DeliveryStatus::Pending, Some(due)));
        world.clock.advance(Duration::from_secs(wait) - Duration::from_millis(1));
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert_eq!(world.tried(ada, &hook, attempts).await.attempts, attempts, "not before its time");
        world.clock.advance(Duration::from_millis(1));
    }
    let dead = world.tried(ada, &hook, 4).await;
    assert_eq!((dead.status, dead.last_status, dead.due_at), (DeliveryStatus::Dead, Some(503), None));
    assert_eq!(dead.last_error.as_deref(), Some("the receiver answered 503"));
    world.clock.advance(Duration::from_secs(3_600));
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(world.peer.seen("/ada").len(), 4, "dead is dead");

    // Once more, by hand: the same id, the same body.
    let again = world.replay(ada, &dead).await.unwrap();
    assert_eq!((again.status, again.attempts), (DeliveryStatus::Pending, 4));
    let done = world.tried(ada, &hook, 5).await;
    assert_eq!((done.status, done.last_error.as_deref()), (DeliveryStatus::Delivered, None));
    let seen = world.peer.seen("/ada");
    assert!(seen.iter().all(|one| one.header("webhook-id") == seen[0].header("webhook-id") && one.body == seen[0].body));
    let (webhook, id) = (hook.id, done.id);
    let find = async move |tx: &mut Tx| delivery::find_delivery(tx, &ada, webhook, id).await;
    let (_, body, attempts) = world.write(find).await.unwrap();
    assert_eq!(body, seen[0].body);
    let told: Vec<_> = attempts.iter().map(|one| (one.number, one.status_code)).collect();
    assert_eq!(told, [(1, Some(503)), (2, Some(503)), (3, Some(503)), (4, Some(503)), (5, Some(200))]);
    // What was taken can be replayed, too; what is another's cannot.
    assert_eq!(world.replay(world.eve, &done).await, Err(WebhookError::Unknown));
    world.replay(ada, &done).await.unwrap();
    world.tried(ada, &hook, 6).await;
    world.stop(running).await;
}

async fn first_attempts_of_a_subject_keep_their_order_while_one_fails(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::FailFirst(1), &["service.called"]).await;
    let expected: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    for usage in &expected {
        world.call(ada, world.bob, SERVICE, usage).await;
    }
    world.until(ada, &hook, DeliveryStatus::Delivered, 49).await;
    assert_eq!(world.told("/ada"), expected, "the first has failed, and the others went on in order");
    world.clock.advance(Duration::from_secs(1));
    world.until(ada, &hook, DeliveryStatus::Delivered, 50).await;
    assert_eq!(world.told("/ada").last().map(String::as_str), Some("0"));
    world.stop(running).await;
}

async fn what_hangs_delays_nobody_else(test: &TestDb) {
    let config = WebhooksConfig { lanes_max: 8, patience: Duration::from_secs(20), ..config() };
    let world = World::with(test, config).await;
    let (eve, running) = (world.eve, world.webhooks.start());
    for n in 0..20 {
        world.hook(eve, &format!("/hang/{n}"), Manner::Hang, &["service.called"]).await;
    }
    let hook = world.hook(world.ada, "/ada", fine(), &["service.called"]).await;
    for n in 0..10 {
        world.call(eve, eve, Uuid::from_u128(n), "hangs").await;
    }
    eventually("eve's receivers hang", async || !world.peer.seen("/hang/0").is_empty()).await;
    let began = Instant::now();
    world.call(world.ada, world.bob, SERVICE, "fine").await;
    world.until(world.ada, &hook, DeliveryStatus::Delivered, 1).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(running);
}

async fn what_is_pending_for_one_that_is_off_or_gone_is_cancelled(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let refused = || Manner::Answer(500, "no".into());
    let off = world.hook(ada, "/off", refused(), &["service.called"]).await;
    let gone = world.hook(ada, "/gone", refused(), &["service.called"]).await;
    world.call(ada, world.bob, SERVICE, "one").await;
    world.tried(ada, &off, 1).await;
    world.tried(ada, &gone, 1).await;
    let (id, other, now) = (off.id, gone.id, world.clock.now());
    let changes = WebhookChanges { active: Some(false), ..WebhookChanges::default() };
    world.write(async move |tx: &mut Tx| delivery::update_webhook(tx, &ada, id, &changes, now).await).await.unwrap();
    world.write(async move |tx: &mut Tx| delivery::delete_webhook(tx, &ada, other, now).await).await.unwrap();
    world.webhooks.wake();
    let cancelled = world.until(ada, &off, DeliveryStatus::Cancelled, 1).await;
    eventually("what is pending for the deleted one is cancelled", async || {
        world.count("SELECT count(*) AS n FROM webhook_deliveries WHERE status = 'cancelled'").await == 2
    })
    .await;
    assert_eq!(world.replay(ada, &cancelled[0]).await, Err(WebhookError::NotActive));
    let test = async move |tx: &mut Tx| delivery::send_test(tx, &ada, id, now).await;
    assert_eq!(world.write(test).await, Err(WebhookError::NotActive));
    world.clock.advance(Duration::from_secs(60));
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!((world.peer.seen("/off").len(), world.peer.seen("/gone").len()), (1, 1));
    eventually("the lanes are given back", async || {
        world.count("SELECT count(*) AS n FROM webhook_lanes WHERE due_at IS NOT NULL").await == 0
    })
    .await;
    world.stop(running).await;
}

async fn a_lane_of_a_courier_that_died_is_served_by_another(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::Hang, &["service.called"]).await;
    world.call(ada, world.bob, SERVICE, "one").await;
    eventually("it is being sent", async || world.peer.seen("/ada").len() == 1).await;
    // As a process that is killed: nothing is given back.
    drop(running);
    world.peer.url("/ada", fine());
    assert_eq!(world.count("SELECT count(*) AS n FROM webhook_lanes WHERE lease_id IS NOT NULL").await, 1);
    world.clock.advance(Duration::from_secs(16));
    let running = world.again().start();
    let log = world.until(ada, &hook, DeliveryStatus::Delivered, 1).await;
    assert_eq!(log[0].attempts, 1, "the attempt that nobody wrote down does not count");
    let ids: Vec<_> = world.peer.seen("/ada").iter().map(|seen| seen.header("webhook-id").map(str::to_owned)).collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]), "the same id");
    world.stop(running).await;
}

async fn an_address_inside_is_a_failed_attempt(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.try_hook(ada, "https://10.0.0.1/hook", &["service.called"]).await.unwrap();
    world.webhooks.wake();
    world.call(ada, world.bob, SERVICE, "one").await;
    let tried = world.tried(ada, &hook, 1).await;
    assert_eq!((tried.status, tried.last_status), (DeliveryStatus::Pending, None));
    assert_eq!(tried.last_error.as_deref(), Some("the URL cannot target private or loopback IP addresses"));
    world.stop(running).await;
}

suite! {
    what_is_sent_is_signed_with_the_secrets_that_are_good,
    what_fails_is_sent_again_after_1_2_and_4_seconds_and_then_dead,
    first_attempts_of_a_subject_keep_their_order_while_one_fails,
    what_hangs_delays_nobody_else,
    what_is_pending_for_one_that_is_off_or_gone_is_cancelled,
    a_lane_of_a_courier_that_died_is_served_by_another,
    an_address_inside_is_a_failed_attempt,
}
