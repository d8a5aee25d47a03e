//! Money that was taken is not lost, whoever dies, leaves or fails; and none is taken for what nobody can have.

use std::time::Duration;

use diesel::sql_query;
use rialto_store::{Db, DbOptions, StoreError, Tx, on};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    super::proxy::upstream::{Part, Upstream, plain},
    doubts::{let_all_time_pass, let_time_pass, usage_count},
    shop::{Facilitator, Scene, TRANSACTION, USED, flags, refused, restart, settled},
};
use crate::harness::{World, eventually, journeys};

/// Keeps payments from being written down as settled, for as long as the table is there.
const DENY_SQLITE: [&str; 2] = [
    "CREATE TABLE deny (x INTEGER CHECK (x = 0)) STRICT",
    "CREATE TRIGGER deny BEFORE UPDATE ON x402_payments WHEN NEW.state = 'settled' BEGIN INSERT INTO deny VALUES (1); END",
];
const ALLOW_SQLITE: [&str; 2] = ["DROP TRIGGER deny", "DROP TABLE deny"];
const DENY_POSTGRES: [&str; 3] = [
    "CREATE TABLE deny (x integer CHECK (x = 0))",
    "CREATE FUNCTION deny() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO deny VALUES (1); RETURN NEW; END'",
    "CREATE TRIGGER deny BEFORE UPDATE ON x402_payments FOR EACH ROW WHEN (NEW.state = 'settled') EXECUTE FUNCTION deny()",
];
const ALLOW_POSTGRES: [&str; 3] = ["DROP TRIGGER deny ON x402_payments", "DROP FUNCTION deny()", "DROP TABLE deny"];

async fn run(world: &World, sqlite: &'static [&'static str], postgres: &'static [&'static str]) {
    let db = Db::open(&world.place.url, &DbOptions::default()).await.unwrap();
    let work = async move |tx: &mut Tx| -> Result<(), StoreError> {
        for statement in if tx.is_postgres() { postgres } else { sqlite } {
            on!(tx, conn => sql_query(*statement).execute(conn).await)?;
        }
        Ok(())
    };
    db.write(work).await.unwrap();
}

async fn what_is_paid_and_cannot_be_written_down_is_not_lost(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    run(world, &DENY_SQLITE, &DENY_POSTGRES).await;
    let paying = scene.paying(&scene.wallet.pays(1));
    let answer = paying.get(&scene.shop.path).await;
    assert_eq!((&answer.expect_problem(503)["type"], answer.header("payment-required")), (&json!("payment-pending"), None));
    eventually("the transaction is in the log", async || world.server.log().contains(TRANSACTION).then_some(())).await;
    assert_eq!(paying.get(&scene.shop.path).await.expect_problem(409)["type"], "payment-running");
    // Not even when all time is over: it is paid.
    let_all_time_pass(world).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(usage_count(&scene.ann.api).await, 0);
    run(world, &ALLOW_SQLITE, &ALLOW_POSTGRES).await;
    eventually("it is written down", async || {
        let_time_pass(world).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        (usage_count(&scene.ann.api).await == 1).then_some(())
    })
    .await;
    // Nobody had to be asked once more, who would have said that it was used.
    assert_eq!((facilitator.settles(), there.calls()), (1, 1));
    assert_eq!(scene.ann.last_usage().await["payment_tx"], TRANSACTION);
    let told = paying.get(&scene.shop.path).await;
    assert_eq!((told.status, told.text().as_str(), told.header("x-payment-transaction")), (200, "precious", Some(TRANSACTION)));
}

async fn a_repeat_is_not_paid_twice_however_the_service_is_paid_by_now(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| if time == 0 { vec![Part::Close] } else { settled() }).await;
    let flags = flags(&facilitator);
    restart(world, &flags).await;
    let scene = Scene::open(world, &there).await;
    scene.ann.fund("1.00").await;
    let payment = scene.wallet.pays(1);
    assert_eq!(scene.paying(&payment).get(&scene.shop.path).await.expect_problem(503)["type"], "payment-pending");
    // The service is paid otherwise by now.
    let service = format!("/api/v1/services/{}", scene.shop.service);
    scene.shop.api.patch(&service, &json!({"payment_method": "paypal"})).await.expect(200);
    assert_eq!(scene.paying(&payment).get(&scene.shop.path).await.expect_problem(409)["type"], "payment-running");
    // Nor is it one that is not known, with a payment that has no end yet.
    let other = scene.paying(&payment).with("idempotency-key", "another").get(&scene.shop.path).await;
    assert_eq!(other.expect_problem(409)["type"], "payment-running");
    // Nor does the server take any payments.
    restart(world, &[]).await;
    let again = scene.at(&world.server).with("payment-signature", &payment).get(&scene.shop.path).await;
    assert_eq!(again.expect_problem(409)["type"], "payment-running");
    restart(world, &flags).await;
    let ann = scene.at(&world.server);
    let told = eventually("it is settled", async || {
        let_time_pass(world).await;
        let answer = ann.with("payment-signature", &payment).get(&scene.shop.path).await;
        assert!([200, 409].contains(&answer.status), "{}", answer.text());
        Some(answer).filter(|answer| answer.status == 200)
    })
    .await;
    assert_eq!((told.text().as_str(), told.header("idempotent-replayed")), ("precious", Some("true")));
    assert_eq!(ann.get("/api/v1/balance/ann").await.expect(200)["balance"], "1.00");
    assert_eq!((facilitator.settles(), there.calls()), (2, 1));
}

async fn who_leaves_while_money_is_fetched_can_have_the_answer(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|_| [vec![Part::Wait(Duration::from_secs(2))], settled()].concat()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    for (nonce, is_reset) in [(1, false), (2, true)] {
        let payment = scene.wallet.pays(nonce);
        let mut stream = send(world, &scene, &payment).await;
        eventually("its money is being fetched", async || (facilitator.settles() == usize::from(nonce)).then_some(())).await;
        leave(&mut stream, is_reset);
        drop(stream);
        eventually("it is paid", async || (usage_count(&scene.ann.api).await == nonce).then_some(())).await;
        let told = scene.paying(&payment).get(&scene.shop.path).await;
        assert_eq!((told.status, told.text().as_str(), told.header("idempotent-replayed")), (200, "precious", Some("true")));
        assert_eq!(told.header("x-payment-transaction"), Some(TRANSACTION));
        assert_eq!((facilitator.settles(), there.calls()), (nonce.into(), nonce.into()));
    }
}

async fn who_left_before_a_stream_began_has_not_paid_for_it(world: &mut World) {
    let there = Upstream::start(|head, _| {
        let live = "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ncontent-length: 5\r\n\r\nfirst";
        let wait = if head.contains("GET /base ") { Duration::from_secs(3) } else { Duration::ZERO };
        vec![Part::Wait(wait), Part::Bytes(live.as_bytes().to_vec())]
    })
    .await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let payment = scene.wallet.pays(1);
    let mut stream = send(world, &scene, &payment).await;
    eventually("the provider is asked", async || (facilitator.verifies() == 1).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    leave(&mut stream, true);
    drop(stream);
    eventually("it has ended", async || (usage_count(&scene.ann.api).await == 1).then_some(())).await;
    let usage = scene.ann.last_usage().await;
    assert_eq!(
        (&usage["delivered"], &usage["reason"], &usage["amount"], &usage["payment_tx"]),
        (&json!(false), &json!("buyer_left"), &json!("0.00"), &json!(null))
    );
    assert_eq!(facilitator.settles(), 0);
    // The payment is its buyer's still.
    let answer = scene.paying(&payment).get(&format!("{}/now", scene.shop.path)).await;
    assert_eq!((answer.status, answer.header("x-payment-transaction")), (200, Some(TRANSACTION)));
    assert_eq!(facilitator.settles(), 1);
}

async fn a_late_first_asker_is_not_told_to_pay_again(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| {
        let late = if time == 0 { vec![Part::Wait(Duration::from_secs(20))] } else { Vec::new() };
        [late, refused(if time == 0 { "insufficient_funds" } else { USED })].concat()
    })
    .await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let (api, path) = (scene.paying(&scene.wallet.pays(1)), scene.shop.path.clone());
    let first = tokio::spawn(async move { api.get(&path).await });
    eventually("its money is being fetched", async || (facilitator.settles() == 1).then_some(())).await;
    // Somebody else asks meanwhile, and gives up.
    eventually("it is given up", async || {
        let_all_time_pass(world).await;
        world.server.log().contains("look at the chain").then_some(())
    })
    .await;
    let answer = first.await.unwrap();
    assert_eq!((&answer.expect_problem(409)["type"], answer.header("payment-required")), (&json!("payment-unclear"), None));
    assert!(answer.header("x-acf-usage-id").is_some());
}

async fn who_asks_again_and_is_told_to_stop_ends_what_was_begun(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"precious")).await;
    let facilitator = Facilitator::start(|time| match time {
        0 => vec![Part::Close],
        _ => [vec![Part::Wait(Duration::from_secs(4))], settled()].concat(),
    })
    .await;
    let flags = flags(&facilitator);
    restart(world, &flags).await;
    let scene = Scene::open(world, &there).await;
    let payment = scene.wallet.pays(1);
    assert_eq!(scene.paying(&payment).get(&scene.shop.path).await.status, 503);
    eventually("it is asked again", async || {
        if facilitator.settles() < 2 {
            let_time_pass(world).await;
        }
        (facilitator.settles() == 2).then_some(())
    })
    .await;
    // The server ends, and another one comes, which has nothing to ask.
    restart(world, &flags).await;
    let ann = scene.at(&world.server);
    assert_eq!((usage_count(&ann).await, facilitator.settles()), (json!(1), 2));
    let told = ann.with("payment-signature", &payment).get(&scene.shop.path).await;
    assert_eq!((told.status, told.text().as_str(), told.header("x-payment-transaction")), (200, "precious", Some(TRANSACTION)));
}

/// Sends the request for the service with this payment, and does not wait for the answer.
async fn send(world: &World, scene: &Scene, payment: &str) -> TcpStream {
    let address = world.server.base().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {address}\r\nauthorization: {}\r\npayment-signature: {payment}\r\n\r\n",
        scene.shop.path, scene.ann.bearer
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Leaves as whoever hangs up does, or as whose machine has crashed.
fn leave(stream: &mut TcpStream, is_reset: bool) {
    if is_reset {
        stream.set_zero_linger().unwrap();
    }
}

journeys! {
    what_is_paid_and_cannot_be_written_down_is_not_lost,
    a_repeat_is_not_paid_twice_however_the_service_is_paid_by_now,
    who_leaves_while_money_is_fetched_can_have_the_answer,
    who_left_before_a_stream_began_has_not_paid_for_it,
    a_late_first_asker_is_not_told_to_pay_again,
    who_asks_again_and_is_told_to_stop_ends_what_was_begun,
}
