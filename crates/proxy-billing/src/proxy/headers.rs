//! Which headers cross: nothing of ours reaches a provider, and no provider can speak in our name.

use rialto_outbound::{HeaderMap, HeaderName, HeaderValue, header};

/// What a buyer says to us and not to the provider: who it is, how it pays, where it comes from. Lengths and what belongs to the
/// connection are the client's own business, which strips them.
const OURS_OF_REQUESTS: [&str; 9] =
    ["authorization", "x-api-key", "cookie", "expect", "forwarded", "x-real-ip", "true-client-ip", "via", "x-request-id"];
const OURS_OF_REQUESTS_BY_START: [&str; 5] = ["x-acf-", "x-forwarded-", "x-payment", "payment-", "cf-connecting-"];

/// What only we say to a buyer: what a call costs, how to pay, how often one may ask, and what browsers believe of our address.
const OURS_OF_ANSWERS: [&str; 19] = [
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "alt-svc",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "service-worker-allowed",
    "public-key-pins",
    "nel",
    "report-to",
    "x-request-id",
    "x-response-time-ms",
    "idempotent-replayed",
    "ratelimit",
    "ratelimit-policy",
    "content-length",
    "via",
    "x-frame-options",
];
const OURS_OF_ANSWERS_BY_START: [&str; 5] = ["x-acf-", "x-payment", "payment-", "x-ratelimit-", "access-control-"];

/// Names the request to the provider.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers of a request as the provider gets them.
pub(super) fn toward_provider(mut headers: HeaderMap, request_id: &str) -> HeaderMap {
    rialto_outbound::headers::strip_hop_by_hop(&mut headers);
    strip(&mut headers, &OURS_OF_REQUESTS, &OURS_OF_REQUESTS_BY_START);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers
}

/// The headers of an answer as the buyer gets them.
pub(super) fn toward_buyer(mut headers: HeaderMap) -> HeaderMap {
    rialto_outbound::headers::strip_hop_by_hop(&mut headers);
    strip(&mut headers, &OURS_OF_ANSWERS, &OURS_OF_ANSWERS_BY_START);
    // A page of somebody else's must not run as one of ours.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers
}

fn strip(headers: &mut HeaderMap, names: &[&str], starts: &[&str]) {
    let is_ours = |name: &str| names.contains(&name) || starts.iter().any(|start| name.starts_with(start));
    let ours: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name.as_str())).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        // What order they are in means nothing.
        names.sort_unstable();
        names
    }

    #[test]
    fn nothing_of_ours_reaches_a_provider() {
        let asked = headers(&[
            ("authorization", "Bearer acf_1:sec_2"),
            ("x-api-key", "k"),
            ("cookie", "a=b"),
            ("connection", "close, x-secret"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic x"),
            ("x-acf-usage-id", "forged"),
            ("x-forwarded-for", "1.2.3.4"),
            ("payment-signature", "e30="),
            ("expect", "100-continue"),
            ("x-request-id", "mine"),
            ("accept", "a"),
            ("accept", "b"),
            ("range", "bytes=0-1"),
            ("idempotency-key", "k"),
        ]);
        let sent = toward_provider(asked, "the-request");
        assert_eq!(names(&sent), ["accept", "idempotency-key", "range", "x-request-id"]);
        assert_eq!(sent.get_all("accept").iter().count(), 2);
        assert_eq!(sent["x-request-id"], "the-request");
    }

    #[test]
    fn no_provider_speaks_in_our_name() {
        let told = headers(&[
            ("x-acf-amount", "999"),
            ("x-acf-anything", "x"),
            ("payment-required", "e30="),
            ("x-payment-response", "x"),
            ("set-cookie", "a=b"),
            ("access-control-allow-credentials", "true"),
            ("x-ratelimit-limit", "1"),
            ("strict-transport-security", "max-age=1"),
            ("connection", "x-inner"),
            ("x-inner", "1"),
            ("content-type", "text/html"),
            ("content-encoding", "gzip"),
            ("etag", "\"1\""),
            ("retry-after", "3"),
            ("location", "/elsewhere"),
        ]);
        let handed = toward_buyer(told);
        assert_eq!(
            names(&handed),
            ["content-encoding", "content-security-policy", "content-type", "etag", "location", "retry-after"]
        );
    }
}
