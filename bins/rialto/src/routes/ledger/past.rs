//! What was there at a time, and over a time.

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, Accept, Header},
    web::Data,
};
use rialto_kernel::AccountId;
use rialto_ledger::history::{self, HistoryError, Period, WholeStatement};
use rialto_store::Tx;

use super::{
    dto::{LedgerBalance, LedgerStatement},
    query::{BalanceQuery, StatementQuery},
};
use crate::{
    compose::App,
    http::{Auth, Path, Problem, Query, problem::ProblemBody},
    sheet,
};

/// The most lines of one statement over HTTP. The command line has no such bound.
const LINES_MAX: usize = 10_000;

/// Read a balance
///
/// What an account has, or had at a moment: posted, held, available. Backdated transfers count from their effective time on,
/// so an answer about the past may change when somebody backdates.
#[utoipa::path(
    tag = "Ledger",
    params(
        ("account_id" = AccountId, Path, description = "The account's id.", example = "0198c0de-0000-7000-8000-000000000010"),
        BalanceQuery,
    ),
    responses(
        (status = 200, description = "The balance.", body = LedgerBalance),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/ledger/accounts/{account_id}/balance")]
pub async fn read_ledger_balance(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<AccountId>,
    query: Query<BalanceQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, at) = (*path, query.at);
    let read = async move |tx: &mut Tx| {
        let account = history::read_account(tx, &caller, id).await?;
        let had = history::balance(tx, &account, at).await?;
        Ok::<_, HistoryError>((account, had))
    };
    let (account, had) = app.db.read(read).await?;
    Ok(HttpResponse::Ok().json(LedgerBalance::of(&account, at.unwrap_or_else(|| app.clock.now()), had)))
}

/// Read a statement
///
/// An account over a period: the balance it began with, every line with the balance after it, the balance it ended with.
/// Lines stand in the order in which they count, backdated ones in their places. As JSON, or as CSV with `Accept: text/csv`,
/// where a text that begins with `=`, `+`, `-` or `@` gets an apostrophe before it, so that no spreadsheet runs it. It has at
/// most 10,000 lines; ask for a shorter period if there are more, or use `rialto ledger statement`.
#[utoipa::path(
    tag = "Ledger",
    params(
        ("account_id" = AccountId, Path, description = "The account's id.", example = "0198c0de-0000-7000-8000-000000000010"),
        StatementQuery,
    ),
    responses(
        (status = 200, description = "The statement.", content((LedgerStatement = "application/json"), (String = "text/csv"))),
        (status = 400, description = "It has too many lines.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/ledger/accounts/{account_id}/statement")]
pub async fn read_ledger_statement(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<AccountId>,
    query: Query<StatementQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (id, period) = (*path, Period::new(query.from, query.to)?);
    let read = async move |tx: &mut Tx| {
        let account = history::read_account(tx, &caller, id).await?;
        history::whole_statement(tx, account.id, period, LINES_MAX).await
    };
    let statement = app.db.snapshot(read).await?;
    if !wants_csv(&request) {
        return Ok(HttpResponse::Ok().json(LedgerStatement::from(statement)));
    }
    let name = format!("attachment; filename=\"statement-{id}.csv\"");
    let sheet = as_csv(&statement).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type("text/csv; charset=utf-8").insert_header((header::CONTENT_DISPOSITION, name)).body(sheet))
}

/// Whether CSV is asked for by name before JSON is.
fn wants_csv(request: &HttpRequest) -> bool {
    let accept = Accept::parse(request).map(|accept| accept.ranked()).unwrap_or_default();
    accept.first().is_some_and(|first| first.essence_str() == "text/csv")
}

fn as_csv(statement: &WholeStatement) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let asset = statement.account.asset;
    writer.write_record(sheet::STATEMENT)?;
    sheet::opening(&mut writer, asset.code(), statement.opening)?;
    for line in &statement.lines {
        sheet::line(&mut writer, asset.code(), line)?;
    }
    sheet::closing(&mut writer, asset.code(), &statement.totals)?;
    writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))
}
