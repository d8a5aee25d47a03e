//! Tokens of issuers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rialto_registry::proof::{Kya, LAST_GOOD_LASTS, ProofError, TOKEN_BYTES_MAX};
use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn a_token_of_a_trusted_issuer_is_believed_whichever_key_signed_it() {
    let host = Host::issuer().await;
    let verifier = host.verifier(&[]);
    let kya = async |token: &str| verifier.kya(token, NOW).await;
    let by_ec = signed(r#"{"typ":"JWT","kid":"ec-1","alg":"ES256"}"#, &claims(json!({})).to_string(), Algorithm::ES256);
    let (ed, ec) = (kya(&by_ed(&claims(json!({})))).await.unwrap(), kya(&format!(" {by_ec}\n")).await.unwrap());
    assert_eq!(ed, ec, "the same jti of the same issuer is the same token");
    let Kya { issuer, subject, expires_at, .. } = &ed;
    assert_eq!((issuer.as_str(), subject.as_str(), expires_at.seconds()), (ISSUER, "agent-1", NOW_S + 600));
    let by_rsa = kya(RSA_TOKEN).await.unwrap();
    assert_eq!((by_rsa.subject.as_str(), by_rsa.expires_at.seconds()), ("agent-1", 253_402_300_000));
    // Without a jti it is what was signed that counts.
    let mut bare = claims(json!({}));
    bare.as_object_mut().unwrap().remove("jti");
    assert_ne!(kya(&by_ed(&bare)).await.unwrap().digest, ed.digest);
    bare["nbf"] = json!(NOW_S + 30);
    kya(&by_ed(&bare)).await.unwrap();
    assert_eq!(host.asked(), 1, "keys are fetched once");
}

#[tokio::test]
async fn what_is_no_token_is_not_read() {
    let host = Host::issuer().await;
    let verifier = host.verifier(&[]);
    let good = claims(json!({})).to_string();
    let none = format!("{}.{}.", encoded(r#"{"alg":"none"}"#), encoded(&good));
    // A shared secret that everybody knows: the issuer's public key.
    let message = format!("{}.{}", encoded(r#"{"alg":"HS256","kid":"rsa-1"}"#), encoded(&good));
    let secret = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(RSA_N).unwrap());
    let shared = format!("{message}.{}", crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap());
    let ed = |head: &str| signed(head, &good, Algorithm::EdDSA);
    let valid = ed(r#"{"alg":"EdDSA","kid":"ed-1"}"#);
    let unreadable = [
        String::new(),
        "a.b".to_owned(),
        format!("{valid}.x"),
        format!("{valid}="),
        none,
        shared,
        ed(r#"{"alg":"EdDSA","alg":"EdDSA","kid":"ed-1"}"#),
        ed(r#"{"alg":"EdDSA","kid":"ed-1","kid":"ed-1"}"#),
        ed(r#"{"alg":"EdDSA","kid":"ed-1","crit":["x"],"x":1}"#),
        ed(r#"{"kid":"ed-1"}"#),
        ed("[]"),
        signed(r#"{"alg":"EdDSA","kid":"ed-1"}"#, "[]", Algorithm::EdDSA),
        signed(
            r#"{"alg":"EdDSA","kid":"ed-1"}"#,
            r#"{"iss":"https://kya.example","iss":"https://kya.example"}"#,
            Algorithm::EdDSA,
        ),
        by_ed(&claims(json!({"sub": null}))),
        by_ed(&claims(json!({"exp": null}))),
        by_ed(&claims(json!({"exp": "never"}))),
        by_ed(&claims(json!({"iss": [ISSUER]}))),
        by_ed(&claims(json!({"sub": "x".repeat(TOKEN_BYTES_MAX)}))),
    ];
    for token in &unreadable {
        let error = verifier.kya(token, NOW).await.unwrap_err();
        // What ends in a wrong sign is a wrong signature.
        let expected = matches!(error, ProofError::Unreadable { .. }) || token.ends_with('=');
        assert!(expected, "{token:.80}: {error}");
    }
}

#[tokio::test]
async fn tokens_that_say_the_wrong_thing_are_refused() {
    let host = Host::issuer().await;
    let verifier = host.verifier(&[]);
    let good = claims(json!({})).to_string();
    let ed = |head: &str| signed(head, &good, Algorithm::EdDSA);
    let valid = ed(r#"{"alg":"EdDSA","kid":"ed-1"}"#);
    let tampered = {
        let parts: Vec<&str> = valid.split('.').collect();
        [parts[0], &encoded(&claims(json!({"sub": "agent-2"})).to_string()), parts[2]].join(".")
    };
    let refused = [
        tampered,
        ed(r#"{"alg":"EdDSA","kid":"ec-1"}"#),
        ed(r#"{"alg":"EdDSA","kid":"lost"}"#),
        ed(r#"{"alg":"EdDSA","kid":"short-1"}"#),
        ed(r#"{"alg":"ES256","kid":"ed-1"}"#),
        ed(r#"{"alg":"ES256","kid":"ec-1"}"#),
        ed(r#"{"alg":"RS256","kid":"rsa-1"}"#),
        signed(r#"{"alg":"ES256","kid":"enc-1"}"#, &good, Algorithm::ES256),
        signed(r#"{"alg":"ES256","kid":"short-2"}"#, &good, Algorithm::ES256),
        by_ed(&claims(json!({"exp": NOW_S}))),
        by_ed(&claims(json!({"exp": NOW_S - 1}))),
        by_ed(&claims(json!({"exp": 1e300}))),
        by_ed(&claims(json!({"exp": i64::MAX}))),
        by_ed(&claims(json!({"exp": -1}))),
        by_ed(&claims(json!({"nbf": NOW_S + 61}))),
        by_ed(&claims(json!({"iat": NOW_S + 61}))),
        by_ed(&claims(json!({"aud": "https://other.example"}))),
        by_ed(&claims(json!({"aud": []}))),
        by_ed(&claims(json!({"aud": [format!("{US}/")]}))),
        by_ed(&claims(json!({"sub": ""}))),
    ];
    for token in &refused {
        let error = verifier.kya(token, NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::Refused { .. }), "{token:.80}: {error}");
    }
    let stranger = verifier.kya(&by_ed(&claims(json!({"iss": "https://evil.example"}))), NOW).await;
    assert_eq!(stranger.unwrap_err(), ProofError::Untrusted("https://evil.example".to_owned()));
    for issuer in ["https://away.example", "https://huge.example"] {
        let error = verifier.kya(&by_ed(&claims(json!({"iss": issuer}))), NOW).await.unwrap_err();
        assert!(matches!(error, ProofError::NoKeys(_)), "{error}");
    }
}

#[tokio::test]
async fn keys_are_fetched_once_for_all_and_so_is_that_there_are_none() {
    let host = Host::issuer().await;
    let verifier = host.verifier(&[]);
    for (issuer, asked) in [(ISSUER, 1), ("https://away.example", 2)] {
        let token = by_ed(&claims(json!({"iss": issuer})));
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (verifier, token) = (verifier.clone(), token.clone());
                tokio::spawn(async move { verifier.kya(&token, NOW).await.is_ok() })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), issuer == ISSUER);
        }
        assert_eq!(host.asked(), asked);
    }
    // Nobody can have them fetched as often as he likes by naming keys that there are not.
    let lost = signed(r#"{"alg":"EdDSA","kid":"lost"}"#, &claims(json!({})).to_string(), Algorithm::EdDSA);
    for _ in 0..5 {
        verifier.kya(&lost, NOW).await.unwrap_err();
    }
    assert_eq!(host.asked(), 2);
}

#[tokio::test]
async fn the_last_keys_serve_while_their_place_is_away_and_it_is_asked_ever_more_seldom() {
    let is_away = Arc::new(Mutex::new(None::<&str>));
    let told = Arc::clone(&is_away);
    let host = Host::start(move |_, _| match *told.lock().unwrap() {
        None => Some(jwks().to_string()),
        Some("gone") => None,
        Some(other) => Some(other.to_owned()),
    })
    .await;
    let verifier = host.verifier(&[]);
    let kya = async |kid: &str, seconds: u64| {
        let (now, end) = (NOW.after(Duration::from_secs(seconds)), NOW_S + 1_000_000);
        let head = json!({"alg": "EdDSA", "kid": kid}).to_string();
        let token = signed(&head, &claims(json!({"exp": end})).to_string(), Algorithm::EdDSA);
        verifier.kya(&token, now).await.map(drop)
    };
    kya("ed-1", 0).await.unwrap();
    // What is no set of keys, and no answer at all, take nothing away. Each failure makes the next attempt later, up to five minutes.
    for (answer, seconds, asked) in [
        ("gone", 300, 2),
        ("gone", 329, 2),
        ("{}", 330, 3),
        ("gone", 389, 3),
        ("no json", 390, 4),
        ("gone", 509, 4),
        ("gone", 510, 5),
        ("gone", 749, 5),
        ("gone", 750, 6),
        ("gone", 1_049, 6),
        ("gone", 1_050, 7),
        ("gone", 1_350, 8),
    ] {
        *is_away.lock().unwrap() = Some(answer);
        assert_eq!((kya("ed-1", seconds).await, host.asked()), (Ok(()), asked), "{answer} after {seconds} s");
    }
    // A key that they do not have may be a new one: nobody knows.
    assert_eq!(kya("new-1", 1_351).await, Err(ProofError::NoKeys(ISSUER.to_owned())));
    // They are none any more after a while.
    let end = LAST_GOOD_LASTS.as_secs();
    assert_eq!(kya("ed-1", end - 1).await, Ok(()));
    assert_eq!(kya("ed-1", end).await, Err(ProofError::NoKeys(ISSUER.to_owned())));
    *is_away.lock().unwrap() = None;
    let asked = host.asked();
    assert_eq!(kya("ed-1", end + 299).await, Ok(()));
    // An issuer that publishes no keys has taken them back.
    *is_away.lock().unwrap() = Some(r#"{"keys": []}"#);
    assert!(matches!(kya("ed-1", end + 599).await, Err(ProofError::Refused { .. })));
    assert_eq!(host.asked(), asked + 2);
}
