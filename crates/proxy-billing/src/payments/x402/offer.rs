//! What is asked for a call, what a payment of it has to be, and how both are written.

use std::{borrow::Cow, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rialto_kernel::{Amount, Timestamp};
use serde_json::{Value, json};

use super::{
    AuthorizationId, Network, VALID_MAX,
    evm::{self, Address, Domain, Number, Word},
    payment::{Flaw, Payment, Signed, Version},
};

/// The one scheme that is understood here.
const EXACT: &str = "exact";

/// What is asked for one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirements {
    /// On which chain.
    pub network: Network,
    /// Which token, and how it signs.
    pub domain: Domain,
    /// Who is paid.
    pub pay_to: Address,
    /// How much, in micro-USDC.
    pub amount: Amount,
    /// How long the payment has to be valid, counted from when it comes.
    pub valid_for: Duration,
    /// How long a buyer should make it valid, counted from when it signs.
    pub sign_for: Duration,
    /// What is paid for: its address,
    pub resource: String,
    /// and in words.
    pub description: String,
}

/// A payment that is good, as far as can be told without the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pledge {
    /// In which version it came.
    pub version: Version,
    /// What it pays.
    pub requirements: Requirements,
    /// Who pays.
    pub payer: Address,
    /// What tells it from others of that payer.
    pub nonce: Word,
    /// Until when it can be settled.
    pub valid_before: Timestamp,
    /// What a facilitator is asked.
    pub request: Value,
}

impl Pledge {
    /// What of it can be used once.
    #[must_use]
    pub fn authorization(&self) -> AuthorizationId {
        let Domain { chain_id, contract: asset, .. } = self.requirements.domain;
        AuthorizationId { chain_id, asset, payer: self.payer, nonce: self.nonce }
    }
}

impl Requirements {
    /// As version 2 writes it.
    #[must_use]
    pub fn new_json(&self) -> Value {
        json!({
            "scheme": EXACT,
            "network": self.network.name(),
            "asset": self.domain.contract.to_string(),
            "amount": self.amount.get().to_string(),
            "payTo": self.pay_to.to_string(),
            "maxTimeoutSeconds": self.sign_for.as_secs(),
            "extra": {"name": self.domain.name, "version": self.domain.version},
        })
    }

    /// As version 1 writes it.
    #[must_use]
    pub fn old_json(&self) -> Value {
        json!({
            "scheme": EXACT,
            "network": self.network.old_name(),
            "maxAmountRequired": self.amount.get().to_string(),
            "resource": self.resource,
            "description": self.description,
            "mimeType": "",
            "payTo": self.pay_to.to_string(),
            "maxTimeoutSeconds": self.sign_for.as_secs(),
            "asset": self.domain.contract.to_string(),
            "extra": {"name": self.domain.name, "version": self.domain.version},
        })
    }

    /// Checks a payment.
    ///
    /// # Errors
    /// The first [`Flaw`] that is found.
    pub fn check(&self, payment: &Payment, now: Timestamp) -> Result<Pledge, Flaw> {
        let signed = payment.signed.as_ref().map_err(|flaw| *flaw)?;
        let (authorization, amount) = (&signed.authorization, self.number());
        if signed.scheme != EXACT {
            return Err(Flaw::Scheme);
        }
        if Network::parse(&signed.network) != Some(self.network) {
            return Err(Flaw::Network);
        }
        if signed.accepted.as_ref().is_some_and(|accepted| {
            (accepted.asset, accepted.pay_to, accepted.amount) != (self.domain.contract, self.pay_to, amount)
        }) {
            return Err(Flaw::Requirements);
        }
        if authorization.to != self.pay_to {
            return Err(Flaw::Recipient);
        }
        if authorization.value != amount {
            return Err(Flaw::Value);
        }
        if authorization.valid_after.clamped() > now.seconds() {
            return Err(Flaw::ValidAfter);
        }
        let valid_before = authorization.valid_before.clamped();
        if valid_before < now.after(self.valid_for).seconds() {
            return Err(Flaw::ValidBefore);
        }
        // Longer than it would be asked what became of it.
        if valid_before > now.after(self.sign_for.max(VALID_MAX)).seconds() {
            return Err(Flaw::ValidBefore);
        }
        if evm::signer(&evm::digest(&self.domain, authorization), &signed.signature) != Some(authorization.from) {
            return Err(Flaw::Signature);
        }
        Ok(Pledge {
            version: payment.version,
            requirements: self.clone(),
            payer: authorization.from,
            nonce: authorization.nonce,
            valid_before: Timestamp::from_micros(valid_before.saturating_mul(1_000_000)),
            request: self.request(payment.version, signed),
        })
    }

    fn number(&self) -> Number {
        u64::try_from(self.amount.get()).unwrap_or_default().into()
    }

    /// What a facilitator is asked: what was understood, not what was sent.
    fn request(&self, version: Version, signed: &Signed) -> Value {
        let authorization = &signed.authorization;
        let payload = json!({
            "signature": format!("0x{}", hex::encode(as_contracts_have_it(signed.signature))),
            "authorization": {
                "from": authorization.from.to_string(),
                "to": authorization.to.to_string(),
                "value": authorization.value.to_string(),
                "validAfter": authorization.valid_after.to_string(),
                "validBefore": authorization.valid_before.to_string(),
                "nonce": format!("0x{}", hex::encode(authorization.nonce)),
            },
        });
        let (payment, requirements) = match version {
            Version::One => {
                let payment = json!({"x402Version": 1, "scheme": EXACT, "network": self.network.old_name(), "payload": payload});
                (payment, self.old_json())
            }
            Version::Two => {
                let resource = self.resource_json();
                let payment = json!({"x402Version": 2, "resource": resource, "accepted": self.new_json(), "payload": payload});
                (payment, self.new_json())
            }
        };
        json!({"x402Version": version.number(), "paymentPayload": payment, "paymentRequirements": requirements})
    }

    fn resource_json(&self) -> Value {
        json!({"url": self.resource, "description": self.description})
    }
}

/// With the `v` that tokens insist on, 27 or 28; some signers write 0 or 1.
fn as_contracts_have_it(mut signature: [u8; 65]) -> [u8; 65] {
    let [.., v] = &mut signature;
    if *v < 27 {
        *v += 27;
    }
    signature
}

/// What is said to a buyer who has not paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What is wrong, in the words of the protocol.
    pub error: Cow<'static, str>,
    /// What would be right.
    pub requirements: Requirements,
    /// That a payment was not settled, if there was one.
    pub receipt: Option<Receipt>,
}

impl Offer {
    /// The header of version 2. What buyers of the first reference's SDK look for stands beside.
    #[must_use]
    pub fn header(&self) -> String {
        let asked = &self.requirements;
        let offer = json!({
            "x402Version": 2,
            "error": self.error,
            "resource": asked.resource_json(),
            "accepts": [asked.new_json()],
            "scheme": EXACT,
            "network": asked.network.name(),
            "maxAmountRequired": asked.amount.get().to_string(),
            "payTo": asked.pay_to.to_string(),
        });
        STANDARD.encode(offer.to_string())
    }

    /// The members of the body in version 1.
    #[must_use]
    pub fn members(&self) -> [(&'static str, Value); 3] {
        [("x402Version", json!(1)), ("error", json!(self.error)), ("accepts", json!([self.requirements.old_json()]))]
    }
}

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// In which version it came.
    pub version: Version,
    /// The transaction, or why there is none.
    pub outcome: Result<String, Cow<'static, str>>,
    /// On which chain, as that version calls it.
    pub network: String,
    /// Who paid.
    pub payer: String,
}

impl Receipt {
    /// The headers that carry it.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let transaction = self.outcome.as_ref().map_or("", String::as_str);
        let mut receipt = json!({
            "success": self.outcome.is_ok(),
            "transaction": transaction,
            "network": self.network,
            "payer": self.payer,
        });
        if let (Err(reason), Some(members)) = (&self.outcome, receipt.as_object_mut()) {
            members.insert("errorReason".to_owned(), json!(reason));
        }
        let name = match self.version {
            Version::One => "x-payment-response",
            Version::Two => "payment-response",
        };
        let mut headers = vec![(name, STANDARD.encode(receipt.to_string()))];
        if !transaction.is_empty() {
            headers.push(("x-payment-transaction", transaction.to_owned()));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_go_out_as_contracts_have_them() {
        for (v, there) in [(0, 27), (1, 28), (27, 27), (28, 28)] {
            let mut signature = [7; 65];
            signature[64] = v;
            let written = as_contracts_have_it(signature);
            assert_eq!((written[64], &written[..64]), (there, &signature[..64]));
        }
    }
}
