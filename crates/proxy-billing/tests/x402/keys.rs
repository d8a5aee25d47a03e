//! What becomes of the key of a call that is ended late.

use rialto_kernel::{Clock, Role};
use rialto_outbound::{ClientOptions, OutboundClient, OutboundPolicy};
use rialto_proxy_billing::{
    payments::x402::{Outcome, PaymentState, PaymentStore, UsedAuthorization},
    proxy::{Proxy, ProxyConfig},
    usage::{UsageId, UsageReason},
};
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Claim, Key, Stored},
    testing::TestDb,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{
    review::{caller, refused, settled},
    world::{FINGERPRINT, PRICE, World, at, outcome, owner, pledge},
};

const HOUR: i64 = 60 * 60;

fn key(name: &str) -> Key {
    Key { scope: "ann/proxy shop".to_owned(), key: format!("key {name}"), fingerprint: FINGERPRINT.to_vec() }
}

impl World {
    /// Ends what can be ended at this moment, without anybody to ask.
    pub async fn sweep(&self, now: i64) -> usize {
        let client = OutboundClient::new(OutboundPolicy::default(), &ClientOptions::default()).unwrap();
        let clock = Clock::fixed(at(now));
        let proxy = Proxy::new(self.db.clone(), client, clock, ProxyConfig::default(), None, Handle::current());
        proxy.fetch_payments(10).await.unwrap()
    }

    /// Begins a call with a key, whose money is being fetched; and that it has come, if `is_paid`.
    async fn fetching(&self, nonce: u8, key: &Key, outcome: impl Fn(UsageId) -> Outcome, is_paid: bool) -> UsageId {
        let usage = self.begin_as(nonce, Some(key.clone())).await.unwrap();
        assert!(self.settle_as(usage, outcome(usage)).await);
        let note = async move |tx: &mut Tx| tx.note_paid(usage, "0x7", at(50), at(3)).await;
        assert!(!is_paid || self.db.write(note).await.unwrap());
        usage
    }

    /// Forgets the keys that were made before.
    async fn forget(&self, before: i64) -> usize {
        self.db
            .write::<_, StoreError, _>(async move |tx: &mut Tx| idempotency::forget_before(tx, at(before), 10).await)
            .await
            .unwrap()
    }

    async fn told(&self, key: &Key) -> Option<Claim> {
        let key = key.clone();
        self.db.read::<_, StoreError, _>(async move |tx: &mut Tx| idempotency::find(tx, &key).await).await.unwrap()
    }

    /// The call in whose name a key is answered, the status, and its body, or why there is none.
    async fn answer(&self, key: &Key) -> (UsageId, u16, Value) {
        let Some(Claim::Done(stored)) = self.told(key).await else { panic!("it is not answered: {:?}", self.told(key).await) };
        read(&stored)
    }

    async fn used(&self, nonce: u8) -> UsedAuthorization {
        let id = pledge(nonce).authorization();
        self.db.read(async move |tx: &mut Tx| tx.find_authorization(&id).await).await.unwrap().unwrap()
    }
}

fn read(stored: &Stored) -> (UsageId, u16, Value) {
    let kept: Value = serde_json::from_str(&stored.body).unwrap();
    let said = ["body", "failed"].into_iter().filter_map(|name| kept.get(name)).find(|said| !said.is_null());
    let usage = serde_json::from_value(kept.get("usage_id").unwrap().clone()).unwrap();
    (usage, stored.status, said.cloned().unwrap_or_default())
}

fn whole(usage: UsageId) -> Outcome {
    outcome(usage, Some("yes"))
}

fn lost(usage: UsageId) -> Outcome {
    outcome(usage, None)
}

/// As `whole` is told of.
fn yes() -> Value {
    json!("eWVz")
}

pub async fn a_paid_answer_is_there_for_a_day_from_its_end(test: &TestDb) {
    let world = World::new(test).await;
    // It is settled 25 hours after it came. Whether its key was forgotten meanwhile, or not yet, it is there for a day from then.
    for (nonce, is_forgotten) in [(1, false), (2, true)] {
        let key = key(&format!("k{nonce}"));
        let usage = world.fetching(nonce, &key, whole, true).await;
        assert_eq!(world.forget(if is_forgotten { HOUR } else { 0 }).await, usize::from(is_forgotten));
        assert_eq!(world.sweep(25 * HOUR).await, 1);
        assert_eq!(world.answer(&key).await, (usage, 200, yes()));
        let used = world.used(nonce).await;
        assert_eq!((used.usage, used.state, used.outcome), (usage, PaymentState::Settled, None), "it is kept once");
        assert_eq!(world.forget(25 * HOUR).await, 0);
        assert_eq!(world.answer(&key).await, (usage, 200, yes()));
        assert_eq!(world.forget(25 * HOUR + 1).await, 1);
    }
    assert_eq!((world.owed().await, world.held().await), (2 * (PRICE - 2_500), 0));
}

pub async fn what_was_unclear_can_be_had_for_a_day_from_the_decision(test: &TestDb) {
    let world = World::new(test).await;
    let root = caller(owner(&world.db, "root").await, Role::Admin);
    // Given up in time or a day late, with a key that is forgotten before that or after it; and decided whenever.
    for (nonce, given_up, forgotten, decided) in [
        (1, HOUR, None, 24 * HOUR - 600),
        (2, 25 * HOUR, None, 30 * HOUR),
        (3, 25 * HOUR, Some(25 * HOUR), 30 * HOUR),
        (4, HOUR, Some(24 * HOUR), 90 * HOUR),
    ] {
        let key = key(&format!("k{nonce}"));
        let usage = world.fetching(nonce, &key, whole, false).await;
        if forgotten.is_some_and(|at| at <= given_up) {
            assert_eq!(world.forget(HOUR).await, 1);
        }
        assert_eq!(world.sweep(given_up).await, 1);
        assert_eq!(world.answer(&key).await, (usage, 409, json!("payment_failed")), "{nonce}");
        assert!(world.used(nonce).await.outcome.is_some(), "what is to be told is kept");
        if forgotten.is_some_and(|at| at > given_up) {
            assert_eq!(world.forget(HOUR + 1).await, 1);
        }
        let resolved = world.decide_at(decided, root, usage, &settled(&format!("{nonce:x}")), true).await.unwrap();
        assert!(resolved.is_new && !resolved.is_lost);
        assert_eq!(world.forget(decided).await, 0, "{nonce}");
        assert_eq!(world.answer(&key).await, (usage, 200, yes()), "{nonce}");
        assert_eq!(world.used(nonce).await.outcome, None);
        assert_eq!(world.forget(decided + 1).await, 1);
    }
    // That it is not paid is told for as long.
    let usage = world.fetching(9, &key("k9"), whole, false).await;
    assert_eq!(world.sweep(HOUR).await, 1);
    world.decide_at(24 * HOUR, root, usage, &refused(), true).await.unwrap();
    assert_eq!(world.forget(24 * HOUR).await, 0);
    assert_eq!(world.answer(&key("k9")).await, (usage, 402, json!("payment_failed")));
    assert_eq!((world.owed().await, world.held().await), (4 * (PRICE - 2_500), 0));
}

pub async fn a_key_that_is_another_calls_is_left_to_it(test: &TestDb) {
    let world = World::new(test).await;
    let root = caller(owner(&world.db, "root").await, Role::Admin);
    let other = Stored { status: 200, body: whole(UsageId::new()).answer.unwrap().1 };
    // The other request is another one, or the same; and it runs, or was answered.
    let same = key("k");
    let otherwise = Key { fingerprint: vec![1], ..same.clone() };
    let cases = [(&same, None), (&same, Some(&other)), (&otherwise, None), (&otherwise, Some(&other))];
    for (case, (theirs, answer)) in (0_u8..).zip(cases) {
        for (nonce, is_paid) in [(2 * case + 1, true), (2 * case + 2, false)] {
            let usage = world.fetching(nonce, &same, whole, is_paid).await;
            assert_eq!(world.forget(HOUR).await, 1);
            let (claimed, answered) = (theirs.clone(), answer.cloned());
            let take = async move |tx: &mut Tx| -> Result<(), StoreError> {
                assert_eq!(idempotency::claim(tx, &claimed, at(24 * HOUR)).await?, Claim::Fresh);
                if let Some(answer) = &answered {
                    idempotency::finish(tx, &claimed, answer).await?;
                }
                Ok(())
            };
            world.db.write(take).await.unwrap();
            let before = world.told(theirs).await;
            assert_eq!(world.sweep(25 * HOUR).await, 1);
            assert_eq!(world.told(theirs).await, before);
            if !is_paid {
                assert_eq!(world.used(nonce).await.state, PaymentState::Unclear);
                world.decide_at(26 * HOUR, root, usage, &settled(&format!("{nonce:x}")), true).await.unwrap();
                assert_eq!(world.told(theirs).await, before);
            }
            // The answer, with its receipt, is not lost: it stays beside the payment, which finds it.
            let used = world.used(nonce).await;
            assert_eq!((used.usage, used.buyer, used.state), (usage, world.buyer, PaymentState::Settled));
            let (status, body) = used.outcome.unwrap().answer.unwrap();
            assert!(body.contains("x-payment-transaction"), "{body}");
            assert_eq!(read(&Stored { status, body }), (usage, 200, yes()));
            assert_eq!(world.forget(30 * HOUR).await, 1);
        }
    }
    assert_eq!((world.owed().await, world.held().await), (8 * (PRICE - 2_500), 0));
}

pub async fn a_refused_call_gives_its_key_back_and_no_other(test: &TestDb) {
    let world = World::new(test).await;
    for (nonce, is_theirs) in [(1, false), (2, true)] {
        let key = key(&format!("k{nonce}"));
        let usage = world.fetching(nonce, &key, whole, false).await;
        if is_theirs {
            assert_eq!(world.forget(HOUR).await, 1);
            let theirs = key.clone();
            let take = async move |tx: &mut Tx| idempotency::claim(tx, &theirs, at(24 * HOUR)).await;
            assert_eq!(world.db.write::<_, StoreError, _>(take).await.unwrap(), Claim::Fresh);
        }
        // Nobody was ever asked.
        let seen = world.find(usage).await.unwrap();
        let put_off = async move |tx: &mut Tx| tx.put_off(&seen, false, None, at(90), at(4)).await;
        world.db.write(put_off).await.unwrap();
        assert_eq!(world.sweep(25 * HOUR).await, 1);
        assert_eq!(world.used(nonce).await.state, PaymentState::Failed);
        assert_eq!(world.told(&key).await, is_theirs.then_some(Claim::Running));
    }
    assert_eq!((world.owed().await, world.held().await), (0, 0));
}

pub async fn a_paid_answer_that_nobody_can_have_is_said_to_be_lost(test: &TestDb) {
    let world = World::new(test).await;
    let root = caller(owner(&world.db, "root").await, Role::Admin);
    for (nonce, is_paid) in [(1, true), (2, false)] {
        let key = key(&format!("k{nonce}"));
        let usage = world.fetching(nonce, &key, lost, is_paid).await;
        assert_eq!(world.sweep(HOUR).await, 1);
        if !is_paid {
            assert!(world.decide_at(2 * HOUR, root, usage, &settled("a"), true).await.unwrap().is_lost);
        }
        let end = world.usage(usage).await.unwrap().end;
        assert_eq!((end.delivered, end.amount.get(), end.reason), (true, PRICE, Some(UsageReason::AnswerLost)));
        assert_eq!(world.answer(&key).await, (usage, 409, json!("answer_lost")));
    }
    assert_eq!((world.owed().await, world.held().await), (2 * (PRICE - 2_500), 0));
}
