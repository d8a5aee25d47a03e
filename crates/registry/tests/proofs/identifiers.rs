//! Decentralized identifiers, and credentials.

use jsonwebtoken::Algorithm;
use rialto_kernel::Timestamp;
use rialto_registry::proof::{Presented, ProofError};
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

#[tokio::test]
async fn the_holder_of_a_key_answers_for_its_identifier() {
    let host = Host::issuer().await;
    let verifier = host.verifier(&[]);
    for (did, alg) in [(ED_DID, Algorithm::EdDSA), (EC_DID, Algorithm::ES256)] {
        let shown = verifier.did(did, &answer(did, alg, json!({"sub": did, "exp": NOW_S + 1})), None, NOW).await.unwrap();
        let (did, challenge) = (did.to_owned(), "challenge".to_owned());
        assert_eq!(shown, Presented { did, challenge, issuer: None, expires_at: None });
    }
    let multibase = ED_DID.strip_prefix("did:key:").unwrap();
    for kid in [format!("{ED_DID}#{multibase}"), format!("#{multibase}")] {
        let head = json!({"alg": "EdDSA", "kid": kid}).to_string();
        let claims = json!({"iss": ED_DID, "aud": [DOMAIN], "nonce": "challenge"}).to_string();
        verifier.did(ED_DID, &signed(&head, &claims, Algorithm::EdDSA), None, NOW).await.unwrap();
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
        let error = verifier.did(did, &proof, None, NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::Refused { .. }), "{error}");
    }
    let nonceless = verifier.did(ED_DID, &ed(json!({"nonce": null})), None, NOW).await.unwrap_err();
    assert!(matches!(nonceless, ProofError::Unreadable { .. }), "{nonceless}");
    for did in ["did:web:127.0.0.1", "did:ion:x", "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"] {
        let error = verifier.did(did, &answer(did, Algorithm::EdDSA, json!({})), None, NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::BadDid(_)), "{error}");
    }
    // A host within: what it is called does not matter, where it is does.
    let inner = "did:web:agents.internal.invalid";
    let error = verifier.did(inner, &answer(inner, Algorithm::EdDSA, json!({})), None, NOW).await.unwrap_err();
    assert!(matches!(error, ProofError::NoKeys { .. }), "{error}");
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
        assert_eq!(verifier.did(&did, &proof, None, NOW).await.unwrap().did, did);
        // That key is for attesting, and the other is another's.
        let error = verifier.did(&did, &answer(&did, Algorithm::ES256, json!({})), None, NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::Refused { .. }), "{error}");
    }
    for did in [format!("did:web:localhost%3A{port}:other"), format!("did:web:localhost%3A{port}:lost")] {
        let error = verifier.did(&did, &answer(&did, Algorithm::EdDSA, json!({})), None, NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::NoKeys { .. }), "{error}");
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
    let show = async |credential: &str| verifier.did(ED_DID, &proof, Some(credential), NOW).await;
    assert_eq!(verifier.did(ED_DID, &proof, None, NOW).await.unwrap_err(), ProofError::CredentialRequired);
    let shown = show(&credential(json!({}))).await.unwrap();
    assert_eq!((shown.issuer.as_deref(), shown.expires_at.map(Timestamp::seconds)), (Some(EC_DID), Some(NOW_S + 500)));
    // As version 2 has it.
    let modern = json!({"issuer": {"id": EC_DID}, "credentialSubject": {"id": ED_DID}, "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2026-12-01T00:00:00Z"});
    let modern = signed(r#"{"alg":"ES256","typ":"vc+jwt"}"#, &modern.to_string(), Algorithm::ES256);
    assert_eq!(show(&modern).await.unwrap().expires_at.unwrap().to_string(), "2026-12-01T00:00:00.000000Z");
    for wrong in [
        json!({"sub": EC_DID}),
        json!({"sub": null, "vc": {}}),
        json!({"vc": {"credentialSubject": {"id": EC_DID}}}),
        json!({"exp": NOW_S}),
        json!({"nbf": NOW_S + 100}),
        json!({"validUntil": "2026-01-01T00:00:00Z"}),
        json!({"vc": {"expirationDate": "2026-01-01T00:00:00Z"}}),
        json!({"vc": {"issuer": ED_DID}}),
        json!({"vc": {"credentialStatus": {"id": "https://status.example/1"}}}),
    ] {
        let error = show(&credential(wrong.clone())).await.unwrap_err();
        assert!(matches!(error, ProofError::Refused { .. }), "{wrong}: {error}");
    }
    assert_eq!(show(&credential(json!({"iss": ED_DID}))).await.unwrap_err(), ProofError::Untrusted(ED_DID.to_owned()));
    // Attested by oneself, in the issuer's name.
    let forged = json!({"iss": EC_DID, "sub": ED_DID, "vc": {}}).to_string();
    let error = show(&signed(r#"{"alg":"EdDSA"}"#, &forged, Algorithm::EdDSA)).await.unwrap_err();
    assert!(matches!(error, ProofError::Refused { .. }), "{error}");
    // Nobody is trusted elsewhere.
    let elsewhere = host.verifier(&[]).did(ED_DID, &proof, Some(&credential(json!({}))), NOW).await;
    assert_eq!(elsewhere.unwrap_err(), ProofError::Untrusted(EC_DID.to_owned()));
}
