//! Whose tasks they are, and what their clients may ask.

use std::time::Duration;

use rialto_a2a::{
    A2aError,
    model::Scope,
    push,
    store::PushStore,
    task,
    wire::{
        TaskState, Version,
        params::{ListTasks, PushConfig, Send as SendParams},
        types::Message,
    },
};
use rialto_jobs::Job;
use rialto_kernel::Role;
use rialto_outbound::{ClientOptions, OutboundClient};
use rialto_registry::CredentialCipher;
use rialto_store::{StoreError, Tx, suite, testing::TestDb};

use crate::world::*;

async fn the_same_message_begins_one_task_and_anothers_begins_another(test: &TestDb) {
    let world = world(test);
    let (ann, bob) = (world.somebody(Role::Operator).await, world.somebody(Role::Operator).await);
    let mut asked = Vec::new();
    for _ in 0..8 {
        let a2a = world.a2a.clone();
        asked.push(tokio::spawn(async move { a2a.send(ann, at_once("m"), Version::V10).await }));
    }
    let mut ids = Vec::new();
    for asked in asked {
        ids.push(task_of(asked.await.unwrap().unwrap()).id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let other = SendParams { metadata: Some(serde_json::Map::from_iter([("k".into(), 1.into())])), ..at_once("m") };
    assert_ne!(task_of(world.a2a.send(ann, other, Version::V10).await.unwrap()).id, ids[0]);
    assert_ne!(task_of(world.a2a.send(bob, at_once("m"), Version::V10).await.unwrap()).id, ids[0]);
}

async fn a_task_is_its_clients_alone(test: &TestDb) {
    let world = world(test);
    let (ann, eve) = (world.somebody(Role::Operator).await, world.somebody(Role::Admin).await);
    let viewer = world.somebody(Role::Viewer).await;
    let (id, _worker) = world.begin(ann, "m").await;
    assert_eq!(world.get(eve, id).await, Err(A2aError::TaskNotFound));
    assert_eq!(world.a2a.cancel(eve, &id.to_string()).await, Err(A2aError::TaskNotFound));
    let reply = SendParams { message: Message { task_id: Some(id.to_string()), ..said("n").message }, ..said("n") };
    assert_eq!(world.a2a.send(eve, reply.clone(), Version::V10).await, Err(A2aError::TaskNotFound));
    assert_eq!(world.a2a.send(viewer, said("m"), Version::V10).await, Err(A2aError::ReadOnly));
    assert!(matches!(world.a2a.send(ann, reply, Version::V10).await, Err(A2aError::Unsupported(_))), "it is being worked on");
    let elsewhere = Scope { agent: Some(rialto_kernel::AgentId::new()), ..ann };
    assert_eq!(world.get(elsewhere, id).await, Err(A2aError::TaskNotFound));
    for id in ["", "x", "0198c0de-0000-7000-8000-000000000001", &"9".repeat(100_000)] {
        assert_eq!(world.a2a.cancel(ann, id).await, Err(A2aError::TaskNotFound));
    }
}

async fn lists_are_paged_by_a_cursor_and_filtered(test: &TestDb) {
    let world = world(test);
    let (ann, bob) = (world.somebody(Role::Operator).await, world.somebody(Role::Operator).await);
    let mut ids = Vec::new();
    for n in 0..7 {
        world.clock.advance(Duration::from_secs(1));
        ids.push(world.begin(ann, &format!("m{n}")).await);
    }
    ids[3].1.send(done()).unwrap();
    world.until(ann, ids[3].0, TaskState::Completed).await;
    let list =
        async |scope: Scope, asked: ListTasks| world.db.read(async move |tx: &mut Tx| task::list(tx, &scope, &asked).await).await;
    let mut seen = Vec::new();
    let mut asked = ListTasks { page_size: Some(3), ..ListTasks::default() };
    loop {
        let page = list(ann, asked.clone()).await.unwrap();
        assert_eq!((page.total_size, page.tasks.iter().all(|task| task.artifacts.is_none())), (7, true));
        seen.extend(page.tasks.iter().map(|task| task.id.clone()));
        if page.next_page_token.is_empty() {
            break;
        }
        asked.page_token = Some(page.next_page_token);
    }
    let newest_first: Vec<_> = [6, 3, 5, 4, 2, 1, 0].iter().map(|n: &usize| ids[*n].0.to_string()).collect();
    assert_eq!(seen, newest_first);
    let working = ListTasks { state: Some(TaskState::Working), ..ListTasks::default() };
    assert_eq!(list(ann, working).await.unwrap().total_size, 6);
    assert_eq!(list(bob, ListTasks::default()).await.unwrap().total_size, 0);
    let full = ListTasks { include_artifacts: true, history_length: Some(5), ..ListTasks::default() };
    let full = list(ann, full).await.unwrap();
    assert!(full.tasks.iter().all(|task| task.artifacts.is_some() && task.history.len() == 1));
    for asked in [
        ListTasks { page_size: Some(0), ..ListTasks::default() },
        ListTasks { page_size: Some(101), ..ListTasks::default() },
        ListTasks { page_token: Some("x".into()), ..ListTasks::default() },
        ListTasks { page_token: Some(format!("{}.{}", i64::MAX, ids[0].0)), ..ListTasks::default() },
    ] {
        assert!(matches!(list(ann, asked).await, Err(A2aError::InvalidParams { .. })));
    }
}

async fn secrets_of_push_configurations_are_encrypted_and_bad_ones_refused(test: &TestDb) {
    let world = world(test);
    let (ann, eve) = (world.somebody(Role::Operator).await, world.somebody(Role::Operator).await);
    let (id, worker) = world.begin(ann, "m").await;
    let config = PushConfig {
        id: Some("mine".into()),
        url: "http://127.0.0.1:9/hook".into(),
        token: Some("open sesame".into()),
        scheme: Some("Bearer".into()),
        credentials: Some("sk-123".into()),
    };
    let checked = world.a2a.checked_push(id, config.clone(), Version::V10).await.unwrap();
    let sealed = checked.secrets.clone().unwrap();
    assert!(!String::from_utf8_lossy(&sealed.ciphertext).contains("sesame"));
    let create = async |scope: Scope, push: rialto_a2a::model::StoredPush| {
        world.db.write(async move |tx: &mut Tx| push::create(tx, &scope, &id.to_string(), &push).await).await
    };
    assert_eq!(create(eve, checked.clone()).await, Err(A2aError::TaskNotFound));
    for n in 0..10 {
        let push = rialto_a2a::model::StoredPush { id: if n == 0 { "mine".into() } else { format!("p{n}") }, ..checked.clone() };
        create(ann, push).await.unwrap();
    }
    let one_more = rialto_a2a::model::StoredPush { id: "p10".into(), ..checked.clone() };
    assert!(matches!(create(ann, one_more).await, Err(A2aError::Unsupported(_))));
    worker.send(done()).unwrap();
    world.until(ann, id, TaskState::Completed).await;
    let queued = world.db.read::<_, StoreError, _>(async move |tx: &mut Tx| tx.list_pushes(id, false).await).await.unwrap();
    assert!(queued.len() == 10 && queued.iter().all(|push| push.queued && push.delivered == 0));
    for (field, bad) in [
        ("url", PushConfig { url: "http://10.0.0.1/".into(), ..config.clone() }),
        ("url", PushConfig { url: "file:///etc/passwd".into(), ..config.clone() }),
        ("token", PushConfig { token: Some("a\r\nX-Evil: 1".into()), ..config.clone() }),
        ("authentication.credentials", PushConfig { credentials: Some("a\nb".into()), ..config.clone() }),
        ("authentication.scheme", PushConfig { scheme: Some("Bearer x\r\n".into()), ..config.clone() }),
        ("id", PushConfig { id: Some("a/b".into()), ..config.clone() }),
    ] {
        let refused = world.a2a.checked_push(id, bad, Version::V10).await.err();
        assert!(matches!(&refused, Some(A2aError::InvalidParams { field: named, .. }) if named == field), "{field}: {refused:?}");
    }
}

async fn a_receiver_that_is_gone_is_told_again_when_something_happens(test: &TestDb) {
    let world = world(test);
    let ann = world.somebody(Role::Operator).await;
    let (id, worker) = world.begin(ann, "m").await;
    // Nobody is there.
    let config =
        PushConfig { id: Some("p".into()), url: "http://127.0.0.1:9/hook".into(), token: None, scheme: None, credentials: None };
    let checked = world.a2a.checked_push(id, config, Version::V10).await.unwrap();
    let create = async || {
        let again = rialto_a2a::model::StoredPush { created_at: world.clock.now(), ..checked.clone() };
        world.db.write(async move |tx: &mut Tx| push::create(tx, &ann, &id.to_string(), &again).await).await.unwrap()
    };
    let kept =
        async || world.db.read::<_, StoreError, _>(async move |tx: &mut Tx| tx.find_push(id, "p").await).await.unwrap().unwrap();
    let first = create().await;
    worker.send(made("x", false)).unwrap();
    eventually(async || kept().await.queued).await;
    let client = OutboundClient::new("127.0.0.1".parse().unwrap(), &ClientOptions::default()).unwrap();
    let delivery =
        push::Delivery { db: world.db.clone(), client, cipher: CredentialCipher::new(&[7; 32]), clock: world.clock.clone() };
    // The last attempt says that it was the last: the next event begins anew.
    let job = |of, failed| push::TellOfTask { task: id, config: "p".into(), of: Some(of), failed };
    job(first.created_at, 8).run(&delivery).await.unwrap();
    assert!(kept().await.queued, "there is another attempt");
    job(first.created_at, 9).run(&delivery).await.unwrap();
    assert!(!kept().await.queued);
    worker.send(made("y", true)).unwrap();
    eventually(async || kept().await.queued).await;
    // One that is made anew is not held up by what became of the one before.
    world.clock.advance(Duration::from_secs(1));
    let second = create().await;
    assert!(!kept().await.queued);
    job(first.created_at, 0).run(&delivery).await.unwrap();
    assert!(!kept().await.queued, "the old job has stopped, and says nothing for the new");
    worker.send(done()).unwrap();
    eventually(async || kept().await.queued).await;
    assert_eq!(
        (kept().await.delivered, second.delivered),
        (first.delivered, first.delivered),
        "nothing was told, nothing is lost"
    );
}

async fn eventually(ask: impl AsyncFn() -> bool) {
    for _ in 0..2_000 {
        if ask().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never happened");
}

suite! {
    a_receiver_that_is_gone_is_told_again_when_something_happens,
    the_same_message_begins_one_task_and_anothers_begins_another,
    a_task_is_its_clients_alone,
    lists_are_paged_by_a_cursor_and_filtered,
    secrets_of_push_configurations_are_encrypted_and_bad_ones_refused,
}
