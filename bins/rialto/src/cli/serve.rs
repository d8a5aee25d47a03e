//! `rialto serve`: the server.

use std::{error::Error, net::TcpListener, sync::Arc, time::Duration};

use actix_web::{dev::ServerHandle, web::Data};
use rialto_proxy_billing::proxy::SETTLE_GRACE;

use super::stop::told_to_stop;
use crate::{
    compose::{App, jobs, onboarding},
    config::{self, Flags, Settings},
    http::server,
};

/// How long jobs may go on once the server is told to stop; those that are not done by then are done by another one.
const JOBS_GRACE: Duration = Duration::from_secs(10);
/// How long calls may go on whose callers have gone.
const CALLS_GRACE: Duration = Duration::from_secs(30);
/// What is said when that was not enough.
const CALLS_LEFT: &str = "calls are still running: they are closed, and not charged, when their time is over; those whose payment \
                          may have been settled are asked about by the next process";
/// How long it may take to write down how the tasks of those calls ended.
const TASKS_GRACE: Duration = Duration::from_secs(2);

/// Serves until it is told to stop.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(flags: &Flags, settings: Settings) -> Result<(), Box<dyn Error>> {
    let secrets = config::load_secrets(flags, &settings.database_url)?;
    actix_web::rt::System::new().block_on(async {
        let listener = TcpListener::bind(settings.listen).map_err(|error| format!("{}: {error}", settings.listen))?;
        let address = listener.local_addr()?;
        let app = Arc::new(App::start(settings.at(address), secrets).await?);
        if let Some((email, password)) = flags.admin_email.as_deref().zip(flags.admin_password.as_ref()) {
            // Apart: what is not logged is not done either.
            let done = onboarding::create_admin(&app, email, password.expose()).await?;
            tracing::info!("{done}");
        }
        let (jobs, courier, webhooks) = (jobs::start(&app), app.networks.start_courier(), app.webhooks.start());
        let server = server::start(Data::from(app.clone()), listener)?;
        actix_web::rt::spawn(stop_when_told(app.clone(), server.handle()));
        // Polled once before anybody is told, so that whoever stops it right then stops it gracefully.
        let server = actix_web::rt::spawn(server);
        tokio::task::yield_now().await;
        announce(&app, address);
        // Requests first, then the calls of callers that did not wait, then jobs: each may still enqueue one.
        server.await??;
        let (broker, networks) = tokio::join!(app.broker.drain(CALLS_GRACE), app.networks.drain(CALLS_GRACE));
        if !broker {
            tracing::warn!("{CALLS_LEFT}");
        }
        if !networks {
            tracing::warn!("calls of participants are still running: they will have failed");
        }
        app.simulator.close().await;
        if !app.a2a.drain(TASKS_GRACE).await {
            tracing::warn!("A2A tasks are still being worked on: another process ends them, or the next one");
        }
        tokio::join!(jobs.stop(JOBS_GRACE), courier.stop(JOBS_GRACE), webhooks.stop(JOBS_GRACE));
        tracing::info!("stopped");
        Ok(())
    })
}

/// Stops the server when the process is told to.
///
/// Streams have no end of their own, and would be waited for: they are ended. Paid calls run on the server's threads, whether their
/// callers still wait or not: they end before those threads do, and no new ones begin.
async fn stop_when_told(app: Arc<App>, server: ServerHandle) {
    let is_graceful = told_to_stop().await;
    app.streams.close();
    app.proxy.close();
    app.a2a.close();
    app.networks.close();
    // Whoever is asked for money is waited for: nobody else may ever learn that it came.
    let grace = if app.proxy.takes_payments() { CALLS_GRACE.max(SETTLE_GRACE) } else { CALLS_GRACE };
    if !app.proxy.drain(grace).await {
        tracing::warn!("{CALLS_LEFT}");
    }
    server.stop(is_graceful).await;
}

/// Says where it is, where its data is, and what is different from a server in earnest.
fn announce(app: &App, address: std::net::SocketAddr) {
    tracing::info!(database = %app.db.url(), "the data is here");
    if app.settings.sandbox {
        tracing::warn!(
            "sandbox: owners may credit their own wallets and confirm their own purchases; set RIALTO_SANDBOX=false to end that"
        );
    }
    app.payments.announce();
    tracing::info!("listening on http://{address}");
    tracing::info!("the API is at http://{address}/docs");
}
