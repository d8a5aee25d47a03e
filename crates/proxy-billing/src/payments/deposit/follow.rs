//! Lets deposits follow what their rails say, whether they say it by themselves or are asked.

use std::time::Duration;

use futures_util::future::join_all;
use rialto_kernel::{Asset, Caller, Clock, Event, Timestamp};
use rialto_ledger::{balance::buyer_account, purchase::SIMULATED};
use rialto_store::{Db, Tx, outbox};
use serde_json::json;

use super::{
    super::provider::why, BY_HAND, Deposit, DepositError, DepositId, DepositStatus, DepositStore, Fate, News, Rails,
    read_deposit, settle,
};

/// How long a deposit waits for its money.
pub const DEPOSIT_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// For how long a rail is asked that never answers.
const RAIL_KEPT: Duration = Duration::from_secs(28 * 24 * 60 * 60);
/// How many rails are asked at once.
const ASKED_AT_ONCE: usize = 4;
/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 300;

/// Lets a deposit follow news of it. It is harmless to repeat, in whatever order:
///
/// - Money that has come is in the balance, once, also when it was taken for lost before.
/// - Nothing else changes a completed deposit. That the payer has its money back is written down and told; what it bought is bought.
/// - Money that went back is never credited afterwards.
///
/// # Errors
/// [`DepositError::Unknown`].
pub async fn follow(tx: &mut Tx, id: DepositId, news: &News, now: Timestamp) -> Result<Deposit, DepositError> {
    let deposit = tx.lock_deposit(id).await?.ok_or(DepositError::Unknown)?;
    let told = Deposit {
        rail_payment: news.payment.clone().or_else(|| deposit.rail_payment.clone()),
        note: news.note.as_deref().map(short).or_else(|| deposit.note.clone()),
        ..deposit.clone()
    };
    let next = match (&news.fate, deposit.status) {
        (Fate::Returned, _) if deposit.returned_at.is_some() => return Ok(deposit),
        (Fate::Returned, DepositStatus::Completed) => Deposit { returned_at: Some(now), ..told },
        (_, DepositStatus::Completed) => return Ok(deposit),
        (Fate::Paid, _) if deposit.returned_at.is_some() => return Ok(deposit),
        (Fate::Paid, _) => return settle(tx, Deposit { note: None, ..told }, now).await,
        (Fate::Returned, _) => Deposit { status: DepositStatus::Failed, returned_at: Some(now), ask_at: None, ..told },
        // It is asked for all the same: somebody may pay the same checkout in another way.
        (Fate::Lost, _) => Deposit { status: DepositStatus::Failed, ..told },
        (Fate::Open | Fate::Wrong, _) => told,
    };
    if next == deposit {
        return Ok(deposit);
    }
    let next = Deposit { updated_at: now, ..next };
    tx.save_deposit(&next).await?;
    if next.returned_at != deposit.returned_at {
        tell_returned(tx, &next, now).await?;
    }
    if news.fate == Fate::Wrong {
        tracing::error!(deposit.id = %id, rail = next.rail, note = next.note, "something else was paid than a deposit: look at it");
    }
    Ok(next)
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NOTE_CHARS_MAX).collect()
}

/// The balance stays as it is: it may be spent, and is never negative. Somebody has to know.
async fn tell_returned(tx: &mut Tx, deposit: &Deposit, now: Timestamp) -> Result<(), DepositError> {
    let was = deposit.status.as_str();
    tracing::error!(deposit.id = %deposit.id, rail = deposit.rail, was, "the payer of a deposit has the money back: look at it");
    let data = json!({
        "deposit_id": deposit.id,
        "buyer_owner_id": deposit.owner,
        "amount_usd": deposit.amount.to_decimal(Asset::USDC),
        "rail": deposit.rail,
        "credited": deposit.status == DepositStatus::Completed,
    });
    let subject = buyer_account(deposit.owner).uuid();
    let event = Event { kind: "balance.deposit_returned", subject, owner: Some(deposit.owner), data, at: now };
    Ok(outbox::append(tx, event).await?)
}

/// Asks the rail what became of a deposit of the caller's, takes the money if it was released, and gives the deposit as it is then.
///
/// # Errors
/// [`DepositError::Unknown`], [`DepositError::Forbidden`], [`DepositError::NotCaptured`], [`DepositError::UnknownRail`],
/// [`DepositError::Gateway`].
pub async fn capture(db: &Db, rails: &Rails, caller: &Caller, id: DepositId, clock: &Clock) -> Result<Deposit, DepositError> {
    let caller = *caller;
    let deposit = db.read(async move |tx: &mut Tx| read_deposit(tx, &caller, id).await).await?;
    if !caller.may_write(deposit.owner) {
        return Err(DepositError::Forbidden("This deposit belongs to somebody else."));
    }
    if deposit.status == DepositStatus::Completed {
        return Ok(deposit);
    }
    if deposit.rail == SIMULATED || deposit.rail == BY_HAND {
        return Err(DepositError::NotCaptured(deposit.rail));
    }
    let news = rails.pick(Some(&deposit.rail))?.ask(&deposit).await?;
    let now = clock.now();
    db.write(async move |tx: &mut Tx| follow(tx, id, &news, now).await).await
}

/// Asks the rails what became of deposits of which nothing was heard, at most `limit` of them, and gives how many those were.
///
/// Each is asked again later, the longer the more often it was. One that is older than [`DEPOSIT_KEPT`] has failed then.
///
/// # Errors
/// The store's. That of a rail keeps no other deposit from being asked for.
pub async fn ask_due(db: &Db, rails: &Rails, clock: &Clock, limit: u32) -> Result<usize, DepositError> {
    let (now, waits) = (clock.now(), rails.clone());
    // What is due is put off before it is asked for, so that one that hangs does not come first the next time.
    let due = db
        .write(async move |tx: &mut Tx| {
            let due = tx.lock_deposits_to_ask(now, limit).await?;
            for deposit in &due {
                let asks = deposit.asks.saturating_add(1);
                let put_off = Deposit { ask_at: Some(now.after(waits.wait(asks))), asks, ..deposit.clone() };
                tx.save_deposit(&put_off).await?;
            }
            Ok::<_, DepositError>(due)
        })
        .await?;
    let mut failed = Ok(due.len());
    for some in due.chunks(ASKED_AT_ONCE) {
        for answer in join_all(some.iter().map(|deposit| ask_one(db, rails, clock, deposit))).await {
            failed = answer.and(failed);
        }
    }
    failed
}

async fn ask_one(db: &Db, rails: &Rails, clock: &Clock, deposit: &Deposit) -> Result<(), DepositError> {
    let news = match rails.pick(Some(&deposit.rail)) {
        Ok(rail) => rail.ask(deposit).await,
        // It is not configured any more.
        Err(_) => Ok(News::of(Fate::Open)),
    };
    let (id, now) = (deposit.id, clock.now());
    let news = match news {
        Ok(news) => news,
        Err(error) => {
            let why = why(&error);
            tracing::warn!(deposit.id = %id, rail = deposit.rail, why, "a rail did not say what became of a deposit");
            if now.since(deposit.created_at) < RAIL_KEPT {
                return Ok(());
            }
            News::of(Fate::Open)
        }
    };
    db.write(async move |tx: &mut Tx| {
        let deposit = follow(tx, id, &news, now).await?;
        if deposit.ask_at.is_some() && now.since(deposit.created_at) >= DEPOSIT_KEPT {
            expire(tx, deposit, now).await?;
        }
        Ok(())
    })
    .await
}

/// Nobody asks for it any more. Should its money come all the same, its rail says so.
async fn expire(tx: &mut Tx, deposit: Deposit, now: Timestamp) -> Result<(), DepositError> {
    let note = deposit.note.clone().unwrap_or_else(|| "It was not paid within 7 days.".to_owned());
    let ended = Deposit { status: DepositStatus::Failed, note: Some(note), ask_at: None, updated_at: now, ..deposit };
    Ok(tx.save_deposit(&ended).await?)
}
