//! A registry in a fresh folder, with agents in it.

use std::sync::Arc;

use rialto_embeddings::{Builtin, MiniLm};
use rialto_kernel::{AgentId, Caller, Clock, CredentialKind, OwnerId, Role, Timestamp};
use rialto_registry::{self as registry, Finder, NewAgent, RegistryError, Upkeep};
use rialto_store::{Db, DbOptions, Tx};
use tempfile::TempDir;

use crate::Result;

/// 2026-11-22, at noon.
pub const NOON: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);
/// How many agents are registered in one transaction.
const TOGETHER: usize = 200;

/// A registry on SQLite. It is gone when this is dropped.
pub struct Place {
    /// The database.
    pub db: Db,
    /// Finds its agents.
    pub finder: Finder,
    /// Their ids, in the order in which they were given.
    pub agents: Vec<AgentId>,
    folder: TempDir,
}

impl Place {
    /// Registers agents, and makes their vectors.
    pub async fn with(agents: Vec<NewAgent>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = url(&folder).parse()?;
        let db = Db::open(&url, &DbOptions::default()).await?;
        db.migrate().await?;
        let owner = OwnerId::new();
        let row = format!("INSERT INTO owners (id, kind, created_at) VALUES (x'{}', 'user', 0)", owner.uuid().simple());
        db.write(async move |tx: &mut Tx| tx.batch(&row).await).await?;
        let caller = Caller { owner, role: Role::Operator, credential: CredentialKind::Token, rate_limit_per_minute: None };
        let mut ids = Vec::with_capacity(agents.len());
        for some in agents.chunks(TOGETHER) {
            let some = some.to_vec();
            let work = async move |tx: &mut Tx| {
                let mut ids = Vec::with_capacity(some.len());
                for agent in &some {
                    ids.push(registry::register(tx, &caller, agent, NOON).await?.id);
                }
                Ok::<_, RegistryError>(ids)
            };
            ids.extend(db.write(work).await?);
        }
        let finder = Finder::new(Arc::new(Builtin::new(Arc::new(MiniLm::builtin()?), 2)));
        let upkeep = Upkeep::new(db.clone(), Clock::fixed(NOON), finder.clone());
        upkeep.start().await?;
        while upkeep.make_missing().await.map_err(|failure| failure.to_string())? > 0 {}
        Ok(Self { db, finder, agents: ids, folder })
    }

    /// Where it is, for a server. Its jobs have nothing left to do.
    pub async fn url(&self) -> Result<String> {
        self.db.write(async |tx: &mut Tx| tx.batch("DELETE FROM jobs").await).await?;
        Ok(url(&self.folder))
    }
}

fn url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("bench.db").display())
}

/// An agent with this name, these tags and this description.
pub fn agent(name: &str, tags: &[&str], description: &str) -> NewAgent {
    NewAgent {
        name: name.to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        description: description.to_owned(),
        endpoint: "https://example.com/invoke".to_owned(),
        ..NewAgent::default()
    }
}
