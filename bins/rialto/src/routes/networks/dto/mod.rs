//! What goes over the wire.

mod message;
mod network;
mod participant;

pub use message::{
    AckRequest, AckResponse, CallResponse, CallbackPayload, ChannelType, ContextEntry, ContextResponse, MessageRequest,
    NetworkMessageResponse,
};
pub use network::{NetworkCreate, NetworkResponse, NetworkUpdate};
pub use participant::{ParticipantJoin, ParticipantKeysResponse, ParticipantResponse, ParticipantUpdate};

/// Makes an enum of the wire from one of the domain: the same words, described in the document.
macro_rules! wire {
    ($(#[$doc:meta])* $name:ident = $domain:ty { $($(#[$vdoc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl From<$name> for $domain {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => <$domain>::$variant),* }
            }
        }
        impl From<$domain> for $name {
            fn from(word: $domain) -> Self {
                match word { $(<$domain>::$variant => Self::$variant),* }
            }
        }
    };
}
use wire;
