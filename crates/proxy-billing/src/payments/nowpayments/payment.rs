//! What a payment at NOWPayments says.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::payments::{
    deposit::{Deposit, Fate, News},
    provider::{dollars, word_of},
};

/// A payment, as the API and its callbacks tell it.
#[derive(Debug, Deserialize)]
pub(super) struct Payment {
    payment_id: Option<Value>,
    payment_status: String,
    invoice_id: Option<Value>,
    order_id: Option<Value>,
    price_amount: Option<Box<RawValue>>,
    price_currency: Option<String>,
    actually_paid: Option<Box<RawValue>>,
    pay_amount: Option<Box<RawValue>>,
    pay_currency: Option<String>,
    /// Set when somebody has paid once more to the address of another payment.
    parent_payment_id: Option<Value>,
}

impl Payment {
    /// The deposit that it names.
    pub fn order(&self) -> Option<&str> {
        self.order_id.as_ref().and_then(Value::as_str)
    }

    fn is_the_price(&self, deposit: &Deposit) -> bool {
        let usd = self.price_currency.as_deref().is_some_and(|currency| currency.eq_ignore_ascii_case("usd"));
        usd && dollars(self.price_amount.as_deref()) == Some(deposit.amount)
    }

    fn price(&self) -> String {
        let amount = self.price_amount.as_deref().map_or("nothing", RawValue::get);
        format!("{amount} {}", self.price_currency.as_deref().unwrap_or_default())
    }

    fn part(&self) -> String {
        let number = |raw: &Option<Box<RawValue>>| raw.as_deref().map_or_else(|| "?".to_owned(), |raw| raw.get().to_owned());
        let currency = self.pay_currency.as_deref().unwrap_or_default();
        format!("{} of {} {currency}", number(&self.actually_paid), number(&self.pay_amount))
    }
}

/// What became of a deposit, by one payment of its invoice.
pub(super) fn judge(payment: &Payment, deposit: &Deposit) -> News {
    let news = |fate: Fate| News::of(fate).about(word_of(payment.payment_id.as_ref()));
    let invoice = word_of(payment.invoice_id.as_ref());
    if invoice.is_some_and(|invoice| invoice != deposit.rail_reference) {
        return News::of(Fate::Open);
    }
    let again = payment.parent_payment_id.as_ref().is_some_and(|parent| !parent.is_null());
    match payment.payment_status.as_str() {
        "finished" if again => news(Fate::Wrong).saying("It was paid in several parts. An administrator has to look at it."),
        "finished" if payment.is_the_price(deposit) => news(Fate::Paid),
        "finished" => news(Fate::Wrong).saying(format!("What was paid is {}, which is not the amount.", payment.price())),
        "partially_paid" => news(Fate::Wrong).saying(format!("Only a part was paid: {}.", payment.part())),
        "failed" => news(Fate::Lost).saying("The payment failed."),
        "expired" => news(Fate::Lost).saying("The payment has expired."),
        "refunded" => news(Fate::Returned).saying("The payment was refunded."),
        // waiting, confirming, confirmed, sending, and whatever there will be.
        _ => news(Fate::Open),
    }
}

/// What became of a deposit, by all payments of its invoice: a payer may begin several.
pub(super) fn judge_all(payments: &[Payment], deposit: &Deposit) -> News {
    let of_it = payments.iter().filter(|payment| payment.order().is_none_or(|order| order == deposit.id.to_string()));
    let all: Vec<News> = of_it.map(|payment| judge(payment, deposit)).collect();
    let rank = |news: &News| match news.fate {
        Fate::Paid => 0,
        Fate::Wrong => 1,
        Fate::Open => 2,
        Fate::Returned => 3,
        Fate::Lost => 4,
    };
    all.into_iter().min_by_key(rank).unwrap_or_else(|| News::of(Fate::Open))
}

#[cfg(test)]
mod tests {
    use rialto_kernel::{Amount, OwnerId, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::payments::deposit::{DepositDraft, DepositId, pending};

    fn deposit() -> Deposit {
        let draft = DepositDraft { id: DepositId::new(), owner: OwnerId::new(), amount: Amount::new(10_500_000).unwrap() };
        pending(draft, "nowpayments", "4522625843".into(), Timestamp::from_micros(0))
    }

    fn payment(deposit: &Deposit, changes: &Value) -> Payment {
        let mut payment = json!({
            "payment_id": 5_077_125_051_i64, "invoice_id": 4_522_625_843_i64, "order_id": deposit.id, "payment_status": "finished",
            "price_amount": 10.5, "price_currency": "usd", "pay_amount": 0.001, "actually_paid": 0.0005, "pay_currency": "btc",
            "parent_payment_id": null,
        });
        payment.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_str(&payment.to_string()).unwrap()
    }

    #[test]
    fn only_the_whole_price_completes_a_deposit() {
        let deposit = deposit();
        for (changes, fate) in [
            (json!({}), Fate::Paid),
            (json!({"price_amount": "10.50", "price_currency": "USD", "invoice_id": "4522625843"}), Fate::Paid),
            (json!({"invoice_id": null}), Fate::Paid),
            (json!({"price_amount": 10.49}), Fate::Wrong),
            (json!({"price_amount": null}), Fate::Wrong),
            (json!({"price_currency": "eur"}), Fate::Wrong),
            (json!({"parent_payment_id": 1}), Fate::Wrong),
            (json!({"invoice_id": 1}), Fate::Open),
            (json!({"payment_status": "partially_paid"}), Fate::Wrong),
            (json!({"payment_status": "confirmed"}), Fate::Open),
            (json!({"payment_status": "sending"}), Fate::Open),
            (json!({"payment_status": "something new"}), Fate::Open),
            (json!({"payment_status": "expired"}), Fate::Lost),
            (json!({"payment_status": "failed"}), Fate::Lost),
            (json!({"payment_status": "refunded"}), Fate::Returned),
        ] {
            assert_eq!(judge(&payment(&deposit, &changes), &deposit).fate, fate, "{changes}");
        }
        let part = judge(&payment(&deposit, &json!({"payment_status": "partially_paid"})), &deposit);
        assert_eq!(part.note.as_deref(), Some("Only a part was paid: 0.0005 of 0.001 btc."));
    }

    #[test]
    fn of_several_payments_the_best_counts() {
        let deposit = deposit();
        let of = |statuses: &[&str]| {
            let all: Vec<Payment> = statuses.iter().map(|status| payment(&deposit, &json!({"payment_status": status}))).collect();
            judge_all(&all, &deposit).fate
        };
        assert_eq!(of(&[]), Fate::Open);
        assert_eq!(of(&["expired", "finished", "waiting"]), Fate::Paid);
        assert_eq!(of(&["expired", "waiting"]), Fate::Open);
        assert_eq!(of(&["expired", "failed"]), Fate::Lost);
        let other = payment(&deposit, &json!({"order_id": "another"}));
        assert_eq!(judge_all(&[other], &deposit).fate, Fate::Open);
    }
}
