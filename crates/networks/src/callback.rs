//! What comes in by a participant's own URL. The URL is all the proof there is: whoever has it speaks as the participant.

use std::time::Duration;

use rialto_kernel::Timestamp;
use rialto_registry::store::AgentStore;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    agent::active,
    check,
    error::{NetworkError, Whose},
    model::{
        Channel, DeliveryStatus, Letter, Message, MessageId, Network, NetworkId, NetworkStatus, Participant, ParticipantId,
        ParticipantStatus,
    },
    secret::{CallbackUrls, Capability},
    send::{judge_way, put, recipient},
    store::{Draft, LaneStore, MessageStore, NetworkStore, ParticipantStore},
};

/// For how long the same words, said to nobody's question and without a key, are taken for a repeat.
const REPEAT_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What a participant says.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What: up to 65,536 characters.
    pub content: String,
    /// To whom. Left out in an answer, it is whoever asked; otherwise it is for nobody in particular.
    pub recipient: Option<ParticipantId>,
    /// How it travels.
    pub channel: Channel,
    /// What else there is to remember; an object.
    pub metadata: Option<Value>,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// A key of the participant's own, by which a repeat is known.
    pub key: Option<String>,
    /// The id of what it sends, as webhooks have it: a key as well, unless it is that of what it was sent.
    pub webhook_id: Option<String>,
}

/// What became of what was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The message.
    pub letter: Letter,
    /// Whether it had been heard before, and nothing has changed now.
    pub repeated: bool,
}

/// Takes in what a participant says by its own URL.
///
/// A message that answers one which the recipient has sent goes through any topology; others go where the topology lets the
/// participant begin. A repeat makes no second message: with a key, the same key; in an answer, the same answer to the same
/// message; otherwise the same words within five minutes. A key that comes again with other words is refused.
///
/// It locks the participant. Whoever lets strangers in asks [`judge`] first.
///
/// # Errors
/// [`NetworkError::Invalid`], [`NetworkError::ParticipantUnknown`], [`NetworkError::BadCapability`], [`NetworkError::KeyReused`],
/// [`NetworkError::NetworkNotActive`], [`NetworkError::ParticipantNotActive`], [`NetworkError::AgentNotActive`],
/// [`NetworkError::MessageUnknown`], [`NetworkError::RecipientUnknown`], [`NetworkError::RecipientNotActive`],
/// [`NetworkError::Topology`].
pub async fn hear(
    tx: &mut (impl NetworkStore + ParticipantStore + MessageStore + LaneStore + AgentStore),
    urls: &CallbackUrls,
    shown: &Capability,
    network: NetworkId,
    id: ParticipantId,
    said: &Said,
    now: Timestamp,
) -> Result<Heard, NetworkError> {
    check::content(&said.content)?;
    check::object("metadata", said.metadata.as_ref())?;
    // Repeats that come at the same time wait for each other here.
    let speaker = tx.lock_participant(network, id).await?.ok_or(NetworkError::BadCapability)?;
    if !urls.accept(&speaker, shown, now) {
        return Err(NetworkError::BadCapability);
    }
    let network = tx.find_network(network).await?.ok_or(NetworkError::ParticipantUnknown)?;
    if network.status != NetworkStatus::Active {
        return Err(NetworkError::NetworkNotActive);
    }
    if speaker.status != ParticipantStatus::Active {
        return Err(NetworkError::ParticipantNotActive);
    }
    active(tx, &speaker, Whose::Sender).await?;
    let key = key_of(tx, &speaker, said).await?;
    let (dedupe, since) = repeat_of(said, key, now);
    if let Some(letter) = tx.find_repeat(speaker.id, &dedupe, since).await? {
        if key.is_some() && !says(&letter.message, said) {
            return Err(NetworkError::KeyReused);
        }
        return Ok(Heard { letter, repeated: true });
    }
    let recipient = whom(tx, &network, &speaker, said).await?;
    let draft = Draft {
        id: MessageId::new(),
        network: network.id,
        sender: speaker.id,
        recipient: recipient.as_ref().map(|recipient| recipient.id),
        channel: said.channel,
        in_reply_to: said.in_reply_to,
        dedupe: Some(dedupe),
        content: said.content.clone(),
        metadata: said.metadata.clone(),
    };
    let push = said.channel == Channel::Message && recipient.is_some_and(|recipient| recipient.callback_url.is_some());
    let letter = put(tx, draft, DeliveryStatus::Pending, push, now).await?;
    Ok(Heard { letter, repeated: false })
}

/// Whether `shown` lets one speak as this participant, before anything is locked. Nobody is told whether there is one.
///
/// # Errors
/// [`NetworkError::BadCapability`].
pub async fn judge(
    tx: &mut impl ParticipantStore,
    urls: &CallbackUrls,
    shown: &Capability,
    network: NetworkId,
    id: ParticipantId,
    now: Timestamp,
) -> Result<(), NetworkError> {
    let found = tx.find_participant(network, id).await?;
    if found.is_some_and(|speaker| urls.accept(&speaker, shown, now)) { Ok(()) } else { Err(NetworkError::BadCapability) }
}

/// The key by which a repeat is known. A participant that sends back the `webhook-id` of what it was sent names the question, and
/// may have several things to say to it.
async fn key_of<'s>(tx: &mut impl MessageStore, speaker: &Participant, said: &'s Said) -> Result<Option<&'s str>, NetworkError> {
    let (None, Some(given)) = (&said.key, &said.webhook_id) else { return Ok(said.key.as_deref()) };
    let heard = match given.parse() {
        Ok(id) => tx.find_message(speaker.network, id).await?,
        Err(_) => None,
    };
    let is_echo = heard.is_some_and(|letter| letter.message.recipient == Some(speaker.id));
    Ok(Some(given.as_str()).filter(|_| !is_echo))
}

/// Whether a message says this.
fn says(message: &Message, said: &Said) -> bool {
    message.content == said.content
        && message.channel == said.channel
        && message.in_reply_to == said.in_reply_to
        && said.recipient.is_none_or(|recipient| message.recipient == Some(recipient))
}

/// By which a repeat is known, and how far back.
fn repeat_of(said: &Said, key: Option<&str>, now: Timestamp) -> (Vec<u8>, Timestamp) {
    let digest = |kind: &str, text: &str| {
        let mut digest = Sha256::new_with_prefix(kind);
        digest.update([0]);
        digest.update(text);
        digest.finalize().to_vec()
    };
    if let Some(key) = key {
        return (digest("key", key), Timestamp::default());
    }
    let text = json!([said.content, said.recipient, said.channel, said.metadata, said.in_reply_to]).to_string();
    match said.in_reply_to {
        Some(_) => (digest("answer", &text), Timestamp::default()),
        None => (digest("words", &text), now.before(REPEAT_WITHIN)),
    }
}

/// Whom it is for, if the topology has a way there.
async fn whom(
    tx: &mut (impl ParticipantStore + MessageStore + AgentStore),
    network: &Network,
    speaker: &Participant,
    said: &Said,
) -> Result<Option<Participant>, NetworkError> {
    let answered = match said.in_reply_to {
        Some(id) => Some(tx.find_message(network.id, id).await?.ok_or(NetworkError::MessageUnknown)?.message),
        None => None,
    };
    let asker = answered.filter(|message| message.recipient == Some(speaker.id)).map(|message| message.sender);
    let Some(id) = said.recipient.or(asker) else { return Ok(None) };
    let recipient = recipient(tx, network, id).await?;
    // An answer is no beginning, whether or not it says what it answers.
    if asker != Some(id)
        && let Err(detour) = judge_way(tx, network, speaker, &recipient).await
        && !tx.has_written(id, speaker.id).await?
    {
        return Err(detour);
    }
    Ok(Some(recipient))
}
