//! How webhooks are told, as it is set.

use std::time::Duration;

use clap::Args;

/// The settings of webhooks, as given.
#[derive(Debug, Clone, Args)]
pub struct WebhookFlags {
    /// How long the receiver of a webhook may take, in seconds [default: 10]
    #[arg(long, env = "RIALTO_WEBHOOK_TIMEOUT_SECONDS", value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub webhook_timeout_seconds: Option<u32>,
    /// How long after each failed attempt an event is sent to a webhook again, in seconds; after as many it is dead [default: 1,2,4]
    #[arg(long, env = "RIALTO_WEBHOOK_RETRY_SECONDS", value_name = "SECONDS,…", global = true, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub webhook_retry_seconds: Option<Vec<u32>>,
}

/// The settings of webhooks.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    pub timeout: Duration,
    pub retries: Vec<Duration>,
}

impl WebhookSettings {
    /// Fills in the defaults.
    pub(super) fn from_flags(flags: &WebhookFlags) -> Self {
        let seconds = |n: u32| Duration::from_secs(n.into());
        let retries = flags.webhook_retry_seconds.as_deref().unwrap_or(&[1, 2, 4]);
        Self {
            timeout: seconds(flags.webhook_timeout_seconds.unwrap_or(10)),
            retries: retries.iter().copied().map(seconds).collect(),
        }
    }
}
