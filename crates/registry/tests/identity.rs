//! Agents as somebody, on both databases: registered without an endpoint, switched off, found, verified.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod world;

use rialto_kernel::{AgentId, Caller, Role, Timestamp};
use rialto_registry::{
    Agent, AgentChanges, AgentFilter, NewAgent, RegistryError,
    identity::{
        self, AgentStatus, CHALLENGE_LASTS, CHALLENGES_MAX, IdentityType, Method, NewIdentity, PROOF_LASTS, Profile, Standing,
    },
    proof::{Kya, Presented, Trust},
};
use rialto_store::{Db, Tx, on, suite, testing::TestDb};
use serde_json::json;
use world::*;

/// From EIP-55.
const WALLET: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

/// An agent that is nothing but somebody.
fn somebody_called(name: &str) -> NewAgent {
    let identity =
        NewIdentity { kind: IdentityType::DidVc, wallet_address: Some(WALLET.into()), metadata: Some(json!({"team": "blue"})) };
    NewAgent { name: name.into(), identity: Some(identity), ..NewAgent::default() }
}

async fn profile(db: &Db, agent: AgentId) -> Profile {
    db.read(async move |tx: &mut Tx| identity::profile(tx, &agent.into()).await).await.unwrap()
}

async fn verified(db: &Db, agent: AgentId, now: Timestamp) -> bool {
    profile(db, agent).await.identity.is_verified(&trust(), now)
}

async fn status_of(db: &Db, agent: AgentId) -> AgentStatus {
    let profile = profile(db, agent).await;
    profile.identity.status(&profile.agent)
}

async fn set_status(db: &Db, caller: &Caller, agent: AgentId, status: AgentStatus) -> Result<Agent, RegistryError> {
    update(db, caller, agent, AgentChanges { status: Some(status), ..AgentChanges::default() }, at(5)).await
}

async fn searched(db: &Db, text: &str) -> Vec<String> {
    let text = text.to_owned();
    let found = db.read(async move |tx: &mut Tx| identity::search_profiles(tx, &text, 100).await).await.unwrap();
    found.into_iter().map(|profile| profile.agent.name).collect()
}

async fn events(db: &Db, kind: &'static str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    let sql = format!("SELECT count(*) AS n FROM outbox WHERE kind = '{kind}'");
    let count = async move |tx: &mut Tx| {
        let count: Count = on!(tx, conn => diesel::sql_query(sql.as_str()).get_result(conn).await)?;
        Ok::<_, rialto_store::StoreError>(count.n)
    };
    db.read(count).await.unwrap()
}

async fn somebody_without_an_endpoint_is_listed_and_not_found_for_a_need(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let agent = register(db, &owner, somebody_called("Silent"), NOON).await;
    let known = profile(db, agent.id).await;
    assert!(!known.agent.has_endpoint() && known.agent.description.is_empty());
    assert_eq!((known.identity.kind, known.identity.wallet_address.as_deref()), (IdentityType::DidVc, Some(WALLET)));
    assert_eq!(status_of(db, agent.id).await, AgentStatus::Active);
    let kept = db.read(async move |tx: &mut Tx| identity::metadata(tx, agent.id).await).await.unwrap();
    assert_eq!(kept, Some(json!({"team": "blue"})));
    assert_eq!((found(db, "silent").await, listed(db, AgentFilter::default()).await), (vec![], vec!["Silent".to_owned()]));
    // A flat registration is somebody as well.
    let other = register(db, &owner, agent_named("Other"), NOON).await;
    let known = profile(db, other.id).await;
    assert_eq!((known.identity.kind, known.identity.wallet_address), (IdentityType::ApiKeyOnly, None));
    // Once there is somewhere to call it, it is found.
    let change = AgentChanges {
        endpoint: Some(Some("https://example.com/a".into())),
        metadata: Some(json!({"team": "red"})),
        ..AgentChanges::default()
    };
    update(db, &owner, agent.id, change.clone(), at(1)).await.unwrap();
    assert_eq!(found(db, "silent").await, ["Silent"]);
    update(db, &owner, other.id, AgentChanges { endpoint: None, ..change }, at(1)).await.unwrap();
    let kept = db.read(async move |tx: &mut Tx| identity::metadata(tx, other.id).await).await.unwrap();
    assert_eq!(kept, Some(json!({"team": "red"})));
    for wrong in [
        NewAgent { description: String::new(), ..agent_named("x") },
        NewAgent { endpoint: String::new(), ..agent_named("x") },
        NewAgent { name: " ".into(), ..somebody_called("x") },
    ] {
        assert!(matches!(try_register(db, &owner, wrong, NOON).await, Err(RegistryError::Invalid { .. })));
    }
    let with = |wallet: Option<&str>, metadata| NewAgent {
        identity: Some(NewIdentity { kind: IdentityType::KyaJwt, wallet_address: wallet.map(Into::into), metadata }),
        ..somebody_called("x")
    };
    for wrong in [with(Some("0x12"), None), with(None, Some(json!([]))), with(None, Some(json!({"a": "b".repeat(16_400)})))] {
        assert!(matches!(try_register(db, &owner, wrong, NOON).await, Err(RegistryError::Invalid { .. })));
    }
}

fn agent_named(name: &str) -> NewAgent {
    agent(name, "Does something.", &[])
}

async fn whom_an_administrator_switched_off_the_owner_does_not_switch_on(test: &TestDb) {
    let db = &test.db;
    let (owner, stranger, admin) = (operator(db).await, operator(db).await, somebody(db, Role::Admin).await);
    let id = register(db, &owner, agent_named("One"), NOON).await.id;
    let switch = |is_active| AgentChanges { is_active: Some(is_active), ..AgentChanges::default() };
    let not_owner = RegistryError::NotOwner { action: "update" };
    assert_eq!(set_status(db, &stranger, id, AgentStatus::Suspended).await.unwrap_err(), not_owner);
    // What the owner does, the owner undoes.
    for status in [AgentStatus::Suspended, AgentStatus::Deactivated, AgentStatus::Suspended, AgentStatus::Active] {
        let agent = set_status(db, &owner, id, status).await.unwrap();
        assert_eq!((agent.is_active, status_of(db, id).await), (status == AgentStatus::Active, status));
        assert_eq!(found(db, "one").await.len(), usize::from(agent.is_active));
    }
    // The switch of the registry is the same thing.
    update(db, &owner, id, switch(false), at(6)).await.unwrap();
    assert_eq!(status_of(db, id).await, AgentStatus::Suspended);
    set_status(db, &owner, id, AgentStatus::Deactivated).await.unwrap();
    update(db, &owner, id, switch(false), at(7)).await.unwrap();
    assert_eq!(status_of(db, id).await, AgentStatus::Deactivated);
    update(db, &owner, id, switch(true), at(8)).await.unwrap();
    assert_eq!(status_of(db, id).await, AgentStatus::Active);

    set_status(db, &admin, id, AgentStatus::Suspended).await.unwrap();
    assert_eq!(set_status(db, &owner, id, AgentStatus::Active).await.unwrap_err(), RegistryError::HeldByAdmin);
    assert_eq!(update(db, &owner, id, switch(true), at(9)).await.unwrap_err(), RegistryError::HeldByAdmin);
    // Not by a detour either.
    set_status(db, &owner, id, AgentStatus::Deactivated).await.unwrap();
    assert_eq!(set_status(db, &owner, id, AgentStatus::Active).await.unwrap_err(), RegistryError::HeldByAdmin);
    assert_eq!(status_of(db, id).await, AgentStatus::Deactivated);
    set_status(db, &admin, id, AgentStatus::Active).await.unwrap();
    set_status(db, &owner, id, AgentStatus::Suspended).await.unwrap();
    set_status(db, &owner, id, AgentStatus::Active).await.unwrap();
    assert!(find(db, id).await.unwrap().agent.is_active);
    // What is deleted is nobody any more.
    delete(db, &owner, id).await.unwrap();
    let gone = db.read(async move |tx: &mut Tx| identity::profile(tx, &id.into()).await).await;
    assert_eq!(gone.unwrap_err(), RegistryError::NotFound);
    assert_eq!(set_status(db, &owner, id, AgentStatus::Active).await.unwrap_err(), RegistryError::NotFound);
}

async fn agents_are_listed_by_status_and_found_by_name(test: &TestDb) {
    let db = &test.db;
    let (owner, better) = (operator(db).await, operator(db).await);
    for (n, name) in ["Plain 100%", "under_score", "Underscore", "Gone"].into_iter().enumerate() {
        let id = register(db, &owner, agent_named(name), at(u64::try_from(n).unwrap())).await.id;
        if name == "Gone" {
            set_status(db, &owner, id, AgentStatus::Deactivated).await.unwrap();
        }
    }
    let best = register(db, &better, agent_named("Under way"), NOON).await;
    let (provider, standing) = (better.owner, Standing { overall: 900, calls: 1 });
    db.write(async move |tx: &mut Tx| identity::set_standing(tx, provider, standing).await).await.unwrap();
    assert_eq!(searched(db, "UNDER").await, ["Under way", "Underscore", "under_score"]);
    assert_eq!(searched(db, "under_").await, ["under_score"]);
    assert_eq!(searched(db, "0%").await, ["Plain 100%"]);
    assert_eq!(searched(db, &best.slug.to_uppercase()).await, ["Under way"]);
    assert_eq!(searched(db, &best.id.to_string()).await, ["Under way"]);
    for nothing in ["", "  ", "%", "gone", "\\"] {
        let found = searched(db, nothing).await;
        assert!(found.is_empty() || nothing == "%" && found == ["Plain 100%"], "{nothing}: {found:?}");
    }
    let list = async |status, size, skipped| {
        let found =
            db.read(async move |tx: &mut Tx| identity::list_profiles(tx, status, page(size, skipped)).await).await.unwrap();
        (found.items.into_iter().map(|one| one.agent.name).collect::<Vec<_>>(), found.total)
    };
    assert_eq!(list(AgentStatus::Active, 2, 0).await, (vec!["Underscore".to_owned(), "under_score".to_owned()], 4));
    assert_eq!(list(AgentStatus::Deactivated, 10, 0).await, (vec!["Gone".to_owned()], 1));
    assert_eq!(list(AgentStatus::Suspended, 10, 0).await, (vec![], 0));
}

/// Whoever is named in these tests, and the holders of keys.
fn trust() -> Trust {
    let kya_issuers = [("https://kya.example".to_owned(), String::new())].into();
    Trust { kya_issuers, did_control: true, ..Trust::default() }
}

fn token(subject: &str, digest: u8, expires_at: Timestamp) -> Kya {
    Kya { issuer: "https://kya.example".into(), subject: subject.into(), expires_at, digest: [digest; 32] }
}

async fn show_token(db: &Db, caller: &Caller, agent: AgentId, token: Kya, now: Timestamp) -> Result<Agent, RegistryError> {
    let caller = *caller;
    db.write(async move |tx: &mut Tx| identity::verify_by_token(tx, &caller, &agent.into(), &token, &trust(), now).await).await
}

async fn a_token_verifies_its_subject_once_as_long_as_it_holds(test: &TestDb) {
    let db = &test.db;
    let (owner, stranger, admin) = (operator(db).await, operator(db).await, somebody(db, Role::Admin).await);
    let agent = register(db, &owner, somebody_called("One"), NOON).await;
    let twin = register(db, &owner, somebody_called("Two"), NOON).await;
    let end = at(1_000);
    let by_id = token(&agent.id.to_string(), 1, end);
    let not_owner = RegistryError::NotOwner { action: "verify" };
    assert_eq!(show_token(db, &stranger, agent.id, by_id.clone(), at(1)).await.unwrap_err(), not_owner);
    assert_eq!(show_token(db, &owner, twin.id, by_id.clone(), at(1)).await.unwrap_err(), RegistryError::WrongSubject);
    show_token(db, &owner, agent.id, by_id.clone(), at(1)).await.unwrap();
    // Showing it again is the same.
    show_token(db, &owner, agent.id, by_id.clone(), at(2)).await.unwrap();
    assert_eq!(events(db, "agent.verified").await, 1);
    let known = profile(db, agent.id).await.identity;
    let verification = known.verification.clone().unwrap();
    assert_eq!((verification.method, verification.at, verification.expires_at), (Method::KyaJwt, at(1), Some(end)));
    assert_eq!(
        (known.kind, known.is_verified(&trust(), at(999)), known.is_verified(&trust(), end)),
        (IdentityType::KyaJwt, true, false)
    );
    // Another wallet is another payee.
    let wallet = |wallet: &str| AgentChanges { wallet_address: Some(wallet.into()), ..AgentChanges::default() };
    update(db, &owner, agent.id, wallet(&format!(" {WALLET} ")), at(3)).await.unwrap();
    assert!(verified(db, agent.id, at(3)).await);
    update(db, &owner, agent.id, wallet(""), at(3)).await.unwrap();
    assert!(!verified(db, agent.id, at(3)).await);
    assert_eq!(events(db, "agent.unverified").await, 1);
    assert_eq!(show_token(db, &owner, agent.id, by_id, at(4)).await.unwrap_err(), RegistryError::ProofUsed);
    // By the wallet, whatever the case; of the two agents that have it, one.
    let by_wallet = token(&WALLET.to_lowercase(), 2, end);
    assert_eq!(show_token(db, &owner, agent.id, by_wallet.clone(), at(4)).await.unwrap_err(), RegistryError::WrongSubject);
    update(db, &owner, agent.id, wallet(WALLET), at(5)).await.unwrap();
    let (one, two) = tokio::join!(
        show_token(db, &owner, agent.id, by_wallet.clone(), at(6)),
        show_token(db, &owner, twin.id, by_wallet.clone(), at(6))
    );
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|done| **done).count(), 1, "{one:?} {two:?}");
    assert!([one.err(), two.err()].contains(&Some(RegistryError::ProofUsed)));
    // An administrator takes it back, and vouches for it.
    let by_slug = token(&twin.slug, 3, end);
    let late = show_token(db, &owner, twin.id, token(&twin.slug, 4, at(7)), at(7)).await;
    // It is over; and if it was the twin that won above, it is less than what stands as well.
    assert!(matches!(late.unwrap_err(), RegistryError::ProofUsed | RegistryError::WeakerProof));
    show_token(db, &owner, twin.id, by_slug, at(7)).await.unwrap();
    for (caller, ok) in [(owner, false), (admin, true), (admin, true)] {
        let done = db.write(async move |tx: &mut Tx| identity::unverify(tx, &caller, &twin.id.into(), at(8)).await).await;
        assert_eq!(done.is_ok(), ok);
        assert_eq!(verified(db, twin.id, at(8)).await, !ok);
    }
    assert_eq!(events(db, "agent.unverified").await, 2);
    // Until one does, nobody else.
    let anew = token(&twin.slug, 5, end);
    assert_eq!(show_token(db, &owner, twin.id, anew.clone(), at(8)).await.unwrap_err(), RegistryError::VerificationBarred);
    for (caller, ok) in [(owner, false), (admin, true), (admin, true)] {
        let done =
            db.write(async move |tx: &mut Tx| identity::verify_by_admin(tx, &caller, &twin.id.into(), None, at(9)).await).await;
        assert_eq!(done.is_ok(), ok);
    }
    let verification = profile(db, twin.id).await.identity.verification.unwrap();
    assert_eq!((verification.method, verification.by, verification.expires_at), (Method::Admin, admin.owner, None));
    assert_eq!(verification.at, at(9));
    assert_eq!(show_token(db, &owner, twin.id, anew, at(9)).await.unwrap_err(), RegistryError::WeakerProof);
}

async fn ask(db: &Db, caller: &Caller, agent: AgentId, now: Timestamp) -> String {
    let caller = *caller;
    let made = db.write(async move |tx: &mut Tx| identity::challenge(tx, &caller, &agent.into(), now).await).await.unwrap();
    assert_eq!((made.text.len(), made.expires_at), (43, now.after(CHALLENGE_LASTS)));
    made.text
}

async fn answer(db: &Db, caller: &Caller, agent: AgentId, challenge: &str, now: Timestamp) -> Result<Agent, RegistryError> {
    let (caller, did) = (*caller, "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp".to_owned());
    let shown = Presented { did, challenge: challenge.to_owned(), attested: None };
    db.write(async move |tx: &mut Tx| identity::verify_by_did(tx, &caller, &agent.into(), &shown, &trust(), now).await).await
}

async fn a_challenge_is_answered_once_in_time_for_its_agent(test: &TestDb) {
    let db = &test.db;
    let owner = operator(db).await;
    let agent = register(db, &owner, somebody_called("One"), NOON).await.id;
    let twin = register(db, &owner, somebody_called("Two"), NOON).await.id;
    let challenge = ask(db, &owner, agent, NOON).await;
    assert_eq!(rows(db, "SELECT count(*) AS n FROM agent_challenges").await, 1);
    assert_eq!(answer(db, &owner, twin, &challenge, at(1)).await.unwrap_err(), RegistryError::ChallengeUnknown);
    assert_eq!(answer(db, &owner, agent, "another", at(1)).await.unwrap_err(), RegistryError::ChallengeUnknown);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (db, owner, challenge) = (db.clone(), owner, challenge.clone());
            tokio::spawn(async move { answer(&db, &owner, agent, &challenge, at(2)).await })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => done += 1,
            Err(error) => assert_eq!(error, RegistryError::ChallengeUnknown),
        }
    }
    assert_eq!((done, events(db, "agent.verified").await), (1, 1));
    let known = profile(db, agent).await.identity;
    let verification = known.verification.unwrap();
    assert_eq!((known.kind, verification.method), (IdentityType::DidVc, Method::DidControl));
    assert_eq!(verification.expires_at, Some(at(2).after(PROOF_LASTS)));

    // Whoever else may act for the agent answers their own.
    let admin = somebody(db, Role::Admin).await;
    let (theirs, mine) = (ask(db, &admin, twin, NOON).await, ask(db, &owner, twin, NOON).await);
    for (caller, text) in [(&owner, &theirs), (&admin, &mine)] {
        assert_eq!(answer(db, caller, twin, text, at(1)).await.unwrap_err(), RegistryError::ChallengeUnknown);
    }
    let admit = async |caller: &Caller, agent: AgentId, text: &str, now| {
        let (caller, text) = (*caller, text.to_owned());
        db.read(async move |tx: &mut Tx| identity::admit(tx, &caller, &agent.into(), Some(&text), now).await).await
    };
    for (caller, of, text, now, expected) in [
        (&owner, twin, &mine, at(1), Ok(())),
        (&owner, twin, &mine, at(1), Ok(())),
        (&owner, twin, &theirs, at(1), Err(RegistryError::ChallengeUnknown)),
        (&owner, agent, &mine, at(1), Err(RegistryError::ChallengeUnknown)),
        (&owner, twin, &mine, NOON.after(CHALLENGE_LASTS), Err(RegistryError::ChallengeUnknown)),
        (&operator(db).await, twin, &mine, at(1), Err(RegistryError::NotOwner { action: "verify" })),
    ] {
        assert_eq!(admit(caller, of, text, now).await, expected);
    }
    let over = ask(db, &owner, twin, NOON).await;
    assert_eq!(answer(db, &owner, twin, &over, NOON.after(CHALLENGE_LASTS)).await.unwrap_err(), RegistryError::ChallengeUnknown);
    let mut asked = Vec::new();
    for n in 0..=CHALLENGES_MAX {
        asked.push(ask(db, &owner, twin, at(10 + u64::from(n))).await);
    }
    assert_eq!(rows(db, "SELECT count(*) AS n FROM agent_challenges").await, i64::from(CHALLENGES_MAX));
    assert_eq!(answer(db, &owner, twin, &asked[0], at(40)).await.unwrap_err(), RegistryError::ChallengeUnknown);
    assert_eq!(answer(db, &owner, twin, &asked[1], at(40)).await.unwrap_err(), RegistryError::DidTaken);
    delete(db, &owner, agent).await.unwrap();
    answer(db, &owner, twin, &asked[1], at(40)).await.unwrap();
    let viewer = Caller { role: Role::Viewer, ..owner };
    let refused = db.write(async move |tx: &mut Tx| identity::challenge(tx, &viewer, &twin.into(), NOON).await).await;
    assert_eq!(refused.unwrap_err(), RegistryError::NotOwner { action: "verify" });
}

suite! {
    somebody_without_an_endpoint_is_listed_and_not_found_for_a_need,
    whom_an_administrator_switched_off_the_owner_does_not_switch_on,
    agents_are_listed_by_status_and_found_by_name,
    a_token_verifies_its_subject_once_as_long_as_it_holds,
    a_challenge_is_answered_once_in_time_for_its_agent,
}
