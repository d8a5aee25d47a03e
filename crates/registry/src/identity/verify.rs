//! Vouching for an agent, and taking that back.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rialto_kernel::{Caller, Event, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Identity, IdentityType, Method, Verification};
use crate::{
    Agent, AgentRef, CipherError, RegistryError,
    proof::{Kya, Presented},
    register::event,
    store::{AgentStore, IdentityStore},
    update::owned,
};

/// How long there is to answer a challenge.
pub const CHALLENGE_LASTS: Duration = Duration::from_secs(300);
/// The most challenges of one agent that can be answered; with one more the oldest is forgotten.
pub const CHALLENGES_MAX: u32 = 16;
/// How long what was shown with a key is believed, unless it ends before that.
const DID_LASTS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What is to be signed by whoever acts for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The challenge.
    pub text: String,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

/// An administrator vouches for an agent. Doing it again changes nothing.
///
/// # Errors
/// [`RegistryError::AdminOnly`] or [`RegistryError::NotFound`].
pub async fn verify_by_admin(
    tx: &mut (impl AgentStore + IdentityStore),
    caller: &Caller,
    agent: &AgentRef,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let (agent, identity) = for_admin(tx, caller, agent).await?;
    if identity.verification.as_ref().is_some_and(|verification| verification.method == Method::Admin) {
        return Ok(agent);
    }
    let verification = Verification {
        method: Method::Admin,
        issuer: None,
        subject: None,
        by: caller.owner,
        proof: None,
        at: now,
        expires_at: None,
    };
    set(tx, &agent, identity, verification, now).await?;
    Ok(agent)
}

/// An administrator takes back what anybody vouched for. Doing it again changes nothing.
///
/// # Errors
/// [`RegistryError::AdminOnly`] or [`RegistryError::NotFound`].
pub async fn unverify(
    tx: &mut (impl AgentStore + IdentityStore),
    caller: &Caller,
    agent: &AgentRef,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let (agent, identity) = for_admin(tx, caller, agent).await?;
    if identity.verification.is_some() {
        tx.put_identity(&Identity { verification: None, ..identity }).await?;
        tx.append_event(event("agent.unverified", &agent, now)).await?;
    }
    Ok(agent)
}

/// An issuer vouches for an agent by a token that was checked. The token's subject has to be this agent, by either of its ids or
/// its wallet. Each token vouches for one agent, once; showing it again while it does changes nothing.
///
/// # Errors
/// [`RegistryError::NotFound`], [`RegistryError::NotOwner`], [`RegistryError::WrongSubject`], or [`RegistryError::ProofUsed`].
pub async fn verify_by_token(
    tx: &mut (impl AgentStore + IdentityStore),
    caller: &Caller,
    agent: &AgentRef,
    token: &Kya,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let agent = owned(tx, caller, agent, "verify").await?;
    let identity = tx.find_identity(agent.id).await?;
    let shown = |verification: &Verification| verification.proof == Some(token.digest) && verification.holds(now);
    if identity.verification.as_ref().is_some_and(shown) {
        return Ok(agent);
    }
    if !is_subject(&agent, &identity, &token.subject) {
        return Err(RegistryError::WrongSubject);
    }
    if token.expires_at <= now || !tx.use_proof(&token.digest, token.expires_at, now).await? {
        return Err(RegistryError::ProofUsed);
    }
    let verification = Verification {
        method: Method::KyaJwt,
        issuer: Some(token.issuer.clone()),
        subject: Some(token.subject.clone()),
        by: caller.owner,
        proof: Some(token.digest),
        at: now,
        expires_at: Some(token.expires_at),
    };
    set(tx, &agent, Identity { kind: IdentityType::KyaJwt, ..identity }, verification, now).await?;
    Ok(agent)
}

/// Makes a challenge for an agent: 256 random bits. Only their hash is kept.
///
/// # Errors
/// [`RegistryError::NotFound`] or [`RegistryError::NotOwner`].
pub async fn challenge(
    tx: &mut (impl AgentStore + IdentityStore),
    caller: &Caller,
    agent: &AgentRef,
    now: Timestamp,
) -> Result<Challenge, RegistryError> {
    let agent = owned(tx, caller, agent, "verify").await?;
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|_| CipherError::NoRandomness)?;
    let challenge = Challenge { text: URL_SAFE_NO_PAD.encode(random), expires_at: now.after(CHALLENGE_LASTS) };
    let digest = Sha256::digest(&challenge.text).into();
    tx.put_challenge(agent.id, &digest, challenge.expires_at, CHALLENGES_MAX, now).await?;
    Ok(challenge)
}

/// Refuses who may not act for an agent, before anybody is asked for keys.
///
/// # Errors
/// [`RegistryError::NotFound`] or [`RegistryError::NotOwner`].
pub async fn check_owner(tx: &mut impl AgentStore, caller: &Caller, agent: &AgentRef) -> Result<(), RegistryError> {
    let agent = tx.find_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    if caller.may_write(agent.owner) { Ok(()) } else { Err(RegistryError::NotOwner { action: "verify" }) }
}

/// Whoever acts for an agent has shown that they hold the key of an identifier, and maybe what somebody attests of it. The
/// challenge that was answered has to be one of this agent, and is answered by that.
///
/// # Errors
/// [`RegistryError::NotFound`], [`RegistryError::NotOwner`], or [`RegistryError::ChallengeUnknown`].
pub async fn verify_by_did(
    tx: &mut (impl AgentStore + IdentityStore),
    caller: &Caller,
    agent: &AgentRef,
    shown: &Presented,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let agent = owned(tx, caller, agent, "verify").await?;
    if !tx.take_challenge(agent.id, &Sha256::digest(&shown.challenge).into(), now).await? {
        return Err(RegistryError::ChallengeUnknown);
    }
    let identity = tx.find_identity(agent.id).await?;
    let longest = now.after(DID_LASTS);
    let verification = Verification {
        method: if shown.issuer.is_some() { Method::DidVc } else { Method::DidControl },
        issuer: shown.issuer.clone(),
        subject: Some(shown.did.clone()),
        by: caller.owner,
        proof: None,
        at: now,
        expires_at: Some(shown.expires_at.map_or(longest, |end| end.min(longest))),
    };
    set(tx, &agent, Identity { kind: IdentityType::DidVc, ..identity }, verification, now).await?;
    Ok(agent)
}

/// The agent, locked, and what is known of it, if the caller is an administrator.
async fn for_admin(
    tx: &mut (impl AgentStore + IdentityStore),
    caller: &Caller,
    agent: &AgentRef,
) -> Result<(Agent, Identity), RegistryError> {
    if !caller.is_admin() {
        return Err(RegistryError::AdminOnly);
    }
    let agent = tx.lock_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    let identity = tx.find_identity(agent.id).await?;
    Ok((agent, identity))
}

/// Whether a token's subject is this agent.
fn is_subject(agent: &Agent, identity: &Identity, subject: &str) -> bool {
    let is_wallet = identity.wallet_address.as_deref().is_some_and(|wallet| {
        // Ethereum writes a checksum into the case of the digits; elsewhere case is part of the address.
        if wallet.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x")) {
            wallet.eq_ignore_ascii_case(subject)
        } else {
            // Nobody is to have the id of another's agent for an address: those have signs in them.
            wallet == subject && wallet.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
    });
    is_wallet || subject == agent.slug || subject.eq_ignore_ascii_case(&agent.id.to_string())
}

async fn set(
    tx: &mut (impl AgentStore + IdentityStore),
    agent: &Agent,
    identity: Identity,
    verification: Verification,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let data = json!({
        "agent_id": agent.slug,
        "name": agent.name,
        "method": verification.method,
        "issuer": verification.issuer,
        "expires_at": verification.expires_at,
    });
    tx.put_identity(&Identity { verification: Some(verification), ..identity }).await?;
    let (subject, owner) = (agent.id.uuid(), Some(agent.owner));
    tx.append_event(Event { kind: "agent.verified", subject, owner, data, at: now }).await?;
    Ok(())
}
