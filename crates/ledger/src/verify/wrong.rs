//! What can be wrong.

use rialto_kernel::{AccountId, Timestamp};

use crate::{
    model::{HoldId, TransferId},
    seal::{Digest, SealHash},
};

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// An entry does not follow from the one before it.
    #[error("account {account}, entry {seq} (transfer {transfer}): the balance after it is {found}, and should be {expected}")]
    Entry {
        /// Of which account.
        account: AccountId,
        /// Which entry.
        seq: i64,
        /// Which transfer.
        transfer: TransferId,
        /// What should stand there.
        expected: i64,
        /// What stands there.
        found: i64,
    },
    /// An entry is missing, or there is one too many.
    #[error("account {account}: after entry {expected_after} comes entry {found} (transfer {transfer})")]
    Sequence {
        /// Of which account.
        account: AccountId,
        /// The last good entry.
        expected_after: i64,
        /// The number of the next one.
        found: i64,
        /// Its transfer.
        transfer: TransferId,
    },
    /// An entry was created before the one that it follows: one of the two times was changed.
    #[error("account {account}, entry {seq} (transfer {transfer}): it was created at {found}, the entry before it at {before}")]
    Time {
        /// Of which account.
        account: AccountId,
        /// Which entry.
        seq: i64,
        /// Which transfer.
        transfer: TransferId,
        /// When the entry before it was created.
        before: Timestamp,
        /// When it was created.
        found: Timestamp,
    },
    /// A transfer names an account that is not there.
    #[error("transfer {0} is between accounts that are not there")]
    Stray(TransferId),
    /// The history of an account leads elsewhere than to a transfer that is part of it.
    #[error("transfer {0} is not where the histories of its accounts say")]
    Misfiled(TransferId),
    /// A transfer moved one asset into another.
    #[error("transfer {0} is between accounts of different assets")]
    Assets(TransferId),
    /// An account's figures are not what its entries come to.
    #[error("account {account}: balance {balance} after {entries} entries, but there are {found_entries} that come to {found}")]
    Balance {
        /// Which account.
        account: AccountId,
        /// Its balance.
        balance: i64,
        /// How many entries it claims.
        entries: i64,
        /// What the entries come to.
        found: i64,
        /// How many there are.
        found_entries: i64,
    },
    /// An account's holds are not what its pending holds come to.
    #[error("account {account}: held {held:?} (out, in), but its pending holds come to {found:?}")]
    Held {
        /// Which account.
        account: AccountId,
        /// What it claims.
        held: (i64, i64),
        /// What its holds come to.
        found: (i64, i64),
    },
    /// A row makes no sense: the ledger cannot have written it so.
    #[error("{table}, number {no}: the row makes no sense")]
    Unreadable {
        /// Of which table.
        table: &'static str,
        /// Its number there.
        no: i64,
    },
    /// The history of an account has pages beyond its end, or there is no such account.
    #[error("account number {no}: its history has pages that it should not have")]
    Pages {
        /// The account's number.
        no: i64,
    },
    /// A hold names an account that is not there.
    #[error("hold {0} is between accounts that are not there")]
    HoldStray(HoldId),
    /// A hold says that it was posted, and no transfer of that amount between its accounts is the one that it names; or it is
    /// in no state that there is.
    #[error("hold {0} does not say how it ended: no transfer of that amount between its accounts is the one that it names")]
    Hold(HoldId),
    /// The accounts of an asset do not sum to zero.
    #[error("the accounts in {asset} sum to {sum}")]
    Sum {
        /// The code of which asset.
        asset: String,
        /// What they sum to.
        sum: i128,
    },
    /// A transfer, or the id of one of its accounts, is not what it was when it was sealed.
    #[error(
        "transfer {transfer} (number {no}) was changed after seal {seal} was made: its digest was {expected}, and is {found}"
    )]
    Changed {
        /// Which transfer.
        transfer: TransferId,
        /// Its place in the journal.
        no: i64,
        /// The seal over it.
        seal: i64,
        /// Its digest when it was sealed.
        expected: Digest,
        /// Its digest now.
        found: Digest,
    },
    /// A transfer stands in a sealed range that was not there when it was sealed.
    #[error("transfer {transfer} (number {no}) was put in after seal {seal} was made (digest {found})")]
    Extra {
        /// Which transfer.
        transfer: TransferId,
        /// Its place in the journal.
        no: i64,
        /// The seal of that range.
        seal: i64,
        /// Its digest.
        found: Digest,
    },
    /// A transfer that was sealed is gone. Who has an export of the journal finds it there by its digest.
    #[error("a transfer with the digest {expected} was taken out after seal {seal} was made; it stood {}", between(*.after, *.before))]
    Missing {
        /// The digest of the one that is gone.
        expected: Digest,
        /// The seal over it.
        seal: i64,
        /// What stands before the hole.
        after: Option<TransferId>,
        /// What stands behind the hole, within the same seal.
        before: Option<TransferId>,
    },
    /// A seal is not the seal of what is there: it was changed itself.
    #[error("seal {no} was changed: its hash is {found}, and should be {expected}")]
    Seal {
        /// Which seal.
        no: i64,
        /// What the hash of all that it covers is.
        expected: SealHash,
        /// What it says.
        found: SealHash,
    },
    /// The eight bytes that a seal keeps of each transfer were changed; what it covers was not.
    #[error("seal {no}: its digests were changed; the transfers that it covers were not")]
    Digests {
        /// Which seal.
        no: i64,
    },
    /// A seal does not follow from the one before it.
    #[error("seal {no} follows a seal with the hash {found}, but the one before it has {expected}")]
    Link {
        /// Which seal.
        no: i64,
        /// The hash of the one before.
        expected: SealHash,
        /// What it says.
        found: SealHash,
    },
    /// A seal is gone from the chain.
    #[error("seal {0} is missing")]
    SealMissing(i64),
    /// A seal does not have the hash that was kept elsewhere: the chain was written anew, or cut off.
    #[error("seal {no} has {}, and once had the hash {expected}", .found.map_or_else(|| "been taken out".to_owned(), |hash| format!("the hash {hash}")))]
    Anchor {
        /// Which seal.
        no: i64,
        /// The hash that was kept.
        expected: SealHash,
        /// The hash that it has now.
        found: Option<SealHash>,
    },
}

fn between(after: Option<TransferId>, before: Option<TransferId>) -> String {
    match (after, before) {
        (Some(after), Some(before)) => format!("between transfers {after} and {before}"),
        (Some(after), None) => format!("behind transfer {after}"),
        (None, Some(before)) => format!("before transfer {before}"),
        (None, None) => "alone in its seal".to_owned(),
    }
}
