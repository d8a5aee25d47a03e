//! Seals and verifying: honest books are found right, also while money moves; whatever was changed behind the ledger's back
//! is found, and named.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod honest;
mod odd;
mod races;
mod tamper;

use std::collections::BTreeMap;

use rialto_kernel::{AccountId, Amount, Asset, Clock, Id, Timestamp};
use rialto_ledger::{
    Books, Code, House, Ledger, Metadata, NewAccount, NewTransfer, TransferId,
    seal::{SealStore, Sealed, seal_all},
    verify::{AuditStore, VerifyReport, verify},
};

/// A moment after the migrations.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(4_102_444_800_000_000 + seconds * 1_000_000)
}

fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units).unwrap()
}

fn issuance() -> AccountId {
    House::Issuance.account(Asset::CREDIT)
}

fn metadata(words: &[(&str, &str)]) -> Metadata {
    let words: BTreeMap<String, String> = words.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Metadata::new(words).unwrap()
}

async fn open<B: Books>(ledger: &Ledger<B>) -> AccountId {
    ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("till"))).await.unwrap().id
}

/// A transfer with something in every column.
fn rich(from: AccountId, to: AccountId, n: i64) -> NewTransfer {
    NewTransfer {
        reference: Some(Id::new()),
        memo: Some(format!("movement {n}")),
        metadata: metadata(&[("n", &n.to_string()), ("Größe", "ß – 日本")]),
        ..NewTransfer::new(Id::new(), from, to, amount(n))
    }
}

async fn moved<B: Books>(ledger: &Ledger<B>, new: NewTransfer) -> TransferId {
    ledger.transfer(new).await.unwrap().transfer.id
}

async fn seal<B>(ledger: &Ledger<B>) -> Sealed
where
    B: Books,
    B::Tx: AuditStore + SealStore,
{
    seal_all(ledger.books(), ledger.clock()).await.unwrap()
}

async fn verified<B>(ledger: &Ledger<B>) -> VerifyReport
where
    B: Books,
    B::Tx: AuditStore + SealStore,
{
    verify(ledger.books(), |_| {}).await.unwrap()
}

fn clock() -> Clock {
    Clock::fixed(at(10))
}
