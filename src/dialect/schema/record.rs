//! The values of an object's fields: what a Card holds of a contact, and what an answer shows.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// Values by the names of their fields, in the order of the table; a field without one is left out.
///
/// A value is JSON in the one form in which it is compared: an id in its canonical spelling, a
/// number of a code list as that number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record(Vec<(&'static str, Value)>);

impl Record {
    /// The value of the field of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let (_, value) = self.0.iter().find(|(key, _)| *key == name)?;
        Some(value)
    }

    /// The value of the field of this name, where it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The values of the list of this name; none where there is no such list.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Some(Value::Array(items)) => items,
            _ => &[],
        }
    }

    /// Gives a field a value in the place of the one that it had, or behind the others.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Keeps the fields whose names pass the test.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// The values of the list of this name, to be changed.
    pub fn list_mut(&mut self, name: &str) -> impl Iterator<Item = &mut Value> {
        let found = self.0.iter_mut().find(|(key, _)| *key == name);
        found
            .and_then(|(_, value)| value.as_array_mut())
            .into_iter()
            .flatten()
    }
}

impl FromIterator<(&'static str, Value)> for Record {
    fn from_iter<I: IntoIterator<Item = (&'static str, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl From<Record> for Map<String, Value> {
    fn from(record: Record) -> Self {
        let members = record.0.into_iter();
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            object.serialize_entry(name, value)?;
        }
        object.end()
    }
}
