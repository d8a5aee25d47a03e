//! Conversations, as their owner reads and tidies them. Nobody else can tell that they exist.

use rialto_kernel::{Caller, Page, PageRequest, Timestamp};

use crate::{
    error::BrokerError,
    model::{Conversation, ConversationFilter, ConversationId, Message, MessageId},
    store::ConversationStore,
};

/// Lists the caller's conversations, the newest first.
///
/// # Errors
/// The store's.
pub async fn list_conversations(
    tx: &mut impl ConversationStore,
    caller: &Caller,
    filter: &ConversationFilter,
    page: PageRequest,
) -> Result<Page<Conversation>, BrokerError> {
    Ok(tx.list_conversations(caller.owner, filter, page).await?)
}

/// Reads one conversation of the caller.
///
/// # Errors
/// [`BrokerError::ConversationUnknown`].
pub async fn find_conversation(
    tx: &mut impl ConversationStore,
    caller: &Caller,
    id: ConversationId,
) -> Result<Conversation, BrokerError> {
    tx.find_conversation(caller.owner, id).await?.ok_or(BrokerError::ConversationUnknown)
}

/// Names a conversation, or takes its name away.
///
/// # Errors
/// [`BrokerError::ReadOnly`], [`BrokerError::ConversationUnknown`].
pub async fn rename_conversation(
    tx: &mut impl ConversationStore,
    caller: &Caller,
    id: ConversationId,
    title: Option<&str>,
    now: Timestamp,
) -> Result<Conversation, BrokerError> {
    writable(caller)?;
    tx.set_conversation_title(caller.owner, id, title, now).await?.ok_or(BrokerError::ConversationUnknown)
}

/// Forgets a conversation and its messages. The calls made in it stay in the logs.
///
/// # Errors
/// [`BrokerError::ReadOnly`], [`BrokerError::ConversationUnknown`].
pub async fn delete_conversation(
    tx: &mut impl ConversationStore,
    caller: &Caller,
    id: ConversationId,
) -> Result<(), BrokerError> {
    writable(caller)?;
    if tx.delete_conversation(caller.owner, id).await? { Ok(()) } else { Err(BrokerError::ConversationUnknown) }
}

/// Lists the messages of a conversation, the oldest first.
///
/// # Errors
/// [`BrokerError::ConversationUnknown`].
pub async fn list_messages(
    tx: &mut impl ConversationStore,
    caller: &Caller,
    id: ConversationId,
    page: PageRequest,
) -> Result<Page<Message>, BrokerError> {
    find_conversation(tx, caller, id).await?;
    Ok(tx.list_messages(id, page).await?)
}

/// Reads one message of a conversation.
///
/// # Errors
/// [`BrokerError::ConversationUnknown`], [`BrokerError::MessageUnknown`].
pub async fn find_message(
    tx: &mut impl ConversationStore,
    caller: &Caller,
    id: ConversationId,
    message: MessageId,
) -> Result<Message, BrokerError> {
    find_conversation(tx, caller, id).await?;
    tx.find_message(id, message).await?.ok_or(BrokerError::MessageUnknown)
}

fn writable(caller: &Caller) -> Result<(), BrokerError> {
    if caller.may_write(caller.owner) { Ok(()) } else { Err(BrokerError::ReadOnly) }
}
