//! Walks an object along the table of its type and notes what is wrong with it.
//!
//! Unknown properties are kept and not looked into (RFC 9553, section 1.7.4);
//! one that differs from a known one only in case is refused, and so is the
//! reserved name `extra` (sections 1.7.1 and 1.7.3).

use serde_json::Value;

use super::constraints;
use super::forms;
use super::schema::{Property, Shape, Type};
use super::walker::{Object, Walker};
use crate::domain::{Expected, Problem};

impl Walker {
    /// Judges an object of a type.
    pub fn object(&mut self, object: &Object, kind: &'static Type) {
        match object.get("@type") {
            None => {}
            Some(Value::String(name)) if name == kind.name => {}
            Some(Value::String(_)) => self.wrong_at("@type", Problem::OutOfRange),
            Some(_) => self.wrong_at("@type", Problem::WrongType(Expected::String)),
        }
        // There are more properties than most objects have members.
        let mut given: Vec<(usize, &Value)> = object
            .iter()
            .filter_map(|(key, value)| Some((place_of(key, kind)?, value)))
            .collect();
        given.sort_unstable_by_key(|(place, _)| *place);
        let mut given = given.into_iter().peekable();
        for (place, property) in kind.properties().enumerate() {
            match given.next_if(|(at, _)| *at == place) {
                Some((_, value)) => self.at(property.name, |walker| walker.value(value, property)),
                None if property.mandatory => {
                    let required = Problem::Required(expected(&property.shape));
                    self.wrong_at(property.name, required);
                }
                None => {}
            }
        }
        for key in object.keys() {
            if let Some(name) = misspelt(key, kind) {
                self.wrong_at(name, Problem::NotAllowed);
            }
        }
        for rule in kind.rules {
            constraints::check(*rule, object, self);
        }
    }

    fn value(&mut self, value: &Value, property: &'static Property) {
        match (&property.shape, value) {
            (Shape::Text(form), Value::String(text)) => {
                if let Some(problem) = forms::problem(text, *form) {
                    self.wrong(problem);
                }
            }
            (Shape::Number(min, max), Value::Number(number)) => {
                if !number.as_u64().is_some_and(|n| (*min..=*max).contains(&n)) {
                    self.wrong(Problem::Range(*min, *max));
                }
            }
            (Shape::Flag, Value::Bool(_)) => {}
            (Shape::Set(known), Value::Object(set)) => self.keyed(set, known, not_true),
            (Shape::Texts(known), Value::Object(texts)) => self.keyed(texts, known, no_text),
            (Shape::Object(kinds), Value::Object(object)) => self.one_of(object, kinds),
            (Shape::Ids(kind), Value::Object(map)) => self.map(map, kind, true),
            (Shape::Keys(kind), Value::Object(map)) => self.map(map, kind, false),
            (Shape::List(kind), Value::Array(items)) => self.list(items, kind),
            // Judged last and whole, against the rest of the Card.
            (Shape::Localizations, Value::Object(_)) => {}
            (shape, _) => self.wrong(Problem::WrongType(expected(shape))),
        }
    }

    /// Judges a map by its keys, which are of an open list, and by its values.
    fn keyed(&mut self, map: &Object, known: &[&str], wrong: fn(&Value) -> Option<Problem>) {
        for (key, value) in map {
            self.at_key(key, |walker| {
                if !forms::is_open_value(key, known) {
                    walker.wrong(Problem::OutOfRange);
                }
                wrong(value).into_iter().for_each(|it| walker.wrong(it));
            });
        }
    }

    fn one_of(&mut self, object: &Object, kinds: &'static [&'static Type]) {
        let named = kinds
            .iter()
            .find(|kind| object.get("@type").is_some_and(|name| name == kind.name));
        if let Some(kind) = named.or(kinds.first()) {
            self.object(object, kind);
        }
    }

    fn map(&mut self, map: &Object, kind: &'static Type, ids: bool) {
        for (key, value) in map {
            self.at_key(key, |walker| {
                if ids && !forms::is_id(key) {
                    walker.wrong(Problem::Format("id"));
                }
                walker.item(value, kind);
            });
        }
    }

    fn list(&mut self, items: &[Value], kind: &'static Type) {
        for (index, item) in items.iter().enumerate() {
            self.at(&index.to_string(), |walker| walker.item(item, kind));
        }
    }

    fn item(&mut self, item: &Value, kind: &'static Type) {
        match item {
            Value::Object(object) => self.object(object, kind),
            _ => self.wrong(Problem::WrongType(Expected::Object)),
        }
    }
}

const fn not_true(value: &Value) -> Option<Problem> {
    match value {
        Value::Bool(true) => None,
        Value::Bool(false) => Some(Problem::OutOfRange),
        _ => Some(Problem::WrongType(Expected::Boolean)),
    }
}

fn no_text(value: &Value) -> Option<Problem> {
    (!value.is_string()).then_some(Problem::WrongType(Expected::String))
}

/// The place of a property among those of a type.
fn place_of(name: &str, kind: &'static Type) -> Option<usize> {
    kind.properties().position(|known| known.name == name)
}

/// The name that a key is another case of, or the reserved one that it is.
fn misspelt(key: &str, kind: &'static Type) -> Option<&'static str> {
    let near = |name: &str| name != key && name.eq_ignore_ascii_case(key);
    if key == "extra" {
        return Some("extra");
    }
    if near("@type") {
        return Some("@type");
    }
    let known = kind.properties().find(|known| near(known.name))?;
    Some(known.name)
}

const fn expected(shape: &Shape) -> Expected {
    match shape {
        Shape::Text(_) => Expected::String,
        Shape::Number(..) => Expected::Number,
        Shape::Flag => Expected::Boolean,
        Shape::List(_) => Expected::Array,
        Shape::Set(_)
        | Shape::Texts(_)
        | Shape::Object(_)
        | Shape::Ids(_)
        | Shape::Keys(_)
        | Shape::Localizations => Expected::Object,
    }
}
