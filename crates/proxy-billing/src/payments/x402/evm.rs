//! Addresses, numbers and signatures as Ethereum has them, and EIP-3009 authorizations as EIP-712 has them signed.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

/// An account or a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address([u8; 20]);

impl Address {
    /// Reads `0x` and 40 hexadecimal digits, in whatever case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        bytes(text).map(Self)
    }

    /// The same, of one that somebody has written down by hand: upper and lower case have to be its check sum (EIP-55), unless there
    /// is but one of them; and it is not zero, which belongs to nobody.
    #[must_use]
    pub fn parse_checked(text: &str) -> Option<Self> {
        let address = Self::parse(text)?;
        let has = |case: fn(&u8) -> bool| text.bytes().skip(2).any(|byte| case(&byte));
        let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        let is_right = !is_mixed || address.to_string() == text;
        (is_right && address.0 != [0; 20]).then_some(address)
    }

    /// In lower case, as databases have it.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("0x{}", hex::encode(self.0))
    }
}

/// With the case of its letters as a check sum, as EIP-55 has it.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "0x{}", rialto_registry::identity::eip55(&hex::encode(self.0)))
    }
}

/// 32 bytes: a nonce, a digest, a number.
pub type Word = [u8; 32];

/// Reads `0x` and 64 hexadecimal digits.
#[must_use]
pub fn word(text: &str) -> Option<Word> {
    bytes(text)
}

/// Reads a signature: `0x` and 130 hexadecimal digits.
#[must_use]
pub fn signature(text: &str) -> Option<[u8; 65]> {
    bytes(text)
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text.strip_prefix("0x")?, &mut bytes).ok()?;
    Some(bytes)
}

/// A number of 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(Word);

impl Number {
    /// Reads decimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > 78 {
            return None;
        }
        let mut word: Word = [0; 32];
        for digit in text.bytes() {
            let mut carry = u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
            for byte in word.iter_mut().rev() {
                let product = u16::from(*byte) * 10 + carry;
                [_, *byte] = product.to_be_bytes();
                carry = product >> 8;
            }
            if carry > 0 {
                return None;
            }
        }
        Some(Self(word))
    }

    /// As one of 63 bits; the greatest of those, if it is greater.
    #[must_use]
    pub fn clamped(&self) -> i64 {
        let [high @ .., b7, b6, b5, b4, b3, b2, b1, b0] = self.0;
        let low = i64::try_from(u64::from_be_bytes([b7, b6, b5, b4, b3, b2, b1, b0]));
        if high.iter().all(|byte| *byte == 0) { low.unwrap_or(i64::MAX) } else { i64::MAX }
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        let mut word: Word = [0; 32];
        word.iter_mut().skip(24).zip(number.to_be_bytes()).for_each(|(byte, of_number)| *byte = of_number);
        Self(word)
    }
}

/// Decimal digits.
impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mut rest, mut digits) = (self.0, Vec::new());
        while digits.is_empty() || rest.iter().any(|byte| *byte > 0) {
            let mut remainder = 0_u16;
            for byte in &mut rest {
                let dividend = remainder << 8 | u16::from(*byte);
                [_, *byte] = (dividend / 10).to_be_bytes();
                remainder = dividend % 10;
            }
            digits.push(char::from_digit(remainder.into(), 10).unwrap_or('0'));
        }
        f.write_str(&digits.iter().rev().collect::<String>())
    }
}

/// The token that is moved, and how it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// The name in its EIP-712 domain.
    pub name: String,
    /// The version there.
    pub version: String,
    /// The chain.
    pub chain_id: u64,
    /// The token's contract.
    pub contract: Address,
}

/// That somebody's tokens may be moved, as EIP-3009 has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Whose tokens.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// How many.
    pub value: Number,
    /// From when on, in seconds.
    pub valid_after: Number,
    /// Until when, in seconds.
    pub valid_before: Number,
    /// What tells it from others of the same account.
    pub nonce: Word,
}

const DOMAIN: &str = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const TRANSFER: &str =
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)";

/// What is signed.
#[must_use]
pub fn digest(domain: &Domain, authorization: &Authorization) -> Word {
    let padded = |address: &Address| {
        let mut word: Word = [0; 32];
        word.iter_mut().skip(12).zip(address.0).for_each(|(byte, of_address)| *byte = of_address);
        word
    };
    let separator = keccak(&[
        &keccak(&[DOMAIN.as_bytes()]),
        &keccak(&[domain.name.as_bytes()]),
        &keccak(&[domain.version.as_bytes()]),
        &Number::from(domain.chain_id).0,
        &padded(&domain.contract),
    ]);
    let message = keccak(&[
        &keccak(&[TRANSFER.as_bytes()]),
        &padded(&authorization.from),
        &padded(&authorization.to),
        &authorization.value.0,
        &authorization.valid_after.0,
        &authorization.valid_before.0,
        &authorization.nonce,
    ]);
    keccak(&[&[0x19, 0x01], &separator, &message])
}

/// Who signed this; `None` when the signature is none, or is one of two that anybody could make from each other (a high `s`).
#[must_use]
pub fn signer(digest: &Word, signature: &[u8; 65]) -> Option<Address> {
    let [pair @ .., v] = signature;
    let is_odd = match v {
        0 | 27 => false,
        1 | 28 => true,
        _ => return None,
    };
    let pair = Signature::from_slice(pair).ok().filter(|pair| pair.normalize_s() == *pair)?;
    let key = VerifyingKey::recover_from_prehash(digest, &pair, RecoveryId::new(is_odd, false)).ok()?;
    let point = key.to_sec1_point(false);
    // What comes first says that the point is not compressed.
    let [_, coordinates @ ..] = point.as_bytes() else { return None };
    let [_, _, _, _, _, _, _, _, _, _, _, _, address @ ..] = keccak(&[coordinates]);
    Some(Address(address))
}

fn keccak(parts: &[&[u8]]) -> Word {
    let mut hasher = Keccak256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with the Python package eth-account 0.14.0.
    const PAYER: &str = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";
    const ON_BASE_SEPOLIA: (&str, &str) = (
        "0x0828735ddac243bfd1e8bb05c56578f188d1fc5fa326bbb345afd98b1b6a4333",
        "0x5788f8c56ce24aefdbf379dbabebe49325d15f85a20a80f80a836918c60922d005a213b0727e0be5049838e0b78772975d58153effe57acdded020fef8798c8e1c",
    );
    const ON_BASE: (&str, &str) = (
        "0x4fe231d5ba93cd1416bcea896bbd539846ea060a7a925406f4667d69b758bc11",
        "0x356b0615ad4ff0afdd17736690326068b30f18c5423ad83d2361b2733910aac0285011f5b2e779cefd86e737011f840f4feeeb0d7c5adaf5513d6eff7e9a72591c",
    );

    fn authorization(value: &str, valid_before: &str) -> Authorization {
        Authorization {
            from: Address::parse(PAYER).unwrap(),
            to: Address::parse("0x209693Bc6afc0C5328bA36FaF03C514EF312287C").unwrap(),
            value: Number::parse(value).unwrap(),
            valid_after: Number::parse("1763999400").unwrap(),
            valid_before: Number::parse(valid_before).unwrap(),
            nonce: word("0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480").unwrap(),
        }
    }

    fn domain(network: &str) -> Domain {
        let network = super::super::Network::parse(network).unwrap();
        let (contract, name, version) = network.usdc().unwrap();
        Domain { name: name.to_owned(), version: version.to_owned(), chain_id: network.chain_id(), contract }
    }

    #[test]
    fn what_another_program_signed_is_understood() {
        let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        for (network, value, before, (hash, signed)) in
            [("base-sepolia", "50000", "1764003600", ON_BASE_SEPOLIA), ("base", "1", largest, ON_BASE)]
        {
            let digest = digest(&domain(network), &authorization(value, before));
            assert_eq!(digest, word(hash).unwrap(), "{network}");
            assert_eq!(signer(&digest, &signature(signed).unwrap()).unwrap().to_string(), PAYER, "{network}");
        }
    }

    #[test]
    fn whatever_is_changed_changes_who_signed() {
        let (good, signed) = (authorization("50000", "1764003600"), signature(ON_BASE_SEPOLIA.1).unwrap());
        let other = Address::parse("0x209693Bc6afc0C5328bA36FaF03C514EF312287D").unwrap();
        let changed = [
            Authorization { to: other, ..good.clone() },
            Authorization { from: other, ..good.clone() },
            Authorization { value: Number::from(50_001), ..good.clone() },
            Authorization { valid_after: Number::from(0), ..good.clone() },
            Authorization { valid_before: Number::from(1_764_003_601), ..good.clone() },
            Authorization { nonce: [7; 32], ..good.clone() },
        ];
        let right = domain("base-sepolia");
        for one in &changed {
            assert_ne!(signer(&digest(&right, one), &signed), Address::parse(PAYER), "{one:?}");
        }
        let elsewhere = [
            Domain { name: "USD Coin".to_owned(), ..right.clone() },
            Domain { version: "1".to_owned(), ..right.clone() },
            Domain { chain_id: 8_453, ..right.clone() },
            Domain { contract: other, ..right.clone() },
        ];
        for one in &elsewhere {
            assert_ne!(signer(&digest(one, &good), &signed), Address::parse(PAYER), "{one:?}");
        }
    }

    #[test]
    fn of_two_signatures_that_say_the_same_one_counts() {
        let digest = digest(&domain("base-sepolia"), &authorization("50000", "1764003600"));
        let good = signature(ON_BASE_SEPOLIA.1).unwrap();
        let with_v = |v: u8| signer(&digest, &std::array::from_fn(|at| if at == 64 { v } else { good[at] }));
        assert_eq!((with_v(1), with_v(28)), (Address::parse(PAYER), Address::parse(PAYER)));
        assert_ne!(with_v(27), Address::parse(PAYER));
        assert_eq!([2, 26, 29, 255].map(with_v), [None; 4]);
        // n - s, and the other v.
        let pair = Signature::from_slice(&good[..64]).unwrap();
        let high = Signature::from_scalars(pair.r(), -pair.s()).unwrap();
        let mut twin = [27; 65];
        twin[..64].copy_from_slice(&high.to_bytes());
        assert_eq!(signer(&digest, &twin), None);
        assert_eq!(signer(&digest, &[0; 65]), None);
        assert_eq!(signer(&digest, &[255; 65]), None);
    }

    #[test]
    fn numbers_are_read_and_written_exactly() {
        let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        for text in ["0", "1", "255", "256", "50000", "18446744073709551616", largest] {
            assert_eq!(Number::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Number::parse("50000"), Some(Number::from(50_000)));
        let clamped = |text: &str| Number::parse(text).unwrap().clamped();
        assert_eq!([clamped("7"), clamped("9223372036854775808"), clamped(largest)], [7, i64::MAX, i64::MAX]);
        let beyond = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        for junk in ["", "-1", "+1", "1.0", "0x10", " 1", "1e3", "٣", beyond, &"9".repeat(79)] {
            assert_eq!(Number::parse(junk), None, "{junk}");
        }
    }

    #[test]
    fn addresses_carry_their_check_sum() {
        for text in [PAYER, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"] {
            let address = Address::parse(&text.to_lowercase()).unwrap();
            assert_eq!((address.to_string(), address.plain()), (text.to_owned(), text.to_lowercase()));
        }
        let wrong = PAYER.replace("0x2c75", "0x2C75");
        for (text, is_good) in [
            (PAYER, true),
            (&*PAYER.to_lowercase(), true),
            (&format!("0x{}", PAYER[2..].to_uppercase()), true),
            (&wrong, false),
            (&PAYER.replace("e529", "e539"), false),
            (&format!("0x{}", "0".repeat(40)), false),
        ] {
            assert_eq!(Address::parse_checked(text).is_some(), is_good, "{text}");
        }
        for junk in ["", "0x", "2c7536E3605D9C16a7a3D7b1898e529396a65c23", "0x2c7536E3605D9C16a7a3D7b1898e529396a65c2", "0xzz"] {
            assert_eq!(Address::parse(junk), None, "{junk}");
        }
    }
}
