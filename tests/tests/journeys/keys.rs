//! Keys of owners that may be nothing but a name.

use serde_json::{Value, json};

use crate::harness::{Api, World, journeys, person, statuses, text, together};

/// A client with this key.
pub fn with_key(world: &World, key: &Value) -> Api {
    world.stranger().with_token(&format!("{}:{}", text(&key["key_id"]), text(&key["secret"])))
}

async fn a_key_is_made_validated_listed_and_revoked_as_the_reference_says(world: &mut World) {
    let stranger = world.stranger();
    let first = stranger.post("/api/v1/keys", &json!({"owner_id": "my-agent"})).await.expect(201);
    assert!(text(&first["key_id"]).starts_with("acf_") && text(&first["secret"]).starts_with("sec_"));
    assert_eq!((&first["role"], &first["rate_limit"]), (&json!("buyer"), &json!(60)));
    assert_eq!(first["message"], "Save the secret — it cannot be retrieved again.");
    let pair = json!({"key_id": first["key_id"], "secret": first["secret"]});
    let valid = stranger.post("/api/v1/keys/validate", &pair).await.expect(200);
    assert_eq!(valid, json!({"valid": true, "owner_id": "my-agent", "role": "buyer", "rate_limit": 60}));
    let wrong = json!({"key_id": first["key_id"], "secret": "wrong"});
    assert_eq!(stranger.post("/api/v1/keys/validate", &wrong).await.expect_problem(401)["detail"], "Invalid API key");

    let buyer = with_key(world, &first);
    buyer.get("/api/v1/provider/keys").await.expect_problem(403);
    let wish = json!({"owner_id": "my-agent", "role": "provider", "rate_limit": 100, "wallet_address": "0x1234"});
    stranger.post("/api/v1/keys", &wish).await.expect_problem(401);
    let second = buyer.post("/api/v1/keys", &wish).await.expect(201);
    assert_eq!((&second["role"], &second["rate_limit"]), (&json!("provider"), &json!(100)));
    let provider = with_key(world, &second);
    let listed = provider.get("/api/v1/provider/keys").await.expect(200);
    let keys = listed["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!((&keys[0]["key_id"], &keys[0]["wallet_address"]), (&second["key_id"], &json!("0x1234")));
    assert!(
        keys[0]["expires_at"].is_null()
            && keys[0]["maker"].is_null()
            && keys[0]["created_at"].is_string()
            && keys[0]["secret"].is_null()
    );
    assert_eq!(buyer.get("/api/v1/keys").await.expect(200), listed);

    let other = stranger.post("/api/v1/keys", &json!({"owner_id": "other"})).await.expect(201);
    let path = |key: &Value| format!("/api/v1/provider/keys/{}", text(&key["key_id"]));
    assert_eq!(provider.delete(&path(&other)).await.expect_problem(403)["detail"], "Not your key");
    provider.delete("/api/v1/provider/keys/acf_0000000000000000").await.expect_problem(404);
    let revoked = provider.delete(&path(&first)).await.expect(200);
    assert_eq!(revoked, json!({"status": "revoked", "key_id": first["key_id"]}));
    buyer.get("/api/v1/keys").await.expect_problem(401);
    stranger.post("/api/v1/keys/validate", &pair).await.expect_problem(401);
}

async fn a_commerce_key_is_a_credential_like_any_other(world: &mut World) {
    let ada = world.person("ada").await;
    let key = ada.api.post("/api/v1/keys", &json!({"owner_id": ada.id, "role": "provider"})).await.expect(201);
    let pair = format!("{}:{}", text(&key["key_id"]), text(&key["secret"]));
    let stranger = world.stranger();
    for api in [stranger.with_token(&pair), stranger.with("x-api-key", &pair), stranger.with("x-api-key", &text(&key["secret"]))]
    {
        assert_eq!(api.get("/auth/me").await.expect(200)["id"], json!(ada.id));
        assert_eq!(api.get("/wallets/me").await.expect(200)["id"], json!(ada.wallet));
    }
    let plain = ada.api.post("/auth/api-keys", &json!({"name": "laptop"})).await.expect(201);
    let pair = json!({"key_id": plain["id"], "secret": plain["key"]});
    let valid = stranger.post("/api/v1/keys/validate", &pair).await.expect(200);
    assert_eq!((&valid["owner_id"], &valid["role"], &valid["rate_limit"]), (&json!(ada.id), &json!("provider"), &json!(null)));
    // A repeat has the same key, and not one more.
    let once = ada.api.with("idempotency-key", "k1");
    let wish = json!({"owner_id": ada.id});
    let made = once.post("/api/v1/keys", &wish).await.expect(201);
    assert_eq!(once.post("/api/v1/keys", &wish).await.expect(201), made);
    assert_eq!(ada.api.get("/api/v1/keys").await.expect(200)["total"], 3);
}

async fn an_owner_id_belongs_to_whoever_came_first(world: &mut World) {
    let stranger = world.stranger();
    let rivals = together(8, |_| {
        let api = stranger.clone();
        async move { api.post("/api/v1/keys", &json!({"owner_id": "agent-7", "role": "buyer"})).await }
    })
    .await;
    assert_eq!(statuses(&rivals), [(201, 1), (409, 7)].into());
    let winner = rivals.iter().find(|reply| reply.status == 201).unwrap().json();
    let (owner, thief) =
        (with_key(world, &winner), stranger.post("/api/v1/keys", &json!({"owner_id": "thief"})).await.expect(201));
    let thief = with_key(world, &thief);
    assert_eq!(thief.post("/api/v1/keys", &json!({"owner_id": "agent-7"})).await.expect_problem(409)["type"], "owner-taken");
    thief.post("/api/v1/keys", &json!({"owner_id": "agent-7", "role": "provider"})).await.expect_problem(403);
    owner.post("/api/v1/keys", &json!({"owner_id": "agent-7", "role": "admin"})).await.expect_problem(403);
    owner.post("/api/v1/keys", &json!({"owner_id": "agent-7"})).await.expect(201);
    for (wrong, status) in [
        (json!({}), 422),
        (json!({"owner_id": ""}), 400),
        (json!({"owner_id": "x", "role": "root"}), 400),
        (json!({"owner_id": "x", "rate_limit": 0}), 400),
        (json!({"owner_id": "x", "rate_limit": -1}), 400),
        (json!({"owner_id": "x", "rate_limit": 301}), 400),
        (json!({"owner_id": "x", "rate_limit": "many"}), 422),
        (json!({"owner_id": 7}), 422),
    ] {
        stranger.post("/api/v1/keys", &wrong).await.expect_problem(status);
    }
}

async fn a_keys_own_limit_holds_on_every_route(world: &mut World) {
    let stranger = world.stranger();
    let key = stranger.post("/api/v1/keys", &json!({"owner_id": "slow", "rate_limit": 3})).await.expect(201);
    let slow = with_key(world, &key);
    // One that asks for a credential, one that does not, one that is of another API, and one that there is not.
    for (path, status, left) in [("/api/v1/keys", 200, "2"), ("/registry/agents", 200, "1"), ("/auth/me", 404, "0")] {
        let answer = slow.get(path).await;
        answer.expect(status);
        assert_eq!((answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")), (Some("3"), Some(left)));
    }
    for path in ["/api/v1/keys", "/registry/agents", "/auth/me", "/nowhere"] {
        let refused = slow.get(path).await;
        refused.expect_problem(429);
        let seconds = |name: &str| refused.header(name).and_then(|seconds| seconds.parse::<u32>().ok());
        assert!(seconds("retry-after").is_some() && seconds("retry-after") == seconds("x-ratelimit-reset"), "{path}");
        assert_eq!((seconds("x-ratelimit-limit"), seconds("x-ratelimit-remaining")), (Some(3), Some(0)));
        assert!(refused.header("ratelimit").is_some_and(|limit| limit.contains(";r=0;")));
    }
    slow.get("/health").await.expect(200);
    stranger.get("/registry/agents").await.expect(200);
}

async fn guessers_are_throttled_and_nobody_is_locked_out(world: &mut World) {
    world.restart_with(&["--auth-failures-per-minute=1", "--trusted-proxies=127.0.0.1"]).await;
    let from = |address: &str| world.stranger().with("x-forwarded-for", address);
    let good = from("203.0.113.7").post("/api/v1/keys", &json!({"owner_id": "good"})).await.expect(201);
    let id = text(&good["key_id"]);
    let guess = format!("{id}:sec_{}", "A".repeat(43));
    let guesser = from("203.0.113.7");
    guesser.with_token(&guess).get("/api/v1/keys").await.expect_problem(401);
    let wish = json!({"owner_id": "good", "role": "provider"});
    for reply in [
        guesser.with_token(&guess).get("/api/v1/keys").await,
        guesser.with_token("nonsense").get("/auth/me").await,
        guesser.with("x-api-key", "nonsense").get("/wallets/me").await,
        guesser.with_token("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.AAAA").get("/auth/me").await,
        guesser.post("/api/v1/keys/validate", &json!({"key_id": id, "secret": "nonsense"})).await,
        guesser.with_token(&guess).post("/api/v1/keys", &wish).await,
    ] {
        assert_eq!(reply.expect_problem(429)["type"], "auth-throttled");
        assert!(reply.header("retry-after").is_some_and(|seconds| (1..=61).contains(&seconds.parse::<u32>().unwrap())));
        assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
        assert_eq!(reply.header("x-ratelimit-reset"), reply.header("retry-after"));
    }
    // Good keys are no more guesses: what is counted is the address, whoever's name is guessed for.
    let sibling = from("203.0.113.9").post("/api/v1/keys", &json!({"owner_id": "other"})).await.expect(201);
    let sibling = format!("{}:{}", text(&sibling["key_id"]), text(&sibling["secret"]));
    let pair = json!({"key_id": id, "secret": "nonsense"});
    let asked = guesser.with_token(&sibling).post("/api/v1/keys/validate", &pair).await;
    assert_eq!(asked.expect_problem(429)["type"], "auth-throttled");
    // Whoever has a good key is heard, from there and from elsewhere; so is who has none.
    let pair = format!("{id}:{}", text(&good["secret"]));
    guesser.with_token(&pair).get("/api/v1/keys").await.expect(200);
    guesser.get("/api/v1/keys").await.expect_problem(401);
    from("203.0.113.8").with_token(&guess).get("/api/v1/keys").await.expect_problem(401);
    person(&guesser, "ada").await;
}

async fn an_administrator_makes_the_first_provider(world: &mut World) {
    let password = crate::harness::PASSWORD;
    world.restart_with(&["--admin-email=root@example.com", &format!("--admin-password={password}")]).await;
    let root = crate::harness::signed_in(&world.stranger(), "root@example.com").await;
    let ops = root.post("/api/v1/keys", &json!({"owner_id": "ops", "role": "admin", "rate_limit": 5_000})).await.expect(201);
    assert_eq!(ops["rate_limit"], 5_000);
    let ops = with_key(world, &ops);
    let shop = ops.post("/api/v1/keys", &json!({"owner_id": "shop", "role": "provider"})).await.expect(201);
    with_key(world, &shop).get("/api/v1/provider/keys").await.expect(200);
    ops.get("/wallets").await.expect(200);
}

journeys! {
    a_key_is_made_validated_listed_and_revoked_as_the_reference_says,
    a_commerce_key_is_a_credential_like_any_other,
    an_owner_id_belongs_to_whoever_came_first,
    a_keys_own_limit_holds_on_every_route,
    guessers_are_throttled_and_nobody_is_locked_out,
    an_administrator_makes_the_first_provider,
}
