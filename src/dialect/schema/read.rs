//! Reads the fields of a JSON object by their table and notes what is wrong with them.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::field::{BODY, Codes, Field, IdForm, Items, Kind, Mode, Required, Shown};
use super::record::Record;
use crate::dialect::fields::{Fields, Nulls};
use crate::dialect::json;
use crate::domain::{Expected, Problem, Violation, limits};

/// Reads the fields of an object; what is wrong with them is noted in its reader.
///
/// Null is the value of a field that is to have none: no field can hold null itself.
pub fn read<'a>(fields: &mut Fields<'a>, table: &[Field], mode: Mode) -> Record<'a> {
    let sent = table.iter().filter(|field| field.is_sent());
    let values = sent.filter_map(|field| Some((field.name, value(fields, field, mode)?)));
    values.collect()
}

/// The value of one field: nothing where it was not sent or is wrong. What is kept as it was sent is
/// lent by the request.
fn value<'a>(fields: &mut Fields<'a>, field: &Field, mode: Mode) -> Option<Cow<'a, Value>> {
    let name = name_in(fields, field);
    let mut required = field.is_required(mode);
    if (fields.nulls == Nulls::Clears || field.null_clears) && fields.is_null(name) {
        if field.required == Required::Never {
            fields.note_sent(name);
            return Some(Cow::Owned(Value::Null));
        }
        // What a contact can't be without can't be taken away either.
        required = true;
    }
    let value = match field.kind {
        Kind::Text(rule) | Kind::Id(&IdForm { rule, .. }) => {
            Cow::Borrowed(fields.text_value(name, rule, required)?)
        }
        Kind::Flag => Cow::Borrowed(fields.of_kind(name, Expected::Boolean, required)?),
        Kind::Object => Cow::Borrowed(fields.of_kind(name, Expected::Object, required)?),
        Kind::Code(codes) => Cow::Owned(code(fields, name, codes, required)?.into()),
        Kind::Texts {
            rule, max, or_one, ..
        } => {
            let instead: fn(&Value) -> bool = if or_one { Value::is_string } else { |_| false };
            let items = fields.list(name, required, instead)?;
            Cow::Owned(fields.texts(name, items, rule, max)?.into())
        }
        Kind::Objects => Cow::Owned(objects(fields, name, required)?),
        Kind::Items(table) => Cow::Owned(items(fields, name, table, required)?.into()),
        Kind::ReadOnly => return None,
    };
    let none = || Cow::Owned(Value::Null);
    Some(field.kind.stored(value).unwrap_or_else(none))
}

/// A list of objects, some of which may be texts of JSON.
fn objects(fields: &mut Fields<'_>, name: &'static str, required: bool) -> Option<Value> {
    let items = fields.list(name, required, |_| false)?;
    let wrong = items
        .iter()
        .enumerate()
        .filter(|(_, item)| parsed(item).is_none());
    for (index, item) in wrong {
        fields.wrong_item(name, index, Problem::WrongType(Expected::Object), item);
    }
    Some(items.iter().filter_map(parsed).collect())
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
    for (path, item) in good.iter().filter(|_| good.len() > 1) {
        let id_is_new = item.get(table.id).is_none_or(|id| ids.insert(id));
        if !(seen.insert(item) && id_is_new) {
            fields
                .violations
                .push(Violation::new(path, Problem::Duplicate));
        }
    }
    Some(good.into_iter().map(|(_, item)| item).collect())
}

fn read_item(
    item: &Value,
    path: &str,
    nulls: Nulls,
    table: &Items,
) -> Result<Value, Vec<Violation>> {
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
    let given = |name: &str| json::member(object, name).is_some_and(|value| !value.is_null());
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
        Ok(item.into())
    } else {
        Err(inner.violations)
    }
}
