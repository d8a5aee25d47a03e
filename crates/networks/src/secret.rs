//! What proves that a callback comes from a participant.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use rialto_kernel::Timestamp;
use rialto_registry::CipherError;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::model::{MessageId, NetworkId, Participant, ParticipantId};

/// How long a signed URL is good for, in seconds.
const URL_SECONDS: i64 = 24 * 60 * 60;

/// A new token for a participant's own URL, and its digest.
pub(crate) fn new_token() -> Result<(Zeroizing<String>, Vec<u8>), CipherError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| CipherError::NoRandomness)?;
    let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    let digest = digest(&token);
    Ok((token, digest))
}

fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// What a request to a participant's callback shows for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capability {
    /// The token of the participant's own URL.
    Token(String),
    /// A signature of the server, good until a moment.
    Signature {
        /// In hexadecimal.
        sig: String,
        /// The moment, in seconds since 1970.
        exp: i64,
    },
}

/// Makes and judges the URLs by which participants answer. They are all that a participant needs to speak.
#[derive(Clone)]
pub struct CallbackUrls {
    key: Zeroizing<Vec<u8>>,
    base: String,
}

impl CallbackUrls {
    /// URLs of the server that is reached at `base`, signed with `key`.
    #[must_use]
    pub fn new(key: &[u8], base: &str) -> Self {
        Self { key: Zeroizing::new(key.to_vec()), base: base.trim_end_matches('/').to_owned() }
    }

    /// The URL that is good for a day, and answers `message`.
    #[must_use]
    pub fn signed(&self, participant: &Participant, message: MessageId, now: Timestamp) -> String {
        let exp = now.seconds().saturating_add(URL_SECONDS);
        let sig = hex::encode(self.mac(participant, exp).finalize().into_bytes());
        let path = self.path(participant.network, participant.id);
        format!("{path}?sig={sig}&exp={exp}&in_reply_to={message}")
    }

    /// The URL that is good until it is replaced. Whoever has it speaks as the participant.
    pub(crate) fn plain(&self, network: NetworkId, participant: ParticipantId, token: &str) -> String {
        format!("{}?token={token}", self.path(network, participant))
    }

    fn path(&self, network: NetworkId, participant: ParticipantId) -> String {
        format!("{}/networks/{network}/participants/{participant}/callback", self.base)
    }

    /// The first epoch signs what other servers of this API sign; later ones say which they are.
    fn mac(&self, participant: &Participant, exp: i64) -> Hmac<Sha256> {
        let Participant { network, id, callback_epoch, .. } = participant;
        let mut text = format!("{network}:{id}:{exp}");
        if *callback_epoch > 0 {
            text.push_str(&format!(":{callback_epoch}"));
        }
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.chain_update(text)
    }

    /// Whether `shown` lets one speak as `participant`.
    #[must_use]
    pub fn accept(&self, participant: &Participant, shown: &Capability, now: Timestamp) -> bool {
        match shown {
            Capability::Token(token) => digest(token).as_slice().ct_eq(participant.token_digest.as_slice()).into(),
            Capability::Signature { sig, exp } => {
                let signed = hex::decode(sig).is_ok_and(|sig| self.mac(participant, *exp).verify_slice(&sig).is_ok());
                signed && *exp >= now.seconds()
            }
        }
    }
}

impl std::fmt::Debug for CallbackUrls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackUrls").field("base", &self.base).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ParticipantKind, ParticipantStatus};

    fn participant(token_digest: Vec<u8>) -> Participant {
        Participant {
            id: ParticipantId::new(),
            network: NetworkId::new(),
            agent: None,
            kind: ParticipantKind::Agent,
            name: "a".into(),
            status: ParticipantStatus::Active,
            callback_url: None,
            follows_agent: false,
            polling_enabled: true,
            token_digest,
            callback_epoch: 0,
            capabilities: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_url_is_good_for_one_participant_until_it_ends_or_is_replaced() {
        let urls = CallbackUrls::new(b"a key", "https://example.com/");
        let (token, digest) = new_token().unwrap();
        let (mut mine, now) = (participant(digest), Timestamp::from_micros(1_764_000_000_000_000));
        let other = participant(new_token().unwrap().1);
        let url = urls.signed(&mine, MessageId::new(), now);
        let (path, query) = url.split_once('?').unwrap();
        assert_eq!(path, format!("https://example.com/networks/{}/participants/{}/callback", mine.network, mine.id));
        let field = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap().to_owned();
        let shown = Capability::Signature { sig: field("sig="), exp: field("exp=").parse().unwrap() };
        assert!(urls.accept(&mine, &shown, now) && !urls.accept(&other, &shown, now));
        assert!(!urls.accept(&mine, &shown, now.after(std::time::Duration::from_secs(86_401))));
        assert!(!CallbackUrls::new(b"another", "").accept(&mine, &shown, now));
        let later = Capability::Signature { sig: field("sig="), exp: now.seconds() + 999_999 };
        assert!(!urls.accept(&mine, &later, now));
        for sig in ["", "zz", "00", "ü"] {
            assert!(!urls.accept(&mine, &Capability::Signature { sig: sig.into(), exp: i64::MAX }, now));
        }
        let plain = Capability::Token(token.to_string());
        assert!(urls.accept(&mine, &plain, now) && !urls.accept(&other, &plain, now));
        mine.callback_epoch += 1;
        assert!(!urls.accept(&mine, &shown, now));
        assert!(!format!("{urls:?}").contains("a key"));
    }
}
