//! What is read from a place on, and what becomes of what waits: nothing is passed over, nothing waits for ever.

use std::{sync::Arc, time::Duration};

use rialto_networks::{
    self as networks, CallbackUrls, DeliveryStatus, Doorkeeper, InboxQuery, MessageFilter, Networks, NewParticipant, Participant,
    ParticipantChanges, ParticipantStatus, Topology,
    store::{Dismissal, LaneStore, MessageStore},
};
use rialto_outbound::{ClientOptions, OutboundClient};
use rialto_registry::{AuthType, CredentialCipher, NewAgent, NewCredential, register, set_credential};
use rialto_store::{Tx, suite, testing::TestDb};
use tokio::{runtime::Handle, sync::Notify};

use super::world::*;

async fn nothing_is_shown_behind_what_may_still_be_committed_before_it(test: &TestDb) {
    let world = World::new(test).await;
    if !world.db.is_postgres() {
        // One writer commits in order.
        return;
    }
    let network = world.network(Topology::Mesh, None).await;
    let (a, b) = (world.poller(&network, "a").await, world.poller(&network, "b").await);
    let elsewhere = world.network(Topology::Mesh, None).await;
    let (c, d) = (world.poller(&elsewhere, "c").await, world.poller(&elsewhere, "d").await);
    let read = world.send(&a, &b, "zeroth").await.unwrap().message.seq;
    let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (ada, new, now, began, go) = (world.ada, message(&a, &b, "first"), NOON, Arc::clone(&began), Arc::clone(&go));
        tokio::spawn(world.write(async move |tx: &mut Tx| {
            let sent = networks::send(tx, &ada, &new, now).await?;
            began.notify_one();
            go.notified().await;
            Ok(sent)
        }))
    };
    began.notified().await;
    let second = world.send(&a, &b, "second").await.unwrap().message.seq;
    let after = InboxQuery { after: read, ..ALL };
    let filters = [None, Some(b.id)].map(|participant| MessageFilter { participant, after: read, channel: None });
    assert_eq!(contents(&world.inbox(&b, after).await), [""; 0], "the first may still come");
    for filter in &filters {
        assert_eq!(contents(&world.messages(network.id, *filter).await), [""; 0]);
    }
    world.send(&c, &d, "quick").await.unwrap();
    assert_eq!(contents(&world.inbox(&d, ALL).await), ["quick"], "that is another network's affair");
    go.notify_one();
    assert!(slow.await.unwrap().unwrap().message.seq < second);
    assert_eq!(contents(&world.inbox(&b, after).await), ["first", "second"]);
    for filter in &filters {
        assert_eq!(contents(&world.messages(network.id, *filter).await), ["first", "second"]);
    }
}

async fn set_status(world: &World, who: &Participant, status: ParticipantStatus) {
    let (ada, door, network, id, now) = (world.ada, world.networks.door().clone(), who.network, who.id, world.clock.now());
    let changes = ParticipantChanges { status: Some(status), ..ParticipantChanges::default() };
    let change =
        async move |tx: &mut Tx| networks::update_participant(tx, &door, &ada, network, id, &changes, now).await.map(drop);
    world.write(change).await.unwrap();
}

async fn what_waits_for_one_that_is_away_goes_on_when_it_is_back(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let b = world.pushed(&network, "b", Manner::Answer(200, "{}".into())).await;
    let sent = world.send(&a, &b, "hello").await.unwrap().message.id;
    set_status(&world, &b, ParticipantStatus::Disconnected).await;
    let courier = world.networks.start_courier();
    eventually("its lane is put aside", async || {
        world.count("SELECT count(*) AS n FROM network_lanes WHERE due_at IS NOT NULL").await == 0
    })
    .await;
    assert_eq!(world.message(network.id, sent).await.status(), DeliveryStatus::Pending);
    set_status(&world, &b, ParticipantStatus::Active).await;
    eventually("it is delivered", async || world.message(network.id, sent).await.status() == DeliveryStatus::Delivered).await;
    assert_eq!(world.peer.contents("/b"), ["hello"]);
    courier.stop(Duration::from_secs(5)).await;
}

async fn all_that_is_pending_for_one_that_leaves_fails(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let (a, poller) = (world.poller(&network, "a").await, world.poller(&network, "poller").await);
    let away = world.pushed(&network, "away", Manner::Answer(200, "{}".into())).await;
    set_status(&world, &away, ParticipantStatus::Active).await;
    let mut pending = vec![world.send(&a, &poller, "look").await.unwrap().message.id];
    pending.push(world.mail(&a, &poller, "a letter").await.message.id);
    pending.push(world.send(&a, &away, "hello").await.unwrap().message.id);
    set_status(&world, &away, ParticipantStatus::Disconnected).await;
    let courier = world.networks.start_courier();
    let (ada, id, now) = (world.ada, poller.id, world.clock.now());
    world.write(async move |tx: &mut Tx| networks::leave(tx, &ada, poller.network, id, now).await).await.unwrap();
    set_status(&world, &away, ParticipantStatus::Removed).await;
    for id in pending {
        eventually("it fails", async || world.message(network.id, id).await.status() == DeliveryStatus::Failed).await;
        let why = world.message(network.id, id).await.delivery.unwrap().last_error;
        assert_eq!(why.as_deref(), Some("The participant has left the network"));
        assert_eq!(world.ack(network.id, vec![id]).await, Ok(0), "what has failed was not read");
        assert_eq!(world.message(network.id, id).await.status(), DeliveryStatus::Failed);
    }
    assert_eq!(world.peer.seen("/away").len(), 0);
    courier.stop(Duration::from_secs(5)).await;
}

/// Networks whose secrets, or whose agents' credentials, were encrypted with keys that this process does not have.
fn with_other_keys(world: &World, door_key: u8, agents_key: u8) -> Networks {
    let client = OutboundClient::new("127.0.0.1".parse().unwrap(), &ClientOptions::default()).unwrap();
    let cipher = CredentialCipher::new(&[door_key; 32]);
    let door = Doorkeeper { cipher, urls: CallbackUrls::new(b"a key", "http://rialto.test"), places_max: 50 };
    let agents = CredentialCipher::new(&[agents_key; 32]);
    Networks::new(world.db.clone(), client, agents, door, world.clock.clone(), config(), Handle::current())
}

async fn nothing_goes_out_unsigned_or_without_its_credential(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let b = world.pushed(&network, "b", Manner::Answer(200, "{}".into())).await;
    let endpoint = world.peer.url("/agent", Manner::Answer(200, "{}".into()));
    let auth_type = AuthType::BearerToken;
    let new = NewAgent { name: "agent".into(), description: "Answers.".into(), endpoint, auth_type, ..NewAgent::default() };
    let bearer = NewCredential { kind: auth_type, secret: "s".to_owned().into(), auth_header: None, auth_scheme: None };
    let (ada, cipher) = (world.ada, CredentialCipher::new(&[8; 32]));
    let agent = world.db.write(async move |tx: &mut Tx| register(tx, &ada, &new, NOON).await).await.unwrap();
    let id = agent.id.into();
    let secret = async move |tx: &mut Tx| set_credential(tx, &cipher, &ada, &id, &bearer, NOON).await;
    world.db.write(secret).await.unwrap();
    let own = NewParticipant { agent: Some(agent.id.into()), ..newcomer("agent") };
    let (c, _) = world.join(&network, own).await.unwrap();
    for (to, networks) in [(&b, with_other_keys(&world, 9, 8)), (&c, with_other_keys(&world, 7, 9))] {
        let sent = world.send(&a, to, "hello").await.unwrap().message.id;
        let courier = networks.start_courier();
        for attempt in 1..=3 {
            eventually("the attempt is counted", async || {
                world.message(network.id, sent).await.delivery.unwrap().attempts >= attempt
            })
            .await;
            world.clock.advance(Duration::from_secs(10));
        }
        assert_eq!(world.message(network.id, sent).await.status(), DeliveryStatus::Failed);
        assert!(networks.call(world.ada, message(&a, to, "hello"), None).await.is_err());
        courier.stop(Duration::from_secs(5)).await;
    }
    assert_eq!((world.peer.seen("/b").len(), world.peer.seen("/agent").len()), (0, 0));
}

async fn what_was_read_meanwhile_is_not_dismissed(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let b = world.pushed(&network, "b", Manner::Answer(200, "{}".into())).await;
    let first = world.send(&a, &b, "first").await.unwrap().message.id;
    let second = world.send(&a, &b, "second").await.unwrap().message.id;
    let (read, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let reader = {
        let (read, go, network) = (Arc::clone(&read), Arc::clone(&go), network.id);
        tokio::spawn(world.write(async move |tx: &mut Tx| {
            tx.set_read(network, None, &[first], NOON).await?;
            read.notify_one();
            go.notified().await;
            Ok(())
        }))
    };
    read.notified().await;
    let how = Dismissal::Fail { why: "gone".into(), until: world.clock.now() };
    let dismiss = world.write(async move |tx: &mut Tx| Ok(tx.dismiss(b.id, &how, NOON, 10).await?));
    let dismissed = tokio::spawn(dismiss);
    // On PostgreSQL it has seen both by now, and waits for the reader; a slow machine makes the test easier, not wrong.
    tokio::time::sleep(Duration::from_millis(200)).await;
    go.notify_one();
    reader.await.unwrap().unwrap();
    assert_eq!(dismissed.await.unwrap(), Ok(1));
    assert_eq!(world.message(network.id, first).await.status(), DeliveryStatus::Read);
    assert_eq!(world.message(network.id, second).await.status(), DeliveryStatus::Failed);
}

suite! {
    nothing_is_shown_behind_what_may_still_be_committed_before_it,
    what_waits_for_one_that_is_away_goes_on_when_it_is_back,
    all_that_is_pending_for_one_that_leaves_fails,
    nothing_goes_out_unsigned_or_without_its_credential,
    what_was_read_meanwhile_is_not_dismissed,
}
