//! Whom the operator trusts to say who agents are, as it is set.

use clap::Args;

use super::parse::{list, text};

/// The settings, as given.
#[derive(Debug, Clone, Args)]
pub struct IdentityFlags {
    /// Issuers whose tokens say who an agent is, each with where its keys (JWKS) are, separated by commas
    #[arg(long, env = "RIALTO_KYA_ISSUERS", value_name = "ISSUER=URL,…", global = true, value_delimiter = ',', value_parser = parse_issuer)]
    pub kya_issuers: Option<Vec<KyaIssuer>>,
    /// For whom those tokens have to be (aud) [default: the public URL]
    #[arg(long, env = "RIALTO_KYA_AUDIENCE", value_name = "NAME", global = true)]
    pub kya_audience: Option<String>,
    /// Identifiers (did:web, did:key) whose credentials say who an agent is, separated by commas. With any of them a credential is
    /// required
    #[arg(long, env = "RIALTO_DID_TRUSTED_ISSUERS", value_name = "DID,…", global = true, value_delimiter = ',', value_parser = parse_did)]
    pub did_trusted_issuers: Option<Vec<String>>,
    /// The types of which such a credential has to have one, separated by commas [default: any]
    #[arg(long, env = "RIALTO_DID_CREDENTIAL_TYPES", value_name = "TYPE,…", global = true, value_delimiter = ',')]
    pub did_credential_types: Option<Vec<String>>,
    /// Holding the key of an identifier verifies an agent, though anybody makes such a key [default: false]
    #[arg(long, env = "RIALTO_DID_CONTROL_VERIFIES", value_name = "BOOL", global = true)]
    pub did_control_verifies: Option<bool>,
}

/// An issuer of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KyaIssuer {
    /// What its tokens say in `iss`.
    pub name: String,
    /// Where its keys are.
    pub keys: String,
}

/// The settings, decided.
#[derive(Debug, Clone, Default)]
pub struct IdentitySettings {
    pub kya_issuers: Vec<KyaIssuer>,
    /// `None` where neither it nor the public URL was said.
    pub kya_audience: Option<String>,
    pub did_trusted_issuers: Vec<String>,
    pub did_credential_types: Vec<String>,
    pub did_control_verifies: bool,
}

impl IdentitySettings {
    /// Fills in the defaults. Tokens are for `public_url` where nothing else is said, if that is.
    pub(super) fn from_flags(flags: &IdentityFlags, public_url: &Option<String>) -> Self {
        Self {
            kya_issuers: flags.kya_issuers.clone().unwrap_or_default(),
            kya_audience: text(&flags.kya_audience).or_else(|| text(public_url)),
            did_trusted_issuers: flags.did_trusted_issuers.clone().unwrap_or_default(),
            did_credential_types: list(&flags.did_credential_types),
            did_control_verifies: flags.did_control_verifies.unwrap_or(false),
        }
    }
}

fn parse_issuer(text: &str) -> Result<KyaIssuer, String> {
    // A name may be a URL with an equals sign in it; what comes last is a URL.
    let at = text.rfind("=http://").or_else(|| text.rfind("=https://")).filter(|at| *at > 0);
    let at = at.ok_or("expected an issuer and where its keys are, such as https://kya.example=https://kya.example/jwks.json")?;
    let (name, keys) = text.split_at(at);
    Ok(KyaIssuer { name: name.trim().to_owned(), keys: keys.trim_start_matches('=').trim().to_owned() })
}

fn parse_did(text: &str) -> Result<String, String> {
    let did = text.trim();
    if did.starts_with("did:web:") || did.starts_with("did:key:") {
        Ok(did.to_owned())
    } else {
        Err("expected did:web:… or did:key:…".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_name_and_a_place() {
        for (text, name, keys) in [
            ("https://kya.example=https://kya.example/jwks", "https://kya.example", "https://kya.example/jwks"),
            ("acme=http://127.0.0.1:9/k?a=b", "acme", "http://127.0.0.1:9/k?a=b"),
            ("https://a/?x=https://b=https://c", "https://a/?x=https://b", "https://c"),
        ] {
            assert_eq!(parse_issuer(text), Ok(KyaIssuer { name: name.to_owned(), keys: keys.to_owned() }));
        }
        for text in ["", "acme", "=https://a", "https://a", "acme=ftp://a"] {
            assert!(parse_issuer(text).is_err(), "{text}");
        }
        assert!(parse_did("did:ion:x").is_err() && parse_did(" did:web:a.example ").is_ok());
    }
}
