//! Making webhooks, and taking them away.

use std::fs;

use bytes::Bytes;
use http::Method;
use rialto_store::{DatabaseUrl, Db, DbOptions, Tx, on};
use serde_json::{Value, json};

use super::{
    super::proxy::shop::buyer,
    told::{Receiver, SECRET, SECRET_KEY, decoded, path},
};
use crate::harness::{Api, PASSWORD, World, journeys, statuses, text, together};

const PATH: &str = "/api/v1/webhooks";

async fn a_webhook_is_made_listed_and_deleted_as_the_reference_says(world: &mut World) {
    let (mine, other) = (buyer(world, "my-agent", "0").await.api, buyer(world, "other", "0").await.api);
    let body = json!({
        "url": "https://my-agent.example.com/webhook", "events": ["service.called", "payment.completed", "service.called"],
        "secret": "whsec_my_webhook_secret",
    });
    world.stranger().post(PATH, &body).await.expect_problem(401);
    let made = mine.post(PATH, &body).await.expect(201);
    let expected = json!({
        "id": made["id"], "owner_id": "my-agent", "url": "https://my-agent.example.com/webhook",
        "events": ["payment.completed", "service.called"], "active": true, "created_at": made["created_at"],
    });
    assert_eq!(made, expected);
    let once = mine.with("idempotency-key", "second");
    let second = once.post(&format!("{PATH}/"), &body).await.expect(201);
    assert_eq!(once.post(&format!("{PATH}/"), &body).await.expect(201), second);
    assert_eq!(mine.get(PATH).await.expect(200), json!({"webhooks": [second, made], "count": 2}));
    assert_eq!(other.get(PATH).await.expect(200), json!({"webhooks": [], "count": 0}));
    assert_eq!(mine.get(&path(&made)).await.expect(200), made);

    let refused = mine.patch(&path(&made), &json!({"secret": "another secret"})).await.expect_problem(400);
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("rotate-secret"), "{refused}");
    let changed = mine.patch(&path(&made), &json!({"events": ["settlement.completed"], "active": false})).await.expect(200);
    assert_eq!((&changed["events"], &changed["active"]), (&json!(["settlement.completed"]), &json!(false)));
    assert_eq!(changed["url"], made["url"]);
    for (api, status) in [(&other, 404), (&world.stranger(), 401)] {
        api.get(&path(&made)).await.expect_problem(status);
        api.patch(&path(&made), &json!({"active": true})).await.expect_problem(status);
        api.post(&format!("{}/rotate-secret", path(&made)), &json!({})).await.expect_problem(status);
        api.post(&format!("{}/test", path(&made)), &json!({})).await.expect_problem(status);
        api.get(&format!("{}/deliveries", path(&made))).await.expect_problem(status);
        api.delete(&path(&made)).await.expect_problem(status);
    }
    let gone = mine.delete(&path(&made)).await.expect(200);
    assert_eq!(gone, json!({"status": "deleted", "webhook_id": made["id"]}));
    assert_eq!(mine.delete(&path(&made)).await.expect_problem(404)["detail"], "Webhook not found");
    mine.delete(&format!("{PATH}/unknown")).await.expect_problem(404);
    mine.delete(&format!("{PATH}/0198c0de-0000-7000-8000-000000000051")).await.expect_problem(404);
    assert_eq!(mine.get(PATH).await.expect(200)["count"], 1);
}

async fn what_makes_no_sense_is_refused(world: &mut World) {
    let mine = buyer(world, "my-agent", "0").await.api;
    let with = |field: &str, value: Value| {
        let mut body = json!({"url": "https://a.example/", "events": ["service.called"], "secret": "s"});
        body[field] = value;
        body
    };
    let https = "Webhook URL must use HTTPS (https://)";
    let private = "Webhook URL resolves to a private/reserved IP address";
    for (field, value, detail) in [
        ("url", json!("http://a.example/"), https),
        ("url", json!("http://93.184.215.14/"), https),
        ("url", json!("http://10.0.0.1/"), https),
        ("url", json!("ftp://a.example/"), https),
        ("url", json!(""), https),
        ("url", json!("https://10.0.0.1/"), private),
        ("url", json!("https://169.254.169.254/latest"), private),
        ("url", json!("https://0xa9.0xfe.0xa9.0xfe/"), private),
        ("url", json!("https://[::ffff:10.0.0.1]/"), private),
        ("url", json!("https://me:you@a.example/"), "Webhook URL must not carry a user name or password"),
        ("events", json!([]), "body.events: must name at least one event"),
        ("events", json!(["trade.settled"]), "body.events: may be"),
        ("events", json!(vec!["service.called "; 2_000]), "body.events: may be"),
        ("secret", json!(" "), "body.secret: must not be blank"),
        ("secret", json!("x".repeat(10_000)), "body.secret: must not be longer"),
    ] {
        let refused = mine.post(PATH, &with(field, value.clone())).await.expect_problem(400);
        assert!(text(&refused["detail"]).starts_with(detail), "{value}: {refused}");
    }
    for (field, value) in
        [("url", json!(5)), ("events", json!("service.called")), ("events", json!([1])), ("secret", Value::Null)]
    {
        mine.post(PATH, &with(field, value)).await.expect_problem(422);
    }
    assert_eq!(mine.get(PATH).await.expect(200)["count"], 0);
    let made = mine.post(PATH, &with("secret", json!("s"))).await.expect(201);
    for (change, status) in
        [(json!({"url": "http://a.example/"}), 400), (json!({"events": []}), 400), (json!({"active": "no"}), 422)]
    {
        mine.patch(&path(&made), &change).await.expect_problem(status);
        mine.put(&path(&made), &change).await.expect_problem(status);
    }
    let put = mine.put(&path(&made), &json!({"events": ["payment.completed"]})).await.expect(200);
    assert_eq!((&put["events"], &put["url"]), (&json!(["payment.completed"]), &made["url"]));
    for query in ["limit=0", "limit=-1", "limit=101", "cursor=x", "cursor=0", "cursor=-5"] {
        mine.get(&format!("{}/deliveries?{query}", path(&made))).await.expect_problem(422);
    }
    mine.get(&format!("{}/deliveries?status=lost", path(&made))).await.expect_problem(400);
    mine.get(&format!("{}/deliveries/unknown", path(&made))).await.expect_problem(404);
    mine.post(&format!("{}/rotate-secret", path(&made)), &json!({"secret": ""})).await.expect_problem(400);
}

async fn an_owner_has_twenty_also_when_twenty_are_made_at_once(world: &mut World) {
    let mine = buyer(world, "my-agent", "0").await.api;
    let body = json!({"url": "https://93.184.215.14/", "events": ["service.called"], "secret": "s"});
    for _ in 0..17 {
        mine.post(PATH, &body).await.expect(201);
    }
    let replies = together(20, |_| {
        let (mine, body) = (mine.clone(), body.clone());
        async move { mine.post(PATH, &body).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(201, 3), (400, 17)].into());
    let refused = replies.iter().find(|reply| reply.status == 400).unwrap().json();
    assert_eq!((&refused["detail"], &refused["type"]), (&json!("Maximum 20 webhooks per owner"), &json!("too-many-webhooks")));
    assert_eq!(mine.get(PATH).await.expect(200)["count"], 20);
}

async fn a_test_is_sent_and_a_secret_rotated(world: &mut World) {
    let mine = buyer(world, "my-agent", "0").await.api;
    let receiver = Receiver::start().await;
    let hook = receiver.subscribe(&mine, &["service.called"]).await;
    let sent = mine.post(&format!("{}/test", path(&hook)), &json!({})).await.expect(202);
    assert_eq!((&sent["event"], &sent["webhook_id"]), (&json!("webhook.test"), &hook["id"]));
    let told = receiver.until("webhook.test", 1).await.remove(0);
    assert!(told.verify(SECRET) && told.verify_standard(SECRET_KEY));
    assert!(!told.verify("another") && !told.verify_standard(b"another"));
    assert_eq!((told.header("x-acf-event").as_str(), told.header("webhook-id")), ("webhook.test", text(&sent["id"])));

    let rotate = format!("{}/rotate-secret", path(&hook));
    let once = mine.with("idempotency-key", "rotate");
    let rotated = once.post(&rotate, &json!({})).await.expect(200);
    assert_eq!(once.post(&rotate, &json!({})).await.expect(200), rotated, "shown again to who lost the answer");
    let fresh = text(&rotated["secret"]);
    let key = decoded(fresh.strip_prefix("whsec_").unwrap());
    assert_eq!((key.len(), rotated["previous_valid_until"].is_string()), (32, true));
    mine.post(&format!("{}/test", path(&hook)), &json!({})).await.expect(202);
    let told = receiver.until("webhook.test", 2).await.remove(1);
    assert!(told.verify(&fresh) && !told.verify(SECRET));
    assert!(told.verify_standard(&key) && told.verify_standard(SECRET_KEY), "both sign for a day");
    let given = mine.post(&rotate, &json!({"secret": "plain words"})).await.expect(200);
    assert!(given["secret"].is_null(), "{given}");
    mine.post(&format!("{}/test", path(&hook)), &json!({})).await.expect(202);
    let told = receiver.until("webhook.test", 3).await.remove(2);
    assert!(told.verify("plain words") && told.verify_standard(b"plain words") && told.verify_standard(&key));

    no_secret_is_shown(&mine, &hook, &[SECRET, &fresh, "plain words"]).await;
    no_secret_is_kept(world, &[SECRET, &fresh, "plain words"]).await;
}

/// Makes everything that is shown once.
async fn answers_with_a_secret_are_stored_nowhere(world: &mut World) {
    let ada = world.person("ada").await;
    let mine = buyer(world, "my-agent", "0").await.api;
    let hook = Receiver::start().await.subscribe(&mine, &["service.called"]).await;
    let rotate = format!("{}/rotate-secret", path(&hook));
    let once = mine.with("idempotency-key", "rotate");
    let login = json!({"email": ada.email, "password": PASSWORD});
    let network = text(&ada.api.post("/networks", &json!({"name": "n", "topology_type": "mesh"})).await.expect(201)["id"]);
    let participant = json!({"name": "p", "participant_type": "agent", "callback_url": "http://127.0.0.1:9/"});
    for (reply, status) in [
        (world.stranger().post("/auth/login", &login).await, 200),
        (ada.api.post("/auth/api-keys", &json!({"name": "k"})).await, 201),
        (world.stranger().post("/api/v1/keys", &json!({"owner_id": "another"})).await, 201),
        (mine.post("/api/v1/keys", &json!({"owner_id": "my-agent"})).await, 201),
        (mine.post(PATH, &json!({"url": "https://93.184.215.14/", "events": ["service.called"], "secret": "s"})).await, 201),
        (once.post(&rotate, &json!({})).await, 200),
        (once.post(&rotate, &json!({})).await, 200),
        // Without a body, whatever it is said to be.
        (mine.send(Method::POST, &rotate, Bytes::new()).await, 200),
        (mine.with("content-type", "application/json").send(Method::POST, &rotate, Bytes::new()).await, 200),
        (ada.api.post(&format!("/networks/{network}/participants"), &participant).await, 201),
    ] {
        let shown = reply.expect(status);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{shown}");
        assert!(reply.header("idempotent-replayed").is_none() || shown["secret"].is_string());
    }
    let fresh = mine.send(Method::POST, &rotate, Bytes::new()).await.expect(200);
    assert!(text(&fresh["secret"]).starts_with("whsec_"), "{fresh}");
    mine.post(&rotate, &json!([])).await.expect_problem(422);
}

async fn no_secret_is_shown(mine: &Api, hook: &Value, secrets: &[&str]) {
    let log = mine.get(&format!("{}/deliveries", path(hook))).await.expect(200);
    let one = format!("{}/deliveries/{}", path(hook), text(&log["deliveries"][0]["id"]));
    for path in [PATH, &path(hook), &one] {
        let shown = mine.get(path).await.text();
        assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{path}: {shown}");
    }
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

/// Looks through all that the database has on disk, or in its tables.
async fn no_secret_is_kept(world: &World, secrets: &[&str]) {
    let mut kept = Vec::new();
    if let DatabaseUrl::Sqlite(file) = &world.place.url {
        let folder = file.parent().unwrap();
        for entry in fs::read_dir(folder).unwrap() {
            kept.push(String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()).into_owned());
        }
    } else {
        let db = Db::open(&world.place.url, &DbOptions { connections_max: 2, ..DbOptions::default() }).await.unwrap();
        for table in
            ["webhooks", "webhook_secrets", "webhook_deliveries", "webhook_attempts", "idempotency_keys", "outbox", "jobs"]
        {
            let sql = format!("SELECT t::text AS text FROM {table} AS t");
            let rows: Vec<Found> =
                db.read(async move |tx: &mut Tx| on!(tx, conn => diesel::sql_query(&sql).load(conn).await)).await.unwrap();
            kept.extend(rows.into_iter().map(|row| row.text));
        }
    }
    assert!(kept.iter().any(|text| text.contains("webhook.test")), "it looks where things are");
    for secret in secrets {
        // Bytes are shown in hexadecimal by PostgreSQL.
        let forms = [(*secret).to_owned(), hex::encode(secret)];
        assert!(kept.iter().all(|text| forms.iter().all(|form| !text.contains(form.as_str()))), "a secret is kept in the clear");
    }
}

journeys! {
    a_webhook_is_made_listed_and_deleted_as_the_reference_says,
    what_makes_no_sense_is_refused,
    an_owner_has_twenty_also_when_twenty_are_made_at_once,
    a_test_is_sent_and_a_secret_rotated,
    answers_with_a_secret_are_stored_nowhere,
}
