//! What is owed, what is kept for it, and what comes at once.

use futures_util::future::join_all;
use rialto_kernel::{Amount, Asset, Caller, Role};
use rialto_ledger::{House, LedgerStore, wallet::Sandbox};
use rialto_proxy_billing::payments::deposit::{
    Deposit, DepositError, DepositId, DepositProvider, DepositStatus, Fate, News, PENDING_MAX, Refund, SimulatedDeposits,
    confirm, credit, follow, list_deposits, prepare, read_balance, record,
};
use rialto_store::{Db, StoreError, Tx, suite, testing::TestDb};

use super::world::{NOON, balance, deposit, owner, providers, read, spend};

fn usdc(text: &str) -> Amount {
    Amount::from_decimal(text, Asset::USDC).unwrap()
}

/// A deposit of somebody's that was paid by a payment of its own.
async fn paid(db: &Db, me: &Caller, amount: &str) -> Deposit {
    let pending = deposit(db, &providers(SimulatedDeposits), me, amount, NOON).await;
    pay(db, pending.id).await
}

async fn pay(db: &Db, id: DepositId) -> Deposit {
    let news = News::of(Fate::Paid).about(Some(format!("pay-{id}")));
    db.write(async move |tx: &mut Tx| follow(tx, id, std::slice::from_ref(&news), NOON).await).await.unwrap()
}

/// The payer has this much of a deposit back.
async fn give_back(db: &Db, id: DepositId, refund: &str, amount: &str) -> Deposit {
    let refund = Some(Refund { id: refund.to_owned(), amount: usdc(amount) });
    let news = News { refund, ..News::of(Fate::Returned).about(Some(format!("pay-{id}"))) };
    db.write(async move |tx: &mut Tx| follow(tx, id, std::slice::from_ref(&news), NOON).await).await.unwrap()
}

/// What is in a balance, all that came in, all that was spent and what is owed, in micro-USDC.
async fn account(db: &Db, me: &Caller) -> (i64, i64, i64, i64) {
    let me = *me;
    let all = db.read(async move |tx: &mut Tx| read_balance(tx, &me, me.owner).await).await.unwrap();
    (all.balance.get(), all.deposited.get(), all.spent.get(), all.owed.get())
}

/// What the world outside has brought, in micro-USDC: less than nothing, because it is where the money comes from.
async fn purchases(db: &Db) -> i64 {
    let account = House::Purchases.account(Asset::USDC);
    let read = async move |tx: &mut Tx| Ok::<_, StoreError>(tx.find_account(account).await?.map_or(0, |account| account.balance));
    db.read(read).await.unwrap()
}

async fn what_is_owed_is_kept_of_what_comes_next_and_once(test: &TestDb) {
    let (db, me) = (&test.db, owner(&test.db).await);
    let first = paid(db, &me, "10").await;
    assert_eq!((first.credited(), first.kept), (usdc("10"), Amount::ZERO));
    spend(db, &me, 9_000_000).await;
    let back = give_back(db, first.id, "R1", "10").await;
    assert_eq!((back.returned, back.owed), (usdc("10"), usdc("9")));
    assert_eq!(account(db, &me).await, (0, 9_000_000, 9_000_000, 9_000_000));
    assert_eq!(purchases(db).await, -9_000_000);
    // Less than what is owed: all of it is kept, and the books say that it came.
    let second = paid(db, &me, "4").await;
    assert_eq!((second.kept, second.credited(), second.owed), (usdc("4"), Amount::ZERO, Amount::ZERO));
    assert_eq!(account(db, &me).await, (0, 9_000_000, 9_000_000, 5_000_000));
    assert_eq!(purchases(db).await, -9_000_000, "four came in, and four went out");
    // That it is told again changes nothing.
    assert_eq!(pay(db, second.id).await.kept, usdc("4"));
    give_back(db, first.id, "R1", "10").await;
    assert_eq!(account(db, &me).await, (0, 9_000_000, 9_000_000, 5_000_000));
    let third = paid(db, &me, "7.50").await;
    assert_eq!((third.kept, third.credited()), (usdc("5"), usdc("2.50")));
    assert_eq!(account(db, &me).await, (2_500_000, 11_500_000, 9_000_000, 0));
    assert_eq!(paid(db, &me, "1").await.kept, Amount::ZERO, "nothing is owed any more");
    // What was kept for a debt and goes back as well is owed again.
    let back = give_back(db, second.id, "R2", "4").await;
    assert_eq!((back.returned, back.owed), (usdc("4"), usdc("0.50")));
    assert_eq!(account(db, &me).await, (0, 9_000_000, 9_000_000, 500_000));
    assert_eq!(read(db, second.id).await, back);
}

async fn what_was_kept_is_not_kept_again_by_the_migration_back_and_forth(test: &TestDb) {
    let (db, me, you) = (&test.db, owner(&test.db).await, owner(&test.db).await);
    let (one, two) = (paid(db, &me, "3").await, paid(db, &me, "5").await);
    spend(db, &me, 8_000_000).await;
    give_back(db, one.id, "R1", "3").await;
    give_back(db, two.id, "R2", "5").await;
    assert_eq!(paid(db, &me, "4").await.kept, usdc("4"));
    let theirs = paid(db, &you, "2").await;
    spend(db, &you, 1_500_000).await;
    give_back(db, theirs.id, "R3", "1").await;
    let before = (account(db, &me).await, account(db, &you).await);
    assert_eq!(before, ((0, 8_000_000, 8_000_000, 4_000_000), (0, 1_500_000, 1_500_000, 500_000)));
    let (down, up) = if db.is_postgres() {
        let down = include_str!("../../../../migrations/postgres/0039_broker_sums/down.sql");
        (down, include_str!("../../../../migrations/postgres/0039_broker_sums/up.sql"))
    } else {
        let down = include_str!("../../../../migrations/sqlite/0039_broker_sums/down.sql");
        (down, include_str!("../../../../migrations/sqlite/0039_broker_sums/up.sql"))
    };
    for _ in 0..2 {
        let again = async move |tx: &mut Tx| {
            tx.batch(down).await?;
            tx.batch(up).await
        };
        db.write::<_, StoreError, _>(again).await.unwrap();
        assert_eq!((account(db, &me).await, account(db, &you).await), before);
        // The oldest debt was paid first.
        let owed = (read(db, one.id).await.owed, read(db, two.id).await.owed, read(db, theirs.id).await.owed);
        assert_eq!(owed, (Amount::ZERO, usdc("4"), usdc("0.50")));
    }
    let next = paid(db, &me, "6").await;
    assert_eq!((next.kept, next.credited()), (usdc("4"), usdc("2")));
    assert_eq!(account(db, &me).await, (2_000_000, 10_000_000, 8_000_000, 0));
}

async fn what_is_put_in_by_hand_is_kept_as_well(test: &TestDb) {
    let (db, me) = (&test.db, owner(&test.db).await);
    let admin = Caller { role: Role::Admin, ..owner(db).await };
    let first = paid(db, &me, "10").await;
    spend(db, &me, 10_000_000).await;
    give_back(db, first.id, "R1", "6").await;
    let put = async |amount: &str| {
        let amount = usdc(amount);
        db.write(async move |tx: &mut Tx| credit(tx, &admin, Sandbox(false), me.owner, amount, NOON).await).await.unwrap()
    };
    let (put_in, there) = put("10").await;
    assert_eq!((put_in.kept, put_in.credited()), (usdc("6"), usdc("4")));
    assert_eq!((there.balance, there.owed, there.deposited, there.spent), (usdc("4"), Amount::ZERO, usdc("14"), usdc("10")));
    assert_eq!(read(db, put_in.id).await, put_in);
    let pending = deposit(db, &providers(SimulatedDeposits), &me, "3", NOON).await;
    let confirmed = async move |tx: &mut Tx| confirm(tx, &admin, Sandbox(false), pending.id, NOON).await;
    assert_eq!(db.write(confirmed).await.unwrap().kept, Amount::ZERO);
    assert_eq!(balance(db, &me).await, 7_000_000);
}

async fn deposits_and_refunds_at_once_keep_the_books(test: &TestDb) {
    const DEPOSITS: usize = 12;
    let (db, me, you) = (&test.db, owner(&test.db).await, owner(&test.db).await);
    let mut old = Vec::new();
    for _ in 0..DEPOSITS {
        old.push(paid(db, &me, "1").await.id);
    }
    spend(db, &me, 11_500_000).await;
    let mut new = Vec::new();
    for n in 0..DEPOSITS {
        let whose = if n % 3 == 0 { &you } else { &me };
        new.push(deposit(db, &providers(SimulatedDeposits), whose, "2", NOON).await.id);
    }
    // Each is told twice, and all of it at once.
    let work = old.iter().zip(&new).flat_map(|(old, new)| {
        let (old, new) = (*old, *new);
        (0..2).map(move |_| {
            let (one, other) = (db.clone(), db.clone());
            let back = tokio::spawn(async move { give_back(&one, old, &format!("R-{old}"), "1").await });
            let came = tokio::spawn(async move { pay(&other, new).await });
            async move { (back.await.unwrap(), came.await.unwrap()) }
        })
    });
    join_all(work).await;
    let list = async move |tx: &mut Tx| list_deposits(tx, &me, me.owner, None, None, 100).await;
    let all = db.read(list).await.unwrap();
    let sum = |of: fn(&Deposit) -> Amount| all.iter().map(|deposit| of(deposit).get()).sum::<i64>();
    assert!(all.iter().all(|deposit| deposit.status == DepositStatus::Completed));
    let (came, returned, owed, kept) = (sum(|d| d.amount), sum(|d| d.returned), sum(|d| d.owed), sum(|d| d.kept));
    assert_eq!((came, returned), (28_000_000, 12_000_000));
    let (there, deposited, spent, still) = account(db, &me).await;
    // 28 came, 11.5 was spent and 12 went back: 4.5 are there, and nothing is owed, in whatever order it was.
    assert_eq!((there, deposited, spent, still), (4_500_000, 16_000_000, 11_500_000, 0));
    assert_eq!(owed, kept, "all that was owed was kept");
    assert_eq!(account(db, &you).await, (8_000_000, 8_000_000, 0, 0), "nobody pays for somebody else");
    assert_eq!(purchases(db).await, -(28_000_000 - 12_000_000 + 8_000_000));
}

async fn of_deposits_that_come_at_once_no_more_than_twenty_are_pending(test: &TestDb) {
    let (db, me, you) = (&test.db, owner(&test.db).await, owner(&test.db).await);
    let open = |caller: Caller| {
        let (db, providers) = (db.clone(), providers(SimulatedDeposits));
        tokio::spawn(async move {
            let draft = prepare(&caller, caller.owner, usdc("1"), &SimulatedDeposits, DepositId::new()).unwrap();
            let checkout = SimulatedDeposits.open_checkout(&draft).await.unwrap();
            let write = async move |tx: &mut Tx| record(tx, draft.clone(), checkout.clone(), &providers, NOON).await;
            db.write(write).await
        })
    };
    let mut tasks = Vec::new();
    for _ in 0..PENDING_MAX + 15 {
        tasks.push(open(me));
        tasks.push(open(you));
    }
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert_eq!(error, DepositError::TooManyPending),
        }
    }
    assert_eq!(made, 2 * PENDING_MAX);
    for caller in [me, you] {
        let list = async move |tx: &mut Tx| list_deposits(tx, &caller, caller.owner, None, None, 100).await;
        let pending = db.read(list).await.unwrap();
        assert_eq!(pending.len(), usize::try_from(PENDING_MAX).unwrap());
        // One that is paid makes room for one.
        pay(db, pending[0].id).await;
        assert!(open(caller).await.unwrap().is_ok());
        assert_eq!(open(caller).await.unwrap(), Err(DepositError::TooManyPending));
    }
}

suite! {
    what_is_owed_is_kept_of_what_comes_next_and_once,
    what_was_kept_is_not_kept_again_by_the_migration_back_and_forth,
    what_is_put_in_by_hand_is_kept_as_well,
    deposits_and_refunds_at_once_keep_the_books,
    of_deposits_that_come_at_once_no_more_than_twenty_are_pending,
}
