//! A vendor's contact as one table, and everything that follows from it but reading.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::describe::{self, Member};
use super::field::{BODY, Field, Mode};
use super::place;
use super::record::Record;
use super::show::{self, Absent};
use crate::dialect::describe::object;
use crate::dialect::fields::Nulls;
use crate::domain::{Card, CardError, Contact, Expected, FieldName, Problem, Violation, limits};

/// A vendor's contact, declared as a table of fields.
#[derive(Debug)]
pub struct Schema {
    /// The domain under which the vendor's own properties stand in a Card.
    pub domain: &'static str,
    /// The `kind` of its Cards, where they have one.
    pub card_kind: Option<&'static str>,
    /// What null means in a request.
    pub nulls: Nulls,
    /// The way in which an answer shows a field without a value.
    pub absent: Absent,
    /// Its fields, in the vendor's order.
    pub groups: &'static [Group],
    /// What must hold between fields.
    pub checks: &'static [fn(&Record<'_>) -> Option<Violation>],
}

/// Fields that stand together in a request.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Group {
    /// The member of the body that holds them, unless they are the body's own members.
    pub inside: Option<&'static str>,
    /// The fields of the group.
    pub fields: &'static [Field],
}

impl Group {
    /// The body's own members.
    pub const fn body(fields: &'static [Field]) -> Self {
        let inside = None;
        Self { inside, fields }
    }
}

impl Schema {
    /// All fields, in the vendor's order.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.groups.iter().flat_map(|group| group.fields)
    }

    /// The value that a Card of this dialect holds for one field.
    #[must_use]
    pub fn value<'a>(&self, card: &'a Card, field: &Field) -> Option<Cow<'a, Value>> {
        place::read(field, self.domain, card.properties())
    }

    /// The values that a Card of this dialect holds.
    pub fn record<'a>(&self, card: &'a Card) -> Record<'a> {
        let value = |field: &'static Field| Some((field.name, self.value(card, field)?));
        self.fields().filter_map(value).collect()
    }

    /// The Card of these values, with the `uid` that it had, if it had one.
    ///
    /// # Errors
    /// What the client may nest at will is nested too deeply.
    pub fn card(&self, values: &Record<'_>, uid: Option<&Value>) -> Result<Card, Vec<Violation>> {
        let kind = self.card_kind.map(Value::from);
        let given = [("uid", uid.cloned()), ("kind", kind)].into_iter();
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let mut card: Map<String, Value> = given.collect();
        for group in self.groups {
            let value = |name: &str| values.get(name);
            place::write(group.fields, self.domain, value, &mut card);
        }
        Card::new(card).map_err(|error| {
            let problem = match error {
                CardError::TooDeep => Problem::TooDeep(limits::JSON_DEPTH_MAX),
                CardError::NotAnObject | CardError::Property { .. } | CardError::NotJson => {
                    Problem::WrongType(Expected::Object)
                }
            };
            vec![Violation::new(BODY, problem)]
        })
    }

    /// The names of the fields in which two contacts differ.
    #[must_use]
    pub fn changed(&self, one: &Record<'_>, other: &Record<'_>) -> Vec<FieldName> {
        let content = self.fields().filter(|field| field.is_content());
        let changed = content.filter(|field| one.get(field.name) != other.get(field.name));
        changed.map(|field| field.name.into()).collect()
    }

    /// The vendor's answer that shows a contact.
    pub fn answer<'a>(&self, contact: &'a Contact) -> Record<'a> {
        let values = self.record(&contact.card);
        let member = |field: &Field| show::answer(field, self.absent, contact, &values);
        self.fields().filter_map(member).collect()
    }

    /// What every event may show of a contact, personal data apart.
    #[must_use]
    pub fn non_sensitive(&self, card: &Card) -> Map<String, Value> {
        let values = self.record(card);
        let member = |field: &Field| show::non_sensitive(field, &values);
        self.fields().filter_map(member).collect()
    }

    /// The members of a request, for its JSON Schema, or of an object inside of it.
    pub fn request_members(
        &self,
        inside: Option<&str>,
        mode: Mode,
    ) -> impl Iterator<Item = Member> {
        let groups = self
            .groups
            .iter()
            .filter(move |group| group.inside == inside);
        let fields = groups.flat_map(|group| group.fields);
        fields.filter_map(move |field| describe::request(field, self.nulls, mode))
    }

    /// The JSON Schema of a request, or of an object inside of it.
    #[must_use]
    pub fn request(&self, inside: Option<&str>, mode: Mode) -> Value {
        object(self.request_members(inside, mode))
    }

    /// The members of an answer, for its JSON Schema.
    pub fn answer_members(&self) -> impl Iterator<Item = Member> + use<> {
        let absent = self.absent;
        self.fields()
            .filter_map(move |field| describe::answer(field, absent))
    }

    /// The JSON Schemas of what [`Schema::non_sensitive`] shows.
    #[must_use]
    pub fn non_sensitive_members(&self) -> Vec<(&'static str, Value)> {
        self.fields().filter_map(describe::non_sensitive).collect()
    }
}
