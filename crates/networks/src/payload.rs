//! What a participant is sent, and how it is signed.

use std::time::Duration;

use rialto_kernel::Timestamp;
use rialto_outbound::{CallLimits, Method, OutboundError, OutboundRequest};
use rialto_registry::{CredentialCipher, CredentialHeader, cipher::Sealed, credential_for};
use rialto_store::Tx;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    agent::followed,
    context::{Entry, lines_before},
    error::NetworkError,
    model::{Channel, MessageId, Network, NetworkId, Participant, ParticipantId, Peer},
    secret::CallbackUrls,
    store::ParticipantStore,
};

/// How many lines of what was said before go with a message, and with a call.
const CONTEXT_LINES: u32 = 20;
const CALL_CONTEXT_LINES: u32 = 30;
/// The most characters of all these lines together.
const CONTEXT_CHARS_MAX: usize = 65_536;

/// What is told of a participant.
#[derive(Debug, Serialize)]
struct Person<'a> {
    participant_id: ParticipantId,
    name: &'a str,
}

impl<'a> From<&'a Peer> for Person<'a> {
    fn from(peer: &'a Peer) -> Self {
        Self { participant_id: peer.id, name: &peer.name }
    }
}

/// The body of a delivery.
#[derive(Debug, Serialize)]
struct Payload<'a> {
    network_id: NetworkId,
    message_id: MessageId,
    channel: Channel,
    sender: Person<'a>,
    content: &'a str,
    context: &'a [Entry],
    reply_url: &'a str,
    network_participants: Vec<Person<'a>>,
}

/// A message that is to go to a callback.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub message: MessageId,
    pub seq: i64,
    pub channel: Channel,
    pub sender: Peer,
    pub content: String,
    pub recipient: Participant,
    pub endpoint: String,
    pub credential: Option<CredentialHeader>,
    pub secrets: Vec<Sealed>,
    pub peers: Vec<Peer>,
    pub context: Vec<Entry>,
}

/// A message, before it is known where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    pub message: MessageId,
    pub seq: i64,
    pub channel: Channel,
    pub sender: Peer,
    pub content: String,
}

/// Gathers all that a delivery takes. The agent's credential goes along only when the agent is the network owner's own:
/// whoever else wants to call it pays for that, through the broker.
pub(crate) async fn pack(
    tx: &mut Tx,
    agents: &CredentialCipher,
    network: &Network,
    recipient: Participant,
    contents: Contents,
    now: Timestamp,
) -> Result<Parcel, NetworkError> {
    let (mut endpoint, mut credential) = (recipient.callback_url.clone().ok_or(NetworkError::NoCallback)?, None);
    if let Some(agent) = followed(tx, network, &recipient).await? {
        if agent.owner == network.owner {
            credential = credential_for(tx, agents, &agent).await?;
        }
        endpoint = agent.endpoint;
    }
    let lines = if contents.channel == Channel::Call { CALL_CONTEXT_LINES } else { CONTEXT_LINES };
    let lines = lines_before(tx, network.id, contents.seq, lines, CONTEXT_CHARS_MAX).await?;
    Ok(Parcel {
        secrets: tx.list_secrets(recipient.id, now).await?,
        peers: tx.list_peers(network.id).await?,
        context: lines.into_iter().rev().map(Entry::from).collect(),
        message: contents.message,
        seq: contents.seq,
        channel: contents.channel,
        sender: contents.sender,
        content: contents.content,
        recipient,
        endpoint,
        credential,
    })
}

impl Parcel {
    /// The request, signed at `now`.
    pub(crate) fn request(
        &self,
        urls: &CallbackUrls,
        secrets: &CredentialCipher,
        limits: CallLimits,
        now: Timestamp,
    ) -> Result<OutboundRequest, OutboundError> {
        let payload = Payload {
            network_id: self.recipient.network,
            message_id: self.message,
            channel: self.channel,
            sender: (&self.sender).into(),
            content: &self.content,
            context: &self.context,
            reply_url: &urls.signed(&self.recipient, self.message, now),
            network_participants: self.peers.iter().map(Person::from).collect(),
        };
        let body = serde_json::to_vec(&payload).map_err(|error| OutboundError::Request(error.to_string()))?;
        let open = |sealed| secrets.open(self.recipient.id, sealed).ok();
        let opened: Vec<Zeroizing<String>> = self.secrets.iter().filter_map(open).collect();
        let mut request = OutboundRequest::new(Method::POST, self.endpoint.as_str())
            .user_agent("Rialto-Network/1.0")
            .limits(limits)
            .signed_json(opened.iter().map(|secret| secret.as_str()), &self.message.to_string(), now.seconds(), body)?;
        if let Some(credential) = &self.credential {
            request = request.text_header(&credential.name, &credential.value)?;
        }
        Ok(request)
    }
}

/// Limits of one call of a callback: so long in all, and so much in answer.
pub(crate) fn limits(patience: Duration, response_bytes_max: u64) -> CallLimits {
    CallLimits { first_byte: patience, idle: patience, total: patience, response_bytes_max }
}
