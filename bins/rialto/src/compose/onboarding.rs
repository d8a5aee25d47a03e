//! What takes identity and the ledger together: a user is never without a wallet.

use std::error::Error;

use rialto_identity::{AdminOutcome, Email, IdentityError, NewUser, Registration, Secret, User};
use rialto_kernel::{Amount, Timestamp};
use rialto_ledger::wallet;
use rialto_store::Tx;

use super::App;
use crate::http::Problem;

/// Takes a user in, and opens its wallet with the welcome credits, in one transaction.
pub async fn register(tx: &mut Tx, new: &NewUser, welcome: Amount, now: Timestamp) -> Result<User, Problem> {
    let user = rialto_identity::register(tx, new, now).await?;
    wallet::open_user_wallet(tx, user.id, welcome, now).await?;
    Ok(user)
}

async fn administrator(tx: &mut Tx, new: &NewUser, welcome: Amount, now: Timestamp) -> Result<AdminOutcome, Problem> {
    let outcome = rialto_identity::create_admin(tx, new, now).await?;
    if let AdminOutcome::Created(user) = &outcome {
        wallet::open_user_wallet(tx, user.id, welcome, now).await?;
    }
    Ok(outcome)
}

/// Creates an administrator, unless there is one with this address.
///
/// # Errors
/// When the address is an ordinary user's: anybody may have registered it.
pub async fn create_admin(app: &App, email: &str, password: &str) -> Result<String, Box<dyn Error>> {
    let registration =
        Registration { email: email.to_owned(), password: Secret::new(password), first_name: None, last_name: None };
    let new = app.identity.prepare(registration).await?;
    let (welcome, now) = (app.settings.welcome_credits, app.clock.now());
    let outcome = app.db.write(async move |tx: &mut Tx| administrator(tx, &new, welcome, now).await).await;
    match outcome {
        Ok(AdminOutcome::Created(user)) => Ok(format!("{} is an administrator now.", user.email)),
        Ok(AdminOutcome::Existed(user)) => Ok(format!("{} was an administrator already; nothing was changed.", user.email)),
        Err(problem) => {
            Err(format!("{problem}. If that user is who should be administrator: rialto admin create --promote --email {email}")
                .into())
        }
    }
}

/// Makes an existing user an administrator.
///
/// # Errors
/// When there is no such user.
pub async fn promote(app: &App, email: &str) -> Result<String, Box<dyn Error>> {
    let (email, now) = (Email::parse(email)?, app.clock.now());
    let user = app
        .db
        .write(async move |tx: &mut Tx| rialto_identity::promote(tx, &email, now).await)
        .await
        .map_err(|error: IdentityError| error.to_string())?;
    Ok(format!("{} is an administrator now.", user.email))
}
