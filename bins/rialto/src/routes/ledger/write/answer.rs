//! What is answered. A balance is told to those who may read the account.

use actix_web::http::StatusCode;
use rialto_kernel::{AccountId, Amount, Caller};
use rialto_ledger::{
    Account, Held, LedgerError, Outcome, Posted, TransferId,
    access::{GroupRefused, GroupResults, may_read},
    history::{HoldView, TransferView},
};
use rialto_store::StoreError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    super::dto::{LedgerHold, LedgerTransfer},
    batch::LedgerTransferBatch,
    problem::{group_refusal, refusal},
};
use crate::http::{Problem, problem::ProblemBody};

/// What an account has, after a movement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "account_id": "0198c0de-0000-7000-8000-000000000010", "posted": 475, "held_out": 50, "held_in": 0, "available": 425,
}))]
pub struct LedgerFigures {
    /// Which account.
    pub account_id: AccountId,
    /// What is in it, what is held included.
    pub posted: i64,
    /// What pending holds will take.
    pub held_out: Amount,
    /// What pending holds will bring.
    pub held_in: Amount,
    /// What can be spent.
    pub available: i64,
}

fn figures(caller: &Caller, account: &Account) -> Option<LedgerFigures> {
    may_read(caller, account.owner).then(|| LedgerFigures {
        account_id: account.id,
        posted: account.balance,
        held_out: account.held_out,
        held_in: account.held_in,
        available: account.available(),
    })
}

/// An answer that says by itself whether something was made.
pub trait Made: Serialize + Sized + 'static {
    /// What `outcome` looks like to `caller`.
    ///
    /// # Errors
    /// When it is the outcome of something else.
    fn of(caller: &Caller, outcome: Outcome) -> Result<Self, LedgerError>;

    /// 201 when something was made, 200 when it had been.
    fn status(&self) -> StatusCode;
}

const fn created(existed: bool) -> StatusCode {
    if existed { StatusCode::OK } else { StatusCode::CREATED }
}

/// What a transfer came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerTransferAnswer {
    /// Whether it had been made before, and nothing was done now.
    pub existed: bool,
    /// The transfer.
    pub transfer: LedgerTransfer,
    /// What the account that paid has now; only for those who may read it.
    pub debit_account: Option<LedgerFigures>,
    /// What the account that was paid has now; only for those who may read it.
    pub credit_account: Option<LedgerFigures>,
}

impl Made for LedgerTransferAnswer {
    fn of(caller: &Caller, outcome: Outcome) -> Result<Self, LedgerError> {
        let Posted { transfer, debit, credit, existed } = outcome.into_posted()?;
        let (sees_debit, sees_credit) = (may_read(caller, debit.owner), may_read(caller, credit.owner));
        let view = TransferView { transfer, asset: debit.asset, sees_debit, sees_credit };
        let (debit_account, credit_account) = (figures(caller, &debit), figures(caller, &credit));
        Ok(Self { existed, transfer: view.into(), debit_account, credit_account })
    }

    fn status(&self) -> StatusCode {
        created(self.existed)
    }
}

/// What a hold, or giving it back, came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerHoldAnswer {
    /// Whether it had been done before, and nothing was done now.
    pub existed: bool,
    /// The hold.
    pub hold: LedgerHold,
    /// What the account that would pay has now; only for those who may read it.
    pub debit_account: Option<LedgerFigures>,
    /// What the account that would be paid has now; only for those who may read it.
    pub credit_account: Option<LedgerFigures>,
}

impl Made for LedgerHoldAnswer {
    fn of(caller: &Caller, outcome: Outcome) -> Result<Self, LedgerError> {
        let Held { hold, debit, credit, existed } = outcome.into_held()?;
        let (debit_account, credit_account) = (figures(caller, &debit), figures(caller, &credit));
        Ok(Self { existed, hold: HoldView { hold, asset: debit.asset }.into(), debit_account, credit_account })
    }

    fn status(&self) -> StatusCode {
        created(self.existed)
    }
}

/// The same, where nothing is made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
pub struct LedgerVoidAnswer(LedgerHoldAnswer);

impl Made for LedgerVoidAnswer {
    fn of(caller: &Caller, outcome: Outcome) -> Result<Self, LedgerError> {
        LedgerHoldAnswer::of(caller, outcome).map(Self)
    }

    fn status(&self) -> StatusCode {
        StatusCode::OK
    }
}

/// What became of one transfer of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerTransferResult {
    /// The status that it would have had alone: 201, 200 when it had been made before, or the problem's.
    #[schema(example = 201)]
    pub status: u16,
    /// The transfer's id, as it was sent.
    pub id: Option<TransferId>,
    /// What it came to, if it was made.
    pub result: Option<LedgerTransferAnswer>,
    /// Why it was refused, if it was.
    #[schema(value_type = Option<ProblemBody<'static>>)]
    pub problem: Option<Value>,
}

/// What became of one linked group of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerGroupResult {
    /// 201; 200 when all of it had been made before; or the problem's.
    #[schema(example = 201)]
    pub status: u16,
    /// What its transfers came to, in their order; null when it was refused, and none of them was made.
    pub results: Option<Vec<LedgerTransferAnswer>>,
    /// Which of them was refused first, from 0.
    pub refused: Option<usize>,
    /// Why.
    #[schema(value_type = Option<ProblemBody<'static>>)]
    pub problem: Option<Value>,
}

/// What a batch came to, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerBatchAnswer {
    /// Of `transfers`.
    pub results: Vec<LedgerTransferResult>,
    /// Of `groups`.
    pub groups: Vec<LedgerGroupResult>,
}

/// What is answered to one transfer, or to a batch.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the document tells of it; each of the two is answered by itself")]
pub enum LedgerTransfersAnswer {
    /// To one.
    One(Box<LedgerTransferAnswer>),
    /// To a batch.
    Many(LedgerBatchAnswer),
}

fn told(problem: &Problem) -> Result<(u16, Value), LedgerError> {
    let body = serde_json::to_value(problem.body(None)).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok((problem.status().as_u16(), body))
}

impl LedgerBatchAnswer {
    /// What the results of `batch` look like to `caller`.
    ///
    /// # Errors
    /// When they are the results of something else.
    pub fn of(caller: &Caller, batch: &LedgerTransferBatch, results: GroupResults) -> Result<Self, LedgerError> {
        let mut results = results.into_iter();
        let single = batch.transfers.iter().zip(results.by_ref()).enumerate();
        let single = single.map(|(n, (new, result))| one_of(caller, new.id, n, result)).collect::<Result<_, _>>()?;
        let groups = results.enumerate().map(|(n, result)| group_of(caller, n, result)).collect::<Result<_, _>>()?;
        Ok(Self { results: single, groups })
    }
}

fn one_of(
    caller: &Caller,
    id: Option<TransferId>,
    n: usize,
    result: Result<Vec<Outcome>, GroupRefused>,
) -> Result<LedgerTransferResult, LedgerError> {
    match result {
        Ok(mut outcomes) => {
            let missing = || StoreError::Corrupt("a transfer without an outcome".into());
            let answer = LedgerTransferAnswer::of(caller, outcomes.pop().ok_or_else(missing)?)?;
            Ok(LedgerTransferResult { status: answer.status().as_u16(), id, result: Some(answer), problem: None })
        }
        Err(refused) => {
            let (status, problem) = told(&refusal(refused.source, &format!("body.transfers[{n}]")))?;
            Ok(LedgerTransferResult { status, id, result: None, problem: Some(problem) })
        }
    }
}

fn group_of(caller: &Caller, n: usize, result: Result<Vec<Outcome>, GroupRefused>) -> Result<LedgerGroupResult, LedgerError> {
    match result {
        Ok(outcomes) => {
            let answers: Vec<_> =
                outcomes.into_iter().map(|outcome| LedgerTransferAnswer::of(caller, outcome)).collect::<Result<_, _>>()?;
            let status = created(answers.iter().all(|answer| answer.existed)).as_u16();
            Ok(LedgerGroupResult { status, results: Some(answers), refused: None, problem: None })
        }
        Err(refused) => {
            let index = refused.index;
            let (status, problem) = told(&group_refusal(refused, &format!("body.groups[{n}]")))?;
            Ok(LedgerGroupResult { status, results: None, refused: Some(index), problem: Some(problem) })
        }
    }
}
