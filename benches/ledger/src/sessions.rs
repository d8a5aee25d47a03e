//! Plain connections to PostgreSQL, and what the server says of itself.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::{Client, NoTls};

use crate::Result;

/// Connects. The driver of the connection ends with the client.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move { drop(connection.await) });
    client.batch_execute("SET synchronous_commit = on; SET client_min_messages = warning").await?;
    Ok(client)
}

/// The settings that decide what a commit costs.
///
/// # Errors
/// When there is no server, or one whose commits are not durable.
pub async fn settings(url: &str) -> Result<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(|error| format!("no PostgreSQL: {error}"))?;
    tokio::spawn(async move { drop(connection.await) });
    let mut told = Vec::new();
    for name in ["server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers"] {
        let value: String = client.query_one(&format!("SHOW {name}"), &[]).await?.try_get(0)?;
        if ["fsync", "synchronous_commit"].contains(&name) && value != "on" {
            return Err(format!("the server has {name} = {value}, so its commits are not durable").into());
        }
        told.push(format!("{name} {value}"));
    }
    Ok(told.join(", "))
}

/// Sessions that callers take turns with: who waits longest is next.
pub struct Sessions<S> {
    all: Vec<S>,
    idle: Mutex<Vec<usize>>,
    turns: Semaphore,
}

/// A session until this is dropped.
pub struct Lent<'a, S> {
    /// The session.
    pub session: &'a S,
    place: usize,
    idle: &'a Mutex<Vec<usize>>,
    #[expect(dead_code, reason = "it is given back after the session is")]
    turn: SemaphorePermit<'a>,
}

impl<S> Sessions<S> {
    /// These sessions.
    pub fn new(all: Vec<S>) -> Self {
        Self { idle: Mutex::new((0..all.len()).collect()), turns: Semaphore::new(all.len()), all }
    }

    /// Waits for a session.
    pub async fn take(&self) -> Result<Lent<'_, S>> {
        let turn = self.turns.acquire().await?;
        let place = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or("a turn without a session")?;
        let session = self.all.get(place).ok_or("a session that is not there")?;
        Ok(Lent { session, place, idle: &self.idle, turn })
    }
}

impl<S> Drop for Lent<'_, S> {
    fn drop(&mut self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.place);
    }
}
