//! Transfers and holds over HTTP: who may, how often, how many at once, and what is refused.

use std::time::Duration;

use diesel::{QueryableByName, sql_query};
use http::Method;
use rialto_kernel::{Id, nouns};
use rialto_store::{Db, DbOptions, Tx, on, types::Uid};
use serde_json::{Value, json};

use crate::harness::{
    Agent, Answer, Api, PASSWORD, Person, Reply, World, eventually, journeys, signed_in, statuses, text, together,
};

/// The house's account from which credits come.
const ISSUANCE: &str = "00000000-0000-8000-8000-000000000101";

fn id() -> String {
    Id::<()>::new().to_string()
}

fn item(from: &Person, to: &Person, amount: i64) -> Value {
    json!({"id": id(), "debit_account_id": from.wallet, "credit_account_id": to.wallet, "amount": amount})
}

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

async fn available(api: &Api, wallet: &str) -> i64 {
    api.get(&format!("/wallets/{wallet}")).await.expect(200)["available"].as_i64().unwrap()
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

async fn each_of_a_batch_stands_alone_and_a_group_stands_together(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (twice, theft, poor) = (item(&ada, &bob, 10), item(&bob, &ada, 1), item(&ada, &bob, 9_999));
    let mut other = twice.clone();
    other["amount"] = json!(11);
    let own = item(&ada, &ada, 3);
    let body = json!({
        "transfers": [twice, theft, twice, other, poor, own],
        "groups": [[item(&ada, &bob, 20), item(&ada, &bob, 30)], [item(&ada, &bob, 40), poor], [item(&ada, &bob, 1), theft]],
    });
    let check = |answer: &Value, first: u16| {
        let told: Vec<_> = answer["results"].as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
        assert_eq!(told, [u64::from(first), 403, 200, 409, 402, u64::from(first)], "{answer}");
        let groups: Vec<_> = answer["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["status"].as_u64().unwrap(), one["refused"].clone()))
            .collect();
        assert_eq!(groups, [(u64::from(first), Value::Null), (402, json!(1)), (403, json!(1))], "{answer}");
    };
    let answer = ada.api.post("/ledger/transfers", &body).await.expect(200);
    check(&answer, 201);
    assert_eq!(answer["results"][3]["problem"]["type"], "id-mismatch");
    assert_eq!((&answer["results"][0]["id"], &answer["results"][2]["result"]["existed"]), (&twice["id"], &json!(true)));
    assert_eq!(answer["results"][0]["result"]["credit_account"], Value::Null);
    assert_eq!(answer["groups"][0]["results"][1]["debit_account"]["posted"], 440);
    assert_eq!(answer["groups"][1]["results"], Value::Null);
    assert_eq!((ada.balance().await, bob.balance().await), (440, 560));
    // Sent again, nothing moves; also under a key, and as a bare list.
    check(&ada.api.post("/ledger/transfers", &body).await.expect(200), 200);
    let keyed = ada.api.with("idempotency-key", "a batch");
    let first = keyed.post("/ledger/transfers", &body).await.expect(200);
    check(&first, 200);
    assert_eq!(keyed.post("/ledger/transfers", &body).await.expect(200), first);
    let list = ada.api.post("/ledger/transfers", &json!([twice, item(&ada, &bob, 5)])).await.expect(200);
    assert_eq!(
        (&list["results"][0]["status"], &list["results"][1]["status"], &list["groups"]),
        (&json!(200), &json!(201), &json!([]))
    );
    assert_eq!((ada.balance().await, bob.balance().await), (435, 565));
}

async fn eight_thousand_at_once_are_fine_and_one_more_is_not(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    ada.set_balance(7_990).await;
    let before = bob.balance().await;
    let memo = "m".repeat(200);
    let mut all: Vec<Value> = (0..8_000)
        .map(|_| {
            let mut one = item(&ada, &bob, 1);
            one["memo"] = json!(memo);
            one
        })
        .collect();
    let answer = ada.api.post("/ledger/transfers", &json!({"transfers": all})).await.expect(200);
    let count = |status| answer["results"].as_array().unwrap().iter().filter(|one| one["status"] == status).count();
    assert_eq!((count(201), count(402)), (7_990, 10));
    assert_eq!((ada.balance().await, bob.balance().await), (0, before + 7_990));
    // Under a key they are one transaction.
    ada.set_balance(8_000).await;
    let fresh: Vec<Value> = (0..8_000).map(|_| item(&ada, &bob, 1)).collect();
    let keyed = ada.api.with("idempotency-key", "all at once");
    let first = keyed.post("/ledger/transfers", &json!(fresh)).await.expect(200);
    assert!(first["results"].as_array().unwrap().iter().all(|one| one["status"] == 201));
    let second = keyed.post("/ledger/transfers", &json!(fresh)).await;
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert!(second.expect(200) == first);
    assert_eq!((ada.balance().await, bob.balance().await), (0, before + 15_990));
    all.push(item(&ada, &bob, 1));
    ada.api.post("/ledger/transfers", &json!(all)).await.expect_problem(422);
    ada.api
        .post("/ledger/transfers", &json!({"groups": [all[..4_000].to_vec(), all[4_000..].to_vec()]}))
        .await
        .expect_problem(422);
    // The limit is higher here alone.
    all.pop();
    ada.api.post("/ledger/holds", &json!(all)).await.expect_problem(413);
    let huge = "x".repeat(17 << 20);
    ada.api
        .with("content-type", "application/json")
        .send(Method::POST, "/ledger/transfers", huge.into())
        .await
        .expect_problem(413);
}

async fn what_is_malformed_is_named_and_nothing_is_done(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let with = |field: &str, value: Value| {
        let mut body = item(&ada, &bob, 1);
        body[field] = value;
        body
    };
    let many_words: Value = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    let wrong = [
        ("id", json!("1")),
        ("debit_account_id", json!(7)),
        ("credit_account_id", Value::Null),
        ("amount", json!(0)),
        ("amount", json!(-1)),
        ("amount", json!("1")),
        ("amount", json!(1.5)),
        ("amount", json!(9_007_199_254_740_992_i64)),
        ("amount", json!(u64::MAX)),
        ("balancing", json!("both")),
        ("kind", json!(9)),
        ("kind", json!(-1)),
        ("kind", json!(4_000_000_000_u64)),
        ("reference_id", json!("x")),
        ("memo", json!("x".repeat(1_001))),
        ("memo", json!(["x"])),
        ("metadata", json!({"": "x"})),
        ("metadata", json!({"k": 1})),
        ("metadata", json!({"k": {"nested": true}})),
        ("metadata", json!({"k": "v".repeat(501)})),
        ("metadata", json!({"k".repeat(41): "v"})),
        ("metadata", many_words),
        ("effective_at", json!("yesterday")),
        ("effective_at", json!("+200000-01-01T00:00:00")),
        ("effective_at", json!("-5000-01-01T00:00:00")),
    ];
    for (field, value) in wrong {
        let alone = ada.api.post("/ledger/transfers", &with(field, value.clone())).await.expect_problem(422);
        let told = text(&alone["errors"][0]["field"]);
        assert!(told.starts_with(&format!("body.{field}")), "{field} {value}: {alone}");
        let among = json!({"transfers": [item(&ada, &bob, 1), with(field, value.clone())]});
        let among = ada.api.post("/ledger/transfers", &among).await.expect_problem(422);
        assert!(
            text(&among["errors"][0]["field"]).starts_with(&format!("body.transfers[1].{field}")),
            "{field} {value}: {among}"
        );
        if !["balancing", "effective_at"].contains(&field) {
            ada.api.post("/ledger/holds", &with(field, value)).await.expect_problem(422);
        }
    }
    for body in [
        json!([]),
        json!({}),
        json!({"transfers": []}),
        json!({"groups": [[]]}),
        json!(7),
        json!("x"),
        json!([[item(&ada, &bob, 1)]]),
    ] {
        ada.api.post("/ledger/transfers", &body).await.expect_problem(422);
    }
    ada.api.post("/ledger/transfers", &with("memo", json!("a\u{0}b"))).await.expect_problem(422);
    ada.api.post("/ledger/transfers", &with("metadata", json!({"k": "\u{0}"}))).await.expect_problem(422);
    ada.api.post("/ledger/holds", &with("expires_at", json!("+200000-01-01T00:00:00"))).await.expect_problem(422);
    let hold = text(&ada.api.post("/ledger/holds", &item(&ada, &bob, 1)).await.expect(201)["hold"]["id"]);
    for amount in [json!(0), json!(-1), json!("1"), json!(0.5), json!(u64::MAX)] {
        ada.api.post(&format!("/ledger/holds/{hold}/post"), &json!({"amount": amount})).await.expect_problem(422);
    }
    for path in ["/ledger/holds/x/post", "/ledger/holds/%00/void", "/ledger/transfers/1/reverse"] {
        ada.api.post(path, &json!({})).await.expect_problem(422);
    }
    assert_eq!((ada.balance().await, bob.balance().await), (500, 500));
}

async fn fifty_posts_of_one_hold_make_one_transfer(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let hold = text(&ada.api.post("/ledger/holds", &item(&ada, &bob, 70)).await.expect(201)["hold"]["id"]);
    let replies = together(50, |n| {
        // Some of them under a key: both ways into the ledger race.
        let api = if n % 5 == 0 { ada.api.with("idempotency-key", &format!("post {n}")) } else { ada.api.clone() };
        let path = format!("/ledger/holds/{hold}/post");
        async move { api.post(&path, &json!({})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 49), (201, 1)].into());
    let first = replies[0].json()["transfer"]["id"].clone();
    assert!(replies.iter().all(|reply| reply.json()["transfer"]["id"] == first));
    assert_eq!((ada.balance().await, bob.balance().await), (430, 570));
    // Posting against voiding: one of them.
    let hold = text(&ada.api.post("/ledger/holds", &item(&ada, &bob, 30)).await.expect(201)["hold"]["id"]);
    let replies = together(40, |n| {
        let (api, verb) = (ada.api.clone(), if n % 2 == 0 { "post" } else { "void" });
        let path = format!("/ledger/holds/{hold}/{verb}");
        async move { api.post(&path, &json!({})).await }
    })
    .await;
    let won = |rest: usize| replies.iter().skip(rest).step_by(2).filter(|reply| reply.status < 300).count();
    assert!((won(0), won(1)) == (20, 0) || (won(0), won(1)) == (0, 20), "{:?}", statuses(&replies));
    let paid = if won(0) == 20 { 30 } else { 0 };
    assert_eq!((ada.balance().await, available(&ada.api, &ada.wallet).await), (430 - paid, 430 - paid));
}

async fn sixty_four_transfers_of_money_for_ten_let_ten_through(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    ada.set_balance(10).await;
    let send = |n: usize| -> std::pin::Pin<Box<dyn Future<Output = Reply> + Send>> {
        let (ada, body) = (ada.clone(), item(&ada, &bob, 1));
        let wallets = json!({"from_wallet_id": ada.wallet, "to_wallet_id": bob.wallet, "amount": 1});
        match n % 4 {
            0 => Box::pin(async move { ada.api.post("/ledger/transfers", &body).await }),
            1 => Box::pin(async move { ada.api.with("idempotency-key", &id()).post("/ledger/transfers", &body).await }),
            2 => Box::pin(async move { ada.api.post("/wallets/transfer", &wallets).await }),
            _ => Box::pin(async move { ada.api.with("idempotency-key", &id()).post("/wallets/transfer", &wallets).await }),
        }
    };
    let replies = together(64, send).await;
    let through = replies.iter().filter(|reply| reply.status < 300).count();
    assert_eq!(through, 10, "{:?}", statuses(&replies));
    assert!(replies.iter().all(|reply| [200, 201, 400, 402].contains(&reply.status)), "{:?}", statuses(&replies));
    assert_eq!((ada.balance().await, bob.balance().await), (0, 510));
    // The same transfer, sixty-four times.
    ada.set_balance(100).await;
    let body = item(&ada, &bob, 5);
    let replies = together(64, |_| {
        let (api, body) = (ada.api.clone(), body.clone());
        async move { api.post("/ledger/transfers", &body).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 63), (201, 1)].into());
    assert_eq!(ada.balance().await, 95);
}

journeys! {
    a_transfer_is_made_once_and_each_sees_its_own_balance,
    money_is_moved_by_its_owner,
    a_hold_is_posted_voided_or_ends_by_itself,
    the_hold_of_a_running_call_is_nobodys_to_end,
    each_of_a_batch_stands_alone_and_a_group_stands_together,
    eight_thousand_at_once_are_fine_and_one_more_is_not,
    what_is_malformed_is_named_and_nothing_is_done,
    fifty_posts_of_one_hold_make_one_transfer,
    sixty_four_transfers_of_money_for_ten_let_ten_through,
}
