//! What goes over the wire.

use rialto_kernel::{Amount, Asset, Timestamp};
use rialto_proxy_billing::payments::deposit::{Balance, Deposit, DepositId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::Problem;

fn decimal(amount: Amount) -> String {
    amount.to_decimal(Asset::USDC)
}

/// An amount of USDC, as text or as a number. A number is taken as it is written: its shortest decimal form.
pub fn amount(field: &str, given: &Value) -> Result<Amount, Problem> {
    let text = match given {
        Value::String(text) => text.clone(),
        // Rust writes a number with all of its zeros, where JSON would have an exponent.
        Value::Number(number) => {
            number.as_f64().filter(|_| number.is_f64()).map_or_else(|| number.to_string(), |written| written.to_string())
        }
        _ => return Err(Problem::invalid(field, "must be an amount of USDC, such as \"10.00\"")),
    };
    Amount::from_decimal(&text, Asset::USDC).map_err(|error| Problem::rule(field, error.to_string()))
}

/// What is said in one of two places, or in both alike. Nobody may guess which of two things was meant where money moves.
fn one<T: PartialEq>((here, first): (&str, Option<T>), (there, second): (&str, Option<T>)) -> Result<Option<T>, Problem> {
    match (&first, &second) {
        (Some(one), Some(other)) if one != other => {
            let detail = format!("{here} and {there} contradict each other: give one of them.");
            Err(Problem::bad_request("contradictory-fields", detail))
        }
        _ => Ok(first.or(second)),
    }
}

/// What an owner has to buy calls with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "buyer_id": "my-agent", "balance": "9.95", "held": "0.05", "available": "9.90", "total_deposited": "10.00", "total_spent": "0.05",
    "owed": "0.00", "currency": "USDC",
}))]
pub struct BalanceResponse {
    /// The `owner_id`.
    pub buyer_id: String,
    /// What is there.
    pub balance: String,
    /// What of that is set aside for calls that are being made.
    pub held: String,
    /// What can be spent.
    pub available: String,
    /// All that ever came in.
    pub total_deposited: String,
    /// All that was spent.
    pub total_spent: String,
    /// What payers have back and was not there to be taken, as far as no deposit was kept for it. It is kept of the next deposits.
    pub owed: String,
    /// That it is USDC.
    pub currency: &'static str,
}

impl BalanceResponse {
    pub fn new(buyer_id: String, balance: &Balance) -> Self {
        Self {
            buyer_id,
            balance: decimal(balance.balance),
            held: decimal(balance.held),
            available: decimal(balance.available),
            total_deposited: decimal(balance.deposited),
            total_spent: decimal(balance.spent),
            owed: decimal(balance.owed),
            currency: "USDC",
        }
    }
}

/// Money to bring in.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"amount": "10.00", "buyer_id": "my-agent", "rail": "simulated"}))]
pub struct DepositRequest {
    /// How much, in USDC: text or a number, more than 0 and at most 10000.
    #[schema(value_type = String)]
    pub amount: Value,
    /// Whose balance; your own when it is left out.
    pub buyer_id: Option<String>,
    /// What brings it: `simulated`, `paypal` or `nowpayments`, as far as this server has it; the first when it is left out.
    pub rail: Option<String>,
    /// The same by another name.
    pub payment_method: Option<String>,
}

impl DepositRequest {
    /// What is to bring it, or 400 when two things are said.
    pub fn rail(&self) -> Result<Option<&str>, Problem> {
        one(("rail", self.rail.as_deref()), ("payment_method", self.payment_method.as_deref()))
    }
}

/// A deposit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "deposit_id": "0198c0de-0000-7000-8000-000000000041", "amount": "10.00", "status": "pending", "rail": "simulated",
    "checkout_url": null, "message": "Confirm it with POST /api/v1/deposits/{deposit_id}/confirm.", "note": null,
    "credited": "0.00", "kept": "0.00", "returned_at": null, "returned": "0.00", "owed": "0.00", "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct DepositResponse {
    /// Its id.
    pub deposit_id: DepositId,
    /// How much, in USDC.
    pub amount: String,
    /// `pending`, `completed` or `failed`.
    pub status: &'static str,
    /// What brings it.
    pub rail: String,
    /// Where to pay, if there is something to pay.
    pub checkout_url: Option<String>,
    /// What to do next.
    pub message: &'static str,
    /// What the rail says about it, such as why it failed, or what was paid instead.
    pub note: Option<String>,
    /// How much of it came into the balance, in USDC.
    pub credited: String,
    /// How much of it was kept for what was owed when it came.
    pub kept: String,
    /// When it became known that the payer has the money back.
    pub returned_at: Option<Timestamp>,
    /// How much of it the payer has back, in USDC.
    pub returned: String,
    /// How much of that was not there any more, and was added to what is owed: see the balance.
    pub owed: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<Deposit> for DepositResponse {
    fn from(deposit: Deposit) -> Self {
        use rialto_proxy_billing::payments::deposit::DepositStatus;

        let message = match (deposit.status, &deposit.checkout_url) {
            (DepositStatus::Completed, _) if !deposit.owed.is_zero() => {
                "The money went back to the payer. What was not there to be taken, owed says it, was added to what you owe: see the balance."
            }
            (DepositStatus::Completed, _) if deposit.returned_at.is_some() => {
                "The money was in the balance, and went back to the payer: returned says how much."
            }
            (DepositStatus::Completed, _) if !deposit.kept.is_zero() => {
                "The money is in the balance, less what was kept for what you owed: kept says how much."
            }
            (DepositStatus::Completed, _) => "The money is in the balance.",
            (DepositStatus::Failed, _) => "The money did not come.",
            (DepositStatus::Pending, _) if deposit.rail_payment.is_some() => {
                "A payment is on its way, or waits for an administrator: do not pay again."
            }
            (DepositStatus::Pending, Some(_)) => "Pay at checkout_url.",
            (DepositStatus::Pending, None) => "Confirm it with POST /api/v1/deposits/{deposit_id}/confirm.",
        };
        let credited = if deposit.status == DepositStatus::Completed { deposit.credited() } else { Amount::ZERO };
        Self {
            deposit_id: deposit.id,
            amount: decimal(deposit.amount),
            status: deposit.status.as_str(),
            rail: deposit.rail,
            checkout_url: deposit.checkout_url,
            message,
            note: deposit.note,
            credited: decimal(credited),
            kept: decimal(deposit.kept),
            returned_at: deposit.returned_at,
            returned: decimal(deposit.returned),
            owed: decimal(deposit.owed),
            created_at: deposit.created_at,
            updated_at: deposit.updated_at,
        }
    }
}

/// Which deposits.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DepositsQuery {
    /// Whose; your own when it is left out.
    pub buyer_id: Option<String>,
    /// Only those that are `pending`, `completed` or `failed`.
    pub status: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A page of deposits, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"deposits": [], "count": 0, "next_cursor": null}))]
pub struct DepositsResponse {
    /// Those of this page.
    pub deposits: Vec<DepositResponse>,
    /// How many they are.
    pub count: usize,
    /// What to ask for the next page with; null when the list has ended.
    pub next_cursor: Option<DepositId>,
}

impl DepositsResponse {
    /// Of one deposit more than fits, if there are more.
    pub fn new(mut found: Vec<Deposit>, limit: usize) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next_cursor = found.last().filter(|_| more).map(|last| last.id);
        let deposits: Vec<_> = found.into_iter().map(DepositResponse::from).collect();
        Self { count: deposits.len(), deposits, next_cursor }
    }
}

/// Money to put in by hand.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"buyer_id": "my-agent", "amount": "10.00"}))]
pub struct CreditRequest {
    /// Whose balance.
    pub buyer_id: Option<String>,
    /// How much, in USDC: text or a number, more than 0 and at most 10000.
    #[schema(value_type = Option<String>)]
    pub amount: Option<Value>,
}

/// The same, in a query string.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CreditQuery {
    /// Whose balance, when the body does not say.
    pub buyer_id: Option<String>,
    /// How much, when the body does not say.
    #[param(example = "10.00")]
    pub amount: Option<String>,
}

/// Whose balance is to be credited with how much.
pub fn credit(body: Option<&CreditRequest>, query: &CreditQuery) -> Result<(String, Amount), Problem> {
    let (here, there) = ("body.buyer_id", "query.buyer_id");
    let name = one((here, body.and_then(|body| body.buyer_id.clone())), (there, query.buyer_id.clone()))?;
    let name = name.ok_or_else(|| Problem::invalid(here, "is required"))?;
    let (here, there) = ("body.amount", "query.amount");
    let written = body.and_then(|body| body.amount.as_ref()).map(|given| amount(here, given)).transpose()?;
    let asked = query.amount.as_ref().map(|given| amount(there, &Value::String(given.clone()))).transpose()?;
    let amount = one((here, written), (there, asked))?.ok_or_else(|| Problem::invalid(here, "is required"))?;
    Ok((name, amount))
}

/// What was put in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"buyer_id": "my-agent", "credited": "10.00", "kept": "0.00", "new_balance": "19.95", "currency": "USDC"}))]
pub struct CreditResponse {
    /// The `owner_id`.
    pub buyer_id: String,
    /// How much came into the balance.
    pub credited: String,
    /// How much was kept for what was owed.
    pub kept: String,
    /// What is there now.
    pub new_balance: String,
    /// That it is USDC.
    pub currency: &'static str,
}

impl CreditResponse {
    pub fn new(buyer_id: String, deposit: &Deposit, balance: &Balance) -> Self {
        let (credited, kept, new_balance) = (decimal(deposit.credited()), decimal(deposit.kept), decimal(balance.balance));
        Self { buyer_id, credited, kept, new_balance, currency: "USDC" }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        let read = |given: Value| amount("body.amount", &given).map(Amount::get);
        for (given, micro) in [
            (json!("10.00"), 10_000_000),
            (json!(10), 10_000_000),
            (json!(10.0), 10_000_000),
            (json!(0.1), 100_000),
            (json!(0.000001), 1),
            (json!("0.000001"), 1),
        ] {
            assert_eq!(read(given.clone()).unwrap(), micro, "{given}");
        }
        for given in [json!(-1), json!("1e3"), json!(1e-7), json!(1e300), json!("NaN"), json!(null), json!([]), json!(" 1")] {
            assert!(read(given.clone()).is_err(), "{given}");
        }
    }

    #[test]
    fn what_is_said_twice_has_to_be_said_alike() {
        let body = |body: Value| serde_json::from_value::<CreditRequest>(body).unwrap();
        let query = |buyer_id: &str, amount: &str| CreditQuery { buyer_id: Some(buyer_id.into()), amount: Some(amount.into()) };
        let nothing = CreditQuery { buyer_id: None, amount: None };
        let of = |given: Value, query: &CreditQuery| credit(Some(&body(given)), query).map(|(name, amount)| (name, amount.get()));
        let both = Ok(("a".to_owned(), 1_500_000));
        let same = |found: Result<(String, i64), Problem>| found.map_err(drop);
        assert_eq!(same(of(json!({"buyer_id": "a", "amount": "1.5"}), &nothing)), both);
        assert_eq!(same(of(json!({"buyer_id": "a", "amount": 1.5}), &query("a", "1.50"))), both);
        assert_eq!(same(of(json!({}), &query("a", "1.50"))), both);
        assert_eq!(same(credit(None, &query("a", "1.50")).map(|(name, amount)| (name, amount.get()))), both);
        for given in [json!({"buyer_id": "b"}), json!({"amount": "1.4"}), json!({"buyer_id": "b", "amount": "1.5"})] {
            assert!(of(given.clone(), &query("a", "1.5")).is_err(), "{given}");
        }
        assert!(of(json!({"amount": "1"}), &nothing).is_err() && of(json!({"buyer_id": "a"}), &nothing).is_err());
        let rail =
            |given: Value| serde_json::from_value::<DepositRequest>(given).unwrap().rail().map(|rail| rail.map(str::to_owned));
        let asked = json!({"amount": 1, "rail": "paypal", "payment_method": "paypal"});
        assert_eq!(rail(asked).unwrap().as_deref(), Some("paypal"));
        assert_eq!(rail(json!({"amount": 1, "payment_method": "paypal"})).unwrap().as_deref(), Some("paypal"));
        assert!(rail(json!({"amount": 1, "rail": "paypal", "payment_method": "nowpayments"})).is_err());
    }
}
