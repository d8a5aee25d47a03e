//! Histories, a page at a time: nothing is lost, nothing comes twice, also while money moves.

use proptest::prelude::*;
use rialto_kernel::{Asset, Id, Timestamp};
use rialto_ledger::{
    Account, Books, Entry, House, Kind, LedgerStore, NewAccount, Side, TransferId,
    history::{
        AccountFilter, Cursor, EntryFilter, HistoryError, HistoryStore, Order, Paged, Period, SCAN_MAX, Slice, entries,
        owner_entries,
    },
    open_account, transfer,
};

use crate::{
    common::{account, amount, at, move_money, movement},
    random::{ACCOUNTS, History, Known, on_histories},
};

/// How a list is asked for.
#[derive(Debug, Clone)]
struct Ask {
    order: Order,
    limit: u32,
    kinds: Vec<i32>,
    side: Option<Side>,
    reference: Option<usize>,
    amounts: (Option<i64>, Option<i64>),
    from: Option<prop::sample::Index>,
    to: Option<prop::sample::Index>,
}

fn asks() -> impl Strategy<Value = Ask> {
    let order = prop_oneof![Just(Order::NewestFirst), Just(Order::OldestFirst)];
    let side = prop_oneof![3 => Just(None), 1 => Just(Some(Side::Debit)), 1 => Just(Some(Side::Credit))];
    let kinds = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(1_000..1_003_i32, 1..3)];
    let amounts = (prop::option::weighted(0.2, 1..50_i64), prop::option::weighted(0.2, 1..50_i64));
    let times =
        (prop::option::weighted(0.3, any::<prop::sample::Index>()), prop::option::weighted(0.3, any::<prop::sample::Index>()));
    (order, 1..8_u32, kinds, side, prop::option::weighted(0.25, 0..4_usize), amounts, times).prop_map(
        |(order, limit, kinds, side, reference, amounts, (from, to))| Ask {
            order,
            limit,
            kinds,
            side,
            reference,
            amounts,
            from,
            to,
        },
    )
}

impl Ask {
    fn filter(&self, history: &History, moments: &[Timestamp]) -> EntryFilter {
        let pick = |index: Option<prop::sample::Index>| index.filter(|_| !moments.is_empty()).map(|index| *index.get(moments));
        let (from, to) = (pick(self.from), pick(self.to));
        EntryFilter {
            kinds: self.kinds.iter().map(|kind| Kind(*kind)).collect(),
            side: self.side,
            reference: self.reference.map(|reference| history.references[reference]),
            period: Period::new(from, to).or_else(|_| Period::new(to, from)).unwrap(),
            amount_min: self.amounts.0.map(amount),
            amount_max: self.amounts.1.map(amount),
        }
    }
}

/// What should pass, in the plainest words.
fn passes(filter: &EntryFilter, entry: &Entry) -> bool {
    filter.period.contains(entry.created_at)
        && (filter.kinds.is_empty() || filter.kinds.contains(&entry.kind))
        && filter.side.is_none_or(|side| side == entry.side)
        && filter.reference.is_none_or(|reference| Some(reference) == entry.reference)
        && filter.amount_min.is_none_or(|min| entry.amount >= min)
        && filter.amount_max.is_none_or(|max| entry.amount <= max)
}

/// Reads a list to its end, each cursor through its text.
async fn all<T, F: Future<Output = Result<Paged<T>, HistoryError>>>(limit: u32, page: impl Fn(Slice) -> F) -> Vec<T> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let found = page(Slice::new(limit, after)).await.unwrap();
        assert!(u32::try_from(found.items.len()).unwrap() <= limit);
        items.extend(found.items);
        match found.next {
            None => return items,
            Some(next) => after = Some(next.to_string().parse::<Cursor>().unwrap()),
        }
    }
}

async fn page_of<B: Books>(
    books: &B,
    account: Account,
    filter: EntryFilter,
    order: Order,
    slice: Slice,
) -> Result<Paged<Entry>, HistoryError>
where
    B::Tx: HistoryStore,
{
    books.read(async move |tx: &mut B::Tx| entries(tx, &account, &filter, order, slice).await).await
}

async fn pages_together_are_what_passes_the_filter<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    on_histories(books, 32, asks(), async |books: &B, history, ask| {
        for place in 0..ACCOUNTS {
            let known = history.known(books, place).await;
            let filter = ask.filter(history, &known.boundaries());
            let page = |slice| page_of(books, known.account.clone(), filter.clone(), ask.order, slice);
            let found = all(ask.limit, page).await;
            let mut expected: Vec<Entry> = known.entries.iter().filter(|entry| passes(&filter, entry)).cloned().collect();
            if ask.order == Order::NewestFirst {
                expected.reverse();
            }
            prop_assert_eq!(found, expected);
        }
        Ok(())
    })
    .await;
}

async fn page_of_owner<B: Books>(
    books: &B,
    which: AccountFilter,
    filter: EntryFilter,
    order: Order,
    slice: Slice,
) -> Result<Paged<rialto_ledger::history::OwnerEntry>, HistoryError>
where
    B::Tx: HistoryStore,
{
    books.read(async move |tx: &mut B::Tx| owner_entries(tx, &which, &filter, order, slice).await).await
}

async fn the_pages_of_an_owner_are_those_of_all_accounts_by_time<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    on_histories(books, 32, asks(), async |books: &B, history, ask| {
        let mine: [Known; 2] = [history.known(books, 0).await, history.known(books, 1).await];
        let moments: Vec<Timestamp> = mine.iter().flat_map(Known::boundaries).collect();
        let filter = ask.filter(history, &moments);
        let which = AccountFilter { owner: Some(history.owner), ..AccountFilter::default() };
        let page = |slice| page_of_owner(books, which.clone(), filter.clone(), ask.order, slice);
        let found = all(ask.limit, page).await;
        let mut times: Vec<Timestamp> = found.iter().map(|line| line.entry.created_at).collect();
        if ask.order == Order::NewestFirst {
            times.reverse();
        }
        prop_assert!(times.is_sorted(), "{times:?}");
        // Both sides of a transfer between the two stand together, the debit first.
        for pair in found.windows(2).filter(|pair| pair[0].entry.transfer == pair[1].entry.transfer) {
            prop_assert_eq!(pair[0].entry.side, if ask.order == Order::NewestFirst { Side::Credit } else { Side::Debit });
        }
        for known in &mine {
            let of_one = found.iter().filter(|line| line.account == known.account.id).map(|line| line.entry.clone());
            let mut of_one: Vec<Entry> = of_one.collect();
            if ask.order == Order::NewestFirst {
                of_one.reverse();
            }
            prop_assert_eq!(of_one, known.entries.iter().filter(|entry| passes(&filter, entry)).cloned().collect::<Vec<_>>());
        }
        prop_assert!(found.iter().all(|line| mine.iter().any(|known| known.account.id == line.account)));
        Ok(())
    })
    .await;
}

async fn what_is_written_meanwhile_neither_repeats_an_entry_nor_hides_one<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (owner, house) = (rialto_kernel::OwnerId::new(), House::Issuance.account(Asset::CREDIT));
    let mut ids = Vec::new();
    for code in ["till", "safe"] {
        let new = NewAccount::owned_by(owner, Asset::CREDIT, rialto_ledger::Code::new(code));
        ids.push(crate::common::open(books, new, 0).await);
    }
    let pay = async |n: usize| move_money(books, movement(Id::new(), house, ids[n % 2], 1)).await.unwrap().transfer.id;
    let mut written: Vec<TransferId> = Vec::new();
    for n in 0..20 {
        written.push(pay(n).await);
    }
    let which = AccountFilter { owner: Some(owner), ..AccountFilter::default() };
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let before = written.clone();
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = page_of_owner(books, which.clone(), EntryFilter::default(), order, Slice::new(3, after)).await.unwrap();
            found.extend(page.items.into_iter().map(|line| line.entry.transfer));
            pages += 1;
            if pages < 10 {
                written.push(pay(pages).await);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        match order {
            Order::NewestFirst => assert_eq!(found, before.into_iter().rev().collect::<Vec<_>>()),
            // The end runs away until nothing more is written.
            Order::OldestFirst => assert_eq!(found, written),
        }
    }
}

async fn a_page_far_back_is_short_rather_than_slow<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (a, house) = (account(books, 0).await, House::Issuance.account(Asset::CREDIT));
    let count = SCAN_MAX + 500;
    let fill = async move |tx: &mut B::Tx| {
        let rare =
            |n| rialto_ledger::NewTransfer { kind: Kind(if n == 0 { 2_000 } else { 1_000 }), ..movement(Id::new(), house, a, 1) };
        let groups: Vec<Vec<_>> = (0..count).map(|n| vec![rialto_ledger::Command::Transfer(rare(n))]).collect();
        rialto_ledger::batch(tx, &groups, at(1)).await
    };
    books.write(fill).await.unwrap();
    let find = async move |tx: &mut B::Tx| tx.find_account(a).await;
    let account = books.read(find).await.unwrap().unwrap();
    let filter = EntryFilter { kinds: vec![Kind(2_000)], ..EntryFilter::default() };
    let first = page_of(books, account.clone(), filter.clone(), Order::NewestFirst, Slice::new(10, None)).await.unwrap();
    assert_eq!(first.items.len(), 0);
    let rest = page_of(books, account.clone(), filter, Order::NewestFirst, Slice::new(10, first.next)).await.unwrap();
    assert_eq!((rest.items.len(), rest.items[0].seq, rest.next), (1, 1, None));
    // On SQLite nothing leads to one side: a page that looked on until it found a debit would read all there is.
    let debits = EntryFilter { side: Some(Side::Debit), ..EntryFilter::default() };
    let none = page_of(books, account.clone(), debits.clone(), Order::NewestFirst, Slice::new(10, None)).await.unwrap();
    assert!(none.items.is_empty() && none.next.is_some(), "{none:?}");
    let rest = page_of(books, account.clone(), debits, Order::NewestFirst, Slice::new(10, none.next)).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (0, None));
    let which = AccountFilter { owner: account.owner, code: Some(account.code), ..AccountFilter::default() };
    let far = EntryFilter { period: Period::new(None, Some(at(2))).unwrap(), ..EntryFilter::default() };
    let page = page_of_owner(books, which, far, Order::OldestFirst, Slice::new(2, None)).await.unwrap();
    assert_eq!(page.items.iter().map(|line| line.entry.seq).collect::<Vec<_>>(), [1, 2]);
}

async fn a_cursor_of_another_list_is_refused<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let a = account(books, 5).await;
    move_money(books, movement(Id::new(), a, House::Fees.account(Asset::CREDIT), 2)).await.unwrap();
    let find = async move |tx: &mut B::Tx| tx.find_account(a).await;
    let account = books.read(find).await.unwrap().unwrap();
    let page = async |order, slice| page_of(books, account.clone(), EntryFilter::default(), order, slice).await;
    let first = page(Order::NewestFirst, Slice::new(1, None)).await.unwrap();
    assert_eq!(page(Order::OldestFirst, Slice::new(1, first.next)).await, Err(HistoryError::CursorInvalid));
    let which = AccountFilter { code: Some(account.code.clone()), ..AccountFilter::default() };
    let merged = async |slice| page_of_owner(books, which.clone(), EntryFilter::default(), Order::NewestFirst, slice).await;
    let of_all = merged(Slice::new(1, None)).await.unwrap();
    assert_eq!(merged(Slice::new(1, first.next)).await, Err(HistoryError::CursorInvalid));
    assert_eq!(page(Order::NewestFirst, Slice::new(1, of_all.next)).await, Err(HistoryError::CursorInvalid));
}

async fn more_accounts_than_can_be_merged_are_refused<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let owner = rialto_kernel::OwnerId::new();
    let open = async move |tx: &mut B::Tx| {
        for n in 0..101 {
            let asset = if n == 0 { Asset::USDC } else { Asset::CREDIT };
            let new = NewAccount::owned_by(owner, asset, rialto_ledger::Code::new(format!("till {n}")));
            let id = new.id;
            open_account(tx, new, at(0)).await?;
            transfer(tx, movement(Id::new(), House::Issuance.account(asset), id, n + 1), at(n)).await?;
        }
        Ok::<_, rialto_ledger::LedgerError>(())
    };
    books.write(open).await.unwrap();
    let all = AccountFilter { owner: Some(owner), ..AccountFilter::default() };
    let page = async |which: &AccountFilter, slice| {
        page_of_owner(books, which.clone(), EntryFilter::default(), Order::NewestFirst, slice).await
    };
    assert_eq!(page(&all, Slice::new(5, None)).await, Err(HistoryError::TooManyAccounts { max: 100 }));
    let credits = AccountFilter { asset: Some(Asset::CREDIT), ..all };
    let first = page(&credits, Slice::new(5, None)).await.unwrap();
    assert_eq!(first.items.iter().map(|line| line.entry.amount.get()).collect::<Vec<_>>(), [101, 100, 99, 98, 97]);
    let second = page(&credits, Slice::new(500, first.next)).await.unwrap();
    assert_eq!((second.items.len(), second.next), (95, None));
}

on_all_books! {
    pages_together_are_what_passes_the_filter,
    the_pages_of_an_owner_are_those_of_all_accounts_by_time,
    what_is_written_meanwhile_neither_repeats_an_entry_nor_hides_one,
    a_page_far_back_is_short_rather_than_slow,
    a_cursor_of_another_list_is_refused,
    more_accounts_than_can_be_merged_are_refused,
}
