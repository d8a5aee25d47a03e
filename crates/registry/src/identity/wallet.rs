//! The addresses of wallets.

use std::borrow::Cow;

use sha3::{Digest, Keccak256};

use crate::RegistryError;

/// The longest address of a wallet, in characters.
const WALLET_CHARS_MAX: usize = 128;

/// The digits of an address of Ethereum's kind, if `address` begins as one.
fn hexadecimal(address: &str) -> Option<&str> {
    address.strip_prefix("0x").or_else(|| address.strip_prefix("0X"))
}

/// The 40 digits of an address of Ethereum's, in lower case, with the case that EIP-55 makes their check sum.
#[must_use]
pub fn eip55(digits: &str) -> String {
    let check = hex::encode(Keccak256::digest(digits.as_bytes()));
    let raised = |(digit, check): (char, char)| if check >= '8' { digit.to_ascii_uppercase() } else { digit };
    digits.chars().zip(check.chars()).map(raised).collect()
}

/// The address of a wallet, without blanks around it; `None` when nothing is left. What begins as one of Ethereum's must be one, and
/// where its digits are of both cases, these are the check sum. There are many other chains.
pub(crate) fn checked_wallet(given: &str) -> Result<Option<String>, RegistryError> {
    let refused = |message: String| Err(RegistryError::invalid("wallet_address", message));
    let address = given.trim();
    if address.is_empty() {
        return Ok(None);
    }
    if let Some(digits) = hexadecimal(address) {
        if digits.len() != 40 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return refused("must be 0x and 40 hexadecimal digits".to_owned());
        }
        let has = |case: fn(&u8) -> bool| digits.bytes().any(|digit| case(&digit));
        let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        if is_mixed && eip55(&digits.to_ascii_lowercase()) != digits {
            return refused("the case of its digits is not their check sum (EIP-55): a digit may be wrong".to_owned());
        }
    }
    if !address.chars().all(|char| char.is_ascii_graphic()) || address.len() > WALLET_CHARS_MAX {
        return refused(format!("must be 1 to {WALLET_CHARS_MAX} printable ASCII characters without blanks"));
    }
    Ok(Some(address.to_owned()))
}

/// The form in which addresses are compared. Ethereum writes no more than a check sum into the case of the digits; elsewhere case is
/// part of the address.
pub(crate) fn canonical(address: &str) -> Cow<'_, str> {
    if hexadecimal(address).is_some() { address.to_ascii_lowercase().into() } else { address.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From EIP-55.
    const GOOD: [&str; 4] = [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
    ];

    #[test]
    fn an_address_is_one_or_is_refused() {
        for address in GOOD {
            assert_eq!(checked_wallet(&format!(" {address} ")).unwrap().as_deref(), Some(address));
            for one_case in [address.to_ascii_lowercase(), format!("0x{}", address[2..].to_ascii_uppercase())] {
                assert_eq!(checked_wallet(&one_case).unwrap().as_deref(), Some(one_case.as_str()));
            }
        }
        assert_eq!(checked_wallet(" ").unwrap(), None);
        let solana = "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV";
        assert_eq!(checked_wallet(solana).unwrap().as_deref(), Some(solana));
        let swapped = "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        let wrong = ["0x12", "0x1234567890abcdef1234567890abcdef1234567g", "0X", "a b", "ü", "a\u{7}", swapped];
        for wrong in wrong.into_iter().chain([&*"a".repeat(129)]) {
            assert!(checked_wallet(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_the_same_whatever_the_case_of_its_digits() {
        for address in GOOD {
            assert_eq!(canonical(address), canonical(&address.to_ascii_lowercase()));
        }
        assert_ne!(canonical(GOOD[0]), canonical(GOOD[1]));
        assert_ne!(canonical("7EcDhS"), canonical("7ecdhs"), "there case is part of it");
    }
}
