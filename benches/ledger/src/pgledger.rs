//! pgledger, by its own SQL, which the person who measures brings along.

use std::fs;

use tokio_postgres::{Client, Statement, error::SqlState};

use crate::{
    Result,
    engine::{Books, Engine},
    options::Options,
    place::Place,
    sessions::{Sessions, connect},
    workload::{Answer, Call, OPENING, Workload},
};

/// Accounts funded in one transaction: all are funded from one, whose row gets a new version each time.
const FUNDED_AT_ONCE: usize = 250;

/// A pool of sessions.
pub struct PgLedger {
    sessions: Sessions<(Client, Statement)>,
    accounts: Vec<String>,
}

impl Engine for PgLedger {
    const BOOKS: Books = Books {
        transfers: "SELECT COUNT(*) FROM pgledger_transfers",
        entries: "SELECT SUM(amount) FROM pgledger_entries",
        balances: "SELECT SUM(balance) FROM pgledger_accounts WHERE NOT allow_negative_balance",
        broken: "SELECT COUNT(*) FROM pgledger_accounts AS a LEFT JOIN \
             (SELECT account_id, SUM(amount) AS total FROM pgledger_entries GROUP BY account_id) AS e ON e.account_id = a.id \
             WHERE a.balance <> COALESCE(e.total, 0)",
    };

    async fn open(place: &Place, workload: &Workload, options: &Options) -> Result<Self> {
        let url = place.url()?.reveal();
        let client = connect(&url).await?;
        for path in &options.pgledger {
            let sql = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            client.batch_execute(&sql).await.map_err(|error| format!("{}: {error:?}", path.display()))?;
        }
        let create = "SELECT (pgledger_create_account('bench', 'CREDIT', $1)).id FROM generate_series(1, $2)";
        let count = i32::try_from(workload.accounts)?;
        let source: String = client.query_one(create, &[&true, &1_i32]).await?.try_get(0)?;
        let rows = client.query(create, &[&false, &count]).await?;
        let accounts = rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<Vec<String>, _>>()?;
        let fund = "SELECT COUNT(*) FROM unnest($2::text[]) AS account, \
             LATERAL pgledger_create_transfer($1, account, $3::bigint::numeric)";
        for some in accounts.chunks(FUNDED_AT_ONCE) {
            client.query_one(fund, &[&source, &some, &OPENING]).await?;
        }
        let mut sessions = Vec::new();
        for _ in 0..options.connections {
            let client = connect(&url).await?;
            let transfer = client.prepare("SELECT id FROM pgledger_create_transfer($1, $2, $3::bigint::numeric)").await?;
            sessions.push((client, transfer));
        }
        Ok(Self { sessions: Sessions::new(sessions), accounts })
    }

    async fn transfer(&self, call: &Call) -> Result<Answer> {
        let account = |place: usize| self.accounts.get(place).ok_or("a call names an account that was not opened");
        let (debit, credit) = (account(call.debit)?, account(call.credit)?);
        let lent = self.sessions.take().await?;
        let (client, transfer) = lent.session;
        match client.query_one(transfer, &[debit, credit, &call.amount]).await {
            Ok(_) => Ok(Answer::Posted),
            Err(error) if error.code() == Some(&SqlState::RAISE_EXCEPTION) => Ok(Answer::Refused),
            Err(error) => Err(error.into()),
        }
    }
}
