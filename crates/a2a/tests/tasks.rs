//! The life of tasks, on both databases, with a worker that does as it is told.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use diesel::ExpressionMethods;
use futures_util::{StreamExt, pin_mut};
use rialto_a2a::{
    A2a, A2aError, Abandoned, Executor, Update, Work,
    model::{Ended, Scope, TaskId},
    push,
    store::{PushStore, TaskStore},
    task::{self, result},
    wire::{
        TaskState, Version,
        params::{ListTasks, OfTask, PushConfig, Send as SendParams},
        types::{Message, Part, StreamItem, Task},
    },
};
use rialto_kernel::{Caller, Clock, CredentialKind, OwnerId, Role, Timestamp};
use rialto_outbound::{ClientOptions, OutboundClient, OutboundPolicy};
use rialto_registry::CredentialCipher;
use rialto_store::{Db, StoreError, Tx, on, suite, testing::TestDb};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

mod schema {
    diesel::table! {
        use diesel::sql_types::*;
        use rialto_store::types::{Uid, UtcTime};
        owners (id) {
            id -> Uid,
            kind -> Text,
            created_at -> UtcTime,
        }
    }
}
use schema::owners;

const NOON: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);

/// Hands the work of each task to the test.
#[derive(Default)]
struct Hands {
    begun: Mutex<HashMap<TaskId, UnboundedSender<Update>>>,
    had_ended: Mutex<Option<Ended>>,
}

#[async_trait]
impl Executor for Hands {
    fn answer(&self, _: Option<rialto_kernel::AgentId>, message: &Message) -> Option<Vec<Part>> {
        (message.message_id == "hello").then(|| vec![Part::text("hello yourself")])
    }

    fn start(&self, work: Work) -> UnboundedReceiver<Update> {
        let (sender, receiver) = unbounded_channel();
        self.begun.lock().unwrap().insert(work.task, sender);
        receiver
    }

    async fn abandon(&self, _: &mut Tx, _: TaskId, _: Timestamp) -> Result<Abandoned, A2aError> {
        Ok(self.had_ended.lock().unwrap().clone().map_or(Abandoned::Stopped, Abandoned::HadEnded))
    }
}

struct World {
    db: Db,
    clock: Clock,
    hands: Arc<Hands>,
    a2a: A2a,
}

fn world(test: &TestDb) -> World {
    let (clock, hands) = (Clock::fixed(NOON), Arc::new(Hands::default()));
    let policy: OutboundPolicy = "127.0.0.1".parse().unwrap();
    let client = OutboundClient::new(policy, &ClientOptions::default()).unwrap();
    let cipher = CredentialCipher::new(&[7; 32]);
    let runtime = tokio::runtime::Handle::current();
    let a2a = A2a::new(test.db.clone(), clock.clone(), client, cipher, hands.clone(), runtime);
    World { db: test.db.clone(), clock, hands, a2a }
}

impl World {
    async fn somebody(&self, role: Role) -> Scope {
        let owner = OwnerId::new();
        let insert = async move |tx: &mut Tx| {
            let row = (owners::id.eq(owner), owners::kind.eq("user"), owners::created_at.eq(NOON));
            on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await).map(drop)
        };
        self.db.write::<_, StoreError, _>(insert).await.unwrap();
        let caller = Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None };
        Scope { caller, agent: None }
    }

    /// Begins a task, and gives its id and the worker's end of it.
    async fn begin(&self, scope: Scope, message_id: &str) -> (TaskId, UnboundedSender<Update>) {
        let task = task_of(self.a2a.send(scope, at_once(message_id), Version::V10).await.unwrap());
        let id: TaskId = task.id.parse().unwrap();
        loop {
            if let Some(sender) = self.hands.begun.lock().unwrap().get(&id) {
                return (id, sender.clone());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn get(&self, scope: Scope, id: TaskId) -> Result<Task, A2aError> {
        let read = async move |tx: &mut Tx| {
            let found = task::find(tx, &scope, &id.to_string()).await?;
            Ok::<_, A2aError>(task::snapshot(tx, found, None).await?)
        };
        self.db.read(read).await
    }

    async fn until(&self, scope: Scope, id: TaskId, state: TaskState) -> Task {
        for _ in 0..2_000 {
            let task = self.get(scope, id).await.unwrap();
            if task.status.state == state {
                return task;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the task never came to {state:?}");
    }
}

fn said(message_id: &str) -> SendParams {
    let message =
        Message { role: rialto_a2a::wire::Role::User, ..Message::of_agent(message_id.to_owned(), vec![Part::text("hi")]) };
    SendParams { message, return_immediately: false, history_length: None, push: None, metadata: None }
}

fn at_once(message_id: &str) -> SendParams {
    SendParams { return_immediately: true, ..said(message_id) }
}

fn task_of(item: StreamItem) -> Task {
    match item {
        StreamItem::Task(task) => task,
        other => panic!("expected a task, not {other:?}"),
    }
}

fn made(text: &str, append: bool) -> Update {
    Update::Made { artifact: result(vec![Part::text(text)]), append, last_chunk: false }
}

fn done() -> Update {
    Update::Ended(Ended::saying(TaskState::Completed, "done"))
}

async fn a_message_becomes_a_task_and_its_answer_waits_for_the_end(test: &TestDb) {
    let world = world(test);
    let ann = world.somebody(Role::Operator).await;
    let asking = tokio::spawn({
        let a2a = world.a2a.clone();
        async move { a2a.send(ann, said("m"), Version::V10).await }
    });
    let worker = loop {
        if let Some(worker) = world.hands.begun.lock().unwrap().values().next() {
            break worker.clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    for update in [made("Hel", false), made("lo", true), done()] {
        worker.send(update).unwrap();
    }
    let task = task_of(asking.await.unwrap().unwrap());
    assert_eq!(task.status.state, TaskState::Completed);
    let artifacts = task.artifacts.unwrap();
    assert_eq!((artifacts.len(), &artifacts[0].parts), (1, &vec![Part::text("Hello")]));
    assert_eq!((task.history.len(), task.history[0].task_id.as_deref()), (1, Some(task.id.as_str())));
    let hello = world.a2a.send(ann, said("hello"), Version::V10).await.unwrap();
    assert!(matches!(hello, StreamItem::Message(message) if message.context_id.is_some()));
}

async fn whoever_follows_gets_every_event_once_and_in_order(test: &TestDb) {
    let world = world(test);
    let ann = world.somebody(Role::Operator).await;
    let (id, worker) = world.begin(ann, "m").await;
    worker.send(made("0 ", false)).unwrap();
    while world.get(ann, id).await.unwrap().artifacts.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let asked = OfTask { id: id.to_string(), history_length: Some(0) };
    let follow = async |a2a: A2a, asked: OfTask| {
        let stream = a2a.subscribe(ann, &asked).await.unwrap();
        pin_mut!(stream);
        let mut text = String::new();
        let mut ends = 0;
        while let Some(item) = stream.next().await {
            match item.unwrap() {
                StreamItem::Task(task) => {
                    task.artifacts.unwrap().iter().for_each(|a| text += a.parts[0].text.as_deref().unwrap())
                }
                StreamItem::ArtifactUpdate(update) => {
                    update.artifact.parts.iter().for_each(|part| text += part.text.as_deref().unwrap());
                }
                StreamItem::StatusUpdate(update) => {
                    ends += 1;
                    assert_eq!(update.status.state, TaskState::Completed);
                }
                StreamItem::Message(_) => panic!("no message"),
            }
        }
        (text, ends)
    };
    let expected: String = (0..60).map(|n| format!("{n} ")).collect();
    let first = follow(world.a2a.clone(), asked.clone());
    let second = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        follow(world.a2a.clone(), asked.clone()).await
    };
    let work = async {
        for n in 1..60 {
            worker.send(made(&format!("{n} "), true)).unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        // Whoever came late is to have come.
        tokio::time::sleep(Duration::from_millis(100)).await;
        worker.send(done()).unwrap();
    };
    let (first, second, ()) = tokio::join!(first, second, work);
    assert_eq!(first, (expected.clone(), 1));
    assert_eq!(second, (expected, 1));
    assert!(matches!(world.a2a.subscribe(ann, &asked).await.err(), Some(A2aError::Unsupported(_))));
}

async fn of_all_ends_of_a_task_one_comes_true(test: &TestDb) {
    let world = world(test);
    let ann = world.somebody(Role::Operator).await;
    for round in 0..6 {
        let (id, worker) = world.begin(ann, &format!("m{round}")).await;
        let cancels = (0..8).map(|_| {
            let a2a = world.a2a.clone();
            tokio::spawn(async move { a2a.cancel(ann, &id.to_string()).await })
        });
        let cancels: Vec<_> = cancels.collect();
        worker.send(done()).unwrap();
        let mut told = Vec::new();
        for cancel in cancels {
            told.push(cancel.await.unwrap().map(|task| task.status.state));
        }
        let state = world.get(ann, id).await.unwrap().status.state;
        match state {
            TaskState::Canceled => assert!(told.iter().all(|told| *told == Ok(TaskState::Canceled)), "{told:?}"),
            TaskState::Completed => {
                assert!(told.iter().all(|told| *told == Err(A2aError::NotCancelable("completed"))), "{told:?}")
            }
            other => panic!("{other:?}"),
        }
        let ends: i64 = world
            .db
            .read::<_, StoreError, _>(async move |tx: &mut Tx| Ok(tx.find_task(id).await?.map_or(0, |task| task.last_event)))
            .await
            .unwrap();
        assert_eq!(ends, 1, "one event: the end");
    }
}

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

async fn a_question_is_answered_in_the_same_task(test: &TestDb) {
    let world = world(test);
    let ann = world.somebody(Role::Operator).await;
    let (id, worker) = world.begin(ann, "m").await;
    worker.send(made("draft", false)).unwrap();
    worker.send(Update::Ended(Ended::saying(TaskState::InputRequired, "which colour?"))).unwrap();
    let asked = world.until(ann, id, TaskState::InputRequired).await;
    world.hands.begun.lock().unwrap().clear();
    let elsewhere = Message { task_id: Some(asked.id.clone()), context_id: Some("other".into()), ..said("n").message };
    let refused = world.a2a.send(ann, SendParams { message: elsewhere, ..said("n") }, Version::V10).await;
    assert!(matches!(refused, Err(A2aError::InvalidParams { .. })));
    let answer = Message { task_id: Some(asked.id.clone()), ..said("n").message };
    world.a2a.send(ann, SendParams { message: answer, ..at_once("n") }, Version::V10).await.unwrap();
    let (_, worker) = (
        id,
        loop {
            if let Some(worker) = world.hands.begun.lock().unwrap().get(&id) {
                break worker.clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        },
    );
    worker.send(made("final", false)).unwrap();
    worker.send(done()).unwrap();
    let task = world.until(ann, id, TaskState::Completed).await;
    let words: Vec<_> = task.history.iter().map(|message| message.parts[0].text.clone().unwrap()).collect();
    assert_eq!(words, ["hi", "which colour?", "hi"]);
    assert_eq!(task.artifacts.unwrap()[0].parts, [Part::text("final")]);
    assert_eq!(task.context_id, asked.context_id);
}

async fn a_task_whose_process_died_is_ended_as_its_work_ended(test: &TestDb) {
    let world = world(test);
    let ann = world.somebody(Role::Operator).await;
    let (lost, _worker) = world.begin(ann, "lost").await;
    assert_eq!(world.a2a.sweep(100).await.unwrap(), 0, "it is being worked on");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.a2a.sweep(100).await.unwrap(), 1);
    assert_eq!(world.get(ann, lost).await.unwrap().status.state, TaskState::Failed);
    let (finished, worker) = world.begin(ann, "finished").await;
    world.clock.advance(Duration::from_secs(60));
    *world.hands.had_ended.lock().unwrap() =
        Some(Ended { made: vec![Part::text("it was done")], ..Ended::saying(TaskState::Completed, "") });
    assert_eq!(world.a2a.sweep(100).await.unwrap(), 1);
    let task = world.get(ann, finished).await.unwrap();
    assert_eq!((task.status.state, &task.artifacts.unwrap()[0].parts[0]), (TaskState::Completed, &Part::text("it was done")));
    // A worker that comes back finds that it is over.
    worker.send(Update::Ended(Ended::saying(TaskState::Failed, "late"))).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.get(ann, finished).await.unwrap().status.state, TaskState::Completed);
    assert_eq!(world.a2a.sweep(100).await.unwrap(), 0);
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

suite! {
    a_message_becomes_a_task_and_its_answer_waits_for_the_end,
    whoever_follows_gets_every_event_once_and_in_order,
    of_all_ends_of_a_task_one_comes_true,
    the_same_message_begins_one_task_and_anothers_begins_another,
    a_task_is_its_clients_alone,
    a_question_is_answered_in_the_same_task,
    a_task_whose_process_died_is_ended_as_its_work_ended,
    lists_are_paged_by_a_cursor_and_filtered,
    secrets_of_push_configurations_are_encrypted_and_bad_ones_refused,
}
