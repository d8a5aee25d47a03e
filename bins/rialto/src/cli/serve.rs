//! `rialto serve`: the server.

use std::{error::Error, net::TcpListener};

use actix_web::web::Data;

use crate::{
    compose::App,
    config::{self, Flags, Settings},
    http::server,
};

/// Serves until it is told to stop.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(flags: &Flags, settings: Settings) -> Result<(), Box<dyn Error>> {
    let secrets = config::load_secrets(flags, &settings.database_url)?;
    actix_web::rt::System::new().block_on(async {
        let listener = TcpListener::bind(settings.listen).map_err(|error| format!("{}: {error}", settings.listen))?;
        let address = listener.local_addr()?;
        let app = Data::new(App::start(settings, secrets).await?);
        let server = server::start(app.clone(), listener)?;
        announce(&app, address);
        server.await?;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Says where it is, where its data is, and what is different from a server in earnest.
fn announce(app: &App, address: std::net::SocketAddr) {
    tracing::info!(database = %app.db.url(), "the data is here");
    if app.settings.sandbox {
        tracing::warn!(
            "sandbox: owners may credit their own wallets and confirm their own purchases; set RIALTO_SANDBOX=false to end that"
        );
    }
    tracing::info!("listening on http://{address}");
    tracing::info!("the API is at http://{address}/docs");
}
