//! The values of an object's fields by their names.
//!
//! An object has a few fields, whose names its table has, so they stand in a list and are looked
//! through; and a value that a Card or a request holds already is lent by it.

use std::borrow::Cow;
use std::ops::Index;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The fields that most records have no more of.
const FIELDS: usize = 8;

/// The values of an object's fields by their names, in the order of the table.
///
/// A value is JSON in the one form in which it is compared: an id in its canonical spelling, a
/// number of a code list as that number. A field without a value is not in it.
///
/// ```
/// use contactd::dialect::schema::Record;
/// use serde_json::json;
///
/// let mut record = Record::new();
/// record.insert("name", json!("Ann"));
/// record.insert("name", json!("Eve"));
/// assert_eq!(record.get("name"), Some(&json!("Eve")));
/// assert_eq!(serde_json::to_string(&record).ok().as_deref(), Some(r#"{"name":"Eve"}"#));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct Record<'a>(Vec<(&'static str, Cow<'a, Value>)>);

impl<'a> Record<'a> {
    /// A record without values.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of the field of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.find(name).map(|value| &**value)
    }

    /// The value of the field of this name, still lent where it is.
    #[must_use]
    pub fn lent(&self, name: &str) -> Option<Cow<'a, Value>> {
        self.find(name).cloned()
    }

    fn find(&self, name: &str) -> Option<&Cow<'a, Value>> {
        let (_, value) = self.0.iter().find(|(own, _)| *own == name)?;
        Some(value)
    }

    /// The fields that have values, with these.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, &**value))
    }

    /// Whether the field of this name has a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets the value of a field: in its place where it had one, else behind all others.
    pub fn insert(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = Cow::Owned(value.into());
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name, value)),
        }
    }

    /// Sets the value of a field that had none, before all others.
    pub fn insert_first(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.insert(0, (name, Cow::Owned(value.into())));
    }

    /// Leaves out the fields whose names fail a test.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// The record with values of its own.
    pub fn into_owned(self) -> Record<'static> {
        let values = self.0.into_iter();
        values
            .map(|(name, value)| (name, Cow::Owned(value.into_owned())))
            .collect()
    }

    /// The values of both, for fields that are not in both.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

impl<'a> FromIterator<(&'static str, Cow<'a, Value>)> for Record<'a> {
    fn from_iter<T: IntoIterator<Item = (&'static str, Cow<'a, Value>)>>(values: T) -> Self {
        let mut record = Vec::with_capacity(FIELDS);
        record.extend(values);
        Self(record)
    }
}

impl Index<&str> for Record<'_> {
    type Output = Value;

    /// The value of a field; null where it has none.
    fn index(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl From<Record<'_>> for Value {
    fn from(record: Record<'_>) -> Self {
        let members = record.0.into_iter();
        members
            .map(|(name, value)| (name, value.into_owned()))
            .collect()
    }
}
