//! Lets deposits follow what their providers say, whether they say it by themselves or are asked.

use std::time::Duration;

use futures_util::future::join_all;
use rialto_kernel::{Amount, Asset, Caller, Clock, Event, Timestamp};
use rialto_ledger::{balance::buyer_account, purchase::SIMULATED};
use rialto_store::{Db, Tx, outbox};
use serde_json::json;

use super::{
    super::provider::why, BY_HAND, Deposit, DepositError, DepositId, DepositPayment, DepositPaymentStore, DepositStatus,
    DepositStore, Fate, News, PaymentStatus, Providers, read_deposit, returned::give_back, settle,
};

/// How long a deposit waits for its money.
pub const DEPOSIT_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// For how long a rail is asked that never answers.
const RAIL_KEPT: Duration = Duration::from_secs(28 * 24 * 60 * 60);
/// How often a rail is asked for a deposit of which money is in flight, or waits for a person, after that.
const ASK_DAILY: Duration = Duration::from_secs(24 * 60 * 60);
/// For how long it is asked for it.
pub const IN_FLIGHT_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long a rail is left alone after it was asked for a deposit at its owner's wish.
pub const ASK_PAUSE: Duration = Duration::from_secs(5);
/// How many providers are asked at once.
const ASKED_AT_ONCE: usize = 4;
/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 300;

/// Lets a deposit follow news of its payments. It is harmless to repeat, in whatever order:
///
/// - The first payment that is all of it is in the balance, once, also when the deposit was taken for lost before.
/// - What happens to one payment is no matter of another. A second one that is paid is told, and not credited.
/// - What went back is taken out of the balance, as far as it is there; the rest is owed. What went back before is never credited.
///
/// # Errors
/// [`DepositError::Unknown`].
pub async fn follow(tx: &mut Tx, id: DepositId, all: &[News], now: Timestamp) -> Result<Deposit, DepositError> {
    let mut deposit = tx.lock_deposit(id).await?.ok_or(DepositError::Unknown)?;
    for news in all {
        deposit = follow_one(tx, deposit, news, now).await?;
    }
    Ok(deposit)
}

async fn follow_one(tx: &mut Tx, deposit: Deposit, news: &News, now: Timestamp) -> Result<Deposit, DepositError> {
    let id = deposit.id;
    let before = deposit.clone();
    // What was confirmed by hand before any payment was known is the first that is known afterwards.
    let adopts = deposit.status == DepositStatus::Completed && deposit.rail_payment.is_none();
    let deposit = match news.fate {
        Fate::Paid | Fate::Returned if adopts => Deposit { rail_payment: news.payment.clone(), ..deposit },
        _ => deposit,
    };
    let (deposit, changed) = match &news.payment {
        Some(payment) => note_payment(tx, deposit, payment, news, now).await?,
        None => (deposit, None),
    };
    if news.fate == Fate::Wrong && news.note.as_deref().map(short) != before.note {
        tracing::error!(deposit.id = %id, rail = deposit.rail, note = news.note, "something else was paid than a deposit: look at it");
    }
    if deposit.status == DepositStatus::Completed {
        if changed == Some(PaymentStatus::Paid) && deposit.rail_payment != news.payment {
            tell_twice(tx, &deposit, news, now).await?;
        }
        return save(tx, &before, deposit, now).await;
    }
    let payments = tx.list_deposit_payments(id).await?;
    let told = Deposit {
        rail_payment: news.payment.clone().or_else(|| deposit.rail_payment.clone()),
        note: news.note.as_deref().map(short).or_else(|| deposit.note.clone()),
        ..deposit
    };
    if let Some(paid) = payments.iter().find(|payment| payment.status == PaymentStatus::Paid) {
        let note = if news.fate == Fate::Paid { news.note.as_deref().map(short) } else { None };
        return settle(tx, Deposit { note, rail_payment: Some(paid.payment.clone()), ..told }, now).await;
    }
    let status = if payments.iter().any(|payment| is_pending(payment.status)) {
        DepositStatus::Pending
    } else if !payments.is_empty() || news.fate == Fate::Lost {
        // It is asked for all the same: somebody may pay the same checkout in another way.
        DepositStatus::Failed
    } else {
        told.status
    };
    // What had been given up and is on its way again is asked for again.
    let again = status == DepositStatus::Pending && told.ask_at.is_none();
    let ask_at = if again { Some(now.after(ASK_DAILY)) } else { told.ask_at };
    save(tx, &before, Deposit { status, ask_at, ..told }, now).await
}

async fn save(tx: &mut Tx, before: &Deposit, deposit: Deposit, now: Timestamp) -> Result<Deposit, DepositError> {
    if *before == deposit {
        return Ok(deposit);
    }
    let deposit = Deposit { updated_at: now, ..deposit };
    tx.save_deposit(&deposit).await?;
    Ok(deposit)
}

/// Whether money is in flight, or a person has to decide.
const fn is_pending(status: PaymentStatus) -> bool {
    matches!(status, PaymentStatus::Open | PaymentStatus::Wrong)
}

/// Writes down where a payment stands now; gives that, if it has changed.
async fn note_payment(
    tx: &mut Tx,
    deposit: Deposit,
    payment: &str,
    news: &News,
    now: Timestamp,
) -> Result<(Deposit, Option<PaymentStatus>), DepositError> {
    let found = tx.find_deposit_payment(&deposit.rail, payment).await?;
    if found.as_ref().is_some_and(|found| found.deposit != deposit.id) {
        tracing::error!(deposit.id = %deposit.id, rail = deposit.rail, payment, "a payment is another deposit's: look at it");
        return Ok((deposit, None));
    }
    let known = found.clone().unwrap_or_else(|| DepositPayment {
        rail: deposit.rail.clone(),
        payment: payment.to_owned(),
        deposit: deposit.id,
        status: PaymentStatus::Open,
        returned: Amount::ZERO,
        created_at: now,
        updated_at: now,
    });
    let was = known.status;
    let (deposit, known) =
        if news.fate == Fate::Returned { give_back(tx, deposit, known, news, now).await? } else { (deposit, known) };
    let status = match news.fate {
        // A part of what was credited, or will not be: the rest stays where it is, and a person looks.
        Fate::Returned if known.returned < deposit.amount => was.after(&Fate::Wrong),
        // A part went back before all of it was credited.
        Fate::Paid if was != PaymentStatus::Paid && !known.returned.is_zero() => was.after(&Fate::Wrong),
        ref fate => was.after(fate),
    };
    let known = DepositPayment { status, updated_at: now, ..known };
    let same = found.as_ref().is_some_and(|found| (found.status, found.returned) == (known.status, known.returned));
    if !same {
        tx.put_deposit_payment(&known).await?;
    }
    Ok((deposit, (status != was).then_some(status)))
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NOTE_CHARS_MAX).collect()
}

/// A checkout was paid once more than it was to be. Nothing is credited for it: somebody has to give it back.
async fn tell_twice(tx: &mut Tx, deposit: &Deposit, news: &News, now: Timestamp) -> Result<(), DepositError> {
    let payment = news.payment.as_deref();
    tracing::error!(deposit.id = %deposit.id, rail = deposit.rail, payment, "a deposit was paid once more: look at it");
    let data = json!({
        "deposit_id": deposit.id,
        "buyer_owner_id": deposit.owner,
        "amount_usd": deposit.amount.to_decimal(Asset::USDC),
        "rail": deposit.rail,
        "payment": payment,
    });
    let subject = buyer_account(deposit.owner).uuid();
    let event = Event { kind: "balance.deposit_paid_twice", subject, owner: Some(deposit.owner), data, at: now };
    Ok(outbox::append(tx, event).await?)
}

async fn known_payments(db: &Db, id: DepositId) -> Result<Vec<String>, DepositError> {
    let payments = db.read(async move |tx: &mut Tx| tx.list_deposit_payments(id).await).await?;
    // What went back is not asked for any more.
    Ok(payments.into_iter().filter(|one| one.status != PaymentStatus::Returned).map(|one| one.payment).collect())
}

/// Asks the rail what became of a deposit of the caller's, takes the money if it was released, and gives the deposit as it is then.
///
/// # Errors
/// [`DepositError::Unknown`], [`DepositError::Forbidden`], [`DepositError::NotCaptured`], [`DepositError::UnknownRail`],
/// [`DepositError::Gateway`].
pub async fn capture(
    db: &Db,
    providers: &Providers,
    caller: &Caller,
    id: DepositId,
    clock: &Clock,
) -> Result<Deposit, DepositError> {
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
    let (provider, now) = (providers.pick(Some(&deposit.rail))?, clock.now());
    let asks = async move |tx: &mut Tx| {
        let deposit = tx.lock_deposit(id).await?.ok_or(DepositError::Unknown)?;
        let early = deposit.asked_at.is_some_and(|at| now.since(at) < ASK_PAUSE);
        if !early {
            tx.save_deposit(&Deposit { asked_at: Some(now), ..deposit.clone() }).await?;
        }
        Ok::<_, DepositError>((deposit, early))
    };
    let (deposit, early) = db.write(asks).await?;
    if early {
        return Ok(deposit);
    }
    let news = provider.ask(&deposit, &known_payments(db, id).await?).await?;
    let now = clock.now();
    db.write(async move |tx: &mut Tx| follow(tx, id, &news, now).await).await
}

/// Asks the providers what became of deposits of which nothing was heard, at most `limit` of them, and gives how many those were.
///
/// Each is asked again later, the longer the more often it was. One that is older than [`DEPOSIT_KEPT`] has failed then.
///
/// # Errors
/// The store's. That of a rail keeps no other deposit from being asked for.
pub async fn ask_due(db: &Db, providers: &Providers, clock: &Clock, limit: u32) -> Result<usize, DepositError> {
    let (now, waits) = (clock.now(), providers.clone());
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
        for answer in join_all(some.iter().map(|deposit| ask_one(db, providers, clock, deposit))).await {
            failed = answer.and(failed);
        }
    }
    failed
}

async fn ask_one(db: &Db, providers: &Providers, clock: &Clock, deposit: &Deposit) -> Result<(), DepositError> {
    let news = match providers.pick(Some(&deposit.rail)) {
        Ok(provider) => provider.ask(deposit, &known_payments(db, deposit.id).await?).await,
        // It is not configured any more.
        Err(_) => Ok(Vec::new()),
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
            Vec::new()
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

/// Nobody asks for it any more. Should its money come all the same, its rail says so. As long as money is in flight, or a person has
/// to decide, it is not given up.
async fn expire(tx: &mut Tx, deposit: Deposit, now: Timestamp) -> Result<(), DepositError> {
    let payments = tx.list_deposit_payments(deposit.id).await?;
    if payments.iter().any(|payment| is_pending(payment.status)) {
        let goes_on = now.since(deposit.created_at) < IN_FLIGHT_KEPT;
        if !goes_on {
            tracing::error!(deposit.id = %deposit.id, rail = deposit.rail, "the money of a deposit is in flight for 90 days: look at it");
        }
        let ask_at = goes_on.then(|| now.after(ASK_DAILY));
        return Ok(tx.save_deposit(&Deposit { ask_at, ..deposit }).await?);
    }
    let note = deposit.note.clone().unwrap_or_else(|| "It was not paid within 7 days.".to_owned());
    let ended = Deposit { status: DepositStatus::Failed, note: Some(note), ask_at: None, updated_at: now, ..deposit };
    Ok(tx.save_deposit(&ended).await?)
}
