//! What the query strings say.

use std::time::Duration;

use rialto_networks::{Channel, InboxQuery, MessageFilter, MessageId, ParticipantId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::ChannelType;
use crate::http::{Problem, paging};

/// The longest that one may wait for an inbox to fill, in seconds.
const WAIT_SECONDS_MAX: u32 = 30;
/// The most messages of an inbox in one answer.
const INBOX_MAX: u32 = 200;

/// Which networks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many at most; 50 when left out.
    #[param(minimum = 1, maximum = 200, example = 50)]
    pub limit: Option<i64>,
    /// How many to pass over.
    #[param(minimum = 0, example = 0)]
    pub offset: Option<i64>,
}

/// Which messages of a network.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    /// How many at most; 100 when left out.
    #[param(minimum = 1, maximum = 500, example = 100)]
    pub limit: Option<i64>,
    /// How many to pass over. `after` is better for many.
    #[param(minimum = 0, example = 0)]
    pub offset: Option<i64>,
    /// Only those that travelled like this: `call`, `message` or `mailbox`. There are none of any other kind.
    #[param(example = "message")]
    channel_type: Option<String>,
    /// Only those to or from this participant.
    participant_id: Option<ParticipantId>,
    /// Only those behind this `seq`.
    #[param(minimum = 0, example = 0)]
    after: Option<i64>,
}

impl MessagesQuery {
    /// What is asked for; `None` when that is a kind of message that there is none of.
    pub fn filter(&self) -> Option<MessageFilter> {
        let channel = match &self.channel_type {
            Some(word) => Some(Channel::from_word(word)?),
            None => None,
        };
        Some(MessageFilter { channel, participant: self.participant_id, after: self.after.unwrap_or(0) })
    }
}

/// Which messages of an inbox.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InboxParams {
    /// Only those that travelled like this.
    #[param(inline)]
    channel_type: Option<ChannelType>,
    /// How many at most; 50 when left out.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
    /// Only those behind this `seq`.
    #[param(minimum = 0, example = 0)]
    after: Option<i64>,
    /// While there is nothing, wait so many seconds for something to come.
    #[param(minimum = 0, maximum = 30, example = 0)]
    wait: Option<u32>,
}

impl InboxParams {
    /// What is asked for.
    pub fn query(&self) -> Result<InboxQuery, Problem> {
        let limit = paging::page(self.limit, None, 50, INBOX_MAX)?.limit();
        let limit = u32::try_from(limit).unwrap_or(INBOX_MAX);
        Ok(InboxQuery { channel: self.channel_type.map(Channel::from), after: self.after.unwrap_or(0), limit })
    }

    /// How long to wait for it.
    pub fn patience(&self) -> Result<Duration, Problem> {
        match self.wait.unwrap_or(0) {
            seconds @ 0..=WAIT_SECONDS_MAX => Ok(Duration::from_secs(seconds.into())),
            _ => Err(Problem::invalid("query.wait", format!("must be between 0 and {WAIT_SECONDS_MAX}"))),
        }
    }
}

/// Which messages of an inbox, as they come.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StreamParams {
    /// Only those that travel like this.
    #[param(inline)]
    channel_type: Option<ChannelType>,
    /// Only those behind this `seq`. Left out, all that were not acknowledged come first.
    #[param(minimum = 0, example = 0)]
    pub after: Option<i64>,
}

impl StreamParams {
    /// The channel that is asked for.
    pub fn channel(&self) -> Option<Channel> {
        self.channel_type.map(Channel::from)
    }
}

/// How many lines of context.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ContextQuery {
    /// How many at most; 50 when left out.
    #[param(minimum = 1, maximum = 200, example = 50)]
    pub limit: Option<i64>,
}

/// What proves that one may speak as a participant: `token`, or `sig` and `exp`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CapabilityQuery {
    /// The token of the participant's own URL, which it was given when it joined.
    #[param(format = Password)]
    pub token: Option<String>,
    /// The signature of the `reply_url` that came with a message.
    pub sig: Option<String>,
    /// Until when that is good, in seconds since 1970.
    pub exp: Option<i64>,
    /// The message that is answered, as that URL says.
    pub in_reply_to: Option<MessageId>,
}
