//! What brings money in.

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use rialto_kernel::Amount;
use rialto_ledger::purchase::{Checkout, GatewayError, GatewayFuture, SIMULATED};

use super::{Deposit, DepositDraft, DepositError};

/// What became of the money of a deposit, as its rail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is not decided.
    Open,
    /// It has come, all of it.
    Paid,
    /// It will not come.
    Lost,
    /// Something has come that is not what was asked for. A person has to look at it.
    Wrong,
    /// It came, and went back to the payer: all of it, unless a refund says how much.
    Returned,
}

/// What a rail says about a deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What became of it.
    pub fate: Fate,
    /// What the rail calls the payment, if there is one.
    pub payment: Option<String>,
    /// What there is to say to its owner.
    pub note: Option<String>,
    /// What went back to the payer, if only a part of it did, or if it is known by a name.
    pub refund: Option<Refund>,
}

/// Money that went back to a payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// What the rail calls it.
    pub id: String,
    /// How much.
    pub amount: Amount,
}

impl News {
    /// News without more to say.
    #[must_use]
    pub const fn of(fate: Fate) -> Self {
        Self { fate, payment: None, note: None, refund: None }
    }

    /// The same, of this payment.
    #[must_use]
    pub fn about(self, payment: Option<String>) -> Self {
        Self { payment, ..self }
    }

    /// The same, with this to say.
    #[must_use]
    pub fn saying(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

/// What news arrive in.
pub type NewsFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<News>, GatewayError>> + Send + 'a>>;

/// What brings money in. Chosen at run time, so it is used as `dyn`. Both are called outside any transaction.
pub trait DepositProvider: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Whether it can bring this much.
    ///
    /// # Errors
    /// [`DepositError::NotCents`].
    fn check(&self, amount: Amount) -> Result<(), DepositError>;

    /// Opens a checkout. Asking again for the same draft opens no other, or one in its place.
    fn open_checkout<'a>(&'a self, draft: &'a DepositDraft) -> GatewayFuture<'a>;

    /// Asks what became of a deposit, and takes the money if it was released. These of its payments are `known` by now.
    fn ask<'a>(&'a self, deposit: &'a Deposit, known: &'a [String]) -> NewsFuture<'a>;
}

/// Takes no money: its deposits are confirmed by hand. For sandboxes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SimulatedDeposits;

impl DepositProvider for SimulatedDeposits {
    fn name(&self) -> &'static str {
        SIMULATED
    }

    fn check(&self, _amount: Amount) -> Result<(), DepositError> {
        Ok(())
    }

    fn open_checkout<'a>(&'a self, draft: &'a DepositDraft) -> GatewayFuture<'a> {
        let checkout = Checkout { provider: SIMULATED, provider_reference: format!("sim_{}", draft.id), checkout_url: None };
        Box::pin(ready(Ok(checkout)))
    }

    fn ask<'a>(&'a self, _deposit: &'a Deposit, _known: &'a [String]) -> NewsFuture<'a> {
        Box::pin(ready(Ok(Vec::new())))
    }
}

/// How long a rail is left alone at most before it is asked again.
const ASK_EVERY_MAX: Duration = Duration::from_secs(6 * 60 * 60);
/// After how many questions the wait between two no longer doubles. The bound above comes sooner.
const DOUBLINGS_MAX: i32 = 16;

/// All that brings money in here, the one that is taken when nobody says which first.
#[derive(Clone)]
pub struct Providers {
    all: Arc<[Arc<dyn DepositProvider>]>,
    /// How long after a deposit was made its rail is asked what became of it, if it has not said so itself.
    pub ask_after: Duration,
}

impl Providers {
    /// These, in this order.
    #[must_use]
    pub fn new(all: Vec<Arc<dyn DepositProvider>>, ask_after: Duration) -> Self {
        Self { all: all.into(), ask_after }
    }

    /// Their names, in order, with commas.
    #[must_use]
    pub fn names(&self) -> String {
        self.all.iter().map(|provider| provider.name()).collect::<Vec<_>>().join(", ")
    }

    /// The one of this name, or the first.
    ///
    /// # Errors
    /// [`DepositError::UnknownRail`].
    pub fn pick(&self, named: Option<&str>) -> Result<&Arc<dyn DepositProvider>, DepositError> {
        let found = self.all.iter().find(|provider| named.is_none_or(|named| provider.name() == named));
        let named = named.unwrap_or("rail").chars().take(40).collect();
        found.ok_or_else(|| DepositError::UnknownRail { named, known: self.names() })
    }

    /// How long to wait before a rail is asked for the next time that was asked so often.
    #[must_use]
    pub fn wait(&self, asks: i32) -> Duration {
        let doubled = 1_u32.checked_shl(asks.clamp(0, DOUBLINGS_MAX).unsigned_abs()).unwrap_or(u32::MAX);
        self.ask_after.saturating_mul(doubled).min(ASK_EVERY_MAX)
    }
}

/// How many micro-USDC a cent has.
const CENT: i64 = 10_000;

/// Refuses what is no whole number of cents, for a rail that takes dollars.
pub(crate) const fn check_cents(rail: &'static str, amount: Amount) -> Result<(), DepositError> {
    if amount.get() % CENT == 0 { Ok(()) } else { Err(DepositError::NotCents(rail)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_taken_and_one_that_is_not_there_is_told() {
        let providers = Providers::new(vec![Arc::new(SimulatedDeposits)], Duration::from_secs(300));
        assert_eq!(providers.pick(None).map(|provider| provider.name()), Ok(SIMULATED));
        let refused = providers.pick(Some("paypal")).map(|provider| provider.name()).unwrap_err();
        assert_eq!(refused.to_string(), "there is no 'paypal' here; deposits come in by: simulated");
    }

    #[test]
    fn the_wait_doubles_up_to_six_hours() {
        let providers = Providers::new(Vec::new(), Duration::from_secs(300));
        let waits: Vec<u64> = [0, 1, 2, 6, 7, 100, i32::MAX].map(|asks| providers.wait(asks).as_secs()).into();
        assert_eq!(waits, [300, 600, 1_200, 19_200, 21_600, 21_600, 21_600]);
    }

    #[test]
    fn dollars_have_cents_and_no_less() {
        let amount = |micro| Amount::new(micro).unwrap();
        assert_eq!(check_cents("paypal", amount(10_000)), Ok(()));
        assert_eq!(check_cents("paypal", amount(10_001)), Err(DepositError::NotCents("paypal")));
    }
}
