//! Where payments are made: the chains of Ethereum's kind.

use super::evm::Address;

/// What is known of a chain.
struct Known {
    chain_id: u64,
    /// What version 1 of the protocol calls it.
    name: &'static str,
    /// Whether its money is worth nothing.
    is_test: bool,
    /// USDC there: its address, and the name and version of its EIP-712 domain.
    usdc: Option<(&'static str, &'static str, &'static str)>,
}

const fn known(chain_id: u64, name: &'static str, is_test: bool) -> Known {
    Known { chain_id, name, is_test, usdc: None }
}

const KNOWN: [Known; 14] = [
    Known { usdc: Some(("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin", "2")), ..known(8453, "base", false) },
    Known { usdc: Some(("0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC", "2")), ..known(84_532, "base-sepolia", true) },
    Known { usdc: Some(("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD Coin", "2")), ..known(1, "ethereum", false) },
    Known { usdc: Some(("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "USD Coin", "2")), ..known(137, "polygon", false) },
    Known { usdc: Some(("0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E", "USD Coin", "2")), ..known(43_114, "avalanche", false) },
    known(80_002, "polygon-amoy", true),
    known(43_113, "avalanche-fuji", true),
    known(1_329, "sei", false),
    known(1_328, "sei-testnet", true),
    known(11_155_111, "sepolia", true),
    known(421_614, "arbitrum-sepolia", true),
    known(11_155_420, "optimism-sepolia", true),
    known(1_337, "localhost", true),
    known(31_337, "hardhat", true),
];

/// One chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(u64);

impl Network {
    /// Reads `eip155:8453`, or the name that version 1 of the protocol has for a chain: `base`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(known) = KNOWN.iter().find(|known| known.name == text) {
            return Some(Self(known.chain_id));
        }
        let digits = text.strip_prefix("eip155:")?;
        let plain = !digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit());
        // The database has 63 bits for it.
        digits.parse().ok().filter(|id| plain && i64::try_from(*id).is_ok()).map(Self)
    }

    /// The one with this number.
    pub(crate) const fn of(chain_id: u64) -> Self {
        Self(chain_id)
    }

    /// Its number.
    #[must_use]
    pub const fn chain_id(self) -> u64 {
        self.0
    }

    /// Its name as CAIP-2 and version 2 of the protocol have it.
    #[must_use]
    pub fn name(self) -> String {
        Self::name_of(self.0)
    }

    /// The same, of the chain with this number.
    #[must_use]
    pub fn name_of(chain_id: u64) -> String {
        format!("eip155:{chain_id}")
    }

    /// Its name in version 1 of the protocol; the other one, if it has none there.
    #[must_use]
    pub fn old_name(self) -> String {
        self.known().map_or_else(|| self.name(), |known| known.name.to_owned())
    }

    /// Whether it is known that money is worth nothing there.
    #[must_use]
    pub fn is_test(self) -> bool {
        self.known().is_some_and(|known| known.is_test)
    }

    /// USDC there, if that is known: its address, and the name and version of its EIP-712 domain.
    #[must_use]
    pub fn usdc(self) -> Option<(Address, &'static str, &'static str)> {
        let (address, name, version) = self.known()?.usdc?;
        Some((Address::parse(address)?, name, version))
    }

    fn known(self) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.chain_id == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_two_names() {
        let base = Network::parse("base-sepolia").unwrap();
        assert_eq!((base.name().as_str(), base.old_name().as_str(), base.is_test()), ("eip155:84532", "base-sepolia", true));
        assert_eq!(Network::parse("eip155:84532"), Some(base));
        let other = Network::parse("eip155:99").unwrap();
        assert_eq!((other.old_name().as_str(), other.is_test(), other.usdc()), ("eip155:99", false, None));
        for junk in ["", "eip155:", "eip155:0", "eip155:01", "eip155:-1", "eip155:+1", "eip155:1e3", "solana:x", "Base"] {
            assert_eq!(Network::parse(junk), None, "{junk}");
        }
        assert_eq!(Network::parse("eip155:9223372036854775808"), None);
    }

    #[test]
    fn what_is_known_of_usdc_can_be_read() {
        let with_usdc: Vec<_> = KNOWN.iter().filter(|known| known.usdc.is_some()).collect();
        assert!(with_usdc.iter().all(|known| Network(known.chain_id).usdc().is_some()));
        assert_eq!(with_usdc.len(), 5);
    }
}
