//! Looking at one account, one transfer, one hold.

use actix_web::{HttpResponse, get, web::Data};
use rialto_kernel::AccountId;
use rialto_ledger::{HoldId, TransferId, history};
use rialto_store::Tx;

use super::dto::{LedgerAccount, LedgerHold, LedgerTransfer};
use crate::{
    compose::App,
    http::{Auth, Path, Problem, problem::ProblemBody},
};

/// Read an account
///
/// Its balance now, and what is held. For its owner and administrators. The id of a wallet is the id of its account.
#[utoipa::path(
    tag = "Ledger",
    params(("account_id" = AccountId, Path, description = "The account's id.", example = "0198c0de-0000-7000-8000-000000000010")),
    responses(
        (status = 200, description = "The account.", body = LedgerAccount),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/ledger/accounts/{account_id}")]
pub async fn read_ledger_account(app: Data<App>, Auth(caller): Auth, path: Path<AccountId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let account = app.db.read(async move |tx: &mut Tx| history::read_account(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(LedgerAccount::from(account)))
}

/// Read a transfer
///
/// For the owners of both its accounts, and administrators. Each sees the balance of its own account.
#[utoipa::path(
    tag = "Ledger",
    params(("transfer_id" = TransferId, Path, description = "The transfer's id.", example = "0198c0de-0000-7000-8000-000000000030")),
    responses(
        (status = 200, description = "The transfer.", body = LedgerTransfer),
        (status = 403, description = "It is between others.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such transfer.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/ledger/transfers/{transfer_id}")]
pub async fn read_ledger_transfer(app: Data<App>, Auth(caller): Auth, path: Path<TransferId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let transfer = app.db.read(async move |tx: &mut Tx| history::read_transfer(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(LedgerTransfer::from(transfer)))
}

/// Read a hold
///
/// For the owners of both its accounts, and administrators.
#[utoipa::path(
    tag = "Ledger",
    params(("hold_id" = HoldId, Path, description = "The hold's id.", example = "0198c0de-0000-7000-8000-000000000040")),
    responses(
        (status = 200, description = "The hold.", body = LedgerHold),
        (status = 403, description = "It is between others.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such hold.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/ledger/holds/{hold_id}")]
pub async fn read_ledger_hold(app: Data<App>, Auth(caller): Auth, path: Path<HoldId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let hold = app.db.read(async move |tx: &mut Tx| history::read_hold(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(LedgerHold::from(hold)))
}
