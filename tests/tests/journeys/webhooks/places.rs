//! Receivers that hang or answer late, servers that were off, and rows that make no sense: whom that concerns, and nobody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::sql_query;
use rialto_kernel::{Clock, Event, OwnerId};
use rialto_store::{Db, DbOptions, StoreError, Tx, on, outbox, types::Uid};
use serde_json::{Value, json};

use super::{
    super::proxy::{
        shop::buyer,
        upstream::{Part, plain},
    },
    told::{Receiver, SECRET, delivery, path},
};
use crate::harness::{Api, World, eventually, journeys, text};

async fn ping(mine: &Api, hook: &Value) -> Value {
    mine.post(&format!("{}/test", path(hook)), &json!({})).await.expect(202)
}

/// How many deliveries of a webhook stand so.
async fn count(mine: &Api, hook: &Value, status: &str) -> usize {
    let page = mine.get(&format!("{}/deliveries?status={status}&limit=100", path(hook))).await.expect(200);
    page["deliveries"].as_array().unwrap().len()
}

async fn database(world: &World) -> Db {
    Db::open(&world.place.url, &DbOptions { readers: 1, connections_max: 2, ..DbOptions::default() }).await.unwrap()
}

async fn a_delivery_that_hangs_delays_no_other_of_the_same_webhook(world: &mut World) {
    let bearer = buyer(world, "my-agent", "0").await.bearer;
    let asked = AtomicUsize::new(0);
    let receiver = Receiver::making(move |_, _| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => vec![Part::Wait(Duration::from_secs(120)), Part::Close],
        _ => plain(200, "", b"{}"),
    })
    .await;
    world.restart_with(&["--webhook-timeout-seconds=60"]).await;
    let mine = world.stranger().with("authorization", &bearer);
    let hook = receiver.subscribe(&mine, &["service.called"]).await;
    ping(&mine, &hook).await;
    receiver.until("webhook.test", 1).await;
    let began = Instant::now();
    for _ in 0..12 {
        ping(&mine, &hook).await;
    }
    eventually("twelve are delivered", async || (count(&mine, &hook, "delivered").await == 12).then_some(())).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(count(&mine, &hook, "pending").await, 1, "the first one hangs still");
}

async fn an_answer_after_the_cancel_changes_nothing(world: &mut World) {
    let mine = buyer(world, "my-agent", "0").await.api;
    let receiver = Receiver::making(|_, _| [vec![Part::Wait(Duration::from_secs(2))], plain(200, "", b"{}")].concat()).await;
    let hook = receiver.subscribe(&mine, &["service.called"]).await;
    ping(&mine, &hook).await;
    receiver.until("webhook.test", 1).await;
    mine.patch(&path(&hook), &json!({"active": false})).await.expect(200);
    delivery(&mine, &hook, "cancelled").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((count(&mine, &hook, "cancelled").await, count(&mine, &hook, "delivered").await), (1, 0));
    mine.patch(&path(&hook), &json!({"active": true})).await.expect(200);
    ping(&mine, &hook).await;
    delivery(&mine, &hook, "delivered").await;
    assert_eq!((receiver.told().len(), count(&mine, &hook, "cancelled").await), (2, 1));
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = Uid)]
    id: OwnerId,
}

async fn what_happens_while_the_server_is_off_is_told_when_it_is_on_again(world: &mut World) {
    let mine = buyer(world, "my-agent", "0").await;
    let receiver = Receiver::start().await;
    receiver.subscribe(&mine.api, &["settlement.created"]).await;
    world.server.stop().await;
    let at = Clock::system().now();
    let tell = async move |tx: &mut Tx| {
        let sql = "SELECT id FROM owners WHERE external_id = 'my-agent'";
        let owner: Found = on!(tx, conn => sql_query(sql).get_result(conn).await)?;
        for n in 0..30 {
            let (subject, data) = (uuid::Uuid::from_u128(n), json!({"n": n.to_string()}));
            let event = Event { kind: "settlement.created", subject, owner: Some(owner.id), data, at };
            outbox::append(tx, event).await?;
        }
        Ok::<_, StoreError>(())
    };
    database(world).await.write(tell).await.unwrap();
    world.restart_with(&[]).await;
    let told = receiver.until("settlement.created", 30).await;
    assert!(told.iter().all(|one| one.verify(SECRET)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(receiver.told().len(), 30, "each once");
}

async fn one_row_that_makes_no_sense_is_dead_and_the_others_go_on(world: &mut World) {
    let bearer = buyer(world, "my-agent", "0").await.bearer;
    let gate = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&gate);
    let receiver = Receiver::making(move |_, _| plain(if shared.load(Ordering::SeqCst) { 200 } else { 503 }, "", b"{}")).await;
    world.restart_with(&["--webhook-retry-seconds=3,3,3,3"]).await;
    let mine = world.stranger().with("authorization", &bearer);
    let hook = receiver.subscribe(&mine, &["service.called"]).await;
    let broken = text(&ping(&mine, &hook).await["id"]);
    for _ in 0..3 {
        ping(&mine, &hook).await;
    }
    receiver.until("webhook.test", 4).await;
    let spoil = async |tx: &mut Tx| {
        let sql = "UPDATE webhook_deliveries SET body = '{\"broken' WHERE seq = (SELECT min(seq) FROM webhook_deliveries)";
        on!(tx, conn => sql_query(sql).execute(conn).await)
    };
    assert_eq!(database(world).await.write::<_, StoreError, _>(spoil).await.unwrap(), 1);
    gate.store(true, Ordering::SeqCst);
    let dead = delivery(&mine, &hook, "dead").await;
    assert_eq!((&dead["id"], &dead["last_error"]), (&json!(broken), &json!("what was to be sent is not JSON")));
    eventually("the others are delivered", async || (count(&mine, &hook, "delivered").await == 3).then_some(())).await;
    ping(&mine, &hook).await;
    eventually("and the next", async || (count(&mine, &hook, "delivered").await == 4).then_some(())).await;
}

journeys! {
    a_delivery_that_hangs_delays_no_other_of_the_same_webhook,
    an_answer_after_the_cancel_changes_nothing,
    what_happens_while_the_server_is_off_is_told_when_it_is_on_again,
    one_row_that_makes_no_sense_is_dead_and_the_others_go_on,
}
