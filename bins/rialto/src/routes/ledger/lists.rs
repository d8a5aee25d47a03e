//! Lists of the ledger, a page at a time.

use actix_web::{HttpResponse, get, web::Data};
use rialto_kernel::AccountId;
use rialto_ledger::history::{self, HistoryError};
use rialto_store::Tx;

use super::{
    dto::{LedgerAccount, LedgerEntry, LedgerHold, LedgerPage, LedgerTransfer},
    query::{AccountsQuery, EntriesQuery, HoldsQuery, TransfersQuery, WhoseQuery, slice},
};
use crate::{
    compose::App,
    http::{Auth, Path, Problem, Query, problem::ProblemBody},
};

/// List accounts
///
/// Your own, those opened first first: wallets, and whatever else was opened for you. Administrators may ask for another
/// owner's, or for all.
#[utoipa::path(
    tag = "Ledger",
    params(AccountsQuery),
    responses(
        (status = 200, description = "The accounts of this page.", body = LedgerPage<LedgerAccount>),
        (status = 403, description = "They are somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/ledger/accounts")]
pub async fn list_ledger_accounts(
    app: Data<App>,
    Auth(caller): Auth,
    query: Query<AccountsQuery>,
) -> Result<HttpResponse, Problem> {
    let everybody = query.all == Some(true) && query.owner_id.is_none();
    let owner = (!everybody).then_some(query.owner_id.unwrap_or(caller.owner));
    match owner {
        Some(owner) => history::check_owner(&caller, owner)?,
        None => history::check_house(&caller)?,
    }
    let (filter, slice) = (query.filter(owner)?, slice(query.limit, query.cursor.as_deref())?);
    let page = app.db.read(async move |tx: &mut Tx| history::accounts(tx, &filter, slice).await).await?;
    Ok(HttpResponse::Ok().json(LedgerPage::of(page, LedgerAccount::from)))
}

/// List an account's entries
///
/// Its history, each entry with the balance after it. `from`, `to` and `reference` are found by indexes, however long the history
/// is; with `side`, `kind`, amounts, and a reference that 10,000 transfers have, a page looks at 10,000 entries, and may come back
/// short, even empty, with a cursor to go on.
/// What is written meanwhile neither repeats an entry nor hides one.
#[utoipa::path(
    tag = "Ledger",
    params(
        ("account_id" = AccountId, Path, description = "The account's id.", example = "0198c0de-0000-7000-8000-000000000010"),
        EntriesQuery,
    ),
    responses(
        (status = 200, description = "The entries of this page.", body = LedgerPage<LedgerEntry>),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/ledger/accounts/{account_id}/entries")]
pub async fn list_ledger_account_entries(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<AccountId>,
    query: Query<EntriesQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, order) = (*path, query.order());
    let (filter, slice) = (query.filter()?, slice(query.limit, query.cursor.as_deref())?);
    let read = async move |tx: &mut Tx| {
        let account = history::read_account(tx, &caller, id).await?;
        let page = history::entries(tx, &account, &filter, order, slice).await?;
        Ok::<_, HistoryError>((account, page))
    };
    let (account, page) = app.db.read(read).await?;
    Ok(HttpResponse::Ok().json(LedgerPage::of(page, |entry| LedgerEntry::of(account.id, account.asset, entry))))
}

/// List the entries of all accounts
///
/// The histories of all accounts of an owner as one list, by time. It takes at most 100 accounts: narrow them by `asset` or
/// `code`, or read each by itself. With `order=asc`, whoever follows the end of the list while money moves may miss an entry: with
/// several replicas one account's may be written later than another's that bears a later time. One account's own list has no such
/// gaps.
#[utoipa::path(
    tag = "Ledger",
    params(WhoseQuery, EntriesQuery),
    responses(
        (status = 200, description = "The entries of this page.", body = LedgerPage<LedgerEntry>),
        (status = 400, description = "These are too many accounts.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "They are somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/ledger/entries")]
pub async fn list_ledger_entries(
    app: Data<App>,
    Auth(caller): Auth,
    whose: Query<WhoseQuery>,
    query: Query<EntriesQuery>,
) -> Result<HttpResponse, Problem> {
    let owner = whose.owner_id.unwrap_or(caller.owner);
    history::check_owner(&caller, owner)?;
    let (which, filter, order) = (whose.filter(owner)?, query.filter()?, query.order());
    let slice = slice(query.limit, query.cursor.as_deref())?;
    let read = async move |tx: &mut Tx| history::owner_entries(tx, &which, &filter, order, slice).await;
    Ok(HttpResponse::Ok().json(LedgerPage::of(app.db.read(read).await?, LedgerEntry::from)))
}

/// List an account's holds
///
/// What is, or was, set aside to leave it or to come in, those made last first.
#[utoipa::path(
    tag = "Ledger",
    params(
        ("account_id" = AccountId, Path, description = "The account's id.", example = "0198c0de-0000-7000-8000-000000000010"),
        HoldsQuery,
    ),
    responses(
        (status = 200, description = "The holds of this page.", body = LedgerPage<LedgerHold>),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/ledger/accounts/{account_id}/holds")]
pub async fn list_ledger_account_holds(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<AccountId>,
    query: Query<HoldsQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, phase) = (*path, query.phase());
    let slice = slice(query.limit, query.cursor.as_deref())?;
    let read = async move |tx: &mut Tx| {
        let account = history::read_account(tx, &caller, id).await?;
        history::holds(tx, &account, phase, slice).await
    };
    Ok(HttpResponse::Ok().json(LedgerPage::of(app.db.read(read).await?, LedgerHold::from)))
}

/// List the transfers of a reference
///
/// All that has it in common, in the order of the journal: those that touch your accounts, or all for administrators.
/// Where others have 10,000 more with it, a page may come back short, with a cursor to go on.
#[utoipa::path(
    tag = "Ledger",
    params(TransfersQuery),
    responses((status = 200, description = "The transfers of this page.", body = LedgerPage<LedgerTransfer>)),
    security(("token" = [])),
)]
#[get("/ledger/transfers")]
pub async fn list_ledger_transfers(
    app: Data<App>,
    Auth(caller): Auth,
    query: Query<TransfersQuery>,
) -> Result<HttpResponse, Problem> {
    let (reference, slice) = (query.reference, slice(query.limit, query.cursor.as_deref())?);
    let page = app.db.read(async move |tx: &mut Tx| history::by_reference(tx, &caller, reference, slice).await).await?;
    Ok(HttpResponse::Ok().json(LedgerPage::of(page, LedgerTransfer::from)))
}
