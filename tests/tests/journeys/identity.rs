//! Accounts, tokens and API keys.

use serde_json::json;

use crate::harness::{PASSWORD, World, eventually, journeys, person, signed_in, text};

async fn registration_and_login_answer_as_the_reference_says(world: &mut World) {
    let stranger = world.stranger();
    let body = json!({"email": "Ada@Example.COM", "password": PASSWORD, "first_name": "Ada", "unknown": 1});
    let user = stranger.post("/auth/register", &body).await.expect(201);
    assert_eq!(user["email"], "Ada@example.com", "the domain in lower case, the local part as it was");
    assert_eq!((&user["first_name"], &user["last_name"], &user["is_active"]), (&json!("Ada"), &json!(null), &json!(true)));
    assert!(user["password"].is_null() && user["password_hash"].is_null());
    let login = stranger.post("/auth/login", &json!({"email": "ada@EXAMPLE.com", "password": PASSWORD})).await.expect(200);
    assert_eq!((&login["token_type"], &login["expires_in"]), (&json!("bearer"), &json!(604_800)));
    assert!(text(&login["access_token"]).starts_with("eyJ"));
    let me = stranger.with_token(&text(&login["access_token"])).get("/auth/me").await.expect(200);
    assert_eq!(me, user);
    let again = stranger.post("/auth/register", &json!({"email": "aDa@example.com", "password": "x"})).await;
    assert_eq!(again.expect_problem(400)["detail"], "User with this email already exists");
    for email in ["", "ada", "@example.com", "ada@", "a b@example.com", "ada@example..com"] {
        stranger.post("/auth/register", &json!({"email": email, "password": PASSWORD})).await.expect_problem(422);
    }
}

async fn a_wrong_password_and_an_unknown_account_look_the_same(world: &mut World) {
    world.person("ada").await;
    let stranger = world.stranger();
    let wrong = stranger.post("/auth/login", &json!({"email": "ada@example.com", "password": "wrong"})).await;
    let unknown = stranger.post("/auth/login", &json!({"email": "nobody@example.com", "password": "wrong"})).await;
    let (wrong, unknown) = (wrong.expect_problem(401), unknown.expect_problem(401));
    assert_eq!(wrong["detail"], "Invalid email or password");
    assert_eq!((&wrong["detail"], &wrong["type"]), (&unknown["detail"], &unknown["type"]));
}

async fn too_many_failures_close_an_account_for_a_while(world: &mut World) {
    let ada = world.person("ada").await;
    let stranger = world.stranger();
    let mut last = 0;
    for _ in 0..60 {
        let reply = stranger.post("/auth/login", &json!({"email": ada.email, "password": "wrong"})).await;
        last = reply.status;
        if last == 429 {
            assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
            break;
        }
        assert_eq!(last, 401);
    }
    assert_eq!(last, 429, "guessing is stopped");
    let right = stranger.post("/auth/login", &json!({"email": ada.email, "password": PASSWORD})).await;
    right.expect_problem(429);
    ada.api.get("/auth/me").await.expect(200);
}

async fn an_api_key_acts_for_its_owner_until_it_is_deleted(world: &mut World) {
    let ada = world.person("ada").await;
    let made = ada.api.post("/auth/api-keys", &json!({"name": "laptop"})).await.expect(201);
    let (id, key) = (text(&made["id"]), text(&made["key"]));
    assert!(!key.starts_with("eyJ") && key.len() >= 43 && made["expires_at"].is_null());
    let stranger = world.stranger();
    let forms = [stranger.with("x-api-key", &key), stranger.with_token(&format!("{id}:{key}")), stranger.with_token(&key)];
    for api in &forms {
        assert_eq!(api.get("/auth/me").await.expect(200)["id"], json!(ada.id));
        api.get("/wallets/me").await.expect(200);
    }
    // When a key was used is written down off the path of the request.
    let listed = eventually("the use is noted", async || {
        let listed = ada.api.get("/auth/api-keys").await.expect(200);
        listed[0]["last_used_at"].is_string().then_some(listed)
    })
    .await;
    assert_eq!(listed[0]["name"], "laptop");
    assert!(listed[0]["key"].is_null(), "it is shown once");
    let bob = world.person("bob").await;
    bob.api.delete(&format!("/auth/api-keys/{id}")).await.expect_problem(404);
    assert!(ada.api.delete(&format!("/auth/api-keys/{id}")).await.body.is_empty());
    ada.api.delete(&format!("/auth/api-keys/{id}")).await.expect_problem(404);
    for api in &forms {
        api.get("/auth/me").await.expect_problem(401);
    }
}

async fn a_key_with_an_expiry_works_and_then_expires(world: &mut World) {
    let ada = world.person("ada").await;
    let soon = rialto_kernel::Clock::system().now().after(std::time::Duration::from_secs(3)).to_string();
    // The reference's clients send times without an offset too; they are UTC.
    let mut keys = Vec::new();
    for expires_at in [soon.as_str(), soon.trim_end_matches('Z')] {
        let made = ada.api.post("/auth/api-keys", &json!({"name": "brief", "expires_at": expires_at})).await.expect(201);
        let api = world.stranger().with("x-api-key", &text(&made["key"]));
        api.get("/auth/me").await.expect(200);
        keys.push(api);
    }
    for api in &keys {
        eventually("the key expires", async || (api.get("/auth/me").await.status == 401).then_some(())).await;
    }
    for no_end in ["tomorrow", "2001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"] {
        ada.api.post("/auth/api-keys", &json!({"name": "x", "expires_at": no_end})).await.expect_problem(422);
    }
}

/// Whoever asks for less than a whole key gets less, or none.
async fn a_key_may_do_no_more_than_its_role(world: &mut World) {
    let ada = world.person("ada").await;
    let made = ada.api.post("/auth/api-keys", &json!({"name": "reader", "role": "viewer"})).await.expect(201);
    let reader = world.stranger().with("x-api-key", &text(&made["key"]));
    reader.get("/wallets/me").await.expect(200);
    reader.post("/networks", &json!({"name": "x"})).await.expect_problem(403);
    let made = ada.api.post("/auth/api-keys", &json!({"name": "more", "role": "admin"})).await.expect(201);
    let more = world.stranger().with("x-api-key", &text(&made["key"]));
    more.post("/networks", &json!({"name": "x"})).await.expect(201);
    for body in [json!({"name": "x", "role": "owner"}), json!({"name": "x", "scopes": ["read"]})] {
        ada.api.post("/auth/api-keys", &body).await.expect_problem(422);
    }
    ada.api.post("/auth/api-keys", &json!({"name": "x", "role": null, "scopes": null})).await.expect(201);
}

async fn an_administrator_of_the_settings_may_do_what_others_may_not(world: &mut World) {
    world.restart_with(&["--sandbox=false", "--admin-email=root@example.com", &format!("--admin-password={PASSWORD}")]).await;
    let root = signed_in(&world.stranger(), "root@example.com").await;
    let ada = person(&world.stranger(), "ada").await;
    ada.api.get("/wallets").await.expect_problem(403);
    let all = root.get("/wallets").await.expect(200);
    assert_eq!(all.as_array().unwrap().len(), 2);
    let credit = format!("/wallets/{}/credit", ada.wallet);
    ada.api.post(&credit, &json!({"amount": 5})).await.expect_problem(403);
    assert_eq!(root.post(&credit, &json!({"amount": 5})).await.expect(200)["balance"], 505);
    let grant = format!("/wallets/{}/grant", ada.wallet);
    ada.api.post(&grant, &json!({"amount": 5})).await.expect_problem(403);
    root.post(&grant, &json!({"amount": 5})).await.expect(200);
}

journeys! {
    registration_and_login_answer_as_the_reference_says,
    a_wrong_password_and_an_unknown_account_look_the_same,
    too_many_failures_close_an_account_for_a_while,
    an_api_key_acts_for_its_owner_until_it_is_deleted,
    a_key_with_an_expiry_works_and_then_expires,
    a_key_may_do_no_more_than_its_role,
    an_administrator_of_the_settings_may_do_what_others_may_not,
}
