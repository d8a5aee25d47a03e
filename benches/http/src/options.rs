//! The command line, and the databases it asks for.

use std::{
    env, fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, id},
};

use crate::Result;

/// Which of the two tables is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// All of the API.
    Http,
    /// The paid proxy beside nginx.
    Proxy,
}

/// What to measure, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which table.
    pub suite: Suite,
    /// Be the process that passes on to this address, instead.
    pub forward: Option<String>,
    /// The server's binary.
    pub server: PathBuf,
    /// The folder for the results.
    pub out: PathBuf,
    /// The length of each run, in seconds.
    pub seconds: u32,
    /// Connections of the load.
    pub connections: u32,
    only: Option<String>,
    database: Option<String>,
    postgres: String,
}

impl Options {
    /// Reads the command line.
    pub fn read() -> Result<Self> {
        let mut options = Self {
            suite: Suite::Http,
            forward: None,
            server: "target/release/rialto".into(),
            out: "benches/results".into(),
            seconds: 10,
            connections: 32,
            only: None,
            database: None,
            postgres: "postgres://postgres@127.0.0.1:5432/postgres".into(),
        };
        let mut words = env::args().skip(1);
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--suite" if value == "http" => options.suite = Suite::Http,
                "--suite" if value == "proxy" => options.suite = Suite::Proxy,
                "--forward" => options.forward = Some(value),
                "--server" => options.server = value.into(),
                "--out" => options.out = value.into(),
                "--seconds" => options.seconds = value.parse()?,
                "--connections" => options.connections = value.parse()?,
                "--only" => options.only = Some(value),
                "--database" => options.database = Some(value),
                "--postgres" => options.postgres = value,
                _ => return Err(format!("unknown flag {flag}; see benches/http/README.md").into()),
            }
        }
        Ok(options)
    }

    /// The same with so many connections.
    pub fn with_connections(&self, connections: u32) -> Self {
        Self { connections, ..self.clone() }
    }

    /// Whether the run with this name is to be measured.
    pub fn wants(&self, run: &str) -> bool {
        self.only.as_deref().is_none_or(|only| run.contains(only))
    }

    /// The databases to measure on.
    pub fn databases(&self) -> Result<Vec<Database>> {
        let wanted = |name: &str| self.database.as_deref().is_none_or(|only| only == name);
        let mut databases = Vec::new();
        if wanted("sqlite") {
            databases.push(Database::Sqlite);
        }
        let place = self.postgres.rsplit('@').next().and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let answers = TcpStream::connect(place).is_ok();
        if wanted("postgres") && (answers || self.database.is_some()) {
            databases.push(Database::Postgres(self.postgres.clone()));
        }
        if databases.is_empty() { Err("no database to measure on".into()) } else { Ok(databases) }
    }
}

/// A kind of database.
pub enum Database {
    /// A file in a fresh folder.
    Sqlite,
    /// A fresh schema on the server at this URL.
    Postgres(String),
}

impl Database {
    /// The column of the table.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Makes an empty place.
    pub fn prepare(&self) -> Result<Place> {
        let folder = env::temp_dir().join(format!("rialto-bench-{}-{}", id(), self.name()));
        fs::create_dir_all(&folder)?;
        let folder = fs::canonicalize(folder)?;
        let (url, schema) = match self {
            Self::Sqlite => (format!("sqlite:{}", folder.join("bench.db").display()), None),
            Self::Postgres(admin) => {
                let name = format!("rialto_bench_{}", id());
                psql(admin, &format!("CREATE SCHEMA {name}"))?;
                (format!("{admin}?options=-c%20search_path%3D{name}"), Some((admin.clone(), name)))
            }
        };
        Ok(Place { url, folder, schema })
    }
}

/// A database that is gone when this is dropped.
pub struct Place {
    url: String,
    folder: PathBuf,
    schema: Option<(String, String)>,
}

impl Place {
    /// The URL for the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A folder for scratch files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is left for a person to see.
        let _ = fs::remove_dir_all(&self.folder);
        if let Some((admin, name)) = &self.schema {
            let _ = psql(admin, &format!("DROP SCHEMA {name} CASCADE"));
        }
    }
}

fn psql(url: &str, sql: &str) -> Result<()> {
    let status = Command::new("psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1", "-c", sql, url])
        .env("PGOPTIONS", "-c client_min_messages=warning")
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("psql could not: {sql}").into()) }
}
