//! Integer money: amounts in minor units, assets, and ratios in parts per million.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What an amount is counted in: a code of 1 to [`Asset::CODE_LEN_MAX`] characters. Rialto knows two by name; a project
/// that embeds the ledger may count whatever it likes.
///
/// In JSON it is its code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asset([u8; Asset::CODE_LEN_MAX]);

impl Asset {
    /// The longest code.
    pub const CODE_LEN_MAX: usize = 12;
    /// Whole credits, the billing unit of agent invocations. Scale 0.
    pub const CREDIT: Self = Self(*b"CREDIT\0\0\0\0\0\0");
    /// US dollars on chain, counted in micro-USDC. Scale 6.
    pub const USDC: Self = Self(*b"USDC\0\0\0\0\0\0\0\0");

    /// The asset with this code: capital letters, digits, `-`, `_` and `.`, the first one a letter. `None` for any other.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let fits = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_.".contains(byte);
        let mut bytes = [0; Self::CODE_LEN_MAX];
        bytes.get_mut(..code.len())?.copy_from_slice(code.as_bytes());
        (code.starts_with(|first: char| first.is_ascii_uppercase()) && code.as_bytes().iter().all(fits)).then_some(Self(bytes))
    }

    /// How many decimal places the minor unit stands behind the point. Zero for an asset that Rialto does not know.
    #[must_use]
    pub fn scale(self) -> u32 {
        if self == Self::USDC { 6 } else { 0 }
    }

    /// The code that databases and clients see.
    #[must_use]
    pub fn code(&self) -> &str {
        let len = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::CODE_LEN_MAX);
        self.0.get(..len).and_then(|code| std::str::from_utf8(code).ok()).unwrap_or_default()
    }

    /// The code's bytes, filled up with zeros.
    #[must_use]
    pub const fn bytes(self) -> [u8; Self::CODE_LEN_MAX] {
        self.0
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Asset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Asset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&code).ok_or_else(|| de::Error::custom("expected the code of an asset, such as CREDIT"))
    }
}

/// Why an amount could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Amounts that move are never negative.
    #[error("an amount must not be negative")]
    Negative,
    /// The result does not fit 64 bits.
    #[error("the amount is too large")]
    Overflow,
    /// The text is not a decimal number of the asset's scale.
    #[error("expected a decimal number such as \"0.05\", with at most 6 places")]
    NotDecimal,
}

/// A non-negative amount of minor units: credits, or micro-USDC. At most [`Amount::MAX`].
///
/// The arithmetic is checked; there is no `+`. An amount does not know its asset: the account does.
/// In JSON an amount is an integer (credits). USDC fields use [`Amount::to_decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i64);

impl Amount {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount that a request may name: 2^53 − 1, the largest integer that every JSON reader keeps exact.
    pub const MAX: Self = Self(9_007_199_254_740_991);

    /// Takes minor units.
    ///
    /// # Errors
    /// [`MoneyError::Negative`], or [`MoneyError::Overflow`] above [`Amount::MAX`].
    pub const fn new(minor_units: i64) -> Result<Self, MoneyError> {
        match minor_units {
            ..0 => Err(MoneyError::Negative),
            _ if minor_units > Self::MAX.0 => Err(MoneyError::Overflow),
            _ => Ok(Self(minor_units)),
        }
    }

    /// Minor units.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Whether there is no money in it.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).ok_or(MoneyError::Overflow).and_then(Self::new)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyError::Negative`] when `other` is more.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        Self::new(self.0 - other.0)
    }

    /// `quantity` times this.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn times(self, quantity: u32) -> Result<Self, MoneyError> {
        self.0.checked_mul(i64::from(quantity)).ok_or(MoneyError::Overflow).and_then(Self::new)
    }

    /// The share `ratio` of this, rounded half to even.
    #[must_use]
    pub fn share(self, ratio: Ppm) -> Self {
        let product = i128::from(self.0) * i128::from(ratio.0);
        let (whole, rest) = (product / 1_000_000, product % 1_000_000);
        let up = rest > 500_000 || (rest == 500_000 && whole % 2 == 1);
        // A share of at most the whole cannot leave the range of the whole.
        Self(i64::try_from(whole + i128::from(up)).unwrap_or(self.0))
    }

    /// The amount as a decimal of `asset` with at least two places where the asset has any: `0.05`, `2.10`, `0.001`.
    #[must_use]
    pub fn to_decimal(self, asset: Asset) -> String {
        let scale = asset.scale();
        if scale == 0 {
            return self.0.to_string();
        }
        let unit = 10_i64.pow(scale);
        let width = usize::try_from(scale).unwrap_or(0);
        let fraction = format!("{:0width$}", self.0 % unit);
        let kept = fraction.trim_end_matches('0').len().max(2);
        format!("{}.{}", self.0 / unit, fraction.get(..kept).unwrap_or(&fraction))
    }

    /// Reads a plain decimal of `asset`: digits, and at most the asset's places behind a point. No sign, space or exponent.
    ///
    /// # Errors
    /// [`MoneyError::NotDecimal`] or [`MoneyError::Overflow`].
    pub fn from_decimal(text: &str, asset: Asset) -> Result<Self, MoneyError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let places = usize::try_from(asset.scale()).unwrap_or(0);
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let pointless = !text.contains('.');
        if whole.is_empty()
            || !digits(whole)
            || !digits(fraction)
            || fraction.len() > places
            || (fraction.is_empty() && !pointless)
        {
            return Err(MoneyError::NotDecimal);
        }
        format!("{whole}{fraction:0<places$}").parse::<i64>().map_err(|_| MoneyError::Overflow).and_then(Self::new)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A ratio between 0 and 1, in parts per million. `25_000` is 2.5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Ppm(u32);

impl Ppm {
    /// Nothing of it.
    pub const ZERO: Self = Self(0);

    /// Takes parts per million; `None` above one million.
    #[must_use]
    pub const fn new(parts: u32) -> Option<Self> {
        if parts <= 1_000_000 { Some(Self(parts)) } else { None }
    }

    /// Parts per million.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usdc_is_exact_both_ways() {
        for (text, micro) in
            [("0.05", 50_000), ("2.10", 2_100_000), ("0.001", 1_000), ("0.000001", 1), ("100.00", 100_000_000), ("0.00", 0)]
        {
            let amount = Amount::from_decimal(text, Asset::USDC).unwrap();
            assert_eq!((amount.get(), amount.to_decimal(Asset::USDC).as_str()), (micro, text));
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", " 1", "0.0000001", "NaN", "٣"] {
            assert_eq!(Amount::from_decimal(text, Asset::USDC), Err(MoneyError::NotDecimal), "{text}");
        }
        assert_eq!(Amount::from_decimal("99999999999999", Asset::USDC), Err(MoneyError::Overflow));
    }

    #[test]
    fn an_asset_is_its_code() {
        assert_eq!([Asset::CREDIT.code(), Asset::USDC.code()], ["CREDIT", "USDC"]);
        assert_eq!((Asset::new("CREDIT"), Asset::new("USDC")), (Some(Asset::CREDIT), Some(Asset::USDC)));
        assert_eq!(Asset::new("GOLD-XAU.999").unwrap().code(), "GOLD-XAU.999");
        for code in ["", "eur", "1EUR", "EUR ", "EUR\0", "EURÖ", "GOLD-XAU.9999"] {
            assert_eq!(Asset::new(code), None, "{code}");
        }
        assert_eq!(serde_json::from_str::<Asset>("\"EUR\"").unwrap(), Asset::new("EUR").unwrap());
        assert_eq!(serde_json::to_string(&Asset::USDC).unwrap(), "\"USDC\"");
    }

    #[test]
    fn json_takes_only_integers_in_range() {
        for text in ["-1", "5.5", "\"5\"", "null", "9223372036854775808", "9007199254740992"] {
            assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<Amount>("9007199254740991").unwrap(), Amount::MAX);
    }

    #[test]
    fn shares_round_half_to_even() {
        let half = Ppm::new(500_000).unwrap();
        let shares: Vec<i64> = (0..6).map(|n| Amount(n).share(half).get()).collect();
        assert_eq!(shares, [0, 0, 1, 2, 2, 2]);
        assert_eq!(Amount::MAX.share(Ppm::new(1_000_000).unwrap()), Amount::MAX);
    }

    #[test]
    fn arithmetic_is_checked() {
        assert_eq!(Amount::MAX.plus(Amount(1)), Err(MoneyError::Overflow));
        assert_eq!(Amount(1).minus(Amount(2)), Err(MoneyError::Negative));
        assert_eq!(Amount::MAX.times(2), Err(MoneyError::Overflow));
    }
}
