//! How refusals look. `docs/ledger.md` has the table.

use actix_web::http::StatusCode;
use rialto_ledger::{
    Command, LedgerError,
    access::{AccessError, GroupRefused},
};

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
        AccessError::ManagedAccount(_) => Problem::conflict("account-managed", said),
        AccessError::Managed(_) => Problem::conflict("hold-managed", said),
        AccessError::Ledger(error) => ledger_refusal(error, place),
    }
}

fn ledger_refusal(error: LedgerError, place: &str) -> Problem {
    let said = error.to_string();
    match error {
        LedgerError::AmountZero => Problem::invalid(format!("{place}.amount"), "must be at least 1"),
        LedgerError::TextInvalid(_) => Problem::invalid(format!("{place}.memo"), said),
        LedgerError::TimeOutOfRange(field) => Problem::invalid(format!("{place}.{field}"), said),
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

/// Why a batch is refused as a whole. Over HTTP it is always one transaction: only when that one is in doubt may any of it
/// have been done.
pub fn batch_failure(error: LedgerError) -> Problem {
    let detail = "It is not known whether this was done. Send it again with the same ids: what was made is answered, and not \
                  made twice.";
    ledger_refusal(error, "body").in_doubt(None, detail)
}

/// What the answer to `command` would have named, in case it is lost.
#[derive(Debug)]
pub struct InDoubt {
    id: Option<String>,
    detail: &'static str,
}

impl InDoubt {
    /// Takes the id before the command is given away. It may be one that the caller has never seen.
    pub fn of(command: &Command) -> Self {
        let id = match command {
            Command::Transfer(new) => new.id.to_string(),
            Command::Reverse(new) => new.id.to_string(),
            Command::Hold(new) => new.id.to_string(),
            Command::Post { .. } | Command::Void(_) => {
                let detail =
                    "It is not known whether this was done. Send it again: a hold ends once, and what was done is answered.";
                return Self { id: None, detail };
            }
        };
        let detail = "It is not known whether this was done. Send it again with this id and the same fields: what was done is \
                      answered, and not done twice. Without the id it would be something new.";
        Self { id: Some(id), detail }
    }

    /// Says so, if that is what `problem` is about.
    pub fn tell(self, problem: Problem) -> Problem {
        problem.in_doubt(self.id, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use rialto_kernel::{AccountId, Amount};
    use rialto_ledger::{HoldId, NewHold, NewReversal, NewTransfer, TransferId};
    use rialto_store::StoreError;
    use serde_json::{Value, json};

    use super::*;

    fn told(problem: &Problem) -> Value {
        serde_json::to_value(problem.body(None)).unwrap()
    }

    #[test]
    fn what_is_in_doubt_is_named_so_that_it_is_not_paid_twice() {
        let (a, b, amount) = (AccountId::new(), AccountId::new(), Amount::new(1).unwrap());
        let (transfer, hold) = (TransferId::new(), HoldId::new());
        let commands = [
            (Command::Transfer(NewTransfer::new(transfer, a, b, amount)), json!(transfer)),
            (Command::Hold(NewHold::new(hold, a, b, amount)), json!(hold)),
            (Command::Reverse(NewReversal { id: transfer, transfer: TransferId::new(), memo: None }), json!(transfer)),
            (Command::Post { hold, amount: None }, Value::Null),
            (Command::Void(hold), Value::Null),
        ];
        for (command, id) in commands {
            let refused = |error: StoreError| {
                let problem = refusal(AccessError::Ledger(LedgerError::Store(error)), "body");
                told(&InDoubt::of(&command).tell(problem))
            };
            let lost = refused(StoreError::Unknown("silence".into()));
            assert_eq!((&lost["status"], &lost["type"], &lost["id"]), (&json!(503), &json!("outcome-unknown"), &id));
            assert!(lost["detail"].as_str().unwrap().contains("Send it again"), "{lost}");
            let nothing = refused(StoreError::Timeout);
            assert_eq!((&nothing["type"], &nothing["id"]), (&json!("database-unavailable"), &Value::Null));
        }
    }

    #[test]
    fn a_batch_that_was_not_done_is_not_in_doubt() {
        let kind = |error| told(&batch_failure(LedgerError::Store(error)))["type"].clone();
        for nothing in [StoreError::Timeout, StoreError::Again("deadlock".into()), StoreError::Unavailable("away".into())] {
            assert_eq!(kind(nothing), "database-unavailable");
        }
        let lost = told(&batch_failure(LedgerError::Store(StoreError::Unknown("silence".into()))));
        assert_eq!(lost["type"], "outcome-unknown");
        assert!(lost["detail"].as_str().unwrap().contains("same ids"), "{lost}");
    }
}
