//! Commerce keys on both databases.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

mod world;

use std::time::Duration;

use rialto_identity::{
    IdentityConfig, IdentityError, IssuedApiKey, KeyRole, NewCommerceKey, RATE_LIMIT_MAX, create_admin, create_commerce_key,
    list_api_keys, owner_name,
};
use rialto_kernel::{Caller, OwnerId, PageRequest, Role, Timestamp};
use rialto_store::{Tx, suite, testing::TestDb};

use crate::world::{MINUTE, World, caller, named, registration};

fn key_of(owner: &str, role: KeyRole) -> NewCommerceKey {
    NewCommerceKey { owner: owner.into(), role, rate_limit_per_minute: 60, wallet_address: None, expires_at: None }
}

fn buyer(owner: &str) -> NewCommerceKey {
    key_of(owner, KeyRole::Buyer)
}

fn provider(owner: &str) -> NewCommerceKey {
    key_of(owner, KeyRole::Provider)
}

impl World {
    async fn make(&self, who: Option<Caller>, new: NewCommerceKey) -> Result<IssuedApiKey, IdentityError> {
        let now = self.clock.now();
        self.db.write(async move |tx: &mut Tx| create_commerce_key(tx, who.as_ref(), &new, now).await).await
    }

    async fn who(&self, key: &IssuedApiKey) -> Caller {
        self.with_bearer(&format!("{}:{}", key.key.public_name(), key.secret.expose())).await.unwrap()
    }

    async fn root(&self) -> Caller {
        let (new, now) = (self.identity.prepare(registration("root@example.com")).await.unwrap(), self.clock.now());
        self.db.write(async move |tx: &mut Tx| create_admin(tx, &new, now).await).await.unwrap();
        let token = self.login("root@example.com", world::PASSWORD).await.unwrap().access_token;
        self.with_bearer(token.expose()).await.unwrap()
    }
}

async fn of_two_first_keys_of_a_name_one_is_made(test: &TestDb) {
    let world = World::new(test);
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (db, now) = (world.db.clone(), world.clock.now());
        let make = async move |tx: &mut Tx| create_commerce_key(tx, None, &buyer("my-agent"), now).await;
        tasks.push(tokio::spawn(async move { db.write(make).await }));
    }
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert_eq!(error, IdentityError::OwnerTaken),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(world.lines("SELECT external_id AS line FROM owners").await, ["my-agent"]);
    assert_eq!(world.lines("SELECT kind AS line FROM outbox").await, ["api_key.created"]);
}

async fn a_claimed_name_is_its_owners_alone(test: &TestDb) {
    let world = World::new(test);
    let first = world.make(None, buyer(" my-agent ")).await.unwrap();
    let mine = world.who(&first).await;
    assert_eq!((mine.role, mine.rate_limit_per_minute, mine.may_sell()), (Role::Buyer, Some(60), false));
    let other = world.who(&world.make(None, buyer("other")).await.unwrap()).await;
    let user = caller(&world.register("ada@example.com").await.unwrap());
    let viewer = Caller { role: Role::Viewer, ..mine };
    let taken = IdentityError::OwnerTaken;
    let foreign = |role: KeyRole| IdentityError::NotForOthers(role.as_str());
    let refusals = [
        (None, buyer("my-agent"), taken.clone()),
        (Some(other), buyer("my-agent"), taken.clone()),
        (Some(user), buyer("my-agent"), taken.clone()),
        // A user is an owner too, by its id in any spelling.
        (None, buyer(&user.owner.to_string()), taken.clone()),
        (Some(other), buyer(&user.owner.to_string().to_uppercase()), taken),
        (None, provider("my-agent"), IdentityError::Unauthenticated),
        (None, provider("nobody-yet"), IdentityError::Unauthenticated),
        (Some(other), provider("my-agent"), foreign(KeyRole::Provider)),
        (Some(other), provider("nobody-yet"), foreign(KeyRole::Provider)),
        (Some(mine), key_of("my-agent", KeyRole::Admin), foreign(KeyRole::Admin)),
        (Some(viewer), buyer("my-agent"), IdentityError::Forbidden),
    ];
    for (who, new, refusal) in refusals {
        let said = format!("{who:?} {new:?}");
        assert_eq!(world.make(who, new).await.unwrap_err(), refusal, "{said}");
    }
    let selling = world.who(&world.make(Some(mine), provider("my-agent")).await.unwrap()).await;
    assert_eq!((selling.owner, selling.role, selling.may_sell()), (mine.owner, Role::Operator, true));
    world.make(Some(selling), buyer("my-agent")).await.unwrap();
    let own = world.make(Some(user), provider(&user.owner.to_string())).await.unwrap();
    assert_eq!(world.who(&own).await.owner, user.owner);
    // A key that a user lent out for buying makes none that sells.
    let lent = world.who(&world.make(Some(user), buyer(&user.owner.to_string())).await.unwrap()).await;
    let wish = world.make(Some(lent), provider(&user.owner.to_string())).await;
    assert_eq!(wish.unwrap_err(), IdentityError::Forbidden);
    let name = async |owner: OwnerId| world.db.read(async move |tx: &mut Tx| owner_name(tx, owner).await).await.unwrap();
    assert_eq!((name(mine.owner).await, name(user.owner).await), ("my-agent".to_owned(), user.owner.to_string()));
}

async fn an_administrator_may_make_keys_for_everybody(test: &TestDb) {
    let world = World::new(test);
    let root = world.root().await;
    let user = caller(&world.register("ada@example.com").await.unwrap());
    let fast = NewCommerceKey { rate_limit_per_minute: 100_000, ..key_of("ops", KeyRole::Admin) };
    let ops = world.who(&world.make(Some(root), fast).await.unwrap()).await;
    assert_eq!((ops.is_admin(), ops.rate_limit_per_minute), (true, Some(100_000)));
    world.make(Some(ops), provider("shop")).await.unwrap();
    world.make(Some(ops), buyer("shop")).await.unwrap();
    // A user's key can do no more than the user, so it is not made as if it could.
    let lie = key_of(&user.owner.to_string(), KeyRole::Admin);
    assert_eq!(world.make(Some(ops), lie).await.unwrap_err(), IdentityError::Forbidden);
}

async fn what_a_key_may_not_be_is_named(test: &TestDb) {
    let world = World::new(test);
    let good = buyer("x");
    for (field, wrong) in [
        ("owner_id", buyer(" ")),
        ("owner_id", buyer(&"x".repeat(256))),
        ("owner_id", buyer("a\nb")),
        ("owner_id", buyer("shop\u{200b}")),
        ("owner_id", buyer("sh\u{202e}op")),
        ("owner_id", buyer("sh\u{ad}op")),
        ("owner_id", buyer(&OwnerId::new().to_string())),
        ("rate_limit", NewCommerceKey { rate_limit_per_minute: 0, ..good.clone() }),
        ("rate_limit", NewCommerceKey { rate_limit_per_minute: RATE_LIMIT_MAX + 1, ..good.clone() }),
        ("wallet_address", NewCommerceKey { wallet_address: Some(String::new()), ..good.clone() }),
        ("wallet_address", NewCommerceKey { wallet_address: Some("x".repeat(129)), ..good.clone() }),
    ] {
        let refused = world.make(None, wrong).await;
        assert!(matches!(&refused, Err(IdentityError::Invalid { field: named, .. }) if *named == field), "{field}: {refused:?}");
    }
}

async fn no_key_outlives_the_one_it_was_made_with(test: &TestDb) {
    let world = World::new(test);
    let end = world.clock.now().after(MINUTE);
    let lent = world.make(None, NewCommerceKey { expires_at: Some(end), ..buyer("lender") }).await.unwrap();
    let borrower = world.who(&lent).await;
    for wish in [None, Some(end.after(MINUTE)), Some(end)] {
        let made = world.make(Some(borrower), NewCommerceKey { expires_at: wish, ..provider("lender") }).await.unwrap();
        assert_eq!(made.key.expires_at, Some(end));
    }
    let sooner = Some(end.before(Duration::from_secs(1)));
    let made = world.make(Some(borrower), NewCommerceKey { expires_at: sooner, ..buyer("lender") }).await.unwrap();
    assert_eq!(made.key.expires_at, sooner);
    world.delete(borrower, lent.key.id).await.unwrap();
    assert_eq!(world.make(Some(borrower), buyer("lender")).await.unwrap_err(), IdentityError::Unauthenticated);
}

async fn keys_are_revoked_by_either_name_and_only_by_their_owner(test: &TestDb) {
    let world = World::new(test);
    let first = world.make(None, buyer("mine")).await.unwrap();
    let (mine, other) = (world.who(&first).await, world.who(&world.make(None, buyer("other")).await.unwrap()).await);
    let second = world.make(Some(mine), provider("mine")).await.unwrap();
    let plain = world.issue(Caller { role: Role::Operator, ..mine }, named("plain")).await.unwrap();
    let page = PageRequest::first(10);
    let listed = world.db.read(async move |tx: &mut Tx| list_api_keys(tx, &mine, page).await).await.unwrap();
    assert_eq!(listed.total, 3);
    for key in [&second, &plain] {
        let name = key.key.public_name();
        assert_eq!(world.identity.delete_key(&other, name).await.unwrap_err(), IdentityError::NotYourKey);
        assert_eq!(world.identity.delete_key(&mine, name).await.unwrap().id, key.key.id);
        assert_eq!(world.identity.delete_key(&mine, name).await.unwrap_err(), IdentityError::ApiKeyNotFound);
    }
    assert_eq!(world.with_key(&second.secret).await, Err(IdentityError::Unauthenticated));
}

async fn a_revoked_key_is_forgotten_at_once_here_and_within_a_second_elsewhere(test: &TestDb) {
    let (here, elsewhere) = (World::with(test, IdentityConfig::default()), World::with(test, IdentityConfig::default()));
    let first = here.make(None, buyer("mine")).await.unwrap();
    let pair = format!("{}:{}", first.key.public_name(), first.secret.expose());
    let by_id = format!("{}:{}", first.key.id, first.secret.expose());
    let mine = here.with_bearer(&pair).await.unwrap();
    for text in [&pair, &by_id] {
        assert_eq!(elsewhere.with_bearer(text).await, Ok(mine));
    }
    // What is remembered is remembered under the key's own names alone.
    let stranger = here.make(None, buyer("other")).await.unwrap().key.public_name();
    let mixed = format!("{stranger}:{}", first.secret.expose());
    assert_eq!(elsewhere.with_bearer(&mixed).await, Err(IdentityError::Unauthenticated));
    here.identity.delete_key(&mine, first.key.public_name()).await.unwrap();
    assert_eq!(here.with_bearer(&pair).await, Err(IdentityError::Unauthenticated));
    elsewhere.clock.advance(Duration::from_secs(1));
    assert_eq!(elsewhere.with_bearer(&pair).await, Err(IdentityError::Unauthenticated));
    let second = here.make(None, buyer("third")).await.unwrap();
    let third = here.who(&second).await;
    here.sql("DELETE FROM api_keys".into()).await;
    assert_eq!(here.who(&second).await, third, "nobody has told this process");
    here.clock.advance(Duration::from_secs(1));
    assert_eq!(here.with_key(&second.secret).await, Err(IdentityError::Unauthenticated));
}

async fn a_remembered_key_expires_on_time(test: &TestDb) {
    let world = World::with(test, IdentityConfig::default());
    let end: Timestamp = world.clock.now().after(Duration::from_millis(10));
    let brief = world.make(None, NewCommerceKey { expires_at: Some(end), ..buyer("brief") }).await.unwrap();
    world.who(&brief).await;
    world.clock.advance(Duration::from_millis(10));
    assert_eq!(world.with_key(&brief.secret).await, Err(IdentityError::Expired));
}

async fn a_key_for_everybody_is_good_as_long_as_its_maker_is(test: &TestDb) {
    let world = World::new(test);
    let root = world.root().await;
    let admin = |owner: &str| key_of(owner, KeyRole::Admin);
    // By the user, by the key that made, and by a key of another kind that this made.
    let ops = world.make(Some(root), admin("ops")).await.unwrap();
    let night = world.make(Some(world.who(&ops).await), admin("night")).await.unwrap();
    let shop = world.make(Some(root), provider("shop")).await.unwrap();
    let script = world.issue(world.who(&ops).await, named("script")).await.unwrap();
    let own = world.make(Some(root), key_of(&root.owner.to_string(), KeyRole::Admin)).await.unwrap();
    // That of a user who is an administrator too is that user's own right, whoever made it.
    let ada = world.register("ada@example.com").await.unwrap().id;
    let set = async |sql: &str| {
        let sql = format!("UPDATE users SET {sql}");
        world.db.write(async move |tx: &mut Tx| tx.batch(&sql).await).await.unwrap();
    };
    set("role = 'admin' WHERE email = 'ada@example.com'").await;
    let adas = world.make(Some(root), key_of(&ada.to_string(), KeyRole::Admin)).await.unwrap();
    // Whose right made what is for others can be seen, and what they made of it.
    let stall = world.make(Some(world.who(&shop).await), buyer("shop")).await.unwrap();
    let makers = [&ops, &night, &shop, &stall, &script, &own, &adas].map(|key| key.key.maker == Some(root.owner));
    assert_eq!(makers, [true, true, true, true, true, false, true]);
    let (shopper, page) = (world.who(&shop).await, PageRequest::first(10));
    let listed = world.db.read(async move |tx: &mut Tx| list_api_keys(tx, &shopper, page).await).await.unwrap();
    assert!(listed.total == 2 && listed.items.iter().all(|key| key.maker == Some(root.owner)));
    let all = [&ops, &night, &script, &own, &adas];
    let roles = async || {
        let mut roles = Vec::new();
        for key in all {
            let who = world.with_bearer(&format!("{}:{}", key.key.public_name(), key.secret.expose())).await;
            roles.push(who.map(|caller| caller.role).ok());
        }
        roles
    };
    let root_is = async |what: &str| set(&format!("{what} WHERE email = 'root@example.com'")).await;
    let admins = vec![Some(Role::Admin); 5];
    assert_eq!(roles().await, admins);
    root_is("role = 'operator'").await;
    let (weak, strong) = (Some(Role::Operator), Some(Role::Admin));
    assert_eq!(roles().await, [None, None, None, weak, strong], "a user's own is no stronger and no weaker than the user");
    root_is("role = 'admin', is_active = FALSE").await;
    assert_eq!(roles().await, [None, None, None, None, strong]);
    assert_eq!(world.who(&shop).await.role, Role::Operator, "what it could have made itself is its own");
    root_is("is_active = TRUE").await;
    assert_eq!(roles().await, admins);
    set("role = 'operator' WHERE email = 'ada@example.com'").await;
    assert_eq!(roles().await.last(), Some(&weak));
}

suite! {
    of_two_first_keys_of_a_name_one_is_made,
    a_claimed_name_is_its_owners_alone,
    an_administrator_may_make_keys_for_everybody,
    what_a_key_may_not_be_is_named,
    no_key_outlives_the_one_it_was_made_with,
    keys_are_revoked_by_either_name_and_only_by_their_owner,
    a_revoked_key_is_forgotten_at_once_here_and_within_a_second_elsewhere,
    a_remembered_key_expires_on_time,
    a_key_for_everybody_is_good_as_long_as_its_maker_is,
}
