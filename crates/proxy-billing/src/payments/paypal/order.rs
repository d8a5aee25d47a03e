//! What an order of PayPal's says.

use rialto_kernel::{Amount, Asset};
use serde::Deserialize;

use super::super::{
    deposit::{Deposit, Fate, News},
    provider,
};

#[derive(Debug, Deserialize)]
pub(super) struct Order {
    pub id: String,
    status: String,
    #[serde(default)]
    purchase_units: Vec<Unit>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Unit {
    custom_id: Option<String>,
    payments: Option<Payments>,
}

#[derive(Debug, Deserialize)]
struct Payments {
    #[serde(default)]
    captures: Vec<Capture>,
}

#[derive(Debug, Deserialize)]
struct Capture {
    id: String,
    status: String,
    amount: Money,
    status_details: Option<Details>,
}

#[derive(Debug, Deserialize)]
struct Money {
    currency_code: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Details {
    reason: Option<String>,
}

/// A way from a resource to another.
#[derive(Debug, Deserialize)]
pub(super) struct Link {
    pub href: String,
    pub rel: String,
}

impl Order {
    /// Where the payer approves it.
    pub fn checkout_url(&self) -> Option<String> {
        let link = self.links.iter().find(|link| matches!(link.rel.as_str(), "payer-action" | "approve"));
        link.and_then(|link| provider::checkout_url(&link.href))
    }

    /// Whether it waits to be captured.
    pub fn is_approved(&self) -> bool {
        self.status == "APPROVED"
    }
}

impl Money {
    fn is(&self, amount: Amount) -> bool {
        self.currency_code == "USD" && Amount::from_decimal(&self.value, Asset::USDC) == Ok(amount)
    }
}

/// What became of a deposit, by its order.
pub(super) fn judge(order: &Order, deposit: &Deposit) -> News {
    let id = deposit.id.to_string();
    let is_another = |unit: &Unit| unit.custom_id.as_ref().is_some_and(|custom| *custom != id);
    if order.id != deposit.rail_reference || order.purchase_units.iter().any(is_another) {
        return News::of(Fate::Wrong).saying("PayPal's order is another deposit's.");
    }
    let captures = || order.purchase_units.iter().filter_map(|unit| unit.payments.as_ref()).flat_map(|all| &all.captures);
    let found = |status: &str| captures().find(|capture| capture.status == status);
    let about = |fate: Fate, capture: &Capture| News::of(fate).about(provider::word(&capture.id));
    if let Some(capture) = captures().find(|capture| capture.status == "COMPLETED" && capture.amount.is(deposit.amount)) {
        return about(Fate::Paid, capture);
    }
    if let Some(capture) = found("COMPLETED") {
        let Money { value, currency_code } = &capture.amount;
        return about(Fate::Wrong, capture).saying(format!("PayPal captured {value} {currency_code}, which is not the amount."));
    }
    if let Some(capture) = found("PENDING") {
        let reason = capture.status_details.as_ref().and_then(|details| details.reason.as_deref()).unwrap_or("no reason given");
        return about(Fate::Open, capture).saying(format!("PayPal holds the payment: {reason}"));
    }
    if let Some(capture) = found("REFUNDED").or_else(|| found("PARTIALLY_REFUNDED")) {
        return about(Fate::Returned, capture).saying("The payment went back to the payer, or a part of it.");
    }
    if let Some(capture) = found("DECLINED").or_else(|| found("FAILED")) {
        return about(Fate::Lost, capture).saying("PayPal declined the payment.");
    }
    if order.status == "VOIDED" { News::of(Fate::Lost).saying("The order was voided.") } else { News::of(Fate::Open) }
}

#[cfg(test)]
mod tests {
    use rialto_kernel::{OwnerId, Timestamp};
    use serde_json::{Value, json};

    use super::*;
    use crate::payments::deposit::{DepositDraft, DepositId};

    fn deposit() -> Deposit {
        let draft = DepositDraft { id: DepositId::new(), owner: OwnerId::new(), amount: Amount::new(10_500_000).unwrap() };
        crate::payments::deposit::pending(draft, "paypal", "ORDER1".into(), Timestamp::from_micros(0))
    }

    fn capture(status: &str, value: &str, currency: &str) -> Value {
        json!({"id": "CAP1", "status": status, "amount": {"value": value, "currency_code": currency}, "status_details": {"reason": "ECHECK"}})
    }

    #[test]
    fn an_order_is_judged_by_its_captures() {
        let deposit = deposit();
        let judged = |status: &str, captures: Vec<Value>| {
            let unit = json!({"custom_id": deposit.id, "payments": {"captures": captures}});
            let order = json!({"id": "ORDER1", "status": status, "purchase_units": [unit]});
            judge(&serde_json::from_value(order).unwrap(), &deposit)
        };
        for (status, captures, fate) in [
            ("CREATED", vec![], Fate::Open),
            ("PAYER_ACTION_REQUIRED", vec![], Fate::Open),
            ("VOIDED", vec![], Fate::Lost),
            ("COMPLETED", vec![capture("COMPLETED", "10.50", "USD")], Fate::Paid),
            ("COMPLETED", vec![capture("DECLINED", "10.50", "USD"), capture("COMPLETED", "10.50", "USD")], Fate::Paid),
            ("COMPLETED", vec![capture("COMPLETED", "10.51", "USD")], Fate::Wrong),
            ("COMPLETED", vec![capture("COMPLETED", "10.50", "EUR")], Fate::Wrong),
            ("COMPLETED", vec![capture("COMPLETED", "1e1", "USD")], Fate::Wrong),
            ("COMPLETED", vec![capture("PENDING", "10.50", "USD")], Fate::Open),
            ("COMPLETED", vec![capture("DECLINED", "10.50", "USD")], Fate::Lost),
            ("COMPLETED", vec![capture("REFUNDED", "10.50", "USD")], Fate::Returned),
            ("COMPLETED", vec![capture("PARTIALLY_REFUNDED", "10.50", "USD")], Fate::Returned),
            ("COMPLETED", vec![], Fate::Open),
        ] {
            let news = judged(status, captures.clone());
            assert_eq!(news.fate, fate, "{status} {captures:?}");
            assert_eq!(news.payment.is_some(), !captures.is_empty());
        }
        for order in [
            json!({"id": "ORDER2", "status": "COMPLETED", "purchase_units": []}),
            json!({"id": "ORDER1", "status": "COMPLETED", "purchase_units": [{"custom_id": "another"}]}),
        ] {
            assert_eq!(judge(&serde_json::from_value(order).unwrap(), &deposit).fate, Fate::Wrong);
        }
    }
}
