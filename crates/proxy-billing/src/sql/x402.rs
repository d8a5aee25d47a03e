//! Payments by x402.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    sql_query, sql_types::Text,
};
use rialto_kernel::{Amount, OwnerId, Timestamp};
use rialto_registry::service::{PaymentMethod, ServiceId};
use rialto_store::{
    StoreError, Tx, on,
    types::{Json, Uid},
};

use self::x402_payments as p;
use super::schema::usage_records as u;
use crate::{
    model::ClaimName,
    payments::x402::{
        Address, AuthorizationId, NewPayment, Outcome, PaymentState, PaymentStore, Settling, UsedAuthorization, Version,
    },
    usage::UsageId,
};

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    x402_payments (usage_id) {
        usage_id -> Uid,
        chain_id -> BigInt,
        asset -> Text,
        payer -> Text,
        nonce -> Text,
        amount -> BigInt,
        x402_version -> Integer,
        request -> JsonDoc,
        state -> Text,
        is_asked -> Bool,
        is_local -> Bool,
        outcome -> Nullable<JsonDoc>,
        transaction_id -> Nullable<Text>,
        failure -> Nullable<Text>,
        attempts -> Integer,
        next_attempt_at -> Nullable<UtcTime>,
        give_up_at -> Nullable<UtcTime>,
        created_at -> UtcTime,
        updated_at -> UtcTime,
        is_paid -> Bool,
    }
}

diesel::allow_tables_to_appear_in_same_query!(x402_payments, u);

// SQLite takes `$1` for the name of its first parameter: they stand in the order in which they are bound.
const SET_PAYMENT_TX: &str = "UPDATE usage_records SET payment_tx = $1 WHERE id = $2";

const LOCK_PAYER: &str = "SELECT pg_advisory_xact_lock(hashtext('x402_payments'), hashtext($1))";

#[derive(Queryable, Selectable)]
#[diesel(table_name = p)]
struct PaymentRow {
    usage_id: UsageId,
    state: String,
    amount: i64,
    x402_version: i32,
    payer: String,
    request: Json,
    is_asked: bool,
    is_local: bool,
    outcome: Option<Json>,
    transaction_id: Option<String>,
    is_paid: bool,
    attempts: i32,
    next_attempt_at: Option<Timestamp>,
    give_up_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// Those that have no end yet although their calls were delivered.
const WITHOUT_END: [&str; 2] = [PaymentState::Settling.as_str(), PaymentState::Unclear.as_str()];

/// How the columns hold an authorization.
pub(super) struct Columns {
    pub(super) chain_id: i64,
    pub(super) asset: String,
    pub(super) payer: String,
    pub(super) nonce: String,
}

impl From<&AuthorizationId> for Columns {
    fn from(id: &AuthorizationId) -> Self {
        Self {
            chain_id: i64::try_from(id.chain_id).unwrap_or(i64::MAX),
            asset: id.asset.plain(),
            payer: id.payer.plain(),
            nonce: format!("0x{}", hex::encode(id.nonce)),
        }
    }
}

/// A payment that has used an authorization, with its call.
type UsedRow = (UsageId, OwnerId, String, Option<String>, Option<String>, Option<Json>);

fn used((usage, buyer, state, scope, key, outcome): UsedRow) -> Result<UsedAuthorization, StoreError> {
    let corrupt = || StoreError::Corrupt(format!("the payment of the call {usage} is not as it should be"));
    Ok(UsedAuthorization {
        usage,
        buyer,
        state: PaymentState::from_word(&state).ok_or_else(corrupt)?,
        claim: scope.zip(key).map(|(scope, key)| ClaimName { scope, key }),
        outcome: outcome.map(|Json(outcome)| serde_json::from_value(outcome)).transpose().map_err(|_| corrupt())?,
    })
}

type CallRow = (ServiceId, OwnerId, OwnerId, String, Option<String>, Option<String>);

fn settling((row, call): (PaymentRow, CallRow)) -> Result<Settling, StoreError> {
    let usage = row.usage_id;
    let corrupt = || StoreError::Corrupt(format!("the payment of the call {usage} is not as it should be"));
    let (service, buyer, provider, method, claim_scope, claim_key) = call;
    let outcome: Outcome = serde_json::from_value(row.outcome.ok_or_else(corrupt)?.0).map_err(|_| corrupt())?;
    Ok(Settling {
        usage,
        state: PaymentState::from_word(&row.state).ok_or_else(corrupt)?,
        service,
        buyer,
        provider,
        payment_method: PaymentMethod::from_word(&method).ok_or_else(corrupt)?,
        claim: claim_scope.zip(claim_key).map(|(scope, key)| ClaimName { scope, key }),
        amount: Amount::new(row.amount).map_err(|_| corrupt())?,
        version: if row.x402_version == 1 { Version::One } else { Version::Two },
        payer: Address::parse(&row.payer).ok_or_else(corrupt)?,
        request: row.request.0,
        outcome,
        is_asked: row.is_asked,
        is_local: row.is_local,
        transaction: row.transaction_id,
        is_paid: row.is_paid,
        attempts: row.attempts,
        next_attempt_at: row.next_attempt_at,
        give_up_at: row.give_up_at.ok_or_else(corrupt)?,
        created_at: row.created_at,
    })
}

impl PaymentStore for Tx {
    async fn insert_payment(&mut self, new: &NewPayment<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let pledge = new.pledge;
        let id = Columns::from(&pledge.authorization());
        let row = (
            p::usage_id.eq(new.usage),
            p::chain_id.eq(id.chain_id),
            p::asset.eq(id.asset),
            p::payer.eq(id.payer),
            p::nonce.eq(id.nonce),
            p::amount.eq(pledge.requirements.amount.get()),
            p::x402_version.eq(i32::from(pledge.version.number())),
            p::request.eq(Json(pledge.request.clone())),
            p::state.eq(PaymentState::Reserved.as_str()),
            p::is_asked.eq(false),
            p::is_local.eq(new.is_local),
            p::attempts.eq(0),
            p::created_at.eq(now),
            p::updated_at.eq(now),
        );
        let kept: usize =
            on!(self, conn => diesel::insert_into(p::table).values(&row).on_conflict_do_nothing().execute(conn).await)?;
        Ok(kept == 1)
    }

    async fn find_authorization(&mut self, id: &AuthorizationId) -> Result<Option<UsedAuthorization>, StoreError> {
        let id = Columns::from(id);
        let there =
            p::chain_id.eq(id.chain_id).and(p::asset.eq(&id.asset)).and(p::payer.eq(&id.payer)).and(p::nonce.eq(&id.nonce));
        let row: Option<UsedRow> = on!(self, conn => p::table
            .inner_join(u::table.on(u::id.eq(p::usage_id))).filter(there)
            .select((p::usage_id, u::buyer_id, p::state, u::claim_scope, u::claim_key, p::outcome))
            .first(conn).await.optional())?;
        row.map(used).transpose()
    }

    async fn count_open_payments(&mut self, payer: &Address, limit: usize) -> Result<usize, StoreError> {
        // What others have taken and not written down yet counts as well: they are waited for. SQLite has but one writer.
        on!(self,
            sqlite _conn => Ok::<usize, diesel::result::Error>(0),
            postgres conn => sql_query(LOCK_PAYER).bind::<Text, _>(payer.plain()).execute(conn).await)?;
        // Word by word that of the index, see below.
        let is_open = diesel::dsl::sql::<diesel::sql_types::Bool>("state IN ('reserved', 'settling', 'unclear')");
        let open: Vec<UsageId> = on!(self, conn => p::table.filter(is_open.and(p::payer.eq(payer.plain())))
            .limit(i64::try_from(limit).unwrap_or(i64::MAX)).select(p::usage_id).load(conn).await)?;
        Ok(open.len())
    }

    async fn release_payment(&mut self, usage: UsageId) -> Result<bool, StoreError> {
        let reserved = p::usage_id.eq(usage).and(p::state.eq(PaymentState::Reserved.as_str()));
        let gone: usize = on!(self, conn => diesel::delete(p::table.filter(reserved)).execute(conn).await)?;
        Ok(gone == 1)
    }

    async fn keep_running(&mut self, usage: UsageId, until: Timestamp) -> Result<bool, StoreError> {
        let running = u::id.eq(usage).and(u::finished_at.is_null());
        let changed: usize = on!(self, conn =>
            diesel::update(u::table.filter(running)).set(u::expires_at.eq(until)).execute(conn).await)?;
        Ok(changed == 1)
    }

    async fn begin_settling(
        &mut self,
        usage: UsageId,
        outcome: &Outcome,
        next: Timestamp,
        give_up_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let outcome = serde_json::to_value(outcome).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let reserved = p::usage_id.eq(usage).and(p::state.eq(PaymentState::Reserved.as_str()));
        let changes = (
            p::state.eq(PaymentState::Settling.as_str()),
            p::is_asked.eq(true),
            p::attempts.eq(1),
            p::outcome.eq(Some(Json(outcome))),
            p::next_attempt_at.eq(Some(next)),
            p::give_up_at.eq(Some(give_up_at)),
            p::updated_at.eq(now),
        );
        let changed: usize = on!(self, conn => diesel::update(p::table.filter(reserved)).set(changes).execute(conn).await)?;
        Ok(changed == 1)
    }

    async fn find_settling(&mut self, usage: UsageId) -> Result<Option<Settling>, StoreError> {
        let call = (u::service_id, u::buyer_id, u::provider_id, u::payment_method, u::claim_scope, u::claim_key);
        let row: Option<(PaymentRow, CallRow)> = on!(self, conn => p::table
            .inner_join(u::table.on(u::id.eq(p::usage_id)))
            .filter(p::usage_id.eq(usage).and(p::state.eq_any(WITHOUT_END)))
            .select((PaymentRow::as_select(), call)).first(conn).await.optional())?;
        row.map(settling).transpose()
    }

    async fn list_settling(&mut self, now: Timestamp, limit: u32) -> Result<Vec<UsageId>, StoreError> {
        // The condition is that of the index, word by word: with a parameter in it SQLite would not know that it is.
        let is_settling = diesel::dsl::sql::<diesel::sql_types::Bool>("state = 'settling'");
        on!(self, conn => p::table.filter(is_settling.and(p::next_attempt_at.le(now)))
            .order((p::next_attempt_at.asc(), p::usage_id.asc())).limit(limit.into()).select(p::usage_id).load(conn).await)
    }

    async fn take_settling(&mut self, seen: &Settling, next: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let due = p::usage_id
            .eq(seen.usage)
            .and(p::state.eq(PaymentState::Settling.as_str()))
            .and(p::next_attempt_at.eq(seen.next_attempt_at));
        let changes = (
            p::is_asked.eq(true),
            p::attempts.eq(seen.attempts.saturating_add(1)),
            p::next_attempt_at.eq(Some(next)),
            p::updated_at.eq(now),
        );
        let changed: usize = on!(self, conn => diesel::update(p::table.filter(due)).set(changes).execute(conn).await)?;
        Ok(changed == 1)
    }

    async fn put_off(
        &mut self,
        seen: &Settling,
        is_asked: bool,
        transaction: Option<&str>,
        next: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let settling = p::usage_id
            .eq(seen.usage)
            .and(p::state.eq(PaymentState::Settling.as_str()))
            .and(p::attempts.eq(seen.attempts))
            .and(p::is_paid.eq(false));
        let changes = (
            p::is_asked.eq(is_asked),
            p::transaction_id.eq(transaction),
            p::next_attempt_at.eq(Some(next)),
            p::updated_at.eq(now),
        );
        on!(self, conn => diesel::update(p::table.filter(settling)).set(changes).execute(conn).await)?;
        Ok(())
    }

    async fn note_paid(
        &mut self,
        usage: UsageId,
        transaction: &str,
        next: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changes = (
            p::state.eq(PaymentState::Settling.as_str()),
            p::is_paid.eq(true),
            p::transaction_id.eq(transaction),
            p::next_attempt_at.eq(Some(next)),
            p::updated_at.eq(now),
        );
        let open = p::usage_id.eq(usage).and(p::state.eq_any(WITHOUT_END));
        let changed: usize = on!(self, conn => diesel::update(p::table.filter(open)).set(changes).execute(conn).await)?;
        Ok(changed == 1)
    }

    async fn end_payment(
        &mut self,
        seen: &Settling,
        state: PaymentState,
        outcome: Result<&str, &str>,
        is_told: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let is_unclear = state == PaymentState::Unclear;
        let mut request = seen.request.clone();
        if let Some(signature) = request.pointer_mut("/paymentPayload/payload/signature").filter(|_| !is_unclear) {
            *signature = serde_json::Value::Null;
        }
        let left = if is_told { None } else { Some(serde_json::to_value(&seen.outcome)) };
        let left = left.transpose().map_err(|error| StoreError::Corrupt(error.to_string()))?.map(Json);
        let ended = (
            p::state.eq(state.as_str()),
            p::failure.eq(outcome.err()),
            p::outcome.eq(left),
            p::request.eq(Json(request)),
            p::next_attempt_at.eq(None::<Timestamp>),
            p::updated_at.eq(now),
        );
        let open = p::usage_id.eq(seen.usage).and(p::state.eq_any(WITHOUT_END));
        let changed: usize = match outcome {
            Ok(transaction) => on!(self, conn => diesel::update(p::table.filter(open))
                .set((ended, p::transaction_id.eq(transaction))).execute(conn).await)?,
            Err(_) => {
                let mine =
                    open.and(p::state.eq(seen.state.as_str())).and(p::attempts.eq(seen.attempts)).and(p::is_paid.eq(false));
                on!(self, conn => diesel::update(p::table.filter(mine)).set(ended).execute(conn).await)?
            }
        };
        Ok(changed == 1)
    }

    async fn note_transaction(
        &mut self,
        usage: UsageId,
        transaction: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let there = p::usage_id.eq(usage).and(p::state.eq(PaymentState::Failed.as_str()));
        let payer: Option<String> = on!(self, conn => p::table.filter(there).select(p::payer).first(conn).await.optional())?;
        on!(self, conn => diesel::update(p::table.filter(there))
            .set((p::transaction_id.eq(transaction), p::updated_at.eq(now))).execute(conn).await)?;
        Ok(payer)
    }

    async fn set_payment_tx(&mut self, usage: UsageId, transaction: &str) -> Result<(), StoreError> {
        on!(self, conn => sql_query(SET_PAYMENT_TX)
            .bind::<Text, _>(transaction).bind::<Uid, _>(usage).execute(conn).await)?;
        Ok(())
    }
}
