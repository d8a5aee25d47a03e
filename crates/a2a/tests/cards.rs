//! Cards of others: found, and their signatures checked. `fixtures/signed_cards.json` was signed by the protocol's official kit.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

use std::{collections::HashMap, sync::Arc};

use rialto_a2a::card::{FetchError, SignatureStatus, fetch, read, verify, verify_with};
use rialto_outbound::{ClientOptions, OutboundClient, OutboundPolicy, UrlRefusal};
use rialto_registry::Protocol;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/signed_cards.json")).unwrap()
}

fn keys(fixture: &Value) -> Vec<Value> {
    fixture["keys"].as_array().unwrap().clone()
}

#[test]
fn what_the_official_kit_signs_is_verified_and_what_was_changed_is_not() {
    let fixture = fixture();
    let keys = keys(&fixture);
    for (algorithm, kid) in [("ES256", "es256"), ("EdDSA", "eddsa"), ("RS256", "rs256")] {
        let card = &fixture["cards"][algorithm];
        let good = verify_with(card, &keys);
        assert_eq!((good.status, good.detail.as_deref()), (SignatureStatus::Verified, Some(kid)), "{algorithm}");
        let mut changed = card.clone();
        changed["supportedInterfaces"][0]["url"] = json!("https://evil.example.com/");
        assert_eq!(verify_with(&changed, &keys).status, SignatureStatus::Invalid, "{algorithm}");
        let mut other = card.clone();
        other["signatures"] = fixture["cards"][if algorithm == "ES256" { "EdDSA" } else { "ES256" }]["signatures"].clone();
        // The same card signed by another key is as good.
        assert_eq!(verify_with(&other, &keys).status, SignatureStatus::Verified, "{algorithm}");
        assert_eq!(verify_with(card, &[]).status, SignatureStatus::Invalid);
    }
    let view = read(&fixture["cards"]["ES256"]).unwrap();
    assert_eq!((view.endpoint.as_str(), view.protocol), ("https://agents.example.com/a2a", Protocol::A2aV10));
}

#[test]
fn hostile_signatures_are_invalid_and_nothing_else() {
    let mut card = fixture()["cards"]["ES256"].clone();
    assert_eq!(verify_with(&json!({"name": "n"}), &[]).status, SignatureStatus::Unsigned);
    let unsigned = "eyJhbGciOiJub25lIiwia2lkIjoieCJ9";
    let secret = "eyJhbGciOiJIUzI1NiIsImtpZCI6IngifQ";
    let octets = json!({"kty": "oct", "kid": "x", "k": "c2VjcmV0"});
    for signatures in [
        json!("x"),
        json!({}),
        json!([1]),
        json!([{"protected": "", "signature": ""}]),
        json!([{"protected": "%%%", "signature": "x"}]),
        json!([{"protected": unsigned, "signature": ""}]),
        json!([{"protected": secret, "signature": "AAAA"}]),
        json!(vec![json!({"protected": unsigned, "signature": "x"}); 10_000]),
    ] {
        card["signatures"] = signatures.clone();
        let checked = verify_with(&card, std::slice::from_ref(&octets));
        assert_eq!(checked.status, SignatureStatus::Invalid, "{:.80}", signatures.to_string());
    }
}

/// A server with these bodies at these paths, with these statuses, that counts what it is asked.
async fn server(pages: HashMap<&'static str, (u16, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let pages = Arc::new(pages);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let pages = Arc::clone(&pages);
            tokio::spawn(async move {
                let mut taken = vec![0; 8_192];
                let mut length = 0;
                while !taken[..length].windows(4).any(|window| window == b"\r\n\r\n") {
                    match stream.read(&mut taken[length..]).await {
                        Ok(read @ 1..) => length += read,
                        _ => return,
                    }
                }
                let text = String::from_utf8_lossy(&taken[..length]).into_owned();
                let path = text.split(' ').nth(1).unwrap_or_default();
                let missing = (404, Vec::new());
                let (status, body) = pages.get(path).unwrap_or(&missing);
                let location = if *status == 302 { "location: /loop\r\n" } else { "" };
                let head =
                    format!("HTTP/1.1 {status} X\r\n{location}connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
            });
        }
    });
    base
}

fn client(allowed: &str) -> OutboundClient {
    OutboundClient::new(allowed.parse::<OutboundPolicy>().unwrap(), &ClientOptions::default()).unwrap()
}

#[tokio::test]
async fn a_card_is_found_byte_for_byte_at_the_first_place_that_has_one() {
    let card = b"{ \"name\":\"x\",\n \"url\": \"https://a.example/\" , \"n\": 1.50 }".to_vec();
    let pages = HashMap::from([("/agents/x/.well-known/agent.json", (200, card.clone())), ("/loop", (302, Vec::new()))]);
    let base = server(pages).await;
    let client = client("127.0.0.1");
    let found = fetch(&client, &format!("{base}/agents/x")).await.unwrap();
    assert_eq!((found.bytes.as_ref(), found.url), (card.as_slice(), format!("{base}/agents/x/.well-known/agent.json")));
    for url in [format!("{base}/loop"), base.clone()] {
        assert!(matches!(fetch(&client, &url).await, Err(FetchError::NotFound { .. })), "{url}");
    }
}

#[tokio::test]
async fn what_is_no_card_or_too_much_of_one_is_not_found_and_private_places_are_not_asked() {
    let deep = [b"{\"name\":".to_vec(), b"[".repeat(100_000), b"]".repeat(100_000), b"}".to_vec()].concat();
    let huge = [b"{\"name\":\"".to_vec(), b"x".repeat(10 << 20), b"\"}".to_vec()].concat();
    let pages = HashMap::from([
        ("/deep.json", (200, deep)),
        ("/huge.json", (200, huge)),
        ("/html.json", (200, b"<html>".to_vec())),
        ("/list.json", (200, b"[{\"name\":\"x\"}]".to_vec())),
        ("/bare.json", (200, b"{}".to_vec())),
        ("/gone.json", (500, b"{\"name\":\"x\"}".to_vec())),
    ]);
    let base = server(pages).await;
    let allowed = client("127.0.0.1");
    for page in ["deep", "huge", "html", "list", "bare", "gone", "none"] {
        let found = fetch(&allowed, &format!("{base}/{page}.json")).await;
        assert!(matches!(found, Err(FetchError::NotFound { .. })), "{page}: {found:?}");
    }
    let strict = client("");
    for url in [base.as_str(), "http://10.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/card.json"] {
        assert_eq!(fetch(&strict, url).await.err(), Some(FetchError::Refused(UrlRefusal::Private)), "{url}");
    }
    assert!(matches!(fetch(&strict, "file:///etc/passwd").await, Err(FetchError::Refused(UrlRefusal::NotHttp))));
}

#[tokio::test]
async fn keys_are_fetched_where_the_signature_says_and_only_from_places_that_may_be_called() {
    let fixture = fixture();
    let card = &fixture["cards"]["EdDSA"];
    // The name in the signature is not one that anybody here answers for.
    let unreachable = verify(&client("127.0.0.1"), card).await;
    assert_eq!(unreachable.status, SignatureStatus::Invalid);
    let key = jsonwebtoken::EncodingKey::from_ed_der(&ed25519());
    let public = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, jsonwebtoken::Algorithm::EdDSA).unwrap();
    let mut public = serde_json::to_value(public).unwrap();
    public["kid"] = json!("k1");
    let pages = HashMap::from([("/jwks.json", (200, json!({"keys": [{"kty": "odd"}, public]}).to_string().into_bytes()))]);
    let base = server(pages).await;
    let mut signed = json!({"name": "n", "url": "https://a.example/", "skills": []});
    signed["signatures"] = json!([signature(&key, &signed, &format!("{base}/jwks.json"))]);
    let checked = verify(&client("127.0.0.1"), &signed).await;
    assert_eq!((checked.status, checked.detail.as_deref()), (SignatureStatus::Verified, Some("k1 at 127.0.0.1")));
    let refused = verify(&client(""), &signed).await;
    assert_eq!(refused.status, SignatureStatus::Invalid);
    assert!(refused.detail.unwrap().contains("private"), "it says why");
}

#[tokio::test]
async fn a_place_without_keys_is_asked_once_for_all_signatures_that_name_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 500 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
            let _ = stream.read(&mut [0; 8_192]).await;
        }
    });
    let key = jsonwebtoken::EncodingKey::from_ed_der(&ed25519());
    let mut card = json!({"name": "n", "url": "https://a.example/", "skills": []});
    card["signatures"] = json!(vec![signature(&key, &card, &format!("{base}/jwks.json")); 50]);
    let checked = verify(&client("127.0.0.1"), &card).await;
    assert_eq!(checked.status, SignatureStatus::Invalid);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// A key of this test: PKCS #8 around 32 bytes.
fn ed25519() -> Vec<u8> {
    let head = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    [head.as_slice(), &[7; 32]].concat()
}

fn signature(key: &jsonwebtoken::EncodingKey, card: &Value, jku: &str) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let protected = URL_SAFE_NO_PAD.encode(json!({"alg": "EdDSA", "kid": "k1", "jku": jku}).to_string());
    let payload = URL_SAFE_NO_PAD.encode(rialto_a2a::card::canonical(card).unwrap());
    let message = format!("{protected}.{payload}");
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, jsonwebtoken::Algorithm::EdDSA).unwrap();
    json!({"protected": protected, "signature": signature})
}
