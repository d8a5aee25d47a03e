//! What brings deposits in, as it is set.

use std::time::Duration;

use clap::Args;
use rialto_identity::Secret;

use super::parse::{parse_secret, secret, text};

/// The settings of what brings deposits in, as given.
#[derive(Debug, Clone, Args)]
pub struct RailFlags {
    /// The client id of a PayPal app; deposits come in by it, too
    #[arg(long, env = "RIALTO_PAYPAL_CLIENT_ID", value_name = "ID", global = true, requires = "paypal_client_secret")]
    pub paypal_client_id: Option<String>,
    /// The secret of that app
    #[arg(long, env = "RIALTO_PAYPAL_CLIENT_SECRET", value_name = "SECRET", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub paypal_client_secret: Option<Secret>,
    /// The id of that app's webhook, which is at /api/v1/deposits/webhooks/paypal; without it deposits are asked for alone
    #[arg(long, env = "RIALTO_PAYPAL_WEBHOOK_ID", value_name = "ID", global = true)]
    pub paypal_webhook_id: Option<String>,
    /// Where PayPal's API is; that of its sandbox is https://api-m.sandbox.paypal.com [default: https://api-m.paypal.com]
    #[arg(long, env = "RIALTO_PAYPAL_BASE_URL", value_name = "URL", global = true)]
    pub paypal_base_url: Option<String>,
    /// The key of a NOWPayments account; deposits come in by it, too
    #[arg(
        long,
        env = "RIALTO_NOWPAYMENTS_API_KEY",
        value_name = "KEY",
        global = true,
        hide_env_values = true,
        value_parser = parse_secret,
        requires = "nowpayments_ipn_secret"
    )]
    pub nowpayments_api_key: Option<Secret>,
    /// The secret that signs that account's callbacks
    #[arg(long, env = "RIALTO_NOWPAYMENTS_IPN_SECRET", value_name = "SECRET", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub nowpayments_ipn_secret: Option<Secret>,
    /// Who signs in to that account: only then can it be asked for payments of which no callback came
    #[arg(long, env = "RIALTO_NOWPAYMENTS_EMAIL", value_name = "EMAIL", global = true, requires = "nowpayments_password")]
    pub nowpayments_email: Option<String>,
    /// With which password
    #[arg(long, env = "RIALTO_NOWPAYMENTS_PASSWORD", value_name = "PASSWORD", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub nowpayments_password: Option<Secret>,
    /// Where NOWPayments' API is [default: https://api.nowpayments.io]
    #[arg(long, env = "RIALTO_NOWPAYMENTS_BASE_URL", value_name = "URL", global = true)]
    pub nowpayments_base_url: Option<String>,
    /// Where payers return to after paying; ?deposit=ID is added [default: RIALTO_PUBLIC_URL/?checkout=paid]
    #[arg(long, env = "RIALTO_DEPOSIT_RETURN_URL", value_name = "URL", global = true)]
    pub deposit_return_url: Option<String>,
    /// Where payers return to who did not pay; ?deposit=ID is added [default: RIALTO_PUBLIC_URL/?checkout=cancelled]
    #[arg(long, env = "RIALTO_DEPOSIT_CANCEL_URL", value_name = "URL", global = true)]
    pub deposit_cancel_url: Option<String>,
    /// How long after a deposit was made what brings it is asked what became of it, if it has not said so itself, in seconds [default: 300]
    #[arg(long, env = "RIALTO_DEPOSIT_ASK_SECONDS", value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub deposit_ask_seconds: Option<u32>,
}

/// The settings of what brings deposits in.
#[derive(Debug, Clone)]
pub struct RailSettings {
    /// A PayPal app, if there is one.
    pub paypal: Option<PayPalApp>,
    /// A NOWPayments account, if there is one.
    pub nowpayments: Option<NowPaymentsAccount>,
    /// Where payers go, if it is not this server.
    pub return_url: Option<String>,
    /// Where those go that did not pay.
    pub cancel_url: Option<String>,
    /// After how long a rail is asked.
    pub ask_after: Duration,
}

/// A PayPal app.
#[derive(Debug, Clone)]
pub struct PayPalApp {
    pub client_id: String,
    pub client_secret: Secret,
    pub webhook_id: Option<String>,
    pub base_url: String,
}

/// A NOWPayments account.
#[derive(Debug, Clone)]
pub struct NowPaymentsAccount {
    pub api_key: Secret,
    pub ipn_secret: Secret,
    pub sign_in: Option<(String, Secret)>,
    pub base_url: String,
}

impl RailSettings {
    /// Fills in the defaults.
    pub(super) fn from_flags(flags: &RailFlags) -> Self {
        let paypal = text(&flags.paypal_client_id).zip(secret(&flags.paypal_client_secret));
        let nowpayments = secret(&flags.nowpayments_api_key).zip(secret(&flags.nowpayments_ipn_secret));
        Self {
            paypal: paypal.map(|(client_id, client_secret)| PayPalApp {
                client_id,
                client_secret,
                webhook_id: text(&flags.paypal_webhook_id),
                base_url: text(&flags.paypal_base_url).unwrap_or_else(|| "https://api-m.paypal.com".into()),
            }),
            nowpayments: nowpayments.map(|(api_key, ipn_secret)| NowPaymentsAccount {
                api_key,
                ipn_secret,
                sign_in: text(&flags.nowpayments_email).zip(secret(&flags.nowpayments_password)),
                base_url: text(&flags.nowpayments_base_url).unwrap_or_else(|| "https://api.nowpayments.io".into()),
            }),
            return_url: text(&flags.deposit_return_url),
            cancel_url: text(&flags.deposit_cancel_url),
            ask_after: Duration::from_secs(flags.deposit_ask_seconds.unwrap_or(300).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: RailFlags,
    }

    #[test]
    fn a_rail_without_its_secret_is_none() {
        let read = |line: &[&str]| {
            let line = Line::try_parse_from(["x"].iter().chain(line));
            line.map(|line| RailSettings::from_flags(&line.flags)).map_err(|error| error.to_string())
        };
        let rails = read(&["--nowpayments-api-key=k", "--nowpayments-ipn-secret= "]).unwrap();
        assert!(rails.nowpayments.is_none(), "anybody could sign");
        assert!(read(&["--nowpayments-api-key=k"]).unwrap_err().contains("--nowpayments-ipn-secret"));
        assert!(read(&["--paypal-client-id=k"]).unwrap_err().contains("--paypal-client-secret"));
        let rails = read(&["--paypal-client-id=k", "--paypal-client-secret=s", "--paypal-webhook-id="]).unwrap();
        let paypal = rails.paypal.unwrap();
        assert_eq!((paypal.webhook_id, paypal.base_url.as_str()), (None, "https://api-m.paypal.com"));
        assert!(
            !format!("{:?}", read(&["--nowpayments-api-key=hunter2", "--nowpayments-ipn-secret=hunter2"])).contains("hunter2")
        );
    }
}
