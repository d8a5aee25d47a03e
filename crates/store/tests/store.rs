//! What every domain relies on, on both databases.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use diesel::{ExpressionMethods, QueryDsl};
use rialto_kernel::{Event, Id, Timestamp};
use rialto_store::{
    Db, StoreError, Tx,
    idempotency::{self, Claim, Key, Stored},
    on, outbox, suite,
    testing::TestDb,
    types::Json,
};

mod schema {
    diesel::table! {
        use diesel::sql_types::*;
        use rialto_store::types::{JsonDoc, Uid, UtcTime};
        things (id) {
            id -> Uid,
            other -> Nullable<Uid>,
            seen_at -> UtcTime,
            doc -> JsonDoc,
            n -> BigInt,
            flag -> Bool,
        }
    }
}
use schema::things;

async fn make_things(db: &Db) {
    db.write(async |tx: &mut Tx| {
        let sql = if tx.is_postgres() {
            "CREATE TABLE things (id uuid PRIMARY KEY, other uuid, seen_at timestamptz NOT NULL, doc jsonb NOT NULL, n bigint NOT NULL CHECK (n >= 0), flag boolean NOT NULL)"
        } else {
            "CREATE TABLE things (id BLOB PRIMARY KEY, other BLOB, seen_at INTEGER NOT NULL, doc TEXT NOT NULL, n INTEGER NOT NULL CHECK (n >= 0), flag INTEGER NOT NULL) STRICT"
        };
        tx.batch(sql).await
    })
    .await
    .unwrap();
}

async fn insert(tx: &mut Tx, id: Id<()>, n: i64) -> Result<(), StoreError> {
    let row = (
        things::id.eq(id),
        things::other.eq(Some(id)),
        things::seen_at.eq(Timestamp::from_micros(1_764_000_000_123_456)),
        things::doc.eq(Json(serde_json::json!({"big": 9_007_199_254_740_993_i64, "text": "ü"}))),
        things::n.eq(n),
        things::flag.eq(true),
    );
    on!(tx, conn => diesel::insert_into(things::table).values(&row).execute(conn).await)?;
    Ok(())
}

async fn count(db: &Db) -> i64 {
    db.read(async |tx: &mut Tx| on!(tx, conn => things::table.count().get_result(conn).await)).await.unwrap()
}

fn assert_send<T: Send>(value: T) -> T {
    value
}

async fn rows_come_back_as_they_went_in(test: &TestDb) {
    make_things(&test.db).await;
    let id = Id::new();
    // Libraries spawn these futures on runtimes that move tasks between threads.
    assert_send(test.db.write(async move |tx: &mut Tx| insert(tx, id, 7).await)).await.unwrap();
    type Row = (Id<()>, Option<Id<()>>, Timestamp, Json, i64, bool);
    let row: Row = assert_send(test.db.read(async move |tx: &mut Tx| {
        on!(tx, conn => things::table.filter(things::other.eq(id)).filter(things::id.eq(id)).first(conn).await)
    }))
    .await
    .unwrap();
    assert_eq!((row.0, row.1, row.4, row.5), (id, Some(id), 7, true));
    assert_eq!(row.2.micros(), 1_764_000_000_123_456);
    assert_eq!(row.3.0["big"], 9_007_199_254_740_993_i64);
}

async fn a_transaction_that_fails_leaves_nothing(test: &TestDb) {
    make_things(&test.db).await;
    let failed = test
        .db
        .write(async |tx: &mut Tx| {
            insert(tx, Id::new(), 1).await?;
            Err::<(), _>(StoreError::Timeout)
        })
        .await;
    assert_eq!(failed, Err(StoreError::Timeout));
    let refused = test
        .db
        .write(async |tx: &mut Tx| {
            insert(tx, Id::new(), 1).await?;
            insert(tx, Id::new(), -1).await
        })
        .await;
    assert!(matches!(refused, Err(StoreError::Check(_))), "{refused:?}");
    let id = Id::new();
    let twice = test
        .db
        .write(async move |tx: &mut Tx| {
            insert(tx, id, 1).await?;
            insert(tx, id, 1).await
        })
        .await;
    assert!(matches!(twice, Err(StoreError::Unique(_))), "{twice:?}");
    assert_eq!(count(&test.db).await, 0);
}

async fn members_of_a_group_do_not_harm_each_other(test: &TestDb) {
    make_things(&test.db).await;
    let tasks: Vec<_> = (0..200_i64)
        .map(|n| {
            let db = test.db.clone();
            tokio::spawn(async move {
                db.write(async move |tx: &mut Tx| {
                    insert(tx, Id::new(), n).await?;
                    if n % 5 == 0 { Err(StoreError::Timeout) } else { Ok(()) }
                })
                .await
            })
        })
        .collect();
    let mut kept = 0;
    for task in tasks {
        kept += i64::from(task.await.unwrap().is_ok());
    }
    assert_eq!((kept, count(&test.db).await), (160, 160));
}

async fn work_that_panics_is_undone_and_harms_nobody(test: &TestDb) {
    make_things(&test.db).await;
    let db = test.db.clone();
    let panicked = tokio::spawn(async move {
        db.write(async |tx: &mut Tx| {
            insert(tx, Id::new(), 1).await?;
            assert!(tx.is_postgres() && !tx.is_postgres(), "a panic in the middle of a transaction");
            Ok::<_, StoreError>(())
        })
        .await
    })
    .await;
    assert!(!matches!(panicked, Ok(Ok(()))));
    test.db.write(async |tx: &mut Tx| insert(tx, Id::new(), 1).await).await.unwrap();
    assert_eq!(count(&test.db).await, 1);
}

async fn a_caller_that_goes_away_leaves_all_or_nothing(test: &TestDb) {
    make_things(&test.db).await;
    for n in 0..50 {
        let db = test.db.clone();
        let write = async move {
            db.write(async |tx: &mut Tx| {
                insert(tx, Id::new(), 1).await?;
                insert(tx, Id::new(), 2).await
            })
            .await
        };
        let _ = tokio::time::timeout(Duration::from_micros(n * 40), write).await;
    }
    // On SQLite abandoned work is still done; this write waits behind it in the queue.
    test.db.write(async |tx: &mut Tx| tx.batch("SELECT 1").await).await.unwrap();
    assert_eq!(count(&test.db).await % 2, 0);
}

async fn a_reader_cannot_write(test: &TestDb) {
    make_things(&test.db).await;
    let refused = test.db.snapshot(async |tx: &mut Tx| insert(tx, Id::new(), 1).await).await;
    assert!(refused.is_err());
    assert_eq!(count(&test.db).await, 0);
}

async fn ten_claims_of_one_key_do_the_work_once(test: &TestDb) {
    let key = Key { scope: "owner/POST /x".into(), key: "k".into(), fingerprint: vec![1] };
    let effects = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (db, key, effects) = (test.db.clone(), key.clone(), effects.clone());
            tokio::spawn(async move {
                db.write(async move |tx: &mut Tx| {
                    let claim = idempotency::claim(tx, &key, Timestamp::from_micros(1)).await?;
                    if claim == Claim::Fresh {
                        effects.fetch_add(1, Ordering::SeqCst);
                        idempotency::finish(tx, &key, &Stored { status: 201, body: "{}".into() }).await?;
                    }
                    Ok::<_, StoreError>(claim)
                })
                .await
                .unwrap()
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += i32::from(matches!(task.await.unwrap(), Claim::Done(Stored { status: 201, .. })));
    }
    assert_eq!((effects.load(Ordering::SeqCst), done), (1, 9));
    let other = Key { fingerprint: vec![2], ..key };
    let claim = test.db.write(async move |tx: &mut Tx| idempotency::claim(tx, &other, Timestamp::from_micros(1)).await).await;
    assert_eq!(claim, Ok(Claim::Mismatch));
}

async fn deadlocks_are_run_again(test: &TestDb) {
    make_things(&test.db).await;
    let (a, b) = (Id::new(), Id::new());
    test.db
        .write(async move |tx: &mut Tx| {
            insert(tx, a, 0).await?;
            insert(tx, b, 0).await
        })
        .await
        .unwrap();
    let bump = async |tx: &mut Tx, id: Id<()>| on!(tx, conn => diesel::update(things::table.find(id)).set(things::n.eq(things::n + 1)).execute(conn).await);
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let db = test.db.clone();
            // On purpose against the rule of one order.
            let (first, second) = if n % 2 == 0 { (a, b) } else { (b, a) };
            tokio::spawn(async move {
                db.write(async move |tx: &mut Tx| {
                    bump(tx, first).await?;
                    bump(tx, second).await
                })
                .await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let sums: Vec<i64> =
        test.db.read(async |tx: &mut Tx| on!(tx, conn => things::table.select(things::n).load(conn).await)).await.unwrap();
    assert_eq!(sums, [4, 4]);
}

async fn migrating_twice_changes_nothing(test: &TestDb) {
    let report = test.db.migrate().await.unwrap();
    assert_eq!(report.applied, Vec::<&str>::new());
    test.db
        .write(async |tx: &mut Tx| {
            let now = if tx.is_postgres() { "now()" } else { "0" };
            tx.batch(&format!("INSERT INTO schema_migrations VALUES ('9999_from_the_future', {now})")).await
        })
        .await
        .unwrap();
    assert!(matches!(test.db.migrate().await, Err(StoreError::Schema(_))));
}

async fn what_is_old_is_forgotten_in_bounded_batches(test: &TestDb) {
    let at = |n: i64| Timestamp::from_micros(1_764_000_000_000_000 + n);
    let (keys, events) = test
        .db
        .write(async move |tx: &mut Tx| {
            for n in 0..5 {
                let key = Key { scope: "s".into(), key: n.to_string(), fingerprint: vec![1] };
                idempotency::claim(tx, &key, at(n)).await?;
                let event = Event {
                    kind: "thing.done",
                    subject: Id::<()>::new().uuid(),
                    owner: None,
                    data: serde_json::json!({}),
                    at: at(n),
                };
                outbox::append(tx, event).await?;
            }
            let (mut keys, mut events) = (Vec::new(), Vec::new());
            for _ in 0..3 {
                keys.push(idempotency::forget_before(tx, at(3), 2).await?);
                events.push(outbox::forget_before(tx, at(3), i64::MAX, 2).await?.len());
            }
            Ok::<_, StoreError>((keys, events))
        })
        .await
        .unwrap();
    assert_eq!((keys, events), (vec![2, 1, 0], vec![2, 1, 0]));
}

async fn a_scope_may_be_as_long_as_a_path(test: &TestDb) {
    // Nothing that could be compressed until it fits into an index.
    let scope: String = (0..500).map(|_| Id::<()>::new().to_string()).collect();
    let key = |last: &str| Key { scope: format!("{scope}{last}"), key: "k".into(), fingerprint: vec![1] };
    for last in ["a", "b"] {
        let key = key(last);
        let claim = test.db.write(async move |tx: &mut Tx| idempotency::claim(tx, &key, Timestamp::from_micros(1)).await).await;
        assert_eq!(claim, Ok(Claim::Fresh));
    }
    let key = key("a");
    let claim = test.db.write(async move |tx: &mut Tx| idempotency::claim(tx, &key, Timestamp::from_micros(1)).await).await;
    assert_eq!(claim, Ok(Claim::Running));
}

suite! {
    a_scope_may_be_as_long_as_a_path,
    what_is_old_is_forgotten_in_bounded_batches,
    rows_come_back_as_they_went_in,
    a_transaction_that_fails_leaves_nothing,
    members_of_a_group_do_not_harm_each_other,
    work_that_panics_is_undone_and_harms_nobody,
    a_caller_that_goes_away_leaves_all_or_nothing,
    a_reader_cannot_write,
    ten_claims_of_one_key_do_the_work_once,
    deadlocks_are_run_again,
    migrating_twice_changes_nothing,
}
