//! What the broker asks of a transaction.

use std::future::Future;

use rialto_kernel::{AgentId, OwnerId, Page, PageRequest, Timestamp};
use rialto_registry::service::ServiceId;
use rialto_store::StoreError;

use crate::model::{
    ClaimName, Conversation, ConversationFilter, ConversationId, Finish, Invocation, InvocationFilter, InvocationId, Message,
    MessageId, NewInvocation,
};
use crate::usage::{CallSum, EndedUsage, NewUsage, RunningUsage, Usage, UsageEnd, UsageFilter, UsageId, UsageParty, UsageSum};

/// Conversations and their messages.
pub trait ConversationStore: Send {
    /// Keeps a new conversation.
    fn insert_conversation(&mut self, new: &Conversation) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a conversation of `owner`.
    fn find_conversation(
        &mut self,
        owner: OwnerId,
        id: ConversationId,
    ) -> impl Future<Output = Result<Option<Conversation>, StoreError>> + Send;

    /// Whether `owner` has this conversation, which cannot be deleted until the transaction ends.
    fn hold_conversation(&mut self, owner: OwnerId, id: ConversationId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Sets when something last happened in a conversation, and locks it. Whether it exists.
    fn touch_conversation(&mut self, id: ConversationId, now: Timestamp)
    -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Names a conversation of `owner`, and returns it.
    fn set_conversation_title(
        &mut self,
        owner: OwnerId,
        id: ConversationId,
        title: Option<&str>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Conversation>, StoreError>> + Send;

    /// Forgets a conversation of `owner` and its messages. Whether it existed.
    fn delete_conversation(
        &mut self,
        owner: OwnerId,
        id: ConversationId,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The conversations of `owner`, the newest first.
    fn list_conversations(
        &mut self,
        owner: OwnerId,
        filter: &ConversationFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Conversation>, StoreError>> + Send;

    /// Keeps a new message.
    fn insert_message(&mut self, new: &Message) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a message.
    fn find_message(
        &mut self,
        conversation: ConversationId,
        id: MessageId,
    ) -> impl Future<Output = Result<Option<Message>, StoreError>> + Send;

    /// The messages of a conversation, the oldest first.
    fn list_messages(
        &mut self,
        conversation: ConversationId,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Message>, StoreError>> + Send;
}

/// Whose calls are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Calls that this owner made, and calls of its agents.
    Either(OwnerId),
    /// Calls that this owner made.
    Caller(OwnerId),
    /// Calls of this agent.
    Agent(AgentId),
    /// Calls of one conversation.
    Conversation(ConversationId),
}

/// A running call, as far as whoever ends it for somebody else has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The call.
    pub id: InvocationId,
    /// Who made it.
    pub caller: OwnerId,
    /// Whom they called.
    pub agent: AgentId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The claim to finish with it.
    pub claim: Option<ClaimName>,
}

/// Calls.
pub trait InvocationStore: Send {
    /// Keeps a call that is about to be made.
    fn insert_invocation(&mut self, new: &NewInvocation, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends a running call. Whether it was running.
    fn finish_invocation(
        &mut self,
        id: InvocationId,
        finish: &Finish,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Reads how a call ended; `None` while it runs.
    fn find_ended(&mut self, id: InvocationId) -> impl Future<Output = Result<Option<Invocation>, StoreError>> + Send;

    /// Whether this call was ever begun.
    fn has_invocation(&mut self, id: InvocationId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Reads a call that runs.
    fn find_running(&mut self, id: InvocationId) -> impl Future<Output = Result<Option<Stale>, StoreError>> + Send;

    /// Running calls whose time is over at `now`, at most `limit`.
    fn list_stale(&mut self, now: Timestamp, limit: u32) -> impl Future<Output = Result<Vec<Stale>, StoreError>> + Send;

    /// Calls that have ended, the newest first.
    fn list_invocations(
        &mut self,
        party: Party,
        filter: &InvocationFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Invocation>, StoreError>> + Send;
}

/// What calls of services come to, kept for each owner, service and day.
pub trait UsageSumStore: Send {
    /// Adds calls that have ended in this transaction, each once, to what those come to who made them and who was called. The rows of
    /// sums are locked after all others, accounts too: do it last.
    fn sum_up(&mut self, ended: &[UsageId]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What the calls that have ended and that a filter lets through come to.
    fn sum_usage(&mut self, party: UsageParty, filter: &UsageFilter)
    -> impl Future<Output = Result<UsageSum, StoreError>> + Send;
}

/// Calls of services. Whoever ends one also adds it up: see [`UsageSumStore::sum_up`].
pub trait UsageStore: Send {
    /// Keeps a call that is about to be made.
    fn insert_usage(&mut self, new: &NewUsage) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps calls that have ended and that nothing was kept of before, and adds them up.
    fn insert_ended_usage(&mut self, calls: &[&EndedUsage]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes one of the calls of `service` that `buyer` has for nothing, if fewer than `calls_max` are taken. Whether it took one.
    fn take_free_call(
        &mut self,
        service: ServiceId,
        buyer: OwnerId,
        calls_max: i64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Whether [`UsageStore::take_free_call`] would take one.
    fn has_free_call(
        &mut self,
        service: ServiceId,
        buyer: OwnerId,
        calls_max: i64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Gives one back that was taken.
    fn return_free_call(&mut self, service: ServiceId, buyer: OwnerId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends a running call. Whether it was running.
    fn finish_usage(
        &mut self,
        id: UsageId,
        end: &UsageEnd,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a running call whose time is over at `now`. Whether there was one.
    fn close_usage(
        &mut self,
        id: UsageId,
        end: &UsageEnd,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Reads how a call ended; `None` while it runs.
    fn find_usage(&mut self, id: UsageId) -> impl Future<Output = Result<Option<Usage>, StoreError>> + Send;

    /// Running calls whose time is over at `now`, at most `limit`.
    fn list_stale_usage(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<RunningUsage>, StoreError>> + Send;

    /// Calls that have ended, the newest first.
    fn list_usage(
        &mut self,
        party: UsageParty,
        filter: &UsageFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Vec<Usage>, StoreError>> + Send;

    /// The active services with the most calls that were delivered since `since`, with those calls.
    fn list_most_delivered(
        &mut self,
        since: Timestamp,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<(ServiceId, CallSum)>, StoreError>> + Send;

    /// The services that a buyer has called most, each with how often.
    fn list_called_by(
        &mut self,
        buyer: OwnerId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(ServiceId, i64)>, StoreError>> + Send;
}
