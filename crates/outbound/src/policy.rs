//! Who may be called.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use thiserror::Error;

use crate::{CheckedUrl, OutboundError, UrlRefusal, address};

/// How long a name may take to resolve when a URL is registered.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an allow list is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// The entry is neither a host nor a network.
    #[error("'{0}' is neither a host (localhost, *.internal) nor an address or network (127.0.0.1, 10.0.0.0/8)")]
    Entry(String),
}

/// Who may be called: the public internet, and what the operator allows beyond it.
///
/// It is written as a list with commas: host names (`localhost`), all names under one (`*.internal`), addresses
/// (`127.0.0.1`, `::1`) and networks (`10.0.0.0/8`). Entries only ever add to the public internet.
#[derive(Debug, Clone, Default)]
pub struct OutboundPolicy {
    hosts: Vec<String>,
    /// What follows the star, with its dot: `.internal`.
    suffixes: Vec<String>,
    networks: Vec<IpNet>,
    names: Arc<HashMap<String, Vec<IpAddr>>>,
}

impl FromStr for OutboundPolicy {
    type Err = PolicyError;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let mut policy = Self::default();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            policy.allow(entry)?;
        }
        Ok(policy)
    }
}

impl OutboundPolicy {
    /// The public internet and nothing else.
    #[must_use]
    pub fn public_only() -> Self {
        Self::default()
    }

    fn allow(&mut self, entry: &str) -> Result<(), PolicyError> {
        let wrong = || PolicyError::Entry(entry.to_owned());
        let bare = entry.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(entry);
        if let Ok(address) = bare.parse::<IpAddr>() {
            self.networks.push(IpNet::from(address));
        } else if let Ok(network) = entry.parse::<IpNet>() {
            self.networks.push(network.trunc());
        } else if let Some(suffix) = entry.strip_prefix('*') {
            let name = suffix.strip_prefix('.').filter(|name| is_name(name)).ok_or_else(wrong)?;
            self.suffixes.push(format!(".{}", name.to_ascii_lowercase()));
        } else if is_name(entry) {
            self.hosts.push(entry.to_ascii_lowercase());
        } else {
            return Err(wrong());
        }
        Ok(())
    }

    /// Answers for the name `host` with `addresses` instead of asking DNS. They are judged like any others.
    #[must_use]
    pub fn with_name(mut self, host: &str, addresses: Vec<IpAddr>) -> Self {
        Arc::make_mut(&mut self.names).insert(host.to_ascii_lowercase(), addresses);
        self
    }

    /// Whether the operator allows this host by name, whatever it resolves to.
    #[must_use]
    pub fn allows_host(&self, host: &str) -> bool {
        let is_under = |suffix: &String| host.len() > suffix.len() && host.ends_with(suffix.as_str());
        self.hosts.iter().any(|allowed| allowed == host) || self.suffixes.iter().any(is_under)
    }

    /// Whether this address may be connected to.
    #[must_use]
    pub fn allows_address(&self, address: IpAddr) -> bool {
        let plain = address.to_canonical();
        address::is_public(address) || self.networks.iter().any(|network| network.contains(&plain) || network.contains(&address))
    }

    /// Judges a URL that somebody registers: its shape, and the addresses its host has now.
    ///
    /// A later call judges again, at the socket. A host that the operator allows by name is not resolved here.
    ///
    /// # Errors
    /// The [`UrlRefusal`].
    pub async fn check_url(&self, text: &str) -> Result<CheckedUrl, UrlRefusal> {
        let url = CheckedUrl::parse(text)?;
        if self.allows_host(url.host()) {
            return Ok(url);
        }
        let resolved = tokio::time::timeout(LOOKUP_TIMEOUT, self.resolve(url.host(), url.port())).await;
        match resolved {
            Ok(Ok(_)) => Ok(url),
            Ok(Err(OutboundError::Refused(refusal))) => Err(refusal),
            Ok(Err(_)) | Err(_) => Err(UrlRefusal::Unresolvable(url.host().to_owned())),
        }
    }

    /// What can be told of a URL without asking anybody: its shape, and its address if it is written as one. For URLs whose
    /// names need not be there yet; each call judges the address that it connects to.
    ///
    /// # Errors
    /// A [`UrlRefusal`], but not `Unresolvable`.
    pub fn check_text(&self, text: &str) -> Result<CheckedUrl, UrlRefusal> {
        let url = CheckedUrl::parse(text)?;
        let fits = self.allows_host(url.host()) || written(url.host()).is_none_or(|address| self.allows_address(address));
        if fits { Ok(url) } else { Err(UrlRefusal::Private) }
    }

    /// Whether the host of a URL is one that only the operator's list lets be called, as far as its text tells: a name in the
    /// list, or an address that is not on the public internet.
    #[must_use]
    pub fn opens(&self, url: &CheckedUrl) -> bool {
        let inner = |address: IpAddr| self.allows_address(address) && !address::is_public(address);
        self.allows_host(url.host()) || written(url.host()).is_some_and(inner)
    }

    /// The addresses of `host` that may be connected to; at least one. Names are looked up off the async threads.
    ///
    /// Forbidden addresses are left out, so that nothing that is returned needs to be judged again.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        let found = self.lookup(host, port).await.map_err(|error| OutboundError::Dns(format!("{host}: {error}")))?;
        if found.is_empty() {
            return Err(OutboundError::Dns(format!("{host}: no address")));
        }
        let by_name = self.allows_host(host);
        let allowed: Vec<_> = found.into_iter().filter(|at| by_name || self.allows_address(at.ip())).collect();
        if allowed.is_empty() { Err(UrlRefusal::Private.into()) } else { Ok(allowed) }
    }

    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        if let Some(addresses) = self.names.get(host) {
            return Ok(addresses.iter().map(|address| SocketAddr::new(*address, port)).collect());
        }
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// The address that a host is written as.
fn written(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    let local = bare == "localhost" || bare.ends_with(".localhost");
    if local { Some(IpAddr::from(Ipv4Addr::LOCALHOST)) } else { bare.parse().ok() }
}

/// Whether `text` could be a host name. Digits and dots alone are a mistyped address.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.len() <= 253 && text.split('.').all(label) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allow_list_is_read_or_refused_by_entry() {
        let policy: OutboundPolicy = " localhost, *.Internal,127.0.0.0/8 ,::1, [fd00::1],".parse().unwrap();
        assert!(policy.allows_host("localhost") && policy.allows_host("a.b.internal"));
        assert!(!policy.allows_host("internal") && !policy.allows_host("evil-internal") && !policy.allows_host("xlocalhost"));
        for (address, allowed) in [
            ("127.9.9.9", true),
            ("::ffff:127.0.0.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("fd00::2", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(policy.allows_address(address.parse().unwrap()), allowed, "{address}");
        }
        for entry in ["*", "*.", "*internal", "a b", "10.0.0.0/33", "300.1.1.1", "http://x", "a..b", "127.0.0.1:80"] {
            assert_eq!(entry.parse::<OutboundPolicy>().unwrap_err(), PolicyError::Entry(entry.into()), "{entry}");
        }
    }

    #[tokio::test]
    async fn every_disguise_of_an_inner_address_is_refused_at_registration() {
        let policy = OutboundPolicy::public_only()
            .with_name("rebound.example", vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()])
            .with_name("mapped.example", vec!["::ffff:10.0.0.1".parse().unwrap()])
            .with_name("public.example", vec!["93.184.215.14".parse().unwrap()]);
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://017700000001/",
            "http://0177.0.0.1/",
            "http://0x7f.0.0.1/",
            "http://127.0.0.1./",
            "http://１２７.０.０.１/",
            "http://%31%32%37.0.0.1/",
            "http://0/",
            "http://0.0.0.0:8000/",
            "http://[::]/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "https://localhost:8000/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://192.0.0.1/",
            "http://198.18.0.1/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://rebound.example/",
            "http://rebound.example./",
            "http://Mapped.Example/",
        ] {
            assert_eq!(policy.check_url(url).await, Err(UrlRefusal::Private), "{url}");
        }
        let missing = policy.check_url("http://no-such-host.invalid/").await;
        assert_eq!(missing, Err(UrlRefusal::Unresolvable("no-such-host.invalid".into())));
        for url in ["http://public.example/", "https://93.184.215.14/x", "http://[2606:4700::1111]/"] {
            assert!(policy.check_url(url).await.is_ok(), "{url}");
        }
    }

    #[test]
    fn a_written_address_is_judged_without_asking() {
        let public = OutboundPolicy::public_only();
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://LOCALHOST/",
            "http://a.localhost./",
            "http://100.64.0.1/",
        ] {
            assert_eq!(public.check_text(url), Err(UrlRefusal::Private), "{url}");
        }
        assert_eq!(public.check_text("ftp://example.com"), Err(UrlRefusal::NotHttp));
        for url in ["https://not-there-yet.invalid/v1", "https://93.184.215.14/x"] {
            assert!(public.check_text(url).is_ok(), "{url}");
        }
        let loopback: OutboundPolicy = "127.0.0.0/8".parse().unwrap();
        assert!(loopback.check_text("http://localhost:9/").is_ok() && loopback.check_text("http://127.0.0.2/").is_ok());
        assert_eq!(loopback.check_text("http://10.0.0.1/"), Err(UrlRefusal::Private));
        let opens = |url: &str| loopback.opens(&CheckedUrl::parse(url).unwrap());
        assert!(opens("http://localhost:9/") && opens("http://127.1/") && opens("http://[::ffff:127.0.0.1]/"));
        assert!(!opens("http://10.0.0.1/") && !opens("http://93.184.215.14/") && !opens("http://example.com/"));
    }

    #[tokio::test]
    async fn what_the_operator_allows_passes() {
        let policy: OutboundPolicy = "127.0.0.1,*.invalid".parse().unwrap();
        for url in ["http://127.0.0.1:9/", "http://localhost:9/", "http://2130706433/", "http://agent.invalid/"] {
            assert!(policy.check_url(url).await.is_ok(), "{url}");
        }
        assert_eq!(policy.check_url("http://127.0.0.2/").await, Err(UrlRefusal::Private));
    }
}
