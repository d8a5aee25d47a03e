//! The HTTP server: routes, what is around them, and a graceful end.

use std::{any::Any, io, net::TcpListener, time::Duration};

use actix_cors::Cors;
use actix_web::{
    App as ActixApp, HttpServer,
    dev::{Extensions, Server},
    http::{Method, header},
    middleware::{NormalizePath, from_fn},
    rt::net::TcpStream,
    web::{self, Data},
};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt;

use super::{docs, docs::Docs, fallback, fallback::KnownPaths, middleware, openapi, paging::TOTAL_HEADER};
use crate::{compose::App, routes};

/// How long requests that are being answered may take to finish once the server is told to stop.
const SHUTDOWN_TIMEOUT_S: u64 = 30;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The OpenAPI document of this program.
pub fn document() -> OpenApi {
    let routes = ActixApp::new().into_utoipa_app().configure(routes::configure).split_for_parts().1;
    openapi::complete(routes)
}

/// How long a client may take nothing of what is there for it before its connection is cut.
const STALL_MAX: Duration = Duration::from_secs(60);

/// A client that takes nothing would keep its connection for ever: its machine goes on saying that it lives.
#[cfg(target_os = "linux")]
fn bound_stalls(connection: &dyn Any, _: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>() {
        // A connection that refuses has ended already.
        let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(STALL_MAX));
    }
}

/// Only Linux can say how long.
#[cfg(not(target_os = "linux"))]
fn bound_stalls(_: &dyn Any, _: &mut Extensions) {}

/// Starts to serve on `listener`; the server runs until it is told to stop, then answers what it has begun.
///
/// # Errors
/// When the listener cannot be used.
pub fn start(app: Data<App>, listener: TcpListener) -> io::Result<Server> {
    let document = document();
    let docs = Data::new(Docs::new(&document).map_err(io::Error::other)?);
    let known = Data::new(KnownPaths::of(&document));
    let tools = Data::new(routes::mcp::Catalog::of(&document));
    let workers = app.settings.workers;
    let server = HttpServer::new(move || {
        let (routes, _) = ActixApp::new().into_utoipa_app().configure(routes::configure).split_for_parts();
        routes
            .service(docs::openapi_json)
            .service(docs::page)
            .service(docs::asset)
            .service(routes::page::asset)
            .default_service(web::to(fallback::answer))
            .app_data(app.clone())
            .app_data(docs.clone())
            .app_data(known.clone())
            .app_data(tools.clone())
            // The last one named is the first one met.
            .wrap(NormalizePath::trim())
            .wrap(from_fn(middleware::around))
            // Outermost, so that a refusal is readable for pages of other sites as well.
            .wrap(cors())
    });
    let server = server
        .workers(workers)
        .on_connect(bound_stalls)
        .tcp_nodelay(true)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
        // Whoever runs it listens to them.
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

/// Any page may call the API: credentials are headers that it has to know, never cookies.
fn cors() -> Cors {
    Cors::default()
        .allow_any_origin()
        .send_wildcard()
        .allowed_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_any_header()
        .expose_headers([
            header::RETRY_AFTER.as_str(),
            TOTAL_HEADER,
            "X-Request-ID",
            "RateLimit",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "Idempotent-Replayed",
            "X-ACF-Usage-Id",
            "X-ACF-Amount",
            "X-ACF-Free-Tier",
            "X-ACF-Latency-Ms",
            "PAYMENT-REQUIRED",
            "PAYMENT-RESPONSE",
            "X-PAYMENT-RESPONSE",
            "X-Payment-Transaction",
        ])
        .max_age(3_600)
}
