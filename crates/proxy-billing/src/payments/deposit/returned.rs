//! Money that went back to its payer is taken out of the balance, as far as it is there.

use rialto_kernel::{Amount, Asset, Event, Timestamp};
use rialto_ledger::balance::buyer_account;
use rialto_store::{Tx, outbox};
use serde_json::json;

use super::{
    Deposit, DepositError, DepositPayment, DepositPaymentStore, DepositRefund, DepositStatus, News,
    money::{minus, plus, take_back},
};

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
    let taken = if credited { take_back(tx, &deposit, &refund, amount, now).await? } else { Amount::ZERO };
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
