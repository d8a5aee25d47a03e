//! A database, a clock and an identity service, and short words for what the tests do with them.

use std::{net::IpAddr, time::Duration};

use diesel::{QueryableByName, sql_types::Text};
use rialto_identity::{
    ApiKeyId, Credential, Identity, IdentityConfig, IdentityError, IssuedApiKey, KeyName, Login, NewApiKey, Registration, Secret,
    Session, Tokens, User, create_api_key, register,
};
use rialto_kernel::{Caller, Clock, CredentialKind, Timestamp};
use rialto_store::{Db, StoreError, Tx, on, testing::TestDb};

pub const PASSWORD: &str = "correct horse";
pub const MINUTE: Duration = Duration::from_secs(60);

pub struct World {
    pub db: Db,
    pub clock: Clock,
    pub identity: Identity,
}

impl World {
    pub fn new(test: &TestDb) -> Self {
        let key_memory = Duration::ZERO;
        Self::with(test, IdentityConfig { hashes_at_once: 2, key_memory, ..IdentityConfig::default() })
    }

    pub fn with(test: &TestDb, config: IdentityConfig) -> Self {
        let clock = Clock::fixed(Timestamp::from_micros(1_764_000_000_000_000));
        let tokens = Tokens::new(b"a secret for tests, 32 bytes or more", config.token_lifetime).unwrap();
        let identity = Identity::new(test.db.clone(), clock.clone(), tokens, config).unwrap();
        Self { db: test.db.clone(), clock, identity }
    }

    pub async fn register(&self, email: &str) -> Result<User, IdentityError> {
        let (new, now) = (self.identity.prepare(registration(email)).await?, self.clock.now());
        self.db.write(async move |tx: &mut Tx| register(tx, &new, now).await).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Result<Session, IdentityError> {
        self.login_from("192.0.2.1", email, password).await
    }

    pub async fn login_from(&self, address: &str, email: &str, password: &str) -> Result<Session, IdentityError> {
        let address: IpAddr = address.parse().unwrap();
        self.identity.login(Login { email: email.into(), password: Secret::new(password), address: Some(address) }).await
    }

    pub async fn issue(&self, caller: Caller, new: NewApiKey) -> Result<IssuedApiKey, IdentityError> {
        let now = self.clock.now();
        self.db.write(async move |tx: &mut Tx| create_api_key(tx, &caller, &new, now).await).await
    }

    pub async fn delete(&self, caller: Caller, id: ApiKeyId) -> Result<(), IdentityError> {
        self.identity.delete_key(&caller, KeyName::Id(id)).await.map(drop)
    }

    pub async fn with_key(&self, key: &Secret) -> Result<Caller, IdentityError> {
        self.identity.authenticate(&Credential::from_api_key(key.expose()).unwrap()).await
    }

    pub async fn with_bearer(&self, text: &str) -> Result<Caller, IdentityError> {
        self.identity.authenticate(&Credential::from_bearer(text).unwrap()).await
    }

    pub async fn sql(&self, sql: String) {
        self.db.write(async move |tx: &mut Tx| tx.batch(&sql).await).await.unwrap();
    }

    /// The one text column `line` of a query.
    pub async fn lines(&self, sql: &'static str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            line: String,
        }
        let work = async move |tx: &mut Tx| on!(tx, conn => diesel::sql_query(sql).load::<Row>(conn).await);
        let rows: Result<Vec<Row>, StoreError> = self.db.read(work).await;
        rows.unwrap().into_iter().map(|row| row.line).collect()
    }
}

pub fn registration(email: &str) -> Registration {
    Registration { email: email.into(), password: Secret::new(PASSWORD), first_name: Some("Ada".into()), last_name: None }
}

pub fn caller(user: &User) -> Caller {
    Caller { owner: user.id, role: user.role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

pub fn named(name: &str) -> NewApiKey {
    NewApiKey { name: name.into(), ..NewApiKey::default() }
}
