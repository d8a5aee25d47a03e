//! `rialto serve`: the server.

use std::{error::Error, net::TcpListener, sync::Arc, time::Duration};

use actix_web::web::Data;

use crate::{
    compose::{App, jobs, onboarding},
    config::{self, Flags, Settings},
    http::server,
};

/// How long jobs may go on once the server is told to stop; those that are not done by then are done by another one.
const JOBS_GRACE: Duration = Duration::from_secs(10);
/// How long calls may go on whose callers have gone.
const CALLS_GRACE: Duration = Duration::from_secs(30);

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
            tracing::info!("{}", onboarding::create_admin(&app, email, password.expose()).await?);
        }
        let (jobs, courier, webhooks) = (jobs::start(&app), app.networks.start_courier(), app.webhooks.start());
        let server = server::start(Data::from(app.clone()), listener)?;
        let app_on_signal = app.clone();
        actix_web::rt::spawn(async move {
            told_to_stop().await;
            app_on_signal.streams.close();
            app_on_signal.proxy.close();
            app_on_signal.a2a.close();
            app_on_signal.networks.close();
        });
        // Polled once before anybody is told, so that whoever stops it right then stops it gracefully.
        let server = actix_web::rt::spawn(server);
        tokio::task::yield_now().await;
        announce(&app, address);
        // Requests first, then the calls of callers that did not wait, then jobs: each may still enqueue one.
        server.await??;
        let (broker, proxy, networks) =
            tokio::join!(app.broker.drain(CALLS_GRACE), app.proxy.drain(CALLS_GRACE), app.networks.drain(CALLS_GRACE));
        if !broker || !proxy {
            tracing::warn!(
                "calls are still running: they are closed, and not charged, when their holds expire; those whose payment may have \
                 been settled are asked about by the next process"
            );
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

/// Waits for what the server below waits for too: streams have no end of their own, and would be waited for.
async fn told_to_stop() {
    use actix_web::rt::signal;
    #[cfg(unix)]
    if let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = signal::ctrl_c() => {}
        }
        return;
    }
    let _ = signal::ctrl_c().await;
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
