//! Cutting an expression into words.

use super::ParseError;

/// One word of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name. Hyphens belong to it: there is no subtraction, and steps are called `fetch-prices`.
    Name(String),
    /// A number, as it was written.
    Number(String),
    /// A text, without its quotes.
    Text(String),
    /// `==`, `(`, `{{`, …
    Sign(&'static str),
}

/// The longer ones first: `<=` is not `<` and then `=`.
const SIGNS: [&str; 21] =
    ["{{", "}}", "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ",", ".", "+", "*", "/", "?"];

/// The words of `text`, each with the byte at which it begins.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ParseError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        let (token, taken) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first == '"' || first == '\'' {
            quoted(rest, first).ok_or_else(|| ParseError::new(at, "a text without its closing quote"))?
        } else if first.is_ascii_digit() || (first == '-' && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit())) {
            let taken = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+-.".contains(c)).len();
            (Token::Number(rest.get(..taken).unwrap_or_default().to_owned()), taken)
        } else if first.is_alphabetic() || first == '_' {
            let taken = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '-').len();
            (Token::Name(rest.get(..taken).unwrap_or_default().to_owned()), taken)
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.ok_or_else(|| ParseError::new(at, format!("{first:?} has no meaning here")))?;
            (Token::Sign(sign), sign.len())
        };
        found.push((at, token));
        at += taken;
    }
    Ok(found)
}

/// A text and how many bytes it takes with its quotes. A backslash takes the next character as it is; `\n`, `\r` and `\t` are
/// what they are elsewhere.
fn quoted(rest: &str, quote: char) -> Option<(Token, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => text.push(match chars.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            }),
            end if end == quote => return Some((Token::Text(text), at + quote.len_utf8())),
            other => text.push(other),
        }
    }
    None
}
