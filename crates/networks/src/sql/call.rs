//! Calls that are being made.

use diesel::{ExpressionMethods, JoinOnDsl, NullableExpressionMethods, QueryDsl};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on};

use super::schema::{network_calls as c, network_messages as m};
use crate::{
    model::{MessageId, ParticipantId},
    store::{CallStore, ClaimName, StaleCall},
};

type StaleRow = (MessageId, Option<i64>, Option<ParticipantId>, Option<String>, Option<String>);

impl CallStore for Tx {
    async fn open_call(
        &mut self,
        message: MessageId,
        expires_at: Timestamp,
        claim: Option<&ClaimName>,
    ) -> Result<(), StoreError> {
        let row = (
            c::message_id.eq(message),
            c::expires_at.eq(expires_at),
            c::idempotency_scope.eq(claim.map(|claim| &claim.scope)),
            c::idempotency_key.eq(claim.map(|claim| &claim.key)),
        );
        on!(self, conn => diesel::insert_into(c::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn close_call(&mut self, message: MessageId) -> Result<bool, StoreError> {
        let closed = on!(self, conn => diesel::delete(c::table.find(message)).execute(conn).await)?;
        Ok(closed == 1)
    }

    async fn list_stale_calls(&mut self, now: Timestamp, limit: u32) -> Result<Vec<StaleCall>, StoreError> {
        let rows: Vec<StaleRow> = on!(self, conn => c::table.left_join(m::table.on(m::id.eq(c::message_id)))
            .filter(c::expires_at.le(now)).order(c::expires_at).limit(limit.into())
            .select((c::message_id, m::seq.nullable(), m::recipient_id.nullable(), c::idempotency_scope, c::idempotency_key))
            .load(conn).await)?;
        let stale = |(message, seq, recipient, scope, key): StaleRow| StaleCall {
            message,
            delivery: seq.zip(recipient),
            claim: scope.zip(key).map(|(scope, key)| ClaimName { scope, key }),
        };
        Ok(rows.into_iter().map(stale).collect())
    }
}
