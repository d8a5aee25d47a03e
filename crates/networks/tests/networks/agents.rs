//! Agents of somebody else: messages do not pay, so whoever charges is not called at its endpoint, whenever it began to charge.

use std::time::Duration;

use rialto_kernel::{Amount, Caller};
use rialto_networks::{
    self as networks, Capability, DeliveryStatus, NetworkError, NewParticipant, Participant, ParticipantChanges,
    ParticipantStatus, Said, Topology, Whose,
};
use rialto_registry::{Agent, AgentChanges, NewAgent, identity::AgentStatus, register, update};
use rialto_store::{Tx, suite, testing::TestDb};

use super::world::*;

async fn agent(world: &World, owner: Caller, name: &str, price: i64) -> Agent {
    let endpoint = world.peer.url(&format!("/{name}"), Manner::Answer(200, "{}".into()));
    let new = NewAgent {
        name: name.into(),
        description: "Answers.".into(),
        endpoint,
        base_price: Some(Amount::new(price).unwrap()),
        pricing_enabled: true,
        ..NewAgent::default()
    };
    world.db.write(async move |tx: &mut Tx| register(tx, &owner, &new, NOON).await).await.unwrap()
}

async fn change(world: &World, owner: Caller, agent: &Agent, changes: AgentChanges) {
    let agent = agent.id.into();
    world.db.write(async move |tx: &mut Tx| update(tx, &owner, &agent, &changes, NOON).await).await.unwrap();
}

fn as_agent(agent: &Agent) -> NewParticipant {
    NewParticipant { agent: Some(agent.id.into()), ..newcomer(&agent.name) }
}

async fn call(world: &World, from: &Participant, to: &Participant) -> Result<(), NetworkError> {
    world.networks.call(world.ada, message(from, to, "hi"), None).await.map(drop)
}

async fn whoever_charges_joins_with_a_way_of_its_own_or_not_at_all(test: &TestDb) {
    let world = World::new(test).await;
    let (network, bob) = (world.network(Topology::Mesh, None).await, owner(&world.db).await);
    let (dear, free) = (agent(&world, bob, "dear", 10).await, agent(&world, bob, "free", 0).await);
    let own = agent(&world, world.ada, "own", 10).await;
    assert_eq!(world.join(&network, as_agent(&dear)).await.unwrap_err(), NetworkError::AgentPriced);
    let shouted = dear.endpoint.replace("http://", "HTTP://");
    for url in [dear.endpoint.clone(), shouted.clone()] {
        let new = NewParticipant { callback_url: Some(url), ..as_agent(&dear) };
        assert_eq!(world.join(&network, new).await.unwrap_err(), NetworkError::AgentPriced);
    }
    let elsewhere = world.peer.url("/elsewhere", Manner::Answer(200, "{}".into()));
    let new = NewParticipant { callback_url: Some(elsewhere), ..as_agent(&dear) };
    let (dear, _) = world.join(&network, new).await.unwrap();
    let (ada, door) = (world.ada, world.networks.door().clone());
    let back = ParticipantChanges { callback_url: Some(shouted), ..ParticipantChanges::default() };
    let changed = async move |tx: &mut Tx| {
        networks::update_participant(tx, &door, &ada, dear.network, dear.id, &back, NOON).await.map(drop)
    };
    assert_eq!(world.write(changed).await.unwrap_err(), NetworkError::AgentPriced);
    let caller = world.poller(&network, "caller").await;
    for agent in [&free, &own] {
        let (joined, _) = world.join(&network, as_agent(agent)).await.unwrap();
        assert_eq!(call(&world, &caller, &joined).await, Ok(()));
    }
    assert_eq!(call(&world, &caller, &dear).await, Ok(()), "it has a callback of its own");
    let seen = ["/dear", "/elsewhere", "/free", "/own"].map(|path| world.peer.seen(path).len());
    assert_eq!(seen, [0, 1, 1, 1]);
}

async fn whoever_begins_to_charge_or_is_gone_is_not_called_any_more(test: &TestDb) {
    let world = World::new(test).await;
    let (network, bob) = (world.network(Topology::Mesh, None).await, owner(&world.db).await);
    let bobs = agent(&world, bob, "bobs", 0).await;
    let (joined, _) = world.join(&network, as_agent(&bobs)).await.unwrap();
    let caller = world.poller(&network, "caller").await;
    let courier = world.networks.start_courier();
    let priced = |price| AgentChanges { base_price: Some(Amount::new(price).unwrap()), ..AgentChanges::default() };
    let is_active = |is_active| AgentChanges { is_active: Some(is_active), ..AgentChanges::default() };
    let mut taken = 0;
    for (then, refused) in
        [(priced(0), None), (priced(7), Some(NetworkError::AgentPriced)), (priced(0), None), (is_active(true), None)]
    {
        change(&world, bob, &bobs, then).await;
        assert_eq!(call(&world, &caller, &joined).await.err(), refused);
        let sent = world.send(&caller, &joined, "news").await.unwrap().message.id;
        let ended = || async { world.message(network.id, sent).await };
        eventually("it ends", async || ended().await.status() != DeliveryStatus::Pending).await;
        let delivery = ended().await.delivery.unwrap();
        let status = if refused.is_none() { DeliveryStatus::Delivered } else { DeliveryStatus::Failed };
        assert_eq!((delivery.status, delivery.last_error), (status, refused.as_ref().map(ToString::to_string)));
        taken += if refused.is_none() { 2 } else { 0 };
        assert_eq!(world.peer.seen("/bobs").len(), taken);
    }
    let gone = bobs.id.into();
    world.db.write(async move |tx: &mut Tx| rialto_registry::delete(tx, &bob, &gone, NOON).await).await.unwrap();
    assert_eq!(call(&world, &caller, &joined).await, Err(NetworkError::AgentNotActive(Whose::Recipient)));
    assert_eq!(world.peer.seen("/bobs").len(), taken);
    courier.stop(Duration::from_secs(5)).await;
}

/// Whichever way it was to be reached: at its endpoint, by a callback of its own, by looking for itself.
async fn whoever_is_suspended_neither_speaks_nor_is_spoken_to(test: &TestDb) {
    let world = World::new(test).await;
    let (network, bob) = (world.network(Topology::Mesh, None).await, owner(&world.db).await);
    let peer = world.poller(&network, "peer").await;
    let (followed, own, polls) =
        (agent(&world, bob, "followed", 0).await, agent(&world, bob, "own", 0).await, agent(&world, bob, "polls", 0).await);
    let elsewhere = world.peer.url("/elsewhere", Manner::Answer(200, "{}".into()));
    let mut joined = Vec::new();
    for new in [
        as_agent(&followed),
        NewParticipant { callback_url: Some(elsewhere), ..as_agent(&own) },
        NewParticipant { polling_enabled: true, ..as_agent(&polls) },
    ] {
        let (participant, keys) = world.join(&network, new).await.unwrap();
        let token = keys.reply_url.split_once("token=").unwrap().1.to_owned();
        joined.push((participant, Capability::Token(token)));
    }
    // What is under way when it happens: nobody brings it yet.
    let mut waiting = Vec::new();
    for (participant, _) in &joined {
        waiting.push(world.send(&peer, participant, "before").await.unwrap().message.id);
    }
    let look = async |status| {
        let (ada, id) = (world.ada, network.id);
        let all = world.write(async move |tx: &mut Tx| networks::list_participants(tx, &ada, id).await).await.unwrap();
        assert!(all.iter().all(|one| one.agent_status == one.participant.agent.map(|_| status)), "{all:?}");
    };
    look(AgentStatus::Active).await;
    let status = |status| AgentChanges { status: Some(status), ..AgentChanges::default() };
    for agent in [&followed, &own, &polls] {
        change(&world, bob, agent, status(AgentStatus::Suspended)).await;
    }
    look(AgentStatus::Suspended).await;
    let courier = world.networks.start_courier();
    let refused = |whose| Some(NetworkError::AgentNotActive(whose));
    for (participant, token) in &joined {
        assert_eq!(world.send(&peer, participant, "hi").await.err(), refused(Whose::Recipient));
        assert_eq!(world.send(participant, &peer, "hi").await.err(), refused(Whose::Sender));
        assert_eq!(call(&world, &peer, participant).await.err(), refused(Whose::Recipient));
        assert_eq!(
            world.hear(participant, token, Said { recipient: Some(peer.id), ..said("hi") }).await.err(),
            refused(Whose::Sender)
        );
        let (ada, network, id, door) = (world.ada, network.id, participant.id, world.networks.door().clone());
        let inbox = world.write(async move |tx: &mut Tx| networks::inbox(tx, &ada, network, id, &ALL).await);
        assert_eq!(inbox.await.err(), refused(Whose::Participant));
        // Nor does it come back by a detour.
        let detour = world.write(async move |tx: &mut Tx| {
            networks::leave(tx, &ada, network, id, NOON).await?;
            let back = ParticipantChanges { status: Some(ParticipantStatus::Active), ..ParticipantChanges::default() };
            networks::update_participant(tx, &door, &ada, network, id, &back, NOON).await
        });
        assert_eq!(detour.await.err(), refused(Whose::Participant));
    }
    // What was to be pushed has failed, and says why; what waits to be looked for is there when the agent is back.
    let told = refused(Whose::Recipient).map(|error| error.to_string());
    for sent in &waiting[..2] {
        eventually("it ends", async || world.message(network.id, *sent).await.status() == DeliveryStatus::Failed).await;
        assert_eq!(world.message(network.id, *sent).await.delivery.unwrap().last_error, told);
    }
    assert_eq!([world.peer.seen("/followed").len(), world.peer.seen("/elsewhere").len()], [0, 0]);
    for agent in [&followed, &own, &polls] {
        change(&world, bob, agent, status(AgentStatus::Active)).await;
    }
    for (participant, token) in &joined {
        world.send(&peer, participant, "after").await.unwrap();
        world.hear(participant, token, Said { recipient: Some(peer.id), ..said("after") }).await.unwrap();
    }
    eventually("both are pushed", async || world.peer.seen("/followed").len() + world.peer.seen("/elsewhere").len() == 2).await;
    let found: Vec<_> = world.inbox(&joined[2].0, ALL).await.into_iter().map(|letter| letter.message.content).collect();
    assert_eq!(found, ["before", "after"]);
    courier.stop(Duration::from_secs(5)).await;
}

suite! {
    whoever_charges_joins_with_a_way_of_its_own_or_not_at_all,
    whoever_begins_to_charge_or_is_gone_is_not_called_any_more,
    whoever_is_suspended_neither_speaks_nor_is_spoken_to,
}
