//! The courier: order, retries, and that nobody delays anybody.

use std::time::{Duration, Instant};

use rialto_kernel::Timestamp;
use rialto_networks::{
    self as networks, DeliveryStatus, Letter, MessageId, Network, NetworksConfig, NewParticipant, ParticipantChanges,
    ParticipantStatus, Topology,
};
use rialto_outbound::webhook::standard_signature;
use rialto_store::{StoreError, Tx, suite, testing::TestDb};

use super::world::*;

impl World {
    async fn status(&self, network: &Network, id: MessageId) -> DeliveryStatus {
        self.message(network.id, id).await.status()
    }

    /// Waits until this many attempts were made at a message.
    async fn tried(&self, network: &Network, id: MessageId, attempts: i32) -> Letter {
        eventually("the attempt is written down", async || {
            self.message(network.id, id).await.delivery.unwrap().attempts >= attempts
        })
        .await;
        self.message(network.id, id).await
    }
}

async fn messages_are_pushed_in_order_each_with_one_signed_id(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let url = world.peer.url("/b", Manner::Answer(202, "thanks".into()));
    let (b, keys) = world.join(&network, NewParticipant { callback_url: Some(url), ..newcomer("b") }).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(world.send(&a, &b, &n.to_string()).await.unwrap().message.id);
    }
    assert_eq!(world.status(&network, ids[0]).await, DeliveryStatus::Pending, "nobody delivers yet");
    let courier = world.networks.start_courier();
    eventually("all are delivered", async || world.status(&network, *ids.last().unwrap()).await == DeliveryStatus::Delivered)
        .await;
    let expected: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(world.peer.contents("/b"), expected);
    for (seen, id) in world.peer.seen("/b").iter().zip(&ids) {
        let stamp: i64 = seen.header("webhook-timestamp").unwrap().parse().unwrap();
        assert_eq!(seen.header("webhook-id"), Some(id.to_string().as_str()));
        let secrets = [keys.signing_secret.as_str()].into_iter();
        let signature = standard_signature(secrets, &id.to_string(), stamp, seen.body.as_bytes());
        assert_eq!(seen.header("webhook-signature"), Some(signature.as_str()));
    }
    let last = world.peer.seen("/b").pop().unwrap().json();
    let context = last["context"].as_array().unwrap();
    assert_eq!((context.len(), &context[18]["content"]), (19, &"18".into()));
    let delivery = world.message(network.id, ids[3]).await.delivery.unwrap();
    assert_eq!((delivery.attempts, delivery.last_error, delivery.delivered_at.is_some()), (1, None, true));
    assert_eq!(world.ack(network.id, ids.clone()).await.unwrap(), 20);
    assert_eq!(world.status(&network, ids[0]).await, DeliveryStatus::Read);
    eventually("the lane is given back", async || {
        world.count("SELECT count(*) AS n FROM network_lanes WHERE due_at IS NOT NULL").await == 0
    })
    .await;
    courier.stop(Duration::from_secs(5)).await;
}

async fn a_message_that_is_not_taken_is_tried_again_and_those_behind_it_wait(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let b = world.pushed(&network, "b", Manner::DropFirst(2)).await;
    let _courier = world.networks.start_courier();
    let first = world.send(&a, &b, "first").await.unwrap().message.id;
    let second = world.send(&a, &b, "second").await.unwrap().message.id;
    for attempt in 1..=2 {
        let letter = world.tried(&network, first, attempt).await;
        assert_eq!(letter.status(), DeliveryStatus::Pending);
        assert!(letter.delivery.unwrap().last_error.is_some());
        world.clock.advance(Duration::from_secs(10));
    }
    eventually("both are delivered", async || world.status(&network, second).await == DeliveryStatus::Delivered).await;
    assert_eq!(world.peer.contents("/b"), ["first", "first", "first", "second"]);
    let ids: Vec<_> = world.peer.seen("/b").iter().map(|seen| seen.header("webhook-id").unwrap().to_owned()).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3]);
    assert_eq!(world.message(network.id, first).await.delivery.unwrap().attempts, 3);
}

async fn whoever_cannot_be_reached_fails_all_that_waited_and_delays_nobody(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let (hangs, dead) = (world.pushed(&network, "hangs", Manner::Hang).await, world.pushed(&network, "dead", Manner::Drop).await);
    let mut fine = Vec::new();
    for n in 0..6 {
        fine.push(world.pushed(&network, &format!("fine{n}"), Manner::Answer(200, "{}".into())).await);
    }
    let (mut lost, mut taken) = (Vec::new(), Vec::new());
    for n in 0..10 {
        for to in [&hangs, &dead] {
            lost.push(world.send(&a, to, &n.to_string()).await.unwrap().message.id);
        }
        for to in &fine {
            taken.push(world.send(&a, to, &n.to_string()).await.unwrap().message.id);
        }
    }
    let _courier = world.networks.start_courier();
    for id in &taken {
        eventually("the others get theirs", async || world.status(&network, *id).await == DeliveryStatus::Delivered).await;
    }
    // Their own attempts, and then all that has waited behind them.
    for attempt in 1..=3 {
        for first in &lost[..2] {
            world.tried(&network, *first, attempt).await;
        }
        world.clock.advance(Duration::from_secs(10));
    }
    for id in &lost {
        eventually("it has failed", async || world.status(&network, *id).await == DeliveryStatus::Failed).await;
    }
    let behind = world.message(network.id, lost[19]).await.delivery.unwrap();
    assert_eq!(behind.attempts, 0);
    assert!(behind.last_error.unwrap().contains("could not be reached"));
    assert_eq!((world.peer.seen("/dead").len(), world.peer.seen("/hangs").len()), (3, 3));
    // Whoever comes back is served at once.
    world.peer.url("/dead", Manner::Answer(200, "{}".into()));
    let fresh = world.send(&a, &dead, "back?").await.unwrap().message.id;
    eventually("it is delivered", async || world.status(&network, fresh).await == DeliveryStatus::Delivered).await;
}

async fn a_refusal_is_about_one_message(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let (picky, gone) = (
        world.pushed(&network, "picky", Manner::Answer(422, "{}".into())).await,
        world.pushed(&network, "gone", Manner::Answer(410, "{}".into())).await,
    );
    let _courier = world.networks.start_courier();
    let refused = world.send(&a, &picky, "no").await.unwrap().message.id;
    let hopeless = world.send(&a, &gone, "no").await.unwrap().message.id;
    let letter = world.tried(&network, hopeless, 1).await;
    assert_eq!(letter.status(), DeliveryStatus::Failed, "gone is gone");
    assert_eq!(letter.delivery.unwrap().last_error.as_deref(), Some("The callback answered with status 410"));
    world.tried(&network, refused, 1).await;
    let behind = world.send(&a, &picky, "yes").await.unwrap().message.id;
    for attempt in 1..=3 {
        world.tried(&network, refused, attempt).await;
        if attempt == 3 {
            world.peer.url("/picky", Manner::Answer(200, "{}".into()));
        }
        world.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(world.status(&network, refused).await, DeliveryStatus::Failed);
    eventually("the next is tried for itself", async || {
        world.clock.advance(Duration::from_secs(10));
        world.status(&network, behind).await == DeliveryStatus::Delivered
    })
    .await;
}

async fn what_waits_follows_its_participant(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let ok = || Manner::Answer(200, "{}".into());
    let (left, away) = (world.pushed(&network, "left", ok()).await, world.pushed(&network, "away", ok()).await);
    let lost = world.send(&a, &left, "x").await.unwrap().message.id;
    let kept = world.send(&a, &away, "x").await.unwrap().message.id;
    let (ada, id, door, now) = (world.ada, network.id, door(50), world.clock.now());
    let (gone, absent) = (left.id, away.id);
    world
        .write(async move |tx: &mut Tx| {
            networks::leave(tx, &ada, id, gone, now).await?;
            let changes = ParticipantChanges { status: Some(ParticipantStatus::Disconnected), ..ParticipantChanges::default() };
            networks::update_participant(tx, &door, &ada, id, absent, &changes, now).await.map(drop)
        })
        .await
        .unwrap();
    let _courier = world.networks.start_courier();
    eventually("it has failed", async || world.status(&network, lost).await == DeliveryStatus::Failed).await;
    eventually("nothing waits", async || {
        world.count("SELECT count(*) AS n FROM network_lanes WHERE due_at IS NOT NULL").await == 0
    })
    .await;
    assert_eq!(world.status(&network, kept).await, DeliveryStatus::Pending);
    assert_eq!(contents(&world.inbox(&away, ALL).await), ["x"], "it can be looked for");
    assert!(world.peer.seen("/left").is_empty() && world.peer.seen("/away").is_empty());
}

async fn two_couriers_share_and_a_dead_ones_lanes_come_due(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let slow = world.pushed(&network, "slow", Manner::Slow(Duration::from_millis(30))).await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(world.send(&a, &slow, &n.to_string()).await.unwrap().message.id);
    }
    // The first dies over its work.
    let dying = world.networks.start_courier();
    eventually("it is at work", async || !world.peer.seen("/slow").is_empty()).await;
    drop(dying);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = world.peer.seen("/slow").len();
    let one = world.networks.start_courier();
    let other = world.db.is_postgres().then(|| World::networks(&world.db, &world.clock).start_courier());
    if other.is_some() {
        // Elsewhere the dead one may live: its lease has to end.
        assert!(world.peer.seen("/slow").len() <= before + 1);
        world.clock.advance(Duration::from_secs(16));
    }
    eventually("all are delivered", async || world.status(&network, *ids.last().unwrap()).await == DeliveryStatus::Delivered)
        .await;
    // In order; what was in flight may have come twice, with one id.
    let mut came = world.peer.contents("/slow");
    came.dedup();
    assert_eq!(came, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    one.stop(Duration::from_secs(5)).await;
    if let Some(other) = other {
        other.stop(Duration::from_secs(5)).await;
    }
}

/// A sender and the courier at the same lane: whoever sends while the lane is being given back is not forgotten.
async fn nothing_is_forgotten_when_a_lane_empties_while_somebody_sends(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let b = world.pushed(&network, "b", Manner::Answer(200, "{}".into())).await;
    let _courier = world.networks.start_courier();
    let began = Instant::now();
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let (db, ada, handle) = (world.db.clone(), world.ada, world.networks.clone());
            let new = message(&a, &b, "x");
            tokio::spawn(async move {
                for n in 0..40 {
                    let (new, recipient) = (new.clone(), new.recipient);
                    let now = Timestamp::from_micros(NOON.micros() + n);
                    db.write(async move |tx: &mut Tx| networks::send(tx, &ada, &new, now).await.map(drop)).await.unwrap();
                    handle.wake(recipient);
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    eventually("all are delivered", async || {
        world.count("SELECT count(*) AS n FROM network_deliveries WHERE status = 'delivered'").await == 160
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(world.peer.seen("/b").len(), 160);
}

/// Makes a row that no program of ours writes.
async fn spoil(tx: &mut Tx) -> Result<(), StoreError> {
    const SPOIL: &str = "UPDATE network_participants SET status = 'odd' WHERE name = 'odd'";
    if tx.is_postgres() {
        tx.batch("ALTER TABLE network_participants DROP CONSTRAINT network_participants_status").await?;
        return tx.batch(SPOIL).await;
    }
    tx.batch("PRAGMA ignore_check_constraints = ON").await?;
    tx.batch(SPOIL).await?;
    tx.batch("PRAGMA ignore_check_constraints = OFF").await
}

async fn a_row_that_makes_no_sense_has_no_place_for_ever(test: &TestDb) {
    let world = World::new(test).await;
    let one_place = NetworksConfig { lanes_max: 1, ..config() };
    let one_place = World::networks_with(&world.db, &world.clock, one_place);
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let fine = || Manner::Answer(200, "{}".into());
    let (odd, other) = (world.pushed(&network, "odd", fine()).await, world.pushed(&network, "other", fine()).await);
    world.send(&a, &odd, "first").await.unwrap();
    world.clock.advance(Duration::from_micros(1));
    let id = world.send(&a, &other, "second").await.unwrap().message.id;
    world.db.write(spoil).await.unwrap();
    let courier = one_place.start_courier();
    let told = async || world.count("SELECT count(*) AS n FROM network_deliveries WHERE status = 'delivered'").await == 1;
    eventually("the other one gets its message", told).await;
    assert_eq!(world.status(&network, id).await, DeliveryStatus::Delivered);
    assert!(world.peer.seen("/odd").is_empty());
    courier.stop(Duration::from_secs(5)).await;
}

async fn whoever_has_much_makes_room_for_others(test: &TestDb) {
    let world = World::new(test).await;
    let one_place = NetworksConfig { lanes_max: 1, turn: Duration::from_millis(100), ..config() };
    let one_place = World::networks_with(&world.db, &world.clock, one_place);
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let much = world.pushed(&network, "much", Manner::Slow(Duration::from_millis(200))).await;
    let little = world.pushed(&network, "little", Manner::Answer(200, "{}".into())).await;
    for n in 0..100 {
        world.send(&a, &much, &n.to_string()).await.unwrap();
    }
    let courier = one_place.start_courier();
    eventually("much is being sent", async || !world.peer.seen("/much").is_empty()).await;
    let id = world.send(&a, &little, "little").await.unwrap().message.id;
    world.clock.advance(Duration::from_secs(1));
    eventually("little is delivered", async || world.status(&network, id).await == DeliveryStatus::Delivered).await;
    assert!(world.peer.seen("/much").len() < 100);
    assert_eq!(world.peer.contents("/much"), (0..world.peer.seen("/much").len()).map(|n| n.to_string()).collect::<Vec<_>>());
    courier.stop(Duration::from_secs(5)).await;
}

suite! {
    a_row_that_makes_no_sense_has_no_place_for_ever,
    whoever_has_much_makes_room_for_others,
    messages_are_pushed_in_order_each_with_one_signed_id,
    a_message_that_is_not_taken_is_tried_again_and_those_behind_it_wait,
    whoever_cannot_be_reached_fails_all_that_waited_and_delays_nobody,
    a_refusal_is_about_one_message,
    what_waits_follows_its_participant,
    two_couriers_share_and_a_dead_ones_lanes_come_due,
    nothing_is_forgotten_when_a_lane_empties_while_somebody_sends,
}
