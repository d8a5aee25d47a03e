//! What somebody saw who vouched for an agent, and which of it their word is about.

use rialto_outbound::CheckedUrl;

use super::{Identity, Method, Verification, wallet::canonical};
use crate::Agent;

/// What an agent shows of itself that somebody may have vouched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Likeness {
    name: String,
    /// Where it is called, however that is written.
    endpoint: String,
    wallet: Option<String>,
}

impl Likeness {
    /// Of an agent as it is.
    pub(crate) fn of(agent: &Agent, identity: &Identity) -> Self {
        let wallet = identity.wallet_address.as_deref().map(|address| canonical(address).into_owned());
        Self { name: agent.name.clone(), endpoint: spelled(&agent.endpoint), wallet }
    }
}

/// An endpoint in the one spelling that calls to it have: host in lower case, no port that goes without saying.
fn spelled(endpoint: &str) -> String {
    CheckedUrl::parse(endpoint).map_or_else(|_| endpoint.to_owned(), |url| url.uri().to_string())
}

impl Verification {
    /// Whether this word still holds for an agent that was `before` and is `after`.
    ///
    /// - Another wallet is another payee: that ends whatever was said.
    /// - Another name is what readers take the agent for: it ends what somebody said of it. That it holds a key is true under any.
    /// - Another endpoint ends an administrator's word, who looked at the agent as it was: one server answers for many, by path.
    ///   Issuers say who is behind an agent, not where.
    /// - What an administrator writes, an administrator has seen.
    pub(crate) fn outlives(&self, before: &Likeness, after: &Likeness, seen_by_admin: bool) -> bool {
        let same_name = before.name == after.name;
        let same_wallet = before.wallet == after.wallet;
        match self.method {
            Method::Admin => seen_by_admin || before == after,
            Method::KyaJwt | Method::DidVc => same_name && same_wallet,
            Method::DidControl => same_wallet,
        }
    }
}

#[cfg(test)]
mod tests {
    use rialto_kernel::{OwnerId, Timestamp};

    use super::*;

    fn likeness(name: &str, endpoint: &str, wallet: Option<&str>) -> Likeness {
        let wallet = wallet.map(|address| canonical(address).into_owned());
        Likeness { name: name.to_owned(), endpoint: spelled(endpoint), wallet }
    }

    #[test]
    fn each_kind_of_word_is_about_something() {
        let wallet = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        let before = likeness("One", "https://a.example/v1", Some(wallet));
        let same = likeness("One", "https://A.example:443/v1", Some(&wallet.to_ascii_lowercase()));
        let path = likeness("One", "https://a.example/v2", Some(wallet));
        let query = likeness("One", "https://a.example/v1?to=x", Some(wallet));
        let renamed = likeness("Two", "https://a.example/v1", Some(wallet));
        let moved = likeness("One", "https://b.example/v1", Some(wallet));
        let gone = likeness("One", "", Some(wallet));
        let port = likeness("One", "https://a.example:8443/v1", Some(wallet));
        let paid = likeness("One", "https://a.example/v1", None);
        // Who said it: whether that outlives another spelling, path, query, name, server, no endpoint, another port, another wallet.
        for (method, expected) in [
            (Method::Admin, [true, false, false, false, false, false, false, false]),
            (Method::KyaJwt, [true, true, true, false, true, true, true, false]),
            (Method::DidVc, [true, true, true, false, true, true, true, false]),
            (Method::DidControl, [true, true, true, true, true, true, true, false]),
        ] {
            let (by, at) = (OwnerId::new(), Timestamp::default());
            let said = Verification { method, issuer: None, subject: None, by, proof: None, at, expires_at: None };
            let after = [&same, &path, &query, &renamed, &moved, &gone, &port, &paid];
            assert_eq!(after.map(|after| said.outlives(&before, after, false)), expected, "{method:?}");
            let by_admin = after.map(|after| said.outlives(&before, after, true));
            assert_eq!(by_admin, if method == Method::Admin { [true; 8] } else { expected }, "{method:?}");
        }
    }
}
