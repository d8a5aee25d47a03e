//! Decentralized identifiers, and the keys that act for them.

use rialto_kernel::{OwnerId, Timestamp};
use serde_json::Value;

use super::{ProofError, Verifier, documents::Wanted, key::PublicKey, short};

/// The longest identifier, in bytes.
const DID_BYTES_MAX: usize = 512;
/// More keys of a document than this are not looked at.
const METHODS_MAX: usize = 32;

/// What a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To say that one is there.
    Authentication,
    /// To attest something.
    Assertion,
}

impl Purpose {
    /// What documents call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Assertion => "assertionMethod",
        }
    }
}

/// Where the keys of an identifier are.
pub(super) enum Place {
    /// In itself.
    Here(Box<PublicKey>),
    /// On a host.
    Web {
        /// The host, and a port.
        authority: String,
        /// The path, which begins with a slash.
        path: String,
    },
}

fn bad(why: impl Into<String>) -> ProofError {
    ProofError::BadDid(why.into())
}

/// Where the keys of this identifier are.
pub(super) fn locate(did: &str) -> Result<Place, ProofError> {
    if did.len() > DID_BYTES_MAX {
        return Err(bad(format!("it has more than {DID_BYTES_MAX} bytes")));
    }
    if let Some(text) = did.strip_prefix("did:key:") {
        let key =
            PublicKey::from_multibase(text).ok_or_else(|| bad("did:key of Ed25519 (z6Mk…) and P-256 (zDn…) are understood"))?;
        return Ok(Place::Here(Box::new(key.named(format!("{did}#{text}")))));
    }
    let rest = did.strip_prefix("did:web:").ok_or_else(|| bad("did:key and did:web are understood"))?;
    let mut parts = rest.split(':');
    let authority = authority(parts.next().unwrap_or_default())?;
    let mut path = String::new();
    for part in parts {
        let is_plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        if part.is_empty() || part == "." || part == ".." || !is_plain {
            return Err(bad("its path has other signs than letters, digits and - . _ ~"));
        }
        path.push('/');
        path.push_str(part);
    }
    let path = if path.is_empty() { "/.well-known/did.json".to_owned() } else { format!("{path}/did.json") };
    Ok(Place::Web { authority, path })
}

/// The host of a `did:web`, and its port, whose colon is written `%3A`.
fn authority(text: &str) -> Result<String, ProofError> {
    let (host, port) = match text.split_once("%3A").or_else(|| text.split_once("%3a")) {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    // An address is no name; the last part of every name has a letter in front.
    if host.len() > 253 || !host.split('.').all(is_label) || !last.starts_with(|char: char| char.is_ascii_alphabetic()) {
        return Err(bad("its host is no name"));
    }
    match port {
        None => Ok(host.to_ascii_lowercase()),
        Some(port) => {
            let number = port.parse::<u16>().ok().filter(|number| *number > 0 && number.to_string() == port);
            number.map(|number| format!("{}:{number}", host.to_ascii_lowercase())).ok_or_else(|| bad("its port is none"))
        }
    }
}

/// The keys that a document names for a purpose. Those that others control, or that are of no kind that is understood, are left out.
pub(super) fn keys(document: &Value, did: &str, purpose: Purpose) -> Vec<PublicKey> {
    let list = |name: &str| document.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let methods = list("verificationMethod");
    let named = |id: &str| methods.iter().take(METHODS_MAX).find(|method| id_of(method, did).as_deref() == Some(id));
    let used = list(purpose.name()).iter().take(METHODS_MAX);
    let method = |entry: &Value| match entry {
        Value::String(id) => named(&absolute(id, did)).and_then(|method| key(method, did)),
        Value::Object(_) => key(entry, did),
        _ => None,
    };
    used.filter_map(method).collect()
}

/// `#key-1` is `did:web:…#key-1`.
pub(super) fn absolute(id: &str, did: &str) -> String {
    if id.starts_with('#') { format!("{did}{id}") } else { id.to_owned() }
}

fn id_of(method: &Value, did: &str) -> Option<String> {
    Some(absolute(method.get("id")?.as_str()?, did))
}

fn key(method: &Value, did: &str) -> Option<PublicKey> {
    if method.get("controller").is_some_and(|controller| controller.as_str() != Some(did)) {
        return None;
    }
    let key = match method.get("publicKeyJwk") {
        Some(jwk) => PublicKey::from_jwk(jwk)?,
        None => PublicKey::from_multibase(method.get("publicKeyMultibase")?.as_str()?)?,
    };
    Some(key.named(id_of(method, did)?))
}

impl Verifier {
    /// The keys of an identifier for a purpose. The document of a `did:web` is fetched if it is not known, or has no key called `kid`;
    /// what a stranger names, on `asker`'s account.
    pub(super) async fn keys_of(
        &self,
        did: &str,
        purpose: Purpose,
        kid: Option<&str>,
        asker: OwnerId,
        now: Timestamp,
    ) -> Result<Vec<PublicKey>, ProofError> {
        let (authority, path) = match locate(did)? {
            Place::Here(key) => return Ok(vec![*key]),
            Place::Web { authority, path } => (authority, path),
        };
        // Only this machine is asked in the clear, and only where the operator has said that it may be asked at all.
        let host = authority.split(':').next().unwrap_or_default();
        let scheme = if host == "localhost" && self.documents.allows(host) { "http" } else { "https" };
        let has_it = |document: &Value| {
            let keys = keys(document, did, purpose);
            kid.map_or(!keys.is_empty(), |kid| keys.iter().any(|key| key.kid.as_deref() == Some(kid)))
        };
        let is_one = |document: &Value| document.get("id").and_then(Value::as_str) == Some(did);
        let wanted = Wanted { name: did, url: &format!("{scheme}://{authority}{path}"), is_one: &is_one, has_it: &has_it };
        let is_trusted = self.trust.did_issuers.iter().any(|one| one == did);
        let documents = if is_trusted { &self.trusted } else { &self.documents };
        let spend = || self.budget.spend(asker, now).map_err(|wait| ProofError::FetchedEnough { wait });
        let admit = || if is_trusted { Ok(()) } else { spend() };
        let document = documents.get(&wanted, admit, || ProofError::NoKeys(short(did)), now).await?;
        Ok(keys(&document, did, purpose))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(did: &str) -> Option<String> {
        match locate(did) {
            Ok(Place::Web { authority, path }) => Some(format!("{authority}{path}")),
            _ => None,
        }
    }

    #[test]
    fn a_web_identifier_is_a_place() {
        for (did, place) in [
            ("did:web:w3c-ccg.github.io", "w3c-ccg.github.io/.well-known/did.json"),
            ("did:web:w3c-ccg.github.io:user:alice", "w3c-ccg.github.io/user/alice/did.json"),
            ("did:web:Example.com%3A3000:user:alice", "example.com:3000/user/alice/did.json"),
            ("did:web:localhost%3a8080", "localhost:8080/.well-known/did.json"),
        ] {
            assert_eq!(url(did).as_deref(), Some(place), "{did}");
        }
        for did in [
            "did:web:",
            "did:web:127.0.0.1",
            "did:web:2130706433",
            "did:web:0x7f000001.1",
            "did:web:[::1]",
            "did:web:example.com%3A0",
            "did:web:example.com%3A65536",
            "did:web:example.com%3A080",
            "did:web:example.com:..:secret",
            "did:web:example.com:a%2fb",
            "did:web:example.com::a",
            "did:web:user@example.com",
            "did:web:example.com/path",
            "did:web:example.com?x",
            "did:web:example.com#k",
            "did:web:-a.com",
            "did:web:a..com",
            "did:ion:abc",
            "https://example.com",
        ] {
            assert_eq!(url(did), None, "{did}");
        }
    }

    #[test]
    fn a_key_identifier_holds_its_key() {
        // From the test vectors of did:key.
        for did in [
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG",
            "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv",
            "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
        ] {
            let Ok(Place::Here(key)) = locate(did) else { panic!("{did}") };
            assert_eq!(key.kid.as_deref(), Some(format!("{did}#{}", &did[8..]).as_str()));
        }
        for did in [
            "did:key:z6Mk",
            "did:key:",
            "did:key:m6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWpX",
            // secp256k1 and X25519.
            "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
            "did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F",
        ] {
            assert!(locate(did).is_err(), "{did}");
        }
    }
}
