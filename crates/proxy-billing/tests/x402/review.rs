//! What administrators decide.

use std::sync::Arc;

use rialto_kernel::{Caller, CredentialKind, PageRequest, Role};
use rialto_ledger::{LedgerStore, balance::payable_account};
use rialto_proxy_billing::{
    payments::x402::{Doubtful, PaymentRecord, PaymentState, PaymentStore, ReviewStore},
    proxy::{Decision, ResolveError, Resolved, list_doubtful, resolve},
    store::UsageStore,
    usage::{Usage, UsageId},
};
use rialto_store::{Tx, testing::TestDb};
use tokio::sync::Barrier;

use super::world::{PRICE, World, at, owner};

pub fn caller(owner: rialto_kernel::OwnerId, role: Role) -> Caller {
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

pub fn settled(digit: &str) -> Decision {
    Decision::Settled(format!("0x{}", digit.repeat(64)))
}

pub fn refused() -> Decision {
    Decision::Refused("The nonce was taken back".to_owned())
}

impl World {
    /// A call of which nobody can say whether it is paid.
    async fn unclear(&self, nonce: u8) -> UsageId {
        let usage = self.begin(nonce).await.unwrap();
        assert!(self.settle(usage).await);
        let seen = self.find(usage).await.unwrap();
        assert!(self.end(&seen, PaymentState::Unclear, Err("silence")).await);
        usage
    }

    async fn decide(&self, who: Caller, usage: UsageId, decision: &Decision) -> Result<PaymentRecord, ResolveError> {
        self.decide_at(50_000, who, usage, decision, true).await.map(|resolved| resolved.payment)
    }

    pub async fn decide_at(
        &self,
        now: i64,
        who: Caller,
        usage: UsageId,
        decision: &Decision,
        takes_test_money: bool,
    ) -> Result<Resolved, ResolveError> {
        let decision = decision.clone();
        let work = async move |tx: &mut Tx| resolve(tx, &who, usage, &decision, takes_test_money, at(now)).await;
        self.db.write(work).await
    }

    pub async fn usage(&self, usage: UsageId) -> Option<Usage> {
        self.db.read(async move |tx: &mut Tx| tx.find_usage(usage).await).await.unwrap()
    }

    /// What the provider is owed.
    pub async fn owed(&self) -> i64 {
        let account = payable_account(self.provider);
        let find = async move |tx: &mut Tx| tx.find_account(account).await;
        self.db.read(find).await.unwrap().unwrap().balance
    }

    async fn listed(&self, which: Doubtful) -> Vec<UsageId> {
        let page = PageRequest::new(10, 0, 10).unwrap();
        let list = async move |tx: &mut Tx| tx.list_payments(which, page).await;
        let found = self.db.read(list).await.unwrap();
        assert_eq!(found.total, i64::try_from(found.items.len()).unwrap());
        found.items.into_iter().map(|payment| payment.usage).collect()
    }
}

pub async fn what_is_unclear_is_decided_once(test: &TestDb) {
    let world = World::new(test).await;
    let root = caller(owner(&world.db, "root").await, Role::Admin);
    let usage = world.unclear(1).await;
    // However long that takes: it is neither closed nor asked about.
    assert_eq!((world.close(1_000_000).await, world.held().await), (0, PRICE));
    assert_eq!((world.usage(usage).await, world.listed(Doubtful::Unclear).await), (None, vec![usage]));

    let seller = caller(world.provider, Role::Operator);
    assert_eq!(world.decide(seller, usage, &settled("a")).await.unwrap_err(), ResolveError::NotAdmin);
    let page = PageRequest::new(10, 0, 10).unwrap();
    let list = async move |tx: &mut Tx| list_doubtful(tx, &seller, Doubtful::Unclear, page).await;
    assert_eq!(world.db.read(list).await.unwrap_err(), ResolveError::NotAdmin);
    assert_eq!(world.decide(root, UsageId::new(), &refused()).await.unwrap_err(), ResolveError::Unknown);
    for junk in ["", "0x", "0xabc", "a transaction"] {
        assert_eq!(world.decide(root, usage, &Decision::Settled(junk.to_owned())).await.unwrap_err(), ResolveError::Transaction);
    }
    for junk in [String::new(), " ".to_owned(), "x".repeat(257), "a\nb".to_owned()] {
        assert_eq!(world.decide(root, usage, &Decision::Refused(junk)).await.unwrap_err(), ResolveError::Reason);
    }
    assert_eq!((world.owed().await, world.held().await), (0, PRICE));

    // The second time it is told what was decided.
    for _ in 0..2 {
        let decided = world.decide(root, usage, &settled("a")).await.unwrap();
        assert_eq!((decided.state, decided.resolved), (PaymentState::Settled, Some((root.owner, at(50_000)))));
        assert_eq!((world.owed().await, world.held().await), (PRICE - 2_500, 0));
    }
    for other in [settled("b"), refused()] {
        let error = world.decide(root, usage, &other).await.unwrap_err();
        assert_eq!(error, ResolveError::NotUnclear(PaymentState::Settled));
    }
    let ended = world.usage(usage).await.unwrap();
    assert_eq!(
        (ended.end.delivered, ended.end.amount.get(), ended.payment_tx),
        (true, PRICE, Some(format!("0x{}", "a".repeat(64))))
    );
    assert_eq!((world.listed(Doubtful::Unclear).await, world.listed(Doubtful::Resolved).await), (vec![], vec![usage]));
    assert_eq!(world.begin(1).await, None, "the authorization was used");
}

pub async fn of_many_decisions_one_counts(test: &TestDb) {
    let world = World::new(test).await;
    let root = caller(owner(&world.db, "root").await, Role::Admin);
    let usage = world.unclear(1).await;
    let start = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (world, start) = (world.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let decision = if n % 2 == 0 { settled("a") } else { refused() };
                world.decide(root, usage, &decision).await
            })
        })
        .collect();
    let mut states = Vec::new();
    for task in tasks {
        states.push(task.await.unwrap().map(|decided| decided.state));
    }
    let made: Vec<_> = states.iter().flatten().copied().collect();
    assert_eq!(made.len(), 4, "those who decided what was decided: {states:?}");
    let first = made.first().copied().unwrap();
    assert!(made.iter().all(|state| *state == first), "{states:?}");
    assert_eq!(states.iter().filter(|state| **state == Err(ResolveError::NotUnclear(first))).count(), 4, "{states:?}");
    let paid = first == PaymentState::Settled;
    assert_eq!((world.owed().await, world.held().await), (if paid { PRICE - 2_500 } else { 0 }, 0));
    assert_eq!(world.usage(usage).await.unwrap().end.delivered, paid);
}

pub async fn a_refusal_costs_nothing_and_leaves_other_calls_alone(test: &TestDb) {
    let world = World::new(test).await;
    let root = caller(owner(&world.db, "root").await, Role::Admin);
    let (usage, other) = (world.unclear(1).await, world.begin(2).await.unwrap());
    assert_eq!(
        world.decide(root, other, &refused()).await.unwrap_err(),
        ResolveError::NotUnclear(PaymentState::Reserved),
        "it runs"
    );
    let decided = world.decide(root, usage, &refused()).await.unwrap();
    assert_eq!((decided.state, decided.failure.as_deref()), (PaymentState::Failed, Some("The nonce was taken back")));
    assert_eq!((world.owed().await, world.held().await), (0, PRICE));
    let ended = world.usage(usage).await.unwrap();
    assert_eq!((ended.end.delivered, ended.end.amount.get(), ended.payment_tx), (false, 0, None));
    assert_eq!(world.usage(other).await, None);
}

pub async fn a_transaction_pays_for_one_call(test: &TestDb) {
    let world = World::new(test).await;
    let root = caller(owner(&world.db, "root").await, Role::Admin);
    // It is of a test network, and what is taken now is not.
    let first = world.unclear(1).await;
    let worthless = world.decide_at(50_000, root, first, &settled("a"), false).await.unwrap_err();
    assert_eq!((worthless, world.owed().await), (ResolveError::TestMoney, 0));
    let resolved = world.decide_at(50_000, root, first, &settled("A"), true).await.unwrap();
    assert_eq!((resolved.is_new, resolved.payment.transaction), (true, Some(format!("0x{}", "a".repeat(64)))));
    assert!(!world.decide_at(50_000, root, first, &settled("a"), true).await.unwrap().is_new, "it was decided");
    let second = world.unclear(2).await;
    for digit in ["a", "A"] {
        assert_eq!(world.decide(root, second, &settled(digit)).await.unwrap_err(), ResolveError::TransactionTaken(first));
    }
    assert_eq!((world.owed().await, world.held().await), (PRICE - 2_500, PRICE));
    world.decide(root, second, &settled("b")).await.unwrap();

    // Nor for two at once.
    let (third, fourth) = (world.unclear(3).await, world.unclear(4).await);
    let start = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (world, start) = (world.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let usage = if n % 2 == 0 { third } else { fourth };
                world.decide_at(50_000, root, usage, &settled("c"), true).await.map(|resolved| resolved.is_new)
            })
        })
        .collect();
    let (mut made, mut taken) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(is_new) => made += usize::from(is_new),
            Err(ResolveError::TransactionTaken(_)) => taken += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((made, taken), (1, 4));
    assert_eq!((world.owed().await, world.held().await), (3 * (PRICE - 2_500), PRICE));
}

pub async fn of_a_decision_and_a_late_facilitator_one_counts(test: &TestDb) {
    let world = World::new(test).await;
    let root = caller(owner(&world.db, "root").await, Role::Admin);
    for nonce in 1..=8 {
        let usage = world.unclear(nonce).await;
        let start = Arc::new(Barrier::new(2));
        let late = {
            let (db, start) = (world.db.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                db.write(async move |tx: &mut Tx| tx.note_paid(usage, "0x7", at(50_000), at(3)).await).await.unwrap()
            })
        };
        start.wait().await;
        let decided = world.decide(root, usage, &refused()).await;
        if late.await.unwrap() {
            // The administrator hears where it stands, and that is in the list.
            assert_eq!(decided.unwrap_err(), ResolveError::NotUnclear(PaymentState::Settling));
            assert_eq!((world.usage(usage).await, world.listed(Doubtful::Unclear).await), (None, vec![usage]));
            assert_eq!(world.sweep(60_000).await, 1);
            assert!(world.usage(usage).await.unwrap().end.delivered);
        } else {
            assert_eq!(decided.unwrap().state, PaymentState::Failed);
            assert!(!world.usage(usage).await.unwrap().end.delivered);
        }
        assert_eq!((world.held().await, world.listed(Doubtful::Unclear).await), (0, vec![]));
    }
}
