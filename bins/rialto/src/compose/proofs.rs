//! What checks who agents are: what the operator trusts, and the way to the keys.

use rialto_outbound::OutboundClient;
use rialto_registry::proof::{Trust, Verifier};

use crate::config::Settings;

/// A verifier that trusts whom the settings name.
pub fn verifier(settings: &Settings, client: &OutboundClient) -> Verifier {
    let identity = &settings.identity;
    let trust = Trust {
        kya_issuers: identity.kya_issuers.iter().map(|issuer| (issuer.name.clone(), issuer.keys.clone())).collect(),
        kya_audience: identity.kya_audience.clone().unwrap_or_else(|| settings.public_url.clone()),
        did_issuers: identity.did_trusted_issuers.clone(),
        domain: domain(&settings.public_url).to_owned(),
    };
    Verifier::new(trust, client.clone())
}

/// The host of a URL, with its port if it has one.
fn domain(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}
