//! The registry on both databases: registering, reading, changing, rating, credentials, quality.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod world;

use std::{collections::HashSet, time::Duration};

use rialto_kernel::{AgentId, Amount, Caller, Role, Timestamp};
use rialto_registry::{
    self as registry, AgentChanges, AgentFilter, AgentRef, AgentSort, AuthType, Capability, CipherError, CredentialCipher,
    NewAgent, NewCredential, PricingStrategy, RegistryError,
};
use rialto_store::{Db, Tx, suite, testing::TestDb};
use serde_json::json;
use world::*;

async fn an_agent_comes_back_as_it_went_in_under_either_id(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let new = NewAgent {
        input_schema: Some(json!({"type": "object", "properties": {"text": {"type": "string"}}})),
        category: Some("text".into()),
        pricing_strategy: Some(PricingStrategy::Fixed),
        base_price: Some(Amount::new(25).unwrap()),
        pricing_enabled: true,
        supports_streaming: true,
        auth_type: AuthType::ApiKey,
        ..agent("Text Summarizer", "Makes long texts short.", &["Summary", "nlp", " summary "])
    };
    let agent = register(db, &owner, new, NOON).await;
    assert!(agent.slug.starts_with("text-summarizer-"), "{}", agent.slug);
    for reference in [AgentRef::parse(&agent.id.to_string()), AgentRef::parse(&agent.slug)] {
        let view = find(db, reference).await.unwrap();
        let read = view.agent;
        assert_eq!((read.id, &read.slug, read.owner), (agent.id, &agent.slug, owner.owner));
        assert_eq!((read.price(), read.pricing_strategy), (Some(Amount::new(25).unwrap()), Some(PricingStrategy::Fixed)));
        assert_eq!(read.tags, ["Summary", "nlp"]);
        assert!(read.is_active && read.supports_streaming && !read.has_credentials() && !read.is_brand_agent);
        assert_eq!((read.version.as_str(), read.trust_verification.as_str()), ("1.0.0", "self-signed"));
        assert_eq!((read.created_at, read.updated_at, read.rating_avg()), (NOON, NOON, None));
        let schema: serde_json::Value = serde_json::from_str(read.input_schema.unwrap().get()).unwrap();
        assert_eq!(schema["properties"]["text"]["type"], "string");
        assert_eq!((view.quality.calls, view.quality.success_rate()), (0, None));
    }
    assert_eq!(find(db, AgentRef::parse("nobody-00000000")).await.unwrap_err(), RegistryError::NotFound);
    assert_eq!(find(db, AgentId::new()).await.unwrap_err(), RegistryError::NotFound);
    assert_eq!(rows(db, "SELECT count(*) AS n FROM outbox WHERE kind = 'agent.registered'").await, 1);
}

async fn two_agents_of_one_name_are_two(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (db, owner) = (db.clone(), owner);
            tokio::spawn(async move { register(&db, &owner, agent("Echo", "Echoes.", &["echo"]), NOON).await.slug })
        })
        .collect();
    let mut slugs = HashSet::new();
    for task in tasks {
        slugs.insert(task.await.unwrap());
    }
    assert_eq!(slugs.len(), 20);
}

async fn a_manifest_is_kept_with_its_id_and_capabilities(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let capability = |id: &str, output: Option<_>, auth: Option<_>| Capability {
        id: id.into(),
        input_schema: Some(json!({"type": "object"})),
        output_schema: output,
        auth,
    };
    let new = NewAgent {
        agent_id: Some("agent:acme:translator:1.2.0".into()),
        version: "1.2.0".into(),
        capabilities: vec![
            capability("translate_text", Some(json!({"type": "string"})), Some(json!({"type": "bearer"}))),
            capability("detectLanguage", None, None),
        ],
        manifest: Some(json!({"trust": {"verification": "bank-of-x"}, "homepage": "kept"})),
        ..agent("Translator", "Translates.", &["nlp"])
    };
    let new = new.led_by_its_first_capability().unwrap();
    let agent = register(db, &owner, new.clone(), NOON).await;
    assert_eq!((agent.slug.as_str(), agent.auth_type), ("agent:acme:translator:1.2.0", AuthType::BearerToken));
    assert_eq!(agent.trust_verification, "self-signed");
    let id = agent.id;
    let capabilities = db.read(async move |tx: &mut Tx| registry::capabilities(tx, id).await).await.unwrap();
    assert_eq!(capabilities.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["translate_text", "detectLanguage"]);
    assert_eq!(capabilities[0].output_schema, Some(json!({"type": "string"})));
    assert_eq!(rows(db, "SELECT count(*) AS n FROM agents WHERE CAST(manifest AS text) LIKE '%homepage%'").await, 1);

    let taken = try_register(db, &operator(db).await, new.clone(), NOON).await;
    assert_eq!(taken.unwrap_err(), RegistryError::AgentIdTaken("agent:acme:translator:1.2.0".into()));
    delete(db, &owner, agent.id).await.unwrap();
    let gone = try_register(db, &owner, new.clone(), NOON).await;
    assert!(matches!(gone, Err(RegistryError::AgentIdTaken(_))), "not even after a delete");
    let odd = NewAgent { agent_id: Some("translator".into()), ..new };
    assert!(
        matches!(try_register(db, &owner, odd, NOON).await, Err(RegistryError::Invalid { field, .. }) if field == "agent_id")
    );
}

async fn what_breaks_a_rule_is_refused(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let good = || agent("Good", "Good.", &[]);
    let big = json!({"x": "y".repeat(70_000)});
    let capability = |id: &str| Capability { id: id.into(), input_schema: None, output_schema: None, auth: None };
    let cases: Vec<(&str, NewAgent)> = vec![
        ("name", NewAgent { name: " ".into(), ..good() }),
        ("name", NewAgent { name: "n".repeat(256), ..good() }),
        ("description", NewAgent { description: String::new(), ..good() }),
        ("description", NewAgent { description: "d".repeat(10_001), ..good() }),
        ("endpoint", NewAgent { endpoint: format!("https://x.example/{}", "e".repeat(2_048)), ..good() }),
        ("tags", NewAgent { tags: vec!["t".into(); 51], ..good() }),
        ("tags[1]", NewAgent { tags: vec!["t".into(), "t".repeat(65)], ..good() }),
        ("input_schema", NewAgent { input_schema: Some(json!([])), ..good() }),
        ("input_schema", NewAgent { input_schema: Some(big), ..good() }),
        ("capabilities[1].id", NewAgent { capabilities: vec![capability("a"), capability("a")], ..good() }),
        ("capabilities[0].id", NewAgent { capabilities: vec![capability("")], ..good() }),
    ];
    for (wanted, new) in cases {
        let refused = try_register(db, &owner, new, NOON).await;
        assert!(matches!(&refused, Err(RegistryError::Invalid { field, .. }) if field == wanted), "{wanted}: {refused:?}");
    }
    let viewer = somebody(db, Role::Viewer).await;
    assert_eq!(try_register(db, &viewer, good(), NOON).await.unwrap_err(), RegistryError::ReadOnly);
    let longest = NewAgent { name: "ü".repeat(255), description: "d".repeat(10_000), ..good() };
    register(db, &owner, longest, NOON).await;
    assert_eq!(rows(db, "SELECT count(*) AS n FROM agents").await, 1);
}

/// Twelve agents, one a minute, of which three deal with images.
async fn gallery(db: &Db, owner: &Caller) {
    for n in 0..12_u64 {
        let (tags, category): (&[&str], _) = match n % 4 {
            0 => (&["Image", "vision"], "media"),
            1 => (&["text"], "nlp"),
            2 => (&["text", "vision"], "nlp"),
            _ => (&[], "misc"),
        };
        let new = NewAgent {
            category: Some(category.into()),
            capabilities: (n % 4 == 3)
                .then(|| Capability { id: "plan_route".into(), input_schema: None, output_schema: None, auth: None })
                .into_iter()
                .collect(),
            ..agent(&format!("Agent {n:02}"), &format!("Does 100%_of {}", if n == 5 { "ÜBUNG" } else { "work" }), tags)
        };
        register(db, owner, new, at(n * 60)).await;
    }
}

async fn filters_hold_together(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    gallery(db, &owner).await;
    let all = AgentFilter::default;
    let some = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(listed(db, AgentFilter { tags: some(&["IMAGE"]), ..all() }).await, ["Agent 08", "Agent 04", "Agent 00"]);
    assert_eq!(listed(db, AgentFilter { tags: some(&["image", "text"]), ..all() }).await.len(), 9, "any of them");
    let both = AgentFilter { tags: some(&["vision"]), category: Some("nlp".into()), ..all() };
    assert_eq!(listed(db, both.clone()).await, ["Agent 10", "Agent 06", "Agent 02"]);
    let three = AgentFilter { created_since: Some(at(5 * 60)), ascending: true, ..both };
    assert_eq!(listed(db, three.clone()).await, ["Agent 06", "Agent 10"]);
    assert_eq!(listed(db, AgentFilter { search: Some("AGENT 1".into()), ..three }).await, ["Agent 10"]);
    for capability in ["plan_route", "text"] {
        let declared = AgentFilter { capability: Some(capability.into()), ..all() };
        assert_eq!(listed(db, declared).await.len(), if capability == "text" { 6 } else { 3 });
    }
    for (search, count) in [("übung", 1), ("100%_of", 12), ("100_", 0), ("%", 12), ("_", 12), ("\\", 0), ("' OR 1=1 --", 0)] {
        let found = listed(db, AgentFilter { search: Some(search.into()), ..all() }).await;
        assert_eq!(found.len(), count, "{search}");
    }
    let by_name = AgentFilter { sort: AgentSort::Name, ascending: true, ..all() };
    let slice = list(db, by_name, page(5, 5)).await;
    assert_eq!((names(&slice.items)[0].as_str(), slice.items.len(), slice.total), ("Agent 05", 5, 12));
    let beyond = list(db, all(), page(5, 500)).await;
    assert_eq!((beyond.items.len(), beyond.total), (0, 12));
    let too_long = AgentFilter { search: Some("x".repeat(300)), ..all() };
    let refused = db.read(async move |tx: &mut Tx| registry::list(tx, &too_long, page(1, 0), NOON).await).await;
    assert!(matches!(refused, Err(RegistryError::Invalid { .. })));
}

async fn an_owner_changes_an_agent_and_nobody_else_does(test: &TestDb) {
    let db = &test.db;
    let (owner, stranger, admin) = (operator(db).await, operator(db).await, somebody(db, Role::Admin).await);
    let before =
        register(db, &owner, NewAgent { base_price: Amount::new(5).ok(), ..agent("Old", "Old words.", &["a"]) }, NOON).await;
    let changes = AgentChanges {
        name: Some("New".into()),
        tags: Some(vec!["b".into()]),
        is_active: Some(false),
        capabilities: Some(vec![Capability { id: "fly".into(), input_schema: None, output_schema: None, auth: None }]),
        ..AgentChanges::default()
    };
    let refused = update(db, &stranger, before.id, changes.clone(), at(1)).await;
    assert_eq!(refused.unwrap_err().to_string(), "Not authorized to update this agent");
    assert_eq!(update(db, &owner, AgentId::new(), changes.clone(), at(1)).await.unwrap_err(), RegistryError::NotFound);
    let after = update(db, &owner, before.id, changes, at(1)).await.unwrap();
    assert_eq!((after.name.as_str(), after.description.as_str(), after.slug), ("New", "Old words.", before.slug));
    assert_eq!((after.base_price, after.created_at, after.updated_at), (Amount::new(5).ok(), NOON, at(1)));

    // Inactive: the owner sees it, lists and callers do not.
    assert!(!find(db, before.id).await.unwrap().agent.is_active);
    assert!(listed(db, AgentFilter::default()).await.is_empty() && found(db, "new old").await.is_empty());
    let id = before.id;
    assert!(db.read(async move |tx: &mut Tx| registry::find_callable(tx, &id.into()).await).await.unwrap().is_none());
    let mine = db.read(async move |tx: &mut Tx| registry::list_mine(tx, &owner, page(10, 0), NOON).await).await.unwrap();
    assert_eq!((names(&mine.items), mine.total), (vec!["New".to_owned()], 1));

    let on = AgentChanges { is_active: Some(true), ..AgentChanges::default() };
    update(db, &admin, before.id, on, at(2)).await.unwrap();
    assert_eq!(found(db, "fly").await, ["New"], "its capabilities are still there");
    assert_eq!(listed(db, AgentFilter { tags: vec!["a".into()], ..AgentFilter::default() }).await, Vec::<String>::new());
    assert_eq!(rows(db, "SELECT count(*) AS n FROM outbox WHERE kind = 'agent.updated'").await, 2);
}

async fn a_deleted_agent_is_gone_and_its_history_stays(test: &TestDb) {
    let db = &test.db;
    let (owner, stranger) = (operator(db).await, operator(db).await);
    let agent = register(db, &owner, agent("Doomed", "Doomed to vanish.", &["doom"]), NOON).await;
    let id = agent.id;
    db.write(async move |tx: &mut Tx| registry::record_call(tx, id, true, Duration::from_millis(5), NOON).await).await.unwrap();
    assert_eq!(rate(db, &stranger, id, 4).await, Ok(()));
    assert_eq!(delete(db, &stranger, id).await.unwrap_err().to_string(), "Not authorized to delete this agent");
    delete(db, &owner, id).await.unwrap();
    assert_eq!(delete(db, &owner, id).await.unwrap_err(), RegistryError::NotFound);
    for reference in [AgentRef::Id(id), AgentRef::parse(&agent.slug)] {
        assert_eq!(find(db, reference).await.unwrap_err(), RegistryError::NotFound);
    }
    assert!(listed(db, AgentFilter::default()).await.is_empty() && found(db, "doomed").await.is_empty());
    assert!(trending(db, 7).await.is_empty());
    assert_eq!(rate(db, &stranger, id, 1).await, Err(RegistryError::NotFound));
    let unchanged = update(db, &owner, id, AgentChanges { is_active: Some(true), ..AgentChanges::default() }, at(9)).await;
    assert_eq!(unchanged.unwrap_err(), RegistryError::NotFound);
    let names = db.read(async move |tx: &mut Tx| registry::names_of(tx, &[id, AgentId::new()]).await).await.unwrap();
    assert_eq!((names.len(), names[&id].name.as_str()), (1, "Doomed"));
    assert_eq!(
        rows(db, "SELECT count(*) AS n FROM agent_ratings").await + rows(db, "SELECT count(*) AS n FROM agent_quality").await,
        2
    );
    assert_eq!(rows(db, "SELECT count(*) AS n FROM outbox WHERE kind = 'agent.deleted'").await, 1);
}

async fn rate(db: &Db, caller: &Caller, agent: AgentId, score: i32) -> Result<(), RegistryError> {
    let caller = *caller;
    db.write(async move |tx: &mut Tx| registry::rate(tx, &caller, &agent.into(), score, Some("so so"), NOON).await.map(drop))
        .await
}

async fn ratings_add_up_whoever_comes_at_once(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let id = register(db, &owner, agent("Rated", "Rated.", &[]), NOON).await.id;
    let mut raters = Vec::new();
    for _ in 0..10 {
        raters.push(operator(db).await);
    }
    // Everybody rates three times at once; which of their three stays is open, the sums are not.
    let tasks: Vec<_> = (0..30_usize)
        .map(|n| {
            let (db, rater) = (db.clone(), raters[n % 10]);
            tokio::spawn(async move { rate(&db, &rater, id, 1 + i32::try_from(n % 5).unwrap()).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let rated = find(db, id).await.unwrap().agent;
    assert_eq!(rated.rating_count, 10);
    assert_eq!(i64::from(rated.rating_sum), rows(db, "SELECT CAST(sum(score) AS bigint) AS n FROM agent_ratings").await);
    for score in [0, 6, -1, i32::MAX] {
        assert!(matches!(rate(db, &raters[0], id, score).await, Err(RegistryError::Invalid { .. })));
    }
    assert_eq!(rate(db, &owner, id, 5).await, Err(RegistryError::OwnAgent));
    let listed = db.read(async move |tx: &mut Tx| registry::list_ratings(tx, &id.into(), page(3, 0)).await).await.unwrap();
    assert_eq!((listed.items.len(), listed.total, listed.items[0].comment.as_deref()), (3, 10, Some("so so")));
}

async fn trending(db: &Db, days: u32) -> Vec<(String, i64)> {
    let views = db.read(async move |tx: &mut Tx| registry::list_trending(tx, days, 10, at(100)).await).await.unwrap();
    views.into_iter().map(|view| (view.agent.name, view.invocation_count.unwrap())).collect()
}

async fn calls_are_counted_by_day(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let busy = register(db, &owner, agent("Busy", "Busy.", &[]), NOON).await.id;
    let calm = register(db, &owner, agent("Calm", "Calm.", &[]), NOON).await.id;
    register(db, &owner, agent("Idle", "Idle.", &[]), NOON).await;
    let days_ago = |days: u64| NOON.before(Duration::from_secs(days * 86_400));
    let mut calls: Vec<(AgentId, bool, u64, Timestamp)> = (0..20).map(|n| (busy, n % 4 != 0, 100, NOON)).collect();
    calls.extend([(calm, true, 10, NOON), (calm, true, 30, days_ago(8)), (calm, false, 1, days_ago(100))]);
    let tasks: Vec<_> = calls
        .into_iter()
        .map(|(id, success, ms, now)| {
            let db = db.clone();
            tokio::spawn(async move {
                let latency = Duration::from_millis(ms);
                db.write(async move |tx: &mut Tx| registry::record_call(tx, id, success, latency, now).await).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let quality = find(db, busy).await.unwrap().quality;
    assert_eq!((quality.calls, quality.success_rate(), quality.avg_latency_ms()), (20, Some(0.75), Some(100.0)));
    let quality = find(db, calm).await.unwrap().quality;
    assert_eq!((quality.calls, quality.avg_latency_ms()), (2, Some(20.0)), "a hundred days ago is too long ago");
    assert_eq!(trending(db, 7).await, [("Busy".to_owned(), 20), ("Calm".to_owned(), 1)]);
    assert_eq!(trending(db, 30).await, [("Busy".to_owned(), 20), ("Calm".to_owned(), 2)]);
    let new = db.read(async move |tx: &mut Tx| registry::list_new(tx, 7, page(2, 0), at(100)).await).await.unwrap();
    assert_eq!((new.items.len(), new.total), (2, 3));
    let later = NOON.after(Duration::from_secs(8 * 86_400));
    let none = db.read(async move |tx: &mut Tx| registry::list_new(tx, 7, page(2, 0), later).await).await.unwrap();
    assert_eq!(none.total, 0);

    let next_year = NOON.after(Duration::from_secs(395 * 86_400));
    let forget =
        async |limit| db.write(async move |tx: &mut Tx| registry::forget_old_calls(tx, next_year, limit).await).await.unwrap();
    assert_eq!((forget(1).await, forget(10).await, forget(10).await), (1, 1, 0));
    assert_eq!(rows(db, "SELECT count(*) AS n FROM agent_quality").await, 2);
}

async fn credentials_are_sealed_and_come_out_as_headers(test: &TestDb) {
    let db = &test.db;
    let (owner, stranger) = (operator(db).await, operator(db).await);
    let id = register(db, &owner, NewAgent { auth_type: AuthType::ApiKey, ..agent("Locked", "Locked.", &[]) }, NOON).await.id;
    let cipher = CredentialCipher::new(&[7; 32]);
    let set = async |caller: Caller, kind, secret: &str, header: Option<&str>, scheme: Option<&str>| {
        let (cipher, secret) = (cipher.clone(), secret.to_owned());
        let (auth_header, auth_scheme) = (header.map(str::to_owned), scheme.map(str::to_owned));
        let new = NewCredential { kind, secret: secret.into(), auth_header, auth_scheme };
        db.write(async move |tx: &mut Tx| registry::set_credential(tx, &cipher, &caller, &id.into(), &new, NOON).await).await
    };
    let header = async |cipher: CredentialCipher| {
        let agent = find(db, id).await.unwrap().agent;
        let read = db.read(async move |tx: &mut Tx| registry::credential_for(tx, &cipher, &agent).await).await;
        read.map(|header| header.map(|header| format!("{}: {}", header.name, header.value.as_str())))
    };
    assert_eq!(header(cipher.clone()).await, Ok(None));
    assert!(matches!(set(stranger, AuthType::ApiKey, "x", None, None).await, Err(RegistryError::NotOwner { .. })));
    for (kind, name, scheme, sent) in [
        (AuthType::ApiKey, None, None, "X-API-Key: plain-secret"),
        (AuthType::BearerToken, None, None, "Authorization: Bearer plain-secret"),
        (AuthType::BearerToken, None, Some("Token"), "Authorization: Token plain-secret"),
        (AuthType::ApiKey, Some("X-Key"), Some("Key"), "X-Key: Key plain-secret"),
        (AuthType::BearerToken, None, Some(""), "Authorization: plain-secret"),
    ] {
        set(owner, kind, "plain-secret", name, scheme).await.unwrap();
        assert_eq!(header(cipher.clone()).await.unwrap().as_deref(), Some(sent));
    }
    for (secret, name, scheme) in [
        ("", None, None),
        ("a\r\nX-Evil: 1", None, None),
        ("clé", None, None),
        ("x", Some("Host"), None),
        ("x", Some("content-LENGTH"), None),
        ("x", Some("a b"), None),
        ("x", None, Some("two words")),
    ] {
        let refused = set(owner, AuthType::ApiKey, secret, name, scheme).await;
        assert!(matches!(refused, Err(RegistryError::Invalid { .. })), "{secret:?} {name:?} {scheme:?}");
    }
    let other_key = header(CredentialCipher::new(&[8; 32])).await;
    assert!(matches!(other_key, Err(RegistryError::Cipher(CipherError::UnknownKey(_)))), "{other_key:?}");
    assert!(find(db, id).await.unwrap().agent.has_credentials());
    let leak = "SELECT count(*) AS n FROM agent_credentials WHERE CAST(ciphertext AS text) LIKE '%secret%'";
    assert_eq!((rows(db, leak).await, rows(db, "SELECT count(*) AS n FROM agent_credentials").await), (0, 1));

    let deleted = db.write(async move |tx: &mut Tx| registry::delete_credential(tx, &owner, &id.into(), NOON).await).await;
    assert_eq!((deleted, header(cipher.clone()).await), (Ok(()), Ok(None)));
    assert!(!find(db, id).await.unwrap().agent.has_credentials());
    set(owner, AuthType::ApiKey, "x", None, None).await.unwrap();
    delete(db, &owner, id).await.unwrap();
    assert_eq!(rows(db, "SELECT count(*) AS n FROM agent_credentials").await, 0, "a deleted agent keeps no secrets");
}

suite! {
    an_agent_comes_back_as_it_went_in_under_either_id,
    two_agents_of_one_name_are_two,
    a_manifest_is_kept_with_its_id_and_capabilities,
    what_breaks_a_rule_is_refused,
    filters_hold_together,
    an_owner_changes_an_agent_and_nobody_else_does,
    a_deleted_agent_is_gone_and_its_history_stays,
    ratings_add_up_whoever_comes_at_once,
    calls_are_counted_by_day,
    credentials_are_sealed_and_come_out_as_headers,
}
