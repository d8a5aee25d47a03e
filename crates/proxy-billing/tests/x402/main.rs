//! Payments that come with calls, on both databases.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::{sync::Arc, time::Duration};

use diesel::ExpressionMethods;
use rialto_kernel::{Amount, Caller, CredentialKind, OwnerId, Ppm, Role, Timestamp};
use rialto_ledger::{House, LedgerStore, balance::ASSET};
use rialto_proxy_billing::{
    payments::{
        Charge, Rail,
        x402::{
            Address, Domain, Network, NewPayment, Outcome, PaymentState, PaymentStore, Pledge, Requirements, Settling, Version,
        },
    },
    proxy::close_interrupted,
    store::UsageStore,
    usage::{NewUsage, UsageId, UsageReason},
};
use rialto_registry::service::{NewService, PaymentMethod, ServiceId, register_service};
use rialto_store::{Db, StoreError, Tx, on, testing::TestDb};
use serde_json::json;
use tokio::sync::Barrier;

mod review;

use self::{
    review::{
        a_refusal_costs_nothing_and_leaves_other_calls_alone, of_many_decisions_one_counts, what_is_unclear_is_decided_once,
    },
    tables::owners,
};

rialto_store::suite!(
    an_authorization_is_taken_once,
    what_is_let_go_of_may_be_taken_again,
    money_is_fetched_by_one_at_a_time,
    a_call_is_left_alone_while_its_money_is_fetched,
    what_a_payer_has_open_is_counted,
    a_call_that_nobody_ends_lets_go_of_its_payment,
    where_an_authorization_stands_is_known,
    what_is_paid_is_not_put_off_and_not_given_up,
    what_is_unclear_is_decided_once,
    of_many_decisions_one_counts,
    a_refusal_costs_nothing_and_leaves_other_calls_alone,
);

mod tables {
    diesel::table! {
        use diesel::sql_types::*;
        use rialto_store::types::*;
        owners (id) {
            id -> Uid,
            kind -> Text,
            external_id -> Nullable<Text>,
            created_at -> UtcTime,
        }
    }
}

const PRICE: i64 = 50_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_795_348_800 + seconds) * 1_000_000)
}

/// A buyer and a service.
#[derive(Clone)]
struct World {
    db: Db,
    buyer: OwnerId,
    provider: OwnerId,
    service: ServiceId,
}

async fn owner(db: &Db, name: &'static str) -> OwnerId {
    let id = OwnerId::new();
    let write = async move |tx: &mut Tx| -> Result<(), StoreError> {
        let row =
            (owners::id.eq(id), owners::kind.eq("external"), owners::external_id.eq(Some(name)), owners::created_at.eq(at(0)));
        on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await).map(drop)
    };
    db.write(write).await.unwrap();
    id
}

fn pledge(nonce: u8) -> Pledge {
    let address = |byte: u8| Address::parse(&format!("0x{}", format!("{byte:02x}").repeat(20))).unwrap();
    let network = Network::parse("base-sepolia").unwrap();
    let domain = Domain { name: "USDC".into(), version: "2".into(), chain_id: network.chain_id(), contract: address(1) };
    Pledge {
        version: Version::Two,
        requirements: Requirements {
            network,
            domain,
            pay_to: address(2),
            amount: Amount::new(PRICE).unwrap(),
            valid_for: Duration::from_secs(60),
            sign_for: Duration::from_secs(60),
            resource: String::new(),
            description: String::new(),
        },
        payer: address(3),
        nonce: [nonce; 32],
        valid_before: at(600),
        request: json!({
            "paymentPayload": {"payload": {"signature": "0x11", "authorization": {}}},
            "paymentRequirements": {"network": "eip155:84532"},
        }),
    }
}

fn outcome() -> Outcome {
    Outcome {
        status_code: 200,
        latency_ms: 7,
        reason: Some(UsageReason::BuyerLeft),
        commission: Amount::new(2_500).unwrap(),
        memo: "Echo".to_owned(),
        answer: Some((200, "{}".to_owned())),
        fingerprint: vec![7; 32],
    }
}

impl World {
    async fn new(test: &TestDb) -> Self {
        let db = test.db.clone();
        let (buyer, provider) = (owner(&db, "buyer").await, owner(&db, "provider").await);
        let caller =
            Caller { owner: provider, role: Role::Operator, credential: CredentialKind::Token, rate_limit_per_minute: None };
        let new = NewService {
            name: "Echo".to_owned(),
            description: String::new(),
            endpoint: "https://my-api.example.com/v1".to_owned(),
            price_per_call: "0.05".to_owned(),
            category: String::new(),
            tags: Vec::new(),
            payment_method: "x402".to_owned(),
            free_tier_calls: 0,
            timeout_seconds: None,
        };
        let register = async move |tx: &mut Tx| register_service(tx, &caller, "provider", &new, at(0)).await;
        let service = db.write(register).await.unwrap().id;
        Self { db, buyer, provider, service }
    }

    fn charge(&self, usage: UsageId) -> Charge {
        Charge {
            usage,
            buyer: self.buyer,
            provider: self.provider,
            memo: "Echo".to_owned(),
            price: Amount::new(PRICE).unwrap(),
            commission: Amount::new(2_500).unwrap(),
            expires_at: at(330),
        }
    }

    /// Begins a call that is over after 330 seconds, with this authorization. Whether it could be taken.
    async fn begin(&self, nonce: u8) -> Option<UsageId> {
        let (world, usage) = (self.clone(), UsageId::new());
        let write = async move |tx: &mut Tx| -> Result<bool, StoreError> {
            let new = NewUsage {
                id: usage,
                service: world.service,
                buyer: world.buyer,
                provider: world.provider,
                price: Amount::new(PRICE).unwrap(),
                is_free: false,
                payment_method: PaymentMethod::X402,
                commission: Ppm::new(50_000).unwrap(),
                request_id: None,
                claim: None,
                created_at: at(0),
                expires_at: at(330),
            };
            tx.insert_usage(&new).await?;
            if !tx.insert_payment(&NewPayment { usage, pledge: &pledge(nonce), is_local: false }, at(0)).await? {
                // As whoever opens a call does.
                return Err(StoreError::Corrupt("used".to_owned()));
            }
            Rail::Outside.reserve(tx, &world.charge(usage), at(0)).await.unwrap();
            Ok(true)
        };
        self.db.write(write).await.ok().map(|_| usage)
    }

    async fn settle(&self, usage: UsageId) -> bool {
        let begin = async move |tx: &mut Tx| {
            Ok::<_, StoreError>(
                tx.keep_running(usage, at(5_000)).await?
                    && tx.begin_settling(usage, &outcome(), at(90), at(1_200), at(1)).await?,
            )
        };
        self.db.write(begin).await.unwrap()
    }

    async fn find(&self, usage: UsageId) -> Option<Settling> {
        self.db.read(async move |tx: &mut Tx| tx.find_settling(usage).await).await.unwrap()
    }

    /// Whether the payment was ended like this, by somebody who has seen it like that.
    async fn end(&self, seen: &Settling, state: PaymentState, outcome: Result<&'static str, &'static str>) -> bool {
        let seen = seen.clone();
        let end = async move |tx: &mut Tx| tx.end_payment(&seen, state, outcome, at(2)).await;
        self.db.write(end).await.unwrap()
    }

    async fn close(&self, now: i64) -> usize {
        self.db.write(async move |tx: &mut Tx| close_interrupted(tx, at(now), 100).await).await.unwrap()
    }

    /// What is held for calls that are paid from outside.
    async fn held(&self) -> i64 {
        let purchases = House::Purchases.account(ASSET);
        let find = async move |tx: &mut Tx| tx.find_account(purchases).await;
        self.db.read(find).await.unwrap().unwrap().held_out.get()
    }

    async fn release(&self, usage: UsageId) -> bool {
        self.db.write(async move |tx: &mut Tx| tx.release_payment(usage).await).await.unwrap()
    }
}

async fn an_authorization_is_taken_once(test: &TestDb) {
    let world = World::new(test).await;
    let start = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (world, start) = (world.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                world.begin(1).await
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap());
    }
    assert_eq!(taken.len(), 1);
    assert!(world.begin(2).await.is_some(), "another one");
    assert_eq!(world.held().await, 2 * PRICE);
}

async fn what_is_let_go_of_may_be_taken_again(test: &TestDb) {
    let world = World::new(test).await;
    let first = world.begin(1).await.unwrap();
    assert_eq!(world.begin(1).await, None);
    assert!(world.release(first).await);
    assert!(!world.release(first).await, "once");
    let second = world.begin(1).await.unwrap();
    assert!(world.settle(second).await);
    assert!(!world.release(second).await, "its money is being fetched");
    assert_eq!(world.begin(1).await, None);
    let seen = world.find(second).await.unwrap();
    assert!(world.end(&seen, PaymentState::Failed, Err("insufficient_funds")).await);
    assert_eq!((world.begin(1).await, world.release(second).await), (None, false), "it had its chance");
}

async fn money_is_fetched_by_one_at_a_time(test: &TestDb) {
    let world = World::new(test).await;
    let usage = world.begin(1).await.unwrap();
    let due = async |now| world.db.read(async move |tx: &mut Tx| tx.list_settling(at(now), 10).await).await.unwrap();
    assert!(due(10_000).await.is_empty());
    assert!(world.settle(usage).await);
    assert!(!world.settle(usage).await, "once");
    assert_eq!((due(89).await, due(90).await), (vec![], vec![usage]));
    let find = async || world.db.read(async move |tx: &mut Tx| tx.find_settling(usage).await).await.unwrap();
    let seen = find().await.unwrap();
    assert_eq!((seen.buyer, seen.provider, seen.amount.get(), &seen.outcome), (world.buyer, world.provider, PRICE, &outcome()));
    assert_eq!((seen.is_asked, seen.attempts, seen.version), (true, 1, Version::Two));
    assert_eq!((seen.payer, seen.request), (pledge(1).payer, pledge(1).request));

    let seen = find().await.unwrap();
    let start = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (db, seen, start) = (world.db.clone(), seen.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                db.write(async move |tx: &mut Tx| tx.take_settling(&seen, at(200), at(100)).await).await.unwrap()
            })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += usize::from(task.await.unwrap());
    }
    assert_eq!(taken, 1);
    let put_off = async |seen: &Settling, transaction: &'static str| {
        let seen = seen.clone();
        let put_off = async move |tx: &mut Tx| tx.put_off(&seen, false, Some(transaction), at(150), at(101)).await;
        world.db.write(put_off).await.unwrap();
    };
    // Whoever has seen it before that has nothing to say any more, except that the money is here.
    put_off(&seen, "0x0").await;
    assert!(!world.end(&seen, PaymentState::Failed, Err("insufficient_funds")).await);
    let old = find().await.unwrap();
    assert_eq!((old.is_asked, old.attempts, old.transaction.as_deref()), (true, 2, None));
    put_off(&old, "0x1").await;
    let now = find().await.unwrap();
    assert_eq!((now.is_asked, now.attempts, now.transaction.as_deref()), (false, 2, Some("0x1")));
    assert!(world.end(&seen, PaymentState::Settled, Ok("0x2")).await);
    assert!(!world.end(&seen, PaymentState::Settled, Ok("0x2")).await, "once");
    assert_eq!((find().await, due(10_000).await), (None, vec![]));
}

async fn a_call_is_left_alone_while_its_money_is_fetched(test: &TestDb) {
    let world = World::new(test).await;
    let usage = world.begin(1).await.unwrap();
    assert!(world.settle(usage).await);
    // Nobody has fetched it, for far too long: the server was away. It is still not ended without asking.
    assert_eq!((world.close(100_000).await, world.held().await), (0, PRICE));
    assert!(world.find(usage).await.is_some());
    assert_eq!(world.begin(1).await, None);
}

async fn what_a_payer_has_open_is_counted(test: &TestDb) {
    let world = World::new(test).await;
    let count = async |limit| {
        let payer = pledge(0).payer;
        world.db.read(async move |tx: &mut Tx| tx.count_open_payments(&payer, limit).await).await.unwrap()
    };
    let (first, second) = (world.begin(1).await.unwrap(), world.begin(2).await.unwrap());
    assert!(world.settle(second).await);
    assert_eq!((count(16).await, count(1).await), (2, 1));
    assert!(world.release(first).await);
    let seen = world.find(second).await.unwrap();
    assert!(world.end(&seen, PaymentState::Failed, Err("insufficient_funds")).await);
    assert_eq!(count(16).await, 0);
    // It came after all: that is not lost.
    let note = async move |tx: &mut Tx| tx.note_transaction(second, "0x9", at(3)).await;
    assert_eq!(world.db.write(note).await.unwrap(), Some(pledge(0).payer.plain()));
}

async fn a_call_that_nobody_ends_lets_go_of_its_payment(test: &TestDb) {
    let world = World::new(test).await;
    let usage = world.begin(1).await.unwrap();
    assert_eq!((world.close(329).await, world.held().await), (0, PRICE));
    assert_eq!((world.close(330).await, world.held().await), (1, 0));
    assert!(!world.settle(usage).await, "it is over");
    assert!(world.begin(1).await.is_some());
}

async fn where_an_authorization_stands_is_known(test: &TestDb) {
    let world = World::new(test).await;
    let stands = async |nonce: u8| {
        let id = pledge(nonce).authorization();
        world.db.read(async move |tx: &mut Tx| tx.find_authorization(&id).await).await.unwrap()
    };
    assert_eq!(stands(1).await, None);
    let usage = world.begin(1).await.unwrap();
    assert_eq!(stands(1).await, Some(PaymentState::Reserved));
    assert!(world.settle(usage).await);
    assert_eq!(stands(1).await, Some(PaymentState::Settling));
    let seen = world.find(usage).await.unwrap();
    assert!(world.end(&seen, PaymentState::Unclear, Err("silence")).await);
    assert_eq!((stands(1).await, stands(2).await), (Some(PaymentState::Unclear), None));
    let seen = world.find(usage).await.unwrap();
    assert!(world.end(&seen, PaymentState::Settled, Ok("0x1")).await);
    assert_eq!((stands(1).await, world.find(usage).await), (Some(PaymentState::Settled), None));
}

async fn what_is_paid_is_not_put_off_and_not_given_up(test: &TestDb) {
    let world = World::new(test).await;
    let usage = world.begin(1).await.unwrap();
    let note = async || world.db.write(async move |tx: &mut Tx| tx.note_paid(usage, "0x7", at(50), at(3)).await).await.unwrap();
    assert!(!note().await, "nobody has asked for it");
    assert!(world.settle(usage).await);
    let before = world.find(usage).await.unwrap();
    assert!(world.end(&before, PaymentState::Unclear, Err("silence")).await);
    // Whoever was late knows better.
    assert!(note().await);
    let seen = world.find(usage).await.unwrap();
    assert_eq!((seen.state, seen.is_paid, seen.transaction.as_deref()), (PaymentState::Settling, true, Some("0x7")));
    assert_eq!(seen.next_attempt_at, Some(at(50)));
    let late = seen.clone();
    let put_off = async move |tx: &mut Tx| tx.put_off(&late, true, None, at(9_000), at(4)).await;
    world.db.write(put_off).await.unwrap();
    for state in [PaymentState::Unclear, PaymentState::Failed] {
        assert!(!world.end(&seen, state, Err("silence")).await, "{state:?}");
    }
    assert_eq!(world.find(usage).await, Some(seen.clone()));
    assert!(world.end(&seen, PaymentState::Settled, Ok("0x7")).await);
    assert!(!note().await, "it has ended");
}
