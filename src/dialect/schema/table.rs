//! A vendor's contact as one table, and everything that follows from it but reading.

use serde_json::{Map, Value};

use super::describe::{self, Member};
use super::field::{Field, Mode};
use super::place;
use super::record::Record;
use super::show::{self, Absent};
use crate::dialect::fields::Nulls;
use crate::domain::{Card, CardError, Contact, Expected, FieldName, Problem, Violation, limits};

/// A vendor's contact.
#[derive(Debug)]
pub struct Schema {
    /// The domain under which the vendor's own properties stand in a Card.
    pub domain: &'static str,
    /// The `kind` of its Cards, where they have one.
    pub card_kind: Option<&'static str>,
    /// What null means in a request.
    pub nulls: Nulls,
    /// How an answer shows what a contact does not have.
    pub absent: Absent,
    /// Its fields, in the vendor's order.
    pub groups: &'static [Group],
    /// What must hold between fields.
    pub checks: &'static [fn(&Record) -> Option<Violation>],
}

/// Fields that stand together in a request.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The member of the body that holds them, unless they are the body's own members.
    pub inside: Option<&'static str>,
    /// The fields.
    pub fields: &'static [Field],
}

impl Group {
    /// The body's own members.
    #[must_use]
    pub const fn body(fields: &'static [Field]) -> Self {
        Self {
            inside: None,
            fields,
        }
    }
}

impl Schema {
    /// All fields, in the vendor's order.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.groups.iter().flat_map(|group| group.fields)
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name == name)
    }

    /// The values that a Card of this dialect holds.
    #[must_use]
    pub fn record(&self, card: &Card) -> Record {
        let properties = card.properties();
        let values = self.fields().filter_map(|field| {
            let value = place::read(field, self.domain, properties)?;
            Some((field.name, value))
        });
        values.collect()
    }

    /// The Card of these values, with the `uid` that it had, if it had one.
    ///
    /// # Errors
    /// What the client may nest at will is nested too deeply.
    pub fn card(&self, record: &Record, uid: Option<&Value>) -> Result<Card, Vec<Violation>> {
        let kind = self.card_kind.map(Value::from);
        let mut card = Map::new();
        for (name, value) in [("uid", uid.cloned()), ("kind", kind)] {
            card.extend(value.map(|value| (name.to_owned(), value)));
        }
        for group in self.groups {
            place::write(
                group.fields,
                self.domain,
                |name| record.get(name),
                &mut card,
            );
        }
        Card::new(card).map_err(|error| {
            vec![Violation::new(
                BODY,
                match error {
                    CardError::TooDeep => Problem::TooDeep(limits::JSON_DEPTH_MAX),
                    CardError::NotAnObject | CardError::Property { .. } | CardError::NotJson => {
                        Problem::WrongType(Expected::Object)
                    }
                },
            )]
        })
    }

    /// The names of the fields in which two contacts differ.
    #[must_use]
    pub fn changed(&self, one: &Record, other: &Record) -> Vec<FieldName> {
        let differs = |field: &&Field| one.get(field.name) != other.get(field.name);
        let changed = self.fields().filter(differs);
        changed
            .map(|field| FieldName::Borrowed(field.name))
            .collect()
    }

    /// The vendor's answer that shows a contact.
    #[must_use]
    pub fn answer(&self, contact: &Contact) -> Record {
        let record = self.record(&contact.card);
        show::answer(self.fields(), self.absent, contact, &record)
    }

    /// What every event may show of a contact, personal data apart.
    #[must_use]
    pub fn non_sensitive(&self, card: &Card) -> Map<String, Value> {
        show::non_sensitive(self.fields(), &self.record(card))
    }

    /// The members of a request, for its JSON Schema: those of the groups that stand so.
    #[must_use]
    pub fn request_members(&self, inside: Option<&str>, mode: Mode) -> Vec<Member> {
        let groups = self.groups.iter().filter(|group| group.inside == inside);
        groups
            .flat_map(|group| describe::request(group.fields, self.nulls, mode))
            .collect()
    }

    /// The members of an answer, for its JSON Schema.
    #[must_use]
    pub fn answer_members(&self) -> Vec<Member> {
        describe::answer(self.fields(), self.absent)
    }

    /// The JSON Schemas of what [`Schema::non_sensitive`] shows.
    #[must_use]
    pub fn non_sensitive_members(&self) -> Vec<(&'static str, Value)> {
        describe::non_sensitive(self.fields())
    }
}

/// The field that stands for a body as a whole in a violation.
pub const BODY: &str = "body";
