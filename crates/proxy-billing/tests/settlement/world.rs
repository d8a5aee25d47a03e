//! What these tests start from: providers with services, calls that have ended, and the money that they brought.

use std::time::Duration;

use diesel::{ExpressionMethods, QueryDsl};
use rialto_kernel::{Amount, Asset, Caller, CredentialKind, Id, OwnerId, PageRequest, Ppm, Role, Timestamp};
use rialto_ledger::{
    House, LedgerError, LedgerStore, NewTransfer,
    balance::{open_payable_account, payable_account},
    transfer,
};
use rialto_proxy_billing::{
    commission::charge,
    settlement::{NewSettlement, Provider, Settlement, SettlementError, SettlementId, fail, pay, settle, settle_more},
    usage::UsageId,
};
use rialto_registry::service::{NewService, ServiceId, register_service};
use rialto_store::{Db, StoreError, Tx, on, testing::TestDb};

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

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    usage_records (id) {
        id -> Uid,
        service_id -> Uid,
        buyer_id -> Uid,
        provider_id -> Uid,
        price -> BigInt,
        is_free -> Bool,
        payment_method -> Text,
        commission_ppm -> Integer,
        created_at -> UtcTime,
        expires_at -> UtcTime,
        finished_at -> Nullable<UtcTime>,
        delivered -> Nullable<Bool>,
        status_code -> Nullable<Integer>,
        latency_ms -> Nullable<BigInt>,
        amount -> Nullable<BigInt>,
        commission -> Nullable<BigInt>,
        settlement_id -> Nullable<Uid>,
    }
}

/// 2026-11-22, at noon.
pub const NOON: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);
/// Long after every call of these tests.
pub const EVENING: Timestamp = Timestamp::from_micros(NOON.micros() + 6 * 3_600_000_000);
/// So few that every settlement of these tests takes several transactions.
pub const BATCH: u32 = 7;

/// Noon and so many seconds.
pub fn noon_and(seconds: u64) -> Timestamp {
    NOON.after(Duration::from_secs(seconds))
}

pub struct World {
    pub db: Db,
    pub admin: Caller,
    buyer: OwnerId,
}

/// A provider with one service.
#[derive(Clone)]
pub struct Shop {
    pub caller: Caller,
    pub provider: Provider,
    pub service: ServiceId,
}

fn caller(owner: OwnerId, role: Role) -> Caller {
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

impl World {
    pub async fn new(test: &TestDb) -> Self {
        let db = test.db.clone();
        let (admin, buyer) = (owner(&db, "admin").await, owner(&db, "buyer").await);
        Self { admin: caller(admin, Role::Admin), buyer, db }
    }

    /// A provider that registers its service at `at`.
    pub async fn shop(&self, name: &str, at: Timestamp) -> Shop {
        let caller = caller(owner(&self.db, name).await, Role::Operator);
        let new = NewService {
            name: "Sentiment".to_owned(),
            description: String::new(),
            endpoint: "https://my-api.example.com/v1".to_owned(),
            price_per_call: "0.05".to_owned(),
            category: String::new(),
            tags: Vec::new(),
            payment_method: "balance".to_owned(),
            free_tier_calls: 0,
            timeout_seconds: None,
        };
        let provider = Provider { owner: caller.owner, name: name.to_owned() };
        let named = name.to_owned();
        let service =
            self.db.write(async move |tx: &mut Tx| register_service(tx, &caller, &named, &new, at).await).await.unwrap();
        Shop { caller, provider, service: service.id }
    }

    /// A call that ended at `at`, and the money that it brought if it was delivered: as the proxy writes it.
    pub async fn call(&self, shop: &Shop, at: Timestamp, micro: i64, rate: u32, delivered: bool) -> UsageId {
        let (shop, buyer, id) = (shop.clone(), self.buyer, UsageId::new());
        let (price, rate) = (Amount::new(micro).unwrap(), Ppm::new(rate).unwrap());
        let amount = if delivered { price } else { Amount::ZERO };
        let taken = charge(amount, rate);
        let write = async move |tx: &mut Tx| {
            use usage_records as u;
            let row = (
                (u::id.eq(id), u::service_id.eq(shop.service), u::buyer_id.eq(buyer), u::provider_id.eq(shop.caller.owner)),
                (u::price.eq(price.get()), u::is_free.eq(false), u::payment_method.eq("balance")),
                (u::commission_ppm.eq(i32::try_from(rate.get()).unwrap()), u::created_at.eq(at), u::expires_at.eq(at)),
                (u::finished_at.eq(at), u::delivered.eq(delivered), u::status_code.eq(if delivered { 200 } else { 502 })),
                (u::latency_ms.eq(100_i64), u::amount.eq(amount.get()), u::commission.eq(taken.get())),
            );
            on!(tx, conn => diesel::insert_into(u::table).values(row).execute(conn).await)?;
            earn(tx, shop.caller.owner, amount.minus(taken).unwrap()).await
        };
        self.db.write(write).await.unwrap();
        id
    }

    /// Settles a period, a batch at a time, to the end.
    pub async fn settle(&self, shop: &Shop, from: Timestamp, to: Timestamp) -> Result<Settlement, SettlementError> {
        let (db, admin) = (&self.db, self.admin);
        let new = NewSettlement { provider: shop.provider.clone(), from, to };
        let mut gathered = db.write(async move |tx: &mut Tx| settle(tx, &admin, &new, BATCH, EVENING).await).await?;
        while gathered.has_more {
            let id = gathered.settlement.id;
            gathered = db.write(async move |tx: &mut Tx| settle_more(tx, id, BATCH, EVENING).await).await?;
        }
        Ok(gathered.settlement)
    }

    pub async fn pay(&self, id: SettlementId, payment: &str) -> Result<Settlement, SettlementError> {
        let (admin, payment) = (self.admin, payment.to_owned());
        self.db.write(async move |tx: &mut Tx| pay(tx, &admin, id, &payment, EVENING).await).await
    }

    pub async fn fail(&self, id: SettlementId) -> Result<Settlement, SettlementError> {
        let admin = self.admin;
        self.db.write(async move |tx: &mut Tx| fail(tx, &admin, id, "no such account", BATCH, EVENING).await).await
    }

    /// What a provider has earned and was not paid yet, and what the house has paid out, in micro-USDC.
    pub async fn balances(&self, shop: &Shop) -> (i64, i64) {
        let (payable, payouts) = (payable_account(shop.caller.owner), House::Payouts.account(Asset::USDC));
        let read = async move |tx: &mut Tx| {
            let payable = tx.find_account(payable).await?.map_or(0, |account| account.balance);
            Ok::<_, StoreError>((payable, tx.find_account(payouts).await?.unwrap().balance))
        };
        self.db.read(read).await.unwrap()
    }

    /// How many calls are in each of these settlements, and how many in none.
    pub async fn settled(&self, ids: &[SettlementId]) -> (Vec<i64>, i64) {
        let ids = ids.to_vec();
        let read = async move |tx: &mut Tx| {
            use usage_records as u;
            let mut counts = Vec::new();
            for id in ids.clone() {
                let count: i64 = on!(tx, conn => u::table.filter(u::settlement_id.eq(id)).count().get_result(conn).await)?;
                counts.push(count);
            }
            let left = on!(tx, conn => u::table.filter(u::settlement_id.is_null()).count().get_result(conn).await)?;
            Ok::<_, StoreError>((counts, left))
        };
        self.db.read(read).await.unwrap()
    }
}

async fn earn(tx: &mut Tx, owner: OwnerId, net: Amount) -> Result<(), LedgerError> {
    open_payable_account(tx, owner, NOON).await?;
    if !net.is_zero() {
        let from = House::Issuance.account(Asset::USDC);
        transfer(tx, NewTransfer::new(Id::new(), from, payable_account(owner), net), NOON).await?;
    }
    Ok(())
}

async fn owner(db: &Db, name: &str) -> OwnerId {
    let (id, name) = (OwnerId::new(), name.to_owned());
    let write = async move |tx: &mut Tx| {
        let row = (owners::id.eq(id), owners::kind.eq("external"), owners::external_id.eq(&name), owners::created_at.eq(NOON));
        on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await)?;
        Ok::<_, StoreError>(())
    };
    db.write(write).await.unwrap();
    id
}

pub fn page() -> PageRequest {
    PageRequest::new(100, 0, 100).unwrap()
}
