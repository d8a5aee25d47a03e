//! The two moments of a transaction in which it waits for the database: it looks at everything, and it writes everything.
//!
//! On PostgreSQL each is one round trip, however many statements it is: they are sent before the first is answered, and the
//! server does one after the other.

use diesel_async::AsyncPgConnection;
use rialto_kernel::Timestamp;
use rialto_ledger::{LedgerError, pipeline, plan::Plan};
use rialto_store::{StoreError, Tx, idempotency, outbox};

use super::{candles, capabilities, orders, rows::To, standings, trades};
use crate::store::{Changes, Found, Look};

pub(super) async fn look(tx: &mut Tx, look: Look<'_>, now: Timestamp) -> Result<Found, LedgerError> {
    let Look { capabilities: names, accounts, holds, traders, keys } = look;
    if let Tx::Postgres(conn) = tx
        && holds.is_empty()
    {
        let conn: &AsyncPgConnection = conn;
        let (capabilities, plan, standings, answers) = tokio::try_join!(
            biased;
            capabilities::lock_many(conn, &names),
            pipeline::lock(conn, accounts, now),
            standings::find_many(conn, &traders),
            idempotency::find_many(conn, &keys),
        )?;
        return Ok(Found { capabilities, plan, standings, answers });
    }
    let capabilities = capabilities::lock(tx, &names).await?;
    // Whose holds these are is not known before they are locked.
    let plan = Plan::lock(tx, accounts, holds, now).await?;
    let (standings, answers) = match tx {
        Tx::Sqlite(_) => (standings::find(tx, &traders).await?, idempotency::find_all(tx, &keys).await?),
        Tx::Postgres(conn) => {
            let conn: &AsyncPgConnection = conn;
            tokio::try_join!(biased; standings::find_many(conn, &traders), idempotency::find_many(conn, &keys))?
        }
    };
    Ok(Found { capabilities, plan, standings, answers })
}

pub(super) async fn write(tx: &mut Tx, money: Plan, changes: Changes, now: Timestamp) -> Result<(), LedgerError> {
    if let Tx::Postgres(conn) = tx {
        return Ok(write_many(conn, money, changes, now).await?);
    }
    money.commit(tx).await?;
    let Changes { capabilities: rows, opened, changed, trades: traded, events, owners, answers } = changes;
    // Trades after orders, which they refer to.
    orders::insert(tx.into(), opened).await?;
    orders::update(tx.into(), changed).await?;
    candles::count(tx.into(), &traded).await?;
    trades::insert(tx.into(), &traded).await?;
    capabilities::update(tx.into(), rows, &traded, now).await?;
    standings::count(tx.into(), owners).await?;
    idempotency::keep_all(tx, answers, now).await?;
    Ok(outbox::append_all(tx, events).await?)
}

async fn write_many(conn: &AsyncPgConnection, money: Plan, changes: Changes, now: Timestamp) -> Result<(), StoreError> {
    let Changes { capabilities: rows, opened, changed, trades: traded, events, owners, answers } = changes;
    let to = || To::Postgres(conn);
    tokio::try_join!(
        biased;
        pipeline::commit(conn, money),
        orders::insert(to(), opened),
        orders::update(to(), changed),
        candles::count(to(), &traded),
        trades::insert(to(), &traded),
        capabilities::update(to(), rows, &traded, now),
        standings::count(to(), owners),
        idempotency::keep_many(conn, answers, now),
        outbox::append_many(conn, events),
    )
    .map(drop)
}
