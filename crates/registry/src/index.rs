//! What an agent is found by.

use rialto_kernel::{AgentId, Timestamp};
use rialto_store::StoreError;

use crate::{Agent, Capability, check::fold, store::CatalogStore, terms};

/// What the store keeps so that an agent is found. All of it is in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its tags, each once.
    pub tags: Vec<String>,
    /// The words of its name, each once; none while it is not active. By those it is found as somebody, also if nobody calls it.
    pub words: Vec<String>,
    /// The texts to search in; `None` while it is not to be found.
    pub texts: Option<IndexTexts>,
}

/// The texts of an agent by weight, the heaviest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexTexts {
    /// Its name.
    pub name: String,
    /// Its tags and capabilities, in words.
    pub labels: String,
    /// Its description.
    pub description: String,
}

/// Makes the index say of `agent` what is true now: its words at once, its meaning soon.
pub(crate) async fn write(
    tx: &mut impl CatalogStore,
    agent: &Agent,
    capabilities: &[Capability],
    now: Timestamp,
) -> Result<(), StoreError> {
    let labels = agent.tags.iter().chain(capabilities.iter().map(|capability| &capability.id));
    let texts = (agent.is_active && agent.has_endpoint()).then(|| IndexTexts {
        name: fold(&agent.name),
        labels: fold(&labels.map(|label| words(label)).collect::<Vec<_>>().join(" ")),
        description: fold(&agent.description),
    });
    let named = if agent.is_active { terms::words(&agent.name) } else { Vec::new() };
    let entry = IndexEntry { tags: agent.tags.iter().map(|tag| fold(tag)).collect(), words: named, texts };
    tx.put_index(agent.id, &entry).await?;
    tx.request_vector(agent.id, now).await
}

/// Takes an agent out of the index.
pub(crate) async fn remove(tx: &mut impl CatalogStore, agent: AgentId, now: Timestamp) -> Result<(), StoreError> {
    tx.remove_index(agent).await?;
    tx.request_vector(agent, now).await
}

/// A label, and the words that it runs together: `summarizeText` is also `summarize Text`.
fn words(label: &str) -> String {
    let mut split = String::with_capacity(label.len().saturating_mul(2));
    let mut after_lower = false;
    for char in label.chars() {
        if after_lower && char.is_uppercase() {
            split.push(' ');
        }
        split.push(char);
        after_lower = char.is_lowercase();
    }
    if split == label { split } else { format!("{label} {split}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_run_words_together_are_found_by_each_word() {
        assert_eq!(words("summarizeText"), "summarizeText summarize Text");
        assert_eq!(words("PDF"), "PDF");
        assert_eq!(words("translate_text"), "translate_text");
    }
}
