use rialto_kernel::{AccountId, OwnerId, PageRequest, Role};
use rialto_ledger::{
    purchase::{
        Packages, PaymentGateway, Purchase, PurchaseError, PurchaseStatus, PurchaseStore, SimulatedGateway, cancel, complete,
        confirm, fail, prepare, read_purchase, record,
    },
    wallet::{Sandbox, WalletError, transactions},
};
use rialto_store::{Db, Tx, suite, testing::TestDb};

use crate::support::{admin, at, balance, caller, user_wallet};

/// A purchase that waits for its payment.
pub async fn pending(db: &Db, owner: OwnerId, wallet: AccountId, package: &'static str) -> Purchase {
    let me = caller(owner, Role::Operator);
    let draft = db.read(async move |tx: &mut Tx| prepare(tx, &me, &Packages::default(), wallet, package).await).await.unwrap();
    let checkout = SimulatedGateway.create_checkout(&draft).await.unwrap();
    db.write(async move |tx: &mut Tx| record(tx, draft.clone(), checkout.clone(), at(0)).await).await.unwrap()
}

async fn a_purchase_is_pending_and_then_completed(test: &TestDb) {
    let owner = OwnerId::new();
    let me = caller(owner, Role::Operator);
    let wallet = user_wallet(&test.db, owner, 0).await.id;
    let new = pending(&test.db, owner, wallet, "pro").await;
    assert_eq!((new.status, new.credits.get(), new.price_cents), (PurchaseStatus::Pending, 1_200, 1_000));
    assert!(new.provider_reference.len() == 23 && new.provider_reference.starts_with("sim_pi_"));
    let (id, reference) = (new.id, new.provider_reference.clone());
    let run =
        async |who, sandbox| test.db.write(async move |tx: &mut Tx| confirm(tx, &who, Sandbox(sandbox), id, at(1)).await).await;
    let stranger = caller(OwnerId::new(), Role::Operator);
    assert!(matches!(run(me, false).await, Err(PurchaseError::Forbidden(_))));
    assert!(matches!(run(stranger, true).await, Err(PurchaseError::Forbidden(_))));
    assert_eq!(run(me, true).await.unwrap().status, PurchaseStatus::Completed);
    assert_eq!(run(admin(), false).await, Err(PurchaseError::NotPending(PurchaseStatus::Completed)));
    let refused = test.db.write(async move |tx: &mut Tx| cancel(tx, &me, id, at(2)).await).await;
    assert_eq!(refused, Err(PurchaseError::NotPending(PurchaseStatus::Completed)));
    assert_eq!(balance(&test.db, wallet).await, 1_200);
    let page = PageRequest::first(1);
    let lines = test.db.read(async move |tx: &mut Tx| transactions(tx, &me, wallet, page).await).await.unwrap().items;
    assert_eq!((lines[0].tx_type, lines[0].description.as_str()), ("purchase", "Purchased 1200 credits (pro package)"));
    assert_eq!(lines[0].reference.uuid(), id.uuid());
    let found = test
        .db
        .read(async move |tx: &mut Tx| {
            assert_eq!(tx.find_purchase_by_reference("sim_pi_nothing").await?, None);
            tx.find_purchase_by_reference(&reference).await
        })
        .await
        .unwrap();
    let read = test.db.read(async move |tx: &mut Tx| read_purchase(tx, &me, id).await).await.unwrap();
    assert_eq!(found, Some(read));
}

async fn a_cancelled_purchase_brings_nothing_unless_it_is_paid(test: &TestDb) {
    let owner = OwnerId::new();
    let me = caller(owner, Role::Operator);
    let wallet = user_wallet(&test.db, owner, 0).await.id;
    let id = pending(&test.db, owner, wallet, "starter").await.id;
    let stranger = caller(OwnerId::new(), Role::Operator);
    let refused = test.db.write(async move |tx: &mut Tx| cancel(tx, &stranger, id, at(1)).await).await;
    assert!(matches!(refused, Err(PurchaseError::Forbidden(_))));
    let cancelled = test.db.write(async move |tx: &mut Tx| cancel(tx, &me, id, at(1)).await).await.unwrap();
    assert_eq!(cancelled.status, PurchaseStatus::Failed);
    let refused = test.db.write(async move |tx: &mut Tx| confirm(tx, &admin(), Sandbox(true), id, at(2)).await).await;
    assert_eq!(refused, Err(PurchaseError::NotPending(PurchaseStatus::Failed)));
    let expired = test.db.write(async move |tx: &mut Tx| fail(tx, id, at(2)).await).await.unwrap();
    assert_eq!((expired.status, balance(&test.db, wallet).await), (PurchaseStatus::Failed, 0));
    // The provider has the last word about money that has arrived; hearing it twice, or late, changes nothing.
    for _ in 0..2 {
        let paid = test.db.write(async move |tx: &mut Tx| complete(tx, id, at(3)).await).await.unwrap();
        assert_eq!(paid.status, PurchaseStatus::Completed);
    }
    let late = test.db.write(async move |tx: &mut Tx| fail(tx, id, at(4)).await).await.unwrap();
    assert_eq!((late.status, balance(&test.db, wallet).await), (PurchaseStatus::Completed, 500));
}

async fn a_purchase_needs_a_package_and_a_wallet_of_ones_own(test: &TestDb) {
    let owner = OwnerId::new();
    let me = caller(owner, Role::Operator);
    let (mine, other) = (user_wallet(&test.db, owner, 0).await.id, user_wallet(&test.db, OwnerId::new(), 0).await.id);
    let check = async |wallet, package: &'static str| {
        test.db.read(async move |tx: &mut Tx| prepare(tx, &me, &Packages::default(), wallet, package).await).await.unwrap_err()
    };
    assert_eq!(check(AccountId::new(), "pro").await, PurchaseError::Wallet(WalletError::Unknown));
    assert!(matches!(check(other, "pro").await, PurchaseError::Wallet(WalletError::Forbidden(_))));
    assert_eq!(check(mine, "gold").await.to_string(), "Unknown package 'gold'. Use GET /credits/packages to see options.");
    let unknown = rialto_kernel::Id::new();
    let refused = test.db.write(async move |tx: &mut Tx| complete(tx, unknown, at(1)).await).await;
    assert_eq!(refused, Err(PurchaseError::Unknown));
}

suite! {
    a_purchase_is_pending_and_then_completed,
    a_cancelled_purchase_brings_nothing_unless_it_is_paid,
    a_purchase_needs_a_package_and_a_wallet_of_ones_own,
}
