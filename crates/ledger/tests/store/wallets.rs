use rialto_kernel::{AgentId, Id, OwnerId, PageRequest, Role};
use rialto_ledger::{
    House, Kind, LedgerError, NewReversal, NewTransfer, reverse,
    wallet::{
        self, AgentsTotal, Grant, Movement, NewWalletTransfer, Sandbox, WalletError, WalletStore, consolidate, credit, debit,
        grant, kind, list_wallets, read_wallet, summary, transactions, transfer,
    },
};
use rialto_store::{Tx, suite, testing::TestDb};

use crate::support::{admin, agent_wallet, amount, at, balance, caller, new_hold, user_wallet};

async fn a_welcome_is_given_once(test: &TestDb) {
    let owner = OwnerId::new();
    let first = user_wallet(&test.db, owner, 500).await;
    let second = user_wallet(&test.db, owner, 500).await;
    assert_eq!(first, second);
    assert_eq!((first.owner, first.agent, first.balance, first.available), (owner, None, amount(500), amount(500)));
    let me = caller(owner, Role::Operator);
    let page = PageRequest::first(10);
    let lines = test.db.read(async move |tx: &mut Tx| transactions(tx, &me, first.id, page).await).await.unwrap();
    assert_eq!(lines.total, 1);
    assert_eq!((lines.items[0].tx_type, lines.items[0].description.as_str()), ("welcome_grant", "Welcome bonus credits"));
    let empty = user_wallet(&test.db, OwnerId::new(), 0).await;
    assert_eq!(empty.balance, amount(0));
}

async fn who_may_do_what(test: &TestDb) {
    let owner = OwnerId::new();
    let (mine, agents) = (user_wallet(&test.db, owner, 500).await.id, agent_wallet(&test.db, owner, AgentId::new(), 50).await.id);
    let other = user_wallet(&test.db, OwnerId::new(), 500).await.id;
    let (me, viewer) = (caller(owner, Role::Operator), caller(owner, Role::Viewer));
    let db = &test.db;
    let one = |wallet| Movement { id: Id::new(), wallet, amount: amount(1), description: None };
    let add = async |who, sandbox, wallet| {
        let new = one(wallet);
        db.write(async move |tx: &mut Tx| credit(tx, &who, Sandbox(sandbox), new.clone(), at(1)).await).await
    };
    let take = async |who, wallet| {
        let new = one(wallet);
        db.write(async move |tx: &mut Tx| debit(tx, &who, new.clone(), at(1)).await).await
    };
    let send = async |who, from, to| {
        let new = NewWalletTransfer { id: Id::new(), from, to, amount: amount(1), description: None };
        db.write(async move |tx: &mut Tx| transfer(tx, &who, new.clone(), at(1)).await).await
    };
    let forbidden = |result: Result<_, WalletError>| assert!(matches!(result, Err(WalletError::Forbidden(_))), "{result:?}");
    forbidden(add(me, false, mine).await);
    forbidden(add(me, true, other).await);
    forbidden(add(viewer, true, mine).await);
    forbidden(take(me, other).await);
    forbidden(take(viewer, mine).await);
    forbidden(send(me, other, mine).await.map(|done| done.from));
    forbidden(db.read(async move |tx: &mut Tx| read_wallet(tx, &me, other).await).await);
    forbidden(
        db.read(async move |tx: &mut Tx| list_wallets(tx, &me, PageRequest::first(10)).await.map(|mut all| all.items.remove(0)))
            .await,
    );
    assert_eq!(add(me, true, agents).await.unwrap().balance, amount(51));
    assert_eq!(add(admin(), false, other).await.unwrap().balance, amount(501));
    assert_eq!(take(me, agents).await.unwrap().balance, amount(50));
    assert_eq!(take(admin(), mine).await.unwrap().balance, amount(499));
    let sent = send(me, mine, other).await.unwrap();
    assert_eq!((sent.from.balance, sent.to.balance), (amount(498), amount(502)));
    db.read(async move |tx: &mut Tx| read_wallet(tx, &viewer, agents).await).await.unwrap();
    let all = db.read(async move |tx: &mut Tx| list_wallets(tx, &admin(), PageRequest::first(2)).await).await.unwrap();
    assert_eq!(all.items.iter().map(|wallet| wallet.id).collect::<Vec<_>>(), [other, mine]);
    assert_eq!(all.total, 3);
    // The accounts of the house are no wallets, and neither is what does not exist.
    let house = House::Issuance.account(rialto_kernel::Asset::CREDIT);
    assert_eq!(take(admin(), house).await, Err(WalletError::Unknown));
    assert_eq!(send(admin(), house, mine).await, Err(WalletError::SourceUnknown));
    assert_eq!(send(admin(), mine, Id::new()).await, Err(WalletError::DestinationUnknown));
    let too_much = Movement { id: Id::new(), wallet: mine, amount: amount(9_999), description: None };
    let refused = db.write(async move |tx: &mut Tx| debit(tx, &me, too_much.clone(), at(1)).await).await;
    assert!(matches!(refused, Err(WalletError::Ledger(LedgerError::InsufficientFunds { .. }))));
}

async fn agents_are_swept_in_one_line_each(test: &TestDb) {
    let owner = OwnerId::new();
    let (me, other) = (caller(owner, Role::Operator), OwnerId::new());
    let own = user_wallet(&test.db, owner, 100).await.id;
    let agents = [AgentId::new(), AgentId::new(), AgentId::new()];
    let first = agent_wallet(&test.db, owner, agents[0], 30).await.id;
    let second = agent_wallet(&test.db, owner, agents[1], 12).await.id;
    agent_wallet(&test.db, owner, agents[2], 0).await;
    let foreign = AgentId::new();
    let foreign_wallet = agent_wallet(&test.db, other, foreign, 99).await.id;
    let sweep = async |named: Vec<AgentId>| {
        test.db.write(async move |tx: &mut Tx| consolidate(tx, &me, &named, at(1)).await).await.unwrap()
    };
    let swept = sweep(vec![foreign, AgentId::new()]).await;
    assert_eq!((swept.total_swept, swept.wallets_swept), (amount(0), 0));
    let swept = sweep(vec![agents[1], foreign]).await;
    assert_eq!((swept.total_swept, swept.wallets_swept), (amount(12), 1));
    agent_wallet(&test.db, owner, agents[1], 8).await;
    let swept = sweep(Vec::new()).await;
    assert_eq!((swept.total_swept, swept.wallets_swept), (amount(38), 2));
    assert_eq!((balance(&test.db, own).await, balance(&test.db, foreign_wallet).await), (150, 99));
    assert_eq!((balance(&test.db, first).await, balance(&test.db, second).await), (0, 0));
    let lines = async |wallet| {
        let page = PageRequest::first(2);
        test.db.read(async move |tx: &mut Tx| transactions(tx, &me, wallet, page).await).await.unwrap().items
    };
    let top = &lines(own).await[0];
    assert_eq!(
        (top.tx_type, top.description.as_str(), top.amount),
        ("consolidation_in", "Consolidated from 2 agent wallet(s)", 38)
    );
    assert_eq!(top.reference, swept.reference);
    let top = &lines(first).await[0];
    assert_eq!((top.tx_type, top.description.as_str(), top.amount), ("consolidation_out", "Sweep to user wallet", -30));
}

async fn empty_wallets_take_no_place_in_what_is_swept_or_added_up(test: &TestDb) {
    let owner = OwnerId::new();
    let agents = [AgentId::new(), AgentId::new(), AgentId::new()];
    agent_wallet(&test.db, owner, agents[0], 0).await;
    let second = agent_wallet(&test.db, owner, agents[1], 3_000_000_005).await.id;
    let third = agent_wallet(&test.db, owner, agents[2], 2_999_999_999).await.id;
    let spendable = async |named: Vec<AgentId>| {
        test.db.read(async move |tx: &mut Tx| tx.list_spendable_agent_accounts(owner, &named, 1).await).await.unwrap()
    };
    assert_eq!(spendable(Vec::new()).await, [second]);
    assert_eq!(spendable(vec![agents[0], agents[2]]).await, [third]);
    assert_eq!(spendable(vec![agents[0], AgentId::new()]).await, []);
    let total = async |owner| test.db.read(async move |tx: &mut Tx| tx.agent_accounts_total(owner).await).await.unwrap();
    assert_eq!(total(owner).await, AgentsTotal { count: 3, balance: 6_000_000_004 });
    assert_eq!(total(OwnerId::new()).await, AgentsTotal { count: 0, balance: 0 });
    // What is not there any more cannot be swept: all of it is set aside.
    let all = new_hold(second, third, 3_000_000_005, None);
    test.db.write(async move |tx: &mut Tx| rialto_ledger::hold(tx, all.clone(), at(1)).await).await.unwrap();
    assert_eq!(spendable(Vec::new()).await, [third]);
}

async fn history_and_summary_tell_the_same_story(test: &TestDb) {
    let owner = OwnerId::new();
    let me = caller(owner, Role::Operator);
    let a = user_wallet(&test.db, owner, 500).await.id;
    let b = user_wallet(&test.db, OwnerId::new(), 500).await.id;
    let call = |debit, credit, amount_of| NewTransfer {
        kind: kind::INVOCATION,
        reference: Some(Id::new()),
        memo: Some("echo-0d21bbd3".into()),
        ..NewTransfer::new(Id::new(), debit, credit, amount(amount_of))
    };
    let (paid, earned) = (call(a, b, 40), call(b, a, 25));
    let invocation = paid.reference;
    let taken_back = Id::new();
    test.db
        .write(async move |tx: &mut Tx| {
            let change = |amount_of, description: Option<&str>| Movement {
                id: Id::new(),
                wallet: a,
                amount: amount(amount_of),
                description: description.map(str::to_owned),
            };
            credit(tx, &admin(), Sandbox(false), change(11, None), at(1)).await?;
            debit(tx, &me, change(3, Some("lunch")), at(2)).await?;
            grant(tx, &me, Sandbox(true), Grant::Reward, change(5, None), at(3)).await?;
            let out = NewWalletTransfer { id: Id::new(), from: a, to: b, amount: amount(7), description: None };
            let back = NewWalletTransfer { id: Id::new(), from: b, to: a, ..out.clone() };
            transfer(tx, &me, out.clone(), at(4)).await?;
            transfer(tx, &admin(), back.clone(), at(5)).await?;
            transfer(tx, &me, NewWalletTransfer { id: Id::new(), to: a, ..out }, at(6)).await?;
            rialto_ledger::transfer(tx, paid.clone(), at(7)).await?;
            rialto_ledger::transfer(tx, earned.clone(), at(8)).await?;
            let twice = call(a, b, 9);
            rialto_ledger::transfer(tx, twice.clone(), at(9)).await?;
            reverse(tx, NewReversal { id: taken_back, transfer: twice.id, memo: Some("sorry".into()) }, at(10)).await?;
            Ok::<_, WalletError>(())
        })
        .await
        .unwrap();
    let read = async |limit, offset| {
        let page = PageRequest::new(limit, offset, 200).unwrap();
        test.db.read(async move |tx: &mut Tx| transactions(tx, &me, a, page).await).await.unwrap()
    };
    let whole = read(200, 0).await;
    let story: Vec<_> = whole.items.iter().map(|line| (line.tx_type, line.description.as_str(), line.amount)).collect();
    assert_eq!(
        story,
        [
            ("reversal", "sorry", 9),
            ("invocation_debit", "Payment for echo-0d21bbd3 invocation", -9),
            ("invocation_credit", "Revenue from echo-0d21bbd3 invocation", 25),
            ("invocation_debit", "Payment for echo-0d21bbd3 invocation", -40),
            ("transfer_in", "Transfer", 7),
            ("transfer_out", "Transfer", -7),
            ("transfer_in", "Transfer", 7),
            ("transfer_out", "Transfer", -7),
            ("grant_reward", "Reward grant", 5),
            ("debit", "lunch", -3),
            ("credit", "Manual credit", 11),
            ("welcome_grant", "Welcome bonus credits", 500),
        ]
    );
    assert_eq!(whole.items[3].reference, invocation.unwrap());
    let mut ids: Vec<_> = whole.items.iter().map(|line| line.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), whole.total), (12, 12));
    let slice = read(5, 9).await;
    assert_eq!(slice.items, whole.items[9..]);
    assert_eq!(read(5, 12).await.items, []);
    let s = test.db.snapshot(async move |tx: &mut Tx| summary(tx, &me, a).await).await.unwrap();
    assert_eq!((s.granted, s.purchased, s.earned, s.spent), (505, 0, 25, 40));
    assert_eq!((s.transferred_in, s.transferred_out, s.credited, s.debited, s.transaction_count), (14, 14, 11, 3, 12));
    let sum = s.granted + s.purchased + s.earned + s.transferred_in + s.credited - s.spent - s.transferred_out - s.debited;
    assert_eq!((sum, s.wallet.balance), (498, amount(498)));
    assert!(matches!(Kind(4_711), Kind(n) if n > 1_000), "other kinds are the user's own");
    let stranger = caller(OwnerId::new(), Role::Operator);
    let refused = test.db.read(async move |tx: &mut Tx| summary(tx, &stranger, a).await).await;
    assert!(matches!(refused, Err(WalletError::Forbidden(_))));
    let page = PageRequest::first(1);
    let unknown = test.db.read(async move |tx: &mut Tx| transactions(tx, &me, Id::new(), page).await).await;
    assert_eq!(unknown, Err(WalletError::Unknown));
    let mine = test.db.read(async move |tx: &mut Tx| wallet::read_own_wallet(tx, &me).await).await.unwrap();
    assert_eq!(mine.id, a);
}

suite! {
    a_welcome_is_given_once,
    who_may_do_what,
    agents_are_swept_in_one_line_each,
    empty_wallets_take_no_place_in_what_is_swept_or_added_up,
    history_and_summary_tell_the_same_story,
}
