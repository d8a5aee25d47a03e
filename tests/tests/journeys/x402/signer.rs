//! A buyer's wallet: signs EIP-3009 authorizations, written down here a second time, as EIP-712 has them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k256::ecdsa::SigningKey;
use rialto_kernel::Clock;
use serde_json::{Value, json};
use sha3::{Digest, Keccak256};

use crate::harness::text;

/// Whom buyers pay here.
pub const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
/// USDC on Base Sepolia.
pub const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const CHAIN_ID: u64 = 84_532;

fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

fn number(n: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&n.to_be_bytes());
    word
}

fn address(text: &str) -> [u8; 32] {
    let mut word = [0; 32];
    hex::decode_to_slice(&text[2..], &mut word[12..]).unwrap();
    word
}

/// Seconds since 1970.
pub fn now() -> u64 {
    u64::try_from(Clock::system().now().seconds()).unwrap()
}

/// A key, and the account that it is for.
#[derive(Clone)]
pub struct Wallet {
    key: SigningKey,
    pub address: String,
}

impl Wallet {
    /// One of its own for each number.
    pub fn new(n: u8) -> Self {
        let key = SigningKey::from_slice(&[n; 32]).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        let address = format!("0x{}", hex::encode(&keccak(&[&point.as_bytes()[1..]])[12..]));
        Self { key, address }
    }

    /// Signs an authorization.
    pub fn sign(&self, wish: &Wish) -> Value {
        let domain = keccak(&[
            &keccak(&[b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"]),
            &keccak(&[wish.name.as_bytes()]),
            &keccak(&[b"2"]),
            &number(wish.chain_id),
            &address(wish.asset),
        ]);
        let message = keccak(&[
            &keccak(&[b"TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"]),
            &address(&self.address),
            &address(wish.to),
            &number(wish.value),
            &number(wish.after),
            &number(wish.before),
            &wish.nonce,
        ]);
        let (signature, id) = self.key.sign_prehash_recoverable(&keccak(&[b"\x19\x01", &domain, &message]));
        json!({
            "signature": format!("0x{}{:02x}", hex::encode(signature.to_bytes()), 27 + id.to_byte()),
            "authorization": {
                "from": self.address, "to": wish.to, "value": wish.value.to_string(), "validAfter": wish.after.to_string(),
                "validBefore": wish.before.to_string(), "nonce": format!("0x{}", hex::encode(wish.nonce)),
            },
        })
    }

    /// A payment of 0.05 USDC in version 2, as a header.
    pub fn pays(&self, nonce: u8) -> String {
        header(&new(&self.sign(&Wish::new(nonce))))
    }
}

/// What is signed.
#[derive(Clone)]
pub struct Wish {
    pub name: &'static str,
    pub asset: &'static str,
    pub chain_id: u64,
    pub to: &'static str,
    pub value: u64,
    pub after: u64,
    pub before: u64,
    pub nonce: [u8; 32],
}

impl Wish {
    /// What is asked for here.
    pub fn new(nonce: u8) -> Self {
        let (after, before) = (now() - 600, now() + 480);
        Self { name: "USDC", asset: USDC, chain_id: CHAIN_ID, to: PAY_TO, value: 50_000, after, before, nonce: [nonce; 32] }
    }
}

/// What is asked for here, in version 2.
pub fn accepted() -> Value {
    json!({
        "scheme": "exact", "network": "eip155:84532", "asset": USDC, "amount": "50000", "payTo": PAY_TO,
        "maxTimeoutSeconds": 480, "extra": {"name": "USDC", "version": "2"},
    })
}

/// A payment in version 2.
pub fn new(payload: &Value) -> Value {
    json!({"x402Version": 2, "accepted": accepted(), "payload": payload})
}

/// A payment in version 1.
pub fn old(payload: &Value) -> Value {
    json!({"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": payload})
}

/// JSON as a header carries it.
pub fn header(value: &Value) -> String {
    STANDARD.encode(value.to_string())
}

/// What a header carries.
#[track_caller]
pub fn read(header: Option<&str>) -> Value {
    serde_json::from_slice(&STANDARD.decode(header.expect("the header")).unwrap()).unwrap()
}

/// The transaction of a receipt.
#[track_caller]
pub fn transaction(receipt: &Value) -> String {
    assert_eq!(receipt["success"], true, "{receipt}");
    text(&receipt["transaction"])
}
