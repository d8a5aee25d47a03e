//! Calls and their money, on both databases, against a real HTTP server.

use crate::world::{NOON, PATIENCE, World, key, made, page, payload, priced, request};
use rialto_kernel::{Amount, Clock, Id, Role};
use rialto_proxy_billing::{BrokerError, InvokeRequest, Invoked, list_calls, list_conversations, list_messages};
use rialto_registry::{AgentRef, AgentView, NewCredential};
use rialto_store::{Tx, suite, testing::TestDb};

async fn quality(world: &World, agent: rialto_kernel::AgentId) -> AgentView {
    world.db.read(async move |tx: &mut Tx| rialto_registry::find(tx, &agent.into(), NOON).await).await.unwrap()
}

async fn a_good_answer_is_charged_and_written_down(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/echo", 30).await;
    let input = r#"{"z": 1.0,  "message": "hi"}"#;
    let asked = InvokeRequest {
        agent: AgentRef::Slug(agent.slug.clone()),
        external_user_id: Some("u1".into()),
        request_id: Some("r-7".into()),
        ..request(&agent, input)
    };
    let outcome = made(world.broker.invoke(buyer, asked, None).await).unwrap();
    assert_eq!((outcome.success, outcome.status_code, outcome.error.as_deref()), (true, 200, None));
    assert_eq!(outcome.data.unwrap().get(), format!(r#"{{"echo":{input}}}"#), "the answer is passed on verbatim");
    assert_eq!(outcome.credits_charged, Some(Amount::new(30).unwrap()));
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((470, 0), 30));

    let seen = world.peer.seen().pop().unwrap().to_lowercase();
    assert!(seen.ends_with(input), "the input is sent verbatim: {seen}");
    for line in ["post /echo http/1.1", "user-agent: rialto-broker/1.0", "x-request-id: r-7", "content-type: application/json"] {
        assert!(seen.contains(line), "{line} in {seen}");
    }

    let conversation = outcome.conversation;
    let (talks, messages, calls) = world
        .db
        .read(async move |tx: &mut Tx| {
            let talks = list_conversations(tx, &buyer, &Default::default(), page(10, 0)).await?;
            let messages = list_messages(tx, &buyer, conversation, page(10, 0)).await?;
            Ok::<_, BrokerError>((talks, messages, list_calls(tx, &seller, &Default::default(), page(10, 0)).await?))
        })
        .await
        .unwrap();
    assert_eq!((talks.total, talks.items[0].external_user_id.as_deref()), (1, Some("u1")));
    let said: Vec<_> = messages.items.iter().map(|message| (message.role.as_str(), message.content.as_str())).collect();
    assert_eq!(said, [("user", "hi"), ("assistant", r#"{"echo":{"message":"hi","z":1.0}}"#)]);
    let call = &calls.items[0];
    assert_eq!((calls.total, call.id, call.caller, call.message), (1, outcome.invocation, buyer.owner, messages.items[0].id));
    assert_eq!((&call.request, &call.finish.response), (&None, &None), "the seller does not read what was said");
    let view = quality(&world, agent.id).await;
    assert_eq!((view.quality.calls, view.quality.successes), (1, 1));
    assert_eq!(world.count("SELECT count(*) AS n FROM outbox WHERE kind = 'invocation.completed'").await, 1);
}

async fn any_json_value_is_an_answer(test: &TestDb) {
    let world = World::new(test).await;
    let buyer = world.somebody(500).await;
    for (path, status, data) in [
        ("/created", 201, r#"{"summary":"made"}"#),
        ("/array", 200, r#"{"result":[1, 2.50]}"#),
        ("/text", 200, r#"{"result":"hello"}"#),
        ("/nul", 200, r#"{"text":"a\u0000b"}"#),
    ] {
        let agent = world.agent(&buyer, path, 10).await;
        let outcome = world.invoke(&buyer, &agent, "{}").await.unwrap();
        assert!(outcome.success, "{path}: {outcome:?}");
        assert_eq!((outcome.status_code, outcome.data.unwrap().get()), (status, data), "{path}");
        assert_eq!(world.earned(agent.id).await, 10, "{path}");
    }
    assert_eq!(world.balance(&buyer).await, (460, 0));
}

async fn whatever_fails_is_not_charged(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let mut calls = 0;
    for (path, status, error) in [
        ("/teapot", 418, "Agent returned status 418"),
        ("/strange", 502, "Agent returned status 999"),
        ("/moved", 302, "Agent returned status 302"),
        ("/html", 200, "Invalid JSON response from agent"),
        ("/nothing", 200, "Invalid JSON response from agent"),
        ("/empty", 204, "Invalid JSON response from agent"),
        ("/large", 502, "Request failed: the response is larger than 100000 bytes"),
        ("/half", 502, "Request failed: the connection broke off"),
        ("/never", 408, "Request timeout"),
    ] {
        let agent = world.agent(&seller, path, 100).await;
        let outcome = world.invoke(&buyer, &agent, r#"{"message":"x"}"#).await.unwrap();
        calls += 1;
        assert_eq!((outcome.success, outcome.status_code, outcome.error.as_deref()), (false, status, Some(error)), "{path}");
        assert_eq!((outcome.data.is_none(), outcome.credits_charged), (true, None), "{path}");
        assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((500, 0), 0), "{path}");
        let view = quality(&world, agent.id).await;
        assert_eq!((view.quality.calls, view.quality.successes), (1, 0), "{path}");
    }
    assert_eq!(world.count("SELECT count(*) AS n FROM messages WHERE role = 'user'").await, calls);
    assert_eq!(world.count("SELECT count(*) AS n FROM messages WHERE role = 'assistant'").await, 0);
    assert_eq!(world.count("SELECT count(*) AS n FROM outbox WHERE kind = 'invocation.failed'").await, calls);
    assert_eq!(world.count("SELECT count(*) AS n FROM ledger_holds WHERE state = 'voided'").await, calls);
}

async fn addresses_that_are_not_allowed_or_do_not_answer_are_not_charged(test: &TestDb) {
    let world = World::new(test).await;
    let buyer = world.somebody(500).await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (endpoint, status, error) in [
        ("http://127.0.0.2:1/".to_owned(), 400, "invoke_endpoint cannot target private or loopback IP addresses"),
        ("http://[::ffff:10.0.0.1]/".to_owned(), 400, "invoke_endpoint cannot target private or loopback IP addresses"),
        (format!("http://{closed}/"), 502, "Request failed: the connection failed"),
        ("http://no-such-host.invalid/".to_owned(), 502, "Request failed: the host name could not be resolved"),
    ] {
        let agent = world.register(&buyer, rialto_registry::NewAgent { endpoint: endpoint.clone(), ..priced(100) }).await;
        let outcome = world.invoke(&buyer, &agent, "{}").await.unwrap();
        assert_eq!((outcome.status_code, outcome.error.as_deref()), (status, Some(error)), "{endpoint}");
        assert_eq!(world.balance(&buyer).await, (500, 0), "{endpoint}");
    }
}

async fn refusals_before_the_call_leave_nothing_behind(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/echo", 501).await;
    let free = world.agent(&seller, "/echo", 0).await;
    let secret = world
        .register(&seller, rialto_registry::NewAgent { auth_type: rialto_registry::AuthType::ApiKey, ..world_echo(&world) })
        .await;
    let foreign = world.invoke(&seller, &free, "{}").await.unwrap().conversation;
    let before = world.peer.calls();

    let ask = async |request: InvokeRequest| made(world.broker.invoke(buyer, request, None).await).unwrap_err();
    assert_eq!(ask(request(&agent, "{}")).await, BrokerError::InsufficientCredits);
    let nobody = InvokeRequest { agent: AgentRef::Slug("nobody-00000000".into()), ..request(&free, "{}") };
    assert_eq!(ask(nobody).await, BrokerError::AgentNotCallable);
    for conversation in [foreign, Id::new()] {
        let asked = InvokeRequest { conversation: Some(conversation), ..request(&free, "{}") };
        assert_eq!(ask(asked).await, BrokerError::ConversationUnknown);
    }
    assert_eq!(ask(InvokeRequest { message: Some(Id::new()), ..request(&free, "{}") }).await, BrokerError::MessageUnknown);
    assert_eq!(ask(request(&secret, "{}")).await, BrokerError::CredentialsMissing);
    let viewer = rialto_kernel::Caller { role: Role::Viewer, ..buyer };
    assert_eq!(made(world.broker.invoke(viewer, request(&free, "{}"), None).await).unwrap_err(), BrokerError::ReadOnly);

    assert_eq!((world.peer.calls(), world.balance(&buyer).await), (before, (500, 0)));
    assert_eq!(world.count("SELECT count(*) AS n FROM invocations").await, 1);
    assert_eq!(world.count("SELECT count(*) AS n FROM conversations").await, 1);
    assert_eq!(world.count("SELECT count(*) AS n FROM messages").await, 2);
}

fn world_echo(world: &World) -> rialto_registry::NewAgent {
    rialto_registry::NewAgent { endpoint: format!("http://{}/echo", world.peer.at), ..priced(0) }
}

async fn five_rivals_for_one_call_and_one_is_served(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/slow", 300).await;
    let rivals = (0..5).map(|_| {
        let (broker, asked) = (world.broker.clone(), request(&agent, "{}"));
        tokio::spawn(async move { made(broker.invoke(buyer, asked, None).await) })
    });
    let (mut served, mut refused) = (0, 0);
    for rival in rivals.collect::<Vec<_>>() {
        match rival.await.unwrap() {
            Ok(outcome) => served += i32::from(outcome.credits_charged == Some(Amount::new(300).unwrap())),
            Err(error) => refused += i32::from(error == BrokerError::InsufficientCredits),
        }
    }
    assert_eq!((served, refused, world.peer.calls()), (1, 4, 1));
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((200, 0), 300));
    assert_eq!(quality(&world, agent.id).await.quality.calls, 1);
}

async fn one_key_is_one_call(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/slow", 50).await;
    let rivals = (0..10).map(|_| {
        let (broker, asked) = (world.broker.clone(), request(&agent, "{}"));
        tokio::spawn(async move { broker.invoke(buyer, asked, key(&buyer, "k", 1)).await })
    });
    let (mut answers, mut made) = (Vec::new(), 0);
    for rival in rivals.collect::<Vec<_>>() {
        answers.push(match rival.await.unwrap().unwrap() {
            Invoked::Made(outcome) => {
                made += 1;
                crate::world::render(&outcome)
            }
            Invoked::Replayed(stored) => stored,
        });
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((made, world.peer.calls(), world.balance(&buyer).await), (1, 1, (450, 0)));
    let other = world.broker.invoke(buyer, request(&agent, r#"{"a":1}"#), key(&buyer, "k", 2)).await;
    assert!(matches!(other, Err(BrokerError::KeyReused)), "{other:?}");
    // A refusal leaves no claim: the same key may be used once there is money.
    let dear = world.agent(&seller, "/echo", 451).await;
    for _ in 0..2 {
        let refused = world.broker.invoke(buyer, request(&dear, "{}"), key(&buyer, "dear", 1)).await;
        assert!(matches!(refused, Err(BrokerError::InsufficientCredits)), "{refused:?}");
    }
}

async fn a_failure_is_replayed_too(test: &TestDb) {
    let world = World::new(test).await;
    let buyer = world.somebody(500).await;
    let agent = world.agent(&buyer, "/teapot", 50).await;
    let first = made(world.broker.invoke(buyer, request(&agent, "{}"), key(&buyer, "k", 1)).await).unwrap();
    let again = world.broker.invoke(buyer, request(&agent, "{}"), key(&buyer, "k", 1)).await.unwrap();
    let Invoked::Replayed(stored) = again else { panic!("{again:?}") };
    assert_eq!((stored, world.peer.calls()), (crate::world::render(&first), 1));
}

async fn a_stored_credential_is_presented(test: &TestDb) {
    let world = World::new(test).await;
    let seller = world.somebody(0).await;
    let agent = world
        .register(&seller, rialto_registry::NewAgent { auth_type: rialto_registry::AuthType::BearerToken, ..world_echo(&world) })
        .await;
    let cipher = world.cipher.clone();
    world
        .db
        .write(async move |tx: &mut Tx| {
            let new = NewCredential {
                kind: rialto_registry::AuthType::BearerToken,
                secret: "sk-1".to_owned().into(),
                auth_header: None,
                auth_scheme: None,
            };
            rialto_registry::set_credential(tx, &cipher, &seller, &agent.id.into(), &new, NOON).await
        })
        .await
        .unwrap();
    assert!(world.invoke(&seller, &agent, "{}").await.unwrap().success);
    assert!(world.peer.seen()[0].contains("\r\nauthorization: Bearer sk-1\r\n"));
}

async fn a_conversation_goes_on_and_may_be_deleted_while_it_does(test: &TestDb) {
    let world = World::new(test).await;
    let buyer = world.somebody(500).await;
    let (quick, slow) = (world.agent(&buyer, "/echo", 1).await, world.agent(&buyer, "/slow", 1).await);
    let first = world.invoke(&buyer, &quick, r#"{"text":"one"}"#).await.unwrap();
    let asked = InvokeRequest { conversation: Some(first.conversation), ..request(&slow, r#"{"text":"two"}"#) };
    let (broker, again) = (world.broker.clone(), asked.clone());
    assert_eq!(made(broker.invoke(buyer, again, None).await).unwrap().conversation, first.conversation);
    assert_eq!(world.count("SELECT count(*) AS n FROM messages").await, 4);
    let call = tokio::spawn(async move { made(broker.invoke(buyer, asked, None).await) });
    tokio::time::sleep(PATIENCE / 4).await;
    let id = first.conversation;
    let deleted = async move |tx: &mut Tx| rialto_proxy_billing::delete_conversation(tx, &buyer, id).await;
    world.db.write(deleted).await.unwrap();
    assert!(call.await.unwrap().unwrap().success);
    assert_eq!(world.count("SELECT count(*) AS n FROM messages").await, 0);
    assert_eq!(world.count("SELECT count(*) AS n FROM invocations").await, 3);
    assert_eq!(world.balance(&buyer).await, (497, 0));
}

async fn a_conversation_is_there_or_it_is_not(test: &TestDb) {
    let world = World::new(test).await;
    let buyer = world.somebody(0).await;
    let agent = world.agent(&buyer, "/echo", 0).await;
    for _ in 0..20 {
        let id = world.invoke(&buyer, &agent, "{}").await.unwrap().conversation;
        let asked = InvokeRequest { conversation: Some(id), ..request(&agent, "{}") };
        let broker = world.broker.clone();
        let call = tokio::spawn(async move { made(broker.invoke(buyer, asked, None).await) });
        let delete = async move |tx: &mut Tx| rialto_proxy_billing::delete_conversation(tx, &buyer, id).await;
        world.db.write(delete).await.unwrap();
        let outcome = call.await.unwrap();
        assert!(matches!(&outcome, Ok(_) | Err(BrokerError::ConversationUnknown)), "{outcome:?}");
    }
}

async fn a_message_that_is_there_is_not_written_again(test: &TestDb) {
    let world = World::new(test).await;
    let buyer = world.somebody(0).await;
    let agent = world.agent(&buyer, "/echo", 0).await;
    let first = world.invoke(&buyer, &agent, r#"{"text":"one"}"#).await.unwrap();
    let id = first.conversation;
    let messages = world.db.read(async move |tx: &mut Tx| list_messages(tx, &buyer, id, page(1, 0)).await).await.unwrap();
    let asked =
        InvokeRequest { conversation: Some(id), message: Some(messages.items[0].id), ..request(&agent, r#"{"text":"one"}"#) };
    assert!(made(world.broker.invoke(buyer, asked, None).await).unwrap().success);
    assert_eq!(world.count("SELECT count(*) AS n FROM messages WHERE role = 'user'").await, 1);
    assert_eq!(world.count("SELECT count(*) AS n FROM messages").await, 3);
}

async fn as_many_calls_run_as_may_run(test: &TestDb) {
    let world = World::new(test).await;
    let buyer = world.somebody(0).await;
    let agent = world.agent(&buyer, "/slow", 0).await;
    let narrow = World::broker_of(&world.db, &Clock::fixed(NOON), &world.cipher, 1);
    let (first, asked) = (narrow.clone(), request(&agent, "{}"));
    let call = tokio::spawn(async move { made(first.invoke(buyer, asked, None).await) });
    tokio::time::sleep(PATIENCE / 4).await;
    let second = InvokeRequest { input: payload("{}"), ..request(&agent, "{}") };
    assert!(matches!(narrow.invoke(buyer, second, None).await, Err(BrokerError::Busy)));
    assert!(call.await.unwrap().unwrap().success);
}

suite! {
    a_good_answer_is_charged_and_written_down,
    any_json_value_is_an_answer,
    whatever_fails_is_not_charged,
    addresses_that_are_not_allowed_or_do_not_answer_are_not_charged,
    refusals_before_the_call_leave_nothing_behind,
    five_rivals_for_one_call_and_one_is_served,
    one_key_is_one_call,
    a_failure_is_replayed_too,
    a_stored_credential_is_presented,
    a_conversation_goes_on_and_may_be_deleted_while_it_does,
    a_conversation_is_there_or_it_is_not,
    a_message_that_is_there_is_not_written_again,
    as_many_calls_run_as_may_run,
}
