//! A ledger inside a program: `cargo run -p rialto-ledger --example embed`.
//!
//! A courier service holds the fare while the parcel travels, pays it when the parcel is there, and changes dollars into
//! its own credits. Everything is in memory; `sqlite.rs` and `postgres.rs` keep the same books for good.
#![expect(clippy::print_stdout, reason = "it is an example to be watched")]

use std::error::Error;

use rialto_kernel::{Amount, Asset, OwnerId};
use rialto_ledger::{
    Code, Exchange, HoldId, House, Kind, Ledger, LedgerError, Leg, Metadata, NewAccount, NewHold, NewTransfer, Rate, TransferId,
    exchange,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::in_memory();
    let customer = OwnerId::new();
    let credits = ledger.open_account(NewAccount::owned_by(customer, Asset::CREDIT, Code::new("purse"))).await?.id;
    let dollars = ledger.open_account(NewAccount::owned_by(customer, Asset::USDC, Code::new("purse"))).await?.id;
    let courier = ledger.open_account(NewAccount::owned_by(OwnerId::new(), Asset::CREDIT, Code::new("purse"))).await?.id;

    // Money from outside comes from an account of the house that stands for the outside.
    let from_card = House::Purchases.account(Asset::USDC);
    ledger.transfer(NewTransfer::new(TransferId::new(), from_card, dollars, Amount::new(5_000_000)?)).await?;

    // Dollars into credits: two transfers, both or neither.
    let rate = Rate::new(Amount::new(20)?, Amount::new(1_000_000)?)?;
    let sold = Amount::new(4_000_000)?;
    let bought = rate.buy_for(sold)?;
    let change = Exchange {
        sold: Leg { id: TransferId::new(), account: dollars, asset: Asset::USDC, amount: sold },
        bought: Leg { id: TransferId::new(), account: credits, asset: Asset::CREDIT, amount: bought },
        through: House::Issuance,
        kind: Kind::OWN,
        reference: None,
        metadata: Metadata::NONE,
    };
    ledger.group(exchange(change).into()).await?;
    println!("4.00 USDC became {bought} credits, 20 for a dollar");

    // The fare is set aside while the parcel travels. It cannot be spent twice.
    let fare = HoldId::new();
    ledger.hold(NewHold::new(fare, credits, courier, Amount::new(70)?)).await?;
    let account = ledger.account(credits).await?;
    println!("70 are held: the balance is {}, {} are available", account.balance, account.available());
    let refused = ledger.hold(NewHold::new(HoldId::new(), credits, courier, Amount::new(70)?)).await;
    if let Err(LedgerError::InsufficientFunds { available, asked, .. }) = refused {
        println!("a second parcel is refused: {available} available, {asked} asked");
    }

    // It arrived, in two hours less: 50 are paid, the rest is free again. Posting again changes nothing.
    let paid = ledger.post(fare, Some(Amount::new(50)?)).await?;
    let again = ledger.post(fare, Some(Amount::new(50)?)).await?;
    println!("50 are paid: {} and {}; asked again, it existed: {}", paid.debit.balance, paid.credit.balance, again.existed);
    Ok(())
}
