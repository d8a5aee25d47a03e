//! Answers to challenges, and credentials.

use rialto_kernel::{OwnerId, Timestamp};
use serde::Deserialize;
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::{
    ProofError, Trust, Verifier,
    did::{Purpose, absolute, locate},
    jws::{Audience, Times, Token},
    short,
};

/// Who has shown that they hold a key, and what was attested of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The identifier whose key it is.
    pub did: String,
    /// The challenge that was answered.
    pub challenge: String,
    /// What was attested of the identifier, if that was shown.
    pub attested: Option<Attested>,
}

/// A credential that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// Who attests it.
    pub issuer: String,
    /// Until when it holds; `None` when it does not say.
    pub expires_at: Option<Timestamp>,
    /// What tells it from other credentials: the hash of what was signed.
    pub digest: [u8; 32],
}

/// An answer to a challenge that was read, and is for us. Nobody was asked yet whether its signature is good.
pub struct Answer<'a> {
    did: &'a str,
    token: Token<'a>,
    challenge: String,
}

impl Answer<'_> {
    /// The challenge that it answers, as it says.
    #[must_use]
    pub fn challenge(&self) -> &str {
        &self.challenge
    }
}

/// What such an answer says.
#[derive(Deserialize)]
struct AnswerClaims {
    iss: String,
    aud: Audience,
    nonce: String,
    sub: Option<String>,
    exp: Option<Number>,
    nbf: Option<Number>,
    iat: Option<Number>,
}

/// A credential: as version 1.1 puts it into a JWT, or as version 2 is one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<Number>,
    nbf: Option<Number>,
    iat: Option<Number>,
    vc: Option<Body>,
    #[serde(rename = "type")]
    types: Option<Types>,
    issuer: Option<Issuer>,
    credential_subject: Option<Subject>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    credential_status: Option<Value>,
}

/// What version 1.1 wraps up.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(rename = "type")]
    types: Option<Types>,
    issuer: Option<Issuer>,
    credential_subject: Option<Subject>,
    expiration_date: Option<Timestamp>,
    issuance_date: Option<Timestamp>,
    credential_status: Option<Value>,
}

/// Of which types a credential is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Types {
    One(String),
    Some(Vec<String>),
}

impl Types {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Some(some) => some.iter().any(|one| one == name),
        }
    }
}

/// Who attests.
#[derive(Deserialize)]
#[serde(untagged)]
enum Issuer {
    Id(String),
    Object { id: String },
}

impl Issuer {
    fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

/// Of whom something is attested.
#[derive(Deserialize)]
struct Subject {
    id: Option<String>,
}

impl Verifier {
    /// Reads the answer to a challenge, and refuses what can be refused before anybody's server is asked. Whether the challenge is
    /// one is to be asked next, and then [`Verifier::did`].
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn answer<'a>(&self, did: &'a str, proof: &'a str, now: Timestamp) -> Result<Answer<'a>, ProofError> {
        let token = Token::read("proof", proof)?;
        let answer: AnswerClaims = token.claims()?;
        if answer.iss != did || answer.sub.as_ref().is_some_and(|sub| sub != did) {
            return Err(token.refused("it is by another than did (iss, sub)"));
        }
        if !answer.aud.is_for(&self.trust.domain) {
            return Err(token.refused("it is for somebody else (aud)"));
        }
        token.check_times(&Times { exp: answer.exp, nbf: answer.nbf, iat: answer.iat }, now)?;
        locate(did)?;
        Ok(Answer { did, token, challenge: answer.nonce })
    }

    /// Checks an answer, and the credential beside it: that the key of its identifier signed it, and that an issuer that the
    /// operator trusts signed the credential, about that identifier. What has to be fetched for that is on `asker`'s account.
    ///
    /// # Errors
    /// [`ProofError`].
    pub async fn did(
        &self,
        answer: Answer<'_>,
        credential: Option<&str>,
        asker: OwnerId,
        now: Timestamp,
    ) -> Result<Presented, ProofError> {
        let Answer { did, token, challenge } = answer;
        // The credential first: what is trusted is asked before what a stranger names.
        let attested = match credential {
            None if !self.trust.did_issuers.is_empty() => return Err(ProofError::CredentialRequired),
            None => None,
            Some(credential) => Some(self.credential(did, credential, asker, now).await?),
        };
        let kid = token.kid.as_deref().map(|kid| absolute(kid, did));
        let keys = self.keys_of(did, Purpose::Authentication, kid.as_deref(), asker, now).await?;
        token.check(&keys, kid.as_deref())?;
        Ok(Presented { did: did.to_owned(), challenge, attested })
    }

    /// What this credential attests of `did`.
    async fn credential(&self, did: &str, text: &str, asker: OwnerId, now: Timestamp) -> Result<Attested, ProofError> {
        let token = Token::read("credential", text)?;
        let said: Credential = token.claims()?;
        let issuer = said.issuers().next().ok_or_else(|| token.refused("it has no issuer"))?.to_owned();
        if said.issuers().any(|one| one != issuer) {
            return Err(token.refused("it has two issuers"));
        }
        if !self.trust.did_issuers.contains(&issuer) {
            return Err(ProofError::Untrusted(short(&issuer)));
        }
        said.check_kind(&token, &self.trust)?;
        if said.subjects().next().is_none() || said.subjects().any(|one| one != did) {
            return Err(token.refused("it is about somebody else (sub, credentialSubject.id)"));
        }
        if said.credential_status.is_some() || said.vc.as_ref().is_some_and(|vc| vc.credential_status.is_some()) {
            return Err(token.refused("it may have been revoked (credentialStatus), which is not looked up"));
        }
        let end = said.check_times(&token, now)?;
        let kid = token.kid.as_deref().map(|kid| absolute(kid, &issuer));
        let keys = self.keys_of(&issuer, Purpose::Assertion, kid.as_deref(), asker, now).await?;
        token.check(&keys, kid.as_deref())?;
        let digest = Sha256::new_with_prefix(b"rialto vc\0").chain_update(token.signed).finalize().into();
        Ok(Attested { issuer, expires_at: end, digest })
    }
}

impl Credential {
    /// Refuses what is another kind of token: one that its issuer made for somebody to log in with, say.
    fn check_kind(&self, token: &Token<'_>, trust: &Trust) -> Result<(), ProofError> {
        let typ = token.typ.as_deref().map(str::to_ascii_lowercase);
        let typ = typ.as_deref().map_or("jwt", |typ| typ.strip_prefix("application/").unwrap_or(typ));
        if !["jwt", "vc+jwt", "vc+ld+jwt"].contains(&typ) {
            return Err(token.refused("its header says that it is something else (typ)"));
        }
        let inner = self.vc.as_ref().and_then(|vc| vc.types.as_ref());
        let is = |name: &str| self.types.iter().chain(inner).any(|types| types.has(name));
        if !is("VerifiableCredential") {
            return Err(token.refused("it is no VerifiableCredential (type)"));
        }
        if !trust.did_types.is_empty() && !trust.did_types.iter().any(|name| is(name)) {
            return Err(token.refused("it is of no type that is accepted here (type)"));
        }
        let is_ours = |aud: &Audience| aud.is_for(&trust.domain) || aud.is_for(&trust.kya_audience);
        if self.aud.as_ref().is_some_and(|aud| !is_ours(aud)) {
            return Err(token.refused("it is for somebody else (aud)"));
        }
        Ok(())
    }

    fn issuers(&self) -> impl Iterator<Item = &str> {
        let inner = self.vc.as_ref().and_then(|vc| vc.issuer.as_ref());
        self.iss.as_deref().into_iter().chain(self.issuer.as_ref().map(Issuer::id)).chain(inner.map(Issuer::id))
    }

    fn subjects(&self) -> impl Iterator<Item = &str> {
        let inner = self.vc.as_ref().and_then(|vc| vc.credential_subject.as_ref());
        let ids = self.credential_subject.iter().chain(inner).filter_map(|subject| subject.id.as_deref());
        self.sub.as_deref().into_iter().chain(ids)
    }

    /// Checks when it holds, and gives the first of its ends.
    fn check_times(&self, token: &Token<'_>, now: Timestamp) -> Result<Option<Timestamp>, ProofError> {
        let times = Times { exp: self.exp.clone(), nbf: self.nbf.clone(), iat: self.iat.clone() };
        let end = token.check_times(&times, now)?;
        let vc = self.vc.as_ref();
        let ends = [self.valid_until, vc.and_then(|vc| vc.expiration_date)];
        let starts = [self.valid_from, vc.and_then(|vc| vc.issuance_date)];
        if ends.into_iter().flatten().any(|end| end <= now) {
            return Err(token.refused("it has expired"));
        }
        if starts.into_iter().flatten().any(|start| start.seconds() > now.seconds() + super::LEEWAY_S) {
            return Err(token.refused("it is not valid yet"));
        }
        Ok(ends.into_iter().flatten().chain(end).min())
    }
}
