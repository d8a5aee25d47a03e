//! Public keys, and the one algorithm that each is for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

use super::base58;

/// The sizes of RSA keys that are used, in bytes of their modulus: 2,048 to 8,192 bits. Smaller ones prove nothing, larger ones only
/// cost time.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alg {
    /// RSA, PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Alg {
    /// The algorithm of this name, if it is accepted. Those with a shared secret are not, and neither is `none`.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A public key.
#[derive(Clone)]
pub(super) struct PublicKey {
    /// What it is called, where it has a name.
    pub(super) kid: Option<String>,
    /// What it is for.
    pub(super) alg: Alg,
    key: DecodingKey,
}

impl PublicKey {
    /// Reads a JSON Web Key; `None` for one that checks no signatures that are accepted.
    pub(super) fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
        let (alg, key) = match (text("kty")?, text("crv")) {
            ("OKP", Some("Ed25519")) => (Alg::EdDsa, ed25519(&bytes("x")?)?),
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                let is_whole = x.len() == 32 && y.len() == 32;
                is_whole.then(|| (Alg::Es256, DecodingKey::from_ec_der(&[&[4], x.as_slice(), &y].concat())))?
            }
            ("RSA", _) => {
                let (modulus, exponent) = (bytes("n")?, bytes("e")?);
                let fits = MODULUS_BYTES.contains(&modulus.len()) && (1..=8).contains(&exponent.len());
                fits.then(|| (Alg::Rs256, DecodingKey::from_rsa_raw_components(&modulus, &exponent)))?
            }
            _ => return None,
        };
        let is_for_signatures = text("use").is_none_or(|purpose| purpose == "sig");
        let is_for_it = text("alg").is_none_or(|name| Alg::from_name(name) == Some(alg));
        let kid = text("kid").map(str::to_owned);
        (is_for_signatures && is_for_it).then_some(Self { kid, alg, key })
    }

    /// Reads a key as `did:key` writes it: multibase base58btc of a multicodec and the key.
    pub(super) fn from_multibase(text: &str) -> Option<Self> {
        let bytes = base58::decode(text.strip_prefix('z')?)?;
        let (alg, key) = match bytes.as_slice() {
            [0xed, 0x01, key @ ..] => (Alg::EdDsa, ed25519(key)?),
            // Compressed: a sign, and x.
            [0x80, 0x24, key @ ..] if key.len() == 33 => (Alg::Es256, DecodingKey::from_ec_der(key)),
            _ => return None,
        };
        Some(Self { kid: None, alg, key })
    }

    /// The same key by this name.
    pub(super) fn named(self, kid: String) -> Self {
        Self { kid: Some(kid), ..self }
    }

    /// Whether this key made this signature, which is in base64url.
    pub(super) fn signed(&self, message: &str, signature: &str) -> bool {
        let algorithm = match self.alg {
            Alg::Rs256 => Algorithm::RS256,
            Alg::Es256 => Algorithm::ES256,
            Alg::EdDsa => Algorithm::EdDSA,
        };
        crypto::verify(signature, message.as_bytes(), &self.key, algorithm).unwrap_or(false)
    }
}

/// An Ed25519 key has 32 bytes; the library takes that for granted.
fn ed25519(bytes: &[u8]) -> Option<DecodingKey> {
    (bytes.len() == 32).then(|| DecodingKey::from_ed_der(bytes))
}

/// The key that a token names by `kid`, or the only one that there is, if it is of the kind that the token was signed with.
pub(super) fn choose<'k>(keys: &'k [PublicKey], kid: Option<&str>, alg: Alg) -> Option<&'k PublicKey> {
    let mut fitting = keys.iter().filter(|key| key.alg == alg && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid)));
    let first = fitting.next();
    // Of two that fit nobody knows which is meant.
    first.filter(|_| fitting.next().is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn signatures_of_others_are_read() {
        // RFC 8037, appendix A.4, and RFC 7515, appendix A.3.
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let ed = (
            ed,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        );
        let ec = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
        let ec = (
            ec,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        );
        for (jwk, message, signature) in [ed, ec] {
            let key = PublicKey::from_jwk(&jwk).unwrap();
            assert!(key.signed(message, signature));
            assert!(!key.signed(&message.replace('E', "F"), signature));
            assert!(!key.signed(message, ""));
            assert!(!key.signed(message, "AAAA"));
        }
    }

    #[test]
    fn keys_that_prove_nothing_are_none() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let modulus = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        for jwk in [
            json!({"kty": "oct", "k": x}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": format!("{x}AAAA")}),
            json!({"kty": "OKP", "crv": "X25519", "x": x}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": x, "use": "enc"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "HS256"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": x, "y": x}),
            json!({"kty": "EC", "crv": "P-256", "x": x, "y": "AAAA"}),
            json!({"kty": "RSA", "n": modulus(128), "e": "AQAB"}),
            json!({"kty": "RSA", "n": modulus(2_048), "e": "AQAB"}),
            json!({"kty": "RSA", "n": modulus(256), "e": modulus(256)}),
            json!([]),
        ] {
            assert!(PublicKey::from_jwk(&jwk).is_none(), "{jwk}");
        }
    }
}
