//! A buyer, a service, and calls of it that bring their payment with them.

use std::time::Duration;

use diesel::ExpressionMethods;
use rialto_kernel::{Amount, Caller, CredentialKind, OwnerId, Ppm, Role, Timestamp};
use rialto_ledger::{House, LedgerStore, balance::ASSET};
use rialto_proxy_billing::{
    ClaimName,
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
use rialto_store::{
    Db, StoreError, Tx,
    idempotency::{self, Claim, Key},
    on,
    testing::TestDb,
};
use serde_json::json;

use self::tables::owners;

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

pub const PRICE: i64 = 50_000;
/// What is asked for in each call.
pub const FINGERPRINT: [u8; 32] = [7; 32];

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_795_348_800 + seconds) * 1_000_000)
}

/// A buyer and a service.
#[derive(Clone)]
pub struct World {
    pub db: Db,
    pub buyer: OwnerId,
    pub provider: OwnerId,
    service: ServiceId,
}

pub async fn owner(db: &Db, name: &'static str) -> OwnerId {
    let id = OwnerId::new();
    let write = async move |tx: &mut Tx| -> Result<(), StoreError> {
        let row =
            (owners::id.eq(id), owners::kind.eq("external"), owners::external_id.eq(Some(name)), owners::created_at.eq(at(0)));
        on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await).map(drop)
    };
    db.write(write).await.unwrap();
    id
}

pub fn pledge(nonce: u8) -> Pledge {
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
        // Not on a test network: what is signed there is not written down where nobody says that it counts.
        request: json!({
            "paymentPayload": {"payload": {"signature": "0x11", "authorization": {}}},
            "paymentRequirements": {"network": "eip155:8453"},
        }),
    }
}

/// How a call ends whose answer is this text, or is not kept.
pub fn outcome(usage: UsageId, body: Option<&str>) -> Outcome {
    let answer = json!({
        "usage_id": usage, "amount": PRICE, "is_free": false, "latency_ms": 7, "headers": [["x-own", "1"]],
        "body": body.map(base64),
    });
    Outcome {
        status_code: 200,
        latency_ms: 7,
        reason: Some(UsageReason::BuyerLeft),
        commission: Amount::new(2_500).unwrap(),
        memo: "Echo".to_owned(),
        answer: Some((200, answer.to_string())),
        fingerprint: FINGERPRINT.to_vec(),
    }
}

/// Of three bytes.
fn base64(text: &str) -> &'static str {
    assert_eq!(text, "yes");
    "eWVz"
}

impl World {
    pub async fn new(test: &TestDb) -> Self {
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
    pub async fn begin(&self, nonce: u8) -> Option<UsageId> {
        self.begin_as(nonce, None).await
    }

    /// The same, known by this key.
    pub async fn begin_as(&self, nonce: u8, key: Option<Key>) -> Option<UsageId> {
        let (world, usage) = (self.clone(), UsageId::new());
        let write = async move |tx: &mut Tx| -> Result<bool, StoreError> {
            if let Some(key) = &key {
                assert_eq!(idempotency::claim(tx, key, at(0)).await?, Claim::Fresh);
            }
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
                claim: key.as_ref().map(|key| ClaimName { scope: key.scope.clone(), key: key.key.clone() }),
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

    pub async fn settle(&self, usage: UsageId) -> bool {
        self.settle_as(usage, outcome(usage, Some("yes"))).await
    }

    pub async fn settle_as(&self, usage: UsageId, outcome: Outcome) -> bool {
        let begin = async move |tx: &mut Tx| {
            Ok::<_, StoreError>(
                tx.keep_running(usage, at(5_000)).await? && tx.begin_settling(usage, &outcome, at(90), at(1_200), at(1)).await?,
            )
        };
        self.db.write(begin).await.unwrap()
    }

    pub async fn find(&self, usage: UsageId) -> Option<Settling> {
        self.db.read(async move |tx: &mut Tx| tx.find_settling(usage).await).await.unwrap()
    }

    /// Whether the payment was ended like this, by somebody who has seen it like that.
    pub async fn end(&self, seen: &Settling, state: PaymentState, outcome: Result<&'static str, &'static str>) -> bool {
        let seen = seen.clone();
        let is_told = state != PaymentState::Unclear;
        let end = async move |tx: &mut Tx| tx.end_payment(&seen, state, outcome, is_told, at(2)).await;
        self.db.write(end).await.unwrap()
    }

    pub async fn close(&self, now: i64) -> usize {
        self.db.write(async move |tx: &mut Tx| close_interrupted(tx, at(now), 100).await).await.unwrap()
    }

    /// What is held for calls that are paid from outside.
    pub async fn held(&self) -> i64 {
        let purchases = House::Purchases.account(ASSET);
        let find = async move |tx: &mut Tx| tx.find_account(purchases).await;
        self.db.read(find).await.unwrap().unwrap().held_out.get()
    }

    pub async fn release(&self, usage: UsageId) -> bool {
        self.db.write(async move |tx: &mut Tx| tx.release_payment(usage).await).await.unwrap()
    }
}
