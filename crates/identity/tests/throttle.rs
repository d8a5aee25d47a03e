//! Those who guess passwords, on both databases.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
mod world;

use rialto_identity::{IdentityConfig, IdentityError, Login, Secret};
use rialto_store::{suite, testing::TestDb};

use crate::world::{MINUTE, PASSWORD, World};

async fn nobody_can_lock_another_out_of_an_account(test: &TestDb) {
    let world = World::with(test, IdentityConfig { account_failures_max: 3, ..IdentityConfig::default() });
    world.register("ada@example.com").await.unwrap();
    for _ in 0..3 {
        world.login_from("198.51.100.1", "ada@example.com", "wrong").await.unwrap_err();
    }
    let thief = world.login_from("198.51.100.1", "ada@example.com", PASSWORD).await.unwrap_err();
    assert_eq!(thief, IdentityError::Throttled { retry_after: 15 * MINUTE });
    world.login_from("198.51.100.2", "ada@example.com", PASSWORD).await.unwrap();
}

async fn an_account_with_too_many_failures_is_not_heard_for_a_while(test: &TestDb) {
    let world = World::with(test, IdentityConfig { account_failures_anywhere_max: 3, ..IdentityConfig::default() });
    world.register("ada@example.com").await.unwrap();
    world.register("bob@example.com").await.unwrap();
    // An address that nobody has is throttled like one that somebody has.
    for email in ["ada@example.com", "nobody@example.com"] {
        for n in 0..3 {
            // Each from elsewhere: the account is counted, wherever they come from.
            let refused = world.login_from(&format!("198.51.100.{n}"), email, "wrong").await;
            assert_eq!(refused.unwrap_err(), IdentityError::InvalidLogin);
        }
        world.clock.advance(MINUTE);
        let verified = world.identity.passwords().verified();
        for password in ["wrong", PASSWORD] {
            let refused = world.login(&email.to_uppercase(), password).await.unwrap_err();
            assert_eq!(refused, IdentityError::Throttled { retry_after: 14 * MINUTE });
        }
        assert_eq!(world.identity.passwords().verified(), verified, "who is throttled costs no hashing");
    }
    world.login("bob@example.com", PASSWORD).await.unwrap();
    world.clock.advance(14 * MINUTE);
    world.login("ada@example.com", PASSWORD).await.unwrap();
}

async fn a_login_forgives_the_failures_of_its_account(test: &TestDb) {
    let world = World::with(test, IdentityConfig { account_failures_max: 3, ..IdentityConfig::default() });
    world.register("ada@example.com").await.unwrap();
    for _ in 0..4 {
        for _ in 0..2 {
            world.login("ada@example.com", "wrong").await.unwrap_err();
        }
        world.login("ada@example.com", PASSWORD).await.unwrap();
    }
}

async fn an_address_with_too_many_failures_is_not_heard_for_a_while(test: &TestDb) {
    let world = World::with(test, IdentityConfig { address_failures_max: 4, ..IdentityConfig::default() });
    world.register("ada@example.com").await.unwrap();
    for n in 0..4 {
        world.login_from("2001:db8::1", &format!("guess{n}@example.com"), "wrong").await.unwrap_err();
        // Logging in to an account of one's own does not wash them off.
        if n < 3 {
            world.login_from("2001:db8::2", "ada@example.com", PASSWORD).await.unwrap();
        }
    }
    let refused = world.login_from("2001:db8::ffff:1", "ada@example.com", PASSWORD).await.unwrap_err();
    assert_eq!(refused, IdentityError::Throttled { retry_after: 15 * MINUTE });
    world.login_from("2001:db8:0:1::1", "ada@example.com", PASSWORD).await.unwrap();
}

async fn guessing_in_parallel_gains_nothing(test: &TestDb) {
    let config = IdentityConfig { account_failures_anywhere_max: 3, hashes_at_once: 2, ..IdentityConfig::default() };
    let world = World::with(test, config);
    world.register("ada@example.com").await.unwrap();
    let before = world.identity.passwords().verified();
    let tasks: Vec<_> = (0..30)
        .map(|n| {
            let (identity, address) = (world.identity.clone(), format!("198.51.100.{n}").parse().unwrap());
            let login = Login { email: "ada@example.com".into(), password: Secret::new("wrong"), address: Some(address) };
            tokio::spawn(async move { identity.login(login).await })
        })
        .collect();
    let mut heard = 0;
    for task in tasks {
        heard += i32::from(task.await.unwrap().unwrap_err() == IdentityError::InvalidLogin);
    }
    assert!((3..=4).contains(&heard), "{heard} guesses were heard");
    assert_eq!(world.identity.passwords().verified() - before, u64::try_from(heard).unwrap());
}

async fn counters_whose_window_has_passed_are_forgotten(test: &TestDb) {
    let world = World::new(test);
    let count = async || world.lines("SELECT subject AS line FROM login_attempts").await.len();
    for n in 0..5 {
        world.login(&format!("guess{n}@example.com"), "wrong").await.unwrap_err();
    }
    assert_eq!(count().await, 11, "five accounts, each from here and from anywhere, and one address");
    world.clock.advance(15 * MINUTE);
    world.login("another@example.com", "wrong").await.unwrap_err();
    assert_eq!(count().await, 3);
}

suite! {
    nobody_can_lock_another_out_of_an_account,
    an_account_with_too_many_failures_is_not_heard_for_a_while,
    a_login_forgives_the_failures_of_its_account,
    an_address_with_too_many_failures_is_not_heard_for_a_while,
    guessing_in_parallel_gains_nothing,
    counters_whose_window_has_passed_are_forgotten,
}
