//! Failed logins are counted, per account and per network address, and too many are not heard any more.
//!
//! The counters stand in the database, so that replicas agree and a restart forgives nobody. They are bounded: one row
//! per account or address that failed within the window.

use std::net::{IpAddr, Ipv6Addr};

use rialto_kernel::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{
    Email, IdentityConfig, IdentityError,
    store::{AttemptStore, Failures},
};

/// Whom a login is counted against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    /// The account, whether it exists or not. Hashed: people type passwords into the wrong field.
    account: String,
    /// Where the request came from; `None` when nobody knows.
    address: Option<String>,
}

impl Subjects {
    /// The subjects of a login to `email` from `address`.
    #[must_use]
    pub fn new(email: &Email, address: Option<IpAddr>) -> Self {
        Self {
            account: format!("account:{}", hex::encode(Sha256::digest(email.key()))),
            address: address.map(|address| format!("address:{}", network(address))),
        }
    }
}

/// The address itself; for IPv6 its /64, because whoever has one address of it has them all.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Lets a login pass; says whether its account has failures to forget once it succeeds.
///
/// # Errors
/// [`IdentityError::Throttled`] when account or address have failed too often.
pub async fn check(
    tx: &mut impl AttemptStore,
    subjects: &Subjects,
    config: &IdentityConfig,
    now: Timestamp,
) -> Result<bool, IdentityError> {
    let account = tx.find_failures(&subjects.account).await?;
    refuse(account, config.account_failures_max, config, now)?;
    if let Some(address) = &subjects.address {
        refuse(tx.find_failures(address).await?, config.address_failures_max, config, now)?;
    }
    Ok(account.is_some())
}

fn refuse(failures: Option<Failures>, max: u32, config: &IdentityConfig, now: Timestamp) -> Result<(), IdentityError> {
    let Some(failures) = failures else { return Ok(()) };
    let retry_after = failures.since.after(config.failure_window).since(now);
    if retry_after.is_zero() || failures.count < max {
        return Ok(());
    }
    Err(IdentityError::Throttled { retry_after })
}

/// Counts a failed login.
///
/// # Errors
/// The store's.
pub async fn count_failure(
    tx: &mut impl AttemptStore,
    subjects: &Subjects,
    config: &IdentityConfig,
    now: Timestamp,
) -> Result<(), IdentityError> {
    let horizon = now.before(config.failure_window);
    // Every transaction locks the account's row first, so two of them cannot wait for each other.
    tx.count_failure(&subjects.account, horizon, now).await?;
    if let Some(address) = &subjects.address {
        tx.count_failure(address, horizon, now).await?;
    }
    Ok(())
}

/// Forgets the failures of the account, which has just been logged in to. Those of the address stay: who has an account
/// of his own must not be able to wash off his tries at others'.
///
/// # Errors
/// The store's.
pub async fn forgive(tx: &mut impl AttemptStore, subjects: &Subjects) -> Result<(), IdentityError> {
    Ok(tx.clear_failures(&subjects.account).await?)
}

/// Deletes the counters whose window has passed; returns how many.
///
/// # Errors
/// The store's.
pub async fn prune(tx: &mut impl AttemptStore, config: &IdentityConfig, now: Timestamp) -> Result<usize, IdentityError> {
    Ok(tx.forget_failures(now.before(config.failure_window)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_subject_in_every_disguise() {
        let email = Email::parse("Ada@x.io").unwrap();
        let subject = |address: &str| Subjects::new(&email, Some(address.parse().unwrap())).address.unwrap();
        assert_eq!(subject("192.0.2.1"), "address:192.0.2.1");
        assert_eq!(subject("::ffff:192.0.2.1"), "address:192.0.2.1");
        assert_eq!(subject("2001:db8:1:2:3:4:5:6"), "address:2001:db8:1:2::");
        let other = Email::parse("ada@X.IO").unwrap();
        assert_eq!(Subjects::new(&email, None), Subjects::new(&other, None));
        assert!(!Subjects::new(&email, None).account.contains("ada"));
    }
}
