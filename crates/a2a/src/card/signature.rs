//! Whether a card was signed, and by whom: a detached JWS over the card's canonical text.
//!
//! A signature says that whoever holds the key published this very card. It does not say that they may be trusted: the key is
//! found where the signature itself points (`jku`), so what is told is *whose* key it was.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto, jwk::Jwk};
use rialto_outbound::{CallLimits, CheckedUrl, Method, OutboundClient, OutboundRequest};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{fetch::FETCH_LIMITS, jcs::canonical, shape};

/// More signatures than this are not looked at.
const SIGNATURES_MAX: usize = 4;
/// The largest set of keys that is read, in bytes.
const KEYS_BYTES_MAX: u64 = 64 * 1_024;
/// How long the keys of all signatures of a card may take together.
const KEYS_PATIENCE: Duration = Duration::from_secs(10);
/// The longest modulus of an RSA key, in characters: 8,192 bits. Larger ones only cost time.
const MODULUS_CHARS_MAX: usize = 1_400;

/// Whether a card is what somebody signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureStatus {
    /// It carries no signature.
    Unsigned,
    /// One of its signatures is good.
    Verified,
    /// It carries signatures, and none of them is good, or can be checked.
    Invalid,
}

impl SignatureStatus {
    /// The word that databases and clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Verified => "verified",
            Self::Invalid => "invalid",
        }
    }

    /// The status with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Unsigned, Self::Verified, Self::Invalid].into_iter().find(|status| status.as_str() == word)
    }
}

/// What the signatures of a card come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// In a word.
    pub status: SignatureStatus,
    /// Whose key verified it, as `key id at host`; or why none did.
    pub detail: Option<String>,
}

/// The head of a signature, which it covers.
#[derive(Debug, Deserialize)]
struct Protected {
    alg: String,
    kid: Option<String>,
    jku: Option<String>,
}

/// One signature as the card carries it.
#[derive(Debug, Deserialize)]
struct Jws {
    protected: String,
    signature: String,
}

#[derive(Debug, Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

/// Checks the signatures of a card, fetching the keys that they name through `client`.
pub async fn verify(client: &OutboundClient, card: &Value) -> Signature {
    let signatures = match signatures(card) {
        Ok(signatures) => signatures,
        Err(at_once) => return at_once,
    };
    let payloads = payloads(card);
    let (mut keys, mut why) = (Keyring::new(client), UNREADABLE.to_owned());
    for signature in signatures {
        match check(&mut keys, signature, &payloads).await {
            Ok(signer) => return Signature { status: SignatureStatus::Verified, detail: Some(signer) },
            Err(reason) => why = reason,
        }
    }
    invalid(why)
}

/// Checks the signatures of a card with keys that are known: JSON Web Keys, by their ids, wherever a signature says that they are.
#[must_use]
pub fn verify_with(card: &Value, keys: &[Value]) -> Signature {
    let signatures = match signatures(card) {
        Ok(signatures) => signatures,
        Err(at_once) => return at_once,
    };
    let payloads = payloads(card);
    let mut why = UNREADABLE.to_owned();
    for signature in signatures {
        match head(signature).and_then(|head| judge(&head, keys, &payloads)) {
            Ok(signer) => return Signature { status: SignatureStatus::Verified, detail: Some(signer) },
            Err(reason) => why = reason,
        }
    }
    invalid(why)
}

/// Why a card is not verified when there is nothing to say about any signature.
const UNREADABLE: &str = "there is no signature that can be read";

/// The signatures to look at, or what can be said without a look.
fn signatures(card: &Value) -> Result<impl Iterator<Item = &Value>, Signature> {
    match card.get("signatures") {
        Some(Value::Array(signatures)) if !signatures.is_empty() => Ok(signatures.iter().take(SIGNATURES_MAX)),
        None | Some(Value::Null | Value::Array(_)) => Err(Signature { status: SignatureStatus::Unsigned, detail: None }),
        Some(_) => Err(invalid("signatures is not a list".to_owned())),
    }
}

fn invalid(why: String) -> Signature {
    Signature { status: SignatureStatus::Invalid, detail: Some(why) }
}

/// What may have been signed, as the second part of a JWS. The rule is one: signatures and whatever says nothing are left out.
/// Signers read it in three ways: the card as it is, without default values, and without anything empty.
fn payloads(card: &Value) -> Vec<String> {
    let mut bare = card.clone();
    if let Value::Object(fields) = &mut bare {
        fields.remove("signatures");
    }
    let known = shape::known(card);
    let forms = [Some(bare), shape::without_empty(&known), Some(known)];
    forms.into_iter().flatten().filter_map(|form| canonical(&form)).map(|text| URL_SAFE_NO_PAD.encode(text)).collect()
}

/// A signature, read.
struct Head {
    jws: Jws,
    algorithm: Algorithm,
    kid: String,
    jku: Option<String>,
}

fn head(signature: &Value) -> Result<Head, String> {
    let jws = Jws::deserialize(signature).map_err(|_| "a signature lacks protected or signature".to_owned())?;
    let head = URL_SAFE_NO_PAD.decode(&jws.protected).ok().and_then(|head| serde_json::from_slice::<Protected>(&head).ok());
    let head = head.ok_or_else(|| "the protected header cannot be read".to_owned())?;
    let algorithm = algorithm(&head.alg).ok_or_else(|| format!("the algorithm {:?} is not accepted", short(&head.alg)))?;
    let kid = head.kid.ok_or_else(|| "the protected header names no key (kid)".to_owned())?;
    Ok(Head { jws, algorithm, kid, jku: head.jku })
}

/// Who signed; `Err` is why that is not known.
async fn check(keys: &mut Keyring<'_>, signature: &Value, payloads: &[String]) -> Result<String, String> {
    let head = head(signature)?;
    let jku = head.jku.clone().ok_or_else(|| "the protected header does not say where its key is (jku)".to_owned())?;
    let url = CheckedUrl::parse(&jku).map_err(|refusal| format!("jku {refusal}"))?;
    judge(&head, keys.at(jku).await?, payloads).map(|signer| format!("{signer} at {}", url.host()))
}

/// The key that made the signature, if it is one of this card.
fn judge(head: &Head, keys: &[Value], payloads: &[String]) -> Result<String, String> {
    let key = decoding_key(keys, &head.kid)?;
    let is_good = |payload: &String| {
        let message = format!("{}.{payload}", head.jws.protected);
        crypto::verify(&head.jws.signature, message.as_bytes(), &key, head.algorithm).unwrap_or(false)
    };
    let signer = short(&head.kid);
    if payloads.iter().any(is_good) { Ok(signer) } else { Err(format!("the signature by {signer} is not one of this card")) }
}

/// Only such algorithms that a public key verifies: `none` proves nothing, and with a shared secret the checker could sign.
fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" | "Ed25519" => Algorithm::EdDSA,
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        _ => return None,
    })
}

/// The keys that the signatures of one card name: each place is asked once, whatever it answers, and all of them before one deadline.
struct Keyring<'c> {
    client: &'c OutboundClient,
    deadline: Instant,
    sets: HashMap<String, Result<Vec<Value>, String>>,
}

impl<'c> Keyring<'c> {
    fn new(client: &'c OutboundClient) -> Self {
        Self { client, deadline: Instant::now() + KEYS_PATIENCE, sets: HashMap::new() }
    }

    /// The keys at this place; `Err` is why there are none.
    async fn at(&mut self, jku: String) -> Result<&[Value], String> {
        if !self.sets.contains_key(&jku) {
            let late = |_| Err("its key cannot be fetched: the keys of this card take too long".to_owned());
            let fetched = timeout_at(self.deadline, fetch_keys(self.client, &jku)).await.unwrap_or_else(late);
            self.sets.insert(jku.clone(), fetched);
        }
        self.sets.get(&jku).map_or_else(|| Err(UNREADABLE.to_owned()), |set| set.as_deref().map_err(Clone::clone))
    }
}

async fn fetch_keys(client: &OutboundClient, url: &str) -> Result<Vec<Value>, String> {
    let limits = CallLimits { response_bytes_max: KEYS_BYTES_MAX, ..FETCH_LIMITS };
    let request = OutboundRequest::new(Method::GET, url).limits(limits);
    let answer = client.fetch(request).await.map_err(|error| format!("its key cannot be fetched: {error}"))?;
    if !answer.status.is_success() {
        return Err(format!("its key cannot be fetched: status {}", answer.status.as_u16()));
    }
    let keys: Keys = serde_json::from_slice(&answer.body).map_err(|_| "its key cannot be fetched: no set of keys".to_owned())?;
    Ok(keys.keys)
}

/// The key with this id, if it is one to check signatures with.
fn decoding_key(keys: &[Value], kid: &str) -> Result<DecodingKey, String> {
    let named = keys.iter().find(|key| key.get("kid").and_then(Value::as_str) == Some(kid));
    let named = named.ok_or_else(|| format!("there is no key {}", short(kid)))?;
    let too_long = named.get("n").and_then(Value::as_str).is_some_and(|modulus| modulus.len() > MODULUS_CHARS_MAX);
    let is_public = matches!(named.get("kty").and_then(Value::as_str), Some("EC" | "OKP" | "RSA"));
    // An Ed25519 key has 32 bytes; the library takes that for granted.
    let is_whole = named.get("kty").and_then(Value::as_str) != Some("OKP")
        || named.get("x").and_then(Value::as_str).and_then(|x| URL_SAFE_NO_PAD.decode(x).ok()).is_some_and(|x| x.len() == 32);
    let key = Jwk::deserialize(named).ok().filter(|_| is_public && is_whole && !too_long);
    key.and_then(|key| DecodingKey::from_jwk(&key).ok()).ok_or_else(|| format!("the key {} cannot be used", short(kid)))
}

/// Enough of a stranger's text to tell what is meant.
fn short(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(64).collect()
}
