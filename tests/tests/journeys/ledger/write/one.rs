//! One transfer, one hold: whose they are, and that each happens once.

use std::time::Duration;

use diesel::{QueryableByName, sql_query};
use http::Method;
use rialto_kernel::{Id, nouns};
use rialto_store::{Db, DbOptions, Tx, on, types::Uid};
use serde_json::{Value, json};

use super::{available, id, item};
use crate::harness::{Agent, Answer, Api, PASSWORD, Person, World, eventually, journeys, signed_in, text};

/// The house's account from which credits come.
const ISSUANCE: &str = "00000000-0000-8000-8000-000000000101";

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Uid)]
    id: Id<nouns::Hold>,
}

/// The holds that are pending, as the tables have them.
async fn pending(world: &World) -> Vec<String> {
    let db = Db::open(&world.place.url, &DbOptions::default()).await.unwrap();
    let held: Vec<Held> = db
        .read(async |tx: &mut Tx| on!(tx, conn => sql_query("SELECT id FROM ledger_holds WHERE state = 'pending'").load(conn).await))
        .await
        .unwrap();
    held.iter().map(|held| held.id.to_string()).collect()
}

/// A key of hers that may only read.
async fn viewer(world: &World, person: &Person) -> Api {
    let made = person.api.post("/auth/api-keys", &json!({"name": "reader"})).await.expect(201);
    let db = Db::open(&world.place.url, &DbOptions::default()).await.unwrap();
    db.write(async |tx: &mut Tx| on!(tx, conn => sql_query("UPDATE api_keys SET role_cap = 'viewer'").execute(conn).await))
        .await
        .unwrap();
    world.stranger().with("x-api-key", &text(&made["key"]))
}

/// Somebody who administers, on a server with the usual flags.
async fn root(world: &mut World) -> Api {
    world.restart_with(&["--admin-email=root@example.com", &format!("--admin-password={PASSWORD}")]).await;
    let stranger = world.stranger();
    eventually("the administrator is there", async || {
        let login = json!({"email": "root@example.com", "password": PASSWORD});
        (stranger.post("/auth/login", &login).await.status == 200).then_some(())
    })
    .await;
    signed_in(&stranger, "root@example.com").await
}

async fn a_transfer_is_made_once_and_each_sees_its_own_balance(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let mut body = item(&ada, &bob, 120);
    body["memo"] = json!("for the map");
    body["metadata"] = json!({"order": "42"});
    body["kind"] = json!(1_234);
    let made = ada.api.post("/ledger/transfers", &body).await.expect(201);
    assert_eq!(
        (&made["existed"], &made["transfer"]["id"], &made["transfer"]["metadata"]),
        (&json!(false), &body["id"], &body["metadata"])
    );
    assert_eq!((&made["debit_account"]["posted"], &made["debit_account"]["available"]), (&json!(380), &json!(380)));
    assert_eq!(made["transfer"]["debit_balance_after"], 380);
    assert_eq!(
        (&made["credit_account"], &made["transfer"]["credit_balance_after"]),
        (&Value::Null, &Value::Null),
        "bob's business"
    );
    let again = ada.api.post("/ledger/transfers", &body).await.expect(200);
    assert_eq!((&again["existed"], &again["transfer"]), (&json!(true), &made["transfer"]));
    body["amount"] = json!(121);
    assert_eq!(ada.api.post("/ledger/transfers", &body).await.expect_problem(409)["type"], "id-mismatch");
    // It is in both histories as the wallets tell them.
    for (person, amount) in [(&ada, -120), (&bob, 120)] {
        let line = &person.api.get(&format!("/wallets/{}/transactions", person.wallet)).await.expect(200)[0];
        assert_eq!((&line["amount"], &line["description"]), (&json!(amount), &json!("for the map")));
    }
    // Without an id one is made, and `description` does as well.
    let nameless = json!({"debit_account_id": ada.wallet, "credit_account_id": bob.wallet, "amount": 1, "description": "x"});
    let (first, second) = (
        ada.api.post("/ledger/transfers", &nameless).await.expect(201),
        ada.api.post("/ledger/transfers", &nameless).await.expect(201),
    );
    assert!(
        first["transfer"]["id"] != second["transfer"]["id"] && first["transfer"]["memo"] == "x" && first["transfer"]["kind"] == 8
    );
    // Under a key the same answer comes back, also for a transfer without an id.
    let keyed = ada.api.with("idempotency-key", "k1");
    let (first, second) = (keyed.post("/ledger/transfers", &nameless).await, keyed.post("/ledger/transfers", &nameless).await);
    assert_eq!((first.expect(201), second.header("idempotent-replayed")), (second.expect(201), Some("true")));
    keyed.post("/ledger/transfers", &item(&ada, &bob, 2)).await.expect_problem(422);
    assert_eq!((ada.balance().await, bob.balance().await), (377, 623));
    // After a crash, too.
    body["amount"] = json!(120);
    world.crash_and_restart_with(&[]).await;
    let ada = signed_in(&world.stranger(), &ada.email).await;
    assert_eq!(ada.post("/ledger/transfers", &body).await.expect(200)["existed"], true);
}

async fn money_is_moved_by_its_owner(world: &mut World) {
    let admin = root(world).await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let viewer = viewer(world, &ada).await;
    viewer.get("/wallets/me").await.expect(200);
    let refused = async |api: &Api, body: Value, status: u16| {
        let problem = api.post("/ledger/transfers", &body).await.expect_problem(status);
        api.post("/ledger/holds", &body).await.expect_problem(status);
        api.with("idempotency-key", &id()).post("/ledger/transfers", &body).await.expect_problem(status);
        problem
    };
    let to = |from: &str, to: &str| json!({"id": id(), "debit_account_id": from, "credit_account_id": to, "amount": 1});
    refused(&eve.api, to(&ada.wallet, &eve.wallet), 403).await;
    refused(&viewer, to(&ada.wallet, &eve.wallet), 403).await;
    refused(&ada.api, to(&ada.wallet, ISSUANCE), 403).await;
    refused(&ada.api, to(ISSUANCE, &ada.wallet), 403).await;
    refused(&ada.api, to(&ada.wallet, &id()), 404).await;
    refused(&ada.api, to(&id(), &ada.wallet), 404).await;
    world.stranger().post("/ledger/transfers", &to(&ada.wallet, &eve.wallet)).await.expect_problem(401);
    // What is mine to pay is somebody's whom I may not look at.
    let mut nosy = to(&ada.wallet, &eve.wallet);
    nosy["balancing"] = json!("credit");
    ada.api.post("/ledger/transfers", &nosy).await.expect_problem(403);
    let mut early = to(&ada.wallet, &eve.wallet);
    early["effective_at"] = json!("2020-01-01T00:00:00Z");
    ada.api.post("/ledger/transfers", &early).await.expect_problem(403);

    assert_eq!((ada.balance().await, eve.balance().await), (500, 500));
    let early = admin.post("/ledger/transfers", &early).await.expect(201);
    assert_eq!(early["transfer"]["effective_at"], "2020-01-01T00:00:00.000000Z");
    assert_eq!(
        (&early["debit_account"]["posted"], &early["credit_account"]["posted"]),
        (&json!(499), &json!(501)),
        "an administrator sees both"
    );
    admin.post("/ledger/transfers", &to(ISSUANCE, &ada.wallet)).await.expect(201);
    let mut late = to(&ada.wallet, &eve.wallet);
    late["effective_at"] = json!("2999-01-01T00:00:00Z");
    assert_eq!(admin.post("/ledger/transfers", &late).await.expect_problem(422)["errors"][0]["field"], "body.effective_at");

    // Taking back is for administrators, and once.
    let path = format!("/ledger/transfers/{}/reverse", text(&early["transfer"]["id"]));
    ada.api.post(&path, &json!({})).await.expect_problem(403);
    eve.api.post(&path, &json!({})).await.expect_problem(403);
    let reversal = json!({"id": id(), "memo": "Paid twice"});
    let back = admin.post(&path, &reversal).await.expect(201);
    assert_eq!((&back["transfer"]["reverses"], &back["transfer"]["memo"]), (&early["transfer"]["id"], &reversal["memo"]));
    assert_eq!(admin.post(&path, &reversal).await.expect(200)["existed"], true);
    assert_eq!(admin.post(&path, &json!({})).await.expect_problem(409)["type"], "already-reversed");
    let path = format!("/ledger/transfers/{}/reverse", text(&back["transfer"]["id"]));
    assert_eq!(admin.post(&path, &json!({})).await.expect_problem(409)["type"], "is-reversal");
    admin.post(&format!("/ledger/transfers/{}/reverse", id()), &json!({})).await.expect_problem(404);
    assert_eq!((ada.balance().await, eve.balance().await), (501, 500));
}

async fn a_hold_is_posted_voided_or_ends_by_itself(world: &mut World) {
    let (ada, bob, eve) = (world.person("ada").await, world.person("bob").await, world.person("eve").await);
    let hold = async |amount: i64| {
        let made = ada.api.post("/ledger/holds", &item(&ada, &bob, amount)).await.expect(201);
        assert_eq!((&made["hold"]["state"], &made["credit_account"]), (&json!("pending"), &Value::Null));
        format!("/ledger/holds/{}", text(&made["hold"]["id"]))
    };
    let first = hold(300).await;
    assert_eq!((available(&ada.api, &ada.wallet).await, ada.balance().await), (200, 500));
    let over = ada.api.post("/ledger/transfers", &item(&ada, &bob, 201)).await.expect_problem(402);
    assert_eq!(over["type"], "insufficient-funds");
    for stranger in [&eve.api, &bob.api] {
        stranger.post(&format!("{first}/post"), &json!({})).await.expect_problem(403);
    }
    eve.api.post(&format!("{first}/void"), &json!({})).await.expect_problem(403);
    let too_much = ada.api.post(&format!("{first}/post"), &json!({"amount": 301})).await.expect_problem(400);
    assert_eq!(too_much["type"], "hold-exceeded");
    let paid = ada.api.post(&format!("{first}/post"), &json!({"amount": 100})).await.expect(201);
    assert_eq!((&paid["transfer"]["amount"], &paid["debit_account"]["available"]), (&json!(100), &json!(400)));
    let again = ada.api.post(&format!("{first}/post"), &json!({"amount": 100})).await.expect(200);
    assert_eq!((&again["existed"], &again["transfer"]), (&json!(true), &paid["transfer"]));
    for (verb, body) in [("post", json!({"amount": 99})), ("post", json!({})), ("void", json!({}))] {
        assert_eq!(ada.api.post(&format!("{first}/{verb}"), &body).await.expect_problem(409)["type"], "hold-resolved");
    }
    // The payee may decline. An empty body will do.
    let second = hold(50).await;
    let voided = bob.api.send(Method::POST, &format!("{second}/void"), "".into()).await.expect(200);
    assert_eq!(
        (&voided["hold"]["state"], &voided["existed"], &voided["debit_account"]),
        (&json!("voided"), &json!(false), &Value::Null)
    );
    assert_eq!(ada.api.post(&format!("{second}/void"), &json!(null)).await.expect(200)["existed"], true);
    assert_eq!(
        ada.api.send(Method::POST, &format!("{second}/post"), "".into()).await.expect_problem(409)["type"],
        "hold-resolved"
    );
    // Past its end it is never paid.
    let mut due = item(&ada, &bob, 10);
    due["expires_at"] = json!("2020-01-01T00:00:00Z");
    let third = format!("/ledger/holds/{}", text(&ada.api.post("/ledger/holds", &due).await.expect(201)["hold"]["id"]));
    assert_eq!(ada.api.post(&format!("{third}/post"), &json!({})).await.expect_problem(409)["type"], "hold-expired");
    due["expires_at"] = json!("2030-01-01T00:00:00Z");
    assert_eq!(ada.api.post("/ledger/holds", &due).await.expect(200)["hold"]["expires_at"], "2020-01-01T00:00:00.000000Z");
    ada.api.post(&format!("/ledger/holds/{}/post", id()), &json!({})).await.expect_problem(404);
    let keyed = ada.api.with("idempotency-key", "a hold");
    let nameless = json!({"debit_account_id": ada.wallet, "credit_account_id": bob.wallet, "amount": 5});
    let (one, two) =
        (keyed.post("/ledger/holds", &nameless).await.expect(201), keyed.post("/ledger/holds", &nameless).await.expect(201));
    assert_eq!(one, two);
    let path = format!("/ledger/holds/{}/post", text(&one["hold"]["id"]));
    let (one, two) = (keyed.post(&path, &json!({})).await.expect(201), keyed.post(&path, &json!({})).await.expect(201));
    assert_eq!(one, two);
    assert_eq!((ada.balance().await, bob.balance().await), (395, 605));
}

/// The hold of every call that is running: seen in the buyer's wallet, and found by its id, which is the invocation's.
async fn the_hold_of_a_running_call_is_nobodys_to_end(world: &mut World) {
    let admin = root(world).await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(4))).await;
    let agent = bob.register_agent("Slow", &endpoint, Some(300)).await;
    let call = tokio::spawn({
        let (ada, agent) = (ada.clone(), agent.clone());
        async move { ada.invoke(&agent, json!({})).await }
    });
    let hold = eventually("the price is held", async || pending(world).await.pop()).await;
    assert_eq!(available(&ada.api, &ada.wallet).await, 200);
    for (api, verb, status, kind) in [
        (&ada.api, "void", 409, "hold-managed"),
        (&ada.api, "post", 409, "hold-managed"),
        (&bob.api, "void", 409, "hold-managed"),
        (&bob.api, "post", 403, "forbidden"),
        (&admin, "void", 409, "hold-managed"),
        (&admin, "post", 409, "hold-managed"),
    ] {
        for api in [api.clone(), api.with("idempotency-key", &id())] {
            let problem = api.post(&format!("/ledger/holds/{hold}/{verb}"), &json!({})).await.expect_problem(status);
            assert_eq!(problem["type"], kind, "{verb}");
        }
    }
    call.await.unwrap().expect(200);
    assert_eq!((ada.balance().await, available(&ada.api, &ada.wallet).await), (200, 200));
}

journeys! {
    a_transfer_is_made_once_and_each_sees_its_own_balance,
    money_is_moved_by_its_owner,
    a_hold_is_posted_voided_or_ends_by_itself,
    the_hold_of_a_running_call_is_nobodys_to_end,
}
