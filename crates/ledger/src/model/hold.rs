//! Holds.

use rialto_kernel::{AccountId, Amount, Timestamp};

use super::{Account, HoldId, Kind, Metadata, ReferenceId, TransferId};

/// Where a hold stands. Only a pending one can change, and only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldState {
    /// The money is set aside.
    Pending,
    /// It was paid, in part or whole; the rest went back.
    Posted {
        /// By which transfer.
        transfer: TransferId,
        /// How much of it.
        amount: Amount,
    },
    /// It went back because somebody said so.
    Voided,
    /// It went back because its time was over.
    Expired,
}

impl HoldState {
    /// The word that the database sees.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Posted { .. } => "posted",
            Self::Voided => "voided",
            Self::Expired => "expired",
        }
    }
}

/// A hold that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// Chosen by the caller: asking again with the same id and the same fields gives the first result.
    pub id: HoldId,
    /// Who will pay.
    pub debit: AccountId,
    /// Who will be paid.
    pub credit: AccountId,
    /// How much at most. Not zero.
    pub amount: Amount,
    /// What the transfer will be.
    pub kind: Kind,
    /// The reference that the transfer will have.
    pub reference: Option<ReferenceId>,
    /// The text that the transfer will have.
    pub memo: Option<String>,
    /// The metadata that the transfer will have.
    pub metadata: Metadata,
    /// When it ends by itself; never if `None`.
    pub expires_at: Option<Timestamp>,
}

impl NewHold {
    /// A plain hold of `amount` that `debit` will pay to `credit`, and that does not end by itself.
    #[must_use]
    pub const fn new(id: HoldId, debit: AccountId, credit: AccountId, amount: Amount) -> Self {
        Self {
            id,
            debit,
            credit,
            amount,
            kind: Kind::OWN,
            reference: None,
            memo: None,
            metadata: Metadata::NONE,
            expires_at: None,
        }
    }
}

/// Money set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What was asked for.
    pub terms: NewHold,
    /// Where it stands.
    pub state: HoldState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
}

impl Hold {
    /// Whether `new` asks for just this hold. Its end is not compared: who asks again asks later, and the first end
    /// stands.
    #[must_use]
    pub fn answers(&self, new: &NewHold) -> bool {
        self.terms == NewHold { expires_at: self.terms.expires_at, ..new.clone() }
    }

    /// Whether its time is over at `now`. From then on it can only be voided, or expire.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.terms.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// What a hold, or its end without a transfer, came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The hold.
    pub hold: Hold,
    /// The account that would pay, after it.
    pub debit: Account,
    /// The account that would be paid, after it.
    pub credit: Account,
    /// Whether it had been done before, and nothing was done now. The accounts are as they are now.
    pub existed: bool,
}
