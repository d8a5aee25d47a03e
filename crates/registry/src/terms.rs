//! From what a person typed to the words that are looked for.

use std::collections::HashSet;

use crate::check::fold;

/// The most words that are looked for; the rest of a long text is ignored.
const TERMS_MAX: usize = 16;
/// The longest word, in characters. Anything longer is no word.
const TERM_CHARS_MAX: usize = 64;
/// How much of the text is read, in characters.
const TEXT_CHARS_MAX: usize = 10_000;

/// Words too common to say anything; the list of PostgreSQL's `english` configuration, which ignores them anyway.
const STOP_WORDS: &str = " i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her \
hers herself it its itself they them their theirs themselves what which who whom this that these those am is are was were be \
been being have has had having do does did doing a an the and but if or because as until while of at by for with about against \
between into through during before after above below to from up down in out on off over under again further then once here \
there when where why how all any both each few more most other some such no nor not only own same so than too very s t can \
will just don should now ";

/// The words of `text` that are worth looking for: letters and digits only, in lower case, each once.
///
/// What comes out is harmless in any query language, whatever went in.
pub(crate) fn of(text: &str) -> Vec<String> {
    let head: String = text.chars().take(TEXT_CHARS_MAX).collect();
    let mut seen = HashSet::new();
    fold(&head)
        .split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty() && word.chars().count() <= TERM_CHARS_MAX && !STOP_WORDS.contains(&format!(" {word} ")))
        .filter(|word| seen.insert((*word).to_owned()))
        .take(TERMS_MAX)
        .map(str::to_owned)
        .collect()
}

/// All words of a name, in lower case, each once: whoever looks for an agent by its name means each of them.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let folded = fold(name);
    let words = folded.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    words.filter(|word| seen.insert(*word)).map(str::to_owned).collect()
}

/// Endings that say nothing about what a word means, the longest first.
const ENDINGS: [&str; 30] = [
    "izations", "isations", "ization", "isation", "izing", "ising", "izers", "izer", "ized", "ised", "izes", "ises", "ments",
    "ment", "ions", "ings", "ize", "ise", "ing", "ion", "ers", "ors", "ies", "er", "or", "ed", "es", "ly", "s", "e",
];
/// What is left of a word has at least so many letters.
const STEM_CHARS_MIN: usize = 3;

/// What words have in common that differ in their endings only: `summarize`, `summarizes` and `summarization` have one
/// stem. Coarser than the stemmers of the databases, and used only among agents that were found by other means.
pub(crate) fn stem(word: &str) -> &str {
    let stem = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.chars().count() >= STEM_CHARS_MIN));
    let stem = stem.unwrap_or(word);
    let stem = stem.strip_suffix('y').filter(|stem| stem.chars().count() >= STEM_CHARS_MIN).unwrap_or(stem);
    // planning, plan
    let mut last = stem.chars().rev();
    match (last.next(), last.next()) {
        (Some(a), Some(b)) if a == b && stem.chars().count() > STEM_CHARS_MIN => stem.strip_suffix(a).unwrap_or(stem),
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_differ_in_their_endings_have_one_stem() {
        for words in [
            &["summarize", "summarizes", "summarizer", "summarization", "summary", "summaries"][..],
            &["translate", "translates", "translating", "translation", "translator", "translated"],
            &["plan", "plans", "planning", "planner"],
            &["process", "processes", "processing"],
            &["invoice", "invoices"],
            &["übersetzen"],
        ] {
            let stems: HashSet<&str> = words.iter().map(|word| stem(word)).collect();
            assert_eq!(stems.len(), 1, "{stems:?}");
        }
        let apart = ["art", "arts", "artist", "plan", "planet", "news", "new", "ion", "s", "", "red", "翻译"];
        assert_eq!(apart.map(stem), ["art", "art", "artist", "plan", "planet", "new", "new", "ion", "s", "", "red", "翻译"]);
    }

    #[test]
    fn only_words_come_out() {
        assert_eq!(of("I need an agent that can *summarize* the \"News\"!"), ["need", "agent", "summarize", "news"]);
        assert_eq!(of("text-to-speech OR name:x NEAR(a b)"), ["text", "speech", "name", "x", "near", "b"]);
        assert_eq!(of("the of and"), Vec::<String>::new());
        assert_eq!(of("'; DROP TABLE agents; --\0 翻译"), ["drop", "table", "agents", "翻译"]);
        assert_eq!(of(&"word".repeat(5_000)), Vec::<String>::new());
        let many: String = (0..5_000).map(|n| format!("w{n} ")).collect();
        assert_eq!(of(&many).len(), TERMS_MAX);
    }
}
