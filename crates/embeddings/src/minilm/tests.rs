//! What has to hold for every text, on every path.

use std::collections::HashSet;

use super::*;

const TEXTS: [&str; 12] = [
    "Translates legal contracts between English, German and French, preserving clause numbering",
    "convert speech to text",
    "weather",
    "",
    " \t\r\n",
    "\0",
    "\u{0}\u{1}\u{7f}\u{202e}\u{feff}",
    "🦀🚀👩‍👩‍👧‍👦",
    "翻译合同，契約書、계약서",
    "перевести договор · ترجمة العقود · עברית · हिन्दी",
    "[CLS] [SEP] [MASK] [UNK] [PAD]",
    "a\u{300}\u{301}\u{302} Å ß ſ İ ﬁ ²",
];

fn model() -> MiniLm {
    MiniLm::builtin().unwrap()
}

fn one(model: &MiniLm, text: &str) -> Vector {
    model.embed(&[text], TOKENS_MAX).remove(0)
}

#[test]
fn every_text_has_a_finite_vector_of_length_one() {
    let model = model();
    let long = "summarize the quarterly report ".repeat(2_000);
    let word = "w".repeat(100_000);
    for text in TEXTS.into_iter().chain([long.as_str(), word.as_str()]) {
        let vector = one(&model, text);
        assert_eq!(vector.values().len(), DIMENSIONS);
        let length = vector.values().iter().map(|value| value * value).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
}

#[test]
fn a_text_has_the_same_vector_alone_among_others_and_on_every_path() {
    let mut model = model();
    let alone: Vec<Vector> = TEXTS.iter().map(|text| one(&model, text)).collect();
    assert!(model.embed::<&str>(&[], TOKENS_MAX).is_empty());
    for path in Path::available() {
        model.path = path;
        assert_eq!(model.embed(&TEXTS, TOKENS_MAX), alone, "{path:?}");
        let twice: Vec<&str> = TEXTS.into_iter().rev().chain(TEXTS).collect();
        let backwards: Vec<Vector> = alone.iter().rev().chain(&alone).cloned().collect();
        assert_eq!(model.embed(&twice, TOKENS_MAX), backwards, "{path:?}");
    }
}

#[test]
fn only_so_much_of_a_text_is_read() {
    let model = model();
    let words: Vec<String> = (0..400).map(|n| ["red", "green", "blue", "house", "tree"][n * n % 5].to_owned()).collect();
    for tokens_max in [3, 64, 128, 256] {
        let (head, all) = (words[..tokens_max - 2].join(" "), words.join(" "));
        let vectors = model.embed(&[head, all], tokens_max);
        assert_eq!(vectors[0], vectors[1], "{tokens_max}");
    }
    assert_ne!(model.embed(&[words.join(" ")], 64), model.embed(&[words.join(" ")], 128));
    assert_eq!(model.embed(&[words.join(" ")], 0), model.embed(&[""], 2), "never less than a begin and an end");
    assert_eq!(model.embed(&[words.join(" ")], usize::MAX), model.embed(&[words.join(" ")], TOKENS_MAX));
}

#[test]
fn case_accents_and_invisible_signs_change_nothing() {
    let model = model();
    assert_eq!(one(&model, "RÉSUMÉ\u{0} Screening"), one(&model, "resume screening"));
    assert_eq!(one(&model, "a  b\u{200b}"), one(&model, "a b"));
    let different: HashSet<String> = ["cat", "cats", "dog"].iter().map(|text| format!("{:?}", one(&model, text))).collect();
    assert_eq!(different.len(), 3);
}
