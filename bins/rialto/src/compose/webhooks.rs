//! What webhooks take of the server, and what is not kept of them.

use std::sync::Arc;

use rialto_delivery::{Webhooks, WebhooksConfig, forget};
use rialto_jobs::Failure;
use rialto_kernel::Clock;
use rialto_outbound::OutboundClient;
use rialto_registry::CredentialCipher;
use rialto_store::{Db, Tx};

use super::App;
use crate::config::{Secrets, Settings};

/// How many deliveries are forgotten in one transaction.
const BATCH: u32 = 500;

/// The webhooks of this server.
pub fn webhooks(settings: &Settings, secrets: &Secrets, db: &Db, outbound: &OutboundClient, clock: &Clock) -> Webhooks {
    let config = WebhooksConfig {
        patience: settings.webhooks.timeout,
        retries: settings.webhooks.retries.clone(),
        ..WebhooksConfig::default()
    };
    Webhooks::new(db.clone(), outbound.clone(), CredentialCipher::new(&secrets.webhooks), clock.clone(), config)
}

/// Forgets deliveries that have ended long ago, and what is left of deleted webhooks.
pub async fn forget_deliveries(app: Arc<App>) -> Result<(), Failure> {
    let now = app.clock.now();
    while app.db.write(async move |tx: &mut Tx| forget(tx, now, BATCH).await).await? {}
    Ok(())
}
