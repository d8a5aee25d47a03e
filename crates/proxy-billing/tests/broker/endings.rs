//! Calls whose caller, process or commit goes astray, on both databases.

use std::time::Duration;

use crate::world::{NOON, PATIENCE, World, key, made, page, request};
use futures_util::FutureExt;
use rialto_kernel::Amount;
use rialto_proxy_billing::{
    AbandonedCall, BrokerError, Finish, InvocationId, Invoked, StreamEvent, Streamed, abandon_call, let_call_go, list_calls,
    store::InvocationStore,
};
use rialto_store::{Tx, suite, testing::TestDb};

async fn a_caller_that_goes_away_is_settled_with(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/slow", 50).await;
    let gone = tokio::time::timeout(PATIENCE / 8, world.invoke(&buyer, &agent, "{}")).await;
    assert!(gone.is_err());
    assert_eq!(world.balance(&buyer).await, (500, 50));
    assert!(world.broker.drain(Duration::from_secs(5)).await);
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((450, 0), 50));
    assert_eq!(world.invoke(&buyer, &agent, "{}").await.unwrap_err(), BrokerError::Busy, "a drained broker takes no more calls");
}

/// A runtime of its own stands for a process: dropping it kills what runs in it, at whatever point.
async fn a_process_that_dies_mid_call_charges_nobody(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/never", 300).await;
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let broker = {
        let _inside = process.enter();
        World::broker_of(&world.db, &world.clock, &world.cipher, 1)
    };
    let asked = request(&agent, "{}");
    process.spawn(async move { broker.invoke(buyer, asked, key(&buyer, "k", 1)).await });
    while world.peer.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.shutdown_background();
    assert_eq!((world.balance(&buyer).await, world.sweep().await), ((500, 300), (0, 0)), "the hold still stands");
    assert_eq!(world.invoke(&buyer, &agent, "{}").await.unwrap_err(), BrokerError::InsufficientCredits);

    world.clock.advance(Duration::from_secs(60));
    assert_eq!((world.sweep().await, world.sweep().await), ((1, 1), (0, 0)));
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((500, 0), 0));
    let repeat = world.broker.invoke(buyer, request(&agent, "{}"), key(&buyer, "k", 1)).await.unwrap();
    assert!(matches!(&repeat, Invoked::Replayed(stored) if stored.body.contains("503")), "{repeat:?}");
    let calls =
        world.db.read(async move |tx: &mut Tx| list_calls(tx, &buyer, &Default::default(), page(10, 0)).await).await.unwrap();
    assert_eq!(calls.items[0].finish.error.as_deref(), Some("The call was interrupted and not charged"));
    assert_eq!((calls.total, calls.items[0].finish.status_code), (1, 503));
}

async fn a_call_that_is_abandoned_is_withheld_and_not_charged(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/slow", 50).await;
    let abandon =
        async |id: InvocationId| world.db.write(async move |tx: &mut Tx| abandon_call(tx, id, NOON).await).await.unwrap();
    let id = InvocationId::new();
    assert_eq!(abandon(id).await, AbandonedCall::Unknown);
    let streamed = world.broker.invoke_stream_as(id, buyer, request(&agent, "{}"), None).await.unwrap();
    let Streamed::Live(mut events) = streamed else { panic!("a replay") };
    assert_eq!(world.balance(&buyer).await, (500, 50));
    assert_eq!(abandon(id).await, AbandonedCall::Ended);
    assert_eq!(world.balance(&buyer).await, (500, 0));
    assert!(matches!(abandon(id).await, AbandonedCall::HadEnded(call) if !call.finish.success), "only once");
    // Its agent answers well, and nobody hears it.
    let outcome = loop {
        match events.recv().await.unwrap() {
            StreamEvent::Chunk(_) => {}
            StreamEvent::Finished(outcome) => break outcome.unwrap(),
        }
    };
    assert_eq!((outcome.success, outcome.credits_charged, outcome.data.is_none()), (false, None, true));
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((500, 0), 0));
    let paid = world.invoke(&buyer, &agent, "{}").await.unwrap();
    assert!(paid.success);
    let late = abandon(paid.invocation).await;
    assert!(
        matches!(&late, AbandonedCall::HadEnded(call) if call.finish.success && call.finish.credits_charged.is_some()),
        "{late:?}"
    );
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((450, 0), 50));
}

async fn a_call_that_is_let_go_is_brought_to_its_end_and_charged(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/slow", 50).await;
    let let_go = async |id: InvocationId| world.db.write(async move |tx: &mut Tx| let_call_go(tx, id).await).await.unwrap();
    let id = InvocationId::new();
    assert_eq!(let_go(id).await, AbandonedCall::Unknown);
    let streamed = world.broker.invoke_stream_as(id, buyer, request(&agent, "{}"), None).await.unwrap();
    assert_eq!(let_go(id).await, AbandonedCall::GoesOn);
    drop(streamed);
    assert!(world.broker.drain(Duration::from_secs(5)).await);
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((450, 0), 50));
    assert!(matches!(let_go(id).await, AbandonedCall::HadEnded(call) if call.finish.success && call.id == id));
}

/// On PostgreSQL whoever abandons may look before the call is written down, and again when it is.
async fn a_call_that_is_abandoned_as_it_begins_leaves_no_hold(test: &TestDb) {
    let world = World::new(test).await;
    let seller = world.somebody(0).await;
    let agent = world.agent(&seller, "/slow", 50).await;
    for _ in 0..5 {
        let buyer = world.somebody(10_000).await;
        let ids: Vec<InvocationId> = (0..24).map(|_| InvocationId::new()).collect();
        let abandoning: Vec<_> = ids
            .iter()
            .map(|id| {
                let (db, id) = (world.db.clone(), *id);
                tokio::spawn(async move {
                    loop {
                        match db.write(async move |tx: &mut Tx| abandon_call(tx, id, NOON).await).await.unwrap() {
                            AbandonedCall::Unknown => tokio::task::yield_now().await,
                            done => return done,
                        }
                    }
                })
            })
            .collect();
        let calls = ids.iter().map(|id| world.broker.invoke_stream_as(*id, buyer, request(&agent, "{}"), None));
        for streamed in futures_util::future::join_all(calls).await {
            assert!(matches!(streamed, Ok(Streamed::Live(_))), "{streamed:?}");
        }
        for task in abandoning {
            task.await.unwrap();
        }
        // Each has ended, stopped or paid.
        assert_eq!(world.balance(&buyer).await.1, 0);
    }
}

async fn a_process_that_stood_still_charges_nobody(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/slow", 50).await;
    // The hold's time passes during the call. Nobody has swept: the answer is withheld all the same.
    let (broker, asked) = (world.broker.clone(), request(&agent, "{}"));
    let call = tokio::spawn(async move { made(broker.invoke(buyer, asked, None).await) });
    tokio::time::sleep(PATIENCE / 4).await;
    world.clock.advance(Duration::from_secs(60));
    let outcome = call.await.unwrap().unwrap();
    assert_eq!((outcome.success, outcome.status_code, outcome.credits_charged), (false, 503, None));
    assert!(outcome.data.is_none());
    // Now somebody has swept meanwhile: the call was ended, and stays so.
    let (broker, asked) = (world.broker.clone(), request(&agent, "{}"));
    let call = tokio::spawn(async move { made(broker.invoke(buyer, asked, None).await) });
    tokio::time::sleep(PATIENCE / 4).await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.sweep().await.0, 1);
    let outcome = call.await.unwrap().unwrap();
    assert_eq!((outcome.success, outcome.status_code, outcome.credits_charged), (false, 503, None));
    world.sweep().await;
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((500, 0), 0));
}

async fn a_commit_that_came_through_unheard_is_an_answer(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/slow", 50).await;
    let (broker, asked) = (world.broker.clone(), request(&agent, "{}"));
    let call = tokio::spawn(async move { made(broker.invoke(buyer, asked, None).await) });
    while world.peer.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What a first try to settle writes, of which the broker has not heard.
    world
        .db
        .write(async move |tx: &mut Tx| {
            let far = NOON.after(Duration::from_secs(3_600));
            let id = tx.list_stale(far, 10).await?[0].id;
            rialto_ledger::post(tx, id.cast(), None, NOON).await?;
            let charged = Some(Amount::new(50).unwrap());
            let finish =
                Finish { success: true, status_code: 200, credits_charged: charged, latency_ms: 1, error: None, response: None };
            assert!(tx.finish_invocation(id, &finish, NOON).await?);
            Ok::<_, BrokerError>(())
        })
        .await
        .unwrap();
    let outcome = call.await.unwrap().unwrap();
    assert_eq!((outcome.success, outcome.credits_charged), (true, Some(Amount::new(50).unwrap())));
    assert_eq!(outcome.data.unwrap().get(), r#"{"text":"at last"}"#);
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await), ((450, 0), 50));
}

/// Whoever asks goes away at once: either nothing was begun, or it is brought to its end.
async fn a_caller_that_does_not_even_wait_for_the_hold_is_settled_with(test: &TestDb) {
    let world = World::new(test).await;
    let (seller, buyer) = (world.somebody(0).await, world.somebody(500).await);
    let agent = world.agent(&seller, "/echo", 50).await;
    let asking = world.broker.invoke(buyer, request(&agent, "{}"), None);
    assert!(asking.now_or_never().is_none());
    let asking = world.broker.invoke_stream(buyer, request(&agent, "{}"), None);
    assert!(asking.now_or_never().is_none());
    assert!(world.broker.drain(Duration::from_secs(5)).await);
    assert_eq!((world.balance(&buyer).await, world.earned(agent.id).await, world.peer.calls()), ((400, 0), 100, 2));
}

suite! {
    a_caller_that_goes_away_is_settled_with,
    a_process_that_dies_mid_call_charges_nobody,
    a_call_that_is_abandoned_is_withheld_and_not_charged,
    a_call_that_is_let_go_is_brought_to_its_end_and_charged,
    a_call_that_is_abandoned_as_it_begins_leaves_no_hold,
    a_process_that_stood_still_charges_nobody,
    a_commit_that_came_through_unheard_is_an_answer,
    a_caller_that_does_not_even_wait_for_the_hold_is_settled_with,
}
