//! What goes over the wire, and what may.

use std::{fmt, str::FromStr};

use bytestring::ByteString;
use rialto_kernel::Timestamp;
use rialto_store::outbox::Recorded;
use serde::Serialize;
use serde_json::Value;

/// The kinds of events that everybody may see, each with its name on the wire. All others stay inside: the streams ask
/// nobody who they are.
const PUBLIC: [(&str, &str); 9] = [
    ("order.placed", "OrderPlaced"),
    ("trade.matched", "TradeMatched"),
    ("trade.settled", "SettlementComplete"),
    ("trade.completed", "TradeCompleted"),
    ("simulation.tick", "SimulationTick"),
    ("simulation.started", "SimulationStarted"),
    ("simulation.stopped", "SimulationStopped"),
    ("simulation.completed", "SimulationCompleted"),
    ("simulation.error", "SimulationError"),
];

/// The kinds that are published.
pub fn public_kinds() -> Vec<String> {
    PUBLIC.iter().map(|(kind, _)| (*kind).to_owned()).collect()
}

/// The names on the wire.
pub fn names() -> impl Iterator<Item = &'static str> {
    PUBLIC.iter().map(|(_, name)| *name)
}

/// A set of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Types(u16);

impl Types {
    const fn only(place: usize) -> Self {
        Self(1 << place)
    }

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl FromStr for Types {
    type Err = UnknownType;

    /// Names, separated by commas.
    fn from_str(text: &str) -> Result<Self, UnknownType> {
        text.split(',').try_fold(Self(0), |types, name| {
            let name = name.trim();
            let place = names().position(|known| known == name).ok_or_else(|| UnknownType(name.chars().take(40).collect()))?;
            Ok(Self(types.0 | Self::only(place).0))
        })
    }
}

/// There is no type of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownType(String);

impl fmt::Display for UnknownType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown type {:?}; the types are {}", self.0, names().collect::<Vec<_>>().join(", "))
    }
}

/// What a client wants to hear of.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these types.
    pub types: Option<Types>,
    /// Only events about this capability.
    pub capability: Option<String>,
    /// Only events of simulations, or only those of nothing simulated.
    pub simulated: Option<bool>,
}

impl Filter {
    /// Whether the client wants it.
    pub fn wants(&self, frame: &Frame) -> bool {
        self.types.is_none_or(|types| types.meets(frame.types))
            && self.simulated.is_none_or(|simulated| simulated == frame.simulated)
            && self.capability.as_deref().is_none_or(|capability| frame.capability.as_deref() == Some(capability))
    }
}

/// An event, serialized once for all who hear of it.
#[derive(Debug)]
pub struct Frame {
    /// Its sequence number.
    pub seq: i64,
    types: Types,
    capability: Option<Box<str>>,
    /// Whether it happened in a simulation: these name their run, and nothing else does.
    simulated: bool,
    /// As a server-sent event, which holds the message.
    sse: ByteString,
    /// The message alone: a part of the same text.
    message: ByteString,
}

#[derive(Serialize)]
struct Envelope<'a> {
    event: &'static str,
    data: &'a Value,
    timestamp: Timestamp,
    seq: i64,
}

impl Frame {
    /// `None` for events that are not for everybody.
    pub fn of(event: &Recorded) -> Option<Self> {
        let place = PUBLIC.iter().position(|(kind, _)| *kind == event.kind)?;
        let (_, name) = PUBLIC.get(place)?;
        let envelope = Envelope { event: name, data: &event.data, timestamp: event.at, seq: event.seq };
        // JSON of serde has no line breaks, which would end a line of server-sent events.
        let json = serde_json::to_string(&envelope).ok()?;
        let sse = ByteString::from(format!("id: {}\nevent: {name}\ndata: {json}\n\n", event.seq));
        let end = sse.len().checked_sub(2)?;
        let message = sse.slice_ref(sse.get(end.checked_sub(json.len())?..end)?);
        let capability = event.data.get("capability").and_then(Value::as_str).map(Into::into);
        let simulated = event.data.get("run_id").is_some();
        Some(Self { seq: event.seq, types: Types::only(place), capability, simulated, sse, message })
    }

    /// The message, as a WebSocket carries it.
    pub fn message(&self) -> ByteString {
        self.message.clone()
    }

    /// The message as a server-sent event.
    pub fn sse(&self) -> ByteString {
        self.sse.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recorded(kind: &str, data: Value) -> Recorded {
        let (subject, at) = (uuid::Uuid::nil(), Timestamp::from_micros(1_764_000_000_000_000));
        Recorded { seq: 7, kind: kind.into(), subject, owner: None, data, at }
    }

    #[test]
    fn a_frame_is_the_envelope_of_the_reference_with_its_number() {
        let data = json!({"capability": "translation", "text": "two\nlines"});
        let frame = Frame::of(&recorded("trade.settled", data.clone())).unwrap();
        let message: Value = serde_json::from_str(&frame.message()).unwrap();
        let timestamp = "2025-11-24T16:00:00.000000Z";
        assert_eq!(message, json!({"event": "SettlementComplete", "data": data, "timestamp": timestamp, "seq": 7}));
        assert_eq!(&*frame.sse(), format!("id: 7\nevent: SettlementComplete\ndata: {}\n\n", frame.message()));
    }

    #[test]
    fn what_is_not_for_everybody_is_no_frame() {
        for kind in ["wallet.credited", "agent.registered", "invocation.completed", "OrderPlaced", ""] {
            assert!(Frame::of(&recorded(kind, json!({}))).is_none(), "{kind}");
        }
    }

    #[test]
    fn filters_choose_by_type_and_by_capability() {
        let frame = Frame::of(&recorded("order.placed", json!({"capability": "a"}))).unwrap();
        let bare = Frame::of(&recorded("simulation.tick", json!({"tick": 1}))).unwrap();
        let filter = |types: Option<&str>, capability: Option<&str>| Filter {
            types: types.map(|types| types.parse().unwrap()),
            capability: capability.map(str::to_owned),
            simulated: None,
        };
        let wanted = |types, capability| [&frame, &bare].map(|frame| filter(types, capability).wants(frame));
        assert_eq!(wanted(None, None), [true, true]);
        assert_eq!(wanted(Some("OrderPlaced"), None), [true, false]);
        assert_eq!(wanted(Some("SimulationError, SimulationTick"), None), [false, true]);
        assert_eq!(wanted(None, Some("a")), [true, false]);
        assert_eq!(wanted(None, Some("b")), [false, false]);
        assert_eq!(wanted(Some("SimulationTick"), Some("a")), [false, false]);
        let of_a_run = Frame::of(&recorded("order.placed", json!({"capability": "a", "run_id": "r"}))).unwrap();
        let only = |simulated| Filter { simulated, ..Filter::default() };
        let wanted = |simulated| [&frame, &of_a_run].map(|frame| only(simulated).wants(frame));
        assert_eq!([wanted(None), wanted(Some(false)), wanted(Some(true))], [[true, true], [true, false], [false, true]]);
        for unknown in ["", "order.placed", "OrderPlaced,", "orderplaced"] {
            assert!(unknown.parse::<Types>().is_err(), "{unknown}");
        }
    }
}
