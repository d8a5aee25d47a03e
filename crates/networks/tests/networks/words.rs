//! Messages, inboxes, acknowledging, contexts, and what participants say by their own URLs.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rialto_networks::{
    self as networks, Capability, Channel, ContextCache, DeliveryStatus, Detour, InboxQuery, MessageFilter, MessageId,
    NetworkError, NetworkId, NewParticipant, Participant, ParticipantId, Said, Topology,
};
use rialto_store::{Tx, suite, testing::TestDb};

use super::world::*;

async fn a_message_goes_where_the_topology_goes(test: &TestDb) {
    let world = World::new(test).await;
    let star = world.network(Topology::Star, None).await;
    let (hub, leaf) = (world.poller(&star, "hub").await, world.poller(&star, "leaf").await);
    let sent = world.send(&hub, &leaf, "hi").await.unwrap();
    assert_eq!(sent.status(), DeliveryStatus::Pending);
    assert_eq!(world.message(star.id, sent.message.id).await, sent);
    let refused = world.send(&leaf, &hub, "hi").await.unwrap_err();
    assert_eq!(refused, NetworkError::Topology(Detour::Star { hub: "hub".into() }));
    // The hub leaves: the oldest of those who stay is the hub now.
    let (ada, now, id, who) = (world.ada, world.clock.now(), star.id, hub.id);
    world.write(async move |tx: &mut Tx| networks::leave(tx, &ada, id, who, now).await).await.unwrap();
    let third = world.poller(&star, "third").await;
    world.send(&leaf, &third, "I am the hub").await.unwrap();
    assert_eq!(world.send(&leaf, &hub, "hi").await.unwrap_err(), NetworkError::RecipientNotActive);
    assert_eq!(world.send(&hub, &leaf, "hi").await.unwrap_err(), NetworkError::SenderNotActive);

    let ring = world.network(Topology::Ring, None).await;
    let [a, b, c] = [world.poller(&ring, "a").await, world.poller(&ring, "b").await, world.poller(&ring, "c").await];
    for (from, to) in [(&a, &b), (&b, &c), (&c, &a)] {
        world.send(from, to, "on").await.unwrap();
        world.mail(from, to, "on").await;
        assert!(matches!(world.send(to, from, "back").await, Err(NetworkError::Topology(Detour::Ring { .. }))));
    }
}

async fn strangers_and_foreign_participants_are_unknown(test: &TestDb) {
    let world = World::new(test).await;
    let (mine, other) = (world.network(Topology::Mesh, None).await, world.network(Topology::Mesh, None).await);
    let (a, b, foreign) = (world.poller(&mine, "a").await, world.poller(&mine, "b").await, world.poller(&other, "c").await);
    let bob = owner(&world.db).await;
    assert_eq!(world.send_as(bob, message(&a, &b, "hi")).await.unwrap_err(), NetworkError::NetworkUnknown);
    let mut from_elsewhere = message(&foreign, &b, "hi");
    from_elsewhere.network = mine.id;
    assert_eq!(world.send_as(world.ada, from_elsewhere).await.unwrap_err(), NetworkError::SenderUnknown);
    assert_eq!(world.send(&a, &foreign, "hi").await.unwrap_err(), NetworkError::RecipientUnknown);
    let mut to_nobody = message(&a, &b, "hi");
    to_nobody.recipient = ParticipantId::new();
    assert_eq!(world.send_as(world.ada, to_nobody).await.unwrap_err(), NetworkError::RecipientUnknown);
    let (network, id) = (mine.id, foreign.id);
    let looked = world.write(async move |tx: &mut Tx| networks::inbox(tx, &bob, network, id, &ALL).await).await;
    assert_eq!(looked.unwrap_err(), NetworkError::NetworkUnknown);
    let ada = world.ada;
    let looked = world.write(async move |tx: &mut Tx| networks::inbox(tx, &ada, network, id, &ALL).await).await;
    assert_eq!(looked.unwrap_err(), NetworkError::ParticipantUnknown);
}

async fn an_inbox_filters_before_it_limits_and_goes_on_behind_a_place(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let (a, b) = (world.poller(&network, "a").await, world.poller(&network, "b").await);
    for n in 0..30 {
        world.send(&a, &b, &format!("pushed {n}")).await.unwrap();
    }
    world.mail(&a, &b, "mail 1").await;
    world.mail(&a, &b, "mail 2").await;
    let mail = world.inbox(&b, InboxQuery { channel: Some(Channel::Mailbox), limit: 5, after: 0 }).await;
    assert_eq!(contents(&mail), ["mail 1", "mail 2"]);
    let (mut after, mut seen) = (0, 0);
    loop {
        let page = world.inbox(&b, InboxQuery { channel: None, limit: 7, after }).await;
        let Some(last) = page.last() else { break };
        after = last.message.seq;
        seen += page.len();
    }
    assert_eq!(seen, 32);
    assert!(world.inbox(&a, ALL).await.is_empty());
    let of_b = world.messages(network.id, MessageFilter { participant: Some(b.id), ..MessageFilter::default() }).await;
    let all = world.messages(network.id, MessageFilter::default()).await;
    assert_eq!((of_b.len(), &of_b), (32, &all));
    let mail = MessageFilter { channel: Some(Channel::Mailbox), participant: Some(a.id), after: 0 };
    assert_eq!(contents(&world.messages(network.id, mail).await), ["mail 1", "mail 2"]);
}

async fn what_is_acknowledged_is_read_once(test: &TestDb) {
    let world = World::new(test).await;
    let (network, other) = (world.network(Topology::Mesh, None).await, world.network(Topology::Mesh, None).await);
    let (a, b) = (world.poller(&network, "a").await, world.poller(&network, "b").await);
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.push(world.send(&a, &b, &n.to_string()).await.unwrap().message.id);
    }
    assert_eq!(world.ack(other.id, ids.clone()).await.unwrap(), 0, "they are another network's");
    assert_eq!(world.ack_for(network.id, Some(a.id), ids.clone()).await.unwrap(), 0, "they are not to a");
    assert_eq!(world.ack(network.id, vec![MessageId::new()]).await.unwrap(), 0);
    // Eight at once acknowledge all, some of them twice in one request.
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (db, ada, id) = (world.db.clone(), world.ada, network.id);
            let ids: Vec<_> = if n % 2 == 0 { [ids.clone(), ids.clone()].concat() } else { ids.iter().rev().copied().collect() };
            tokio::spawn(async move {
                db.write(async move |tx: &mut Tx| networks::acknowledge(tx, &ada, id, None, &ids, NOON).await).await.unwrap()
            })
        })
        .collect();
    let mut counted = 0;
    for task in tasks {
        counted += task.await.unwrap();
    }
    assert_eq!(counted, 40, "each message is counted once");
    assert!(world.inbox(&b, ALL).await.is_empty());
    assert_eq!(world.message(network.id, ids[0]).await.status(), DeliveryStatus::Read);
    let too_many = world.ack(network.id, vec![MessageId::new(); 1_001]).await.unwrap_err();
    assert!(matches!(too_many, NetworkError::Invalid { .. }));
}

/// A cache in memory that counts, and may lie.
#[derive(Default)]
struct Memory {
    kept: Mutex<HashMap<NetworkId, String>>,
    hits: AtomicUsize,
}

impl ContextCache for Memory {
    async fn get(&self, network: NetworkId) -> Option<String> {
        let kept = self.kept.lock().unwrap().get(&network).cloned();
        self.hits.fetch_add(usize::from(kept.is_some()), Ordering::SeqCst);
        kept
    }

    async fn put(&self, network: NetworkId, kept: String) {
        self.kept.lock().unwrap().insert(network, kept);
    }
}

async fn a_context_is_bounded_and_the_same_with_and_without_a_cache(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let (a, b) = (world.poller(&network, "a").await, world.poller(&network, "b").await);
    let cache = Memory::default();
    let read = async |limit: u32| {
        let plain = networks::context(&world.db, None::<&Memory>, &world.ada, network.id, limit).await.unwrap();
        for _ in 0..2 {
            let cached = networks::context(&world.db, Some(&cache), &world.ada, network.id, limit).await.unwrap();
            assert_eq!(cached, plain);
        }
        plain
    };
    assert!(read(50).await.is_empty());
    for n in 0..250 {
        world.send(&a, &b, &n.to_string()).await.unwrap();
    }
    let last = read(50).await;
    assert_eq!((last.len(), last[0].content.as_str(), last[49].content.as_str()), (50, "200", "249"));
    assert_eq!((last[0].sender.as_str(), last[0].recipient.as_deref()), ("a", Some("b")));
    assert_eq!((read(200).await.len(), read(1_000).await.len()), (200, 200));
    // What the cache has is not believed once something was said.
    world.send(&b, &a, "new").await.unwrap();
    assert_eq!(read(1).await[0].content, "new");
    cache.put(network.id, "nonsense".into()).await;
    assert_eq!(read(1).await[0].content, "new");
    // Long lines: the newest go first, up to a million characters.
    for n in 0..20 {
        world.send(&a, &b, &format!("{n}{}", "x".repeat(65_000))).await.unwrap();
    }
    let long = read(200).await;
    assert_eq!(long.len(), 16);
    assert!(long[15].content.starts_with("19x"));
    assert!(cache.hits.load(Ordering::SeqCst) > 5);
    let bob = owner(&world.db).await;
    let foreign = networks::context(&world.db, Some(&cache), &bob, network.id, 50).await;
    assert_eq!(foreign, Err(NetworkError::NetworkUnknown));
}

async fn a_url_lets_one_speak_once_for_each_thing_said(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Star, None).await;
    let hub = world.poller(&network, "hub").await;
    let new = NewParticipant { polling_enabled: true, ..newcomer("leaf") };
    let (leaf, keys) = world.join(&network, new).await.unwrap();
    let token = keys.reply_url.split_once("?token=").unwrap().1.to_owned();
    let mine = Capability::Token(token);
    // A leaf may not begin.
    let begin = Said { recipient: Some(hub.id), ..said("hello?") };
    assert!(matches!(world.hear(&leaf, &mine, begin.clone()).await, Err(NetworkError::Topology(Detour::Star { .. }))));
    // But it may answer, and the answer finds whoever asked.
    let asked = world.send(&hub, &leaf, "well?").await.unwrap().message;
    let answer = Said { in_reply_to: Some(asked.id), ..said("well!") };
    let heard = world.hear(&leaf, &mine, answer.clone()).await.unwrap();
    assert_eq!((heard.repeated, heard.letter.message.recipient), (false, Some(hub.id)));
    assert_eq!(contents(&world.inbox(&hub, ALL).await), ["well!"]);
    // Ten repeats at once make no second message.
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (db, urls, mine, answer) = (world.db.clone(), door(1).urls, mine.clone(), answer.clone());
            let (network, id, now) = (leaf.network, leaf.id, world.clock.now());
            tokio::spawn(async move {
                db.write(async move |tx: &mut Tx| networks::hear(tx, &urls, &mine, network, id, &answer, now).await).await
            })
        })
        .collect();
    for task in tasks {
        let again = task.await.unwrap().unwrap();
        assert_eq!((again.repeated, again.letter.message.id), (true, heard.letter.message.id));
    }
    assert!(world.hear(&leaf, &mine, begin.clone()).await.is_ok(), "whoever was written to may answer without saying so");
    // Words to nobody are heard again later; with a key they are told apart at once.
    let word = said("tick");
    assert!(!world.hear(&leaf, &mine, word.clone()).await.unwrap().repeated);
    assert!(world.hear(&leaf, &mine, word.clone()).await.unwrap().repeated);
    for key in ["1", "2"] {
        let keyed = Said { key: Some(key.into()), ..word.clone() };
        assert!(!world.hear(&leaf, &mine, keyed.clone()).await.unwrap().repeated);
        assert!(world.hear(&leaf, &mine, keyed).await.unwrap().repeated);
    }
    world.clock.advance(Duration::from_secs(301));
    assert!(!world.hear(&leaf, &mine, word.clone()).await.unwrap().repeated);
    // It is one participant's, until it is replaced.
    assert_eq!(world.hear(&hub, &mine, word.clone()).await.unwrap_err(), NetworkError::BadCapability);
    let (ada, id, who, door, now) = (world.ada, network.id, leaf.id, door(50), world.clock.now());
    world.write(async move |tx: &mut Tx| networks::rotate_keys(tx, &door, &ada, id, who, now).await.map(drop)).await.unwrap();
    assert_eq!(world.hear(&leaf, &mine, word).await.unwrap_err(), NetworkError::BadCapability);
}

async fn a_key_is_one_message_and_an_echo_is_no_key(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let a = world.poller(&network, "a").await;
    let (b, keys) = world.join(&network, NewParticipant { polling_enabled: true, ..newcomer("b") }).await.unwrap();
    let mine = Capability::Token(keys.reply_url.split_once("?token=").unwrap().1.to_owned());
    let asked = world.send(&a, &b, "well?").await.unwrap().message;
    // As many as come at once are one.
    let answer = Said { in_reply_to: Some(asked.id), ..said("yes") };
    let keyed = Said { key: Some("k".into()), ..said("tick") };
    for said in [answer, keyed.clone()] {
        let mut heard = Vec::new();
        for task in (0..8).map(|_| tokio::spawn(world.hearing(&b, &mine, said.clone()))).collect::<Vec<_>>() {
            heard.push(task.await.unwrap().unwrap());
        }
        assert_eq!(heard.iter().filter(|heard| !heard.repeated).count(), 1);
        assert!(heard.iter().all(|one| one.letter.message.id == heard[0].letter.message.id));
    }
    let other = Said { content: "tock".into(), ..keyed };
    assert_eq!(world.hear(&b, &mine, other).await.unwrap_err(), NetworkError::KeyReused);
    // What it was sent has an id as well. Sending it back says nothing.
    let echo = |content: &str| Said { in_reply_to: Some(asked.id), webhook_id: Some(asked.id.to_string()), ..said(content) };
    for content in ["first", "second"] {
        assert!(!world.hear(&b, &mine, echo(content)).await.unwrap().repeated);
        assert!(world.hear(&b, &mine, echo(content)).await.unwrap().repeated);
    }
    let own = Said { webhook_id: Some("msg_1".into()), ..said("mine") };
    assert!(!world.hear(&b, &mine, own.clone()).await.unwrap().repeated);
    let changed = Said { content: "other".into(), ..own };
    assert_eq!(world.hear(&b, &mine, changed).await.unwrap_err(), NetworkError::KeyReused);
    // Whether there is a participant is nobody's business without its URL.
    let nobody = Participant { id: ParticipantId::new(), ..b.clone() };
    for who in [&nobody, &a] {
        assert_eq!(world.hear(who, &mine, said("x")).await.unwrap_err(), NetworkError::BadCapability);
        let (urls, network, id, mine) = (world.networks.door().urls.clone(), who.network, who.id, mine.clone());
        let judged = world.write(async move |tx: &mut Tx| networks::judge(tx, &urls, &mine, network, id, NOON).await).await;
        assert_eq!(judged, Err(NetworkError::BadCapability));
    }
}

async fn a_deleted_network_is_emptied(test: &TestDb) {
    let world = World::new(test).await;
    let (network, stays) = (world.network(Topology::Mesh, None).await, world.network(Topology::Mesh, None).await);
    for network in [&network, &stays] {
        let (a, b) = (world.poller(network, "a").await, world.poller(network, "b").await);
        for n in 0..25 {
            world.send(&a, &b, &n.to_string()).await.unwrap();
        }
    }
    let (ada, id) = (world.ada, network.id);
    world.write(async move |tx: &mut Tx| networks::delete_network(tx, &ada, id, NOON).await).await.unwrap();
    while world.write(async move |tx: &mut Tx| networks::purge(tx, 10).await).await.unwrap() {}
    assert_eq!(world.count("SELECT count(*) AS n FROM network_messages").await, 25);
    assert_eq!(world.count("SELECT count(*) AS n FROM network_deliveries").await, 25);
    assert_eq!(world.count("SELECT count(*) AS n FROM network_secrets").await, 2);
    assert_eq!(world.count("SELECT count(*) AS n FROM networks WHERE status = 'purged'").await, 1);
}

suite! {
    a_message_goes_where_the_topology_goes,
    strangers_and_foreign_participants_are_unknown,
    an_inbox_filters_before_it_limits_and_goes_on_behind_a_place,
    what_is_acknowledged_is_read_once,
    a_context_is_bounded_and_the_same_with_and_without_a_cache,
    a_url_lets_one_speak_once_for_each_thing_said,
    a_key_is_one_message_and_an_echo_is_no_key,
    a_deleted_network_is_emptied,
}
