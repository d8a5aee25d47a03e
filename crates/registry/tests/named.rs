//! Agents by their names, and by how their owners do; on both databases.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

#[expect(dead_code, reason = "shared by the tests of this crate")]
mod world;

use rialto_registry::{
    AgentChanges, NewAgent, RegistryError,
    identity::{self, IdentityType, NewIdentity, Standing},
};
use rialto_store::{Db, Tx, suite, testing::TestDb};
use world::*;

async fn searched(db: &Db, text: &str) -> Vec<String> {
    let text = text.to_owned();
    let found = db.read(async move |tx: &mut Tx| identity::search_profiles(tx, &text, 100).await).await.unwrap();
    found.into_iter().map(|profile| profile.agent.name).collect()
}

/// An agent that there is nowhere to call.
fn uncalled(name: &str) -> NewAgent {
    let identity = NewIdentity { kind: IdentityType::ApiKeyOnly, wallet_address: None, metadata: None };
    NewAgent { name: name.into(), identity: Some(identity), ..NewAgent::default() }
}

async fn search_is_bounded_and_takes_any_text_for_a_text(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    register(db, &owner, agent("Old Ledger Keeper", "Does something.", &[]), NOON).await;
    let vault = register(db, &owner, uncalled("Older Vault"), NOON).await.id;
    let best = operator(db).await;
    register(db, &best, uncalled("Goldkeeper"), NOON).await;
    let standing = Standing { overall: 900, calls: 5 };
    db.write(async move |tx: &mut Tx| identity::set_standing(tx, best.owner, standing).await).await.unwrap();
    // So many that those are not among the newest.
    let many = "INSERT INTO agents (id, slug, owner_id, state, name, version, endpoint, protocol, auth_type, trust_verification, \
                pricing_enabled, supports_streaming, is_brand_agent, has_credential, rating_sum, rating_count, created_at, \
                updated_at, tags, description)";
    let columns = "owner_id, 'active', 'Filler', version, '', protocol, auth_type, trust_verification, pricing_enabled, \
                   supports_streaming, is_brand_agent, FALSE, 0, 0";
    let sqlite = format!(
        "{many} WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2100) \
         SELECT randomblob(16), 'filler-' || n, {columns}, created_at + 1000000, updated_at, tags, description FROM agents, n \
         WHERE name = 'Older Vault'"
    );
    let postgres = format!(
        "{many} SELECT gen_random_uuid(), 'filler-' || n, {columns}, created_at + interval '1 second', updated_at, tags, description \
         FROM agents, generate_series(1, 2100) AS n WHERE name = 'Older Vault'"
    );
    db.write(async move |tx: &mut Tx| tx.batch(if tx.is_postgres() { &postgres } else { &sqlite }).await).await.unwrap();
    // By how a name, an id or a word begins, wherever it is, and whether it is called or not; by any part, of those who do best.
    for (text, expected) in [
        ("older va", "Older Vault"),
        ("OLD LED", "Old Ledger Keeper"),
        ("vault", "Older Vault"),
        ("VAU", "Older Vault"),
        ("r vault", "Older Vault"),
        ("ledg", "Old Ledger Keeper"),
        ("ger keeper", "Old Ledger Keeper"),
        ("eeper", "Goldkeeper"),
        ("older-vault-", "Older Vault"),
    ] {
        assert_eq!(searched(db, text).await, [expected], "{text}");
    }
    assert_eq!(searched(db, "keeper").await, ["Goldkeeper", "Old Ledger Keeper"], "the best first");
    // Under another name it is found by that one, and not at all while it takes no part.
    let rename = |name: &str| AgentChanges { name: Some(name.to_owned()), ..AgentChanges::default() };
    let switch = |is_active| AgentChanges { is_active: Some(is_active), ..AgentChanges::default() };
    update(db, &owner, vault, rename("Older Safe, and Safe Again"), NOON).await.unwrap();
    assert_eq!((searched(db, "vault").await.len(), searched(db, "safe").await.len()), (0, 1));
    update(db, &owner, vault, switch(false), NOON).await.unwrap();
    assert_eq!((searched(db, "safe").await.len(), searched(db, "older-vault-").await.len()), (0, 0));
    update(db, &owner, vault, switch(true), NOON).await.unwrap();
    update(db, &owner, vault, rename("Older Vault"), NOON).await.unwrap();
    assert_eq!(searched(db, "vault").await, ["Older Vault"]);
    assert_eq!(searched(db, "iller").await.len(), 100, "the newest by any part of their names");
    for hostile in [
        "'",
        "\"",
        "\\",
        "%",
        "_",
        "%%%%%%",
        "' OR '1'='1",
        "\"*\" NEAR(a b)",
        "AND",
        "OR NOT",
        "*",
        "name:x",
        "(",
        "^",
        ":",
        "|",
        "&",
        "!",
        "<->",
        "\u{10ffff}",
        "\u{feff}",
        "\u{202e}abc",
        "e\u{301}",
        "👩‍👩‍👧",
        "\n\t",
        "00000000-0000-0000-0000-000000000000",
    ] {
        assert!(searched(db, hostile).await.is_empty(), "{hostile:?}");
    }
    let long = "%_".repeat(128);
    assert!(searched(db, &long).await.is_empty());
    let refused = db.read(async move |tx: &mut Tx| identity::search_profiles(tx, &format!("{long}x"), 10).await).await;
    assert!(matches!(refused, Err(RegistryError::Invalid { .. })));
}

async fn whoever_does_best_leads(test: &TestDb) {
    let db = &test.db;
    for (name, overall, calls, is_gone) in
        [("worst", 300, 1, false), ("best", 1_000, 1, false), ("busy", 1_000, 2, false), ("gone", 1_000, 3, true)]
    {
        let owner = operator(db).await;
        let id = register(db, &owner, agent(name, "Does something.", &[]), NOON).await.id;
        let (provider, first, then) = (owner.owner, Standing { overall: 1, calls: 1 }, Standing { overall, calls });
        db.write(async move |tx: &mut Tx| {
            identity::set_standing(tx, provider, first).await?;
            identity::set_standing(tx, provider, then).await
        })
        .await
        .unwrap();
        if is_gone {
            update(db, &owner, id, AgentChanges { is_active: Some(false), ..AgentChanges::default() }, NOON).await.unwrap();
        }
    }
    register(db, &operator(db).await, agent("never called", "Does something.", &[]), NOON).await;
    let board = async |limit| {
        let found = db.read(async move |tx: &mut Tx| identity::leaders(tx, limit).await).await.unwrap();
        found.into_iter().map(|one| (one.profile.agent.name, one.standing.overall, one.standing.calls)).collect::<Vec<_>>()
    };
    let row = |name: &str, overall, calls| (name.to_owned(), overall, calls);
    assert_eq!(board(10).await, [row("busy", 1_000, 2), row("best", 1_000, 1), row("worst", 300, 1)]);
    assert_eq!(board(1).await, [row("busy", 1_000, 2)]);
}

suite! {
    search_is_bounded_and_takes_any_text_for_a_text,
    whoever_does_best_leads,
}
