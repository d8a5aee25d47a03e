//! The nouns of settlements.

use rialto_kernel::{Amount, Id, MoneyError, OwnerId, Timestamp, nouns, words};

/// The id of a settlement.
pub type SettlementId = Id<nouns::Settlement>;

words! {
    /// How far a settlement has come.
    SettlementState {
        /// It says what is owed.
        Pending = "pending",
        /// Somebody is paying it.
        Processing = "processing",
        /// It was paid.
        Completed = "completed",
        /// It was not, and its calls may be settled by another one.
        Failed = "failed",
    }
}

impl SettlementState {
    /// Whether it can still be paid, or fail.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }
}

/// Somebody who is paid for calls of its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Who.
    pub owner: OwnerId,
    /// What it is called.
    pub name: String,
}

/// A settlement to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSettlement {
    /// Whose calls.
    pub provider: Provider,
    /// Calls that ended at this moment or later …
    pub from: Timestamp,
    /// … and before this one.
    pub to: Timestamp,
}

/// What some calls come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// How many calls.
    pub calls: i64,
    /// What they cost, in micro-USDC.
    pub gross: Amount,
    /// What the house took of it.
    pub commission: Amount,
}

impl Share {
    /// What is left for the provider.
    #[must_use]
    pub fn net(&self) -> Amount {
        // No commission is more than what it is taken of.
        self.gross.minus(self.commission).unwrap_or_default()
    }

    /// Both together.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        let (gross, commission) = (self.gross.plus(other.gross)?, self.commission.plus(other.commission)?);
        Ok(Self { calls: self.calls.saturating_add(other.calls), gross, commission })
    }
}

/// What a provider is owed for a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Its id.
    pub id: SettlementId,
    /// Who is owed.
    pub provider: Provider,
    /// Calls that ended at this moment or later …
    pub from: Timestamp,
    /// … and before this one.
    pub to: Timestamp,
    /// How far it has come.
    pub state: SettlementState,
    /// What it comes to.
    pub share: Share,
    /// What the payment is called where it was made; of a completed one only.
    pub payment_tx: Option<String>,
    /// Why it failed; of a failed one only.
    pub failure: Option<String>,
    /// Whether a failed one still has calls to let go of.
    pub is_releasing: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Which settlements are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SettlementFilter {
    /// Of this provider; `None` for as many as the caller may see.
    pub provider: Option<OwnerId>,
    /// In this state.
    pub state: Option<SettlementState>,
}
