//! Balances at a time, and statements.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rialto_kernel::{Asset, Id, Timestamp};
use rialto_ledger::{
    Books, Entry, House, LedgerStore, NewTransfer, expire_holds,
    history::{HistoryError, HistoryStore, Period, StatementLine, StatementTotals, balance, statement},
    transfer,
};

use crate::{
    common::{account, amount, at, move_money, movement, new_hold},
    random::{ACCOUNTS, effective, on_histories},
};

async fn had<B: Books>(books: &B, id: rialto_kernel::AccountId, when: Option<Timestamp>) -> (i64, i64, i64, i64)
where
    B::Tx: HistoryStore,
{
    let read = async move |tx: &mut B::Tx| {
        let account = tx.find_account(id).await?.ok_or(HistoryError::AccountUnknown)?;
        balance(tx, &account, when).await
    };
    let had = books.read(read).await.unwrap();
    (had.posted, had.held_out.get(), had.held_in.get(), had.available())
}

async fn a_balance_at_any_moment_is_what_all_entries_and_holds_come_to<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    on_histories(books, 24, Just(()), async |books: &B, history, ()| {
        for place in 0..ACCOUNTS {
            let known = history.known(books, place).await;
            for when in known.boundaries() {
                let ((out, into), posted) = (known.held_at(when), known.posted_at(when));
                let found = had(books, history.accounts[place], Some(when)).await;
                prop_assert_eq!(found, (posted, out, into, posted - out), "account {} at {}", place, when);
            }
            let now = had(books, history.accounts[place], None).await;
            let account = &known.account;
            prop_assert_eq!((now.0, now.1, now.3), (account.balance, account.held_out.get(), account.available()));
            prop_assert_eq!(had(books, history.accounts[place], Some(Timestamp::from_micros(i64::MAX))).await, now);
            prop_assert_eq!(had(books, history.accounts[place], Some(Timestamp::from_micros(i64::MIN))).await, (0, 0, 0, 0));
        }
        Ok(())
    })
    .await;
}

type Told = (i64, Vec<StatementLine>, StatementTotals);

async fn told<B: Books>(books: &B, id: rialto_kernel::AccountId, period: Period) -> Result<Told, HistoryError>
where
    B::Tx: HistoryStore,
{
    let told: Arc<Mutex<Option<Told>>> = Arc::default();
    let (mut lines, result) = (Vec::new(), Arc::clone(&told));
    statement(books, id, period, move |so_far, line| {
        let ended = line.is_none();
        lines.extend(line);
        if ended {
            *result.lock().unwrap() = Some((so_far.opening, std::mem::take(&mut lines), so_far.totals));
        }
        true
    })
    .await?;
    Ok(told.lock().unwrap().take().unwrap())
}

async fn a_statement_goes_from_balance_to_balance_in_effective_order<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let bounds = (prop::option::of(any::<prop::sample::Index>()), prop::option::of(any::<prop::sample::Index>()));
    on_histories(books, 32, bounds, async |books: &B, history, (from, to)| {
        for place in 0..ACCOUNTS {
            let known = history.known(books, place).await;
            let moments = known.boundaries();
            let pick =
                |index: Option<prop::sample::Index>| index.filter(|_| !moments.is_empty()).map(|index| *index.get(&moments));
            let (mut from, mut to) = (pick(from), pick(to));
            if from.zip(to).is_some_and(|(from, to)| from > to) {
                std::mem::swap(&mut from, &mut to);
            }
            let period = Period::new(from, to).unwrap();
            let (opening, lines, totals) = told(books, history.accounts[place], period).await.unwrap();
            let before = |at: Timestamp| Timestamp::from_micros(at.micros() - 1);
            prop_assert_eq!(opening, from.map_or(0, |from| known.posted_at(before(from))));
            prop_assert_eq!(totals.closing, to.map_or(known.account.balance, |to| known.posted_at(before(to))));
            let mut expected: Vec<&Entry> = known.entries.iter().filter(|entry| period.contains(effective(entry))).collect();
            expected.sort_by_key(|entry| (effective(entry), entry.seq));
            prop_assert_eq!(lines.iter().map(|line| &line.entry).collect::<Vec<_>>(), expected);
            let mut running = opening;
            for line in &lines {
                running += line.entry.signed_amount();
                prop_assert_eq!((line.balance, line.effective_at), (running, effective(&line.entry)));
            }
            let sum = |sign: i64| lines.iter().map(|line| (line.entry.signed_amount() * sign).max(0)).sum::<i64>();
            prop_assert_eq!((totals.credits, totals.debits), (sum(1).into(), sum(-1).into()));
            prop_assert_eq!((totals.closing, totals.lines), (running, u64::try_from(lines.len()).unwrap()));
        }
        Ok(())
    })
    .await;
}

async fn a_long_statement_is_read_in_batches<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (a, house) = (account(books, 0).await, House::Issuance.account(Asset::CREDIT));
    let work = async move |tx: &mut B::Tx| {
        for n in 0..1_500 {
            // Every second one counts from before all others, the last first.
            let new = movement(Id::new(), house, a, n + 1);
            let new = NewTransfer { effective_at: (n % 2 == 0).then_some(at(1_000_000 - n)), ..new };
            transfer(tx, new, at(2_000_000 + n)).await?;
        }
        Ok::<_, rialto_ledger::LedgerError>(())
    };
    books.write(work).await.unwrap();
    let (opening, lines, totals) = told(books, a, Period::ALL).await.unwrap();
    assert_eq!((opening, lines.len(), totals.closing), (0, 1_500, 1_500 * 1_501 / 2));
    let amounts: Vec<i64> = lines.iter().map(|line| line.entry.amount.get()).collect();
    let expected: Vec<i64> =
        (0..1_500).rev().filter(|n| n % 2 == 0).chain((0..1_500).filter(|n| n % 2 == 1)).map(|n| n + 1).collect();
    assert_eq!(amounts, expected);
    let heard = statement(books, a, Period::ALL, |so_far, _| so_far.totals.lines < 3).await;
    assert_eq!(heard, Err(HistoryError::Stopped));
    assert_eq!(told(books, Id::new(), Period::ALL).await.unwrap_err(), HistoryError::AccountUnknown);
}

async fn a_hold_counts_from_its_making_to_its_end<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let new = new_hold(a, b, 70, Some(at(20)));
    let make = async move |tx: &mut B::Tx| rialto_ledger::hold(tx, new.clone(), at(10)).await;
    books.write(make).await.unwrap();
    books.write(async move |tx: &mut B::Tx| expire_holds(tx, at(30), 10).await).await.unwrap();
    let when = |seconds| had(books, a, Some(at(seconds)));
    // Its time was over at 20, but the money was held until somebody noticed.
    let (before, during, late, after) = (when(9).await, when(10).await, when(29).await, when(30).await);
    assert_eq!([before, during, late, after].map(|(.., available)| available), [100, 30, 30, 100]);
    assert_eq!((had(books, b, Some(at(10))).await.2, had(books, b, Some(at(30))).await.2), (70, 0));
}

async fn sums_of_what_is_backdated_do_not_leave_their_range<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let house = House::Issuance.account(Asset::CREDIT);
    let a = account(books, 0).await;
    let most = rialto_kernel::Amount::MAX.get();
    for _ in 0..3 {
        let backdated = |new: NewTransfer| NewTransfer { effective_at: Some(at(-50)), ..new };
        move_money(books, backdated(movement(Id::new(), house, a, most))).await.unwrap();
        move_money(books, movement(Id::new(), a, house, most)).await.unwrap();
    }
    assert_eq!(had(books, a, Some(at(-50))).await.0, 3 * most);
    assert_eq!(had(books, a, Some(at(-51))).await.0, 0);
    assert_eq!(had(books, a, None).await.0, amount(0).get());
}

on_all_books! {
    a_balance_at_any_moment_is_what_all_entries_and_holds_come_to,
    a_statement_goes_from_balance_to_balance_in_effective_order,
    a_long_statement_is_read_in_batches,
    a_hold_counts_from_its_making_to_its_end,
    sums_of_what_is_backdated_do_not_leave_their_range,
}
