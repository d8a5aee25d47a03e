//! Decentralized identifiers, and credentials.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use rialto_kernel::{OwnerId, Timestamp};
use rialto_registry::proof::{FETCHES_MAX, Presented, ProofError, Trust, Verifier};
use serde_json::{Value, json};

use crate::world::*;

/// An answer to the challenge `nonce` by the holder of a key.
fn answer(did: &str, alg: Algorithm, changes: Value) -> String {
    let mut claims = json!({"iss": did, "aud": DOMAIN, "nonce": "challenge"});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let head = json!({"alg": if alg == Algorithm::EdDSA { "EdDSA" } else { "ES256" }});
    signed(&head.to_string(), &claims.to_string(), alg)
}

/// Reads the answer and checks it, on somebody's account.
async fn show(
    verifier: &Verifier,
    did: &str,
    proof: &str,
    credential: Option<&str>,
    now: Timestamp,
) -> Result<Presented, ProofError> {
    verifier.did(verifier.answer(did, proof, now)?, credential, OwnerId::new(), now).await
}

#[tokio::test]
async fn the_holder_of_a_key_answers_for_its_identifier() {
    let host = Host::issuer().await;
    let verifier = host.verifier(&[]);
    for (did, alg) in [(ED_DID, Algorithm::EdDSA), (EC_DID, Algorithm::ES256)] {
        let shown = show(&verifier, did, &answer(did, alg, json!({"sub": did, "exp": NOW_S + 1})), None, NOW).await.unwrap();
        let (did, challenge) = (did.to_owned(), "challenge".to_owned());
        assert_eq!(shown, Presented { did, challenge, attested: None });
    }
    let multibase = ED_DID.strip_prefix("did:key:").unwrap();
    for kid in [format!("{ED_DID}#{multibase}"), format!("#{multibase}")] {
        let head = json!({"alg": "EdDSA", "kid": kid}).to_string();
        let claims = json!({"iss": ED_DID, "aud": [DOMAIN], "nonce": "challenge"}).to_string();
        show(&verifier, ED_DID, &signed(&head, &claims, Algorithm::EdDSA), None, NOW).await.unwrap();
    }
    let ed = |changes| answer(ED_DID, Algorithm::EdDSA, changes);
    for (did, proof) in [
        (ED_DID, ed(json!({"iss": EC_DID}))),
        (ED_DID, ed(json!({"sub": EC_DID}))),
        (ED_DID, ed(json!({"aud": US}))),
        (ED_DID, ed(json!({"exp": NOW_S}))),
        (ED_DID, ed(json!({"iat": NOW_S + 100}))),
        // Another's key.
        (EC_DID, answer(EC_DID, Algorithm::EdDSA, json!({}))),
        (ED_DID, answer(ED_DID, Algorithm::ES256, json!({}))),
        (
            ED_DID,
            signed(
                r##"{"alg":"EdDSA","kid":"#other"}"##,
                &json!({"iss": ED_DID, "aud": DOMAIN, "nonce": "x"}).to_string(),
                Algorithm::EdDSA,
            ),
        ),
    ] {
        let error = show(&verifier, did, &proof, None, NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::Refused { .. }), "{error}");
    }
    let nonceless = show(&verifier, ED_DID, &ed(json!({"nonce": null})), None, NOW).await.unwrap_err();
    assert!(matches!(nonceless, ProofError::Unreadable { .. }), "{nonceless}");
    for did in ["did:web:127.0.0.1", "did:ion:x", "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"] {
        let error = show(&verifier, did, &answer(did, Algorithm::EdDSA, json!({})), None, NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::BadDid(_)), "{error}");
    }
    // A host within: what it is called does not matter, where it is does.
    let inner = "did:web:agents.internal.invalid";
    let error = show(&verifier, inner, &answer(inner, Algorithm::EdDSA, json!({})), None, NOW).await.unwrap_err();
    assert!(matches!(error, ProofError::NoKeys(_)), "{error}");
    assert_eq!(host.asked(), 0);
}

#[tokio::test]
async fn a_document_on_the_web_holds_keys_for_what_it_says() {
    let host = Host::start(|port, path| {
        let did = match path {
            "/.well-known/did.json" => format!("did:web:localhost%3A{port}"),
            "/team/agent/did.json" => format!("did:web:localhost%3A{port}:team:agent"),
            "/other/did.json" => "did:web:elsewhere.example".to_owned(),
            _ => return None,
        };
        let ed = json!({"id": "#ed", "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": ED_X}});
        let multibase = EC_DID.strip_prefix("did:key:").unwrap();
        let ec = json!({"id": format!("{did}#ec"), "type": "Multikey", "controller": did, "publicKeyMultibase": multibase});
        let foreign = json!({"id": "#foreign", "controller": "did:web:evil.example", "publicKeyMultibase": multibase});
        let document = json!({"id": did, "verificationMethod": [ed, foreign], "authentication": ["#ed", "#foreign", "#lost"], "assertionMethod": [ec]});
        Some(document.to_string())
    })
    .await;
    let verifier = host.verifier(&[]);
    let port = host.base.rsplit(':').next().unwrap();
    for did in [format!("did:web:localhost%3A{port}"), format!("did:web:localhost%3A{port}:team:agent")] {
        let proof = answer(&did, Algorithm::EdDSA, json!({}));
        assert_eq!(show(&verifier, &did, &proof, None, NOW).await.unwrap().did, did);
        // That key is for attesting, and the other is another's.
        let error = show(&verifier, &did, &answer(&did, Algorithm::ES256, json!({})), None, NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::Refused { .. }), "{error}");
    }
    for did in [format!("did:web:localhost%3A{port}:other"), format!("did:web:localhost%3A{port}:lost")] {
        let error = show(&verifier, &did, &answer(&did, Algorithm::EdDSA, json!({})), None, NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::NoKeys(_)), "{error}");
    }
}

#[tokio::test]
async fn where_issuers_are_trusted_one_of_them_has_to_attest() {
    let host = Host::issuer().await;
    let verifier = host.verifier(&[EC_DID]);
    let proof = answer(ED_DID, Algorithm::EdDSA, json!({}));
    let credential = |changes: Value| {
        let mut claims = json!({"iss": EC_DID, "sub": ED_DID, "exp": NOW_S + 500, "nbf": NOW_S - 5,
            "vc": {"type": ["VerifiableCredential"], "credentialSubject": {"id": ED_DID, "kind": "agent"}}});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        signed(r#"{"alg":"ES256","typ":"JWT"}"#, &claims.to_string(), Algorithm::ES256)
    };
    let attest = async |credential: &str| show(&verifier, ED_DID, &proof, Some(credential), NOW).await;
    assert_eq!(show(&verifier, ED_DID, &proof, None, NOW).await.unwrap_err(), ProofError::CredentialRequired);
    let attested = |shown: &Presented| {
        let attested = shown.attested.as_ref().unwrap();
        (attested.issuer.clone(), attested.expires_at.map(Timestamp::seconds))
    };
    let shown = attest(&credential(json!({}))).await.unwrap();
    assert_eq!(attested(&shown), (EC_DID.to_owned(), Some(NOW_S + 500)));
    // As version 2 has it.
    let modern = json!({"type": "VerifiableCredential", "issuer": {"id": EC_DID}, "credentialSubject": {"id": ED_DID}, "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2026-12-01T00:00:00Z"});
    let modern = signed(r#"{"alg":"ES256","typ":"vc+jwt"}"#, &modern.to_string(), Algorithm::ES256);
    assert_eq!(attest(&modern).await.unwrap().attested.unwrap().expires_at.unwrap().to_string(), "2026-12-01T00:00:00.000000Z");
    for wrong in [
        json!({"sub": EC_DID}),
        json!({"sub": null, "vc": {"type": "VerifiableCredential"}}),
        json!({"vc": {"type": "VerifiableCredential", "credentialSubject": {"id": EC_DID}}}),
        json!({"exp": NOW_S}),
        json!({"nbf": NOW_S + 100}),
        json!({"validUntil": "2026-01-01T00:00:00Z"}),
        json!({"vc": {"type": "VerifiableCredential", "expirationDate": "2026-01-01T00:00:00Z"}}),
        json!({"vc": {"type": "VerifiableCredential", "issuer": ED_DID}}),
        json!({"vc": {"type": "VerifiableCredential", "credentialStatus": {"id": "https://status.example/1"}}}),
    ] {
        let error = attest(&credential(wrong.clone())).await.unwrap_err();
        assert!(matches!(error, ProofError::Refused { .. }), "{wrong}: {error}");
    }
    assert_eq!(attest(&credential(json!({"iss": ED_DID}))).await.unwrap_err(), ProofError::Untrusted(ED_DID.to_owned()));
    // Attested by oneself, in the issuer's name.
    let forged = json!({"iss": EC_DID, "sub": ED_DID, "vc": {"type": "VerifiableCredential"}}).to_string();
    let error = attest(&signed(r#"{"alg":"EdDSA"}"#, &forged, Algorithm::EdDSA)).await.unwrap_err();
    assert!(matches!(error, ProofError::Refused { .. }), "{error}");
    // Nobody is trusted elsewhere.
    let elsewhere = show(&host.verifier(&[]), ED_DID, &proof, Some(&credential(json!({}))), NOW).await;
    assert_eq!(elsewhere.unwrap_err(), ProofError::Untrusted(EC_DID.to_owned()));
}

#[tokio::test]
async fn another_kind_of_token_of_a_trusted_issuer_is_no_credential() {
    let host = Host::issuer().await;
    let proof = answer(ED_DID, Algorithm::EdDSA, json!({}));
    let show = async |trust: Trust, typ: &str, changes: Value| {
        let mut claims =
            json!({"iss": EC_DID, "sub": ED_DID, "exp": NOW_S + 500, "type": ["VerifiableCredential", "AgentCredential"]});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let head = json!({"alg": "ES256", "typ": typ}).to_string();
        let text = signed(&head, &claims.to_string(), Algorithm::ES256);
        show(&host.verifier_of(trust), ED_DID, &proof, Some(&text), NOW).await
    };
    let trust = |types: &[&str]| {
        let types = types.iter().map(|name| (*name).to_owned()).collect();
        Trust { did_types: types, ..host.trust(&[EC_DID]) }
    };
    for typ in ["JWT", "vc+jwt", "application/vc+jwt", "vc+ld+jwt"] {
        show(trust(&[]), typ, json!({})).await.unwrap();
    }
    show(trust(&["AgentCredential"]), "JWT", json!({"aud": [DOMAIN]})).await.unwrap();
    let bare = show(trust(&[]), "JWT", json!({"exp": null})).await.unwrap().attested.unwrap();
    assert_eq!(bare.expires_at, None);
    for (types, typ, changes) in [
        // A token to log in with.
        (vec![], "JWT", json!({"type": null})),
        (vec![], "JWT", json!({"type": "AgentCredential"})),
        (vec![], "JWT", json!({"type": null, "vc": {"credentialSubject": {"id": ED_DID}}})),
        (vec![], "at+jwt", json!({})),
        (vec![], "vp+jwt", json!({})),
        (vec![], "JWT", json!({"aud": "https://else.example"})),
        (vec!["PersonCredential"], "JWT", json!({})),
    ] {
        let error = show(trust(&types), typ, changes.clone()).await.unwrap_err();
        assert!(matches!(error, ProofError::Refused { .. }), "{typ} {changes}: {error}");
    }
}

#[tokio::test]
async fn strangers_have_so_many_documents_fetched_a_minute() {
    let host = Host::start(|_, _| None).await;
    let verifier = host.verifier(&[]);
    let port = host.base.rsplit(':').next().unwrap();
    let (ada, bob) = (OwnerId::new(), OwnerId::new());
    let ask = async |owner, name: &str, seconds| {
        let did = format!("did:web:localhost%3A{port}:{name}");
        let (proof, now) = (answer(&did, Algorithm::EdDSA, json!({})), NOW.after(Duration::from_secs(seconds)));
        verifier.did(verifier.answer(&did, &proof, now).unwrap(), None, owner, now).await.unwrap_err()
    };
    for n in 0..FETCHES_MAX {
        assert!(matches!(ask(ada, &format!("a{n}"), 0).await, ProofError::NoKeys(_)));
    }
    assert_eq!(host.asked(), FETCHES_MAX);
    assert_eq!(ask(ada, "b", 1).await, ProofError::FetchedEnough { wait: Duration::from_secs(59) });
    // What is remembered costs nothing, and what one has spent is nobody else's.
    assert!(matches!(ask(ada, "a0", 1).await, ProofError::NoKeys(_)));
    assert_eq!(host.asked(), FETCHES_MAX);
    assert!(matches!(ask(bob, "b", 1).await, ProofError::NoKeys(_)));
    assert!(matches!(ask(ada, "c", 60).await, ProofError::NoKeys(_)));
    assert_eq!(host.asked(), FETCHES_MAX + 2);
}
