//! Fetching somebody's card.

use std::time::Duration;

use bytes::Bytes;
use rialto_outbound::{CallLimits, Method, OutboundClient, OutboundError, OutboundRequest, UrlRefusal};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::read::looks_like_a_card;

/// The largest card that is read, in bytes.
pub const CARD_BYTES_MAX: u64 = 1_048_576;
/// What one look for a card may cost.
pub(super) const FETCH_LIMITS: CallLimits = CallLimits {
    first_byte: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(8),
    response_bytes_max: CARD_BYTES_MAX,
};
/// What all looks together may take. After that no further place is tried.
const PATIENCE: Duration = Duration::from_secs(15);

/// A card as it was found.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Where.
    pub url: String,
    /// The very bytes.
    pub bytes: Bytes,
    /// What they say.
    pub value: Value,
}

/// Why there is no card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL may not be called.
    #[error("url {0}")]
    Refused(UrlRefusal),
    /// At none of the usual places is a card.
    #[error("Could not fetch Agent Card from {url}: {why}")]
    NotFound {
        /// What was asked for.
        url: String,
        /// What the last place that was tried answered.
        why: String,
    },
}

/// Looks for a card at `url` and at the usual places below it, in this order: the URL itself if it looks like a card's,
/// `/.well-known/agent-card.json`, `/.well-known/agent.json`, `/agent.json`, `/a2a/agent-card`, then the first two at the top
/// of its host, then the URL itself.
///
/// # Errors
/// [`FetchError`].
pub async fn fetch(client: &OutboundClient, url: &str) -> Result<Fetched, FetchError> {
    let checked = client.policy().check_url(url).await.map_err(FetchError::Refused)?;
    let deadline = Instant::now() + PATIENCE;
    let mut why = "no answer".to_owned();
    for place in places(&checked.to_string()) {
        if Instant::now() >= deadline {
            break;
        }
        match look(client, &place).await {
            Ok(fetched) => return Ok(fetched),
            Err(Miss::Refused(refusal)) => return Err(FetchError::Refused(refusal)),
            Err(Miss::Gone(reason)) => {
                why = reason;
                // Nobody lives there, at whatever path.
                break;
            }
            Err(Miss::NoCard(reason)) => why = reason,
        }
    }
    Err(FetchError::NotFound { url: url.to_owned(), why })
}

enum Miss {
    Refused(UrlRefusal),
    Gone(String),
    NoCard(String),
}

async fn look(client: &OutboundClient, place: &str) -> Result<Fetched, Miss> {
    let request = OutboundRequest::new(Method::GET, place).user_agent("Rialto-A2A/1.0").limits(FETCH_LIMITS);
    let request = request.text_header("Accept", "application/json").map_err(|error| Miss::NoCard(error.to_string()))?;
    let answer = client.fetch(request).await.map_err(|error| match error {
        OutboundError::Refused(refusal) => Miss::Refused(refusal),
        error if error.is_before_sending() => Miss::Gone(error.to_string()),
        error => Miss::NoCard(error.to_string()),
    })?;
    if answer.status.as_u16() != 200 {
        return Err(Miss::NoCard(format!("status {}", answer.status.as_u16())));
    }
    let value: Value = serde_json::from_slice(&answer.body).map_err(|_| Miss::NoCard("the answer is not JSON".to_owned()))?;
    if !looks_like_a_card(&value) {
        return Err(Miss::NoCard("the answer is not a card".to_owned()));
    }
    Ok(Fetched { url: place.to_owned(), bytes: answer.body, value })
}

/// Where to look, each place once.
fn places(url: &str) -> Vec<String> {
    let bare = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
    let mut places: Vec<String> = Vec::new();
    if bare.ends_with(".json") || bare.ends_with("/agent-card") {
        places.push(url.to_owned());
    }
    for path in ["/.well-known/agent-card.json", "/.well-known/agent.json", "/agent.json", "/a2a/agent-card"] {
        places.push(format!("{bare}{path}"));
    }
    if let Ok(parsed) = Url::parse(url) {
        let origin = parsed.origin().ascii_serialization();
        places.extend(["/.well-known/agent-card.json", "/.well-known/agent.json"].map(|path| format!("{origin}{path}")));
    }
    places.push(url.to_owned());
    let mut seen = Vec::new();
    places.retain(|place| {
        let is_new = !seen.contains(place);
        seen.push(place.clone());
        is_new
    });
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_looked_for_where_the_protocol_puts_it() {
        let at = |paths: &[&str]| paths.iter().map(|path| format!("https://a.example{path}")).collect::<Vec<_>>();
        let usual = ["/.well-known/agent-card.json", "/.well-known/agent.json", "/agent.json", "/a2a/agent-card", "/"];
        assert_eq!(places("https://a.example/"), at(&usual));
        let card = places("https://a.example/cards/one.json");
        assert_eq!(card[..2], at(&["/cards/one.json", "/cards/one.json/.well-known/agent-card.json"]));
        assert!(card.contains(&at(&["/.well-known/agent-card.json"])[0]) && card.len() <= 8);
        let below = places("https://a.example/agents/x?k=1");
        assert_eq!((below[0].as_str(), below.len()), ("https://a.example/agents/x/.well-known/agent-card.json", 7));
        assert_eq!(below[6], "https://a.example/agents/x?k=1");
    }
}
