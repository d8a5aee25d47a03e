//! A server that takes payments, a facilitator, a service and a buyer without any balance.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use super::{
    super::proxy::{
        shop::{Buyer, Shop, buyer, shop},
        upstream::{Part, Upstream, plain},
    },
    signer::{PAY_TO, Wallet},
};
use crate::harness::{Api, Server, World, text};

/// The transaction that the facilitator names.
pub const TRANSACTION: &str = "0x89c91c789e57059b17285e7ba1716a1f5ff4c5dace0ea5a5135f26158d0421b9";

/// Base Sepolia, and Base.
const SETTLED_TEST: &str = "eip155:84532";
pub const SETTLED_MAIN: &str = "eip155:8453";

/// What a facilitator says of an authorization that was used.
pub const USED: &str = "invalid_exact_evm_nonce_already_used";

/// A facilitator, that finds each payment good and settles it as it is told to, the first time, the second, … Like a real one it knows
/// what it has settled: that is used, whoever asks.
pub struct Facilitator {
    pub there: Upstream,
    asked: Arc<AtomicUsize>,
}

impl Facilitator {
    pub async fn start(settle: impl Fn(usize) -> Vec<Part> + Send + Sync + 'static) -> Self {
        Self::doubting(says(&json!({"isValid": true})), settle).await
    }

    /// One that answers this when it is asked whether a payment is good.
    pub async fn doubting(verify: Vec<Part>, settle: impl Fn(usize) -> Vec<Part> + Send + Sync + 'static) -> Self {
        let (asked, used) = (Arc::new(AtomicUsize::new(0)), Mutex::new(HashSet::new()));
        let count = Arc::clone(&asked);
        let there = Upstream::start(move |head, body| {
            let is_used = |nonce: &str| used.lock().unwrap().contains(nonce);
            match head.split(' ').nth(1).unwrap_or_default() {
                "/base/verify" if is_used(&nonce(body)) => says(&json!({"isValid": false, "invalidReason": USED})),
                "/base/verify" => verify.clone(),
                "/base/settle" => {
                    let (time, nonce) = (count.fetch_add(1, Ordering::SeqCst), nonce(body));
                    if is_used(&nonce) {
                        return refused(USED);
                    }
                    let answer = settle(time);
                    if has_settled(&answer) {
                        used.lock().unwrap().insert(nonce);
                    }
                    answer
                }
                "/base/supported" => says(&json!({"kinds": [{"x402Version": 2, "scheme": "exact", "network": "eip155:84532"}]})),
                _ => plain(404, "", b""),
            }
        })
        .await;
        Self { there, asked }
    }

    /// How often it was asked whether a payment is good.
    pub fn verifies(&self) -> usize {
        self.there.all().iter().filter(|(head, _)| head.contains("/base/verify")).count()
    }

    /// How often it was asked to settle.
    pub fn settles(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Which authorization it is asked about.
fn nonce(body: &[u8]) -> String {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    text(&asked["paymentPayload"]["payload"]["authorization"]["nonce"])
}

/// Whether this says, and means, that the money has come.
fn has_settled(answer: &[Part]) -> bool {
    [SETTLED_TEST, SETTLED_MAIN].iter().any(|network| {
        let Some(Part::Bytes(said)) = answer.last() else { return false };
        let Some(Part::Bytes(truth)) = settled_on(network).pop() else { return false };
        *said == truth
    })
}

/// An answer of a facilitator.
pub fn says(value: &Value) -> Vec<Part> {
    plain(200, "content-type: application/json\r\n", value.to_string().as_bytes())
}

/// That the money has come.
pub fn settled() -> Vec<Part> {
    settled_on(SETTLED_TEST)
}

/// That it has, on this chain.
pub fn settled_on(network: &str) -> Vec<Part> {
    says(&json!({"success": true, "transaction": TRANSACTION, "network": network}))
}

/// That it has not, for this reason.
pub fn refused(reason: &str) -> Vec<Part> {
    says(&json!({"success": false, "errorReason": reason, "transaction": "", "network": "eip155:84532"}))
}

/// The flags of a server that takes payments which `facilitator` settles.
pub fn flags(facilitator: &Facilitator) -> Vec<String> {
    vec![
        format!("--x402-pay-to={PAY_TO}"),
        "--x402-network=base-sepolia".to_owned(),
        format!("--x402-facilitator={}", facilitator.there.url),
        "--x402-facilitator-token=a token of the test suite".to_owned(),
    ]
}

/// Starts the server anew with these flags.
pub async fn restart(world: &mut World, flags: &[String]) {
    world.restart_with(&flags.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

/// Who sells, who buys, and what with.
pub struct Scene {
    pub shop: Shop,
    pub ann: Buyer,
    pub wallet: Wallet,
}

impl Scene {
    /// On a server that runs already.
    pub async fn open(world: &World, provider: &Upstream) -> Self {
        let shop = shop(world, "shop", &provider.url, &json!({"description": "It echoes."})).await;
        Self { shop, ann: buyer(world, "ann", "0").await, wallet: Wallet::new(7) }
    }

    /// The buyer, with this payment.
    pub fn paying(&self, payment: &str) -> Api {
        self.ann.api.with("payment-signature", payment)
    }

    /// The same buyer at another server, or at this one after it was restarted.
    pub fn at(&self, server: &Server) -> Api {
        server.api().with("authorization", &self.ann.bearer)
    }
}
