//! Whom the operator trusts to say who agents are.

use rialto_registry::proof::Trust;

use crate::config::{IdentitySettings, Settings};

/// Those whom the settings name.
///
/// # Errors
/// When the settings would have tokens believed that are for others, or that anybody between here and the issuer may have made.
pub fn trust(settings: &Settings) -> Result<Trust, String> {
    let identity = &settings.identity;
    if !settings.sandbox {
        judge(identity)?;
    }
    Ok(Trust {
        kya_issuers: identity.kya_issuers.iter().map(|issuer| (issuer.name.clone(), issuer.keys.clone())).collect(),
        kya_audience: identity.kya_audience.clone().unwrap_or_else(|| settings.public_url.clone()),
        did_issuers: identity.did_trusted_issuers.clone(),
        did_types: identity.did_credential_types.clone(),
        did_control: identity.did_control_verifies,
        domain: domain(&settings.public_url).to_owned(),
    })
}

/// Refuses what only a sandbox may do.
fn judge(identity: &IdentitySettings) -> Result<(), String> {
    let Some(first) = identity.kya_issuers.first() else { return Ok(()) };
    if identity.kya_audience.is_none() {
        return Err(format!(
            "RIALTO_KYA_ISSUERS names {}, and nothing says for whom its tokens are: set RIALTO_KYA_AUDIENCE (--kya-audience) or \
             RIALTO_PUBLIC_URL (--public-url). The address that this server listens at is one that others may have too",
            first.name
        ));
    }
    match identity.kya_issuers.iter().find(|issuer| !is_https(&issuer.keys)) {
        Some(issuer) => Err(format!(
            "RIALTO_KYA_ISSUERS (--kya-issuers): the keys of {} are at {}, which is not https: whoever is in between could make tokens \
             of that issuer. That is for sandboxes alone (RIALTO_SANDBOX, --sandbox)",
            issuer.name, issuer.keys
        )),
        None => Ok(()),
    }
}

/// Whether a URL is of that scheme, whose case says nothing.
fn is_https(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"))
}

/// The host of a URL, with its port if it has one.
fn domain(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KyaIssuer;

    #[test]
    fn a_server_in_earnest_believes_only_what_is_for_it_and_comes_safely() {
        let settings = |keys: &[&str], audience: Option<&str>| IdentitySettings {
            kya_issuers: keys.iter().map(|keys| KyaIssuer { name: "acme".into(), keys: (*keys).into() }).collect(),
            kya_audience: audience.map(Into::into),
            ..IdentitySettings::default()
        };
        let us = Some("https://rialto.example");
        for good in [settings(&[], None), settings(&["https://a.example/jwks", "HTTPS://b.example/jwks"], us)] {
            assert_eq!(judge(&good), Ok(()));
        }
        let refused = |settings, names: &str| assert!(judge(&settings).unwrap_err().contains(names), "{names}");
        refused(settings(&["https://a.example/jwks"], None), "RIALTO_KYA_AUDIENCE");
        refused(settings(&["https://a.example/jwks", "http://b.example/jwks"], us), "RIALTO_KYA_ISSUERS");
    }
}
