//! Failed logins are counted, and too many are not heard any more: for an account from one network address, for an
//! address whatever the account, and for an account wherever from.
//!
//! The first limit is the tight one. A tight limit on the account alone would let anybody lock anybody out with a few
//! wrong passwords; the loose one is there for guessing from many addresses at once.
//!
//! The counters stand in the database, so that replicas agree and a restart forgives nobody. They are bounded: one row
//! per account, address, and pair of them that failed within the window.

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
    /// Where the request came from, and the account as seen from there; `None` when nobody knows.
    place: Option<Place>,
}

/// Where a login comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The address, whatever the account.
    address: String,
    /// The account from this address.
    pair: String,
}

impl Subjects {
    /// The subjects of a login to `email` from `address`.
    #[must_use]
    pub fn new(email: &Email, address: Option<IpAddr>) -> Self {
        let account = hex::encode(Sha256::digest(email.key()));
        let place = address
            .map(network)
            .map(|address| Place { address: format!("address:{address}"), pair: format!("account:{account}:{address}") });
        Self { account: format!("account:{account}"), place }
    }

    /// The counter with the tight limit: the account from here, or the account where nobody knows from where.
    fn tight(&self) -> &str {
        self.place.as_ref().map_or(&self.account, |place| &place.pair)
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
/// [`IdentityError::Throttled`] when one of them has failed too often.
pub async fn check(
    tx: &mut impl AttemptStore,
    subjects: &Subjects,
    config: &IdentityConfig,
    now: Timestamp,
) -> Result<bool, IdentityError> {
    let tight = tx.find_failures(subjects.tight()).await?;
    refuse(tight, config.account_failures_max, config, now)?;
    if let Some(place) = &subjects.place {
        refuse(tx.find_failures(&place.address).await?, config.address_failures_max, config, now)?;
        refuse(tx.find_failures(&subjects.account).await?, config.account_failures_anywhere_max, config, now)?;
    }
    Ok(tight.is_some())
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
    if let Some(place) = &subjects.place {
        tx.count_failure(&place.pair, horizon, now).await?;
        tx.count_failure(&place.address, horizon, now).await?;
    }
    Ok(())
}

/// Forgets the failures of the account from here, which has just been logged in to. Those of the address stay: who has an
/// account of his own must not be able to wash off his tries at others'. Those from elsewhere stay too.
///
/// # Errors
/// The store's.
pub async fn forgive(tx: &mut impl AttemptStore, subjects: &Subjects) -> Result<(), IdentityError> {
    Ok(tx.clear_failures(subjects.tight()).await?)
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
        let subject = |address: &str| Subjects::new(&email, Some(address.parse().unwrap())).place.unwrap().address;
        assert_eq!(subject("192.0.2.1"), "address:192.0.2.1");
        assert_eq!(subject("::ffff:192.0.2.1"), "address:192.0.2.1");
        assert_eq!(subject("2001:db8:1:2:3:4:5:6"), "address:2001:db8:1:2::");
        let other = Email::parse("ada@X.IO").unwrap();
        assert_eq!(Subjects::new(&email, None), Subjects::new(&other, None));
        assert!(!Subjects::new(&email, None).account.contains("ada"));
    }
}
