//! What the tests of proofs start from: keys, tokens, and a small server that has the keys.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rialto_kernel::Timestamp;
use rialto_outbound::{ClientOptions, OutboundClient};
use rialto_registry::proof::{Trust, Verifier};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

pub const NOW_S: i64 = 1_795_348_800;
pub const NOW: Timestamp = Timestamp::from_micros(NOW_S * 1_000_000);
pub const ISSUER: &str = "https://kya.example";
pub const US: &str = "https://rialto.example";
pub const DOMAIN: &str = "rialto.example";

/// The key of RFC 8037, appendix A.
pub const ED_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
pub const ED_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
pub const ED_DID: &str = "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw";
/// The key of RFC 7515, appendix A.3.
pub const EC_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
pub const EC_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
pub const EC_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
pub const EC_DID: &str = "did:key:zDnaerGBD7Zxzau2fdfEFaaaTDYBu5XEBYdGV2BmERp3MDSov";
/// A key whose private half nobody has kept, and a token that it signed.
pub const RSA_N: &str = "rVJrYjoVlptUaea3_PYTic9Q0MzEaIHOWBYTj21TY9oBPlL-nBlVagNcce-h9oQXerM1oI7KanGjwnUPVZZdTOayhmGICUieNmNyKudKcNfYISrjCmiW5hVcXuj7fSDKj1y61aqgbyLZLUu4i3jZkp8Lv1mv66tPGXQY7806ho-x-Kl2SbZNzPzxbE6PVbbcZLRtlsLUhH-_Zwoot3sWcxXBHE2HtlYIjrFWMOYhEVbh0sC20WmQwR4Fc2N1iLlYm2iOAX18qFdg-p0SaTwbW23VSKXiB1SWxU9Z0XGxBFzjmQjWTYLCUX94rt9PAbThcAOtTL2aMoTErYItSAYNQw";
pub const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYS0xIn0.eyJpc3MiOiJodHRwczovL2t5YS5leGFtcGxlIiwiYXVkIjpbIngiLCJodHRwczovL3JpYWx0by5leGFtcGxlIl0sInN1YiI6ImFnZW50LTEiLCJleHAiOjI1MzQwMjMwMDAwMCwianRpIjoicnNhIn0.eCB_6hEwaJ5ZVQzjbK_2hGhYzkmekNVoFF-h6_glomkckzF2Fjp6W2osSVRE5CLtZ7oPM6OYCNBZA9DTc-FiGlXp--1PqhvSk-WvDEHi8Po-wNSOxtkcyPxpwX1ePexJxEk9z3cl443SBJTsdJE7B9o1JeM3b2Z0IKBfslfcvKS3faNVGYeGE96jmwJREe4VNiW-ebXGQsFT9kmDqI_p3QgWIe6zM_kKGzjxJ5Ij3vK-s7x8K-rPm8MeidrrAzhyTs8p7I-_YldZysPrBolwsqoSH3lJxD7WO7GDWM2Dn4m6s8wMKtFyyrZGSwmIU-cGFuKekAqKIgm0_zxOwAURDw";

pub fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The private key in PKCS #8.
pub fn key(alg: Algorithm) -> EncodingKey {
    let (head, d) = match alg {
        Algorithm::EdDSA => ("302e020100300506032b657004220420", ED_D),
        _ => ("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420", EC_D),
    };
    let der = [hex::decode(head).unwrap(), URL_SAFE_NO_PAD.decode(d).unwrap()].concat();
    if alg == Algorithm::EdDSA { EncodingKey::from_ed_der(&der) } else { EncodingKey::from_ec_der(&der) }
}

/// A token with this very head.
pub fn signed(head: &str, claims: &str, alg: Algorithm) -> String {
    let message = format!("{}.{}", encoded(head), encoded(claims));
    let signature = crypto::sign(message.as_bytes(), &key(alg), alg).unwrap();
    format!("{message}.{signature}")
}

pub fn by_ed(claims: &Value) -> String {
    signed(r#"{"alg":"EdDSA","kid":"ed-1"}"#, &claims.to_string(), Algorithm::EdDSA)
}

pub fn jwks() -> Value {
    json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "x": ED_X, "kid": "ed-1", "use": "sig"},
        {"kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y, "kid": "ec-1", "alg": "ES256"},
        {"kty": "RSA", "n": RSA_N, "e": "AQAB", "kid": "rsa-1"},
        {"kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y, "kid": "enc-1", "use": "enc"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "short-1"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "short-2"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct-1"},
        "nonsense",
    ]})
}

/// A server that answers each path with its document, and counts how often it was asked.
pub struct Host {
    pub base: String,
    asked: Arc<AtomicUsize>,
}

impl Host {
    pub async fn start(answers: impl Fn(u16, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(answers));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (counter, answers) = (Arc::clone(&counter), Arc::clone(&answers));
                tokio::spawn(async move {
                    let mut head = [0; 4_096];
                    while let Ok(length @ 1..) = stream.read(&mut head).await {
                        counter.fetch_add(1, Ordering::SeqCst);
                        let head = String::from_utf8_lossy(head.get(..length).unwrap_or_default()).into_owned();
                        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                        // Whoever comes together is to find the request under way.
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                        let (status, body) = answers(port, &path).map_or((404, String::new()), |body| (200, body));
                        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { base: format!("http://127.0.0.1:{port}"), asked }
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A verifier that finds the keys of `ISSUER` here, and trusts these identifiers.
    pub fn verifier(&self, trusted: &[&str]) -> Verifier {
        let issuers = [(ISSUER, "/jwks"), ("https://away.example", "/away"), ("https://huge.example", "/huge")];
        let trust = Trust {
            kya_issuers: issuers.map(|(issuer, path)| (issuer.to_owned(), format!("{}{path}", self.base))).into(),
            kya_audience: US.to_owned(),
            did_issuers: trusted.iter().map(|did| (*did).to_owned()).collect(),
            domain: DOMAIN.to_owned(),
        };
        let policy = "127.0.0.0/8,localhost".parse().unwrap();
        Verifier::new(trust, OutboundClient::new(policy, &ClientOptions::default()).unwrap())
    }

    pub async fn issuer() -> Self {
        Self::start(|_, path| match path {
            "/jwks" => Some(jwks().to_string()),
            "/huge" => Some(format!("{{\"keys\":[\"{}\"]}}", "x".repeat(70_000))),
            _ => None,
        })
        .await
    }
}

pub fn claims(changes: Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": US, "sub": "agent-1", "exp": NOW_S + 600, "iat": NOW_S, "jti": "1"});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}
