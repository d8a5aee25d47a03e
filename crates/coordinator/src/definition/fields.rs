//! Reading the fields of an object, and collecting what is wrong with them.

use std::time::Duration;

use serde_json::{Map, Value};

/// Something that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where: `steps[2].depends_on`; empty for the whole.
    pub path: String,
    /// What it must be.
    pub message: String,
}

impl Flaw {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// The fields of one object. A field that is null counts as absent.
pub(super) struct Fields<'v, 'f> {
    path: String,
    map: &'v Map<String, Value>,
    flaws: &'f mut Vec<Flaw>,
}

impl<'v, 'f> Fields<'v, 'f> {
    pub(super) const fn new(path: String, map: &'v Map<String, Value>, flaws: &'f mut Vec<Flaw>) -> Self {
        Self { path, map, flaws }
    }

    fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Writes down that a field is not what it must be.
    pub(super) fn flaw(&mut self, name: &str, message: impl Into<String>) {
        let path = self.place(name);
        self.flaws.push(Flaw::new(path, message));
    }

    pub(super) fn get(&self, name: &str) -> Option<&'v Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str, chars_max: usize) -> Option<&'v str> {
        let value = self.get(name)?;
        let text = value.as_str().filter(|text| !text.trim().is_empty() && text.chars().count() <= chars_max);
        if text.is_none() {
            self.flaw(name, format!("must be a text of 1 to {chars_max} characters"));
        }
        text
    }

    pub(super) fn integer(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let value = self.get(name)?;
        let number = value.as_i64().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.flaw(name, format!("must be an integer between {min} and {max}"));
        }
        number
    }

    /// A time in seconds, above zero.
    pub(super) fn seconds(&mut self, name: &str, max: Duration) -> Option<Duration> {
        let value = self.get(name)?;
        let time = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let time = time.filter(|time| !time.is_zero() && *time <= max);
        if time.is_none() {
            self.flaw(name, format!("must be a number of seconds above 0, at most {}", max.as_secs()));
        }
        time
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        if value.as_bool().is_none() {
            self.flaw(name, "must be true or false");
        }
        value.as_bool()
    }

    pub(super) fn list(&mut self, name: &str) -> Option<&'v [Value]> {
        let value = self.get(name)?;
        if !value.is_array() {
            self.flaw(name, "must be a list");
        }
        value.as_array().map(Vec::as_slice)
    }

    /// The fields of an object inside.
    pub(super) fn object(&mut self, name: &str) -> Option<Fields<'v, '_>> {
        let path = self.place(name);
        match self.get(name)? {
            Value::Object(map) => Some(Fields::new(path, map, self.flaws)),
            _ => {
                self.flaw(name, "must be an object");
                None
            }
        }
    }
}
