//! Following the outbox, on both databases.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

use std::{sync::Arc, time::Duration};

use rialto_kernel::{Event, Timestamp};
use rialto_store::{
    Db, StoreError, Tx,
    outbox::{self, Follower, Page, Reach},
    suite,
    testing::TestDb,
};
use serde_json::json;
use tokio::sync::Notify;

const NOISE: &str = "noise.made";

fn kinds() -> Vec<String> {
    vec!["thing.done".into(), "thing.undone".into()]
}

async fn append(tx: &mut Tx, kind: &'static str, n: i64) -> Result<(), StoreError> {
    let at = Timestamp::from_micros(1_764_000_000_000_000 + n);
    let event = Event { kind, subject: uuid::Uuid::nil(), owner: None, data: json!({"n": n}), at };
    outbox::append(tx, event).await
}

async fn write(db: &Db, kind: &'static str, n: i64) {
    db.write(async move |tx: &mut Tx| append(tx, kind, n).await).await.unwrap();
}

/// A transaction that has appended `n` and stays open until it is told how to end.
async fn open_transaction(db: &Db, n: i64, commit: bool) -> (Arc<Notify>, tokio::task::JoinHandle<()>) {
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, told) = (Arc::clone(&begun), Arc::clone(&end));
    let work = db.write(async move |tx: &mut Tx| {
        append(tx, "thing.done", n).await?;
        tell.notify_one();
        told.notified().await;
        if commit { Ok(()) } else { Err(StoreError::Corrupt("undone on purpose".into())) }
    });
    let task = tokio::spawn(async move { assert_eq!(work.await.is_ok(), commit) });
    begun.notified().await;
    (end, task)
}

fn ns(page: &Page) -> Vec<i64> {
    page.events.iter().map(|event| event.data["n"].as_i64().unwrap()).collect()
}

async fn a_follower_gets_every_event_of_its_kinds_once_and_in_order(test: &TestDb) {
    write(&test.db, "thing.done", -1).await;
    let mut follower = Follower::at_end(&test.db, kinds()).await.unwrap();
    assert!(follower.is_settled());
    assert_eq!(ns(&follower.look().await.unwrap()), Vec::<i64>::new());
    test.db
        .write(async |tx: &mut Tx| {
            for n in 0..1_200 {
                append(tx, if n % 3 == 0 { NOISE } else { "thing.done" }, n).await?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    let mut got = Vec::new();
    let mut looks = 0;
    loop {
        let page = follower.look().await.unwrap();
        assert_eq!(page.upto, follower.at());
        got.extend(ns(&page));
        looks += 1;
        if !page.more {
            break;
        }
    }
    assert_eq!(got, (0..1_200).filter(|n| n % 3 != 0).collect::<Vec<_>>());
    assert!(looks > 1, "a page is bounded");
    assert_eq!(ns(&follower.look().await.unwrap()), Vec::<i64>::new());
}

async fn a_follower_does_not_pass_an_open_transaction(test: &TestDb) {
    if !test.db.is_postgres() {
        return; // One writer: nothing can be committed beside an open transaction.
    }
    let mut follower = Follower::at_end(&test.db, kinds()).await.unwrap();
    let (end, task) = open_transaction(&test.db, 1, true).await;
    write(&test.db, "thing.done", 2).await;
    for _ in 0..3 {
        let page = follower.look().await.unwrap();
        assert!(page.events.is_empty() && page.held_up, "{page:?}");
    }
    write(&test.db, "thing.done", 3).await;
    end.notify_one();
    task.await.unwrap();
    let page = follower.look().await.unwrap();
    assert_eq!((ns(&page), page.held_up), (vec![1, 2, 3], false));
}

async fn a_number_whose_transaction_was_undone_is_passed(test: &TestDb) {
    let mut follower = Follower::at_end(&test.db, kinds()).await.unwrap();
    if test.db.is_postgres() {
        let (end, task) = open_transaction(&test.db, 1, false).await;
        // This one is in the way of nothing that is published yet, and stays open.
        write(&test.db, "thing.done", 2).await;
        assert!(follower.look().await.unwrap().held_up);
        let (late_end, late) = open_transaction(&test.db, 3, true).await;
        write(&test.db, "thing.done", 4).await;
        end.notify_one();
        task.await.unwrap();
        // The gap of the undone one is passed although a younger transaction is open; that one's own is not.
        let page = follower.look().await.unwrap();
        assert_eq!((ns(&page), page.held_up), (vec![2], true));
        late_end.notify_one();
        late.await.unwrap();
        assert_eq!(ns(&follower.look().await.unwrap()), vec![3, 4]);
    }
    let undone = test.db.write(async |tx: &mut Tx| {
        append(tx, "thing.done", 5).await?;
        Err::<(), _>(StoreError::Corrupt("undone on purpose".into()))
    });
    assert!(undone.await.is_err());
    write(&test.db, "thing.undone", 6).await;
    assert_eq!(ns(&follower.look().await.unwrap()), vec![6]);
}

async fn what_was_open_when_a_follower_began_is_known(test: &TestDb) {
    if !test.db.is_postgres() {
        return;
    }
    let (end, task) = open_transaction(&test.db, 1, true).await;
    write(&test.db, "thing.done", 2).await;
    let mut follower = Follower::at_end(&test.db, kinds()).await.unwrap();
    assert!(!follower.is_settled());
    write(&test.db, "thing.done", 3).await;
    assert_eq!(ns(&follower.look().await.unwrap()), vec![3]);
    assert!(!follower.is_settled());
    end.notify_one();
    task.await.unwrap();
    follower.look().await.unwrap();
    assert!(follower.is_settled());
    let upto = follower.at();
    let all = test.db.read(async move |tx: &mut Tx| outbox::between(tx, &kinds(), 0, upto).await).await.unwrap();
    assert_eq!(all.iter().map(|event| event.data["n"].as_i64().unwrap()).collect::<Vec<_>>(), vec![1, 2, 3]);
}

async fn a_follower_goes_on_where_another_came_to(test: &TestDb) {
    let mut first = Follower::at_end(&test.db, kinds()).await.unwrap();
    write(&test.db, "thing.done", 1).await;
    assert_eq!(ns(&first.look().await.unwrap()), vec![1]);
    if !test.db.is_postgres() {
        write(&test.db, "thing.done", 2).await;
        assert_eq!(ns(&Follower::after(&test.db, kinds(), first.at()).look().await.unwrap()), vec![2]);
        return;
    }
    let (end, task) = open_transaction(&test.db, 2, true).await;
    write(&test.db, "thing.done", 3).await;
    assert!(first.look().await.unwrap().held_up);
    let mut second = Follower::after(&test.db, kinds(), first.at());
    let page = second.look().await.unwrap();
    assert!(page.events.is_empty() && page.held_up && second.is_settled(), "{page:?}");
    end.notify_one();
    task.await.unwrap();
    assert_eq!(ns(&second.look().await.unwrap()), vec![2, 3]);
}

async fn many_writers_lose_nothing(test: &TestDb) {
    let mut follower = Follower::at_end(&test.db, kinds()).await.unwrap();
    let writers: Vec<_> = (0..8_i64)
        .map(|writer| {
            let db = test.db.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    let (n, undo) = (writer * 50 + n, n % 7 == 3);
                    let done = db.write(async move |tx: &mut Tx| {
                        append(tx, "thing.done", n).await?;
                        // The order of commit is not the order of numbers.
                        if n % 5 == 0 && tx.is_postgres() {
                            tokio::time::sleep(Duration::from_millis(3)).await;
                        }
                        if undo { Err(StoreError::Corrupt("undone on purpose".into())) } else { Ok(()) }
                    });
                    assert_eq!(done.await.is_err(), undo);
                }
            })
        })
        .collect();
    let mut got = Vec::new();
    let mut numbers = Vec::new();
    let all: Vec<i64> = (0..400).filter(|n| n % 50 % 7 != 3).collect();
    let patient = async {
        while got.len() < all.len() {
            let page = follower.look().await.unwrap();
            got.extend(ns(&page));
            numbers.extend(page.events.iter().map(|event| event.seq));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), patient).await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(numbers.is_sorted_by(|one, next| one < next));
    // Each writer's own came in the order in which it wrote them.
    for writer in 0..8 {
        let own: Vec<i64> = got.iter().copied().filter(|n| n / 50 == writer).collect();
        assert!(own.is_sorted(), "{own:?}");
    }
    got.sort_unstable();
    assert_eq!(got, all);
}

async fn the_outbox_knows_how_far_it_reaches(test: &TestDb) {
    let reach = async || test.db.read(async |tx: &mut Tx| outbox::reach(tx).await).await.unwrap();
    assert_eq!(reach().await, Reach { oldest: None, newest: 0 });
    for n in 0..10 {
        write(&test.db, NOISE, n).await;
    }
    assert_eq!(reach().await, Reach { oldest: Some(1), newest: 10 });
    let forget = async |micros: i64, upto: i64| {
        let horizon = Timestamp::from_micros(1_764_000_000_000_000 + micros);
        test.db.write(async move |tx: &mut Tx| outbox::forget_before(tx, horizon, upto, 100).await).await.unwrap().len()
    };
    assert_eq!(forget(4, 3).await, 3, "somebody has not read the fourth");
    assert_eq!(forget(4, i64::MAX).await, 1);
    assert_eq!(reach().await, Reach { oldest: Some(5), newest: 10 });
    assert_eq!(forget(100, 4).await, 0);
    assert_eq!(forget(100, i64::MAX).await, 6);
    assert_eq!(reach().await, Reach { oldest: None, newest: 10 });
}

async fn what_is_brief_is_forgotten_alone(test: &TestDb) {
    let event = |n: i64| Event {
        kind: "thing.done",
        subject: uuid::Uuid::nil(),
        owner: None,
        data: json!({"n": n}),
        at: Timestamp::from_micros(1_764_000_000_000_000 + n),
    };
    let append = async move |tx: &mut Tx| {
        outbox::append_brief(tx, vec![event(0), event(1)]).await?;
        outbox::append_all(tx, vec![event(2), event(3)]).await?;
        outbox::append(tx, event(4)).await?;
        outbox::append_brief(tx, vec![event(5), event(6)]).await
    };
    test.db.write(append).await.unwrap();
    let left = async || {
        let found = test.db.read(async |tx: &mut Tx| outbox::between(tx, &kinds(), 0, i64::MAX).await).await.unwrap();
        found.into_iter().map(|event| event.data["n"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let forget = async |limit| {
        let horizon = Timestamp::from_micros(1_764_000_000_000_006);
        test.db.write(async move |tx: &mut Tx| outbox::forget_brief(tx, horizon, limit).await).await.unwrap()
    };
    assert_eq!((left().await, forget(1).await), (vec![0, 1, 2, 3, 4, 5, 6], 1));
    assert_eq!((left().await, forget(100).await), (vec![1, 2, 3, 4, 5, 6], 2));
    assert_eq!((left().await, forget(100).await), (vec![2, 3, 4, 6], 0));
}

async fn an_event_that_cannot_be_read_is_left_out_alone(test: &TestDb) {
    for n in 0..5 {
        write(&test.db, "thing.done", n).await;
    }
    // PostgreSQL stores no JSON that is none.
    if !test.db.is_postgres() {
        let spoil = async |tx: &mut Tx| tx.batch("UPDATE outbox SET data = '{broken' WHERE seq = 3").await;
        test.db.write::<_, StoreError, _>(spoil).await.unwrap();
    }
    let mut follower = Follower::after(&test.db, kinds(), 0);
    let page = follower.look().await.unwrap();
    let seqs: Vec<i64> = page.events.iter().map(|event| event.seq).collect();
    assert_eq!(page.upto, 5, "nobody stops before it");
    assert_eq!(seqs, if test.db.is_postgres() { vec![1, 2, 3, 4, 5] } else { vec![1, 2, 4, 5] });
}

suite! {
    an_event_that_cannot_be_read_is_left_out_alone,
    what_is_brief_is_forgotten_alone,
    a_follower_gets_every_event_of_its_kinds_once_and_in_order,
    a_follower_does_not_pass_an_open_transaction,
    a_number_whose_transaction_was_undone_is_passed,
    what_was_open_when_a_follower_began_is_known,
    a_follower_goes_on_where_another_came_to,
    many_writers_lose_nothing,
    the_outbox_knows_how_far_it_reaches,
}
