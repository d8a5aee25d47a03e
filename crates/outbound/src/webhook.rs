//! Telling somebody's server of something, so that it can know who says so: requests signed as Standard Webhooks 1.0.0 has it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{OutboundClient, OutboundError, OutboundRequest};

/// What a signing secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";
/// How much of an answer is read, so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 65_536;

/// A new signing secret: `whsec_` and 32 random bytes in base64. `None` when the system gives no randomness.
#[must_use]
pub fn new_secret() -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).ok()?;
    Some(Zeroizing::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes.as_slice()))))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA256 of a body under the very bytes of the secret, in lower-case hexadecimal.
#[must_use]
pub fn hex_signature(secret: &str, body: &[u8]) -> String {
    hmac(secret.as_bytes(), &[body]).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The `webhook-signature` of a body: one signature for each secret, separated by blanks.
///
/// The key is what stands behind `whsec_` in base64, as the standard's libraries read it; of a secret that is not of this form, its
/// very bytes.
#[must_use]
pub fn standard_signature<'s>(secrets: impl Iterator<Item = &'s str>, id: &str, seconds: i64, body: &[u8]) -> String {
    let one = |secret: &str| {
        let encoded =
            secret.strip_prefix(SECRET_PREFIX).and_then(|rest| STANDARD.decode(rest).ok()).filter(|key| !key.is_empty());
        let key = Zeroizing::new(encoded.unwrap_or_else(|| secret.as_bytes().to_vec()));
        let seconds = seconds.to_string();
        format!("v1,{}", STANDARD.encode(hmac(&key, &[id.as_bytes(), b".", seconds.as_bytes(), b".", body])))
    };
    secrets.map(one).collect::<Vec<_>>().join(" ")
}

impl OutboundRequest {
    /// Sets a body that is JSON already, and the three headers that prove who sends it: `id` is the same whenever it is sent.
    ///
    /// # Errors
    /// [`OutboundError::Request`] when there is no secret, or `id` cannot stand in a header.
    pub fn signed_json<'s>(
        self,
        secrets: impl Iterator<Item = &'s str>,
        id: &str,
        seconds: i64,
        body: impl Into<Bytes>,
    ) -> Result<Self, OutboundError> {
        let body = body.into();
        let signature = standard_signature(secrets, id, seconds, &body);
        if signature.is_empty() {
            // Nothing goes out that its receiver cannot tell from a forgery.
            return Err(OutboundError::Request("there is no signing secret".to_owned()));
        }
        self.text_header("webhook-id", id)?
            .text_header("webhook-timestamp", &seconds.to_string())?
            .text_header("webhook-signature", &signature)
            .map(|request| request.json(body))
    }
}

impl OutboundClient {
    /// Sends a request whose answer nobody reads: what counts is the status. Whatever else the server says, and however much, it has
    /// taken or refused it by then.
    ///
    /// # Errors
    /// As [`OutboundClient::send`].
    pub async fn tell(&self, mut request: OutboundRequest) -> Result<StatusCode, OutboundError> {
        request.limits.response_bytes_max = u64::MAX;
        let response = self.send(request).await?;
        let (status, mut body, mut left) = (response.status, response.body, ANSWER_BYTES_MAX);
        while let Some(Ok(piece)) = body.next().await {
            let Some(rest) = left.checked_sub(piece.len()) else { break };
            left = rest;
        }
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's own example, and what its library for Python says.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let (id, seconds, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let sign = |secrets: &[&str]| standard_signature(secrets.iter().copied(), id, seconds, body);
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = sign(&[secret]);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(sign(&[secret, secret]), format!("{signed} {signed}"));
        // Not base64: the whole secret is the key.
        let plain = "whsec_my_webhook_secret";
        let message = format!("{id}.{seconds}.{}", String::from_utf8_lossy(body));
        assert_eq!(sign(&[plain]), format!("v1,{}", STANDARD.encode(hmac(plain.as_bytes(), &[message.as_bytes()]))));
        assert_ne!(sign(&["whsec_"]), sign(&[""]));
    }

    /// As `hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()` says.
    #[test]
    fn the_plain_signature_is_over_the_bytes_of_the_secret() {
        let signed = hex_signature("key", b"The quick brown fox jumps over the lazy dog");
        assert_eq!(signed, "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    }

    #[test]
    fn a_new_secret_is_one_of_the_standard() {
        let secret = new_secret().unwrap();
        assert_eq!(STANDARD.decode(secret.strip_prefix(SECRET_PREFIX).unwrap()).unwrap().len(), 32);
        assert_ne!(new_secret().unwrap(), secret);
    }

    #[test]
    fn nothing_goes_out_unsigned() {
        let signed = OutboundRequest::new(http::Method::POST, "https://a.example/").signed_json([].into_iter(), "id", 0, "{}");
        assert!(matches!(signed, Err(OutboundError::Request(_))));
    }
}
