//! Conversations, logs and streams, on both databases.

use std::time::Duration;

use crate::world::{World, key, page, request};
use rialto_kernel::{Caller, Id, Page};
use rialto_proxy_billing::{
    BrokerError, CallStatus, ConversationFilter, Invocation, InvocationFilter, InvokeRequest, Outcome, StreamEvent, Streamed,
    delete_conversation, find_conversation, find_message, list_agent_calls, list_calls, list_conversation_calls,
    list_conversations, list_messages, rename_conversation,
};
use rialto_registry::{Agent, AgentRef};
use rialto_store::{Tx, suite, testing::TestDb};
use serde_json::{Value, json};

async fn calls(world: &World, caller: Caller, filter: InvocationFilter, limit: i64, offset: i64) -> Page<Invocation> {
    world.db.read(async move |tx: &mut Tx| list_calls(tx, &caller, &filter, page(limit, offset)).await).await.unwrap()
}

async fn calls_of(world: &World, caller: Caller, agent: AgentRef) -> Result<Page<Invocation>, BrokerError> {
    let filter = InvocationFilter::default();
    world.db.read(async move |tx: &mut Tx| list_agent_calls(tx, &caller, &agent, &filter, page(50, 0)).await).await
}

fn ids(page: &Page<Invocation>) -> Vec<rialto_proxy_billing::InvocationId> {
    page.items.iter().map(|call| call.id).collect()
}

async fn logs_show_calls_made_and_received_the_newest_first(test: &TestDb) {
    let world = World::new(test).await;
    let (ann, bob, eve) = (world.somebody(0).await, world.somebody(0).await, world.somebody(0).await);
    let (anns, bobs) = (world.agent(&ann, "/echo", 0).await, world.agent(&bob, "/teapot", 0).await);
    let mut made = Vec::new();
    for (caller, agent) in [(ann, &anns), (ann, &bobs), (bob, &anns), (eve, &bobs), (bob, &bobs)] {
        made.push(world.invoke(&caller, agent, r#"{"message":"m"}"#).await.unwrap().invocation);
        world.clock.advance(Duration::from_secs(1));
    }
    let all = calls(&world, ann, InvocationFilter::default(), 50, 0).await;
    assert_eq!((ids(&all), all.total), (vec![made[2], made[1], made[0]], 3));
    let second = calls(&world, ann, InvocationFilter::default(), 1, 1).await;
    assert_eq!((ids(&second), second.total), (vec![made[1]], 3));
    assert_eq!(calls(&world, eve, InvocationFilter::default(), 50, 0).await.total, 1);
    // Ann sees what she said, and that Bob called her agent, but not what he said.
    assert_eq!(all.items[1].request, Some(json!({"message": "m"})));
    assert_eq!((&all.items[0].request, &all.items[0].finish.response), (&None, &None));
    assert_eq!((all.items[0].agent_name.as_str(), &all.items[0].agent_slug), ("Echo Agent", &anns.slug));

    let filtered = async |filter| ids(&calls(&world, ann, filter, 50, 0).await);
    let none = InvocationFilter::default;
    assert_eq!(filtered(InvocationFilter { agent: Some(bobs.id.into()), ..none() }).await, [made[1]]);
    assert_eq!(filtered(InvocationFilter { agent: Some(AgentRef::Slug(bobs.slug.clone())), ..none() }).await, [made[1]]);
    assert_eq!(filtered(InvocationFilter { status: Some(CallStatus::Success), ..none() }).await, [made[2], made[0]]);
    assert_eq!(filtered(InvocationFilter { status: Some(CallStatus::Error), ..none() }).await, [made[1]]);
    assert_eq!(filtered(InvocationFilter { status: Some(CallStatus::Timeout), ..none() }).await, []);
    let second = crate::world::NOON.after(Duration::from_secs(1));
    assert_eq!(filtered(InvocationFilter { from: Some(second), ..none() }).await, [made[2], made[1]]);
    assert_eq!(filtered(InvocationFilter { to: Some(second), ..none() }).await, [made[1], made[0]]);

    assert_eq!(ids(&calls_of(&world, ann, AgentRef::Slug(anns.slug.clone())).await.unwrap()), [made[2], made[0]]);
    assert_eq!(ids(&calls_of(&world, bob, AgentRef::Id(anns.id)).await.unwrap()), [made[2]]);
    assert_eq!(calls_of(&world, eve, AgentRef::Id(anns.id)).await.unwrap().total, 0);
    assert_eq!(calls_of(&world, ann, AgentRef::Slug("x".into())).await.unwrap_err(), BrokerError::AgentUnknown);
    assert_eq!(calls_of(&world, ann, AgentRef::Id(Id::new())).await.unwrap_err(), BrokerError::AgentUnknown);
}

async fn the_logs_of_a_deleted_agent_stay(test: &TestDb) {
    let world = World::new(test).await;
    let ann = world.somebody(0).await;
    let agent = world.agent(&ann, "/echo", 0).await;
    world.invoke(&ann, &agent, "{}").await.unwrap();
    let id = agent.id;
    let delete = async move |tx: &mut Tx| rialto_registry::delete(tx, &ann, &id.into(), crate::world::NOON).await;
    world.db.write(delete).await.unwrap();
    assert_eq!(calls(&world, ann, InvocationFilter::default(), 50, 0).await.total, 1);
    assert_eq!(calls_of(&world, ann, AgentRef::Id(id)).await.unwrap().total, 1);
    assert_eq!(world.invoke(&ann, &agent, "{}").await.unwrap_err(), BrokerError::AgentNotCallable);
}

async fn a_shared_payload_is_read_by_the_agents_owner(test: &TestDb) {
    let world = World::new(test).await;
    let (ann, bob) = (world.somebody(0).await, world.somebody(0).await);
    let agent = world.agent(&ann, "/nul", 0).await;
    let asked = InvokeRequest { share_payload: true, ..request(&agent, r#"{"message":"m"}"#) };
    crate::world::made(world.broker.invoke(bob, asked, None).await).unwrap();
    let seen = calls(&world, ann, InvocationFilter::default(), 50, 0).await;
    assert_eq!(seen.items[0].request, Some(json!({"message": "m"})));
    assert_eq!(seen.items[0].finish.response, Some(json!({"text": "a\u{fffd}b"})), "what is kept holds no NUL");
}

async fn conversations_are_their_owners_alone(test: &TestDb) {
    let world = World::new(test).await;
    let (ann, bob) = (world.somebody(0).await, world.somebody(0).await);
    let agent = world.agent(&ann, "/created", 0).await;
    let mut talks = Vec::new();
    for user in ["u1", "u2", "u1"] {
        let asked = InvokeRequest { external_user_id: Some(user.into()), ..request(&agent, r#"{"message":"m"}"#) };
        talks.push(crate::world::made(world.broker.invoke(ann, asked, None).await).unwrap().conversation);
        world.clock.advance(Duration::from_secs(1));
    }
    let listed = async |caller: Caller, user: Option<&str>, limit| {
        let filter = ConversationFilter { external_user_id: user.map(str::to_owned), ..Default::default() };
        let read = async move |tx: &mut Tx| list_conversations(tx, &caller, &filter, page(limit, 0)).await;
        let found = world.db.read(read).await.unwrap();
        (found.items.into_iter().map(|talk| talk.id).collect::<Vec<_>>(), found.total)
    };
    assert_eq!(listed(ann, None, 2).await, (vec![talks[2], talks[1]], 3));
    assert_eq!(listed(ann, Some("u1"), 10).await, (vec![talks[2], talks[0]], 2));
    assert_eq!(listed(bob, None, 10).await, (vec![], 0));

    let (id, now) = (talks[0], world.clock.now());
    let renamed = async move |tx: &mut Tx| rename_conversation(tx, &ann, id, Some("Title"), now).await;
    let renamed = world.db.write(renamed).await.unwrap();
    assert_eq!((renamed.title.as_deref(), renamed.updated_at), (Some("Title"), now));
    let refused = world
        .db
        .write(async move |tx: &mut Tx| {
            let unknown = Err(BrokerError::ConversationUnknown);
            assert_eq!(find_conversation(tx, &bob, id).await, unknown);
            assert_eq!(rename_conversation(tx, &bob, id, None, now).await, unknown);
            assert_eq!(delete_conversation(tx, &bob, id).await, Err(BrokerError::ConversationUnknown));
            assert_eq!(list_messages(tx, &bob, id, page(10, 0)).await, Err(BrokerError::ConversationUnknown));
            let calls = list_conversation_calls(tx, &bob, id, &InvocationFilter::default(), page(10, 0)).await;
            assert_eq!(calls, Err(BrokerError::ConversationUnknown));
            let messages = list_messages(tx, &ann, id, page(1, 1)).await?;
            assert_eq!((messages.total, messages.items[0].content.as_str()), (2, "made"));
            let message = &messages.items[0];
            assert_eq!(find_message(tx, &ann, id, message.id).await?, *message);
            assert_eq!(list_conversation_calls(tx, &ann, id, &InvocationFilter::default(), page(10, 0)).await?.total, 1);
            delete_conversation(tx, &ann, id).await?;
            find_message(tx, &ann, id, message.id).await
        })
        .await;
    assert_eq!(refused, Err(BrokerError::ConversationUnknown));
}

async fn stream(world: &World, caller: &Caller, agent: &Agent) -> (Vec<Value>, Outcome) {
    let streamed = world.broker.invoke_stream(*caller, request(agent, r#"{"message":"m"}"#), None).await;
    let Streamed::Live(mut events) = streamed.unwrap() else { panic!("a replay without a key") };
    let mut chunks = Vec::new();
    loop {
        match events.recv().await.unwrap() {
            StreamEvent::Chunk(chunk) => chunks.push(chunk),
            StreamEvent::Finished(outcome) => return (chunks, outcome.unwrap()),
        }
    }
}

async fn streams_are_handed_on_and_charged_when_they_end_well(test: &TestDb) {
    let world = World::new(test).await;
    let (ann, bob) = (world.somebody(0).await, world.somebody(500).await);
    for (path, chunks, data) in [
        ("/events", vec![json!({"text": "a"}), json!({"text": "b"})], r#"{"chunks":[{"text":"a"},{"text":"b"}],"text":"ab"}"#),
        ("/lines", vec![json!({"n": 1}), json!({"n": 2})], r#"{"chunks":[{"n":1},{"n":2}]}"#),
        ("/created", vec![], r#"{"summary":"made"}"#),
    ] {
        let agent = world.agent(&ann, path, 10).await;
        let (said, outcome) = stream(&world, &bob, &agent).await;
        assert_eq!((said, outcome.success), (chunks, true), "{path}");
        assert_eq!(outcome.data.unwrap().get(), data, "{path}");
        assert_eq!(world.earned(agent.id).await, 10, "{path}");
    }
    for (path, status) in [("/broken-events", 502), ("/cut-events", 502), ("/teapot", 418), ("/html", 200)] {
        let agent = world.agent(&ann, path, 10).await;
        let (_, outcome) = stream(&world, &bob, &agent).await;
        assert_eq!((outcome.success, outcome.status_code, outcome.credits_charged), (false, status, None), "{path}");
        assert_eq!(world.earned(agent.id).await, 0, "{path}");
    }
    assert_eq!(world.balance(&bob).await, (470, 0));
    let dear = world.agent(&ann, "/events", 471).await;
    let refused = world.broker.invoke_stream(bob, request(&dear, "{}"), None).await;
    assert!(matches!(refused, Err(BrokerError::InsufficientCredits)));
    // Nobody listens: the call is settled all the same.
    let agent = world.agent(&ann, "/events", 10).await;
    drop(world.broker.invoke_stream(bob, request(&agent, "{}"), key(&bob, "k", 1)).await.unwrap());
    let again = world.broker.invoke_stream(bob, request(&agent, "{}"), key(&bob, "k", 1)).await.unwrap();
    assert!(matches!(again, Streamed::Replayed(_)), "one key is one call, streamed too");
    assert!(world.broker.drain(Duration::from_secs(5)).await);
    assert_eq!((world.earned(agent.id).await, world.balance(&bob).await), (10, (460, 0)));
}

async fn a_reader_that_stands_still_gets_all_of_it_later(test: &TestDb) {
    let world = World::new(test).await;
    let (ann, bob) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&ann, "/many-events", 10).await;
    let streamed = world.broker.invoke_stream(bob, request(&agent, "{}"), None).await;
    let Streamed::Live(mut events) = streamed.unwrap() else { panic!("a replay without a key") };
    assert!(world.broker.drain(Duration::from_secs(5)).await, "the call is settled although nobody has read anything");
    assert_eq!(world.earned(agent.id).await, 10);
    let mut chunks = 0;
    while let Some(StreamEvent::Chunk(_)) = events.recv().await {
        chunks += 1;
    }
    assert_eq!(chunks, 1_000);
}

async fn logs_hold_no_long_payloads(test: &TestDb) {
    let world = World::new(test).await;
    let ann = world.somebody(0).await;
    let agent = world.agent(&ann, "/long", 0).await;
    let input = format!(r#"{{"text":"{}"}}"#, "y".repeat(90_000));
    let outcome = world.invoke(&ann, &agent, &input).await.unwrap();
    assert_eq!(outcome.data.unwrap().get().len(), input.len());
    let listed = calls(&world, ann, InvocationFilter::default(), 50, 0).await;
    let marker = Some(json!({"truncated": true, "bytes": input.len()}));
    assert_eq!((&listed.items[0].request, &listed.items[0].finish.response), (&marker, &marker));
    let id = outcome.conversation;
    let said = world.db.read(async move |tx: &mut Tx| list_messages(tx, &ann, id, page(10, 0)).await).await.unwrap();
    assert!(said.items.iter().all(|message| message.content.len() < 40_000 && message.content.ends_with('…')));
}

suite! {
    logs_show_calls_made_and_received_the_newest_first,
    the_logs_of_a_deleted_agent_stay,
    a_shared_payload_is_read_by_the_agents_owner,
    conversations_are_their_owners_alone,
    a_reader_that_stands_still_gets_all_of_it_later,
    logs_hold_no_long_payloads,
    streams_are_handed_on_and_charged_when_they_end_well,
}
