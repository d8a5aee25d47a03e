//! Expressions: what stands between `{{` and `}}`, and what a condition says.
//!
//! A small part of CEL, with the words of Python besides: `steps.a.output.score > 0.5 && trigger.lang in ["en", "de"]`.
//! An expression has no loops, no assignments and no calls to the outside, is read once, and does a bounded
//! amount of work ([`Work`]), however large the values are that it looks at. See `docs/decisions/0016-conditions.md`.

mod eval;
mod lexer;
mod parse;

use std::collections::BTreeSet;

use serde_json::Value;

pub use eval::{EvalError, Scope, WORK_MAX, Work};
pub use parse::{ParseError, parse};

/// The longest expression, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 2_000;

/// An expression that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// `1`, `"text"`, `true`, `null`.
    Literal(Value),
    /// `steps.a.output.score`: what stands there, or null.
    Path(Path),
    /// `[1, 2]`.
    List(Vec<Expression>),
    /// `!x`.
    Not(Box<Expression>),
    /// `a && b && c`.
    All(Vec<Expression>),
    /// `a || b || c`.
    Any(Vec<Expression>),
    /// `a < b`.
    Compare(Box<Expression>, Comparison, Box<Expression>),
    /// `size(x)`, `x.contains(y)`.
    Call(Function, Vec<Expression>),
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// In which of the things that an expression may look at.
    pub root: Root,
    /// The way down from there.
    pub segments: Vec<Segment>,
}

/// What an expression may look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// What the run was started with.
    Trigger,
    /// A step: its `output` and its `status`.
    Step(String),
    /// A step's output, in short: `context.a` is `steps.a.output`.
    Output(String),
}

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A field of an object.
    Name(String),
    /// An item of a list, counted from zero.
    Index(usize),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `in`: the left is an item of the list, a field of the object or a part of the text on the right.
    In,
}

/// What can be asked of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// How many characters, items or fields it has.
    Size,
    /// Whether it is there at all.
    Has,
    /// Whether a text or a list has another in it.
    Contains,
    /// Whether a text begins so.
    StartsWith,
    /// Whether a text ends so.
    EndsWith,
}

impl Function {
    fn from_word(word: &str) -> Option<(Self, usize)> {
        Some(match word {
            "size" => (Self::Size, 1),
            "has" => (Self::Has, 1),
            "contains" => (Self::Contains, 2),
            "startsWith" => (Self::StartsWith, 2),
            "endsWith" => (Self::EndsWith, 2),
            _ => return None,
        })
    }
}

impl Expression {
    /// The steps that it looks at.
    pub fn steps(&self, into: &mut BTreeSet<String>) {
        match self {
            Self::Literal(_) => {}
            Self::Path(Path { root: Root::Step(step) | Root::Output(step), .. }) => {
                into.insert(step.clone());
            }
            Self::Path(_) => {}
            Self::List(items) | Self::All(items) | Self::Any(items) | Self::Call(_, items) => {
                items.iter().for_each(|item| item.steps(into));
            }
            Self::Not(inner) => inner.steps(into),
            Self::Compare(left, _, right) => {
                left.steps(into);
                right.steps(into);
            }
        }
    }
}
