//! Users come to be.

use rialto_kernel::{Caller, Event, OwnerId, Role, Timestamp};
use serde_json::json;

use crate::{
    Email, IdentityError, NewUser, PasswordHash, Passwords, Registration, User,
    password::check_form,
    store::{IdentityStore, UserWithPassword},
};

/// The longest name of a person or a key, in characters.
pub const NAME_CHARS_MAX: usize = 255;

/// Checks the fields of a registration and hashes its password: what has to be done before the transaction.
///
/// Whether the address is taken is not looked at here, so the answer takes as long either way.
///
/// # Errors
/// [`IdentityError::Invalid`] for the first field that cannot be taken; [`IdentityError::Busy`] when too many passwords
/// are waiting to be hashed.
pub async fn prepare(passwords: &Passwords, registration: Registration) -> Result<NewUser, IdentityError> {
    let Registration { email, password, first_name, last_name } = registration;
    let email = Email::parse(&email)?;
    check_form(&password)?;
    check_name("first_name", first_name.as_deref())?;
    check_name("last_name", last_name.as_deref())?;
    let password_hash: PasswordHash = passwords.hash(password).await?;
    Ok(NewUser { email, first_name, last_name, password_hash })
}

fn check_name(field: &'static str, name: Option<&str>) -> Result<(), IdentityError> {
    let fits = name.is_none_or(|name| name.chars().nth(NAME_CHARS_MAX).is_none());
    fits.then_some(())
        .ok_or_else(|| IdentityError::invalid(field, format!("must not be longer than {NAME_CHARS_MAX} characters")))
}

/// Takes a new user in, as an operator of its own things.
///
/// Opening its wallet belongs in the same transaction, and to the caller: identity knows nothing of money.
///
/// # Errors
/// [`IdentityError::EmailTaken`] when a user has this address, in whatever spelling. The transaction has to be given up
/// then.
pub async fn register(tx: &mut impl IdentityStore, new: &NewUser, now: Timestamp) -> Result<User, IdentityError> {
    insert(tx, new, Role::Operator, now).await
}

async fn insert(tx: &mut impl IdentityStore, new: &NewUser, role: Role, now: Timestamp) -> Result<User, IdentityError> {
    let user = User {
        id: OwnerId::new(),
        email: new.email.address().to_owned(),
        first_name: new.first_name.clone(),
        last_name: new.last_name.clone(),
        role,
        is_active: true,
        created_at: now,
        updated_at: now,
    };
    let row = UserWithPassword { user, password_hash: new.password_hash.clone() };
    if !tx.insert_user(&row, new.email.key()).await? {
        return Err(IdentityError::EmailTaken);
    }
    tx.append_event(Event {
        kind: "user.registered",
        subject: row.user.id.uuid(),
        owner: Some(row.user.id),
        data: json!({ "role": role.as_str() }),
        at: now,
    })
    .await?;
    Ok(row.user)
}

/// The user that calls.
///
/// # Errors
/// [`IdentityError::UserNotFound`] when the caller is an owner but not a user.
pub async fn me(tx: &mut impl IdentityStore, caller: &Caller) -> Result<User, IdentityError> {
    tx.find_user(caller.owner).await?.ok_or(IdentityError::UserNotFound)
}

/// What became of the wish for an administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminOutcome {
    /// A new user, who still needs a wallet.
    Created(User),
    /// This address was an administrator's already. Nothing was changed, not even the password.
    Existed(User),
}

/// Takes an administrator in; does nothing when this address is one already, so a server may ask for it at every start.
///
/// # Errors
/// [`IdentityError::EmailTaken`] when the address is that of a user who is no administrator. Anybody may have registered
/// it, for nobody is asked to prove that an address is theirs: such a user is made administrator by [`promote`] alone,
/// which has to be asked for by name. The transaction has to be given up.
pub async fn create_admin(tx: &mut impl IdentityStore, new: &NewUser, now: Timestamp) -> Result<AdminOutcome, IdentityError> {
    match tx.find_login(new.email.key()).await? {
        Some(found) if found.user.role == Role::Admin => Ok(AdminOutcome::Existed(found.user)),
        Some(_) => Err(IdentityError::EmailTaken),
        None => insert(tx, new, Role::Admin, now).await.map(AdminOutcome::Created),
    }
}

/// Makes the user with this address an administrator.
///
/// # Errors
/// [`IdentityError::UserNotFound`] when there is none.
pub async fn promote(tx: &mut impl IdentityStore, email: &Email, now: Timestamp) -> Result<User, IdentityError> {
    let found = tx.find_login(email.key()).await?.ok_or(IdentityError::UserNotFound)?;
    if found.user.role == Role::Admin {
        return Ok(found.user);
    }
    if !tx.set_user_role(found.user.id, Role::Admin, now).await? {
        return Err(IdentityError::UserNotFound);
    }
    tx.append_event(Event {
        kind: "user.promoted",
        subject: found.user.id.uuid(),
        owner: Some(found.user.id),
        data: json!({ "role": Role::Admin.as_str() }),
        at: now,
    })
    .await?;
    Ok(User { role: Role::Admin, updated_at: now, ..found.user })
}
