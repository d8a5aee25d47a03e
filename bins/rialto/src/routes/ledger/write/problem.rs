//! How refusals look. `docs/ledger.md` has the table.

use actix_web::http::StatusCode;
use rialto_ledger::{
    LedgerError,
    access::{AccessError, GroupRefused},
};
use rialto_store::StoreError;

use crate::http::Problem;

/// Why what stands at `place` of the request (`body`, `body.transfers[3]`) is refused.
pub fn refusal(error: AccessError, place: &str) -> Problem {
    let said = error.to_string();
    match error {
        AccessError::KindReserved(_) => Problem::invalid(format!("{place}.kind"), said),
        AccessError::NotYours(_)
        | AccessError::House(_)
        | AccessError::Backdated
        | AccessError::Balancing(_)
        | AccessError::Reversal
        | AccessError::NotYourHold(_) => Problem::forbidden(said),
        AccessError::Managed(_) => Problem::conflict("hold-managed", said),
        AccessError::Ledger(error) => ledger_refusal(error, place),
    }
}

fn ledger_refusal(error: LedgerError, place: &str) -> Problem {
    let said = error.to_string();
    match error {
        LedgerError::AmountZero => Problem::invalid(format!("{place}.amount"), "must be at least 1"),
        LedgerError::TextInvalid(_) => Problem::invalid(format!("{place}.memo"), said),
        LedgerError::EffectiveInFuture => Problem::invalid(format!("{place}.effective_at"), said),
        LedgerError::IdMismatch(_) => Problem::conflict("id-mismatch", said),
        LedgerError::HoldUnknown(_) | LedgerError::TransferUnknown(_) | LedgerError::AccountUnknown { .. } => {
            Problem::not_found(said)
        }
        LedgerError::HoldResolved { .. } => Problem::conflict("hold-resolved", said),
        LedgerError::HoldExpired(_) => Problem::conflict("hold-expired", said),
        LedgerError::HoldExceeded { .. } => Problem::bad_request("hold-exceeded", said),
        LedgerError::IsReversal(_) => Problem::conflict("is-reversal", said),
        LedgerError::AlreadyReversed { .. } => Problem::conflict("already-reversed", said),
        LedgerError::AssetMismatch { .. } => Problem::bad_request("asset-mismatch", said),
        LedgerError::AccountNotOpen { .. } => Problem::conflict("account-not-open", said),
        LedgerError::InsufficientFunds { .. } => Problem::new(StatusCode::PAYMENT_REQUIRED, "insufficient-funds", said),
        // How much more it takes is for its owner to know, who need not be the one that asks.
        LedgerError::CreditsExceedDebits { account, .. } => {
            Problem::bad_request("credits-exceed-debits", format!("the account {account} may not go above zero"))
        }
        LedgerError::BalanceOutOfRange(_) => Problem::bad_request("balance-out-of-range", said),
        LedgerError::AccountNotEmpty(_) => Problem::conflict("account-not-empty", said),
        LedgerError::Store(error) => error.into(),
    }
}

/// Why a group is refused, and which member of it first.
pub fn group_refusal(GroupRefused { index, source }: GroupRefused, place: &str) -> Problem {
    refusal(source, &format!("{place}[{index}]"))
}

/// A batch is several transactions: when the store fails, some of them may have been.
pub fn batch_failure(error: LedgerError) -> Problem {
    match error {
        LedgerError::Store(
            error @ (StoreError::Unavailable(_) | StoreError::Timeout | StoreError::Again(_) | StoreError::Unknown(_)),
        ) => {
            tracing::warn!(%error, "a batch of transfers broke off");
            let detail =
                "Some of these transfers may have been made. Repeat the batch with the same ids: what was made is answered.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown", detail).retry_after(1)
        }
        error => ledger_refusal(error, "body"),
    }
}
