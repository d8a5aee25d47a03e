//! Lanes: who serves which.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl,
    sql_types::{Array, Bool, Nullable},
};
use rialto_jobs::lanes::Lease;
use rialto_kernel::{Id, OwnerId, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Uid, UtcTime},
};

use super::schema::{webhook_lanes as l, webhooks as w};
use crate::{
    model::WebhookId,
    store::{Aim, LaneStore, Release},
};

const GIVE_BACK: &str = "UPDATE webhook_lanes SET due_at = $1, lease_id = NULL WHERE webhook_id = $2";

statement! {
    /// Gives a lane back.
    struct GiveBack { due_at: Option<Timestamp> => Nullable<UtcTime> | Nullable<UtcTime>, id: WebhookId => Uid | Uid }
    rows: ();
    sqlite: GIVE_BACK;
    postgres: GIVE_BACK;
}

/// When the next that is pending may be sent: the first of the first attempts, or what is to be sent again, whichever is sooner.
/// SQLite is told which indexes to take.
macro_rules! next_due {
    (sqlite $webhook:literal) => {
        next_due!($webhook, " INDEXED BY webhook_deliveries_first", " INDEXED BY webhook_deliveries_again")
    };
    (postgres $webhook:literal) => {
        next_due!($webhook, "", "")
    };
    ($webhook:literal, $by_first:literal, $by_again:literal) => {
        concat!(
            "(SELECT min(p.due_at) FROM (SELECT * FROM (SELECT due_at FROM webhook_deliveries",
            $by_first,
            " WHERE webhook_id = ",
            $webhook,
            " AND status = 'pending' AND tries = 0 ORDER BY seq LIMIT 1) AS f UNION ALL SELECT * FROM \
             (SELECT due_at FROM webhook_deliveries",
            $by_again,
            " WHERE webhook_id = ",
            $webhook,
            " AND status = 'pending' AND tries > 0 ORDER BY due_at LIMIT 1) AS a) AS p)"
        )
    };
}

pub(super) const NEXT_DUE_SQLITE: &str = concat!("SELECT ", next_due!(sqlite "?1"));

statement! {
    /// When the next that is pending may be sent.
    struct NextDue { id: WebhookId => Uid }
    rows: Nullable<UtcTime>;
    sqlite: NEXT_DUE_SQLITE;
}

statement! {
    /// Gives lanes back, or keeps them.
    struct ReleaseMany {
        id: Vec<WebhookId> => Array<Uid>,
        keep: Vec<bool> => Array<Bool>,
        yields: Vec<bool> => Array<Bool>,
        now: Timestamp => UtcTime,
        until: Timestamp => UtcTime,
    }
    rows: ();
    postgres: concat!(
        "UPDATE webhook_lanes AS l SET
            due_at = CASE WHEN n.kept THEN $5 WHEN n.next < $4 THEN $4 ELSE n.next END,
            lease_id = CASE WHEN n.kept THEN l.lease_id END
        FROM (SELECT t.id, t.next, t.keep OR (NOT t.yields AND coalesce(t.next <= $4, false)) AS kept
            FROM (SELECT g.id, g.keep, g.yields, ", next_due!(postgres "g.id"), " AS next FROM unnest($1, $2, $3) AS g (id, keep, yields)) AS t
        ) AS n WHERE l.webhook_id = n.id"
    );
}

/// Those of these lanes that a courier has leased, in order.
macro_rules! held {
    ($ids:expr, $lease:expr) => {
        l::table.filter(l::webhook_id.eq_any($ids)).filter(l::lease_id.eq($lease)).order(l::webhook_id).select(l::webhook_id)
    };
}

impl LaneStore for Tx {
    async fn list_lanes(&mut self, except: &[OwnerId], limit: u32) -> Result<Vec<(WebhookId, OwnerId, Timestamp)>, StoreError> {
        let rows: Vec<(WebhookId, OwnerId, Option<Timestamp>)> = on!(self, conn => l::table
            .filter(l::due_at.is_not_null()).filter(l::owner_id.ne_all(except))
            .select((l::webhook_id, l::owner_id, l::due_at)).order(l::due_at).limit(limit.into()).load(conn).await)?;
        Ok(rows.into_iter().filter_map(|(id, owner, due_at)| Some((id, owner, due_at?))).collect())
    }

    async fn lease_lanes(
        &mut self,
        ids: &[WebhookId],
        lease: Id<Lease>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(WebhookId, OwnerId)>, StoreError> {
        macro_rules! due {
            () => {
                l::table
                    .filter(l::webhook_id.eq_any(ids))
                    .filter(l::due_at.le(now))
                    .order(l::webhook_id)
                    .select((l::webhook_id, l::owner_id))
            };
        }
        let lanes: Vec<(WebhookId, OwnerId)> = on!(self,
            sqlite conn => due!().load(conn).await,
            postgres conn => due!().for_no_key_update().skip_locked().load(conn).await)?;
        let leased: Vec<WebhookId> = lanes.iter().map(|(id, _)| *id).collect();
        if !leased.is_empty() {
            on!(self, conn => diesel::update(l::table.filter(l::webhook_id.eq_any(&leased)))
                .set((l::lease_id.eq(lease), l::due_at.eq(until))).execute(conn).await)?;
        }
        Ok(lanes)
    }

    async fn renew_lanes(&mut self, ids: &[WebhookId], lease: Id<Lease>, until: Timestamp) -> Result<usize, StoreError> {
        // What somebody is writing to is renewed the next time: nobody's lease has to wait for it.
        let held: Vec<WebhookId> = on!(self,
            sqlite conn => held!(ids, lease).load(conn).await,
            postgres conn => held!(ids, lease).for_no_key_update().skip_locked().load(conn).await)?;
        on!(self, conn => diesel::update(l::table.filter(l::webhook_id.eq_any(&held))).set(l::due_at.eq(until))
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
            let _: Vec<WebhookId> = on!(self,
                sqlite _conn => Ok::<_, diesel::result::Error>(Vec::new()),
                postgres conn => l::table.filter(l::lease_id.eq(lease)).order(l::webhook_id).select(l::webhook_id)
                    .for_no_key_update().load(conn).await)?;
        }
        on!(self, conn => diesel::update(l::table.filter(l::lease_id.eq(lease))).set(change).execute(conn).await)
    }

    async fn lock_lanes(&mut self, ids: &[WebhookId], lease: Id<Lease>) -> Result<Vec<WebhookId>, StoreError> {
        on!(self,
            sqlite conn => held!(ids, lease).load(conn).await,
            postgres conn => held!(ids, lease).for_no_key_update().load(conn).await)
    }

    async fn release(&mut self, lanes: &[(WebhookId, Release)], now: Timestamp, until: Timestamp) -> Result<(), StoreError> {
        if let Self::Postgres(_) = self {
            let is = |release: Release| lanes.iter().map(|(_, lane)| *lane == release).collect::<Vec<_>>();
            let id: Vec<_> = lanes.iter().map(|(id, _)| *id).collect();
            let many = ReleaseMany { id, keep: is(Release::Keep), yields: is(Release::Yield), now, until };
            on!(self, sqlite _conn => Ok::<_, diesel::result::Error>(0), postgres conn => many.execute(conn).await)?;
            return Ok(());
        }
        for (id, release) in lanes {
            let next = if *release == Release::Keep { None } else { next_due(self, *id).await? };
            if *release == Release::Keep || (*release == Release::IfIdle && next.is_some_and(|next| next <= now)) {
                on!(self, conn => diesel::update(l::table.find(id)).set(l::due_at.eq(until)).execute(conn).await)?;
            } else {
                let (id, due_at) = (*id, next.map(|next| next.max(now)));
                on!(self, conn => GiveBack { due_at, id }.execute(conn).await)?;
            }
        }
        Ok(())
    }

    async fn give_back(&mut self, id: WebhookId, due_at: Timestamp) -> Result<(), StoreError> {
        let give_back = || GiveBack { due_at: Some(due_at), id };
        on!(self, conn => give_back().execute(conn).await)?;
        Ok(())
    }

    async fn find_aim(&mut self, id: WebhookId, lease: Id<Lease>, now: Timestamp) -> Result<Option<Aim>, StoreError> {
        type Row = (String, bool, Option<Timestamp>, Option<Timestamp>);
        let found: Option<Row> = on!(self, conn => l::table.inner_join(w::table.on(w::id.eq(l::webhook_id)))
            .filter(l::webhook_id.eq(id).and(l::lease_id.eq(lease)))
            .select((w::url, w::active, w::deleted_at, l::due_at)).first(conn).await.optional())?;
        Ok(found.map(|(url, is_active, deleted_at, leased_until)| {
            if leased_until.is_none_or(|until| until <= now) {
                Aim::Ended
            } else if is_active && deleted_at.is_none() {
                Aim::At(url)
            } else {
                Aim::Off
            }
        }))
    }
}

async fn next_due(tx: &mut Tx, id: WebhookId) -> Result<Option<Timestamp>, StoreError> {
    let next: Vec<Option<Timestamp>> = on!(tx,
        sqlite conn => NextDue { id }.load(conn).await,
        postgres _conn => Ok::<_, diesel::result::Error>(Vec::new()))?;
    Ok(next.into_iter().next().flatten())
}
