//! What is the same with every provider of payments: one call and how its refusals read, and tokens that are kept for a while.

use std::{sync::Arc, time::Duration};

use rialto_kernel::{Amount, Asset};
use rialto_ledger::purchase::GatewayError;
use rialto_outbound::{CallLimits, OutboundClient, OutboundError, OutboundRequest, StatusCode, WholeResponse};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::{sync::Mutex, time::Instant};

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most of an answer that is read, in bytes. Orders and payments are a few kilobytes.
const RESPONSE_BYTES_MAX: u64 = 256 * 1024;
/// The longest word that a provider may call something by, in bytes.
const WORD_BYTES_MAX: usize = 128;
/// The longest checkout URL, in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// The most of what a provider says that goes into the log, in characters.
const SAID_CHARS_MAX: usize = 200;
/// How long nobody asks for a token after one was refused: those who wait for it need not each wait for the same.
const TOKEN_PAUSE: Duration = Duration::from_secs(1);
/// How long before its end a token is not used any more, unless its life is short.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);
/// For how long a token is used at most, whatever its provider says.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What an operator may want to know of a failure.
pub(super) fn why(error: &GatewayError) -> &str {
    match error {
        GatewayError::Unavailable(why) | GatewayError::Refused(why) => why,
    }
}

/// A request that cannot be put on the wire, for example because of a key with a line break.
pub(super) fn unsendable(error: &OutboundError) -> GatewayError {
    GatewayError::Refused(error.detail().to_owned())
}

/// One call to a provider. An answer of any status is one.
pub(super) async fn call(client: &OutboundClient, request: OutboundRequest) -> Result<WholeResponse, GatewayError> {
    let limits = CallLimits { first_byte: TIMEOUT, idle: TIMEOUT, total: TIMEOUT, response_bytes_max: RESPONSE_BYTES_MAX };
    client.fetch(request.limits(limits)).await.map_err(|error| {
        tracing::warn!(%error, detail = error.detail(), "a payment provider did not answer");
        GatewayError::Unavailable(error.to_string())
    })
}

#[derive(Deserialize)]
struct Said {
    message: Option<String>,
    details: Option<Vec<Detail>>,
}

#[derive(Deserialize)]
struct Detail {
    issue: Option<String>,
}

/// The first issue that a refusal names.
pub(super) fn issue(response: &WholeResponse) -> Option<String> {
    let said: Said = serde_json::from_slice(&response.body).ok()?;
    said.details?.into_iter().find_map(|detail| detail.issue).map(|issue| issue.chars().take(SAID_CHARS_MAX).collect())
}

/// An answer that is none of those that were hoped for.
pub(super) fn refusal(response: &WholeResponse) -> GatewayError {
    let status = response.status;
    let said = serde_json::from_slice::<Said>(&response.body).ok().and_then(|said| said.message);
    let said: String = said.unwrap_or_default().chars().take(SAID_CHARS_MAX).collect();
    let why = format!("{status}: {said} {}", issue(response).unwrap_or_default());
    tracing::warn!(%status, why, "a payment provider refused");
    let passes = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT | StatusCode::REQUEST_TIMEOUT);
    if passes { GatewayError::Unavailable(why) } else { GatewayError::Refused(why) }
}

/// Reads a successful answer.
pub(super) fn read<'r, T: Deserialize<'r>>(response: &'r WholeResponse) -> Result<T, GatewayError> {
    if !response.status.is_success() {
        return Err(refusal(response));
    }
    serde_json::from_slice(&response.body).map_err(|error| odd(&error.to_string()))
}

/// An answer that makes no sense.
pub(super) fn odd(what: &str) -> GatewayError {
    tracing::warn!(what, "a payment provider's answer makes no sense");
    GatewayError::Unavailable(format!("an answer that makes no sense: {what}"))
}

/// What a provider calls something: text that can stand in a path and a row.
pub(super) fn word(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((1..=WORD_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}

/// The same, where it may be a number.
pub(super) fn word_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => word(text),
        Value::Number(number) => word(&number.to_string()),
        _ => None,
    }
}

/// Where to pay, if a browser can go there.
pub(super) fn checkout_url(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    (text.len() <= URL_BYTES_MAX && matches!(url.scheme(), "https" | "http")).then(|| url.into())
}

/// An amount of dollars, as text or as a number, exactly as it is written.
pub(super) fn dollars(raw: Option<&RawValue>) -> Option<Amount> {
    let text = raw?.get();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    Amount::from_decimal(text, Asset::USDC).ok()
}

/// A token that a provider gives for a while. Whoever needs one when there is none waits for the first to get it.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Slot>);

#[derive(Default)]
struct Slot {
    token: Option<(Arc<str>, Instant)>,
    refused: Option<(GatewayError, Instant)>,
}

impl Tokens {
    /// The token, or a new one.
    pub async fn get(
        &self,
        fetch: impl Future<Output = Result<(String, Duration), GatewayError>>,
    ) -> Result<Arc<str>, GatewayError> {
        let mut slot = self.0.lock().await;
        if let Some((token, until)) = &slot.token
            && Instant::now() < *until
        {
            return Ok(Arc::clone(token));
        }
        if let Some((error, at)) = &slot.refused
            && at.elapsed() < TOKEN_PAUSE
        {
            return Err(error.clone());
        }
        match fetch.await {
            Ok((token, life)) => {
                let token: Arc<str> = token.into();
                let life = life.min(TOKEN_LIFE_MAX);
                let used = life.checked_sub(TOKEN_MARGIN).unwrap_or_default().max(life / 2);
                *slot = Slot { token: Some((Arc::clone(&token), Instant::now() + used)), refused: None };
                Ok(token)
            }
            Err(error) => {
                *slot = Slot { token: None, refused: Some((error.clone(), Instant::now())) };
                Err(error)
            }
        }
    }

    /// Forgets a token that was not accepted, unless there is another one already.
    pub async fn forget(&self, refused: &str) {
        let mut slot = self.0.lock().await;
        if slot.token.as_ref().is_some_and(|(token, _)| &**token == refused) {
            slot.token = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_amounts_are_plain_or_none() {
        for text in ["5O190127TN364715T", "a-b_c", "0"] {
            assert_eq!(word(text).as_deref(), Some(text));
        }
        for text in ["", "a/b", "a b", "..", "a\0", "é", &"x".repeat(129)] {
            assert_eq!(word(text), None, "{text}");
        }
        assert_eq!(word_of(Some(&Value::from(5_077_125_051_i64))).as_deref(), Some("5077125051"));
        assert_eq!(word_of(Some(&Value::Null)), None);
        let read = |text: &str| dollars(Some(&RawValue::from_string(text.to_owned()).unwrap())).map(Amount::get);
        for (text, micro) in [("10", 10_000_000), ("10.5", 10_500_000), ("\"10.50\"", 10_500_000), ("0.1", 100_000)] {
            assert_eq!(read(text), Some(micro), "{text}");
        }
        for text in ["-1", "1e3", "null", "\"x\"", "[]", "0.0000001"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(checkout_url("javascript:alert(1)").is_none() && checkout_url("https://pay.example/x").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_fetched_once_for_all_and_anew_when_it_ends_or_is_refused() {
        let tokens = Tokens::default();
        let fetched = std::sync::atomic::AtomicU32::new(0);
        let get = async || {
            let fetch = async {
                let n = fetched.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                if n == 2 {
                    Err(GatewayError::Unavailable("down".into()))
                } else {
                    Ok((format!("t{n}"), Duration::from_secs(600)))
                }
            };
            tokens.get(fetch).await.map(|token| token.to_string())
        };
        let all = futures_util::future::join_all((0..20).map(|_| get())).await;
        assert!(all.iter().all(|token| token.as_deref() == Ok("t0")), "{all:?}");
        tokio::time::advance(Duration::from_secs(539)).await;
        assert_eq!(get().await.as_deref(), Ok("t0"));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(get().await.as_deref(), Ok("t1"));
        tokens.forget("t0").await;
        assert_eq!(get().await.as_deref(), Ok("t1"), "it is another one");
        tokens.forget("t1").await;
        let all = futures_util::future::join_all((0..20).map(|_| get())).await;
        assert!(all.iter().all(Result::is_err), "those who wait do not ask once more: {all:?}");
        assert_eq!(fetched.load(std::sync::atomic::Ordering::SeqCst), 3);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(get().await.as_deref(), Ok("t3"));
        let endless = async { Ok(("endless".to_owned(), Duration::MAX)) };
        assert_eq!(Tokens::default().get(endless).await.as_deref(), Ok("endless"));
    }
}
