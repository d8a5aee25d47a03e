//! Books in a file: `cargo run -p rialto-ledger --example sqlite [FILE]`.
//!
//! Run it twice with the same file: the payment has the same id both times, so it is made once.
#![expect(clippy::print_stdout, reason = "it is an example to be watched")]

use std::{env, error::Error};

use rialto_kernel::{AccountId, Amount, Asset};
use rialto_ledger::{Code, House, Ledger, NewAccount, NewTransfer, TransferId, verify::verify};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).unwrap_or_else(|| "books.db".into());
    let ledger = Ledger::open(&format!("sqlite:{file}")).await?;

    // Ids that are the same in every run: of the account, and of the payment.
    let till: AccountId = "0198c0de-0000-7000-8000-000000000001".parse()?;
    let invoice: TransferId = "0198c0de-0000-7000-8000-000000000002".parse()?;
    ledger.open_account(NewAccount { id: till, ..NewAccount::new(Asset::CREDIT, Code::new("till")) }).await?;

    let issuance = House::Issuance.account(Asset::CREDIT);
    let paid = ledger.transfer(NewTransfer::new(invoice, issuance, till, Amount::new(120)?)).await?;
    let word = if paid.existed { "was paid by an earlier run" } else { "is paid now" };
    println!("the invoice {word}; the till has {}", paid.credit.balance);

    // A thousand small ones at once. They share commits, so they share the disk's time.
    let one = Amount::new(1)?;
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (ledger, new) = (ledger.clone(), NewTransfer::new(TransferId::new(), issuance, till, one));
            tokio::spawn(async move { ledger.transfer(new).await })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    println!("and a thousand more: {}", ledger.account(till).await?.balance);

    let report = verify(ledger.books(), |_| {}).await?;
    println!("{} transfers between {} accounts are verified: {:?} is wrong", report.transfers, report.accounts, report.wrong);
    Ok(())
}
