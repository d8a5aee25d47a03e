//! Who does the work of tasks. This crate knows neither the broker nor its money: whoever composes the server says how an agent
//! is called.

use async_trait::async_trait;
use rialto_kernel::{AgentId, Caller, Timestamp};
use rialto_store::Tx;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    A2aError,
    model::{Ended, TaskId},
    wire::types::{Artifact, Message, Metadata, Part},
};

/// The work of one task.
#[derive(Debug, Clone)]
pub struct Work {
    /// Its task.
    pub task: TaskId,
    /// On whose behalf.
    pub caller: Caller,
    /// Which agent is asked; `None` for the platform itself.
    pub agent: Option<AgentId>,
    /// What it is asked.
    pub message: Message,
    /// What else is known about the request.
    pub metadata: Option<Metadata>,
}

/// How the work goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// Something was made, or grew.
    Made {
        /// What is new.
        artifact: Artifact,
        /// Whether it goes behind what came before.
        append: bool,
        /// Whether it is complete.
        last_chunk: bool,
    },
    /// It has come to an end, or to rest. Nothing follows.
    Ended(Ended),
}

/// What came of the wish to stop.
#[derive(Debug, Clone, PartialEq)]
pub enum Abandoned {
    /// It has stopped, as of this transaction: no outcome of it will ever count, and none will be paid.
    Stopped,
    /// It goes on by itself, and its outcome counts for nobody but whoever pays for it. The task ends like this.
    LetGo(Ended),
    /// It had ended before, like this, and it counts.
    HadEnded(Ended),
    /// It has not begun yet, as far as anybody can see.
    NotBegun,
}

/// Does the work of tasks.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Answers a message without a task, when that is all that it takes.
    fn answer(&self, _agent: Option<AgentId>, _message: &Message) -> Option<Vec<Part>> {
        None
    }

    /// Whether the same message of the same client is to be worked on only once. It is, wherever work costs money.
    fn is_once(&self, _agent: Option<AgentId>, _message: &Message) -> bool {
        true
    }

    /// Begins. The channel's last word is [`Update::Ended`]; a channel that ends without one has been interrupted.
    fn start(&self, work: Work) -> UnboundedReceiver<Update>;

    /// Judges what is asked of it before there is a task.
    ///
    /// # Errors
    /// [`A2aError::InvalidParams`].
    fn check(&self, _message: &Message, _metadata: Option<&Metadata>) -> Result<(), A2aError> {
        Ok(())
    }

    /// The client does not want the rest of what it was given a part of. Work that costs nothing is stopped; what is to be paid
    /// goes on, and is paid if it ends well: nobody reads the most of an answer for nothing.
    async fn let_go(&self, tx: &mut Tx, task: TaskId, now: Timestamp) -> Result<Abandoned, A2aError> {
        self.abandon(tx, task, now).await
    }

    /// Stops the work of a task in the transaction that ends the task, which is locked.
    async fn abandon(&self, tx: &mut Tx, task: TaskId, now: Timestamp) -> Result<Abandoned, A2aError>;
}
