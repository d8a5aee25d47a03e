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

    /// What it is called.
    pub fn id(&self) -> Option<String> {
        word_of(self.payment_id.as_ref())
    }

    /// Only told, never counted with.
    fn is_too_much(&self) -> bool {
        let digits = |raw: &Option<Box<RawValue>>| raw.as_deref().and_then(|raw| Digits::of(raw.get().trim_matches('"')));
        digits(&self.actually_paid).zip(digits(&self.pay_amount)).is_some_and(|(paid, asked)| paid > asked)
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

/// A decimal number of any length, as its digits: coins have more places than integers of ours hold.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Digits {
    /// How many there are before the point, and which.
    whole: (usize, String),
    /// Those behind it.
    part: String,
}

impl Digits {
    /// `None` for what is written in another way, with an exponent say.
    fn of(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let whole = Some(whole).filter(|whole| are_digits(whole))?.trim_start_matches('0').to_owned();
        let part = Some(part).filter(|part| are_digits(part))?.trim_end_matches('0').to_owned();
        Some(Self { whole: (whole.len(), whole), part })
    }
}

/// What became of a deposit, by one payment; `None` for one of another invoice.
pub(super) fn judge(payment: &Payment, deposit: &Deposit) -> Option<News> {
    let news = |fate: Fate| News::of(fate).about(payment.id());
    let invoice = word_of(payment.invoice_id.as_ref());
    if invoice.is_some_and(|invoice| invoice != deposit.rail_reference) {
        return None;
    }
    let again = payment.parent_payment_id.as_ref().is_some_and(|parent| !parent.is_null());
    Some(match payment.payment_status.as_str() {
        "finished" if again => news(Fate::Wrong).saying("It was paid in several parts. An administrator has to look at it."),
        "finished" if payment.is_the_price(deposit) && payment.is_too_much() => {
            let part = payment.part();
            tracing::error!(deposit.id = %deposit.id, part, "more was paid than a deposit asked for: look at it");
            news(Fate::Paid).saying(format!("More was paid than asked for: {part}."))
        }
        "finished" if payment.is_the_price(deposit) => news(Fate::Paid),
        "finished" => news(Fate::Wrong).saying(format!("What was paid is {}, which is not the amount.", payment.price())),
        "partially_paid" => news(Fate::Wrong).saying(format!("Only a part was paid: {}.", payment.part())),
        "failed" => news(Fate::Lost).saying("The payment failed."),
        "expired" => news(Fate::Lost).saying("The payment has expired."),
        "refunded" => news(Fate::Returned).saying("The payment was refunded."),
        // waiting, confirming, confirmed, sending, and whatever there will be.
        _ => news(Fate::Open),
    })
}

/// What became of each payment of a deposit's invoice: a payer may begin several.
pub(super) fn judge_all(payments: &[Payment], deposit: &Deposit) -> Vec<News> {
    let of_it = payments.iter().filter(|payment| payment.order().is_none_or(|order| order == deposit.id.to_string()));
    of_it.filter_map(|payment| judge(payment, deposit)).collect()
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
            (json!({"payment_status": "partially_paid"}), Fate::Wrong),
            (json!({"payment_status": "confirmed"}), Fate::Open),
            (json!({"payment_status": "sending"}), Fate::Open),
            (json!({"payment_status": "something new"}), Fate::Open),
            (json!({"payment_status": "expired"}), Fate::Lost),
            (json!({"payment_status": "failed"}), Fate::Lost),
            (json!({"payment_status": "refunded"}), Fate::Returned),
        ] {
            assert_eq!(judge(&payment(&deposit, &changes), &deposit).map(|news| news.fate), Some(fate), "{changes}");
        }
        let part = judge(&payment(&deposit, &json!({"payment_status": "partially_paid"})), &deposit).unwrap();
        assert_eq!(part.note.as_deref(), Some("Only a part was paid: 0.0005 of 0.001 btc."));
    }

    #[test]
    fn each_payment_of_an_invoice_is_judged_and_no_other() {
        let deposit = deposit();
        let all: Vec<Payment> =
            ["expired", "finished", "waiting"].map(|status| payment(&deposit, &json!({"payment_status": status}))).into();
        let fates: Vec<Fate> = judge_all(&all, &deposit).into_iter().map(|news| news.fate).collect();
        assert_eq!(fates, [Fate::Lost, Fate::Paid, Fate::Open]);
        let other = payment(&deposit, &json!({"order_id": "another"}));
        assert!(judge(&payment(&deposit, &json!({"invoice_id": 1})), &deposit).is_none());
        assert_eq!(judge_all(&[other, payment(&deposit, &json!({"invoice_id": 1}))], &deposit), []);
    }

    #[test]
    fn more_than_asked_for_is_told() {
        let deposit = deposit();
        let more = judge(&payment(&deposit, &json!({"actually_paid": 0.002})), &deposit).unwrap();
        assert_eq!((more.fate, more.note.as_deref()), (Fate::Paid, Some("More was paid than asked for: 0.002 of 0.001 btc.")));
        for (paid, is_more) in
            [("0.0010", false), ("0.00100000000000000001", true), ("10", true), ("0.00099", false), ("1e3", false)]
        {
            let news = judge(&payment(&deposit, &json!({"actually_paid": paid})), &deposit).unwrap();
            assert_eq!(news.note.is_some(), is_more, "{paid}");
        }
    }
}
