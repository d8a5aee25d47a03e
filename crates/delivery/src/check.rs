//! What a webhook may be made of.

use rialto_outbound::{CheckedUrl, OutboundPolicy, UrlRefusal};
use zeroize::Zeroizing;

use crate::{error::WebhookError, model::EventKind};

/// The longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 512;

/// Judges where events are to be sent. It looks names up, so it stands before the transaction. A name that cannot be looked up is
/// taken: each call judges the address that it connects to.
///
/// # Errors
/// [`WebhookError::NotHttps`], [`WebhookError::Private`] or [`WebhookError::Url`].
pub async fn url(policy: &OutboundPolicy, text: &str) -> Result<(), WebhookError> {
    let url = CheckedUrl::parse(text).map_err(refused)?;
    if url.uri().scheme_str() != Some("https") && !policy.opens(&url) {
        return Err(WebhookError::NotHttps);
    }
    match policy.check_url(text).await {
        Ok(_) | Err(UrlRefusal::Unresolvable(_)) => Ok(()),
        Err(refusal) => Err(refused(refusal)),
    }
}

fn refused(refusal: UrlRefusal) -> WebhookError {
    match refusal {
        UrlRefusal::NotHttp => WebhookError::NotHttps,
        UrlRefusal::Private => WebhookError::Private,
        refusal => WebhookError::Url(refusal),
    }
}

/// The events that these words name, sorted, each once.
pub(crate) fn events(words: &[String]) -> Result<Vec<EventKind>, WebhookError> {
    if words.is_empty() {
        return Err(WebhookError::invalid("events", "must name at least one event"));
    }
    let known = |word: &String| {
        EventKind::from_word(word).ok_or_else(|| {
            let all = EventKind::ALL.map(EventKind::as_str).join(", ");
            WebhookError::invalid("events", format!("may be {all}, and nothing else"))
        })
    };
    let mut events = words.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    events.sort_unstable_by_key(|event| event.as_str());
    events.dedup();
    Ok(events)
}

/// A secret without the space around it.
pub(crate) fn secret(given: &str) -> Result<Zeroizing<String>, WebhookError> {
    let secret = given.trim();
    if secret.is_empty() {
        return Err(WebhookError::invalid("secret", "must not be blank"));
    }
    if secret.len() > SECRET_BYTES_MAX {
        return Err(WebhookError::invalid("secret", format!("must not be longer than {SECRET_BYTES_MAX} bytes")));
    }
    if secret.chars().any(char::is_control) {
        return Err(WebhookError::invalid("secret", "must not contain control characters"));
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sorted_and_each_is_there_once() {
        let words = |words: &[&str]| events(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let sorted = vec![EventKind::PaymentCompleted, EventKind::ServiceCalled];
        assert_eq!(words(&["service.called", "payment.completed", "service.called"]), Ok(sorted));
        assert!(EventKind::ALL.map(EventKind::as_str).is_sorted());
        for wrong in [&[][..], &["*"], &["service.called", ""], &["Service.Called"], &["trade.settled"]] {
            assert!(matches!(words(wrong), Err(WebhookError::Invalid { field: "events", .. })), "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_is_kept_without_the_space_around_it() {
        assert_eq!(secret(" whsec_a b\n").unwrap().as_str(), "whsec_a b");
        for wrong in ["", " \t", "a\u{0}b", &"x".repeat(513)] {
            assert!(matches!(secret(wrong), Err(WebhookError::Invalid { field: "secret", .. })));
        }
    }

    #[tokio::test]
    async fn a_url_is_https_or_the_operators() {
        let public = OutboundPolicy::public_only().with_name("inner.example", vec!["10.0.0.1".parse().unwrap()]);
        for (text, refusal) in [
            ("http://93.184.215.14/", WebhookError::NotHttps),
            ("http://127.0.0.1/", WebhookError::NotHttps),
            ("ftp://example.com/", WebhookError::NotHttps),
            ("nonsense", WebhookError::NotHttps),
            ("https://127.0.0.1/", WebhookError::Private),
            ("https://0x7f.1/", WebhookError::Private),
            ("https://[::1]/", WebhookError::Private),
            ("https://inner.example/", WebhookError::Private),
            ("https://me:you@93.184.215.14/", WebhookError::Url(UrlRefusal::UserInfo)),
        ] {
            assert_eq!(url(&public, text).await, Err(refusal), "{text}");
        }
        for text in ["https://93.184.215.14/hook", "https://not-there-yet.invalid/hook"] {
            assert_eq!(url(&public, text).await, Ok(()), "{text}");
        }
        let local: OutboundPolicy = "127.0.0.0/8".parse().unwrap();
        assert_eq!(url(&local, "http://127.0.0.1:9/hook").await, Ok(()));
        assert_eq!(url(&local, "http://93.184.215.14/").await, Err(WebhookError::NotHttps));
        assert_eq!(url(&local, "http://10.0.0.1/").await, Err(WebhookError::NotHttps));
    }
}
