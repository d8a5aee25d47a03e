//! The ledger of this repository: through its handle, which gathers what is asked for at the same time, and by its free
//! functions, each in a transaction of the caller's own.

use std::iter::repeat_with;

use rialto_kernel::{AccountId, Amount, Asset, Clock, Id};
use rialto_ledger::{Code, Command, House, Ledger, LedgerError, NewAccount, NewTransfer, Outcome, Posted, transfer};
use rialto_store::{Db, DbOptions, Tx};

use crate::{
    Result,
    engine::{Books, Engine},
    options::Options,
    place::Place,
    workload::{Answer, Call, OPENING, Workload},
};

/// Accounts opened at once.
const OPENED_AT_ONCE: usize = 500;

/// How the books are read from outside.
const BOOKS: Books = Books {
    transfers: "SELECT COUNT(*) FROM ledger_transfers",
    entries: "SELECT SUM(amount) FROM ledger_entries",
    balances: "SELECT SUM(balance) FROM ledger_accounts WHERE owner_id IS NOT NULL",
    broken: "SELECT COUNT(*) FROM ledger_accounts AS a LEFT JOIN \
         (SELECT account_no, SUM(amount) AS total FROM ledger_entries GROUP BY account_no) AS e ON e.account_no = a.no \
         WHERE a.balance <> COALESCE(e.total, 0)",
};

/// The library, as a program that embeds it would call it.
pub struct Handle {
    ledger: Ledger,
    accounts: Vec<AccountId>,
}

impl Handle {
    fn asked(&self, call: &Call) -> Result<NewTransfer> {
        let account = |place: usize| self.accounts.get(place).copied().ok_or("a call names an account that was not opened");
        Ok(NewTransfer::new(Id::from_uuid(call.id), account(call.debit)?, account(call.credit)?, Amount::new(call.amount)?))
    }
}

/// What the library said, in the words of the load.
fn answer(said: std::result::Result<Posted, LedgerError>) -> Result<Answer> {
    match said {
        Ok(posted) if posted.existed => Ok(Answer::Existed),
        Ok(_) => Ok(Answer::Posted),
        Err(LedgerError::InsufficientFunds { .. }) => Ok(Answer::Refused),
        Err(error) => Err(error.into()),
    }
}

impl Engine for Handle {
    const BOOKS: Books = BOOKS;

    async fn open(place: &Place, workload: &Workload, options: &Options) -> Result<Self> {
        let wanted = DbOptions { connections_max: options.connections, ..DbOptions::default() };
        let db = Db::open(&place.url()?, &wanted).await?;
        db.migrate().await?;
        let ledger = Ledger::new(db, Clock::system());
        let accounts: Vec<AccountId> = repeat_with(Id::new).take(workload.len()).collect();
        for some in accounts.chunks(OPENED_AT_ONCE) {
            let (opened, now) = (some.to_vec(), ledger.clock().now());
            let open = ledger.books().write(async move |tx: &mut Tx| {
                for id in &opened {
                    let new = NewAccount { id: *id, ..NewAccount::owned_by(Id::new(), Asset::CREDIT, Code::ESCROW) };
                    rialto_ledger::open_account(tx, new, now).await?;
                }
                Ok::<_, LedgerError>(())
            });
            open.await?;
            let source = House::Issuance.account(Asset::CREDIT);
            let opening = Amount::new(OPENING)?;
            let fund = |account: &AccountId| Command::Transfer(NewTransfer::new(Id::new(), source, *account, opening));
            for funded in ledger.batch(some.iter().map(fund).collect()).await? {
                funded?;
            }
        }
        Ok(Self { ledger, accounts })
    }

    async fn transfer(&self, call: &Call) -> Result<Answer> {
        answer(self.ledger.transfer(self.asked(call)?).await)
    }

    async fn batch(&self, calls: &[Call]) -> Result<Vec<Answer>> {
        let commands = calls.iter().map(|call| self.asked(call).map(Command::Transfer)).collect::<Result<Vec<_>>>()?;
        let said = self.ledger.batch(commands).await?;
        said.into_iter().map(|outcome| answer(outcome.and_then(Outcome::into_posted))).collect()
    }
}

/// The library inside the caller's own transactions: what a program does that has rows of its own to write with the money.
pub struct InTransactions(Handle);

impl Engine for InTransactions {
    const BOOKS: Books = BOOKS;

    async fn open(place: &Place, workload: &Workload, options: &Options) -> Result<Self> {
        Ok(Self(Handle::open(place, workload, options).await?))
    }

    async fn transfer(&self, call: &Call) -> Result<Answer> {
        let (new, now) = (self.0.asked(call)?, self.0.ledger.clock().now());
        answer(self.0.ledger.books().write(async move |tx: &mut Tx| transfer(tx, new.clone(), now).await).await)
    }
}
