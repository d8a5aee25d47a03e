//! Counting on both databases.

use std::{sync::Arc, time::Duration};

use diesel::{ExpressionMethods, QueryDsl};
use rialto_kernel::{Caller, CredentialKind, Id, OwnerId, Role, Timestamp, nouns};
use rialto_registry::{
    NewAgent, delete, register,
    service::{NewService, register_service},
};
use rialto_reputation::{Counted, Period, Record, ReputationStore, Score, Subject, count, live_score, score};
use rialto_store::{
    Db, StoreError, Tx, on,
    testing::TestDb,
    types::{Json, JsonDoc, Uid, UtcTime},
};
use tokio::sync::Barrier;

rialto_store::suite!(
    calls_are_counted_once_by_subject_and_month,
    counting_at_once_counts_nothing_twice,
    calls_that_say_nothing_about_the_provider_do_not_count,
    a_live_score_has_what_is_not_counted_yet,
    a_change_is_told_once,
    whoever_is_told_of_a_score_is_told_whose_it_is,
);

diesel::table! {
    use diesel::sql_types::*;
    use super::{Uid, UtcTime};
    owners (id) {
        id -> Uid,
        kind -> Text,
        external_id -> Nullable<Text>,
        created_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::{Uid, UtcTime};
    usage_records (id) {
        id -> Uid,
        service_id -> Uid,
        buyer_id -> Uid,
        provider_id -> Uid,
        price -> BigInt,
        is_free -> Bool,
        payment_method -> Text,
        commission_ppm -> Integer,
        created_at -> UtcTime,
        expires_at -> UtcTime,
        finished_at -> Nullable<UtcTime>,
        delivered -> Nullable<Bool>,
        status_code -> Nullable<Integer>,
        latency_ms -> Nullable<BigInt>,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::{Uid, UtcTime, JsonDoc};
    outbox (seq) {
        seq -> BigInt,
        kind -> Text,
        owner_id -> Nullable<Uid>,
        data -> JsonDoc,
    }
}

type ServiceId = Id<nouns::Service>;

/// 2026-11-22, at noon.
const NOON: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);

fn november() -> Period {
    Period::of(NOON)
}

/// A provider with one service.
#[derive(Clone, Copy)]
struct Shop {
    caller: Caller,
    /// Who calls it.
    buyer: OwnerId,
    service: ServiceId,
}

async fn shop(db: &Db, name: &str) -> Shop {
    let (owner, buyer, name) = (OwnerId::new(), OwnerId::new(), name.to_owned());
    let caller = Caller { owner, role: Role::Operator, credential: CredentialKind::Token, rate_limit_per_minute: None };
    let new = NewService {
        name: "Sentiment".to_owned(),
        description: String::new(),
        endpoint: "https://my-api.example.com/v1".to_owned(),
        price_per_call: "0.05".to_owned(),
        category: String::new(),
        tags: Vec::new(),
        payment_method: "balance".to_owned(),
        free_tier_calls: 0,
        timeout_seconds: None,
    };
    let write = async move |tx: &mut Tx| {
        for (id, called) in [(owner, name.clone()), (buyer, format!("buyer of {name}"))] {
            let row =
                (owners::id.eq(id), owners::kind.eq("external"), owners::external_id.eq(called), owners::created_at.eq(NOON));
            on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await)?;
        }
        register_service(tx, &caller, &name, &new, NOON).await
    };
    Shop { caller, buyer, service: db.write(write).await.unwrap().id }
}

/// A call as the proxy writes it when it has ended.
async fn call(db: &Db, shop: &Shop, at: Timestamp, status: Option<i32>, latency_ms: i64, error: Option<&'static str>) {
    let (owner, buyer, service) = (shop.caller.owner, shop.buyer, shop.service);
    let write = async move |tx: &mut Tx| {
        use usage_records as u;
        let row = (
            (u::id.eq(Id::<nouns::Usage>::new()), u::service_id.eq(service), u::buyer_id.eq(buyer), u::provider_id.eq(owner)),
            (u::price.eq(0_i64), u::is_free.eq(true), u::payment_method.eq("balance"), u::commission_ppm.eq(0)),
            (u::created_at.eq(at), u::expires_at.eq(at), u::finished_at.eq(status.map(|_| at))),
            (u::delivered.eq(status.map(|status| status < 500)), u::status_code.eq(status), u::error.eq(error)),
            u::latency_ms.eq(status.map(|_| latency_ms)),
        );
        on!(tx, conn => diesel::insert_into(u::table).values(row).execute(conn).await)?;
        Ok::<_, StoreError>(())
    };
    db.write(write).await.unwrap();
}

async fn count_some(db: &Db, limit: u32) -> Counted {
    db.write(async move |tx: &mut Tx| count(tx, limit, NOON).await).await.unwrap()
}

async fn counts(db: &Db, subject: Subject, period: Period) -> Option<(i64, i64, i64, i64)> {
    let found: Option<Record> = db.read(async move |tx: &mut Tx| score(tx, subject, period).await).await.unwrap();
    found.map(|Record { counts, score, .. }| {
        assert_eq!(score, Score::of(&counts));
        (counts.calls, counts.successes, counts.errors, counts.latency_ms)
    })
}

async fn calls_are_counted_once_by_subject_and_month(test: &TestDb) {
    let db = &test.db;
    let (ada, bob) = (shop(db, "ada").await, shop(db, "bob").await);
    let october = NOON.before(Duration::from_secs(30 * 86_400));
    for (at, status, latency) in [(NOON, 200, 10), (NOON, 404, 20), (NOON, 502, 30), (october, 302, 40)] {
        call(db, &ada, at, Some(status), latency, None).await;
    }
    call(db, &bob, NOON, Some(200), 7, None).await;
    // One that runs is not counted.
    call(db, &bob, NOON, None, 0, None).await;
    let rounds: Vec<usize> = [count_some(db, 3).await.calls, count_some(db, 3).await.calls, count_some(db, 3).await.calls].into();
    assert_eq!(rounds, [3, 2, 0]);
    let provider = Subject::Provider(ada.caller.owner);
    let service = Subject::Service(ada.service, ada.caller.owner);
    for subject in [provider, service] {
        assert_eq!(counts(db, subject, Period::AllTime).await, Some((4, 2, 1, 100)));
        assert_eq!(counts(db, subject, november()).await, Some((3, 1, 1, 60)));
        assert_eq!(counts(db, subject, Period::of(october)).await, Some((1, 1, 0, 40)));
    }
    assert_eq!(counts(db, Subject::Provider(bob.caller.owner), Period::AllTime).await, Some((1, 1, 0, 7)));
    assert_eq!(counts(db, Subject::Provider(bob.caller.owner), Period::of(october)).await, None);
}

async fn counting_at_once_counts_nothing_twice(test: &TestDb) {
    let db = &test.db;
    let ada = shop(db, "ada").await;
    for _ in 0..30 {
        call(db, &ada, NOON, Some(200), 10, None).await;
    }
    let start = Arc::new(Barrier::new(4));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (db, start) = (db.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let mut calls = 0;
                loop {
                    match count_some(&db, 4).await.calls {
                        0 => return calls,
                        more => calls += more,
                    }
                }
            })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    assert_eq!(sum, 30);
    assert_eq!(counts(db, Subject::Provider(ada.caller.owner), Period::AllTime).await, Some((30, 30, 0, 300)));
}

async fn calls_that_say_nothing_about_the_provider_do_not_count(test: &TestDb) {
    let db = &test.db;
    let ada = shop(db, "ada").await;
    for error in ["interrupted", "broken_request", "circuit_open", "payment_failed"] {
        call(db, &ada, NOON, Some(503), 10, Some(error)).await;
    }
    // Nobody vouches for themselves.
    call(db, &Shop { buyer: ada.caller.owner, ..ada }, NOON, Some(200), 10, None).await;
    let counted = count_some(db, 100).await;
    assert_eq!((counted.calls, counted.providers.len()), (5, 0));
    assert_eq!(counts(db, Subject::Provider(ada.caller.owner), Period::AllTime).await, None);
    for (error, status) in [("timeout", 504), ("unreachable", 502), ("buyer_left", 200)] {
        call(db, &ada, NOON, Some(status), 10, Some(error)).await;
    }
    assert_eq!(count_some(db, 100).await.calls, 3);
    assert_eq!(counts(db, Subject::Provider(ada.caller.owner), Period::AllTime).await, Some((3, 1, 2, 30)));
}

async fn a_live_score_has_what_is_not_counted_yet(test: &TestDb) {
    let db = &test.db;
    let (ada, bob) = (shop(db, "ada").await, shop(db, "bob").await);
    let live = async |shop: &Shop, period| {
        let owner = shop.caller.owner;
        let found = db.snapshot(async move |tx: &mut Tx| live_score(tx, owner, period).await).await.unwrap();
        found.map(|record| record.counts.calls)
    };
    assert_eq!(live(&ada, Period::AllTime).await, None);
    call(db, &ada, NOON, Some(200), 10, None).await;
    assert_eq!((live(&ada, Period::AllTime).await, live(&ada, november()).await), (Some(1), Some(1)));
    assert_eq!((live(&bob, Period::AllTime).await, live(&ada, "2026-10".parse().unwrap()).await), (None, None));
    count_some(db, 100).await;
    call(db, &ada, NOON, Some(500), 10, None).await;
    assert_eq!(live(&ada, Period::AllTime).await, Some(2));
    assert_eq!(counts(db, Subject::Provider(ada.caller.owner), Period::AllTime).await, Some((1, 1, 0, 10)));
}

async fn a_change_is_told_once(test: &TestDb) {
    let db = &test.db;
    let ada = shop(db, "ada").await;
    let told = async || {
        let read = async |tx: &mut Tx| {
            let rows: Vec<(Option<OwnerId>, Json)> = on!(tx, conn => outbox::table.filter(outbox::kind.eq("reputation.updated"))
                .order(outbox::seq.asc()).select((outbox::owner_id, outbox::data)).load(conn).await)?;
            Ok::<_, StoreError>(rows)
        };
        db.read(read).await.unwrap()
    };
    call(db, &ada, NOON, Some(200), 0, None).await;
    count_some(db, 100).await;
    // The same score again is no change.
    call(db, &ada, NOON, Some(200), 0, None).await;
    count_some(db, 100).await;
    call(db, &ada, NOON, Some(500), 0, None).await;
    count_some(db, 100).await;
    count_some(db, 100).await;
    let told = told().await;
    let scores: Vec<_> = told.iter().map(|(_, data)| (&data.0["overall_score"], &data.0["previous_score"])).collect();
    assert_eq!(scores, [(&10.0.into(), &serde_json::Value::Null), (&7.67.into(), &10.0.into())]);
    assert!(told.iter().all(|(owner, data)| *owner == Some(ada.caller.owner) && data.0["provider_id"] == "ada"));
}

async fn whoever_is_told_of_a_score_is_told_whose_it_is(test: &TestDb) {
    let db = &test.db;
    let caller = shop(db, "ada").await.caller;
    let new = NewAgent {
        name: "Echo".to_owned(),
        description: "It says what it is told.".to_owned(),
        endpoint: "https://agents.example.com/echo".to_owned(),
        ..NewAgent::default()
    };
    let agent = db.write(async move |tx: &mut Tx| register(tx, &caller, &new, NOON).await).await.unwrap();
    let names = async || db.read(async move |tx: &mut Tx| tx.find_names(caller.owner, 5).await).await.unwrap();
    assert_eq!(names().await, ("ada".to_owned(), vec![agent.slug]));
    db.write(async move |tx: &mut Tx| delete(tx, &caller, &agent.id.into(), NOON).await).await.unwrap();
    assert_eq!(names().await, ("ada".to_owned(), Vec::new()));
}
