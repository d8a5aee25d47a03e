//! Agents that prove who they are: by a token of an issuer, and by the key of an identifier.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::{
    calls::{Call, Calls},
    keys::with_key,
    market::support::with_admin,
    services::provider,
};
use crate::harness::{Agent, Answer, Api, Make, Server, World, eventually, journeys, statuses, text, together};

/// The key of RFC 8037, appendix A.
const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const DID: &str = "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw";
const ISSUER: &str = "https://kya.example";
/// Long after all of this.
const END: i64 = 4_102_444_800;

fn token(claims: &Value) -> String {
    let head = json!({"alg": "EdDSA", "kid": "k"});
    let message = [head, claims.clone()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let der = [hex::decode("302e020100300506032b657004220420").unwrap(), URL_SAFE_NO_PAD.decode(D).unwrap()].concat();
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_ed_der(&der), Algorithm::EdDSA).unwrap();
    format!("{message}.{signature}")
}

/// The same without a name for the key: an identifier has one.
fn answer(did: &str, challenge: &Value, changes: Value) -> String {
    let mut claims = json!({"iss": did, "aud": challenge["domain"], "nonce": challenge["challenge"]});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let message = [json!({"alg": "EdDSA"}), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let der = [hex::decode("302e020100300506032b657004220420").unwrap(), URL_SAFE_NO_PAD.decode(D).unwrap()].concat();
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_ed_der(&der), Algorithm::EdDSA).unwrap();
    format!("{message}.{signature}")
}

async fn issuer() -> Agent {
    Agent::start(Answer::Json(200, json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k"}]}))).await
}

/// The leaderboard, the list and the search say the same, and know how its owner does.
async fn is_told_everywhere(world: &World, shop: &Api, eve: &Api, agent: &Value) {
    let stranger = world.stranger();
    let service = json!({"name": "Sentiment", "endpoint": "https://my-api.example.com/v1", "price_per_call": "0.05"});
    let service = shop.post("/api/v1/services", &service).await.expect(201);
    Calls::open(world)
        .await
        .write(&service, Call { at: "2026-03-10T12:00:00Z", price: 0, commission: 0, status: 200, latency_ms: 0 })
        .await;
    let leader = eventually("the call is counted", async || {
        let board = stranger.get("/api/v1/reputation/leaderboard").await.expect(200);
        board["leaderboard"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!((&leader["id"], &leader["verified"]), (&agent["id"], &json!(true)));
    eve.post("/api/v1/agents", &json!({"name": "One more"})).await.expect(201);
    let found = stranger.get("/api/v1/agents/search?q=one").await.expect(200);
    assert_eq!((&found["agents"][0]["id"], &found["agents"][0]["reputation_score"]), (&agent["id"], &json!(10.0)));
    assert_eq!((&found["agents"][0]["verified"], &found["agents"][1]["verified"]), (&json!(true), &json!(false)));
}

async fn a_token_verifies_an_agent(world: &mut World) {
    let keys = issuer().await;
    let issuers = format!("--kya-issuers=https://away.example=http://127.0.0.1:9/,{ISSUER}={}", keys.url);
    let root = with_admin(world, &[&issuers, "--kya-audience=https://rialto.example"]).await;
    let (shop, eve, stranger) = (provider(world, "my-agent").await, provider(world, "eve").await, world.stranger());
    let agent = shop.post("/api/v1/agents", &json!({"display_name": "One", "identity_type": "kya_jwt"})).await.expect(201);
    let path = format!("/api/v1/agents/{}", text(&agent["agent_id"]));
    let verify = format!("{path}/verify/kya");
    let claims = |changes: Value| {
        let mut claims =
            json!({"iss": ISSUER, "aud": "https://rialto.example", "sub": agent["agent_id"], "exp": END, "jti": "1"});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        json!({"token": token(&claims)})
    };
    let good = claims(json!({}));
    stranger.post(&verify, &good).await.expect_problem(401);
    eve.post(&verify, &good).await.expect_problem(403);
    shop.post("/api/v1/agents/nobody/verify/kya", &good).await.expect_problem(404);
    assert_eq!(keys.calls(), 0, "nobody is asked for keys on behalf of strangers");
    for (changes, kind) in [
        (json!({"sub": "another"}), "wrong-subject"),
        (json!({"exp": 1}), "proof-refused"),
        (json!({"aud": "https://else.example"}), "proof-refused"),
        (json!({"iss": "https://else.example"}), "issuer-not-trusted"),
    ] {
        assert_eq!(shop.post(&verify, &claims(changes)).await.expect_problem(400)["type"], kind);
    }
    // An outage is none of the caller's.
    let away = shop.post(&verify, &claims(json!({"iss": "https://away.example"}))).await.expect_problem(502);
    assert_eq!(away["type"], "keys-unavailable");
    for (body, status) in [
        (json!({"token": "x.y.z"}), 400),
        (json!({}), 422),
        (json!({"token": 1}), 422),
        (json!({"token": "x".repeat(20_000)}), 400),
    ] {
        shop.post(&verify, &body).await.expect_problem(status);
    }
    let replies = together(10, |_| {
        let (shop, verify, good) = (shop.clone(), verify.clone(), good.clone());
        async move { shop.post(&verify, &good).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 10)].into());
    assert_eq!((replies[0].json()["verified"].clone(), keys.calls()), (json!(true), 1));
    let told = stranger.get(&format!("{path}/verification")).await.expect(200);
    assert_eq!((&told["method"], &told["issuer"]), (&json!("kya_jwt"), &json!(ISSUER)));
    assert!(told["expires_at"].as_str().unwrap() < "2100", "it has to be shown again before its end: {told}");
    assert_eq!(stranger.get(&path).await.expect(200)["verified"], true);

    is_told_everywhere(world, &shop, &eve, &agent).await;

    root.delete(&format!("{path}/verify")).await.expect(200);
    for body in [&good, &claims(json!({"jti": "2"}))] {
        assert_eq!(shop.post(&verify, body).await.expect_problem(403)["type"], "verification-barred");
    }
    root.post(&format!("{path}/verify"), &json!({})).await.expect(200);
    assert_eq!(shop.post(&verify, &good).await.expect_problem(409)["type"], "weaker-proof");
}

async fn a_key_verifies_an_agent(world: &mut World) {
    let (shop, eve, stranger) = (provider(world, "my-agent").await, provider(world, "eve").await, world.stranger());
    let agent = shop.post("/api/v1/agents", &json!({"display_name": "One"})).await.expect(201);
    let path = format!("/api/v1/agents/{}", text(&agent["agent_id"]));
    let (ask, verify) = (format!("{path}/challenges"), format!("{path}/verify/did"));
    stranger.post(&ask, &json!({})).await.expect_problem(401);
    eve.post(&ask, &json!({})).await.expect_problem(403);
    let challenge = shop.post(&ask, &json!({})).await.expect(201);
    let good = json!({"did": DID, "proof": answer(DID, &challenge, json!({}))});
    eve.post(&verify, &good).await.expect_problem(403);
    for changes in [json!({"aud": "else.example"}), json!({"exp": 1}), json!({"sub": "did:key:z6Mk"})] {
        let body = json!({"did": DID, "proof": answer(DID, &challenge, changes)});
        assert_eq!(shop.post(&verify, &body).await.expect_problem(400)["type"], "proof-refused");
    }
    let unknown = json!({"did": DID, "proof": answer(DID, &challenge, json!({"nonce": "guessed"}))});
    assert_eq!(shop.post(&verify, &unknown).await.expect_problem(409)["type"], "challenge-unknown");
    for did in ["did:web:127.0.0.1", "did:web:169.254.169.254", "did:ion:x", ""] {
        let body = json!({"did": did, "proof": answer(did, &challenge, json!({}))});
        assert_eq!(shop.post(&verify, &body).await.expect_problem(400)["type"], "did-not-usable", "{did}");
    }
    // Without the operator's word nobody on this machine is asked.
    let inner = json!({"did": "did:web:localhost%3A9", "proof": answer("did:web:localhost%3A9", &challenge, json!({}))});
    assert_eq!(shop.post(&verify, &inner).await.expect_problem(502)["type"], "keys-unavailable");
    let replies = together(20, |_| {
        let (shop, verify, good) = (shop.clone(), verify.clone(), good.clone());
        async move { shop.post(&verify, &good).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 1), (409, 19)].into());
    let told = stranger.get(&format!("{path}/verification")).await.expect(200);
    assert_eq!((&told["verified"], &told["method"], &told["subject"]), (&json!(false), &json!("did_control"), &json!(DID)));
    assert_eq!(stranger.get(&path).await.expect(200)["identity_type"], "did_vc");
}

async fn nobodys_server_is_asked_before_the_challenge_is_good_and_so_often_a_minute(world: &mut World) {
    world.restart_with(&["--outbound-allow=127.0.0.0/8,localhost"]).await;
    let (shop, there) = (provider(world, "my-agent").await, Agent::start(Answer::Json(200, json!({}))).await);
    let port = there.url.trim_start_matches("http://127.0.0.1:").split('/').next().unwrap().to_owned();
    let agent = async |name: &str| {
        let made = shop.post("/api/v1/agents", &json!({"display_name": name})).await.expect(201);
        format!("/api/v1/agents/{}", text(&made["agent_id"]))
    };
    let (one, two) = (agent("One").await, agent("Two").await);
    let challenge = async |path: &str| shop.post(&format!("{path}/challenges"), &json!({})).await.expect(201);
    let (mine, other) = (challenge(&one).await, challenge(&two).await);
    let verify = format!("{one}/verify/did");
    let answered = |name: &str, challenge: &Value, changes: Value| {
        let did = format!("did:web:localhost%3A{port}:{name}");
        json!({"did": did, "proof": answer(&did, challenge, changes)})
    };
    for body in [answered("a", &other, json!({})), answered("a", &mine, json!({"nonce": "guessed"}))] {
        assert_eq!(shop.post(&verify, &body).await.expect_problem(409)["type"], "challenge-unknown");
    }
    assert_eq!(there.calls(), 0);
    // Whichever of its agents and keys an owner asks for: what it has had fetched is counted together.
    let second = shop.post("/api/v1/keys", &json!({"owner_id": "my-agent"})).await.expect(201);
    let second = with_key(world, &second);
    let mut types = std::collections::BTreeMap::new();
    for n in 0..14 {
        let (path, challenge) = if n % 2 == 0 { (&one, &mine) } else { (&two, &other) };
        let api = if n % 4 < 2 { &shop } else { &second };
        let reply = api.post(&format!("{path}/verify/did"), &answered(&format!("a{n}"), challenge, json!({}))).await;
        *types.entry(text(&reply.json()["type"])).or_insert(0) += 1;
        if reply.status == 429 {
            assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
            assert!(reply.header("retry-after").is_some_and(|seconds| (1..=61).contains(&seconds.parse::<u32>().unwrap())));
        }
    }
    assert_eq!(types, [("fetched-enough".to_owned(), 4), ("keys-unavailable".to_owned(), 10)].into());
    assert_eq!(there.calls(), 10);
    // A key that needs no fetching is none of that.
    let good = json!({"did": DID, "proof": answer(DID, &mine, json!({}))});
    shop.post(&verify, &good).await.expect(200);
}

async fn a_server_in_earnest_does_not_start_with_proofs_that_prove_nothing(world: &mut World) {
    for (flags, named) in [
        (vec!["--sandbox=false", "--kya-issuers=https://kya.example=https://kya.example/jwks"], "RIALTO_KYA_AUDIENCE"),
        (
            vec!["--sandbox=false", "--kya-issuers=https://kya.example=http://kya.example/jwks", "--kya-audience=us"],
            "RIALTO_KYA_ISSUERS",
        ),
    ] {
        let fixed = ["--listen=127.0.0.1:0", "--jwt-secret=a secret of the test suite, long enough", "serve"];
        let all: Vec<&str> = fixed.into_iter().chain(flags).collect();
        let log = Server::try_start(&world.place.url, &all).await.err().unwrap_or_else(|| panic!("it started: {all:?}"));
        assert!(log.contains(named), "{log}");
    }
    world.restart_with(&["--kya-issuers=https://kya.example=http://kya.example/jwks"]).await;
    world.stranger().get("/ready").await.expect(200);
}

async fn a_credential_is_asked_for_where_issuers_are_trusted(world: &mut World) {
    let document = Make::of(|head, _| {
        let host = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned)).unwrap();
        let did = format!("did:web:{}", host.trim().replace(':', "%3A"));
        let key = json!({"id": "#k", "controller": did, "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": X}});
        let document = json!({"id": did, "verificationMethod": [key], "authentication": ["#k"]});
        (if head.starts_with("GET /.well-known/did.json ") { 200 } else { 404 }, document.to_string().into_bytes())
    });
    let host = Agent::start(Answer::Made(document)).await;
    let port = host.url.trim_start_matches("http://127.0.0.1:").trim_end_matches("/invoke");
    let holder = format!("did:web:localhost%3A{port}");
    with_admin(world, &["--outbound-allow=127.0.0.0/8,localhost", &format!("--did-trusted-issuers={DID}")]).await;
    let shop = provider(world, "my-agent").await;
    let agent = shop.post("/api/v1/agents", &json!({"display_name": "One", "identity_type": "did_vc"})).await.expect(201);
    let path = format!("/api/v1/agents/{}", text(&agent["slug"]));
    let challenge = shop.post(&format!("{path}/challenges"), &json!({})).await.expect(201);
    let proof = answer(&holder, &challenge, json!({}));
    let show = async |credential: Value| {
        let body = json!({"did": holder, "proof": proof, "credential": credential});
        shop.post(&format!("{path}/verify/did"), &body).await
    };
    let credential = |issuer: &str, subject: &str, end: i64| {
        let vc = json!({"type": ["VerifiableCredential"], "credentialSubject": {"id": subject}});
        answer(issuer, &json!({}), json!({"sub": subject, "exp": end, "vc": vc}))
    };
    assert_eq!(show(json!(null)).await.expect_problem(400)["type"], "credential-required");
    assert_eq!(show(json!(credential(&holder, &holder, END))).await.expect_problem(400)["type"], "issuer-not-trusted");
    assert_eq!(show(json!(credential(DID, DID, END))).await.expect_problem(400)["type"], "proof-refused");
    assert_eq!(show(json!(credential(DID, &holder, 1))).await.expect_problem(400)["type"], "proof-refused");
    let soon = rialto_kernel::Clock::system().now().seconds() + 3;
    assert_eq!(show(json!(credential(DID, &holder, soon))).await.expect(200)["verified"], true);
    let told = world.stranger().get(&format!("{path}/verification")).await.expect(200);
    assert_eq!((&told["method"], &told["issuer"], &told["subject"]), (&json!("did_vc"), &json!(DID), &json!(holder)));
    // It ends when the credential does.
    eventually("the credential ends", async || {
        let told = world.stranger().get(&format!("{path}/verification")).await.expect(200);
        (told["verified"] == false).then_some(())
    })
    .await;
    assert_eq!(world.stranger().get(&path).await.expect(200)["verified"], false);
}

journeys! {
    a_token_verifies_an_agent,
    a_key_verifies_an_agent,
    nobodys_server_is_asked_before_the_challenge_is_good_and_so_often_a_minute,
    a_server_in_earnest_does_not_start_with_proofs_that_prove_nothing,
    a_credential_is_asked_for_where_issuers_are_trusted,
}
