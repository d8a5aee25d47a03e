//! How calls are paid for by x402, as it is set.

use clap::Args;
use rialto_identity::Secret;
use rialto_proxy_billing::payments::x402::{Address, Network};

use super::parse::parse_secret;

/// The settings of x402, as given.
#[derive(Debug, Clone, Args)]
pub struct X402Flags {
    /// The address that calls are paid to by x402; without one they are not paid like that
    #[arg(long, env = "RIALTO_X402_PAY_TO", value_name = "0x…", global = true, value_parser = parse_address)]
    pub x402_pay_to: Option<Address>,
    /// The chain: eip155:8453, or a name that version 1 of x402 has; outside a sandbox one where USDC is known [default: eip155:84532
    /// in a sandbox, none elsewhere]
    #[arg(long, env = "RIALTO_X402_NETWORK", value_name = "NETWORK", global = true, value_parser = parse_network)]
    pub x402_network: Option<Network>,
    /// The token there, with six decimal places; outside a sandbox nothing but USDC [default: USDC, where that is known]
    #[arg(long, env = "RIALTO_X402_ASSET", value_name = "0x…", global = true, value_parser = parse_address)]
    pub x402_asset: Option<Address>,
    /// The name in the token's EIP-712 domain [default: that of USDC there]
    #[arg(long, env = "RIALTO_X402_DOMAIN_NAME", value_name = "NAME", global = true)]
    pub x402_domain_name: Option<String>,
    /// The version in the token's EIP-712 domain [default: 2]
    #[arg(long, env = "RIALTO_X402_DOMAIN_VERSION", value_name = "VERSION", global = true)]
    pub x402_domain_version: Option<String>,
    /// The facilitator that settles payments, up to and without /settle; outside a sandbox by https, on this machine, or at a host that
    /// may be reached on a network of one's own
    #[arg(long, env = "RIALTO_X402_FACILITATOR", value_name = "URL", global = true)]
    pub x402_facilitator: Option<String>,
    /// The bearer token by which it knows this server, if it wants one
    #[arg(long, env = "RIALTO_X402_FACILITATOR_TOKEN", value_name = "TOKEN", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub x402_facilitator_token: Option<Secret>,
    /// Takes payments without settling any: in a sandbox, on test networks alone [default: false]
    #[arg(long, env = "RIALTO_X402_LOCAL_ONLY", value_name = "BOOL", global = true)]
    pub x402_local_only: Option<bool>,
}

/// The settings of x402.
#[derive(Debug, Clone)]
pub struct X402Settings {
    /// Whom buyers pay.
    pub pay_to: Address,
    /// On which chain, if that is said.
    pub network: Option<Network>,
    /// Which token.
    pub asset: Option<Address>,
    /// The name in its EIP-712 domain.
    pub domain_name: Option<String>,
    /// The version there.
    pub domain_version: Option<String>,
    /// Who settles.
    pub facilitator: Option<String>,
    /// What it knows us by.
    pub facilitator_token: Option<Secret>,
    /// Whether nobody does.
    pub local_only: bool,
}

impl X402Settings {
    /// Fills in the defaults; `None` when calls are not paid like that.
    pub(super) fn from_flags(flags: &X402Flags) -> Option<Self> {
        Some(Self {
            pay_to: flags.x402_pay_to?,
            network: flags.x402_network,
            asset: flags.x402_asset,
            domain_name: flags.x402_domain_name.clone(),
            domain_version: flags.x402_domain_version.clone(),
            facilitator: flags.x402_facilitator.clone(),
            facilitator_token: flags.x402_facilitator_token.clone(),
            local_only: flags.x402_local_only.unwrap_or(false),
        })
    }
}

fn parse_address(text: &str) -> Result<Address, String> {
    Address::parse_checked(text).ok_or_else(|| {
        "expected an address: 0x and 40 hexadecimal digits, whose case, if it is mixed, is their check sum (EIP-55); not zero"
            .to_owned()
    })
}

fn parse_network(text: &str) -> Result<Network, String> {
    Network::parse(text).ok_or_else(|| "expected a chain, such as eip155:8453, or base".to_owned())
}
