//! Buying credits: pending, then completed or failed, once.
//!
//! 1. [`prepare`] checks who buys what into which wallet; it reads only.
//! 2. A [`PaymentGateway`] opens a checkout, outside any transaction.
//! 3. [`record`] writes the purchase, pending.
//! 4. [`complete`] is called when the provider says that it was paid: the credits are in the wallet, exactly once,
//!    however often and from however many sides it is called. [`fail`] is called when it will never be paid.
//!
//! [`confirm`] and [`cancel`] are the same two for people instead of providers.

mod gateway;
mod package;
mod store;

pub use gateway::{Checkout, GatewayError, GatewayFuture, PaymentGateway, SIMULATED, SimulatedGateway};
pub use package::{Package, Packages, PackagesError};
use rialto_kernel::{AccountId, Amount, Caller, Event, Id, Timestamp, nouns};
use rialto_store::StoreError;
use serde_json::json;
pub use store::PurchaseStore;

use crate::{
    House, LedgerError, TransferId,
    model::NewTransfer,
    wallet::{self, ASSET, Sandbox, WalletError, kind},
};

/// The id of a purchase.
pub type PurchaseId = Id<nouns::Purchase>;

/// Where a purchase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PurchaseStatus {
    /// Waiting for the payment.
    Pending,
    /// Paid, and the credits are in the wallet.
    Completed,
    /// Cancelled, or the checkout has expired.
    Failed,
}

impl PurchaseStatus {
    /// The word that the database and clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Completed, Self::Failed].into_iter().find(|status| status.as_str() == word)
    }
}

/// Credits bought with money of another world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Its id, which is also that of the transfer that completes it.
    pub id: PurchaseId,
    /// The wallet that the credits go to.
    pub wallet: AccountId,
    /// Which package.
    pub package_id: String,
    /// How many credits.
    pub credits: Amount,
    /// For how many US cents.
    pub price_cents: i64,
    /// Where it stands.
    pub status: PurchaseStatus,
    /// Who takes the money.
    pub provider: String,
    /// What the provider calls it.
    pub provider_reference: String,
    /// Where the buyer pays.
    pub checkout_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Why a purchase was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurchaseError {
    /// No such package.
    #[error("Unknown package '{0}'. Use GET /credits/packages to see options.")]
    PackageUnknown(String),
    /// No such purchase.
    #[error("Purchase not found")]
    Unknown,
    /// The purchase has ended already.
    #[error("Purchase is '{}', expected 'pending'", .0.as_str())]
    NotPending(PurchaseStatus),
    /// The caller may not do this to this purchase.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The wallet refused.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The payment provider refused or did not answer.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<LedgerError> for PurchaseError {
    fn from(error: LedgerError) -> Self {
        Self::Wallet(error.into())
    }
}

/// A purchase that is allowed, and still has no checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    id: PurchaseId,
    wallet: AccountId,
    package: Package,
}

impl Draft {
    /// The id that the purchase will have.
    #[must_use]
    pub const fn id(&self) -> PurchaseId {
        self.id
    }

    /// What is to be bought.
    #[must_use]
    pub const fn package(&self) -> &Package {
        &self.package
    }
}

/// Checks that the caller may buy this package into this wallet. Reads only.
///
/// # Errors
/// [`PurchaseError::Wallet`] when the wallet is unknown or somebody else's, then [`PurchaseError::PackageUnknown`].
pub async fn prepare(
    tx: &mut impl PurchaseStore,
    caller: &Caller,
    packages: &Packages,
    wallet: AccountId,
    package_id: &str,
) -> Result<Draft, PurchaseError> {
    wallet::wallet(tx.find_account(wallet).await?.as_ref(), WalletError::Unknown)?.check_writable(caller)?;
    let package = packages.find(package_id).ok_or_else(|| PurchaseError::PackageUnknown(package_id.to_owned()))?;
    Ok(Draft { id: PurchaseId::new(), wallet, package: package.clone() })
}

/// Writes a purchase whose checkout is open. It is pending.
///
/// # Errors
/// [`PurchaseError::Store`].
pub async fn record(
    tx: &mut impl PurchaseStore,
    draft: Draft,
    checkout: Checkout,
    now: Timestamp,
) -> Result<Purchase, PurchaseError> {
    let purchase = Purchase {
        id: draft.id,
        wallet: draft.wallet,
        package_id: draft.package.id,
        credits: draft.package.credits,
        price_cents: draft.package.price_cents,
        status: PurchaseStatus::Pending,
        provider: checkout.provider.to_owned(),
        provider_reference: checkout.provider_reference,
        checkout_url: checkout.checkout_url,
        created_at: now,
        updated_at: now,
    };
    tx.insert_purchase(&purchase).await?;
    Ok(purchase)
}

/// Confirms a pending purchase by hand: an admin any, and in the sandbox the owner its own simulated ones.
///
/// # Errors
/// [`PurchaseError::Unknown`], [`PurchaseError::Forbidden`], [`PurchaseError::NotPending`].
pub async fn confirm(
    tx: &mut impl PurchaseStore,
    caller: &Caller,
    sandbox: Sandbox,
    id: PurchaseId,
    now: Timestamp,
) -> Result<Purchase, PurchaseError> {
    let purchase = tx.lock_purchase(id).await?.ok_or(PurchaseError::Unknown)?;
    if !(caller.is_admin() || (sandbox.0 && purchase.provider == SIMULATED && owns(tx, caller, &purchase).await?)) {
        return Err(PurchaseError::Forbidden("A purchase is confirmed by its payment provider, or by an administrator."));
    }
    check_pending(&purchase)?;
    settle(tx, purchase, now).await
}

/// Cancels a pending purchase: an admin any, an owner its own. If it is paid all the same, it is completed.
///
/// # Errors
/// [`PurchaseError::Unknown`], [`PurchaseError::Forbidden`], [`PurchaseError::NotPending`].
pub async fn cancel(
    tx: &mut impl PurchaseStore,
    caller: &Caller,
    id: PurchaseId,
    now: Timestamp,
) -> Result<Purchase, PurchaseError> {
    let purchase = tx.lock_purchase(id).await?.ok_or(PurchaseError::Unknown)?;
    if !(caller.is_admin() || owns(tx, caller, &purchase).await?) {
        return Err(PurchaseError::Forbidden("This purchase belongs to somebody else."));
    }
    check_pending(&purchase)?;
    set_status(tx, purchase, PurchaseStatus::Failed, now).await
}

/// Completes a purchase because its provider says that it was paid. The caller has verified that it was the provider.
///
/// It is harmless to repeat. A purchase that was cancelled is completed too: the money has arrived.
///
/// # Errors
/// [`PurchaseError::Unknown`].
pub async fn complete(tx: &mut impl PurchaseStore, id: PurchaseId, now: Timestamp) -> Result<Purchase, PurchaseError> {
    let purchase = tx.lock_purchase(id).await?.ok_or(PurchaseError::Unknown)?;
    match purchase.status {
        PurchaseStatus::Completed => Ok(purchase),
        PurchaseStatus::Pending | PurchaseStatus::Failed => settle(tx, purchase, now).await,
    }
}

/// Fails a purchase because its provider says that it will never be paid. It is harmless to repeat, and changes nothing
/// about a completed purchase.
///
/// # Errors
/// [`PurchaseError::Unknown`].
pub async fn fail(tx: &mut impl PurchaseStore, id: PurchaseId, now: Timestamp) -> Result<Purchase, PurchaseError> {
    let purchase = tx.lock_purchase(id).await?.ok_or(PurchaseError::Unknown)?;
    match purchase.status {
        PurchaseStatus::Pending => set_status(tx, purchase, PurchaseStatus::Failed, now).await,
        PurchaseStatus::Completed | PurchaseStatus::Failed => Ok(purchase),
    }
}

/// Reads a purchase. Takes the owner or an admin.
///
/// # Errors
/// [`PurchaseError::Unknown`], [`PurchaseError::Wallet`] when it is somebody else's.
pub async fn read_purchase(tx: &mut impl PurchaseStore, caller: &Caller, id: PurchaseId) -> Result<Purchase, PurchaseError> {
    let purchase = tx.find_purchase(id).await?.ok_or(PurchaseError::Unknown)?;
    wallet::read_wallet(tx, caller, purchase.wallet).await?;
    Ok(purchase)
}

async fn owns(tx: &mut impl PurchaseStore, caller: &Caller, purchase: &Purchase) -> Result<bool, PurchaseError> {
    let owner = tx.find_account(purchase.wallet).await?.and_then(|account| account.owner);
    Ok(owner.is_some_and(|owner| caller.may_write(owner)))
}

const fn check_pending(purchase: &Purchase) -> Result<(), PurchaseError> {
    match purchase.status {
        PurchaseStatus::Pending => Ok(()),
        status => Err(PurchaseError::NotPending(status)),
    }
}

/// The id of the transfer that settles a purchase: the purchase's own, as a UUID of version 8. So even a defect here could not
/// move the credits twice, and nobody can take the id in advance: ids of that version are not accepted from outside.
fn settlement(purchase: PurchaseId) -> TransferId {
    let builder = uuid::Builder::from_bytes(purchase.uuid().into_bytes());
    Id::from_uuid(builder.with_version(uuid::Version::Custom).into_uuid())
}

/// Moves the credits.
async fn settle(tx: &mut impl PurchaseStore, purchase: Purchase, now: Timestamp) -> Result<Purchase, PurchaseError> {
    let sale = NewTransfer::new(settlement(purchase.id), House::Purchases.account(ASSET), purchase.wallet, purchase.credits);
    let memo = Some(purchase.package_id.clone());
    let new = NewTransfer { kind: kind::PURCHASE, reference: Some(purchase.id.cast()), memo, ..sale };
    let posted = crate::transfer(tx, new, now).await?;
    let purchase = set_status(tx, purchase, PurchaseStatus::Completed, now).await?;
    let data = json!({
        "purchase_id": purchase.id,
        "wallet_id": purchase.wallet,
        "credits": purchase.credits,
        "price_cents": purchase.price_cents,
        "provider": purchase.provider,
    });
    let event = Event { kind: "credits.purchased", subject: purchase.wallet.uuid(), owner: posted.credit.owner, data, at: now };
    tx.append_event(event).await?;
    Ok(purchase)
}

async fn set_status(
    tx: &mut impl PurchaseStore,
    purchase: Purchase,
    status: PurchaseStatus,
    now: Timestamp,
) -> Result<Purchase, PurchaseError> {
    tx.set_purchase_status(purchase.id, status, now).await?;
    Ok(Purchase { status, updated_at: now, ..purchase })
}
