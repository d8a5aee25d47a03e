//! From a message to the end of its task, and beyond.

use std::time::Duration;

use futures_util::{StreamExt, pin_mut};
use rialto_a2a::{
    A2a, A2aError, Update,
    model::Ended,
    store::TaskStore,
    wire::{
        TaskState, Version,
        params::{OfTask, Send as SendParams},
        types::{Message, Part, StreamItem},
    },
};
use rialto_kernel::Role;
use rialto_store::{StoreError, Tx, suite, testing::TestDb};

use crate::world::*;

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

/// Of work that was given in part nobody is rid by canceling; of what was not, everybody is.
async fn what_was_given_in_part_is_let_go_and_not_stopped(test: &TestDb) {
    let world = world(test);
    let ann = world.somebody(Role::Operator).await;
    let (bare, _worker) = world.begin(ann, "bare").await;
    assert_eq!(world.a2a.cancel(ann, &bare.to_string()).await.unwrap().status.state, TaskState::Canceled);
    assert_eq!((world.hands.stopped.lock().unwrap().clone(), world.hands.let_go.lock().unwrap().clone()), (vec![bare], vec![]));
    let (given, worker) = world.begin(ann, "given").await;
    worker.send(made("a piece", false)).unwrap();
    while world.get(ann, given).await.unwrap().artifacts.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let canceled = world.a2a.cancel(ann, &given.to_string()).await.unwrap();
    assert_eq!(
        (canceled.status.state, canceled.status.message.unwrap().parts),
        (TaskState::Canceled, vec![Part::text("it goes on")])
    );
    assert_eq!(
        (world.hands.stopped.lock().unwrap().clone(), world.hands.let_go.lock().unwrap().clone()),
        (vec![bare], vec![given])
    );
    // What comes of it is not the task's any more.
    drop(worker.send(done()));
    assert_eq!(world.a2a.cancel(ann, &given.to_string()).await.unwrap().status.state, TaskState::Canceled);
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

/// What is being worked on stays, however old it is.
async fn tasks_at_rest_are_forgotten_after_a_while(test: &TestDb) {
    let world = world(test);
    let ann = world.somebody(Role::Operator).await;
    let (old, worker) = world.begin(ann, "old").await;
    let (long, _worker) = world.begin(ann, "long").await;
    worker.send(made("something", false)).unwrap();
    worker.send(done()).unwrap();
    world.until(ann, old, TaskState::Completed).await;
    world.clock.advance(Duration::from_secs(10));
    let (new, worker) = world.begin(ann, "new").await;
    worker.send(done()).unwrap();
    world.until(ann, new, TaskState::Completed).await;
    let horizon = NOON.after(Duration::from_secs(5));
    let forget = async move |tx: &mut Tx| tx.forget_tasks(horizon, 10).await;
    assert_eq!(world.db.write::<_, StoreError, _>(forget).await, Ok(1));
    assert_eq!(world.db.write::<_, StoreError, _>(forget).await, Ok(0));
    assert_eq!(world.get(ann, old).await.err(), Some(A2aError::TaskNotFound));
    assert_eq!(world.get(ann, new).await.unwrap().status.state, TaskState::Completed);
    assert_eq!(world.get(ann, long).await.unwrap().status.state, TaskState::Working);
    // Its message begins another one now.
    let (again, _worker) = world.begin(ann, "old").await;
    assert_ne!(again, old);
}

suite! {
    a_message_becomes_a_task_and_its_answer_waits_for_the_end,
    whoever_follows_gets_every_event_once_and_in_order,
    of_all_ends_of_a_task_one_comes_true,
    what_was_given_in_part_is_let_go_and_not_stopped,
    a_question_is_answered_in_the_same_task,
    a_task_whose_process_died_is_ended_as_its_work_ended,
    tasks_at_rest_are_forgotten_after_a_while,
}
