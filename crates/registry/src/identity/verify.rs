//! Vouching for an agent, and taking that back.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rialto_kernel::{Caller, Event, Timestamp};
use rialto_store::StoreError;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Identity, IdentityType, Method, Verification, wallet::canonical};
use crate::{
    Agent, AgentRef, CipherError, RegistryError,
    proof::{Kya, Presented, Trust},
    register::event,
    store::{AgentStore, IdentityStore, ProofStore},
    update::owned,
};

/// How long there is to answer a challenge.
pub const CHALLENGE_LASTS: Duration = Duration::from_secs(300);
/// The most challenges of one agent that can be answered; with one more the oldest is forgotten.
pub const CHALLENGES_MAX: u32 = 16;
/// How long what an agent's owner has shown is believed, unless it ends before that: then it has to be shown again.
pub const PROOF_LASTS: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Until when a credential without an end is remembered: the last second of the year 9999.
const FOR_GOOD: Timestamp = Timestamp::from_micros(253_402_300_799_000_000);

/// What is to be signed by whoever acts for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The challenge.
    pub text: String,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

/// An administrator vouches for an agent, as it was when it was changed last at `seen`, if that is told. Doing it again changes nothing.
///
/// # Errors
/// [`RegistryError::AdminOnly`], [`RegistryError::NotFound`], or [`RegistryError::NotAsSeen`].
pub async fn verify_by_admin(
    tx: &mut (impl AgentStore + IdentityStore),
    caller: &Caller,
    agent: &AgentRef,
    seen: Option<Timestamp>,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let (agent, identity) = for_admin(tx, caller, agent).await?;
    if seen.is_some_and(|seen| seen != agent.updated_at) {
        return Err(RegistryError::NotAsSeen);
    }
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
    set(tx, &agent, Identity { verification_barred: false, ..identity }, verification, true).await?;
    Ok(agent)
}

/// An administrator takes back what anybody vouched for, and keeps everybody else from vouching for it again. Doing it again changes
/// nothing.
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
    let was_verified = identity.verification.is_some();
    if was_verified || !identity.verification_barred {
        tx.put_identity(&Identity { verification: None, verification_barred: true, ..identity }).await?;
    }
    if was_verified {
        tx.append_event(event("agent.unverified", &agent, now)).await?;
    }
    Ok(agent)
}

/// An issuer vouches for an agent by a token that was checked. The token's subject has to be this agent, by either of its ids or
/// its wallet. Each token vouches for one agent; showing it again while it does changes nothing, and after [`PROOF_LASTS`] renews it.
///
/// # Errors
/// [`RegistryError::NotFound`], [`RegistryError::NotOwner`], [`RegistryError::VerificationBarred`],
/// [`RegistryError::WrongSubject`], [`RegistryError::WeakerProof`], or [`RegistryError::ProofUsed`].
pub async fn verify_by_token(
    tx: &mut (impl AgentStore + IdentityStore + ProofStore),
    caller: &Caller,
    agent: &AgentRef,
    token: &Kya,
    trust: &Trust,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let agent = owned(tx, caller, agent, "verify").await?;
    let identity = open(tx, &agent).await?;
    let is_same = is_shown(&identity, token.digest);
    if is_same && identity.verification.as_ref().is_some_and(|verification| verification.holds(now)) {
        return Ok(agent);
    }
    if !is_subject(&agent, &identity, &token.subject) {
        return Err(RegistryError::WrongSubject);
    }
    let verification = Verification {
        method: Method::KyaJwt,
        issuer: Some(token.issuer.clone()),
        subject: Some(token.subject.clone()),
        by: caller.owner,
        proof: Some(token.digest),
        at: now,
        expires_at: Some(token.expires_at.min(now.after(PROOF_LASTS))),
    };
    not_weaker(&identity, &verification, trust, now)?;
    let is_over = token.expires_at <= now;
    if is_over || !(is_same || tx.use_proof(&token.digest, token.expires_at).await?) {
        return Err(RegistryError::ProofUsed);
    }
    let counts = verification.counts(trust, now);
    set(tx, &agent, Identity { kind: IdentityType::KyaJwt, ..identity }, verification, counts).await?;
    Ok(agent)
}

/// Makes a challenge for an agent, and for whoever asks: 256 random bits. Only their hash is kept.
///
/// # Errors
/// [`RegistryError::NotFound`], [`RegistryError::NotOwner`], or [`RegistryError::VerificationBarred`].
pub async fn challenge(
    tx: &mut (impl AgentStore + IdentityStore + ProofStore),
    caller: &Caller,
    agent: &AgentRef,
    now: Timestamp,
) -> Result<Challenge, RegistryError> {
    let agent = owned(tx, caller, agent, "verify").await?;
    open(tx, &agent).await?;
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|_| CipherError::NoRandomness)?;
    let challenge = Challenge { text: URL_SAFE_NO_PAD.encode(random), expires_at: now.after(CHALLENGE_LASTS) };
    tx.put_challenge(agent.id, caller.owner, &digest(&challenge.text), challenge.expires_at, CHALLENGES_MAX, now).await?;
    Ok(challenge)
}

/// Refuses who may not do `action` for an agent, before anybody else's server is asked anything for it.
///
/// # Errors
/// [`RegistryError::NotFound`] or [`RegistryError::NotOwner`].
pub async fn check_owner(
    tx: &mut impl AgentStore,
    caller: &Caller,
    agent: &AgentRef,
    action: &'static str,
) -> Result<(), RegistryError> {
    let agent = tx.find_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    if caller.may_write(agent.owner) { Ok(()) } else { Err(RegistryError::NotOwner { action }) }
}

/// Refuses who may not have an agent verified, or answers a challenge that was not made for it and them or is over, before anybody
/// else's server is asked for keys. Whether that still holds is asked again when they are there.
///
/// # Errors
/// [`RegistryError::NotFound`], [`RegistryError::NotOwner`], [`RegistryError::VerificationBarred`], or
/// [`RegistryError::ChallengeUnknown`].
pub async fn admit(
    tx: &mut (impl AgentStore + IdentityStore + ProofStore),
    caller: &Caller,
    agent: &AgentRef,
    challenge: Option<&str>,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let agent = tx.find_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    if !caller.may_write(agent.owner) {
        return Err(RegistryError::NotOwner { action: "verify" });
    }
    open(tx, &agent).await?;
    match challenge {
        Some(text) if !tx.has_challenge(agent.id, caller.owner, &digest(text), now).await? => {
            Err(RegistryError::ChallengeUnknown)
        }
        _ => Ok(()),
    }
}

/// Forgets challenges and used proofs whose time is over, at most `limit` of each, and returns how many; call it again while that is
/// as many as it may.
///
/// # Errors
/// The store's.
pub async fn forget_proofs(tx: &mut impl ProofStore, now: Timestamp, limit: u32) -> Result<usize, RegistryError> {
    Ok(tx.forget_proofs(now, limit).await?)
}

/// Whoever acts for an agent has shown that they hold the key of an identifier, and maybe what somebody attests of it. The
/// challenge that was answered has to be one of this agent, for this caller, and is answered by that.
///
/// # Errors
/// [`RegistryError::NotFound`], [`RegistryError::NotOwner`], [`RegistryError::VerificationBarred`],
/// [`RegistryError::ChallengeUnknown`], [`RegistryError::WeakerProof`], [`RegistryError::ProofUsed`], or
/// [`RegistryError::DidTaken`].
pub async fn verify_by_did(
    tx: &mut (impl AgentStore + IdentityStore + ProofStore),
    caller: &Caller,
    agent: &AgentRef,
    shown: &Presented,
    trust: &Trust,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let agent = owned(tx, caller, agent, "verify").await?;
    let identity = open(tx, &agent).await?;
    if !tx.take_challenge(agent.id, caller.owner, &digest(&shown.challenge), now).await? {
        return Err(RegistryError::ChallengeUnknown);
    }
    let (longest, attested) = (now.after(PROOF_LASTS), shown.attested.as_ref());
    let verification = Verification {
        method: if attested.is_some() { Method::DidVc } else { Method::DidControl },
        issuer: attested.map(|attested| attested.issuer.clone()),
        subject: Some(shown.did.clone()),
        by: caller.owner,
        proof: attested.map(|attested| attested.digest),
        at: now,
        expires_at: Some(attested.and_then(|attested| attested.expires_at).map_or(longest, |end| end.min(longest))),
    };
    not_weaker(&identity, &verification, trust, now)?;
    if let Some(attested) = attested {
        let end = attested.expires_at.unwrap_or(FOR_GOOD);
        let is_same = is_shown(&identity, attested.digest);
        if end <= now || !(is_same || tx.use_proof(&attested.digest, end).await?) {
            return Err(RegistryError::ProofUsed);
        }
    }
    tx.free_did(&shown.did, agent.id, now).await?;
    let counts = verification.counts(trust, now);
    set(tx, &agent, Identity { kind: IdentityType::DidVc, ..identity }, verification, counts).await?;
    Ok(agent)
}

fn digest(challenge: &str) -> [u8; 32] {
    Sha256::digest(challenge).into()
}

/// What is known of an agent whose owner may have it verified.
async fn open(tx: &mut impl IdentityStore, agent: &Agent) -> Result<Identity, RegistryError> {
    let identity = tx.find_identity(agent.id).await?;
    if identity.verification_barred { Err(RegistryError::VerificationBarred) } else { Ok(identity) }
}

/// Whether this very proof is what the agent was verified by last, even if that is over.
fn is_shown(identity: &Identity, digest: [u8; 32]) -> bool {
    identity.verification.as_ref().is_some_and(|verification| verification.proof == Some(digest))
}

/// Refuses what is less than what vouches for the agent now, or as much and ends sooner.
fn not_weaker(identity: &Identity, new: &Verification, trust: &Trust, now: Timestamp) -> Result<(), RegistryError> {
    let strength = |verification: &Verification| match verification.method {
        Method::Admin => 2,
        Method::KyaJwt | Method::DidVc => 1,
        Method::DidControl => 0,
    };
    let ends_sooner = |old: &Verification| match (new.expires_at, old.expires_at) {
        (Some(new), Some(old)) => new < old,
        (new, old) => new.is_some() && old.is_none(),
    };
    let is_weaker = |old: &Verification| strength(new) < strength(old) || (strength(new) == strength(old) && ends_sooner(old));
    let stands = identity.verification.as_ref().filter(|old| old.counts(trust, now));
    if stands.is_some_and(is_weaker) { Err(RegistryError::WeakerProof) } else { Ok(()) }
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
        // Nobody is to have the id of another's agent for an address: those have signs in them.
        canonical(wallet) == canonical(subject) && wallet.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    is_wallet || subject == agent.slug || subject.eq_ignore_ascii_case(&agent.id.to_string())
}

/// Writes who vouches for an agent; everybody is told if that `counts`.
async fn set(
    tx: &mut (impl AgentStore + IdentityStore),
    agent: &Agent,
    identity: Identity,
    verification: Verification,
    counts: bool,
) -> Result<(), RegistryError> {
    let at = verification.at;
    let data = json!({
        "agent_id": agent.slug,
        "name": agent.name,
        "method": verification.method,
        "issuer": verification.issuer,
        "expires_at": verification.expires_at,
    });
    let put = tx.put_identity(&Identity { verification: Some(verification), ..identity }).await;
    put.map_err(|error| match error {
        StoreError::Unique(_) => RegistryError::DidTaken,
        other => other.into(),
    })?;
    if counts {
        let (subject, owner) = (agent.id.uuid(), Some(agent.owner));
        tx.append_event(Event { kind: "agent.verified", subject, owner, data, at }).await?;
    }
    Ok(())
}
