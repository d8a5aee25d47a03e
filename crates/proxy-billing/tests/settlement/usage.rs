//! What calls come to, and what is kept of their answers.

use std::time::Duration;

use rialto_kernel::{Amount, OwnerId, Ppm, Timestamp};
use rialto_proxy_billing::{
    proxy::{KeptStore, Room},
    store::{UsageStore, UsageSumStore},
    usage::{CallSum, EndedUsage, NewUsage, UsageEnd, UsageFilter, UsageId, UsageParty, UsageReason, UsageSum},
};
use rialto_registry::service::{PaymentMethod, ServiceId};
use rialto_store::{Db, StoreError, Tx, testing::TestDb};

use super::world::{NOON, Shop, World, noon_and};

rialto_store::suite!(
    calls_that_end_at_once_are_added_up_exactly,
    sums_are_those_of_the_calls_whatever_is_asked_for,
    what_was_there_before_is_added_up_by_the_migration,
    what_older_replicas_left_out_is_added_up_as_the_page_says,
    an_average_leaves_out_what_says_nothing,
    only_so_much_is_kept_for_a_buyer,
);

const DAY: u64 = 86_400;
/// Why calls say nothing about how long their provider takes.
const UNTIMED: [UsageReason; 5] = [
    UsageReason::Interrupted,
    UsageReason::CircuitOpen,
    UsageReason::Refused,
    UsageReason::Unreachable,
    UsageReason::BrokenRequest,
];

fn new_call(shop: &Shop, buyer: OwnerId, at: Timestamp, micro: i64, is_free: bool) -> NewUsage {
    NewUsage {
        id: UsageId::new(),
        service: shop.service,
        buyer,
        provider: shop.caller.owner,
        price: Amount::new(if is_free { 0 } else { micro }).unwrap(),
        is_free,
        payment_method: PaymentMethod::X402,
        commission: Ppm::new(100_000).unwrap(),
        request_id: None,
        claim: None,
        created_at: at,
        expires_at: at.after(Duration::from_secs(60)),
    }
}

fn end(call: &NewUsage, latency_ms: u64, reason: Option<UsageReason>) -> UsageEnd {
    let delivered = reason.is_none();
    let amount = if delivered { call.price } else { Amount::ZERO };
    let commission = amount.share(call.commission);
    UsageEnd { delivered, status_code: if delivered { 200 } else { 502 }, latency_ms, amount, commission, reason }
}

/// Makes a call and ends it, as the proxy does: in two transactions.
async fn call(db: &Db, call: NewUsage, end: UsageEnd) {
    let (id, at) = (call.id, call.created_at.after(Duration::from_secs(1)));
    db.write(async move |tx: &mut Tx| tx.insert_usage(&call).await).await.unwrap();
    let finish = async move |tx: &mut Tx| {
        assert!(tx.finish_usage(id, &end, at).await?);
        tx.sum_up(&[id]).await
    };
    db.write(finish).await.unwrap();
}

/// The same, as a server before migration 0039 does: nothing adds it up.
async fn old_call(db: &Db, call: NewUsage, end: UsageEnd) {
    let at = call.created_at.after(Duration::from_secs(1));
    let write = async move |tx: &mut Tx| {
        tx.insert_usage(&call).await?;
        assert!(tx.finish_usage(call.id, &end, at).await?);
        Ok::<_, StoreError>(())
    };
    db.write(write).await.unwrap();
}

async fn sum(db: &Db, party: UsageParty, filter: UsageFilter) -> UsageSum {
    db.read(async move |tx: &mut Tx| tx.sum_usage(party, &filter).await).await.unwrap()
}

async fn calls_that_end_at_once_are_added_up_exactly(test: &TestDb) {
    const CALLS: usize = 60;
    let world = World::new(test).await;
    let (shop, other) = (world.shop("shop", NOON).await, world.shop("other", NOON).await);
    // Everybody calls everybody: rows of sums are wanted in every order.
    let tasks: Vec<_> = (0..CALLS)
        .map(|n| {
            let (whom, who) = if n % 2 == 0 { (shop.clone(), other.caller.owner) } else { (other.clone(), shop.caller.owner) };
            let db = test.db.clone();
            let made = new_call(&whom, who, NOON, 50_000, n % 10 == 0);
            let ended = end(&made, 20, (n % 6 == 5).then_some(UsageReason::ProviderError));
            tokio::spawn(async move {
                if n % 3 > 0 {
                    return call(&db, made, ended).await;
                }
                // Several that cost nothing are written down at once.
                let calls = [made.clone(), NewUsage { id: UsageId::new(), ..made }];
                let write = async move |tx: &mut Tx| {
                    let ended: Vec<_> = calls.iter().map(|one| EndedUsage { call: one.clone(), end: ended, at: NOON }).collect();
                    tx.insert_ended_usage(&ended.iter().collect::<Vec<_>>()).await
                };
                db.write(write).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut all = UsageSum::default();
    for whose in [&shop, &other] {
        let bought = sum(&test.db, UsageParty::Buyer(whose.caller.owner), UsageFilter::default()).await;
        let other = if whose.service == shop.service { &other } else { &shop };
        let sold = sum(&test.db, UsageParty::Provider(other.caller.owner), UsageFilter::default()).await;
        assert_eq!(bought, sold, "what the one bought the other sold");
        all = all.plus(bought);
    }
    assert_eq!((all.calls.calls, all.calls.latency_ms), (80, 1_600));
    // Ten failed; of the six that cost nothing two were written twice.
    assert_eq!((all.delivered, all.free), (70, 8));
    assert_eq!((all.amount, all.commission), (62 * 50_000, 62 * 5_000));
}

/// The same, from the calls themselves.
fn naive(calls: &[(NewUsage, UsageEnd)], party: UsageParty, filter: &UsageFilter) -> UsageSum {
    let mut all = UsageSum::default();
    for (call, end) in calls {
        let whose = match party {
            UsageParty::Buyer(owner) => call.buyer == owner,
            UsageParty::Provider(owner) => call.provider == owner,
        };
        let asked = whose
            && filter.service.is_none_or(|service| call.service == service)
            && filter.from.is_none_or(|from| call.created_at >= from)
            && filter.to.is_none_or(|to| call.created_at < to)
            && filter.delivered.is_none_or(|delivered| end.delivered == delivered);
        if !asked {
            continue;
        }
        let timed = end.reason.is_none_or(|reason| !UNTIMED.contains(&reason));
        all = all.plus(UsageSum {
            calls: CallSum {
                calls: 1,
                timed: i64::from(timed),
                latency_ms: if timed { i64::try_from(end.latency_ms).unwrap() } else { 0 },
            },
            delivered: i64::from(end.delivered),
            free: i64::from(end.delivered && call.is_free),
            amount: end.amount.get(),
            commission: end.commission.get(),
        });
    }
    all
}

async fn sums_are_those_of_the_calls_whatever_is_asked_for(test: &TestDb) {
    let world = World::new(test).await;
    let (shop, other) = (world.shop("shop", NOON).await, world.shop("other", NOON).await);
    let midnight = noon_and(DAY / 2);
    let reasons: Vec<_> = [None, None, Some(UsageReason::Timeout)].into_iter().chain(UNTIMED.map(Some)).collect();
    let mut calls = Vec::new();
    // Four days, with calls at their very ends: a microsecond belongs to one day.
    for day in 0..4 {
        let start = midnight.after(Duration::from_secs(day * DAY));
        for (n, offset) in [0, 1, 40_000_000_000, 86_399_999_999].into_iter().enumerate() {
            let at = start.after(Duration::from_micros(offset));
            let n = n + usize::try_from(day).unwrap() * 3;
            let (whom, who) = if n % 4 == 0 { (&other, &shop) } else { (&shop, &other) };
            let made = new_call(whom, who.caller.owner, at, i64::try_from(n).unwrap() * 7 + 1, n % 5 == 1);
            let ended = end(&made, u64::try_from(n).unwrap() * 11, reasons[n % reasons.len()]);
            call(&test.db, made.clone(), ended).await;
            calls.push((made, ended));
        }
    }
    // One that goes on is not among them.
    let running = new_call(&shop, other.caller.owner, midnight, 1, false);
    test.db.write(async move |tx: &mut Tx| tx.insert_usage(&running).await).await.unwrap();
    let at = |days: u64, micros: u64| Some(midnight.after(Duration::from_secs(days * DAY) + Duration::from_micros(micros)));
    let bounds = [None, at(0, 0), at(0, 1), at(1, 0), at(1, 40_000_000_000), at(2, 0), at(2, 86_399_999_999), at(4, 0), at(9, 5)];
    let mut asked = 0;
    for party in
        [UsageParty::Buyer(shop.caller.owner), UsageParty::Buyer(other.caller.owner), UsageParty::Provider(shop.caller.owner)]
    {
        for from in bounds {
            for to in bounds {
                for (service, delivered) in
                    [(None, None), (Some(shop.service), Some(true)), (None, Some(false)), (None, Some(true))]
                {
                    let filter = UsageFilter { service, from, to, delivered };
                    assert_eq!(sum(&test.db, party, filter).await, naive(&calls, party, &filter), "{party:?} {filter:?}");
                    asked += 1;
                }
            }
        }
    }
    assert_eq!(asked, 3 * 81 * 4);
    let nobody = UsageFilter { service: Some(ServiceId::new()), ..UsageFilter::default() };
    assert_eq!(sum(&test.db, UsageParty::Buyer(shop.caller.owner), nobody).await, UsageSum::default());
}

/// Of each kind one and more: delivered, for nothing, timed and not.
async fn old_calls(db: &Db, shop: &Shop, buyer: OwnerId) -> Vec<(NewUsage, UsageEnd)> {
    let reasons: Vec<_> = [None, None, None, Some(UsageReason::Timeout)].into_iter().chain(UNTIMED.map(Some)).collect();
    let mut calls = Vec::new();
    for n in 0..20_u64 {
        let reason = reasons[usize::try_from(n).unwrap() % reasons.len()];
        let made = new_call(shop, buyer, noon_and(n * DAY / 2), i64::try_from(n).unwrap() * 1_000 + 10, n % 9 == 1);
        let ended = end(&made, 3 + n * n, reason);
        old_call(db, made.clone(), ended).await;
        calls.push((made, ended));
    }
    let free = calls.iter().filter(|(call, end)| call.is_free && end.delivered).count();
    let untimed = calls.iter().filter(|(_, end)| end.reason.is_some_and(|reason| UNTIMED.contains(&reason))).count();
    assert_eq!((free, untimed), (3, 10));
    calls
}

async fn assert_summed(db: &Db, shop: &Shop, buyer: OwnerId, calls: &[(NewUsage, UsageEnd)]) {
    let all = UsageFilter::default();
    for party in [UsageParty::Buyer(buyer), UsageParty::Provider(shop.caller.owner), UsageParty::Buyer(shop.caller.owner)] {
        for filter in [
            all,
            UsageFilter { delivered: Some(true), ..all },
            UsageFilter { delivered: Some(false), ..all },
            // Days of them: one begins with the second call, one with the eighth.
            UsageFilter { from: Some(noon_and(DAY / 2)), to: Some(noon_and(DAY / 2 + 3 * DAY)), ..all },
        ] {
            assert_eq!(sum(db, party, filter).await, naive(calls, party, &filter), "{party:?} {filter:?}");
        }
    }
}

async fn what_was_there_before_is_added_up_by_the_migration(test: &TestDb) {
    let world = World::new(test).await;
    let (shop, me) = (world.shop("shop", NOON).await, world.admin.owner);
    let calls = old_calls(&test.db, &shop, me).await;
    assert_eq!(sum(&test.db, UsageParty::Buyer(me), UsageFilter::default()).await, UsageSum::default());
    let (down, up) = if test.db.is_postgres() {
        let down = include_str!("../../../../migrations/postgres/0039_broker_sums/down.sql");
        (down, include_str!("../../../../migrations/postgres/0039_broker_sums/up.sql"))
    } else {
        let down = include_str!("../../../../migrations/sqlite/0039_broker_sums/down.sql");
        (down, include_str!("../../../../migrations/sqlite/0039_broker_sums/up.sql"))
    };
    let again = async move |tx: &mut Tx| {
        tx.batch(down).await?;
        tx.batch(up).await
    };
    test.db.write::<_, StoreError, _>(again).await.unwrap();
    assert_summed(&test.db, &shop, me, &calls).await;
}

/// Only replicas can be of several versions, and they share a PostgreSQL.
async fn what_older_replicas_left_out_is_added_up_as_the_page_says(test: &TestDb) {
    if !test.db.is_postgres() {
        return;
    }
    let world = World::new(test).await;
    let (shop, me) = (world.shop("shop", NOON).await, world.admin.owner);
    let mut calls = Vec::new();
    for n in 0..4 {
        let made = new_call(&shop, me, noon_and(n * DAY / 2), 70, false);
        let ended = end(&made, 9, None);
        call(&test.db, made.clone(), ended).await;
        calls.push((made, ended));
    }
    calls.extend(old_calls(&test.db, &shop, me).await);
    let page = include_str!("../../../../docs/operating.md");
    let (_, from) = page.split_once("```sql\nBEGIN;\n").unwrap();
    let (words, _) = from.split_once("COMMIT;\n```").unwrap();
    // Again changes nothing.
    for _ in 0..2 {
        test.db.write::<_, StoreError, _>(async move |tx: &mut Tx| tx.batch(words).await).await.unwrap();
        assert_summed(&test.db, &shop, me, &calls).await;
    }
}

async fn an_average_leaves_out_what_says_nothing(test: &TestDb) {
    let world = World::new(test).await;
    let shop = world.shop("shop", NOON).await;
    let me = world.admin.owner;
    for (latency_ms, reason) in [
        (100, None),
        (200, None),
        (330_000, Some(UsageReason::Interrupted)),
        (0, Some(UsageReason::CircuitOpen)),
        (0, Some(UsageReason::Refused)),
        (5_000, Some(UsageReason::Unreachable)),
        (30_000, Some(UsageReason::BrokenRequest)),
        (600, Some(UsageReason::Timeout)),
    ] {
        let made = new_call(&shop, me, NOON, 1, false);
        call(&test.db, made.clone(), end(&made, latency_ms, reason)).await;
    }
    let all = sum(&test.db, UsageParty::Buyer(me), UsageFilter::default()).await;
    assert_eq!((all.calls.calls, all.calls.timed, all.calls.latency_ms_avg()), (8, 3, 300.0));
    // Also where the calls themselves are looked at.
    let to = Some(noon_and(1));
    let some = sum(&test.db, UsageParty::Buyer(me), UsageFilter { to, ..UsageFilter::default() }).await;
    assert_eq!(some, all);
}

async fn only_so_much_is_kept_for_a_buyer(test: &TestDb) {
    let world = World::new(test).await;
    let (me, you) = (world.admin.owner, world.shop("you", NOON).await.caller.owner);
    let room = |hour: i32, bytes: i64| Room { hour, since: hour - 24, bytes, bytes_max: 100 };
    let take = |owner: OwnerId, room: Room| {
        let db = test.db.clone();
        tokio::spawn(async move { db.write(async move |tx: &mut Tx| tx.take_room(owner, room).await).await.unwrap() })
    };
    let mut tasks = Vec::new();
    for _ in 0..12 {
        tasks.push(take(me, room(1_000, 30)));
    }
    let mut taken = 0;
    for task in tasks {
        taken += u32::from(task.await.unwrap());
    }
    assert_eq!(taken, 3, "a hundred bytes are three times thirty, however many come at once");
    for (owner, hour, bytes, fits) in [
        (me, 1_000, 11, false),
        (me, 1_000, 10, true),
        (you, 1_000, 101, false),
        (you, 1_000, 100, true),
        (me, 1_001, 1, false),
        (me, 1_024, 1, false),
        (me, 1_025, 60, true),
        (me, 1_026, 41, false),
        (me, 1_026, 40, true),
    ] {
        assert_eq!(take(owner, room(hour, bytes)).await.unwrap(), fits, "{hour} {bytes}");
    }
    let forget = async |before: i32| test.db.write(async move |tx: &mut Tx| tx.forget_rooms(before, 2).await).await.unwrap();
    assert_eq!([forget(1_000).await, forget(1_026).await, forget(1_026).await, forget(1_026).await], [0, 2, 1, 0]);
    assert!(!take(me, room(1_026, 61)).await.unwrap());
    assert!(take(me, room(1_026, 60)).await.unwrap());
}
