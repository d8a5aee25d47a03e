//! Reading a URL the way the connection will.

use http::Uri;
use percent_encoding::percent_decode_str;
use rialto_kernel::limits::URL_BYTES_MAX;
use url::{Host, Url};

use crate::UrlRefusal;

/// How long a URL may get by what is put behind it.
const EXTENDED_BYTES_MAX: usize = 16 * 1024;

/// A URL whose shape is in order: `http` or `https`, a host, no user name. Its host is normalised (`0177.1` has become
/// `127.0.0.1`), its path and query are byte for byte what they were, and its fragment is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedUrl {
    uri: Uri,
    host: String,
}

impl CheckedUrl {
    /// Judges the shape alone. Whether its address may be called is [`crate::OutboundPolicy::check_url`]'s to say.
    ///
    /// # Errors
    /// A [`UrlRefusal`], but neither `Private` nor `Unresolvable`.
    pub fn parse(text: &str) -> Result<Self, UrlRefusal> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlRefusal::TooLong(URL_BYTES_MAX));
        }
        // The parser repairs these in silence, and others who read the same text may repair them otherwise.
        if text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '\\' | '#')) {
            return Err(UrlRefusal::NotAUrl);
        }
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::EmptyHost => UrlRefusal::NoHost,
            url::ParseError::RelativeUrlWithoutBase => UrlRefusal::NotHttp,
            _ => UrlRefusal::NotAUrl,
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlRefusal::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefusal::UserInfo);
        }
        let host = match url.host().ok_or(UrlRefusal::NoHost)? {
            Host::Domain(name) => name.trim_end_matches('.').to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => format!("[{address}]"),
        };
        if host.is_empty() {
            return Err(UrlRefusal::NoHost);
        }
        if url.port() == Some(0) {
            return Err(UrlRefusal::NotAUrl);
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let uri = format!("{}://{host}{port}{}", url.scheme(), path_and_query(text, &url)?);
        Ok(Self { uri: uri.parse().map_err(|_| UrlRefusal::NotAUrl)?, host })
    }

    /// This URL with more path and another query behind it, byte for byte as they are given: `https://a.example/v1` and
    /// `x%2Fy` make `https://a.example/v1/x%2Fy`. A query of its own comes before the other.
    ///
    /// # Errors
    /// [`UrlRefusal::Escapes`] when the path leads out of the base (`..`, in whatever spelling a server might understand) or
    /// holds control characters, however encoded; [`UrlRefusal::TooLong`]; [`UrlRefusal::NotAUrl`].
    pub fn below(&self, path: &str, query: Option<&str>) -> Result<Self, UrlRefusal> {
        if leads_out(path) {
            return Err(UrlRefusal::Escapes);
        }
        let base = self.uri.path().trim_end_matches('/');
        // Without more path the base stays as it was registered, with its slash or without.
        let mut text = if path.is_empty() { self.uri.path().to_owned() } else { format!("{base}/{path}") };
        let queries = [self.uri.query(), query];
        for (n, query) in queries.into_iter().flatten().filter(|query| !query.is_empty()).enumerate() {
            text.push(if n == 0 { '?' } else { '&' });
            text.push_str(query);
        }
        let authority = self.uri.authority().ok_or(UrlRefusal::NoHost)?;
        let text = format!("{}://{authority}{text}", self.uri.scheme_str().unwrap_or("https"));
        if text.len() > EXTENDED_BYTES_MAX {
            return Err(UrlRefusal::TooLong(EXTENDED_BYTES_MAX));
        }
        Ok(Self { uri: text.parse().map_err(|_| UrlRefusal::NotAUrl)?, host: self.host.clone() })
    }

    /// As the client sends it.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The host: a lower-case name without trailing dot, or a canonical address (IPv6 in brackets).
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that will be connected to.
    #[must_use]
    pub fn port(&self) -> u16 {
        port(&self.uri)
    }
}

impl std::fmt::Display for CheckedUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.uri.fmt(f)
    }
}

/// The port of `uri`, or its scheme's.
pub(crate) fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })
}

/// Whether a server could read this path as one that leaves the folder it stands in. Servers decode once or twice, take a
/// backslash for a slash, and cut parameters off a segment.
fn leads_out(path: &str) -> bool {
    let mut path = path.to_owned();
    loop {
        let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
        if path.chars().any(char::is_control) || path.split(['/', '\\']).any(is_dots) {
            return true;
        }
        let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if decoded == path {
            return false;
        }
        path = decoded;
    }
}

/// What stands behind the authority, as it was written.
///
/// `Url` would resolve dot segments and encode what it finds unusual; a server may tell the difference. Only text that
/// could not stand in a request line falls back to its rendering.
fn path_and_query(text: &str, url: &Url) -> Result<String, UrlRefusal> {
    if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        return Ok(format!("{}{query}", url.path()));
    }
    let (_, rest) = text.split_once("://").ok_or(UrlRefusal::NotAUrl)?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let tail = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("");
    Ok(if tail.starts_with('/') { tail.to_owned() } else { format!("/{tail}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, UrlRefusal> {
        CheckedUrl::parse(text).map(|url| url.to_string())
    }

    #[test]
    fn hosts_are_normalised_and_paths_are_not() {
        for (given, kept) in [
            ("http://EXAMPLE.com", "http://example.com/"),
            ("https://example.com./a", "https://example.com/a"),
            ("http://example.com:80/%7Ea/../b//c?x=1&x=2&y=%2f", "http://example.com/%7Ea/../b//c?x=1&x=2&y=%2f"),
            ("http://example.com?q={a}", "http://example.com/?q={a}"),
            ("http://example.com:8080", "http://example.com:8080/"),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://0177.0.0.1/", "http://127.0.0.1/"),
            ("http://0x7f.1/", "http://127.0.0.1/"),
            ("http://127.1/", "http://127.0.0.1/"),
            ("http://１２７.0.0.1/", "http://127.0.0.1/"),
            ("http://[::FFFF:127.0.0.1]:1/x", "http://[::ffff:127.0.0.1]:1/x"),
            ("http://bücher.example/ü?ü", "http://xn--bcher-kva.example/%C3%BC?%C3%BC"),
        ] {
            assert_eq!(parsed(given).as_deref(), Ok(kept), "{given}");
        }
    }

    #[test]
    fn more_path_stays_below_and_is_not_rewritten() {
        let below =
            |base: &str, path: &str, query| CheckedUrl::parse(base).unwrap().below(path, query).map(|url| url.to_string());
        for (base, path, query, whole) in [
            ("http://a.example", "", None, "http://a.example/"),
            ("http://a.example/v1", "", None, "http://a.example/v1"),
            ("http://a.example/v1/", "", Some("x=1"), "http://a.example/v1/?x=1"),
            ("http://a.example/v1/", "a//b%2Fc%20d", Some("x=1&x=2&y=%2f"), "http://a.example/v1/a//b%2Fc%20d?x=1&x=2&y=%2f"),
            ("http://a.example/v1?key=k", "a", Some("x=1"), "http://a.example/v1/a?key=k&x=1"),
            ("http://a.example/v1?key=k", "a", None, "http://a.example/v1/a?key=k"),
            ("http://a.example:81/", "..a/b../...", None, "http://a.example:81/..a/b../..."),
            ("http://a.example/", "a%3Fb=c", Some(""), "http://a.example/a%3Fb=c"),
        ] {
            assert_eq!(below(base, path, query).as_deref(), Ok(whole), "{base} {path}");
        }
        for path in [
            "..",
            "../x",
            "x/../y",
            "x/..",
            "./x",
            "..%2f..%2fetc",
            "%2e%2e/x",
            "%2E./x",
            "..%5cx",
            "..\\x",
            "%252e%252e/x",
            "..;a=b/x",
            "a%0d%0ab",
            "a%00",
            "%25%30%30",
        ] {
            assert_eq!(below("http://a.example/v1", path, None), Err(UrlRefusal::Escapes), "{path}");
        }
        assert_eq!(below("http://a.example", &"a".repeat(17_000), None), Err(UrlRefusal::TooLong(EXTENDED_BYTES_MAX)));
        assert_eq!(below("http://a.example", "a b", None), Err(UrlRefusal::NotAUrl));
    }

    #[test]
    fn other_shapes_are_refused_with_their_reason() {
        for (text, refusal) in [
            ("", UrlRefusal::NotHttp),
            ("example.com/a", UrlRefusal::NotHttp),
            ("ftp://example.com", UrlRefusal::NotHttp),
            ("file:///etc/passwd", UrlRefusal::NotHttp),
            ("http://", UrlRefusal::NoHost),
            ("http://./", UrlRefusal::NoHost),
            ("http://me@example.com", UrlRefusal::UserInfo),
            ("http://:secret@example.com", UrlRefusal::UserInfo),
            ("http://example.com:99999", UrlRefusal::NotAUrl),
            ("http://exa mple.com", UrlRefusal::NotAUrl),
            ("http://example.com/#fragment", UrlRefusal::NotAUrl),
            ("http:\\\\example.com\\a", UrlRefusal::NotAUrl),
            ("http://example.com\\@127.0.0.1/", UrlRefusal::NotAUrl),
            ("http://example.com/\r\nX: y", UrlRefusal::NotAUrl),
            ("http://example.com:0/", UrlRefusal::NotAUrl),
            ("http://[::1", UrlRefusal::NotAUrl),
            ("http://256.256.256.256", UrlRefusal::NotAUrl),
        ] {
            assert_eq!(parsed(text), Err(refusal), "{text}");
        }
        assert_eq!(parsed(&format!("http://example.com/{}", "a".repeat(3000))), Err(UrlRefusal::TooLong(URL_BYTES_MAX)));
    }
}
