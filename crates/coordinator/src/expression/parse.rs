//! Reading an expression. The grammar, loosest first:
//!
//! ```text
//! any     = all { ("||" | "or") all }
//! all     = not { ("&&" | "and") not }
//! not     = { "!" | "not" } compare
//! compare = value [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | ["not"] "in") value ]
//! value   = literal | list | path | function "(" any { "," any } ")" | "(" any ")" | "{{" any "}}"
//! path    = ("trigger" | "steps" "." name | "context" "." name) { "." name | "[" index | text "]" } [ "." method "(" any ")" ]
//! ```

use serde_json::Value;

use super::{
    Comparison, EXPRESSION_BYTES_MAX, Expression, Function, Path, Root, Segment,
    lexer::{Token, tokens},
};

/// How deep brackets and negations may stand in each other: reading them takes stack.
const DEPTH_MAX: u32 = 24;

/// An expression that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at character {}", at + 1)]
pub struct ParseError {
    at: usize,
    message: String,
}

impl ParseError {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// Reads an expression.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(text: &str) -> Result<Expression, ParseError> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(ParseError::new(EXPRESSION_BYTES_MAX, format!("longer than {EXPRESSION_BYTES_MAX} bytes")));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.len(), depth: 0 };
    let read = parser.any()?;
    match parser.peek() {
        None => Ok(read),
        Some(_) => Err(parser.wrong("expected an operator")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += 1;
        token
    }

    fn wrong(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.tokens.get(self.next).map_or(self.end, |(at, _)| *at), message)
    }

    /// Takes the next word if it is this sign, or this name.
    fn took(&mut self, word: &str) -> bool {
        let is_it = match self.peek() {
            Some(Token::Sign(sign)) => *sign == word,
            Some(Token::Name(name)) => name == word,
            _ => false,
        };
        self.next += usize::from(is_it);
        is_it
    }

    fn must(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.took(sign) { Ok(()) } else { Err(self.wrong(format!("expected {sign}"))) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth == DEPTH_MAX {
            return Err(self.wrong(format!("more than {DEPTH_MAX} levels deep")));
        }
        self.depth += 1;
        let done = read(self);
        self.depth -= 1;
        done
    }

    fn any(&mut self) -> Result<Expression, ParseError> {
        let mut parts = vec![self.all()?];
        while self.took("||") || self.took("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, ParseError> {
        let mut parts = vec![self.not()?];
        while self.took("&&") || self.took("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn not(&mut self) -> Result<Expression, ParseError> {
        if self.took("!") || self.took("not") {
            return self.deeper(|parser| Ok(Expression::Not(Box::new(parser.not()?))));
        }
        let left = self.value()?;
        let negated = self.peek() == Some(&Token::Name("not".to_owned()));
        self.next += usize::from(negated);
        let Some(comparison) = self.comparison() else {
            return if negated { Err(self.wrong("expected in")) } else { Ok(left) };
        };
        if negated && comparison != Comparison::In {
            return Err(self.wrong("expected in"));
        }
        let compared = Expression::Compare(Box::new(left), comparison, Box::new(self.value()?));
        Ok(if negated { Expression::Not(Box::new(compared)) } else { compared })
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let all = [
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("in", Comparison::In),
        ];
        all.into_iter().find(|(word, _)| self.took(word)).map(|(_, comparison)| comparison)
    }

    fn value(&mut self) -> Result<Expression, ParseError> {
        let start = self.next;
        match self.take() {
            Some(Token::Text(text)) => Ok(Expression::Literal(Value::String(text))),
            Some(Token::Number(text)) => match serde_json::from_str(&text) {
                Ok(number @ Value::Number(_)) => Ok(Expression::Literal(number)),
                _ => {
                    self.next = start;
                    Err(self.wrong(format!("{text} is no number")))
                }
            },
            Some(Token::Sign("(")) => self.enclosed(")"),
            Some(Token::Sign("{{")) => self.enclosed("}}"),
            Some(Token::Sign("[")) => Ok(Expression::List(self.deeper(|parser| parser.items("]"))?)),
            Some(Token::Name(name)) => self.name(&name, start),
            _ => {
                self.next = start;
                Err(self.wrong("expected a value"))
            }
        }
    }

    fn enclosed(&mut self, end: &str) -> Result<Expression, ParseError> {
        self.deeper(|parser| {
            let inner = parser.any()?;
            parser.must(end)?;
            Ok(inner)
        })
    }

    fn items(&mut self, end: &str) -> Result<Vec<Expression>, ParseError> {
        let mut items = Vec::new();
        while !self.took(end) {
            if !items.is_empty() {
                self.must(",")?;
            }
            items.push(self.any()?);
        }
        Ok(items)
    }

    fn name(&mut self, name: &str, start: usize) -> Result<Expression, ParseError> {
        match name {
            "true" | "True" => return Ok(Expression::Literal(Value::Bool(true))),
            "false" | "False" => return Ok(Expression::Literal(Value::Bool(false))),
            "null" | "None" => return Ok(Expression::Literal(Value::Null)),
            _ => {}
        }
        if let Some((function, _)) = Function::from_word(name).filter(|_| self.peek() == Some(&Token::Sign("("))) {
            return self.call(function, Vec::new());
        }
        let root = match name {
            "trigger" => Root::Trigger,
            "steps" => Root::Step(self.key("the id of a step")?),
            "context" => Root::Output(self.key("the id of a step")?),
            _ => {
                self.next = start;
                return Err(self.wrong(format!("{name} is not known; there are trigger, steps and context")));
            }
        };
        let mut path = Path { root, segments: Vec::new() };
        while let Some(Token::Sign("." | "[")) = self.peek() {
            if let (Some(Token::Name(name)), Some(Token::Sign("("))) = (self.ahead(1), self.ahead(2)) {
                let Some((function, 2)) = Function::from_word(name) else {
                    return Err(self.wrong(format!("{name} is no method; there are contains, startsWith and endsWith")));
                };
                self.next += 2;
                return self.call(function, vec![Expression::Path(path)]);
            }
            path.segments.push(self.segment()?);
        }
        Ok(Expression::Path(path))
    }

    fn ahead(&self, by: usize) -> Option<&Token> {
        self.tokens.get(self.next + by).map(|(_, token)| token)
    }

    fn key(&mut self, what: &str) -> Result<String, ParseError> {
        match self.segment() {
            Ok(Segment::Name(name)) => Ok(name),
            _ => Err(self.wrong(format!("expected {what}"))),
        }
    }

    fn segment(&mut self) -> Result<Segment, ParseError> {
        if self.took(".") {
            return match self.take() {
                Some(Token::Name(name)) => Ok(Segment::Name(name)),
                // A step may be called `1`.
                Some(Token::Number(name)) if name.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Segment::Name(name)),
                _ => {
                    self.next -= 1;
                    Err(self.wrong("expected a name"))
                }
            };
        }
        self.must("[")?;
        let segment = match self.take() {
            Some(Token::Text(name)) => Segment::Name(name),
            Some(Token::Number(number)) => Segment::Index(number.parse().map_err(|_| self.wrong("expected an index"))?),
            _ => {
                self.next -= 1;
                return Err(self.wrong("expected an index or a text"));
            }
        };
        self.must("]")?;
        Ok(segment)
    }

    fn call(&mut self, function: Function, mut arguments: Vec<Expression>) -> Result<Expression, ParseError> {
        self.must("(")?;
        arguments.extend(self.deeper(|parser| parser.items(")"))?);
        let wanted = if matches!(function, Function::Size | Function::Has) { 1 } else { 2 };
        if arguments.len() != wanted {
            return Err(self.wrong(format!("{function:?} takes {wanted} values")));
        }
        Ok(Expression::Call(function, arguments))
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}
