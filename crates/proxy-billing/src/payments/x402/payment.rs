//! What a buyer sends: the payment in a header, of either version.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use rialto_kernel::words;
use serde::Deserialize;
use serde_json::Value;

use super::evm::{self, Address, Authorization, Number};

/// The largest header, in bytes.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Clients disagree about the signs of equality at the end.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// The version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `X-PAYMENT`.
    One,
    /// `PAYMENT-SIGNATURE`.
    Two,
}

impl Version {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

words! {
    /// What is wrong with a payment, in the words of the protocol.
    Flaw {
        /// It is of no version that is known here.
        Version = "invalid_x402_version",
        /// Something is missing, or is not what it has to be.
        Payload = "invalid_payload",
        /// It is of another scheme than `exact`.
        Scheme = "unsupported_scheme",
        /// It is for another chain.
        Network = "invalid_network",
        /// It accepts something else than is asked for.
        Requirements = "invalid_payment_requirements",
        /// It pays somebody else.
        Recipient = "invalid_exact_evm_payload_recipient_mismatch",
        /// It is another amount than the price.
        Value = "invalid_exact_evm_payload_authorization_value",
        /// It is not valid yet.
        ValidAfter = "invalid_exact_evm_payload_authorization_valid_after",
        /// It ends before the call may.
        ValidBefore = "invalid_exact_evm_payload_authorization_valid_before",
        /// The signature is none, or somebody else's.
        Signature = "invalid_exact_evm_payload_signature",
    }
}

/// Why a header cannot be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is too large.
    #[error("The payment is larger than {HEADER_BYTES_MAX} bytes.")]
    TooLarge,
    /// It is not base64.
    #[error("The payment is not base64.")]
    Base64,
    /// There are two headers of the name.
    #[error("There is more than one payment.")]
    Twice,
    /// What is encoded is no JSON object.
    #[error("The payment is no JSON object.")]
    Json,
}

/// A payment as it was sent. What it says may be nonsense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Of which version it is, and the answer to it.
    pub version: Version,
    /// What it says.
    pub signed: Result<Signed, Flaw>,
}

/// What a payment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// How it pays.
    pub scheme: String,
    /// On which chain.
    pub network: String,
    /// What it was asked for; in version 2 only.
    pub accepted: Option<Accepted>,
    /// Whose tokens may be moved to whom.
    pub authorization: Authorization,
    /// Its signature.
    pub signature: [u8; 65],
}

/// What the buyer was asked for, as it understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The token.
    pub asset: Address,
    /// How many of it.
    pub amount: Number,
    /// Who is paid.
    pub pay_to: Address,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    scheme: Option<String>,
    network: Option<String>,
    accepted: Option<WireAccepted>,
    payload: WirePayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAccepted {
    scheme: String,
    network: String,
    asset: String,
    amount: Digits,
    pay_to: String,
}

#[derive(Deserialize)]
struct WirePayload {
    signature: String,
    authorization: WireAuthorization,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAuthorization {
    from: String,
    to: String,
    value: Digits,
    valid_after: Digits,
    valid_before: Digits,
    nonce: String,
}

/// A number, which is text as a rule.
#[derive(Deserialize)]
#[serde(untagged)]
enum Digits {
    Text(String),
    Number(u64),
}

impl Digits {
    fn read(&self) -> Option<Number> {
        match self {
            Self::Text(text) => Number::parse(text),
            Self::Number(number) => Some((*number).into()),
        }
    }
}

impl Payment {
    /// Reads a header, which is of `version` if the payment says nothing else.
    ///
    /// # Errors
    /// [`Unreadable`]. What can be read and makes no sense is in [`Payment::signed`].
    pub fn read(header: &[u8], version: Version) -> Result<Self, Unreadable> {
        if header.len() > HEADER_BYTES_MAX {
            return Err(Unreadable::TooLarge);
        }
        let text = BASE64.decode(header.trim_ascii()).map_err(|_| Unreadable::Base64)?;
        let value: Value = serde_json::from_slice(&text).map_err(|_| Unreadable::Json)?;
        let said = value.as_object().ok_or(Unreadable::Json)?.get("x402Version").map(Value::as_u64);
        let (version, known) = match said {
            None => (version, true),
            Some(Some(1)) => (Version::One, true),
            Some(Some(2)) => (Version::Two, true),
            Some(_) => (version, false),
        };
        let signed = if known { read(value, version) } else { Err(Flaw::Version) };
        Ok(Self { version, signed })
    }

    /// What tells it from all others of its buyer, if it says that.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        let signed = self.signed.as_ref().ok()?;
        Some(format!("{} 0x{}", signed.authorization.from.plain(), hex::encode(signed.authorization.nonce)))
    }
}

fn read(value: Value, version: Version) -> Result<Signed, Flaw> {
    let wire: Wire = serde_json::from_value(value).map_err(|_| Flaw::Payload)?;
    let (scheme, network, accepted) = match (version, wire.accepted, wire.scheme, wire.network) {
        (Version::One, _, Some(scheme), Some(network)) => (scheme, network, None),
        (Version::Two, Some(wire), _, _) => {
            let accepted = Accepted {
                asset: Address::parse(&wire.asset).ok_or(Flaw::Requirements)?,
                amount: wire.amount.read().ok_or(Flaw::Requirements)?,
                pay_to: Address::parse(&wire.pay_to).ok_or(Flaw::Requirements)?,
            };
            (wire.scheme, wire.network, Some(accepted))
        }
        _ => return Err(Flaw::Payload),
    };
    let WirePayload { signature, authorization } = wire.payload;
    let number = |digits: &Digits| digits.read().ok_or(Flaw::Payload);
    let address = |text: &str| Address::parse(text).ok_or(Flaw::Payload);
    let authorization = Authorization {
        from: address(&authorization.from)?,
        to: address(&authorization.to)?,
        value: number(&authorization.value)?,
        valid_after: number(&authorization.valid_after)?,
        valid_before: number(&authorization.valid_before)?,
        nonce: evm::word(&authorization.nonce).ok_or(Flaw::Payload)?,
    };
    let signature = evm::signature(&signature).ok_or(Flaw::Signature)?;
    Ok(Signed { scheme, network, accepted, authorization, signature })
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose;
    use serde_json::json;

    use super::*;

    fn authorization() -> Value {
        json!({
            "from": format!("0x{}", "aB".repeat(20)), "to": format!("0x{}", "22".repeat(20)), "value": "50000",
            "validAfter": "0", "validBefore": 1_764_003_600_u64, "nonce": format!("0x{}", "33".repeat(32)),
        })
    }

    fn signed() -> Value {
        json!({"signature": format!("0x{}", "11".repeat(65)), "authorization": authorization()})
    }

    fn read_json(value: &Value, version: Version) -> Payment {
        Payment::read(general_purpose::STANDARD.encode(value.to_string()).as_bytes(), version).unwrap()
    }

    #[test]
    fn both_versions_are_read() {
        let one = json!({"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": signed()});
        let two = json!({"x402Version": 2, "payload": signed(), "accepted": {
            "scheme": "exact", "network": "eip155:84532", "asset": format!("0x{}", "44".repeat(20)), "amount": "50000",
            "payTo": format!("0x{}", "22".repeat(20)), "maxTimeoutSeconds": 60, "extra": {},
        }});
        // What a payment says of its version goes before the header that it is in.
        let read = read_json(&one, Version::Two);
        assert_eq!(read.version, Version::One);
        assert_eq!(read.identity().unwrap(), format!("0x{} 0x{}", "ab".repeat(20), "33".repeat(32)));
        let read = read.signed.unwrap();
        assert_eq!((read.scheme.as_str(), read.network.as_str(), read.accepted), ("exact", "base-sepolia", None));
        assert_eq!(read.authorization.valid_before, Number::from(1_764_003_600));
        let read = read_json(&two, Version::One);
        assert_eq!(read.version, Version::Two);
        assert_eq!(read.signed.unwrap().accepted.unwrap().amount, Number::from(50_000));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let with = |path: &str, value: Value| {
            let mut one = json!({"x402Version": 1, "scheme": "exact", "network": "base", "payload": signed()});
            *one.pointer_mut(path).unwrap() = value;
            read_json(&one, Version::One).signed.unwrap_err()
        };
        assert_eq!(with("/x402Version", json!(3)), Flaw::Version);
        assert_eq!(with("/x402Version", json!("1")), Flaw::Version);
        assert_eq!(with("/scheme", json!(null)), Flaw::Payload);
        assert_eq!(with("/payload", json!([])), Flaw::Payload);
        assert_eq!(with("/payload/signature", json!("0x11")), Flaw::Signature);
        for (field, value) in
            [("value", json!("-1")), ("nonce", json!("0x33")), ("from", json!("me")), ("validAfter", json!(1.5))]
        {
            assert_eq!(with(&format!("/payload/authorization/{field}"), value), Flaw::Payload, "{field}");
        }
        // As the buyer of the first reference's SDK sends it.
        let theirs = json!({"scheme": "exact", "network": "base-sepolia", "payload": {
            "signature": "0xabc", "from": "0x1", "payTo": "0x2", "price": "0.05",
        }});
        assert_eq!(read_json(&theirs, Version::Two).signed, Err(Flaw::Payload));
        assert_eq!(read_json(&theirs, Version::Two).identity(), None);
    }

    #[test]
    fn what_is_no_payment_is_refused() {
        let read = |header: &[u8]| Payment::read(header, Version::Two).unwrap_err();
        assert_eq!(read(b"{}"), Unreadable::Base64);
        assert_eq!(read(&[0xff; 10]), Unreadable::Base64);
        assert_eq!([read(b""), read(b"W10="), read(b"bnVsbA"), read(b"ew")], [Unreadable::Json; 4]);
        let deep = general_purpose::STANDARD.encode("[".repeat(5_000));
        assert_eq!(read(deep.as_bytes()), Unreadable::Json);
        assert_eq!(read("A".repeat(HEADER_BYTES_MAX + 1).as_bytes()), Unreadable::TooLarge);
    }
}
