//! Whoever is told: a receiver that checks signatures as people's receivers do.

use hmac::{Hmac, KeyInit, Mac};
use rialto_kernel::Clock;
use serde_json::{Value, json};
use sha2::Sha256;

use super::super::proxy::upstream::{Part, Upstream, plain};
use crate::harness::{Api, eventually, text};

/// Of the form that Standard Webhooks has: `whsec_` and base64, here of `rialto-test-secret-0123456`.
pub const SECRET: &str = "whsec_cmlhbHRvLXRlc3Qtc2VjcmV0LTAxMjM0NTY=";
pub const SECRET_KEY: &[u8] = b"rialto-test-secret-0123456";

/// A server that is told, and what it was told.
pub struct Receiver(Upstream);

/// One telling.
#[derive(Debug, Clone)]
pub struct Told {
    head: String,
    pub raw: Vec<u8>,
    pub body: Value,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        Self(Upstream::answering(plain(200, "", b"{}")).await)
    }

    /// One that makes something of each request.
    pub async fn making(make: impl Fn(&str, &[u8]) -> Vec<Part> + Send + Sync + 'static) -> Self {
        Self(Upstream::start(make).await)
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub fn told(&self) -> Vec<Told> {
        let told = |(head, raw): (String, Vec<u8>)| Told { body: serde_json::from_slice(&raw).unwrap(), head, raw };
        self.0.all().into_iter().map(told).collect()
    }

    /// What was told of this event.
    pub fn of(&self, event: &str) -> Vec<Told> {
        self.told().into_iter().filter(|told| told.body["event"] == event).collect()
    }

    /// Waits until so much was told of this event.
    pub async fn until(&self, event: &str, count: usize) -> Vec<Told> {
        let what = format!("{count} × {event}");
        eventually(&what, async || (self.of(event).len() >= count).then(|| self.of(event))).await
    }

    /// A webhook of somebody that leads here.
    pub async fn subscribe(&self, api: &Api, events: &[&str]) -> Value {
        let body = json!({"url": self.url(), "events": events, "secret": SECRET});
        api.post("/api/v1/webhooks", &body).await.expect(201)
    }
}

impl Told {
    pub fn header(&self, name: &str) -> String {
        let found = self.head.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    /// As the reference's receiver does: `hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()`.
    pub fn verify(&self, secret: &str) -> bool {
        self.header("x-acf-signature") == hex::encode(mac(secret.as_bytes(), &self.raw))
    }

    /// As the libraries of Standard Webhooks do, with the key that they read out of the secret.
    pub fn verify_standard(&self, key: &[u8]) -> bool {
        let (id, stamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let age = Clock::system().now().seconds().abs_diff(stamp.parse().unwrap());
        let expected = base64(&mac(key, &[format!("{id}.{stamp}.").as_bytes(), &self.raw].concat()));
        let signatures = self.header("webhook-signature");
        age < 300 && signatures.split(' ').filter_map(|one| one.split_once(',')).any(|(v, one)| v == "v1" && one == expected)
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[usize::try_from(all >> (18 - 6 * at) & 63).unwrap()];
            text.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// The bytes of base64.
pub fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let value = |letter: &u8| u32::try_from(LETTERS.iter().position(|known| known == letter).unwrap()).unwrap();
        let all = four.iter().fold(0_u32, |all, letter| all << 6 | value(letter)) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&all.to_be_bytes()[1..four.len()]);
    }
    bytes
}

/// The path of a webhook.
pub fn path(webhook: &Value) -> String {
    format!("/api/v1/webhooks/{}", text(&webhook["id"]))
}

/// The only delivery of a webhook, once it stands so.
pub async fn delivery(api: &Api, webhook: &Value, status: &str) -> Value {
    eventually(&format!("a delivery is {status}"), async || {
        let page = api.get(&format!("{}/deliveries?status={status}", path(webhook))).await.expect(200);
        page["deliveries"].as_array().unwrap().first().cloned()
    })
    .await
}

#[test]
fn the_checker_checks() {
    assert_eq!(base64(b"rialto-test-secret-0123456"), SECRET.strip_prefix("whsec_").unwrap());
    assert_eq!(decoded(SECRET.strip_prefix("whsec_").unwrap()), SECRET_KEY);
    for text in ["", "a", "ab", "abc", "abcd"] {
        assert_eq!(decoded(&base64(text.as_bytes())), text.as_bytes());
    }
}
