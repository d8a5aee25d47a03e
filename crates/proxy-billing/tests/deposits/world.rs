//! What these tests start from: owners, providers to the fake providers, and deposits by them.

use std::{sync::Arc, time::Duration};

use diesel::ExpressionMethods;
use hmac::{Hmac, KeyInit, Mac};
use rialto_kernel::{Amount, Asset, Caller, Clock, CredentialKind, OwnerId, Role, Timestamp};
use rialto_ledger::{LedgerStore, balance::buyer_account};
use rialto_outbound::{ClientOptions, OutboundClient, OutboundPolicy};
use rialto_proxy_billing::payments::{
    deposit::{Deposit, DepositId, DepositProvider, DepositStore, Providers, next_id, prepare, record},
    nowpayments::{NowPayments, NowPaymentsConfig},
    paypal::{PayPal, PayPalConfig},
};
use rialto_store::{Db, StoreError, Tx, on};
use sha2::Sha512;

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

/// 2026-11-22, at noon.
pub const NOON: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);
/// After which providers are asked.
pub const ASK_AFTER: Duration = Duration::from_secs(300);
/// What callbacks of NOWPayments are signed with.
pub const IPN_SECRET: &str = "ipn secret";

pub fn clock() -> Clock {
    Clock::fixed(NOON)
}

fn client() -> OutboundClient {
    let policy: OutboundPolicy = "127.0.0.1".parse().unwrap();
    OutboundClient::new(policy, &ClientOptions::default()).unwrap()
}

pub fn paypal(base_url: &str) -> PayPal {
    let config = PayPalConfig {
        client_id: "client".into(),
        client_secret: "secret".into(),
        webhook_id: Some("WH1".into()),
        base_url: base_url.into(),
        return_url: "https://rialto.example/?checkout=paid".into(),
        cancel_url: "https://rialto.example/cancelled".into(),
    };
    PayPal::new(client(), config)
}

pub fn nowpayments_config(base_url: &str, signs_in: bool) -> NowPaymentsConfig {
    NowPaymentsConfig {
        api_key: "np-key".into(),
        ipn_secret: IPN_SECRET.into(),
        sign_in: signs_in.then(|| ("me@example.com".into(), "pw".into())),
        base_url: base_url.into(),
        callback_url: "https://rialto.example/api/v1/deposits/webhooks/nowpayments".into(),
        return_url: "https://rialto.example/?checkout=paid".into(),
        cancel_url: "https://rialto.example/cancelled".into(),
    }
}

pub fn nowpayments_of(config: NowPaymentsConfig) -> NowPayments {
    NowPayments::new(client(), config)
}

pub fn nowpayments(base_url: &str, signs_in: bool) -> NowPayments {
    nowpayments_of(nowpayments_config(base_url, signs_in))
}

pub fn providers(provider: impl DepositProvider + 'static) -> Providers {
    Providers::new(vec![Arc::new(provider)], ASK_AFTER)
}

pub async fn owner(db: &Db) -> Caller {
    let id = OwnerId::new();
    let write = async move |tx: &mut Tx| {
        let row =
            (owners::id.eq(id), owners::kind.eq("external"), owners::external_id.eq(id.to_string()), owners::created_at.eq(NOON));
        on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await)?;
        Ok::<_, StoreError>(())
    };
    db.write(write).await.unwrap();
    Caller { owner: id, role: Role::Operator, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

/// Opens a deposit, as the route does.
pub async fn deposit(db: &Db, providers: &Providers, caller: &Caller, usdc: &str, now: Timestamp) -> Deposit {
    let provider = providers.pick(None).unwrap();
    let id = db.read(async move |tx: &mut Tx| next_id(tx, None).await).await.unwrap();
    let amount = Amount::from_decimal(usdc, Asset::USDC).unwrap();
    let draft = prepare(caller, caller.owner, amount, provider.as_ref(), id).unwrap();
    let checkout = provider.open_checkout(&draft).await.unwrap();
    let providers = providers.clone();
    db.write(async move |tx: &mut Tx| record(tx, draft.clone(), checkout.clone(), &providers, now).await).await.unwrap()
}

pub async fn read(db: &Db, id: DepositId) -> Deposit {
    db.read(async move |tx: &mut Tx| tx.find_deposit(id).await).await.unwrap().unwrap()
}

/// What is in a balance, in micro-USDC.
pub async fn balance(db: &Db, caller: &Caller) -> i64 {
    let account = buyer_account(caller.owner);
    db.read(async move |tx: &mut Tx| tx.find_account(account).await).await.unwrap().map_or(0, |account| account.balance)
}

/// Takes money out of a balance, as a call does.
pub async fn spend(db: &Db, caller: &Caller, micro: i64) {
    use rialto_ledger::{House, NewTransfer, TransferId, balance::ASSET};

    let (from, amount) = (buyer_account(caller.owner), Amount::new(micro).unwrap());
    let new = NewTransfer::new(TransferId::new(), from, House::Fees.account(ASSET), amount);
    db.write(async move |tx: &mut Tx| rialto_ledger::transfer(tx, new.clone(), NOON).await).await.unwrap();
}

/// How a callback of NOWPayments is signed: the text has to have its keys sorted.
pub fn sign(secret: &str, sorted: &str) -> String {
    let mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).unwrap().chain_update(sorted);
    hex::encode(mac.finalize().into_bytes())
}
