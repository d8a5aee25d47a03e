//! Calls that have ended, written straight into the database of the server, as another process would.

use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Bool, Integer},
};
use rialto_kernel::{Amount, Asset, Id, OwnerId, Timestamp, nouns};
use rialto_ledger::{
    House, LedgerError, NewTransfer,
    balance::{open_payable_account, payable_account},
    transfer,
};
use rialto_store::{
    Db, DbOptions, Tx, on,
    types::{Uid, UtcTime},
};
use serde_json::Value;

use crate::harness::{World, text};

const BUYER: &str =
    "INSERT INTO owners (id, kind, external_id, created_at) VALUES ($1, 'external', 'buyer-of-calls', $2) ON CONFLICT DO NOTHING";
const WRITE: &str = "INSERT INTO usage_records (id, service_id, buyer_id, provider_id, price, is_free, payment_method, \
     commission_ppm, created_at, expires_at, finished_at, delivered, status_code, latency_ms, amount, commission) \
     SELECT $1, id, (SELECT id FROM owners WHERE external_id = 'buyer-of-calls'), owner_id, $2, FALSE, 'balance', 0, $3, $3, $3, $4, $5, $6, $2, $7 FROM services WHERE id = $8 \
     RETURNING provider_id";

#[derive(QueryableByName)]
struct Written {
    #[diesel(sql_type = Uid)]
    provider_id: OwnerId,
}

/// Writes calls.
#[derive(Clone)]
pub struct Calls(Db);

/// A call that has ended.
#[derive(Clone, Copy)]
pub struct Call {
    /// RFC 3339.
    pub at: &'static str,
    /// In micro-USDC; what was charged, and what of it the house took.
    pub price: i64,
    pub commission: i64,
    pub status: i32,
    pub latency_ms: i64,
}

impl Calls {
    pub async fn open(world: &World) -> Self {
        let options = DbOptions { readers: 1, connections_max: 2, ..DbOptions::default() };
        Self(Db::open(&world.place.url, &options).await.unwrap())
    }

    /// One call of this service, and the money that it brought.
    pub async fn write(&self, service: &Value, call: Call) {
        let id: Id<nouns::Service> = text(&service["id"]).parse().unwrap();
        let at: Timestamp = serde_json::from_value(call.at.into()).unwrap();
        let net = Amount::new(call.price - call.commission).unwrap();
        let write = async move |tx: &mut Tx| {
            on!(tx, conn => sql_query(BUYER)
                .bind::<Uid, _>(OwnerId::new()).bind::<UtcTime, _>(at).execute(conn).await)?;
            let Written { provider_id } = on!(tx, conn => sql_query(WRITE)
                .bind::<Uid, _>(Id::<nouns::Usage>::new()).bind::<BigInt, _>(call.price).bind::<UtcTime, _>(at)
                .bind::<Bool, _>(call.status < 500).bind::<Integer, _>(call.status).bind::<BigInt, _>(call.latency_ms)
                .bind::<BigInt, _>(call.commission).bind::<Uid, _>(id).get_result(conn).await)?;
            open_payable_account(tx, provider_id, at).await?;
            if !net.is_zero() {
                let from = House::Issuance.account(Asset::USDC);
                transfer(tx, NewTransfer::new(Id::new(), from, payable_account(provider_id), net), at).await?;
            }
            Ok::<_, LedgerError>(())
        };
        self.0.write(write).await.unwrap();
    }
}
