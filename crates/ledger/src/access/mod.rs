//! Who may do what: the ledger for callers who are not trusted.
//!
//! The ledger itself asks nobody. Between it and the world stands a [`Teller`], or inside a transaction of one's own
//! [`batch`], which check every command against a [`Caller`](rialto_kernel::Caller) before it reaches the ledger:
//!
//! - Paying out of an account, or setting its money aside, takes its owner (not a viewer) or an admin.
//! - Paying into an account takes nothing, if it is somebody's. The accounts of the house are for admins.
//! - The balances that calls are paid from and to ([`crate::balance`]) are moved by Rialto, or an admin.
//! - Backdating and reversing take an admin.
//! - Balancing by the account that is paid tells how far below zero it is, and so takes somebody who may read it.
//! - A hold is posted by its payer or an admin, and voided by its payer, its payee or an admin.
//! - Holds that Rialto itself made (their kind says so) are Rialto's to end: a buyer who could void the hold of a running
//!   call would be served for nothing. Nobody ends them here, not even an admin.
//! - Kinds that mean something to Rialto cannot be chosen, except for [`kind::TRANSFER`](crate::wallet::kind::TRANSFER).
//!
//! What is checked never changes (whose an account is, what a hold was made for), so it may be read before the ledger
//! decides, and be remembered.

mod rights;
mod store;
mod teller;

use rialto_kernel::{AccountId, Caller, OwnerId, Timestamp};
use rialto_store::StoreError;
pub use rights::{Rights, Standing};
pub use store::AccessStore;
pub use teller::Teller;

use crate::{Command, GroupError, HoldId, Kind, LedgerError, Outcome, wallet::kind};

/// Whether `caller` may look at an account of `owner`, or (`None`) of the house.
#[must_use]
pub fn may_read(caller: &Caller, owner: Option<OwnerId>) -> bool {
    owner.map_or_else(|| caller.is_admin(), |owner| caller.may_read(owner))
}

/// Why a caller is refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The kind is one of Rialto's own.
    #[error("kinds below {} are Rialto's own", Kind::OWN.0)]
    KindReserved(Kind),
    /// The account that pays is somebody else's, or the caller may only read.
    #[error("only its owner may take money out of the account {0}")]
    NotYours(AccountId),
    /// The account belongs to the house.
    #[error("the account {0} belongs to the house")]
    House(AccountId),
    /// The account is a balance that Rialto keeps: deposits fill it, calls and settlements move it.
    #[error("the account {0} is moved by deposits, calls and settlements alone")]
    ManagedAccount(AccountId),
    /// Only an admin says when a transfer counts from.
    #[error("backdating takes an administrator")]
    Backdated,
    /// How much moves would tell what is in an account that the caller may not read.
    #[error("only its owner may have the account {0} balanced")]
    Balancing(AccountId),
    /// Only an admin takes transfers back.
    #[error("reversing takes an administrator")]
    Reversal,
    /// The caller is neither the payer nor, where that would do, the payee.
    #[error("the hold {0} belongs to somebody else")]
    NotYourHold(HoldId),
    /// Rialto made the hold, and ends it.
    #[error("the hold {0} was made by Rialto, which ends it")]
    Managed(HoldId),
    /// The ledger refused, or what was named does not exist.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<StoreError> for AccessError {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error.into())
    }
}

/// A linked group was refused, and with it all of its members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("member {index} of the group was refused")]
pub struct GroupRefused {
    /// Which member was refused first, from 0.
    pub index: usize,
    /// Why.
    pub source: AccessError,
}

impl From<GroupError> for GroupRefused {
    fn from(GroupError { index, source }: GroupError) -> Self {
        Self { index, source: source.into() }
    }
}

/// What each of several groups came to, in their order.
pub type GroupResults = Vec<Result<Vec<Outcome>, GroupRefused>>;

/// Whether a caller may give a movement this kind.
#[must_use]
pub fn may_choose(kind: Kind) -> bool {
    kind.0 >= Kind::OWN.0 || kind == kind::TRANSFER
}

/// Does each of `groups` for `caller`, as [`crate::batch`] does: those that the caller may have done.
///
/// # Errors
/// [`LedgerError::Store`], and then none of them happened.
pub async fn batch(
    tx: &mut impl AccessStore,
    caller: &Caller,
    groups: &[Vec<Command>],
    now: Timestamp,
) -> Result<GroupResults, LedgerError> {
    let rights = Rights::load(tx, groups.iter().flatten()).await?;
    let (allowed, pending) = rights.sort_out(caller, groups.to_vec());
    let results = if allowed.is_empty() { Vec::new() } else { crate::batch(tx, &allowed, now).await? };
    Ok(fill_in(pending, results))
}

/// Does one command for `caller`, in a transaction of one's own.
///
/// # Errors
/// [`AccessError`]; the rights are looked at first, then the rules of the ledger.
pub async fn run(tx: &mut impl AccessStore, caller: &Caller, command: Command, now: Timestamp) -> Result<Outcome, AccessError> {
    Rights::load(tx, [&command]).await?.check(caller, &command)?;
    let mut outcomes = crate::group(tx, &[command], now).await.map_err(LedgerError::from)?;
    outcomes.pop().ok_or_else(|| StoreError::Corrupt("a command without an outcome".into()).into())
}

/// Puts what the ledger said of the allowed groups in their places.
fn fill_in(pending: Vec<Option<GroupRefused>>, results: Vec<Result<Vec<Outcome>, GroupError>>) -> GroupResults {
    let mut results = results.into_iter();
    let missing = || GroupError::from(StoreError::Corrupt("a group without a result".into()));
    let place = |refused: Option<GroupRefused>| match refused {
        Some(refused) => Err(refused),
        None => results.next().unwrap_or_else(|| Err(missing())).map_err(GroupRefused::from),
    };
    pending.into_iter().map(place).collect()
}
