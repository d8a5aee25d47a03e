//! Exchanging one asset for another: two linked transfers through accounts of the house.

use rialto_kernel::{AccountId, Amount, Asset};

use crate::{
    House,
    model::{Kind, Metadata, NewTransfer, ReferenceId, TransferId},
    plan::Command,
};

/// What one asset is worth in another: so many minor units of what is bought for so many minor units of what is sold.
///
/// Two integers, so that nothing is rounded before the end. 1.0825 USD for 1 EUR, both counted in cents, is
/// `Rate::new(Amount::new(10_825)?, Amount::new(10_000)?)`. Where the assets have different scales, say so in the minor
/// units: 20 credits for 1 USDC (a million micro-USDC) is 20 for 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    bought: Amount,
    sold: Amount,
}

/// Why an exchange cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// One side of the exchange, or of the rate, is nothing.
    #[error("an exchange moves something both ways")]
    Nothing,
    /// An amount is larger than [`Amount::MAX`].
    #[error("the amount is too large")]
    TooLarge,
}

impl Rate {
    /// `bought` minor units of what is bought for `sold` minor units of what is sold.
    ///
    /// # Errors
    /// [`ExchangeError::Nothing`] when either is zero.
    pub fn new(bought: Amount, sold: Amount) -> Result<Self, ExchangeError> {
        if bought.is_zero() || sold.is_zero() { Err(ExchangeError::Nothing) } else { Ok(Self { bought, sold }) }
    }

    /// How much is bought for `sold`: **rounded down**, so that nobody gets a fraction of a minor unit that was not paid for.
    ///
    /// # Errors
    /// [`ExchangeError::Nothing`] when it comes to less than one minor unit; [`ExchangeError::TooLarge`].
    pub fn buy_for(self, sold: Amount) -> Result<Amount, ExchangeError> {
        in_range(product(sold, self.bought) / i128::from(self.sold.get()))
    }

    /// What has to be sold to buy `bought`: **rounded up**, so that it is always enough: [`Rate::buy_for`] of it is at least
    /// `bought`, and of one minor unit less it is not.
    ///
    /// # Errors
    /// [`ExchangeError::Nothing`] when `bought` is zero; [`ExchangeError::TooLarge`].
    pub fn cost_of(self, bought: Amount) -> Result<Amount, ExchangeError> {
        let (whole, unit) = (product(bought, self.sold), i128::from(self.bought.get()));
        in_range(whole / unit + i128::from(whole % unit != 0))
    }
}

/// Two amounts are below 2^53, so this is below 2^106.
fn product(a: Amount, b: Amount) -> i128 {
    i128::from(a.get()) * i128::from(b.get())
}

fn in_range(minor_units: i128) -> Result<Amount, ExchangeError> {
    let amount = i64::try_from(minor_units).ok().and_then(|minor_units| Amount::new(minor_units).ok());
    amount
        .ok_or(ExchangeError::TooLarge)
        .and_then(|amount| if amount.is_zero() { Err(ExchangeError::Nothing) } else { Ok(amount) })
}

/// One side of an exchange: an account, what it counts, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// The id of the transfer, see [`NewTransfer::id`].
    pub id: TransferId,
    /// The customer's account.
    pub account: AccountId,
    /// What it counts.
    pub asset: Asset,
    /// How much moves. One of the two is given, the other is what [`Rate`] makes of it.
    pub amount: Amount,
}

/// An exchange that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What the customer gives to the house.
    pub sold: Leg,
    /// What the customer gets from the house.
    pub bought: Leg,
    /// Which account of the house takes the one and gives the other; there is one of it per asset. One that may not go below
    /// zero gives only what it has.
    pub through: House,
    /// What both transfers are.
    pub kind: Kind,
    /// What both transfers have in common.
    pub reference: Option<ReferenceId>,
    /// What is remembered with both, such as the rate.
    pub metadata: Metadata,
}

/// The two transfers of an exchange, to be done as one [`group`](crate::group()): both or neither.
///
/// ```
/// use rialto_kernel::{AccountId, Amount, Asset};
/// use rialto_ledger::{Exchange, House, Kind, Leg, Metadata, Rate, TransferId, exchange};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (credits, dollars) = (AccountId::new(), AccountId::new());
/// // 20 credits for 1 USDC.
/// let rate = Rate::new(Amount::new(20)?, Amount::new(1_000_000)?)?;
/// let paid = Amount::new(1_070_000)?;
/// let got = rate.buy_for(paid)?;
/// assert_eq!(got.get(), 21, "21.4, rounded down");
/// assert_eq!(rate.cost_of(got)?.get(), 1_050_000, "which would have done");
/// let commands = exchange(Exchange {
///     sold: Leg { id: TransferId::new(), account: dollars, asset: Asset::USDC, amount: paid },
///     bought: Leg { id: TransferId::new(), account: credits, asset: Asset::CREDIT, amount: got },
///     through: House::Issuance,
///     kind: Kind::OWN,
///     reference: None,
///     metadata: Metadata::NONE,
/// });
/// assert_eq!(commands.len(), 2);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn exchange(new: Exchange) -> [Command; 2] {
    let Exchange { sold, bought, through, kind, reference, metadata } = new;
    let leg = |id, debit, credit, amount, metadata| {
        Command::Transfer(NewTransfer { kind, reference, metadata, ..NewTransfer::new(id, debit, credit, amount) })
    };
    [
        leg(sold.id, sold.account, through.account(sold.asset), sold.amount, metadata.clone()),
        leg(bought.id, through.account(bought.asset), bought.account, bought.amount, metadata),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(minor_units: i64) -> Amount {
        Amount::new(minor_units).unwrap()
    }

    #[test]
    fn rates_are_exact_and_round_in_favour_of_the_house() {
        let rate = Rate::new(amount(10_825), amount(10_000)).unwrap();
        let bought: Vec<_> = [1, 10, 100, 9_999, 10_000].map(|sold| rate.buy_for(amount(sold)).unwrap().get()).into();
        assert_eq!(bought, [1, 10, 108, 10_823, 10_825]);
        let cost: Vec<_> = [1, 10, 108, 10_825].map(|bought| rate.cost_of(amount(bought)).unwrap().get()).into();
        assert_eq!(cost, [1, 10, 100, 10_000]);
        let third = Rate::new(amount(1), amount(3)).unwrap();
        assert_eq!(third.buy_for(amount(2)), Err(ExchangeError::Nothing));
        assert_eq!(third.cost_of(Amount::ZERO), Err(ExchangeError::Nothing));
        assert_eq!(third.cost_of(Amount::MAX), Err(ExchangeError::TooLarge));
        assert_eq!(Rate::new(amount(3), amount(1)).unwrap().buy_for(Amount::MAX), Err(ExchangeError::TooLarge));
        assert_eq!(Rate::new(Amount::ZERO, amount(1)), Err(ExchangeError::Nothing));
        assert_eq!(Rate::new(amount(1), Amount::ZERO), Err(ExchangeError::Nothing));
        assert_eq!(Rate::new(Amount::MAX, Amount::MAX).unwrap().buy_for(Amount::MAX), Ok(Amount::MAX));
    }

    proptest! {
        #[test]
        fn what_is_bought_is_paid_for_and_no_more_than_need_be(
            bought in 1..Amount::MAX.get(), sold in 1..Amount::MAX.get(), wanted in 1..Amount::MAX.get(),
        ) {
            let rate = Rate::new(amount(bought), amount(sold)).unwrap();
            if let Ok(cost) = rate.cost_of(amount(wanted)) {
                // Where it is out of range it is surely enough.
                prop_assert!(rate.buy_for(cost).map_or_else(|e| e == ExchangeError::TooLarge, |got| got.get() >= wanted));
                let less = rate.buy_for(amount(cost.get() - 1));
                prop_assert!(less.map_or_else(|e| e == ExchangeError::Nothing, |got| got.get() < wanted), "{less:?}");
            }
            if let Ok(got) = rate.buy_for(amount(wanted)) {
                let paid = i128::from(wanted) * i128::from(bought);
                prop_assert!(i128::from(got.get()) * i128::from(sold) <= paid);
                prop_assert!((i128::from(got.get()) + 1) * i128::from(sold) > paid);
            }
        }
    }
}
