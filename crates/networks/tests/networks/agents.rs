//! Agents of somebody else: messages do not pay, so whoever charges is not called at its endpoint, whenever it began to charge.

use std::time::Duration;

use rialto_kernel::{Amount, Caller};
use rialto_networks::{
    self as networks, DeliveryStatus, NetworkError, NewParticipant, Participant, ParticipantChanges, Topology,
};
use rialto_registry::{Agent, AgentChanges, NewAgent, register, update};
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
    for (then, refused) in [
        (priced(0), None),
        (priced(7), Some(NetworkError::AgentPriced)),
        (priced(0), None),
        (is_active(false), Some(NetworkError::AgentNotActive)),
        (is_active(true), None),
    ] {
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
    assert_eq!(call(&world, &caller, &joined).await, Err(NetworkError::AgentNotActive));
    assert_eq!(world.peer.seen("/bobs").len(), taken);
    courier.stop(Duration::from_secs(5)).await;
}

suite! {
    whoever_charges_joins_with_a_way_of_its_own_or_not_at_all,
    whoever_begins_to_charge_or_is_gone_is_not_called_any_more,
}
