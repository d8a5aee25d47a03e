//! The courier: signatures, retries, order, and that nobody delays anybody.

use std::time::{Duration, Instant};

use rialto_delivery::{
    self as delivery, Delivery, DeliveryStatus, Webhook, WebhookChanges, WebhookError, WebhookId, WebhooksConfig,
    store::{LaneStore, QueueStore},
};
use rialto_jobs::lanes::Lease;
use rialto_kernel::{Caller, Id, Timestamp};
use rialto_outbound::webhook::{hex_signature, standard_signature};
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

async fn a_long_answer_is_an_answer(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::Answer(200, "x".repeat(70_000)), &["service.called"]).await;
    world.call(ada, world.bob, SERVICE, "one").await;
    let done = world.tried(ada, &hook, 1).await;
    assert_eq!((done.status, done.last_status, done.last_error), (DeliveryStatus::Delivered, Some(200), None));
    world.stop(running).await;
}

async fn only_leases_of_lanes_that_are_served_are_renewed(test: &TestDb) {
    let world = World::new(test).await;
    let now = world.clock.now();
    let hooks = [
        world.hook(world.ada, "/a", fine(), &["service.called"]).await.id,
        world.hook(world.ada, "/b", fine(), &["service.called"]).await.id,
    ];
    let (lease, until) = (Id::<Lease>::new(), now.after(Duration::from_secs(15)));
    let leased = async move |tx: &mut Tx| {
        tx.rouse(&hooks, now).await?;
        Ok(tx.lease_lanes(&hooks, lease, now, until).await?.len())
    };
    assert_eq!(world.write(leased).await, Ok(2));
    let renew = |ids: Vec<WebhookId>, lease: Id<Lease>, now: Timestamp| {
        let until = now.after(Duration::from_secs(15));
        world.write(async move |tx: &mut Tx| Ok(tx.renew_lanes(&ids, lease, until).await?))
    };
    let later = now.after(Duration::from_secs(5));
    assert_eq!(renew(hooks.to_vec(), Id::new(), later).await, Ok(0), "another's");
    assert_eq!(renew(vec![hooks[0]], lease, later).await, Ok(1));
    let ended = now.after(Duration::from_secs(15));
    let taken =
        async move |tx: &mut Tx| Ok(tx.lease_lanes(&hooks, Id::new(), ended, ended.after(Duration::from_secs(15))).await?);
    let taken: Vec<_> = world.write(taken).await.unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(taken, [hooks[1]]);
    let later = ended.after(Duration::from_secs(15));
    assert_eq!(renew(hooks.to_vec(), lease, later).await, Ok(1), "one has ended and nobody has taken it, the other is another's");
}

async fn off_and_on_again_is_told_of_what_is_new_and_of_nothing_else(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::FailFirst(1), &["service.called"]).await;
    world.call(ada, world.bob, SERVICE, "old").await;
    world.tried(ada, &hook, 1).await;
    let (id, now) = (hook.id, world.clock.now());
    for active in [false, true] {
        let changes = WebhookChanges { active: Some(active), ..WebhookChanges::default() };
        world.write(async move |tx: &mut Tx| delivery::update_webhook(tx, &ada, id, &changes, now).await).await.unwrap();
    }
    world.call(ada, world.bob, SERVICE, "new").await;
    world.webhooks.wake();
    world.clock.advance(Duration::from_secs(60));
    let log = world.until(ada, &hook, DeliveryStatus::Delivered, 1).await;
    assert_eq!(log.iter().map(|one| one.status).collect::<Vec<_>>(), [DeliveryStatus::Cancelled, DeliveryStatus::Delivered]);
    assert_eq!(world.told("/ada"), ["old", "new"]);
    world.stop(running).await;
}

async fn what_was_cancelled_is_not_sent_although_it_was_about_to_be(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", Manner::Hang, &["service.called"]).await;
    world.call(ada, world.bob, SERVICE, "zero").await;
    eventually("the first is on its way", async || world.peer.seen("/ada").len() == 1).await;
    // They wait behind it, and are taken together when it has failed.
    for name in ["one", "two", "three"] {
        world.call(ada, world.bob, SERVICE, name).await;
    }
    eventually("so is the next", async || world.peer.seen("/ada").len() == 2).await;
    let (id, now) = (hook.id, world.clock.now());
    for active in [false, true] {
        let changes = WebhookChanges { active: Some(active), ..WebhookChanges::default() };
        world.write(async move |tx: &mut Tx| delivery::update_webhook(tx, &ada, id, &changes, now).await).await.unwrap();
    }
    world.peer.url("/ada", fine());
    world.call(ada, world.bob, SERVICE, "new").await;
    world.webhooks.wake();
    world.until(ada, &hook, DeliveryStatus::Delivered, 1).await;
    assert_eq!(world.told("/ada"), ["zero", "one", "new"]);
    world.stop(running).await;
}

async fn what_cannot_be_signed_waits(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let hook = world.hook(ada, "/ada", fine(), &["service.called"]).await;
    let (id, now) = (hook.id, world.clock.now());
    let other = rialto_registry::CredentialCipher::new(&[8; 32]);
    let rotate = async move |tx: &mut Tx| delivery::rotate_secret(tx, &other, &ada, id, Some("x"), now).await.map(drop);
    world.write(rotate).await.unwrap();
    world.call(ada, world.bob, SERVICE, "one").await;
    eventually("the lane rests", async || {
        world.count("SELECT count(*) AS n FROM webhook_deliveries WHERE status = 'pending'").await == 1
            && world.count("SELECT count(*) AS n FROM webhook_lanes WHERE lease_id IS NULL AND due_at IS NOT NULL").await == 1
    })
    .await;
    let rotate = async move |tx: &mut Tx| delivery::rotate_secret(tx, &cipher(), &ada, id, Some("y"), now).await.map(drop);
    world.write(rotate).await.unwrap();
    let log = world.until(ada, &hook, DeliveryStatus::Delivered, 1).await;
    assert_eq!((log[0].attempts, world.peer.seen("/ada").len()), (1, 1));
    world.stop(running).await;
}

suite! {
    what_was_cancelled_is_not_sent_although_it_was_about_to_be,
    off_and_on_again_is_told_of_what_is_new_and_of_nothing_else,
    what_cannot_be_signed_waits,
    only_leases_of_lanes_that_are_served_are_renewed,
    a_long_answer_is_an_answer,
    what_is_sent_is_signed_with_the_secrets_that_are_good,
    what_fails_is_sent_again_after_1_2_and_4_seconds_and_then_dead,
    first_attempts_of_a_subject_keep_their_order_while_one_fails,
    what_hangs_delays_nobody_else,
    what_is_pending_for_one_that_is_off_or_gone_is_cancelled,
    a_lane_of_a_courier_that_died_is_served_by_another,
    an_address_inside_is_a_failed_attempt,
}
