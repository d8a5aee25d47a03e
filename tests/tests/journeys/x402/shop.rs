//! A server that takes payments, a facilitator, a service and a buyer without any balance.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::{
    super::proxy::{
        shop::{Buyer, Shop, buyer, shop},
        upstream::{Part, Upstream, plain},
    },
    signer::{PAY_TO, Wallet},
};
use crate::harness::{Api, Server, World};

/// The transaction that the facilitator names.
pub const TRANSACTION: &str = "0x89c91c789e57059b17285e7ba1716a1f5ff4c5dace0ea5a5135f26158d0421b9";

/// A facilitator, that finds each payment good and settles it as it is told to, the first time, the second, …
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
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let there = Upstream::start(move |head, _| match head.split(' ').nth(1).unwrap_or_default() {
            "/base/verify" => verify.clone(),
            "/base/settle" => settle(count.fetch_add(1, Ordering::SeqCst)),
            "/base/supported" => says(&json!({"kinds": [{"x402Version": 2, "scheme": "exact", "network": "eip155:84532"}]})),
            _ => plain(404, "", b""),
        })
        .await;
        Self { there, asked }
    }

    /// How often it was asked to settle.
    pub fn settles(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An answer of a facilitator.
pub fn says(value: &Value) -> Vec<Part> {
    plain(200, "content-type: application/json\r\n", value.to_string().as_bytes())
}

/// That the money has come.
pub fn settled() -> Vec<Part> {
    says(&json!({"success": true, "transaction": TRANSACTION, "network": "eip155:84532"}))
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
