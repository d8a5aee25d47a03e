//! A summarizer that really summarizes: it picks the sentences whose words matter most in the text.

use std::collections::HashMap;

/// Words that say nothing about what a text is about.
const STOP_WORDS: &[&str] = &[
    "about", "after", "again", "also", "and", "are", "because", "been", "before", "but", "can", "could", "did", "does", "each",
    "for", "from", "had", "has", "have", "her", "his", "how", "into", "its", "more", "most", "not", "now", "one", "only",
    "other", "our", "out", "over", "she", "should", "some", "such", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "through", "under", "very", "was", "were", "what", "when", "where", "which", "while",
    "who", "will", "with", "would", "you", "your",
];

/// The `count` sentences of `text` that carry its most frequent words, in the order in which they stand.
pub fn summarize(text: &str, count: usize) -> String {
    let sentences = sentences(text);
    let mut frequency: HashMap<String, u32> = HashMap::new();
    for word in sentences.iter().flat_map(|sentence| words(sentence)) {
        *frequency.entry(word).or_default() += 1;
    }
    let mut ranked: Vec<(usize, u64)> = sentences.iter().enumerate().map(|(at, s)| (at, weight(s, &frequency))).collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut kept: Vec<usize> = ranked.into_iter().take(count).map(|(at, _)| at).collect();
    kept.sort_unstable();
    kept.into_iter().filter_map(|at| sentences.get(at).copied()).collect::<Vec<_>>().join(" ")
}

/// A sentence ends at `.`, `!` or `?` before a space, or at an empty line.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let ends = matches!(letter, '.' | '!' | '?') && next.is_none_or(char::is_whitespace);
        if ends || (letter == '\n' && next == Some('\n')) {
            let end = at + letter.len_utf8();
            found.extend(text.get(start..end).map(str::trim).filter(|sentence| !sentence.is_empty()));
            start = end;
        }
    }
    found.extend(text.get(start..).map(str::trim).filter(|rest| !rest.is_empty()));
    found
}

fn words(sentence: &str) -> impl Iterator<Item = String> + '_ {
    let words = sentence.split(|letter: char| !letter.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|word| word.chars().count() > 2 && !STOP_WORDS.contains(&word.as_str()))
}

/// The mean frequency of a sentence's words, times a thousand; a sentence of fewer than four words tells too little.
fn weight(sentence: &str, frequency: &HashMap<String, u32>) -> u64 {
    let (mut sum, mut count) = (0_u64, 0_u64);
    for word in words(sentence) {
        sum += u64::from(frequency.get(&word).copied().unwrap_or(0));
        count += 1;
    }
    sum * 1_000 / count.max(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentences_that_carry_the_subject_are_kept_in_order() {
        let text = "Bees make honey. It rained on Tuesday in the old town. Honey bees dance to show other bees where flowers are. \
                    Somebody laughed. Without bees many flowers would bear no fruit.";
        let summary = summarize(text, 2);
        assert_eq!(summary, "Bees make honey. Honey bees dance to show other bees where flowers are.");
    }

    #[test]
    fn odd_texts_do_no_harm() {
        assert_eq!(summarize("", 3), "");
        assert_eq!(summarize("… ?! ¿", 3), "… ?! ¿");
        assert_eq!(summarize("3.14 is not a sentence end.", 3), "3.14 is not a sentence end.");
    }
}
