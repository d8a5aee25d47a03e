//! What providers tell us by themselves, and what came of it.

use rialto_kernel::Clock;
use rialto_ledger::purchase::GatewayError;
use rialto_store::{Db, StoreError, Tx};

use super::deposit::{Deposit, DepositError, DepositId, News, follow};

/// What a message of a provider led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The deposit is as the message says; it may have been before.
    Followed(Box<Deposit>),
    /// Nothing: and why, for the log. Sending it again would not help.
    Ignored(&'static str),
}

/// Why a message is not heard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// It is not signed by the provider.
    #[error("the signature does not match")]
    NotSigned,
    /// It is none.
    #[error("the body is no event of the provider's")]
    Malformed,
    /// Too many are being verified.
    #[error("too many events are being verified")]
    Busy,
    /// The provider has to be asked, and does not answer.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The deposit cannot follow.
    #[error(transparent)]
    Deposit(#[from] DepositError),
}

impl From<StoreError> for HookError {
    fn from(error: StoreError) -> Self {
        Self::Deposit(error.into())
    }
}

pub(super) async fn followed(db: &Db, id: DepositId, news: News, clock: &Clock) -> Result<Heard, HookError> {
    let now = clock.now();
    let deposit = db.write(async move |tx: &mut Tx| follow(tx, id, &news, now).await).await?;
    Ok(Heard::Followed(Box::new(deposit)))
}
