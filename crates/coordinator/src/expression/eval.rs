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

/// An expression that comes to nothing: it asks of a value what such values do not have, or more than may be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(String);

/// How much work the expressions of one step may take together: one for each value that is looked at, and one for each
/// [`TEXT_UNIT`] bytes of text. Comparing the largest output with itself takes less.
pub const WORK_MAX: usize = 250_000;
/// How much text is as much work as one value.
const TEXT_UNIT: usize = 16;

/// The work that is left to the expressions of one step.
///
/// A few bytes of an expression can look at megabytes many times: `context.a == context.b && …`, `[context.a, context.a, …]`.
/// So whatever walks through a value or copies it pays for that first.
#[derive(Debug)]
pub struct Work {
    left: usize,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: WORK_MAX }
    }
}

impl Work {
    fn spend(&mut self, units: usize) -> Result<(), EvalError> {
        let left = self.left.checked_sub(units);
        self.left = left.ok_or_else(|| EvalError(format!("its expressions look at more than {WORK_MAX} values")))?;
        Ok(())
    }

    fn text(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.spend(bytes / TEXT_UNIT + 1)
    }

    /// Pays for a walk through all of a value.
    pub(crate) fn walk(&mut self, value: &Value) -> Result<(), EvalError> {
        match value {
            Value::String(text) => self.text(text.len()),
            Value::Array(items) => {
                self.spend(1)?;
                items.iter().try_for_each(|item| self.walk(item))
            }
            Value::Object(fields) => {
                self.spend(1)?;
                fields.iter().try_for_each(|(name, field)| {
                    self.text(name.len())?;
                    self.walk(field)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.spend(1),
        }
    }
}

impl Expression {
    /// What it comes to. A path that leads nowhere is null.
    ///
    /// # Errors
    /// When values are compared by size that have no common order, a function is asked of a value that it does not know, or
    /// there is not enough work left.
    pub fn value<'v>(&'v self, scope: &'v Scope, work: &mut Work) -> Result<Cow<'v, Value>, EvalError> {
        work.spend(1)?;
        Ok(match self {
            Self::Literal(value) => Cow::Borrowed(value),
            Self::Path(path) => {
                work.spend(path.segments.len())?;
                scope.find(path).map_or(Cow::Owned(Value::Null), Cow::Borrowed)
            }
            Self::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(match item.value(scope, work)? {
                        Cow::Owned(value) => value,
                        Cow::Borrowed(value) => {
                            work.walk(value)?;
                            value.clone()
                        }
                    });
                }
                Cow::Owned(Value::Array(list))
            }
            Self::Not(inner) => truth(!inner.holds(scope, work)?),
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(scope, work)? {
                        return Ok(truth(false));
                    }
                }
                truth(true)
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(scope, work)? {
                        return Ok(truth(true));
                    }
                }
                truth(false)
            }
            Self::Compare(left, comparison, right) => {
                let (left, right) = (left.value(scope, work)?, right.value(scope, work)?);
                truth(compare(&left, *comparison, &right, work)?)
            }
            Self::Call(function, arguments) => Cow::Owned(call(*function, arguments, scope, work)?),
        })
    }

    /// Whether it holds: null, false, 0 and what is empty do not.
    ///
    /// # Errors
    /// As for [`Expression::value`].
    pub fn holds(&self, scope: &Scope, work: &mut Work) -> Result<bool, EvalError> {
        Ok(match &*self.value(scope, work)? {
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

fn compare(left: &Value, comparison: Comparison, right: &Value, work: &mut Work) -> Result<bool, EvalError> {
    let mut ordered = |wanted: fn(Ordering) -> bool| match (left, right) {
        // As in SQL: what is not there is neither more nor less than anything.
        (Value::Null, _) | (_, Value::Null) => Ok(false),
        (Value::String(left), Value::String(right)) => {
            work.text(left.len().min(right.len()))?;
            Ok(wanted(left.cmp(right)))
        }
        _ => numbers(left, right, work)?
            .map(wanted)
            .ok_or_else(|| EvalError(format!("{} and {} have no common order", kind(left), kind(right)))),
    };
    match comparison {
        Comparison::Equal => equal(left, right, work),
        Comparison::Unequal => Ok(!equal(left, right, work)?),
        Comparison::Less => ordered(Ordering::is_lt),
        Comparison::AtMost => ordered(Ordering::is_le),
        Comparison::Greater => ordered(Ordering::is_gt),
        Comparison::AtLeast => ordered(Ordering::is_ge),
        Comparison::In => contains(right, left, work),
    }
}

fn equal(left: &Value, right: &Value, work: &mut Work) -> Result<bool, EvalError> {
    Ok(same(left, right, work)? || numbers(left, right, work)?.is_some_and(Ordering::is_eq))
}

/// Whether two values are the same, walking no farther than to the first difference.
fn same(left: &Value, right: &Value, work: &mut Work) -> Result<bool, EvalError> {
    match (left, right) {
        (Value::String(left), Value::String(right)) if left.len() == right.len() => {
            work.text(left.len())?;
            Ok(left == right)
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            work.spend(1)?;
            for (left, right) in left.iter().zip(right) {
                if !same(left, right, work)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(left), Value::Object(right)) if left.len() == right.len() => {
            work.spend(1)?;
            for (name, left) in left {
                work.text(name.len())?;
                let is_same = match right.get(name) {
                    Some(right) => same(left, right, work)?,
                    None => false,
                };
                if !is_same {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::String(_), Value::String(_)) | (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
            work.spend(1)?;
            Ok(false)
        }
        _ => {
            work.spend(1)?;
            Ok(left == right)
        }
    }
}

/// How two numbers compare. Agents often say a number as text: that is one here, beside a number.
fn numbers(left: &Value, right: &Value, work: &mut Work) -> Result<Option<Ordering>, EvalError> {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return Ok(Some(left.cmp(&right)));
    }
    let mut number = |value: &Value| match value {
        Value::Number(number) => Ok(number.as_f64()),
        Value::String(text) => {
            work.text(text.len())?;
            Ok(text.trim().parse().ok().filter(|number: &f64| number.is_finite()))
        }
        _ => Ok(None),
    };
    if !left.is_number() && !right.is_number() {
        return Ok(None);
    }
    let (left, right) = (number(left)?, number(right)?);
    Ok(left.zip(right).and_then(|(left, right)| left.partial_cmp(&right)))
}

fn contains(whole: &Value, part: &Value, work: &mut Work) -> Result<bool, EvalError> {
    match (whole, part) {
        (Value::Null, _) => Ok(false),
        (Value::String(whole), Value::String(part)) => {
            work.text(whole.len())?;
            Ok(whole.contains(part.as_str()))
        }
        (Value::Array(items), part) => {
            for item in items {
                if equal(item, part, work)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Value::Object(fields), Value::String(name)) => {
            work.text(name.len())?;
            Ok(fields.contains_key(name))
        }
        _ => Err(EvalError(format!("{} cannot be in {}", kind(part), kind(whole)))),
    }
}

fn call(function: Function, arguments: &[Expression], scope: &Scope, work: &mut Work) -> Result<Value, EvalError> {
    let [first, rest @ ..] = arguments else { return Ok(Value::Null) };
    let value = first.value(scope, work)?;
    let second = match rest.first() {
        Some(second) => second.value(scope, work)?,
        None => Cow::Owned(Value::Null),
    };
    let mut ends = |holds: fn(&str, &str) -> bool| match (&*value, &*second) {
        (Value::Null, _) => Ok(false),
        (Value::String(text), Value::String(end)) => {
            work.text(end.len())?;
            Ok(holds(text, end))
        }
        _ => Err(EvalError(format!("{} does not begin or end with {}", kind(&value), kind(&second)))),
    };
    Ok(match function {
        Function::Has => Value::Bool(!value.is_null()),
        Function::Size => match &*value {
            Value::Null => Value::from(0),
            Value::String(text) => {
                work.text(text.len())?;
                Value::from(text.chars().count())
            }
            Value::Array(items) => Value::from(items.len()),
            Value::Object(fields) => Value::from(fields.len()),
            other => return Err(EvalError(format!("{} has no size", kind(other)))),
        },
        Function::Contains => Value::Bool(contains(&value, &second, work)?),
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
