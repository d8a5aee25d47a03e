//! Networks and who takes part in them.

use rialto_kernel::{PageRequest, Role};
use rialto_networks::{
    self as networks, NetworkChanges, NetworkError, NetworkStatus, NewNetwork, NewParticipant, ParticipantChanges,
    ParticipantStatus, Topology,
};
use rialto_registry::{NewAgent, register};
use rialto_store::{Tx, suite, testing::TestDb};
use serde_json::json;

use super::world::*;

async fn a_network_comes_back_as_it_went_in_and_is_its_owners(test: &TestDb) {
    let world = World::new(test).await;
    let metadata = Some(json!({"allowed_edges": [["a", "b"]], "text": "ü"}));
    let network = world.network(Topology::Custom, metadata.clone()).await;
    let (ada, bob, viewer, id) = (world.ada, owner(&world.db).await, somebody(&world.db, Role::Viewer).await, network.id);
    let admin = somebody(&world.db, Role::Admin).await;
    for caller in [ada, admin] {
        let found = world.write(async move |tx: &mut Tx| networks::find_network(tx, &caller, id).await).await.unwrap();
        assert_eq!(found, network);
    }
    let foreign = world.write(async move |tx: &mut Tx| networks::find_network(tx, &bob, id).await).await;
    assert_eq!(foreign, Err(NetworkError::NetworkUnknown));
    let foreign = world.write(async move |tx: &mut Tx| networks::delete_network(tx, &bob, id, NOON).await).await;
    assert_eq!(foreign, Err(NetworkError::NetworkUnknown));
    let new = NewNetwork { name: String::new(), topology: Topology::Mesh, metadata: None };
    let refused = world.write(async move |tx: &mut Tx| networks::create_network(tx, &viewer, &new, NOON).await).await;
    assert_eq!(refused, Err(NetworkError::ReadOnly));
    let changes = NetworkChanges { status: Some(NetworkStatus::Closed), name: Some("Other".into()), ..NetworkChanges::default() };
    let changed = world.write(async move |tx: &mut Tx| networks::update_network(tx, &ada, id, &changes, NOON).await).await;
    let changed = changed.unwrap();
    assert_eq!((changed.name.as_str(), changed.status, changed.metadata), ("Other", NetworkStatus::Closed, metadata));
    let bad = NetworkChanges { metadata: Some(json!({"allowed_edges": [["a"]]})), ..NetworkChanges::default() };
    let refused = world.write(async move |tx: &mut Tx| networks::update_network(tx, &ada, id, &bad, NOON).await).await;
    assert!(matches!(&refused, Err(NetworkError::Invalid { field, .. }) if field == "metadata.allowed_edges[0]"), "{refused:?}");
    world.write(async move |tx: &mut Tx| networks::delete_network(tx, &ada, id, NOON).await).await.unwrap();
    let page = PageRequest::first(50);
    let left = world.write(async move |tx: &mut Tx| networks::list_networks(tx, &ada, page).await).await.unwrap();
    assert_eq!((left.items.len(), left.total), (0, 0));
    let gone = world.write(async move |tx: &mut Tx| networks::delete_network(tx, &ada, id, NOON).await).await;
    assert_eq!(gone, Err(NetworkError::NetworkUnknown));
}

async fn whoever_joins_can_be_reached_and_only_so_many_do(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    assert_eq!(world.join(&network, newcomer("mute")).await.unwrap_err(), NetworkError::Unreachable);
    let (ada, id) = (world.ada, network.id);
    // Twenty at once, for five places.
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (db, door) = (world.db.clone(), door(5));
            tokio::spawn(async move {
                let new = NewParticipant { polling_enabled: true, ..newcomer(&n.to_string()) };
                db.write(async move |tx: &mut Tx| networks::join(tx, &door, &ada, id, &new, NOON).await).await.map(drop)
            })
        })
        .collect();
    let mut joined = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => joined += 1,
            Err(error) => assert_eq!(error, NetworkError::Full(5)),
        }
    }
    assert_eq!(joined, 5);
    let all = world.write(async move |tx: &mut Tx| networks::list_participants(tx, &ada, id).await).await.unwrap();
    // Two leave at the same time, one of them twice; a disconnected one keeps its place.
    let (first, second) = (all[0].participant.id, all[1].participant.id);
    for who in [first, second, first] {
        world.write(async move |tx: &mut Tx| networks::leave(tx, &ada, id, who, NOON).await).await.unwrap();
    }
    let away = ParticipantChanges { status: Some(ParticipantStatus::Disconnected), ..ParticipantChanges::default() };
    let (third, door_five) = (all[2].participant.id, door(5));
    world
        .write(async move |tx: &mut Tx| {
            networks::update_participant(tx, &door_five, &ada, id, third, &away, NOON).await.map(drop)
        })
        .await
        .unwrap();
    assert_eq!(world.count("SELECT count(*) AS n FROM network_participants WHERE status <> 'removed'").await, 3);
    let back = ParticipantChanges { status: Some(ParticipantStatus::Active), ..ParticipantChanges::default() };
    let door_three = door(3);
    let returned = world
        .write(async move |tx: &mut Tx| networks::update_participant(tx, &door_three, &ada, id, first, &back, NOON).await)
        .await;
    assert_eq!(returned.unwrap_err(), NetworkError::Full(3));
}

async fn an_agent_is_there_once_and_is_called_at_its_endpoint(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let (ada, endpoint) = (world.ada, world.peer.url("/agent", Manner::Answer(200, r#"{"said":"hello"}"#.into())));
    let new = NewAgent { name: "Echo".into(), description: "Echoes.".into(), endpoint: endpoint.clone(), ..NewAgent::default() };
    let agent = test.db.write(async move |tx: &mut Tx| register(tx, &ada, &new, NOON).await).await.unwrap();
    // As the official client joins an agent: no callback, no polling. Ten times at once.
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (db, door, slug, id) = (world.db.clone(), door(50), agent.slug.clone(), network.id);
            tokio::spawn(async move {
                let new = NewParticipant { agent: Some(slug.parse().unwrap()), ..newcomer("echo") };
                db.write(async move |tx: &mut Tx| networks::join(tx, &door, &ada, id, &new, NOON).await).await
            })
        })
        .collect();
    let mut joined = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok((participant, _)) => joined.push(participant),
            Err(error) => assert_eq!(error, NetworkError::AgentPresent),
        }
    }
    assert_eq!(joined.len(), 1);
    assert_eq!((joined[0].agent, joined[0].callback_url.as_deref()), (Some(agent.id), Some(endpoint.as_str())));
    let caller = world.poller(&network, "caller").await;
    let called = world.networks.call(ada, message(&caller, &joined[0], "hi"), None).await.unwrap();
    assert!(matches!(called, networks::Called::Answered(answered) if answered.response == json!({"said": "hello"})));
    let unknown = NewParticipant { agent: Some("nobody-00000000".parse().unwrap()), ..newcomer("x") };
    assert_eq!(world.join(&network, unknown).await.unwrap_err(), NetworkError::AgentUnknown);
}

async fn nobody_joins_or_speaks_where_it_is_closed(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    let (a, b) = (world.poller(&network, "a").await, world.poller(&network, "b").await);
    let (ada, id) = (world.ada, network.id);
    for status in [NetworkStatus::Paused, NetworkStatus::Closed] {
        let changes = NetworkChanges { status: Some(status), ..NetworkChanges::default() };
        world.write(async move |tx: &mut Tx| networks::update_network(tx, &ada, id, &changes, NOON).await).await.unwrap();
        let late = NewParticipant { polling_enabled: true, ..newcomer("c") };
        assert_eq!(world.join(&network, late).await.unwrap_err(), NetworkError::NetworkNotActive);
        assert_eq!(world.send(&a, &b, "hi").await.unwrap_err(), NetworkError::NetworkNotActive);
        let called = world.networks.call(ada, message(&a, &b, "hi"), None).await;
        assert_eq!(called.unwrap_err(), NetworkError::NetworkNotActive);
    }
}

async fn names_are_bounded_and_metadata_are_objects(test: &TestDb) {
    let world = World::new(test).await;
    let network = world.network(Topology::Mesh, None).await;
    for (new, at) in [
        (NewParticipant { polling_enabled: true, ..newcomer(&"x".repeat(256)) }, "name"),
        (NewParticipant { polling_enabled: true, capabilities: Some(json!([1])), ..newcomer("x") }, "capabilities"),
    ] {
        let refused = world.join(&network, new).await.unwrap_err();
        assert!(matches!(&refused, NetworkError::Invalid { field, .. } if field == at), "{refused:?}");
    }
    let (a, b) = (world.poller(&network, "").await, world.poller(&network, &"ü".repeat(255)).await);
    let longest = "ü".repeat(65_536);
    assert_eq!(world.send(&a, &b, &longest).await.unwrap().message.content, longest);
    let refused = world.send(&a, &b, &format!("{longest}x")).await.unwrap_err();
    assert!(matches!(&refused, NetworkError::Invalid { field, .. } if field == "content"), "{refused:?}");
}

suite! {
    a_network_comes_back_as_it_went_in_and_is_its_owners,
    whoever_joins_can_be_reached_and_only_so_many_do,
    an_agent_is_there_once_and_is_called_at_its_endpoint,
    nobody_joins_or_speaks_where_it_is_closed,
    names_are_bounded_and_metadata_are_objects,
}
