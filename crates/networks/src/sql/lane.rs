//! Lanes: who serves which, and what waits in them.

use std::time::Duration;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl,
    dsl::sql,
    sql_types::{BigInt, Bool, Integer, Nullable, Text},
};
use rialto_jobs::lanes::Lease;
use rialto_kernel::{Id, OwnerId, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Uid, UtcTime},
};

use super::{
    corrupt,
    message::{UNREAD, channel},
    schema::{network_deliveries as d, network_lanes as l, network_participants as p},
};
use crate::{
    model::{Channel, DeliveryStatus, MessageId, NetworkId, ParticipantId, ParticipantStatus, Peer},
    store::{Attempted, Dismissal, Head, LaneStore},
};

/// As in the partial index.
const QUEUED: &str = "network_deliveries.queued";
const PENDING: &str = "network_deliveries.status = 'pending'";

const ROUSE: &str = "UPDATE network_lanes SET due_at = $1 WHERE participant_id = $2 AND due_at IS NULL";

statement! {
    /// Makes an idle lane due.
    struct Rouse { now: Timestamp => UtcTime | UtcTime, id: ParticipantId => Uid | Uid }
    rows: ();
    sqlite: ROUSE;
    postgres: ROUSE;
}

const HEAD: &str = "SELECT d.message_seq, d.attempts, m.id, m.network_id, m.sender_id, s.name, m.channel, m.content \
     FROM network_deliveries AS d JOIN network_messages AS m ON m.seq = d.message_seq \
     JOIN network_participants AS s ON s.id = m.sender_id \
     WHERE d.recipient_id = $1 AND d.queued ORDER BY d.message_seq LIMIT 1";

statement! {
    /// The first message that waits.
    struct FindHead { id: ParticipantId => Uid | Uid }
    rows: (BigInt, Integer, Uid, Uid, Uid, Text, Text, Text);
    sqlite: HEAD;
    postgres: HEAD;
}

type HeadRow = (i64, i32, MessageId, NetworkId, ParticipantId, String, String, String);

/// What the recipient has read stays read, whatever came of the attempt.
const ATTEMPTED: &str = "UPDATE network_deliveries SET attempts = attempts + 1, \
     status = CASE WHEN status = 'pending' THEN $1 ELSE status END, queued = queued AND $2, \
     last_error = coalesce($3, last_error), delivered_at = coalesce(delivered_at, $4), updated_at = $5 \
     WHERE message_seq = $6 AND recipient_id = $7";

statement! {
    /// Counts an attempt.
    struct SetAttempted {
        status: String => Text | Text,
        queued: bool => Bool | Bool,
        error: Option<String> => Nullable<Text> | Nullable<Text>,
        delivered_at: Option<Timestamp> => Nullable<UtcTime> | Nullable<UtcTime>,
        at: Timestamp => UtcTime | UtcTime,
        seq: i64 => BigInt | BigInt,
        recipient: ParticipantId => Uid | Uid,
    }
    rows: ();
    sqlite: ATTEMPTED;
    postgres: ATTEMPTED;
}

const SET_LANE: &str = "UPDATE network_lanes SET due_at = coalesce($1, due_at), \
     lease_id = CASE WHEN $2 THEN NULL ELSE lease_id END, failing_since = $3 WHERE participant_id = $4";

statement! {
    /// Gives a lane back for a while, or keeps it.
    struct SetLane {
        due_at: Option<Timestamp> => Nullable<UtcTime> | Nullable<UtcTime>,
        give_back: bool => Bool | Bool,
        failing_since: Option<Timestamp> => Nullable<UtcTime> | Nullable<UtcTime>,
        id: ParticipantId => Uid | Uid,
    }
    rows: ();
    sqlite: SET_LANE;
    postgres: SET_LANE;
}

const RECALL: &str = "UPDATE network_lanes SET due_at = coalesce(due_at, $1) WHERE participant_id = $2";

statement! {
    /// Makes a lane due, unless it is.
    struct Recall { now: Timestamp => UtcTime | UtcTime, id: ParticipantId => Uid | Uid }
    rows: ();
    sqlite: RECALL;
    postgres: RECALL;
}

const CLOSE: &str = "UPDATE network_lanes SET due_at = NULL, lease_id = NULL WHERE participant_id = $1";

statement! {
    /// Gives an empty lane back.
    struct CloseLane { id: ParticipantId => Uid | Uid }
    rows: ();
    sqlite: CLOSE;
    postgres: CLOSE;
}

/// The first that are pending for a participant, queued or not, but no calls.
async fn pending(tx: &mut Tx, id: ParticipantId, limit: u32) -> Result<Vec<i64>, StoreError> {
    on!(tx, conn => d::table.filter(d::recipient_id.eq(id)).filter(sql::<Bool>(UNREAD)).filter(sql::<Bool>(PENDING))
        .filter(d::channel.ne(Channel::Call.as_str()))
        .select(d::message_seq).order(d::message_seq).limit(limit.into()).load(conn).await)
}

async fn is_empty(tx: &mut Tx, id: ParticipantId) -> Result<bool, StoreError> {
    let first: Option<i64> = on!(tx, conn => d::table.filter(d::recipient_id.eq(id)).filter(sql::<Bool>(QUEUED))
        .select(d::message_seq).order(d::message_seq).first(conn).await.optional())?;
    Ok(first.is_none())
}

impl LaneStore for Tx {
    async fn rouse_lane(&mut self, id: ParticipantId, now: Timestamp) -> Result<(), StoreError> {
        let rouse = || Rouse { now, id };
        on!(self, conn => rouse().execute(conn).await)?;
        Ok(())
    }

    async fn list_lanes(
        &mut self,
        except: &[OwnerId],
        limit: u32,
    ) -> Result<Vec<(ParticipantId, OwnerId, Timestamp)>, StoreError> {
        let rows: Vec<(ParticipantId, OwnerId, Option<Timestamp>)> = on!(self, conn => l::table
            .filter(l::due_at.is_not_null()).filter(l::owner_id.ne_all(except))
            .select((l::participant_id, l::owner_id, l::due_at)).order(l::due_at).limit(limit.into()).load(conn).await)?;
        Ok(rows.into_iter().filter_map(|(id, owner, due_at)| Some((id, owner, due_at?))).collect())
    }

    async fn lease_lanes(
        &mut self,
        ids: &[ParticipantId],
        lease: Id<Lease>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(ParticipantId, OwnerId)>, StoreError> {
        macro_rules! due {
            () => {
                l::table
                    .filter(l::participant_id.eq_any(ids))
                    .filter(l::due_at.le(now))
                    .order(l::participant_id)
                    .select((l::participant_id, l::owner_id))
            };
        }
        // Senders refer to lanes, and do not stand in the way of this lock; another worker's lease does.
        let lanes: Vec<(ParticipantId, OwnerId)> = on!(self,
            sqlite conn => due!().load(conn).await,
            postgres conn => due!().for_no_key_update().skip_locked().load(conn).await)?;
        let leased: Vec<ParticipantId> = lanes.iter().map(|(id, _)| *id).collect();
        if !leased.is_empty() {
            on!(self, conn => diesel::update(l::table.filter(l::participant_id.eq_any(&leased)))
                .set((l::lease_id.eq(lease), l::due_at.eq(until))).execute(conn).await)?;
        }
        Ok(lanes)
    }

    async fn renew_lanes(&mut self, ids: &[ParticipantId], lease: Id<Lease>, until: Timestamp) -> Result<usize, StoreError> {
        macro_rules! held {
            () => {
                l::table
                    .filter(l::participant_id.eq_any(ids))
                    .filter(l::lease_id.eq(lease))
                    .order(l::participant_id)
                    .select(l::participant_id)
            };
        }
        let held: Vec<ParticipantId> = on!(self,
            sqlite conn => held!().load(conn).await,
            postgres conn => held!().for_no_key_update().skip_locked().load(conn).await)?;
        on!(self, conn => diesel::update(l::table.filter(l::participant_id.eq_any(&held))).set(l::due_at.eq(until))
            .execute(conn).await)
    }

    async fn free_lanes(&mut self, lease: Option<Id<Lease>>, now: Timestamp) -> Result<usize, StoreError> {
        let change = (l::due_at.eq(now), l::lease_id.eq(None::<Id<Lease>>));
        let Some(lease) = lease else {
            return on!(self, conn => diesel::update(l::table.filter(l::lease_id.is_not_null())).set(change)
                .execute(conn).await);
        };
        if self.is_postgres() {
            // An update takes its rows in no order.
            let _: Vec<ParticipantId> = on!(self,
                sqlite _conn => Ok::<_, diesel::result::Error>(Vec::new()),
                postgres conn => l::table.filter(l::lease_id.eq(lease)).order(l::participant_id).select(l::participant_id)
                    .for_no_key_update().load(conn).await)?;
        }
        on!(self, conn => diesel::update(l::table.filter(l::lease_id.eq(lease))).set(change).execute(conn).await)
    }

    async fn lock_lane(&mut self, id: ParticipantId, lease: Id<Lease>) -> Result<Option<Option<Timestamp>>, StoreError> {
        macro_rules! mine {
            () => {
                l::table.find(id).filter(l::lease_id.eq(lease)).select(l::failing_since)
            };
        }
        on!(self,
            sqlite conn => mine!().first(conn).await.optional(),
            postgres conn => mine!().for_no_key_update().first(conn).await.optional())
    }

    async fn find_head(&mut self, id: ParticipantId) -> Result<Option<Head>, StoreError> {
        let find = || FindHead { id };
        let rows: Vec<HeadRow> = on!(self, conn => find().load(conn).await)?;
        let head = |(seq, attempts, message, network, sender, name, word, content): HeadRow| {
            let sender = Peer { id: sender, name };
            Ok(Head { seq, attempts, message, network, sender, channel: channel(&word)?, content })
        };
        rows.into_iter().next().map(head).transpose()
    }

    async fn set_attempted(&mut self, seq: i64, recipient: ParticipantId, attempted: &Attempted) -> Result<(), StoreError> {
        let set = || SetAttempted {
            status: attempted.status.as_str().to_owned(),
            queued: attempted.status == DeliveryStatus::Pending,
            error: attempted.error.clone(),
            delivered_at: (attempted.status == DeliveryStatus::Delivered).then_some(attempted.at),
            at: attempted.at,
            seq,
            recipient,
        };
        on!(self, conn => set().execute(conn).await)?;
        Ok(())
    }

    async fn dismiss(&mut self, id: ParticipantId, how: &Dismissal, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let until = match how {
            Dismissal::Fail { until, .. } => *until,
            // Whatever the clocks of other replicas say.
            Dismissal::Leave => now.after(Duration::from_secs(86_400)),
        };
        let seqs: Vec<i64> = on!(self, conn => d::table.filter(d::recipient_id.eq(id)).filter(sql::<Bool>(QUEUED))
            .filter(d::created_at.le(until)).select(d::message_seq).order(d::message_seq).limit(limit.into()).load(conn).await)?;
        macro_rules! them {
            () => {
                // Asked again: somebody may have acknowledged one of them meanwhile.
                d::table.filter(d::recipient_id.eq(id).and(d::message_seq.eq_any(&seqs))).filter(sql::<Bool>(QUEUED))
            };
        }
        match how {
            Dismissal::Fail { why, .. } => {
                let failed = d::status.eq(DeliveryStatus::Failed.as_str());
                on!(self, conn => diesel::update(them!())
                    .set((failed, d::queued.eq(false), d::last_error.eq(why), d::updated_at.eq(now))).execute(conn).await)
            }
            Dismissal::Leave => {
                on!(self, conn => diesel::update(them!()).set((d::queued.eq(false), d::updated_at.eq(now))).execute(conn).await)
            }
        }
    }

    async fn find_status(&mut self, id: ParticipantId) -> Result<Option<ParticipantStatus>, StoreError> {
        let word: Option<String> = on!(self, conn => p::table.find(id).select(p::status).first(conn).await.optional())?;
        let known =
            |word: String| ParticipantStatus::from_word(&word).ok_or_else(|| corrupt("network_participants.status", &word));
        word.map(known).transpose()
    }

    async fn is_awaited(&mut self, id: ParticipantId) -> Result<bool, StoreError> {
        Ok(!pending(self, id, 1).await?.is_empty())
    }

    async fn abandon(&mut self, id: ParticipantId, why: &str, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let seqs = pending(self, id, limit).await?;
        let failed = d::status.eq(DeliveryStatus::Failed.as_str());
        on!(self, conn => diesel::update(d::table.filter(d::recipient_id.eq(id).and(d::message_seq.eq_any(&seqs)))
                .filter(sql::<Bool>(PENDING)))
            .set((failed, d::queued.eq(false), d::last_error.eq(why), d::updated_at.eq(now))).execute(conn).await)
    }

    async fn park_lane(&mut self, id: ParticipantId) -> Result<(), StoreError> {
        let close = || CloseLane { id };
        on!(self, conn => close().execute(conn).await)?;
        Ok(())
    }

    async fn recall_lane(&mut self, id: ParticipantId, now: Timestamp) -> Result<(), StoreError> {
        let recall = || Recall { now, id };
        on!(self, conn => recall().execute(conn).await)?;
        Ok(())
    }

    async fn close_lane(&mut self, id: ParticipantId) -> Result<bool, StoreError> {
        if !is_empty(self, id).await? {
            return Ok(false);
        }
        if let Self::Postgres(_) = self {
            // Somebody may be sending right now: the delivery is not visible yet, and the sender has seen that the lane is
            // due and left it so. A delivery refers to its lane, which locks the lane against this lock alone. So this waits
            // for those who are sending, and the next look sees what they have sent; whoever begins to send now waits for us,
            // and finds the lane idle.
            let _: ParticipantId = on!(self,
                sqlite _conn => Err(diesel::result::Error::NotInTransaction),
                postgres conn => l::table.find(id).select(l::participant_id).for_update().first(conn).await)?;
            if !is_empty(self, id).await? {
                return Ok(false);
            }
        }
        let close = || CloseLane { id };
        on!(self, conn => close().execute(conn).await)?;
        Ok(true)
    }

    async fn set_lane(
        &mut self,
        id: ParticipantId,
        due_at: Option<Timestamp>,
        failing_since: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let set = || SetLane { due_at, give_back: due_at.is_some(), failing_since, id };
        on!(self, conn => set().execute(conn).await)?;
        Ok(())
    }
}
