//! Which pages may ask.
//!
//! A page of somebody else's, opened in a browser on this machine, could have its own name point here and talk to a server that
//! only this machine is meant to reach. So a request that says which page it comes from is answered for the pages of this server,
//! for those of this machine, and for those that the settings name.

use actix_web::http::StatusCode;

use crate::{compose::App, http::Problem};

/// Refuses a request from a page that may not ask.
///
/// # Errors
/// 403.
pub fn check(app: &App, origin: Option<&str>) -> Result<(), Problem> {
    let Some(origin) = origin else { return Ok(()) };
    if may_ask(origin, &app.settings.public_url, &app.settings.mcp_origins) {
        return Ok(());
    }
    let detail = "Pages of this origin may not ask here; RIALTO_MCP_ORIGINS names those that may.";
    Err(Problem::new(StatusCode::FORBIDDEN, "origin-refused", detail))
}

fn may_ask(origin: &str, own: &str, named: &[String]) -> bool {
    let origin = origin.trim_end_matches('/');
    let same = |other: &str| other.trim_end_matches('/').eq_ignore_ascii_case(origin);
    named.iter().any(|name| name == "*" || same(name)) || is_own(origin, own) || is_this_machine(origin)
}

/// Whether it is what stands before the path of the URL that this server has outside.
fn is_own(origin: &str, own: &str) -> bool {
    let end = own.find("://").and_then(|at| own.get(at + 3..)?.find('/').map(|slash| at + 3 + slash));
    let own = end.and_then(|end| own.get(..end)).unwrap_or(own);
    own.eq_ignore_ascii_case(origin)
}

fn is_this_machine(origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    matches!(scheme, "http" | "https") && (host.eq_ignore_ascii_case("localhost") || is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ones_own_may_ask() {
        let named = ["https://inspector.example".to_owned()];
        let asks = |origin: &str| may_ask(origin, "https://rialto.example:8443/base", &named);
        for origin in [
            "https://rialto.example:8443",
            "https://inspector.example",
            "http://localhost:6274",
            "http://LOCALHOST",
            "http://127.0.0.1:1",
            "http://[::1]:80",
        ] {
            assert!(asks(origin), "{origin}");
        }
        for origin in [
            "https://rialto.example",
            "https://evil.example",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example:80",
            "http://evil.example:127",
            "null",
            "",
            "file://localhost",
            "*",
        ] {
            assert!(!asks(origin), "{origin}");
        }
        assert!(may_ask("https://anything.example", "http://x", &["*".to_owned()]));
    }
}
