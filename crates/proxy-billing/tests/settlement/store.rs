//! Settlements on both databases.

use std::{sync::Arc, time::Duration};

use rialto_kernel::{Amount, PageRequest};
use rialto_proxy_billing::{
    commission::{CommissionStore, FOUNDING_MAX, MILESTONE_MICRO, Quality, find_terms, terms_of},
    settlement::{
        NewSettlement, Settlement, SettlementError, SettlementFilter, SettlementId, SettlementState, find_settlement,
        list_settlements, process, release_failed, settle,
    },
};
use rialto_store::{Tx, testing::TestDb};
use tokio::sync::Barrier;

use super::world::{BATCH, EVENING, NOON, Shop, World, noon_and, page};

rialto_store::suite!(
    a_settlement_takes_the_delivered_calls_of_a_half_open_period,
    overlapping_settlements_at_once_take_no_call_twice,
    a_period_is_settled_again_only_when_there_is_something_left,
    a_settlement_is_paid_exactly_once,
    a_failed_settlement_lets_go_of_its_calls,
    what_is_not_in_the_account_is_not_paid,
    a_settlement_that_is_being_paid_takes_no_more_calls,
    everybody_sees_their_own_and_administrators_settle,
    terms_are_kept_and_follow_what_was_settled,
);

async fn a_settlement_takes_the_delivered_calls_of_a_half_open_period(test: &TestDb) {
    let world = World::new(test).await;
    let (shop, other) = (world.shop("shop", NOON).await, world.shop("other", NOON).await);
    for (seconds, micro, rate, delivered) in [
        (9, 1_000_000, 100_000, true),
        (10, 50_000, 50_000, true),
        (11, 15, 100_000, true),
        (12, 25, 100_000, true),
        (13, 1_000_000, 100_000, false),
        (19, 100_000_000, 60_000, true),
        (20, 1_000_000, 100_000, true),
    ] {
        world.call(&shop, noon_and(seconds), micro, rate, delivered).await;
    }
    world.call(&other, noon_and(12), 1_000_000, 100_000, true).await;
    let made = world.settle(&shop, noon_and(10), noon_and(20)).await.unwrap();
    assert_eq!((made.share.calls, made.share.gross.get()), (4, 100_050_040));
    // 2,500 and 1.5 and 2.5, each rounded to the even number, and 6,000,000.
    assert_eq!((made.share.commission.get(), made.share.net().get()), (6_002_504, 94_047_536));
    assert_eq!((made.state, made.provider.name.as_str()), (SettlementState::Pending, "shop"));
    let found = read(&world, made.id).await;
    assert_eq!(found, made);
    // What is left on both sides of it is the next ones'.
    let rest = world.settle(&shop, NOON, noon_and(60)).await.unwrap();
    assert_eq!((rest.share.calls, rest.share.gross.get()), (2, 2_000_000));
    assert_eq!(world.settled(&[made.id, rest.id]).await, (vec![4, 2], 2));
}

async fn overlapping_settlements_at_once_take_no_call_twice(test: &TestDb) {
    let world = Arc::new(World::new(test).await);
    let shop = world.shop("shop", NOON).await;
    for number in 0..40 {
        world.call(&shop, noon_and(number), 1_000, 100_000, true).await;
    }
    let start = Arc::new(Barrier::new(4));
    let tasks: Vec<_> = [(0, 30), (10, 40), (5, 35), (0, 41)]
        .into_iter()
        .map(|(from, to)| {
            let (world, shop, start) = (Arc::clone(&world), shop.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                // Whoever comes when nothing is left is told so.
                match world.settle(&shop, noon_and(from), noon_and(to)).await {
                    Ok(made) => Some(made),
                    Err(SettlementError::Exists(_)) => None,
                    Err(error) => panic!("{error}"),
                }
            })
        })
        .collect();
    let mut made: Vec<Settlement> = Vec::new();
    for task in tasks {
        made.extend(task.await.unwrap());
    }
    let ids: Vec<SettlementId> = made.iter().map(|one| one.id).collect();
    let (counts, left) = world.settled(&ids).await;
    assert_eq!((counts.iter().sum::<i64>(), left), (40, 0));
    assert_eq!(made.iter().map(|one| one.share.calls).collect::<Vec<_>>(), counts);
    let sums = made.iter().fold((0, 0), |sum, one| (sum.0 + one.share.gross.get(), sum.1 + one.share.commission.get()));
    assert_eq!(sums, (40_000, 4_000));
    for id in ids {
        world.pay(id, "0xabc").await.unwrap();
    }
    assert_eq!(world.balances(&shop).await, (0, 36_000));
}

async fn a_period_is_settled_again_only_when_there_is_something_left(test: &TestDb) {
    let world = World::new(test).await;
    let shop = world.shop("shop", NOON).await;
    let empty = world.settle(&shop, NOON, noon_and(60)).await.unwrap();
    assert_eq!((empty.share.calls, empty.share.gross.get()), (0, 0));
    assert_eq!(world.settle(&shop, NOON, noon_and(60)).await, Err(SettlementError::Exists(empty.id)));
    world.call(&shop, noon_and(1), 50_000, 50_000, true).await;
    let late = world.settle(&shop, NOON, noon_and(60)).await.unwrap();
    assert_eq!(late.share.calls, 1);
    assert!(matches!(world.settle(&shop, NOON, noon_and(60)).await, Err(SettlementError::Exists(_))));
    // A settlement of nothing is paid without a movement.
    let paid = world.pay(empty.id, "nothing to do").await.unwrap();
    assert_eq!((paid.state, world.balances(&shop).await), (SettlementState::Completed, (47_500, 0)));
    let upside_down = world.settle(&shop, noon_and(60), noon_and(60)).await;
    assert!(matches!(upside_down, Err(SettlementError::Invalid { field: "period_end", .. })), "{upside_down:?}");
}

async fn a_settlement_is_paid_exactly_once(test: &TestDb) {
    let world = Arc::new(World::new(test).await);
    let shop = world.shop("shop", NOON).await;
    world.call(&shop, NOON, 10_500_000, 100_000, true).await;
    let made = world.settle(&shop, NOON, EVENING).await.unwrap();
    assert_eq!(world.balances(&shop).await, (9_450_000, 0));
    for wrong in ["", "  ", "a\nb", &"x".repeat(257)] {
        let refused = world.pay(made.id, wrong).await;
        assert!(matches!(refused, Err(SettlementError::Invalid { field: "payment_tx", .. })), "{wrong:?} {refused:?}");
    }
    let start = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let (world, start) = (Arc::clone(&world), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                world.pay(made.id, &format!("0x{number}")).await
            })
        })
        .collect();
    let mut paid = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(settlement) => paid.push(settlement),
            Err(refused) => assert_eq!(refused, SettlementError::NotPayable),
        }
    }
    let [paid] = paid.as_slice() else { panic!("paid {} times", paid.len()) };
    assert_eq!((paid.state, world.balances(&shop).await), (SettlementState::Completed, (0, 9_450_000)));
    assert_eq!(read(&world, made.id).await, *paid);
    assert_eq!(world.fail(made.id).await, Err(SettlementError::WrongState(SettlementState::Completed)));
    assert_eq!(world.pay(SettlementId::new(), "0x").await, Err(SettlementError::NotPayable));
}

async fn a_failed_settlement_lets_go_of_its_calls(test: &TestDb) {
    let world = World::new(test).await;
    let shop = world.shop("shop", NOON).await;
    for number in 0..u64::from(3 * BATCH) {
        world.call(&shop, noon_and(number), 1_000, 0, true).await;
    }
    let first = world.settle(&shop, NOON, EVENING).await.unwrap();
    let failed = world.fail(first.id).await.unwrap();
    assert_eq!((failed.state, failed.failure.as_deref()), (SettlementState::Failed, Some("no such account")));
    // What it came to stays to be read.
    assert_eq!((failed.share, failed.is_releasing), (first.share, true));
    let release = async || world.db.write(async |tx: &mut Tx| release_failed(tx, BATCH).await).await.unwrap();
    while release().await {}
    assert_eq!(world.settled(&[first.id]).await, (vec![0], i64::from(3 * BATCH)));
    assert!(!read(&world, first.id).await.is_releasing);
    assert_eq!(world.pay(first.id, "0x").await, Err(SettlementError::NotPayable));
    let second = world.settle(&shop, NOON, EVENING).await.unwrap();
    assert_eq!(second.share, first.share);
    world.pay(second.id, "0x").await.unwrap();
    assert_eq!(world.balances(&shop).await, (0, 21_000));
}

async fn what_is_not_in_the_account_is_not_paid(test: &TestDb) {
    let world = World::new(test).await;
    let shop = world.shop("shop", NOON).await;
    world.call(&shop, NOON, 1_000_000, 0, true).await;
    let whole = world.settle(&shop, NOON, EVENING).await.unwrap();
    let spend = async |micro| {
        let payable = rialto_ledger::balance::payable_account(shop.caller.owner);
        let fees = rialto_ledger::House::Fees.account(rialto_kernel::Asset::USDC);
        let amount = Amount::new(micro).unwrap();
        let new = rialto_ledger::NewTransfer::new(rialto_kernel::Id::new(), payable, fees, amount);
        world.db.write(async move |tx: &mut Tx| rialto_ledger::transfer(tx, new.clone(), NOON).await).await.unwrap();
    };
    spend(1).await;
    assert_eq!(world.pay(whole.id, "0x").await, Err(SettlementError::NotCovered));
    assert_eq!((read(&world, whole.id).await.state, world.balances(&shop).await), (SettlementState::Pending, (999_999, 0)));
}

async fn a_settlement_that_is_being_paid_takes_no_more_calls(test: &TestDb) {
    let world = World::new(test).await;
    let shop = world.shop("shop", NOON).await;
    for number in 0..u64::from(2 * BATCH) {
        world.call(&shop, noon_and(number), 1_000, 0, true).await;
    }
    let (admin, new) = (world.admin, NewSettlement { provider: shop.provider.clone(), from: NOON, to: EVENING });
    let begun = world.db.write(async move |tx: &mut Tx| settle(tx, &admin, &new, BATCH, EVENING).await).await.unwrap();
    assert!(begun.has_more && begun.settlement.share.calls == i64::from(BATCH));
    let id = begun.settlement.id;
    let begin = async || world.db.write(async move |tx: &mut Tx| process(tx, &admin, id, EVENING).await).await;
    assert_eq!(begin().await.unwrap().state, SettlementState::Processing);
    assert_eq!(begin().await, Err(SettlementError::WrongState(SettlementState::Processing)));
    let more = async move |tx: &mut Tx| rialto_proxy_billing::settlement::settle_more(tx, id, BATCH, EVENING).await;
    let more = world.db.write(more).await.unwrap();
    assert!(!more.has_more && more.settlement.share == begun.settlement.share);
    world.pay(id, "0x").await.unwrap();
    // The others are settled by the next one.
    assert_eq!(world.settle(&shop, NOON, EVENING).await.unwrap().share.calls, i64::from(BATCH));
}

async fn everybody_sees_their_own_and_administrators_settle(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, bob) = (world.shop("ada", NOON).await, world.shop("bob", NOON).await);
    let old = world.settle(&ada, NOON, noon_and(1)).await.unwrap();
    let new = world.settle(&ada, noon_and(1), noon_and(2)).await.unwrap();
    let bobs = world.settle(&bob, NOON, noon_and(3)).await.unwrap();
    world.pay(old.id, "0x").await.unwrap();
    let list = async |caller, filter, page: PageRequest| {
        let found = world.db.read(async move |tx: &mut Tx| list_settlements(tx, &caller, &filter, page).await).await;
        found.map(|found| (found.items.into_iter().map(|one| one.id).collect::<Vec<_>>(), found.total))
    };
    let all = SettlementFilter::default();
    let of = |shop: &Shop| SettlementFilter { provider: Some(shop.caller.owner), ..all };
    let completed = SettlementFilter { state: Some(SettlementState::Completed), ..all };
    assert_eq!(list(world.admin, all, page()).await.unwrap(), (vec![bobs.id, new.id, old.id], 3));
    assert_eq!(list(world.admin, of(&ada), page()).await.unwrap(), (vec![new.id, old.id], 2));
    assert_eq!(list(world.admin, completed, page()).await.unwrap(), (vec![old.id], 1));
    assert_eq!(list(world.admin, all, PageRequest::new(1, 1, 100).unwrap()).await.unwrap(), (vec![new.id], 3));
    assert_eq!(list(ada.caller, all, page()).await.unwrap(), (vec![new.id, old.id], 2));
    assert_eq!(list(ada.caller, of(&ada), page()).await.unwrap(), (vec![new.id, old.id], 2));
    assert_eq!(list(ada.caller, of(&bob), page()).await, Err(SettlementError::NotYours));
    let find = async |caller, id| world.db.read(async move |tx: &mut Tx| find_settlement(tx, &caller, id).await).await;
    assert_eq!(find(bob.caller, bobs.id).await.unwrap().id, bobs.id);
    assert_eq!(find(bob.caller, old.id).await, Err(SettlementError::NotYours));
    assert_eq!(find(world.admin, SettlementId::new()).await, Err(SettlementError::Unknown));
    let own = NewSettlement { provider: ada.provider.clone(), from: NOON, to: EVENING };
    let caller = ada.caller;
    let refused = world.db.write(async move |tx: &mut Tx| settle(tx, &caller, &own, BATCH, EVENING).await).await;
    assert_eq!(refused, Err(SettlementError::NotAdmin));
}

async fn terms_are_kept_and_follow_what_was_settled(test: &TestDb) {
    let world = World::new(test).await;
    let mut shops = Vec::new();
    for number in 0..=u64::from(FOUNDING_MAX) {
        shops.push(world.shop(&format!("shop-{number}"), noon_and(number)).await);
    }
    let terms = async |shop: &Shop| {
        let owner = shop.caller.owner;
        world.db.write(async move |tx: &mut Tx| terms_of(tx, owner).await).await.unwrap()
    };
    let (first, last) = (&shops[0], &shops[shops.len() - 1]);
    let of_last = terms(last).await;
    assert!(terms(first).await.is_founding && !of_last.is_founding);
    assert_eq!(of_last.registered_at, Some(noon_and(u64::from(FOUNDING_MAX))));
    let stranger = world.admin.owner;
    let none = world.db.read(async move |tx: &mut Tx| find_terms(tx, stranger).await).await.unwrap();
    assert_eq!(none.registered_at, None);

    world.call(last, noon_and(1_000), MILESTONE_MICRO, 0, true).await;
    let made = world.settle(last, NOON, EVENING).await;
    assert_eq!(made.as_ref().unwrap().share.gross.get(), MILESTONE_MICRO);
    world.pay(made.unwrap().id, "0x").await.unwrap();
    let owner = last.caller.owner;
    world.db.write(async move |tx: &mut Tx| tx.set_quality(owner, Quality::Good).await).await.unwrap();
    let now = terms(last).await;
    assert_eq!((now.settled.get(), now.quality, now.registered_at), (MILESTONE_MICRO, Quality::Good, of_last.registered_at));
    let later = NOON.after(Duration::from_secs(200 * 86_400));
    assert_eq!(rialto_proxy_billing::commission::standing(&now, later).rate.get(), 80_000);
}

async fn read(world: &World, id: SettlementId) -> Settlement {
    let admin = world.admin;
    world.db.read(async move |tx: &mut Tx| find_settlement(tx, &admin, id).await).await.unwrap()
}
