//! Templates: JSON with `{{ expressions }}` in its texts.
//!
//! A text that is one expression becomes its value, of whatever kind; anywhere else in a text the value is written into it.
//! The braces can only stand for values: what an agent answered is never read as a template again.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::expression::{EvalError, Expression, ParseError, Scope, Work, parse};

/// The largest input that a template may come to, in bytes of JSON.
pub const RENDERED_BYTES_MAX: usize = 256 * 1_024;
/// How deep it may be: what is kept has to be read again.
pub const RENDERED_DEPTH_MAX: usize = 100;

/// A template that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// Nothing to fill in.
    Plain(Value),
    /// A text that is one expression.
    Value(Expression),
    /// A text with expressions in it.
    Text(Vec<Piece>),
    /// A list of templates.
    List(Vec<Template>),
    /// An object of templates.
    Object(Vec<(String, Template)>),
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// A value to write there.
    Value(Expression),
}

/// A template that could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// An expression came to nothing.
    #[error(transparent)]
    Expression(#[from] EvalError),
    /// It came to too much.
    #[error("the input comes to more than {RENDERED_BYTES_MAX} bytes, or is nested more than {RENDERED_DEPTH_MAX} levels deep")]
    TooLarge,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Where in the value (`.a[0]`) which expression makes no sense.
    pub fn parse(value: &Value) -> Result<Self, (String, ParseError)> {
        match value {
            Value::String(text) => pieces(text).map_err(|error| (String::new(), error)),
            Value::Array(items) => {
                let read = |(n, item)| Self::parse(item).map_err(|(path, error)| (format!("[{n}]{path}"), error));
                Ok(Self::List(items.iter().enumerate().map(read).collect::<Result<_, _>>()?))
            }
            Value::Object(fields) => {
                let read = |(name, field): (&String, &Value)| {
                    let read = Self::parse(field).map_err(|(path, error)| (format!(".{name}{path}"), error))?;
                    Ok((name.clone(), read))
                };
                Ok(Self::Object(fields.iter().map(read).collect::<Result<_, _>>()?))
            }
            plain => Ok(Self::Plain(plain.clone())),
        }
    }

    /// The steps that it looks at.
    pub fn steps(&self, into: &mut BTreeSet<String>) {
        match self {
            Self::Plain(_) => {}
            Self::Value(expression) => expression.steps(into),
            Self::Text(pieces) => {
                for piece in pieces {
                    if let Piece::Value(expression) = piece {
                        expression.steps(into);
                    }
                }
            }
            Self::List(items) => items.iter().for_each(|item| item.steps(into)),
            Self::Object(fields) => fields.iter().for_each(|(_, field)| field.steps(into)),
        }
    }

    /// Fills it in.
    ///
    /// # Errors
    /// When an expression comes to nothing, or all of it to too much.
    pub fn render(&self, scope: &Scope, work: &mut Work) -> Result<Value, RenderError> {
        let mut left = RENDERED_BYTES_MAX;
        let value = self.fill(scope, work, &mut left)?;
        if depth(&value) > RENDERED_DEPTH_MAX {
            return Err(RenderError::TooLarge);
        }
        Ok(value)
    }

    fn fill(&self, scope: &Scope, work: &mut Work, left: &mut usize) -> Result<Value, RenderError> {
        match self {
            Self::Plain(value) => {
                spend(left, weight(value))?;
                Ok(value.clone())
            }
            Self::Value(expression) => {
                let value = expression.value(scope, work)?;
                // Weighed before it is copied: a few references to large outputs would fill the memory.
                work.walk(&value)?;
                spend(left, weight(&value))?;
                Ok(value.into_owned())
            }
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    let before = text.len();
                    match piece {
                        Piece::Text(plain) => text.push_str(plain),
                        Piece::Value(expression) => match &*expression.value(scope, work)? {
                            Value::Null => {}
                            Value::String(value) if value.len() > *left => return Err(RenderError::TooLarge),
                            Value::String(value) => text.push_str(value),
                            other => {
                                work.walk(other)?;
                                spend(left, weight(other))?;
                                text.push_str(&other.to_string());
                            }
                        },
                    }
                    spend(left, text.len() - before)?;
                }
                Ok(Value::String(text))
            }
            Self::List(items) => {
                Ok(Value::Array(items.iter().map(|item| item.fill(scope, work, left)).collect::<Result<_, _>>()?))
            }
            Self::Object(fields) => {
                let mut filled = Map::new();
                for (name, field) in fields {
                    spend(left, name.len())?;
                    filled.insert(name.clone(), field.fill(scope, work, left)?);
                }
                Ok(Value::Object(filled))
            }
        }
    }
}

fn spend(left: &mut usize, bytes: usize) -> Result<(), RenderError> {
    *left = left.checked_sub(bytes.saturating_add(1)).ok_or(RenderError::TooLarge)?;
    Ok(())
}

/// How many bytes a value comes to, roughly, and never much less than it does.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 12,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| weight(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(name, field)| name.len() + weight(field) + 4).sum::<usize>() + 2,
    }
}

/// How deep a value is: 0 for one that holds no others.
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0) + 1,
        Value::Object(fields) => fields.values().map(depth).max().unwrap_or(0) + 1,
        _ => 0,
    }
}

fn pieces(text: &str) -> Result<Template, ParseError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some(end) = end(after) else {
            break;
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Value(parse(after.get(..end).unwrap_or_default())?));
        rest = after.get(end + 2..).unwrap_or_default();
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    let plain = pieces.iter().all(|piece| matches!(piece, Piece::Text(_)));
    Ok(match <[Piece; 1]>::try_from(pieces) {
        _ if plain => Template::Plain(Value::String(text.to_owned())),
        Ok([Piece::Value(expression)]) => Template::Value(expression),
        Ok([Piece::Text(text)]) => Template::Plain(Value::String(text)),
        Err(pieces) => Template::Text(pieces),
    })
}

/// Where the closing braces stand, outside of quotes.
fn end(text: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if text.get(at..).is_some_and(|rest| rest.starts_with("}}")) => return Some(at),
            None => {}
        }
    }
    None
}
