//! Identity on both databases.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod world;

use std::time::Duration;

use rialto_identity::{
    AdminOutcome, ApiKeyId, Email, IdentityError, Login, NewApiKey, Registration, Secret, create_admin, list_api_keys, me,
    promote, register,
};
use rialto_kernel::{Caller, CredentialKind, OwnerId, PageRequest, Role, Timestamp};
use rialto_store::{Tx, suite, testing::TestDb};

use crate::world::{MINUTE, PASSWORD, World, caller, named, registration};

async fn whoever_registers_can_log_in_and_is_known(test: &TestDb) {
    let world = World::new(test);
    let user = world.register("Ada.L@Example.COM").await.unwrap();
    assert_eq!((user.email.as_str(), user.role, user.is_active), ("Ada.L@example.com", Role::Operator, true));
    let session = world.login("ada.l@EXAMPLE.com", PASSWORD).await.unwrap();
    assert_eq!((&session.user, session.expires_in), (&user, 604_800));
    let caller = world.with_bearer(session.access_token.expose()).await.unwrap();
    assert_eq!((caller.owner, caller.role, caller.credential), (user.id, Role::Operator, CredentialKind::Token));
    let found = world.db.read(async move |tx: &mut Tx| me(tx, &caller).await).await.unwrap();
    assert_eq!(found, user);
    world.clock.advance(Duration::from_secs(604_800));
    assert_eq!(world.with_bearer(session.access_token.expose()).await, Err(IdentityError::Expired));
    let stranger = Caller { owner: OwnerId::new(), ..caller };
    let found = world.db.read(async move |tx: &mut Tx| me(tx, &stranger).await).await;
    assert_eq!(found, Err(IdentityError::UserNotFound));
}

async fn ten_registrations_of_one_address_make_one_user(test: &TestDb) {
    let world = World::new(test);
    let mut tasks = Vec::new();
    for n in 0..10 {
        let email = if n % 2 == 0 { "ada@example.com" } else { "ADA@Example.com" };
        let new = world.identity.prepare(registration(email)).await.unwrap();
        let (db, now) = (world.db.clone(), world.clock.now());
        tasks.push(tokio::spawn(async move { db.write(async move |tx: &mut Tx| register(tx, &new, now).await).await }));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(IdentityError::EmailTaken))), "{results:?}");
    // The losers leave no owner and no event behind.
    assert_eq!(world.lines("SELECT kind AS line FROM owners").await, ["user"]);
    assert_eq!(world.lines("SELECT kind AS line FROM outbox").await, ["user.registered"]);
}

async fn fields_that_cannot_be_taken_are_named(test: &TestDb) {
    let world = World::new(test);
    let good = registration("ada@example.com");
    let long = Some("x".repeat(256));
    for (field, wrong) in [
        ("email", Registration { email: "ada".into(), ..good.clone() }),
        ("password", Registration { password: Secret::new(""), ..good.clone() }),
        ("first_name", Registration { first_name: long.clone(), ..good.clone() }),
        ("last_name", Registration { last_name: long.clone(), ..good.clone() }),
    ] {
        let refused = world.identity.prepare(wrong).await;
        assert!(matches!(&refused, Err(IdentityError::Invalid { field: named, .. }) if *named == field), "{field}: {refused:?}");
    }
    let ada = caller(&world.register("ada@example.com").await.unwrap());
    let unlimited = NewApiKey { rate_limit_per_minute: Some(0), ..named("x") };
    for (field, wrong) in [("name", named(" ")), ("name", named(&"x".repeat(256))), ("rate_limit_per_minute", unlimited)] {
        let refused = world.issue(ada, wrong).await;
        assert!(matches!(&refused, Err(IdentityError::Invalid { field: named, .. }) if *named == field), "{field}: {refused:?}");
    }
}

async fn a_key_is_taken_in_both_forms_until_it_is_deleted(test: &TestDb) {
    let world = World::new(test);
    let ada = caller(&world.register("ada@example.com").await.unwrap());
    let bob = caller(&world.register("bob@example.com").await.unwrap());
    let issued = world.issue(ada, NewApiKey { rate_limit_per_minute: Some(7), ..named("laptop") }).await.unwrap();
    let (id, secret) = (issued.key.id, issued.secret);
    assert_eq!(secret.expose().len(), 43);
    let known = world.with_key(&secret).await.unwrap();
    let expected =
        Caller { owner: ada.owner, role: Role::Operator, credential: CredentialKind::ApiKey(id), rate_limit_per_minute: Some(7) };
    assert_eq!(known, expected);
    assert_eq!(world.with_bearer(&format!("{id}:{}", secret.expose())).await, Ok(expected));
    let other_id = ApiKeyId::new();
    assert_eq!(
        world.with_bearer(&format!("{other_id}:{}", secret.expose())).await,
        Err(IdentityError::Unauthenticated),
        "the id has to be the key's own"
    );
    assert_eq!(world.with_key(&Secret::new("A".repeat(43))).await, Err(IdentityError::Unauthenticated));
    assert_eq!(world.delete(bob, id).await, Err(IdentityError::NotYourKey));
    assert_eq!(world.delete(ada, other_id).await, Err(IdentityError::ApiKeyNotFound));
    assert_eq!(world.delete(ada, id).await, Ok(()));
    assert_eq!(world.with_key(&secret).await, Err(IdentityError::Unauthenticated));
    assert_eq!(world.delete(ada, id).await, Err(IdentityError::ApiKeyNotFound));
    let kinds = world.lines("SELECT kind AS line FROM outbox WHERE kind LIKE 'api_key.%' ORDER BY seq").await;
    assert_eq!(kinds, ["api_key.created", "api_key.deleted"]);
}

async fn a_key_with_an_expiry_works_and_expires(test: &TestDb) {
    let world = World::new(test);
    let ada = caller(&world.register("ada@example.com").await.unwrap());
    let end = world.clock.now().after(MINUTE);
    let issued = world.issue(ada, NewApiKey { expires_at: Some(end), ..named("guest") }).await.unwrap();
    assert_eq!(issued.key.expires_at, Some(end));
    assert!(world.with_key(&issued.secret).await.is_ok());
    world.clock.advance(MINUTE - Duration::from_micros(1));
    assert!(world.with_key(&issued.secret).await.is_ok());
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(world.with_key(&issued.secret).await, Err(IdentityError::Expired));
    for past in [Timestamp::from_micros(1), world.clock.now()] {
        let refused = world.issue(ada, NewApiKey { expires_at: Some(past), ..named("never") }).await;
        assert!(matches!(&refused, Err(IdentityError::Invalid { field: "expires_at", .. })), "{refused:?}");
    }
}

async fn keys_are_listed_newest_first_and_only_to_their_owner(test: &TestDb) {
    let world = World::new(test);
    let ada = caller(&world.register("ada@example.com").await.unwrap());
    let bob = caller(&world.register("bob@example.com").await.unwrap());
    for name in ["first", "second", "third"] {
        world.issue(ada, named(name)).await.unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    let list = async |caller: Caller, page: PageRequest| {
        let page = world.db.read(async move |tx: &mut Tx| list_api_keys(tx, &caller, page).await).await.unwrap();
        (page.items.into_iter().map(|key| key.name).collect::<Vec<_>>(), page.total)
    };
    let page = PageRequest::new(2, 0, 100).unwrap();
    assert_eq!(list(ada, page).await, (vec!["third".into(), "second".into()], 3));
    assert_eq!(list(ada, PageRequest::new(2, 2, 100).unwrap()).await, (vec!["first".into()], 3));
    assert_eq!(list(bob, page).await, (vec![], 0));
}

async fn the_last_use_of_a_key_is_noted_once_a_minute(test: &TestDb) {
    let world = World::new(test);
    let ada = caller(&world.register("ada@example.com").await.unwrap());
    let secret = world.issue(ada, named("busy")).await.unwrap().secret;
    let last_used = async || {
        let page = world.db.read(async move |tx: &mut Tx| list_api_keys(tx, &ada, PageRequest::first(1)).await).await;
        page.unwrap().items[0].last_used_at
    };
    let becomes = async |wanted: Timestamp| {
        for _ in 0..500 {
            if last_used().await == Some(wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the use was not noted");
    };
    assert_eq!(last_used().await, None);
    let first = world.clock.now();
    world.with_key(&secret).await.unwrap();
    assert_eq!(last_used().await, Some(first), "the first use is seen at once");
    world.clock.advance(Duration::from_micros(1));
    for _ in 0..20 {
        world.with_key(&secret).await.unwrap();
    }
    world.clock.advance(MINUTE - Duration::from_micros(2));
    world.with_key(&secret).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(last_used().await, Some(first));
    world.clock.advance(Duration::from_micros(1));
    world.with_key(&secret).await.unwrap();
    becomes(first.after(MINUTE)).await;
}

async fn a_login_does_the_same_work_whether_the_account_exists_or_not(test: &TestDb) {
    let world = World::new(test);
    let user = world.register("ada@example.com").await.unwrap();
    let work = async |email: &str, password: &str| {
        let before = world.identity.passwords().verified();
        let refused = world.login(email, password).await.unwrap_err();
        (refused, world.identity.passwords().verified() - before)
    };
    let same = (IdentityError::InvalidLogin, 1);
    assert_eq!(work("ada@example.com", "wrong").await, same);
    assert_eq!(work("nobody@example.com", "wrong").await, same);
    assert_eq!(work("nobody@example.com", "").await, same);
    world.sql(format!("UPDATE users SET is_active = false WHERE email = '{}'", user.email)).await;
    assert_eq!(work("ada@example.com", PASSWORD).await, same);
}

async fn an_inactive_user_is_out_at_once(test: &TestDb) {
    let world = World::new(test);
    let user = world.register("ada@example.com").await.unwrap();
    let token = world.login("ada@example.com", PASSWORD).await.unwrap().access_token;
    let key = world.issue(caller(&user), named("laptop")).await.unwrap().secret;
    world.sql("UPDATE users SET is_active = false".into()).await;
    assert_eq!(world.with_bearer(token.expose()).await, Err(IdentityError::Unauthenticated));
    assert_eq!(world.with_key(&key).await, Err(IdentityError::Unauthenticated));
}

async fn a_key_can_do_no_more_than_its_owner(test: &TestDb) {
    let world = World::new(test);
    let user = world.register("ada@example.com").await.unwrap();
    let capped = |cap| NewApiKey { role_cap: Some(cap), ..named("capped") };
    let ada = caller(&user);
    let admin = world.issue(ada, capped(Role::Admin)).await.unwrap().secret;
    assert_eq!(world.with_key(&admin).await.unwrap().role, Role::Operator);
    let viewer = world.issue(ada, capped(Role::Viewer)).await.unwrap();
    let viewer_caller = world.with_key(&viewer.secret).await.unwrap();
    assert_eq!(viewer_caller.role, Role::Viewer);
    assert_eq!(world.issue(viewer_caller, named("more")).await.unwrap_err(), IdentityError::Forbidden);
    assert_eq!(world.delete(viewer_caller, viewer.key.id).await.unwrap_err(), IdentityError::Forbidden);
    world.sql("UPDATE users SET role = 'viewer'".into()).await;
    assert_eq!(world.with_key(&admin).await.unwrap().role, Role::Viewer);
}

async fn a_key_made_with_a_key_gets_no_more_than_that_one(test: &TestDb) {
    let world = World::new(test);
    let user = world.register("ada@example.com").await.unwrap();
    let end = world.clock.now().after(MINUTE * 3);
    let lent = NewApiKey { expires_at: Some(end), rate_limit_per_minute: Some(5), ..named("lent") };
    let lent = world.issue(caller(&user), lent).await.unwrap();
    let borrower = world.with_key(&lent.secret).await.unwrap();
    let greedy = NewApiKey {
        expires_at: Some(end.after(MINUTE)),
        rate_limit_per_minute: Some(1_000),
        role_cap: Some(Role::Admin),
        ..named("greedy")
    };
    for wish in [greedy, named("plain")] {
        let key = world.issue(borrower, wish).await.unwrap().key;
        assert_eq!((key.expires_at, key.rate_limit_per_minute, key.role_cap), (Some(end), Some(5), Some(Role::Operator)));
    }
    let modest = NewApiKey { expires_at: Some(end.before(MINUTE)), rate_limit_per_minute: Some(1), ..named("modest") };
    let key = world.issue(borrower, modest).await.unwrap().key;
    assert_eq!((key.expires_at, key.rate_limit_per_minute), (Some(end.before(MINUTE)), Some(1)));
    world.delete(caller(&user), lent.key.id).await.unwrap();
    assert_eq!(world.issue(borrower, named("late")).await.unwrap_err(), IdentityError::Unauthenticated);
}

async fn an_owner_that_is_no_user_may_hold_keys(test: &TestDb) {
    let world = World::new(test);
    let owner = OwnerId::new();
    let literal = if world.db.is_postgres() { format!("'{owner}'") } else { format!("x'{}'", owner.uuid().simple()) };
    let now = if world.db.is_postgres() { "now()" } else { "0" };
    world.sql(format!("INSERT INTO owners VALUES ({literal}, 'external', 'acme', {now})")).await;
    let caller = Caller { owner, role: Role::Operator, credential: CredentialKind::Token, rate_limit_per_minute: None };
    let key = world.issue(caller, named("acme")).await.unwrap().secret;
    let known = world.with_key(&key).await.unwrap();
    assert_eq!((known.owner, known.role), (owner, Role::Operator));
}

async fn an_administrator_is_made_once_and_nobody_is_by_accident(test: &TestDb) {
    let world = World::new(test);
    let ada = world.register("ada@example.com").await.unwrap();
    let make = async |email: &str| {
        let (new, now) = (world.identity.prepare(registration(email)).await.unwrap(), world.clock.now());
        world.db.write(async move |tx: &mut Tx| create_admin(tx, &new, now).await).await
    };
    let Ok(AdminOutcome::Created(root)) = make("root@localhost").await else { panic!("it was not made") };
    assert_eq!(root.role, Role::Admin);
    assert_eq!(make("ROOT@localhost").await, Ok(AdminOutcome::Existed(root)));
    // Somebody may have registered the administrator's address before the administrator did.
    assert_eq!(make("ada@example.com").await, Err(IdentityError::EmailTaken));
    let promote = async |email: &str| {
        let (email, now) = (Email::parse(email).unwrap(), world.clock.now());
        world.db.write(async move |tx: &mut Tx| promote(tx, &email, now).await).await
    };
    let promoted = promote("ADA@example.com").await.unwrap();
    assert_eq!((promoted.id, promoted.role), (ada.id, Role::Admin));
    assert_eq!(promote("ada@example.com").await, Ok(promoted));
    assert_eq!(promote("nobody@example.com").await, Err(IdentityError::UserNotFound));
    let session = world.login("ada@example.com", PASSWORD).await.unwrap();
    assert!(world.with_bearer(session.access_token.expose()).await.unwrap().is_admin());
}

async fn no_secret_is_kept_told_or_printed(test: &TestDb) {
    let world = World::new(test);
    let user = world.register("ada@example.com").await.unwrap();
    let session = world.login("ada@example.com", PASSWORD).await.unwrap();
    let issued = world.issue(caller(&user), named("laptop")).await.unwrap();
    world.delete(caller(&user), issued.key.id).await.unwrap();
    let new = world.identity.prepare(registration("bob@example.com")).await.unwrap();
    let login = Login { email: "ada@example.com".into(), password: Secret::new(PASSWORD), address: None };
    let mut told = format!("{issued:?} {session:?} {:?} {new:?} {login:?} {:?}", registration("bob@example.com"), world.identity);
    for event in world.lines("SELECT kind || ' ' || CAST(data AS TEXT) AS line FROM outbox").await {
        told += &event;
    }
    for secret in [PASSWORD, issued.secret.expose(), session.access_token.expose(), "argon2id"] {
        assert!(!told.contains(secret), "{secret} is in {told}");
    }
    assert!(told.contains("api_key.created") && told.contains("Secret(…)"));
}

suite! {
    whoever_registers_can_log_in_and_is_known,
    ten_registrations_of_one_address_make_one_user,
    fields_that_cannot_be_taken_are_named,
    a_key_is_taken_in_both_forms_until_it_is_deleted,
    a_key_with_an_expiry_works_and_expires,
    keys_are_listed_newest_first_and_only_to_their_owner,
    the_last_use_of_a_key_is_noted_once_a_minute,
    a_login_does_the_same_work_whether_the_account_exists_or_not,
    an_inactive_user_is_out_at_once,
    a_key_can_do_no_more_than_its_owner,
    a_key_made_with_a_key_gets_no_more_than_that_one,
    an_owner_that_is_no_user_may_hold_keys,
    an_administrator_is_made_once_and_nobody_is_by_accident,
    no_secret_is_kept_told_or_printed,
}
