//! The touch of words: which words of a query an agent has, found in memory for the few agents that may be the best.

use crate::{Found, index::IndexTexts, terms};

/// Where the texts of an agent have each of the terms, whatever the words' endings.
pub(super) fn found(texts: &IndexTexts, stems: &[String]) -> Vec<Found> {
    let places = [(&texts.name, Found::InName), (&texts.labels, Found::InLabels), (&texts.description, Found::InDescription)];
    let mut found = vec![Found::Not; stems.len()];
    for (text, place) in places {
        for word in text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let word = terms::stem(word);
            for (found, stem) in found.iter_mut().zip(stems) {
                if *found == Found::Not && *stem == word {
                    *found = place;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_place_counts_and_endings_do_not() {
        let texts = IndexTexts {
            name: "text summarizer".into(),
            labels: "nlp summarization".into(),
            description: "condenses long articles, and texts.".into(),
        };
        let stems: Vec<String> = ["summarize", "article", "nlp", "text", "cook"].map(|word| terms::stem(word).to_owned()).into();
        assert_eq!(found(&texts, &stems), [Found::InName, Found::InDescription, Found::InLabels, Found::InName, Found::Not]);
    }
}
