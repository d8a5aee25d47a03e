//! What networks ask of a transaction.

use std::future::Future;

use rialto_jobs::lanes::Lease;
use rialto_kernel::{AgentId, Event, Id, OwnerId, Page, PageRequest, Timestamp};
use rialto_registry::cipher::Sealed;
use rialto_store::StoreError;
use serde_json::Value;

use crate::model::{
    Channel, DeliveryStatus, Letter, Line, Message, MessageId, Network, NetworkId, Participant, ParticipantId, ParticipantStatus,
    Peer,
};

/// Networks. None of these sees one that was deleted.
pub trait NetworkStore: Send {
    /// Keeps a new network.
    fn insert_network(&mut self, new: &Network) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a network, whoever's it is.
    fn find_network(&mut self, id: NetworkId) -> impl Future<Output = Result<Option<Network>, StoreError>> + Send;

    /// Reads a network and keeps others from changing it, or who takes part, until the transaction ends.
    fn lock_network(&mut self, id: NetworkId) -> impl Future<Output = Result<Option<Network>, StoreError>> + Send;

    /// Writes a locked network back.
    fn save_network(&mut self, network: &Network) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Marks a network as deleted. What was said in it goes later: [`NetworkStore::purge_messages`].
    fn delete_network(&mut self, id: NetworkId, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The networks of `owner`, the newest first.
    fn list_networks(
        &mut self,
        owner: OwnerId,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Network>, StoreError>> + Send;

    /// Removes at most `limit` messages of one deleted network, or marks it as purged when it has none left. `None` when
    /// there is nothing to do.
    fn purge_messages(&mut self, limit: u32) -> impl Future<Output = Result<Option<usize>, StoreError>> + Send;

    /// Writes a fact.
    fn append_event(&mut self, event: Event) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Who takes part.
pub trait ParticipantStore: Send {
    /// Keeps a new participant of a locked network, with an empty lane.
    fn insert_participant(&mut self, new: &Participant, owner: OwnerId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a participant, one that has left too.
    fn find_participant(
        &mut self,
        network: NetworkId,
        id: ParticipantId,
    ) -> impl Future<Output = Result<Option<Participant>, StoreError>> + Send;

    /// Reads a participant; whoever else wants to lock it waits.
    fn lock_participant(
        &mut self,
        network: NetworkId,
        id: ParticipantId,
    ) -> impl Future<Output = Result<Option<Participant>, StoreError>> + Send;

    /// Writes a participant of a locked network back.
    fn save_participant(&mut self, participant: &Participant) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The active participants, the oldest first.
    fn list_participants(&mut self, network: NetworkId) -> impl Future<Output = Result<Vec<Participant>, StoreError>> + Send;

    /// The active participants in short, the oldest first.
    fn list_peers(&mut self, network: NetworkId) -> impl Future<Output = Result<Vec<Peer>, StoreError>> + Send;

    /// How many have a place: active or disconnected.
    fn count_places(&mut self, network: NetworkId) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// The active participant that is this agent.
    fn find_agent_here(
        &mut self,
        network: NetworkId,
        agent: AgentId,
    ) -> impl Future<Output = Result<Option<ParticipantId>, StoreError>> + Send;

    /// Puts a signing secret in force; those before it are valid until `retire_at`.
    fn put_secret(
        &mut self,
        participant: ParticipantId,
        secret: &Sealed,
        retire_at: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The signing secrets that are valid at `now`, the newest first.
    fn list_secrets(
        &mut self,
        participant: ParticipantId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Sealed>, StoreError>> + Send;
}

/// A message about to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its id.
    pub id: MessageId,
    /// In which network.
    pub network: NetworkId,
    /// Who says it.
    pub sender: ParticipantId,
    /// To whom.
    pub recipient: Option<ParticipantId>,
    /// How it travels.
    pub channel: Channel,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// By which a repeat is known.
    pub dedupe: Option<Vec<u8>>,
    /// What is said.
    pub content: String,
    /// What else its sender wants to remember.
    pub metadata: Option<Value>,
}

/// Which messages of a network are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Only those that travelled like this.
    pub channel: Option<Channel>,
    /// Only those to or from this participant.
    pub participant: Option<ParticipantId>,
    /// Only those behind this place.
    pub after: i64,
}

/// Which messages of an inbox are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxQuery {
    /// Only those that travelled like this.
    pub channel: Option<Channel>,
    /// Only those behind this place.
    pub after: i64,
    /// How many at most.
    pub limit: u32,
}

/// What is said, and how far it has come.
pub trait MessageStore: Send {
    /// Keeps a message.
    fn insert_message(&mut self, draft: &Draft, now: Timestamp) -> impl Future<Output = Result<Message, StoreError>> + Send;

    /// Begins the delivery of a message to its recipient.
    fn insert_delivery(
        &mut self,
        message: &Message,
        status: DeliveryStatus,
        queued: bool,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a message of a network.
    fn find_message(
        &mut self,
        network: NetworkId,
        id: MessageId,
    ) -> impl Future<Output = Result<Option<Letter>, StoreError>> + Send;

    /// The place up to which no message of a network can come any more, however the transactions that are under way end. To be
    /// asked before what is read up to there.
    fn settled_place(&mut self, network: NetworkId) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Messages of a network up to a place, the oldest first.
    fn list_messages(
        &mut self,
        network: NetworkId,
        filter: &MessageFilter,
        upto: i64,
        page: PageRequest,
    ) -> impl Future<Output = Result<Vec<Letter>, StoreError>> + Send;

    /// Messages up to a place that a participant has not acknowledged, and that have not failed, the oldest first.
    fn list_inbox(
        &mut self,
        participant: ParticipantId,
        query: &InboxQuery,
        upto: i64,
    ) -> impl Future<Output = Result<Vec<Letter>, StoreError>> + Send;

    /// Marks those of these messages as read that are in the network, to `participant` if one is given, and neither read yet nor
    /// failed.
    /// Returns how many that were.
    fn set_read(
        &mut self,
        network: NetworkId,
        participant: Option<ParticipantId>,
        ids: &[MessageId],
        now: Timestamp,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// What was said last before the place `before`, the newest first.
    fn list_lines(
        &mut self,
        network: NetworkId,
        before: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Line>, StoreError>> + Send;

    /// The places of what was said last, the newest first.
    fn list_places(&mut self, network: NetworkId, limit: u32) -> impl Future<Output = Result<Vec<i64>, StoreError>> + Send;

    /// The last message of `sender` with this digest, if it is from `since` or later.
    fn find_repeat(
        &mut self,
        sender: ParticipantId,
        dedupe: &[u8],
        since: Timestamp,
    ) -> impl Future<Output = Result<Option<Letter>, StoreError>> + Send;

    /// Whether one of the last thousand messages to `recipient` is from `sender`.
    fn has_written(
        &mut self,
        sender: ParticipantId,
        recipient: ParticipantId,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// The message at the head of a lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Its place.
    pub seq: i64,
    /// How often it was tried.
    pub attempts: i32,
    /// Its id.
    pub message: MessageId,
    /// In which network.
    pub network: NetworkId,
    /// Who says it.
    pub sender: Peer,
    /// How it travels.
    pub channel: Channel,
    /// What is said.
    pub content: String,
}

/// What one attempt at a delivery came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// Where the delivery is now, unless the recipient has read the message meanwhile.
    pub status: DeliveryStatus,
    /// Why it went wrong, if it did.
    pub error: Option<String>,
    /// When it ended.
    pub at: Timestamp,
}

/// What becomes of what waits in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dismissal {
    /// It has failed, for this reason, if it was sent at this moment or before.
    Fail {
        /// Why, fit for a stranger.
        why: String,
        /// The youngest that fails.
        until: Timestamp,
    },
    /// It stays pending, for the recipient to look for.
    Leave,
}

/// The lanes in which messages wait to be pushed, one a participant, each served by one worker at a time.
pub trait LaneStore: Send {
    /// Makes a lane due in which nothing waited until now.
    fn rouse_lane(&mut self, id: ParticipantId, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lanes in which something waits, by when they are due, and whose they are, but none of these owners.
    fn list_lanes(
        &mut self,
        except: &[OwnerId],
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(ParticipantId, OwnerId, Timestamp)>, StoreError>> + Send;

    /// Leases those of these lanes that are still due, and tells whose they are.
    fn lease_lanes(
        &mut self,
        ids: &[ParticipantId],
        lease: Id<Lease>,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<(ParticipantId, OwnerId)>, StoreError>> + Send;

    /// Renews those of these leases that are this worker's still, and that nobody is writing to; gives how many.
    fn renew_lanes(
        &mut self,
        ids: &[ParticipantId],
        lease: Id<Lease>,
        until: Timestamp,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Gives up all leases of one worker, or of everybody.
    fn free_lanes(&mut self, lease: Option<Id<Lease>>, now: Timestamp) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Locks a lane that is leased like this, and tells since when its first message is tried in vain; `None` when the lease
    /// is lost.
    fn lock_lane(
        &mut self,
        id: ParticipantId,
        lease: Id<Lease>,
    ) -> impl Future<Output = Result<Option<Option<Timestamp>>, StoreError>> + Send;

    /// The first message that waits in a lane.
    fn find_head(&mut self, id: ParticipantId) -> impl Future<Output = Result<Option<Head>, StoreError>> + Send;

    /// Counts an attempt at a delivery, and writes down what came of it.
    fn set_attempted(
        &mut self,
        seq: i64,
        recipient: ParticipantId,
        attempted: &Attempted,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes at most `limit` messages out of a lane. Returns how many that were.
    fn dismiss(
        &mut self,
        id: ParticipantId,
        how: &Dismissal,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// How a participant takes part.
    fn find_status(&mut self, id: ParticipantId) -> impl Future<Output = Result<Option<ParticipantStatus>, StoreError>> + Send;
    /// Whether anything is pending for a participant, in its lane or not. Calls are not: they end by themselves.
    fn is_awaited(&mut self, id: ParticipantId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Fails at most `limit` of what is pending for a participant, in its lane or not. Returns how many that were.
    fn abandon(
        &mut self,
        id: ParticipantId,
        why: &str,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Gives back a locked lane as if nothing waited in it. What does waits until the lane is roused.
    fn park_lane(&mut self, id: ParticipantId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Makes a lane due whose participant has come back or left. Unlike [`LaneStore::rouse_lane`] it waits for whoever has locked
    /// the lane.
    fn recall_lane(&mut self, id: ParticipantId, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives back a locked lane in which nothing waits any more; `false` when something does, and nothing has changed.
    fn close_lane(&mut self, id: ParticipantId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Gives back a locked lane until `due_at`, or keeps it when that is `None`, and writes down since when its first message
    /// is tried in vain.
    fn set_lane(
        &mut self,
        id: ParticipantId,
        due_at: Option<Timestamp>,
        failing_since: Option<Timestamp>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The name of an idempotency claim: enough to finish it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimName {
    /// Whose key, and for which operation.
    pub scope: String,
    /// What the client sent.
    pub key: String,
}

/// A call that nobody will finish any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleCall {
    /// The message that was sent.
    pub message: MessageId,
    /// Its place and its recipient; `None` when the network was deleted and purged.
    pub delivery: Option<(i64, ParticipantId)>,
    /// The claim to finish with it.
    pub claim: Option<ClaimName>,
}

/// Calls that are being made.
pub trait CallStore: Send {
    /// Notes a call that is about to be made.
    fn open_call(
        &mut self,
        message: MessageId,
        expires_at: Timestamp,
        claim: Option<&ClaimName>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Strikes out a call that has ended. Whether it was still noted.
    fn close_call(&mut self, message: MessageId) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// Calls whose time is over at `now`, at most `limit`.
    fn list_stale_calls(&mut self, now: Timestamp, limit: u32)
    -> impl Future<Output = Result<Vec<StaleCall>, StoreError>> + Send;
}
