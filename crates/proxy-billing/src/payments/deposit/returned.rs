//! Money that went back to its payer is taken out of the balance, as far as it is there.

use rialto_kernel::{Amount, Asset, Event, Id, Timestamp};
use rialto_ledger::{
    Balancing, House, LedgerError, NewTransfer,
    balance::{ASSET, buyer_account},
    wallet::kind,
};
use rialto_store::{Tx, outbox};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Deposit, DepositError, DepositPayment, DepositPaymentStore, DepositRefund, DepositStatus, News};

/// Writes down what went back of a payment, once for each refund; gives the payment, and the deposit if it is the one that was
/// credited by it.
pub(super) async fn give_back(
    tx: &mut Tx,
    deposit: Deposit,
    payment: DepositPayment,
    news: &News,
    now: Timestamp,
) -> Result<(Deposit, DepositPayment), DepositError> {
    let left = minus(deposit.amount, payment.returned);
    let (refund, amount) = match &news.refund {
        Some(refund) => (refund.id.clone(), refund.amount.min(left)),
        None => (format!("{}:whole", payment.payment), left),
    };
    if amount.is_zero() || tx.has_deposit_refund(&payment.rail, &refund).await? {
        return Ok((deposit, payment));
    }
    let credited = deposit.status == DepositStatus::Completed && deposit.rail_payment.as_ref() == Some(&payment.payment);
    let taken = if credited { take(tx, &deposit, &refund, amount, now).await? } else { Amount::ZERO };
    let owed = if credited { minus(amount, taken) } else { Amount::ZERO };
    let row = DepositRefund {
        rail: payment.rail.clone(),
        refund,
        deposit: deposit.id,
        payment: payment.payment.clone(),
        amount,
        taken,
        created_at: now,
    };
    tx.insert_deposit_refund(&row).await?;
    let payment = DepositPayment { returned: plus(payment.returned, amount), ..payment };
    tracing::error!(
        deposit.id = %deposit.id, rail = deposit.rail, refund = row.refund, credited, amount = amount.get(), taken = taken.get(),
        owed = owed.get(), "the payer of a deposit has the money back: look at it"
    );
    let data = json!({
        "deposit_id": deposit.id,
        "buyer_owner_id": deposit.owner,
        "amount_usd": amount.to_decimal(Asset::USDC),
        "taken_usd": taken.to_decimal(Asset::USDC),
        "owed_usd": owed.to_decimal(Asset::USDC),
        "refund": row.refund,
        "payment": row.payment,
        "rail": deposit.rail,
        "credited": credited,
    });
    let subject = buyer_account(deposit.owner).uuid();
    let event = Event { kind: "balance.deposit_returned", subject, owner: Some(deposit.owner), data, at: now };
    outbox::append(tx, event).await?;
    // What went back of another payment is no matter of what was credited.
    let counts = credited || deposit.status != DepositStatus::Completed;
    let returned = if credited { plus(deposit.returned, amount) } else { deposit.returned };
    let returned_at = if counts { deposit.returned_at.or(Some(now)) } else { deposit.returned_at };
    let owed = plus(deposit.owed, owed);
    Ok((Deposit { returned, owed, returned_at, ..deposit }, payment))
}

/// Takes as much out of the balance as there is, and gives how much that was.
async fn take(tx: &mut Tx, deposit: &Deposit, refund: &str, amount: Amount, now: Timestamp) -> Result<Amount, DepositError> {
    let mut digest = Sha256::new_with_prefix(b"rialto deposit refund v1");
    for part in [deposit.rail.as_bytes(), refund.as_bytes()] {
        digest.update(Sha256::digest(part));
    }
    let digest = digest.finalize();
    let bytes: [u8; 16] = digest.first_chunk().copied().unwrap_or_default();
    let id = Id::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid());
    let new = NewTransfer {
        kind: kind::DEPOSIT,
        reference: Some(deposit.id.cast()),
        memo: Some(format!("{}, returned", deposit.rail)),
        balancing: Some(Balancing::Debit),
        ..NewTransfer::new(id, buyer_account(deposit.owner), House::Purchases.account(ASSET), amount)
    };
    match rialto_ledger::transfer(tx, new, now).await {
        Ok(posted) => Ok(posted.transfer.amount),
        // It is spent, or nobody may take from it now: it is owed.
        Err(LedgerError::InsufficientFunds { .. } | LedgerError::AccountNotOpen { .. }) => Ok(Amount::ZERO),
        Err(error) => Err(error.into()),
    }
}

/// Both are of one deposit, so that it is never negative.
fn minus(from: Amount, amount: Amount) -> Amount {
    from.minus(amount).unwrap_or(Amount::ZERO)
}

fn plus(to: Amount, amount: Amount) -> Amount {
    to.plus(amount).unwrap_or(Amount::MAX)
}
