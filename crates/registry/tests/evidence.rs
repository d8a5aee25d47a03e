//! What an agent's owner shows counts once, for one agent, as long as the operator trusts it; on both databases.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

#[expect(dead_code, reason = "shared by the tests of this crate")]
mod world;

use rialto_kernel::{AgentId, Caller, Role, Timestamp};
use rialto_registry::{
    Agent, AgentChanges, Imported, Protocol, RegistryError,
    identity::{self, Identity, Method, PROOF_LASTS},
    proof::{Attested, Kya, Presented, Trust},
};
use rialto_store::{Db, Tx, suite, testing::TestDb};
use world::*;

const DID: &str = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
const ISSUER: &str = "did:web:issuer.example";
const KYA: &str = "https://kya.example";
/// From EIP-55.
const WALLET: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

fn trust() -> Trust {
    Trust { kya_issuers: [(KYA.to_owned(), String::new())].into(), did_issuers: vec![ISSUER.to_owned()], ..Trust::default() }
}

/// A credential of the issuer, by its number.
fn credential(number: u8, expires_at: Option<Timestamp>) -> Option<Attested> {
    Some(Attested { issuer: ISSUER.to_owned(), expires_at, digest: [number; 32] })
}

async fn show(
    db: &Db,
    owner: &Caller,
    agent: AgentId,
    did: &str,
    attested: Option<Attested>,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let (caller, did) = (*owner, did.to_owned());
    db.write(async move |tx: &mut Tx| {
        let challenge = identity::challenge(tx, &caller, &agent.into(), now).await?.text;
        let shown = Presented { did: did.clone(), challenge, attested: attested.clone() };
        identity::verify_by_did(tx, &caller, &agent.into(), &shown, &trust(), now).await
    })
    .await
}

async fn token(
    db: &Db,
    owner: &Caller,
    agent: AgentId,
    number: u8,
    end: Timestamp,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let (caller, subject) = (*owner, agent.to_string());
    let token = Kya { issuer: KYA.into(), subject, expires_at: end, digest: [number; 32] };
    db.write(async move |tx: &mut Tx| identity::verify_by_token(tx, &caller, &agent.into(), &token, &trust(), now).await).await
}

async fn known(db: &Db, agent: AgentId) -> Identity {
    db.read(async move |tx: &mut Tx| identity::profile(tx, &agent.into()).await).await.unwrap().identity
}

async fn events(db: &Db) -> i64 {
    rows(db, "SELECT count(*) AS n FROM outbox WHERE kind = 'agent.verified'").await
}

async fn new(db: &Db, owner: &Caller) -> AgentId {
    register(db, owner, agent("One", "Does something.", &[]), NOON).await.id
}

async fn holding_a_key_is_told_and_verifies_nobody(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let agent = new(db, &owner).await;
    show(db, &owner, agent, DID, None, NOON).await.unwrap();
    let identity = known(db, agent).await;
    assert_eq!(identity.verification.as_ref().map(|one| one.method), Some(Method::DidControl));
    assert!(!identity.is_verified(&trust(), NOON), "anybody makes a key");
    assert!(identity.is_verified(&Trust { did_control: true, ..trust() }, NOON), "the operator may say otherwise");
    assert_eq!(events(db).await, 0);
}

async fn what_an_administrator_took_back_only_one_gives_again(test: &TestDb) {
    let db = &test.db;
    let (owner, admin) = (operator(db).await, somebody(db, Role::Admin).await);
    let agent = new(db, &owner).await;
    show(db, &owner, agent, DID, credential(1, None), NOON).await.unwrap();
    assert!(known(db, agent).await.is_verified(&trust(), NOON));
    let unverify = async || db.write(async move |tx: &mut Tx| identity::unverify(tx, &admin, &agent.into(), at(1)).await).await;
    unverify().await.unwrap();
    unverify().await.unwrap();
    for attested in [None, credential(1, None), credential(2, None)] {
        let refused = show(db, &owner, agent, DID, attested, at(2)).await.unwrap_err();
        assert_eq!(refused, RegistryError::VerificationBarred);
    }
    assert_eq!(token(db, &owner, agent, 3, at(900), at(2)).await.unwrap_err(), RegistryError::VerificationBarred);
    // Nor by an agent that is made anew.
    let other = new(db, &owner).await;
    assert_eq!(show(db, &owner, other, DID, credential(1, None), at(3)).await.unwrap_err(), RegistryError::ProofUsed);
    db.write(async move |tx: &mut Tx| identity::verify_by_admin(tx, &admin, &agent.into(), None, at(4)).await).await.unwrap();
    let identity = known(db, agent).await;
    assert!(identity.is_verified(&trust(), at(4)) && !identity.verification_barred);
}

async fn what_was_shown_ends_with_its_time_and_with_the_trust(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let (one, two) = (new(db, &owner).await, new(db, &owner).await);
    let (far, capped) = (NOON.after(PROOF_LASTS * 5), NOON.after(PROOF_LASTS));
    show(db, &owner, one, DID, credential(1, Some(far)), NOON).await.unwrap();
    token(db, &owner, two, 2, far, NOON).await.unwrap();
    for agent in [one, two] {
        let identity = known(db, agent).await;
        assert_eq!(identity.verification.as_ref().and_then(|one| one.expires_at), Some(capped));
        assert!(identity.is_verified(&trust(), at(1)) && !identity.is_verified(&trust(), capped));
        // Whom the operator trusts no more has said nothing.
        assert!(!identity.is_verified(&Trust { did_control: true, ..Trust::default() }, at(1)));
    }
    // What still holds can be shown again by the same, and by nobody else.
    show(db, &owner, one, DID, credential(1, Some(far)), capped).await.unwrap();
    token(db, &owner, two, 2, far, capped).await.unwrap();
    for agent in [one, two] {
        assert!(known(db, agent).await.is_verified(&trust(), capped));
    }
    let three = new(db, &owner).await;
    assert_eq!(
        show(db, &owner, three, "did:key:other", credential(1, Some(far)), capped).await.unwrap_err(),
        RegistryError::ProofUsed
    );
}

async fn an_identifier_and_a_credential_stand_for_one_agent(test: &TestDb) {
    let db = &test.db;
    let (owner, other) = (operator(db).await, operator(db).await);
    let agents = [(owner, new(db, &owner).await), (other, new(db, &other).await)];
    let end = NOON.after(PROOF_LASTS * 5);
    // The same credential, and another of the same identifier.
    for (first, second, refusal) in [(1, 1, RegistryError::ProofUsed), (2, 3, RegistryError::DidTaken)] {
        let did = format!("{DID}{first}");
        let (a, b) = (agents.first().unwrap(), agents.last().unwrap());
        let (one, two) = tokio::join!(
            show(db, &a.0, a.1, &did, credential(first, Some(end)), at(u64::from(first))),
            show(db, &b.0, b.1, &did, credential(second, Some(end)), at(u64::from(first)))
        );
        let refused: Vec<_> = [one.err(), two.err()].into_iter().flatten().collect();
        assert_eq!(refused, [refusal]);
    }
    // When that is over, or its agent is gone, it is free.
    let ([(_, one), (_, two)], late) = (agents, NOON.after(PROOF_LASTS * 2));
    show(db, &owner, one, DID, credential(4, None), at(5)).await.unwrap();
    assert_eq!(show(db, &other, two, DID, credential(5, None), at(6)).await.unwrap_err(), RegistryError::DidTaken);
    show(db, &other, two, DID, credential(5, None), late).await.unwrap();
    assert_eq!(known(db, one).await.verification, None);
    assert_eq!(show(db, &owner, one, DID, credential(6, None), late).await.unwrap_err(), RegistryError::DidTaken);
    delete(db, &other, two).await.unwrap();
    show(db, &owner, one, DID, credential(6, None), late).await.unwrap();
}

async fn what_is_less_does_not_replace_what_is_more(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let agent = new(db, &owner).await;
    token(db, &owner, agent, 1, at(1_000), NOON).await.unwrap();
    assert_eq!(show(db, &owner, agent, DID, None, at(1)).await.unwrap_err(), RegistryError::WeakerProof);
    assert_eq!(token(db, &owner, agent, 2, at(999), at(1)).await.unwrap_err(), RegistryError::WeakerProof);
    assert_eq!(show(db, &owner, agent, DID, credential(3, Some(at(10))), at(1)).await.unwrap_err(), RegistryError::WeakerProof);
    // What was refused was not used up.
    token(db, &owner, agent, 2, at(999), at(1_000)).await.unwrap_err();
    show(db, &owner, agent, DID, credential(3, Some(at(2_000))), at(2)).await.unwrap();
    assert_eq!(known(db, agent).await.verification.map(|one| one.method), Some(Method::DidVc));
}

async fn what_was_vouched_for_ends_when_it_is_another(test: &TestDb) {
    let db = &test.db;
    let (owner, admin) = (operator(db).await, somebody(db, Role::Admin).await);
    let id = new(db, &owner).await;
    let vouch =
        async || db.write(async move |tx: &mut Tx| identity::verify_by_admin(tx, &admin, &id.into(), None, at(1)).await).await;
    let named = |name: &str| AgentChanges { name: Some(name.into()), ..AgentChanges::default() };
    let at_place = |place: Option<&str>| AgentChanges { endpoint: Some(place.map(Into::into)), ..AgentChanges::default() };
    let paid = |wallet: &str| AgentChanges { wallet_address: Some(wallet.into()), ..AgentChanges::default() };
    let described = AgentChanges { description: Some("Else.".into()), tags: Some(vec!["x".into()]), ..AgentChanges::default() };
    let card = Some(Imported { protocol: Protocol::Http, trust_verification: "a2a-card" });
    let mut ended = 0;
    for (caller, changes, stays) in [
        (&owner, described.clone(), true),
        (&owner, named("One"), true),
        (&owner, named("Two"), false),
        (&admin, named("Three"), true),
        (&owner, at_place(Some("https://else.example/a")), false),
        (&owner, at_place(Some("https://ELSE.example:443/a")), true),
        (&owner, at_place(Some("https://else.example/b?c")), false),
        // What a card brings has been seen by nobody, whoever asked for it.
        (&admin, AgentChanges { imported: card.clone(), ..described.clone() }, true),
        (&admin, AgentChanges { imported: card.clone(), ..named("Card") }, false),
        (&admin, AgentChanges { imported: card, ..at_place(Some("https://card.example/")) }, false),
        (&admin, at_place(Some("https://else.example/b")), true),
        (&owner, at_place(None), false),
        (&owner, at_place(None), true),
        (&owner, paid(WALLET), false),
        (&owner, paid(&WALLET.to_lowercase()), true),
        (&owner, paid(&format!(" 0x{} ", WALLET[2..].to_uppercase())), true),
        (&admin, paid(""), true),
    ] {
        vouch().await.unwrap();
        update(db, caller, id, changes.clone(), at(2)).await.unwrap();
        assert_eq!(known(db, id).await.is_verified(&trust(), at(2)), stays, "{changes:?}");
        ended += i64::from(!stays);
        assert_eq!(rows(db, "SELECT count(*) AS n FROM outbox WHERE kind = 'agent.unverified'").await, ended);
    }
    assert!(!find(db, id).await.unwrap().agent.has_endpoint());
    // What an issuer said is about who it is, not where.
    let other = new(db, &owner).await;
    token(db, &owner, other, 1, at(1_000), at(3)).await.unwrap();
    update(db, &owner, other, at_place(Some("https://else.example/a")), at(4)).await.unwrap();
    assert!(known(db, other).await.is_verified(&trust(), at(4)));
    update(db, &admin, other, named("Five"), at(5)).await.unwrap();
    assert_eq!(known(db, other).await.verification, None);
    assert_eq!(token(db, &owner, other, 1, at(1_000), at(6)).await.unwrap_err(), RegistryError::ProofUsed);
}

async fn an_administrator_vouches_for_what_was_looked_at(test: &TestDb) {
    let db = &test.db;
    let (owner, admin) = (operator(db).await, somebody(db, Role::Admin).await);
    let id = new(db, &owner).await;
    let seen = find(db, id).await.unwrap().agent.updated_at;
    let vouch = async |seen| {
        db.write(async move |tx: &mut Tx| identity::verify_by_admin(tx, &admin, &id.into(), Some(seen), at(9)).await).await
    };
    // By a replica whose clock is behind, too.
    let named = AgentChanges { name: Some("Else".into()), ..AgentChanges::default() };
    update(db, &owner, id, named, NOON.before(PROOF_LASTS)).await.unwrap();
    assert_eq!(vouch(seen).await.unwrap_err(), RegistryError::NotAsSeen);
    assert_eq!(known(db, id).await.verification, None);
    let seen = find(db, id).await.unwrap().agent.updated_at;
    assert!(vouch(seen).await.is_ok() && vouch(seen).await.is_ok());
    assert!(known(db, id).await.is_verified(&trust(), at(9)));
}

async fn what_is_over_is_swept_in_batches(test: &TestDb) {
    let db = &test.db;
    let (owner, admin) = (operator(db).await, somebody(db, Role::Admin).await);
    let agents = [new(db, &owner).await, new(db, &owner).await];
    for (n, agent) in agents.into_iter().enumerate() {
        for m in 0..3 {
            let caller = if m == 0 { admin } else { owner };
            db.write(async move |tx: &mut Tx| identity::challenge(tx, &caller, &agent.into(), NOON).await).await.unwrap();
        }
        let number = u8::try_from(n).unwrap();
        token(db, &owner, agent, number, at(600), at(1)).await.unwrap();
    }
    let sweep =
        async |now, limit| db.write(async move |tx: &mut Tx| identity::forget_proofs(tx, now, limit).await).await.unwrap();
    let left = async || {
        let count = ["SELECT count(*) AS n FROM agent_challenges", "SELECT count(*) AS n FROM agent_proofs"];
        (rows(db, count[0]).await, rows(db, count[1]).await)
    };
    let over = NOON.after(identity::CHALLENGE_LASTS);
    assert_eq!((sweep(at(1), 4).await, left().await), (0, (6, 2)), "what may still be answered stays");
    assert_eq!((sweep(over, 4).await, left().await), (4, (2, 2)));
    assert_eq!((sweep(over, 4).await, left().await), (2, (0, 2)));
    assert_eq!((sweep(at(600), 4).await, left().await), (2, (0, 0)));
}

suite! {
    holding_a_key_is_told_and_verifies_nobody,
    what_an_administrator_took_back_only_one_gives_again,
    what_was_shown_ends_with_its_time_and_with_the_trust,
    an_identifier_and_a_credential_stand_for_one_agent,
    what_is_less_does_not_replace_what_is_more,
    what_was_vouched_for_ends_when_it_is_another,
    an_administrator_vouches_for_what_was_looked_at,
    what_is_over_is_swept_in_batches,
}
