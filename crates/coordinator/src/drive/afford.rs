//! What those may cost whom nobody named.
//!
//! A step that says `max_credits` pays no more than that, whoever is called. One that does not has agreed to the price of the
//! agent that it names, and to nobody else's: anyone may register an agent that looks like another, at any price.

use rialto_kernel::Amount;

use crate::model::Candidate;

/// Whom a step may call, as they were found.
pub(super) struct Found {
    /// The agent that the step names, if it does.
    pub(super) named: Option<Candidate>,
    /// Those that fit.
    pub(super) others: Vec<Candidate>,
}

impl Found {
    /// Those that the step may pay. What was agreed to goes with each, for prices may rise before the call.
    pub(super) fn affordable(self, spend_max: Option<Amount>, unnamed_max: Amount) -> Vec<Candidate> {
        let Self { named, others } = self;
        let cap = spend_max.map_or_else(|| named.as_ref().map_or(unnamed_max.get(), |named| named.price), Amount::get);
        let named = named.into_iter().filter(|named| spend_max.is_none() || named.price <= cap);
        let others =
            others.into_iter().filter(|other| other.price <= cap).map(|other| Candidate { spend_max: Some(cap), ..other });
        named.chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use rialto_kernel::AgentId;

    use super::*;

    fn priced(price: i64) -> Candidate {
        Candidate { id: AgentId::new(), name: "agent".to_owned(), price, spend_max: None }
    }

    fn caps(named: Option<i64>, others: &[i64], spend_max: Option<i64>) -> Vec<(i64, Option<i64>)> {
        let found = Found { named: named.map(priced), others: others.iter().copied().map(priced).collect() };
        let affordable = found.affordable(spend_max.map(|cap| Amount::new(cap).unwrap()), Amount::new(100).unwrap());
        affordable.into_iter().map(|one| (one.price, one.spend_max)).collect()
    }

    #[test]
    fn nobody_costs_more_than_was_agreed_to() {
        // An alternative costs at most what the named one does, however cheap that is.
        assert_eq!(caps(Some(1), &[450, 1, 0], None), [(1, None), (1, Some(1)), (0, Some(1))]);
        assert_eq!(caps(Some(500), &[450, 501], None), [(500, None), (450, Some(500))]);
        assert_eq!(caps(None, &[450, 100, 101], None), [(100, Some(100))]);
        // What is said counts, in both directions.
        assert_eq!(caps(Some(20), &[450, 10], Some(500)), [(20, None), (450, Some(500)), (10, Some(500))]);
        assert_eq!(caps(Some(20), &[450, 10], Some(15)), [(10, Some(15))]);
    }
}
