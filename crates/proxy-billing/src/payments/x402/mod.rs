//! x402: a call is paid with the call itself, by a signature that lets somebody's USDC be moved to us once.
//!
//! Version 2 and version 1 of the protocol, the scheme `exact`, and EIP-3009 authorizations of accounts that are held by a key.
//!
//! - [`Payment`] is what a buyer sends, [`Requirements`] what it is asked for. [`Requirements::check`] compares them, and finds out
//!   who signed; a [`Pledge`] is a payment that is good as far as that goes.
//! - [`Offer`] is what is said to a buyer who has not paid, and [`Receipt`] to one who has.
//! - A facilitator knows what is on the chain, and moves the money there. Without one ([`X402::is_local`]) none is moved.
//! - [`PaymentStore`] remembers each authorization that was used, and what became of it; [`ReviewStore`] shows administrators those of
//!   which nobody can say that.
//!
//! How a call goes that is paid like this is in `crate::proxy::pledged`.

mod evm;
mod facilitator;
mod network;
mod offer;
mod payment;
mod review;
mod store;

use std::{sync::Arc, time::Duration};

pub(crate) use evm::word;
pub use evm::{Address, Domain, Word};
pub use facilitator::FacilitatorConfig;
use facilitator::{Facilitator, Question};
pub(crate) use facilitator::{SETTLE_TIME, Settlement, Verdict};
pub use network::Network;
pub use offer::{Offer, Pledge, Receipt, Requirements};
pub use payment::{Accepted, Flaw, HEADER_BYTES_MAX, Payment, Signed, Unreadable, Version};
pub use review::{Doubtful, PaymentRecord, ReviewStore};
use rialto_outbound::OutboundClient;
use rialto_registry::service::{PaymentMethod, Service};
use serde_json::Value;
pub use store::{AuthorizationId, NewPayment, Outcome, PaymentState, PaymentStore, Settling, UsedAuthorization};

/// How much longer than a call takes a payment has to be valid: settling it takes a while, and clocks differ.
const MARGIN: Duration = Duration::from_secs(90);
/// How long a payment may be valid at most, unless a call may take longer: not longer than it is asked what became of it.
pub(crate) const VALID_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a payment may be on its way to us, with the request that it is in.
const TRAVEL: Duration = Duration::from_secs(90);
/// The longest description of a service, and the longest path, that stand in a header, in characters.
const TEXT_CHARS_MAX: usize = 256;

/// How money is taken.
#[derive(Debug, Clone)]
pub struct X402Config {
    /// Whom buyers pay: the house.
    pub pay_to: Address,
    /// On which chain.
    pub network: Network,
    /// Which token there; USDC, if it is known where that is.
    pub asset: Option<Address>,
    /// The name and the version of its EIP-712 domain, if they are not those of USDC there.
    pub domain: (Option<String>, Option<String>),
    /// Who settles. Without one nothing is settled, which is for test networks alone.
    pub facilitator: Option<FacilitatorConfig>,
    /// Where this server is, as buyers see it.
    pub public_url: String,
    /// How long a call may take in all.
    pub call_max: Duration,
}

/// Takes payments. Cheap to clone.
#[derive(Clone)]
pub struct X402 {
    terms: Arc<Terms>,
    facilitator: Option<Facilitator>,
}

struct Terms {
    pay_to: Address,
    network: Network,
    domain: Domain,
    public_url: String,
    valid_for: Duration,
}

impl X402 {
    /// Takes payments as `config` has it, and calls through `client`.
    ///
    /// # Errors
    /// What makes no sense, for the operator.
    pub fn new(config: X402Config, client: &OutboundClient) -> Result<Self, String> {
        let X402Config { pay_to, network, asset, domain: (name, version), facilitator, public_url, call_max } = config;
        if facilitator.is_none() && !network.is_test() {
            return Err(format!(
                "payments that nobody settles are for test networks, and {} is not known as one",
                network.name()
            ));
        }
        let usdc = network.usdc().filter(|(there, ..)| asset.is_none_or(|asset| asset == *there));
        let contract = asset.or(usdc.map(|(address, ..)| address));
        let contract = contract.ok_or_else(|| format!("it is not known where USDC is on {}: name the asset", network.name()))?;
        // As most deployments of USDC have it.
        let (known_name, known_version) = usdc.map_or(("USDC", "2"), |(_, name, version)| (name, version));
        let domain = Domain {
            name: name.unwrap_or_else(|| known_name.to_owned()),
            version: version.unwrap_or_else(|| known_version.to_owned()),
            chain_id: network.chain_id(),
            contract,
        };
        let public_url = public_url.trim_end_matches('/').to_owned();
        let terms = Terms { pay_to, network, domain, public_url, valid_for: call_max.saturating_add(MARGIN) };
        let facilitator = facilitator.map(|config| Facilitator::new(client.clone(), config));
        Ok(Self { terms: Arc::new(terms), facilitator })
    }

    /// Whether nothing is settled.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.facilitator.is_none()
    }

    /// Whether the facilitator says that it settles such payments.
    ///
    /// # Errors
    /// What kept it from saying so.
    pub async fn is_supported(&self) -> Result<bool, String> {
        match &self.facilitator {
            Some(facilitator) => facilitator.supports(self.terms.network).await,
            None => Ok(true),
        }
    }

    /// Whether money is taken that is worth nothing: that of a test network.
    #[must_use]
    pub fn takes_test_money(&self) -> bool {
        self.terms.network.is_test()
    }

    /// What is asked for a call of this service at this path; `None` when it cannot be paid like this.
    pub(crate) fn requirements(&self, service: &Service, path: &str) -> Option<Requirements> {
        if service.payment_method != PaymentMethod::X402 || service.price.is_zero() {
            return None;
        }
        let cut = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect::<String>();
        let behind = if path.is_empty() { String::new() } else { format!("/{}", cut(path)) };
        let said = if service.description.is_empty() { &service.name } else { &service.description };
        Some(Requirements {
            network: self.terms.network,
            domain: self.terms.domain.clone(),
            pay_to: self.terms.pay_to,
            amount: service.price,
            valid_for: self.terms.valid_for,
            sign_for: self.terms.valid_for.saturating_add(TRAVEL),
            resource: format!("{}/api/v1/proxy/{}{behind}", self.terms.public_url, service.id),
            description: cut(said),
        })
    }

    /// What of a payment can be used once: of the token and on the chain that it names, or else of those that are set. `None` when it
    /// makes no sense.
    pub(crate) fn authorization(&self, payment: &Payment) -> Option<AuthorizationId> {
        let signed = payment.signed.as_ref().ok()?;
        Some(AuthorizationId {
            chain_id: Network::parse(&signed.network)?.chain_id(),
            asset: signed.accepted.as_ref().map_or(self.terms.domain.contract, |accepted| accepted.asset),
            payer: signed.authorization.from,
            nonce: signed.authorization.nonce,
        })
    }

    /// Asks the facilitator what it thinks of a payment. Without one it is as good as it looks.
    pub(crate) async fn verify(&self, pledge: &Pledge) -> Verdict {
        match &self.facilitator {
            Some(facilitator) => facilitator.verify(&self.question(&pledge.request, &pledge.payer)).await,
            None => Verdict::Good,
        }
    }

    /// Has a payment settled. `local` names one that was taken while nobody settled payments: only such a one counts as settled by
    /// nobody, and only on the very network that is set, which is a test network then. What was signed on a test network is not settled
    /// any more once money is taken that is worth something: it would be owed in such money.
    pub(crate) async fn settle(&self, request: &Value, payer: &Address, local: Option<String>) -> Settlement {
        if is_worthless(request, self.takes_test_money()) {
            let why = "it is money of a test network, which is not taken any more".to_owned();
            return Settlement::Unknown { why, may_be_done: false, transaction: None };
        }
        let question = self.question(request, payer);
        match (&self.facilitator, local) {
            (Some(facilitator), _) => facilitator.settle(&question).await,
            (None, Some(local)) if question.network == self.terms.network => Settlement::Settled(format!("local:{local}")),
            (None, _) => {
                let why = "nobody settles payments any more".to_owned();
                Settlement::Unknown { why, may_be_done: false, transaction: None }
            }
        }
    }

    fn question<'q>(&self, request: &'q Value, payer: &'q Address) -> Question<'q> {
        // The chain may be another one than when the payment was made.
        Question { request, network: network_of(request).unwrap_or(self.terms.network), payer }
    }
}

/// On which chain the payment is that a facilitator is asked about like this.
fn network_of(request: &Value) -> Option<Network> {
    request.pointer("/paymentRequirements/network").and_then(Value::as_str).and_then(Network::parse)
}

/// Whether that is a test network, and money of those is not taken.
pub(crate) fn is_worthless(request: &Value, takes_test_money: bool) -> bool {
    !takes_test_money && network_of(request).is_some_and(Network::is_test)
}

#[cfg(test)]
mod tests {
    use rialto_outbound::{ClientOptions, OutboundPolicy};
    use serde_json::json;

    use super::*;

    fn nobody_settles() -> X402 {
        let payer = Address::parse(&format!("0x{}", "11".repeat(20))).unwrap();
        let config = X402Config {
            pay_to: payer,
            network: Network::parse("base-sepolia").unwrap(),
            asset: None,
            domain: (None, None),
            facilitator: None,
            public_url: String::new(),
            call_max: Duration::from_secs(1),
        };
        let client = OutboundClient::new(OutboundPolicy::default(), &ClientOptions::default()).unwrap();
        X402::new(config, &client).unwrap()
    }

    #[tokio::test]
    async fn what_a_main_net_owes_is_not_settled_by_nobody() {
        let (x402, payer) = (nobody_settles(), Address::parse(&format!("0x{}", "11".repeat(20))).unwrap());
        let settle = async |network: &str, local: Option<&str>| {
            let request = json!({"paymentRequirements": {"network": network}});
            x402.settle(&request, &payer, local.map(str::to_owned)).await
        };
        assert_eq!(settle("eip155:84532", Some("a")).await, Settlement::Settled("local:a".to_owned()));
        for (network, local) in [("eip155:8453", Some("a")), ("base", Some("a")), ("eip155:84532", None)] {
            let settled = settle(network, local).await;
            assert!(matches!(settled, Settlement::Unknown { may_be_done: false, .. }), "{network} {local:?}");
        }
    }

    #[test]
    fn money_of_a_test_network_is_worth_something_where_it_is_taken_alone() {
        for (network, takes_test_money, expected) in [
            ("eip155:84532", false, true),
            ("base-sepolia", false, true),
            ("eip155:84532", true, false),
            ("eip155:8453", false, false),
            ("eip155:8453", true, false),
        ] {
            let request = json!({"paymentRequirements": {"network": network}});
            assert_eq!(is_worthless(&request, takes_test_money), expected, "{network} {takes_test_money}");
        }
    }
}
