//! Who looks at the chain for us, and moves the money there: a facilitator, asked over HTTP.
//!
//! What it says is believed only as far as it goes. That money has come is believed when it names a transaction on the right chain.
//! That it has not, and never will, is believed when nothing can have been sent yet: a payment that was found to be bad at the first
//! time of asking. Everything else (silence, a failure of its own, nonsense, a nonce that was used when it was asked again) says
//! nothing about the money.

use std::time::Duration;

use rialto_outbound::{CallLimits, Method, OutboundClient, OutboundError, OutboundRequest, WholeResponse};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Network,
    evm::{self, Address},
};

/// How long it may take to look at a payment.
const VERIFY_TIME: Duration = Duration::from_secs(15);
/// How long it may take to settle one: it waits for the chain.
pub(crate) const SETTLE_TIME: Duration = Duration::from_secs(60);
/// The most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// The longest reason and the longest name of a transaction that are taken, in bytes.
const WORD_BYTES_MAX: usize = 128;

/// Where it is, and how it knows us.
#[derive(Clone)]
pub struct FacilitatorConfig {
    /// Its address, up to and without `/verify`.
    pub url: String,
    /// What is sent as a bearer token, if it wants one.
    pub token: Option<String>,
}

impl std::fmt::Debug for FacilitatorConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FacilitatorConfig").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What it thinks of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It can be settled, at the moment.
    Good,
    /// It cannot: and why, in the words of the protocol.
    Bad(String),
    /// It was used before, perhaps a moment ago.
    Used,
    /// It did not say.
    Unknown,
}

/// What it made of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// The money has come, in this transaction.
    Settled(String),
    /// It was found to be bad before anything was sent: and why, in the words of the protocol.
    Refused(String),
    /// It was used before: by us, or by anybody. In this transaction, if it says that.
    Used(Option<String>),
    /// Nobody knows.
    Unknown {
        /// What it said, for logs and records.
        why: String,
        /// Whether it may have done something.
        may_be_done: bool,
        /// The transaction in which it may be on its way.
        transaction: Option<String>,
    },
}

/// What a payment is asked about.
pub(crate) struct Question<'q> {
    /// As it goes out.
    pub(crate) request: &'q Value,
    pub(crate) network: Network,
    pub(crate) payer: &'q Address,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    is_valid: bool,
    invalid_reason: Option<String>,
    payer: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settled {
    success: bool,
    error_reason: Option<String>,
    transaction: Option<String>,
    network: Option<String>,
    payer: Option<String>,
}

#[derive(Deserialize)]
struct Supported {
    kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    scheme: String,
    network: String,
}

/// A facilitator.
#[derive(Clone)]
pub(crate) struct Facilitator {
    client: OutboundClient,
    config: FacilitatorConfig,
}

impl Facilitator {
    pub(crate) const fn new(client: OutboundClient, config: FacilitatorConfig) -> Self {
        Self { client, config }
    }

    /// Asks whether a payment could be settled.
    pub(crate) async fn verify(&self, question: &Question<'_>) -> Verdict {
        let response = match self.post("verify", question.request, VERIFY_TIME).await {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(%error, detail = error.detail(), "the facilitator did not look at a payment");
                return Verdict::Unknown;
            }
        };
        let said = read::<Verified>(&response).filter(|said| is_theirs(said.payer.as_deref(), question));
        match said {
            Some(Verified { is_valid: true, .. }) if response.status.is_success() => Verdict::Good,
            Some(Verified { is_valid: false, invalid_reason, .. }) if !response.status.is_server_error() => {
                match invalid_reason.as_deref().and_then(word) {
                    Some(reason) if USED.contains(&reason.as_str()) => Verdict::Used,
                    reason => Verdict::Bad(reason.unwrap_or_else(|| "unexpected_verify_error".to_owned())),
                }
            }
            _ => {
                tracing::warn!(status = %response.status, "the facilitator did not say what it thinks of a payment");
                Verdict::Unknown
            }
        }
    }

    /// Asks it to settle a payment. That may be asked again.
    pub(crate) async fn settle(&self, question: &Question<'_>) -> Settlement {
        match self.post("settle", question.request, SETTLE_TIME).await {
            Ok(response) => judge(&response, question),
            Err(error) => {
                tracing::warn!(%error, detail = error.detail(), "the facilitator did not settle a payment");
                let may_be_done = !error.is_before_sending();
                Settlement::Unknown { why: error.to_string(), may_be_done, transaction: None }
            }
        }
    }

    /// Whether it says that it settles payments of this kind.
    pub(crate) async fn supports(&self, network: Network) -> Result<bool, String> {
        let request = self.request(Method::GET, "supported", VERIFY_TIME).map_err(|error| error.to_string())?;
        let response = self.client.fetch(request).await.map_err(|error| format!("{error}: {}", error.detail()))?;
        let supported = read::<Supported>(&response).ok_or_else(|| format!("{}, and no list", response.status))?;
        let is_ours = |kind: &Kind| kind.scheme == "exact" && Network::parse(&kind.network) == Some(network);
        Ok(supported.kinds.iter().any(is_ours))
    }

    async fn post(&self, what: &str, body: &Value, time: Duration) -> Result<WholeResponse, OutboundError> {
        self.client.fetch(self.request(Method::POST, what, time)?.json(body.to_string())).await
    }

    fn request(&self, method: Method, what: &str, time: Duration) -> Result<OutboundRequest, OutboundError> {
        let limits = CallLimits { first_byte: time, idle: time, total: time, response_bytes_max: ANSWER_BYTES_MAX };
        let request = OutboundRequest::new(method, format!("{}/{what}", self.config.url.trim_end_matches('/'))).limits(limits);
        match &self.config.token {
            Some(token) => request.text_header("Authorization", &format!("Bearer {token}")),
            None => Ok(request),
        }
    }
}

fn read<T: DeserializeOwned>(response: &WholeResponse) -> Option<T> {
    serde_json::from_slice(&response.body).ok()
}

/// A word of somebody else's that may be kept and shown.
fn word(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    let is_word = (1..=WORD_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain);
    is_word.then(|| text.to_owned())
}

/// Whether this is said of whoever pays, if it is said of somebody.
fn is_theirs(payer: Option<&str>, question: &Question<'_>) -> bool {
    payer.filter(|payer| !payer.is_empty()).is_none_or(|payer| Address::parse(payer).as_ref() == Some(question.payer))
}

fn judge(response: &WholeResponse, question: &Question<'_>) -> Settlement {
    let unknown = |why: String, transaction| Settlement::Unknown { why, may_be_done: true, transaction };
    let status = response.status;
    let Some(said) = read::<Settled>(response) else {
        // Whoever is not let in, or is asked to come later, has had nothing done.
        let may_be_done = !matches!(status.as_u16(), 401 | 403 | 404 | 429);
        return Settlement::Unknown { why: format!("{status}, and no settlement"), may_be_done, transaction: None };
    };
    let is_named = said.transaction.as_deref().is_some_and(|name| !name.is_empty());
    // Some write the digits of hashes like this, some like that: here they are all small, and can be compared.
    let transaction = said.transaction.filter(|name| evm::word(name).is_some()).map(|name| name.to_ascii_lowercase());
    let named = transaction.as_ref().map(|name| format!(" (it names {name})")).unwrap_or_default();
    let network = said.network.as_deref().filter(|network| !network.is_empty()).map(Network::parse);
    if said.success {
        let is_theirs = is_theirs(said.payer.as_deref(), question);
        return match transaction {
            Some(transaction) if status.is_success() && network == Some(Some(question.network)) && is_theirs => {
                Settlement::Settled(transaction)
            }
            // It is not remembered either: it has nothing to do with this payment.
            _ => unknown(format!("a settlement of something else{named}"), None),
        };
    }
    if network.is_some_and(|network| network != Some(question.network)) {
        return unknown(format!("a refusal of something else{named}"), None);
    }
    let reason = said.error_reason.as_deref().and_then(word);
    match reason {
        Some(reason) if USED.contains(&reason.as_str()) => Settlement::Used(transaction),
        // Whatever names a transaction may be on its way in it.
        Some(reason) if !is_named && !status.is_server_error() && FINAL.contains(&reason.as_str()) => Settlement::Refused(reason),
        // One that has failed is none that the money may come in: its name would be taken for that of one that came.
        reason => {
            let transaction = transaction.filter(|_| reason.as_deref().is_some_and(|reason| PENDING.contains(&reason)));
            unknown(format!("{}{named}", reason.unwrap_or_else(|| format!("{status}, and no reason"))), transaction)
        }
    }
}

/// What is said of a payment whose authorization was used, or taken back.
const USED: [&str; 3] = ["invalid_exact_evm_nonce_already_used", "nonce_already_used", "authorization_already_used"];

/// What is said of a payment whose transaction was sent, and of which it is not known yet whether it counts.
const PENDING: [&str; 2] = ["settlement_pending", "settle_exact_evm_transaction_confirmation_timed_out"];

/// What is said only of payments for which nothing was sent to the chain. That a nonce was used is not: it is just what is said of
/// one that was settled a moment ago.
const FINAL: [&str; 20] = [
    "insufficient_funds",
    "invalid_exact_evm_insufficient_balance",
    "invalid_exact_evm_payload_authorization_valid_after",
    "invalid_exact_evm_payload_authorization_valid_before",
    "invalid_exact_evm_payload_authorization_value",
    "invalid_exact_evm_payload_authorization_value_mismatch",
    "invalid_exact_evm_payload_recipient_mismatch",
    "invalid_exact_evm_payload_signature",
    "invalid_exact_evm_missing_eip712_domain",
    "invalid_exact_evm_network_mismatch",
    "invalid_exact_evm_scheme",
    "invalid_network",
    "invalid_payload",
    "invalid_payment_requirements",
    "invalid_scheme",
    "invalid_x402_version",
    "unsupported_scheme",
    "network_mismatch",
    "missing_eip712_domain",
    "asset_not_deployed_contract",
];

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rialto_outbound::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;

    fn judged(status: u16, body: &str) -> Settlement {
        let payer = Address::parse(&format!("0x{}", "11".repeat(20))).unwrap();
        let network = Network::parse("base-sepolia").unwrap();
        let question = Question { request: &Value::Null, network, payer: &payer };
        let (status, body) = (StatusCode::from_u16(status).unwrap(), Bytes::from(body.to_owned()));
        judge(&WholeResponse { status, headers: HeaderMap::new(), body }, &question)
    }

    fn is_unknown(status: u16, body: &str) -> bool {
        matches!(judged(status, body), Settlement::Unknown { may_be_done: true, .. })
    }

    /// The name of a transaction.
    fn named() -> String {
        format!("0x{}", "ab".repeat(32))
    }

    #[test]
    fn money_has_come_when_a_transaction_here_is_named() {
        let paid = |more: &Value| {
            let mut said = json!({"success": true, "transaction": named(), "network": "eip155:84532"});
            said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            judged(200, &said.to_string())
        };
        let good = Settlement::Settled(named());
        assert_eq!(paid(&json!({})), good);
        assert_eq!(paid(&json!({"network": "base-sepolia", "payer": format!("0x{}", "11".repeat(20))})), good);
        for other in [
            json!({"network": "base"}),
            json!({"network": null}),
            json!({"network": "solana:x"}),
            json!({"payer": format!("0x{}", "22".repeat(20))}),
            json!({"transaction": ""}),
            json!({"transaction": null}),
            json!({"transaction": "0xabc"}),
            json!({"transaction": "0x\r\nset-cookie: a"}),
        ] {
            // Nor is it remembered.
            assert!(matches!(paid(&other), Settlement::Unknown { may_be_done: true, transaction: None, .. }), "{other}");
        }
        assert!(is_unknown(500, &json!({"success": true, "transaction": named(), "network": "base-sepolia"}).to_string()));
    }

    #[test]
    fn money_will_not_come_when_the_payment_is_bad() {
        let refused = |reason: &str| judged(400, &json!({"success": false, "errorReason": reason}).to_string());
        for reason in FINAL {
            assert_eq!(refused(reason), Settlement::Refused(reason.to_owned()));
        }
        for reason in [
            "settlement_pending",
            "transaction_failed",
            "unexpected_settle_error",
            "",
            "invalid_transaction_state",
            "refused_by_nonce_policy",
            "invalid_exact_evm_something_new",
        ] {
            assert!(matches!(refused(reason), Settlement::Unknown { may_be_done: true, .. }), "{reason}");
        }
        assert!(is_unknown(502, r#"{"success": false, "errorReason": "insufficient_funds"}"#));
        // It was sent, or is about another payment.
        let funds =
            |more: &str| is_unknown(200, &format!(r#"{{"success": false, "errorReason": "insufficient_funds", {more}}}"#));
        assert!(funds(r#""transaction": "0xabc""#) && funds(r#""network": "base""#));
        assert!(!funds(r#""transaction": "", "network": "eip155:84532""#));
    }

    #[test]
    fn nonsense_says_nothing() {
        for body in ["", "OK", "[]", "{}", r#"{"success": "yes"}"#, r#"{"success": false}"#, "<html>"] {
            assert!(is_unknown(200, body), "{body}");
        }
        assert!(matches!(judged(401, "no"), Settlement::Unknown { may_be_done: false, .. }));
    }

    #[test]
    fn a_transaction_is_remembered_while_it_is_pending_alone() {
        let said =
            |reason: &str| judged(200, &json!({"success": false, "errorReason": reason, "transaction": named()}).to_string());
        for reason in PENDING {
            assert!(matches!(said(reason), Settlement::Unknown { transaction: Some(there), .. } if there == named()), "{reason}");
        }
        for reason in ["transaction_failed", "invalid_exact_evm_transaction_failed", "insufficient_funds", "pending", ""] {
            assert!(
                matches!(said(reason), Settlement::Unknown { may_be_done: true, transaction: None, why } if why.contains(&named())),
                "{reason}: whoever has to decide about it wants to know it"
            );
        }
    }

    #[test]
    fn hashes_are_compared_whatever_their_case() {
        let shouted = format!("0x{}", "AB".repeat(32));
        let said = json!({"success": true, "transaction": shouted, "network": "eip155:84532"});
        assert_eq!(judged(200, &said.to_string()), Settlement::Settled(named()));
        let said = json!({"success": false, "errorReason": USED[0], "transaction": shouted});
        assert_eq!(judged(400, &said.to_string()), Settlement::Used(Some(named())));
    }

    #[test]
    fn that_a_nonce_was_used_is_said_in_these_words() {
        for reason in USED {
            let used = |transaction: &str| {
                judged(400, &json!({"success": false, "errorReason": reason, "transaction": transaction}).to_string())
            };
            assert_eq!((used(""), used(&named())), (Settlement::Used(None), Settlement::Used(Some(named()))));
        }
    }
}
