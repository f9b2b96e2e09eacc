//! What a request sent for a contact, judged field by field, on its way to be an attempt.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::field::{BODY, Mode};
use super::read::read;
use super::record::Record;
use super::table::Schema;
use crate::dialect::fields::Fields;
use crate::domain::{
    Action, Attempt, Card, Expected, FieldName, Patch, Patched, Precondition, Problem, Target,
    Violation,
};

/// What a request sent for a contact.
#[derive(Clone, Debug)]
#[must_use]
pub struct Draft<'a> {
    schema: &'static Schema,
    /// Whether it is a whole contact or a change.
    pub mode: Mode,
    /// The names of the fields that were sent.
    pub sent: Vec<FieldName>,
    /// What was sent for the fields; null is the value of one that is to have none.
    pub values: Record<'a>,
    /// What is wrong with them.
    pub violations: Vec<Violation>,
}

impl Schema {
    /// Reads a body, of which nothing but the table's fields counts.
    ///
    /// `path` is where it stands in the request, for what is said of it: empty, or `contacts.0`.
    pub fn read<'a>(&'static self, body: &'a Value, path: &str, mode: Mode) -> Draft<'a> {
        let mut draft = Draft {
            schema: self,
            mode,
            sent: Vec::new(),
            values: Record::new(),
            violations: Vec::new(),
        };
        if let Value::Object(body) = body {
            draft.read(body, path);
        } else {
            let path = if path.is_empty() { BODY } else { path };
            let problem = Problem::WrongType(Expected::Object);
            let violation = Violation::new(path, problem).with_value(body.clone());
            draft.violations.push(violation);
        }
        draft
    }
}

impl<'a> Draft<'a> {
    /// The draft with values of its own, which the request no longer lends.
    pub fn into_owned(self) -> Draft<'static> {
        Draft {
            schema: self.schema,
            mode: self.mode,
            sent: self.sent,
            values: self.values.into_owned(),
            violations: self.violations,
        }
    }

    fn read(&mut self, body: &'a Map<String, Value>, path: &str) {
        let dot = if path.is_empty() { "" } else { "." };
        let mut root = Fields::new(body, format!("{path}{dot}"), self.schema.nulls);
        for group in self.schema.groups {
            let Some(name) = group.inside else {
                self.values.append(read(&mut root, group.fields, self.mode));
                continue;
            };
            let object = root.object(name, true);
            // Its fields are named instead of it.
            root.sent.retain(|sent| sent != name);
            if let Some(object) = object {
                let mut inner = root.inner(object, name);
                self.values
                    .append(read(&mut inner, group.fields, self.mode));
                root.sent.append(&mut inner.sent);
                root.violations.append(&mut inner.violations);
            }
        }
        self.sent = root.sent;
        self.violations = root.violations;
    }

    /// The values of a new contact, or of one that had others before: in a change, what was not sent
    /// stays.
    ///
    /// # Errors
    /// What is wrong with the fields, or between them.
    pub fn onto<'b>(
        &'b self,
        before: Option<&'b Record<'_>>,
    ) -> Result<Record<'b>, Vec<Violation>> {
        if !self.violations.is_empty() {
            return Err(self.violations.clone());
        }
        let before = before.filter(|_| self.mode == Mode::Patch);
        let stays = |name: &str| before?.get(name);
        let content = self.schema.fields().filter(|field| field.is_content());
        let values = content.filter_map(|field| {
            let value = self.values.get(field.name).or_else(|| stays(field.name));
            let value = value.filter(|value| !value.is_null())?;
            Some((field.name, Cow::Borrowed(value)))
        });
        let record: Record<'_> = values.collect();
        let checks = self.schema.checks.iter();
        let wrong: Vec<Violation> = checks.filter_map(|check| check(&record)).collect();
        if wrong.is_empty() {
            Ok(record)
        } else {
            Err(wrong)
        }
    }

    /// The Card of a new contact.
    ///
    /// # Errors
    /// As [`Draft::onto`].
    pub fn card(&self) -> Result<Card, Vec<Violation>> {
        self.schema.card(&self.onto(None)?, None)
    }

    /// The change of a contact.
    ///
    /// # Errors
    /// What is wrong with the fields.
    pub fn patch(self) -> Result<Patch, Vec<Violation>> {
        if !self.violations.is_empty() {
            return Err(self.violations);
        }
        let draft = self.into_owned();
        Ok(Patch::new(move |current| {
            let before = draft.schema.record(current);
            let after = draft.onto(Some(&before))?;
            Ok(Patched {
                card: draft.schema.card(&after, current.get("uid"))?,
                changed: draft.schema.changed(&before, &after),
            })
        }))
    }

    /// The attempt to create a contact, of an id that the client may have chosen.
    #[must_use]
    pub fn create(self, chosen_id: Option<Box<str>>) -> Attempt {
        let card = self.card();
        let action = card.map(|card| Action::Create { card, chosen_id });
        Attempt::create(self.sent, action)
    }

    /// The attempt to change a contact, or to put a whole one in its place.
    #[must_use]
    pub fn update(mut self, target: Target, precondition: Precondition) -> Attempt {
        let sent = std::mem::take(&mut self.sent);
        Attempt::update(target, precondition, sent, self.patch().map(Action::Update))
    }
}
