//! A vendor object's values, parsed by its schema.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::ids::HexId;
use super::schema::{BESIDE, CONTACT, Field, ID, ITEMS_MAX, Kind, REFERENCE, Schema, required};
use crate::dialect::fields::{Fields, Nulls};
use crate::domain::{Expected, FieldName, Problem, Violation, limits};

/// The values of an object's fields, in the order of the schema; a field not given is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record(Vec<(&'static str, Datum)>);

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Datum {
    /// A text.
    Text(String),
    /// An id.
    Id(HexId),
    /// True or false.
    Flag(bool),
    /// Objects.
    Items(Vec<Record>),
}

/// A body's contact with the id that the client chose for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// `contact.id`, where it was sent.
    pub id: Option<HexId>,
    /// Everything else.
    pub contact: Record,
}

/// Reads a body: the draft or what is wrong with it, and the names of the fields sent.
pub fn read(body: &Value) -> (Result<Draft, Vec<Violation>>, Vec<FieldName>) {
    let Value::Object(body) = body else {
        let violation = Violation::new("body", Problem::WrongType(Expected::Object));
        return (Err(vec![violation]), Vec::new());
    };
    let mut root = Fields::new(body, "", Nulls::Absent);
    let contact = root.object("contact", true);
    // Its fields are named instead of it.
    root.sent.clear();
    let mut id = None;
    let mut record = Record::default();
    if let Some(contact) = contact {
        let mut fields = Fields::new(contact, "contact.", Nulls::Absent);
        id = Record::read(&mut fields, &REFERENCE).id("id");
        record = Record::read(&mut fields, &CONTACT);
        root.sent.append(&mut fields.sent);
        root.violations.append(&mut fields.violations);
    }
    record.0.extend(Record::read(&mut root, &BESIDE).0);
    let draft = if root.violations.is_empty() {
        Ok(Draft {
            id,
            contact: record,
        })
    } else {
        Err(root.violations)
    };
    (draft, root.sent)
}

impl Record {
    /// Reads an object's fields; what is wrong with them is noted there.
    fn read(fields: &mut Fields<'_>, schema: &'static [Field]) -> Self {
        Self::collect(schema, |field| {
            Some(match field.kind {
                Kind::Text(rule) => Datum::Text(fields.text(field.name, rule, required(field))?),
                Kind::Id => Datum::Id(HexId::parse(&fields.text(field.name, ID, false)?)?),
                Kind::Flag => Datum::Flag(fields.flag(field.name, false)?),
                Kind::Items { schema, required } => {
                    Datum::Items(read_items(fields, field.name, required, schema)?)
                }
            })
        })
    }

    /// The values that are found for a schema's fields.
    pub fn collect(
        schema: &'static [Field],
        mut find: impl FnMut(&'static Field) -> Option<Datum>,
    ) -> Self {
        let found = schema
            .iter()
            .filter_map(|field| Some((field.name, find(field)?)));
        Self(found.collect())
    }

    /// The same with the values of another after its own.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// A field's value.
    pub fn get(&self, name: &str) -> Option<&Datum> {
        let (_, datum) = self.0.iter().find(|(key, _)| *key == name)?;
        Some(datum)
    }

    /// A field's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Datum::Text(text) => Some(text),
            Datum::Id(_) | Datum::Flag(_) | Datum::Items(_) => None,
        }
    }

    /// A field's id.
    pub fn id(&self, name: &str) -> Option<HexId> {
        match self.get(name)? {
            Datum::Id(id) => Some(*id),
            Datum::Text(_) | Datum::Flag(_) | Datum::Items(_) => None,
        }
    }

    /// A field's objects.
    pub fn items(&self, name: &str) -> &[Self] {
        match self.get(name) {
            Some(Datum::Items(items)) => items,
            _ => &[],
        }
    }

    /// The names of a contact's fields in which two records differ.
    pub fn changed(&self, other: &Self) -> Vec<FieldName> {
        CONTACT
            .iter()
            .chain(&BESIDE)
            .filter(|field| self.get(field.name) != other.get(field.name))
            .map(|field| FieldName::Borrowed(field.name))
            .collect()
    }

    /// The record as the vendor's JSON.
    pub fn to_json(&self) -> Map<String, Value> {
        let members = self.0.iter();
        members
            .map(|(name, datum)| ((*name).to_owned(), datum.to_json()))
            .collect()
    }
}

impl Datum {
    /// The value as the vendor's JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Id(id) => id.to_string().into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Items(items) => items.iter().map(Record::to_json).collect(),
        }
    }

    /// The value that JSON of our own holds for a field of this kind.
    pub fn of_json(kind: Kind, value: &Value) -> Option<Self> {
        Some(match kind {
            Kind::Text(_) => Self::Text(value.as_str()?.to_owned()),
            Kind::Id => Self::Id(HexId::parse(value.as_str()?)?),
            Kind::Flag => Self::Flag(value.as_bool()?),
            Kind::Items { schema, .. } => {
                let record = |item: &Value| {
                    Record::collect(schema.fields, |field| {
                        Self::of_json(field.kind, item.get(field.name)?)
                    })
                };
                Self::Items(value.as_array()?.iter().map(record).collect())
            }
        })
    }
}

/// Reads an array of objects. The page types it as one object, which counts as an array of one.
fn read_items(
    fields: &mut Fields<'_>,
    name: &'static str,
    required: bool,
    schema: &'static Schema,
) -> Option<Vec<Record>> {
    let value = fields.value(name, required.then_some(Expected::Array))?;
    let items = match value {
        Value::Array(items) => items.as_slice(),
        Value::Object(_) => std::slice::from_ref(value),
        _ => {
            fields.wrong(name, Problem::WrongType(Expected::Array));
            return None;
        }
    };
    if items.len() > ITEMS_MAX as usize {
        fields.wrong(name, Problem::TooMany(ITEMS_MAX));
        return None;
    }
    let mut records = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        // More than is recorded helps nobody, and arrays in arrays could make it a flood.
        if fields.violations.len() >= limits::VIOLATIONS_MAX {
            return None;
        }
        let path = fields.path(&format!("{name}.{index}"));
        match read_item(item, &path, schema) {
            Ok(record) => records.push((path, record)),
            Err(violations) => fields.violations.extend(violations),
        }
    }
    let doubles = doubles(&records);
    fields.violations.extend(doubles);
    Some(records.into_iter().map(|(_, record)| record).collect())
}

fn read_item(item: &Value, path: &str, schema: &'static Schema) -> Result<Record, Vec<Violation>> {
    let bare;
    let object = match (item, schema.bare) {
        (Value::Object(object), _) => object,
        (Value::String(_), Some(field)) => {
            bare = Map::from_iter([(field.to_owned(), item.clone())]);
            &bare
        }
        _ => {
            let problem = Problem::WrongType(Expected::Object);
            return Err(vec![Violation::new(path, problem)]);
        }
    };
    let mut fields = Fields::new(object, format!("{path}."), Nulls::Absent);
    let record = if is_reference(object, schema) {
        Record::read(&mut fields, &REFERENCE)
    } else {
        Record::read(&mut fields, schema.fields)
    };
    if fields.violations.is_empty() {
        Ok(record)
    } else {
        Err(fields.violations)
    }
}

/// Whether an object has its `id` and no other field of its schema.
fn is_reference(object: &Map<String, Value>, schema: &Schema) -> bool {
    let given = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    schema.by_reference
        && schema
            .fields
            .iter()
            .all(|field| given(field.name) == (field.name == "id"))
}

/// The items that are equal to one before them, or have its id.
fn doubles(records: &[(String, Record)]) -> Vec<Violation> {
    let (mut ids, mut seen) = (HashSet::new(), HashSet::new());
    let mut doubles = Vec::new();
    for (path, record) in records {
        let id_is_new = record.id("id").is_none_or(|id| ids.insert(id));
        if !(seen.insert(record) && id_is_new) {
            doubles.push(Violation::new(path.as_str(), Problem::Duplicate));
        }
    }
    doubles
}
