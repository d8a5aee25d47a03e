//! Runs as rows: one at a time, whatever happens to whom.

use std::time::Duration;

use rialto_kernel::{Caller, CredentialKind, Event, Id, OwnerId, PageRequest, Role, Timestamp};
use rialto_simulation::{
    Advanced, Config, ProcessId, Recorded, Run, RunStatus, Scenario, SimulationError, SimulationStore, TRADES_KEPT, TickFilter,
    World, advance, end_lost, give_up, latest, read, start, stop,
};
use rialto_store::{Db, StoreError, Tx, outbox, testing::TestDb};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn caller(role: Role) -> Caller {
    Caller { owner: OwnerId::new(), role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

fn config() -> Config {
    Config { ticks: 5, interval_ms: 50, seed: 7, ..Scenario::ReputationPremium.defaults() }
}

async fn started(db: &Db, who: Caller, holder: ProcessId, now: Timestamp) -> Result<Run, SimulationError> {
    db.write(async move |tx: &mut Tx| start(tx, &who, config(), holder, now).await).await
}

async fn stopped(db: &Db, who: Caller, anybody: bool) -> Result<Run, SimulationError> {
    db.write(async move |tx: &mut Tx| stop(tx, &who, anybody, NOW).await).await
}

async fn advanced(db: &Db, run: &Run, holder: ProcessId, done: &Recorded) -> Result<Advanced, SimulationError> {
    let (id, done) = (run.id, done.clone());
    db.write(async move |tx: &mut Tx| advance(tx, id, holder, &done, NOW).await).await
}

async fn kinds(db: &Db) -> Vec<String> {
    let all = ["simulation.started", "simulation.stopped", "simulation.completed", "simulation.error", "simulation.tick"];
    let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
    let read = async move |tx: &mut Tx| outbox::between(tx, &all, 0, i64::MAX).await;
    db.read(read).await.unwrap().into_iter().map(|event| event.kind).collect()
}

async fn now_and_last(db: &Db) -> Run {
    db.read(async |tx: &mut Tx| latest(tx, NOW).await).await.unwrap().unwrap()
}

async fn one_run_at_a_time_whoever_asks(test: &TestDb) {
    let mut asked = Vec::new();
    for _ in 0..8 {
        let db = test.db.clone();
        asked.push(tokio::spawn(async move { started(&db, caller(Role::Operator), Id::new(), NOW).await }));
    }
    let mut won = 0;
    for answer in asked {
        match answer.await.unwrap() {
            Ok(run) => {
                won += 1;
                assert_eq!((run.status, run.tick), (RunStatus::Running, 0));
            }
            Err(error) => assert_eq!(error, SimulationError::AlreadyRunning),
        }
    }
    assert_eq!((won, kinds(&test.db).await), (1, vec!["simulation.started".to_owned()]));
}

async fn who_may_start_and_stop(test: &TestDb) {
    let (ada, bob) = (caller(Role::Operator), caller(Role::Operator));
    let viewer = Caller { role: Role::Viewer, ..ada };
    let refused = started(&test.db, viewer, Id::new(), NOW).await;
    assert!(matches!(refused, Err(SimulationError::Forbidden(_))));
    assert_eq!(stopped(&test.db, ada, false).await, Err(SimulationError::NotRunning));
    started(&test.db, ada, Id::new(), NOW).await.unwrap();
    for (who, anybody) in [(bob, false), (viewer, false), (viewer, true)] {
        assert!(matches!(stopped(&test.db, who, anybody).await, Err(SimulationError::Forbidden(_))));
    }
    assert_eq!(stopped(&test.db, bob, true).await.unwrap().status, RunStatus::Stopped);
    assert_eq!(stopped(&test.db, ada, false).await, Err(SimulationError::NotRunning));
    started(&test.db, ada, Id::new(), NOW).await.unwrap();
    assert_eq!(stopped(&test.db, caller(Role::Admin), false).await.unwrap().status, RunStatus::Stopped);
    let too_many = Config { buyers: 201, ..config() };
    let refused = test.db.write(async move |tx: &mut Tx| start(tx, &ada, too_many, Id::new(), NOW).await).await;
    assert!(matches!(refused, Err(SimulationError::Invalid { field: "buyer_agent_count", .. })));
}

async fn ticks_are_written_once_each_and_the_last_one_completes(test: &TestDb) {
    let (db, holder) = (&test.db, ProcessId::new());
    let run = started(db, caller(Role::Operator), holder, NOW).await.unwrap();
    let mut world = World::new(run.config).unwrap();
    let mut trades = 0;
    for number in 1..=5 {
        let tick = world.step().unwrap();
        trades += tick.deals.len();
        let done = Recorded::of(&world, tick);
        let expected = if number == 5 { Advanced::Completed } else { Advanced::Going };
        assert_eq!(advanced(db, &run, holder, &done).await, Ok(expected));
        // The answer was lost, and it is asked again.
        assert_eq!(advanced(db, &run, holder, &done).await, Ok(expected));
        let written = now_and_last(db).await;
        assert_eq!((written.tick, written.trades), (number, world.totals().trades));
    }
    let written = now_and_last(db).await;
    assert_eq!((written.status, written.volume, written.error), (RunStatus::Completed, world.totals().volume, None));
    let filter = TickFilter { capability: None, after: 1, upto: 4, limit: 9 };
    let id = run.id;
    let rows = db.read(async move |tx: &mut Tx| read::ticks(tx, id, &filter).await).await.unwrap();
    let order: Vec<_> = rows.iter().map(|row| (row.tick, row.capability.clone())).collect();
    assert!(order.is_sorted() && order.len() == 9 && order[0].0 == 2 && order[8].0 == 4, "{order:?}");
    let page = PageRequest::first(200);
    let listed = db.read(async move |tx: &mut Tx| read::trades(tx, None, None, page).await).await.unwrap();
    assert_eq!(listed.len(), trades);
    assert!(listed.is_sorted_by(|one, next| one.no > next.no));
    let depth = db.read(async |tx: &mut Tx| read::book(tx, "translation.trusted").await).await.unwrap();
    let waits = |side| -> i64 { world.depth(1, side).map(|level| i64::from(level.orders)).sum() };
    let shown = |prices: &[(i64, i64)]| -> i64 { prices.iter().map(|(_, orders)| orders).sum() };
    assert_eq!(
        (depth.tick, shown(&depth.bids), shown(&depth.asks)),
        (5, waits(rialto_market::book::Side::Bid), waits(rialto_market::book::Side::Ask))
    );
    let told = kinds(db).await;
    assert_eq!(told.iter().filter(|kind| *kind == "simulation.tick").count(), 5);
    assert_eq!(told.iter().filter(|kind| *kind == "simulation.completed").count(), 1);
}

async fn who_does_not_hold_the_run_writes_nothing(test: &TestDb) {
    let (db, holder) = (&test.db, ProcessId::new());
    let run = started(db, caller(Role::Operator), holder, NOW).await.unwrap();
    let mut world = World::new(run.config).unwrap();
    let tick = world.step().unwrap();
    let done = Recorded::of(&world, tick);
    assert_eq!(advanced(db, &run, ProcessId::new(), &done).await, Ok(Advanced::Gone));
    stopped(db, caller(Role::Admin), false).await.unwrap();
    assert_eq!(advanced(db, &run, holder, &done).await, Ok(Advanced::Gone));
    let id = run.id;
    db.write(async move |tx: &mut Tx| give_up(tx, id, holder, "too late", NOW).await).await.unwrap();
    let run = now_and_last(db).await;
    assert_eq!((run.status, run.tick, run.error), (RunStatus::Stopped, 0, None), "what is stopped stays stopped");
    assert_eq!(kinds(db).await, ["simulation.started", "simulation.stopped"]);
}

async fn a_run_whose_process_is_gone_ends_with_an_error_and_makes_room(test: &TestDb) {
    let db = &test.db;
    let first = started(db, caller(Role::Operator), Id::new(), NOW).await.unwrap();
    let later = NOW.after(Duration::from_millis(10_050));
    let early = later.before(Duration::from_millis(1));
    assert_eq!(db.write(async move |tx: &mut Tx| end_lost(tx, early).await).await.unwrap(), None);
    let shown = db.read(async move |tx: &mut Tx| latest(tx, later).await).await.unwrap().unwrap();
    assert_eq!(shown.status, RunStatus::Error, "also before anybody has written it");
    let second = started(db, caller(Role::Operator), Id::new(), later).await.unwrap();
    assert_eq!(kinds(db).await, ["simulation.started", "simulation.error", "simulation.started"]);
    let much_later = later.after(Duration::from_secs(60));
    let lost = db.write(async move |tx: &mut Tx| end_lost(tx, much_later).await).await.unwrap().unwrap();
    assert_eq!((lost.id, lost.error.as_deref()), (second.id, Some("The server that ran it is gone.")));
    let page = PageRequest::first(10);
    let runs = db.read(async move |tx: &mut Tx| read::runs(tx, page, much_later).await).await.unwrap();
    let ids: Vec<_> = runs.items.iter().map(|run| (run.id, run.status)).collect();
    assert_eq!((runs.total, ids), (2, vec![(second.id, RunStatus::Error), (first.id, RunStatus::Error)]));
}

async fn old_runs_are_forgotten_piece_by_piece(test: &TestDb) {
    let (db, holder) = (&test.db, ProcessId::new());
    for _ in 0..4 {
        let run = started(db, caller(Role::Operator), holder, NOW).await.unwrap();
        let mut world = World::new(run.config).unwrap();
        while !world.is_over() {
            let tick = world.step().unwrap();
            advanced(db, &run, holder, &Recorded::of(&world, tick)).await.unwrap();
        }
    }
    let mut steps = 0;
    while db.write::<_, StoreError, _>(async |tx: &mut Tx| tx.forget_runs(2, 7).await).await.unwrap() > 0 {
        steps += 1;
    }
    assert!(steps > 8, "{steps}: no transaction takes everything");
    let page = PageRequest::first(10);
    let runs = db.read(async move |tx: &mut Tx| read::runs(tx, page, NOW).await).await.unwrap();
    assert_eq!(runs.total, 2);
    for run in runs.items {
        let filter = TickFilter { capability: None, after: 0, upto: 9, limit: 100 };
        let rows = db.read(async move |tx: &mut Tx| read::ticks(tx, run.id, &filter).await).await.unwrap();
        assert_eq!(rows.len(), 20);
    }
}

async fn only_the_newest_trades_of_a_run_are_kept(test: &TestDb) {
    let (db, holder) = (&test.db, ProcessId::new());
    let busy = Config { ticks: 30, services: 100, buyers: 200, interval_ms: 50, ..Scenario::PriceDiscovery.defaults() };
    let run = db.write(async move |tx: &mut Tx| start(tx, &caller(Role::Operator), busy, holder, NOW).await).await.unwrap();
    let mut world = World::new(busy).unwrap();
    while !world.is_over() {
        let tick = world.step().unwrap();
        advanced(db, &run, holder, &Recorded::of(&world, tick)).await.unwrap();
    }
    assert!(world.totals().trades > TRADES_KEPT, "the test is too small");
    let (mut kept, mut offset) = (Vec::new(), 0);
    loop {
        let page = PageRequest::new(200, offset, 200).unwrap();
        let more = db.read(async move |tx: &mut Tx| read::trades(tx, None, Some("translation"), page).await).await.unwrap();
        if more.is_empty() {
            break;
        }
        offset += 200;
        kept.extend(more.into_iter().map(|trade| trade.no));
    }
    let newest = world.totals().trades;
    assert_eq!(kept, (newest - TRADES_KEPT + 1..=newest).rev().collect::<Vec<_>>());
    // However much happens in a tick, so much is told of it.
    let all = ["order.placed", "trade.matched", "trade.settled", "trade.completed"].map(str::to_owned).to_vec();
    let told = db.read(async move |tx: &mut Tx| outbox::between(tx, &all, 0, i64::MAX).await).await.unwrap();
    assert!(told.len() <= 30 * 4 * rialto_simulation::EVENTS_PER_TICK_MAX, "{}", told.len());
}

/// A word of what an event looks like, for the compiler: readers rely on these fields.
async fn events_have_the_fields_of_the_contract(test: &TestDb) {
    let (db, holder) = (&test.db, ProcessId::new());
    let run = started(db, caller(Role::Operator), holder, NOW).await.unwrap();
    let mut world = World::new(run.config).unwrap();
    let tick = world.step().unwrap();
    let done = Recorded::of(&world, tick);
    let rows = done.rows(rialto_simulation::Names::of(run.id.uuid()), NOW);
    let events: Vec<Event> = done.events(&run, &rows.trades, NOW);
    let fields = |kind: &str| -> Vec<String> {
        let event = events.iter().find(|event| event.kind == kind).unwrap_or_else(|| panic!("no {kind}"));
        assert_eq!(event.data["run_id"], serde_json::json!(run.id));
        event.data.as_object().unwrap().keys().cloned().collect()
    };
    let trade = ["trade_id", "buyer_agent_id", "seller_agent_id", "capability", "price", "tick"];
    let wanted: [(&str, &[&str]); 5] = [
        ("order.placed", &["order_id", "agent_id", "side", "capability", "price"]),
        ("trade.matched", &trade),
        ("trade.settled", &["status", "latency_ms"]),
        ("trade.completed", &["trade_id", "status", "latency_ms", "tick"]),
        ("simulation.tick", &["tick", "total_ticks"]),
    ];
    for (kind, wanted) in wanted {
        let there = fields(kind);
        assert!(wanted.iter().all(|field| there.iter().any(|name| name == field)), "{kind}: {there:?}");
    }
}

rialto_store::suite! {
    one_run_at_a_time_whoever_asks,
    who_may_start_and_stop,
    ticks_are_written_once_each_and_the_last_one_completes,
    who_does_not_hold_the_run_writes_nothing,
    a_run_whose_process_is_gone_ends_with_an_error_and_makes_room,
    old_runs_are_forgotten_piece_by_piece,
    only_the_newest_trades_of_a_run_are_kept,
    events_have_the_fields_of_the_contract,
}
