//! Payments that come with calls: who is paid, and who settles.

use std::{error::Error, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use rialto_jobs::Failure;
use rialto_outbound::{CheckedUrl, OutboundClient, OutboundPolicy};
use rialto_proxy_billing::payments::x402::{FacilitatorConfig, Network, X402, X402Config};
use tokio::runtime::Handle;

use super::App;
use crate::config::{Settings, X402Settings};

/// How often it is looked for payments of which it is not known whether their money has come.
pub const FETCH_EVERY: Duration = Duration::from_secs(5);
/// How many of them are looked for in one turn.
const BATCH: u32 = 40;

/// What takes such payments, if they are taken.
///
/// # Errors
/// When the settings make no sense.
pub fn take(settings: &Settings, client: &OutboundClient, runtime: &Handle) -> Result<Option<X402>, Box<dyn Error>> {
    let Some(x402) = &settings.x402 else { return Ok(None) };
    let facilitator = x402
        .facilitator
        .clone()
        .map(|url| FacilitatorConfig { url, token: x402.facilitator_token.as_ref().map(|token| token.expose().to_owned()) });
    match (&facilitator, x402.local_only) {
        (None, false) => {
            return Err(
                "--x402-pay-to: name a facilitator that settles payments (--x402-facilitator), or say that none are settled \
                        (--x402-local-only, for test networks)"
                    .into(),
            );
        }
        (Some(_), true) => return Err("--x402-local-only: there is a facilitator".into()),
        (None, true) if !settings.sandbox => {
            return Err("--x402-local-only: payments that nobody settles are for a sandbox alone (--sandbox)".into());
        }
        (None, true) => tracing::warn!("x402 payments are taken and NOT settled on any chain: for tests alone"),
        (Some(there), false) if !settings.sandbox => check_reach(&there.url, &settings.outbound_allow)?,
        (Some(_), false) => {}
    }
    let network = chain(x402, settings.sandbox)?;
    let config = X402Config {
        pay_to: x402.pay_to,
        network,
        asset: x402.asset,
        domain: (x402.domain_name.clone(), x402.domain_version.clone()),
        facilitator,
        public_url: settings.public_url.clone(),
        call_max: Duration::from_secs(settings.service_call_seconds.into()),
    };
    let taker = X402::new(config, client).map_err(|error| format!("--x402-pay-to: {error}"))?;
    if !taker.is_local() {
        runtime.spawn(ask_ahead(taker.clone()));
    }
    Ok(Some(taker))
}

/// What the facilitator says is believed, and turns into money: whoever could speak in its place on the way could make some. Without
/// TLS it is reached on this machine, or where the operator has said that the network is its own.
fn check_reach(url: &str, outbound_allow: &str) -> Result<(), String> {
    if url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
        return Ok(());
    }
    let checked = CheckedUrl::parse(url).map_err(|error| format!("--x402-facilitator: {error}"))?;
    let policy: OutboundPolicy = outbound_allow.parse().map_err(|error| format!("--outbound-allow: {error}"))?;
    let host = checked.host().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !is_loopback && !policy.opens(&checked) {
        return Err(
            "--x402-facilitator: it is believed, and would be reached without TLS: name it by https, or as one on a network \
                    of your own (--outbound-allow)"
                .to_owned(),
        );
    }
    tracing::warn!("the x402 facilitator is believed, and reached without TLS: it should be on a network of your own");
    Ok(())
}

/// On which chain buyers pay. What they are credited is USDC that can be paid out: a chain whose money is worth nothing is for
/// sandboxes, and so is one, or a token, of which it is not known what it is worth.
fn chain(x402: &X402Settings, sandbox: bool) -> Result<Network, String> {
    let test = || Network::parse("base-sepolia").filter(|_| sandbox);
    let network =
        x402.network.or_else(test).ok_or("--x402-network: name the chain; there is a default in a sandbox alone (--sandbox)")?;
    if network.is_test() && !sandbox {
        return Err(format!(
            "--x402-network: {} is a test network: its money is worth nothing outside a sandbox (--sandbox)",
            network.name()
        ));
    }
    let usdc = network.usdc().map(|(address, ..)| address);
    if !sandbox && usdc.is_none() {
        return Err(format!(
            "--x402-network: it is not known where USDC is on {}: it is taken in a sandbox alone",
            network.name()
        ));
    }
    if !sandbox && x402.asset.is_some_and(|asset| Some(asset) != usdc) {
        return Err("--x402-asset: this is not USDC, as far as is known: it is taken in a sandbox alone (--sandbox)".to_owned());
    }
    Ok(network)
}

/// Asks the facilitator whether it settles what is asked of buyers: what is wrong there is better known before the first of them.
async fn ask_ahead(taker: X402) {
    match taker.is_supported().await {
        Ok(true) => tracing::info!("the x402 facilitator settles payments of this kind"),
        Ok(false) => tracing::warn!("the x402 facilitator does not say that it settles payments of this kind"),
        Err(error) => tracing::warn!(error, "the x402 facilitator could not be asked what it settles"),
    }
}

/// Fetches the money of calls that were delivered and for which it is not known whether it has come.
pub fn fetching(app: &Arc<App>) -> impl Fn() -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>> + use<> {
    let app = Arc::clone(app);
    move || {
        let app = Arc::clone(&app);
        // What is left is there in the next turn.
        Box::pin(async move { app.proxy.fetch_payments(BATCH).await.map(drop).map_err(Failure::from) })
    }
}
