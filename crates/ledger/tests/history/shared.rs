//! References that more transfers have than a page looks at.

use rialto_kernel::{AccountId, Asset, Caller, CredentialKind, Id, OwnerId, Role};
use rialto_ledger::{
    Books, Code, Command, House, LedgerError, LedgerStore, NewAccount, NewTransfer, ReferenceId, batch,
    history::{
        Cursor, EntryFilter, HistoryError, HistoryStore, Order, Paged, SCAN_MAX, Slice, TransferView, by_reference, entries,
    },
};

use crate::common::{at, move_money, movement, open};

/// Writes `count` transfers of one unit, with a reference or without.
async fn many(books: &impl Books, from: AccountId, to: AccountId, reference: Option<ReferenceId>, count: u32) {
    let mut left = count;
    while left > 0 {
        let some = left.min(4_000);
        left -= some;
        let one = || vec![Command::Transfer(NewTransfer { reference, ..movement(Id::new(), from, to, 1) })];
        let groups: Vec<_> = (0..some).map(|_| one()).collect();
        let write = async move |tx: &mut _| {
            let outcomes = batch(tx, &groups, at(1)).await?;
            assert!(outcomes.iter().all(Result::is_ok));
            Ok::<_, LedgerError>(())
        };
        books.write(write).await.unwrap();
    }
}

async fn transfers<B: Books>(books: &B, owner: OwnerId, reference: ReferenceId, after: Option<Cursor>) -> Paged<TransferView>
where
    B::Tx: HistoryStore,
{
    let caller = Caller { owner, role: Role::Operator, credential: CredentialKind::Token, rate_limit_per_minute: None };
    let read = async move |tx: &mut B::Tx| by_reference(tx, &caller, reference, Slice::new(500, after)).await;
    books.read(read).await.unwrap()
}

/// How many entries each page of an account's history with this reference has, newest first.
async fn pages<B: Books>(books: &B, account: AccountId, reference: ReferenceId) -> Vec<usize>
where
    B::Tx: HistoryStore,
{
    let filter = EntryFilter { reference: Some(reference), ..EntryFilter::default() };
    let (mut counts, mut after) = (Vec::new(), None);
    loop {
        let filter = filter.clone();
        let read = async move |tx: &mut B::Tx| {
            let account = tx.find_account(account).await?.ok_or(HistoryError::AccountUnknown)?;
            entries(tx, &account, &filter, Order::NewestFirst, Slice::new(500, after)).await
        };
        let page = books.read(read).await.unwrap();
        assert!(page.items.iter().all(|entry| entry.reference == Some(reference)));
        counts.push(page.items.len());
        after = page.next;
        if after.is_none() {
            return counts;
        }
    }
}

async fn a_page_looks_at_a_bounded_part_of_a_reference<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (ada, bob) = (OwnerId::new(), OwnerId::new());
    let new = |owner| NewAccount::owned_by(owner, Asset::CREDIT, Code::new("till"));
    let (hers, his) = (open(books, new(ada), 10).await, open(books, new(bob), 100_000).await);
    let (common, rare) = (ReferenceId::new(), ReferenceId::new());
    let house = House::Fees.account(Asset::CREDIT);
    let paid = async |from, to, reference| {
        let new = NewTransfer { reference: Some(reference), ..movement(Id::new(), from, to, 1) };
        move_money(books, new).await.unwrap().transfer.id
    };
    paid(hers, house, rare).await;
    paid(his, hers, common).await;
    many(books, his, house, Some(common), SCAN_MAX).await;
    let last = paid(hers, house, common).await;

    // The first page looks at so many that are somebody else's, and ends there; the next one goes on behind them.
    let first = transfers(books, ada, common, None).await;
    assert_eq!((first.items.len(), first.next.is_some()), (1, true));
    let rest = transfers(books, ada, common, first.next).await;
    assert_eq!(rest.items.iter().map(|view| view.transfer.id).collect::<Vec<_>>(), [last]);
    assert_eq!(rest.next, None);
    // Who sees all of them gets full pages.
    assert_eq!(transfers(books, bob, common, None).await.items.len(), 500);

    // Each transfer between an account and itself is two entries. Behind those, nothing is found on the first page.
    paid(his, house, rare).await;
    many(books, his, his, None, SCAN_MAX / 2).await;
    let found = pages(books, his, common).await;
    assert_eq!((found.first(), found.iter().sum::<usize>()), (Some(&0), 10_001), "{found:?}");
    assert_eq!(pages(books, hers, common).await, [2]);
    // A reference that few have is found at once, however much lies before it.
    assert_eq!((pages(books, his, rare).await, pages(books, hers, rare).await), (vec![1], vec![1]));
}

on_all_books! { a_page_looks_at_a_bounded_part_of_a_reference }
