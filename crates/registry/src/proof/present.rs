//! Answers to challenges, and credentials.

use rialto_kernel::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

use super::{
    ProofError, Verifier,
    did::{Purpose, absolute},
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
    /// Who attested something of the identifier, if that was shown.
    pub issuer: Option<String>,
    /// Until when that holds.
    pub expires_at: Option<Timestamp>,
}

/// An answer to a challenge.
#[derive(Deserialize)]
struct Answer {
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
    exp: Option<Number>,
    nbf: Option<Number>,
    iat: Option<Number>,
    vc: Option<Body>,
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
    issuer: Option<Issuer>,
    credential_subject: Option<Subject>,
    expiration_date: Option<Timestamp>,
    issuance_date: Option<Timestamp>,
    credential_status: Option<Value>,
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
    /// Checks the answer to a challenge, and the credential beside it: that the key of `did` signed the answer, for us, and that an
    /// issuer that the operator trusts signed the credential, about `did`.
    ///
    /// # Errors
    /// [`ProofError`].
    pub async fn did(&self, did: &str, proof: &str, credential: Option<&str>, now: Timestamp) -> Result<Presented, ProofError> {
        let token = Token::read("proof", proof)?;
        let answer: Answer = token.claims()?;
        // What can be refused is, before anybody's server is asked.
        if answer.iss != did || answer.sub.as_ref().is_some_and(|sub| sub != did) {
            return Err(token.refused("it is by another than did (iss, sub)"));
        }
        if !answer.aud.is_for(&self.trust.domain) {
            return Err(token.refused("it is for somebody else (aud)"));
        }
        token.check_times(&Times { exp: answer.exp, nbf: answer.nbf, iat: answer.iat }, now)?;
        if credential.is_none() && !self.trust.did_issuers.is_empty() {
            return Err(ProofError::CredentialRequired);
        }
        let kid = token.kid.as_deref().map(|kid| absolute(kid, did));
        let keys = self.keys_of(did, Purpose::Authentication, kid.as_deref()).await?;
        token.check(&keys, kid.as_deref())?;
        let (issuer, expires_at) = match credential {
            None => (None, None),
            Some(credential) => {
                let (issuer, end) = self.credential(did, credential, now).await?;
                (Some(issuer), end)
            }
        };
        Ok(Presented { did: did.to_owned(), challenge: answer.nonce, issuer, expires_at })
    }

    /// Who attests something of `did` with this credential, and until when.
    async fn credential(&self, did: &str, text: &str, now: Timestamp) -> Result<(String, Option<Timestamp>), ProofError> {
        let token = Token::read("credential", text)?;
        let said: Credential = token.claims()?;
        let issuer = said.issuers().next().ok_or_else(|| token.refused("it has no issuer"))?.to_owned();
        if said.issuers().any(|one| one != issuer) {
            return Err(token.refused("it has two issuers"));
        }
        if !self.trust.did_issuers.contains(&issuer) {
            return Err(ProofError::Untrusted(short(&issuer)));
        }
        if said.subjects().next().is_none() || said.subjects().any(|one| one != did) {
            return Err(token.refused("it is about somebody else (sub, credentialSubject.id)"));
        }
        if said.credential_status.is_some() || said.vc.as_ref().is_some_and(|vc| vc.credential_status.is_some()) {
            return Err(token.refused("it may have been revoked (credentialStatus), which is not looked up"));
        }
        let end = said.check_times(&token, now)?;
        let kid = token.kid.as_deref().map(|kid| absolute(kid, &issuer));
        let keys = self.keys_of(&issuer, Purpose::Assertion, kid.as_deref()).await?;
        token.check(&keys, kid.as_deref())?;
        Ok((issuer, end))
    }
}

impl Credential {
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
