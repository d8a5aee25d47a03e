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

#[cfg(test)]
mod tests {
    use super::*;

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
