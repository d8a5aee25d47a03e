//! Lists, and ids that follow from keys.

use std::time::Duration;

use rialto_proxy_billing::payments::deposit::{
    DepositError, DepositId, DepositStatus, PENDING_MAX, SimulatedDeposits, check_pending, list_deposits, next_id,
};
use rialto_store::{Tx, idempotency::Key, suite, testing::TestDb};

use super::world::{NOON, deposit, owner, providers};

async fn a_list_goes_on_where_it_ended(test: &TestDb) {
    let (me, you, providers) = (owner(&test.db).await, owner(&test.db).await, providers(SimulatedDeposits));
    let theirs = deposit(&test.db, &providers, &you, "1", NOON).await.id;
    let mut mine = Vec::new();
    for n in 0..7 {
        // Two of each moment.
        let at = NOON.after(Duration::from_secs(n / 2));
        let made = deposit(&test.db, &providers, &me, "1", at).await;
        mine.push((made.created_at, made.id));
    }
    mine.sort_unstable();
    mine.reverse();
    let list = async |status: Option<DepositStatus>, after: Option<DepositId>, limit: u32| {
        let listed = async move |tx: &mut Tx| list_deposits(tx, &me, me.owner, status, after, limit).await;
        test.db.read(listed).await.map(|found| found.into_iter().map(|deposit| deposit.id).collect::<Vec<_>>())
    };
    let ids: Vec<DepositId> = mine.iter().map(|(_, id)| *id).collect();
    assert_eq!(list(None, None, 100).await.unwrap(), ids);
    let mut seen = Vec::new();
    while seen.len() < ids.len() {
        let page = list(Some(DepositStatus::Pending), seen.last().copied(), 2).await.unwrap();
        seen.extend(page.into_iter().take(2));
    }
    assert_eq!(seen, ids);
    assert_eq!(list(Some(DepositStatus::Completed), None, 2).await.unwrap(), []);
    for cursor in [theirs, DepositId::new()] {
        assert_eq!(list(None, Some(cursor), 2).await, Err(DepositError::Cursor));
    }
    let foreign = test.db.read(async move |tx: &mut Tx| list_deposits(tx, &you, me.owner, None, None, 2).await).await;
    assert!(matches!(foreign, Err(DepositError::Forbidden(_))));
}

async fn the_same_key_has_the_same_id_until_there_is_such_a_deposit(test: &TestDb) {
    let me = owner(&test.db).await;
    let next = async |key: Option<Key>| test.db.read(async move |tx: &mut Tx| next_id(tx, key.as_ref()).await).await.unwrap();
    let key = |scope: &str, key: &str, fingerprint: u8| {
        Some(Key { scope: scope.to_owned(), key: key.to_owned(), fingerprint: vec![fingerprint; 32] })
    };
    let first = next(key("a", "k", 1)).await;
    assert_eq!(next(key("a", "k", 1)).await, first);
    for other in [key("b", "k", 1), key("a", "l", 1), key("a", "k", 2), key("ak", "", 1), None] {
        assert_ne!(next(other).await, first);
    }
    let providers = providers(SimulatedDeposits);
    let amount = rialto_kernel::Amount::new(10_000).unwrap();
    let provider = providers.pick(None).unwrap();
    let draft = rialto_proxy_billing::payments::deposit::prepare(&me, me.owner, amount, provider.as_ref(), first).unwrap();
    let checkout = provider.open_checkout(&draft).await.unwrap();
    let write = async move |tx: &mut Tx| {
        rialto_proxy_billing::payments::deposit::record(tx, draft.clone(), checkout.clone(), &providers, NOON).await
    };
    assert_eq!(test.db.write(write).await.unwrap().ask_at, None, "nobody can be asked for it");
    assert_ne!(next(key("a", "k", 1)).await, first);
}

async fn an_owner_has_at_most_twenty_that_are_pending(test: &TestDb) {
    let (me, you, providers) = (owner(&test.db).await, owner(&test.db).await, providers(SimulatedDeposits));
    for _ in 0..PENDING_MAX {
        deposit(&test.db, &providers, &me, "1", NOON).await;
    }
    let check = async |owner| test.db.read(async move |tx: &mut Tx| check_pending(tx, owner).await).await;
    assert_eq!(check(me.owner).await, Err(DepositError::TooManyPending));
    assert_eq!(check(you.owner).await, Ok(()));
}

suite! { an_owner_has_at_most_twenty_that_are_pending, a_list_goes_on_where_it_ended, the_same_key_has_the_same_id_until_there_is_such_a_deposit }
