//! What administrators decide.

use std::sync::Arc;

use rialto_kernel::{Caller, CredentialKind, PageRequest, Role};
use rialto_ledger::{LedgerStore, balance::payable_account};
use rialto_proxy_billing::{
    payments::x402::{Doubtful, PaymentRecord, PaymentState, ReviewStore},
    proxy::{Decision, ResolveError, list_doubtful, resolve},
    store::UsageStore,
    usage::{Usage, UsageId},
};
use rialto_store::{Tx, testing::TestDb};
use tokio::sync::Barrier;

use super::{PRICE, World, at, owner};

fn caller(owner: rialto_kernel::OwnerId, role: Role) -> Caller {
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

fn settled(digit: &str) -> Decision {
    Decision::Settled(format!("0x{}", digit.repeat(64)))
}

fn refused() -> Decision {
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
        let decision = decision.clone();
        self.db.write(async move |tx: &mut Tx| resolve(tx, &who, usage, &decision, at(50_000)).await).await
    }

    async fn usage(&self, usage: UsageId) -> Option<Usage> {
        self.db.read(async move |tx: &mut Tx| tx.find_usage(usage).await).await.unwrap()
    }

    /// What the provider is owed.
    async fn owed(&self) -> i64 {
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
