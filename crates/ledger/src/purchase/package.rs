//! What can be bought.

use rialto_kernel::Amount;
use serde::{Deserialize, Serialize};

/// The most packages that a list may have.
const PACKAGES_MAX: usize = 100;
/// The highest price, in US cents. Card processors take no more at once.
const PRICE_CENTS_MAX: i64 = 99_999_999;

/// So many credits for so much money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its short name, 1 to 64 of `a-z A-Z 0-9 _ -`.
    pub id: String,
    /// How many credits. At least one.
    pub credits: Amount,
    /// For how many US cents, 0 to 99,999,999.
    pub price_cents: i64,
    /// The price as people see it.
    pub label: String,
}

/// The packages on offer, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages(Vec<Package>);

/// Why a list of packages makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackagesError {
    /// It is not such a list at all.
    #[error("expected a JSON list such as [{{\"id\":\"starter\",\"credits\":500,\"price_cents\":500,\"label\":\"$5\"}}]: {0}")]
    NotPackages(String),
    /// It is empty or too long.
    #[error("there must be 1 to {PACKAGES_MAX} packages, not {0}")]
    Count(usize),
    /// Two have the same id.
    #[error("two packages have the id '{0}'")]
    Twice(String),
    /// A field is out of range.
    #[error("package '{id}': {problem}")]
    Field {
        /// Which package.
        id: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Packages {
    /// Reads a JSON list of packages.
    ///
    /// # Errors
    /// [`PackagesError`], in words for whoever wrote the configuration.
    pub fn from_json(text: &str) -> Result<Self, PackagesError> {
        let list: Vec<Package> = serde_json::from_str(text).map_err(|error| PackagesError::NotPackages(error.to_string()))?;
        Self::new(list)
    }

    /// Takes a list of packages.
    ///
    /// # Errors
    /// [`PackagesError`].
    pub fn new(list: Vec<Package>) -> Result<Self, PackagesError> {
        if list.is_empty() || list.len() > PACKAGES_MAX {
            return Err(PackagesError::Count(list.len()));
        }
        for (place, package) in list.iter().enumerate() {
            let wrong = |problem| Err(PackagesError::Field { id: package.id.clone(), problem });
            let plain = package.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
            if !plain || package.id.is_empty() || package.id.len() > 64 {
                return wrong("the id must be 1 to 64 letters, digits, '_' or '-'");
            }
            if package.credits.is_zero() {
                return wrong("it must have at least one credit");
            }
            if !(0..=PRICE_CENTS_MAX).contains(&package.price_cents) {
                return wrong("price_cents must be 0 to 99999999");
            }
            if list.iter().skip(place + 1).any(|other| other.id == package.id) {
                return Err(PackagesError::Twice(package.id.clone()));
            }
        }
        Ok(Self(list))
    }

    /// The package with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Package> {
        self.0.iter().find(|package| package.id == id)
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Package] {
        &self.0
    }
}

impl Default for Packages {
    fn default() -> Self {
        let package = |id: &str, credits: u32, price_cents, label: &str| Package {
            id: id.to_owned(),
            credits: Amount::new(credits.into()).unwrap_or_default(),
            price_cents,
            label: label.to_owned(),
        };
        Self(vec![
            package("starter", 500, 500, "$5"),
            package("pro", 1_200, 1_000, "$10"),
            package("enterprise", 5_000, 3_500, "$35"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_list_and_names_what_is_wrong_with_it() {
        let json = serde_json::to_string(Packages::default().as_slice()).unwrap();
        assert_eq!(Packages::from_json(&json), Ok(Packages::default()));
        for (text, problem) in [
            ("{}", "expected a JSON list"),
            ("[]", "1 to 100 packages"),
            (r#"[{"id":"a","credits":0,"price_cents":1,"label":""}]"#, "at least one credit"),
            (r#"[{"id":"a b","credits":1,"price_cents":1,"label":""}]"#, "the id must be"),
            (r#"[{"id":"a","credits":1,"price_cents":-1,"label":""}]"#, "price_cents must be"),
            (r#"[{"id":"a","credits":1.5,"price_cents":1,"label":""}]"#, "expected a JSON list"),
            (
                r#"[{"id":"a","credits":1,"price_cents":1,"label":""},{"id":"a","credits":2,"price_cents":1,"label":""}]"#,
                "two packages have the id 'a'",
            ),
        ] {
            let error = Packages::from_json(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
