//! How single settings are read. No refusal repeats a text that may hold a secret.

use std::{convert::Infallible, ffi::OsStr};

use clap::{Arg, Command, builder::TypedValueParser, error::ErrorKind};
use ipnet::IpNet;
use rialto_identity::Secret;
use rialto_kernel::{Amount, Ppm};
use rialto_store::DatabaseUrl;

/// Reads the database's URL. The usual refusal of clap would show it, and with it the password.
#[derive(Debug, Clone, Copy)]
pub(super) struct DatabaseUrlParser;

impl TypedValueParser for DatabaseUrlParser {
    type Value = DatabaseUrl;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<DatabaseUrl, clap::Error> {
        let refused = |why: String| {
            clap::Error::raw(ErrorKind::ValueValidation, format!("invalid value for --database-url: {why}\n")).with_cmd(command)
        };
        let text = value.to_str().ok_or_else(|| refused("expected text".into()))?;
        text.parse().map_err(|error: rialto_store::DatabaseUrlError| refused(error.to_string()))
    }
}

/// Takes a secret in as one, so that nothing that prints the flags prints it.
#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
pub(super) fn parse_secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// A secret that is set. One that is set to nothing is not: with an empty key anybody could sign.
pub(super) fn secret(given: &Option<Secret>) -> Option<Secret> {
    given.clone().filter(|secret| !secret.expose().trim().is_empty())
}

/// A text that is set.
pub(super) fn text(given: &Option<String>) -> Option<String> {
    given.clone().filter(|text| !text.trim().is_empty())
}

/// A list without its empty places: one that is set to nothing is empty.
pub(super) fn list(given: &Option<Vec<String>>) -> Vec<String> {
    given.iter().flatten().filter(|text| !text.trim().is_empty()).cloned().collect()
}

pub(super) fn parse_net(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address));
    text.parse().or_else(|_| address()).map_err(|_| "expected an address or a CIDR, such as 10.0.0.0/8".into())
}

pub(super) fn parse_credits(text: &str) -> Result<Amount, String> {
    text.parse().map_err(|_| "expected whole credits".to_owned()).and_then(|n| Amount::new(n).map_err(|e| e.to_string()))
}

pub(super) fn parse_ppm(text: &str) -> Result<Ppm, String> {
    text.parse().ok().and_then(Ppm::new).ok_or_else(|| "expected parts per million, 0 to 1000000".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::Flags;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    #[test]
    fn a_secret_is_shown_neither_by_the_flags_nor_by_a_refusal() {
        let secrets = [
            "--jwt-secret",
            "--encryption-key",
            "--admin-password",
            "--stripe-secret-key",
            "--stripe-webhook-secret",
            "--paypal-client-secret",
            "--nowpayments-api-key",
            "--nowpayments-ipn-secret",
            "--nowpayments-password",
            "--embedder-key",
            "--x402-facilitator-token",
        ];
        let line = ["rialto"].into_iter().chain(secrets.into_iter().flat_map(|flag| [flag, "hunter2"]));
        let line = Line::try_parse_from(line.chain(["--database-url", "postgres://me:hunter2@db/x"])).unwrap();
        assert!(!format!("{line:?}").contains("hunter2"), "{line:?}");
        let refused = Line::try_parse_from(["rialto", "--database-url=mysql://me:hunter2@db/x"]).unwrap_err().to_string();
        assert!(!refused.contains("hunter2"), "{refused}");
        assert!(refused.contains("--database-url") && refused.contains("postgres://"), "{refused}");
    }
}
