//! `rialto ledger freeze|unfreeze|close`: what an account may do.

use std::{
    error::Error,
    io::{self, Write},
};

use rialto_kernel::{AccountId, Clock};
use rialto_ledger::{AccountState, LedgerError, set_account_state};
use rialto_store::Tx;

use crate::config::Settings;

/// Which account.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The account's id; a wallet's id is its account's
    account: AccountId,
}

/// Sets the account's state, and says what it is.
///
/// # Errors
/// When there is no such account, or it is to be closed and is not empty.
pub async fn run(args: &Args, state: AccountState, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let db = super::open(settings).await?;
    let (id, now) = (args.account, Clock::system().now());
    let set = db.write(async move |tx: &mut Tx| set_account_state(tx, id, state, now).await).await;
    let account = set.map_err(|error| match error {
        LedgerError::AccountUnknown { account, .. } => format!("there is no account {account}"),
        LedgerError::AccountNotEmpty(account) => {
            format!("the account {account} is not empty: an account is closed when it has no money and no holds")
        }
        other => other.source().map_or_else(|| other.to_string(), |cause| format!("{other}: {cause}")),
    })?;
    writeln!(io::stdout(), "Account {} is {}. Its balance is {}.", account.id, account.state.as_str(), account.balance)?;
    Ok(())
}
