//! Commerce keys: a name and a secret for an owner that may be nothing but a name itself.

use rialto_kernel::{Caller, CredentialKind, OwnerId, Role, Timestamp, words};

use crate::{
    ApiKey, ApiKeyId, IdentityError, IssuedApiKey, KeyName, NAME_CHARS_MAX,
    api_key::{check_end, issue, least},
    credential::{CommerceId, new_commerce_secret},
    store::CommerceStore,
};

/// How many requests a minute a key may make that says nothing about it.
pub const RATE_LIMIT_DEFAULT: u32 = 60;
/// How many a key may have without an administrator.
pub const RATE_LIMIT_MAX: u32 = 300;
/// The longest address of a wallet, in characters.
const WALLET_CHARS_MAX: usize = 128;

words! {
    /// What a commerce key is for.
    KeyRole {
        /// Calls and pays.
        Buyer = "buyer",
        /// Offers services as well.
        Provider = "provider",
        /// Acts for everybody.
        Admin = "admin",
    }
}

impl KeyRole {
    /// The most that such a key may do.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Buyer => Role::Buyer,
            Self::Provider => Role::Operator,
            Self::Admin => Role::Admin,
        }
    }

    /// What a credential with this role is good for; `None` when it may only read.
    #[must_use]
    pub const fn of(role: Role) -> Option<Self> {
        match role {
            Role::Buyer => Some(Self::Buyer),
            Role::Operator => Some(Self::Provider),
            Role::Admin => Some(Self::Admin),
            Role::Viewer => None,
        }
    }
}

/// What is asked of a new commerce key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommerceKey {
    /// Whose key it is: the id of an owner, or any name that somebody has claimed or may claim.
    pub owner: String,
    /// What it is for.
    pub role: KeyRole,
    /// How many requests a minute it may make, 1 to [`RATE_LIMIT_MAX`]; an administrator may give more.
    pub rate_limit_per_minute: u32,
    /// Where its owner takes USDC.
    pub wallet_address: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

/// Makes a commerce key, and shows its secret for the only time.
///
/// The first key of a name claims it, and takes no credential: of two that try at once, one does. From then on the name is
/// an owner like any other, and its keys are made with a credential of its own, or by an administrator. All keys of an owner
/// speak for it alike, so a buyer's key is enough to make a provider's; none outlives the key it was made with. Where another user's right
/// made a key, the key says whose; one that acts for everybody, and whose owner is no user who may do that too, is good as long as that
/// user is an active administrator.
///
/// # Errors
/// [`IdentityError::Invalid`] for a field; [`IdentityError::OwnerTaken`]; [`IdentityError::Unauthenticated`] when a provider's
/// or administrator's key is asked for without a credential; [`IdentityError::NotForOthers`] with somebody else's;
/// [`IdentityError::Forbidden`] when the credential may only read.
pub async fn create_commerce_key(
    tx: &mut impl CommerceStore,
    caller: Option<&Caller>,
    new: &NewCommerceKey,
    now: Timestamp,
) -> Result<IssuedApiKey, IdentityError> {
    let name = check(new, caller)?;
    check_end(new.expires_at, now)?;
    if new.role != KeyRole::Buyer && caller.is_none() {
        return Err(IdentityError::Unauthenticated);
    }
    if new.role == KeyRole::Admin && !caller.is_some_and(Caller::is_admin) {
        return Err(IdentityError::NotForOthers("admin"));
    }
    let (owner, sponsor) = match tx.find_owner(name).await? {
        Some(owner) => (owner, Some(permit(tx, caller, owner, new.role).await?)),
        None => claim(tx, caller, name, new.role, now).await?,
    };
    let (expires_at, maker) = match sponsor {
        Some(caller) => from_sponsor(tx, &caller, owner, new).await?,
        None => (new.expires_at, None),
    };
    let key = ApiKey {
        id: ApiKeyId::new(),
        owner,
        name: new.role.as_str().to_owned(),
        commerce_id: Some(CommerceId::random()?),
        wallet_address: new.wallet_address.clone(),
        role_cap: Some(new.role.role()),
        rate_limit_per_minute: Some(new.rate_limit_per_minute),
        created_at: now,
        last_used_at: None,
        expires_at,
        maker,
    };
    issue(tx, key, new_commerce_secret()?, now).await
}

/// What a key has from whoever's right it is made by: an end, and who that is, if it is a user other than its owner.
async fn from_sponsor(
    tx: &mut impl CommerceStore,
    sponsor: &Caller,
    owner: OwnerId,
    new: &NewCommerceKey,
) -> Result<(Option<Timestamp>, Option<OwnerId>), IdentityError> {
    let (end, lent_by) = match sponsor.credential {
        CredentialKind::ApiKey(id) => {
            // It was deleted since the request was authenticated.
            let parent = tx.find_api_key(KeyName::Id(id)).await?.ok_or(IdentityError::Unauthenticated)?;
            (least(new.expires_at, parent.expires_at), parent.maker)
        }
        CredentialKind::Token => (new.expires_at, None),
    };
    let user = match lent_by {
        Some(user) => Some(user),
        None => tx.find_user(sponsor.owner).await?.map(|user| user.id),
    };
    Ok((end, user.filter(|user| *user != owner)))
}

/// Format characters (the Unicode category Cf), as far as one of them may stand in a name: two names must not look the same because of
/// what nobody sees.
const fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// Checks the fields; gives the owner's name without the space around it.
fn check<'a>(new: &'a NewCommerceKey, caller: Option<&Caller>) -> Result<&'a str, IdentityError> {
    let name = new.owner.trim();
    if name.is_empty() {
        return Err(IdentityError::invalid("owner_id", "must not be empty"));
    }
    if name.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err(IdentityError::invalid("owner_id", format!("must not be longer than {NAME_CHARS_MAX} characters")));
    }
    if name.chars().any(|char| char.is_control() || is_invisible(char)) {
        return Err(IdentityError::invalid("owner_id", "must not contain control characters, nor others that nobody sees"));
    }
    let most = if caller.is_some_and(Caller::is_admin) { i32::MAX.unsigned_abs() } else { RATE_LIMIT_MAX };
    if !(1..=most).contains(&new.rate_limit_per_minute) {
        return Err(IdentityError::invalid("rate_limit", format!("must be between 1 and {most}")));
    }
    let is_address = |address: &str| {
        !address.is_empty() && address.chars().count() <= WALLET_CHARS_MAX && address.chars().all(|c| c.is_ascii_graphic())
    };
    if new.wallet_address.as_deref().is_some_and(|address| !is_address(address)) {
        return Err(IdentityError::invalid(
            "wallet_address",
            format!("must be 1 to {WALLET_CHARS_MAX} visible ASCII characters"),
        ));
    }
    Ok(name)
}

/// Whether the caller may make this key for an owner that there is; gives back whose right it is.
async fn permit(
    tx: &mut impl CommerceStore,
    caller: Option<&Caller>,
    owner: OwnerId,
    role: KeyRole,
) -> Result<Caller, IdentityError> {
    let caller = caller.filter(|caller| caller.may_read(owner)).ok_or(match role {
        KeyRole::Buyer => IdentityError::OwnerTaken,
        KeyRole::Provider | KeyRole::Admin => IdentityError::NotForOthers(role.as_str()),
    })?;
    if !caller.may_write(owner) {
        return Err(IdentityError::Forbidden);
    }
    // A user's keys can do no more than the user, and than the key that asks for another: a key that was lent stays what it is.
    // Owners without a user begin with a buyer's key, which makes their others.
    if let Some(user) = tx.find_user(owner).await?
        && caller.role.weaker(user.role).weaker(role.role()) != role.role()
    {
        return Err(IdentityError::Forbidden);
    }
    Ok(*caller)
}

/// Makes an owner of a name that nobody has; gives whose right it took, if it took any.
async fn claim(
    tx: &mut impl CommerceStore,
    caller: Option<&Caller>,
    name: &str,
    role: KeyRole,
    now: Timestamp,
) -> Result<(OwnerId, Option<Caller>), IdentityError> {
    if name.parse::<OwnerId>().is_ok() {
        return Err(IdentityError::invalid("owner_id", "must not have the form of an id"));
    }
    let sponsor = caller.filter(|caller| caller.is_admin());
    if role != KeyRole::Buyer && sponsor.is_none() {
        return Err(IdentityError::NotForOthers(role.as_str()));
    }
    let owner = OwnerId::new();
    // Rivals for the same name wait here for the first of them, and then find it taken.
    if !tx.claim_owner(owner, name, now).await? {
        return Err(IdentityError::OwnerTaken);
    }
    Ok((owner, sponsor.copied()))
}

/// What an owner is called: the name that was claimed, or its id.
///
/// # Errors
/// The store's.
pub async fn owner_name(tx: &mut impl CommerceStore, owner: OwnerId) -> Result<String, IdentityError> {
    Ok(tx.find_owner_name(owner).await?.unwrap_or_else(|| owner.to_string()))
}
