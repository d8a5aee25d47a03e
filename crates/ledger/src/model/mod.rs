//! Accounts, transfers with their entries, and holds.

mod account;
mod hold;
mod metadata;
mod transfer;

pub use account::{Account, AccountState, Code, NewAccount, Overdraft};
pub use hold::{Held, Hold, HoldState, NewHold};
pub use metadata::{Metadata, MetadataError};
use rialto_kernel::{Id, nouns};
pub use transfer::{Balanced, Balancing, Entry, Kind, NewReversal, NewTransfer, Posted, Posting, Side, Transfer};

/// The id of a transfer, chosen by whoever asks for it: the same id never moves money twice.
pub type TransferId = Id<nouns::Transfer>;
/// The id of a hold, chosen by whoever asks for it.
pub type HoldId = Id<nouns::Hold>;
/// The id of what several transfers have in common.
pub type ReferenceId = Id<nouns::Reference>;
