//! Lists of accounts and holds, transfers with a reference, and exports.

use std::sync::{Arc, Mutex};

use rialto_kernel::{AccountId, Asset, Caller, CredentialKind, Id, OwnerId, Role, Timestamp};
use rialto_ledger::{
    AccountState, Books, Code, HoldId, House, LedgerStore, NewAccount, NewTransfer, ReferenceId, TransferId,
    history::{
        AccountFilter, ExportFilter, HistoryError, HistoryStore, HoldPhase, Period, Slice, accounts, by_reference, export, holds,
        read_account, read_hold, read_transfer,
    },
    set_account_state, void,
};

use crate::common::{account, at, move_money, movement, new_hold, open};

fn caller(owner: OwnerId, role: Role) -> Caller {
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

async fn accounts_are_listed_by_owner_asset_code_and_state<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (owner, other) = (OwnerId::new(), OwnerId::new());
    let mut mine = Vec::new();
    for n in 0..7 {
        let asset = if n % 2 == 0 { Asset::CREDIT } else { Asset::USDC };
        let code = Code::new(if n < 4 { "till" } else { "safe" });
        mine.push(open(books, NewAccount::owned_by(owner, asset, code), 0).await);
        open(books, NewAccount::owned_by(other, Asset::CREDIT, Code::new("till")), 0).await;
    }
    let (frozen, all) = (mine[2], AccountFilter { owner: Some(owner), ..AccountFilter::default() });
    let freeze = async move |tx: &mut B::Tx| set_account_state(tx, frozen, AccountState::Frozen, at(1)).await;
    books.write(freeze).await.unwrap();
    let list = async |filter: &AccountFilter, limit| {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let filter = filter.clone();
            let read = async move |tx: &mut B::Tx| accounts(tx, &filter, Slice::new(limit, after)).await;
            let page = books.read(read).await.unwrap();
            ids.extend(page.items.iter().map(|account| account.id));
            after = page.next;
            if after.is_none() {
                return ids;
            }
        }
    };
    assert_eq!(list(&all, 3).await, mine);
    assert_eq!(list(&all, 7).await, mine);
    let usdc = AccountFilter { asset: Some(Asset::USDC), ..all.clone() };
    assert_eq!(list(&usdc, 2).await, [mine[1], mine[3], mine[5]]);
    assert_eq!(list(&AccountFilter { code: Some(Code::new("safe")), ..all.clone() }, 50).await, mine[4..]);
    assert_eq!(list(&AccountFilter { state: Some(AccountState::Frozen), ..all.clone() }, 50).await, [frozen]);
    // Without an owner too, and then those of everybody.
    assert_eq!(list(&AccountFilter { state: Some(AccountState::Frozen), ..AccountFilter::default() }, 50).await, [frozen]);
    assert_eq!(list(&AccountFilter::default(), 4).await.len(), 12 + 14);
}

async fn holds_are_listed_newest_first_by_state<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (a, b) = (account(books, 1_000).await, account(books, 1_000).await);
    let mut made: Vec<HoldId> = Vec::new();
    for n in 0..9 {
        // Some at the same moment; one between an account and itself; both directions.
        let (from, to) = [(a, b), (b, a), (a, a)][n % 3];
        let new = new_hold(from, to, 1, None);
        made.push(new.id);
        let moment = at(i64::try_from(n).unwrap() / 4);
        books.write(async move |tx: &mut B::Tx| rialto_ledger::hold(tx, new.clone(), moment).await).await.unwrap();
    }
    let voided = made[4];
    books.write(async move |tx: &mut B::Tx| void(tx, voided, at(9)).await).await.unwrap();
    let list = async |state: Option<HoldPhase>, limit| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let read = async move |tx: &mut B::Tx| {
                let account = tx.find_account(a).await?.unwrap();
                holds(tx, &account, state, Slice::new(limit, after)).await
            };
            let page = books.read(read).await.unwrap();
            found.extend(page.items.iter().map(|view| (view.hold.created_at, view.hold.terms.id)));
            after = page.next.map(|next| next.to_string().parse().unwrap());
            if after.is_none() {
                return found;
            }
        }
    };
    for limit in [1, 2, 3, 9, 50] {
        let found = list(None, limit).await;
        assert!(found.is_sorted_by(|first, second| first > second), "{found:?}");
        assert_eq!(found.len(), 9);
        assert_eq!(list(Some(HoldPhase::Voided), limit).await.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [voided]);
        let pending: Vec<(Timestamp, HoldId)> = found.into_iter().filter(|(_, id)| *id != voided).collect();
        assert_eq!(list(Some(HoldPhase::Pending), limit).await, pending);
    }
}

async fn a_reference_shows_each_what_is_theirs<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (ada, bob, eve) = (OwnerId::new(), OwnerId::new(), OwnerId::new());
    let new = |owner| NewAccount::owned_by(owner, Asset::CREDIT, Code::new("till"));
    let (a, b) = (open(books, new(ada), 100).await, open(books, new(bob), 100).await);
    let reference = ReferenceId::new();
    let house = House::Fees.account(Asset::CREDIT);
    let mut made = Vec::new();
    for (from, to) in [(a, b), (b, house), (a, house), (b, a)] {
        let new = NewTransfer { reference: Some(reference), ..movement(Id::new(), from, to, 1) };
        made.push(move_money(books, new).await.unwrap().transfer.id);
    }
    let list = async |who: Caller, limit| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let read = async move |tx: &mut B::Tx| by_reference(tx, &who, reference, Slice::new(limit, after)).await;
            let page = books.read(read).await.unwrap();
            found.extend(page.items.into_iter().map(|view| (view.transfer.id, view.sees_debit, view.sees_credit)));
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    };
    let ids = |found: Vec<(TransferId, bool, bool)>| found.into_iter().map(|(id, ..)| id).collect::<Vec<_>>();
    for limit in [1, 2, 50] {
        assert_eq!(ids(list(caller(eve, Role::Admin), limit).await), made);
        let hers = list(caller(ada, Role::Operator), limit).await;
        assert_eq!(hers, [(made[0], true, false), (made[2], true, false), (made[3], false, true)]);
        assert_eq!(ids(list(caller(bob, Role::Viewer), limit).await), [made[0], made[1], made[3]]);
        assert_eq!(ids(list(caller(eve, Role::Operator), limit).await), []);
    }
}

async fn things_are_shown_to_whom_they_concern<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (ada, bob, eve) = (OwnerId::new(), OwnerId::new(), OwnerId::new());
    let new = |owner| NewAccount::owned_by(owner, Asset::CREDIT, Code::new("till"));
    let (a, b) = (open(books, new(ada), 100).await, open(books, new(bob), 100).await);
    let (paid, held) = (Id::new(), new_hold(a, b, 5, None));
    move_money(books, movement(paid, a, b, 5)).await.unwrap();
    let hold = held.id;
    books.write(async move |tx: &mut B::Tx| rialto_ledger::hold(tx, held.clone(), at(2)).await).await.unwrap();
    let who = [(ada, Role::Viewer), (bob, Role::Operator), (eve, Role::Operator), (eve, Role::Admin)]
        .map(|(id, role)| caller(id, role));
    let mut seen = Vec::new();
    for caller in who {
        let read = async move |tx: &mut B::Tx| {
            let account = read_account(tx, &caller, a).await.is_ok();
            let house = read_account(tx, &caller, House::Fees.account(Asset::CREDIT)).await.is_ok();
            let transfer = read_transfer(tx, &caller, paid).await.ok().map(|view| (view.sees_debit, view.sees_credit));
            let hold = read_hold(tx, &caller, hold).await.is_ok();
            let unknown = read_account(tx, &caller, AccountId::new()).await == Err(HistoryError::AccountUnknown)
                && read_transfer(tx, &caller, Id::new()).await == Err(HistoryError::TransferUnknown)
                && read_hold(tx, &caller, Id::new()).await == Err(HistoryError::HoldUnknown);
            Ok::<_, HistoryError>((account, house, transfer, hold, unknown))
        };
        seen.push(books.read(read).await.unwrap());
    }
    let expected = [
        (true, false, Some((true, false)), true, true),
        (false, false, Some((false, true)), true, true),
        (false, false, None, false, true),
        (true, true, Some((true, true)), true, true),
    ];
    assert_eq!(seen, expected);
}

async fn an_export_has_every_transfer_once_in_the_order_of_the_journal<B: Books>(books: &B)
where
    B::Tx: HistoryStore,
{
    let (a, b) = (account(books, 1_000_000).await, account(books, 0).await);
    // Not all in one transaction: that would take longer than one may, on a busy machine.
    for first in (0..2_100).step_by(300) {
        let fill = async move |tx: &mut B::Tx| {
            let sides = |n: i64| [(a, b), (b, a), (a, a)][usize::try_from(n % 3).unwrap()];
            for n in first..first + 300 {
                let (from, to) = sides(n);
                rialto_ledger::transfer(tx, movement(Id::new(), from, to, 1), at(10 + n)).await?;
            }
            Ok::<_, rialto_ledger::LedgerError>(())
        };
        books.write(fill).await.unwrap();
    }
    let told = async |filter: ExportFilter| {
        let lines: Arc<Mutex<Vec<_>>> = Arc::default();
        let heard = Arc::clone(&lines);
        let exported = export(books, filter, move |batch| {
            assert!(batch.done <= batch.all && batch.lines.len() <= 2_000);
            heard.lock().unwrap().extend(batch.lines);
            true
        });
        exported.await.map(|()| std::mem::take(&mut *lines.lock().unwrap()))
    };
    let everything = told(ExportFilter::default()).await.unwrap();
    assert!(everything.is_sorted_by(|first, second| first.no < second.no));
    assert_eq!(everything.len(), 2_101);
    assert!(everything.iter().all(|line| line.asset == Asset::CREDIT));
    let period = Period::new(Some(at(20)), Some(at(30))).unwrap();
    for (account, count) in [(None, 10), (Some(a), 10), (Some(b), 7)] {
        let some = told(ExportFilter { account, period }).await.unwrap();
        assert_eq!(some.len(), count, "{account:?}");
        assert!(some.iter().all(|line| period.contains(line.transfer.created_at) && everything.contains(line)));
    }
    let of_b = told(ExportFilter { account: Some(b), period: Period::ALL }).await.unwrap();
    assert_eq!(of_b.len(), 1_400);
    assert!(of_b.is_sorted_by(|first, second| first.no < second.no));
    let nobody = ExportFilter { account: Some(Id::new()), period: Period::ALL };
    assert_eq!(told(nobody).await, Err(HistoryError::AccountUnknown));
    assert_eq!(export(books, ExportFilter::default(), |_| false).await, Err(HistoryError::Stopped));
}

on_all_books! {
    accounts_are_listed_by_owner_asset_code_and_state,
    holds_are_listed_newest_first_by_state,
    a_reference_shows_each_what_is_theirs,
    things_are_shown_to_whom_they_concern,
    an_export_has_every_transfer_once_in_the_order_of_the_journal,
}
