//! Settlements: what a provider is owed for a period, and that it was paid.
//!
//! - [`settle`] gathers the delivered calls of a half-open period that no settlement has yet; [`settle_more`] goes on, a bounded
//!   number at a time.
//! - [`process`] says that a payment is under way; [`pay`] that it was made, and moves the money in the ledger; [`fail`] that it
//!   will not be, and lets go of the calls ([`release_failed`] goes on).
//!
//! # Invariants
//! 1. A call is part of one settlement at most, however periods overlap and whoever settles at the same time.
//! 2. What a settlement comes to is the sum of what moved for its calls: what was charged, less the commission that was taken of
//!    each, by the rate that it was made with, rounded half to even to a micro-USDC ([`crate::commission::charge`]). So it does not
//!    depend on how calls are divided among settlements.
//! 3. The net of a settlement leaves the provider's account exactly once, in the transaction that makes it `completed`.
//! 4. What is `completed` or `failed` stays so.

mod error;
mod gather;
mod model;
mod outcome;
mod read;
mod store;

pub use error::SettlementError;
pub use gather::{Gathered, USAGE_BATCH, settle, settle_more};
pub use model::{NewSettlement, Provider, Settlement, SettlementFilter, SettlementId, SettlementState, Share};
pub use outcome::{PAYOUT, TEXT_CHARS_MAX, fail, pay, process, release_failed};
pub use read::{find_settlement, list_settlements};
pub use store::{Claim, SettlementStore};
