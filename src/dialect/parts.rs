//! Objects in answers, member by member: each with its JSON Schema and what it shows.
//!
//! ```
//! use contactd::dialect::describe::{any_text, count};
//! use contactd::dialect::parts::{always, schema, show, sometimes};
//! use serde_json::json;
//!
//! let parts = [
//!     always("text", any_text, |text: &String| text.as_str().into()),
//!     sometimes("size", count, |text| Some(text.len()).filter(|size| *size > 0).into()),
//! ];
//! assert_eq!(show(&parts, &"ab".to_owned()), json!({"text": "ab", "size": 2}));
//! assert_eq!(show(&parts, &String::new()), json!({"text": ""}));
//! assert_eq!(schema(&parts)["required"], json!(["text"]));
//! ```

use serde_json::Value;

use super::describe::object;

/// A member of an object that shows a `T`.
#[derive(Debug)]
#[must_use]
pub struct Part<T> {
    name: &'static str,
    always: bool,
    schema: fn() -> Value,
    value: fn(&T) -> Value,
}

/// A member that is always there.
pub const fn always<T>(
    name: &'static str,
    schema: fn() -> Value,
    value: fn(&T) -> Value,
) -> Part<T> {
    Part {
        name,
        always: true,
        schema,
        value,
    }
}

/// A member that is left out where its value is null.
pub const fn sometimes<T>(
    name: &'static str,
    schema: fn() -> Value,
    value: fn(&T) -> Value,
) -> Part<T> {
    Part {
        always: false,
        ..always(name, schema, value)
    }
}

/// The object that shows this.
#[must_use]
pub fn show<T>(parts: &[Part<T>], of: &T) -> Value {
    let shown = parts.iter().map(|part| (part, (part.value)(of)));
    let there = shown.filter(|(part, value)| part.always || !value.is_null());
    there.map(|(part, value)| (part.name, value)).collect()
}

/// The members of the object, for its JSON Schema.
pub fn members<T>(parts: &[Part<T>]) -> impl Iterator<Item = (&'static str, bool, Value)> {
    parts
        .iter()
        .map(|part| (part.name, part.always, (part.schema)()))
}

/// The JSON Schema of the object.
#[must_use]
pub fn schema<T>(parts: &[Part<T>]) -> Value {
    object(members(parts))
}
