//! A guess at whether a text is in a language that the model has read.

use crate::minilm::Tokenizer;

/// How well a model knows the language of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// It does, as far as can be seen.
    Known,
    /// It may not: rare words and nothing that gives the language away. Words are worth a look beside the meaning.
    Doubtful,
    /// It does not: the vector says nothing.
    Unknown,
}

/// Words that hold English sentences together, and that other languages do not have.
const ENGLISH: &str = " the of to and for or my with from are that what how when it this your can need find who which by be \
these those their there should would could using into them ";

/// The same of German, French, Spanish, Italian, Portuguese and Dutch, without what is a word or a common name in English too.
const FOREIGN: &str = " der das und ein eine einen einem einer für fuer ist nicht ich wie auch nach zum zur ins mein meine dem oder wenn \
über ueber kann bitte wir sich werden \
le les des une pour avec dans mon du aux qui je vous nous votre cette sont \
el para por una del como mis hacer este esta \
il gli della delle dei degli nel alla sono questo mio \
uma não minha fazer meu \
het een voor naar mijn niet deze ";

/// So many pieces a word, on average, make a text without any English word doubtful.
const PIECES_DOUBTFUL: f32 = 1.8;

/// Looks at the letters of a text, at its little words, and at how the vocabulary takes its words apart.
pub(crate) fn of(tokenizer: &Tokenizer, text: &str) -> Language {
    let head: String = text.chars().take(1_000).collect();
    let letters = || head.chars().filter(|char| char.is_alphabetic());
    let latin = letters().filter(|char| is_latin(*char)).count();
    // Half or more in another script, or no letter at all.
    if latin * 2 <= letters().count() {
        return Language::Unknown;
    }
    let lower = head.to_lowercase();
    let (mut words, mut pieces, mut unknown, mut english, mut foreign) = (0_u16, 0.0_f32, 0, 0, 0);
    for word in lower.split(|char: char| !char.is_alphabetic()).filter(|word| !word.is_empty()).take(100) {
        let count = tokenizer.count_pieces(word);
        words += 1;
        unknown += u16::from(count.is_none());
        pieces += count.map_or(2.0, |count| f32::from(u16::try_from(count).unwrap_or(u16::MAX)));
        let spaced = format!(" {word} ");
        if ENGLISH.contains(&spaced) {
            english += 1;
        } else if FOREIGN.contains(&spaced) || (!word.is_ascii() && count != Some(1)) {
            // Borrowed words with accents, such as café, are in the vocabulary as one piece.
            foreign += 1;
        }
    }
    if foreign > english || unknown * 3 > words {
        Language::Unknown
    } else if english == 0 && pieces >= PIECES_DOUBTFUL * f32::from(words) {
        Language::Doubtful
    } else {
        Language::Known
    }
}

const fn is_latin(char: char) -> bool {
    matches!(char, 'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MiniLm;

    #[test]
    fn english_is_known_and_other_languages_are_not() {
        let model = MiniLm::builtin().unwrap();
        for text in [
            "summarize a long text",
            "I need someone to find security holes in my website",
            "COBOL to Java migration",
            "non-disclosure agreement draft",
            "résumé screening for a café in Zürich",
            "Übersetzung: translate the contract to German for my company",
            "text-to-speech",
            "weather",
            "a",
        ] {
            assert_eq!(model.language(text), Language::Known, "{text}");
        }
        for text in [
            "",
            "12345",
            "🦀🦀",
            "翻译合同",
            "перевести договор",
            "ترجمة العقود",
            "契約書を英語に翻訳する agent",
            "Verträge ins Deutsche übersetzen",
            "Fasst lange Texte für eilige Leser zusammen",
            "traduire des contrats pour une banque",
            "resumir textos para mi empresa",
            "tradurre il contratto",
            "een contract vertalen naar het Engels",
        ] {
            assert_eq!(model.language(text), Language::Unknown, "{text}");
        }
        for text in ["Rechnungen auslesen", "kubernetes autoscaling"] {
            assert_eq!(model.language(text), Language::Doubtful, "{text}");
        }
    }
}
