//! Word pieces, as BERT's uncased models know them.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use super::{ModelError, TOKENS_MAX};

/// A word of more characters is no word.
const WORD_CHARS_MAX: usize = 100;
/// How many characters are looked at for each token that is wanted, so that a text of many megabytes costs no more than
/// one that is read to its end.
const CHARS_PER_TOKEN: usize = 64;

/// The vocabulary. A token's number is the line that it stands in.
#[derive(Debug)]
pub(crate) struct WordPiece {
    whole: HashMap<&'static str, u32>,
    /// What may follow within a word; without the `##`.
    tails: HashMap<&'static str, u32>,
    unknown: u32,
    begin: u32,
    end: u32,
    /// The longest piece, in bytes.
    longest: usize,
    size: usize,
}

impl WordPiece {
    /// Reads a vocabulary, one piece a line.
    ///
    /// # Errors
    /// When it lacks one of the pieces that every text needs.
    pub(super) fn new(vocabulary: &'static str) -> Result<Self, ModelError> {
        let (mut whole, mut tails, mut longest, mut size) = (HashMap::with_capacity(32_000), HashMap::with_capacity(8_000), 1, 0);
        for (line, number) in vocabulary.lines().zip(0_u32..) {
            longest = longest.max(line.len());
            size += 1;
            match line.strip_prefix("##").filter(|tail| !tail.is_empty()) {
                Some(tail) => tails.insert(tail, number),
                None => whole.insert(line, number),
            };
        }
        let piece = |name: &str| whole.get(name).copied().ok_or_else(|| ModelError::Tensor(format!("vocab has no {name}")));
        let (unknown, begin, end) = (piece("[UNK]")?, piece("[CLS]")?, piece("[SEP]")?);
        Ok(Self { whole, tails, unknown, begin, end, longest, size })
    }

    /// How many pieces there are.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// The tokens of a text between a begin and an end, cut to `tokens_max` in all. Words such as `[SEP]` in a text are
    /// text: brackets are tokens of their own.
    pub(super) fn encode(&self, text: &str, tokens_max: usize) -> Vec<u32> {
        let tokens_max = tokens_max.clamp(2, TOKENS_MAX);
        let mut tokens = vec![self.begin];
        for word in words(text.chars().take(tokens_max.saturating_mul(CHARS_PER_TOKEN))) {
            self.pieces(&word, &mut tokens);
            if tokens.len() >= tokens_max {
                break;
            }
        }
        tokens.truncate(tokens_max - 1);
        tokens.push(self.end);
        tokens
    }

    /// How many pieces a word of letters is made of; `None` when it has none.
    pub(crate) fn count_pieces(&self, word: &str) -> Option<usize> {
        let mut tokens = Vec::new();
        for word in words(word.chars()) {
            self.pieces(&word, &mut tokens);
        }
        if tokens.contains(&self.unknown) { None } else { Some(tokens.len()) }
    }

    /// Takes the longest piece that the word begins with, and goes on with the rest. A word with a rest that no piece
    /// begins is unknown as a whole.
    fn pieces(&self, word: &str, tokens: &mut Vec<u32>) {
        let (start, mut rest, mut known) = (tokens.len(), word, &self.whole);
        if word.chars().count() > WORD_CHARS_MAX {
            tokens.push(self.unknown);
            return;
        }
        while !rest.is_empty() {
            let mut end = rest.floor_char_boundary(self.longest.min(rest.len()));
            let piece = loop {
                match rest.split_at_checked(end) {
                    Some((piece, after)) if end > 0 => match known.get(piece) {
                        Some(token) => break Some((*token, after)),
                        None => end = rest.floor_char_boundary(end - 1),
                    },
                    _ => break None,
                }
            };
            let Some((token, after)) = piece else {
                tokens.truncate(start);
                tokens.push(self.unknown);
                return;
            };
            tokens.push(token);
            (rest, known) = (after, &self.tails);
        }
    }
}

/// The words of a text, in lower case, without accents, and without what cannot be seen. Punctuation and ideographs are
/// words of one character each. A word stops growing once it is too long to be one.
fn words(chars: impl Iterator<Item = char>) -> impl Iterator<Item = String> {
    let visible = chars.filter(|char| matches!(char, '\t' | '\n' | '\r') || !is_dropped(*char));
    let apart =
        visible.flat_map(|char| if is_ideograph(char) { [Some(' '), Some(char), Some(' ')] } else { [Some(char), None, None] });
    let plain = apart.flatten().nfd().filter(|char| char.general_category() != GeneralCategory::NonspacingMark);
    let mut plain = plain.flat_map(char::to_lowercase);
    let mut waiting = None;
    std::iter::from_fn(move || {
        if let Some(sign) = waiting.take() {
            return Some(String::from(sign));
        }
        let (mut word, mut length) = (String::new(), 0);
        for char in plain.by_ref() {
            if char.is_whitespace() {
                if !word.is_empty() {
                    return Some(word);
                }
            } else if is_punctuation(char) {
                if word.is_empty() {
                    return Some(String::from(char));
                }
                waiting = Some(char);
                return Some(word);
            } else if length <= WORD_CHARS_MAX {
                word.push(char);
                length += 1;
            }
        }
        (!word.is_empty()).then_some(word)
    })
}

fn is_dropped(char: char) -> bool {
    use GeneralCategory::{Control, Format, PrivateUse};
    char == char::REPLACEMENT_CHARACTER || matches!(char.general_category(), Control | Format | PrivateUse)
}

fn is_punctuation(char: char) -> bool {
    char.is_ascii_punctuation() || char.general_category_group() == GeneralCategoryGroup::Punctuation
}

fn is_ideograph(char: char) -> bool {
    matches!(u32::from(char),
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F | 0x2B740..=0x2B81F | 0x2B920..=0x2CEAF
        | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<u32> {
        let vocabulary = "[UNK]\n[CLS]\n[SEP]\nread\nre\nzurich\n##ad\n##ing\n##s\n[\n]\n!\n##u\n人\nsep\n-";
        WordPiece::new(vocabulary).unwrap().encode(text, TOKENS_MAX)[1..]
            .iter()
            .copied()
            .take_while(|token| *token != 2)
            .collect()
    }

    #[test]
    fn the_longest_piece_comes_first() {
        assert_eq!(tokens("Reading reads"), [3, 7, 3, 8]);
        assert_eq!(tokens("reading-reads!"), [3, 7, 15, 3, 8, 11]);
        assert_eq!(tokens("readx re"), [0, 4], "a rest without a piece makes the whole word unknown");
    }

    #[test]
    fn accents_case_and_what_cannot_be_seen_say_nothing() {
        assert_eq!(tokens("ZÜRICH zu\u{308}rich z\u{200b}u\u{0}rich \u{fffd}zurich"), [5, 5, 5, 5]);
        assert_eq!(tokens("read\tread\nread\u{a0}read"), [3, 3, 3, 3]);
        assert_eq!(tokens("人人read"), [13, 13, 3]);
        assert_eq!(tokens("[SEP]"), [9, 14, 10], "the names of special tokens are plain text");
        assert!(tokens("").is_empty() && tokens(" \0\u{feff}").is_empty());
    }

    #[test]
    fn a_word_that_never_ends_is_one_unknown_word() {
        assert_eq!(tokens(&"read".repeat(26)), [0]);
        assert_eq!(tokens(&"read".repeat(25)), [0], "the rest of a word has pieces of its own");
        let vocabulary = WordPiece::new("[UNK]\n[CLS]\n[SEP]\nread").unwrap();
        assert_eq!(vocabulary.encode(&"read ".repeat(1_000_000), 128), [vec![1], vec![3; 126], vec![2]].concat());
        assert_eq!(vocabulary.encode("read read", 0), [1, 2]);
        assert!(WordPiece::new("[UNK]\n[CLS]").is_err());
    }
}
