//! Reads the fields of a JSON object by their table and notes what is wrong with them.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::field::{BODY, Codes, Field, Items, Kind, Mode, Required, Shown};
use super::record::Record;
use crate::dialect::fields::{Fields, Nulls};
use crate::dialect::json;
use crate::domain::{Expected, Problem, Violation, limits};

/// Reads the fields of an object; what is wrong with them is noted in its reader.
///
/// Null is the value of a field that is to have none: no field can hold null itself.
pub fn read(fields: &mut Fields<'_>, table: &[Field], mode: Mode) -> Record<'static> {
    let sent = table.iter().filter(|field| field.is_sent());
    let values = sent.filter_map(|field| {
        let value = value(fields, field, mode)?;
        Some((field.name, Cow::Owned(value)))
    });
    values.collect()
}

/// The value of one field: nothing where it was not sent or is wrong.
fn value(fields: &mut Fields<'_>, field: &Field, mode: Mode) -> Option<Value> {
    let name = name_in(fields, field);
    let mut required = field.is_required(mode);
    if (fields.nulls == Nulls::Clears || field.null_clears) && fields.is_null(name) {
        if field.required == Required::Never {
            fields.note_sent(name);
            return Some(Value::Null);
        }
        // What a contact can't be without can't be taken away either.
        required = true;
    }
    let value: Value = match field.kind {
        Kind::Text(rule) => fields.text(name, rule, required)?.into(),
        Kind::Id(form) => fields.text(name, form.rule, required)?.into(),
        Kind::Flag => {
            let flag = fields.of_type(name, Expected::Boolean, required, Value::as_bool);
            flag?.into()
        }
        Kind::Code(codes) => code(fields, name, codes, required)?.into(),
        Kind::Texts {
            rule, max, or_one, ..
        } => {
            let instead: fn(&Value) -> bool = if or_one { Value::is_string } else { |_| false };
            let items = fields.list(name, required, instead)?;
            fields.texts(name, items, rule, max)?.into()
        }
        Kind::Object => fields.object(name, required)?.clone().into(),
        Kind::Objects => {
            let items = fields.list(name, required, |_| false)?;
            let wrong = items
                .iter()
                .enumerate()
                .filter(|(_, item)| parsed(item).is_none());
            for (index, item) in wrong {
                fields.wrong_item(name, index, Problem::WrongType(Expected::Object), item);
            }
            items.iter().filter_map(parsed).collect()
        }
        Kind::Items(table) => items(fields, name, table, required)?.into(),
        Kind::ReadOnly => return None,
    };
    let stored = field.kind.stored(Cow::Owned(value));
    Some(stored.map(Cow::into_owned).unwrap_or_default())
}

/// The members of a body that must be an object.
///
/// # Errors
/// The violation that the body as a whole is.
pub fn object(body: &Value) -> Result<&Map<String, Value>, Vec<Violation>> {
    let wrong = || vec![Violation::new(BODY, Problem::WrongType(Expected::Object))];
    body.as_object().ok_or_else(wrong)
}

/// The name under which a request has a field: its own, or else the one that answers show it by,
/// so that what was answered can be sent back.
fn name_in(fields: &Fields<'_>, field: &Field) -> &'static str {
    match field.shown {
        Shown::As(shown) if !fields.has(field.name) && fields.has(shown) => shown,
        _ => field.name,
    }
}

/// An object, or the one whose JSON a text is: answers may show objects so.
fn parsed(item: &Value) -> Option<Value> {
    match item {
        Value::Object(_) => Some(item.clone()),
        Value::String(text) => json::parse(text.as_bytes()).ok().filter(Value::is_object),
        _ => None,
    }
}

/// The number in `{"id": 7}`. Further members of the object are passed over.
fn code(fields: &mut Fields<'_>, name: &'static str, codes: &Codes, required: bool) -> Option<u64> {
    let object = fields.object(name, required)?;
    let mut inner = fields.inner(object, name);
    let number = inner.of_type("id", Expected::Number, true, Value::as_number);
    let known = number.and_then(|number| codes.known(number));
    if number.is_some() && known.is_none() {
        inner.wrong("id", Problem::UnknownReference);
    }
    fields.violations.append(&mut inner.violations);
    known
}

/// A list of objects. One object counts as a list of one.
fn items(
    fields: &mut Fields<'_>,
    name: &'static str,
    table: &Items,
    required: bool,
) -> Option<Vec<Value>> {
    let items = fields.list(name, required, Value::is_object)?;
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
        let path = fields.path(&format!("{name}.{index}"));
        match read_item(item, &path, fields.nulls, table) {
            Ok(item) => good.push((path, item)),
            Err(mut violations) => fields.violations.append(&mut violations),
        }
    }
    // No two items are equal or have the same id.
    let (mut ids, mut seen) = (HashSet::new(), HashSet::new());
    for (path, item) in &good {
        let id_is_new = item.get(table.id).is_none_or(|id| ids.insert(id));
        if !(seen.insert(item) && id_is_new) {
            fields
                .violations
                .push(Violation::new(path, Problem::Duplicate));
        }
    }
    Some(good.into_iter().map(|(_, item)| item.into()).collect())
}

fn read_item(
    item: &Value,
    path: &str,
    nulls: Nulls,
    table: &Items,
) -> Result<Record<'static>, Vec<Violation>> {
    let bare;
    let object = match (item, table.bare) {
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
    let given = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    let mut fields = table.fields.iter().filter(|field| field.is_content());
    let only_id = fields.all(|field| given(field.name) == (field.name == table.id));
    let mode = if table.by_reference && only_id {
        Mode::Patch
    } else {
        Mode::Whole
    };
    let mut inner = Fields::new(object, format!("{path}."), nulls);
    let mut item = read(&mut inner, table.fields, mode);
    item.retain(|_, value| !value.is_null());
    if inner.violations.is_empty() {
        Ok(item)
    } else {
        Err(inner.violations)
    }
}
