//! Hearing what other processes tell through PostgreSQL (`LISTEN`, `NOTIFY`).

use std::{future::poll_fn, pin::pin};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_postgres::{AsyncMessage, Client, Connection};

use crate::{Db, StoreError, postgres};

/// A connection of its own that hears the notifications of one channel.
///
/// It is a hint to look, not a queue: notifications that come faster than they are heard are one, and none are kept
/// over a broken connection.
pub struct Listener {
    heard: mpsc::Receiver<()>,
    #[expect(dead_code, reason = "the connection lives as long as its client")]
    client: Client,
}

impl Listener {
    /// Waits for the next notification; `false` when the connection is gone.
    pub async fn heard(&mut self) -> bool {
        self.heard.recv().await.is_some()
    }
}

impl Db {
    /// Listens on `channel`, an SQL identifier. `None` on SQLite, where nobody else could tell.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn listen(&self, channel: &'static str) -> Result<Option<Listener>, StoreError> {
        let Some(url) = self.postgres_url() else {
            return Ok(None);
        };
        let (tell, heard) = mpsc::channel(1);
        let client = match postgres::connect_raw(url).await? {
            postgres::Raw::Plain(client, connection) => {
                tokio::spawn(drive(*connection, tell));
                client
            }
            postgres::Raw::Encrypted(client, connection) => {
                tokio::spawn(drive(*connection, tell));
                client
            }
        };
        let listen = format!("LISTEN {channel}");
        let asked =
            async { client.batch_execute(&listen).await.map_err(|error| StoreError::Unavailable(postgres::describe(&error))) };
        postgres::bounded(asked).await?;
        Ok(Some(Listener { heard, client }))
    }
}

/// Moves the connection until it ends, and tells of notifications.
async fn drive<S, T>(connection: Connection<S, T>, tell: mpsc::Sender<()>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = pin!(connection);
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if matches!(message, AsyncMessage::Notification(_)) {
            // A full channel means that one is waiting to be heard already.
            let _ = tell.try_send(());
        }
    }
}
