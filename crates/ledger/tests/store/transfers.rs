use rialto_kernel::{AccountId, Asset, Id};
use rialto_ledger::{
    AccountState, Books, Command, House, LedgerError, LedgerStore, NewReversal, Outcome, ReferenceId, Side, group, hold, post,
    reverse, set_account_state, void,
};
use rialto_store::{StoreError, Tx, testing::TestDb};

use crate::support::{account, amount, at, balance, move_money, movement, new_hold, read};

async fn a_transfer_is_two_entries_with_the_balance_after_each(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let mut new = movement(Id::new(), a, b, 30);
    new.reference = Some(ReferenceId::new());
    new.memo = Some("für Übung".into());
    let posted = move_money(books, new.clone()).await.unwrap();
    assert!(posted.transfer.answers(&new, None) && !posted.existed);
    assert_eq!((posted.debit.balance, posted.credit.balance), (70, 30));
    assert_eq!(posted.debit, read(books, a).await);
    assert_eq!(posted.credit, read(books, b).await);
    let no = posted.debit.no;
    let entries = books.read(async move |tx| tx.list_entries(no, 1..=2).await).await.unwrap();
    let lines: Vec<_> = entries.iter().map(|entry| (entry.seq, entry.side, entry.signed_amount(), entry.balance)).collect();
    assert_eq!(lines, [(2, Side::Debit, -30, 70), (1, Side::Credit, 100, 100)]);
    assert_eq!((entries[0].reference, entries[0].memo.as_deref()), (new.reference, Some("für Übung")));
}

async fn the_same_id_moves_money_once(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let new = movement(Id::new(), a, b, 60);
    let first = move_money(books, new.clone()).await.unwrap();
    // Not even when it could not be paid a second time.
    let second = move_money(books, new.clone()).await.unwrap();
    assert!(second.existed);
    assert_eq!(second.transfer, first.transfer);
    for other in [movement(new.id, b, a, 60), movement(new.id, a, b, 61), movement(new.id, a, AccountId::new(), 60)] {
        assert_eq!(move_money(books, other).await, Err(LedgerError::IdMismatch(new.id)));
    }
    let mut other = new.clone();
    other.memo = Some("else".into());
    assert_eq!(move_money(books, other).await, Err(LedgerError::IdMismatch(new.id)));
    assert_eq!((balance(books, a).await, balance(books, b).await), (40, 60));
}

async fn a_transfer_to_the_same_account_is_two_entries_that_cancel(books: &impl Books) {
    let a = account(books, 100).await;
    let posted = move_money(books, movement(Id::new(), a, a, 100)).await.unwrap();
    assert_eq!((posted.transfer.debit.balance, posted.transfer.credit.balance), (0, 100));
    assert_eq!((posted.debit.balance, posted.debit.entry_count), (100, 3));
    let refused = move_money(books, movement(Id::new(), a, a, 101)).await;
    assert!(matches!(refused, Err(LedgerError::InsufficientFunds { available: 100, .. })), "{refused:?}");
}

async fn a_group_happens_as_a_whole_or_not_at_all(books: &impl Books) {
    let (a, b, c) = (account(books, 100).await, account(books, 0).await, account(books, 0).await);
    // The second leg is paid with the money of the first.
    let legs = vec![Command::Transfer(movement(Id::new(), a, b, 80)), Command::Transfer(movement(Id::new(), b, c, 70))];
    let done = legs.clone();
    let outcomes = books.write(async move |tx| group(tx, &done, at(1)).await).await.unwrap();
    assert!(matches!(&outcomes[..], [Outcome::Posted(first), Outcome::Posted(second)]
        if first.credit.balance == 80 && second.debit.balance == 10));
    let again = books.write(async move |tx| group(tx, &legs, at(2)).await).await.unwrap();
    assert!(again.iter().all(|outcome| matches!(outcome, Outcome::Posted(posted) if posted.existed)));

    let broken = vec![Command::Transfer(movement(Id::new(), a, c, 20)), Command::Transfer(movement(Id::new(), b, c, 11))];
    let refused = books.write(async move |tx| group(tx, &broken, at(3)).await).await.unwrap_err();
    assert_eq!(refused.index, 1);
    assert!(matches!(refused.source, LedgerError::InsufficientFunds { account, .. } if account == b));
    let balances = [balance(books, a).await, balance(books, b).await, balance(books, c).await];
    assert_eq!(balances, [20, 10, 70]);
}

async fn a_transfer_is_reversed_once(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let original = move_money(books, movement(Id::new(), a, b, 60)).await.unwrap().transfer;
    let back = |id| NewReversal { id, transfer: original.id, memo: None };
    let run = async |new: NewReversal| books.write(async move |tx| reverse(tx, new.clone(), at(2)).await).await;
    let (id, other) = (Id::new(), Id::new());
    let first = run(back(id)).await.unwrap();
    assert_eq!((first.transfer.reverses, first.credit.balance, first.existed), (Some(original.id), 100, false));
    assert!(run(back(id)).await.unwrap().existed);
    assert_eq!(run(back(other)).await, Err(LedgerError::AlreadyReversed { transfer: original.id, by: id }));
    assert_eq!(run(back(original.id)).await, Err(LedgerError::IdMismatch(original.id)));
    assert_eq!(run(NewReversal { id: other, transfer: id, memo: None }).await, Err(LedgerError::IsReversal(id)));
    assert_eq!(run(NewReversal { id: Id::new(), transfer: other, memo: None }).await, Err(LedgerError::TransferUnknown(other)));
    assert_eq!((balance(books, a).await, balance(books, b).await), (100, 0));
}

async fn history_cannot_be_changed(test: &TestDb) {
    let (a, b) = (account(&test.db, 100).await, account(&test.db, 0).await);
    move_money(&test.db, movement(Id::new(), a, b, 60)).await.unwrap();
    for sql in ["UPDATE ledger_transfers SET amount = 1", "DELETE FROM ledger_transfers"] {
        let refused = test.db.write(async move |tx: &mut Tx| tx.batch(sql).await).await;
        assert!(matches!(&refused, Err(StoreError::Database(text)) if text.contains("append only")), "{refused:?}");
    }
    let overdrawn = "UPDATE ledger_accounts SET balance = -1 WHERE overdraft = 0";
    let refused = test.db.write(async move |tx: &mut Tx| tx.batch(overdrawn).await).await;
    assert!(matches!(refused, Err(StoreError::Check(_))), "{refused:?}");
}

async fn the_terms_of_an_account_never_change(test: &TestDb) {
    let (a, b) = (account(&test.db, 100).await, account(&test.db, 0).await);
    let before = (read(&test.db, a).await, read(&test.db, b).await);
    let change = async |sql: String| test.db.write(async move |tx: &mut Tx| tx.batch(&sql).await).await;
    let id = if test.db.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
    let terms =
        [("owner_id", id), ("agent_id", id), ("asset", "'USDC'"), ("code", "'other'"), ("overdraft", "7"), ("overdraft", "NULL")];
    for (column, value) in terms {
        let refused = change(format!("UPDATE ledger_accounts SET {column} = {value} WHERE balance = 100")).await;
        assert!(
            matches!(&refused, Err(StoreError::Database(text)) if text.contains("the terms of an account")),
            "{column}: {refused:?}"
        );
    }
    let refused = change("UPDATE ledger_accounts SET credits_capped = TRUE WHERE overdraft = 0 AND balance = 0".into()).await;
    assert!(matches!(&refused, Err(StoreError::Database(text)) if text.contains("the terms")), "{refused:?}");
    assert_eq!((read(&test.db, a).await, read(&test.db, b).await), before);
    // What is written again as it was is no change, and the figures move on.
    change("UPDATE ledger_accounts SET owner_id = owner_id, overdraft = overdraft".into()).await.unwrap();
    move_money(&test.db, movement(Id::new(), a, b, 60)).await.unwrap();
    assert_eq!((balance(&test.db, a).await, balance(&test.db, b).await), (40, 60));
}

async fn transfers_and_holds_name_accounts_that_are_there_for_ever(test: &TestDb) {
    let (a, b) = (account(&test.db, 100).await, account(&test.db, 0).await);
    move_money(&test.db, movement(Id::new(), a, b, 60)).await.unwrap();
    let (id, renumbered) = if test.db.is_postgres() { ("gen_random_uuid()", "DEFAULT") } else { ("randomblob(16)", "no + 1000") };
    let attempt = async |sql: String| test.db.write(async move |tx: &mut Tx| tx.batch(&sql).await).await;
    for (debit, credit) in [("-7", "credit_no"), ("debit_no", "-7")] {
        let columns = "amount, debit_seq, debit_balance, credit_seq, credit_balance, created_at, kind";
        let forged = format!(
            "INSERT INTO ledger_transfers (id, debit_no, credit_no, {columns}) SELECT {id}, {debit}, {credit}, amount, \
             debit_seq + 100, debit_balance, credit_seq + 100, credit_balance, created_at, kind FROM ledger_transfers WHERE amount = 60"
        );
        let refused = attempt(forged).await;
        assert!(matches!(refused, Err(StoreError::ForeignKey(_))), "{debit}, {credit}: {refused:?}");
        let forged = format!(
            "INSERT INTO ledger_holds (id, debit_no, credit_no, amount, kind, state, created_at) \
             SELECT {id}, {debit}, {credit}, 1, 1, 'pending', created_at FROM ledger_transfers WHERE amount = 60"
        );
        let refused = attempt(forged).await;
        assert!(matches!(refused, Err(StoreError::ForeignKey(_))), "a hold of {debit}, {credit}: {refused:?}");
    }
    let refused = attempt("DELETE FROM ledger_accounts WHERE entry_count = 0".into()).await;
    assert!(matches!(&refused, Err(StoreError::Database(text)) if text.contains("never removed")), "{refused:?}");
    let refused = attempt(format!("UPDATE ledger_accounts SET no = {renumbered} WHERE entry_count = 0")).await;
    assert!(matches!(&refused, Err(StoreError::Database(text)) if text.contains("never change")), "{refused:?}");
}

/// A hold that could be deleted, or made pending again, would be paid again by who asks for it again.
async fn a_hold_stays_and_ends_once(test: &TestDb) {
    let (a, b) = (account(&test.db, 100).await, account(&test.db, 0).await);
    let (ended, pending) = (new_hold(a, b, 30, None), new_hold(a, b, 20, Some(at(60))));
    let ids = [ended.id, pending.id];
    let make = async move |tx: &mut Tx| {
        for new in [&ended, &pending] {
            hold(tx, new.clone(), at(1)).await?;
        }
        post(tx, ended.id, None, at(2)).await
    };
    test.db.write(make).await.unwrap();
    let find = async || {
        let look = async move |tx: &mut Tx| Ok::<_, StoreError>((tx.find_hold(ids[0]).await?, tx.find_hold(ids[1]).await?));
        test.db.read(look).await.unwrap()
    };
    let before = find().await;
    let attempt = async |sql: &'static str| test.db.write(async move |tx: &mut Tx| tx.batch(sql).await).await;
    for sql in [
        "DELETE FROM ledger_holds WHERE state = 'posted'",
        "DELETE FROM ledger_holds WHERE state = 'pending'",
        "UPDATE ledger_holds SET state = 'pending', posted_amount = NULL, transfer_id = NULL, resolved_at = NULL WHERE state = 'posted'",
        "UPDATE ledger_holds SET state = 'voided', posted_amount = NULL, transfer_id = NULL WHERE state = 'posted'",
        "UPDATE ledger_holds SET posted_amount = 1 WHERE state = 'posted'",
        "UPDATE ledger_holds SET amount = 1 WHERE state = 'pending'",
        "UPDATE ledger_holds SET expires_at = created_at WHERE state = 'pending'",
        "UPDATE ledger_holds SET credit_no = debit_no WHERE state = 'pending'",
    ] {
        let refused = attempt(sql).await;
        let told = |text: &str| ["never removed", "never change", "stays as it is"].iter().any(|why| text.contains(why));
        assert!(matches!(&refused, Err(StoreError::Database(text)) if told(text)), "{sql}: {refused:?}");
    }
    if test.db.is_postgres() {
        let refused = attempt("TRUNCATE ledger_holds").await;
        assert!(matches!(&refused, Err(StoreError::Database(text)) if text.contains("never removed")), "{refused:?}");
    }
    assert_eq!(find().await, before);
    let id = ids[1];
    test.db.write(async move |tx: &mut Tx| void(tx, id, at(3)).await).await.unwrap();
}

async fn an_account_is_closed_only_when_it_is_empty(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let set = async |id, state| books.write(async move |tx| set_account_state(tx, id, state, at(1)).await).await;
    assert_eq!(set(a, AccountState::Closed).await, Err(LedgerError::AccountNotEmpty(a)));
    assert_eq!(set(b, AccountState::Closed).await.unwrap().state, AccountState::Closed);
    let refused = move_money(books, movement(Id::new(), a, b, 1)).await;
    assert!(matches!(refused, Err(LedgerError::AccountNotOpen { side: Side::Credit, .. })), "{refused:?}");
    assert_eq!(set(b, AccountState::Frozen).await.unwrap().state, AccountState::Frozen);
    move_money(books, movement(Id::new(), a, b, 1)).await.unwrap();
    let refused = move_money(books, movement(Id::new(), b, a, 1)).await;
    assert!(matches!(refused, Err(LedgerError::AccountNotOpen { side: Side::Debit, .. })), "{refused:?}");
}

async fn the_accounts_of_the_house_are_there(books: &impl Books) {
    for asset in [Asset::CREDIT, Asset::USDC] {
        for house in House::ALL {
            let found = read(books, house.account(asset)).await;
            assert_eq!(format!("{house:?}").to_lowercase(), found.code.as_str());
            assert_eq!(found.asset, asset);
        }
    }
    let over = movement(Id::new(), House::Fees.account(Asset::CREDIT), account(books, 0).await, 1);
    assert!(matches!(move_money(books, over).await, Err(LedgerError::InsufficientFunds { .. })));
    let across = movement(Id::new(), House::Issuance.account(Asset::USDC), account(books, 0).await, 1);
    assert!(matches!(move_money(books, across).await, Err(LedgerError::AssetMismatch { .. })));
}

async fn a_balance_stays_in_the_range_that_json_keeps(books: &impl Books) {
    let a = account(books, 1).await;
    let issuance = House::Issuance.account(Asset::CREDIT);
    let max = rialto_kernel::Amount::MAX.get();
    let refused = move_money(books, movement(Id::new(), issuance, a, max)).await;
    assert_eq!(refused, Err(LedgerError::BalanceOutOfRange(a)));
    move_money(books, movement(Id::new(), issuance, a, max - 1)).await.unwrap();
    // The house is not bounded by what one wallet may hold.
    account(books, max).await;
    assert_eq!(read(books, issuance).await.available(), -2 * max);
    assert_eq!(amount(max).get(), balance(books, a).await);
}

/// What only tables have.
mod tables {
    use super::{
        a_hold_stays_and_ends_once, history_cannot_be_changed, the_terms_of_an_account_never_change,
        transfers_and_holds_name_accounts_that_are_there_for_ever,
    };
    rialto_store::suite! {
        a_hold_stays_and_ends_once,
        history_cannot_be_changed,
        the_terms_of_an_account_never_change,
        transfers_and_holds_name_accounts_that_are_there_for_ever,
    }
}

on_all_books! {
    a_transfer_is_two_entries_with_the_balance_after_each,
    the_same_id_moves_money_once,
    a_transfer_to_the_same_account_is_two_entries_that_cancel,
    a_group_happens_as_a_whole_or_not_at_all,
    a_transfer_is_reversed_once,
    an_account_is_closed_only_when_it_is_empty,
    the_accounts_of_the_house_are_there,
    a_balance_stays_in_the_range_that_json_keeps,
}
