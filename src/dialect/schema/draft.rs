//! What a request sent for a contact, judged field by field, on its way to be an attempt.

use serde_json::{Map, Value};

use super::field::Mode;
use super::read::{self, Sent};
use super::record::Record;
use super::table::{BODY, Schema};
use crate::dialect::fields::Fields;
use crate::domain::{
    Action, Attempt, Card, Expected, FieldName, Patch, Patched, Precondition, Problem, Target,
    Violation,
};

/// What a request sent for a contact.
#[derive(Clone, Debug)]
pub struct Draft {
    schema: &'static Schema,
    /// The names of the fields that were sent.
    pub sent: Vec<FieldName>,
    values: Sent,
    /// What is wrong with them.
    pub violations: Vec<Violation>,
}

impl Schema {
    /// Reads a body, of which nothing but the table's fields counts.
    ///
    /// `path` is where it stands in the request, for what is said of it: empty, or `contacts.0`.
    #[must_use]
    pub fn read(&'static self, body: &Value, path: &str, mode: Mode) -> Draft {
        let mut draft = Draft {
            schema: self,
            sent: Vec::new(),
            values: Vec::new(),
            violations: Vec::new(),
        };
        match body {
            Value::Object(body) => draft.read(body, path, mode),
            other => {
                let path = if path.is_empty() { BODY } else { path };
                let problem = Problem::WrongType(Expected::Object);
                draft.refuse(Violation::new(path, problem).with_value(other.clone()));
            }
        }
        draft
    }
}

impl Draft {
    fn read(&mut self, body: &Map<String, Value>, path: &str, mode: Mode) {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}.")
        };
        let mut root = Fields::new(body, prefix, self.schema.nulls);
        for group in self.schema.groups {
            let Some(name) = group.inside else {
                self.values
                    .extend(read::read(&mut root, group.fields, mode));
                continue;
            };
            let object = root.object(name, true);
            // Its fields are named instead of it.
            root.sent.retain(|sent| sent != name);
            if let Some(object) = object {
                let mut inner = root.inner(object, name);
                self.values
                    .extend(read::read(&mut inner, group.fields, mode));
                root.sent.append(&mut inner.sent);
                root.violations.append(&mut inner.violations);
            }
        }
        self.sent = root.sent;
        self.violations = root.violations;
    }

    /// Notes that something is wrong with it.
    pub fn refuse(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// What was sent for a field: nothing, a value, or that it is to have none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Option<&Value>> {
        let (_, value) = self.values.iter().find(|(key, _)| *key == name)?;
        Some(value.as_ref())
    }

    /// Takes a value for a field as if it had been sent.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.values.retain(|(key, _)| *key != name);
        self.values.push((name, Some(value.into())));
    }

    /// The values of a contact that had others before: what was not sent stays as it was.
    fn onto(&self, before: &Record) -> Result<Record, Vec<Violation>> {
        let values = self.schema.fields().filter_map(|field| {
            let value = match self.get(field.name) {
                Some(sent) => sent,
                None => before.get(field.name),
            };
            Some((field.name, value.filter(|_| field.is_content())?.clone()))
        });
        let record: Record = values.collect();
        let checks = self.schema.checks.iter();
        let wrong: Vec<Violation> = checks.filter_map(|check| check(&record)).collect();
        if wrong.is_empty() {
            Ok(record)
        } else {
            Err(wrong)
        }
    }

    /// The values of the whole contact that was sent.
    ///
    /// # Errors
    /// What is wrong with the fields, or between them.
    pub fn record(&self) -> Result<Record, Vec<Violation>> {
        if !self.violations.is_empty() {
            return Err(self.violations.clone());
        }
        self.onto(&Record::default())
    }

    /// The Card of the whole contact that was sent.
    ///
    /// # Errors
    /// As [`Draft::record`].
    pub fn card(&self) -> Result<Card, Vec<Violation>> {
        self.schema.card(&self.record()?, None)
    }

    /// The change that puts the whole contact in the place of the one before.
    ///
    /// # Errors
    /// As [`Draft::record`].
    pub fn replacement(&self) -> Result<Patch, Vec<Violation>> {
        let (schema, record) = (self.schema, self.record()?);
        Ok(Patch::new(move |current| {
            patched(schema, current, &schema.record(current), &record)
        }))
    }

    /// The change of what was sent.
    ///
    /// # Errors
    /// What is wrong with the fields.
    pub fn patch(self) -> Result<Patch, Vec<Violation>> {
        if !self.violations.is_empty() {
            return Err(self.violations);
        }
        Ok(Patch::new(move |current| {
            let before = self.schema.record(current);
            patched(self.schema, current, &before, &self.onto(&before)?)
        }))
    }

    /// The attempt to create the whole contact that was sent.
    #[must_use]
    pub fn create(self, chosen_id: Option<Box<str>>) -> Attempt {
        let card = self.card();
        let action = card.map(|card| Action::Create { card, chosen_id });
        Attempt::create(self.sent, action)
    }

    /// The attempt to put the whole contact that was sent in the place of another.
    #[must_use]
    pub fn replace(self, target: Target, precondition: Precondition) -> Attempt {
        let action = self.replacement().map(Action::Update);
        Attempt::update(target, precondition, self.sent, action)
    }

    /// The attempt to change of a contact what was sent.
    #[must_use]
    pub fn update(mut self, target: Target, precondition: Precondition) -> Attempt {
        let sent = std::mem::take(&mut self.sent);
        Attempt::update(target, precondition, sent, self.patch().map(Action::Update))
    }
}

fn patched(
    schema: &Schema,
    current: &Card,
    before: &Record,
    after: &Record,
) -> Result<Patched, Vec<Violation>> {
    Ok(Patched {
        card: schema.card(after, current.get("uid"))?,
        changed: schema.changed(before, after),
    })
}
