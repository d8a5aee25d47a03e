//! Books that nobody has touched.

use std::time::Duration;

use rialto_kernel::{Asset, Id};
use rialto_ledger::{
    Balancing, Books, Command, Kind, Ledger, NewHold, NewReversal, NewTransfer, Overdraft,
    memory::Memory,
    seal::{SEAL_MAX, SealStore},
    verify::AuditStore,
};
use rialto_store::{suite, testing::TestDb};

use crate::{amount, at, clock, issuance, metadata, moved, open, rich, seal, verified};

/// All that can happen, and a seal after every few steps.
async fn all_of_it<B>(ledger: Ledger<B>)
where
    B: Books,
    B::Tx: AuditStore + SealStore,
{
    let empty = seal(&ledger).await;
    assert_eq!((empty.seals, empty.head), (0, None));
    assert_eq!(verified(&ledger).await.wrong, None);

    let (a, b) = (open(&ledger).await, open(&ledger).await);
    let filled = moved(&ledger, rich(issuance(), a, 1_000)).await;
    moved(&ledger, NewTransfer { effective_at: Some(at(-90)), ..rich(a, b, 7) }).await;
    let first = seal(&ledger).await;
    assert_eq!((first.seals, first.transfers), (1, 2));
    assert_eq!(seal(&ledger).await.seals, 0, "there is nothing new");

    ledger.clock().advance(Duration::from_secs(1));
    let back = moved(&ledger, rich(a, b, 5)).await;
    ledger.reverse(NewReversal { id: Id::new(), transfer: back, memo: Some("zurück".into()) }).await.unwrap();
    moved(&ledger, NewTransfer { balancing: Some(Balancing::Debit), ..rich(b, a, 50) }).await;
    let odd = metadata(&[("é", "quote \" and \\"), ("\u{1f600}", ""), ("a\u{1}b", "\u{7f}\u{2028}")]);
    moved(&ledger, NewTransfer { metadata: odd, memo: None, kind: Kind(-3), ..rich(a, b, 9) }).await;
    moved(&ledger, NewTransfer::new(Id::new(), a, a, amount(3))).await;
    let aside = NewHold::new(Id::new(), a, b, amount(20));
    let pending = NewHold { id: Id::new(), ..aside.clone() };
    ledger.hold(aside.clone()).await.unwrap();
    ledger.hold(pending).await.unwrap();
    ledger.post(aside.id, Some(amount(11))).await.unwrap();
    let refused = ledger.transfer(NewTransfer::new(Id::new(), b, a, amount(1_000_000))).await;
    assert!(refused.is_err());
    let unsealed = verified(&ledger).await;
    assert_eq!((unsealed.transfers, unsealed.sealed, unsealed.wrong), (8, 2, None));
    assert_eq!(unsealed.head, first.head);

    let second = seal(&ledger).await;
    assert_eq!((second.seals, second.transfers, second.head.unwrap().no), (1, 6, 2));
    let sealed = verified(&ledger).await;
    assert_eq!((sealed.transfers, sealed.sealed, sealed.wrong, sealed.also), (8, 8, None, None));
    assert_eq!(sealed.head, second.head);
    let known = second.head.unwrap();
    let anchors = [first.head.unwrap(), known];
    let anchored = rialto_ledger::verify::verify_with(ledger.books(), &anchors, |_| {}).await.unwrap();
    assert_eq!(anchored.wrong, None);
    assert_ne!(filled, back);
}

async fn are_right(test: &TestDb) {
    all_of_it(Ledger::new(test.db.clone(), clock())).await;
}

suite! { are_right }

#[tokio::test]
async fn are_right_in_memory() {
    all_of_it(Ledger::new(Memory::new(), clock())).await;
}

#[tokio::test]
async fn a_long_journal_is_several_seals() {
    let ledger = Ledger::new(Memory::new(), clock());
    let account = open(&ledger).await;
    let new = rialto_ledger::NewAccount {
        overdraft: Overdraft::Unlimited,
        ..rialto_ledger::NewAccount::new(Asset::CREDIT, rialto_ledger::Code::new("source"))
    };
    let source = ledger.open_account(new).await.unwrap().id;
    let count = i64::from(SEAL_MAX) * 2 + 5;
    let commands = (0..count).map(|_| Command::Transfer(NewTransfer::new(Id::new(), source, account, amount(1)))).collect();
    assert!(ledger.batch(commands).await.unwrap().iter().all(Result::is_ok));
    let sealed = seal(&ledger).await;
    assert_eq!((sealed.seals, sealed.transfers, sealed.head.unwrap().no), (3, count, 3));
    let seen = std::sync::Mutex::new(Vec::new());
    let report = rialto_ledger::verify::verify(ledger.books(), |progress| seen.lock().unwrap().push(progress.percent())).await;
    let report = report.unwrap();
    assert_eq!((report.sealed, report.wrong), (count.unsigned_abs(), None));
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted() && seen.len() > 3 && seen.last() == Some(&100), "{seen:?}");
}
