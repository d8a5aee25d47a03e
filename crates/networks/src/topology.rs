//! Who may begin to talk to whom.

use serde_json::Value;

use crate::{
    error::NetworkError,
    model::{Peer, Topology},
};

/// Where a network's metadata says which ways a custom topology has.
pub const EDGES: &str = "allowed_edges";
/// The most ways that may be listed: each of a full network's participants to each.
pub const EDGES_MAX: usize = 2_500;

/// There is no way from this sender to this recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Detour {
    /// Only the hub of a star begins.
    #[error("Star topology: only the hub participant '{hub}' can initiate communication")]
    Star {
        /// What the hub is called.
        hub: String,
    },
    /// In a ring one may only write to the next.
    #[error("Ring topology: '{sender}' can only send to the next participant '{next}', not '{recipient}'")]
    Ring {
        /// What the sender is called.
        sender: String,
        /// Who comes next.
        next: String,
        /// To whom it was.
        recipient: String,
    },
    /// The list has no such way.
    #[error("Custom topology: no edge allows '{sender}' to send to '{recipient}'")]
    Custom {
        /// What the sender is called.
        sender: String,
        /// To whom it was.
        recipient: String,
    },
}

impl Topology {
    /// Whether the answer depends on who else takes part.
    pub(crate) const fn needs_peers(self) -> bool {
        matches!(self, Self::Star | Self::Ring)
    }

    /// Whether `sender` may begin to talk to `recipient`, where `active` are all active participants, the oldest first,
    /// and `metadata` is the network's.
    ///
    /// # Errors
    /// The [`Detour`] that it would be.
    pub fn check(self, sender: &Peer, recipient: &Peer, active: &[Peer], metadata: Option<&Value>) -> Result<(), Detour> {
        match self {
            Self::Mesh => Ok(()),
            Self::Star => match active.first() {
                Some(hub) if hub.id != sender.id => Err(Detour::Star { hub: hub.name.clone() }),
                _ => Ok(()),
            },
            Self::Ring => match next(sender, active) {
                Some(next) if next.id != recipient.id => {
                    Err(Detour::Ring { sender: sender.name.clone(), next: next.name.clone(), recipient: recipient.name.clone() })
                }
                _ => Ok(()),
            },
            Self::Custom if allows(metadata, sender, recipient) => Ok(()),
            Self::Custom => Err(Detour::Custom { sender: sender.name.clone(), recipient: recipient.name.clone() }),
        }
    }
}

/// Whoever joined next after `sender`; after the last comes the first.
fn next<'p>(sender: &Peer, active: &'p [Peer]) -> Option<&'p Peer> {
    active.iter().cycle().skip_while(|peer| peer.id != sender.id).nth(1).filter(|_| active.iter().any(|p| p.id == sender.id))
}

/// One way, its ends named by id or by name.
fn edge(value: &Value) -> Option<(&str, &str)> {
    let ends = match value {
        Value::Array(ends) => match ends.as_slice() {
            [from, to] => (from, to),
            _ => return None,
        },
        Value::Object(ends) => (ends.get("from")?, ends.get("to")?),
        _ => return None,
    };
    Some((ends.0.as_str()?, ends.1.as_str()?))
}

fn allows(metadata: Option<&Value>, sender: &Peer, recipient: &Peer) -> bool {
    let Some(edges) = metadata.and_then(|metadata| metadata.get(EDGES)).and_then(Value::as_array) else { return true };
    let names = |end: &str, peer: &Peer| end == peer.name || end.parse().is_ok_and(|id: crate::ParticipantId| id == peer.id);
    edges.iter().filter_map(edge).any(|(from, to)| names(from, sender) && names(to, recipient))
}

/// Whether the list in `metadata`, if there is one, is one.
pub(crate) fn check_edges(metadata: Option<&Value>) -> Result<(), NetworkError> {
    let Some(list) = metadata.and_then(|metadata| metadata.get(EDGES)) else { return Ok(()) };
    let Some(edges) = list.as_array().filter(|edges| edges.len() <= EDGES_MAX) else {
        return Err(NetworkError::invalid(format!("metadata.{EDGES}"), format!("must be a list of at most {EDGES_MAX}")));
    };
    match edges.iter().position(|value| edge(value).is_none()) {
        None => Ok(()),
        Some(place) => {
            let message = "must be [from, to] or {\"from\": …, \"to\": …}, each the id or the name of a participant";
            Err(NetworkError::invalid(format!("metadata.{EDGES}[{place}]"), message))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::ParticipantId;

    fn peers(names: &[&str]) -> Vec<Peer> {
        names.iter().map(|name| Peer { id: ParticipantId::new(), name: (*name).to_owned() }).collect()
    }

    fn ways(topology: Topology, active: &[Peer], metadata: Option<&Value>) -> Vec<String> {
        let mut ways = Vec::new();
        for from in active {
            for to in active.iter().filter(|to| to.id != from.id) {
                if topology.check(from, to, active, metadata).is_ok() {
                    ways.push(format!("{}{}", from.name, to.name));
                }
            }
        }
        ways
    }

    #[test]
    fn each_topology_has_its_ways() {
        let four = peers(&["a", "b", "c", "d"]);
        let by_name = json!({EDGES: [["a", "c"], {"from": "d", "to": "a"}]});
        let by_id = json!({EDGES: [[four[1].id.to_string().to_uppercase(), "a"]]});
        for (topology, metadata, expected) in [
            (Topology::Star, None, "ab ac ad"),
            (Topology::Ring, None, "ab bc cd da"),
            (Topology::Custom, Some(&by_name), "ac da"),
            (Topology::Custom, Some(&by_id), "ba"),
            (Topology::Custom, Some(&json!({EDGES: []})), ""),
            (Topology::Custom, None, "ab ac ad ba bc bd ca cb cd da db dc"),
            (Topology::Mesh, Some(&by_name), "ab ac ad ba bc bd ca cb cd da db dc"),
        ] {
            assert_eq!(ways(topology, &four, metadata).join(" "), expected, "{topology:?} {metadata:?}");
        }
    }

    #[test]
    fn refusals_are_worded_as_clients_know_them() {
        let three = peers(&["hub", "left", "right"]);
        let said = |topology: Topology, from: usize, to: usize| {
            topology.check(&three[from], &three[to], &three, Some(&json!({EDGES: []}))).unwrap_err().to_string()
        };
        assert_eq!(said(Topology::Star, 1, 0), "Star topology: only the hub participant 'hub' can initiate communication");
        assert_eq!(said(Topology::Ring, 2, 1), "Ring topology: 'right' can only send to the next participant 'hub', not 'left'");
        assert_eq!(said(Topology::Custom, 0, 1), "Custom topology: no edge allows 'hub' to send to 'left'");
    }

    #[test]
    fn a_list_of_edges_is_judged_when_it_is_given() {
        for good in [json!({}), json!({EDGES: []}), json!({EDGES: [["a", "b"], {"from": "a", "to": "b", "note": 1}]})] {
            assert_eq!(check_edges(Some(&good)), Ok(()), "{good}");
        }
        let many: Vec<_> = (0..=EDGES_MAX).map(|_| ["a", "b"]).collect();
        for (bad, field) in [
            (json!({EDGES: "a-b"}), "metadata.allowed_edges"),
            (json!({EDGES: many}), "metadata.allowed_edges"),
            (json!({EDGES: [["a", "b"], ["a"]]}), "metadata.allowed_edges[1]"),
            (json!({EDGES: [{"from": "a"}]}), "metadata.allowed_edges[0]"),
            (json!({EDGES: [["a", 1]]}), "metadata.allowed_edges[0]"),
        ] {
            let refused = check_edges(Some(&bad));
            assert!(matches!(&refused, Err(NetworkError::Invalid { field: at, .. }) if at == field), "{refused:?}");
        }
    }

    proptest! {
        #[test]
        fn a_ring_goes_around_and_a_star_has_one_hub(size in 1_usize..60) {
            let active: Vec<Peer> = (0..size).map(|n| Peer { id: ParticipantId::new(), name: n.to_string() }).collect();
            let mut at = &active[0];
            for _ in 0..size {
                let ahead: Vec<_> = active.iter().filter(|to| Topology::Ring.check(at, to, &active, None).is_ok()).collect();
                prop_assert_eq!(ahead.len(), 1);
                at = ahead[0];
            }
            prop_assert_eq!(at.id, active[0].id);
            let hubs = active.iter().filter(|from| active.iter().all(|to| Topology::Star.check(from, to, &active, None).is_ok()));
            prop_assert_eq!(hubs.count(), 1);
        }
    }
}
