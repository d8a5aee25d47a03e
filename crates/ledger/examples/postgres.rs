//! Books in PostgreSQL, and money that moves together with rows of one's own:
//! `cargo run -p rialto-ledger --example postgres postgres://user@127.0.0.1/name`.
//!
//! Several processes may do so at once. An order and its payment are written in one transaction: neither is there without
//! the other, whatever happens in between.
#![expect(clippy::print_stdout, reason = "it is an example to be watched")]

use std::{env, error::Error};

use rialto_kernel::{Amount, Asset};
use rialto_ledger::{Code, House, Ledger, LedgerError, NewAccount, NewTransfer, TransferId, transfer};
use rialto_store::Tx;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("say where: postgres://user@host/name")?;
    let ledger = Ledger::open(&url).await?;
    let create = "CREATE TABLE IF NOT EXISTS example_orders (id bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL)";
    ledger.books().write(async move |tx: &mut Tx| tx.batch(create).await).await?;

    let buyer = ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("buyer"))).await?.id;
    let shop = ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("shop"))).await?.id;
    let issuance = House::Issuance.account(Asset::CREDIT);
    ledger.transfer(NewTransfer::new(TransferId::new(), issuance, buyer, Amount::new(50)?)).await?;

    for price in [30, 30] {
        let (id, price, now) = (TransferId::new(), Amount::new(price)?, ledger.clock().now());
        let bought = ledger.books().write(async move |tx: &mut Tx| {
            tx.batch("INSERT INTO example_orders (what) VALUES ('a lamp')").await?;
            // Refused: the order is undone with it.
            transfer(tx, NewTransfer::new(id, buyer, shop, price), now).await
        });
        match bought.await {
            Ok(paid) => println!("a lamp for {price}: the buyer has {} left", paid.debit.balance),
            Err(LedgerError::InsufficientFunds { available, .. }) => println!("no second lamp: {available} are not {price}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
