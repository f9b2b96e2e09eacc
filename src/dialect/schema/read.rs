//! Reads the fields of a JSON object by their table and notes what is wrong with them.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::field::{Field, IdForm, Items, Kind, Mode, Required};
use crate::dialect::fields::{ANY_TEXT, Fields, Nulls};
use crate::domain::{Expected, Problem, Violation, limits};

/// What was sent for the fields of a table: a value, or that the field is to have none.
pub type Sent = Vec<(&'static str, Option<Value>)>;

/// Reads the fields of an object; what is wrong with them is noted in its reader.
pub fn read(fields: &mut Fields<'_>, table: &'static [Field], mode: Mode) -> Sent {
    let sent = table.iter().filter(|field| field.is_sent());
    sent.filter_map(|field| Some((field.name, value(fields, field, mode)?)))
        .collect()
}

/// The value of one field: nothing where it was not sent or is wrong.
fn value(fields: &mut Fields<'_>, field: &'static Field, mode: Mode) -> Option<Option<Value>> {
    let name = field.name;
    let mut required = field.is_required(mode);
    if fields.is_null(name) && (fields.nulls == Nulls::Clears || field.null_clears) {
        if field.required == Required::Never {
            fields.note_sent(name);
            return Some(None);
        }
        // What a contact can't be without can't be taken away either.
        required = true;
    }
    let value = match field.kind {
        Kind::Text(rule) => {
            let text = fields.text(name, rule, required)?;
            let is_none = rule.empty_is_none && text.is_empty();
            return Some((!is_none).then(|| text.into()));
        }
        Kind::Flag => fields.flag(name, required)?.into(),
        Kind::Id(form) => id(fields, name, form, required)?.into(),
        Kind::Code(_) => code(fields, field, required)?.into(),
        Kind::Texts {
            item,
            max,
            distinct,
        } => {
            let texts = fields.texts(name, item, max, required)?;
            let mut seen = HashSet::new();
            let is_new = |text: &String| !distinct || seen.insert(text.clone());
            let texts: Vec<Value> = texts.into_iter().filter(is_new).map(Value::from).collect();
            return Some((!texts.is_empty()).then(|| texts.into()));
        }
        Kind::Object => {
            let object = fields.object(name, required)?;
            return Some((!object.is_empty()).then(|| object.clone().into()));
        }
        Kind::Objects => {
            let objects = objects(fields, name, required)?;
            return Some((!objects.is_empty()).then(|| objects.into()));
        }
        Kind::Items(table) => items(fields, name, table, required)?.into(),
        Kind::ReadOnly => return None,
    };
    Some(Some(value))
}

fn id(
    fields: &mut Fields<'_>,
    name: &'static str,
    form: &IdForm,
    required: bool,
) -> Option<String> {
    let text = fields.text(name, ANY_TEXT, required)?;
    let id = (form.canonical)(&text);
    if id.is_none() {
        fields.wrong(name, Problem::Format(form.format));
    }
    id
}

/// The number in `{"id": 7}`. Further members of the object are passed over.
fn code(fields: &mut Fields<'_>, field: &Field, required: bool) -> Option<u64> {
    let Kind::Code(codes) = field.kind else {
        return None;
    };
    let object = fields.object(field.name, required)?;
    let mut inner = fields.inner(object, field.name);
    let number = match inner.value("id", Some(Expected::Number)) {
        None => None,
        Some(Value::Number(number)) => {
            let known = number.as_u64().filter(|number| codes.knows(*number));
            if known.is_none() {
                inner.wrong("id", Problem::UnknownReference);
            }
            known
        }
        Some(_) => {
            inner.wrong("id", Problem::WrongType(Expected::Number));
            None
        }
    };
    fields.violations.append(&mut inner.violations);
    number
}

fn objects(fields: &mut Fields<'_>, name: &'static str, required: bool) -> Option<Vec<Value>> {
    let items = fields.array(name, required)?;
    for (index, item) in items.iter().enumerate() {
        if !item.is_object() {
            let problem = Problem::WrongType(Expected::Object);
            fields.wrong_item(name, index, problem, item);
        }
    }
    Some(items.clone())
}

/// A list of objects. One object counts as a list of one.
fn items(
    fields: &mut Fields<'_>,
    name: &'static str,
    table: &'static Items,
    required: bool,
) -> Option<Vec<Value>> {
    let value = fields.value(name, required.then_some(Expected::Array))?;
    let items = match value {
        Value::Array(items) => items.as_slice(),
        Value::Object(_) => std::slice::from_ref(value),
        _ => {
            fields.wrong(name, Problem::WrongType(Expected::Array));
            return None;
        }
    };
    if items.len() > table.max as usize {
        fields.wrong(name, Problem::TooMany(table.max));
        return None;
    }
    let mut good = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        // More than is recorded helps nobody, and lists in lists could make it a flood.
        if fields.violations.len() >= limits::VIOLATIONS_MAX {
            return None;
        }
        good.extend(read_item(fields, &format!("{name}.{index}"), item, table));
    }
    let doubles = doubles(&good, table.id);
    for path in doubles {
        fields
            .violations
            .push(Violation::new(path, Problem::Duplicate));
    }
    Some(good.into_iter().map(|(_, item)| item).collect())
}

/// An item with its path, if nothing is wrong with it.
fn read_item(
    fields: &mut Fields<'_>,
    name: &str,
    item: &Value,
    table: &'static Items,
) -> Option<(String, Value)> {
    let path = fields.path(name);
    let bare;
    let object = match (item, table.bare) {
        (Value::Object(object), _) => object,
        (Value::String(_), Some(field)) => {
            bare = Map::from_iter([(field.to_owned(), item.clone())]);
            &bare
        }
        _ => {
            let problem = Problem::WrongType(Expected::Object);
            fields.violations.push(Violation::new(path, problem));
            return None;
        }
    };
    let mut inner = Fields::new(object, format!("{path}."), fields.nulls);
    let mode = if is_reference(object, table) {
        Mode::Patch
    } else {
        Mode::Whole
    };
    let members = read(&mut inner, table.fields, mode).into_iter();
    let members = members.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let item = Value::Object(members.collect());
    let good = inner.violations.is_empty();
    fields.violations.append(&mut inner.violations);
    good.then_some((path, item))
}

/// Whether an object has its id and no other field of its table.
fn is_reference(object: &Map<String, Value>, table: &Items) -> bool {
    let given = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    let mut fields = table.fields.iter();
    table.by_reference && fields.all(|field| given(field.name) == (field.name == table.id))
}

/// The paths of the items that are equal to one before them, or have its id.
fn doubles(items: &[(String, Value)], id: &str) -> Vec<String> {
    let (mut ids, mut seen) = (HashSet::new(), HashSet::new());
    let mut doubles = Vec::new();
    for (path, item) in items {
        let id_is_new = item.get(id).is_none_or(|id| ids.insert(id));
        if !(seen.insert(item) && id_is_new) {
            doubles.push(path.clone());
        }
    }
    doubles
}
