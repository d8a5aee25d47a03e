//! E-mail addresses, as far as a server has to understand them.

use std::fmt;

use crate::IdentityError;

/// The longest address that can be mailed (RFC 5321, errata 1690), in bytes.
const ADDRESS_BYTES_MAX: usize = 254;
/// The longest part before the `@`, in bytes.
const LOCAL_BYTES_MAX: usize = 64;
/// The longest label of a domain, in bytes.
const LABEL_BYTES_MAX: usize = 63;

/// An address that has the form of one: `local@domain`, unquoted, the domain with a dot in it or `localhost`.
///
/// Whether anybody reads mail there is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    address: String,
    key: String,
}

impl Email {
    /// Reads an address. Spaces around it are dropped, the domain is put in lower case.
    ///
    /// # Errors
    /// [`IdentityError::Invalid`] for the field `email`.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let invalid = |reason: &str| IdentityError::invalid("email", reason);
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or_else(|| invalid("must have an @, as in ada@example.com"))?;
        let domain = domain.to_lowercase();
        if !is_local_part(local) {
            return Err(invalid("has a part before the @ that is not one"));
        }
        if !is_domain(&domain) {
            return Err(invalid("must have a domain after the @, such as example.com"));
        }
        let address = format!("{local}@{domain}");
        let key = address.to_lowercase();
        if address.len().max(key.len()) > ADDRESS_BYTES_MAX {
            return Err(invalid("must not be longer than 254 bytes"));
        }
        Ok(Self { address, key })
    }

    /// The address as it was given, but for the case of the domain.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What two spellings of one address have in common: all of it in lower case.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// A "dot-atom" of RFC 5321, with the letters of RFC 6531.
fn is_local_part(local: &str) -> bool {
    local.len() <= LOCAL_BYTES_MAX
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)))
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (domain.contains('.') || domain == "localhost") && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_addresses_and_lowers_their_domain() {
        for (given, kept, key) in [
            ("Ada.L@Example.COM", "Ada.L@example.com", "ada.l@example.com"),
            ("  a+b@x.io ", "a+b@x.io", "a+b@x.io"),
            ("root@localhost", "root@localhost", "root@localhost"),
            ("Ürsula@Müller.de", "Ürsula@müller.de", "ürsula@müller.de"),
        ] {
            let email = Email::parse(given).unwrap();
            assert_eq!((email.address(), email.key()), (kept, key), "{given}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        let long_local = format!("{}@x.io", "a".repeat(65));
        let long = format!("a@{}.io", "abcdefgh.".repeat(30));
        let wrong = [
            "",
            "a",
            "@x.io",
            "a@",
            "a@x",
            "a@.io",
            "a@x..io",
            "a@-x.io",
            ".a@x.io",
            "a..b@x.io",
            "a b@x.io",
            "a@b@x.io",
            "a@x.io\n.evil",
            "a\0@x.io",
            "\"a\"@x.io",
            "Ada <ada@x.io>",
            "a@[127.0.0.1]",
            &long_local,
            &long,
        ];
        for text in wrong {
            assert!(matches!(Email::parse(text), Err(IdentityError::Invalid { field: "email", .. })), "{text:?}");
        }
    }
}
