//! What an expression comes to.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::{Map, Value};

use super::{Comparison, Expression, Function, Path, Root, Segment};

/// What expressions look at: what the run was started with, and the steps that came before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// What the run was started with.
    pub trigger: Value,
    /// By step: `{"status": …, "output": …}`.
    pub steps: Map<String, Value>,
}

impl Scope {
    /// Adds a step.
    pub fn insert(&mut self, step: String, status: &str, output: Option<Value>) {
        let fields = [("status".to_owned(), Value::from(status)), ("output".to_owned(), output.unwrap_or_default())];
        self.steps.insert(step, Value::Object(Map::from_iter(fields)));
    }

    fn find(&self, path: &Path) -> Option<&Value> {
        let root = match &path.root {
            Root::Trigger => Some(&self.trigger),
            Root::Step(step) => self.steps.get(step),
            Root::Output(step) => self.steps.get(step).and_then(|step| step.get("output")),
        };
        path.segments.iter().try_fold(root?, |value, segment| match segment {
            Segment::Name(name) => value.get(name),
            Segment::Index(index) => value.get(index),
        })
    }
}

/// An expression that comes to nothing: it asks of a value what such values do not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(String);

impl Expression {
    /// What it comes to. A path that leads nowhere is null.
    ///
    /// # Errors
    /// When values are compared by size that have no common order, or a function is asked of a value that it does not know.
    pub fn value<'v>(&'v self, scope: &'v Scope) -> Result<Cow<'v, Value>, EvalError> {
        Ok(match self {
            Self::Literal(value) => Cow::Borrowed(value),
            Self::Path(path) => scope.find(path).map_or(Cow::Owned(Value::Null), Cow::Borrowed),
            Self::List(items) => {
                let items = items.iter().map(|item| item.value(scope).map(Cow::into_owned));
                Cow::Owned(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Self::Not(inner) => truth(!inner.holds(scope)?),
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(scope)? {
                        return Ok(truth(false));
                    }
                }
                truth(true)
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(scope)? {
                        return Ok(truth(true));
                    }
                }
                truth(false)
            }
            Self::Compare(left, comparison, right) => truth(compare(&*left.value(scope)?, *comparison, &*right.value(scope)?)?),
            Self::Call(function, arguments) => Cow::Owned(call(*function, arguments, scope)?),
        })
    }

    /// Whether it holds: null, false, 0 and what is empty do not.
    ///
    /// # Errors
    /// As for [`Expression::value`].
    pub fn holds(&self, scope: &Scope) -> Result<bool, EvalError> {
        Ok(match &*self.value(scope)? {
            Value::Null => false,
            Value::Bool(truth) => *truth,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
        })
    }
}

const fn truth<'v>(is_true: bool) -> Cow<'v, Value> {
    Cow::Owned(Value::Bool(is_true))
}

fn compare(left: &Value, comparison: Comparison, right: &Value) -> Result<bool, EvalError> {
    let ordered = |wanted: fn(Ordering) -> bool| match (left, right) {
        // As in SQL: what is not there is neither more nor less than anything.
        (Value::Null, _) | (_, Value::Null) => Ok(false),
        (Value::String(left), Value::String(right)) => Ok(wanted(left.cmp(right))),
        _ => numbers(left, right)
            .map(wanted)
            .ok_or_else(|| EvalError(format!("{} and {} have no common order", kind(left), kind(right)))),
    };
    match comparison {
        Comparison::Equal => Ok(equal(left, right)),
        Comparison::Unequal => Ok(!equal(left, right)),
        Comparison::Less => ordered(Ordering::is_lt),
        Comparison::AtMost => ordered(Ordering::is_le),
        Comparison::Greater => ordered(Ordering::is_gt),
        Comparison::AtLeast => ordered(Ordering::is_ge),
        Comparison::In => contains(right, left),
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    left == right || numbers(left, right).is_some_and(Ordering::is_eq)
}

/// How two numbers compare. Agents often say a number as text: that is one here, beside a number.
fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return Some(left.cmp(&right));
    }
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    };
    if !left.is_number() && !right.is_number() {
        return None;
    }
    number(left)?.partial_cmp(&number(right)?)
}

fn contains(whole: &Value, part: &Value) -> Result<bool, EvalError> {
    match (whole, part) {
        (Value::Null, _) => Ok(false),
        (Value::String(whole), Value::String(part)) => Ok(whole.contains(part.as_str())),
        (Value::Array(items), part) => Ok(items.iter().any(|item| equal(item, part))),
        (Value::Object(fields), Value::String(name)) => Ok(fields.contains_key(name)),
        _ => Err(EvalError(format!("{} cannot be in {}", kind(part), kind(whole)))),
    }
}

fn call(function: Function, arguments: &[Expression], scope: &Scope) -> Result<Value, EvalError> {
    let [first, rest @ ..] = arguments else { return Ok(Value::Null) };
    let value = first.value(scope)?;
    let second = rest.first().map(|second| second.value(scope)).transpose()?.unwrap_or_default();
    let ends = |holds: fn(&str, &str) -> bool| match (&*value, &*second) {
        (Value::Null, _) => Ok(false),
        (Value::String(text), Value::String(end)) => Ok(holds(text, end)),
        _ => Err(EvalError(format!("{} does not begin or end with {}", kind(&value), kind(&second)))),
    };
    Ok(match function {
        Function::Has => Value::Bool(!value.is_null()),
        Function::Size => match &*value {
            Value::Null => Value::from(0),
            Value::String(text) => Value::from(text.chars().count()),
            Value::Array(items) => Value::from(items.len()),
            Value::Object(fields) => Value::from(fields.len()),
            other => return Err(EvalError(format!("{} has no size", kind(other)))),
        },
        Function::Contains => Value::Bool(contains(&value, &second)?),
        Function::StartsWith => Value::Bool(ends(|text, start| text.starts_with(start))?),
        Function::EndsWith => Value::Bool(ends(|text, end| text.ends_with(end))?),
    })
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
